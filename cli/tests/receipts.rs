//! `leadhook receipt verify`: genuine receipts in words, and all others refused.

use ed25519_dalek::{Signer as _, SigningKey};
use leadhook::base::crypto::{base64url, from_base64url};
use leadhook::base::keyring::Keyring;
use leadhook::contact::Email;
use leadhook::pipeline::consent::{compact, signing_input};
use leadhook::pipeline::lead::{Identifier, Identity, subject};
use leadhook::settings::Settings;
use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{done, folder, keys_file, read, refused, ring, write};

fn signer(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

pub fn jwks(keys: &[(&str, u8)]) -> Value {
    let key = |(kid, byte): &(&str, u8)| {
        let x = base64url(signer(*byte).verifying_key().as_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, "use": "sig" })
    };
    let mut keys: Vec<Value> = keys.iter().map(key).collect();
    keys.push(json!({ "kty": "EC", "crv": "P-256", "kid": "other", "x": "AA", "y": "AA" }));
    json!({ "keys": keys })
}

pub fn signed(kid: &str, byte: u8, payload: &Value) -> String {
    let input = signing_input(kid, &payload.to_string());
    compact(&input, &signer(byte).sign(input.as_bytes()).to_bytes())
}

pub fn pseudonym(email: &str) -> String {
    let settings = Settings::read(|name| match name {
        "LEADHOOK_PEPPERS" | "LEADHOOK_SEALING_KEYS" => Some(ring("p1", 1)),
        _ => None,
    });
    assert!(Keyring::parse(&ring("p1", 1)).is_ok());
    let identity = Identity::new(&settings.expect("settings"), "example-ab");
    let person = Identifier::Email(Email::parse(email).expect("an address"));
    subject(&identity.fingerprints_of(&person)[0])
}

pub fn payload() -> Value {
    json!({
        "version": "KI-CR-v1.1.0", "consentTimestamp": 1_795_356_000, "consentReceiptID": "rcpt_1",
        "piiPrincipalId": pseudonym("eva@acme.example"),
        "piiControllers": [{ "piiController": "Example AB", "email": "privacy@example.com",
                             "address": { "streetAddress": "not stated" } }],
        "services": [{ "service": "Guide", "purposes": [
            { "purpose": "Send me the \u{1b}[31mnewsletter.", "termination": "https://example.com/withdraw/x" } ] }],
        "record": {
            "campaign": "guide",
            "pii_processing": { "purposes": [{ "purpose": "newsletter", "wording":
                { "version": "2026-11", "sha256": "abc123", "version_shown": "2026-10" } }] },
            "events": [{ "event_state": "consent requested" }, { "event_state": "consent confirmed" }],
            "history": { "seq": 2, "head": "p1.HEAD" },
        },
    })
}

#[test]
fn a_genuine_receipt_is_said_in_words() {
    let folder = folder("receipt");
    write(&folder, "jwks.json", &jwks(&[("r2", 2), ("r1", 1)]).to_string());
    write(&folder, "r.jws", &format!("{}\n", signed("r1", 1, &payload())));
    let said = done(&folder, &["receipt", "verify", "r.jws", "--jwks", "jwks.json"]);
    let person = pseudonym("eva@acme.example");
    let lines: Vec<_> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "genuine, signed by the key \"r1\"",
            "receipt rcpt_1",
            "statement consent confirmed",
            "time 2026-11-22T14:00:00.000Z",
            &format!("person {person} (a pseudonym)"),
            r"purpose newsletter: Send me the \u{1b}[31mnewsletter.",
            "version 2026-11, shown 2026-10",
            "sha256 abc123",
            "controller Example AB, privacy@example.com",
            "campaign guide",
            "withdraw at https://example.com/withdraw/x",
            "history act 2, head p1.HEAD",
        ]
    );
    assert!(!said.contains('\u{1b}'), "what a receipt says steers no terminal");

    let set = jwks(&[("r1", 1)]);
    let server = Server::new(move |_, _| Answer::ok(&set));
    let address = format!("{}/.well-known/jwks.json", server.url);
    done(&folder, &["receipt", "verify", "r.jws", "--jwks", &address]);
    assert_eq!(server.asked()[0].what, "GET /.well-known/jwks.json");
    assert_eq!(server.asked()[0].authorization, "", "a public address gets no token");
    let said = refused(&folder, &["receipt", "verify", "r.jws", "--jwks", "http://example.com/jwks.json"]);
    assert!(said.contains("must begin with https"), "{said}");
}

#[test]
fn a_webhook_is_read_with_all_its_receipts() {
    let folder = folder("webhook");
    write(&folder, "jwks.json", &jwks(&[("r1", 1)]).to_string());
    let good = signed("r1", 1, &payload());
    let body = |receipts: &[&str]| {
        let mut consent: Vec<_> = receipts.iter().map(|receipt| json!({ "receipt": receipt })).collect();
        consent.push(json!({ "granted": false }));
        json!({ "type": "lead.qualified", "data": { "consent": consent } })
    };
    write(&folder, "body.json", &body(&[&good, &good]).to_string());
    let said = done(&folder, &["receipt", "verify", "body.json", "--jwks", "jwks.json"]);
    assert_eq!(said.matches("genuine").count(), 2);
    write(&folder, "body.json", &body(&[&good, &signed("r1", 2, &payload())]).to_string());
    assert!(
        refused(&folder, &["receipt", "verify", "body.json", "--jwks", "jwks.json"])
            .contains("signature is invalid")
    );
    write(&folder, "body.json", &body(&[]).to_string());
    assert!(
        refused(&folder, &["receipt", "verify", "body.json", "--jwks", "jwks.json"]).contains("no receipt")
    );
}

