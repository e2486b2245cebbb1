//! Acceptance of a campaign file: its tables become a [`Campaign`], once everything in it and between its tables is
//! checked.

use serde_json::{Value, json};

use super::abuse::Abuse;
use super::answer::Locale;
use super::campaign::Campaign;
use super::checks::{address_of, href_of};
use super::dedupe::Dedupe;
use super::destination::{Destination, DestinationTable};
use super::double_opt_in::{DoubleOptIn, check_destination};
use super::field::{Field, FieldTable, Kind};
use super::limits::Limits;
use super::list::{List, ListTable};
use super::magnet::Magnet;
use super::page::Page;
use super::publish_checks;
use super::purpose::{Purpose, PurposeTable, Wording};
use super::retention::Retention;
use super::schema::{self, CampaignFile, Head};
use super::score::{Rule, ScoreTable, Thresholds};
use super::secrets::check_secrets;
use super::table::Problem;
use super::turnstile::Turnstile;
use super::when::ConditionScope;
use crate::base::country::Country;
use crate::base::crypto::sha256_hex;
use crate::base::i18n::Language;
use crate::base::time_zone;

/// The language of a campaign that states none.
const DEFAULT_LANGUAGE: &str = "en";
/// Larger files are refused: a KV value and a message to the ledger carry the whole campaign.
const MAX_CAMPAIGN_BYTES: usize = 128 * 1024;

impl Campaign {
    /// Reads a file for publishing, with every check.
    ///
    /// # Errors
    /// All problems of the file, at once.
    pub fn accept(file: &Value) -> Result<Self, Vec<Problem>> {
        Self::read(&publish_checks::tidied(file), true)
    }

    /// Reads a file. `to_publish` adds the checks of [`publish_checks`] and of egress; a campaign in KV takes leads
    /// without them, and once its destination is corrected, what waits for it is sent.
    pub(super) fn read(file: &Value, to_publish: bool) -> Result<Self, Vec<Problem>> {
        let canonical = file.to_string();
        if canonical.len() > MAX_CAMPAIGN_BYTES {
            return Err(vec![Problem::new("campaign", "is larger than 128 KiB")]);
        }
        let mut problems = Vec::new();
        let tables = schema::read(file.clone(), &mut problems);
        let declared = tables.field.len();
        let campaign = Self::of_tables(tables, canonical, to_publish, &mut problems);
        if to_publish {
            publish_checks::report(file, &mut problems);
            if campaign.fields.len() == declared {
                for (at, field) in campaign.fields.iter().enumerate() {
                    field.report_alike(&format!("field[{at}]"), &mut problems);
                }
            }
        }
        if problems.is_empty() { Ok(campaign) } else { Err(problems) }
    }

    /// Makes a campaign of its tables, which counts only if no problem is reported.
    fn of_tables(
        tables: CampaignFile,
        canonical: String,
        to_publish: bool,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let (head, controller) = (tables.head, tables.controller);
        let declared = tables.field.len();
        let fields = accept_fields(tables.field, problems);
        let are_all_fields_known = fields.len() == declared;
        let purposes = accept_purposes(tables.purpose, problems);
        let retention = Retention::accept(&tables.retention, tables.dedupe.window_days, &purposes, problems);
        let abuse = Abuse::accept(tables.abuse, &fields, problems);
        let magnet = tables.magnet.and_then(|table| Magnet::accept(table, problems));
        let turnstile = tables.turnstile.map(|table| Turnstile::accept(table, &head.origins));
        let locale = locale_of(&head);
        let scope = ConditionScope { fields: &fields, locale, is_strict: to_publish };
        let rules = accept_rules(tables.score, &scope, problems);
        let destinations = accept_destinations(tables.destination, &scope, &purposes, to_publish, problems);
        if to_publish {
            check_secrets(&destinations, turnstile.as_ref(), problems);
        }
        let lists = accept_lists(tables.list, &destinations, problems);
        let double_opt_in = tables
            .double_opt_in
            .map(|table| DoubleOptIn::accept(table, &controller.name, &head.title, problems));
        check_destination(double_opt_in.as_ref(), &destinations, problems);
        if double_opt_in.is_some() {
            check_double_opt_in(are_all_fields_known.then_some(&fields), &purposes, problems);
        }
        let thresholds = Thresholds::accept(&tables.qualify, problems);
        Self {
            origins: origins_of(&head),
            thanks_url: head.thanks_url.as_deref().map(href_of),
            ui_language: head.language.as_deref().and_then(Language::of_tag),
            language: head.language.unwrap_or_else(|| DEFAULT_LANGUAGE.to_owned()),
            time_zone: time_zone_of(head.time_zone),
            ledger: head.ledger.unwrap_or_else(|| head.id.clone()),
            id: head.id,
            title: head.title,
            unknown_fields: head.unknown_fields,
            even_answers_ms: head.even_answers_ms,
            locale,
            page: Page::accept(tables.page),
            magnet,
            remember_days: tables.attribution.remember_days,
            notice: Wording::new(json!(controller).to_string(), controller.privacy_notice_version.clone()),
            privacy_notice: controller.privacy_notice_link(),
            controller,
            fields,
            purposes,
            dedupe: Dedupe::accept(tables.dedupe),
            double_opt_in,
            retention,
            lists,
            abuse,
            limits: Limits::accept(&tables.limits),
            turnstile,
            rules,
            thresholds,
            destinations,
            revision: sha256_hex(&canonical).chars().take(16).collect(),
            canonical,
        }
    }
}

