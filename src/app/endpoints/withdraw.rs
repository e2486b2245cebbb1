//! `/withdraw/{campaign}/{token}` and `…/receipt`: the link to take a consent back, and to see what was agreed to.

use serde_json::{Value, json};

use super::link;
use super::link::Target;
use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::{Ports, sign_receipts};
use crate::base::fault::Fault;
use crate::campaign::Campaign;
use crate::http::reader::Reader;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::ledger::EVERY_PURPOSE;
use crate::ledger::api::{Consents, List, Withdraw};
use crate::pipeline::consent::compact;
use crate::pipeline::lead::Link;

/// The body that a mail program posts for its user (RFC 8058 section 3.1).
const ONE_CLICK: &[u8] = b"One-Click";

/// Handles a request to `/withdraw/{campaign}/{token}`. A post needs nothing but the address, so the single click of
/// a mail program (RFC 8058) is one.
pub async fn withdraw(cx: Cx<'_, impl Ports>, path: [&str; 2], request: &RawRequest) -> Output {
    if !matches!(request.method, Method::Get | Method::Post) {
        return Response::method_not_allowed("GET, POST").into();
    }
    let Target { campaign, lead_id, about: purpose, subject } =
        match link::follow(cx, path, Link::Withdraw, request).await {
            Ok(target) => target,
            Err(output) => return output,
        };
    let reader = Reader::new(&campaign, request);
    if request.method == Method::Get {
        let receipt = format!("/withdraw/{}/{}/receipt", campaign.id, path[1]);
        return reader.ask_to_withdraw(wording(&campaign, &purpose), &receipt).into();
    }
    let body = request.body.as_deref().unwrap_or_default();
    let is_one_click = body.windows(ONE_CLICK.len()).any(|part| part == ONE_CLICK);
    let method = if is_one_click { "one_click" } else { "link" };
    let withdraw = Withdraw {
        campaign: Some(campaign.id.clone()),
        lead_id: lead_id.into(),
        subject,
        purpose: Some(purpose),
        method: Some(method.to_owned()),
    };
    match cx.ask(&campaign.ledger, None, withdraw).await {
        Ok(withdrawn) => {
            // Without a lead there is nothing left to use, which is what was asked for.
            if let Some(withdrawn) = withdrawn {
                link::forget_repeats(cx, &campaign, &withdrawn.fingerprints).await;
            }
            link::consent(reader.withdrawn(), "withdrawn", &campaign)
        }
        Err(fault) => link::fault(&reader, &fault),
    }
}

/// Handles a request to `/withdraw/{campaign}/{token}/receipt`: the consents, readable and as signed receipts.
pub async fn receipt(cx: Cx<'_, impl Ports>, path: [&str; 2], request: &RawRequest) -> Output {
    if request.method != Method::Get {
        return Response::method_not_allowed("GET").into();
    }
    let target = match link::follow(cx, path, Link::Withdraw, request).await {
        Ok(target) => target,
        Err(output) => return output,
    };
    let campaign = target.campaign;
    let reader = Reader::new(&campaign, request);
    let consents = Consents { lead_id: target.lead_id.into(), subject: target.subject };
    match receipts(cx, &campaign, consents, &target.about).await {
        Ok(consents) if consents.is_empty() => reader.link_ended().into(),
        Ok(consents) if request.prefers_html() => reader.receipts(&consents).into(),
        Ok(consents) => Response::receipts(&consents).into(),
        Err(fault) => link::fault(&reader, &fault),
    }
}

/// Returns the consents of a person to a purpose, each with its signed receipt.
async fn receipts(
    cx: Cx<'_, impl Ports>,
    campaign: &Campaign,
    consents: Consents,
    purpose: &str,
) -> Result<Vec<Value>, Fault> {
    let List(all) = cx.ask(&campaign.ledger, None, consents).await?.unwrap_or_else(|| List(Vec::new()));
    let mut shown = Vec::new();
    for mut consent in all {
        let text = |key: &str| consent.get(key).and_then(Value::as_str).map(str::to_owned);
        if purpose != EVERY_PURPOSE && text("purpose").as_deref() != Some(purpose) {
            continue;
        }
        let signed = sign_receipts(cx.ports, text("receipt").into_iter().collect()).await?;
        let receipt = signed.first().map(|(input, signature)| compact(input, signature));
        if let Some(consent) = consent.as_object_mut() {
            consent.insert("receipt".to_owned(), json!(receipt));
        }
        shown.push(consent);
    }
    Ok(shown)
}

/// Returns the text of a purpose. `None` if the link is about all of them.
fn wording<'a>(campaign: &'a Campaign, purpose: &str) -> Option<&'a str> {
    let found = campaign.purposes.iter().find(|known| known.id == purpose);
    found.map(|purpose| purpose.wording.text.as_str())
}
