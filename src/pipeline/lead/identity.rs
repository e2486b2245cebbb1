//! Keyed hashes: of who someone is, and of what was submitted. They never leave the system.

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

/// 144 bits: above the 128 that keep guessing out, and 24 characters without a remainder.
const SUBMISSION_ID_BYTES: usize = 18;

/// 128 bits: nobody can look for two that collide without the key.
const SIGHTING_BYTES: usize = 16;
/// 128 bits of a link's MAC: a link is guessed online or not at all.
const LINK_MAC_BYTES: usize = 16;
/// Characters of a subject's hash that a link names it by: 132 bits.
const PREFIX_CHARACTERS: usize = 22;

/// The keys of one ledger, derived from the operator's.
#[derive(Clone)]
pub struct Identity {
    fingerprint: Keys,
    list: Keys,
    link: Keys,
    history: Vec<(String, Hash)>,
    submission: MacKey,
    sighting: Keys,
    /// Of links that tell nobody what they are about.
    sealer: Sealer,
}

/// `(key id, key)`, the current one first.
type Keys = Vec<(String, MacKey)>;

/// What a link lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Confirm a submission.
    Confirm,
    /// Withdraw a consent, and see its receipt.
    Withdraw,
    /// Get what the campaign gives in exchange.
    Download,
    /// Say when its form was rendered. No address, but signed like one.
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

    /// What its MAC is over, ahead of the parts. Without a campaign it is a link of before they were bound
    /// to one, or one that names its campaign.
    fn context(self, campaign: Option<&str>) -> String {
        campaign.map_or_else(|| self.word().to_owned(), |campaign| format!("{}/{campaign}", self.word()))
    }
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

    /// Fingerprints under every pepper, e-mail first, current pepper first.
    pub fn fingerprints(&self, submission: &Submission, campaign: &Campaign) -> Vec<Fingerprint> {
        self.fingerprints_by(submission.contact.email.as_ref(), submission.contact.phone.as_ref(), campaign)
    }

    /// The same of a lead that was kept, for the peppers may have been rotated since.
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

    /// The fingerprints that an identifier may lie under, whatever a campaign folds.
    pub fn fingerprints_of(&self, identifier: &Identifier) -> Vec<String> {
        let forms = identifier.forms();
        forms.iter().flat_map(|form| tags(&self.fingerprint, identifier.kind(), form)).collect()
    }

    /// The hashes of the mailbox that an address very likely leads to, whatever tag it bears, and of what is
    /// coarser than that: to count mails, never to recognise anybody. Each under every pepper, the current one
    /// first.
    pub fn mailbox_tags(&self, email: &Email) -> [Vec<String>; 2] {
        let all = |what: &str, text: &str| self.tags(what, text).collect();
        [all("mailbox", &email.mailbox()), all("stem", &email.stem())]
    }

    /// The fingerprint of an identifier, folded, under the pepper that writes.
    pub fn current_tag(&self, identifier: &Identifier) -> Option<String> {
        tags(&self.fingerprint, identifier.kind(), &identifier.listed_form()).next()
    }

    /// What the lists know an identifier by, under every list key. Empty where there is none.
    pub fn list_tags(&self, identifier: &Identifier) -> Vec<String> {
        tags(&self.list, identifier.kind(), &identifier.listed_form()).collect()
    }

    /// The same of a submission's contact.
    pub fn list_tags_of(&self, submission: &Submission) -> Vec<String> {
        let email = submission.contact.email.clone().map(Identifier::Email);
        let phone = submission.contact.phone.clone().map(Identifier::Phone);
        email.iter().chain(&phone).flat_map(|identifier| self.list_tags(identifier)).collect()
    }

    /// A text that only this ledger can have written: `{parts, by dots}.{key id}.{MAC}`, under the
    /// pepper of that id or, where it has gone, the current one. The parts hold no dots. With a campaign
    /// it is one of that campaign alone.
    pub fn link(&self, link: Link, campaign: Option<&str>, pepper: Option<&str>, parts: &[&str]) -> String {
        let named = self.link.iter().find(|(id, _)| pepper == Some(id));
        let Some((id, key)) = named.or(self.link.first()) else { return String::new() };
        let parts = parts.join(".");
        format!("{parts}.{id}.{}", link_mac(key, &link.context(campaign), &parts))
    }

    /// The parts of a text that [`Identity::link`] wrote under any living pepper; nothing where it
    /// did not, or there are not `N` of them.
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

    /// A text for one campaign that nobody else can read or write, and that is another one each time.
    pub fn sealed_link(&self, campaign: &str, plain: &str, moment: &Moment) -> String {
        let nonce = moment.random::<12>("link", 0);
        self.sealer.seal_text(plain.as_bytes(), &link_context(campaign), nonce).unwrap_or_default()
    }

    /// What a text says that [`Identity::sealed_link`] wrote under any living pepper.
    pub fn read_sealed_link(&self, campaign: &str, text: &str) -> Option<String> {
        String::from_utf8(self.sealer.open_text(text, &link_context(campaign)).ok()?).ok()
    }

    /// The keys that the history of consents is chained with.
    pub fn history_keys(&self) -> &[(String, Hash)] {
        &self.history
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
        let tag = self.submission.mac(&[&content]);
        format!("sub_{}", base64url(tag.get(..SUBMISSION_ID_BYTES).unwrap_or(&tag)))
    }

    /// By what the ledger knows for a while that it has met something before: an address, a text, a
    /// form's token.
    pub fn tag(&self, what: &str, text: &str) -> String {
        self.tags(what, text).next().unwrap_or_default()
    }

    /// The same under every pepper, the current one first.
    fn tags(&self, what: &str, text: &str) -> impl Iterator<Item = String> {
        self.sighting.iter().map(move |(_, key)| {
            let tag = key.mac(&[what.as_bytes(), &[0], text.as_bytes()]);
            base64url(tag.get(..SIGHTING_BYTES).unwrap_or(&tag))
        })
    }

    /// The hash under which the ledger keeps an idempotency key of a campaign.
    pub fn idempotency_tag(&self, campaign: &Campaign, key: &str) -> String {
        let parts: [&[u8]; 4] = [b"idempotency", campaign.id.as_bytes(), &[0], key.as_bytes()];
        base64url(&self.submission.mac(&parts))
    }
}

