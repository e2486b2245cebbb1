//! Campaigns: the TOML file that a marketer writes, as a value that is valid by construction.
//!
//! A file passes `schema` (its tables, decoded by `table`, whose values `checks` and the file of each table check),
//! `accept` (what must hold between tables) and `publish_checks` (what is refused when it is published), and becomes a
//! [`Campaign`]. Each table has a file of its own: `field`, `purpose`, `abuse`, …. `answer` parses the answers of
//! visitors, `condition` evaluates a `when`. `publish` says what is written to KV, `stored` in what format, `change`
//! what a publication changes; `egress` and `secrets` guard where the Worker sends.

mod abuse;
mod accept;
mod answer;
mod attribution;
#[allow(clippy::module_inception, reason = "a file has the name of the type that it owns")]
mod campaign;
pub mod change;
mod checks;
mod condition;
mod confirmation;
mod controller;
mod dedupe;
mod destination;
mod double_opt_in;
mod egress;
mod email_api;
mod field;
mod limits;
mod list;
mod magnet;
mod page;
mod problem_code;
pub mod publish;
mod publish_checks;
mod purpose;
mod retention;
mod schema;
mod score;
mod secrets;
mod stored;
mod table;
mod turnstile;
mod when;

pub use self::abuse::{Abuse, Signal, WeighedSignal};
pub use self::answer::{Answer, Locale, Raw, Refusal, yes_or_no};
pub use self::attribution::{attribution_value, is_attribution};
pub use self::campaign::Campaign;
pub use self::condition::{Condition, Facts};
pub use self::controller::Controller;
pub use self::dedupe::{Dedupe, IdentifierKind, OnRepeat, UseOfKv};
pub use self::destination::{Channel, Destination};
pub use self::double_opt_in::DoubleOptIn;
pub use self::email_api::{AUTHORIZATION, EmailApi};
pub use self::field::{FORM_TOKEN, Field, Kind};
pub use self::limits::Limits;
pub use self::list::{List, ListEffect, SUPPRESSED};
pub use self::magnet::{Magnet, Source};
pub use self::page::{Colour, Logo, Page};
pub use self::problem_code::ProblemCode;
pub use self::purpose::{Purpose, Wording};
pub use self::retention::Retention;
pub use self::schema::UnknownFields;
pub use self::score::{Rule, Thresholds};
pub use self::secrets::{SecretHosts, SecretRefusal, SecretUses, Secrets};
pub use self::stored::{CAMPAIGN_FORMAT, Unservable};
pub use self::table::Problem;
pub use self::turnstile::{TURNSTILE_TOKEN, Turnstile, is_dummy};

/// Returns whether a campaign, a ledger, a purpose or a destination can have this id.
pub fn is_id(text: &str) -> bool {
    checks::is_slug(text).is_ok()
}
