//! Who is behind a lead, as each further post needs to know it: the head of the history, where the consents of
//! the post's subject stand, who has had the lead. A row for the lead and one for the subject hold it, so that a
//! post costs the same however often its person has posted.
//!
//! A lead whose first submission is its only one has neither row: all of it follows from that one, and nearly
//! everybody posts once. Where the rows are not there they are made of what is, so to drop them is always right.

use super::Consents;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::fault::Fault;
use crate::campaign::IdentifierKind;
use crate::ledger::consents::history::list;
use crate::ledger::db::rows::{KEEP_ACT, delivery_range};
use crate::ledger::db::schema::ROW_FORMAT;
use crate::ledger::db::store::{Arg, Store, Write, write};
use crate::pipeline::consent::{Head, Standing, follow};
use crate::pipeline::lead::named;

/// Where a lead was sent from a campaign.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(in crate::ledger) struct Had {
    pub(in crate::ledger) campaign: String,
    pub(in crate::ledger) destination: String,
    pub(in crate::ledger) receiver: String,
    /// A delivery that has expired or was stopped can never arrive: its destination has not had the lead.
    pub(in crate::ledger) counts: bool,
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
    had: Option<Vec<Had>>,
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
            had: None,
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
    pub(in crate::ledger) lead_id: String,
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
    pub(in crate::ledger) lead_id: &'a str,
    pub(in crate::ledger) head: Option<Head>,
    /// Where the consents of a subject stand now, where that is another place.
    pub(in crate::ledger) standings: Vec<(&'a str, &'a [Standing])>,
    /// When it was last heard of, and until when it is known then.
    pub(in crate::ledger) heard: Option<(i64, i64)>,
    pub(in crate::ledger) record_until_ms: i64,
    pub(in crate::ledger) had: Option<Vec<Had>>,
    /// The other names that the first of these subjects has.
    pub(in crate::ledger) names: &'a [String],
}

impl<S: Store> Consents<S> {
    /// What is known of a lead, and of it where these subjects stand.
    pub(in crate::ledger) fn known(&self, lead_id: &str, subjects: &[String]) -> Result<Known, Fault> {
        let sql = "SELECT number, format, seq, mac, founder, last_ms, known_until_ms, record_until_ms, had
                   FROM lead WHERE lead_id = ?";
        let Some(mut row) = self.db.row(sql, &[lead_id.into()])? else {
            return self.gathered(lead_id);
        };
        let number = row.int(0)?;
        if row.int(1)? > ROW_FORMAT {
            return Err(Fault::new("a lead's row is newer than this code"));
        }
        // A row that is but another name holds the one that is meant.
        let sql = "SELECT s.subject, s.consents FROM standing s
                   WHERE s.lead = ?1 AND s.subject IN (SELECT value FROM json_each(?2)
                     UNION SELECT json_extract(o.consents, '$') FROM standing o WHERE o.lead = ?1
                       AND o.subject IN (SELECT value FROM json_each(?2)) AND json_type(o.consents) = 'text')";
        let (mut standings, mut names) = (Vec::new(), Vec::new());
        for mut row in self.db.rows(sql, &[number.into(), list(subjects)])? {
            match read_standing(&row.text(1)?)? {
                Kept::Standing(standing) => standings.push((row.text(0)?, standing)),
                Kept::Name(name) => names.push((row.text(0)?, name)),
            }
        }
        Ok(Known {
            is_kept: true,
            head: Some(Head { seq: row.int(2)?, mac: row.text(3)? }),
            founder: row.text(4)?,
            last_ms: row.int(5)?,
            known_until_ms: row.int(6)?,
            record_until_ms: row.int(7)?,
            had: row.optional_text(8).and_then(|text| serde_json::from_str(&text).ok()),
            unsaid: Vec::new(),
            standings,
            names,
        })
    }

