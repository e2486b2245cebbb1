//! Links to what a campaign gives in exchange.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::pages::{Reader, button, unlisted};
use super::response::Response;
use crate::base::moment::Moment;
use crate::base::time::{HOUR_MS, hour_of, rfc3339};
use crate::campaign::{Campaign, Magnet, Source};
use crate::pipeline::lead::{Identity, Link};

/// A link of one submission.
pub struct Download {
    /// What its address ends with.
    pub token: String,
    /// The whole address; below the root where Leadhook's own is not known.
    url: String,
    title: String,
    until_ms: i64,
}

impl Download {
    /// The link of a submission, to what its campaign gives and no other. It is another one each time, and shows
    /// nobody whose it is: a link that is passed on does not tell who had it. Whoever posts within the same hour
    /// gets the same end, so that it says nothing about them.
    pub fn new(
        campaign: &Campaign,
        identity: &Identity,
        submission_id: &str,
        public_url: Option<&str>,
        moment: &Moment,
    ) -> Option<Self> {
        let magnet = campaign.magnet.as_ref()?;
        let until_ms = hour_of(moment.now_ms) + HOUR_MS + magnet.valid_ms;
        let said = format!("{submission_id}.{}", until_ms / 1_000);
        let token = identity.sealed_link(&campaign.id, &said, moment);
        let url = format!("{}{}", public_url.unwrap_or_default(), address(campaign, &token));
        Some(Self { token, url, title: magnet.title.clone(), until_ms })
    }

    /// The submission of a campaign's token that is still good, and until when it is.
    pub fn read(campaign: &Campaign, identity: &Identity, token: &str, now_ms: i64) -> Option<(String, i64)> {
        let said = identity.read_sealed_link(&campaign.id, token);
        let (submission_id, until_s) = match said.as_deref().and_then(|said| said.split_once('.')) {
            Some((submission_id, until_s)) => (submission_id.to_owned(), until_s.to_owned()),
            None => {
                // A link of before they were sealed.
                let [of, submission_id, until_s] = identity.read_link(Link::Download, None, token)?;
                (of == campaign.id).then_some((submission_id, until_s))?
            }
        };
        let until_ms = until_s.parse::<i64>().ok()?.checked_mul(1_000)?;
        (now_ms < until_ms).then_some((submission_id, until_ms))
    }

    /// As a program gets it.
    pub fn to_json(&self) -> Value {
        json!({ "title": self.title, "url": self.url, "expires_at": rfc3339(self.until_ms) })
    }
}

fn address(campaign: &Campaign, token: &str) -> String {
    format!("/d/{}/{token}", campaign.id)
}

impl Reader<'_> {
    /// A button to what the campaign gives, on a page that says something else.
    pub(crate) fn offered(&self, token: Option<&str>) -> Markup {
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

    /// The page of a link: only its button gives anything, for programs open links too.
    pub fn download(&self, magnet: &Magnet, until_ms: i64) -> Response {
        let until = self.date(until_ms);
        let content = html! {
            p dir="auto" { (self.ready(magnet)) }
            (button(self.text("download.button")))
            p class="notice" { (self.language.filled("download.until", &[("date", &until)])) }
        };
        self.link_page(200, content)
    }

    fn ready(&self, magnet: &Magnet) -> String {
        self.language.filled("download.ready", &[("title", &magnet.title)])
    }

    /// 503: the file is not in the bucket.
    pub fn file_gone(&self) -> Response {
        let page = self.link_page(503, self.sentences(&["download.gone"]));
        page.with("retry-after", super::problem::RETRY_AFTER_S.to_string())
    }
}

impl Response {
    /// What the campaign gives: the way to an address, or a file of the bucket.
    pub fn given(magnet: &Magnet) -> Self {
        let given = match &magnet.source {
            Source::Url(url) => Self::elsewhere(url.clone()),
            Source::File(key) => {
                let file = Some(key.clone());
                let named = Self::new(200, "application/octet-stream", "");
                Self { file, ..named }.with("content-disposition", disposition(key))
            }
        };
        unlisted(given)
    }
}

/// Lets browsers keep a file under the last part of its key (RFC 6266, and RFC 8187 for its letters).
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
