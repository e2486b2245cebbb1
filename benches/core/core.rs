//! Benchmark of one fresh lead on the host, from decode to decision, by its stages. The campaign and
//! the person are those of `lib/workload.mjs`; `run.mjs` makes a table of the medians.
#![allow(clippy::expect_used, reason = "benchmark")]

use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};
use leadhook::base::crypto::base64;
use leadhook::base::moment::Moment;
use leadhook::base::sealing::Sealer;
use leadhook::campaign::Campaign;
use leadhook::contact::Phone;
use leadhook::ledger::Ledger;
use leadhook::ledger::wire::{Admit, Call, MESSAGE_FORMAT, Message, Reply};
use leadhook::pipeline::abuse;
use leadhook::pipeline::abuse::{Circumstances, Evidence, TurnstileResult};
use leadhook::pipeline::intake;
use leadhook::pipeline::intake::{Fields, Submission, decode};
use leadhook::pipeline::lead::{ConsentRecord, Fingerprint, Identity, Lead, SubmissionId, recognising};
use leadhook::pipeline::scoring;
use leadhook::pipeline::scoring::{Decision, Score};
use leadhook::settings::Settings;
use leadhook::testing::world::{START_MS, SqliteStore};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;

/// Enough that reading the clock does not count, few enough that they fit the processor's cache.
const BATCH: BatchSize = BatchSize::NumIterations(64);

static PEOPLE: AtomicU32 = AtomicU32::new(0);

/// Somebody new, with a Swedish mobile number as people write it.
struct Person {
    number: u32,
    phone: String,
}

impl Person {
    fn new() -> Self {
        let number = PEOPLE.fetch_add(1, Ordering::Relaxed);
        let (area, middle, last) = (number / 10_000 % 1_000, number / 100 % 100, number % 100);
        Self { number, phone: format!("070-{area:03} {middle:02} {last:02}") }
    }

    fn body(&self) -> Vec<u8> {
        let request = json!({
            "email": format!("p{:07}@example.org", self.number),
            "phone": self.phone,
            "name": "Ada Lovelace",
            "company_size": "51-200",
            "consent": { "newsletter": true },
            "utm_source": "google",
        });
        request.to_string().into_bytes()
    }

    /// Each person comes a millisecond after the one before, with randomness of their own.
    fn moment(&self) -> Moment {
        let mut seed = [0; 32];
        seed.iter_mut().zip(self.number.to_be_bytes()).for_each(|(to, from)| *to = from);
        Moment { now_ms: START_MS + i64::from(self.number), seed }
    }
}

/// The part of a lead that the ledger seals beside its consents: its own type is private to it.
#[derive(Serialize)]
struct Payload {
    lead: Lead,
    score: Score,
    first: String,
}

struct Sealable {
    moment: Moment,
    submission_id: SubmissionId,
    payload: Payload,
    consent: Vec<ConsentRecord>,
}

/// The stages, with what a warm isolate and a warm ledger keep between requests.
struct Core {
    campaign: Campaign,
    identity: Identity,
    settings: Settings,
    sealer: Sealer,
}

