//! Abuse signals, each with its weight; none of them keeps anybody out by itself.

use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::testing::world::request;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const PAGE: &str = "https://www.example.com";
const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The guide with room for a message.
fn open_guide(changes: Value) -> Value {
    let mut file = guide_with(changes);
    let message = json!({ "name": "message", "kind": "text" });
    file["field"].as_array_mut().expect("fields").push(message);
    file
}

fn site() -> Site {
    Site::new(&[open_guide(json!({}))])
}

/// A form's post from the campaign's own page.
fn page(form: &str) -> RawRequest {
    RawRequest { origin: Some(PAGE.to_owned()), ..request(Method::Post, "/c/guide", FORM, form) }
}

fn from_address(address: &str, request: RawRequest) -> RawRequest {
    RawRequest { client_address: Some(address.to_owned()), ..request }
}

fn script(value: &Value) -> RawRequest {
    request(Method::Post, "/c/guide", "application/json", &value.to_string())
}

fn somebody(number: usize) -> String {
    format!("email=p{number}%40example.com&consent.newsletter=on")
}

/// The token of a form that is rendered now.
fn token(site: &Site) -> String {
    let criteria = site.send(&request(Method::Get, "/c/guide", "", ""));
    let criteria = body(&criteria);
    assert_eq!(criteria["token"]["field"], "leadhook_token");
    criteria["token"]["value"].as_str().expect("a token").to_owned()
}

/// A post of a form that was rendered half a minute ago.
fn rendered(site: &Site, form: &str) -> RawRequest {
    let token = token(site);
    site.pass(30_000);
    page(&format!("{form}&leadhook_token={token}"))
}

/// The signals of the lead that was delivered last.
fn signals(site: &Site) -> Vec<String> {
    site.ring();
    let received = site.received();
    let data = &received.last().expect("a webhook").body["data"];
    let signals = data["signals"].as_array().cloned().unwrap_or_default();
    signals.iter().map(|sign| sign["signal"].as_str().expect("a name").to_owned()).collect()
}

fn accepted(site: &Site, request: &RawRequest) -> Response {
    let response = site.send(request);
    assert_eq!(response.status, 202, "{}", text(&response));
    response
}

#[test]
fn a_person_who_fills_in_a_form_of_the_campaigns_page_shows_no_sign() {
    let site = site();
    accepted(&site, &rendered(&site, &format!("{}&contact_website=", somebody(1))));
    assert_eq!(signals(&site), [""; 0]);
}

#[test]
fn a_script_is_not_asked_for_what_only_forms_have() {
    let site = Site::new(&[open_guide(json!({ "abuse": { "honeypot": "fax" } }))]);
    accepted(&site, &script(&json!({ "email": "ann@example.com", "consent": { "newsletter": true } })));
    assert_eq!(signals(&site), [""; 0]);
}

type Post = fn(&Site) -> RawRequest;

#[test]
fn no_signal_alone_keeps_a_post_back_and_each_is_listed_with_its_weight() {
    let posts: [(&str, Post); 12] = [
        ("honeypot_filled", |site| rendered(site, &format!("{}&contact_website=x", somebody(1)))),
        ("token_missing", |_| page(&somebody(1))),
        ("token_invalid", |_| page(&format!("{}&leadhook_token=guide.1.x.k1.y", somebody(1)))),
        ("too_fast", |site| page(&format!("{}&leadhook_token={}", somebody(1), token(site)))),
        ("token_expired", |site| {
            let token = token(site);
            site.pass(DAY);
            page(&format!("{}&leadhook_token={token}", somebody(1)))
        }),
        ("link_in_name", |site| rendered(site, &format!("{}&name=www.spam.example", somebody(1)))),
        ("markup_in_name", |site| rendered(site, &format!("{}&name=%3Cb%3EAnn%3C%2Fb%3E", somebody(1)))),
        ("link_in_text", |site| {
            rendered(site, &format!("{}&message=see+https%3A%2F%2Fa.example", somebody(1)))
        }),
        ("markup_in_text", |site| rendered(site, &format!("{}&message=%3Ci%3Eyes%3C%2Fi%3E", somebody(1)))),
        ("foreign_origin", |site| {
            let request = rendered(site, &somebody(1));
            RawRequest { origin: Some("https://other.example".to_owned()), ..request }
        }),
        ("origin_missing", |site| RawRequest { origin: None, ..rendered(site, &somebody(1)) }),
        ("origin_missing", |site| RawRequest {
            origin: Some("null".to_owned()),
            ..rendered(site, &somebody(1))
        }),
    ];
    for (signal, post) in posts {
        let site = site();
        accepted(&site, &post(&site));
        assert_eq!(signals(&site), [signal]);
        let sign = site.newest("lead.qualified")["signals"][0].clone();
        assert!(sign["weight"].as_i64().is_some_and(|weight| weight > 0), "{sign}");
        assert!(sign["because"].as_str().is_some_and(|because| because.len() > 10), "{sign}");
        assert_eq!(site.states(), counts(&[("delivered", 1)]), "{signal}");
    }
}

