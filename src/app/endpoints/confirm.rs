//! `/confirm/{campaign}/{token}`: the link of a double opt-in.

use super::link;
use super::link::Target;
use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::Ports;
use crate::http::reader::Reader;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::ledger::api::Confirm;
use crate::pipeline::lead::{DownloadLink, Link};

/// Handles a request to `/confirm/{campaign}/{token}`.
pub async fn confirm(cx: Cx<'_, impl Ports>, path: [&str; 2], request: &RawRequest) -> Output {
    if !matches!(request.method, Method::Get | Method::Post) {
        return Response::method_not_allowed("GET, POST").into();
    }
    let Target { campaign, lead_id, about: submission_id, .. } =
        match link::follow(cx, path, Link::Confirm, request).await {
            Ok(target) => target,
            Err(output) => return output,
        };
    let reader = Reader::new(&campaign, request);
    if request.method == Method::Get {
        return reader.ask_to_confirm().into();
    }
    let confirm = Confirm {
        campaign: campaign.id.clone(),
        lead_id: lead_id.into(),
        submission_id: submission_id.clone().into(),
    };
    match cx.ask(&campaign.ledger, None, confirm).await {
        Ok(Some(confirmed)) => {
            link::forget_repeats(cx, &campaign, &confirmed.fingerprints).await;
            let download = DownloadLink::new(&campaign, &cx.identity(&campaign), &submission_id, cx.now);
            let token = download.as_ref().map(|download| download.token.as_str());
            link::consent(reader.confirmed(token), "confirmed", &campaign)
        }
        Ok(None) => link::consent(reader.link_ended(), "confirmation_ended", &campaign),
        Err(fault) => link::fault(&reader, &fault),
    }
}
