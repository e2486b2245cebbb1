//! Router: the use case of each address.

use std::pin::Pin;

use super::admin;
use super::admin::MAX_CAMPAIGN_BODY_BYTES;
use super::cx::Cx;
use super::endpoints::{campaign, confirm, download, form, jwks, thanks, withdraw};
use super::output::Output;
use super::ports::Ports;
use crate::base::url::trim_trailing_punctuation;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::pipeline::intake::MAX_BODY_BYTES;

/// The contract of every address, as OpenAPI 3.1.
const OPENAPI: &str = include_str!("../http/openapi.json");

/// The addresses of the dashboard, which the platform serves. It asks the Worker first, which knows the host.
const DASHBOARD: [&str; 4] = ["admin", "admin.html", "admin.css", "admin.js"];

/// Returns the most bytes of a body that an address reads. A longer body is not read at all.
pub fn body_limit_bytes(path: &str) -> usize {
    if path.starts_with("/admin/") { MAX_CAMPAIGN_BODY_BYTES } else { MAX_BODY_BYTES }
}

/// Handles a request.
pub async fn handle(cx: Cx<'_, impl Ports>, request: &RawRequest) -> Output {
    let path: Vec<&str> = intended_path(request).strip_prefix('/').unwrap_or_default().split('/').collect();
    if !is_served(cx, request, &path) {
        return Response::nothing_here(request).into();
    }
    match path.as_slice() {
        ["c", id] => campaign::handle(cx, id, request).await,
        ["c", id, "thanks"] => boxed(thanks::thanks(cx, id, request)).await,
        ["f", id] => boxed(form::form(cx, id, request)).await,
        ["d", id, token] => boxed(download::download(cx, [*id, *token], request)).await,
        ["confirm", id, token] => boxed(confirm::confirm(cx, [*id, *token], request)).await,
        ["withdraw", id, token] => boxed(withdraw::withdraw(cx, [*id, *token], request)).await,
        ["withdraw", id, token, "receipt"] => boxed(withdraw::receipt(cx, [*id, *token], request)).await,
        ["admin", "api", rest @ ..] => boxed(admin::handle(cx, rest, request)).await,
        [name] if DASHBOARD.contains(name) && request.method != Method::Get => {
            Response::method_not_allowed("GET").into()
        }
        [name] if DASHBOARD.contains(name) => Response::asset().into(),
        ["healthz" | "openapi.json"] | [".well-known", "jwks.json"] if request.method != Method::Get => {
            Response::method_not_allowed("GET").into()
        }
        ["healthz"] => Response::json_text(r#"{"status":"ok"}"#).into(),
        [".well-known", "jwks.json"] => jwks::key_set(cx).into(),
        ["openapi.json"] => Response::json_text(OPENAPI).into(),
        _ => Response::nothing_here(request).into(),
    }
}

/// Boxes a use case that few requests need: together with the one that runs for every lead it would be one function
/// of hundreds of kilobytes, which the runtime compiles as a whole before the first response.
fn boxed<'a>(use_case: impl Future<Output = Output> + 'a) -> Pin<Box<dyn Future<Output = Output> + 'a>> {
    Box::pin(use_case)
}

/// Checks whether this host serves an address. If operators have a host of their own, none of their addresses is
/// served elsewhere, and none of visitors' there: a page of a campaign may run scripts of other parties, which can
/// read everything that shares its origin.
fn is_served(cx: Cx<'_, impl Ports>, request: &RawRequest, path: &[&str]) -> bool {
    let is_operators = path.first().is_some_and(|first| first.starts_with("admin"));
    match &cx.settings().admin_host {
        Some(host) if *path != ["healthz"] => is_operators == (request.host == *host),
        _ => true,
    }
}

/// Returns the path that was meant by whoever followed a link: mails, chats and documents take the characters after
/// an address for a part of it, such as a full stop, a bracket or a quote. No path of visitors ends with one.
fn intended_path(request: &RawRequest) -> &str {
    let path = &request.path;
    let is_linked = ["/confirm/", "/withdraw/", "/d/", "/f/"].iter().any(|start| path.starts_with(start));
    let is_opened = || request.method == Method::Get && request.prefers_html() && path.starts_with("/c/");
    if is_linked || is_opened() { trim_trailing_punctuation(path) } else { path }
}