impl Core {
    fn new() -> Self {
        let campaign = Campaign::accept(&json!({
            "id": "bench",
            "title": "Book a demo",
            "origins": ["https://www.example.com", "https://shop.example.com"],
            "thanks_url": "https://www.example.com/thanks",
            "default_country": "SE",
            "language": "en",
            "time_zone": "Europe/Stockholm",
            "controller": {
                "name": "Example AB",
                "email": "privacy@example.com",
                "privacy_notice": "https://www.example.com/privacy",
                "privacy_notice_version": "2026-10",
            },
            "field": [
                { "name": "email", "kind": "email", "label": "E-mail", "required": true },
                { "name": "phone", "kind": "phone", "label": "Phone" },
                { "name": "name", "kind": "text", "label": "Name", "min_length": 2, "max_length": 60 },
                { "name": "company_size", "kind": "choice", "choices": ["1-10", "11-50", "51-200", "201+"] },
                { "name": "seats", "kind": "number", "min": 1, "max": 5000 },
            ],
            "purpose": [
                {
                    "id": "newsletter",
                    "text": "Yes, send me news and offers from Example AB by e-mail.",
                    "version": "2026-11",
                    "required": true,
                    "channel": "email",
                },
                {
                    "id": "calls",
                    "text": "You may call me about my enquiry.",
                    "version": "2026-11",
                    "channel": "phone",
                },
            ],
            "score": [
                {
                    "rule": "large company",
                    "points": 30,
                    "when": { "field": "company_size", "is_one_of": ["51-200", "201+"] },
                },
                { "rule": "paid search", "points": 10, "when": { "attribution": "utm_source", "is": "google" } },
                { "rule": "left a number", "points": 15, "when": { "field": "phone", "present": true } },
                { "rule": "free mail", "points": -5, "when": { "about": "email_kind", "is": "free" } },
            ],
            "qualify": { "warm": 20, "hot": 40 },
            "destination": [
                { "name": "crm", "url": "https://crm.example.com/hooks", "secret": "CRM_WEBHOOK_SECRET" },
            ],
        }))
        .expect("a campaign");
        let key = format!("k1:{}", base64(&[1; 32]));
        let settings = Settings::read(|name| match name {
            "LEADHOOK_PEPPERS" | "LEADHOOK_SEALING_KEYS" | "LEADHOOK_LIST_KEYS" => Some(key.clone()),
            _ => None,
        });
        let settings = settings.expect("settings");
        let identity = Identity::new(&settings, &campaign.ledger);
        let sealer = Sealer::new(&settings.sealing, &campaign.ledger);
        Self { campaign, identity, settings, sealer }
    }

    fn decode(&self, body: &[u8]) -> Fields {
        decode(Some("application/json"), body).expect("fields")
    }

    fn accept(&self, fields: Fields) -> Submission {
        intake::accept(fields, &self.campaign).expect("a submission")
    }

    fn identify(&self, submission: &Submission) -> (SubmissionId, Vec<Fingerprint>) {
        let id = self.identity.submission_id(submission, &self.campaign, None);
        (id, self.identity.fingerprints(submission, &self.campaign))
    }

    fn evidence(&self, submission: &Submission) -> Evidence {
        let circumstances = Circumstances {
            origin: None,
            own_origin: None,
            sender: abuse::sender(Some("203.0.113.7"), &self.identity),
            turnstile: TurnstileResult::NotAsked,
            is_mail_limited: false,
            now_ms: START_MS,
        };
        abuse::evidence(submission, &self.campaign, &self.identity, circumstances)
    }

    fn lead(&self, submission: Submission, now_ms: i64) -> Lead {
        Lead::new(submission, &self.campaign, now_ms)
    }

    fn decide(&self, lead: &Lead) -> (Score, Decision<'_>) {
        let score = scoring::score(&self.campaign, lead);
        let decision = scoring::decide(&self.campaign, lead, &score);
        (score, decision)
    }

    fn submission(&self, person: &Person) -> Submission {
        self.accept(self.decode(&person.body()))
    }

    fn admit(&self, person: &Person) -> Admit {
        let submission = self.submission(person);
        let (submission_id, fingerprints) = self.identify(&submission);
        Admit {
            campaign: self.campaign.id.clone(),
            revision: self.campaign.revision.clone(),
            stored: None,
            submission_id: submission_id.into(),
            idempotency_tag: None,
            source: "google".to_owned(),
            fingerprints,
            list_tags: Vec::new(),
            evidence: self.evidence(&submission),
            by: self.campaign.dedupe.by.clone(),
            lead: self.lead(submission, person.moment().now_ms),
        }
    }

    fn message<C>(&self, call: C) -> Message<C> {
        Message { format: MESSAGE_FORMAT, ledger: self.campaign.ledger.clone(), call }
    }

    fn sealable(&self, person: &Person) -> Sealable {
        let Admit { submission_id, fingerprints, by, mut lead, .. } = self.admit(person);
        let (score, _) = self.decide(&lead);
        let consent = std::mem::take(&mut lead.consent);
        let first = recognising(&fingerprints, &by).first().expect("a fingerprint").tag.clone();
        let submission_id = submission_id.into();
        Sealable { moment: person.moment(), submission_id, payload: Payload { lead, score, first }, consent }
    }

    fn seal<T: Serialize>(&self, value: &T, place: &str, moment: &Moment) -> Vec<u8> {
        let plain = serde_json::to_vec(value).expect("JSON");
        self.sealer.seal(&plain, place, moment.random(place, 0)).expect("sealed")
    }

