//! Lists of people, and browsers that object (`Sec-GPC`).

use leadhook::app::ports::Ports as _;
use leadhook::contact::Email;
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::ledger::api::{ListClear, Request as _};
use leadhook::ledger::wire::Reply;
use leadhook::pipeline::lead::{Identifier, list_tag};
use leadhook::settings::admin_tokens::AdminTokens;
use leadhook::testing::world::{ADMIN_TOKEN, KvMode, request};
use pollster::block_on;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";

fn tag(site: &Site, email: &str) -> String {
    let ring = site.settings().lists.clone().expect("list keys");
    list_tag(&ring, LEDGER, &Identifier::Email(Email::parse(email).expect("an address")))
}

fn add(site: &Site, list: &str, emails: &[&str]) -> Value {
    let tags: Vec<_> = emails.iter().map(|email| tag(site, email)).collect();
    site.order(&format!("lists/{list}?ledger=example-ab"), &json!({ "add": tags }))
}

fn listing(changes: Value) -> Value {
    let lists = json!([
        { "name": "customers", "then": "existing_customer", "send_to": ["care"] },
        { "name": "competitors", "then": "suppress" },
    ]);
    let destinations = json!([destination("crm", CRM), destination("care", "https://crm.example.com/care")]);
    guide_with(edited(json!({ "list": lists, "destination": destinations }), changes))
}

#[test]
fn an_existing_customer_goes_to_those_who_look_after_customers_and_nobody_else_does() {
    let site = Site::new(&[listing(json!({ "qualify": { "forward_at": 90 } }))]);
    assert_eq!(add(&site, "customers", &["ann@example.com", "kari@gmail.com"]), json!({ "added": 2 }));
    site.deliver("guide", ANN);
    assert_eq!(site.story(), ["qualified care of 1"], "no threshold holds a customer back");
    let data = site.newest("lead.qualified");
    assert_eq!(data["existing_customer"], json!(["customers"]));
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.story(), ["qualified care of 1", "updated care of 1"], "who asks again is business");
    assert_eq!(site.newest("lead.updated")["existing_customer"], json!(["customers"]));
    site.deliver("guide", "email=k.ari%2Bx%40googlemail.com&consent.newsletter=on");
    assert_eq!(site.story().last().map(String::as_str), Some("qualified care of 2"));
    site.deliver("guide", "email=bob%40example.com&consent.newsletter=on");
    assert_eq!(site.last_decision(), "held");
    site.deliver("guide", "email=bob%40firm.example&size=51%2B&name=Bob&country=SE&consent.newsletter=on");
    assert_eq!(site.states(), counts(&[("delivered", 3), ("held", 2)]));
    site.adds_up(LEDGER);
}

#[test]
fn somebody_who_is_no_customer_never_goes_there() {
    let site = Site::new(&[listing(json!({}))]);
    add(&site, "customers", &["ann@example.com"]);
    site.deliver("guide", "email=bob%40example.com&consent.newsletter=on");
    assert_eq!(site.story(), ["qualified crm of 1"]);
    assert_eq!(site.newest("lead.qualified").get("existing_customer"), None);
    site.deliver("guide", ANN);
    assert_eq!(site.story(), ["qualified crm of 1", "qualified care of 2"]);
    let removed = json!({ "remove": [tag(&site, "ann@example.com")] });
    assert_eq!(site.order("lists/customers?ledger=example-ab", &removed), json!({ "removed": 1 }));
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.story().last().map(String::as_str), Some("qualified crm of 2"));
}

#[test]
fn whom_a_campaign_suppresses_nobody_gets() {
    for list in ["competitors", "suppressed"] {
        let site = Site::new(&[listing(json!({})), guide_with(json!({ "id": "other" }))]);
        add(&site, list, &["ann@example.com"]);
        let response = site.post("guide", ANN);
        let other = site.post("guide", "email=bob%40example.com&consent.newsletter=on");
        assert_eq!((response.status, headers(&response)), (other.status, headers(&other)));
        site.ring();
        assert_eq!(site.story(), ["qualified crm of 1"]);
        assert_eq!(site.states(), counts(&[("delivered", 1), ("suppressed", 1)]));
        site.deliver("other", ANN);
        let heard = site.story().len();
        assert_eq!(heard, if list == "suppressed" { 1 } else { 2 }, "a campaign's list is the campaign's");
        site.adds_up(LEDGER);
    }
}

