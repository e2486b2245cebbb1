//! Secrets of destinations: one that signs is never sent; one that is sent never signs, and goes only to the hosts that
//! the operator has bound it to. Judged when a campaign is published, and again when the secret is used.

use leadhook::app::ports::Ports as _;
use leadhook::campaign::{Campaign, SecretHosts};
use leadhook::http::request::Method;
use leadhook::http::response::Response;
use leadhook::settings::Settings;
use leadhook::testing::world::{MAIL_TOKEN, SECRET, request};
use pollster::block_on;
use serde_json::{Value, json};

use crate::support::person::confirmed_guide;
use crate::support::*;

const ANN: &str = "email=ann%40example.org&consent.newsletter=on";
const BODY: &str = "{to} {text}";

/// A site whose operator has bound this, for development or not.
fn site(hosts: &str, development: bool) -> Site {
    let mut site = Site::new(&[]);
    site.set_settings(|settings| {
        settings.secret_hosts = SecretHosts::parse(hosts).expect("hosts");
        settings.development = development;
    });
    site
}

fn bind(site: &mut Site, hosts: &str) {
    site.set_settings(|settings| settings.secret_hosts = SecretHosts::parse(hosts).expect("hosts"));
}

fn put(site: &Site, file: &Value) -> Response {
    let path = format!("/admin/api/campaigns/{}", file["id"].as_str().expect("an id"));
    site.send(&request(Method::Put, &path, "application/json", &file.to_string()))
}

/// `field: detail` of each problem; nothing where it was published.
fn refused(site: &Site, file: &Value) -> Vec<String> {
    refusals(&put(site, file))
}

fn provider(url: &str, secret: &str) -> Value {
    json!({ "name": "mail", "kind": "email", "url": url, "secret": secret, "body": { "To": BODY } })
}

/// A campaign of an id, with its own ledger, whose mails go to a provider at this address by this secret.
fn asking(id: &str, url: &str, secret: &str) -> Value {
    let destinations = json!([destination("crm", "https://crm.example.com/crm"), provider(url, secret)]);
    confirmed_guide(json!({ "id": id, "ledger": id, "destination": destinations }))
}

/// A campaign whose webhooks are signed by this secret.
fn signing(id: &str, secret: &str) -> Value {
    let crm = edited(destination("crm", "https://crm.example.com/crm"), json!({ "secret": secret }));
    guide_with(json!({ "id": id, "ledger": id, "destination": [crm] }))
}

/// Puts a campaign where an operator of the account can: past every check.
fn store(site: &Site, file: &Value) {
    let id = file["id"].as_str().expect("an id");
    let stored = json!({ "format": 1, "campaign": file }).to_string();
    block_on(site.kv_put(&format!("campaign/v1/{id}"), &stored)).expect("KV");
    site.pass(MINUTE);
}

/// The outcomes of a ledger's attempts, in order.
fn outcomes(site: &Site, ledger: &str) -> Vec<String> {
    let rows = site.rows(ledger, "SELECT attempts FROM delivery ORDER BY delivery_id");
    let attempts = rows.iter().flat_map(|row| {
        let attempts: Vec<Value> = serde_json::from_str(row[0].as_str().expect("JSON")).expect("attempts");
        attempts
    });
    attempts.map(|attempt| attempt["outcome"].as_str().expect("an outcome").to_owned()).collect()
}

const MAIL: &str = "https://api.mail.example/send";

