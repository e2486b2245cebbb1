//! The key ids that rows name.

use serde_json::Value;

use super::Db;
use super::request::UNNAMED;
use super::store::{Store, union_all};
use crate::base::fault::Fault;

/// The bytes that hold the header of a ciphertext up to its second dot: a format, and a key id of 16
/// characters.
const SEALED_HEAD: usize = 1 + 1 + 16 + 1;

/// Returns, in SQL, the part of a text between its first and second dot, where the key id is.
fn key_id(text: &str) -> String {
    let rest = format!("substr({text}, instr({text}, '.') + 1)");
    format!("substr({rest}, 1, instr({rest}, '.') - 1)")
}

/// Returns, in SQL, the key id of a sealed column, bytes or text: only the header is surely text.
fn sealing_key_id(column: &str) -> String {
    key_id(&format!("CAST(substr(CAST({column} AS BLOB), 1, {SEALED_HEAD}) AS TEXT)"))
}

/// Returns, in SQL, the part of a text before its first dot, where the key id of a subject is.
fn first_part(text: &str) -> String {
    format!("substr({text}, 1, instr({text}, '.') - 1)")
}

impl<S: Store> Db<S> {
    /// Returns by keyring the ids of the keys that rows name, each with the number of those rows.
    pub(in crate::ledger) fn keys_in_use(&self) -> Result<Option<Value>, Fault> {
        Ok(self.objects(&keys_in_use(), &[])?.into_iter().next())
    }
}

fn keys_in_use() -> String {
    let mac = "json_extract(act, '$.mac')";
    let acts = format!("substr({mac}, 1, instr({mac}, '.') - 1)");
    let named = |what: &str, id: &str, table: &str| format!("SELECT {id} AS id FROM {table} WHERE {what}");
    let ring = |parts: &[String]| {
        let rows = union_all(parts.to_vec());
        format!("(SELECT json_group_object(id, n) FROM (SELECT id, count(*) n FROM ({rows}) GROUP BY id))")
    };
    let peppers = ring(&[
        named("true", &key_id("tag"), "fingerprint"),
        named("true", &key_id("tag"), "carried"),
        named("true", &key_id("tag"), "mentioned"),
        named(&format!("tag <> '{UNNAMED}'"), &key_id("tag"), "request"),
        named("true", &first_part("value"), "submission, json_each(submission.subjects)"),
        named("true", &first_part("value"), "act, json_each(act.subjects)"),
        named("true", &first_part("subject"), "standing"),
        named("first IS NOT NULL", &first_part("first"), "submission"),
        named("subject IS NOT NULL", &first_part("subject"), "delivery"),
        named("act IS NOT NULL", &acts, "submission"),
        named("true", &key_id("value"), "submission, json_each(quarantine, '$.tags')"),
        named("true", &acts, "act"),
    ]);
    let sealing = ring(&[
        named("payload IS NOT NULL", &sealing_key_id("payload"), "submission"),
        named("consent <> ''", &sealing_key_id("consent"), "submission"),
        named("personal IS NOT NULL", &sealing_key_id("personal"), "act"),
    ]);
    let lists = ring(&[named("true", &key_id("tag"), "listed")]);
    format!(
        "SELECT json_object('peppers', json({peppers}), 'sealing', json({sealing}),
           'lists', json({lists}))"
    )
}
