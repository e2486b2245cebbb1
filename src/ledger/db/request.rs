//! Requests to confirm: submissions that wait for the owner of an address, by the identifiers that they came with.

use super::Db;
use super::changes::{Changes, Effects};
use super::json_list;
use super::row::row;
use super::store::{Arg, Store, write};
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};

/// The tag of a request of which only the fact remains that its mailbox was asked.
pub(in crate::ledger) const UNNAMED: &str = "gone";

row! {
    /// A request to an address.
    pub(in crate::ledger) struct Request {
        pub(in crate::ledger) lead_id: LeadId,
        pub(in crate::ledger) campaign: String,
        pub(in crate::ledger) mails: i64,
        pub(in crate::ledger) mailed_ms: i64,
        pub(in crate::ledger) expires_ms: i64,
        pub(in crate::ledger) is_confirmed: bool = "confirmed_ms IS NOT NULL",
        /// True if its owner has refused it.
        pub(in crate::ledger) is_refused: bool = "refused_ms IS NOT NULL",
    }
}

row! {
    /// The unanswered mails to a mailbox, and to what may be the same mailbox.
    #[derive(Default)]
    pub(in crate::ledger) struct MailCounts {
        pub(in crate::ledger) stem_mails: i64,
        pub(in crate::ledger) mailbox_mails: i64,
        /// True if the owner of the mailbox has refused a request.
        pub(in crate::ledger) is_refused: bool,
    }
}

row! {
    /// A request that has expired.
    pub(in crate::ledger) struct ExpiredRequest {
        pub(in crate::ledger) tag: String,
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) lead_id: LeadId,
    }
}

/// A waiting submission, under one of its identifiers.
pub(in crate::ledger) struct NewRequest<'a> {
    pub(in crate::ledger) tag: &'a str,
    pub(in crate::ledger) submission_id: &'a SubmissionId,
    pub(in crate::ledger) lead_id: &'a LeadId,
    pub(in crate::ledger) campaign: &'a str,
    pub(in crate::ledger) mailed_ms: i64,
    pub(in crate::ledger) expires_ms: i64,
    /// The hashes of the mailbox that is asked, and of what may be the same mailbox.
    pub(in crate::ledger) mailbox: [Option<String>; 2],
}

impl NewRequest<'_> {
    /// Adds it, or makes it wait again.
    pub(in crate::ledger) fn add(self, changes: &mut Changes<'_>) {
        let sql = "INSERT INTO request (tag, submission_id, lead_id, campaign, mails, mailed_ms, expires_ms,
                     mailbox, stem)
                   VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET lead_id = excluded.lead_id,
                     expires_ms = excluded.expires_ms, confirmed_ms = NULL, refused_ms = NULL";
        let mut args = self.key().to_vec();
        args.extend(self.mailbox.map(|tag| tag.map_or(Arg::Null, Arg::from)));
        changes.effects.expires_ms = Some(self.expires_ms);
        changes.push(write(sql, args));
    }

    /// Adds it beside an earlier one whose mail was sent.
    pub(in crate::ledger) fn add_beside(self, changes: &mut Changes<'_>) {
        let sql = "INSERT INTO request (tag, submission_id, lead_id, campaign, mails, mailed_ms, expires_ms)
                   VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT DO NOTHING";
        changes.push(write(sql, self.key()));
    }

    fn key(&self) -> [Arg<'static>; 6] {
        [
            self.tag.to_owned().into(),
            self.submission_id.clone().into(),
            self.lead_id.clone().into(),
            self.campaign.to_owned().into(),
            self.mailed_ms.into(),
            self.expires_ms.into(),
        ]
    }
}

/// Counts a mail of a request.
pub(in crate::ledger) fn count_mail(
    tags: &[&String],
    submission_id: &SubmissionId,
    now_ms: i64,
    changes: &mut Changes<'_>,
) {
    let sql = "UPDATE request SET mails = mails + 1, mailed_ms = ? WHERE tag IN (SELECT value
                 FROM json_each(?)) AND submission_id = ?";
    changes.push(write(sql, [now_ms.into(), json_list(tags), submission_id.clone().into()]));
}

