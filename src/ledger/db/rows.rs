//! The rows of submissions and deliveries, as they are written.

use serde_json::{Value, json};

use super::funnel::{Milestone, Steps};
use super::schema::ROW_FORMAT;
use super::store::{Arg, Write, write};
use super::submission_state::Bucket;
use crate::base::crypto::sha256_hex;
use crate::base::moment::{HOUR_MS, Moment};
use crate::campaign::Destination;
use crate::ledger::consents::history::Ends;
use crate::ledger::db::submission_state::State;
use crate::ledger::outbox::claim::Claim;
use crate::ledger::wire::Admit;

/// How long an idempotency key is remembered. Clients that retry do so within minutes; a day
/// covers one that was offline.
const IDEMPOTENCY_MS: i64 = 24 * HOUR_MS;

/// Moves the acts of submissions that end to the table of those that have none.
pub(in crate::ledger) const KEEP_ACT: &str = "INSERT INTO act (lead_id, seq, format, act, personal, consent_until_ms,
     record_until_ms, subjects)
   SELECT lead_id, json_extract(act, '$.seq'), format, act, consent, consent_until_ms, record_until_ms, subjects
   FROM submission";

/// The format of a submission of before format 4, and of what takes its place: some of its deliveries may have
/// ids that do not name it.
const UNNAMED_DELIVERIES: i64 = 3;

/// A row of `submission`.
pub(in crate::ledger) struct SubmissionRow<'a> {
    pub(in crate::ledger) lead_id: &'a str,
    pub(in crate::ledger) submission_id: &'a str,
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) milestone: Milestone,
    pub(in crate::ledger) at_ms: i64,
    pub(in crate::ledger) known_until_ms: i64,
    pub(in crate::ledger) until_ms: Option<i64>,
    pub(in crate::ledger) payload: Option<&'a [u8]>,
    /// The personal part of its act.
    pub(in crate::ledger) consent: Option<&'a [u8]>,
    pub(in crate::ledger) act: Option<String>,
    pub(in crate::ledger) ends: Ends,
    /// Whose it is, the subject of its consents first.
    pub(in crate::ledger) subjects: &'a [String],
    /// The act by which its consents stand, where that came with another one.
    pub(in crate::ledger) stands_by: Option<i64>,
    /// Whom it was recognised as, if anybody.
    pub(in crate::ledger) first: Option<String>,
    pub(in crate::ledger) format: i64,
}

/// The format of a row that takes the place of one of an earlier format, if of any.
pub(in crate::ledger) fn format_after(prior: Option<i64>) -> i64 {
    match prior {
        Some(..=UNNAMED_DELIVERIES) => UNNAMED_DELIVERIES,
        _ => ROW_FORMAT,
    }
}

impl<'a> SubmissionRow<'a> {
    /// The row of a submission of which nothing is kept but that it came.
    pub(in crate::ledger) fn bare(
        lead_id: &'a str,
        submission_id: &'a str,
        state: State,
        at_ms: i64,
        known_until_ms: i64,
    ) -> Self {
        let ends = Ends { consent_ms: None, record_ms: 0 };
        Self {
            lead_id,
            submission_id,
            state,
            milestone: Milestone::Nothing,
            at_ms,
            known_until_ms,
            until_ms: None,
            payload: None,
            consent: None,
            act: None,
            ends,
            subjects: &[],
            stands_by: None,
            first: None,
            format: ROW_FORMAT,
        }
    }

    pub(in crate::ledger) fn write(self, bucket: &'a Bucket) -> Write<'a> {
        let sql = "INSERT INTO submission (lead_id, submission_id, format, campaign, source, hour, state,
                     at_ms, known_until_ms, until_ms, payload, consent, act, consent_until_ms,
                     record_until_ms, milestone, subjects, stands_by, first)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let subjects =
            if self.subjects.is_empty() { Arg::Null } else { json!(self.subjects).to_string().into() };
        let args = [
            self.lead_id.into(),
            self.submission_id.into(),
            self.format.into(),
            (&bucket.campaign).into(),
            (&bucket.source).into(),
            bucket.hour.into(),
            self.state.as_str().into(),
            self.at_ms.into(),
            self.known_until_ms.into(),
            self.until_ms.into(),
            self.payload.map_or(Arg::Null, Arg::from),
            self.consent.map_or(Arg::from(""), Arg::from),
            self.act.map_or(Arg::Null, Arg::from),
            self.ends.consent_ms.into(),
            self.ends.record_ms.into(),
            self.milestone.number().into(),
            subjects,
            self.stands_by.into(),
            self.first.map_or(Arg::Null, Arg::from),
        ];
        write(sql, args)
    }
}

