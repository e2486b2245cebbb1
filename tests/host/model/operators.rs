//! Operations of operators, and of people with the links that they got.

use std::collections::BTreeSet;

use leadhook::app::ports::Ports as _;
use leadhook::base::crypto::base64;
use leadhook::base::keyring::{Keyring, SigningKeys};
use leadhook::contact::{Email, Phone};
use leadhook::http::request::Method;
use leadhook::ledger::Ledger;
use leadhook::pipeline::lead::{Identifier, Identity, list_tag, subject, subject_prefix};
use leadhook::settings::Settings;
use leadhook::testing::world::{KvMode, LedgerMode, SqliteStore, request, signing_key};
use serde_json::{Value, json};

use super::people::Who;
use super::posts::{CAMPAIGNS, QUARANTINE_DAYS, REQUEST_MS, everybody, somebody};
use super::{RINGS, Run, checks};
use crate::support::{self, DAY, FORM, edited, text};

/// One of the keyrings.
fn ring(kind: u8, numbers: &[u8]) -> Keyring {
    let key = |n: &u8| format!("k{n}:{}", base64(&[kind.wrapping_mul(80).wrapping_add(*n); 32]));
    Keyring::parse(&numbers.iter().map(key).collect::<Vec<_>>().join(",")).expect("a ring")
}

/// An address or a number, as the model's people have them.
pub fn identifier(one: &str) -> Identifier {
    let email = Email::parse(one).map(Identifier::Email);
    email.or_else(|| Phone::parse(one, None).map(Identifier::Phone)).expect("somebody's")
}

/// A link, and what stands in its address behind its kind: the campaign, and the parts of its token.
struct Link {
    path: String,
    parts: Vec<String>,
    is_known: bool,
}