/// Writes that the owner of an address has refused the request, until a time.
pub(in crate::ledger) fn refuse(
    tags: &[&String],
    submission_id: &SubmissionId,
    now_ms: i64,
    until_ms: i64,
    changes: &mut Changes<'_>,
) {
    let sql = "UPDATE request SET refused_ms = ?1, expires_ms = ?2
               WHERE submission_id = ?3 AND tag IN (SELECT value FROM json_each(?4))";
    let args = [now_ms.into(), until_ms.into(), submission_id.clone().into(), json_list(tags)];
    changes.push(write(sql, args));
}

/// Writes that the owner of an address has confirmed the requests of a campaign.
pub(in crate::ledger) fn confirm(tags: &[String], campaign: &str, now_ms: i64, changes: &mut Changes<'_>) {
    let sql = "UPDATE request SET confirmed_ms = ? WHERE tag IN (SELECT value FROM json_each(?))
               AND campaign = ?";
    changes.push(write(sql, [now_ms.into(), json_list(tags), campaign.to_owned().into()]));
}

/// Removes a submission's request under some of its identifiers.
pub(in crate::ledger) fn remove(tags: &[String], submission_id: &SubmissionId, changes: &mut Changes<'_>) {
    let sql = "DELETE FROM request WHERE tag IN (SELECT value FROM json_each(?)) AND submission_id = ?";
    changes.push(write(sql, [json_list(tags), submission_id.clone().into()]));
}

/// Makes the leads of other requests to the same address aliases of this one: links name them.
pub(in crate::ledger) fn alias(tags: &[&String], campaign: &str, is_now: &LeadId, changes: &mut Changes<'_>) {
    let sql = "INSERT INTO alias (lead_id, is_now) SELECT DISTINCT lead_id, ?1 FROM request
                 WHERE tag IN (SELECT value FROM json_each(?2)) AND campaign = ?3 AND lead_id <> ?1
               ON CONFLICT DO NOTHING";
    changes.push(write(sql, [is_now.clone().into(), json_list(tags), campaign.to_owned().into()]));
}

/// Erases the requests of a lead's submissions, a JSON list of ids. Only the fact that somebody else's
/// mailbox was asked, or refused, stays, so that no erasure resets a cap. `own` are the identifiers of the
/// erased person.
pub(in crate::ledger) fn erase(
    lead_id: &LeadId,
    submissions: Arg<'static>,
    own: &[String],
    changes: &mut Changes<'_>,
) {
    let in_lead = "lead_id = ? AND submission_id IN (SELECT value FROM json_each(?))";
    let sql = format!(
        "UPDATE request SET tag = '{UNNAMED}', lead_id = '', submission_id = hex(randomblob(8))
         WHERE {in_lead} AND mailbox IS NOT NULL AND tag NOT IN (SELECT value FROM json_each(?))"
    );
    changes.push(write(sql, [lead_id.clone().into(), submissions.clone(), json_list(own)]));
    let sql = format!("DELETE FROM request WHERE {in_lead}");
    changes.push(write(sql, [lead_id.clone().into(), submissions]));
    changes.effects.is_expiry_stale = true;
}

/// Erases the requests under identifiers.
pub(in crate::ledger) fn erase_by(tags: &[String], changes: &mut Changes<'_>) {
    let sql = "DELETE FROM request WHERE tag IN (SELECT value FROM json_each(?))";
    changes.push(write(sql, [json_list(tags)]));
    changes.effects.is_expiry_stale = true;
}

/// Erases the aliases of a lead.
pub(in crate::ledger) fn erase_aliases(lead_id: &LeadId, changes: &mut Changes<'_>) {
    changes.push(write("DELETE FROM alias WHERE is_now = ?", [lead_id.clone().into()]));
}

