//! A campaign's file: every problem at once, each with its path.

use leadhook::campaign::{Campaign, Channel, ListEffect, Retention, SUPPRESSED};
use serde_json::{Value, json};

use crate::support::*;

fn problems_of(file: &Value) -> Vec<String> {
    let problems = Campaign::accept(file).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_problem_of_a_file_is_told_at_once_with_its_path() {
    let file = json!({
        "id": "Guide", "title": "", "colour": "red", "origins": ["https://example.com/path"],
        "default_country": "Sweden", "language": 5,
        "controller": { "name": "A", "email": "a@example.com", "privacy_notice": "http://example.com/" },
        "field": [
            { "name": "utm_source", "kind": "text" },
            { "name": "size", "kind": "choice" },
            { "name": "size", "kind": "number", "min": 5, "max": 1, "max_length": 3 },
            { "name": "note", "kind": "essay" },
        ],
        "purpose": [{ "id": "news", "text": "Yes.", "version": "on" }],
        "dedupe": { "window_days": 0, "by": ["cookie"] },
        "score": [{ "rule": "r", "points": 1 }],
        "qualify": { "warm": 90 },
        "destination": [
            { "name": "crm", "url": "http://crm.example.com/", "secret": "LEADHOOK_PEPPERS", "needs": ["sms"] },
        ],
    });
    let paths: Vec<_> = problems_of(&file)
        .iter()
        .map(|line| line.split(": ").next().unwrap_or_default().to_owned())
        .collect();
    let mut sorted = paths.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), paths.len(), "one problem a key: {paths:#?}");
    for path in [
        "colour",
        "language",
        "id",
        "title",
        "origins[0]",
        "default_country",
        "controller.privacy_notice",
        "field[0].name",
        "field[1].choices",
        "field[2].name",
        "field[2].min",
        "field[2].max_length",
        "field[3].kind",
        "purpose[0].version",
        "dedupe.window_days",
        "dedupe.by",
        "score[0].when",
        "qualify.warm",
        "destination[0].url",
        "destination[0].secret",
        "destination[0].needs",
    ] {
        assert!(paths.iter().any(|one| one == path), "{path} is not in {paths:#?}");
    }
    assert!(problems_of(&file).contains(&"destination[0].url: must be https".to_owned()));
    let nobody = guide_with(json!({ "field": [{ "name": "name", "kind": "text" }], "score": null }));
    let reason = "one must be of kind email or phone: without contact data there is no lead";
    assert_eq!(problems_of(&nobody), [format!("field: {reason}")]);
}

#[test]
fn a_file_that_is_no_table_is_told_so() {
    for file in [json!([]), json!("guide"), Value::Null] {
        assert!(problems_of(&file).contains(&"campaign: must be a table".to_owned()), "{file}");
    }
    assert_eq!(
        problems_of(&guide_with(json!({ "field": "email" })))[0],
        "field: must be written as [[field]]"
    );
    let problems = problems_of(&guide_with(json!({ "controller": "Example AB" })));
    assert_eq!(problems[0], "controller: must be a table");
}

/// A good file with double opt-in, lists and a destination for each.
fn confirmed_with(changes: Value) -> Value {
    let good = json!({
        "field": [{ "name": "email", "kind": "email", "required": true }],
        "score": null,
        "double_opt_in": {
            "destination": "mail", "subject": "{title} by {controller}",
            "text": "{confirm_link} {withdraw_link} {controller} {title} {} { x }",
        },
        "list": [
            { "name": "competitors", "then": "suppress" },
            { "name": "customers", "then": "existing_customer", "send_to": ["managers"] },
        ],
        "destination": [
            destination("crm", "https://crm.example.com/"),
            destination_with("managers", "https://crm.example.com/managers", json!({ "third_party": true })),
            mail_with(json!({})),
        ],
    });
    guide_with(edited(good, changes))
}

fn mail_with(more: Value) -> Value {
    let mail = json!({
        "name": "mail", "kind": "email", "url": "https://mail.example.com/send", "secret": "MAIL_API_TOKEN",
        "body": { "To": [{ "Email": "{to}" }], "Subject": "{subject}", "Text": "{text}", "Track": false },
    });
    edited(mail, more)
}

