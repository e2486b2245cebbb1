//! What a marketer writes, as a value that is valid by construction.
//!
//! `file` mirrors the tables and `table` reads them, [`Campaign::accept`] checks what spans tables,
//! `condition` is a `when`, `abuse` says what signs of abuse weigh, `mail` is what asks for a
//! confirmation, `template` fills its texts in, `publish` says what is written to KV. A [`Campaign`] in
//! hand has passed all of it.

mod abuse;
mod condition;
mod file;
mod mail;
pub mod publish;
mod table;
pub mod template;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::abuse::{Abuse, FORM_TOKEN, Limits, Sign, Signal, TURNSTILE_TOKEN, Turnstile, is_dummy};
pub use self::condition::{Condition, Facts, plain};
pub use self::file::{About, ControllerTable as Controller, IdentifierKind, OnRepeat, UnknownFields};
use self::file::{CampaignFile, DestinationTable, FieldKind, FieldTable, ListTable, Then};
pub use self::mail::{AUTHORIZATION, Channel, DoubleOptIn, EmailApi};
pub use self::table::Problem;
use self::table::told;
use crate::country::Country;
use crate::hash::sha256_hex;
use crate::moment::DAY_MS;
use crate::text::WebAddress;

/// The format of a campaign in KV. A reader leaves newer formats untouched.
pub const CAMPAIGN_FORMAT: u32 = 1;
/// Characters of a text unless the field says otherwise: a paragraph, not a document.
pub const DEFAULT_MAX_LENGTH: usize = 2_000;
/// Characters of an address: what browsers and proxies agree on.
const DEFAULT_MAX_URL: usize = 2_048;
/// Files above this are no campaign: a KV value and a message to the ledger carry it whole.
const MAX_CAMPAIGN_BYTES: usize = 128 * 1024;
/// The built-in list: who is on it is suppressed by every campaign of the ledger.
pub const SUPPRESSED: &str = "suppressed";
/// Three years: the usual limitation period of claims about a consent.
const DEFAULT_CONSENTS_DAYS: u32 = 1_095;
/// A month: time to look through what was put aside, and no archive of it.
const DEFAULT_QUARANTINE_DAYS: u32 = 30;
/// Attribution that a submission may carry undeclared, beside every `utm_…`.
const ATTRIBUTION: [&str; 4] = ["gclid", "fbclid", "page_url", "referrer"];

/// Whether a campaign, a ledger, a purpose or a destination can have this id.
pub fn is_id(text: &str) -> bool {
    file::is_slug(text).is_ok()
}

/// Whether a field's name is attribution, which needs no declaration.
pub fn is_attribution(name: &str) -> bool {
    name.starts_with("utm_") || ATTRIBUTION.contains(&name)
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
    /// Where a browser goes after its form was accepted.
    pub thanks_url: Option<String>,
    /// How a national phone number is read.
    pub default_country: Option<Country>,
    /// BCP 47; the language of the wordings.
    pub language: String,
    /// What happens to undeclared fields.
    pub unknown_fields: UnknownFields,
    /// Who is responsible for the data.
    pub controller: Controller,
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

/// One field of the form.
#[derive(Clone, Debug)]
pub struct Field {
    /// The form's name for it.
    pub name: String,
    /// For people; the name where absent.
    pub label: Option<String>,
    /// Whether a submission must have it.
    pub required: bool,
    /// What it takes.
    pub kind: Kind,
}

/// What a field takes, with its bounds. Lengths count characters.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Kind {
    Email,
    Phone,
    Text { min: usize, max: usize },
    Choice { choices: Vec<String> },
    Number { min: Option<f64>, max: Option<f64> },
    Boolean,
    Country,
    Url { max: usize },
}

impl Kind {
    /// The word of the campaign file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Text { .. } => "text",
            Self::Choice { .. } => "choice",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Country => "country",
            Self::Url { .. } => "url",
        }
    }
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
    /// Whether KV answers exact repeats.
    pub remember_in_kv: bool,
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
    pub then: Listed,
}

