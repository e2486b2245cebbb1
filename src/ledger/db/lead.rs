//! Leads with more than one submission or act: the head of the history, and the standing of each subject.

use serde_json::json;

use super::Db;
use super::changes::Changes;
use super::json_list;
use super::row::row;
use super::schema::ROW_FORMAT;
use super::store::{Arg, Store, write};
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::pipeline::consent::{Head, Standing};

row! {
    /// The row of a lead.
    pub(in crate::ledger) struct LeadRow {
        pub(in crate::ledger) number: i64,
        pub(in crate::ledger) format: i64,
        pub(in crate::ledger) seq: i64,
        pub(in crate::ledger) mac: String,
        /// The subject of its first act.
        pub(in crate::ledger) founder: String,
        pub(in crate::ledger) last_ms: i64,
        pub(in crate::ledger) known_until_ms: i64,
        pub(in crate::ledger) record_until_ms: i64,
        /// Everybody who has received the lead, as JSON, if known.
        pub(in crate::ledger) recipients: Option<String> = "had",
    }
}

row! {
    /// The row of a subject: its standing, or the name under which that is stored, as JSON.
    pub(in crate::ledger) struct StandingRow {
        pub(in crate::ledger) subject: String = "s.subject",
        pub(in crate::ledger) consents: String = "s.consents",
    }
}

row! {
    /// The sums of a lead that has no row of its own.
    pub(in crate::ledger) struct Sums {
        pub(in crate::ledger) last_ms: i64 = "coalesce(max(at_ms), 0)",
        pub(in crate::ledger) known_until_ms: i64 = "coalesce(max(known_until_ms), 0)",
        pub(in crate::ledger) record_until_ms: i64 = "coalesce(max(record_until_ms), 0)",
    }
}

/// The row of a lead that is about to be written.
pub(in crate::ledger) struct NewLead<'a> {
    pub(in crate::ledger) head: Head,
    pub(in crate::ledger) founder: &'a str,
    pub(in crate::ledger) last_ms: i64,
    pub(in crate::ledger) known_until_ms: i64,
    pub(in crate::ledger) record_until_ms: i64,
    pub(in crate::ledger) recipients: Option<String>,
}

/// Writes the row of a lead: over the existing one, or a new one. A lead that has ended gets none and is
/// gathered anew each time, which is rare.
pub(in crate::ledger) fn put_lead(
    lead_id: &LeadId,
    row: NewLead<'_>,
    is_there: bool,
    changes: &mut Changes<'_>,
) {
    let sql = if is_there {
        "UPDATE lead SET format = max(format, ?2), seq = ?3, mac = ?4, founder = ?5, last_ms = ?6,
           known_until_ms = ?7, record_until_ms = ?8, had = ?9 WHERE lead_id = ?1"
    } else {
        "INSERT INTO lead (lead_id, format, seq, mac, founder, last_ms, known_until_ms, record_until_ms, had)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
         WHERE EXISTS (SELECT 1 FROM submission WHERE lead_id = ?1)"
    };
    let args = [
        lead_id.clone().into(),
        ROW_FORMAT.into(),
        row.head.seq.into(),
        row.head.mac.into(),
        row.founder.to_owned().into(),
        row.last_ms.into(),
        row.known_until_ms.into(),
        row.record_until_ms.into(),
        row.recipients.map_or(Arg::Null, Arg::from),
    ];
    changes.push(write(sql, args));
    changes.effects.changed_leads.push(lead_id.clone());
}

/// Writes the standing of a subject.
pub(in crate::ledger) fn put_standing(
    lead_id: &LeadId,
    subject: &str,
    standing: &[Standing],
    changes: &mut Changes<'_>,
) {
    let sql = "INSERT INTO standing (lead, subject, consents)
               SELECT number, ?2, ?3 FROM lead WHERE lead_id = ?1
               ON CONFLICT DO UPDATE SET consents = excluded.consents";
    let consents = json!(standing).to_string();
    changes.push(write(sql, [lead_id.clone().into(), subject.to_owned().into(), consents.into()]));
    changes.effects.changed_leads.push(lead_id.clone());
}

