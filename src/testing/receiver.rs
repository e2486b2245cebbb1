//! A receiver of webhooks and e-mails, which verifies what it gets, with faults.

use crate::ledger::Dispatch;
use crate::pipeline::webhook::{Outcome, SigningSecret, retry_after_s, verify};

/// The signing secret of all destinations but e-mail providers.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The token of all e-mail providers: the secrets whose names begin with `MAIL`.
pub const MAIL_TOKEN: &str = "memory-mail-token";

/// The behaviour of the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiverMode {
    /// Requests are accepted with 200.
    #[default]
    Up,
    /// Requests are refused with a status.
    Refuses(u16),
    /// Requests are accepted, and the response is lost.
    LosesAnswers,
    /// No connection is accepted.
    Down,
}

/// A request that a receiver has accepted, with a verified signature or token.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// `webhook-id`, or the idempotency key of an e-mail.
    pub id: String,
    /// The address of the receiver.
    pub url: String,
    /// The body.
    pub body: serde_json::Value,
}

/// The receiver behind every address.
#[derive(Default)]
pub struct Receiver {
    /// Its behaviour.
    pub mode: ReceiverMode,
    /// The requests that it has accepted, in order.
    pub received: Vec<Received>,
}

impl Receiver {
    /// Receives a request, and returns its outcome for the sender.
    pub fn receive(&mut self, dispatch: &Dispatch, now_ms: i64) -> Outcome {
        match self.mode {
            ReceiverMode::Down => return Outcome::Unreachable,
            ReceiverMode::Refuses(status) => {
                return Outcome::Responded { status, retry_after_s: retry_after_s("", now_ms) };
            }
            ReceiverMode::Up | ReceiverMode::LosesAnswers => {}
        }
        let header = |name: &str| {
            let found = dispatch.headers.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let id = header("webhook-id");
        let is_verified = SigningSecret::parse(SECRET).is_some_and(|secret| {
            let (timestamp, signature) = (header("webhook-timestamp"), header("webhook-signature"));
            verify(&secret, id, timestamp, signature, &dispatch.body, now_ms / 1_000).is_ok()
        });
        let is_mail = header("Authorization").strip_prefix("Bearer ") == Some(MAIL_TOKEN);
        let id = if is_mail { header("idempotency-key") } else { id };
        let body = serde_json::from_slice(&dispatch.body);
        let (true, Ok(body)) = (is_verified || is_mail, body) else {
            return Outcome::Responded { status: 401, retry_after_s: None };
        };
        self.received.push(Received { id: id.to_owned(), url: dispatch.url.clone(), body });
        match self.mode {
            ReceiverMode::LosesAnswers => Outcome::Unreachable,
            _ => Outcome::Responded { status: 200, retry_after_s: None },
        }
    }
}