    /// A ledger that knows the campaign.
    fn ledger(&self) -> Ledger<SqliteStore> {
        let store = SqliteStore::new(Rc::new(Connection::open_in_memory().expect("a database")));
        let ledger = Ledger::open(store, &self.campaign.ledger, &self.settings, START_MS);
        let ledger = ledger.expect("a ledger");
        let person = Person::new();
        let admit = Admit { stored: Some(self.campaign.to_stored()), ..self.admit(&person) };
        let message = self.message(Call::Admit(Box::new(admit)));
        let answered = ledger.call(message, &person.moment()).expect("an answer");
        assert_eq!(answered.reply, Reply::Admitted);
        assert_eq!(answered.log.expect("a decision").get("deliveries"), Some(&json!(1)));
        ledger
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_200))
        .sample_size(60)
        .configure_from_args();
    let core = Core::new();
    let lead = core.admit(&Person::new()).lead;
    assert!(matches!(core.decide(&lead).1, Decision::Forward(to) if to.len() == 1));

    let mut group = criterion.benchmark_group("core");
    stages(&mut group, &core);
    whole_path(&mut group, &core);
    around_the_ledger(&mut group, &core);
    group.finish();
    criterion.final_summary();
}

fn stages(group: &mut BenchmarkGroup<'_, WallTime>, core: &Core) {
    group.bench_function("decode", |bench| {
        bench.iter_batched_ref(|| Person::new().body(), |body| core.decode(body), BATCH);
    });
    group.bench_function("accept", |bench| {
        bench.iter_batched(|| core.decode(&Person::new().body()), |fields| core.accept(fields), BATCH);
    });
    group.bench_function("phone", |bench| {
        let parse = |person: &mut Person| Phone::parse(&person.phone, core.campaign.locale.country);
        bench.iter_batched_ref(Person::new, parse, BATCH);
    });
    group.bench_function("identity", |bench| {
        let submission = || core.submission(&Person::new());
        bench.iter_batched_ref(submission, |submission| core.identify(submission), BATCH);
    });
    group.bench_function("evidence", |bench| {
        let submission = || core.submission(&Person::new());
        bench.iter_batched_ref(submission, |submission| core.evidence(submission), BATCH);
    });
    group.bench_function("lead", |bench| {
        let submission = || core.submission(&Person::new());
        bench.iter_batched(submission, |submission| core.lead(submission, START_MS), BATCH);
    });
    group.bench_function("score and decide", |bench| {
        let lead = || core.admit(&Person::new()).lead;
        bench.iter_batched_ref(lead, |lead| core.decide(lead), BATCH);
    });
}

fn whole_path(group: &mut BenchmarkGroup<'_, WallTime>, core: &Core) {
    group.bench_function("decode to decision", |bench| {
        let path = |body: &mut Vec<u8>| {
            let submission = core.accept(core.decode(body));
            let identified = core.identify(&submission);
            let evidence = core.evidence(&submission);
            let lead = core.lead(submission, START_MS);
            let decided = core.decide(&lead);
            (identified, evidence, lead, decided)
        };
        bench.iter_batched_ref(|| Person::new().body(), path, BATCH);
    });
}

fn around_the_ledger(group: &mut BenchmarkGroup<'_, WallTime>, core: &Core) {
    group.bench_function("message", |bench| {
        let call = || Call::Admit(Box::new(core.admit(&Person::new())));
        let through_json = |call: &mut Call| {
            let wire = serde_json::to_string(&core.message(&*call)).expect("JSON");
            serde_json::from_str::<Message>(&wire).expect("a message")
        };
        bench.iter_batched_ref(call, through_json, BATCH);
    });
    group.bench_function("seal", |bench| {
        let seal = |Sealable { moment, submission_id, payload, consent }: &mut Sealable| {
            let lead_id = moment.new_id("lead_");
            let consent = core.seal(consent, &format!("consent/{lead_id}/{submission_id}"), moment);
            (consent, core.seal(payload, &format!("payload/{lead_id}/{submission_id}"), moment))
        };
        bench.iter_batched_ref(|| core.sealable(&Person::new()), seal, BATCH);
    });
    group.bench_function("admit", |bench| {
        let ledger = core.ledger();
        let message = || {
            let person = Person::new();
            (core.message(Call::Admit(Box::new(core.admit(&person)))), person.moment())
        };
        let admit = |(message, moment)| ledger.call(message, &moment).expect("an answer");
        bench.iter_batched(message, admit, BATCH);
    });
}