/// A submission comes to a state in which nothing waits: its payload goes; and whose it was, where it was put
/// aside under nobody's lead.
pub(in crate::ledger) fn ended<'a>(
    lead_id: &'a str,
    submission_id: &'a str,
    bucket: &'a Bucket,
    from: State,
    to: State,
) -> [Write<'a>; 2] {
    let sql = "UPDATE submission SET state = ?, payload = NULL, until_ms = NULL, quarantine = NULL,
                 subjects = iif(quarantine IS NULL, subjects, NULL)
               WHERE lead_id = ? AND submission_id = ?";
    let args = [to.as_str().into(), lead_id.into(), submission_id.into()];
    [write(sql, args), bucket.transfer(from, to, Steps::NONE)]
}

/// A held submission is taken up by a later one, which goes on from where it stands; `steps` are what it
/// hands on.
pub(in crate::ledger) fn taken_up<'a>(
    lead_id: &'a str,
    submission_id: &'a str,
    bucket: &'a Bucket,
    steps: Steps,
) -> [Write<'a>; 2] {
    let sql = "UPDATE submission SET state = ?, milestone = ?, payload = NULL, until_ms = NULL
               WHERE lead_id = ? AND submission_id = ?";
    let (from, to) = (State::Held, State::Duplicate);
    let passed_on = Milestone::PassedOn.number();
    let args = [to.as_str().into(), passed_on.into(), lead_id.into(), submission_id.into()];
    [write(sql, args), bucket.transfer(from, to, steps)]
}

/// What a delivery is of: a lead, its submission, the format of that row, and whose consents it rests on.
#[derive(Clone, Copy)]
pub(in crate::ledger) struct Of<'a> {
    pub(in crate::ledger) lead_id: &'a str,
    pub(in crate::ledger) submission_id: &'a str,
    pub(in crate::ledger) format: i64,
    pub(in crate::ledger) subject: Option<&'a str>,
    /// The subjects of the earlier submissions that stand in it, as a list.
    pub(in crate::ledger) beside: Option<&'a str>,
}

impl<'a> Of<'a> {
    /// Of a lead, and about no submission.
    pub(in crate::ledger) fn nothing(lead_id: &'a str) -> Self {
        Self { lead_id, submission_id: "", format: ROW_FORMAT, subject: None, beside: None }
    }
}

/// The id of a delivery that is about to be written.
pub(in crate::ledger) fn delivery_id(of: Of<'_>, at: usize, moment: &Moment) -> String {
    let own = named_submission(of.submission_id);
    format!("{}{own}{}", delivery_prefix(of.lead_id), hex(moment.random::<4>("delivery", at)))
}

/// A delivery that goes out at once, without an entry in `delivery_due`.
pub(in crate::ledger) fn claimed_row(claim: &Claim, beside: Option<&str>) -> Write<'static> {
    let sql = "INSERT INTO delivery (delivery_id, format, lead_id, submission_id, campaign, destination,
                 receiver, event, state, due_ms, created_ms, subject, beside)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?, ?)";
    let owned = |text: &String| Arg::from(text.clone());
    let args = [
        owned(&claim.delivery_id),
        claim.format.into(),
        owned(&claim.lead_id),
        owned(&claim.submission_id),
        owned(&claim.campaign),
        owned(&claim.destination),
        owned(&claim.receiver),
        owned(&claim.event),
        claim.created_ms.into(),
        claim.subject.as_ref().map_or(Arg::Null, owned),
        beside.map_or(Arg::Null, |subjects| subjects.to_owned().into()),
    ];
    write(sql, args)
}

/// A delivery that is due at once: campaign, destination and receiver say where to.
pub(in crate::ledger) fn delivery_row<'a>(
    of: Of<'a>,
    (campaign, destination, receiver): (&'a str, &'a str, &str),
    event: &'a str,
    notice: Option<String>,
    at: usize,
    moment: &Moment,
) -> Write<'a> {
    let id = delivery_id(of, at, moment);
    let sql = "INSERT INTO delivery (delivery_id, format, lead_id, submission_id, campaign,
                 destination, receiver, event, notice, state, due_ms, created_ms, subject, beside)
               SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, CASE WHEN EXISTS (SELECT 1 FROM disabled
                 WHERE campaign = ?5 AND destination = ?6) THEN 'paused' ELSE 'pending' END, ?10, ?10, ?11, ?12";
    let args = [
        id.into(),
        of.format.into(),
        of.lead_id.into(),
        of.submission_id.into(),
        campaign.into(),
        destination.into(),
        receiver.to_owned().into(),
        event.into(),
        notice.map_or(Arg::Null, Arg::from),
        moment.now_ms.into(),
        of.subject.into(),
        of.beside.map_or(Arg::Null, |subjects| subjects.to_owned().into()),
    ];
    write(sql, args)
}

