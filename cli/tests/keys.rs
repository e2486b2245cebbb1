//! `leadhook keys`: made, rotated, exported and retired.

use std::fs;
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use leadhook::base::crypto::base64;
use leadhook::base::keyring::{Keyring, SigningKeys};
use leadhook::pipeline::webhook::SigningSecret;
use serde_json::json;

use super::server::{Answer, Server};
use super::{done, folder, read, refused, write};

fn value(folder: &Path, name: &str) -> String {
    let file = read(folder, "leadhook.keys");
    let prefix = format!("{name}=\"");
    let found: Vec<_> = file.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
    assert_eq!(found.len(), 1, "{name} stands there once");
    found[0].trim_end_matches('"').to_owned()
}

fn ids(folder: &Path, name: &str) -> Vec<String> {
    let value = value(folder, name);
    if name == "LEADHOOK_SIGNING_KEYS" {
        return SigningKeys::parse(&value).expect("keys").all().map(|key| key.id.clone()).collect();
    }
    Keyring::parse(&value).expect("a ring").all().map(|key| key.id.clone()).collect()
}

#[test]
fn make_adds_what_is_missing_and_shows_no_secret() {
    let folder = folder("make");
    let said = done(&folder, &["keys", "make"]);
    let names = [
        "LEADHOOK_PEPPERS",
        "LEADHOOK_SEALING_KEYS",
        "LEADHOOK_SIGNING_KEYS",
        "LEADHOOK_LIST_KEYS",
        "LEADHOOK_ADMIN_TOKEN",
    ];
    for (name, id) in names.into_iter().zip(["p1", "s1", "r1", "l1"]) {
        assert_eq!(ids(&folder, name), [id]);
    }
    assert!(said.ends_with(&format!("leadhook deploy --put {}\n", names.join(","))), "{said}");
    for name in names {
        assert!(!said.contains(value(&folder, name).rsplit(':').next().expect("a key")), "{name} is shown");
    }
    assert_eq!(value(&folder, "LEADHOOK_ADMIN_TOKEN").len(), 32);
    let pair = SigningKeys::parse(&value(&folder, "LEADHOOK_SIGNING_KEYS")).expect("keys");
    let pair = pair.current().expect("a key");
    let seed = pair.seed.as_ref().expect("a seed").bytes().try_into().expect("32 bytes");
    assert_eq!(SigningKey::from_bytes(seed).verifying_key().as_bytes(), &pair.public);

    let before = read(&folder, "leadhook.keys");
    assert!(done(&folder, &["keys", "make"]).contains("no key is missing"));
    assert_eq!(read(&folder, "leadhook.keys"), before);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn a_file_is_for_its_owner_alone_and_its_other_lines_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder("lines");
    let lines = "# mine\r\nLEADHOOK_ENV=dev\n\n export LEADHOOK_PEPPERS = 'k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' # old\nCRM=\"a=b\"";
    write(&folder, ".dev.vars", lines);
    done(&folder, &["keys", "rotate", "peppers", "--file", ".dev.vars"]);
    let file = read(&folder, ".dev.vars");
    let (before, rest) = file.split_once("export LEADHOOK_PEPPERS = \"k2:").expect("the ring");
    assert_eq!(before, "# mine\r\nLEADHOOK_ENV=dev\n\n ");
    assert!(
        rest.ends_with(",k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" # old\nCRM=\"a=b\""),
        "{rest}"
    );
    done(&folder, &["keys", "make", "--file", ".dev.vars"]);
    assert!(read(&folder, ".dev.vars").starts_with(&format!("{file}\nLEADHOOK_SEALING_KEYS=\"s1:")));
    let mode = fs::metadata(folder.join(".dev.vars")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_rotation_puts_the_next_id_in_front_and_keeps_the_older_keys() {
    let folder = folder("rotate");
    done(&folder, &["keys", "make"]);
    for (ring, name, expected) in [
        ("peppers", "LEADHOOK_PEPPERS", ["p3", "p2", "p1"]),
        ("sealing", "LEADHOOK_SEALING_KEYS", ["s3", "s2", "s1"]),
        ("signing", "LEADHOOK_SIGNING_KEYS", ["r3", "r2", "r1"]),
    ] {
        let first = value(&folder, name);
        done(&folder, &["keys", "rotate", ring]);
        let said = done(&folder, &["keys", "rotate", ring]);
        assert!(said.ends_with(&format!("leadhook deploy --put {name}\n")), "{said}");
        assert_eq!(ids(&folder, name), expected);
        assert!(value(&folder, name).ends_with(&format!(",{first}")));
    }
    let lists = value(&folder, "LEADHOOK_LIST_KEYS");
    assert!(refused(&folder, &["keys", "rotate", "lists"]).contains("cannot be computed again without"));
    assert_eq!(value(&folder, "LEADHOOK_LIST_KEYS"), lists);
    assert_eq!(done(&folder, &["keys", "export", "lists"]), format!("LEADHOOK_LIST_KEYS=\"{lists}\"\n"));

    let odd = |id: &str| format!("LEADHOOK_PEPPERS=\"{id}:{}\"\n", base64(&[7; 32]));
    for (id, next) in [("main-key", "main-key1"), ("k9", "k10"), ("2026", "2027")] {
        write(&folder, "odd", &odd(id));
        done(&folder, &["keys", "rotate", "peppers", "--file", "odd"]);
        assert!(read(&folder, "odd").contains(&format!("\"{next}:")), "{id}");
    }
    write(&folder, "odd", &odd("abcdefghijklmnop"));
    assert!(refused(&folder, &["keys", "rotate", "peppers", "--file", "odd"]).contains("1 to 16"));
    assert_eq!(read(&folder, "odd"), odd("abcdefghijklmnop"), "nothing is written that cannot be read");
}

#[test]
fn a_destination_has_two_secrets_while_it_rotates() {
    let folder = folder("destination");
    write(&folder, "leadhook.keys", "");
    let rotate = ["keys", "rotate", "destination", "CRM_WEBHOOK_SECRET"];
    assert!(refused(&folder, &rotate).contains("CRM_WEBHOOK_SECRET is not in leadhook.keys"));
    let first = format!("whsec_{}", base64(&[1; 32]));
    write(&folder, "leadhook.keys", &format!("CRM_WEBHOOK_SECRET={first}\n"));
    for expected in [2, 2] {
        let before = read(&folder, "leadhook.keys");
        let said = done(&folder, &rotate);
        let value = value(&folder, "CRM_WEBHOOK_SECRET");
        let secrets: Vec<_> = value.split(' ').collect();
        assert_eq!(secrets.len(), expected);
        assert!(before.contains(secrets[1]) && !before.contains(secrets[0]) && !said.contains(secrets[0]));
        assert!(SigningSecret::parse(&value).is_some());
    }
    let current = value(&folder, "CRM_WEBHOOK_SECRET");
    let retire = ["keys", "retire", "destination", "CRM_WEBHOOK_SECRET"];
    done(&folder, &retire);
    assert_eq!(value(&folder, "CRM_WEBHOOK_SECRET"), current.split(' ').next().expect("one"));
    assert!(refused(&folder, &retire).contains("only one secret"));
    assert!(refused(&folder, &["keys", "rotate", "destination"]).contains("CRM_WEBHOOK_SECRET"));
    assert!(
        refused(&folder, &["keys", "rotate", "destination", "LEADHOOK_PEPPERS"]).contains("not the secret")
    );
}

#[test]
fn a_key_that_signs_no_more_still_verifies() {
    let folder = folder("signing");
    done(&folder, &["keys", "make"]);
    assert!(refused(&folder, &["keys", "retire", "signing", "r1"]).contains("is the current key"));
    let first = SigningKeys::parse(&value(&folder, "LEADHOOK_SIGNING_KEYS")).expect("keys");
    let seed = first.current().and_then(|key| key.seed.clone()).expect("a seed");
    let signature = SigningKey::from_bytes(seed.bytes().try_into().expect("32 bytes")).sign(b"receipt");
    done(&folder, &["keys", "rotate", "signing"]);
    done(&folder, &["keys", "retire", "signing", "r1"]);
    let value = value(&folder, "LEADHOOK_SIGNING_KEYS");
    let keys = SigningKeys::parse(&value).expect("keys");
    let retired = keys.all().nth(1).expect("two keys");
    assert_eq!((retired.id.as_str(), retired.seed.is_none()), ("r1", true));
    let public = VerifyingKey::from_bytes(&retired.public).expect("a key");
    assert!(public.verify_strict(b"receipt", &signature).is_ok());
    assert!(!value.contains(base64(seed.bytes()).trim_end_matches('=').get(..40).expect("a part")));
    assert!(refused(&folder, &["keys", "retire", "signing", "r1"]).contains("already retired"));
    assert!(refused(&folder, &["keys", "retire", "signing", "r9"]).contains("no key \"r9\""));
}

#[test]
fn a_key_is_retired_when_no_row_names_it() {
    let folder = folder("retire");
    done(&folder, &["keys", "make"]);
    done(&folder, &["keys", "rotate", "peppers"]);
    done(&folder, &["keys", "rotate", "sealing"]);
    let ledgers = json!({ "ledgers": [
        { "ledger": "a", "in_use": { "peppers": { "p1": 12, "p2": 3 }, "sealing": { "s2": 3 }, "lists": {} } },
        { "ledger": "b", "in_use": { "peppers": { "p1": 5 }, "sealing": { "s0": 2 }, "lists": { "l1": 2 } } },
    ]});
    let server = Server::new(move |_, _| Answer::ok(&ledgers));
    let url = server.url.as_str();
    let before = read(&folder, "leadhook.keys");
    let said = refused(&folder, &["keys", "retire", "peppers", "p1", "--url", url]);
    assert_eq!(said, "p1 is still needed by 12 rows of a, 5 rows of b; nothing was changed\n");
    assert!(refused(&folder, &["keys", "retire", "peppers", "p1"]).contains("--url"));
    assert!(refused(&folder, &["keys", "retire", "peppers", "p2", "--force"]).contains("is the current key"));
    assert!(refused(&folder, &["keys", "retire", "lists", "l1"]).contains("never rotated or retired"));
    assert_eq!(read(&folder, "leadhook.keys"), before);

    let status = done(&folder, &["keys", "status", "--url", url]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let status: Vec<_> = status.lines().map(words).collect();
    assert_eq!(
        status,
        [
            "peppers (LEADHOOK_PEPPERS)",
            "p2 3 rows; current",
            "p1 17 rows; cannot be retired yet",
            "sealing (LEADHOOK_SEALING_KEYS)",
            "s2 3 rows; current",
            "s1 0 rows; can be retired: leadhook keys retire sealing s1",
            "s0 2 rows; it is not in leadhook.keys",
            "lists (LEADHOOK_LIST_KEYS)",
            "l1 2 rows; stays, list keys are never rotated",
            "signing (LEADHOOK_SIGNING_KEYS)",
            "r1 current",
        ]
    );
    done(&folder, &["keys", "retire", "sealing", "s1", "--url", url]);
    assert_eq!(ids(&folder, "LEADHOOK_SEALING_KEYS"), ["s2"]);
    done(&folder, &["keys", "retire", "peppers", "p1", "--force"]);
    assert_eq!(ids(&folder, "LEADHOOK_PEPPERS"), ["p2"]);
    assert!(server.asked().iter().all(|asked| asked.what == "GET /admin/api/keys"));
}

#[test]
fn an_answer_with_a_gap_retires_nothing() {
    let folder = folder("gap");
    done(&folder, &["keys", "make"]);
    done(&folder, &["keys", "rotate", "peppers"]);
    for answer in [
        json!({}),
        json!({ "ledgers": [{ "ledger": "a" }] }),
        json!({ "ledgers": [{ "ledger": "a", "in_use": { "sealing": {} } }] }),
        json!({ "ledgers": [{ "ledger": "a", "in_use": { "peppers": { "p1": "many" } } }] }),
    ] {
        let server = Server::new(move |_, _| Answer::ok(&answer));
        let said = refused(&folder, &["keys", "retire", "peppers", "p1", "--url", &server.url]);
        assert!(said.contains("does not state"), "{said}");
    }
    assert_eq!(ids(&folder, "LEADHOOK_PEPPERS"), ["p2", "p1"]);
}

#[test]
fn a_file_that_is_not_as_it_should_be_is_left_as_it_is() {
    let folder = folder("wrong");
    for (lines, reason) in [
        ("LEADHOOK_PEPPERS=\"p1:short\"\n", "LEADHOOK_PEPPERS: "),
        ("LEADHOOK_PEPPERS=\"\"\nLEADHOOK_PEPPERS=\"\"\n", "is set twice"),
    ] {
        write(&folder, "leadhook.keys", lines);
        for command in ["make", "rotate"] {
            let args =
                if command == "make" { vec!["keys", "make"] } else { vec!["keys", "rotate", "peppers"] };
            assert!(refused(&folder, &args).contains(reason));
        }
        assert_eq!(read(&folder, "leadhook.keys"), lines);
    }
}
