//! What operators do, and what people do with the links that they get.

use leadhook::contact::{Email, Phone};
use leadhook::hash::base64;
use leadhook::keys::{Keyring, SigningKeys};
use leadhook::lead::{Identifier, list_tag};
use leadhook::ledger::Ledger;
use leadhook::memory::{KvMode, LedgerMode, SqliteStore, request, signing_key};
use leadhook::ports::Ports as _;
use leadhook::request::Method;
use serde_json::{Value, json};

use crate::common::{self, DAY, FORM, edited, text};
use crate::posts::{QUARANTINE_DAYS, REQUEST_MS, somebody};
use crate::{RINGS, Run, checks};

impl Run {
    pub fn set_keys(&mut self) {
        let ring = |kind: u8, numbers: &[u8]| {
            let key = |n: &u8| format!("k{n}:{}", base64(&[kind.wrapping_mul(80).wrapping_add(*n); 32]));
            Keyring::parse(&numbers.iter().map(key).collect::<Vec<_>>().join(",")).expect("a ring")
        };
        let (peppers, sealing) = (ring(1, &self.keys[0]), ring(2, &self.keys[1]));
        let signing = self.keys[2].iter().map(|n| signing_key(&format!("s{n}"), [*n; 32]));
        let signing = SigningKeys::parse(&signing.collect::<Vec<_>>().join(",")).expect("keys");
        self.site.set_settings(|settings| {
            (settings.peppers, settings.sealing, settings.signing) = (peppers, sealing, Some(signing));
        });
    }

    /// The newest pepper: submissions' ids are made with it.
    pub fn pepper(&self) -> usize {
        usize::from(self.keys[0][0])
    }

    /// A new key is put in front, or the oldest one dropped where nothing names it any more.
    pub fn rotate(&mut self) {
        let at = usize::try_from(self.dice.roll(3)).expect("a ring");
        let (newest, oldest) = (self.keys[at][0], self.keys[at][self.keys[at].len() - 1]);
        if self.dice.one_in(3) && newest < 70 {
            self.note(format!("a new key in {}", RINGS[at]));
            self.keys[at].insert(0, newest + 1);
        } else {
            self.calm_kv();
            let report = self.site.admin(Method::Get, "keys");
            let ledgers = report["ledgers"].as_array().expect("ledgers");
            let named = |one: &Value| one["in_use"][RINGS[at]].get(format!("k{oldest}")).is_some();
            if ledgers.iter().any(named) || newest == oldest {
                return;
            }
            self.note(format!("key {oldest} of {} is dropped", RINGS[at]));
            self.keys[at].pop();
        }
        self.set_keys();
        self.read_campaigns();
    }

    /// Operators do nothing while KV fails.
    pub fn calm_kv(&mut self) {
        if self.kv == KvMode::Failing {
            self.note("KV works again".to_owned());
            self.kv = KvMode::Fresh;
            self.site.set_kv(self.kv);
        }
    }

    pub fn kv_forgets(&self) -> bool {
        matches!(self.kv, KvMode::Fresh | KvMode::Empty)
    }

    /// Somebody follows a link, and what it does may be done without an answer at first.
    pub fn follow(&mut self, path: &str) -> u16 {
        if self.dice.one_in(4) {
            let lost = self.site.with_ledger(LedgerMode::LosesAnswers, || {
                self.site.send(&request(Method::Post, path, FORM, "")).status
            });
            assert!(matches!(lost, 410 | 503), "{lost}");
        }
        self.site.send(&request(Method::Post, path, FORM, "")).status
    }

    /// One of the links, and the parts of its token that are before the key's.
    pub fn link(&mut self, kind: &str) -> Option<(String, String, String, bool)> {
        let mut links: Vec<_> = self.links.iter().filter(|path| path.starts_with(kind)).cloned().collect();
        if links.is_empty() {
            return None;
        }
        // Those of the last mails and leads are followed most.
        if !self.dice.one_in(4) {
            let now = self.site.now_ms();
            let is_open = |path: &String| {
                let mut parts = path.rsplit('/').next().unwrap_or_default().split('.');
                let [lead_id, submission_id] = [parts.next(), parts.next()].map(Option::unwrap_or_default);
                self.people.is_open(lead_id, submission_id, now)
            };
            let open: Vec<_> = links.iter().filter(|path| is_open(path)).cloned().collect();
            links.drain(..links.len().saturating_sub(6));
            if !open.is_empty() {
                links = open;
            }
        }
        let path = self.dice.of(&links).clone();
        let token = path.rsplit('/').next().unwrap_or_default();
        let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
        let is_known = self.keys[0].iter().any(|n| format!("k{n}") == parts[2]);
        Some((path, parts[0].clone(), parts[1].clone(), is_known))
    }

