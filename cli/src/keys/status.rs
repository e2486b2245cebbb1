//! `keys status`: the rows that need each key.

use serde_json::Value;

use super::ring::{Ring, check, entries};
use crate::client::{self, Client, joined};
use crate::terminal::{line, say};
use crate::vars::Vars;

/// Returns the keys that rows of every ledger need. All ledgers are asked before anything is reported.
pub fn in_every_ledger(client: &Client) -> Result<Value, String> {
    let responses = client.get_all("keys")?;
    if responses.iter().any(|response| !response.get("ledgers").is_some_and(Value::is_array)) {
        return Err(unreadable());
    }
    Ok(joined(responses, "ledgers"))
}

/// Returns the rows that need a key of a ring, by ledger.
pub fn rows_naming<'a>(response: &'a Value, ring: &str, id: &str) -> Result<Vec<(&'a str, u64)>, String> {
    let rows = |(ledger, ids): (&'a str, &serde_json::Map<String, Value>)| {
        let rows = ids.get(id).map_or(Some(0), Value::as_u64);
        rows.map(|rows| (ledger, rows)).ok_or_else(unreadable)
    };
    in_use(response, ring)?.into_iter().map(rows).collect()
}

fn unreadable() -> String {
    "the Worker's response does not state what its keys are needed for".to_owned()
}

type Ids = serde_json::Map<String, Value>;

/// Returns the ids of a ring with their rows, by ledger. A response with a gap cannot prove that a key is unused.
fn in_use<'a>(response: &'a Value, ring: &str) -> Result<Vec<(&'a str, &'a Ids)>, String> {
    let ledgers = response.get("ledgers").and_then(Value::as_array).ok_or_else(unreadable)?;
    let one = |entry: &'a Value| {
        let ids = entry.get("in_use")?.get(ring)?.as_object()?;
        Some((entry.get("ledger")?.as_str()?, ids))
    };
    ledgers.iter().map(|entry| one(entry).ok_or_else(unreadable)).collect()
}

pub fn status(server: &client::Server) -> Result<(), String> {
    let vars = Vars::read_or_new(&server.keys())?;
    let response = in_every_ledger(&server.client()?)?;
    for ring in [Ring::Peppers, Ring::Sealing, Ring::Lists, Ring::Signing] {
        let name = ring.name().unwrap_or_default();
        let present = vars.get(name).unwrap_or_default();
        if !present.is_empty() {
            check(&vars, name)?;
        }
        let present = entries(present);
        say!("{} ({name})", ring.word());
        for (at, (id, key)) in present.iter().enumerate() {
            let words = match ring {
                Ring::Signing => signing_in_words(at, key),
                _ => ring_in_words(ring, at, id, total(&response, ring, id)?),
            };
            say!("  {id:<16}  {words}");
        }
        if ring == Ring::Signing {
            continue;
        }
        let by_ledger = in_use(&response, ring.word())?;
        let mut unknown: Vec<&String> = by_ledger.iter().flat_map(|(_, ids)| ids.keys()).collect();
        unknown.retain(|id| !present.iter().any(|(known, _)| known == id));
        unknown.sort();
        unknown.dedup();
        for id in unknown {
            let rows = total(&response, ring, id)?;
            say!("  {:<16}  {rows} rows; it is not in {}", line(id), vars.file());
        }
    }
    Ok(())
}

fn total(response: &Value, ring: Ring, id: &str) -> Result<u64, String> {
    Ok(rows_naming(response, ring.word(), id)?.into_iter().map(|(_, rows)| rows).sum())
}

fn ring_in_words(ring: Ring, at: usize, id: &str, rows: u64) -> String {
    match (ring, at, rows) {
        (Ring::Lists, ..) => format!("{rows} rows; stays, list keys are never rotated"),
        (_, 0, _) => format!("{rows} rows; current"),
        (_, _, 0) => format!("0 rows; can be retired: leadhook keys retire {} {id}", ring.word()),
        _ => format!("{rows} rows; cannot be retired yet"),
    }
}

fn signing_in_words(at: usize, key: &str) -> String {
    let words = match at {
        0 => "current",
        _ if key.starts_with("public.") => "retired; still verifies what it signed",
        _ => "can be retired; what it signed can still be verified then",
    };
    words.to_owned()
}
