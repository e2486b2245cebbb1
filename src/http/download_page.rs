//! The page of a download link, and the magnet behind it.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::layout::{button, unlisted};
use super::reader::Reader;
use super::response::Response;
use crate::base::time::rfc3339;
use crate::campaign::{Campaign, Magnet, Source};
use crate::pipeline::lead::DownloadLink;

/// Returns a download link as JSON. The address is relative if Leadhook's own is not known.
pub(super) fn link_json(
    campaign: &Campaign,
    magnet: &Magnet,
    link: &DownloadLink,
    public_url: Option<&str>,
) -> Value {
    let url = format!("{}{}", public_url.unwrap_or_default(), address(campaign, &link.token));
    json!({ "title": magnet.title, "url": url, "expires_at": rfc3339(link.until_ms) })
}

/// Returns the address of a download link.
fn address(campaign: &Campaign, token: &str) -> String {
    format!("/d/{}/{token}", campaign.id)
}

impl Reader<'_> {
    /// Returns a button to the magnet, for pages about something else.
    pub(super) fn magnet_offer(&self, token: Option<&str>) -> Markup {
        let offer = self.campaign.magnet.as_ref().zip(token);
        html! {
            @if let Some((magnet, token)) = offer {
                p dir="auto" { (self.ready(magnet)) }
                form method="post" action=(address(self.campaign, token)) {
                    button { (self.text("download.button")) }
                }
            }
        }
    }

    /// Returns 200: the page of a download link. Only its button gives the magnet, because programs open links too.
    pub fn download(&self, magnet: &Magnet, until_ms: i64) -> Response {
        let until = self.date(until_ms);
        let content = html! {
            p dir="auto" { (self.ready(magnet)) }
            (button(self.text("download.button")))
            p class="notice" { (self.language.filled("download.until", &[("date", &until)])) }
        };
        self.link_page(200, content)
    }

    /// Returns the sentence that the magnet is ready.
    fn ready(&self, magnet: &Magnet) -> String {
        self.language.filled("download.ready", &[("title", &magnet.title)])
    }

    /// Returns 503: the file is not in the bucket.
    pub fn file_gone(&self) -> Response {
        let page = self.link_page(503, self.sentences(&["download.gone"]));
        page.with("retry-after", super::problem::RETRY_AFTER_S.to_string())
    }
}

impl Response {
    /// Returns the magnet: a redirect to an address, or a file of the bucket.
    pub fn magnet(magnet: &Magnet) -> Self {
        let response = match &magnet.source {
            Source::Url(url) => Self::redirect(url.clone()),
            Source::File(key) => {
                let file = Some(key.clone());
                let empty = Self::new(200, "application/octet-stream", "");
                Self { file, ..empty }.with("content-disposition", disposition(key))
            }
        };
        unlisted(response)
    }
}

/// Returns a content disposition with the last part of a file's key as its name (RFC 6266; RFC 8187 for other letters
/// than ASCII).
fn disposition(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_file_is_kept_under_its_name_whatever_its_letters() {
        for (key, kept) in [
            ("guides/spring.pdf", "attachment; filename=\"spring.pdf\"; filename*=UTF-8''spring.pdf"),
            (
                "Vår guide.pdf",
                "attachment; filename=\"V_r guide.pdf\"; filename*=UTF-8''V%C3%A5r%20guide.pdf",
            ),
            ("a\";x=1.pdf", "attachment; filename=\"a__x_1.pdf\"; filename*=UTF-8''a%22%3Bx%3D1.pdf"),
        ] {
            assert_eq!(disposition(key), kept);
        }
    }
}