#[test]
fn a_receipt_that_is_not_genuine_is_refused_in_a_sentence() {
    let folder = folder("forged");
    write(&folder, "jwks.json", &jwks(&[("r1", 1)]).to_string());
    let good = signed("r1", 1, &payload());
    let parts: Vec<&str> = good.split('.').collect();
    let with_header = |header: Value| {
        let input = format!("{}.{}", base64url(header.to_string().as_bytes()), parts[1]);
        compact(&input, &signer(1).sign(input.as_bytes()).to_bytes())
    };
    let mut changed = payload();
    changed["piiPrincipalId"] = json!("p1.somebody");
    let changed = format!("{}.{}.{}", parts[0], base64url(changed.to_string().as_bytes()), parts[2]);
    let mut signature = from_base64url(parts[2]).expect("a signature");
    // S + L: what a lax verification takes for another signature of the same.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xff).expect("a byte");
        carry = sum >> 8;
    }
    let malleable = format!("{}.{}.{}", parts[0], parts[1], base64url(&signature));
    for (receipt, reason) in [
        (signed("r1", 2, &payload()), "the signature is invalid"),
        (changed, "the signature is invalid"),
        (malleable, "the signature is invalid"),
        (signed("r7", 1, &payload()), "an unknown key: \"r7\""),
        (signed("other", 1, &payload()), "an unknown key: \"other\""),
        (with_header(json!({ "alg": "none", "kid": "r1" })), "signed with \"none\"; only EdDSA"),
        (with_header(json!({ "alg": "HS256", "kid": "r1" })), "signed with \"HS256\"; only EdDSA"),
        (with_header(json!({ "kid": "r1" })), "only EdDSA"),
        (with_header(json!({ "alg": "EdDSA" })), "the key that signed it"),
        (with_header(json!({ "alg": "EdDSA", "kid": "r1", "crit": ["x"], "x": 1 })), "(crit)"),
        (format!("{}.{}.", parts[0], parts[1]), "its signature is truncated"),
        (format!("{}.{}", parts[0], parts[1]), "is damaged"),
        (good[1..].to_owned(), "is damaged"),
        (format!("{good}.x"), "is damaged"),
        (String::new(), "is damaged"),
    ] {
        write(&folder, "r.jws", &receipt);
        let said = refused(&folder, &["receipt", "verify", "r.jws", "--jwks", "jwks.json"]);
        assert!(said.contains(reason) && said.lines().count() == 1, "{reason}: {said}");
    }
    write(&folder, "r.jws", &good);
    for (set, reason) in [
        (json!({}).to_string(), "it has no keys"),
        ("<html>".to_owned(), "not a JWK set"),
        (
            json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "r1", "x": "AA" }] }).to_string(),
            "damaged",
        ),
        // The neutral point: every signature by it would fit everything.
        (
            json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "r1",
                               "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }] })
            .to_string(),
            "signature is invalid",
        ),
    ] {
        write(&folder, "bad.json", &set);
        let said = refused(&folder, &["receipt", "verify", "r.jws", "--jwks", "bad.json"]);
        assert!(said.contains(reason), "{reason}: {said}");
    }
}

#[test]
fn whom_a_receipt_is_about_is_known_to_who_has_the_pepper() {
    let folder = folder("whom");
    keys_file(&folder);
    write(&folder, "jwks.json", &jwks(&[("r1", 1)]).to_string());
    write(&folder, "r.jws", &signed("r1", 1, &payload()));
    let about = |email: &'static str, ledger: &'static str| {
        let start = ["receipt", "verify", "r.jws", "--jwks", "jwks.json", "--keys", "leadhook.keys"];
        [&start[..], &["--email", email, "--ledger", ledger]].concat()
    };
    let said = done(&folder, &about(" Eva@ACME.example ", "example-ab"));
    assert!(said.ends_with("about         the person with that address\n"), "{said}");
    assert!(refused(&folder, &about("eva@acme.example", "other")).contains("not about"));
    assert!(refused(&folder, &about("ada@acme.example", "example-ab")).contains("not about"));
    write(&folder, "leadhook.keys", &read(&folder, "leadhook.keys").replace("p1:", "p2:"));
    let said = refused(&folder, &about("eva@acme.example", "example-ab"));
    assert!(said.contains("cannot tell whom it is about: leadhook.keys has no pepper \"p1\""), "{said}");

    keys_file(&folder);
    let erased = json!({
        "type": "erasure", "id": "er_1", "erased_at": "2026-11-22T14:00:00.000Z",
        "subject": pseudonym("eva@acme.example"),
        "ledgers": [{ "ledger": "example-ab", "leads": ["lead_1"], "submissions": 2 }],
    });
    write(&folder, "r.jws", &signed("r1", 1, &erased));
    let said = done(&folder, &about("eva@acme.example", "example-ab"));
    for line in ["statement a person was erased", "erased at 2026-11-22T14:00:00.000Z", "submissions 2"] {
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(line), "{line}: {said}");
    }
    assert!(said.ends_with("about         the person with that address\n"), "{said}");
}
