//! Identity: keyed hashes of people and of submissions, and the MACs of links. The hashes never leave the system.

use serde::{Deserialize, Serialize};

use super::contact::Contact;
use super::identifier::Identifier;
use crate::base::crypto::{Hash, MacKey, base64url, same_secret, sha256};
use crate::base::keyring::Keyring;
use crate::base::moment::Moment;
use crate::base::sealing::Sealer;
use crate::campaign::{Campaign, IdentifierKind};
use crate::contact::{Email, Phone};
use crate::pipeline::intake::Submission;
use crate::settings::Settings;

/// 144 bits: above the 128 that rule out guessing, and 24 characters without a remainder.
const SUBMISSION_ID_BYTES: usize = 18;
/// 128 bits: nobody can search for collisions without the key.
const SIGHTING_BYTES: usize = 16;
/// 128 bits of a link's MAC: a link is guessed online or not at all.
const LINK_MAC_BYTES: usize = 16;
/// Characters of a subject's hash in a link: 132 bits.
const PREFIX_CHARACTERS: usize = 22;

/// The keys of one ledger, derived from the operator's peppers and list keys.
#[derive(Clone)]
pub struct Identity {
    fingerprint: Keys,
    list: Keys,
    link: Keys,
    history: Vec<(String, Hash)>,
    submission: MacKey,
    sighting: Keys,
    /// The key of sealed links.
    sealer: Sealer,
}

/// Keys with their ids, the current one first.
type Keys = Vec<(String, MacKey)>;

/// The purpose of a link: what its holder can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Confirm a submission.
    Confirm,
    /// Withdraw a consent, and see its receipt.
    Withdraw,
    /// Get what the campaign gives in exchange.
    Download,
    /// Prove when a form was rendered. A token, not a link, but it has the same MAC.
    Form,
}

impl Link {
    fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Withdraw => "withdraw",
            Self::Download => "download",
            Self::Form => "form",
        }
    }

    /// Returns the context of the MAC. Without a campaign it is a link from before links were bound to one, or one
    /// that names its campaign.
    fn context(self, campaign: Option<&str>) -> String {
        campaign.map_or_else(|| self.word().to_owned(), |campaign| format!("{}/{campaign}", self.word()))
    }
}

/// A person's identifier under one pepper: `{kind}.{key id}.{base64url tag}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// The kind of identifier.
    pub kind: IdentifierKind,
    /// The tag, as it is stored.
    pub tag: String,
    /// True if it is under the current pepper. The others are for lookups.
    pub current: bool,
}

/// A submission's id: `sub_…`, derived from the content.
pub type SubmissionId = String;

impl Identity {
    /// Derives the keys of a ledger.
    pub fn new(settings: &Settings, ledger: &str) -> Self {
        let derive = |ring: &Keyring, usage: &str| {
            ring.all().map(|key| (key.id.clone(), MacKey::new(&key.derive(usage, ledger)))).collect::<Keys>()
        };
        let peppers = &settings.peppers;
        Self {
            fingerprint: derive(peppers, "leadhook/fingerprint/v1/"),
            list: settings.lists.as_ref().map(|ring| derive(ring, LIST_USAGE)).unwrap_or_default(),
            link: derive(peppers, "leadhook/link/v1/"),
            history: peppers
                .all()
                .map(|key| (key.id.clone(), key.derive("leadhook/history/v1/", ledger)))
                .collect(),
            submission: MacKey::new(&peppers.current().derive("leadhook/submission/v1/", ledger)),
            sighting: derive(peppers, "leadhook/sighting/v1/"),
            sealer: Sealer::new(peppers, ledger),
        }
    }

    /// Returns the fingerprints of a submission under every pepper: e-mail first, current pepper first.
    pub fn fingerprints(&self, submission: &Submission, campaign: &Campaign) -> Vec<Fingerprint> {
        self.fingerprints_by(submission.contact.email.as_ref(), submission.contact.phone.as_ref(), campaign)
    }

    /// Returns the fingerprints of a stored lead: the peppers may have been rotated since.
    pub fn fingerprints_of_contact(&self, contact: &Contact, campaign: &Campaign) -> Vec<Fingerprint> {
        let email = contact.email.as_deref().and_then(Email::parse);
        let phone = contact.phone.as_deref().and_then(|phone| Phone::parse(phone, None));
        self.fingerprints_by(email.as_ref(), phone.as_ref(), campaign)
    }

