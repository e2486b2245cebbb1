//! The use case: one request to a campaign's endpoint, from bytes to response.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::app::repeat_record::RepeatRecord;
use crate::base::fault::Fault;
use crate::base::time::hour_of;
use crate::base::url::{decoded_lower, trim_trailing_punctuation};
use crate::campaign::{Campaign, ProblemCode, UseOfKv, is_id};
use crate::contact::Email;
use crate::http::hosted_form::HostedForm;
use crate::http::reader::Reader;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::ledger::wire::{Admit, Answer, Call, Tally};
use crate::pipeline::abuse;
use crate::pipeline::abuse::turnstile;
use crate::pipeline::abuse::turnstile::Question;
use crate::pipeline::abuse::{Circumstances, TurnstileResult};
use crate::pipeline::intake;
use crate::pipeline::intake::{Encoding, FieldProblem, Rejection, Undecodable};
use crate::pipeline::lead::{DownloadLink, Fingerprint, Lead, recognising, source_of};

/// What a body may be.
const READ: &str = "application/x-www-form-urlencoded, multipart/form-data and application/json";
/// Characters of the headers that a page asks to send; a page's tracing has some five.
const MAX_ASKED_HEADERS: usize = 2_000;
/// The ledger under whose keys networks are counted over all of them. None can have this name.
const EVERY_LEDGER: &str = "*";

/// What follows a request once it has been answered: best effort, one try.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    /// Let KV remember.
    Remember {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// For how long.
        ttl_s: u32,
    },
    /// Let the ledger count.
    Count {
        /// The ledger's name.
        ledger: String,
        /// What happened.
        tally: Tally,
    },
}

/// A response, what is logged of it, and what follows.
pub struct Answered {
    /// To the caller.
    pub response: Response,
    /// The event, without anything of a visitor.
    pub log: Option<Value>,
    /// Once the response is on its way.
    pub after: Vec<After>,
    /// The response is held back until its time is a multiple of this.
    pub even_ms: Option<u32>,
}

impl From<Response> for Answered {
    fn from(response: Response) -> Self {
        Self { response, log: None, after: Vec::new(), even_ms: None }
    }
}

impl Answered {
    /// For how long a response is held back that has taken so long; milliseconds. What an answer says of a person
    /// is the same for everybody, and then its time is too, but for the number of steps.
    pub fn held_back_ms(&self, took_ms: i64) -> u64 {
        let Some(even_ms) = self.even_ms.map(u64::from).filter(|even_ms| *even_ms > 0) else { return 0 };
        let took_ms = u64::try_from(took_ms).unwrap_or(0);
        took_ms.max(1).next_multiple_of(even_ms).saturating_sub(took_ms)
    }
}

/// Answers a request to `/c/{campaign}`.
pub async fn endpoint(cx: Cx<'_, impl Ports>, id: &str, request: &RawRequest) -> Answered {
    // Whoever opens it in a browser is led to the form, however it is written.
    let is_looked_at = request.method == Method::Get && request.prefers_html();
    let id = &if is_looked_at { decoded_lower(id) } else { id.to_owned() };
    let campaign = match cx.campaign(id).await {
        Ok(Some(campaign)) => campaign,
        Ok(None) => return Response::nothing_here(request).into(),
        Err(fault) => return unread(id, request, &fault).into_cors(None, request),
    };
    let answered: Answered = match request.method {
        Method::Post => submit(cx, &campaign, request).await,
        Method::Get if is_looked_at => form_at(&campaign.id, request),
        Method::Get => {
            let identity = cx.identity(&campaign);
            let token = abuse::form_token(&identity, &campaign, cx.now);
            let reader = Reader::new(&campaign, request);
            let make = || Response::acceptance_criteria(&reader, cx.settings().public_url.as_deref());
            let parts = cx.isolate.campaigns.criteria(&campaign, reader.language, make);
            let [before, behind] = &*parts;
            Response::json_text(&[before.as_str(), token.as_str(), behind.as_str()].concat()).into()
        }
        Method::Options => preflight(&campaign, request).into(),
        Method::Put | Method::Other => Response::method_not_allowed("GET, POST, OPTIONS").into(),
    };
    answered.into_cors(Some(&campaign), request)
}

