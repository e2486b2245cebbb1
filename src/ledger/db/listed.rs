//! Lists: keyed hashes of people who object to messages, and of customers.

use serde_json::{Value, json};

use super::Db;
use super::changes::{Changes, Effects};
use super::store::{Arg, Store, write};
use crate::base::fault::Fault;

const ADD: &str = "INSERT INTO listed (tag, list, at_ms) SELECT value, ?, ? FROM json_each(?) WHERE true
                   ON CONFLICT DO NOTHING";

/// Puts people on a list.
pub(in crate::ledger) fn list_people(list: &str, tags: &[String], now_ms: i64, changes: &mut Changes<'_>) {
    let args = [list.to_owned().into(), now_ms.into(), json!(tags).to_string().into()];
    changes.push(write(ADD, args));
    changes.effects.are_lists_stale = true;
}

/// Takes people off a list.
pub(in crate::ledger) fn unlist_people(list: &'static str, tags: &[&String], changes: &mut Changes<'_>) {
    let sql = "DELETE FROM listed WHERE list = ? AND tag IN (SELECT value FROM json_each(?))";
    changes.push(write(sql, [list.into(), json!(tags).to_string().into()]));
    changes.effects.are_lists_stale = true;
}

/// Notes when people on a list were asked whether they still want to be on it.
pub(in crate::ledger) fn note_asked(
    list: &'static str,
    tags: &[&String],
    now_ms: i64,
    changes: &mut Changes<'_>,
) {
    let sql = "UPDATE listed SET asked_ms = ? WHERE list = ? AND tag IN (SELECT value FROM json_each(?))";
    changes.push(write(sql, [now_ms.into(), list.into(), json!(tags).to_string().into()]));
}

impl<S: Store> Db<S> {
    /// Returns the lists that contain any of these hashes.
    pub(in crate::ledger) fn lists_with(&self, tags: &[String]) -> Result<Vec<String>, Fault> {
        let holes = vec!["?"; tags.len()].join(", ");
        let sql = format!("SELECT DISTINCT list FROM listed WHERE tag IN ({holes}) ORDER BY list");
        let args: Vec<Arg<'_>> = tags.iter().map(Into::into).collect();
        self.all(&sql, &args)
    }

    /// Returns whether any list has an entry.
    pub(in crate::ledger) fn has_lists(&self) -> Result<bool, Fault> {
        self.exists("SELECT 1 FROM listed LIMIT 1", &[])
    }

    /// Returns whether somebody on a list was asked after a time.
    pub(in crate::ledger) fn was_asked_since(
        &self,
        list: &str,
        tags: &[String],
        since_ms: i64,
    ) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM listed WHERE list = ? AND tag IN (SELECT value FROM json_each(?))
                     AND asked_ms > ? LIMIT 1";
        self.exists(sql, &[list.into(), json!(tags).to_string().into(), since_ms.into()])
    }

    /// Returns the lists as they are shown, with the ledger's name.
    pub(in crate::ledger) fn lists(&self, ledger: &str) -> Result<Vec<Value>, Fault> {
        let sql = "SELECT json_object('ledger', ?, 'list', list, 'entries', count(*))
                   FROM listed GROUP BY list ORDER BY list";
        self.objects(sql, &[ledger.into()])
    }

    /// Puts people on a list. Returns how many were not on it.
    pub(in crate::ledger) fn add_to_list(
        &self,
        list: &str,
        tags: &[String],
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<usize, Fault> {
        effects.are_lists_stale = true;
        let args = [list.into(), now_ms.into(), json!(tags).to_string().into()];
        Ok(self.rows(&format!("{ADD} RETURNING 1"), &args)?.len())
    }

    /// Takes people off a list. Returns how many were on it.
    pub(in crate::ledger) fn take_from_list(
        &self,
        list: &str,
        tags: &[String],
        effects: &mut Effects,
    ) -> Result<usize, Fault> {
        effects.are_lists_stale = true;
        let sql = "DELETE FROM listed WHERE list = ? AND tag IN (SELECT value FROM json_each(?)) RETURNING 1";
        Ok(self.rows(sql, &[list.into(), json!(tags).to_string().into()])?.len())
    }

    /// Empties a list. Returns how many were on it.
    pub(in crate::ledger) fn clear_list(&self, list: &str, effects: &mut Effects) -> Result<i64, Fault> {
        effects.are_lists_stale = true;
        let count = self.only("SELECT count(*) FROM listed WHERE list = ?", &[list.into()])?;
        self.run("DELETE FROM listed WHERE list = ?", &[list.into()])?;
        Ok(count)
    }
}
