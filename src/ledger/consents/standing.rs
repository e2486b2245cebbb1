//! Who is behind a lead, as each further post needs to know it: the head of the history, where the consents of
//! the post's subject stand, who has had the lead. A row for the lead and one for the subject hold it, so that a
//! post costs the same however often its person has posted.
//!
//! A lead whose first submission is its only one has neither row: all of it follows from that one, and nearly
//! everybody posts once. Where the rows are not there they are made of what is, so to drop them is always right.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Consents;
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::campaign::IdentifierKind;
use crate::ledger::db::act;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::lead;
use crate::ledger::db::lead::{NewLead, StandingRow};
use crate::ledger::db::queue::RecipientRow;
use crate::ledger::db::schema::ROW_FORMAT;
use crate::ledger::db::store::Store;
use crate::pipeline::consent::{Head, Standing, follow};
use crate::pipeline::lead::subject_prefix;

/// A destination that has had a lead from a campaign, or may have.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(in crate::ledger) struct Recipient {
    pub(in crate::ledger) campaign: String,
    pub(in crate::ledger) destination: String,
    pub(in crate::ledger) receiver: String,
    /// A delivery that has expired or was stopped can never arrive: its destination has not had the lead.
    pub(in crate::ledger) counts: bool,
}

impl From<RecipientRow> for Recipient {
    fn from(row: RecipientRow) -> Self {
        let RecipientRow { campaign, destination, receiver, counts } = row;
        Self { campaign, destination, receiver, counts }
    }
}

/// By subject, where their consents stand.
pub(in crate::ledger) type Standings = Vec<(String, Vec<Standing>)>;

/// What is known of a lead.
#[derive(Clone)]
pub(in crate::ledger) struct Known {
    /// Whether its row is there.
    is_kept: bool,
    pub(in crate::ledger) head: Option<Head>,
    /// The subject of its first act.
    founder: String,
    last_ms: i64,
    known_until_ms: i64,
    record_until_ms: i64,
    recipients: Option<Vec<Recipient>>,
    /// Of acts of before format 4, by their numbers: whose they are.
    unsaid: Vec<(i64, Vec<String>)>,
    /// By subject, where their consents stand: of a lead that has no row all of them, else those that were asked
    /// for.
    standings: Standings,
    /// Other names of these subjects, of younger peppers, each with the one that the lead knows.
    names: Vec<(String, String)>,
}

impl Known {
    /// Of a lead that is not there yet.
    pub(in crate::ledger) fn nobody() -> Self {
        Self {
            is_kept: false,
            head: None,
            founder: String::new(),
            last_ms: 0,
            known_until_ms: 0,
            record_until_ms: 0,
            recipients: None,
            unsaid: Vec::new(),
            standings: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Where the consents of the subjects stand that were asked for, or of all.
    pub(in crate::ledger) fn into_standings(self) -> Standings {
        self.standings
    }

    /// Where the consents of a subject stand, if anywhere.
    fn standing(&self, subject: &str) -> Option<&[Standing]> {
        let found = self.standings.iter().find(|(known, _)| known == subject);
        found.map(|(_, standing)| standing.as_slice())
    }

    /// Whether consents of a subject stand anywhere.
    pub(in crate::ledger) fn knows(&self, subject: &str) -> bool {
        self.standing(subject).is_some()
    }

    /// The name that the lead knows a subject by which has any of these.
    pub(in crate::ledger) fn name_of(&self, names: &[String]) -> Option<String> {
        let own = names.iter().find(|name| self.knows(name));
        let other = || self.names.iter().find(|(other, _)| names.contains(other)).map(|(_, own)| own);
        own.or_else(other).cloned()
    }
}

/// Whose post it is.
pub(in crate::ledger) struct Person {
    pub(in crate::ledger) lead_id: LeadId,
    /// By which of the post's identifiers.
    pub(in crate::ledger) recognised_by: Vec<IdentifierKind>,
    /// The subject of the post's consents, by the name that the lead first knew it by.
    pub(in crate::ledger) subject: String,
    pub(in crate::ledger) known: Known,
}

impl Person {
    /// Where the consents of the post's subject stand.
    pub(in crate::ledger) fn standing(&self) -> &[Standing] {
        self.known.standing(&self.subject).unwrap_or_default()
    }
}

/// What a post or an act changes of what is known of its lead.
pub(in crate::ledger) struct Change<'a> {
    pub(in crate::ledger) lead_id: &'a LeadId,
    pub(in crate::ledger) head: Option<Head>,
    /// Where the consents of a subject stand now, where that is another place.
    pub(in crate::ledger) standings: Vec<(&'a str, &'a [Standing])>,
    /// When it was last heard of, and until when it is known then.
    pub(in crate::ledger) heard: Option<(i64, i64)>,
    pub(in crate::ledger) record_until_ms: i64,
    pub(in crate::ledger) recipients: Option<Vec<Recipient>>,
    /// The other names that the first of these subjects has.
    pub(in crate::ledger) names: &'a [String],
}

impl<S: Store> Consents<S> {
    /// Returns what is known of a lead, and of it where these subjects stand.
    pub(in crate::ledger) fn known(&self, lead_id: &LeadId, subjects: &[String]) -> Result<Known, Fault> {
        let Some(row) = self.db.lead(lead_id)? else { return self.gathered(lead_id) };
        if row.format > ROW_FORMAT {
            return Err(Fault::new("a lead's row is newer than this code"));
        }
        let (mut standings, mut names) = (Vec::new(), Vec::new());
        for StandingRow { subject, consents } in self.db.standings_of(row.number, subjects)? {
            match read_standing(&consents)? {
                Kept::Standing(standing) => standings.push((subject, standing)),
                Kept::Name(name) => names.push((subject, name)),
            }
        }
        Ok(Known {
            is_kept: true,
            head: Some(Head { seq: row.seq, mac: row.mac }),
            founder: row.founder,
            last_ms: row.last_ms,
            known_until_ms: row.known_until_ms,
            record_until_ms: row.record_until_ms,
            recipients: row.had.and_then(|text| serde_json::from_str(&text).ok()),
            unsaid: Vec::new(),
            standings,
            names,
        })
    }