/// What becomes of a lead whose person is on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
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
    /// Read when a delivery is sent.
    pub url: String,
    /// The name of the Worker secret that signs, or that an e-mail provider asks for.
    pub secret: String,
    /// Withheld from visitors who send `Sec-GPC: 1`.
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
    /// Checks a whole file.
    ///
    /// # Errors
    /// Every problem of the file, at once.
    pub fn accept(file: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let canonical = file.to_string();
        if canonical.len() > MAX_CAMPAIGN_BYTES {
            return Err(vec![Problem::new("campaign", "is larger than 128 KiB")]);
        }
        let CampaignFile {
            head,
            controller,
            field,
            purpose,
            dedupe,
            double_opt_in,
            retention,
            list,
            abuse,
            limits,
            turnstile,
            score,
            qualify,
            destination,
        } = file::read(file.clone(), &mut problems);

        let declared = field.len();
        let fields: Vec<Field> = field
            .into_iter()
            .enumerate()
            .filter_map(|(at, table)| accept_field(&format!("field[{at}]"), table, &mut problems))
            .collect();
        unique("field", fields.iter().map(|field| field.name.as_str()), "name", &mut problems);
        let kinds_known = fields.len() == declared;
        if kinds_known && !fields.iter().any(|field| matches!(field.kind, Kind::Email | Kind::Phone)) {
            let reason = "one must be of kind email or phone: without contact data there is no lead";
            problems.push(Problem::new("field", reason));
        }

        let purposes: Vec<Purpose> = purpose
            .into_iter()
            .map(|table| Purpose {
                wording: Wording::new(table.text, Some(table.version.clone())),
                id: table.id,
                version: table.version,
                required: table.required,
                channel: table.channel.unwrap_or_else(|| "email".to_owned()),
                category: table.category.unwrap_or_else(|| "marketing".to_owned()),
                retention_days: table.retention_days,
            })
            .collect();
        unique("purpose", purposes.iter().map(|purpose| purpose.id.as_str()), "id", &mut problems);

        let days = |days: u32| i64::from(days) * DAY_MS;
        let longest = purposes.iter().filter_map(|purpose| purpose.retention_days).max().unwrap_or(0);
        let consents_days = retention.consents_days.unwrap_or(DEFAULT_CONSENTS_DAYS.max(longest));
        if !told(&problems, "retention.consents_days") {
            for (at, purpose) in purposes.iter().enumerate() {
                let path = format!("purpose[{at}].retention_days");
                if purpose.retention_days.is_some_and(|kept| kept > consents_days) && !told(&problems, &path)
                {
                    let reason = format!("must not be above consents_days of [retention], {consents_days}");
                    problems.push(Problem::new(path, reason));
                }
            }
        }
        let retention = Retention {
            held_ms: days(retention.held_days.unwrap_or(dedupe.window_days)),
            consents_ms: days(consents_days),
            quarantine_ms: days(retention.quarantine_days.unwrap_or(DEFAULT_QUARANTINE_DAYS)),
        };

        let abuse = Abuse::accept(abuse, &fields, &mut problems);
        let turnstile = turnstile.map(|table| Turnstile::accept(table, &head.origins));

        let rules = score
            .into_iter()
            .enumerate()
            .map(|(at, table)| {
                let path = format!("score[{at}]");
                if table.when.is_none() {
                    problems.push(Problem::new(format!("{path}.when"), "is required"));
                }
                let when = Condition::accept_all(table.when, &path, &fields, &mut problems);
                Rule { name: table.rule, when, points: table.points }
            })
            .collect();

        let destinations: Vec<Destination> = destination
            .into_iter()
            .enumerate()
            .map(|(at, table)| {
                accept_destination(&format!("destination[{at}]"), table, &fields, &purposes, &mut problems)
            })
            .collect();
        unique("destination", destinations.iter().map(|d| d.name.as_str()), "name", &mut problems);

        let lists: Vec<List> = list
            .into_iter()
            .enumerate()
            .map(|(at, table)| accept_list(&format!("list[{at}]"), table, &destinations, &mut problems))
            .collect();
        unique("list", lists.iter().map(|list| list.name.as_str()), "name", &mut problems);

        let double_opt_in = double_opt_in
            .map(|table| DoubleOptIn::accept(table, &controller.name, &head.title, &mut problems));
        let asked = double_opt_in.as_ref().map(|double| double.destination.as_str());
        if !told(&problems, "double_opt_in.destination") {
            for (at, destination) in destinations.iter().enumerate() {
                let is_email = matches!(destination.channel, Channel::Email(_));
                if is_email && asked != Some(destination.name.as_str()) {
                    let reason = "nothing uses it: kind email is for the destination of [double_opt_in]";
                    problems.push(Problem::new(format!("destination[{at}]"), reason));
                }
            }
            if asked.is_some_and(|name| destinations.iter().all(|destination| destination.name != name)) {
                let reason = "is not the name of a destination";
                problems.push(Problem::new("double_opt_in.destination", reason));
            }
        }
        if double_opt_in.is_some() {
            if kinds_known && !fields.iter().any(|field| field.required && field.kind == Kind::Email) {
                let reason = "needs a required field of kind email: the mail goes there";
                problems.push(Problem::new("double_opt_in", reason));
            }
            if purposes.is_empty() {
                let reason = "needs at least one purpose: without any there is nothing to confirm";
                problems.push(Problem::new("double_opt_in", reason));
            }
        }

        let own_stages = qualify.mql.is_some() || qualify.sql.is_some();
        let (warm, hot) = (qualify.warm.unwrap_or(20), qualify.hot.unwrap_or(60));
        let thresholds = Thresholds {
            warm,
            hot,
            mql: qualify.mql.unwrap_or(warm),
            sql: qualify.sql.unwrap_or(hot),
            forward_at: qualify.forward_at,
        };
        if thresholds.warm > thresholds.hot {
            problems.push(Problem::new("qualify.warm", "must not be above hot"));
        }
        if own_stages && thresholds.mql > thresholds.sql {
            problems.push(Problem::new("qualify.mql", "must not be above sql"));
        }

        if !problems.is_empty() {
            return Err(problems);
        }
        let revision = sha256_hex(&canonical).chars().take(16).collect();
        Ok(Self {
            ledger: head.ledger.unwrap_or_else(|| head.id.clone()),
            id: head.id,
            title: head.title,
            origins: head.origins,
            thanks_url: head.thanks_url,
            default_country: head.default_country.as_deref().and_then(Country::parse),
            language: head.language.unwrap_or_else(|| "en".to_owned()),
            unknown_fields: head.unknown_fields,
            notice: Wording::new(json!(controller).to_string(), controller.privacy_notice_version.clone()),
            controller,
            fields,
            purposes,
            dedupe: Dedupe {
                window_ms: days(dedupe.window_days),
                by: dedupe.by,
                on_repeat: dedupe.on_repeat,
                remember_in_kv: dedupe.remember_in_kv,
                fold_gmail: dedupe.fold_gmail,
            },
            double_opt_in,
            retention,
            lists,
            abuse,
            limits: Limits::accept(&limits),
            turnstile,
            rules,
            thresholds,
            destinations,
            canonical,
            revision,
        })
    }

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
        Self::accept(&stored.campaign).map_err(Unservable::Invalid)
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
            .collect()
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
            Listed::ExistingCustomer { send_to } if send_to.contains(&destination.name) => Some(&list.name),
            Listed::Suppress | Listed::ExistingCustomer { .. } => None,
        });
        let routed =
            if lists.is_empty() { is_for.next().is_none() } else { is_for.any(|name| lists.contains(name)) };
        routed && matches!(destination.channel, Channel::Webhook)
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The first field of kind e-mail or phone: what is asked for where a post has no contact.
    pub fn first_contact_field(&self) -> Option<&Field> {
        self.fields.iter().find(|field| matches!(field.kind, Kind::Email | Kind::Phone))
    }
}

