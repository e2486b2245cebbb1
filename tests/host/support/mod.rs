//! Support of the host tests: campaigns, a site that people post to, and a look into its ledgers.

pub mod person;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use leadhook::campaign::{Campaign, Problem};
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::testing::world::{LedgerMode, Received, World, request};
use pollster::block_on;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A campaign with everything in it. Its ledger is `example-ab`.
const GUIDE: &str = r#"
id = "guide"
title = "The <b>guide</b>"
ledger = "example-ab"
origins = ["https://www.example.com"]
default_country = "SE"
language = "sv"
[controller]
name = "Example AB"
email = "privacy@example.com"
privacy_notice = "https://www.example.com/privacy"
privacy_notice_version = "3"
[[field]]
name = "email"
kind = "email"
[[field]]
name = "phone"
kind = "phone"
[[field]]
name = "name"
kind = "text"
min_length = 2
max_length = 20
label = "Your <name>"
[[field]]
name = "size"
kind = "choice"
choices = ["1-10", "11-50", "51+"]
[[field]]
name = "seats"
kind = "number"
min = 1
max = 500
[[field]]
name = "remote"
kind = "boolean"
[[field]]
name = "country"
kind = "country"
[[field]]
name = "site"
kind = "url"
[[purpose]]
id = "newsletter"
text = "Yes, send me <i>news</i>."
version = "2026-11"
required = true
[[purpose]]
id = "call"
text = "Yes, call me."
version = "2"
channel = "phone"
category = "sales"
retention_days = 365
[[score]]
rule = "gave a name"
when = { field = "name", present = true }
points = 10
[[score]]
rule = "large"
when = [{ field = "size", is = "51+" }, { about = "email_kind", is = "business" }]
points = 50
[[score]]
rule = "far away"
when = { about = "country", is_one_of = ["US", "CA"] }
points = -20
[[destination]]
name = "crm"
url = "https://crm.example.com/hooks/guide"
secret = "CRM_SECRET"
"#;

/// The guide as JSON, as the admin API takes it.
pub fn guide() -> Value {
    toml::from_str(GUIDE).expect("the guide is TOML")
}

/// The guide with some keys of the file replaced.
pub fn guide_with(changes: Value) -> Value {
    edited(guide(), changes)
}

/// A file with keys replaced; `null` takes a key away.
pub fn edited(mut file: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("changes are an object") {
        match value {
            Value::Null => drop(file.as_object_mut().expect("a file is an object").remove(key)),
            value => file[key] = value.clone(),
        }
    }
    file
}

/// A destination that takes every lead of the guide.
pub fn destination(name: &str, url: &str) -> Value {
    json!({ "name": name, "url": url, "secret": "CRM_SECRET" })
}

/// A destination with more keys.
pub fn destination_with(name: &str, url: &str, more: Value) -> Value {
    edited(destination(name, url), more)
}

pub fn campaign(file: &Value) -> Campaign {
    Campaign::accept(file).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The world, with campaigns published.
pub struct Site(World);

impl Deref for Site {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0
    }
}

impl Site {
    pub fn new(campaigns: &[Value]) -> Self {
        Self::seeded(1, campaigns)
    }

    pub fn seeded(seed: u64, campaigns: &[Value]) -> Self {
        let site = Self(World::new(seed).expect("a world"));
        for file in campaigns {
            site.republish(file);
        }
        site
    }

    pub fn republish(&self, file: &Value) {
        self.try_publish(file).unwrap_or_else(|problems| panic!("{problems:?}"));
    }

    pub fn try_publish(&self, file: &Value) -> Result<(), Vec<Problem>> {
        self.publish(&campaign(file))
    }

    pub fn send(&self, request: &RawRequest) -> Response {
        block_on(self.serve(request)).response
    }

    /// Posts a form as a script does.
    pub fn post(&self, campaign: &str, form: &str) -> Response {
        self.send(&request(Method::Post, &format!("/c/{campaign}"), FORM, form))
    }

    /// Posts a form that must be accepted, and gives the submission's id.
    pub fn accept(&self, campaign: &str, form: &str) -> String {
        let response = self.post(campaign, form);
        assert_eq!(response.status, 202, "{}", text(&response));
        let body = body(&response);
        assert_eq!(body["status"], "accepted");
        body["submission_id"].as_str().expect("an id").to_owned()
    }

    /// Accepts, and lets the alarms go off.
    pub fn deliver(&self, campaign: &str, form: &str) -> String {
        let id = self.accept(campaign, form);
        self.ring();
        id
    }

    pub fn ring(&self) {
        block_on(self.ring_alarms()).expect("alarms");
    }

    pub fn pass(&self, ms: i64) {
        block_on(self.advance(ms)).expect("time passes");
    }

    /// The admin API's answer, which must be 200.
    pub fn admin(&self, method: Method, path: &str) -> Value {
        let response = self.send(&request(method, &format!("/admin/api/{path}"), "", ""));
        assert_eq!(response.status, 200, "{path}: {}", text(&response));
        body(&response)
    }

