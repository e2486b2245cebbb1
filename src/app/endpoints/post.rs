//! Post: a valid submission, with its id and everything else that follows from its content.

use super::refusal::Refusal;
use super::visit::Visit;
use crate::app::ports::Ports;
use crate::contact::Email;
use crate::http::reader::Reader;
use crate::ledger::wire::Admit;
use crate::pipeline::abuse::Evidence;
use crate::pipeline::intake;
use crate::pipeline::intake::{Encoding, Rejection, Submission};
use crate::pipeline::lead::{Fingerprint, Lead, source_of};

/// A valid submission.
pub struct Post<'a> {
    /// The submission.
    pub submission: Submission,
    /// The fingerprints of the person, under every pepper.
    pub fingerprints: Vec<Fingerprint>,
    /// The content of the response, if the post is accepted.
    pub acknowledgement: Acknowledgement<'a>,
    source: String,
    idempotency_key: Option<String>,
}

/// The content of the response to an accepted post.
pub struct Acknowledgement<'a> {
    /// The submission's id.
    pub submission_id: String,
    /// The reader of the response, if the form was a browser's.
    pub reader: Option<Reader<'a>>,
    /// The domain that was likely meant in the e-mail address.
    pub suggested_domain: Option<&'static str>,
}

impl<'a> Post<'a> {
    /// Reads the body and the idempotency key of a request.
    ///
    /// # Errors
    /// The body cannot be read as fields, or the fields or the key are not valid: every problem at once.
    pub fn read(visit: &Visit<'a, impl Ports>) -> Result<Self, Refusal<'a>> {
        let Visit { campaign, request, ref identity, .. } = *visit;
        let Ok(body) = &request.body else { return Err(Refusal::TooLarge) };
        if !intake::is_plain(request.content_encoding.as_deref()) {
            return Err(Refusal::Encoded);
        }
        let fields = intake::decode(request.content_type.as_deref(), body)?;
        let reader = if fields.encoding == Encoding::Json { None } else { visit.reader() };
        let key = request.idempotency_key.as_deref().map(intake::idempotency_key).transpose();
        let (mut submission, idempotency_key) = match (intake::accept(fields, campaign), key) {
            (Ok(submission), Ok(key)) => (submission, key),
            (accepted, key) => {
                let mut problems = accepted.err().map(|rejection| rejection.problems).unwrap_or_default();
                problems.extend(key.err());
                return Err(Refusal::Rejected { rejection: Rejection { problems }, reader });
            }
        };
        submission.gpc = request.gpc;
        let acknowledgement = Acknowledgement {
            submission_id: identity.submission_id(&submission, campaign, idempotency_key.as_deref()),
            reader,
            suggested_domain: submission.contact.email.as_ref().and_then(Email::suggested_domain),
        };
        let fingerprints = identity.fingerprints(&submission, campaign);
        let source = source_of(&submission, campaign);
        Ok(Self { submission, fingerprints, acknowledgement, source, idempotency_key })
    }

    /// Makes the message to the ledger. Returns it with the content of the response.
    pub fn into_admit(
        self,
        visit: &Visit<'_, impl Ports>,
        evidence: Evidence,
    ) -> (Box<Admit>, Acknowledgement<'a>) {
        let Visit { campaign, ref identity, .. } = *visit;
        let key = self.idempotency_key;
        let admit = Box::new(Admit {
            campaign: campaign.id.clone(),
            revision: campaign.revision.clone(),
            stored: None,
            submission_id: self.acknowledgement.submission_id.clone().into(),
            idempotency_tag: key.map(|key| identity.idempotency_tag(campaign, &key)),
            source: self.source,
            fingerprints: self.fingerprints,
            list_tags: identity.list_tags_of(&self.submission),
            evidence,
            by: campaign.dedupe.by.clone(),
            lead: Lead::new(self.submission, campaign, visit.cx.now_ms()),
        });
        (admit, self.acknowledgement)
    }
}
