//! The use cases of people: the links of mails and receipts. Whoever opens one sees a page, and only
//! a post does something, for programs that look for viruses open links as well.

use std::rc::Rc;

use serde_json::{Value, json};

use super::submit::{Answered, faulted, unread};
use crate::app::admin::data_subject::forget_seen;
use crate::app::cx::Cx;
use crate::app::ports::{Ports, signed};
use crate::base::crypto::base64url;
use crate::base::fault::Fault;
use crate::base::keyring::SigningKey;
use crate::campaign::{Campaign, Source};
use crate::http::reader::Reader;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::ledger::EVERY_PURPOSE;
use crate::ledger::api::{Confirm, Consents, Engage, List, Withdraw};
use crate::pipeline::consent::compact;
use crate::pipeline::lead::{DownloadLink, Link};

/// What a mail program posts for its user (RFC 8058 section 3.1).
const ONE_CLICK: &[u8] = b"One-Click";

/// The public keys that receipts are verified with (RFC 7517).
pub fn key_set(cx: Cx<'_, impl Ports>) -> Response {
    let key = |key: &SigningKey| {
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.id,
                "x": base64url(&key.public) })
    };
    let keys: Vec<Value> = cx.settings().signing.iter().flat_map(|keys| keys.all()).map(key).collect();
    Response::key_set(&json!({ "keys": keys }))
}

/// What a link says: a lead, a submission or purpose of it, and by which name it means a subject. A link of
/// before they were bound to a campaign names none.
struct Followed {
    campaign: Rc<Campaign>,
    lead_id: String,
    what: String,
    subject: Option<String>,
}

/// What a link of `{campaign}/{token}` is about. It is one of that campaign and no other.
async fn follow(
    cx: Cx<'_, impl Ports>,
    [id, token]: [&str; 2],
    link: Link,
    request: &RawRequest,
) -> Result<Followed, Answered> {
    let campaign = match cx.campaign(id).await {
        Ok(Some(campaign)) => campaign,
        Ok(None) => return Err(Response::nothing_here(request).into()),
        Err(fault) => return Err(unread(id, request, &fault)),
    };
    let identity = cx.identity(&campaign);
    let bound = Some(campaign.id.as_str());
    let three = || {
        let [lead_id, what, subject] = identity.read_link::<3>(link, bound, token)?;
        Some((lead_id, what, Some(subject)))
    };
    let two = |campaign| {
        let [lead_id, what] = identity.read_link::<2>(link, campaign, token)?;
        Some((lead_id, what, None))
    };
    let found = three().or_else(|| two(bound)).or_else(|| two(None));
    match found {
        Some((lead_id, what, subject)) => Ok(Followed { campaign, lead_id, what, subject }),
        None => Err(Reader::new(&campaign, request).link_ended().into()),
    }
}

/// Answers a request to `/confirm/{campaign}/{token}`.
pub async fn confirm(cx: Cx<'_, impl Ports>, path: [&str; 2], request: &RawRequest) -> Answered {
    if !matches!(request.method, Method::Get | Method::Post) {
        return Response::method_not_allowed("GET, POST").into();
    }
    let Followed { campaign, lead_id, what: submission_id, .. } =
        match follow(cx, path, Link::Confirm, request).await {
            Ok(found) => found,
            Err(answered) => return answered,
        };
    let campaign = &campaign;
    let reader = Reader::new(campaign, request);
    match request.method {
        Method::Get => reader.ask_to_confirm().into(),
        _ => {
            let (of, submission) = (campaign.id.clone(), submission_id.clone());
            let confirm = Confirm { campaign: of, lead_id: lead_id.into(), submission_id: submission.into() };
            match cx.ask(&campaign.ledger, None, confirm).await {
                Ok(Some(confirmed)) => {
                    forget(cx, campaign, &confirmed.fingerprints).await;
                    let identity = cx.identity(&campaign);
                    let link = DownloadLink::new(campaign, &identity, &submission_id, cx.now);
                    let token = link.as_ref().map(|link| link.token.as_str());
                    told(reader.confirmed(token), "confirmed", campaign)
                }
                Ok(None) => told(reader.link_ended(), "confirmation_ended", campaign),
                Err(fault) => failed(&reader, &fault),
            }
        }
    }
}

/// Answers a request to `/d/{campaign}/{token}`: what the campaign gives in exchange. It is recorded before
/// it is given. A link of somebody of whom nothing is kept gives it as well, and tells nothing.
pub async fn download(cx: Cx<'_, impl Ports>, [id, token]: [&str; 2], request: &RawRequest) -> Answered {
    if !matches!(request.method, Method::Get | Method::Post) {
        return Response::method_not_allowed("GET, POST").into();
    }
    let campaign = match cx.campaign(id).await {
        Ok(Some(campaign)) => campaign,
        Ok(None) => return Response::nothing_here(request).into(),
        Err(fault) => return unread(id, request, &fault),
    };
    let reader = Reader::new(&campaign, request);
    let identity = cx.identity(&campaign);
    let good = DownloadLink::read(&campaign, &identity, token, cx.now_ms());
    let Some((magnet, (submission_id, until_ms))) = campaign.magnet.as_ref().zip(good) else {
        return reader.link_ended().into();
    };
    if request.method == Method::Get {
        return reader.download(magnet, until_ms).into();
    }
    if let Source::File(key) = &magnet.source {
        match cx.ports.has_file(key).await {
            Ok(true) => {}
            Ok(false) => {
                let fault = Fault::new("the file of a magnet is not in the bucket");
                return Answered { response: reader.file_gone(), ..faulted("files", &campaign.id, &fault) };
            }
            Err(fault) => {
                return Answered { response: reader.file_gone(), ..faulted("files", &campaign.id, &fault) };
            }
        }
    }
    let engage = Engage { campaign: Some(campaign.id.clone()), submission_id: submission_id.into() };
    match cx.ask(&campaign.ledger, None, engage).await {
        Ok(_) => {
            let log = json!({ "event": "download", "campaign": campaign.id });
            Answered { log: Some(log), ..Response::magnet(magnet).into() }
        }
        Err(fault) => failed(&reader, &fault),
    }
}