    fn fingerprints_by(
        &self,
        email: Option<&Email>,
        phone: Option<&Phone>,
        campaign: &Campaign,
    ) -> Vec<Fingerprint> {
        let email = email.map(|email| email.fingerprint_form(campaign.dedupe.fold_gmail));
        let phone = phone.map(|phone| phone.e164().to_owned());
        let identifiers = [(IdentifierKind::Email, email), (IdentifierKind::Phone, phone)];
        let mut all = Vec::new();
        for (kind, canonical) in identifiers {
            let Some(canonical) = canonical else { continue };
            let tags = tags(&self.fingerprint, kind, &canonical).enumerate();
            all.extend(tags.map(|(at, tag)| Fingerprint { kind, tag, current: at == 0 }));
        }
        all
    }

    /// Returns the fingerprints that an identifier may be stored under, whatever a campaign folds.
    pub fn fingerprints_of(&self, identifier: &Identifier) -> Vec<String> {
        let forms = identifier.forms();
        forms.iter().flat_map(|form| tags(&self.fingerprint, identifier.kind(), form)).collect()
    }

    /// Returns hashes of the mailbox that an address very likely leads to, whatever its tag, and of something
    /// coarser: to count mails, never to recognise anybody. Each is under every pepper, the current one first.
    pub fn mailbox_tags(&self, email: &Email) -> [Vec<String>; 2] {
        let all = |what: &str, text: &str| self.tags(what, text).collect();
        [all("mailbox", &email.mailbox()), all("stem", &email.stem())]
    }

    /// Returns the fingerprint of an identifier, folded, under the current pepper.
    pub fn current_tag(&self, identifier: &Identifier) -> Option<String> {
        tags(&self.fingerprint, identifier.kind(), &identifier.listed_form()).next()
    }

    /// Returns the tags of an identifier on lists, under every list key. Empty without list keys.
    pub fn list_tags(&self, identifier: &Identifier) -> Vec<String> {
        tags(&self.list, identifier.kind(), &identifier.listed_form()).collect()
    }

    /// Returns the tags of a submission's contact on lists.
    pub fn list_tags_of(&self, submission: &Submission) -> Vec<String> {
        let email = submission.contact.email.clone().map(Identifier::Email);
        let phone = submission.contact.phone.clone().map(Identifier::Phone);
        email.iter().chain(&phone).flat_map(|identifier| self.list_tags(identifier)).collect()
    }

    /// Writes a text that only this ledger can have written: `{parts, separated by dots}.{key id}.{MAC}`, under the
    /// pepper of that id or, if it is gone, the current one. The parts hold no dots. With a campaign it is valid for
    /// that campaign only.
    pub fn link(&self, link: Link, campaign: Option<&str>, pepper: Option<&str>, parts: &[&str]) -> String {
        let named = self.link.iter().find(|(id, _)| pepper == Some(id));
        let Some((id, key)) = named.or(self.link.first()) else { return String::new() };
        let parts = parts.join(".");
        format!("{parts}.{id}.{}", link_mac(key, &link.context(campaign), &parts))
    }

    /// Reads the parts of a text that [`Identity::link`] wrote under any pepper that is left; `None` if it did not,
    /// or if there are not `N` parts.
    pub fn read_link<const N: usize>(
        &self,
        link: Link,
        campaign: Option<&str>,
        text: &str,
    ) -> Option<[String; N]> {
        let (rest, mac) = text.rsplit_once('.')?;
        let (parts, id) = rest.rsplit_once('.')?;
        let (_, key) = self.link.iter().find(|(known, _)| known == id)?;
        if !same_secret(link_mac(key, &link.context(campaign), parts).as_bytes(), mac.as_bytes()) {
            return None;
        }
        parts.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().ok()
    }

    /// Seals a text for one campaign. The result differs each time.
    pub fn sealed_link(&self, campaign: &str, plain: &str, moment: &Moment) -> String {
        let nonce = moment.random::<12>("link", 0);
        self.sealer.seal_text(plain.as_bytes(), &link_context(campaign), nonce).unwrap_or_default()
    }

    /// Opens a text that [`Identity::sealed_link`] wrote under any pepper that is left.
    pub fn read_sealed_link(&self, campaign: &str, text: &str) -> Option<String> {
        String::from_utf8(self.sealer.open_text(text, &link_context(campaign)).ok()?).ok()
    }