#[test]
fn what_a_file_leaves_out_is_single_opt_in_without_lists() {
    let guide = campaign(&guide());
    assert!(guide.double_opt_in.is_none() && guide.lists.is_empty());
    let kept = |held: i64, consents: i64, quarantine: i64| Retention {
        held_ms: held * DAY,
        consents_ms: consents * DAY,
        quarantine_ms: quarantine * DAY,
    };
    assert_eq!(guide.retention, kept(180, 1_095, 30));
    let short = guide_with(json!({ "dedupe": { "window_days": 7 } }));
    assert_eq!(campaign(&short).retention, kept(7, 1_095, 30));
    let stated = json!({ "held_days": 90, "consents_days": 400, "quarantine_days": 1 });
    assert_eq!(campaign(&guide_with(json!({ "retention": stated }))).retention, kept(90, 400, 1));
    let crm = &guide.destinations[0];
    assert!(!crm.third_party && matches!(crm.channel, Channel::Webhook) && guide.routes_to(crm, &[]));
    assert_eq!(crm.needs, ["newsletter"]);
}

#[test]
fn a_confirmation_mail_is_filled_in_once() {
    let file = confirmed_with(json!({ "title": "The {title} {confirm_link}" }));
    let campaign = campaign(&file);
    let double = campaign.double_opt_in.as_ref().expect("double opt-in");
    assert_eq!(double.destination, "mail");
    assert_eq!(double.subject(&campaign), "The {title} {confirm_link} by Example AB");
    assert_eq!(
        double.text("https://x.example/{title}", "https://x.example/w", &campaign),
        "https://x.example/{title} https://x.example/w Example AB The {title} {confirm_link} {} { x }"
    );
    let Channel::Email(api) = &campaign.destination("mail").expect("mail").channel else {
        panic!("not an e-mail provider");
    };
    assert_eq!(api.header, "Authorization");
    let fill = [("to", "ann@example.com"), ("subject", "{text}"), ("text", "Hello {to},\n\"{subject}\"")];
    assert_eq!(
        api.body(&fill),
        json!({
            "To": [{ "Email": "ann@example.com" }], "Subject": "{text}",
            "Text": "Hello {to},\n\"{subject}\"", "Track": false,
        })
    );
}

#[test]
fn a_provider_is_told_the_secret_in_the_header_that_it_names() {
    let header = |name: &str| {
        let mail = mail_with(json!({ "header": name, "body": { "to": "{to}", "link": "{confirm_link}" } }));
        let crm = destination("managers", "https://crm.example.com/");
        let campaign = campaign(&confirmed_with(json!({ "destination": [crm, mail] })));
        match &campaign.destination("mail").expect("mail").channel {
            Channel::Email(api) => api.header.clone(),
            Channel::Webhook => panic!("not an e-mail provider"),
        }
    };
    assert_eq!(header("X-Postmark-Server-Token"), "X-Postmark-Server-Token");
    assert_eq!(header("authorization"), "Authorization");
}

#[test]
fn new_leads_go_neither_to_the_mail_provider_nor_to_those_of_a_list() {
    let file = confirmed_with(json!({}));
    let confirmed = campaign(&file);
    let then: Vec<_> = confirmed.lists.iter().map(|list| (list.name.as_str(), list.then.clone())).collect();
    let managers = ListEffect::ExistingCustomer { send_to: vec!["managers".to_owned()] };
    assert_eq!(then, [("competitors", ListEffect::Suppress), ("customers", managers)]);
    let takes: Vec<_> = confirmed.destinations.iter().map(|d| confirmed.routes_to(d, &[])).collect();
    assert_eq!(takes, [true, false, false]);
    let mail = confirmed.destination("mail").expect("mail");
    assert!(mail.needs.is_empty() && !mail.third_party);
    assert!(confirmed.destination("managers").is_some_and(|managers| managers.third_party));
    assert!(confirmed.lists.iter().all(|list| list.name != SUPPRESSED));
    let single = edited(
        file,
        json!({
            "double_opt_in": null,
            "destination": [
                destination("managers", "https://crm.example.com/managers"),
                destination("crm", "https://crm.example.com/crm"),
            ],
        }),
    );
    let site = Site::new(&[single]);
    site.deliver("guide", "email=ann%40example.com&consent.newsletter=on");
    assert_eq!(site.story(), ["qualified crm of 1"]);
}

