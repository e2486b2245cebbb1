//! What a marketer writes, as a value that is valid by construction.
//!
//! `file` mirrors the tables, `table` reads them, `accept` says what they become and what must hold
//! between them. `field` is what a form asks and `answer` what it takes, `condition` is a `when`, `abuse`
//! says what signs of abuse weigh, `mail` is what asks for a confirmation, `page` how the hosted form looks,
//! `magnet` what the person gets, `attribution` what may come undeclared, `outward` says where events may go,
//! `secrets` which secrets may, `strict` what is refused at publishing alone, `publish` what is written to
//! KV, `change` what a publication changes. A [`Campaign`] in hand has passed all of it.

mod abuse;
mod accept;
mod answer;
mod attribution;
pub mod change;
mod condition;
mod double_opt_in;
mod egress;
mod field;
mod magnet;
mod page;
pub mod publish;
mod publish_checks;
mod schema;
mod secrets;
mod table;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::abuse::{Abuse, FORM_TOKEN, Limits, Sign, Signal, TURNSTILE_TOKEN, Turnstile, is_dummy};
pub use self::answer::{Answer, Locale, Raw, Refusal, yes_or_no};
pub use self::attribution::{attribution_value, is_attribution};
pub use self::condition::{Condition, Facts};
pub use self::double_opt_in::{AUTHORIZATION, Channel, DoubleOptIn, EmailApi};
pub use self::field::{Field, Kind};
pub use self::magnet::{Magnet, Source};
pub use self::page::{Colour, Logo, Page};
pub use self::schema::{ControllerTable as Controller, IdentifierKind, OnRepeat, UnknownFields, UseOfKv};
pub use self::secrets::{SecretHosts, SecretRefusal, SecretUses, Secrets};
pub use self::table::Problem;
use crate::base::crypto::sha256_hex;
use crate::base::i18n::Language;
use crate::base::unicode::lowercase;
use crate::base::url::WebAddress;

/// The format of a campaign in KV. A reader leaves newer formats untouched.
pub const CAMPAIGN_FORMAT: u32 = 1;
/// The built-in list: who is on it is suppressed by every campaign of the ledger.
pub const SUPPRESSED: &str = "suppressed";

/// Whether a campaign, a ledger, a purpose or a destination can have this id.
pub fn is_id(text: &str) -> bool {
    schema::is_slug(text).is_ok()
}

/// A campaign that is valid.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Stands in the endpoint: `/c/{id}`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Campaigns of one ledger recognise each other's people.
    pub ledger: String,
    /// Pages whose scripts may read the answer (CORS).
    pub origins: Vec<String>,
    /// Where a browser goes after its form was accepted, as it was read.
    pub thanks_url: Option<String>,
    /// BCP 47; the language of the wordings.
    pub language: String,
    /// Of the dates that are shown, by the IANA database.
    pub time_zone: String,
    /// What answers are read by.
    pub locale: Locale,
    /// What visitors read beside the wordings: the same language, where it is stated and there are texts
    /// in it.
    pub ui_language: Option<Language>,
    /// How the hosted form looks.
    pub page: Page,
    /// What the person gets in exchange.
    pub magnet: Option<Magnet>,
    /// For how many days the form script keeps in a cookie where a visitor came from; without one for the
    /// visit alone.
    pub remember_days: Option<u32>,
    /// What happens to undeclared fields.
    pub unknown_fields: UnknownFields,
    /// What the time of an accepted answer is rounded up to a multiple of.
    pub even_answers_ms: Option<u32>,
    /// Who is responsible for the data, as it was written: the notice's digest is of that.
    pub controller: Controller,
    /// The link to the controller's privacy notice, as it was read.
    pub privacy_notice: String,
    /// In the file's order.
    pub fields: Vec<Field>,
    /// In the file's order.
    pub purposes: Vec<Purpose>,
    /// How people are recognised.
    pub dedupe: Dedupe,
    /// Single opt-in where absent.
    pub double_opt_in: Option<DoubleOptIn>,
    /// How long things are kept.
    pub retention: Retention,
    /// In the file's order, without [`SUPPRESSED`].
    pub lists: Vec<List>,
    /// What signs of abuse weigh, and from where on a submission is put aside.
    pub abuse: Abuse,
    /// How many posts a minute are taken.
    pub limits: Limits,
    /// Not asked where absent.
    pub turnstile: Option<Turnstile>,
    /// In the file's order.
    pub rules: Vec<Rule>,
    /// Thresholds of the score.
    pub thresholds: Thresholds,
    /// In the file's order.
    pub destinations: Vec<Destination>,
    /// What the notice was when the campaign was published.
    pub notice: Wording,
    /// The whole file as JSON with sorted keys.
    pub canonical: String,
    /// SHA-256 of `canonical`, the first 16 digits.
    pub revision: String,
}