#[test]
fn signals_give_no_points_and_rules_no_weight() {
    let (plain, marked) = (site(), site());
    let json = json!({ "email": "ann@example.com", "name": "Ann", "consent": { "newsletter": true } });
    accepted(&plain, &script(&json));
    let link = edited(json, json!({ "name": "www.ann.example" }));
    accepted(&marked, &script(&link));
    assert_eq!(signals(&marked), ["link_in_name"]);
    plain.ring();
    assert_eq!(plain.newest("lead.qualified")["score"], marked.newest("lead.qualified")["score"]);
}

#[test]
fn a_token_is_good_for_one_submission_of_its_campaign() {
    let site = Site::new(&[open_guide(json!({})), open_guide(json!({ "id": "other" }))]);
    let token = token(&site);
    site.pass(10_000);
    let first = page(&format!("{}&leadhook_token={token}", somebody(1)));
    accepted(&site, &first);
    assert_eq!(signals(&site), [""; 0]);
    site.restart();
    accepted(&site, &page(&format!("{}&leadhook_token={token}", somebody(2))));
    assert_eq!(signals(&site), ["token_reused"]);
    let elsewhere = RawRequest {
        path: "/c/other".to_owned(),
        ..page(&format!("{}&leadhook_token={token}", somebody(3)))
    };
    accepted(&site, &elsewhere);
    assert_eq!(signals(&site), ["token_invalid"]);
    // The same post again is a repeat, and no reuse.
    accepted(&site, &first);
    assert_eq!(site.admin(Method::Get, "counters")["accepted"], 3);
}

#[test]
fn a_thousand_posts_a_minute_from_one_network_pass_in_every_encoding() {
    for is_form in [true, false] {
        let site = site();
        let words = "I would like to know more about it, please.";
        for number in 0..1_000 {
            let address = format!("203.0.113.{}", number % 3);
            let post = if is_form {
                RawRequest { origin: None, ..page(&format!("{}&message={words}", somebody(number))) }
            } else {
                let email = format!("p{number}@example.com");
                script(&json!({ "email": email, "message": words, "consent": { "newsletter": true } }))
            };
            accepted(&site, &from_address(&address, post));
        }
        site.ring();
        assert_eq!(site.states(), counts(&[("delivered", 1_000)]), "form: {is_form}");
        let last = signals(&site);
        for signal in ["same_answers", "address_velocity", "network_velocity"] {
            assert!(last.iter().any(|found| found == signal), "{signal}: {last:?}");
        }
    }
}

#[test]
fn the_same_text_of_many_people_is_noticed_and_that_of_one_person_is_not() {
    let site = site();
    let say = |number: usize, words: &str| {
        let email = format!("p{number}@example.com");
        let post = json!({ "email": email, "message": words, "name": format!("N{number}"), "consent": { "newsletter": true } });
        accepted(&site, &script(&post));
        signals(&site)
    };
    for number in 0..4 {
        assert_eq!(say(number, "We sell links to your page, cheap and good."), [""; 0]);
    }
    assert_eq!(say(4, "We SELL links to your page - cheap and good"), ["same_answers"]);
    for number in 5..15 {
        assert_eq!(say(number, "Yes please"), [""; 0], "short texts are nobody's own");
    }
    site.pass(HOUR);
    assert_eq!(say(20, "We sell links to your page, cheap and good."), [""; 0], "an hour later");
}

#[test]
fn enough_signs_put_a_post_aside_and_the_answer_is_that_of_any_other() {
    let junk = "email=x%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=on";
    let (aside, through) = (site(), site());
    let answers = |site: &Site, form: &str| {
        let browser = RawRequest { accept: Some(CHROME.to_owned()), ..page(form) };
        let responses = [site.send(&page(form)), site.send(&browser)];
        responses.map(|response| {
            let id = body_id(&response);
            (response.status, headers(&response), text(&response).replace(&id, ""))
        })
    };
    assert_eq!(answers(&aside, junk), answers(&through, &somebody(1)));
    assert_eq!(aside.states(), counts(&[("quarantined", 1)]));
    assert_eq!(aside.received(), [], "nothing goes out");
    assert_eq!(through.states(), counts(&[("pending", 1)]));
}