#[test]
fn a_setting_binds_names_to_hosts_or_none_and_the_doctor_says_so() {
    let key = |byte: &str| format!("k1:{}", leadhook::base::crypto::base64(byte.repeat(32).as_bytes()));
    let read = |hosts: &str| {
        Settings::read(|name| match name {
            "LEADHOOK_PEPPERS" => Some(key("p")),
            "LEADHOOK_SEALING_KEYS" => Some(key("s")),
            "LEADHOOK_SECRET_HOSTS" => Some(hosts.to_owned()),
            _ => None,
        })
    };
    let hosts =
        read(" A=API.Mail.example. , A=mail2.example,,B=[::1], C=Blåbär.example,D=127.1,").expect("settings");
    let hosts = hosts.secret_hosts;
    for (name, host) in [
        ("A", "api.mail.example"),
        ("A", "api.mail.example."),
        ("A", "mail2.example"),
        ("B", "[::1]"),
        ("C", "xn--blbr-noae.example"),
        ("D", "127.0.0.1"),
    ] {
        assert_eq!(hosts.judge(name, "token", host, false), Ok(()), "{name} {host}");
    }
    for (name, host) in
        [("A", "mail.example"), ("A", "x.api.mail.example"), ("B", "127.0.0.1"), ("E", "mail2.example")]
    {
        assert!(hosts.judge(name, "token", host, false).is_err(), "{name} {host}");
    }
    assert_eq!(read("").expect("settings").secret_hosts, SecretHosts::default());
    for wrong in [
        "MAIL_API_TOKEN",
        "=api.mail.example",
        "mail=api.mail.example",
        "LEADHOOK_PEPPERS=api.mail.example",
        "MAIL=",
        "MAIL=.",
        "MAIL=https://api.mail.example",
        "MAIL=api.mail.example/send",
        "MAIL=api.mail.example:443",
        "MAIL=[::1]:443",
        "MAIL=a@api.mail.example",
        "MAIL=api.mail.example?x",
        "MAIL=api.mail.example\\x",
        "MAIL=*.mail.example",
        "MAIL=api mail.example",
        "MAIL=a=b",
        "MAIL=1.2.3.4.5",
    ] {
        let settings = read(wrong).expect("settings");
        let nothing = (SecretHosts::default(), true);
        assert_eq!((settings.secret_hosts, settings.is_secret_hosts_wrong), nothing, "{wrong}");
    }
    let mut site = Site::new(&[guide()]);
    site.set_settings(|settings| settings.is_secret_hosts_wrong = true);
    let told = site.admin(Method::Get, "doctor")["findings"].to_string();
    assert!(told.contains("secret_hosts_wrong"), "{told}");
}

#[test]
fn outside_development_a_token_goes_to_the_host_alone_that_it_is_bound_to() {
    let mut site = site("", false);
    let unbound = "is bound to no host: add MAIL_TOKEN=api.mail.example to LEADHOOK_SECRET_HOSTS";
    assert_eq!(
        refused(&site, &asking("a", MAIL, "MAIL_TOKEN")),
        [format!("destination[1].secret: {unbound}")]
    );
    bind(&mut site, "MAIL_TOKEN=api.mail.example, OTHER=evil.example");
    for url in ["https://evil.example/", "https://api.mail.example.evil.example/", "https://mail.example/"] {
        let told = refused(&site, &asking("a", url, "MAIL_TOKEN"));
        assert!(
            told[0].starts_with("destination[1].secret: is bound to another host: MAIL_TOKEN="),
            "{told:?}"
        );
        assert_eq!(told.len(), 1, "{told:?}");
    }
    assert!(block_on(site.kv_list("campaign/")).expect("KV").is_empty());
    // However its host is spelt, and at whatever port.
    for url in [MAIL, "https://API.mail.example.:8443/send", "https://api.mail.ｅxample/"] {
        assert_eq!(refused(&site, &asking("a", url, "MAIL_TOKEN")), [""; 0], "{url}");
    }
    site.deliver("a", ANN);
    assert_eq!(outcomes(&site, "a"), ["status 200"]);
}

#[test]
fn what_was_published_is_judged_again_when_it_is_sent_and_heals() {
    let mut site = site("MAIL_TOKEN=api.mail.example", false);
    store(&site, &asking("a", "https://evil.example/", "MAIL_TOKEN"));
    store(&site, &asking("b", MAIL, "MAIL_UNBOUND"));
    store(&site, &asking("c", MAIL, "CRM_SECRET"));
    for id in ["a", "b", "c"] {
        site.deliver(id, ANN);
    }
    assert_eq!(outcomes(&site, "a"), ["secret_unbound"]);
    assert_eq!(outcomes(&site, "b"), ["secret_unbound"]);
    assert_eq!(outcomes(&site, "c"), ["secret_signs"]);
    assert!(site.received().is_empty());
    bind(&mut site, "MAIL_TOKEN=api.mail.example,MAIL_UNBOUND=api.mail.example,CRM_SECRET=api.mail.example");
    store(&site, &asking("a", MAIL, "MAIL_TOKEN"));
    site.pass(30 * MINUTE);
    for id in ["a", "b"] {
        assert_eq!(outcomes(&site, id).last().map(String::as_str), Some("status 200"), "{id}");
    }
    assert!(!outcomes(&site, "c").contains(&"status 200".to_owned()), "binding makes no token of it");
    assert_eq!(site.received().len(), 2);
}