/// A file that is wrong in its double opt-in, retention, lists and destinations.
fn wrong_everywhere() -> Value {
    guide_with(json!({
        "score": null,
        "purpose": [],
        "double_opt_in": {
            "destination": "post", "subject": "One\ntwo", "text": "{confirm_link} {name}", "delay": 1,
        },
        "retention": { "held_days": 0, "consents_days": 3_651, "quarantine_days": 0, "leads_days": 1 },
        "list": [
            { "name": "suppressed", "then": "suppress", "send_to": ["crm"] },
            { "name": "Customers", "then": "existing_customer" },
            { "name": "twice", "then": "existing_customer", "send_to": ["mail", "crm", "nobody", "crm"] },
            { "name": "twice", "then": "drop", "send_to": ["crm"] },
            { "name": "open" },
        ],
        "destination": [
            destination_with("crm", "https://crm.example.com/", json!({ "header": "X", "body": {} })),
            mail_with(json!({
                "needs": ["newsletter"], "when": { "field": "nobody" }, "forward_at": 1, "third_party": false,
                "header": "X Token", "body": { "To": "{to}", "Text": ["{txt}"] }, "secret": "token",
            })),
            mail_with(json!({ "name": "bare", "header": "Content-Type", "body": null })),
            mail_with(json!({ "name": "nobody-gets-it", "body": { "{to}": "{text}" } })),
            mail_with(json!({ "name": "odd", "kind": "sms" })),
        ],
    }))
}

#[test]
fn every_problem_of_confirmation_retention_lists_and_destinations_is_told_at_once() {
    let refused = "is for kind webhook: kind email gets no leads";
    let days = "must be 1 to 3650";
    let slug = "is required: 1 to 64 lower-case letters, digits and hyphens";
    let unused = "nothing uses it: kind email is for the destination of [double_opt_in]";
    let told = |path: &str, reason: &str| format!("{path}: {reason}");
    let known = "may hold only {confirm_link}, {withdraw_link}, {controller} and {title}";
    let mut expected = vec![
        told("double_opt_in.delay", "is unknown; known are destination, subject, text"),
        told("double_opt_in.subject", "is required: one line of up to 200 characters"),
        told("double_opt_in.text", known),
        told("double_opt_in.destination", "is not the name of a destination"),
        told("double_opt_in", "needs a required field of kind email: the mail goes there"),
        told("double_opt_in", "needs at least one purpose: without any there is nothing to confirm"),
        told("retention.leads_days", "is unknown; known are held_days, consents_days, quarantine_days"),
        told("retention.held_days", days),
        told("retention.consents_days", days),
        told("retention.quarantine_days", days),
        told("list[0].name", "is reserved: the list \"suppressed\" is built in and always suppresses"),
        told("list[0].send_to", "is for existing_customer"),
        told("list[1].name", slug),
        told("list[1].send_to", "is required with existing_customer: names of destinations"),
        told("list[2].send_to", "\"mail\" is not the name of a destination of kind webhook"),
        told("list[2].send_to", "\"nobody\" is not the name of a destination of kind webhook"),
        told("list[2].send_to", "\"crm\" stands twice"),
        told("list[3].name", "stands twice"),
        told("list[3].then", "must be suppress or existing_customer"),
        told("list[4].then", "is required: suppress or existing_customer"),
        told("destination[0].header", "is for kind email"),
        told("destination[0].body", "is for kind email"),
        told("destination[1]", unused),
        told("destination[1].needs", refused),
        told("destination[1].when", refused),
        told("destination[1].forward_at", refused),
        told("destination[1].third_party", refused),
        told("destination[1].header", "must be a header's name: up to 64 letters, digits and hyphens"),
        told(
            "destination[1].body",
            "may hold only {to}, {subject}, {text}, {confirm_link} and {withdraw_link}",
        ),
        told(
            "destination[1].secret",
            "must be the NAME of a Worker secret: upper-case letters, digits and underscores",
        ),
        told("destination[2]", unused),
        told("destination[2].header", "must not be content-type, host, content-length or cookie"),
        told(
            "destination[2].body",
            "is required: a table, as in { To = \"{to}\", Subject = \"{subject}\", TextBody = \"{text}\" }",
        ),
        told("destination[3]", unused),
        told("destination[3].body", "must hold {to}, and {text} or {confirm_link}"),
        told("destination[4].kind", "must be webhook or email"),
    ];
    let mut problems = problems_of(&wrong_everywhere());
    expected.sort();
    problems.sort();
    assert_eq!(problems, expected);
}