impl Run {
    pub fn set_keys(&mut self) {
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

    /// Tells whether a key's id is that of a living pepper.
    pub fn is_pepper(&self, id: Option<&str>) -> bool {
        self.keys[0].iter().any(|n| id == Some(&format!("k{n}")))
    }

    /// One of the links.
    fn link(&mut self, kind: &str) -> Option<Link> {
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
        let parts: Vec<_> = path.trim_start_matches(kind).split(['/', '.']).map(str::to_owned).collect();
        let is_known = self.is_pepper(parts.get(parts.len() - 2).map(String::as_str));
        Some(Link { path, parts, is_known })
    }

    pub fn confirm(&mut self) {
        let Some(Link { path, parts, is_known }) = self.link("/confirm/") else { return };
        let [_, asked, submission_id, ..] = &parts[..] else { panic!("{path}") };
        self.note(format!("confirm {asked} {submission_id}"));
        let now = self.site.now_ms();
        let is_open = is_known && self.people.is_open(asked, submission_id, now);
        let status = self.follow(&path);
        if !is_open {
            assert!(matches!(status, 200 | 410), "{status}");
            return;
        }
        assert_eq!(status, 200, "a link of the last three days");
        let sql = format!(
            "SELECT lead_id FROM submission WHERE submission_id = '{submission_id}'
               AND (act IS NOT NULL OR stands_by IS NOT NULL) AND at_ms > {now} - {} ORDER BY at_ms DESC",
            REQUEST_MS + (QUARANTINE_DAYS + 2) * DAY
        );
        let rows = self.site.rows("shared", &sql);
        assert!(!rows.is_empty(), "what was confirmed is gone");
        let lead_id = rows[0][0].as_str().expect("a lead").to_owned();
        self.people.confirm(asked, submission_id, &lead_id, now);
    }

    pub fn withdraw(&mut self) {
        let Some(Link { path, parts, is_known }) = self.link("/withdraw/") else { return };
        let [campaign, lead_id, purpose, name, ..] = &parts[..] else { panic!("{path}") };
        let ledger = CAMPAIGNS.iter().find(|(id, ..)| id == campaign).expect("a campaign").1;
        let whose = self.whose(ledger, name);
        self.note(format!("withdraw {purpose} of {whose} in {lead_id}"));
        let status = self.follow(&path);
        assert_eq!(status, if is_known { 200 } else { 410 });
        if is_known {
            let (now, now_id) = (self.site.now_ms(), self.people.lead_now(lead_id));
            let held = self.people.holds(&now_id, &whose, purpose, now);
            self.people.withdraw(lead_id, &whose, purpose, now, self.kv_forgets());
            if held {
                let names = self.names_of(ledger, &whose);
                checks::nothing_waits(&self.site, &now_id, &names, purpose);
            }
        }
    }

    /// The settings with every pepper that there was.
    fn all_peppers(&self) -> Settings {
        let all: Vec<u8> = (1..=self.keys[0][0]).rev().collect();
        Settings { peppers: ring(1, &all), ..self.site.settings().clone() }
    }

    /// The names that a ledger may know somebody by as a subject.
    pub fn names_of(&self, ledger: &str, one: &str) -> Vec<String> {
        let identity = Identity::new(&self.all_peppers(), ledger);
        identity.fingerprints_of(&identifier(one)).iter().map(|tag| subject(tag)).collect()
    }

    /// Whom a link names.
    fn whose(&self, ledger: &str, name: &str) -> String {
        let is_named =
            |one: &String| self.names_of(ledger, one).iter().any(|subject| subject_prefix(subject) == name);
        everybody().into_iter().find(is_named).expect("somebody")
    }

    pub fn erase(&mut self) {
        self.calm_kv();
        let who = somebody(&mut self.dice);
        self.note(format!("erase {who:?}"));
        let now = self.site.now_ms();
        self.forget_what_has_ended();
        let (whole, partly) = self.people.reached_by(&who, now);
        let reports = self.reports("erase", &who);
        let ids = |name: &str, path: &str| {
            let all = reports.iter().flat_map(|one| one[name].as_array().expect("leads"));
            all.map(|one| one.pointer(path).and_then(Value::as_str).expect("an id").to_owned())
                .collect::<Vec<_>>()
        };
        let leads = ids("leads", "");
        self.forget_forwarded(&ids("left", "/lead_id"));
        assert!(whole.iter().all(|id| leads.contains(id)), "{whole:?} are among {leads:?}");
        assert!(!partly.iter().any(|id| leads.contains(id)), "others' in {partly:?} went with {leads:?}");
        self.people.erase(&who, &leads, self.kv_forgets());
        for ledger in checks::LEDGERS {
            for one in [&who.0, &who.1].into_iter().flatten() {
                self.people.list(ledger, "suppressed", one, true);
            }
            let theirs = [&who.0, &who.1].into_iter().flatten();
            let names = theirs.flat_map(|one| self.names_of(ledger, one)).collect();
            checks::forgotten(&self.site, ledger, &who, &names, &leads);
        }
        checks::erased(&self.site, &self.people);
    }

    /// A lead of which nobody has had what is left qualifies anew.
    fn forget_forwarded(&mut self, leads: &[String]) {
        let (site, of_erased) = (&self.site, format!("erased at {}", self.site.now_ms()));
        let renamed = |(ledger, campaign, lead_id, submission): (&'static str, String, String, String)| {
            let sql = format!(
                "SELECT 1 FROM delivery WHERE lead_id = '{lead_id}' AND campaign = '{campaign}' AND submission_id <> ''"
            );
            let is_kept = !leads.contains(&lead_id) || !site.rows(ledger, &sql).is_empty();
            (ledger, campaign, if is_kept { lead_id } else { format!("{lead_id} {of_erased}") }, submission)
        };
        self.forwarded = std::mem::take(&mut self.forwarded).into_iter().map(renamed).collect();
    }

    /// Somebody asks what is held of them: all of it is shown, and nothing of anybody else.
    pub fn access(&mut self) {
        self.calm_kv();
        let who = somebody(&mut self.dice);
        self.note(format!("access {who:?}"));
        self.forget_what_has_ended();
        let (must, may) = self.people.shown_to(&who, self.site.now_ms());
        let mut shown = BTreeSet::new();
        for lead in
            self.reports("access", &who).iter().flat_map(|one| one["leads"].as_array().expect("leads"))
        {
            let submissions = lead["submissions"].as_array().expect("submissions");
            for one in submissions {
                // One of somebody else's may have taken up theirs.
                let taken_up = one["data"]["taken_up"].as_array().into_iter().flatten();
                let is_others = one.get("campaign").is_none();
                let own = std::iter::once(one).filter(|_| !is_others);
                shown.extend(
                    own.chain(taken_up).map(|one| one["submission_id"].as_str().expect("an id").to_owned()),
                );
            }
            checks::shows_nobody_else(lead, &who);
        }
        assert!(must.is_subset(&shown), "{must:?} are held, and {shown:?} are shown");
        assert!(shown.is_subset(&may), "{shown:?} are shown, and only {may:?} are theirs");
    }

    /// Returns the reports of the ledgers about somebody.
    fn reports(&self, path: &str, who: &Who) -> Vec<Value> {
        let identifiers =
            edited(json!({ "email": "", "phone": "" }), json!({ "email": who.0, "phone": who.1 }));
        self.operate(path, &identifiers)["ledgers"].as_array().expect("ledgers").clone()
    }

    pub fn operate(&self, path: &str, body: &Value) -> Value {
        let path = format!("/admin/api/{path}");
        let response = self.site.send(&request(Method::Post, &path, "application/json", &body.to_string()));
        assert_eq!(response.status, 200, "{path}: {}", text(&response));
        support::body(&response)
    }

    /// Somebody is put on a list, or taken off it.
    pub fn list(&mut self) {
        self.calm_kv();
        let (ledger, list) = (*self.dice.of(&checks::LEDGERS), *self.dice.of(&["suppressed", "customers"]));
        // The suppression list fills by itself.
        let is_on = self.dice.one_in(if list == "suppressed" { 5 } else { 2 });
        let who = somebody(&mut self.dice);
        let one = who.0.or(who.1).expect("somebody");
        self.note(format!("{one} is {} {list} of {ledger}", if is_on { "put on" } else { "taken off" }));
        let tag =
            list_tag(self.site.settings().lists.as_ref().expect("list keys"), ledger, &identifier(&one));
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