/// Writes another name of a subject.
pub(in crate::ledger) fn put_name(lead_id: &LeadId, name: &str, subject: &str, changes: &mut Changes<'_>) {
    let sql = "INSERT INTO standing (lead, subject, consents)
               SELECT number, ?2, ?3 FROM lead WHERE lead_id = ?1 ON CONFLICT DO NOTHING";
    let subject = json!(subject).to_string();
    changes.push(write(sql, [lead_id.clone().into(), name.to_owned().into(), subject.into()]));
}

/// Extends the time until which a lead is recognised.
pub(in crate::ledger) fn extend_lead(lead_id: &LeadId, until_ms: i64, changes: &mut Changes<'_>) {
    let sql = "UPDATE lead SET known_until_ms = max(known_until_ms, ?) WHERE lead_id = ?";
    changes.push(write(sql, [until_ms.into(), lead_id.clone().into()]));
}

/// Clears the recipients of a lead, so that they are looked up anew: a delivery of it can never arrive any
/// more.
pub(in crate::ledger) fn forget_recipients(lead_id: &LeadId, changes: &mut Changes<'_>) {
    changes.push(write("UPDATE lead SET had = NULL WHERE lead_id = ?", [lead_id.clone().into()]));
}

/// Removes the rows of a lead, so that they are gathered anew.
pub(in crate::ledger) fn forget_lead(lead_id: &LeadId, changes: &mut Changes<'_>) {
    for sql in FORGET {
        changes.push(write(sql, [lead_id.clone().into()]));
    }
    changes.effects.changed_leads.push(lead_id.clone());
}

const FORGET: [&str; 2] = [
    "DELETE FROM standing WHERE lead IN (SELECT number FROM lead WHERE lead_id = ?)",
    "DELETE FROM lead WHERE lead_id = ?",
];

impl<S: Store> Db<S> {
    /// Returns the row of a lead.
    pub(in crate::ledger) fn lead(&self, lead_id: &LeadId) -> Result<Option<LeadRow>, Fault> {
        let sql = format!("SELECT {} FROM lead WHERE lead_id = ?", LeadRow::COLUMNS);
        self.first(&sql, &[lead_id.into()])
    }

    /// Returns the sums of a lead that has no row of its own.
    pub(in crate::ledger) fn sums(&self, lead_id: &LeadId) -> Result<Sums, Fault> {
        let sql = format!("SELECT {} FROM submission WHERE lead_id = ?", Sums::COLUMNS);
        self.only(&sql, &[lead_id.into()])
    }

    /// Returns the standings of a lead's subjects, by the number of its row. A mere other name comes with the
    /// subject that it stands for.
    pub(in crate::ledger) fn standings_of(
        &self,
        lead: i64,
        subjects: &[String],
    ) -> Result<Vec<StandingRow>, Fault> {
        let sql = format!(
            "SELECT {} FROM standing s
             WHERE s.lead = ?1 AND s.subject IN (SELECT value FROM json_each(?2)
               UNION SELECT json_extract(o.consents, '$') FROM standing o WHERE o.lead = ?1
                 AND o.subject IN (SELECT value FROM json_each(?2)) AND json_type(o.consents) = 'text')",
            StandingRow::COLUMNS
        );
        self.all(&sql, &[lead.into(), json_list(subjects)])
    }

    /// Returns the standings of all subjects of a lead.
    pub(in crate::ledger) fn standings(&self, lead_id: &LeadId) -> Result<Vec<StandingRow>, Fault> {
        let sql = format!(
            "SELECT {} FROM lead l JOIN standing s ON s.lead = l.number WHERE l.lead_id = ?",
            StandingRow::COLUMNS
        );
        self.all(&sql, &[lead_id.into()])
    }

    /// Returns the first subject of a lead whose name begins with a text.
    pub(in crate::ledger) fn subject_beginning(
        &self,
        lead_id: &LeadId,
        with: &str,
    ) -> Result<Option<String>, Fault> {
        let sql = "SELECT s.subject FROM lead l JOIN standing s ON s.lead = l.number
                   WHERE l.lead_id = ?1 AND s.subject >= ?2 AND s.subject < ?2 || '~'";
        self.first(sql, &[lead_id.into(), with.into()])
    }

    /// Removes the rows of a lead that ends.
    pub(in crate::ledger) fn remove_lead(&self, lead_id: &LeadId) -> Result<(), Fault> {
        FORGET.iter().try_for_each(|sql| self.run(sql, &[lead_id.into()]))
    }
}
