//! `/f/{campaign}`: the campaign's form as a page.

use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::Ports;
use crate::base::url::decoded_lower;
use crate::campaign::is_id;
use crate::http::hosted_form::HostedForm;
use crate::http::reader::Reader;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::pipeline::abuse;

/// Handles a request to `/f/{campaign}`.
pub async fn form(cx: Cx<'_, impl Ports>, id: &str, request: &RawRequest) -> Output {
    if request.method != Method::Get {
        return Response::method_not_allowed("GET").into();
    }
    // Addresses are read aloud, and typed.
    let lower = decoded_lower(id);
    if is_id(&lower) && request.path != format!("/f/{lower}") {
        return redirect(&lower, request).into();
    }
    let campaign = match cx.campaign_or_output(id, request).await {
        Ok(campaign) => campaign,
        Err(output) => return output,
    };
    let token = abuse::form_token(&cx.identity(&campaign), &campaign, cx.now);
    let public_url = cx.settings().public_url.as_deref();
    let form = HostedForm { token: &token, query: &request.query, public_url };
    Reader::new(&campaign, request).form(&form).into()
}

/// Leads to the page of a campaign's form, with the query of the address.
pub(super) fn redirect(id: &str, request: &RawRequest) -> Response {
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    Response::redirect(format!("/f/{id}{query}"))
}
