//! `GET /c/{campaign}`: the acceptance criteria.

use std::rc::Rc;

use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::campaign::Campaign;
use crate::http::reader::Reader;
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::pipeline::abuse;

/// Returns the acceptance criteria, with a token of their own for the form.
pub fn criteria(cx: Cx<'_, impl Ports>, campaign: &Rc<Campaign>, request: &RawRequest) -> Response {
    let token = abuse::form_token(&cx.identity(campaign), campaign, cx.now);
    let reader = Reader::new(campaign, request);
    let make = || Response::acceptance_criteria(&reader, cx.settings().public_url.as_deref());
    let parts = cx.isolate.campaigns.criteria(campaign, reader.language, make);
    let [before, after] = &*parts;
    Response::json_text(&[before.as_str(), token.as_str(), after.as_str()].concat())
}
