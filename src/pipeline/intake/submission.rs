//! A submission: what a channel sent, decoded and valid.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::consent_choice::ConsentChoice;
use super::fields::Encoding;
use crate::contact::{Email, EmailKind, Phone};

/// What a channel sent, decoded and valid.
#[derive(Debug)]
pub struct Submission {
    /// The first field of kind e-mail, and of kind phone.
    pub contact: Contact,
    /// Every other answer, by field.
    pub answers: BTreeMap<String, Value>,
    /// Where the visitor came from.
    pub attribution: BTreeMap<String, String>,
    /// One for each purpose of the campaign, in its order.
    pub choices: Vec<ConsentChoice>,
    /// How it was sent.
    pub encoding: Encoding,
    /// Whether the browser sent `Sec-GPC: 1`; the request says so, not the body.
    pub gpc: bool,
    /// What the form sent beside its fields.
    pub traps: Traps,
}

/// What a form sends that no visitor types: it is looked at once, and never kept.
#[derive(Debug, Default)]
pub struct Traps {
    /// Whether the hidden field was filled in; nothing where it was not sent.
    pub honeypot: Option<bool>,
    /// Says when the form was rendered.
    pub token: Option<String>,
    /// Turnstile's.
    pub turnstile: Option<String>,
}

/// How to reach the person.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Contact {
    pub email: Option<Email>,
    pub phone: Option<Phone>,
    email_kind: OnceCell<EmailKind>,
}

impl Contact {
    /// What the address's domain is known as. It is looked up once, for that takes longer than a score.
    pub fn email_kind(&self) -> Option<EmailKind> {
        self.email.as_ref().map(|email| *self.email_kind.get_or_init(|| email.kind()))
    }
}
