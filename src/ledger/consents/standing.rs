//! The summary of a lead's person, which each further post needs: the head of the history, the standing of the
//! post's subject, and the recipients of the lead. A row for the lead and one for each subject hold these, so that a
//! post costs the same however often its person has posted.
//!
//! A lead whose first submission is its only one has neither row: everything follows from that one, and
//! nearly everybody posts once. Missing rows are rebuilt from acts and submissions, so they can always be
//! dropped.

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

/// A destination that has received a lead from a campaign, or may have.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(in crate::ledger) struct Recipient {
    pub(in crate::ledger) campaign: String,
    pub(in crate::ledger) destination: String,
    pub(in crate::ledger) receiver: String,
    /// False if its deliveries have all expired or were stopped: then the destination never gets the lead.
    pub(in crate::ledger) counts: bool,
}

impl From<RecipientRow> for Recipient {
    fn from(row: RecipientRow) -> Self {
        let RecipientRow { campaign, destination, receiver, counts } = row;
        Self { campaign, destination, receiver, counts }
    }
}

/// The standings of subjects.
pub(in crate::ledger) type Standings = Vec<(String, Vec<Standing>)>;

/// The facts about a lead.
#[derive(Clone)]
pub(in crate::ledger) struct LeadFacts {
    /// True if the lead has a row.
    is_kept: bool,
    pub(in crate::ledger) head: Option<Head>,
    /// The subject of its first act.
    founder: String,
    last_ms: i64,
    known_until_ms: i64,
    record_until_ms: i64,
    recipients: Option<Vec<Recipient>>,
    /// The numbers and subjects of acts from before format 4, which do not name their subjects.
    unsaid: Vec<(i64, Vec<String>)>,
    /// The standings: all of them for a lead that has no row, otherwise those that were requested.
    standings: Standings,
    /// Other names of these subjects, under younger peppers, each with the name that the lead knows.
    names: Vec<(String, String)>,
}

impl LeadFacts {
    /// Makes the facts about a lead that does not exist yet.
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

    /// Returns the standings that were requested, or all.
    pub(in crate::ledger) fn into_standings(self) -> Standings {
        self.standings
    }

    /// Returns the standing of a subject, if there is one.
    fn standing(&self, subject: &str) -> Option<&[Standing]> {
        let found = self.standings.iter().find(|(known, _)| known == subject);
        found.map(|(_, standing)| standing.as_slice())
    }

    /// Returns whether a subject has a standing.
    pub(in crate::ledger) fn knows(&self, subject: &str) -> bool {
        self.standing(subject).is_some()
    }

    /// Returns the name by which the lead knows a subject that has any of these names.
    pub(in crate::ledger) fn name_of(&self, names: &[String]) -> Option<String> {
        let own = names.iter().find(|name| self.knows(name));
        let other = || self.names.iter().find(|(other, _)| names.contains(other)).map(|(_, own)| own);
        own.or_else(other).cloned()
    }
}

/// The person of a post.
pub(in crate::ledger) struct Person {
    pub(in crate::ledger) lead_id: LeadId,
    /// The kinds of identifiers by which they were recognised.
    pub(in crate::ledger) recognised_by: Vec<IdentifierKind>,
    /// The subject of the post's consents, by the name that the lead first knew.
    pub(in crate::ledger) subject: String,
    pub(in crate::ledger) known: LeadFacts,
}

impl Person {
    /// Returns the standing of the post's subject.
    pub(in crate::ledger) fn standing(&self) -> &[Standing] {
        self.known.standing(&self.subject).unwrap_or_default()
    }
}

/// The change of a lead by a post or an act.
pub(in crate::ledger) struct Change<'a> {
    pub(in crate::ledger) lead_id: &'a LeadId,
    pub(in crate::ledger) head: Option<Head>,
    /// The new standings of subjects, if they have changed.
    pub(in crate::ledger) standings: Vec<(&'a str, &'a [Standing])>,
    /// The time of the post, and the time until which the lead is recognised then.
    pub(in crate::ledger) last_post: Option<(i64, i64)>,
    pub(in crate::ledger) record_until_ms: i64,
    pub(in crate::ledger) recipients: Option<Vec<Recipient>>,
    /// The other names of the first of these subjects.
    pub(in crate::ledger) names: &'a [String],
}