#[test]
fn a_value_that_signs_is_never_sent_in_development_neither() {
    for value in [
        SECRET,
        &format!("{SECRET} whsec_bm90IHRoaXMgb25lLCBidXQgbG9uZyBlbm91Z2g="),
        &format!("token {SECRET}"),
        &format!("token\t{SECRET}"),
        &format!("\u{a0}\u{feff}{SECRET}\n"),
        &format!("\"{SECRET}\""),
        "WHSEC_abc",
        "whsec_",
    ] {
        for (hosts, development) in
            [("", true), ("TOKEN=api.mail.example", true), ("TOKEN=api.mail.example", false)]
        {
            let site = site(hosts, development);
            site.set_secret("TOKEN", value);
            let told = refused(&site, &asking("a", MAIL, "TOKEN"));
            let why = "has a value that begins with whsec_: a secret that signs is never sent";
            assert_eq!(told, [format!("destination[1].secret: {why}")], "{value:?}");
            store(&site, &asking("a", MAIL, "TOKEN"));
            site.deliver("a", ANN);
            assert_eq!(outcomes(&site, "a"), ["secret_signs"], "{value:?}");
        }
    }
    let site = site("", true);
    site.set_secret("TOKEN", "abc-awhsec_def");
    assert_eq!(refused(&site, &asking("a", MAIL, "TOKEN")), [""; 0]);
}

#[test]
fn a_name_that_signs_is_never_sent_and_one_that_is_sent_never_signs() {
    let site = site("", true);
    // Values that would pass: the name alone says what it is for.
    for name in ["SHARED", "MAIL_TOKEN", "TURNSTILE_SECRET"] {
        site.set_secret(name, "0x4plain");
    }
    let own = asking("a", MAIL, "CRM_SECRET");
    assert_eq!(refused(&site, &own), ["destination[1].secret: signs what goes to crm, so it is never sent"]);
    assert!(Campaign::accept(&own).is_err(), "the file alone shows it");

    assert_eq!(refused(&site, &signing("signer", "SHARED")), [""; 0]);
    let why = "signs the webhooks of the campaign signer, so it is never sent";
    assert_eq!(refused(&site, &asking("a", MAIL, "SHARED")), [format!("destination[1].secret: {why}")]);
    let turnstile = json!({ "site_key": "0x4AAAAAAAexample", "secret": "SHARED" });
    let guarded = guide_with(json!({ "id": "guarded", "ledger": "guarded", "turnstile": turnstile }));
    assert_eq!(refused(&site, &guarded), [format!("turnstile.secret: {why}")]);
    // Once it signs no more, it may be a token.
    assert_eq!(refused(&site, &signing("signer", "CRM_SECRET")), [""; 0]);
    assert_eq!(refused(&site, &asking("a", MAIL, "SHARED")), [""; 0]);
    let why = "is sent as it is by the campaign a, so it never signs";
    assert_eq!(refused(&site, &signing("signer", "SHARED")), [format!("destination[0].secret: {why}")]);
    assert_eq!(
        refused(&site, &asking("a", MAIL, "SHARED")),
        [""; 0],
        "its own older self is no other campaign"
    );

    let own = edited(
        guarded.clone(),
        json!({ "turnstile": { "site_key": "0x4AAAAAAAexample", "secret": "CRM_SECRET" } }),
    );
    assert_eq!(refused(&site, &own), ["turnstile.secret: signs what goes to crm, so it is never sent"]);
    let turnstile = json!({ "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET" });
    assert_eq!(refused(&site, &edited(guarded, json!({ "turnstile": turnstile }))), [""; 0]);
    let why = "is sent as it is by the campaign guarded, so it never signs";
    assert_eq!(refused(&site, &signing("s", "TURNSTILE_SECRET")), [format!("destination[0].secret: {why}")]);
}

#[test]
fn whoever_would_send_what_signs_keeps_nobody_from_signing() {
    let site = site("", true);
    // As the commit before published it.
    store(&site, &asking("thief", "https://evil.example/", "CRM_SECRET"));
    assert_eq!(refused(&site, &signing("signer", "CRM_SECRET")), [""; 0]);
    site.deliver("signer", ANN);
    assert_eq!(outcomes(&site, "signer"), ["status 200"]);
    site.deliver("thief", ANN);
    assert_eq!(outcomes(&site, "thief"), ["secret_signs"]);
}

#[test]
fn a_name_that_is_bound_never_signs() {
    for development in [true, false] {
        let site = site("CRM_SECRET=crm.example.com", development);
        let why = "is bound to a host by LEADHOOK_SECRET_HOSTS, so it never signs";
        assert_eq!(refused(&site, &signing("a", "CRM_SECRET")), [format!("destination[0].secret: {why}")]);
    }
}

