//! `sink`: a webhook receiver for development that verifies events and prints them in words, with a mailbox in
//! place of an e-mail provider.

mod mailbox;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use clap::Args;
use leadhook::pipeline::webhook::{SigningSecret, Unverified, verify};
use serde_json::Value;

use self::mailbox::{Mail, Mailbox};
use crate::terminal::{line, lines, say};

/// The name of the secret that mails must come with.
const TOKEN: &str = "MAIL_API_TOKEN";
/// The content security policy of the mailbox: the page loads nothing and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

#[derive(Args)]
pub struct Options {
    /// The port on 127.0.0.1; 0 for any free one
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// The file with the secrets, as NAME=value lines: whsec_… for webhooks, MAIL_API_TOKEN for mails
    #[arg(long, default_value = ".dev.vars")]
    secrets: PathBuf,
    /// Return 500 to the first N deliveries, to see the retries
    #[arg(long, default_value_t = 0)]
    fail: usize,
}

struct Sink {
    secrets: Vec<SigningSecret>,
    tokens: Vec<String>,
    port: u16,
    received: Mutex<Received>,
}

struct Received {
    seen: HashSet<String>,
    mailbox: Mailbox,
    to_fail: usize,
}

impl Sink {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Received {
    fn fails(&mut self, path: &str) -> bool {
        let fails = self.to_fail > 0;
        if fails {
            self.to_fail -= 1;
            say!("{path}: returned 500 on purpose");
        }
        fails
    }
}

pub fn run(options: &Options) -> Result<(), String> {
    let values = values(&options.secrets);
    let secrets: Vec<_> = values.iter().filter_map(|(_, value)| SigningSecret::parse(value)).collect();
    let is_token = |(name, value): &(String, String)| name == TOKEN && !value.is_empty();
    let tokens: Vec<_> = values.into_iter().filter(is_token).map(|(_, value)| value).collect();
    if secrets.is_empty() && tokens.is_empty() {
        return Err(format!("no whsec_… secret in {} or the environment", options.secrets.display()));
    }
    let received = Received { seen: HashSet::new(), mailbox: Mailbox::default(), to_fail: options.fail };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let address = ("127.0.0.1", options.port);
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| format!("port {}: {error}", options.port))?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        say!("Receiving webhooks on http://127.0.0.1:{port}");
        let stopped = async {
            let _ = tokio::signal::ctrl_c().await;
        };
        let app = Router::new()
            .route("/mail", post(take_mail))
            .route("/mailbox", get(show_mailbox))
            .fallback(receive)
            .with_state(Arc::new(Sink { secrets, tokens, port, received: Mutex::new(received) }));
        axum::serve(listener, app).with_graceful_shutdown(stopped).await.map_err(|error| error.to_string())
    })
}

fn values(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let in_file = text.lines().filter_map(|line| line.split_once('='));
    let in_file = in_file.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let tidy =
        |(name, value): (String, String)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned());
    in_file.chain(env::vars()).map(tidy).collect()
}

/// Handles `POST /mail`: the API of an e-mail provider.
async fn take_mail(State(sink): State<Arc<Sink>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut received = sink.received();
    if received.fails("/mail") {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    if !token.is_some_and(|token| sink.tokens.iter().any(|known| known == token)) {
        say!("/mail: refused, no Authorization: Bearer with {TOKEN}");
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(body) = serde_json::from_slice(&body) else {
        say!("/mail: refused, it is not JSON");
        return StatusCode::BAD_REQUEST;
    };
    let mail = Mail::read(&body);
    let summary = line(&format!("mail to {}: {}", mail.to, mail.subject));
    say!("{summary}  -> http://127.0.0.1:{}/mailbox", sink.port);
    received.mailbox.keep(mail);
    StatusCode::OK
}

/// Handles `GET /mailbox`.
async fn show_mailbox(State(sink): State<Arc<Sink>>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(sink.received().mailbox.page()))
}

async fn receive(State(sink): State<Arc<Sink>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut received = sink.received();
    if received.fails(&uri.to_string()) {
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
        say!("{uri}: refused, signature NOT verified ({reason:?})");
        return StatusCode::UNAUTHORIZED;
    }
    if !received.seen.insert(id.to_owned()) {
        say!("{uri}: {id} again, already received");
        return StatusCode::NO_CONTENT;
    }
    match serde_json::from_slice(&body) {
        Ok(event) => say!("{}", in_words(&event, uri.path(), id)),
        Err(_) => say!("{uri}: signature verified, but it is not JSON"),
    }
    StatusCode::NO_CONTENT
}

/// Returns a delivered event in words.
fn in_words(event: &Value, path: &str, id: &str) -> String {
    let text = |pointer: &str| line(event.pointer(pointer).and_then(Value::as_str).unwrap_or("-"));
    let list = |pointer: &str| event.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let pairs = |pointer: &str| {
        let object = event.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
        let pair = |(name, value): (String, Value)| match value {
            Value::String(text) => line(&format!("{name}: {text}")),
            other => line(&format!("{name}: {other}")),
        };
        object.into_iter().map(pair).collect::<Vec<_>>().join(", ")
    };
    let mut out = Vec::new();
    let mut add = |text: String| out.push(text);
    add(String::new());
    add(format!("{}  {} -> {path}  signature verified", text("/type"), text("/data/campaign")));
    let contact = pairs("/data/contact");
    if !contact.is_empty() {
        add(format!("  {contact}"));
    }
    if let Some(total) = event.pointer("/data/score/total").and_then(Value::as_i64) {
        add(format!("  score {total}, {}, {}", text("/data/score/temperature"), text("/data/score/stage")));
    }
    for reason in list("/data/score/reasons") {
        let part = |key: &str| line(reason.get(key).and_then(Value::as_str).unwrap_or("-"));
        let points = reason.get("points").and_then(Value::as_i64).unwrap_or(0);
        add(format!("    {points:+} {}: {}", part("rule"), part("because")));
    }
    for signal in list("/data/signals") {
        let weight = signal.get("weight").and_then(Value::as_i64).unwrap_or(0);
        let because = line(signal.get("because").and_then(Value::as_str).unwrap_or("-"));
        add(format!("  abuse signal, weight {weight}: {because}"));
    }
    for pointer in ["answers", "attribution", "engagement"] {
        let pairs = pairs(&format!("/data/{pointer}"));
        if !pairs.is_empty() {
            add(format!("  {pointer}: {pairs}"));
        }
    }
    for consent in list("/data/consent") {
        let part = |key: &str| line(consent.get(key).and_then(Value::as_str).unwrap_or("-"));
        let granted = consent.get("granted").and_then(Value::as_bool).unwrap_or(false);
        let given = if granted { "given" } else { "not given" };
        add(format!(
            "  consent {}: {given} (version {}, shown {})",
            part("purpose"),
            part("version"),
            part("version_shown")
        ));
    }
    let purposes: Vec<_> = list("/data/purposes").iter().filter_map(Value::as_str).map(line).collect();
    if !purposes.is_empty() {
        add(format!("  purposes: {}", purposes.join(", ")));
    }
    for key in ["subject", "text", "confirm_url", "withdraw_url", "expires_at", "withdrawn_at", "erased_at"] {
        if let Some(text) = event.pointer(&format!("/data/{key}")).and_then(Value::as_str) {
            add(format!("  {key}: {}", lines(text.trim_end()).replace('\n', "\n    ")));
        }
    }
    match event.pointer("/data/lead_id").and_then(Value::as_str) {
        Some(lead_id) => add(format!("  {}  {id}", line(lead_id))),
        None => add(format!("  {id}")),
    }
    out.join("\n")
}