    /// Returns the keys of the MACs that chain the consent history.
    pub fn history_keys(&self) -> &[(String, Hash)] {
        &self.history
    }

    /// Returns the submission's id: a keyed hash of the campaign, the versions of the wordings, the declared
    /// fields, the consent choices and the idempotency key. The same submission has the same id everywhere.
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
        let tag = self.submission.mac(&[&content]);
        format!("sub_{}", base64url(tag.get(..SUBMISSION_ID_BYTES).unwrap_or(&tag)))
    }

    /// Returns the hash by which the ledger recognises something for a while: an address, a text, a form token.
    pub fn tag(&self, what: &str, text: &str) -> String {
        self.tags(what, text).next().unwrap_or_default()
    }

    /// Returns such hashes under every pepper, the current one first.
    fn tags(&self, what: &str, text: &str) -> impl Iterator<Item = String> {
        self.sighting.iter().map(move |(_, key)| {
            let tag = key.mac(&[what.as_bytes(), &[0], text.as_bytes()]);
            base64url(tag.get(..SIGHTING_BYTES).unwrap_or(&tag))
        })
    }

    /// Returns the hash under which the ledger stores an idempotency key of a campaign.
    pub fn idempotency_tag(&self, campaign: &Campaign, key: &str) -> String {
        let parts: [&[u8]; 4] = [b"idempotency", campaign.id.as_bytes(), &[0], key.as_bytes()];
        base64url(&self.submission.mac(&parts))
    }
}

/// The usage of list keys in key derivation; the ledger's name follows.
const LIST_USAGE: &str = "leadhook/list/v1/";

/// Returns the tag of an identifier under the current list key, for a list that is hashed elsewhere:
/// `{kind}.{key id}.{base64url tag}`.
pub fn list_tag(ring: &Keyring, ledger: &str, identifier: &Identifier) -> String {
    let key = ring.current();
    let key = [(key.id.clone(), MacKey::new(&key.derive(LIST_USAGE, ledger)))];
    tags(&key, identifier.kind(), &identifier.listed_form()).collect()
}

/// Returns the subject of a consent: the pepper's id and a hash of the fingerprint. Only who holds the pepper can
/// tell whom it is about; it does not reveal the fingerprint either.
pub fn subject(fingerprint: &str) -> String {
    let id = fingerprint.split('.').nth(1).unwrap_or_default();
    let hash = sha256(&[b"leadhook/subject/v1/", fingerprint.as_bytes()]);
    format!("{id}.{}", base64url(&hash))
}

/// Returns the beginning of a subject's hash, which links carry.
pub fn subject_prefix(subject: &str) -> &str {
    let hash = subject.split_once('.').map_or(subject, |(_, hash)| hash);
    hash.get(..PREFIX_CHARACTERS).unwrap_or(hash)
}

/// Returns `{kind}.{key id}.{base64url tag}` under each key.
fn tags(keys: &[(String, MacKey)], kind: IdentifierKind, canonical: &str) -> impl Iterator<Item = String> {
    let word = match kind {
        IdentifierKind::Email => "email",
        IdentifierKind::Phone => "phone",
    };
    keys.iter().map(move |(id, key)| {
        let tag = key.mac(&[word.as_bytes(), &[0], canonical.as_bytes()]);
        format!("{word}.{id}.{}", base64url(&tag))
    })
}

/// Returns the AEAD context of a campaign's sealed links: they open for no other campaign.
fn link_context(campaign: &str) -> String {
    format!("link/{campaign}")
}

fn link_mac(key: &MacKey, context: &str, parts: &str) -> String {
    let mac = key.mac(&[context.as_bytes(), &[0], parts.as_bytes()]);
    base64url(mac.get(..LINK_MAC_BYTES).unwrap_or(&mac))
}

/// Returns the fingerprints by which the campaign recognises people: those of the kinds that it lists or, if there
/// are none, all.
pub fn recognising<'a>(all: &'a [Fingerprint], by: &[IdentifierKind]) -> Vec<&'a Fingerprint> {
    let listed: Vec<_> = all.iter().filter(|print| by.contains(&print.kind)).collect();
    if listed.is_empty() { all.iter().collect() } else { listed }
}
