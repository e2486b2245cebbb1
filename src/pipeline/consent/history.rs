//! The consent history of a person: acts, in the order in which they happened.
//!
//! Each act commits to its personal part by a salted hash and is chained to the act before it by a MAC. Whoever can
//! edit rows cannot write an act that fits; the personal part can be erased with its salt, and the chain still holds.
//! If the last acts were cut off, a receipt shows it, for it names the act that it was made for.

use serde::{Deserialize, Serialize};

use crate::base::crypto::{Hash, base64url, hmac_sha256, same_secret, sha256};
use crate::base::json::by_words;

/// The state of a consent (ISO/IEC TS 27560).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentState {
    /// The box was ticked; the address has yet to be confirmed.
    Requested,
    /// The box was ticked.
    Given,
    /// The owner of the address confirmed it.
    Confirmed,
    /// The box was left empty.
    Refused,
    /// The consent was withdrawn.
    Withdrawn,
    /// The consent's time is over.
    Expired,
}

by_words!(ConsentState, ConsentState::ALL.map(|state| (state, state.as_str())));

impl ConsentState {
    const ALL: [Self; 6] =
        [Self::Requested, Self::Given, Self::Confirmed, Self::Refused, Self::Withdrawn, Self::Expired];

    /// Returns the state's name, as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Given => "given",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    /// Checks that something may be sent on the strength of it.
    pub fn is_valid(self) -> bool {
        matches!(self, Self::Given | Self::Confirmed)
    }

    /// Checks that the consent was valid once and is no longer.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Withdrawn | Self::Expired)
    }
}

/// An act about consents: one link of the chain.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Act {
    /// The act's number; 1 for a person's first.
    pub seq: i64,
    /// The time; UTC, milliseconds.
    pub at_ms: i64,
    /// The id of the campaign.
    pub campaign: String,
    /// The purposes, each with its state and the digest of its [`Terms`](super::Terms).
    pub consents: Vec<(String, ConsentState, String)>,
    /// The commitment to the [`Personal`] part.
    pub commitment: String,
    /// `{key id}.{MAC}`, over the act and the MAC of the act before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mac: String,
}

/// The personal part of an act. It is sealed, and erased on request of the person.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Personal {
    /// A random salt, without which nobody can guess the content of the commitment.
    pub salt: String,
    /// The subject, by [`subject`](crate::pipeline::lead::subject).
    pub subject: String,
    /// The fingerprints of the person at the time of the act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// The id of the submission that brought the act.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub submission_id: String,
    /// The method: `form`, `json`, `link`, `one_click` or `retention`.
    pub method: String,
    /// The page of the form, if it was sent, without query and fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// True if the browser sent `Sec-GPC: 1`.
    #[serde(default)]
    pub gpc: bool,
    /// The versions of the wordings that the form says it showed, by purpose.
    #[serde(default)]
    pub shown: Vec<(String, String)>,
}

impl Personal {
    /// Returns the text that is committed to and sealed.
    pub fn text(&self) -> String {
        // Plain values always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Act {
    /// Returns the state of a purpose after this act, and the digest of its terms.
    pub fn of(&self, purpose: &str) -> Option<(ConsentState, &str)> {
        let found = self.consents.iter().find(|(known, ..)| known == purpose);
        found.map(|(_, state, digest)| (*state, digest.as_str()))
    }

    /// Returns the next act of a person, chained to the one before.
    pub fn after(
        previous: Option<&Head>,
        lead_id: &str,
        (at_ms, campaign): (i64, &str),
        consents: Vec<(String, ConsentState, String)>,
        personal: &str,
        (key_id, key): &(String, Hash),
    ) -> Self {
        let mut act = Self {
            seq: previous.map_or(1, |head| head.seq.saturating_add(1)),
            at_ms,
            campaign: campaign.to_owned(),
            consents,
            commitment: commitment(personal),
            mac: String::new(),
        };
        let mac = act.mac_under(key, lead_id, previous.map_or("", |head| &head.mac));
        act.mac = format!("{key_id}.{mac}");
        act
    }

    /// Returns the MAC of an act whose own field is empty.
    fn mac_under(&self, key: &Hash, lead_id: &str, previous: &str) -> String {
        let bare = serde_json::to_vec(self).unwrap_or_default();
        let parts: [&[u8]; 5] = [lead_id.as_bytes(), b"\n", previous.as_bytes(), b"\n", &bare];
        base64url(&hmac_sha256(key, &parts))
    }
}

fn commitment(personal: &str) -> String {
    base64url(&sha256(&[b"leadhook/commitment/v1/", personal.as_bytes()]))
}

/// The result of verifying an act.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The act and its personal part are as they were written.
    Valid,
    /// The act is as it was written; its personal part has been erased.
    Erased,
    /// The act, its personal part or an act before it has been changed or removed.
    Changed,
    /// The key of the MAC is not available.
    Unknown,
}