/// Answers a request to `/withdraw/{campaign}/{token}`. A post needs nothing but the address, so a
/// mail program's single click (RFC 8058) is one.
pub async fn withdraw(cx: Cx<'_, impl Ports>, path: [&str; 2], request: &RawRequest) -> Answered {
    if !matches!(request.method, Method::Get | Method::Post) {
        return Response::method_not_allowed("GET, POST").into();
    }
    let Followed { campaign, lead_id, what: purpose, subject } =
        match follow(cx, path, Link::Withdraw, request).await {
            Ok(found) => found,
            Err(answered) => return answered,
        };
    let campaign = &campaign;
    let reader = Reader::new(campaign, request);
    match request.method {
        Method::Get => {
            let receipt = format!("/withdraw/{}/{}/receipt", campaign.id, path[1]);
            reader.ask_to_withdraw(wording(campaign, &purpose), &receipt).into()
        }
        _ => {
            let body = request.body.as_deref().unwrap_or_default();
            let one_click = body.windows(ONE_CLICK.len()).any(|part| part == ONE_CLICK);
            let method = if one_click { "one_click" } else { "link" }.to_owned();
            let (of, purpose, method) = (Some(campaign.id.clone()), Some(purpose), Some(method));
            let withdraw = Withdraw { campaign: of, lead_id: lead_id.into(), subject, purpose, method };
            match cx.ask(&campaign.ledger, None, withdraw).await {
                Ok(Some(withdrawn)) => {
                    forget(cx, campaign, &withdrawn.fingerprints).await;
                    told(reader.withdrawn(), "withdrawn", campaign)
                }
                // What is gone cannot be used any more, which is what was asked for.
                Ok(None) => told(reader.withdrawn(), "withdrawn", campaign),
                Err(fault) => failed(&reader, &fault),
            }
        }
    }
}

/// Answers a request to `/withdraw/{campaign}/{token}/receipt`: what was agreed to, readable, with the
/// signed receipts.
pub async fn receipt(cx: Cx<'_, impl Ports>, path: [&str; 2], request: &RawRequest) -> Answered {
    if request.method != Method::Get {
        return Response::method_not_allowed("GET").into();
    }
    let Followed { campaign, lead_id, what: purpose, subject } =
        match follow(cx, path, Link::Withdraw, request).await {
            Ok(found) => found,
            Err(answered) => return answered,
        };
    let campaign = &campaign;
    let reader = Reader::new(campaign, request);
    match receipts(cx, campaign, (lead_id, subject), &purpose).await {
        Ok(consents) if consents.is_empty() => reader.link_ended().into(),
        Ok(consents) if request.prefers_html() => reader.receipts(&consents).into(),
        Ok(consents) => Response::receipts(&consents).into(),
        Err(fault) => failed(&reader, &fault),
    }
}

async fn receipts(
    cx: Cx<'_, impl Ports>,
    campaign: &Campaign,
    (lead_id, subject): (String, Option<String>),
    purpose: &str,
) -> Result<Vec<Value>, Fault> {
    let found = cx.ask(&campaign.ledger, None, Consents { lead_id: lead_id.into(), subject }).await?;
    let List(all) = found.unwrap_or_else(|| List(Vec::new()));
    let mut meant = Vec::new();
    for mut consent in all {
        let is = |key: &str| consent.get(key).and_then(Value::as_str).map(str::to_owned);
        if purpose != EVERY_PURPOSE && is("purpose").as_deref() != Some(purpose) {
            continue;
        }
        let signed = signed(cx.ports, is("receipt").into_iter().collect()).await?;
        let receipt = signed.first().map(|(input, signature)| compact(input, signature));
        if let Some(consent) = consent.as_object_mut() {
            consent.insert("receipt".to_owned(), json!(receipt));
        }
        meant.push(consent);
    }
    Ok(meant)
}

/// Forgets the last minutes of a person whose standing has changed.
async fn forget(cx: Cx<'_, impl Ports>, campaign: &Campaign, fingerprints: &[String]) {
    forget_seen(cx, &campaign.ledger, fingerprints, fingerprints.len()).await;
}

/// What the person reads of a purpose; nothing where the link is about all of them.
fn wording<'a>(campaign: &'a Campaign, purpose: &str) -> Option<&'a str> {
    let found = campaign.purposes.iter().find(|known| known.id == purpose);
    found.map(|purpose| purpose.wording.text.as_str())
}

fn told(response: Response, outcome: &str, campaign: &Campaign) -> Answered {
    let log = json!({ "event": "consent", "outcome": outcome, "campaign": campaign.id });
    Answered { log: Some(log), ..response.into() }
}

fn failed(reader: &Reader<'_>, fault: &Fault) -> Answered {
    Answered { response: reader.try_again(), ..faulted("ledger", &reader.campaign.id, fault) }
}