/// Answers a request to `/c/{campaign}/thanks`.
pub async fn thanks(cx: Cx<'_, impl Ports>, id: &str, request: &RawRequest) -> Answered {
    if request.method != Method::Get {
        return Response::method_not_allowed("GET").into();
    }
    match cx.campaign(id).await {
        Ok(Some(campaign)) => {
            let identity = cx.identity(&campaign);
            let token = form_urlencoded::parse(request.query.as_bytes()).find(|(name, _)| name == "d");
            let token = token.map(|(_, token)| trim_trailing_punctuation(&token).to_owned());
            let is_good =
                |token: &String| DownloadLink::read(&campaign, &identity, token, cx.now_ms()).is_some();
            let good = token.filter(is_good);
            Reader::new(&campaign, request).thanks(good.as_deref()).into()
        }
        Ok(None) => Response::nothing_here(request).into(),
        Err(fault) => unread(id, request, &fault),
    }
}

/// Answers a request to `/f/{campaign}`: the campaign's form as a page.
pub async fn form(cx: Cx<'_, impl Ports>, id: &str, request: &RawRequest) -> Answered {
    if request.method != Method::Get {
        return Response::method_not_allowed("GET").into();
    }
    // Addresses are read aloud, and typed.
    let lower = decoded_lower(id);
    if is_id(&lower) && request.path != format!("/f/{lower}") {
        return form_at(&lower, request);
    }
    match cx.campaign(id).await {
        Ok(Some(campaign)) => {
            let identity = cx.identity(&campaign);
            let token = abuse::form_token(&identity, &campaign, cx.now);
            let public_url = cx.settings().public_url.as_deref();
            let shown = HostedForm { token: &token, query: &request.query, public_url };
            Reader::new(&campaign, request).form(&shown).into()
        }
        Ok(None) => Response::nothing_here(request).into(),
        Err(fault) => unread(id, request, &fault),
    }
}

/// The way to the page of a campaign's form, with what its address said.
fn form_at(id: &str, request: &RawRequest) -> Answered {
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    Response::redirect(format!("/f/{id}{query}")).into()
}

/// CORS (Fetch standard): what a script of another origin may send.
fn preflight(campaign: &Campaign, request: &RawRequest) -> Response {
    let response = Response::no_content();
    if !is_known_origin(campaign, request) {
        return response;
    }
    // Whatever a page's tracing adds to its requests is read by nothing here.
    let asked = request.requested_headers.as_deref().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_, ".contains(c);
    let is_sound = asked.len() <= MAX_ASKED_HEADERS && asked.chars().all(is_name);
    let more = if asked.is_empty() || !is_sound { String::new() } else { format!(", {asked}") };
    response
        .with("access-control-allow-methods", "GET, POST")
        .with("access-control-allow-headers", format!("Content-Type, Idempotency-Key{more}"))
        .with("access-control-max-age", "86400")
}

fn is_known_origin(campaign: &Campaign, request: &RawRequest) -> bool {
    request.origin.as_ref().is_some_and(|origin| campaign.origins.contains(origin))
}

impl Answered {
    /// The one matching origin is echoed; a foreign one gets no header, whatever the answer.
    fn into_cors(mut self, campaign: Option<&Campaign>, request: &RawRequest) -> Self {
        if campaign.is_some_and(|campaign| is_known_origin(campaign, request)) {
            let origin = request.origin.clone().unwrap_or_default();
            self.response = self.response.with("access-control-allow-origin", origin);
            // There are no cookies: what comes with them is as good as without.
            self.response = self.response.with("access-control-allow-credentials", "true");
            // Scripts of other origins read no header that is not named.
            if self.response.header("retry-after").is_some() {
                self.response = self.response.with("access-control-expose-headers", "Retry-After");
            }
        }
        self.response = self.response.with("vary", "Origin");
        self
    }
}