#[test]
fn somebody_who_is_suppressed_later_keeps_what_was_counted_and_is_known_when_it_ends() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", ANN);
    add(&site, "suppressed", &["ann@example.com"]);
    site.pass(HOUR);
    site.deliver("guide", ANN);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.states(), counts(&[("delivered", 1), ("suppressed", 1)]));
    let removed = json!({ "remove": [tag(&site, "ann@example.com")] });
    site.order("lists/suppressed?ledger=example-ab", &removed);
    site.pass(HOUR);
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.states(), counts(&[("delivered", 1), ("duplicate", 1)]));
    assert_eq!(site.story(), ["qualified guide of 1"]);
    site.adds_up(LEDGER);
}

#[test]
fn a_campaigns_list_is_not_lifted_by_a_confirmation() {
    let lists = json!([{ "name": "competitors", "then": "suppress" }]);
    let site = Site::new(&[confirmed_guide(json!({ "list": lists }))]);
    add(&site, "competitors", &["ann@example.com"]);
    site.deliver("guide", ANN);
    assert_eq!((site.last_decision(), site.received().len()), (json!("suppressed"), 0));
}

#[test]
fn lists_are_filled_shown_and_emptied() {
    let site = Site::new(&[listing(json!({}))]);
    let path = "lists/customers?ledger=example-ab";
    assert_eq!(site.admin(Method::Get, "lists"), json!({ "lists": [] }));
    assert_eq!(add(&site, "customers", &["ann@example.com", "bob@example.com"]), json!({ "added": 2 }));
    assert_eq!(add(&site, "customers", &["ann@example.com"]), json!({ "added": 0 }), "again is harmless");
    add(&site, "competitors", &["eva@example.com"]);
    let shown = json!([
        { "ledger": "example-ab", "list": "competitors", "entries": 1 },
        { "ledger": "example-ab", "list": "customers", "entries": 2 },
    ]);
    assert_eq!(site.admin(Method::Get, "lists?ledger=example-ab")["lists"], shown);
    assert_eq!(site.admin(Method::Get, "lists?ledger=other"), json!({ "lists": [] }));
    assert_eq!(
        site.order(path, &json!({ "remove": [tag(&site, "eva@example.com")] })),
        json!({ "removed": 0 })
    );
    assert_eq!(site.order(path, &json!({ "clear": true })), json!({ "removed": 2 }));
    assert_eq!(site.order(path, &json!({ "clear": true })), json!({ "removed": 0 }));

    let good = tag(&site, "ann@example.com");
    let foreign = good.replace(".k1.", ".k9.");
    for (path, order, field) in [
        (path, json!({ "add": [good, foreign] }), "add"),
        (path, json!({ "remove": ["ann@example.com"] }), "remove"),
        (path, json!({ "add": [format!("{good}x")] }), "add"),
        (path, json!({ "add": ["name.k1.x"] }), "add"),
        ("lists/customers?ledger=other", json!({ "clear": true }), "ledger"),
        ("lists/customers", json!({ "clear": true }), "ledger"),
        ("lists/Bad!?ledger=example-ab", json!({ "clear": true }), "list"),
    ] {
        assert_eq!(problems(&site.order_response(path, &order)), [format!("{field} invalid_parameter")]);
    }
    for order in [json!({}), json!({ "add": [], "remove": [] }), json!({ "clear": false }), json!(1)] {
        assert_eq!(site.order_response(path, &order).status, 400, "{order}");
    }
    for order in [json!({ "add": "x" }), json!({ "add": [7] })] {
        assert_eq!(site.order_response(path, &order).status, 400, "{order}");
    }
    assert_eq!(site.count("listed"), 1);
}

