//! `[controller]`: the company that is responsible for the data (GDPR Art. 4(7)).

use super::checks::{href_of, is_country, is_text, is_web_address};
use super::table::{Check, Rules, Verdict, ensure, keys};

/// The controller, as written in the file: the digest of the privacy notice is that of its JSON.
#[derive(Clone, Debug, Default, serde::Serialize, PartialEq)]
pub struct Controller {
    /// The company's name.
    pub name: String,
    /// The e-mail address for questions about privacy.
    pub email: String,
    /// The URL of the privacy notice.
    pub privacy_notice: String,
    /// The version of the privacy notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy_notice_version: Option<String>,
    /// The postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The country, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

keys!(Controller: name, email, privacy_notice, privacy_notice_version, address, phone, country);

impl Rules for Controller {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("name", is_text(&self.name)),
            ("email", is_email(&self.email)),
            ("privacy_notice", is_web_address(&self.privacy_notice)),
            ("country", self.country.as_deref().map_or(Ok(()), is_country)),
        ]
    }
}

impl Controller {
    /// Returns the URL of the privacy notice in its normal form, but without a slash behind a bare host that was written
    /// without one: the link is part of the terms of consents, whose digests must not change.
    pub(super) fn privacy_notice_link(&self) -> String {
        let href = href_of(&self.privacy_notice);
        match href.strip_suffix('/') {
            Some(bare) if bare == self.privacy_notice.trim() => bare.to_owned(),
            _ => href,
        }
    }
}

fn is_email(text: &str) -> Check {
    ensure(text.len() > 3 && text.contains('@'), "is required: an e-mail address")
}
