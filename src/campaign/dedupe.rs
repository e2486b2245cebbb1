//! `[dedupe]`: the recognition of people, and its consequences.

use serde::Deserialize;

use super::checks::are_days;
use super::table::{Rules, Verdict, ensure, keys};
use crate::base::time::DAY_MS;

/// `[dedupe]`.
#[derive(Debug)]
pub struct DedupeTable {
    pub window_days: u32,
    pub by: Vec<IdentifierKind>,
    pub on_repeat: OnRepeat,
    pub kv: Option<UseOfKv>,
    /// The key before `kv` had three values: `false` means never.
    pub remember_in_kv: Option<bool>,
    pub fold_gmail: bool,
}

keys!(DedupeTable: window_days, by, on_repeat, kv, remember_in_kv, fold_gmail);

impl Rules for DedupeTable {
    fn verdicts(&self) -> Vec<Verdict> {
        let is_said_once = ensure(
            self.kv.is_none() || self.remember_in_kv.is_none(),
            "says the same as kv, which replaces it: leave it out",
        );
        vec![
            ("window_days", are_days(self.window_days)),
            ("by", ensure(!self.by.is_empty(), "must name email, phone or both")),
            ("remember_in_kv", is_said_once),
        ]
    }
}

impl Default for DedupeTable {
    fn default() -> Self {
        Self {
            window_days: 180,
            by: vec![IdentifierKind::Email],
            on_repeat: OnRepeat::Ignore,
            kv: None,
            remember_in_kv: None,
            fold_gmail: true,
        }
    }
}

/// The recognition of people.
#[derive(Clone, Debug)]
pub struct Dedupe {
    /// The time for which a person is known after the last accepted submission.
    pub window_ms: i64,
    /// The identifiers by which people are recognised.
    pub by: Vec<IdentifierKind>,
    /// The event that destinations get when a known person posts again.
    pub on_repeat: OnRepeat,
    /// The use of KV to find exact repeats.
    pub kv: UseOfKv,
    /// True if dots and tags of Gmail addresses are ignored.
    pub fold_gmail: bool,
}

impl Dedupe {
    pub(super) fn accept(table: DedupeTable) -> Self {
        let former = if table.remember_in_kv == Some(false) { UseOfKv::Never } else { UseOfKv::Always };
        Self {
            window_ms: i64::from(table.window_days) * DAY_MS,
            by: table.by,
            on_repeat: table.on_repeat,
            kv: table.kv.unwrap_or(former),
            fold_gmail: table.fold_gmail,
        }
    }
}

/// The kinds of identifier.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum IdentifierKind {
    Email,
    Phone,
}

impl IdentifierKind {
    pub(crate) const ALL: [Self; 2] = [Self::Email, Self::Phone];
}

/// The event that destinations get when a known person posts again.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OnRepeat {
    /// No event: the submission is a duplicate.
    #[default]
    Ignore,
    /// `lead.updated`.
    Update,
}

/// The use of KV to find out whether a post is an exact repeat of one minutes ago.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UseOfKv {
    /// For each post that is not in the isolate's own cache.
    Always,
    /// Only while many posts wait for the ledger.
    WhenBusy,
    /// Never, and the isolate's cache is not used either: the ledger answers every repeat, and counts it exactly.
    Never,
}
