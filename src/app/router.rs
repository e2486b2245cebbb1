//! Which use case answers a request.

use std::pin::Pin;

use super::admin;
use super::admin::MAX_CAMPAIGN_BODY_BYTES;
use super::cx::Cx;
use super::endpoints::links;
use super::endpoints::submit;
use super::endpoints::submit::Answered;
use super::ports::Ports;
use crate::base::url::trim_trailing_punctuation;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::pipeline::intake::MAX_BODY_BYTES;

/// The contract of all of this, as OpenAPI 3.1.
const OPENAPI: &str = include_str!("../http/openapi.json");

/// How many bytes of a body an address reads. What is longer is not read at all.
pub fn body_limit_bytes(path: &str) -> usize {
    if path.starts_with("/admin/") { MAX_CAMPAIGN_BODY_BYTES } else { MAX_BODY_BYTES }
}

/// What the platform has of the dashboard, at these names. It asks the Worker first, which knows the host.
const DASHBOARD: [&str; 4] = ["admin", "admin.html", "admin.css", "admin.js"];

/// Whether this host answers at an address. Where operators have one of their own, nothing of theirs is answered
/// elsewhere, and nothing of visitors' there: a page of a campaign may run scripts of other parties, and what
/// shares its origin they can read.
fn answers(cx: Cx<'_, impl Ports>, request: &RawRequest, path: &[&str]) -> bool {
    let is_operators = path.first().is_some_and(|first| first.starts_with("admin"));
    match &cx.settings().admin_host {
        Some(host) if *path != ["healthz"] => is_operators == (request.host == *host),
        _ => true,
    }
}

/// A path as it was meant by who followed a link: mails, chats and documents take what stands behind an address
/// for a part of it, a full stop, a bracket, a quote. No path of a visitor's ends so.
fn meant(request: &RawRequest) -> &str {
    let path = &request.path;
    let is_linked = ["/confirm/", "/withdraw/", "/d/", "/f/"].iter().any(|start| path.starts_with(start));
    let is_looked_at = || request.method == Method::Get && request.prefers_html() && path.starts_with("/c/");
    if is_linked || is_looked_at() { trim_trailing_punctuation(path) } else { path }
}

/// Keeps a use case apart from what runs for every lead: together they would be one function of hundreds of
/// kilobytes, which the runtime compiles as a whole before the first answer.
fn apart<'a>(use_case: impl Future<Output = Answered> + 'a) -> Pin<Box<dyn Future<Output = Answered> + 'a>> {
    Box::pin(use_case)
}

/// Answers a request.
pub async fn answer(cx: Cx<'_, impl Ports>, request: &RawRequest) -> Answered {
    let path: Vec<&str> = meant(request).strip_prefix('/').unwrap_or_default().split('/').collect();
    if !answers(cx, request, &path) {
        return Response::nothing_here(request).into();
    }
    match path.as_slice() {
        ["c", campaign] => submit::endpoint(cx, campaign, request).await,
        ["c", campaign, "thanks"] => apart(submit::thanks(cx, campaign, request)).await,
        ["f", campaign] => apart(submit::form(cx, campaign, request)).await,
        ["d", campaign, token] => apart(links::download(cx, [*campaign, *token], request)).await,
        ["confirm", campaign, token] => apart(links::confirm(cx, [*campaign, *token], request)).await,
        ["withdraw", campaign, token] => apart(links::withdraw(cx, [*campaign, *token], request)).await,
        ["withdraw", campaign, token, "receipt"] => {
            apart(links::receipt(cx, [*campaign, *token], request)).await
        }
        ["admin", "api", rest @ ..] => apart(admin::answer(cx, rest, request)).await,
        [name] if DASHBOARD.contains(name) && request.method != Method::Get => {
            Response::method_not_allowed("GET").into()
        }
        [name] if DASHBOARD.contains(name) => Response::asset().into(),
        ["healthz" | "openapi.json"] | [".well-known", "jwks.json"] if request.method != Method::Get => {
            Response::method_not_allowed("GET").into()
        }
        ["healthz"] => Response::json_text(r#"{"status":"ok"}"#).into(),
        [".well-known", "jwks.json"] => links::key_set(cx).into(),
        ["openapi.json"] => Response::json_text(OPENAPI).into(),
        _ => Response::nothing_here(request).into(),
    }
}
