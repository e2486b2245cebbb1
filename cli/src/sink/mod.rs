//! `sink`: a webhook receiver for development that verifies events and prints them in words, with a mailbox in
//! place of an e-mail provider.

mod mailbox;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use leadhook::pipeline::webhook::{SigningSecret, Unverified, verify};
use serde_json::Value;

use self::mailbox::{Mail, Mailbox};
use crate::host::{self, Answer, Call};
use crate::terminal::{line, lines, say};

/// The name of the secret that mails must come with.
const TOKEN: &str = "MAIL_API_TOKEN";
/// The headers of the mailbox. By its content security policy the page loads nothing and runs nothing.
const MAILBOX_HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

#[derive(Args)]
pub struct Options {
    /// The port on 127.0.0.1; 0 for any free one
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// The file with the secrets, as NAME=value lines: whsec_… for webhooks, MAIL_API_TOKEN for mails. It is read
    /// again for each delivery
    #[arg(long, default_value = ".dev.vars")]
    secrets: PathBuf,
    /// Return 500 to the first N deliveries, to see the retries
    #[arg(long, default_value_t = 0)]
    fail: usize,
}

struct Sink {
    file: PathBuf,
    seen: HashSet<String>,
    mailbox: Mailbox,
    to_fail: usize,
}

/// What deliveries must come with.
struct Secrets {
    signing: Vec<SigningSecret>,
    tokens: Vec<String>,
}

pub fn run(options: &Options) -> Result<(), String> {
    let secrets = Secrets::read(&options.secrets);
    if secrets.signing.is_empty() && secrets.tokens.is_empty() {
        return Err(format!("no whsec_… secret in {} or the environment", options.secrets.display()));
    }
    let mut sink = Sink {
        file: options.secrets.clone(),
        seen: HashSet::new(),
        mailbox: Mailbox::default(),
        to_fail: options.fail,
    };
    let say_where = |port: u16| say!("Receiving webhooks on http://127.0.0.1:{port}");
    let served = host::serve(options.port, say_where, move |call| sink.answer(call));
    served.map_err(|refusal| format!("port {}: {refusal}", options.port))
}

impl Secrets {
    /// Reads the file, and the environment.
    fn read(file: &Path) -> Self {
        let bytes = host::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let in_file = text.lines().filter_map(|line| line.split_once('='));
        let in_file = in_file.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let tidy = |(name, value): (String, String)| {
            (name.trim().to_owned(), value.trim().trim_matches('"').to_owned())
        };
        let values: Vec<_> = in_file.chain(host::variables()).map(tidy).collect();
        let signing = values.iter().filter_map(|(_, value)| SigningSecret::parse(value)).collect();
        let is_token = |(name, value): &(String, String)| name == TOKEN && !value.is_empty();
        let tokens = values.into_iter().filter(is_token).map(|(_, value)| value).collect();
        Self { signing, tokens }
    }
}

impl Sink {
    fn answer(&mut self, call: &Call<'_>) -> Answer {
        let path = call.path.split('?').next().unwrap_or_default();
        match (call.method, path) {
            ("GET", "/mailbox") => {
                Answer { status: 200, headers: MAILBOX_HEADERS, body: self.mailbox.page() }
            }
            (_, "/mailbox") => Answer::status(405),
            ("POST", "/mail") => self.take_mail(call),
            (_, "/mail") => Answer::status(405),
            _ => self.receive(call, path),
        }
    }

    fn fails(&mut self, path: &str) -> bool {
        let fails = self.to_fail > 0;
        if fails {
            self.to_fail -= 1;
            say!("{path}: returned 500 on purpose");
        }
        fails
    }

    /// Handles `POST /mail`: the API of an e-mail provider.
    fn take_mail(&mut self, call: &Call<'_>) -> Answer {
        if self.fails("/mail") {
            return Answer::status(500);
        }
        let token = call.header("authorization").strip_prefix("Bearer ").map(str::trim);
        let tokens = Secrets::read(&self.file).tokens;
        if !token.is_some_and(|token| tokens.iter().any(|known| known == token)) {
            say!("/mail: refused, no Authorization: Bearer with {TOKEN}");
            return Answer::status(401);
        }
        let Ok(body) = serde_json::from_slice(call.body) else {
            say!("/mail: refused, it is not JSON");
            return Answer::status(400);
        };
        let mail = Mail::read(&body);
        let summary = line(&format!("mail to {}: {}", mail.to, mail.subject));
        say!("{summary}  -> http://127.0.0.1:{}/mailbox", call.port);
        self.mailbox.keep(mail);
        Answer::status(200)
    }

    fn receive(&mut self, call: &Call<'_>, path: &str) -> Answer {
        let uri = call.path;
        if self.fails(uri) {
            return Answer::status(500);
        }
        let id = call.header("webhook-id");
        let (timestamp, signatures) = (call.header("webhook-timestamp"), call.header("webhook-signature"));
        let now_s = host::now_ms() / 1_000;
        let mut verdict = Err(Unverified::Signature);
        for secret in &Secrets::read(&self.file).signing {
            verdict = verify(secret, id, timestamp, signatures, call.body, now_s);
            if verdict != Err(Unverified::Signature) {
                break;
            }
        }
        if let Err(reason) = verdict {
            say!("{uri}: refused, signature NOT verified ({reason:?})");
            return Answer::status(401);
        }
        if !self.seen.insert(id.to_owned()) {
            say!("{uri}: {id} again, already received");
            return Answer::status(204);
        }
        match serde_json::from_slice(call.body) {
            Ok(event) => say!("{}", in_words(&event, path, id)),
            Err(_) => say!("{uri}: signature verified, but it is not JSON"),
        }
        Answer::status(204)
    }
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