    /// The same, of what lies there of a lead that has no row.
    fn gathered(&self, lead_id: &str) -> Result<Known, Fault> {
        let acts = self.acts(lead_id)?;
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
        let sql = "SELECT coalesce(max(at_ms), 0), coalesce(max(known_until_ms), 0), coalesce(max(
                     record_until_ms), 0) FROM submission WHERE lead_id = ?";
        let mut row = self.db.row(sql, &[lead_id.into()])?.ok_or_else(|| Fault::new("no sums"))?;
        Ok(Known {
            is_kept: false,
            head: acts.last().map(|one| Head::from(&*one.act)),
            founder,
            last_ms: row.int(0)?,
            known_until_ms: row.int(1)?,
            record_until_ms: row.int(2)?,
            had: None,
            unsaid,
            standings,
            names: Vec::new(),
        })
    }

    /// Who has had a lead, or may have.
    pub(in crate::ledger) fn had(&self, lead_id: &str, known: &Known) -> Result<Vec<Had>, Fault> {
        if let Some(had) = &known.had {
            return Ok(had.clone());
        }
        let (from, to) = delivery_range(lead_id);
        let sql = "SELECT campaign, destination, receiver, max(state NOT IN ('expired', 'withdrawn'))
                   FROM delivery WHERE delivery_id >= ? AND delivery_id < ? AND submission_id <> ''
                   GROUP BY campaign, destination, receiver";
        let mut all = Vec::new();
        for mut row in self.db.rows(sql, &[(&from).into(), (&to).into()])? {
            all.push(Had {
                campaign: row.text(0)?,
                destination: row.text(1)?,
                receiver: row.text(2)?,
                counts: row.int(3)? == 1,
            });
        }
        Ok(all)
    }

    /// Where a subject's consents stand in a lead.
    pub(in crate::ledger) fn standing_of(
        &self,
        lead_id: &str,
        subject: &str,
    ) -> Result<Vec<Standing>, Fault> {
        let known = self.known(lead_id, &[subject.to_owned()])?;
        Ok(known.standing(subject).unwrap_or_default().to_vec())
    }

    /// The subject that a link means, and where its consents stand. A link of before they named one means
    /// whoever came first.
    pub(in crate::ledger) fn subject_named(
        &self,
        lead_id: &str,
        name: Option<&str>,
    ) -> Result<Option<(String, Vec<Standing>)>, Fault> {
        let sql = "SELECT s.subject FROM lead l JOIN standing s ON s.lead = l.number
                   WHERE l.lead_id = ?1 AND s.subject >= ?2 AND s.subject < ?2 || '~'";
        let mut asked = Vec::new();
        for (pepper, _) in self.config.identity.history_keys() {
            let from = format!("{pepper}.{}", name.unwrap_or_default());
            if name.is_some()
                && let Some(mut row) = self.db.row(sql, &[lead_id.into(), from.into()])?
            {
                asked.push(row.text(0)?);
            }
        }
        let mut known = self.known(lead_id, &asked)?;
        if name.is_none() && known.is_kept {
            known = self.known(lead_id, std::slice::from_ref(&known.founder))?;
        }
        let founder = known.founder;
        let other = known.names.first().map(|(_, own)| own);
        let is_meant = |subject: &str| match name {
            Some(name) => named(subject) == name || other.is_some_and(|other| other == subject),
            None => subject == founder,
        };
        Ok(known
            .standings
            .iter()
            .find(|(subject, _)| is_meant(subject))
            .map(|(subject, standing)| (subject.clone(), standing.clone())))
    }

    /// By subject, where all consents of a lead stand.
    pub(in crate::ledger) fn standings(&self, lead_id: &str) -> Result<Standings, Fault> {
        let sql = "SELECT s.subject, s.consents FROM lead l JOIN standing s ON s.lead = l.number
                   WHERE l.lead_id = ?";
        let rows = self.db.rows(sql, &[lead_id.into()])?;
        if rows.is_empty() {
            return Ok(self.known(lead_id, &[])?.standings);
        }
        let mut all = Vec::new();
        for mut row in rows {
            if let Kept::Standing(standing) = read_standing(&row.text(1)?)? {
                all.push((row.text(0)?, standing));
            }
        }
        Ok(all)
    }

    /// What lets a lead that had no row have one: all of its acts lie beside its submissions from then on.
    pub(in crate::ledger) fn gather_acts<'a>(&self, lead_id: &str, known: &Known) -> Vec<Write<'a>> {
        if known.is_kept {
            return Vec::new();
        }
        let keep = format!("{KEEP_ACT} WHERE lead_id = ? AND act IS NOT NULL");
        let drop = "UPDATE submission SET stands_by = json_extract(act, '$.seq'), act = NULL, consent = '',
                      consent_until_ms = NULL WHERE lead_id = ? AND act IS NOT NULL";
        let lead = || [Arg::from(lead_id.to_owned())];
        let mut writes = vec![write(keep, lead()), write(drop, lead())];
        for (number, subjects) in &known.unsaid {
            for (table, column) in [("act", "seq"), ("submission", "stands_by")] {
                let sql = format!("UPDATE {table} SET subjects = ? WHERE lead_id = ? AND {column} = ?");
                let args = [list(subjects), lead_id.to_owned().into(), (*number).into()];
                writes.push(write(sql, args));
            }
        }
        writes
    }

    /// What keeps a change, behind [`Ledger::gather_acts`].
    pub(in crate::ledger) fn keep_change<'a>(&self, known: &Known, change: Change<'a>) -> Vec<Write<'a>> {
        let Change { lead_id, head, standings, heard, record_until_ms, had, names } = change;
        let Some(head) = head.or_else(|| known.head.clone()) else { return Vec::new() };
        let (last_ms, known_until_ms) = heard.unwrap_or((known.last_ms, known.known_until_ms));
        let had = had.or_else(|| known.had.clone());
        let founder = match (known.founder.as_str(), standings.first()) {
            ("", Some((subject, _))) => subject,
            (founder, _) => founder,
        };
        let sql = if known.is_kept {
            "UPDATE lead SET format = max(format, ?2), seq = ?3, mac = ?4, founder = ?5, last_ms = ?6,
               known_until_ms = ?7, record_until_ms = ?8, had = ?9 WHERE lead_id = ?1"
        } else {
            // One that has ended is gathered anew each time: hardly anybody asks.
            "INSERT INTO lead (lead_id, format, seq, mac, founder, last_ms, known_until_ms, record_until_ms, had)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
             WHERE EXISTS (SELECT 1 FROM submission WHERE lead_id = ?1)"
        };
        let mut writes = vec![write(
            sql,
            [
                lead_id.into(),
                ROW_FORMAT.into(),
                head.seq.into(),
                head.mac.into(),
                founder.to_owned().into(),
                last_ms.max(known.last_ms).into(),
                known_until_ms.max(known.known_until_ms).into(),
                record_until_ms.max(known.record_until_ms).into(),
                had.map_or(Arg::Null, |had| json!(had).to_string().into()),
            ],
        )];
        let changed = |subject: &String| standings.iter().any(|(changed, _)| changed == subject);
        let others = known.standings.iter().filter(|(subject, _)| !known.is_kept && !changed(subject));
        let others = others.map(|(subject, standing)| (subject.as_str(), standing.as_slice()));
        for (subject, standing) in others.chain(standings.iter().copied()) {
            let sql = "INSERT INTO standing (lead, subject, consents)
                       SELECT number, ?2, ?3 FROM lead WHERE lead_id = ?1
                       ON CONFLICT DO UPDATE SET consents = excluded.consents";
            let consents = json!(standing).to_string();
            writes.push(write(sql, [lead_id.into(), subject.to_owned().into(), consents.into()]));
        }
        let meant = standings.first().map(|(subject, _)| *subject);
        for name in names.iter().filter(|name| meant != Some(name.as_str())) {
            let sql = "INSERT INTO standing (lead, subject, consents)
                       SELECT number, ?2, ?3 FROM lead WHERE lead_id = ?1 ON CONFLICT DO NOTHING";
            let meant = json!(meant.unwrap_or_default()).to_string();
            writes.push(write(sql, [lead_id.into(), name.clone().into(), meant.into()]));
        }
        writes
    }
}

/// Lets what is known of leads be gathered anew: `which` is a condition on `lead_id` with its arguments.
pub(in crate::ledger) fn forget_known<'a>(which: &str, args: &[Arg<'a>]) -> [Write<'a>; 2] {
    [
        write(
            format!("DELETE FROM standing WHERE lead IN (SELECT number FROM lead WHERE lead_id {which})"),
            args,
        ),
        write(format!("DELETE FROM lead WHERE lead_id {which}"), args),
    ]
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
