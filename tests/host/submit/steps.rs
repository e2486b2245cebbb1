//! The steps of a post to a campaign, in the order in which they may end it.

use leadhook::http::request::{Method, RawRequest, TooLarge};
use leadhook::testing::world::{LedgerMode, request};
use serde_json::json;

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on&cf-turnstile-response=token";

/// A campaign that asks Turnstile, so that a test sees whether evidence was gathered.
fn site() -> Site {
    let turnstile = json!({ "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET" });
    let site = Site::new(&[guide_with(json!({ "turnstile": turnstile }))]);
    site.set_secret("TURNSTILE_SECRET", "0x4secret");
    site
}

fn post(body: Result<Vec<u8>, TooLarge>) -> RawRequest {
    RawRequest { body, ..request(Method::Post, "/c/guide", FORM, "") }
}

#[test]
fn the_rate_limit_comes_before_the_body_is_read() {
    let site = site();
    site.accept("guide", ANN);
    site.set_within_limits(Some(false));
    for body in [Err(TooLarge), Ok(b"email=x".to_vec()), Ok(ANN.as_bytes().to_vec())] {
        assert_eq!(site.send(&post(body)).status, 429);
    }
    let encoded = RawRequest { content_encoding: Some("gzip".to_owned()), ..post(Ok(Vec::new())) };
    assert_eq!(site.send(&encoded).status, 429);
}

#[test]
fn the_body_is_valid_before_anything_else_is_asked() {
    let site = site();
    site.accept("guide", ANN);
    let asked = site.questions().len();
    site.with_ledger(LedgerMode::LosesRequests, || {
        for (body, status) in [(Err(TooLarge), 413), (Ok(b"email=x".to_vec()), 422)] {
            assert_eq!(site.send(&post(body)).status, status);
            assert_eq!(site.last_requests(), 0, "neither KV nor the ledger is asked");
        }
    });
    assert_eq!(site.questions().len(), asked, "Turnstile is not asked");
}

#[test]
fn an_exact_repeat_ends_before_evidence_is_gathered() {
    let site = site();
    let first = site.accept("guide", ANN);
    assert_eq!(site.questions().len(), 1);
    site.with_ledger(LedgerMode::LosesRequests, || assert_eq!(site.accept("guide", ANN), first));
    assert_eq!(site.questions().len(), 1, "Turnstile is not asked again");
}

#[test]
fn evidence_is_gathered_before_the_ledger_decides() {
    let site = site();
    site.with_ledger(LedgerMode::LosesRequests, || assert_eq!(site.post("guide", ANN).status, 503));
    assert_eq!(site.questions().len(), 1, "Turnstile was asked");
    site.accept("guide", ANN);
}
