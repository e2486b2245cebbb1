//! The queries of the integrity check: rows that contradict each other, or have waited too long.

use super::Db;
use super::delivery::{is_delivery_of_submission, without_entry};
use super::row::row;
use super::schema::ROW_FORMAT;
use super::state::State;
use super::store::{Arg, Store};
use crate::base::fault::Fault;

/// A problem, with the number of its occurrences.
pub(in crate::ledger) struct Finding {
    pub(in crate::ledger) problem: &'static str,
    /// The campaign or destination concerned.
    pub(in crate::ledger) about: String,
    pub(in crate::ledger) count: i64,
    /// The id of one of them.
    pub(in crate::ledger) example: Option<String>,
}

row! {
    /// A group of rows with the same problem.
    struct Group {
        about: String,
        count: i64,
        example: Option<String>,
    }
}

/// The times before which a delivery is overdue, and after which it is due too late; UTC, milliseconds.
pub(in crate::ledger) struct DueBounds {
    pub(in crate::ledger) earliest_ms: i64,
    pub(in crate::ledger) latest_ms: i64,
}

/// The tables that a check reads.
#[derive(Clone, Copy)]
enum CheckedTable {
    Submissions,
    Deliveries,
}

impl<S: Store> Db<S> {
    /// Finds problems that need no walk through the tables. Deliveries without an entry come after a mark.
    pub(in crate::ledger) fn check_whole(&self, mark: &str, due: &DueBounds) -> Result<Vec<Finding>, Fault> {
        let mut found = Vec::new();
        let least = State::ALL.map(State::as_str).join(", ");
        let sql = format!(
            "SELECT campaign, count(*), min(source) FROM counter WHERE min(repeats, {least}) < 0 GROUP BY campaign"
        );
        self.look("counter_negative", &sql, &[], &mut found)?;
        let columns = "campaign, destination, delivery_id, format";
        let late = format!(
            "SELECT campaign || '/' || destination, count(*), min(delivery_id) FROM (
               SELECT {columns}, due_ms FROM delivery WHERE state = 'pending' AND due_ms > 0
               UNION ALL SELECT {columns}, created_ms FROM delivery WHERE {})
             WHERE format <= ?2 AND due_ms",
            without_entry("?3")
        );
        let group = "GROUP BY campaign, destination";
        let args = |at_ms: i64| [at_ms.into(), ROW_FORMAT.into(), mark.into()];
        self.look("overdue", &format!("{late} < ?1 {group}"), &args(due.earliest_ms), &mut found)?;
        self.look("due_too_late", &format!("{late} > ?1 {group}"), &args(due.latest_ms), &mut found)?;
        let sql = "SELECT x.campaign || '/' || x.destination, 1, NULL FROM disabled x";
        self.look("destination_paused", sql, &[], &mut found)?;
        Ok(found)
    }

    /// Returns how many submissions between two leads are in which state.
    pub(in crate::ledger) fn states_between(
        &self,
        after: &str,
        to: &str,
    ) -> Result<Vec<(String, i64)>, Fault> {
        let sql = "SELECT state, count(*) FROM submission WHERE lead_id > ? AND lead_id <= ? GROUP BY state";
        self.all(sql, &[after.into(), to.into()])
    }

    /// Finds submissions between two leads whose state does not match their deliveries or their payload,
    /// which those in living states need.
    pub(in crate::ledger) fn check_submissions(
        &self,
        after: &str,
        to: &str,
        living: &[State],
    ) -> Result<Vec<Finding>, Fault> {
        let mut found = Vec::new();
        let deliveries = format!(
            "EXISTS (SELECT 1 FROM delivery d WHERE {} AND d.state",
            is_delivery_of_submission("d", "s")
        );
        let living: Vec<_> = living.iter().map(|state| format!("'{}'", state.as_str())).collect();
        let living = living.join(", ");
        let open = format!("{deliveries} IN ('pending', 'paused'))");
        let checks = [
            ("no_delivery", format!("s.state = 'pending' AND NOT {open}")),
            ("state_behind", format!("s.state <> 'pending' AND {open}")),
            ("state_behind", format!("s.state = 'dead' AND NOT {open} AND NOT {deliveries} = 'dead')")),
            ("payload_missing", format!("s.state IN ({living}) AND s.payload IS NULL")),
            ("payload_left", format!("s.state NOT IN ({living}) AND s.payload IS NOT NULL")),
        ];
        for (problem, condition) in checks {
            let sql = format!(
                "SELECT s.campaign, count(*), min(s.submission_id) FROM submission s
                 WHERE s.lead_id > ?1 AND s.lead_id <= ?2 AND s.format <= ?3 AND {condition} GROUP BY s.campaign"
            );
            self.look(problem, &sql, &[after.into(), to.into(), ROW_FORMAT.into()], &mut found)?;
        }
        self.look_for_newer(CheckedTable::Submissions, after, to, &mut found)?;
        Ok(found)
    }

    /// Finds deliveries between two ids that wait without a submission, and dead letters.
    pub(in crate::ledger) fn check_deliveries(&self, after: &str, to: &str) -> Result<Vec<Finding>, Fault> {
        let mut found = Vec::new();
        let range = [after.into(), to.into()];
        let sql = "SELECT d.campaign || '/' || d.destination, count(*), min(d.delivery_id) FROM delivery d
                   WHERE d.delivery_id > ?1 AND d.delivery_id <= ?2 AND d.submission_id <> ''
                     AND d.state IN ('pending', 'paused') AND NOT EXISTS (SELECT 1 FROM submission s
                       WHERE s.lead_id = d.lead_id AND s.submission_id = d.submission_id)
                   GROUP BY d.campaign, d.destination";
        self.look("no_submission", sql, &range, &mut found)?;
        let sql = "SELECT campaign || '/' || destination || ': ' || coalesce(reason, 'no reason'), count(*),
                     min(delivery_id) FROM delivery
                   WHERE delivery_id > ? AND delivery_id <= ? AND state = 'dead'
                   GROUP BY campaign, destination, reason";
        self.look("dead_letters", sql, &range, &mut found)?;
        self.look_for_newer(CheckedTable::Deliveries, after, to, &mut found)?;
        Ok(found)
    }

    /// Returns the lead after which the next chunk of so many begins. `None` if this one is the last.
    pub(in crate::ledger) fn end_of_leads(&self, after: &str, leads: i64) -> Result<Option<String>, Fault> {
        let sql =
            "SELECT DISTINCT lead_id FROM submission WHERE lead_id > ? ORDER BY lead_id LIMIT 1 OFFSET ?";
        self.first(sql, &[after.into(), (leads - 1).into()])
    }

    /// Returns the delivery after which the next chunk of so many begins. `None` if this one is the last.
    pub(in crate::ledger) fn end_of_deliveries(
        &self,
        after: &str,
        rows: i64,
    ) -> Result<Option<String>, Fault> {
        self.end_of_chunk("delivery", "delivery_id", after, rows)
    }

    fn look_for_newer(
        &self,
        checked: CheckedTable,
        after: &str,
        to: &str,
        into: &mut Vec<Finding>,
    ) -> Result<(), Fault> {
        let (table, key) = match checked {
            CheckedTable::Submissions => ("submission", "lead_id"),
            CheckedTable::Deliveries => ("delivery", "delivery_id"),
        };
        let sql = format!(
            "SELECT campaign, count(*), min({key}) FROM {table}
             WHERE {key} > ? AND {key} <= ? AND format > {ROW_FORMAT} GROUP BY campaign"
        );
        self.look("newer", &sql, &[after.into(), to.into()], into)
    }

    /// Adds the findings of a query.
    fn look(
        &self,
        problem: &'static str,
        sql: &str,
        args: &[Arg<'_>],
        into: &mut Vec<Finding>,
    ) -> Result<(), Fault> {
        for Group { about, count, example } in self.all(sql, args)? {
            if count > 0 {
                into.push(Finding { problem, about, count, example });
            }
        }
        Ok(())
    }
}
