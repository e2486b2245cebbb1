//! `/c/{campaign}/thanks`: the page after the hosted form.

use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::Ports;
use crate::base::url::trim_trailing_punctuation;
use crate::http::reader::Reader;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::pipeline::lead::DownloadLink;

/// Handles a request to `/c/{campaign}/thanks`.
pub async fn thanks(cx: Cx<'_, impl Ports>, id: &str, request: &RawRequest) -> Output {
    if request.method != Method::Get {
        return Response::method_not_allowed("GET").into();
    }
    let campaign = match cx.campaign_or_output(id, request).await {
        Ok(campaign) => campaign,
        Err(output) => return output,
    };
    let identity = cx.identity(&campaign);
    let token = form_urlencoded::parse(request.query.as_bytes()).find(|(name, _)| name == "d");
    let token = token.map(|(_, token)| trim_trailing_punctuation(&token).to_owned());
    let is_good = |token: &String| DownloadLink::read(&campaign, &identity, token, cx.now_ms()).is_some();
    let good = token.filter(is_good);
    Reader::new(&campaign, request).thanks(good.as_deref()).into()
}