fn accept_fields(tables: Vec<FieldTable>, problems: &mut Vec<Problem>) -> Vec<Field> {
    let declared = tables.len();
    let tables = tables.into_iter().enumerate();
    let fields: Vec<Field> =
        tables.filter_map(|(at, table)| Field::accept(&format!("field[{at}]"), table, problems)).collect();
    check_unique("field", fields.iter().map(|field| field.name.as_str()), "name", problems);
    let is_contact = |field: &Field| matches!(field.kind, Kind::Email | Kind::Phone);
    if fields.len() == declared && !fields.iter().any(is_contact) {
        let reason = "one must be of kind email or phone: without contact data there is no lead";
        problems.push(Problem::new("field", reason));
    }
    fields
}

fn accept_purposes(tables: Vec<PurposeTable>, problems: &mut Vec<Problem>) -> Vec<Purpose> {
    let purposes: Vec<Purpose> = tables.into_iter().map(Purpose::accept).collect();
    check_unique("purpose", purposes.iter().map(|purpose| purpose.id.as_str()), "id", problems);
    purposes
}

fn accept_rules(
    tables: Vec<ScoreTable>,
    scope: &ConditionScope<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Rule> {
    let tables = tables.into_iter().enumerate();
    tables.map(|(at, table)| Rule::accept(&format!("score[{at}]"), table, scope, problems)).collect()
}

fn accept_destinations(
    tables: Vec<DestinationTable>,
    scope: &ConditionScope<'_>,
    purposes: &[Purpose],
    to_publish: bool,
    problems: &mut Vec<Problem>,
) -> Vec<Destination> {
    let mut destinations = Vec::with_capacity(tables.len());
    for (at, table) in tables.into_iter().enumerate() {
        let path = format!("destination[{at}]");
        let destination = Destination::accept(&path, table, scope, purposes, problems);
        if to_publish {
            destination.report_refusals(&path, None, true, problems);
        }
        destinations.push(destination);
    }
    check_unique("destination", destinations.iter().map(|d| d.name.as_str()), "name", problems);
    destinations
}

fn accept_lists(
    tables: Vec<ListTable>,
    destinations: &[Destination],
    problems: &mut Vec<Problem>,
) -> Vec<List> {
    let tables = tables.into_iter().enumerate();
    let lists: Vec<List> = tables
        .map(|(at, table)| List::accept(&format!("list[{at}]"), table, destinations, problems))
        .collect();
    check_unique("list", lists.iter().map(|list| list.name.as_str()), "name", problems);
    lists
}

/// Checks that the campaign has what double opt-in needs. `fields` is `None` if some of them are unknown.
fn check_double_opt_in(fields: Option<&Vec<Field>>, purposes: &[Purpose], problems: &mut Vec<Problem>) {
    let is_required_email = |field: &Field| field.required && field.kind == Kind::Email;
    if fields.is_some_and(|fields| !fields.iter().any(is_required_email)) {
        let reason = "needs a required field of kind email: the mail goes there";
        problems.push(Problem::new("double_opt_in", reason));
    }
    if purposes.is_empty() {
        let reason = "needs at least one purpose: without any there is nothing to confirm";
        problems.push(Problem::new("double_opt_in", reason));
    }
}

/// Reports names that stand twice.
fn check_unique<'a>(
    table: &str,
    names: impl Iterator<Item = &'a str>,
    key: &str,
    problems: &mut Vec<Problem>,
) {
    let mut seen = Vec::new();
    for (at, name) in names.enumerate() {
        if seen.contains(&name) {
            problems.push(Problem::new(format!("{table}[{at}].{key}"), "stands twice"));
        }
        seen.push(name);
    }
}

fn locale_of(head: &Head) -> Locale {
    let language = head.language.as_deref().unwrap_or(DEFAULT_LANGUAGE);
    Locale {
        country: head.default_country.as_deref().and_then(Country::parse),
        is_english: Language::of_tag(language) == Some(Language::English),
    }
}

fn origins_of(head: &Head) -> Vec<String> {
    let origin = |origin: &String| Some(address_of(origin)?.origin().to_owned());
    head.origins.iter().filter_map(origin).collect()
}

fn time_zone_of(stated: Option<String>) -> String {
    stated.filter(|zone| time_zone::exists(zone)).unwrap_or_else(|| "UTC".to_owned())
}
