//! Refusals of a post: why it is not accepted, with the response, the log line and the counts of each reason.

use serde_json::{Value, json};

use super::visit::Visit;
use crate::app::output::{After, Output};
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::campaign::{Campaign, ProblemCode};
use crate::http::reader::Reader;
use crate::http::response::Response;
use crate::ledger::wire::Tally;
use crate::pipeline::intake::{FieldProblem, MAX_BODY_BYTES, Rejection, Undecodable};

/// The media types of a body.
const MEDIA_TYPES: &str = "application/x-www-form-urlencoded, multipart/form-data and application/json";

/// A reason not to accept a post.
pub enum Refusal<'a> {
    /// Too many posts come, so nothing of this one was looked at.
    Throttled {
        /// The seconds to wait.
        wait_s: i64,
    },
    /// The body is longer than it may be, and was not read.
    TooLarge,
    /// The body has a content encoding.
    Encoded,
    /// The body cannot be read as fields.
    Undecodable(Undecodable),
    /// The fields are not valid.
    Rejected {
        /// Every problem.
        rejection: Rejection,
        /// The reader, if the form was a browser's.
        reader: Option<Reader<'a>>,
    },
    /// The idempotency key was used for another submission.
    KeyReused {
        /// The reader, if the form was a browser's.
        reader: Option<Reader<'a>>,
    },
    /// The ledger failed.
    Fault {
        /// The fault.
        fault: Fault,
        /// The reader, if the form was a browser's.
        reader: Option<Reader<'a>>,
    },
}

impl From<Undecodable> for Refusal<'_> {
    fn from(undecodable: Undecodable) -> Self {
        Self::Undecodable(undecodable)
    }
}

impl Refusal<'_> {
    /// Returns the output of a refused post.
    pub fn output(self, visit: &Visit<'_, impl Ports>) -> Output {
        match self {
            Self::Throttled { wait_s } => throttled(visit, wait_s),
            Self::TooLarge => unreadable(visit, "too_large", Response::too_large(MAX_BODY_BYTES)),
            Self::Encoded => {
                let detail = format!("{MEDIA_TYPES}, without Content-Encoding");
                unreadable(visit, "media_type", Response::unsupported_media_type(&detail))
            }
            Self::Undecodable(undecodable) => {
                let (code, response) = match undecodable {
                    Undecodable::MediaType => ("media_type", Response::unsupported_media_type(MEDIA_TYPES)),
                    Undecodable::TooLarge => ("too_large", Response::too_large(MAX_BODY_BYTES)),
                    Undecodable::TooManyFields => {
                        ("too_many_fields", Response::malformed("It has too many fields."))
                    }
                    Undecodable::Malformed(detail) => ("malformed", Response::malformed(detail)),
                };
                unreadable(visit, code, response)
            }
            Self::Rejected { rejection, reader } => rejected(visit, &rejection, reader),
            Self::KeyReused { reader } => key_reused(visit.campaign, reader),
            Self::Fault { fault, reader } => failed(visit.campaign, &fault, reader),
        }
    }
}

/// Returns the output for a post above the rate limit. A flood is counted, not logged post by post.
fn throttled(visit: &Visit<'_, impl Ports>, wait_s: i64) -> Output {
    let response = match visit.reader() {
        Some(reader) => reader.throttled(wait_s),
        None => Response::throttled(wait_s),
    };
    let count = After::count(visit.campaign, "", Tally::THROTTLED, visit.cx.now_ms());
    Output { after: vec![count], ..response.into() }
}

fn unreadable(visit: &Visit<'_, impl Ports>, code: &str, response: Response) -> Output {
    let Visit { campaign, cx, .. } = visit;
    let page = visit.reader().map(|reader| reader.unreadable(response.status));
    let log = json!({ "event": "submission", "outcome": "refused", "campaign": campaign.id, "code": code });
    let count = After::count(campaign, "", Tally::REJECTED, cx.now_ms());
    Output { log: Some(log), after: vec![count], ..page.unwrap_or(response).into() }
}

fn rejected(visit: &Visit<'_, impl Ports>, rejection: &Rejection, reader: Option<Reader<'_>>) -> Output {
    let count = |field: &str, code: &str| After::count(visit.campaign, field, code, visit.cx.now_ms());
    let is_about_consent = rejection.problems.iter().all(FieldProblem::is_missing_consent);
    let whole = if is_about_consent { Tally::UNCONSENTED } else { Tally::REJECTED };
    let problems = rejection.problems.iter().map(|problem| count(&problem.field, problem.code.as_str()));
    Output {
        after: problems.chain([count("", whole)]).collect(),
        ..invalid(visit.campaign, rejection, reader)
    }
}

fn key_reused(campaign: &Campaign, reader: Option<Reader<'_>>) -> Output {
    let detail = "was used for another submission within the last 24 hours";
    let problem = FieldProblem::new("Idempotency-Key", ProblemCode::IdempotencyKeyReused, detail);
    invalid(campaign, &Rejection { problems: vec![problem] }, reader)
}

fn invalid(campaign: &Campaign, rejection: &Rejection, reader: Option<Reader<'_>>) -> Output {
    let response = match reader {
        Some(reader) => reader.rejected(rejection),
        None => Response::rejected(rejection),
    };
    Output { log: Some(rejection_log(campaign, rejection)), ..response.into() }
}

fn rejection_log(campaign: &Campaign, rejection: &Rejection) -> Value {
    let code = |problem: &FieldProblem| format!("{}:{}", problem.field, problem.code.as_str());
    let codes: Vec<_> = rejection.problems.iter().map(code).collect();
    json!({ "event": "submission", "outcome": "rejected", "campaign": campaign.id, "problems": codes })
}

fn failed(campaign: &Campaign, fault: &Fault, reader: Option<Reader<'_>>) -> Output {
    let output = Output::fault("ledger", &campaign.id, fault);
    match reader {
        Some(reader) => Output { response: reader.fault(), ..output },
        None => output,
    }
}
