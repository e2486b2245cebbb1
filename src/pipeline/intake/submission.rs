//! Submissions: what a channel sent, decoded and valid.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::consent_choice::ConsentChoice;
use super::fields::Encoding;
use crate::contact::{Email, EmailKind, Phone};

/// A submission, decoded and valid.
#[derive(Debug)]
pub struct Submission {
    /// The first field of kind e-mail, and of kind phone.
    pub contact: Contact,
    /// Every other answer, by field.
    pub answers: BTreeMap<String, Value>,
    /// The visitor's source: campaign parameters, page, referrer.
    pub attribution: BTreeMap<String, String>,
    /// One choice for each purpose of the campaign, in its order.
    pub choices: Vec<ConsentChoice>,
    /// The encoding of the body.
    pub encoding: Encoding,
    /// True if the browser sent `Sec-GPC: 1`: a header of the request, not a field of the body.
    pub gpc: bool,
    /// The traps that the form sent beside its fields.
    pub traps: Traps,
}

/// The values of a form that no visitor types. They are evaluated once and never stored.
#[derive(Debug, Default)]
pub struct Traps {
    /// True if the hidden field was filled in; `None` if it was not sent.
    pub honeypot: Option<bool>,
    /// The form token, which says when the form was rendered.
    pub token: Option<String>,
    /// The token of Turnstile.
    pub turnstile: Option<String>,
}

/// The contact data of the person.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Contact {
    pub email: Option<Email>,
    pub phone: Option<Phone>,
    email_kind: OnceCell<EmailKind>,
}

impl Contact {
    /// Returns what the domain of the address is known as. It is looked up once: a lookup takes longer than a score.
    pub fn email_kind(&self) -> Option<EmailKind> {
        self.email.as_ref().map(|email| *self.email_kind.get_or_init(|| email.kind()))
    }
}