#[test]
fn a_browser_that_objects_is_kept_from_third_parties_and_nobody_else() {
    let partner = destination_with("partner", CALLS, json!({ "third_party": true }));
    let site = Site::new(&[guide_with(json!({ "destination": [destination("crm", CRM), partner] }))]);
    let post = |email: &str, gpc| {
        let form = format!("email={email}%40example.com&consent.newsletter=on");
        let mut post = request(Method::Post, "/c/guide", FORM, &form);
        post.gpc = gpc;
        let response = site.send(&post);
        site.ring();
        response
    };
    let (objects, silent) = (post("ann", true), post("bob", false));
    assert_eq!((objects.status, headers(&objects)), (silent.status, headers(&silent)));
    assert_eq!(site.story()[0], "qualified crm of 1");
    assert_eq!(site.story().len(), 3, "crm twice, the partner once");
    assert!(!site.story().contains(&"qualified calls of 1".to_owned()));
    let received = site.received();
    let recorded = consent(&received[0].body["data"], "newsletter");
    assert_eq!(recorded["gpc"], true);
    assert_eq!(site.verified(&receipt(&recorded)).0["record"]["gpc"], true);
    assert_eq!(consent(&received[1].body["data"], "newsletter").get("gpc"), None);
}

#[test]
fn an_objection_holds_for_a_held_lead_and_for_an_update() {
    let partner = destination_with("partner", CALLS, json!({ "third_party": true }));
    let site = Site::new(&[guide_with(json!({
        "destination": [partner], "dedupe": { "on_repeat": "update" },
    }))]);
    let post = |more: &str, gpc| {
        let mut post = request(Method::Post, "/c/guide", FORM, &format!("{ANN}{more}"));
        post.gpc = gpc;
        site.send(&post);
        site.ring();
    };
    post("", true);
    assert_eq!((site.last_decision(), site.story().len()), (json!("held"), 0));
    post("&name=Ann", false);
    assert_eq!(site.story(), ["qualified calls of 1"], "the newer post counts");
    post("&name=Bea", true);
    assert_eq!(site.story().len(), 1);
}

const READER: &str = "reader-0123456789-abcdefg";
const OPERATOR: &str = "operator-0123456789-abcde";
const ERASER: &str = "eraser-0123456789-abcdefg";
const ALL_THREE: &str = "everybody-0123456789-abcd";

/// Sends an order to a list with a token.
fn ordered(site: &Site, token: &str, list: &str, order: &Value) -> Response {
    let path = format!("/admin/api/lists/{list}?ledger={LEDGER}");
    let asked = request(Method::Post, &path, "application/json", &order.to_string());
    site.send(&RawRequest { authorization: Some(format!("Bearer {token}")), ..asked })
}

fn with_tokens(campaign: &Value) -> Site {
    let mut site = Site::new(std::slice::from_ref(campaign));
    let named = format!(
        "rita:read:{READER},otto:operate:{OPERATOR},edda:erase:{ERASER},eve:read+operate+erase:{ALL_THREE}"
    );
    site.set_settings(|settings| {
        settings.admin = AdminTokens::sole(ADMIN_TOKEN).and(&named).expect("tokens");
    });
    site
}

