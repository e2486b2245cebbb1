//! A person and their consents: links, receipts, histories and orders of operators.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, VerifyingKey};
use leadhook::app::ports::Ports as _;
use leadhook::base::crypto::from_base64url;
use leadhook::contact::Email;
use leadhook::http::request::Method;
use leadhook::http::response::Response;
use leadhook::ledger::State;
use leadhook::pipeline::consent::payload_of;
use leadhook::pipeline::lead::{Identifier, Identity, Link, subject, subject_prefix};
use leadhook::testing::world::{PUBLIC_URL, request};
use serde_json::{Value, json};

use super::{Site, body, destination, destination_with, edited, guide_with, text};

pub const LEDGER: &str = "example-ab";
pub const CRM: &str = "https://crm.example.com/crm";
pub const CALLS: &str = "https://crm.example.com/calls";

/// Two receivers: one for the required newsletter, one for those who may be called.
pub fn two_receivers(changes: Value) -> Value {
    let calls = json!({ "needs": ["call"] });
    let destinations = json!([destination("crm", CRM), destination_with("calls", CALLS, calls)]);
    guide_with(edited(json!({ "destination": destinations }), changes))
}

/// The guide with double opt-in: the mail goes out by a provider's API.
pub fn confirmed_guide(changes: Value) -> Value {
    let fields = json!([
        { "name": "email", "kind": "email", "required": true },
        { "name": "phone", "kind": "phone" },
        { "name": "name", "kind": "text" },
    ]);
    let mail = json!({
        "name": "mail", "kind": "email", "url": "https://mail.example.com/send", "secret": "MAIL_SECRET",
        "body": { "To": "{to}", "Subject": "{subject}", "TextBody": "{text}" },
    });
    let double = json!({
        "destination": "mail", "subject": "{controller}: please confirm",
        "text": "Confirm {confirm_link} or refuse {withdraw_link}",
    });
    let changes = edited(
        json!({
            "field": fields, "score": [], "double_opt_in": double,
            "destination": [destination("crm", CRM), mail],
        }),
        changes,
    );
    guide_with(changes)
}

/// A person's part of what is held, of each ledger and lead.
pub fn leads(held: &Value) -> Vec<Value> {
    let ledgers = held["ledgers"].as_array().expect("ledgers").iter();
    ledgers.flat_map(|ledger| ledger["leads"].as_array().expect("leads").clone()).collect()
}

/// A lead's history as `campaign newsletter=given call=refused valid`.
pub fn told(lead: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let line = |one: &Value| {
        let consents = one["act"]["consents"].as_array().expect("consents").iter();
        let consents: Vec<_> = consents.map(|c| format!("{}={}", word(&c[0]), word(&c[1]))).collect();
        format!("{} {}", consents.join(" "), word(&one["verdict"]))
    };
    lead["history"].as_array().expect("a history").iter().map(line).collect()
}

/// The path of a link of ours.
pub fn path(url: &str) -> String {
    url.strip_prefix(PUBLIC_URL).expect("a link of ours").to_owned()
}

impl Site {
    pub fn get(&self, url: &str) -> Response {
        self.send(&request(Method::Get, &path(url), "", ""))
    }

    /// Posts to a link, as its page's button does.
    pub fn click(&self, url: &str) -> u16 {
        let response = self.send(&request(Method::Post, &path(url), super::FORM, ""));
        for header in ["location", "set-cookie"] {
            assert_eq!(response.header(header), None);
        }
        response.status
    }

    pub fn order_response(&self, path: &str, order: &Value) -> Response {
        self.send(&request(
            Method::Post,
            &format!("/admin/api/{path}"),
            "application/json",
            &order.to_string(),
        ))
    }

    /// An order to the admin API that must be done.
    pub fn order(&self, path: &str, order: &Value) -> Value {
        let response = self.order_response(path, order);
        assert_eq!(response.status, 200, "{path}: {}", text(&response));
        body(&response)
    }

    /// All that is held of somebody, of however many pages, by lead.
    pub fn held_of(&self, person: &Value) -> Vec<Value> {
        let (mut all, mut after) = (Vec::<Value>::new(), Value::Null);
        loop {
            let page = self.order("access", &edited(person.clone(), json!({ "after": after })));
            for lead in leads(&page) {
                let Some(known) = all.iter_mut().find(|known| known["lead_id"] == lead["lead_id"]) else {
                    all.push(lead);
                    continue;
                };
                for key in ["submissions", "history", "consents", "downloads", "recipients"] {
                    let more = lead[key].as_array().expect(key).clone();
                    known[key].as_array_mut().expect(key).extend(more);
                }
            }
            match page.get("next") {
                Some(next) => after = next.clone(),
                None => return all,
            }
        }
    }

    /// The one lead that is held of an address.
    pub fn lead_of(&self, email: &str) -> Value {
        let mut leads = self.held_of(&json!({ "email": email }));
        leads.retain(|lead| lead["history"][0].is_object());
        assert_eq!(leads.len(), 1, "there is one lead with a history");
        leads.remove(0)
    }

    pub fn history_of(&self, email: &str) -> Vec<String> {
        told(&self.lead_of(email))
    }