/// Verifies a person's acts, oldest first, each with its personal part if that is left.
pub fn verify(keys: &[(String, Hash)], lead_id: &str, acts: &[(Act, Option<String>)]) -> Vec<Verdict> {
    verify_behind(None, keys, lead_id, acts)
}

/// Verifies acts that follow one that is not among them.
pub fn verify_behind(
    before: Option<&Head>,
    keys: &[(String, Hash)],
    lead_id: &str,
    acts: &[(Act, Option<String>)],
) -> Vec<Verdict> {
    let mut previous = before.cloned();
    let judge = |(act, personal): &'_ (Act, Option<String>), previous: Option<&Head>| {
        let (id, mac) = act.mac.split_once('.').unwrap_or_default();
        let Some((_, key)) = keys.iter().find(|(known, _)| known == id) else {
            return Verdict::Unknown;
        };
        let bare = Act { mac: String::new(), ..act.clone() };
        let expected = bare.mac_under(key, lead_id, previous.map_or("", |act| &act.mac));
        let follows = Some(act.seq) == previous.map_or(Some(1), |act| act.seq.checked_add(1));
        if !follows || !same_secret(expected.as_bytes(), mac.as_bytes()) {
            return Verdict::Changed;
        }
        match personal {
            None => Verdict::Erased,
            Some(text) if commitment(text) == act.commitment => Verdict::Valid,
            Some(_) => Verdict::Changed,
        }
    };
    let mut verdicts = Vec::new();
    for one in acts {
        verdicts.push(judge(one, previous.as_ref()));
        previous = Some(Head::from(&one.0));
    }
    verdicts
}

/// The head of a history, which the next act is chained to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last act.
    pub seq: i64,
    /// The MAC of the last act.
    pub mac: String,
}

impl From<&Act> for Head {
    fn from(act: &Act) -> Self {
        Self { seq: act.seq, mac: act.mac.clone() }
    }
}

/// The standing of the consent to one purpose.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The purpose's id.
    pub purpose: String,
    /// The state now.
    pub state: ConsentState,
    /// The time since which it has that state; UTC, milliseconds.
    pub since_ms: i64,
    /// The act that last gave or requested it; if none did, the last one that mentions it.
    pub by: Mention,
    /// True if that act gave or requested it.
    pub was_given: bool,
    /// The act that confirmed the address, if that still counts: number and time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<(i64, i64)>,
}

/// The part of an act that is about one purpose.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Mention {
    /// The act's number.
    pub seq: i64,
    /// The time; UTC, milliseconds.
    pub at_ms: i64,
    /// The id of the campaign.
    pub campaign: String,
    /// The digest of the purpose's [`Terms`](super::Terms).
    pub terms: String,
    /// The other subjects of the act, who can have it erased too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

impl Standing {
    /// Returns the numbers of the acts that the standing rests on.
    pub fn acts(&self) -> impl Iterator<Item = i64> {
        std::iter::once(self.by.seq).chain(self.confirmed.map(|(seq, _)| seq))
    }
}

/// Returns the standing of each purpose after these acts. A box that is left empty the second time withdraws nothing,
/// and a confirmed consent stays confirmed until it is withdrawn or expires.
pub fn standing<'a>(acts: impl IntoIterator<Item = &'a Act>) -> Vec<Standing> {
    let mut all = Vec::new();
    for act in acts {
        follow(&mut all, act, &[]);
    }
    all
}

/// Updates the standing of each purpose by one more act, which also has the subjects `with`.
pub fn follow(all: &mut Vec<Standing>, act: &Act, with: &[String]) {
    for (purpose, state, terms) in &act.consents {
        let by = Mention {
            seq: act.seq,
            at_ms: act.at_ms,
            campaign: act.campaign.clone(),
            terms: terms.clone(),
            with: with.to_vec(),
        };
        match all.iter_mut().find(|known| known.purpose == *purpose) {
            Some(known) => *known = next_standing(known.clone(), *state, by),
            None => all.push(first_standing(purpose, *state, by)),
        }
    }
}

fn first_standing(purpose: &str, state: ConsentState, by: Mention) -> Standing {
    use ConsentState::{Confirmed, Given, Requested};
    Standing {
        purpose: purpose.to_owned(),
        state,
        since_ms: by.at_ms,
        was_given: matches!(state, Requested | Given | Confirmed),
        confirmed: (state == Confirmed).then_some((by.seq, by.at_ms)),
        by,
    }
}

