//! Keyed hashes: of who someone is, and of what was submitted. They never leave the system.

use serde::{Deserialize, Serialize};

use crate::campaign::{Campaign, IdentifierKind};
use crate::hash::{Hash, base64url, hmac_sha256};
use crate::intake::Submission;
use crate::keys::Keyring;

/// 144 bits: above the 128 that keep guessing out, and 24 characters without a remainder.
const SUBMISSION_ID_BYTES: usize = 18;

/// The keys of one ledger, derived from the peppers.
#[derive(Clone)]
pub struct Identity {
    /// `(key id, key)`, the current one first.
    fingerprint: Vec<(String, Hash)>,
    submission: Hash,
}

/// A person's identifier under one pepper: `{kind}.{key id}.{base64url tag}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// What it identifies by.
    pub kind: IdentifierKind,
    /// As it is stored.
    pub tag: String,
    /// Under the pepper that writes. The others are for looking up.
    pub current: bool,
}

/// `sub_…`: follows from what was submitted.
pub type SubmissionId = String;

impl Identity {
    /// Derives the keys of a ledger.
    pub fn new(peppers: &Keyring, ledger: &str) -> Self {
        let derive = |usage: &str| {
            peppers.all().map(|key| (key.id.clone(), key.derive(usage, ledger))).collect::<Vec<_>>()
        };
        Self {
            fingerprint: derive("leadhook/fingerprint/v1/"),
            submission: peppers.current().derive("leadhook/submission/v1/", ledger),
        }
    }

    /// Fingerprints under every pepper, e-mail first, current pepper first.
    pub fn fingerprints(&self, submission: &Submission, campaign: &Campaign) -> Vec<Fingerprint> {
        let email = submission.contact.email.as_ref();
        let email = email.map(|email| email.fingerprint_form(campaign.dedupe.fold_gmail));
        let phone = submission.contact.phone.as_ref().map(|phone| phone.e164().to_owned());
        let mut all = Vec::new();
        let identifiers = [(IdentifierKind::Email, "email", email), (IdentifierKind::Phone, "phone", phone)];
        for (kind, word, canonical) in identifiers {
            let Some(canonical) = canonical else { continue };
            for (at, (id, key)) in self.fingerprint.iter().enumerate() {
                let tag = hmac_sha256(key, &[word.as_bytes(), &[0], canonical.as_bytes()]);
                let tag = format!("{word}.{id}.{}", base64url(&tag));
                all.push(Fingerprint { kind, tag, current: at == 0 });
            }
        }
        all
    }

    /// The submission's id: a keyed hash of the campaign, the wordings' versions, the declared
    /// fields, the consent choices and the idempotency key. The same post has the same id
    /// everywhere, whether it was seen before or not.
    pub fn submission_id(
        &self,
        submission: &Submission,
        campaign: &Campaign,
        idempotency_key: Option<&str>,
    ) -> SubmissionId {
        let versions: Vec<_> = campaign.purposes.iter().map(|p| (&p.id, &p.version)).collect();
        let choices = submission.choices.iter();
        let content = (
            &campaign.id,
            versions,
            submission.contact.email.as_ref().map(|email| email.address()),
            submission.contact.phone.as_ref().map(|phone| phone.e164()),
            &submission.answers,
            choices.map(|c| (&c.purpose, c.granted, &c.version_shown)).collect::<Vec<_>>(),
            idempotency_key,
        );
        // Maps with text keys and plain values always have a JSON form.
        let content = serde_json::to_vec(&content).unwrap_or_default();
        let tag = hmac_sha256(&self.submission, &[&content]);
        format!("sub_{}", base64url(tag.get(..SUBMISSION_ID_BYTES).unwrap_or(&tag)))
    }

    /// The hash under which the ledger keeps an idempotency key of a campaign.
    pub fn idempotency_tag(&self, campaign: &Campaign, key: &str) -> String {
        let parts: [&[u8]; 4] = [b"idempotency", campaign.id.as_bytes(), &[0], key.as_bytes()];
        base64url(&hmac_sha256(&self.submission, &parts))
    }
}

/// The fingerprints by which the campaign recognises: those of the kinds that it lists, or, where
/// the post has none of these, those that it has.
pub fn recognising<'a>(all: &'a [Fingerprint], by: &[IdentifierKind]) -> Vec<&'a Fingerprint> {
    let listed: Vec<_> = all.iter().filter(|print| by.contains(&print.kind)).collect();
    if listed.is_empty() { all.iter().collect() } else { listed }
}
