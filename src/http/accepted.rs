//! The response to an accepted submission, which is the same whatever the ledger decides.

use serde_json::json;

use super::download_page::link_json;
use super::response::Response;
use crate::campaign::{Campaign, Kind};
use crate::pipeline::lead::DownloadLink;

impl Response {
    /// Returns 202 for programs, a redirect to the thanks page for browsers: the submission is stored. A program learns which
    /// domain was likely meant in the address, and may ask the visitor.
    pub fn accepted(
        submission_id: &str,
        campaign: &Campaign,
        browser: bool,
        suggested_domain: Option<&str>,
        download: Option<&DownloadLink>,
        public_url: Option<&str>,
    ) -> Self {
        if browser {
            let token = download.map(|download| format!("?d={}", download.token)).unwrap_or_default();
            let built_in = || format!("/c/{}/thanks{token}", campaign.id);
            let to = campaign.thanks_url.clone().unwrap_or_else(built_in);
            return Self::redirect(to);
        }
        let mut body = json!({ "submission_id": submission_id, "status": "accepted" });
        if let (Some(magnet), Some(link), Some(body)) = (&campaign.magnet, download, body.as_object_mut()) {
            body.insert("download".to_owned(), link_json(campaign, magnet, link, public_url));
        }
        let field = campaign.fields.iter().find(|field| field.kind == Kind::Email);
        if let (Some(domain), Some(field), Some(body)) = (suggested_domain, field, body.as_object_mut()) {
            let hint = json!({
                "field": field.name, "code": "likely_typing_error", "suggested_domain": domain,
                "detail": format!("was {domain} meant?"),
            });
            body.insert("hints".to_owned(), json!([hint]));
        }
        Self { status: 202, ..Self::json(&body) }
    }
}
