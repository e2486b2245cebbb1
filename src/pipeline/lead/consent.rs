//! Consent records: what the controller must be able to demonstrate (GDPR Art. 7(1)), for each purpose.

use serde::{Deserialize, Serialize};

use crate::base::time::rfc3339;
use crate::campaign::Campaign;
use crate::pipeline::intake::{Encoding, Submission};

/// The record for one purpose. The field names are part of the webhook.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ConsentRecord {
    /// The purpose's id.
    pub purpose: String,
    /// True if the box was ticked.
    pub granted: bool,
    /// The version of the wording in force.
    pub version: String,
    /// The version that the form says it showed, else `unstated`.
    pub version_shown: String,
    /// The SHA-256 of the wording, hexadecimal. The text is in KV under it.
    pub text_sha256: String,
    /// The language of the wording (BCP 47).
    pub language: String,
    /// The channel on which the person may be contacted.
    pub channel: String,
    /// The kind of processing.
    pub category: String,
    /// The days that the consent is good for, if the campaign states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// The privacy notice in force.
    pub notice: PrivacyNotice,
    /// The time of the submission; RFC 3339, UTC.
    pub at: String,
    /// The page of the form, if it was sent, without query and fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// The way in which the choice was sent: `form` or `json`.
    pub method: String,
    /// The time of the double opt-in confirmation; RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<String>,
    /// True if the browser sent `Sec-GPC: 1` (<https://www.w3.org/TR/gpc/>).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gpc: bool,
    /// The address at which the person can withdraw the consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdraw_url: Option<String>,
    /// The signed receipt of a given consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// The privacy notice that was in force.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct PrivacyNotice {
    /// The address of the notice.
    pub url: String,
    /// The version, if the campaign states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The SHA-256 of what the campaign states of the controller and the notice, which is in KV under it.
    pub sha256: String,
}

/// Returns a record for each purpose, granted or not.
pub fn records(submission: &Submission, campaign: &Campaign, now_ms: i64) -> Vec<ConsentRecord> {
    let record = |purpose: &crate::campaign::Purpose| {
        let choice = submission.choices.iter().find(|choice| choice.purpose == purpose.id)?;
        Some(ConsentRecord {
            purpose: purpose.id.clone(),
            granted: choice.granted,
            version: purpose.version.clone(),
            version_shown: choice.version_shown.clone().unwrap_or_else(|| "unstated".to_owned()),
            text_sha256: purpose.wording.sha256.clone(),
            language: campaign.language.clone(),
            channel: purpose.channel.clone(),
            category: purpose.category.clone(),
            retention_days: purpose.retention_days,
            notice: PrivacyNotice {
                url: campaign.privacy_notice.clone(),
                version: campaign.notice.version.clone(),
                sha256: campaign.notice.sha256.clone(),
            },
            at: rfc3339(now_ms),
            page: submission.attribution.get("page_url").cloned(),
            method: match submission.encoding {
                Encoding::Json => "json",
                Encoding::Urlencoded | Encoding::Multipart => "form",
            }
            .to_owned(),
            confirmed_at: None,
            gpc: submission.gpc,
            withdraw_url: None,
            receipt: None,
        })
    };
    campaign.purposes.iter().filter_map(record).collect()
}