/// A text that was shown, by version and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// What was shown.
    pub text: String,
    /// What the marketer calls it, where stated.
    pub version: Option<String>,
    /// SHA-256 of `text`, hexadecimal.
    pub sha256: String,
}

impl Wording {
    fn new(text: String, version: Option<String>) -> Self {
        let sha256 = sha256_hex(&text);
        Self { text, version, sha256 }
    }
}

/// What a visitor may consent to.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// Its checkbox is `consent.{id}`.
    pub id: String,
    /// What stands beside the checkbox.
    pub wording: Wording,
    /// The wording's version.
    pub version: String,
    /// Without it a submission is rejected.
    pub required: bool,
    /// How the person will be contacted: a consent by e-mail says nothing about phone.
    pub channel: String,
    /// The kind of processing.
    pub category: String,
    /// How long the receiver keeps the consent; not stated where absent. Not longer than the ledger's
    /// own record, [`Retention::consents_ms`].
    pub retention_days: Option<u32>,
}

/// How people are recognised.
#[derive(Clone, Debug)]
pub struct Dedupe {
    /// How long a person is known after the last accepted submission.
    pub window_ms: i64,
    /// What a person is recognised by.
    pub by: Vec<IdentifierKind>,
    /// What destinations hear of someone who posts again.
    pub on_repeat: OnRepeat,
    /// When KV is asked for exact repeats.
    pub kv: UseOfKv,
    /// Whether dots and tags of Gmail addresses count.
    pub fold_gmail: bool,
}

/// How long things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long a lead below its threshold waits.
    pub held_ms: i64,
    /// How long the record of a person's consents is kept after the last one.
    pub consents_ms: i64,
    /// How long what was quarantined can be looked at.
    pub quarantine_ms: i64,
}

/// People whom the operator knows.
#[derive(Clone, Debug)]
pub struct List {
    /// Its people are imported under it.
    pub name: String,
    /// What becomes of a lead of theirs.
    pub then: ListEffect,
}

/// What becomes of a lead whose person is on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEffect {
    /// Nobody gets it.
    Suppress,
    /// It goes to those who look after customers.
    ExistingCustomer {
        /// Names of destinations that are webhooks: at least one. They get no other leads.
        send_to: Vec<String>,
    },
}

/// A rule of the score.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, for people.
    pub name: String,
    /// All of them must hold.
    pub when: Vec<Condition>,
    /// What it adds; may be negative.
    pub points: i64,
}

/// Thresholds of the score.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Thresholds {
    pub warm: i64,
    pub hot: i64,
    pub mql: i64,
    pub sql: i64,
    /// A lead below this is held; where absent, every lead goes.
    pub forward_at: Option<i64>,
}

/// Where leads go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Deliveries are stored under it.
    pub name: String,
    /// As it was read. Looked up when a delivery is sent, and judged: [`Destination::refusals`].
    pub url: String,
    /// As it was written.
    written: String,
    /// The same, taken apart. None where it is no address.
    address: Option<WebAddress>,
    /// The name of the Worker secret that signs, or that an e-mail provider asks for.
    pub secret: String,
    /// SecretRefusal from visitors who send `Sec-GPC: 1`.
    pub third_party: bool,
    /// How it is spoken to.
    pub channel: Channel,
    /// Purposes without which nothing goes here.
    pub needs: Vec<String>,
    /// All of them must hold.
    pub when: Vec<Condition>,
    /// A lead below this does not go here.
    pub forward_at: Option<i64>,
}

impl Destination {
    /// The origin that requests go to.
    pub fn origin(&self) -> &str {
        self.address.as_ref().map_or_else(|| self.receiver(), WebAddress::origin)
    }
}

/// A campaign as it lies in KV.
#[derive(Deserialize, Serialize)]
struct Stored {
    format: u32,
    campaign: Value,
}

