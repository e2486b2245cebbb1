//! A whole campaign file → a [`Campaign`]: what each table becomes, and what must hold between them.

use serde_json::{Value, json};

use super::answer::Locale;
use super::condition::ConditionScope;
use super::publish_checks;
use super::schema;
use super::schema::{
    CampaignFile, DestinationTable, Head, ListTable, PurposeTable, QualifyTable, RetentionTable, Then,
    address_of,
};
use super::secrets::check_secrets;
use super::table::is_reported;
use super::{
    Abuse, Campaign, Channel, Dedupe, Destination, DoubleOptIn, Field, Kind, Limits, List, ListEffect,
    Magnet, Page, Problem, Purpose, Retention, Rule, Thresholds, Turnstile, Wording,
};
use crate::base::country::Country;
use crate::base::crypto::sha256_hex;
use crate::base::i18n::Language;
use crate::base::time::DAY_MS;
use crate::base::time_zone;

/// Of a campaign that states none.
const DEFAULT_LANGUAGE: &str = "en";
/// Files above this are no campaign: a KV value and a message to the ledger carry it whole.
const MAX_CAMPAIGN_BYTES: usize = 128 * 1024;
/// Three years: the usual limitation period of claims about a consent.
const DEFAULT_CONSENTS_DAYS: u32 = 1_095;
/// A month: time to look through what was put aside, and no archive of it.
const DEFAULT_QUARANTINE_DAYS: u32 = 30;

impl Campaign {
    /// Checks a whole file.
    ///
    /// # Errors
    /// Every problem of the file, at once.
    pub fn accept(file: &Value) -> Result<Self, Vec<Problem>> {
        Self::read(&publish_checks::tidied(file), true)
    }

    /// Reads a file. `to_publish` refuses destinations that nothing may be sent to, and what [`strict`]
    /// does; what lies in KV takes leads all the same, and a correction of the destination heals what waits
    /// for it.
    pub(super) fn read(file: &Value, to_publish: bool) -> Result<Self, Vec<Problem>> {
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
            page,
            magnet,
            attribution,
            score,
            qualify,
            destination,
        } = schema::read(file.clone(), &mut problems);

        let declared = field.len();
        let fields: Vec<Field> = field
            .into_iter()
            .enumerate()
            .filter_map(|(at, table)| Field::accept(&format!("field[{at}]"), table, &mut problems))
            .collect();
        unique("field", fields.iter().map(|field| field.name.as_str()), "name", &mut problems);
        let kinds_known = fields.len() == declared;
        if kinds_known && !fields.iter().any(|field| matches!(field.kind, Kind::Email | Kind::Phone)) {
            let reason = "one must be of kind email or phone: without contact data there is no lead";
            problems.push(Problem::new("field", reason));
        }

        let purposes: Vec<Purpose> = purpose.into_iter().map(accept_purpose).collect();
        unique("purpose", purposes.iter().map(|purpose| purpose.id.as_str()), "id", &mut problems);

        let retention = accept_retention(&retention, dedupe.window_days, &purposes, &mut problems);
        let abuse = Abuse::accept(abuse, &fields, &mut problems);
        let magnet = magnet.and_then(|table| Magnet::accept(table, &mut problems));
        let turnstile = turnstile.map(|table| Turnstile::accept(table, &head.origins));

        let locale = locale_of(&head);
        let about = ConditionScope { fields: &fields, locale, proves: to_publish };
        let rules = score
            .into_iter()
            .enumerate()
            .map(|(at, table)| {
                let path = format!("score[{at}]");
                if table.when.is_none() {
                    problems.push(Problem::new(format!("{path}.when"), "is required"));
                }
                let when = about.accept_all(table.when, &path, &mut problems);
                Rule { name: table.rule, when, points: table.points }
            })
            .collect();

        let destinations: Vec<Destination> = destination
            .into_iter()
            .enumerate()
            .map(|(at, table)| {
                let path = format!("destination[{at}]");
                let destination = accept_destination(&path, table, &about, &purposes, &mut problems);
                if to_publish {
                    destination.report_refusals(&path, None, true, &mut problems);
                }
                destination
            })
            .collect();
        unique("destination", destinations.iter().map(|d| d.name.as_str()), "name", &mut problems);
        if to_publish {
            check_secrets(&destinations, turnstile.as_ref(), &mut problems);
        }

        let lists: Vec<List> = list
            .into_iter()
            .enumerate()
            .map(|(at, table)| accept_list(&format!("list[{at}]"), table, &destinations, &mut problems))
            .collect();
        unique("list", lists.iter().map(|list| list.name.as_str()), "name", &mut problems);

        let double_opt_in = double_opt_in
            .map(|table| DoubleOptIn::accept(table, &controller.name, &head.title, &mut problems));
        check_mail(double_opt_in.as_ref(), &destinations, &mut problems);
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

