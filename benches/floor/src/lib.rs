//! The least that a Rust Worker can do with a lead and lose none: read the body, hand it to a
//! Durable Object, store one row, answer. What Leadhook costs beyond this is Leadhook's.

use worker::js_sys::Uint8Array;
use worker::{
    Context, DurableObject, Env, Method, Request, RequestInit, Response, ResponseBuilder, Result, SqlStorage,
    SqlStorageValue, State, durable_object, event,
};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS lead (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID";

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _context: Context) -> Result<Response> {
    let body = request.bytes().await?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(Uint8Array::from(body.as_slice()).into()));
    let ledger = env.durable_object("LEDGER")?.get_by_name("floor")?;
    ledger.fetch_with_request(Request::new_with_init("https://ledger/", &init)?).await
}

/// The object that holds the rows.
#[durable_object]
pub struct Ledger {
    sql: SqlStorage,
}

impl DurableObject for Ledger {
    fn new(state: State, _env: Env) -> Self {
        let sql = state.storage().sql();
        // Where this fails, so does every insert, and says so.
        drop(sql.exec(TABLE, None));
        Self { sql }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let body = request.bytes().await?;
        let row = vec![SqlStorageValue::String(random_id()?), SqlStorageValue::Blob(body)];
        self.sql.exec("INSERT INTO lead (id, body) VALUES (?, ?)", row)?;
        let answer = br#"{"status":"accepted"}"#.to_vec();
        Ok(ResponseBuilder::new()
            .with_status(202)
            .with_header("content-type", "application/json")?
            .fixed(answer))
    }
}

fn random_id() -> Result<String> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|_| "the platform has no randomness")?;
    Ok(format!("{:032x}", u128::from_le_bytes(seed)))
}
