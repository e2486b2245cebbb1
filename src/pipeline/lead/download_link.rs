//! Download links: to what a campaign gives in exchange for a submission.

use super::identity::{Identity, Link};
use crate::base::moment::Moment;
use crate::base::time::{HOUR_MS, hour_of};
use crate::campaign::Campaign;

/// The download link of one submission.
pub struct DownloadLink {
    /// The last part of the address.
    pub token: String,
    /// The end of its validity; UTC, milliseconds.
    pub until_ms: i64,
}

impl DownloadLink {
    /// Makes the link of a submission; `None` if the campaign gives nothing. It is valid for this campaign only,
    /// differs each time and is sealed: a link that is passed on does not reveal whose it was. Everybody who submits
    /// within the same hour gets the same end, so that it reveals nothing either.
    pub fn new(
        campaign: &Campaign,
        identity: &Identity,
        submission_id: &str,
        moment: &Moment,
    ) -> Option<Self> {
        let magnet = campaign.magnet.as_ref()?;
        let until_ms = hour_of(moment.now_ms) + HOUR_MS + magnet.valid_ms;
        let plain = format!("{submission_id}.{}", until_ms / 1_000);
        Some(Self { token: identity.sealed_link(&campaign.id, &plain, moment), until_ms })
    }

    /// Returns the id of the submission behind a valid token, and the end of the link's validity.
    pub fn read(campaign: &Campaign, identity: &Identity, token: &str, now_ms: i64) -> Option<(String, i64)> {
        let opened = identity.read_sealed_link(&campaign.id, token);
        let (submission_id, until_s) = match opened.as_deref().and_then(|plain| plain.split_once('.')) {
            Some((submission_id, until_s)) => (submission_id.to_owned(), until_s.to_owned()),
            None => {
                // A link from before links were sealed.
                let [of, submission_id, until_s] = identity.read_link(Link::Download, None, token)?;
                (of == campaign.id).then_some((submission_id, until_s))?
            }
        };
        let until_ms = until_s.parse::<i64>().ok()?.checked_mul(1_000)?;
        (now_ms < until_ms).then_some((submission_id, until_ms))
    }
}