        let thresholds = accept_thresholds(&qualify, &mut problems);
        if to_publish {
            publish_checks::report(file, &mut problems);
            if kinds_known {
                for (at, field) in fields.iter().enumerate() {
                    field.report_alike(&format!("field[{at}]"), &mut problems);
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let revision = sha256_hex(&canonical).chars().take(16).collect();
        Ok(Self {
            ledger: head.ledger.unwrap_or_else(|| head.id.clone()),
            id: head.id,
            title: head.title,
            origins: head
                .origins
                .iter()
                .filter_map(|origin| Some(address_of(origin)?.origin().to_owned()))
                .collect(),
            thanks_url: head.thanks_url.as_deref().map(href_of),
            ui_language: head.language.as_deref().and_then(Language::of_tag),
            language: head.language.unwrap_or_else(|| DEFAULT_LANGUAGE.to_owned()),
            time_zone: head
                .time_zone
                .filter(|zone| time_zone::exists(zone))
                .unwrap_or_else(|| "UTC".to_owned()),
            locale,
            page: Page::accept(page),
            magnet,
            remember_days: attribution.remember_days,
            unknown_fields: head.unknown_fields,
            even_answers_ms: head.even_answers_ms,
            notice: Wording::new(json!(controller).to_string(), controller.privacy_notice_version.clone()),
            privacy_notice: link_to(&controller.privacy_notice),
            controller,
            fields,
            purposes,
            dedupe: Dedupe {
                window_ms: days_ms(dedupe.window_days),
                kv: dedupe.use_of_kv(),
                by: dedupe.by,
                on_repeat: dedupe.on_repeat,
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
}

/// What answers are read by.
fn locale_of(head: &Head) -> Locale {
    let language = head.language.as_deref().unwrap_or(DEFAULT_LANGUAGE);
    Locale {
        country: head.default_country.as_deref().and_then(Country::parse),
        is_english: Language::of_tag(language) == Some(Language::English),
    }
}

/// An address as it was read. One that is none has been told so.
fn href_of(text: &str) -> String {
    address_of(text).map(|address| address.href().to_owned()).unwrap_or_default()
}

/// The same, but that the slash behind a bare host is left out where it was not written: links stand in the
/// terms of consents, whose digests stay.
fn link_to(text: &str) -> String {
    let href = href_of(text);
    match href.strip_suffix('/') {
        Some(bare) if bare == text.trim() => bare.to_owned(),
        _ => href,
    }
}

fn days_ms(days: u32) -> i64 {
    i64::from(days) * DAY_MS
}

fn accept_purpose(table: PurposeTable) -> Purpose {
    Purpose {
        wording: Wording::new(table.text, Some(table.version.clone())),
        id: table.id,
        version: table.version,
        required: table.required,
        channel: table.channel.unwrap_or_else(|| "email".to_owned()),
        category: table.category.unwrap_or_else(|| "marketing".to_owned()),
        retention_days: table.retention_days,
    }
}

fn accept_retention(
    table: &RetentionTable,
    window_days: u32,
    purposes: &[Purpose],
    problems: &mut Vec<Problem>,
) -> Retention {
    let longest = purposes.iter().filter_map(|purpose| purpose.retention_days).max().unwrap_or(0);
    let consents_days = table.consents_days.unwrap_or(DEFAULT_CONSENTS_DAYS.max(longest));
    if !is_reported(problems, "retention.consents_days") {
        for (at, purpose) in purposes.iter().enumerate() {
            let path = format!("purpose[{at}].retention_days");
            if purpose.retention_days.is_some_and(|kept| kept > consents_days)
                && !is_reported(problems, &path)
            {
                let reason = format!("must not be above consents_days of [retention], {consents_days}");
                problems.push(Problem::new(path, reason));
            }
        }
    }
    Retention {
        held_ms: days_ms(table.held_days.unwrap_or(window_days)),
        consents_ms: days_ms(consents_days),
        quarantine_ms: days_ms(table.quarantine_days.unwrap_or(DEFAULT_QUARANTINE_DAYS)),
    }
}

fn accept_thresholds(table: &QualifyTable, problems: &mut Vec<Problem>) -> Thresholds {
    let own_stages = table.mql.is_some() || table.sql.is_some();
    let (warm, hot) = (table.warm.unwrap_or(20), table.hot.unwrap_or(60));
    let thresholds = Thresholds {
        warm,
        hot,
        mql: table.mql.unwrap_or(warm),
        sql: table.sql.unwrap_or(hot),
        forward_at: table.forward_at,
    };
    if thresholds.warm > thresholds.hot {
        problems.push(Problem::new("qualify.warm", "must not be above hot"));
    }
    if own_stages && thresholds.mql > thresholds.sql {
        problems.push(Problem::new("qualify.mql", "must not be above sql"));
    }
    thresholds
}

/// The destination of a double opt-in is there, and no other is an e-mail provider.
fn check_mail(
    double_opt_in: Option<&DoubleOptIn>,
    destinations: &[Destination],
    problems: &mut Vec<Problem>,
) {
    let asked = double_opt_in.map(|double| double.destination.as_str());
    if is_reported(problems, "double_opt_in.destination") {
        return;
    }
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
    about: &ConditionScope<'_>,
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
        when: about.accept_all(table.when.filter(|_| is_webhook), path, problems),
        name: table.name,
        address: address_of(&table.url),
        url: href_of(&table.url),
        written: table.url,
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
    let mistyped = is_reported(problems, &path);
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
            ListEffect::ExistingCustomer { send_to }
        }
        (Some(Then::Suppress), Some(_)) => {
            refuse("is for existing_customer".to_owned());
            ListEffect::Suppress
        }
        // A list without `then` has been told so.
        (Some(Then::Suppress) | None, _) => ListEffect::Suppress,
    };
    List { name: table.name, then }
}