    pub fn confirm(&mut self) {
        let Some((path, asked, submission_id, is_known)) = self.link("/confirm/") else { return };
        self.note(format!("confirm {asked} {submission_id}"));
        let now = self.site.now_ms();
        let is_open = is_known && self.people.is_open(&asked, &submission_id, now);
        let status = self.follow(&path);
        if !is_open {
            assert!(matches!(status, 200 | 410), "{status}");
            return;
        }
        assert_eq!(status, 200, "a link of the last three days");
        let sql = format!(
            "SELECT lead_id FROM submission WHERE submission_id = '{submission_id}' AND act IS NOT NULL
                             AND at_ms > {now} - {} ORDER BY at_ms DESC",
            REQUEST_MS + (QUARANTINE_DAYS + 2) * DAY
        );
        let rows = self.site.rows("shared", &sql);
        assert!(!rows.is_empty(), "what was confirmed is gone");
        let lead_id = rows[0][0].as_str().expect("a lead").to_owned();
        self.people.confirm(&asked, &submission_id, &lead_id, now);
    }

    pub fn withdraw(&mut self) {
        let Some((path, lead_id, purpose, is_known)) = self.link("/withdraw/") else { return };
        self.note(format!("withdraw {purpose} of {lead_id}"));
        let status = self.follow(&path);
        assert_eq!(status, if is_known { 200 } else { 410 });
        if is_known {
            let now_id = self.people.lead_now(&lead_id);
            let held = self.people.holds(&now_id, &purpose, self.site.now_ms());
            self.people.withdraw(&lead_id, &purpose, self.kv_forgets());
            if held {
                checks::nothing_waits(&self.site, &now_id, &purpose);
            }
        }
    }

    pub fn erase(&mut self) {
        self.calm_kv();
        let who = somebody(&mut self.dice);
        self.note(format!("erase {who:?}"));
        let now = self.site.now_ms();
        self.forget_what_has_ended();
        let must = self.people.reached_by(&who, now);
        let identifiers =
            edited(json!({ "email": "", "phone": "" }), json!({ "email": who.0, "phone": who.1 }));
        let report = self.operate("erase", &identifiers);
        let leads = report["ledgers"].as_array().expect("ledgers").iter();
        let leads = leads.flat_map(|one| one["leads"].as_array().cloned().unwrap_or_default());
        let leads: Vec<String> = leads.map(|id| id.as_str().expect("an id").to_owned()).collect();
        assert!(must.iter().all(|id| leads.contains(id)), "{must:?} are among {leads:?}");
        self.people.erase(&leads, self.kv_forgets());
        for ledger in checks::LEDGERS {
            for one in [&who.0, &who.1].into_iter().flatten() {
                self.people.list(ledger, "suppressed", one, true);
            }
        }
        checks::forgotten(&self.site, &who, &leads);
        checks::erased(&self.site, &self.people);
    }

    pub fn operate(&self, path: &str, body: &Value) -> Value {
        let path = format!("/admin/api/{path}");
        let reply = self.site.send(&request(Method::Post, &path, "application/json", &body.to_string()));
        assert_eq!(reply.status, 200, "{path}: {}", text(&reply));
        common::body(&reply)
    }

    /// Somebody is put on a list, or taken off it.
    pub fn list(&mut self) {
        self.calm_kv();
        let (ledger, list) = (*self.dice.of(&checks::LEDGERS), *self.dice.of(&["suppressed", "customers"]));
        // The suppression list fills by itself.
        let is_on = self.dice.one_in(if list == "suppressed" { 5 } else { 2 });
        let who = somebody(&mut self.dice);
        let identifier = match &who {
            (Some(email), _) => Identifier::Email(Email::parse(email).expect("an address")),
            (None, phone) => {
                let phone = phone.as_deref().and_then(|phone| Phone::parse(phone, None));
                Identifier::Phone(phone.expect("a number"))
            }
        };
        let one = who.0.or(who.1).expect("somebody");
        self.note(format!("{one} is {} {list} of {ledger}", if is_on { "put on" } else { "taken off" }));
        let tag = list_tag(self.site.settings().lists.as_ref().expect("list keys"), ledger, &identifier);
        let change = if is_on { "add" } else { "remove" };
        self.operate(&format!("lists/{list}?ledger={ledger}"), &json!({ change: [tag] }));
        self.people.list(ledger, list, &one, is_on);
    }

    /// Takes what is due, and never says what became of it.
    pub fn claim(&self, ledger: &str) {
        if let Some(database) = self.site.database(ledger) {
            let object =
                Ledger::open(SqliteStore::new(database), ledger, self.site.settings(), self.site.now_ms());
            object.and_then(|object| object.claim(&self.site.moment())).expect("claims");
        }
    }
}