async fn submit(cx: Cx<'_, impl Ports>, campaign: &Rc<Campaign>, request: &RawRequest) -> Answered {
    let identity = cx.identity(&campaign);
    let sender = abuse::sender(request.client_address.as_deref(), &identity);
    if let Some(wait_s) = cx.isolate.rate_limit.wait_s(cx.ports, campaign, sender.as_ref(), cx.now_ms()).await
    {
        return throttled(campaign, wait_s, request, cx.now_ms());
    }
    let unreadable = |code: &str, response: Response| {
        let page = request.prefers_html().then(|| Reader::new(campaign, request).unreadable(response.status));
        refused(campaign, code, page.unwrap_or(response), cx.now_ms())
    };
    let Ok(body) = &request.body else {
        return unreadable("too_large", Response::too_large(intake::MAX_BODY_BYTES));
    };
    if !intake::is_plain(request.content_encoding.as_deref()) {
        let response = Response::unsupported_media_type(&format!("{READ}, without Content-Encoding"));
        return unreadable("media_type", response);
    }
    let fields = match intake::decode(request.content_type.as_deref(), body) {
        Ok(fields) => fields,
        Err(undecodable) => {
            let (code, response) = match undecodable {
                Undecodable::MediaType => ("media_type", Response::unsupported_media_type(READ)),
                Undecodable::TooLarge => ("too_large", Response::too_large(intake::MAX_BODY_BYTES)),
                Undecodable::TooManyFields => {
                    ("too_many_fields", Response::malformed("It has too many fields."))
                }
                Undecodable::Malformed(detail) => ("malformed", Response::malformed(detail)),
            };
            return unreadable(code, response);
        }
    };
    let is_browsers = fields.encoding != Encoding::Json && request.prefers_html();
    let reader = is_browsers.then(|| Reader::new(campaign, request));
    let key = request.idempotency_key.as_deref().map(intake::idempotency_key).transpose();
    let (mut submission, key) = match (intake::accept(fields, campaign), key) {
        (Ok(submission), Ok(key)) => (submission, key),
        (accepted, key) => {
            let mut problems = accepted.err().map(|rejection| rejection.problems).unwrap_or_default();
            problems.extend(key.err());
            return rejected(campaign, &Rejection { problems }, reader, cx.now_ms());
        }
    };

    submission.gpc = request.gpc;
    let submission_id = identity.submission_id(&submission, campaign, key.as_deref());
    let fingerprints = identity.fingerprints(&submission, campaign);
    let source = source_of(&submission, campaign);
    let suggested_domain = submission.contact.email.as_ref().and_then(Email::suggested_domain);
    // With double opt-in it is behind the confirmation.
    let download = match campaign.double_opt_in {
        Some(_) => None,
        None => DownloadLink::new(campaign, &identity, &submission_id, cx.now),
    };
    let public_url = cx.settings().public_url.as_deref();
    let accepted = |log: Option<Value>, after: Vec<After>| Answered {
        response: Response::accepted(
            &submission_id,
            campaign,
            is_browsers,
            suggested_domain,
            download.as_ref(),
            public_url,
        ),
        log,
        after,
        even_ms: campaign.even_answers_ms,
    };

    let memory = Memory::of(campaign, &fingerprints);
    let repeated = || {
        let log = json!({
            "event": "submission", "outcome": "repeat", "campaign": campaign.id, "submission_id": submission_id,
        });
        accepted(Some(log), vec![count(campaign, "", Tally::KV_REPEAT, cx.now_ms())])
    };
    if memory.in_isolate && cx.isolate.repeats.holds(&submission_id, cx.now_ms()) {
        return repeated();
    }
    let mut seen = RepeatRecord::read(None);
    if let Some(key) = memory.in_kv.as_ref().filter(|_| memory.asks_kv(cx, campaign)) {
        // KV never judges: what it does not answer, the ledger does.
        seen = RepeatRecord::read(cx.ports.kv_get(key).await.ok().flatten().as_deref());
        if seen.holds(&submission_id, cx.now_ms()) {
            return repeated();
        }
    }

    let asked = ask_turnstile(cx, campaign, submission.traps.turnstile.as_deref()).await;
    let (turnstile, log) = match asked {
        Ok(said) => (said, None),
        Err(fault) => (TurnstileResult::NotAsked, faulted("turnstile", &campaign.id, &fault).log),
    };
    let circumstances = Circumstances {
        origin: request.origin.as_deref(),
        own_origin: cx.settings().public_url.as_deref(),
        sender: sender.clone(),
        turnstile,
        is_mail_limited: is_mail_limited(cx, campaign, request).await,
        now_ms: cx.now_ms(),
    };
    let admit = Admit {
        evidence: abuse::evidence(&submission, campaign, &identity, circumstances),
        campaign: campaign.id.clone(),
        revision: campaign.revision.clone(),
        stored: None,
        submission_id: submission_id.clone().into(),
        idempotency_tag: key.map(|key| identity.idempotency_tag(campaign, &key)),
        source,
        fingerprints,
        list_tags: identity.list_tags_of(&submission),
        by: campaign.dedupe.by.clone(),
        lead: Lead::new(submission, campaign, cx.now_ms()),
    };
    let failed = |fault: &Fault| {
        let answered = faulted("ledger", &campaign.id, fault);
        match &reader {
            Some(reader) => Answered { response: reader.fault(), ..answered },
            None => answered,
        }
    };
    match judge(cx, campaign, admit).await {
        Ok(answer @ (Answer::Admitted | Answer::Repeated)) => {
            if memory.in_isolate {
                let key = memory.in_kv.as_deref().unwrap_or_default();
                cx.isolate.repeats.note(&submission_id, key, cx.now_ms());
            }
            // Most people post once: KV is told of those who do not.
            let is_told = answer == Answer::Repeated || !memory.in_isolate;
            let value = memory.in_kv.filter(|_| is_told).zip(seen.remembering(&submission_id, cx.now_ms()));
            let remember =
                value.map(|(key, value)| After::Remember { key, value, ttl_s: RepeatRecord::ttl_s() });
            // The ledger has logged its decision.
            accepted(log, remember.into_iter().collect())
        }
        Ok(Answer::IdempotencyKeyReused) => {
            let detail = "was used for another submission within the last 24 hours";
            let problem = FieldProblem::new("Idempotency-Key", ProblemCode::IdempotencyKeyReused, detail);
            let rejection = Rejection { problems: vec![problem] };
            let log = Some(rejection_log(campaign, &rejection));
            Answered { log, ..refusal(&rejection, reader).into() }
        }
        Ok(Answer::Throttled { wait_s, network }) => {
            let sender = sender.as_ref().filter(|_| network);
            cx.isolate.rate_limit.close(campaign, sender, wait_s, cx.now_ms());
            throttled(campaign, wait_s, request, cx.now_ms())
        }
        Ok(_) => failed(&Fault::new("the ledger does not understand this code")),
        Err(fault) => failed(&fault),
    }
}