impl<S: Store> Consents<S> {
    /// Returns the facts about a lead, and the standings of these subjects.
    pub(in crate::ledger) fn lead_facts(
        &self,
        lead_id: &LeadId,
        subjects: &[String],
    ) -> Result<LeadFacts, Fault> {
        let Some(row) = self.db.lead(lead_id)? else { return self.gathered(lead_id) };
        if row.format > ROW_FORMAT {
            return Err(Fault::new("a lead's row is newer than this code"));
        }
        let (mut standings, mut names) = (Vec::new(), Vec::new());
        for StandingRow { subject, consents } in self.db.standings_of(row.number, subjects)? {
            match read_standing(&consents)? {
                StandingCell::Standing(standing) => standings.push((subject, standing)),
                StandingCell::Name(name) => names.push((subject, name)),
            }
        }
        Ok(LeadFacts {
            is_kept: true,
            head: Some(Head { seq: row.seq, mac: row.mac }),
            founder: row.founder,
            last_ms: row.last_ms,
            known_until_ms: row.known_until_ms,
            record_until_ms: row.record_until_ms,
            recipients: row.recipients.and_then(|text| serde_json::from_str(&text).ok()),
            unsaid: Vec::new(),
            standings,
            names,
        })
    }

    /// Gathers the facts about a lead that has no row.
    fn gathered(&self, lead_id: &LeadId) -> Result<LeadFacts, Fault> {
        let acts = self.db.acts(lead_id)?;
        let mut standings = Standings::new();
        let (mut founder, mut unsaid) = (String::new(), Vec::new());
        for one in &acts {
            let all = self.subjects_of(lead_id, one);
            // An erased act has no standing.
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
        Ok(LeadFacts {
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

    /// Returns everybody who has received a lead, or may have.
    pub(in crate::ledger) fn recipients(
        &self,
        lead_id: &LeadId,
        known: &LeadFacts,
    ) -> Result<Vec<Recipient>, Fault> {
        if let Some(recipients) = &known.recipients {
            return Ok(recipients.clone());
        }
        Ok(self.db.recipients_of(lead_id)?.into_iter().map(Recipient::from).collect())
    }

    /// Returns the standing of a lead's subject.
    pub(in crate::ledger) fn standing_of(
        &self,
        lead_id: &LeadId,
        subject: &str,
    ) -> Result<Vec<Standing>, Fault> {
        let known = self.lead_facts(lead_id, &[subject.to_owned()])?;
        Ok(known.standing(subject).unwrap_or_default().to_vec())
    }

    /// Returns the subject that a link refers to, with its standing. A link from before they named one refers
    /// to the lead's first subject.
    pub(in crate::ledger) fn subject_named(
        &self,
        lead_id: &LeadId,
        name: Option<&str>,
    ) -> Result<Option<(String, Vec<Standing>)>, Fault> {
        let mut wanted = Vec::new();
        for (pepper, _) in self.config.identity.history_keys() {
            if let Some(name) = name {
                wanted.extend(self.db.subject_beginning(lead_id, &format!("{pepper}.{name}"))?);
            }
        }
        let mut known = self.lead_facts(lead_id, &wanted)?;
        if name.is_none() && known.is_kept {
            known = self.lead_facts(lead_id, std::slice::from_ref(&known.founder))?;
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

    /// Returns all standings of a lead, by subject.
    pub(in crate::ledger) fn standings(&self, lead_id: &LeadId) -> Result<Standings, Fault> {
        let rows = self.db.standings(lead_id)?;
        if rows.is_empty() {
            return Ok(self.lead_facts(lead_id, &[])?.standings);
        }
        let mut all = Vec::new();
        for StandingRow { subject, consents } in rows {
            if let StandingCell::Standing(standing) = read_standing(&consents)? {
                all.push((subject, standing));
            }
        }
        Ok(all)
    }

    /// Returns whether a subject's current consents allow these purposes. If the subject is not known, the
    /// consents count only if the lead has just one.
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

/// Prepares a row for a lead that has none: all of its acts are in their table from then on.
pub(in crate::ledger) fn gather(lead_id: &LeadId, known: &LeadFacts, changes: &mut Changes<'_>) {
    if known.is_kept {
        return;
    }
    act::gather_acts(lead_id, changes);
    for (seq, subjects) in &known.unsaid {
        act::name_subjects(lead_id, *seq, subjects, changes);
    }
}

/// Writes the change of a lead, after [`gather`].
pub(in crate::ledger) fn write_change(known: &LeadFacts, change: Change<'_>, changes: &mut Changes<'_>) {
    let Change { lead_id, head, standings, last_post, record_until_ms, recipients, names } = change;
    let Some(head) = head.or_else(|| known.head.clone()) else { return };
    let (last_ms, known_until_ms) = last_post.unwrap_or((known.last_ms, known.known_until_ms));
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
        recipients: recipients.map(|all| json!(all).to_string()),
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

/// The content of a row of `standing`: a standing, or the name under which it is stored.
enum StandingCell {
    Standing(Vec<Standing>),
    Name(String),
}

fn read_standing(text: &str) -> Result<StandingCell, Fault> {
    let read = match text.starts_with('[') {
        true => serde_json::from_str(text).map(StandingCell::Standing),
        false => serde_json::from_str(text).map(StandingCell::Name),
    };
    read.map_err(|_| Fault::new("a standing is not what its reader expects"))
}
