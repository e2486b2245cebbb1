//! The link to what a campaign gives in exchange for a submission.

use super::identity::{Identity, Link};
use crate::base::moment::Moment;
use crate::base::time::{HOUR_MS, hour_of};
use crate::campaign::Campaign;

/// A link of one submission.
pub struct DownloadLink {
    /// What its address ends with.
    pub token: String,
    /// Until when it is good; UTC, milliseconds.
    pub until_ms: i64,
}

impl DownloadLink {
    /// The link of a submission, to what its campaign gives and no other. It is another one each time, and shows
    /// nobody whose it is: a link that is passed on does not tell who had it. Whoever posts within the same hour
    /// gets the same end, so that it says nothing about them.
    pub fn new(
        campaign: &Campaign,
        identity: &Identity,
        submission_id: &str,
        moment: &Moment,
    ) -> Option<Self> {
        let magnet = campaign.magnet.as_ref()?;
        let until_ms = hour_of(moment.now_ms) + HOUR_MS + magnet.valid_ms;
        let said = format!("{submission_id}.{}", until_ms / 1_000);
        Some(Self { token: identity.sealed_link(&campaign.id, &said, moment), until_ms })
    }

    /// The submission of a campaign's token that is still good, and until when it is.
    pub fn read(campaign: &Campaign, identity: &Identity, token: &str, now_ms: i64) -> Option<(String, i64)> {
        let said = identity.read_sealed_link(&campaign.id, token);
        let (submission_id, until_s) = match said.as_deref().and_then(|said| said.split_once('.')) {
            Some((submission_id, until_s)) => (submission_id.to_owned(), until_s.to_owned()),
            None => {
                // A link of before they were sealed.
                let [of, submission_id, until_s] = identity.read_link(Link::Download, None, token)?;
                (of == campaign.id).then_some((submission_id, until_s))?
            }
        };
        let until_ms = until_s.parse::<i64>().ok()?.checked_mul(1_000)?;
        (now_ms < until_ms).then_some((submission_id, until_ms))
    }
}