    /// The data of the newest webhook of this kind.
    pub fn newest(&self, kind: &str) -> Value {
        let all = self.received();
        let found = all.iter().rev().find(|one| one.body["type"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}")).body["data"].clone()
    }

    /// Returns the link that withdraws a purpose of the newest lead.
    pub fn withdraw_url(&self, purpose: &str) -> String {
        consent(&self.newest("lead.qualified"), purpose)["withdraw_url"].as_str().expect("a link").to_owned()
    }

    /// Returns the link that withdraws a person's purpose, as a receipt would say; `_` is all of them.
    pub fn withdrawal_of(&self, email: &str, purpose: &str) -> String {
        let lead_id = self.lead_id_of(email);
        let subject = subject(&self.tags_of(email)[0]);
        let parts = [lead_id.as_str(), purpose, subject_prefix(&subject)];
        let token = Identity::new(self.settings(), LEDGER).link(Link::Withdraw, Some("guide"), None, &parts);
        format!("{PUBLIC_URL}/withdraw/guide/{token}")
    }

    pub fn lead_id_of(&self, email: &str) -> String {
        self.lead_of(email)["lead_id"].as_str().expect("an id").to_owned()
    }

    /// The fingerprints that an address may lie under in the guide's ledger.
    pub fn tags_of(&self, email: &str) -> Vec<String> {
        let person = Identifier::Email(Email::parse(email).expect("an address"));
        Identity::new(self.settings(), LEDGER).fingerprints_of(&person)
    }

    /// The mails that were sent: to whom, and the two links.
    pub fn mails(&self) -> Vec<(String, String, String)> {
        let all = self.received();
        let mails = all.iter().filter(|one| one.url.ends_with("/send"));
        let parts = |body: &Value| {
            let words: Vec<_> = body["TextBody"].as_str().expect("a text").split(' ').collect();
            (body["To"].as_str().expect("an address").to_owned(), words[1].to_owned(), words[4].to_owned())
        };
        mails.map(|mail| parts(&mail.body)).collect()
    }

    /// The payload of a JWS, verified by the published keys, and the id of the key.
    pub fn verified(&self, jws: &str) -> (Value, String) {
        let keys = body(&self.get(&format!("{PUBLIC_URL}/.well-known/jwks.json")));
        let (header, payload, input, signature) = payload_of(jws).expect("a JWS");
        assert_eq!(header["alg"], "EdDSA");
        let kid = header["kid"].as_str().expect("a key id");
        let key = keys["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == kid);
        let x = from_base64url(key.expect("the key is published")["x"].as_str().expect("x")).expect("x");
        let key = VerifyingKey::from_bytes(&x.try_into().expect("32 bytes")).expect("a key");
        let signature = Signature::from_slice(&signature).expect("a signature");
        key.verify_strict(input.as_bytes(), &signature).expect("it is genuine");
        (payload, kid.to_owned())
    }

    /// The counters and the rows say the same of every state of which rows are kept.
    pub fn adds_up(&self, ledger: &str) {
        let rows = self.rows(
            ledger,
            "SELECT campaign, hour, source, state, count(*) FROM submission GROUP BY 1, 2, 3, 4",
        );
        let mut by_row = BTreeMap::new();
        for row in rows {
            by_row.insert(format!("{:?} {}", &row[..3], row[3].as_str().expect("a state")), row[4].clone());
        }
        let columns = State::ALL.map(State::as_str);
        let sql = format!("SELECT campaign, hour, source, {} FROM counter", columns.join(", "));
        for row in self.rows(ledger, &sql) {
            for (state, count) in columns.iter().zip(&row[3..]) {
                let rows = by_row.remove(&format!("{:?} {state}", &row[..3])).unwrap_or(json!(0));
                // Of these, what was kept ends with the row.
                if !["erased", "expired"].contains(state) {
                    assert_eq!((state, count), (state, &rows));
                }
            }
        }
        assert_eq!(by_row.len(), 0, "{by_row:?}");
    }

    /// Every row of every table of a ledger, but for the campaigns and the terms.
    pub fn dump(&self, ledger: &str) -> String {
        let tables = self.rows(ledger, "SELECT name FROM sqlite_master WHERE type = 'table'");
        let kept = |name: &str| !["campaign", "terms", "meta", "migration"].contains(&name);
        let names = tables.iter().map(|row| row[0].as_str().expect("a name")).filter(|name| kept(name));
        let rows = |name| format!("{name}: {:?}\n", self.rows(ledger, &format!("SELECT * FROM {name}")));
        names.map(rows).collect()
    }

    /// The number of rows of a table.
    pub fn count(&self, table: &str) -> i64 {
        self.rows(LEDGER, &format!("SELECT count(*) FROM {table}"))[0][0].as_i64().expect("a count")
    }
}

/// The record of a purpose in a webhook.
pub fn consent(data: &Value, purpose: &str) -> Value {
    let all = data["consent"].as_array().expect("consent");
    all.iter().find(|one| one["purpose"] == purpose).expect("the purpose").clone()
}

/// The JWS of a record.
pub fn receipt(record: &Value) -> String {
    record["receipt"].as_str().expect("a receipt").to_owned()
}