#[test]
fn a_value_of_a_wrong_type_is_told_once() {
    let problem = |changes: Value| {
        let problems = problems_of(&confirmed_with(changes));
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems[0].clone()
    };
    assert_eq!(problem(json!({ "double_opt_in": "mail" })), "double_opt_in: must be a table");
    assert_eq!(problem(json!({ "retention": 30 })), "retention: must be a table");
    let text = "{confirm_link} {withdraw_link}";
    for (changes, path) in [
        (
            json!({ "double_opt_in": { "destination": 5, "subject": "S", "text": text } }),
            "double_opt_in.destination",
        ),
        (
            json!({ "double_opt_in": { "destination": "mail", "subject": 5, "text": text } }),
            "double_opt_in.subject",
        ),
        (
            json!({
                "purpose": [{ "id": "n", "text": "Yes.", "version": "2", "retention_days": 2_000 }],
                "retention": { "consents_days": "5000" },
            }),
            "retention.consents_days",
        ),
        (
            json!({ "list": [{ "name": "c", "then": "existing_customer", "send_to": "crm" }] }),
            "list[0].send_to",
        ),
    ] {
        assert!(problem(changes).starts_with(&format!("{path}: must be ")), "{path}");
    }
}

#[test]
fn a_subject_is_one_line_also_when_it_is_filled_in() {
    let subject = |subject: &str, title: &str| {
        let double = json!({
            "destination": "mail", "subject": subject, "text": "{confirm_link} {withdraw_link}",
        });
        problems_of(&confirmed_with(json!({ "title": title, "double_opt_in": double })))
    };
    let wrong = |reason: &str| [format!("double_opt_in.subject: {reason}")];
    let (fits, too_long) = ("x".repeat(200), "x".repeat(201));
    assert!(subject(&fits, "T").is_empty() && subject("{title}", &fits).is_empty());
    assert_eq!(subject(&too_long, "T"), wrong("is required: one line of up to 200 characters"));
    assert_eq!(subject("", "T"), wrong("is required: one line of up to 200 characters"));
    assert_eq!(subject("{confirm_link}", "T"), wrong("may hold only {controller} and {title}"));
    let filled = "must be one line of up to 200 characters once {controller} and {title} are filled in";
    assert_eq!(subject("{title}", &too_long), wrong(filled));
    let title = "title: must be one line without control characters".to_owned();
    assert_eq!(subject("{title}", "One\nBcc: two"), [wrong(filled).as_slice(), &[title]].concat());
    assert_eq!(subject("{title}", ""), ["title: is required"]);
}

#[test]
fn a_purpose_is_not_kept_longer_than_the_record_of_its_consents() {
    let kept = |days: u32, retention: Value| {
        let purpose = json!({ "id": "n", "text": "Yes.", "version": "2", "retention_days": days });
        problems_of(&confirmed_with(json!({ "purpose": [purpose], "retention": retention })))
    };
    let above = |most: u32| {
        [format!("purpose[0].retention_days: must not be above consents_days of [retention], {most}")]
    };
    assert!(kept(1_096, json!({})).is_empty(), "the record is kept for as long as a purpose says");
    assert_eq!(kept(1_096, json!({ "consents_days": 1_095 })), above(1_095));
    assert!(kept(3_650, json!({ "consents_days": 3_650 })).is_empty());
    assert_eq!(kept(366, json!({ "consents_days": 365 })), above(365));
    assert_eq!(kept(4_000, json!({})), ["purpose[0].retention_days: must be 1 to 3650"]);
}

#[test]
fn what_a_new_file_offers_in_comments_is_right() {
    let template = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/src/template.toml");
    let is_key = |key: &str| key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let offered =
        |line: &&str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| is_key(key));
    let text = std::fs::read_to_string(template).expect("a text");
    let lines = text.lines().map(|line| line.strip_prefix("# ").filter(offered).unwrap_or(line));
    let mut file: Value = toml::from_str(&lines.collect::<Vec<_>>().join("\n")).expect("TOML");
    let managers = destination("account-managers", "https://crm.example.com/managers");
    file["destination"].as_array_mut().expect("destinations").push(managers);
    let campaign = campaign(&file);
    assert!(campaign.double_opt_in.is_some() && campaign.lists.len() == 1);
    assert!(campaign.destination("crm").is_some_and(|crm| crm.third_party));
    assert_eq!(campaign.retention.quarantine_ms, 30 * DAY);
}

#[test]
fn the_examples_are_good_and_only_their_addresses_are_for_development() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaigns");
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(folder).expect("examples") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let campaign = campaign(&toml::from_str(&text).expect("TOML"));
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(campaign.id.as_str()));
        assert_eq!(campaign.development_only().len(), campaign.destinations.len());
        ids.push(campaign.id);
    }
    assert!(ids.len() >= 4, "{ids:?}");
}