/// What lists are hashed under, with the ledger's name behind it.
const LIST_USAGE: &str = "leadhook/list/v1/";

/// The tag of an identifier under the list key that writes, for a list that is hashed elsewhere:
/// `{kind}.{key id}.{base64url tag}`.
pub fn list_tag(ring: &Keyring, ledger: &str, identifier: &Identifier) -> String {
    let key = ring.current();
    let key = [(key.id.clone(), MacKey::new(&key.derive(LIST_USAGE, ledger)))];
    tags(&key, identifier.kind(), &identifier.listed_form()).collect()
}

/// Whom a consent is about, to whoever holds the pepper: a hash of a fingerprint, behind the
/// pepper's id. It tells nothing to anybody else, the fingerprint neither.
pub fn subject(fingerprint: &str) -> String {
    let id = fingerprint.split('.').nth(1).unwrap_or_default();
    let hash = sha256(&[b"leadhook/subject/v1/", fingerprint.as_bytes()]);
    format!("{id}.{}", base64url(&hash))
}

/// What a link names a subject by: the beginning of its hash.
pub fn subject_prefix(subject: &str) -> &str {
    let hash = subject.split_once('.').map_or(subject, |(_, hash)| hash);
    hash.get(..PREFIX_CHARACTERS).unwrap_or(hash)
}

/// `{kind}.{key id}.{base64url tag}` under each key.
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

/// Where a sealed link of a campaign lies: it opens nowhere else.
fn link_context(campaign: &str) -> String {
    format!("link/{campaign}")
}

fn link_mac(key: &MacKey, context: &str, parts: &str) -> String {
    let mac = key.mac(&[context.as_bytes(), &[0], parts.as_bytes()]);
    base64url(mac.get(..LINK_MAC_BYTES).unwrap_or(&mac))
}

/// The fingerprints by which the campaign recognises: those of the kinds that it lists, or, where
/// the post has none of these, those that it has.
pub fn recognising<'a>(all: &'a [Fingerprint], by: &[IdentifierKind]) -> Vec<&'a Fingerprint> {
    let listed: Vec<_> = all.iter().filter(|print| by.contains(&print.kind)).collect();
    if listed.is_empty() { all.iter().collect() } else { listed }
}