fn body_id(response: &Response) -> String {
    serde_json::from_slice::<Value>(&response.body)
        .ok()
        .and_then(|body| Some(body["submission_id"].as_str()?.to_owned()))
        .unwrap_or_else(|| "no id".to_owned())
}

#[test]
fn a_campaign_has_weights_and_a_threshold_of_its_own() {
    let abuse = json!({ "quarantine_at": 50, "weights": { "foreign_origin": 50, "token_missing": 0 } });
    let site = Site::new(&[open_guide(json!({ "abuse": abuse }))]);
    accepted(&site, &page(&somebody(1)));
    assert_eq!(signals(&site), [""; 0]);
    accepted(&site, &RawRequest { origin: Some("https://other.example".to_owned()), ..page(&somebody(2)) });
    assert_eq!(site.states(), counts(&[("delivered", 1), ("quarantined", 1)]));
}

#[test]
fn a_campaign_cannot_make_a_link_in_a_text_enough() {
    let told = |changes: Value| {
        let file = open_guide(changes);
        leadhook::campaign::Campaign::accept(&file)
            .err()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let weights = json!({ "link_in_text": 60, "markup_in_text": 40 });
    assert!(told(json!({ "abuse": { "weights": weights } }))[0].starts_with("abuse.weights: link_in_text"));
    assert!(told(json!({ "abuse": { "quarantine_at": 20 } }))[0].starts_with("abuse.weights: link_in_text"));
    let wrong = json!({ "quarantine_at": 0, "honeypot": "name", "min_seconds": 61, "weights": { "x": 1, "too_fast": -1 } });
    let told_of =
        told(json!({ "abuse": wrong, "limits": { "per_minute": 0 }, "turnstile": { "hosts": [] } }));
    for place in [
        "abuse.quarantine_at: ",
        "abuse.min_seconds: ",
        "limits.per_minute: ",
        "turnstile.site_key: ",
        "turnstile.secret: ",
        "turnstile.hosts: ",
        "abuse.honeypot: ",
        "abuse.weights.x: ",
        "abuse.weights.too_fast: ",
    ] {
        assert!(told_of.iter().any(|problem| problem.starts_with(place)), "{place}: {told_of:?}");
    }
}

#[test]
fn turnstile_is_asked_once_a_post_and_believed_for_the_campaigns_pages() {
    let turnstile =
        json!({ "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET", "action": "guide" });
    let site = Site::new(&[open_guide(json!({ "turnstile": turnstile }))]);
    site.set_secret("TURNSTILE_SECRET", "0x4secret");
    let criteria = body(&site.send(&request(Method::Get, "/c/guide", "", "")));
    assert_eq!(
        criteria["turnstile"],
        json!({ "field": "cf-turnstile-response", "site_key": "0x4AAAAAAAexample", "action": "guide" })
    );
    let mut number = 0;
    let mut post = |answer: Option<Value>, response: &str| {
        number += 1;
        site.set_service(answer.map(|answer| answer.to_string()).as_deref());
        accepted(&site, &rendered(&site, &format!("{}{response}", somebody(number))));
        signals(&site)
    };
    let said =
        |host: &str, action: &str| Some(json!({ "success": true, "hostname": host, "action": action }));
    let response = "&cf-turnstile-response=token";
    assert_eq!(post(said("www.example.com", "guide"), response), [""; 0]);
    assert_eq!(post(said("leads.example.com", "guide"), response), [""; 0], "where the hosted form is");
    assert_eq!(post(said("evil.example", "guide"), response), ["turnstile_failed"]);
    assert_eq!(post(said("www.example.com", "login"), response), ["turnstile_failed"]);
    let failed = |code: &str| Some(json!({ "success": false, "error-codes": [code] }));
    assert_eq!(post(failed("invalid-input-response"), response), ["turnstile_failed"]);
    assert_eq!(post(failed("timeout-or-duplicate"), response), ["turnstile_failed"]);
    assert_eq!(post(None, ""), ["turnstile_missing"]);
    // What is no fault of the visitor's weighs nothing, and is logged.
    for answer in [None, failed("invalid-input-secret"), failed("internal-error"), Some(json!("x"))] {
        let before = site.log().len();
        assert_eq!(post(answer, response), [""; 0]);
        assert!(site.log()[before..].iter().any(|event| event["in"] == "turnstile"), "a fault is logged");
    }
    let asked: Vec<_> = site.questions();
    assert!(asked.iter().all(|form| form.contains("secret=0x4secret&response=token&idempotency_key=")));
    assert!(asked.iter().all(|form| *form == asked[0]), "the same token is asked about under the same key");
    let key = asked[0].rsplit('=').next().expect("a key");
    let shape: Vec<_> = key.split('-').map(str::len).collect();
    assert_eq!((shape, &key[14..15]), (vec![8, 4, 4, 4, 12], "8"));
}

#[test]
fn the_keys_for_tests_work_in_development_alone() {
    let turnstile = json!({ "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET" });
    let mut site = Site::new(&[open_guide(json!({ "turnstile": turnstile }))]);
    let mut number = 0;
    let mut post = |site: &Site, secret: &str| {
        number += 1;
        site.set_secret("TURNSTILE_SECRET", secret);
        accepted(
            site,
            &rendered(site, &format!("{}&cf-turnstile-response=XXXX.DUMMY.TOKEN.XXXX", somebody(number))),
        );
        (signals(site), site.log().iter().filter(|event| event["in"] == "turnstile").count())
    };
    let (passes, blocks) = ("1x0000000000000000000000000000000AA", "2x0000000000000000000000000000000AA");
    assert_eq!(post(&site, passes), (vec![], 1), "refused, and logged");
    assert_eq!(post(&site, blocks), (vec![], 2));
    site.set_settings(|settings| settings.development = true);
    assert_eq!(post(&site, passes), (vec![], 2));
    assert_eq!(post(&site, blocks), (vec!["turnstile_failed".to_owned()], 2));
    assert_eq!(site.questions(), [""; 0], "nobody is asked");
    let dummy = json!({ "site_key": "1x00000000000000000000AA", "secret": "TURNSTILE_SECRET" });
    let problems = campaign(&open_guide(json!({ "turnstile": dummy }))).development_only();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, "turnstile.site_key");
}