/// A delivery that is about no submission, with what it says.
pub(in crate::ledger) fn notice_row<'a>(
    lead_id: &'a str,
    to: (&'a str, &'a str, &str),
    event: &'a str,
    data: &Value,
    at: usize,
    moment: &Moment,
) -> Write<'a> {
    delivery_row(Of::nothing(lead_id), to, event, Some(data.to_string()), at, moment)
}

/// Lets what only one submission should bring stand for it: its idempotency key, and its form's token,
/// which stays with the first that brought it.
pub(in crate::ledger) fn remember(admit: &Admit, now_ms: i64) -> impl Iterator<Item = Write<'_>> {
    let key = admit.idempotency_tag.as_ref().map(|tag| {
        let sql = "INSERT INTO idempotency (tag, submission_id, expires_ms) VALUES (?, ?, ?)
                   ON CONFLICT (tag) DO UPDATE SET
                     submission_id = excluded.submission_id, expires_ms = excluded.expires_ms";
        write(sql, [tag.into(), (&admit.submission_id).into(), (now_ms + IDEMPOTENCY_MS).into()])
    });
    let token = admit.evidence.token.as_ref().map(|token| {
        let sql = "INSERT INTO idempotency (tag, submission_id, expires_ms) VALUES (?, ?, ?)
                   ON CONFLICT DO NOTHING";
        write(sql, [(&token.tag).into(), (&admit.submission_id).into(), token.until_ms.into()])
    });
    key.into_iter().chain(token)
}

/// What a destination is known by across campaigns: the origin to which connections are made, and the
/// address; as digests, for an address may hold a token.
pub(in crate::ledger) fn receiver_of(destination: &Destination) -> String {
    let (origin, address) = (destination.origin(), destination.known_by());
    let digest = |text: &str| sha256_hex(text).chars().take(16).collect::<String>();
    format!("{}.{}", digest(origin), digest(address))
}

/// The origin of a receiver. One that was written before origins were known is an origin by itself.
pub(in crate::ledger) fn origin_of(receiver: &str) -> &str {
    receiver.split_once('.').map_or(receiver, |(origin, _)| origin)
}

/// Whether two receivers are the same address, whenever they were written.
pub(in crate::ledger) fn is_same_address(one: &str, other: &str) -> bool {
    let address = |receiver| str::rsplit(receiver, '.').next();
    address(one) == address(other)
}

/// What the ids of a lead's deliveries begin with.
fn delivery_prefix(lead_id: &str) -> String {
    format!("msg_{}_", lead_id.strip_prefix("lead_").unwrap_or(lead_id))
}

/// What stands behind that in the ids of a submission's deliveries: 48 of its own id's bits.
fn named_submission(submission_id: &str) -> &str {
    submission_id.get(NAMED_FROM..NAMED_FROM + NAMED_LENGTH).unwrap_or_default()
}

/// Where a submission's id is random: behind `sub_`.
const NAMED_FROM: usize = 4;
const NAMED_LENGTH: usize = 8;

/// Between which ids a lead's deliveries lie: `~` is behind every character of an id.
pub(in crate::ledger) fn delivery_range(lead_id: &str) -> (String, String) {
    let from = delivery_prefix(lead_id);
    let to = format!("{from}~");
    (from, to)
}

/// Between which ids a submission's deliveries lie, beside few of others or, of a row of before format 4, all of
/// its lead's.
pub(in crate::ledger) fn delivery_range_of(of: Of<'_>) -> (String, String) {
    let own = if of.format <= UNNAMED_DELIVERIES { "" } else { named_submission(of.submission_id) };
    let from = format!("{}{own}", delivery_prefix(of.lead_id));
    let to = format!("{from}~");
    (from, to)
}

/// The lead's in SQL, of a column of ids and one that holds the lead's.
pub(in crate::ledger) fn is_delivery_of(delivery_id: &str, lead_id: &str) -> String {
    let from = format!("'msg_' || substr({lead_id}, 6)");
    format!("{delivery_id} >= {from} AND {delivery_id} < {from} || '~'")
}

/// The submission's in SQL: of a column of ids, and of what has a lead, a submission and a format.
pub(in crate::ledger) fn is_delivery_of_submission(delivery: &str, of: &str) -> String {
    let own = format!(
        "CASE WHEN {of}.format <= {UNNAMED_DELIVERIES} THEN '' ELSE '_' || \
                       substr({of}.submission_id, {}, {NAMED_LENGTH}) END",
        NAMED_FROM + 1
    );
    let from = format!("'msg_' || substr({of}.lead_id, 6) || {own}");
    format!(
        "{delivery}.delivery_id >= {from} AND {delivery}.delivery_id < {from} || '~'
             AND {delivery}.submission_id = {of}.submission_id"
    )
}

fn hex(bytes: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(bytes))
}
