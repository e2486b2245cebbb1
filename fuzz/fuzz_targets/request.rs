#![no_main]
//! A whole request, through the routes to a ledger in memory. The input is a request's text: method
//! and address, headers, an empty line, the body.

use leadhook::app::router::body_limit_bytes;
use leadhook::campaign::Campaign;
use leadhook::http::request::{Method, RawRequest, TooLarge};
use leadhook::http::response::Response;
use leadhook::testing::world::{World, request};
use libfuzzer_sys::fuzz_target;
use pollster::block_on;
use serde_json::Value;

/// Requests to one world, which is then replaced, so that it stays small.
const REQUESTS_A_WORLD: u32 = 200;

thread_local! {
    static WORLD: std::cell::RefCell<(u32, World)> = std::cell::RefCell::new((0, world()));
}

fn world() -> World {
    let world = World::new(1).expect("a world");
    let file: Value = toml::from_str(include_str!("../guide.toml")).expect("TOML");
    world.publish(&Campaign::accept(&file).expect("a campaign")).expect("published");
    world
}

fuzz_target!(|input: &[u8]| {
    let Some(request) = read(input) else { return };
    WORLD.with_borrow_mut(|(count, kept)| {
        if *count == REQUESTS_A_WORLD {
            (*count, *kept) = (0, world());
        }
        *count += 1;
        let before = accepted(kept);
        let first = block_on(kept.serve(&request)).response;
        sound(&first);
        let between = accepted(kept);
        let submits = request.method == Method::Post && request.path == "/c/guide";
        assert!(between == before || submits, "only a submission is accepted: {}", request.path);
        if submits {
            let stored = matches!(first.status, 202 | 303);
            assert!(stored || between == before, "what is refused is not stored");
            let again = block_on(kept.serve(&request)).response;
            assert_eq!(again, first, "the same post has the same answer");
            assert_eq!(accepted(kept), between, "and counts once");
        }
    });
});

/// Accepted submissions, which the states add up to.
fn accepted(world: &World) -> i64 {
    let asked = request(Method::Get, "/admin/api/counters", "", "");
    // From elsewhere, for the input's own network may have tried too many wrong tokens.
    let asked = RawRequest { client_address: Some("198.51.100.7".into()), ..asked };
    let response = block_on(world.serve(&asked)).response;
    let counters: Value = serde_json::from_slice(&response.body).expect("JSON");
    let states = counters["states"].as_object().expect("states").values().filter_map(Value::as_i64);
    let accepted = counters["accepted"].as_i64().expect("a count");
    assert_eq!(accepted, states.sum::<i64>());
    accepted
}

/// An answer is whole and ours to give: no fault, no header that ends early.
fn sound(response: &Response) {
    assert!((200..500).contains(&response.status), "{}", response.status);
    assert!(response.headers.iter().all(|(_, value)| !value.contains(['\r', '\n', '\0'])));
    assert_eq!(response.status == 405, response.header("allow").is_some());
    assert_eq!(response.status == 401, response.header("www-authenticate").is_some());
    assert_eq!(response.status == 303, response.header("location").is_some());
    if response.header("content-type").is_some_and(|kind| kind.ends_with("json")) {
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert!(response.status < 400 || body["status"] == response.status);
    }
}

fn read(input: &[u8]) -> Option<RawRequest> {
    let head_end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let head = str::from_utf8(input.get(..head_end)?).ok()?;
    let body = input.get(head_end + 2..).unwrap_or_default();
    let mut lines = head.split('\n');
    let (method, address) = lines.next()?.split_once(' ')?;
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    };
    let mut request = RawRequest { content_type: None, ..request(method, address, "", "") };
    for line in lines {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let value = Some(value.to_owned());
        match name {
            "content-type" => request.content_type = value,
            "accept" => request.accept = value,
            "origin" => request.origin = value,
            "idempotency-key" => request.idempotency_key = value,
            "authorization" => request.authorization = value,
            "cf-connecting-ip" => request.client_address = value,
            "sec-gpc" => request.gpc = value.as_deref() == Some("1"),
            _ => {}
        }
    }
    let fits = body.len() <= body_limit_bytes(&request.path);
    request.body = if fits { Ok(body.to_vec()) } else { Err(TooLarge) };
    Some(request)
}
