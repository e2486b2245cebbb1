//! `leadhook lists`: uploads that only hashes leave the machine for, and lists that are emptied.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use leadhook::base::country::Country;
use leadhook::base::keyring::Keyring;
use leadhook::contact::{Email, Phone};
use leadhook::pipeline::lead::{Identifier, list_tag};
use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{done, folder, keys_file, leadhook, refused, ring, text, write};

fn tag(identifier: &Identifier) -> String {
    list_tag(&Keyring::parse(&ring("l1", 3)).expect("a ring"), "example-ab", identifier)
}

fn email(text: &str) -> String {
    tag(&Identifier::Email(Email::parse(text).expect("an address")))
}

fn phone(text: &str) -> String {
    tag(&Identifier::Phone(Phone::parse(text, Country::parse("SE")).expect("a number")))
}

/// Answers that everything was new.
fn taking() -> Server {
    Server::new(|asked, _| {
        let count = |key: &str| asked.body[key].as_array().map(Vec::len);
        Answer::ok(&match (count("add"), count("remove")) {
            (Some(count), _) => json!({ "added": count }),
            (_, Some(count)) => json!({ "removed": count }),
            _ => json!({ "cleared": 7 }),
        })
    })
}

fn import<'a>(file: &'a str, url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = ["list", "import", file, "--list", "customers", "--ledger", "example-ab"];
    [&start[..], &["--keys", "leadhook.keys", "--url", url], more].concat()
}

#[test]
fn only_hashes_of_a_file_leave_the_machine() {
    let folder = folder("import");
    keys_file(&folder);
    let rows = "\u{feff}Name;E-Mail;Mobil\n\
                Eva;eva@acme.example;070-174 06 05\n\
                Ada; ADA@acme.example ;\n\
                \n\
                \"Eva\nagain\";Eva@Acme.example;+46701740605\n\
                Bo;bo(at)acme.example;0701740606\n\
                Cy;;\n\
                Di;di.x+y@gmail.com;not a phone\n";
    write(&folder, "customers.csv", rows);
    let server = taking();
    let more = ["--phone-column", "mobil", "--country", "SE", "--delimiter", ";"];
    let output = leadhook(&folder, &import("customers.csv", &server.url, &more));
    assert_eq!(text(&output.stdout), "customers: 6 rows, 5 uploaded, 5 new, 3 unreadable\n");
    let said = text(&output.stderr);
    assert_eq!(said, "unreadable at line 7, 8, 9\n");
    let asked = server.asked();
    assert_eq!(asked[0].what, "POST /admin/api/lists/customers?ledger=example-ab");
    let expected = [
        email("eva@acme.example"),
        phone("0701740605"),
        email("ada@acme.example"),
        phone("0701740606"),
        email("dix@gmail.com"),
    ];
    assert_eq!(asked[0].body, json!({ "add": expected }));
    assert!(!asked[0].body.to_string().contains("acme"));

    let remove = [&["list", "remove"], &import("customers.csv", &server.url, &more)[2..]].concat();
    assert!(done(&folder, &remove).contains("5 uploaded, 5 removed"));
    assert_eq!(server.asked()[1].body, json!({ "remove": expected }));
}

#[test]
fn a_file_that_does_not_fit_is_refused_without_showing_anybody() {
    let folder = folder("columns");
    keys_file(&folder);
    let server = taking();
    for (file, more, reason) in [
        (
            "Namn,Epost\n",
            &[][..],
            "no column email, e-mail or mail; it has Namn, Epost. Name one with --column",
        ),
        ("Namn;Mail\n", &[], "it has Namn;Mail (try --delimiter ';')"),
        ("Namn,Mail\n", &["--column", "Epost"], "no column \"Epost\"; it has Namn, Mail"),
        ("Namn,Mail\n", &["--phone-column", "Tel"], "no column \"Tel\""),
        ("Eva,eva@acme.example\n", &[], "its first line holds data"),
        ("mail\n", &["--country", "Sweden"], "--country"),
        ("mail\n", &["--delimiter", "å"], "--delimiter"),
    ] {
        write(&folder, "f.csv", file);
        let said = refused(&folder, &import("f.csv", &server.url, more));
        assert!(said.contains(reason) && !said.contains("eva@"), "{reason}: {said}");
    }
    write(&folder, "f.csv", "Epost\neva@acme.example\n");
    let said = done(&folder, &import("f.csv", &server.url, &["--column", " EPOST"]));
    assert!(said.starts_with("customers: 1 rows, 1 uploaded"));
    let mut named = import("f.csv", &server.url, &[]);
    named[4] = "../campaigns";
    assert!(refused(&folder, &named).contains("is not a valid list name"));
    write(&folder, "leadhook.keys", "LEADHOOK_ADMIN_TOKEN=x\n");
    let said = refused(&folder, &import("f.csv", &server.url, &[]));
    assert!(
        said.contains("LEADHOOK_LIST_KEYS is not in leadhook.keys; run leadhook keys export lists"),
        "{said}"
    );
}