fn next_standing(before: Standing, state: ConsentState, by: Mention) -> Standing {
    use ConsentState::{Confirmed, Expired, Given, Refused, Requested, Withdrawn};
    let since_ms = by.at_ms;
    match (state, before.state) {
        (Refused, Given | Confirmed | Withdrawn | Expired) | (Requested, Given | Confirmed) => before,
        (Given, Confirmed) => Standing { by, was_given: true, ..before },
        (Given | Requested, _) => first_standing(&before.purpose, state, by),
        (Confirmed, _) => Standing { state, since_ms, confirmed: Some((by.seq, by.at_ms)), ..before },
        (Refused | Withdrawn | Expired, _) => {
            let by = if before.was_given { before.by.clone() } else { by };
            Standing { state, since_ms, by, confirmed: None, ..before }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> (String, Hash) {
        (format!("k{byte}"), [byte; 32])
    }

    fn chain(states: &[ConsentState]) -> Vec<(Act, Option<String>)> {
        let mut acts = Vec::<(Act, Option<String>)>::new();
        for (at, state) in (0..).zip(states) {
            let personal = Personal { salt: format!("salt{at}"), ..Personal::default() }.text();
            let consents = vec![("newsletter".to_owned(), *state, "terms".to_owned())];
            let previous = acts.last().map(|(act, _)| Head::from(act));
            let act =
                Act::after(previous.as_ref(), "lead_1", (1_000 + at, "c"), consents, &personal, &key(1));
            acts.push((act, Some(personal)));
        }
        acts
    }

    #[test]
    fn valid_changed_and_erased_are_told_apart() {
        use ConsentState::{Confirmed, Requested, Withdrawn};
        use Verdict::{Changed, Erased, Unknown, Valid};
        let keys = [key(2), key(1)];
        let acts = chain(&[Requested, Confirmed, Withdrawn]);
        assert_eq!(verify(&keys, "lead_1", &acts), [Valid, Valid, Valid]);
        assert_eq!(verify(&keys, "lead_2", &acts), [Changed, Changed, Changed]);
        assert_eq!(verify(&[key(2)], "lead_1", &acts), [Unknown, Unknown, Unknown]);

        let mut erased = acts.clone();
        erased[1].1 = None;
        assert_eq!(verify(&keys, "lead_1", &erased), [Valid, Erased, Valid]);

        let mut personal = acts.clone();
        personal[0].1 = Some("{}".to_owned());
        assert_eq!(verify(&keys, "lead_1", &personal), [Changed, Valid, Valid]);

        let mut state = acts.clone();
        state[2].0.consents[0].1 = Confirmed;
        assert_eq!(verify(&keys, "lead_1", &state), [Valid, Valid, Changed]);

        let mut shorter = acts.clone();
        shorter.remove(1);
        assert_eq!(verify(&keys, "lead_1", &shorter), [Valid, Changed]);

        // A row that is written anew without the key does not fit, whatever follows.
        let mut mended = acts;
        mended[1].0 =
            Act::after(Some(&Head::from(&mended[0].0)), "lead_1", (9, "c"), Vec::new(), "", &key(3));
        mended[1].0.mac = mended[1].0.mac.replace("k3", "k1");
        assert_eq!(verify(&keys, "lead_1", &mended), [Valid, Changed, Changed]);
    }

    #[test]
    fn the_persisted_format_of_an_act_is_pinned() {
        // A change here makes every stored history unverifiable.
        let acts = chain(&[ConsentState::Given]);
        let text = serde_json::to_string(&acts[0].0).unwrap();
        assert_eq!(
            text,
            r#"{"seq":1,"at_ms":1000,"campaign":"c","consents":[["newsletter","given","terms"]],"commitment":"HRU7AEh7mtCKBODKKthK6OX_i_CX5EWXDbkSXg8VpJo","mac":"k1.Rj6zPbIfBqO4fTTQcCYfydTV_J9ShclmTkLjaG8pg88"}"#
        );
    }

    #[test]
    fn an_empty_box_withdraws_nothing_and_a_confirmation_stays() {
        use ConsentState::{Confirmed, Expired, Given, Refused, Requested, Withdrawn};
        for (states, expected, by) in [
            (&[Given, Refused][..], Given, 1),
            (&[Refused, Given], Given, 2),
            (&[Refused, Refused], Refused, 2),
            (&[Requested, Confirmed, Given], Confirmed, 3),
            (&[Requested, Confirmed, Requested], Confirmed, 1),
            (&[Given, Withdrawn, Refused], Withdrawn, 1),
            (&[Given, Withdrawn, Given], Given, 3),
            (&[Requested, Confirmed, Withdrawn, Given], Given, 4),
            (&[Requested, Refused], Refused, 1),
            (&[Given, Expired], Expired, 1),
        ] {
            let acts = chain(states);
            let all = standing(acts.iter().map(|(act, _)| act));
            assert_eq!(all.len(), 1);
            assert_eq!((all[0].state, all[0].by.seq), (expected, by), "{states:?}");
            assert_eq!(all[0].was_given, states != [Refused, Refused], "{states:?}");
        }
        let confirmed = chain(&[Requested, Confirmed, Given]);
        assert_eq!(standing(confirmed.iter().map(|(act, _)| act))[0].confirmed, Some((2, 1_001)));
        let withdrawn = chain(&[Requested, Confirmed, Withdrawn, Given]);
        assert_eq!(standing(withdrawn.iter().map(|(act, _)| act))[0].confirmed, None);
    }
}