impl<S: Store> Db<S> {
    /// Returns the requests to an address, by its hashes, that have not expired.
    pub(in crate::ledger) fn requests(&self, tags: &[&String], now_ms: i64) -> Result<Vec<Request>, Fault> {
        let holes = vec!["?"; tags.len()].join(", ");
        let sql =
            format!("SELECT {} FROM request WHERE tag IN ({holes}) AND expires_ms > ?", Request::COLUMNS);
        let args: Vec<Arg<'_>> = tags.iter().map(|tag| Arg::from(*tag)).chain([now_ms.into()]).collect();
        self.all(&sql, &args)
    }

    /// Returns the mails to a mailbox, by its hashes, and to what may be the same mailbox.
    pub(in crate::ledger) fn mailed(
        &self,
        [mailbox, stem]: &[Vec<String>; 2],
        now_ms: i64,
    ) -> Result<MailCounts, Fault> {
        let sql = "SELECT coalesce(sum(iif(refused_ms IS NULL, mails, 0)), 0),
                     coalesce(sum(iif(refused_ms IS NULL AND is_mailbox, mails, 0)), 0),
                     coalesce(max(is_mailbox AND refused_ms IS NOT NULL), 0)
                   FROM (SELECT mails, refused_ms, mailbox IN (SELECT value FROM json_each(?2)) AS is_mailbox
                     FROM request WHERE stem IN (SELECT value FROM json_each(?1)) AND expires_ms > ?3
                       AND confirmed_ms IS NULL)";
        self.only(sql, &[json_list(stem), json_list(mailbox), now_ms.into()])
    }

    /// Returns the leads and submissions of a campaign's requests under these hashes that have not expired.
    pub(in crate::ledger) fn waiting_requests(
        &self,
        tags: &[String],
        campaign: &str,
        now_ms: i64,
    ) -> Result<Vec<(LeadId, SubmissionId)>, Fault> {
        let sql = "SELECT lead_id, submission_id FROM request
                   WHERE tag IN (SELECT value FROM json_each(?)) AND campaign = ? AND expires_ms > ?";
        self.all(sql, &[json_list(tags), campaign.into(), now_ms.into()])
    }

    /// Returns expired requests, the earliest first, at most so many.
    pub(in crate::ledger) fn expired_requests(
        &self,
        now_ms: i64,
        limit: i64,
    ) -> Result<Vec<ExpiredRequest>, Fault> {
        let sql = format!(
            "SELECT {} FROM request WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?",
            ExpiredRequest::COLUMNS
        );
        self.all(&sql, &[now_ms.into(), limit.into()])
    }

    /// Removes an expired request.
    pub(in crate::ledger) fn remove_request(
        &self,
        request: &ExpiredRequest,
        effects: &mut Effects,
    ) -> Result<(), Fault> {
        effects.is_expiry_stale = true;
        let sql = "DELETE FROM request WHERE tag = ? AND submission_id = ?";
        self.run(sql, &[(&request.tag).into(), (&request.submission_id).into()])
    }

    /// Returns when the first request expires. `None` if there is none.
    pub(in crate::ledger) fn first_expiry(&self) -> Result<Option<i64>, Fault> {
        self.only::<Option<i64>>("SELECT min(expires_ms) FROM request", &[])
    }

    /// Returns the lead that a link refers to: a request's lead may have become the alias of a known one.
    pub(in crate::ledger) fn lead_now(&self, lead_id: &LeadId) -> Result<LeadId, Fault> {
        let found = self.first("SELECT is_now FROM alias WHERE lead_id = ?", &[lead_id.into()])?;
        Ok(found.unwrap_or_else(|| lead_id.clone()))
    }

    /// Removes the aliases of a lead of which nothing is left.
    pub(in crate::ledger) fn remove_aliases(&self, lead_id: &LeadId) -> Result<(), Fault> {
        self.run("DELETE FROM alias WHERE is_now = ?", &[lead_id.into()])
    }
}
