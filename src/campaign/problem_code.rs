//! The codes of what is wrong with a submission, for programs.

use serde::{Serialize, Serializer};

/// A rule that one field of a submission breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "`as_str` says each in words")]
pub enum ProblemCode {
    Required,
    Repeated,
    WrongType,
    UnknownField,
    ConsentRequired,
    WordingOutdated,
    InvalidEmail,
    InvalidPhone,
    InvalidNumber,
    InvalidBoolean,
    InvalidCountry,
    InvalidDate,
    InvalidUrl,
    NotAChoice,
    TooShort,
    TooLong,
    TooSmall,
    TooLarge,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
}

impl ProblemCode {
    /// Returns the code for programs, counters and logs. It never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Repeated => "repeated",
            Self::WrongType => "wrong_type",
            Self::UnknownField => "unknown_field",
            Self::ConsentRequired => "consent_required",
            Self::WordingOutdated => "wording_outdated",
            Self::InvalidEmail => "invalid_email",
            Self::InvalidPhone => "invalid_phone",
            Self::InvalidNumber => "invalid_number",
            Self::InvalidBoolean => "invalid_boolean",
            Self::InvalidCountry => "invalid_country",
            Self::InvalidDate => "invalid_date",
            Self::InvalidUrl => "invalid_url",
            Self::NotAChoice => "not_a_choice",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::TooSmall => "too_small",
            Self::TooLarge => "too_large",
            Self::IdempotencyKeyInvalid => "idempotency_key_invalid",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
        }
    }
}

impl Serialize for ProblemCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