#[test]
fn the_ledger_knows_what_its_campaigns_sign_with() {
    let site = site("", true);
    site.set_secret("SHARED", "plain");
    let ledger = json!({ "ledger": "example-ab" });
    let (signer, asker) = (
        edited(signing("signer", "SHARED"), ledger.clone()),
        edited(asking("asker", MAIL, "SHARED"), ledger),
    );
    site.republish(&signer);
    store(&site, &asker);
    // The ledger has not met the signer yet, and there the name is a token.
    site.set_secret("SHARED", MAIL_TOKEN);
    site.deliver("asker", ANN);
    assert_eq!(outcomes(&site, "example-ab"), ["status 200"]);
    site.deliver("signer", "email=bo%40example.org&consent.newsletter=on");
    site.deliver("asker", "email=cy%40example.org&consent.newsletter=on");
    assert!(
        outcomes(&site, "example-ab").contains(&"secret_signs".to_owned()),
        "{:?}",
        outcomes(&site, "example-ab")
    );
    // And it follows: with the signer's next lead.
    site.republish(&edited(signing("signer", "CRM_SECRET"), json!({ "ledger": "example-ab" })));
    site.deliver("signer", "email=di%40example.org&consent.newsletter=on");
    site.pass(MINUTE);
    let sent = site.received().iter().filter(|one| one.url == MAIL).count();
    assert_eq!(sent, 2);
}

#[test]
fn turnstile_gets_its_secret_unless_it_signs_or_belongs_elsewhere() {
    let asked = |hosts: &str, secret: &str, own: &str| {
        let site = site(hosts, false);
        site.set_secret("TURNSTILE_SECRET", secret);
        site.set_service(Some(r#"{"success":true,"hostname":"www.example.com"}"#));
        let turnstile = json!({ "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET" });
        let crm = edited(destination("crm", "https://crm.example.com/crm"), json!({ "secret": own }));
        let file = guide_with(json!({ "turnstile": turnstile, "destination": [crm] }));
        let told = if own == "CRM_SECRET" { refused(&site, &file) } else { vec![own.to_owned()] };
        store(&site, &file);
        site.accept("guide", &format!("{ANN}&cf-turnstile-response=token"));
        (told.is_empty(), site.questions().len())
    };
    assert_eq!(asked("", "0x4secret", "CRM_SECRET"), (true, 1));
    assert_eq!(asked("TURNSTILE_SECRET=challenges.cloudflare.com", "0x4secret", "CRM_SECRET"), (true, 1));
    assert_eq!(asked("TURNSTILE_SECRET=evil.example", "0x4secret", "CRM_SECRET"), (false, 0));
    assert_eq!(asked("", SECRET, "CRM_SECRET"), (false, 0));
    assert_eq!(asked("", "0x4secret", "TURNSTILE_SECRET"), (false, 0));
}

#[test]
fn the_doctor_says_which_secrets_go_nowhere() {
    let mut site =
        site("MAIL_BOUND=api.mail.example,TURNSTILE_SECRET=evil.example,HOOK_SECRET=crm.example.com", false);
    for name in ["TURNSTILE_SECRET", "MAIL_BOTH"] {
        site.set_secret(name, "0x4plain");
    }
    store(&site, &asking("well", MAIL, "MAIL_BOUND"));
    store(&site, &asking("elsewhere", "https://evil.example/", "MAIL_BOUND"));
    store(&site, &asking("unbound", MAIL, "MAIL_UNBOUND"));
    store(&site, &asking("signs", MAIL, "WHSEC"));
    store(&site, &asking("both", MAIL, "MAIL_BOTH"));
    store(&site, &signing("signer", "MAIL_BOTH"));
    store(&site, &signing("bound", "HOOK_SECRET"));
    let turnstile = json!({ "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET" });
    store(&site, &guide_with(json!({ "turnstile": turnstile })));
    let found = |site: &Site| {
        let report = site.admin(Method::Get, "doctor");
        let findings = report["findings"].as_array().expect("findings").clone();
        let wrong = findings.iter().filter(|one| one["is_wrong"] == true).map(|one| {
            let word = |key: &str| one[key].as_str().expect(key).to_owned();
            assert!(word("says").len() > 15 && word("advice").len() > 15);
            assert!(!word("says").contains("has no words"), "{one}");
            format!("{} {}", word("problem"), word("about"))
        });
        wrong.collect::<Vec<_>>()
    };
    assert_eq!(
        found(&site),
        [
            "signing_secret_sent both/mail (MAIL_BOTH)",
            "sent_secret_signs bound/crm (HOOK_SECRET)",
            "secret_elsewhere elsewhere/mail (MAIL_BOUND)",
            "secret_elsewhere guide/turnstile (TURNSTILE_SECRET)",
            "sent_secret_signs signer/crm (MAIL_BOTH)",
            "signing_secret_sent signs/mail (WHSEC)",
            "secret_unbound unbound/mail (MAIL_UNBOUND)",
        ]
    );
    site.set_settings(|settings| settings.development = true);
    assert!(!found(&site).iter().any(|one| one.starts_with("secret_unbound")));
}