    /// The counters' states that are not zero.
    pub fn states(&self) -> BTreeMap<String, i64> {
        let counters = self.admin(Method::Get, "counters");
        let states = counters["states"].as_object().expect("states");
        let counts = states.iter().map(|(state, count)| (state.clone(), count.as_i64().expect("a count")));
        counts.filter(|(_, count)| *count != 0).collect()
    }

    /// The name of what the ledger decided last.
    pub fn last_decision(&self) -> Value {
        let log = self.log();
        log.iter().rev().find_map(|event| event.get("decision")).cloned().unwrap_or_default()
    }

    /// `(event, lead's id, last part of the address)` of each webhook that was taken.
    pub fn events(&self) -> Vec<(String, String, String)> {
        self.received().iter().map(event).collect()
    }

    /// The webhooks that were taken, as `qualified crm of 1`: people are numbered as they appear.
    pub fn story(&self) -> Vec<String> {
        let mut people = Vec::new();
        let line = |(kind, lead_id, place): (String, String, String)| {
            let kind = kind.strip_prefix("lead.").unwrap_or(&kind).to_owned();
            let at = people.iter().position(|known| *known == lead_id).unwrap_or_else(|| {
                people.push(lead_id);
                people.len() - 1
            });
            format!("{kind} {place} of {}", at + 1)
        };
        self.events().into_iter().map(line).collect()
    }

    pub fn rows(&self, ledger: &str, sql: &str) -> Vec<Vec<Value>> {
        let Some(database) = self.database(ledger) else {
            return Vec::new();
        };
        // What a test looks for may need more than the platform lets a ledger ask.
        let limit = rusqlite::limits::Limit::SQLITE_LIMIT_COMPOUND_SELECT;
        let own = database.set_limit(limit, 100).expect("a limit");
        let mut statement = database.prepare(sql).expect(sql);
        database.set_limit(limit, own).expect("a limit");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect(sql);
        let mut all = Vec::new();
        while let Some(row) = rows.next().expect(sql) {
            let cell = |column| match row.get_ref(column).expect("a column") {
                ValueRef::Integer(number) => json!(number),
                ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                // What stands in it as it is can be found.
                ValueRef::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
                _ => Value::Null,
            };
            all.push((0..columns).map(cell).collect());
        }
        all
    }

    /// Returns the sealed bytes in the only column of a statement's rows.
    pub fn sealed(&self, ledger: &str, sql: &str) -> Vec<Option<Vec<u8>>> {
        let database = self.database(ledger).expect("a ledger");
        let mut statement = database.prepare(sql).expect(sql);
        let rows = statement.query_map([], |row| row.get(0)).expect(sql);
        rows.map(|row| row.expect("bytes")).collect()
    }

    pub fn execute(&self, ledger: &str, sql: &str) {
        self.database(ledger).expect("a ledger").execute_batch(sql).expect(sql);
    }

    /// Every cell of every table of every ledger, and what KV and the log hold.
    pub fn everything_at_rest(&self, ledgers: &[&str]) -> String {
        let mut text = format!("{:?}\n", self.kv_contents());
        for ledger in ledgers {
            for table in self.rows(ledger, "SELECT name FROM sqlite_master WHERE type = 'table'") {
                let sql = format!("SELECT * FROM {}", table[0].as_str().expect("a name"));
                text.push_str(&Value::from_iter(self.rows(ledger, &sql)).to_string());
            }
        }
        for event in self.log() {
            text.push_str(&event.to_string());
        }
        text
    }

    pub fn with_ledger<T>(&self, mode: LedgerMode, act: impl FnOnce() -> T) -> T {
        self.set_ledger(mode);
        let done = act();
        self.set_ledger(LedgerMode::Up);
        done
    }
}

fn event(received: &Received) -> (String, String, String) {
    let text =
        |pointer: &str| received.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = received.url.rsplit('/').next().unwrap_or_default().to_owned();
    (text("/type"), text("/data/lead_id"), place)
}

pub fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).expect("UTF-8")
}

pub fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

/// The errors of a 422 as `field code`.
pub fn problems(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 422, "{}", text(response));
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let body = body(response);
    let errors = body["errors"].as_array().expect("errors").iter();
    let word = |error: &Value, key: &str| error[key].as_str().expect(key).to_owned();
    errors.map(|error| format!("{} {}", word(error, "field"), word(error, "code"))).collect()
}

/// A map of counts, to compare with [`Site::states`].
/// `field: detail` of what an order was refused for; nothing where it was done.
pub fn refusals(response: &Response) -> Vec<String> {
    if response.status == 200 {
        return Vec::new();
    }
    assert_eq!(response.status, 422, "{}", text(response));
    let errors = body(response)["errors"].as_array().expect("errors").clone();
    let word = |error: &Value, key: &str| error[key].as_str().expect(key).to_owned();
    errors.iter().map(|error| format!("{}: {}", word(error, "field"), word(error, "detail"))).collect()
}

pub fn counts(expected: &[(&str, i64)]) -> BTreeMap<String, i64> {
    expected.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect()
}

pub fn headers(response: &Response) -> Map<String, Value> {
    response.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}