    /// Gathers what is known of a lead that has no row.
    fn gathered(&self, lead_id: &LeadId) -> Result<Known, Fault> {
        let acts = self.db.acts(lead_id)?;
        let mut standings = Standings::new();
        let (mut founder, mut unsaid) = (String::new(), Vec::new());
        for one in &acts {
            let all = self.subjects_of(lead_id, one);
            // Of what was erased nobody's consents stand anywhere.
            let Some(whose) = all.first().cloned() else { continue };
            if founder.is_empty() {
                founder.clone_from(&whose);
            }
            let others = all.get(1..).unwrap_or_default();
            match standings.iter_mut().find(|(known, _)| *known == whose) {
                Some((_, standing)) => follow(standing, &one.act, others),
                None => {
                    let mut standing = Vec::new();
                    follow(&mut standing, &one.act, others);
                    standings.push((whose, standing));
                }
            }
            if one.subjects.is_empty() {
                unsaid.push((one.act.seq, all));
            }
        }
        let sums = self.db.sums(lead_id)?;
        Ok(Known {
            is_kept: false,
            head: acts.last().map(|one| Head::from(&*one.act)),
            founder,
            last_ms: sums.last_ms,
            known_until_ms: sums.known_until_ms,
            record_until_ms: sums.record_until_ms,
            recipients: None,
            unsaid,
            standings,
            names: Vec::new(),
        })
    }

    /// Returns everybody who has had a lead, or may have.
    pub(in crate::ledger) fn recipients(
        &self,
        lead_id: &LeadId,
        known: &Known,
    ) -> Result<Vec<Recipient>, Fault> {
        if let Some(recipients) = &known.recipients {
            return Ok(recipients.clone());
        }
        Ok(self.db.recipients_of(lead_id)?.into_iter().map(Recipient::from).collect())
    }

    /// Returns where a subject's consents stand in a lead.
    pub(in crate::ledger) fn standing_of(
        &self,
        lead_id: &LeadId,
        subject: &str,
    ) -> Result<Vec<Standing>, Fault> {
        let known = self.known(lead_id, &[subject.to_owned()])?;
        Ok(known.standing(subject).unwrap_or_default().to_vec())
    }

