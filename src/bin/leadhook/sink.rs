//! `sink`: a webhook receiver that verifies what it gets and prints it for people.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use clap::Args;
use leadhook::deliver::{SigningSecret, Unverified, verify};
use serde_json::Value;

#[derive(Args)]
pub struct Options {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// A file of NAME=value lines; every value that begins whsec_ is tried
    #[arg(long, default_value = ".dev.vars")]
    secrets: PathBuf,
    /// Answer the first N deliveries with 500, to see them come again
    #[arg(long, default_value_t = 0)]
    fail: usize,
}

struct Sink {
    secrets: Vec<SigningSecret>,
    state: Mutex<Received>,
}

struct Received {
    seen: HashSet<String>,
    to_fail: usize,
}

pub fn run(options: &Options) -> Result<(), String> {
    let secrets = secrets(&options.secrets);
    if secrets.is_empty() {
        return Err(format!("no whsec_ secret in {} or the environment", options.secrets.display()));
    }
    let state = Mutex::new(Received { seen: HashSet::new(), to_fail: options.fail });
    let sink = Arc::new(Sink { secrets, state });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let address = ("127.0.0.1", options.port);
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| format!("port {}: {error}", options.port))?;
        println!("Receiving webhooks on http://127.0.0.1:{}", options.port);
        let stopped = async {
            let _ = tokio::signal::ctrl_c().await;
        };
        let app = Router::new().fallback(receive).with_state(sink);
        axum::serve(listener, app).with_graceful_shutdown(stopped).await.map_err(|error| error.to_string())
    })
}

fn secrets(file: &Path) -> Vec<SigningSecret> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let in_file = text.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value.to_owned());
    let values = in_file.chain(env::vars().map(|(_, value)| value));
    values.filter_map(|value| SigningSecret::parse(value.trim().trim_matches('"'))).collect()
}

async fn receive(State(sink): State<Arc<Sink>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut state = sink.state.lock().unwrap_or_else(PoisonError::into_inner);
    if state.to_fail > 0 {
        state.to_fail -= 1;
        println!("{uri}: answered 500 on purpose");
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = header("webhook-id");
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let check = |secret: &SigningSecret| {
        let (timestamp, signatures) = (header("webhook-timestamp"), header("webhook-signature"));
        verify(secret, id, timestamp, signatures, &body, i64::try_from(now_s).unwrap_or(i64::MAX))
    };
    let mut verdict = Err(Unverified::Signature);
    for secret in &sink.secrets {
        verdict = check(secret);
        if verdict != Err(Unverified::Signature) {
            break;
        }
    }
    if let Err(reason) = verdict {
        println!("{uri}: refused, signature NOT verified ({reason:?})");
        return StatusCode::UNAUTHORIZED;
    }
    if !state.seen.insert(id.to_owned()) {
        println!("{uri}: {id} came again; it is known");
        return StatusCode::NO_CONTENT;
    }
    match serde_json::from_slice(&body) {
        Ok(event) => print!("{}", readable(&event, uri.path(), id)),
        Err(_) => println!("{uri}: signature verified, but it is not JSON"),
    }
    StatusCode::NO_CONTENT
}

/// A delivered lead as a few lines.
fn readable(event: &Value, path: &str, id: &str) -> String {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
    let list = |pointer: &str| event.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let pairs = |pointer: &str| {
        let object = event.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
        let pair = |(name, value): (String, Value)| match value {
            Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        };
        object.into_iter().map(pair).collect::<Vec<_>>().join(", ")
    };
    let mut out = String::new();
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    line(String::new());
    line(format!("{}  {} -> {path}  signature verified", text("/type"), text("/data/campaign")));
    line(format!("  {}", pairs("/data/contact")));
    let total = event.pointer("/data/score/total").and_then(Value::as_i64).unwrap_or(0);
    line(format!("  score {total}, {}, {}", text("/data/score/temperature"), text("/data/score/stage")));
    for reason in list("/data/score/reasons") {
        let part = |key: &str| reason.get(key).and_then(Value::as_str).unwrap_or("-");
        let points = reason.get("points").and_then(Value::as_i64).unwrap_or(0);
        line(format!("    {points:+} {}: {}", part("rule"), part("because")));
    }
    for pointer in ["answers", "attribution"] {
        let pairs = pairs(&format!("/data/{pointer}"));
        if !pairs.is_empty() {
            line(format!("  {pointer}: {pairs}"));
        }
    }
    for consent in list("/data/consent") {
        let part = |key: &str| consent.get(key).and_then(Value::as_str).unwrap_or("-");
        let granted = consent.get("granted").and_then(Value::as_bool).unwrap_or(false);
        let given = if granted { "given" } else { "not given" };
        line(format!(
            "  consent {}: {given} (version {}, shown {})",
            part("purpose"),
            part("version"),
            part("version_shown")
        ));
    }
    line(format!("  {}  {id}", text("/data/lead_id")));
    out
}