#[test]
fn where_a_post_came_from_is_kept_nowhere() {
    let site = Site::new(&[open_guide(json!({}))]);
    let junk = "email=x%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=on";
    accepted(&site, &from_address("203.0.113.77", page(junk)));
    accepted(&site, &from_address("2001:db8:77::1", page(&somebody(1))));
    let everything = site.everything_at_rest(&[LEDGER]);
    for secret in ["203.0.113", "2001:db8", "spam.example", "p1@example.com"] {
        assert!(!everything.contains(secret), "{secret}");
    }
}

#[test]
fn what_kind_of_address_it_is_weighs_with_the_rest() {
    let site = site();
    for (email, expected) in [
        ("ann@mailinator.com", &["disposable_address"][..]),
        ("info@example.com", &["role_address"]),
        ("info@mailinator.com", &["disposable_address", "role_address"]),
        ("ann@gmail.com", &[]),
        ("ann@duck.com", &[]),
    ] {
        accepted(&site, &script(&json!({ "email": email, "consent": { "newsletter": true } })));
        assert_eq!(signals(&site), expected, "{email}");
    }
    let business = json!({ "weights": { "free_mail_address": 30 } });
    let site = Site::new(&[open_guide(json!({ "abuse": business }))]);
    accepted(&site, &script(&json!({ "email": "ann@gmail.com", "consent": { "newsletter": true } })));
    assert_eq!(signals(&site), ["free_mail_address"]);
}

#[test]
fn a_likely_slip_is_a_hint_that_keeps_nobody_out_and_tells_nothing_of_who_is_known() {
    let site = site();
    let slip = script(&json!({ "email": "ann.secret@gmial.com", "consent": { "newsletter": true } }));
    let first = accepted(&site, &slip);
    let hint = json!([{ "field": "email", "code": "likely_typing_error", "suggested_domain": "gmail.com",
                        "detail": "was gmail.com meant?" }]);
    assert_eq!(body(&first)["hints"], hint);
    assert!(!text(&first).contains("secret") && !text(&first).contains("gmial"), "nothing is echoed");
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    assert_eq!(text(&accepted(&site, &slip)), text(&first), "KV answers the same");
    site.pass(HOUR);
    assert_eq!(text(&accepted(&site, &slip)), text(&first), "and so does the ledger");
    let right =
        accepted(&site, &script(&json!({ "email": "bo@gmail.com", "consent": { "newsletter": true } })));
    assert_eq!(body(&right).get("hints"), None);
}
