//! A valid campaign.

use super::abuse::Abuse;
use super::answer::Locale;
use super::controller::Controller;
use super::dedupe::Dedupe;
use super::destination::{Channel, Destination};
use super::double_opt_in::DoubleOptIn;
use super::field::{Field, Kind};
use super::limits::Limits;
use super::list::{List, ListEffect};
use super::magnet::Magnet;
use super::page::Page;
use super::purpose::{Purpose, Wording};
use super::retention::Retention;
use super::schema::UnknownFields;
use super::score::{Rule, Thresholds};
use super::table::Problem;
use super::turnstile::Turnstile;
use crate::base::i18n::Language;
use crate::base::unicode::lowercase;
use crate::base::url::WebAddress;

/// A campaign, valid by construction.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The id, as in the endpoint `/c/{id}`.
    pub id: String,
    /// The title, for people.
    pub title: String,
    /// The ledger. Campaigns of one ledger recognise each other's people.
    pub ledger: String,
    /// Origins whose scripts may read the response (CORS).
    pub origins: Vec<String>,
    /// The URL that a browser is redirected to after its form was accepted.
    pub thanks_url: Option<String>,
    /// The language of the wordings, BCP 47.
    pub language: String,
    /// The time zone in which dates are shown, by the IANA database.
    pub time_zone: String,
    /// The locale in which answers are parsed.
    pub locale: Locale,
    /// The language of our own texts beside the wordings; `None` if it is not stated, or we have no texts in it.
    pub ui_language: Option<Language>,
    /// The looks of the hosted form.
    pub page: Page,
    /// The lead magnet that the person gets in exchange.
    pub magnet: Option<Magnet>,
    /// For how many days the form script keeps the attribution in a cookie; if absent, for the visit only.
    pub remember_days: Option<u32>,
    /// The treatment of undeclared fields.
    pub unknown_fields: UnknownFields,
    /// The step to whose multiples the time of an accepted response is rounded up.
    pub even_answers_ms: Option<u32>,
    /// The company that is responsible for the data.
    pub controller: Controller,
    /// The URL of the controller's privacy notice.
    pub privacy_notice: String,
    /// The fields, in the file's order.
    pub fields: Vec<Field>,
    /// The purposes, in the file's order.
    pub purposes: Vec<Purpose>,
    /// The recognition of people.
    pub dedupe: Dedupe,
    /// Double opt-in; if absent, single opt-in.
    pub double_opt_in: Option<DoubleOptIn>,
    /// Retention periods.
    pub retention: Retention,
    /// The lists, in the file's order, without [`SUPPRESSED`](super::SUPPRESSED).
    pub lists: Vec<List>,
    /// The weights of abuse signals.
    pub abuse: Abuse,
    /// Rate limits.
    pub limits: Limits,
    /// Turnstile; if absent, it is not asked.
    pub turnstile: Option<Turnstile>,
    /// The rules of the score, in the file's order.
    pub rules: Vec<Rule>,
    /// Thresholds of the score.
    pub thresholds: Thresholds,
    /// The destinations, in the file's order.
    pub destinations: Vec<Destination>,
    /// The controller and its privacy notice when the campaign was published, as JSON.
    pub notice: Wording,
    /// The whole file as JSON with sorted keys.
    pub canonical: String,
    /// SHA-256 of `canonical`, the first 16 digits.
    pub revision: String,
}

impl Campaign {
    /// Reports what only development may use: http to a loopback address, and Turnstile's keys for tests.
    pub fn development_only(&self) -> Vec<Problem> {
        let destinations = self.destinations.iter().enumerate();
        let mut addresses: Vec<(String, &str)> =
            destinations.map(|(at, d)| (format!("destination[{at}].url"), d.url.as_str())).collect();
        addresses.extend(self.thanks_url.iter().map(|url| ("thanks_url".to_owned(), url.as_str())));
        addresses
            .into_iter()
            .filter(|(_, url)| WebAddress::parse(url).is_some_and(|url| url.is_loopback_http()))
            .map(|(path, _)| Problem::new(path, "http to a loopback address is for development only"))
            .chain(self.turnstile.as_ref().and_then(Turnstile::development_only))
            .chain(self.page.development_only())
            .chain(self.magnet.as_ref().and_then(Magnet::development_only))
            .collect()
    }

    /// Reports destinations that nothing may be sent to. `own` is the Worker's own public URL.
    pub fn refused_destinations(&self, own: Option<&str>, development: bool) -> Vec<Problem> {
        let own = own.and_then(WebAddress::parse);
        let mut problems = Vec::new();
        for (at, destination) in self.destinations.iter().enumerate() {
            let path = format!("destination[{at}]");
            destination.report_refusals(&path, own.as_ref(), development, &mut problems);
        }
        problems
    }

    /// Returns the destination of that name.
    pub fn destination(&self, name: &str) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.name == name)
    }

    /// Returns whether leads of people on these lists of existing customers may go there: to the account managers; and
    /// the leads of people on none, to all others. An e-mail provider gets none.
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

    /// Returns the field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Returns whether no earlier field is of its kind: then the answer is the visitor's own.
    pub fn is_first(&self, field: &Field) -> bool {
        let is_alike =
            |other: &&Field| std::mem::discriminant(&other.kind) == std::mem::discriminant(&field.kind);
        self.fields.iter().find(is_alike).is_some_and(|first| first.name == field.name)
    }

    /// Returns whether a text in lower case is a word of the campaign itself: a choice, or a value in a condition.
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

    /// Returns the first field of kind e-mail or phone, which a post without a contact is asked for.
    pub fn first_contact_field(&self) -> Option<&Field> {
        self.fields.iter().find(|field| matches!(field.kind, Kind::Email | Kind::Phone))
    }
}