fn unique<'a>(table: &str, names: impl Iterator<Item = &'a str>, key: &str, problems: &mut Vec<Problem>) {
    let mut seen = Vec::new();
    for (at, name) in names.enumerate() {
        if seen.contains(&name) {
            problems.push(Problem::new(format!("{table}[{at}].{key}"), "stands twice"));
        }
        seen.push(name);
    }
}

fn accept_destination(
    path: &str,
    table: DestinationTable,
    fields: &[Field],
    purposes: &[Purpose],
    problems: &mut Vec<Problem>,
) -> Destination {
    let channel = Channel::accept(&table, path, problems);
    let is_webhook = matches!(channel, Channel::Webhook);
    let required = || purposes.iter().filter(|p| p.required).map(|p| p.id.clone()).collect();
    let needs: Vec<String> = if is_webhook { table.needs.unwrap_or_else(required) } else { Vec::new() };
    for need in needs.iter().filter(|need| purposes.iter().all(|p| p.id != **need)) {
        let reason = format!("{need:?} is not the id of a purpose");
        problems.push(Problem::new(format!("{path}.needs"), reason));
    }
    Destination {
        when: Condition::accept_all(table.when.filter(|_| is_webhook), path, fields, problems),
        name: table.name,
        url: table.url,
        secret: table.secret,
        third_party: table.third_party.unwrap_or_default(),
        channel,
        needs,
        forward_at: table.forward_at,
    }
}

