//! Links of mails and receipts. Opening one shows a page, and only a post does something, for virus scanners open
//! links too.

use std::rc::Rc;

use serde_json::json;

use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::Ports;
use crate::app::repeats;
use crate::base::fault::Fault;
use crate::campaign::Campaign;
use crate::http::reader::Reader;
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::pipeline::lead::Link;

/// The content of a link.
pub struct Target {
    /// The campaign. The link is good for it and no other.
    pub campaign: Rc<Campaign>,
    /// The lead.
    pub lead_id: String,
    /// The submission or the purpose that the link is about.
    pub about: String,
    /// The name of the subject; `None` in links of before they were bound to a campaign.
    pub subject: Option<String>,
}

/// Reads the link of an address that ends with `{campaign}/{token}`.
///
/// # Errors
/// The response if there is no such campaign or the link is not good.
pub async fn follow(
    cx: Cx<'_, impl Ports>,
    [id, token]: [&str; 2],
    link: Link,
    request: &RawRequest,
) -> Result<Target, Output> {
    let campaign = cx.campaign_or_output(id, request).await?;
    let identity = cx.identity(&campaign);
    let bound = Some(campaign.id.as_str());
    let with_subject = || {
        let [lead_id, about, subject] = identity.read_link::<3>(link, bound, token)?;
        Some((lead_id, about, Some(subject)))
    };
    let without_subject = |campaign| {
        let [lead_id, about] = identity.read_link::<2>(link, campaign, token)?;
        Some((lead_id, about, None))
    };
    let found = with_subject().or_else(|| without_subject(bound)).or_else(|| without_subject(None));
    match found {
        Some((lead_id, about, subject)) => Ok(Target { campaign, lead_id, about, subject }),
        None => Err(Reader::new(&campaign, request).link_ended().into()),
    }
}

/// Forgets the last minutes of a person whose standing has changed.
pub async fn forget_repeats(cx: Cx<'_, impl Ports>, campaign: &Campaign, fingerprints: &[String]) {
    repeats::forget(cx, &campaign.ledger, fingerprints, fingerprints.len()).await;
}

/// Returns a response with the log line of an act.
pub fn consent(response: Response, outcome: &str, campaign: &Campaign) -> Output {
    let log = json!({ "event": "consent", "outcome": outcome, "campaign": campaign.id });
    Output { log: Some(log), ..response.into() }
}

/// Returns the page for a fault of the ledger.
pub fn fault(reader: &Reader<'_>, fault: &Fault) -> Output {
    Output { response: reader.try_again(), ..Output::fault("ledger", &reader.campaign.id, fault) }
}
