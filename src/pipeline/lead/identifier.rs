//! Identifiers of people: e-mail addresses and phone numbers.

use crate::campaign::IdentifierKind;
use crate::contact::{Email, Phone};

/// An identifier, normalised.
#[derive(Clone, Debug)]
pub enum Identifier {
    /// An e-mail address.
    Email(Email),
    /// A phone number.
    Phone(Phone),
}

impl Identifier {
    pub(super) fn kind(&self) -> IdentifierKind {
        match self {
            Self::Email(_) => IdentifierKind::Email,
            Self::Phone(_) => IdentifierKind::Phone,
        }
    }

    /// Returns the form under which lists have it. Gmail addresses are folded, so that one upload serves every
    /// campaign.
    pub(super) fn listed_form(&self) -> String {
        match self {
            Self::Email(email) => email.fingerprint_form(true),
            Self::Phone(phone) => phone.e164().to_owned(),
        }
    }

    /// Returns every form under which fingerprints are made, whatever a campaign folds.
    pub(super) fn forms(&self) -> Vec<String> {
        let mut forms = vec![self.listed_form()];
        if let Self::Email(email) = self {
            forms.push(email.fingerprint_form(false));
            forms.dedup();
        }
        forms
    }
}