#[test]
fn a_hundred_thousand_rows_go_in_batches() {
    let folder = folder("many");
    keys_file(&folder);
    let mut rows = String::from("email\n");
    for at in 0..100_000 {
        writeln!(rows, "person{}@acme.example", at % 99_000).expect("written");
    }
    write(&folder, "many.csv", &rows);
    let server = Server::new(|asked, before| match before {
        3 => Answer::fault(),
        _ => Answer::ok(&json!({ "added": asked.body["add"].as_array().map_or(0, Vec::len) })),
    });
    let began = Instant::now();
    let output = leadhook(&folder, &import("many.csv", &server.url, &[]));
    assert_eq!(text(&output.stdout), "customers: 100000 rows, 99000 uploaded, 99000 new, 0 unreadable\n");
    assert!(began.elapsed().as_secs() < 120);
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 6);
    assert!(said.starts_with("15000 rows read, 15000 sent\n"));
    let asked = server.asked();
    assert_eq!(asked.len(), 67);
    let sizes: BTreeSet<_> =
        asked.iter().map(|asked| asked.body["add"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, BTreeSet::from([1_500]));
    assert_eq!(asked[3].body, asked[4].body, "a batch that was refused is sent again");
}

#[test]
fn an_upload_that_stops_says_how_far_it_came() {
    let folder = folder("stopped");
    keys_file(&folder);
    let rows: String = (0..2_000).map(|at| format!("p{at}@acme.example\n")).collect();
    write(&folder, "f.csv", &format!("email\n{rows}"));
    let server = Server::new(|_, before| match before {
        0 => Answer::ok(&json!({ "added": 1_400 })),
        _ => Answer { status: 413, headers: "", body: json!({ "title": "Too large" }).to_string() },
    });
    let said = refused(&folder, &import("f.csv", &server.url, &[]));
    assert!(said.contains("413: Too large\n1500 hashes were sent before; run it again"), "{said}");
}

#[test]
fn lists_are_shown_and_emptied_and_one_person_suppressed() {
    let folder = folder("lists");
    keys_file(&folder);
    let lists = json!({ "lists": [
        { "ledger": "a", "list": "customers", "entries": 2 }, { "ledger": "b", "list": "suppressed", "entries": 1 },
    ]});
    let server = Server::new(move |_, _| Answer::ok(&lists));
    let url = server.url.as_str();
    let all = "a  customers  2 entries\nb  suppressed  1 entries\n";
    assert_eq!(done(&folder, &["list", "show", "--url", url]), all);
    assert_eq!(done(&folder, &["list", "show", "--ledger", "b", "--url", url]), "b  suppressed  1 entries\n");
    assert_eq!(server.asked()[0].what, "GET /admin/api/lists");
    assert_eq!(server.asked()[1].what, "GET /admin/api/lists?ledger=b");

    let server = taking();
    let url = server.url.as_str();
    let said = done(&folder, &["list", "clear", "customers", "--ledger", "example-ab", "--url", url]);
    assert_eq!(said, "customers: 7 entries removed; the list is empty now\n");
    let one =
        ["--email", "Eva@acme.example", "--ledger", "example-ab", "--keys", "leadhook.keys", "--url", url];
    assert!(done(&folder, &[&["suppress"], &one[..]].concat()).contains("is not contacted"));
    // Under an older list key the person may stand on the list too.
    let older =
        format!("LEADHOOK_LIST_KEYS=\"{},{}\"\nLEADHOOK_ADMIN_TOKEN=x\n", ring("l2", 4), ring("l1", 3));
    write(&folder, "leadhook.keys", &older);
    assert!(done(&folder, &[&["unsuppress"], &one[..]].concat()).contains("removed from the list"));
    let bodies: Vec<Value> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies[..2], [json!({ "clear": true }), json!({ "add": [email("eva@acme.example")] })]);
    let removed: Vec<_> =
        bodies[2]["remove"].as_array().expect("tags").iter().filter_map(Value::as_str).collect();
    assert!(removed[0].starts_with("email.l2.") && removed[1] == email("eva@acme.example"));
    let asked = server.asked();
    assert_eq!(asked[1].what, "POST /admin/api/lists/suppressed?ledger=example-ab");
}