/// Where an exact repeat may be recognised before the ledger.
struct Memory {
    /// In this isolate.
    in_isolate: bool,
    /// The key in KV; nothing where it is not used.
    in_kv: Option<String>,
}

impl Memory {
    fn of(campaign: &Campaign, fingerprints: &[Fingerprint]) -> Self {
        let is_used = campaign.dedupe.kv != UseOfKv::Never;
        let first = recognising(fingerprints, &campaign.dedupe.by).into_iter().next();
        Self {
            // Under double opt-in a repeat may bring a mail, which is the ledger's to decide. KV is told of each
            // submission there, so that a retry brings none.
            in_isolate: is_used && campaign.double_opt_in.is_none(),
            in_kv: first.filter(|_| is_used).map(|print| RepeatRecord::key(&campaign.ledger, &print.tag)),
        }
    }

    fn asks_kv(&self, cx: Cx<'_, impl Ports>, campaign: &Campaign) -> bool {
        // Under double opt-in KV alone keeps repeats from the ledger.
        campaign.dedupe.kv == UseOfKv::Always
            || !self.in_isolate
            || cx.isolate.backlog.is_busy(&campaign.ledger)
    }
}

/// Whether the platform takes no more posts of a network that would bring a mail, in whatever ledger.
async fn is_mail_limited(cx: Cx<'_, impl Ports>, campaign: &Campaign, request: &RawRequest) -> bool {
    if campaign.double_opt_in.is_none() {
        return false;
    }
    let identity = cx.isolate.campaigns.identity(cx.settings(), EVERY_LEDGER);
    let Some(sender) = abuse::sender(request.client_address.as_deref(), &identity) else { return false };
    // A limit that cannot be asked keeps nothing back: the ledger has one of its own.
    !cx.ports.takes_more_mails(&sender.network).await.unwrap_or(true)
}

fn throttled(campaign: &Campaign, wait_s: i64, request: &RawRequest, now_ms: i64) -> Answered {
    let browser = request.prefers_html();
    let response =
        if browser { Reader::new(campaign, request).throttled(wait_s) } else { Response::throttled(wait_s) };
    // Not logged one by one: it is a flood.
    Answered { after: vec![count(campaign, "", Tally::THROTTLED, now_ms)], ..response.into() }
}

