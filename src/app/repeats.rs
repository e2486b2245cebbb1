//! Exact repeats of a submission: recognised before the ledger by the isolate's cache and by KV. Neither decides
//! anything else: a repeat that they do not know goes to the ledger.

use super::cx::Cx;
use super::output::After;
use super::ports::Ports;
use super::repeat_record::RepeatRecord;
use crate::campaign::{Campaign, UseOfKv};
use crate::pipeline::lead::{Fingerprint, recognising};

/// The recognition of repeats of one submission.
pub struct Repeats {
    is_cached: bool,
    /// The key of the person's record in KV; `None` if KV is not used.
    key: Option<String>,
    /// The record, empty until KV was asked.
    record: RepeatRecord,
}

impl Repeats {
    /// Reads from the campaign where its repeats are recognised.
    pub fn new(campaign: &Campaign, fingerprints: &[Fingerprint]) -> Self {
        let is_used = campaign.dedupe.kv != UseOfKv::Never;
        let first = recognising(fingerprints, &campaign.dedupe.by).into_iter().next();
        Self {
            // Under double opt-in a repeat may bring a mail, which is the ledger's to decide. KV is told of each
            // submission there, so that a retry brings none.
            is_cached: is_used && campaign.double_opt_in.is_none(),
            key: first.filter(|_| is_used).map(|print| RepeatRecord::key(&campaign.ledger, &print.tag)),
            record: RepeatRecord::default(),
        }
    }

    /// Checks whether this very submission was accepted within the last minutes.
    pub async fn hold(&mut self, cx: Cx<'_, impl Ports>, campaign: &Campaign, submission_id: &str) -> bool {
        if self.is_cached && cx.isolate.repeats.holds(submission_id, cx.now_ms()) {
            return true;
        }
        // Under double opt-in KV alone keeps repeats from the ledger.
        let is_kv_asked = campaign.dedupe.kv == UseOfKv::Always
            || !self.is_cached
            || cx.isolate.backlog.is_busy(&campaign.ledger);
        let Some(key) = self.key.as_ref().filter(|_| is_kv_asked) else { return false };
        self.record = RepeatRecord::read(cx.ports.kv_get(key).await.ok().flatten().as_deref());
        self.record.holds(submission_id, cx.now_ms())
    }

    /// Notes that the ledger has accepted a submission, or had accepted it before. Returns what KV remembers of it.
    pub fn note<P>(self, cx: Cx<'_, P>, submission_id: &str, is_repeat: bool) -> Option<After> {
        let now_ms = cx.now.now_ms;
        if self.is_cached {
            cx.isolate.repeats.note(submission_id, self.key.as_deref().unwrap_or_default(), now_ms);
        }
        // Most people post once: KV is told of those who do not.
        let key = self.key.filter(|_| is_repeat || !self.is_cached);
        let (key, value) = key.zip(self.record.remembering(submission_id, now_ms))?;
        Some(After::Remember { key, value, ttl_s: RepeatRecord::ttl_s() })
    }
}

/// Forgets the last minutes of people: in this isolate of all of them, in KV of the first so many. Best effort: what
/// KV and other isolates remember ends after some minutes.
pub async fn forget(cx: Cx<'_, impl Ports>, ledger: &str, tags: &[String], in_kv: usize) {
    let keys: Vec<_> = tags.iter().map(|tag| RepeatRecord::key(ledger, tag)).collect();
    for key in &keys {
        cx.isolate.repeats.forget(key);
    }
    for key in keys.iter().take(in_kv) {
        let _ = cx.ports.kv_delete(key).await;
    }
}
