//! Which keys the rows name: one that none names any more can be destroyed.

use serde_json::{Map, Value, json};

use super::Ledger;
use super::message::Answer;
use super::store::Store;
use crate::fault::Fault;

/// The part of a text between its first and its second dot, where the id of a key stands.
fn key_id(text: &str) -> String {
    let rest = format!("substr({text}, instr({text}, '.') + 1)");
    format!("substr({rest}, 1, instr({rest}, '.') - 1)")
}

impl<S: Store> Ledger<S> {
    /// By ring, the ids of the keys that rows name, each with their number.
    pub(super) fn keys_in_use(&self) -> Result<Answer, Fault> {
        let mac = "json_extract(act, '$.mac')";
        let acts = format!("substr({mac}, 1, instr({mac}, '.') - 1)");
        let named =
            |what: &str, id: &str, table: &str| format!("SELECT {id} AS id FROM {table} WHERE {what}");
        let rings = [
            (
                "peppers",
                vec![
                    named("true", &key_id("tag"), "fingerprint"),
                    named("true", &key_id("tag"), "request"),
                    named("act IS NOT NULL", &acts, "submission"),
                    named("true", &acts, "act"),
                ],
            ),
            (
                "sealing",
                vec![
                    named("payload IS NOT NULL", &key_id("payload"), "submission"),
                    named("consent <> ''", &key_id("consent"), "submission"),
                    named("personal IS NOT NULL", &key_id("personal"), "act"),
                ],
            ),
            ("lists", vec![named("true", &key_id("tag"), "listed")]),
        ];
        let mut report = Map::new();
        for (ring, parts) in rings {
            let sql = format!("SELECT id, count(*) FROM ({}) GROUP BY id", parts.join(" UNION ALL "));
            let mut ids = Map::new();
            for mut row in self.store.rows(&sql, &[])? {
                ids.insert(row.text(0)?, json!(row.int(1)?));
            }
            report.insert(ring.to_owned(), Value::Object(ids));
        }
        Ok(Answer::Report(json!({ "ledgers": [{ "ledger": self.name, "in_use": report }] })))
    }
}