/// Asks Turnstile about a post, where the campaign does.
///
/// # Errors
/// It cannot be asked.
async fn ask_turnstile(
    cx: Cx<'_, impl Ports>,
    campaign: &Campaign,
    token: Option<&str>,
) -> Result<TurnstileResult, Fault> {
    let Some(turnstile) = &campaign.turnstile else {
        return Ok(TurnstileResult::NotAsked);
    };
    let Some(token) = token else {
        return Ok(TurnstileResult::TokenMissing);
    };
    let settings = cx.settings();
    let secret = cx.ports.secret(&turnstile.secret);
    let secret = secret.ok_or_else(|| Fault::new("the secret of Turnstile is missing"))?;
    let verdict = match turnstile::question(&secret, token, settings.development) {
        Question::Known(verdict) => verdict,
        Question::Ask(form) => {
            let url = turnstile::url(settings);
            let host = turnstile::host(settings);
            let judged = settings.secret_hosts.judge(&turnstile.secret, &secret, &host, true);
            if judged.is_err() || campaign.signs_with(&turnstile.secret) {
                return Err(Fault::new("the secret of Turnstile signs, or is bound to another host"));
            }
            let answer = cx.ports.ask_service(url, &form).await?;
            turnstile::verdict(&answer, turnstile, settings.public_url.as_deref())
        }
    };
    let refused = || Fault::new("Turnstile refuses its secret, or the secret is one for tests");
    verdict.map(TurnstileResult::Verdict).ok_or_else(refused)
}

/// Asks the ledger, and once more with the campaign where it does not know this revision.
async fn judge(cx: Cx<'_, impl Ports>, campaign: &Campaign, admit: Admit) -> Result<Answer, Fault> {
    let mut call = Call::Admit(Box::new(admit));
    let answer = cx.ports.ask(&campaign.ledger, &call).await?;
    if let (Answer::CampaignUnknown, Call::Admit(admit)) = (&answer, &mut call) {
        admit.stored = Some(campaign.to_stored());
        return cx.ports.ask(&campaign.ledger, &call).await;
    }
    Ok(answer)
}

fn rejected(campaign: &Campaign, rejection: &Rejection, reader: Option<Reader<'_>>, now_ms: i64) -> Answered {
    let tally = |problem: &FieldProblem| count(campaign, &problem.field, problem.code.as_str(), now_ms);
    let lacks_consent = |problem: &FieldProblem| problem.is_missing_consent();
    let whole =
        if rejection.problems.iter().all(lacks_consent) { Tally::UNCONSENTED } else { Tally::REJECTED };
    let problems = rejection.problems.iter().map(tally);
    Answered {
        response: refusal(rejection, reader),
        log: Some(rejection_log(campaign, rejection)),
        after: problems.chain([count(campaign, "", whole, now_ms)]).collect(),
        even_ms: None,
    }
}

/// As a page where a person reads it.
fn refusal(rejection: &Rejection, reader: Option<Reader<'_>>) -> Response {
    reader.map_or_else(|| Response::rejected(rejection), |reader| reader.rejected(rejection))
}

fn rejection_log(campaign: &Campaign, rejection: &Rejection) -> Value {
    let codes: Vec<_> =
        rejection.problems.iter().map(|p| format!("{}:{}", p.field, p.code.as_str())).collect();
    json!({ "event": "submission", "outcome": "rejected", "campaign": campaign.id, "problems": codes })
}

/// A body that could not be read as fields.
fn refused(campaign: &Campaign, code: &str, response: Response, now_ms: i64) -> Answered {
    let log = json!({ "event": "submission", "outcome": "refused", "campaign": campaign.id, "code": code });
    Answered { log: Some(log), after: vec![count(campaign, "", Tally::REJECTED, now_ms)], ..response.into() }
}

/// A fault is logged here, where it is handled, and hidden outside.
pub fn faulted(what: &str, campaign: &str, fault: &Fault) -> Answered {
    let log = json!({ "event": "fault", "in": what, "campaign": campaign, "fault": fault.to_string() });
    Answered { log: Some(log), ..Response::fault().into() }
}

/// The same where a campaign could not be read that somebody wanted to look at.
pub fn unread(id: &str, request: &RawRequest, fault: &Fault) -> Answered {
    Answered { response: Response::not_now(request), ..faulted("campaign", id, fault) }
}

fn count(campaign: &Campaign, field: &str, code: &str, now_ms: i64) -> After {
    let tally = Tally {
        campaign: campaign.id.clone(),
        hour: hour_of(now_ms),
        field: field.to_owned(),
        code: code.to_owned(),
        count: 1,
    };
    After::Count { ledger: campaign.ledger.clone(), tally }
}