    /// Returns the subject that a link means, and where its consents stand. A link of before they named one means
    /// whoever came first.
    pub(in crate::ledger) fn subject_named(
        &self,
        lead_id: &LeadId,
        name: Option<&str>,
    ) -> Result<Option<(String, Vec<Standing>)>, Fault> {
        let mut asked = Vec::new();
        for (pepper, _) in self.config.identity.history_keys() {
            if let Some(name) = name {
                asked.extend(self.db.subject_beginning(lead_id, &format!("{pepper}.{name}"))?);
            }
        }
        let mut known = self.known(lead_id, &asked)?;
        if name.is_none() && known.is_kept {
            known = self.known(lead_id, std::slice::from_ref(&known.founder))?;
        }
        let founder = known.founder;
        let other = known.names.first().map(|(_, own)| own);
        let is_meant = |subject: &str| match name {
            Some(name) => subject_prefix(subject) == name || other.is_some_and(|other| other == subject),
            None => subject == founder,
        };
        Ok(known
            .standings
            .iter()
            .find(|(subject, _)| is_meant(subject))
            .map(|(subject, standing)| (subject.clone(), standing.clone())))
    }

    /// Returns, by subject, where all consents of a lead stand.
    pub(in crate::ledger) fn standings(&self, lead_id: &LeadId) -> Result<Standings, Fault> {
        let rows = self.db.standings(lead_id)?;
        if rows.is_empty() {
            return Ok(self.known(lead_id, &[])?.standings);
        }
        let mut all = Vec::new();
        for StandingRow { subject, consents } in rows {
            if let Kept::Standing(standing) = read_standing(&consents)? {
                all.push((subject, standing));
            }
        }
        Ok(all)
    }

    /// Returns whether a subject's consents, as they stand now, allow these purposes. Where it is not known whose they
    /// would have to be, nobody else's count.
    pub(in crate::ledger) fn allow(
        &self,
        lead_id: &LeadId,
        whose: Option<&str>,
        needs: &[String],
    ) -> Result<bool, Fault> {
        let now = match whose {
            Some(whose) => self.standing_of(lead_id, whose)?,
            None => {
                let mut all = self.standings(lead_id)?.into_iter();
                let only = all.next().filter(|_| all.next().is_none());
                only.map(|(_, standing)| standing).unwrap_or_default()
            }
        };
        let holds = |need: &String| now.iter().any(|one| one.purpose == *need && one.state.is_valid());
        Ok(needs.iter().all(holds))
    }
}

/// Lets a lead that had no row have one: all of its acts lie beside its submissions from then on.
pub(in crate::ledger) fn gather(lead_id: &LeadId, known: &Known, changes: &mut Changes<'_>) {
    if known.is_kept {
        return;
    }
    act::gather_acts(lead_id, changes);
    for (seq, subjects) in &known.unsaid {
        act::name_subjects(lead_id, *seq, subjects, changes);
    }
}

/// Writes what changes of a lead, behind [`gather`].
pub(in crate::ledger) fn keep(known: &Known, change: Change<'_>, changes: &mut Changes<'_>) {
    let Change { lead_id, head, standings, heard, record_until_ms, recipients, names } = change;
    let Some(head) = head.or_else(|| known.head.clone()) else { return };
    let (last_ms, known_until_ms) = heard.unwrap_or((known.last_ms, known.known_until_ms));
    let recipients = recipients.or_else(|| known.recipients.clone());
    let founder = match (known.founder.as_str(), standings.first()) {
        ("", Some((subject, _))) => subject,
        (founder, _) => founder,
    };
    let row = NewLead {
        head,
        founder,
        last_ms: last_ms.max(known.last_ms),
        known_until_ms: known_until_ms.max(known.known_until_ms),
        record_until_ms: record_until_ms.max(known.record_until_ms),
        had: recipients.map(|all| json!(all).to_string()),
    };
    lead::put_lead(lead_id, row, known.is_kept, changes);
    let changed = |subject: &String| standings.iter().any(|(changed, _)| changed == subject);
    let others = known.standings.iter().filter(|(subject, _)| !known.is_kept && !changed(subject));
    let others = others.map(|(subject, standing)| (subject.as_str(), standing.as_slice()));
    for (subject, standing) in others.chain(standings.iter().copied()) {
        lead::put_standing(lead_id, subject, standing, changes);
    }
    let meant = standings.first().map(|(subject, _)| *subject);
    for name in names.iter().filter(|name| meant != Some(name.as_str())) {
        lead::put_name(lead_id, name, meant.unwrap_or_default(), changes);
    }
}

/// What a row of `standing` holds: where consents stand, or the other name under which that is kept.
enum Kept {
    Standing(Vec<Standing>),
    Name(String),
}

fn read_standing(text: &str) -> Result<Kept, Fault> {
    let read = match text.starts_with('[') {
        true => serde_json::from_str(text).map(Kept::Standing),
        false => serde_json::from_str(text).map(Kept::Name),
    };
    read.map_err(|_| Fault::new("a standing is not what its reader expects"))
}
