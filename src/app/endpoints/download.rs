//! `/d/{campaign}/{token}`: the download of a campaign's magnet. It is recorded before it is given. The link of
//! somebody of whom nothing is stored gives it as well, and shows no difference.

use serde_json::json;

use super::link;
use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::campaign::Source;
use crate::http::reader::Reader;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::ledger::api::Engage;
use crate::pipeline::lead::DownloadLink;

/// Handles a request to `/d/{campaign}/{token}`.
pub async fn download(cx: Cx<'_, impl Ports>, [id, token]: [&str; 2], request: &RawRequest) -> Output {
    if !matches!(request.method, Method::Get | Method::Post) {
        return Response::method_not_allowed("GET, POST").into();
    }
    let campaign = match cx.campaign_or_output(id, request).await {
        Ok(campaign) => campaign,
        Err(output) => return output,
    };
    let reader = Reader::new(&campaign, request);
    let good = DownloadLink::read(&campaign, &cx.identity(&campaign), token, cx.now_ms());
    let Some((magnet, (submission_id, until_ms))) = campaign.magnet.as_ref().zip(good) else {
        return reader.link_ended().into();
    };
    if request.method == Method::Get {
        return reader.download(magnet, until_ms).into();
    }
    if let Source::File(key) = &magnet.source
        && let Err(fault) = require_file(cx, key).await
    {
        return Output { response: reader.file_gone(), ..Output::fault("files", &campaign.id, &fault) };
    }
    let engage = Engage { campaign: Some(campaign.id.clone()), submission_id: submission_id.into() };
    match cx.ask(&campaign.ledger, None, engage).await {
        Ok(_) => {
            let log = json!({ "event": "download", "campaign": campaign.id });
            Output { log: Some(log), ..Response::magnet(magnet).into() }
        }
        Err(fault) => link::fault(&reader, &fault),
    }
}

/// Checks that a file is in the bucket.
async fn require_file(cx: Cx<'_, impl Ports>, key: &str) -> Result<(), Fault> {
    let is_there = cx.ports.has_file(key).await?;
    is_there.then_some(()).ok_or_else(|| Fault::new("the file of a magnet is not in the bucket"))
}