/// Why a campaign that lies in KV is not served.
#[derive(Debug)]
pub enum Unservable {
    /// A newer version of the code published it.
    Newer,
    /// It is not a valid campaign.
    Invalid(Vec<Problem>),
}

impl Campaign {
    /// Reads a campaign as it lies in KV, checking it again.
    ///
    /// # Errors
    /// [`Unservable`] where it is newer than this code or not valid.
    pub fn from_stored(text: &str) -> Result<Self, Unservable> {
        let invalid = |reason: String| Unservable::Invalid(vec![Problem::new("campaign", reason)]);
        let stored: Stored = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if stored.format > CAMPAIGN_FORMAT {
            return Err(Unservable::Newer);
        }
        Self::read(&stored.campaign, false).map_err(Unservable::Invalid)
    }

    /// The text that lies in KV.
    pub fn to_stored(&self) -> String {
        format!("{{\"format\":{CAMPAIGN_FORMAT},\"campaign\":{}}}", self.canonical)
    }

    /// Addresses that only development may use: http to a loopback address.
    pub fn development_only(&self) -> Vec<Problem> {
        let destinations = self.destinations.iter().enumerate();
        let mut addresses: Vec<(String, &str)> =
            destinations.map(|(at, d)| (format!("destination[{at}].url"), d.url.as_str())).collect();
        addresses.extend(self.thanks_url.iter().map(|url| ("thanks_url".to_owned(), url.as_str())));
        addresses
            .into_iter()
            .filter(|(_, url)| WebAddress::parse(url).is_some_and(|url| url.is_loopback_http()))
            .map(|(path, _)| Problem::new(path, "http to a loopback address is for development only"))
            .chain(self.dummy_site_key())
            .chain(self.page.development_only())
            .chain(self.magnet.as_ref().and_then(Magnet::development_only))
            .collect()
    }

    /// Destinations that nothing may be sent to where Leadhook answers at `own`.
    pub fn refused_destinations(&self, own: Option<&str>, development: bool) -> Vec<Problem> {
        let own = own.and_then(WebAddress::parse);
        let mut problems = Vec::new();
        for (at, destination) in self.destinations.iter().enumerate() {
            let path = format!("destination[{at}]");
            destination.report_refusals(&path, own.as_ref(), development, &mut problems);
        }
        problems
    }

    /// The destination of that name.
    pub fn destination(&self, name: &str) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.name == name)
    }

    /// Whether leads of people who stand on these lists of existing customers may go there: to those
    /// who look after them, and of somebody who stands on none to all others. An e-mail provider
    /// gets none.
    pub fn routes_to(&self, destination: &Destination, lists: &[String]) -> bool {
        let mut is_for = self.lists.iter().filter_map(|list| match &list.then {
            ListEffect::ExistingCustomer { send_to } if send_to.contains(&destination.name) => {
                Some(&list.name)
            }
            ListEffect::Suppress | ListEffect::ExistingCustomer { .. } => None,
        });
        let routed =
            if lists.is_empty() { is_for.next().is_none() } else { is_for.any(|name| lists.contains(name)) };
        routed && matches!(destination.channel, Channel::Webhook)
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether no field ahead of this one is of its kind: what a visitor answers there is their own.
    pub fn is_first(&self, field: &Field) -> bool {
        let is_alike =
            |other: &&Field| std::mem::discriminant(&other.kind) == std::mem::discriminant(&field.kind);
        self.fields.iter().find(is_alike).is_some_and(|first| first.name == field.name)
    }

    /// Whether a text in lower case is a word of the campaign's own: a choice, or what a rule compares with.
    pub fn has_word(&self, text: &str) -> bool {
        let of_rules = self.rules.iter().flat_map(|rule| &rule.when);
        let of_destinations = self.destinations.iter().flat_map(|destination| &destination.when);
        let is_choice = |field: &Field| match &field.kind {
            Kind::Choice { choices, .. } => choices.iter().any(|choice| lowercase(choice) == text),
            _ => false,
        };
        of_rules.chain(of_destinations).any(|condition| condition.names(text))
            || self.fields.iter().any(is_choice)
    }

    /// The first field of kind e-mail or phone: what is asked for where a post has no contact.
    pub fn first_contact_field(&self) -> Option<&Field> {
        self.fields.iter().find(|field| matches!(field.kind, Kind::Email | Kind::Phone))
    }
}
