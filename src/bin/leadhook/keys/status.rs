//! `keys status`: what is kept under each key.

use serde_json::Value;

use super::{Ring, check, entries};
use crate::client::{self, Client, joined};
use crate::terminal::{line, say};
use crate::vars::Vars;

/// What every ledger's rows name. Nothing is said of a key before all have been asked.
pub fn in_every_ledger(client: &Client) -> Result<Value, String> {
    let answers = client.get_all("keys")?;
    if answers.iter().any(|answer| !answer.get("ledgers").is_some_and(Value::is_array)) {
        return Err(unreadable());
    }
    Ok(joined(answers, "ledgers"))
}

/// By ledger, the rows that name a key of a ring.
pub fn rows_naming<'a>(answer: &'a Value, ring: &str, id: &str) -> Result<Vec<(&'a str, u64)>, String> {
    let rows = |(ledger, ids): (&'a str, &serde_json::Map<String, Value>)| {
        let rows = ids.get(id).map_or(Some(0), Value::as_u64);
        rows.map(|rows| (ledger, rows)).ok_or_else(unreadable)
    };
    in_use(answer, ring)?.into_iter().map(rows).collect()
}

fn unreadable() -> String {
    "the answer of the Worker does not say what its keys are needed for".to_owned()
}

type Ids = serde_json::Map<String, Value>;

/// By ledger, the ids of a ring with their rows. An answer with a gap says nothing about what is unused.
fn in_use<'a>(answer: &'a Value, ring: &str) -> Result<Vec<(&'a str, &'a Ids)>, String> {
    let ledgers = answer.get("ledgers").and_then(Value::as_array).ok_or_else(unreadable)?;
    let one = |entry: &'a Value| {
        let ids = entry.get("in_use")?.get(ring)?.as_object()?;
        Some((entry.get("ledger")?.as_str()?, ids))
    };
    ledgers.iter().map(|entry| one(entry).ok_or_else(unreadable)).collect()
}

pub fn status(server: &client::Server) -> Result<(), String> {
    let vars = Vars::read_or_new(&server.keys)?;
    let answer = in_every_ledger(&server.client()?)?;
    for ring in [Ring::Peppers, Ring::Sealing, Ring::Lists, Ring::Signing] {
        let name = ring.name().unwrap_or_default();
        let present = vars.get(name).unwrap_or_default();
        if !present.is_empty() {
            check(&vars, name)?;
        }
        let present = entries(present);
        say!("{} ({name})", ring.word());
        for (at, (id, key)) in present.iter().enumerate() {
            let said = match ring {
                Ring::Signing => signing_said(at, key),
                _ => ring_said(ring, at, id, total(&answer, ring, id)?),
            };
            say!("  {id:<16}  {said}");
        }
        if ring == Ring::Signing {
            continue;
        }
        let named = in_use(&answer, ring.word())?;
        let mut strange: Vec<&String> = named.iter().flat_map(|(_, ids)| ids.keys()).collect();
        strange.retain(|id| !present.iter().any(|(known, _)| known == id));
        strange.sort();
        strange.dedup();
        for id in strange {
            let rows = total(&answer, ring, id)?;
            say!("  {:<16}  {rows} rows; it is not in {}", line(id), vars.file());
        }
    }
    Ok(())
}

fn total(answer: &Value, ring: Ring, id: &str) -> Result<u64, String> {
    Ok(rows_naming(answer, ring.word(), id)?.into_iter().map(|(_, rows)| rows).sum())
}

fn ring_said(ring: Ring, at: usize, id: &str, rows: u64) -> String {
    match (ring, at, rows) {
        (Ring::Lists, ..) => format!("{rows} rows; stays, for lists are not rotated"),
        (_, 0, _) => format!("{rows} rows; current"),
        (_, _, 0) => format!("0 rows; may be retired: leadhook keys retire {} {id}", ring.word()),
        _ => format!("{rows} rows; may not be retired yet"),
    }
}

fn signing_said(at: usize, key: &str) -> String {
    let said = match at {
        0 => "current",
        _ if key.starts_with("public.") => "retired; verifies what it signed",
        _ => "may be retired; what it signed can still be verified then",
    };
    said.to_owned()
}
