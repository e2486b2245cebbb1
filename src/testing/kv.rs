//! KV in memory, with expiry and faults.

use std::collections::BTreeMap;

use crate::base::fault::Fault;
use crate::base::limits;

/// The keys on one page of a listing.
const LIST_PAGE: usize = limits::number("kv_page_names") as usize;

/// The behaviour of KV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvMode {
    /// Reads return the latest value.
    #[default]
    Fresh,
    /// Reads return the values as they were when the mode was set.
    Stale,
    /// Reads find nothing.
    Empty,
    /// Every call fails.
    Failing,
    /// Reads succeed, writes fail.
    RefusingWrites,
}

/// A value, and the time at which it expires if it does; UTC, milliseconds.
#[derive(Clone)]
struct Entry {
    value: String,
    expires_ms: Option<i64>,
}

/// A namespace of KV.
#[derive(Default)]
pub struct Kv {
    entries: BTreeMap<String, Entry>,
    snapshot: BTreeMap<String, Entry>,
    mode: KvMode,
}

impl Kv {
    /// Sets the behaviour from now on.
    pub fn set_mode(&mut self, mode: KvMode) {
        self.snapshot = self.entries.clone();
        self.mode = mode;
    }

    /// Returns the value of a key, if it has not expired.
    ///
    /// # Errors
    /// The mode's.
    pub fn get(&self, key: &str, now_ms: i64) -> Result<Option<String>, Fault> {
        let entries = match self.mode {
            KvMode::Failing => return Err(Fault::new("KV get: failing")),
            KvMode::Empty => return Ok(None),
            KvMode::Stale => &self.snapshot,
            KvMode::Fresh | KvMode::RefusingWrites => &self.entries,
        };
        let is_alive = |entry: &&Entry| entry.expires_ms.is_none_or(|expires_ms| expires_ms > now_ms);
        Ok(entries.get(key).filter(is_alive).map(|entry| entry.value.clone()))
    }

    /// Writes a value, which expires at a time if one is given.
    ///
    /// # Errors
    /// The mode's.
    pub fn put(&mut self, key: &str, value: &str, expires_ms: Option<i64>) -> Result<(), Fault> {
        self.check_writable("put")?;
        self.entries.insert(key.to_owned(), Entry { value: value.to_owned(), expires_ms });
        Ok(())
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// The mode's.
    pub fn delete(&mut self, key: &str) -> Result<(), Fault> {
        self.check_writable("delete")?;
        self.entries.remove(key);
        Ok(())
    }

    /// Returns the keys that begin with a prefix, and the number of requests that a listing of them takes.
    ///
    /// # Errors
    /// The mode's.
    pub fn list(&self, prefix: &str) -> Result<(Vec<String>, usize), Fault> {
        if self.mode == KvMode::Failing {
            return Err(Fault::new("KV list: failing"));
        }
        let keys: Vec<_> = self.entries.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        let requests = keys.len() / LIST_PAGE + 1;
        Ok((keys, requests))
    }

    /// Returns the stored value of a key, whatever the mode.
    pub fn stored(&self, key: &str) -> Option<String> {
        self.entries.get(key).map(|entry| entry.value.clone())
    }

    /// Stores a value, whatever the mode.
    pub fn store(&mut self, key: &str, value: &str) {
        self.entries.insert(key.to_owned(), Entry { value: value.to_owned(), expires_ms: None });
    }

    /// Returns all stored keys and values, whatever the mode.
    pub fn contents(&self) -> BTreeMap<String, String> {
        self.entries.iter().map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    }

    fn check_writable(&self, call: &str) -> Result<(), Fault> {
        match self.mode {
            KvMode::Failing | KvMode::RefusingWrites => Err(Fault::new(format!("KV {call}: refused"))),
            KvMode::Fresh | KvMode::Stale | KvMode::Empty => Ok(()),
        }
    }
}