#[test]
fn the_list_of_objections_is_emptied_by_nobody_and_lifted_by_those_who_answer_to_people() {
    let site = with_tokens(&guide());
    add(&site, "suppressed", &["ann@example.com", "bob@example.com"]);
    site.order("erase", &json!({ "email": "eva@example.com" }));
    for token in [OPERATOR, ALL_THREE, ADMIN_TOKEN] {
        let refused = ordered(&site, token, "suppressed", &json!({ "clear": true }));
        assert_eq!(refused.status, 409, "{}", text(&refused));
        let error = body(&refused)["errors"][0].clone();
        assert_eq!((&error["field"], &error["code"]), (&json!("clear"), &json!("cannot_be_undone")));
        assert!(error["detail"].as_str().expect("words").contains("every objection"), "{error}");
    }
    let (ann, bob) = (tag(&site, "ann@example.com"), tag(&site, "bob@example.com"));
    for (token, order, status) in [
        (READER, json!({ "clear": true }), 403),
        (ERASER, json!({ "clear": true }), 403),
        (READER, json!({ "remove": [ann] }), 403),
        (OPERATOR, json!({ "remove": [ann] }), 403),
        (OPERATOR, json!({ "remove": [] }), 403),
        (OPERATOR, json!({ "remove": [ann], "add": [] }), 403),
        (ERASER, json!({ "add": [ann] }), 403),
        (ERASER, json!({ "remove": "x" }), 400),
    ] {
        assert_eq!(ordered(&site, token, "suppressed", &order).status, status, "{order} by {token}");
    }
    let refused = ordered(&site, OPERATOR, "suppressed", &json!({ "remove": [ann] }));
    let challenge = r#"Bearer error="insufficient_scope", scope="erase""#;
    assert_eq!(refused.header("www-authenticate"), Some(challenge));
    assert_eq!(site.count("listed"), 3, "nobody is off it");

    assert_eq!(
        body(&ordered(&site, ERASER, "suppressed", &json!({ "remove": [ann] }))),
        json!({ "removed": 1 })
    );
    assert_eq!(
        body(&ordered(&site, OPERATOR, "suppressed", &json!({ "add": [ann] }))),
        json!({ "added": 1 })
    );
    assert_eq!(
        body(&ordered(&site, ALL_THREE, "suppressed", &json!({ "remove": [bob] }))),
        json!({ "removed": 1 })
    );
    // Not by an older Worker either, whose ledger is asked.
    let clear = ListClear { list: "suppressed".to_owned() };
    let answer = block_on(site.ask(LEDGER, &clear.into_call(None))).expect("an answer");
    assert_eq!(answer, Reply::Conflict);
    assert_eq!(site.count("listed"), 2);
    // Other lists are operators'.
    add(&site, "customers", &["cid@example.com"]);
    let cid = json!({ "remove": [tag(&site, "cid@example.com")] });
    assert_eq!(ordered(&site, ERASER, "customers", &cid).status, 403);
    assert_eq!(body(&ordered(&site, OPERATOR, "customers", &cid)), json!({ "removed": 1 }));
}

#[test]
fn a_list_that_a_campaign_suppresses_by_is_not_emptied() {
    let site = with_tokens(&listing(json!({})));
    add(&site, "competitors", &["ann@example.com"]);
    let clear = json!({ "clear": true });
    let refused = ordered(&site, OPERATOR, "competitors", &clear);
    assert_eq!((refused.status, &body(&refused)["errors"][0]["code"]), (409, &json!("cannot_be_undone")));
    // Whoever can name them has what the list can be made of again.
    let named = json!({ "remove": [tag(&site, "ann@example.com")] });
    assert_eq!(ordered(&site, OPERATOR, "competitors", &named).status, 200);
    // Elsewhere the name means nothing, and here it means nothing any more once the campaign does without.
    site.republish(&guide_with(json!({ "id": "other", "ledger": "other-ab" })));
    let elsewhere = "/admin/api/lists/competitors?ledger=other-ab";
    let asked = request(Method::Post, elsewhere, "application/json", &clear.to_string());
    assert_eq!(site.send(&asked).status, 200);
    site.republish(&listing(json!({ "list": null, "destination": [destination("crm", CRM)] })));
    assert_eq!(body(&ordered(&site, OPERATOR, "competitors", &clear)), json!({ "removed": 0 }));
    // What one request cannot look at may be one that does.
    for n in 0..60 {
        site.republish(&guide_with(json!({ "id": format!("zz-{n:02}"), "ledger": "third-ab" })));
    }
    assert_eq!(ordered(&site, OPERATOR, "competitors", &clear).status, 409);
    site.set_kv(KvMode::Failing);
    assert_eq!(ordered(&site, OPERATOR, "competitors", &clear).status, 503);
}