fn accept_list(
    path: &str,
    table: ListTable,
    destinations: &[Destination],
    problems: &mut Vec<Problem>,
) -> List {
    let path = format!("{path}.send_to");
    let mistyped = told(problems, &path);
    let mut refuse = |reason: String| problems.push(Problem::new(path.as_str(), reason));
    let then = match (table.then, table.send_to) {
        (Some(Then::ExistingCustomer), send_to) => {
            let send_to = send_to.unwrap_or_default();
            if send_to.is_empty() && !mistyped {
                refuse("is required with existing_customer: names of destinations".to_owned());
            }
            for (at, name) in send_to.iter().enumerate() {
                let is_webhook = |d: &Destination| d.name == *name && matches!(d.channel, Channel::Webhook);
                if !destinations.iter().any(is_webhook) {
                    refuse(format!("{name:?} is not the name of a destination of kind webhook"));
                }
                if send_to.iter().take(at).any(|earlier| earlier == name) {
                    refuse(format!("{name:?} stands twice"));
                }
            }
            Listed::ExistingCustomer { send_to }
        }
        (Some(Then::Suppress), Some(_)) => {
            refuse("is for existing_customer".to_owned());
            Listed::Suppress
        }
        // A list without `then` has been told so.
        (Some(Then::Suppress) | None, _) => Listed::Suppress,
    };
    List { name: table.name, then }
}

fn accept_field(path: &str, table: FieldTable, problems: &mut Vec<Problem>) -> Option<Field> {
    let misspelt = problems.iter().any(|problem| problem.path == format!("{path}.kind"));
    let mut refuse = |key: &str, reason: &str| problems.push(Problem::new(format!("{path}.{key}"), reason));
    let Some(kind) = table.kind else {
        // A kind that is misspelt has been reported as such.
        if !misspelt {
            refuse("kind", "is required: email, phone, text, choice, number, boolean, country or url");
        }
        return None;
    };
    let has_length = matches!(kind, FieldKind::Text | FieldKind::Url);
    if !has_length && table.max_length.is_some() {
        refuse("max_length", "is for text and url");
    }
    if kind != FieldKind::Text && table.min_length.is_some() {
        refuse("min_length", "is for text");
    }
    if kind != FieldKind::Number && (table.min.is_some() || table.max.is_some()) {
        refuse("min", "and max are for number");
    }
    if kind != FieldKind::Choice && table.choices.is_some() {
        refuse("choices", "is for choice");
    }
    let max_length = |default| table.max_length.map_or(default, |max| max as usize);
    let kind = match kind {
        FieldKind::Email => Kind::Email,
        FieldKind::Phone => Kind::Phone,
        FieldKind::Boolean => Kind::Boolean,
        FieldKind::Country => Kind::Country,
        FieldKind::Url => Kind::Url { max: max_length(DEFAULT_MAX_URL) },
        FieldKind::Text => {
            let (min, max) = (table.min_length.unwrap_or(0) as usize, max_length(DEFAULT_MAX_LENGTH));
            if min > max {
                refuse("min_length", "must not be above max_length");
            }
            Kind::Text { min, max }
        }
        FieldKind::Number => {
            if table.min.zip(table.max).is_some_and(|(min, max)| min > max) {
                refuse("min", "must not be above max");
            }
            Kind::Number { min: table.min, max: table.max }
        }
        FieldKind::Choice => {
            let choices = table.choices.unwrap_or_default();
            if choices.is_empty() || choices.iter().any(String::is_empty) {
                refuse("choices", "must list at least one, and none may be empty");
            }
            Kind::Choice { choices }
        }
    };
    Some(Field { name: table.name, label: table.label, required: table.required, kind })
}
