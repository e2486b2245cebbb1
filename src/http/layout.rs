//! Layout of every page: head, style and content security policy.

use maud::{DOCTYPE, Markup, html};

use super::reader::Reader;
use super::request::RawRequest;
use super::response::{HTML, Response};
use crate::base::crypto::{base64, sha256};
use crate::base::i18n::Language;
use crate::campaign::{Campaign, Colour, Source};

/// The style sheet of all pages, a static file.
const STYLE: &str = "/form.css";

impl Reader<'_> {
    /// Returns a link to the privacy notice.
    pub(super) fn privacy_notice(&self) -> Markup {
        html! { a href=(self.campaign.privacy_notice) { (self.text("form.privacy_notice")) } }
    }

    /// Returns a paragraph for each text.
    pub(super) fn sentences(&self, keys: &[&'static str]) -> Markup {
        html! { @for key in keys { p { (self.text(key)) } } }
    }

    /// Returns a page whose address lets its holder do something: it is not passed on as a referrer, not indexed and
    /// not framed.
    pub(super) fn link_page(&self, status: u16, content: Markup) -> Response {
        unlisted(self.page_within(status, content, "frame-ancestors 'none'"))
    }

    /// Returns a page that replaces a form, also in a frame.
    pub(super) fn page(&self, status: u16, content: Markup) -> Response {
        self.page_within(status, content, &self.frames())
    }

    fn page_within(&self, status: u16, content: Markup, frames: &str) -> Response {
        let policy = self.policy(&format!("{}; {frames}", self.form_action()));
        self.document(status, html! {}, content).with("content-security-policy", policy)
    }

    /// Returns the directive by which the campaign's own pages can show its form in a frame.
    pub(super) fn frames(&self) -> String {
        let origins: String = self.campaign.origins.iter().filter_map(|origin| source(origin)).collect();
        format!("frame-ancestors 'self'{origins}")
    }

    /// Returns a whole page without its content security policy.
    pub(super) fn document(&self, status: u16, head: Markup, content: Markup) -> Response {
        let Campaign { title, page, controller, .. } = self.campaign;
        let html = html! {
            (DOCTYPE)
            html lang=(self.language.tag()) {
                head {
                    (self::head(title))
                    @if let Some(style) = self.own_style() { style { (maud::PreEscaped(style)) } }
                    (head)
                }
                body {
                    main {
                        @if let Some(logo) = &page.logo { img class="logo" src=(logo.url) alt=(controller.name); }
                        h1 lang=[self.campaigns_language()] dir="auto" { (title) }
                        (content)
                    }
                }
            }
        };
        Response::new(status, HTML, html.into_string())
    }

    /// Returns the directive for the targets of a page's forms. Browsers apply it to redirects after a post as
    /// well, and those may redirect further.
    pub(super) fn form_action(&self) -> String {
        let magnet = self.campaign.magnet.as_ref().and_then(|magnet| match &magnet.source {
            Source::Url(url) => Some(url),
            Source::File(_) => None,
        });
        let onward: Vec<_> = self.campaign.thanks_url.iter().chain(magnet).collect();
        let schemes = match () {
            () if onward.iter().any(|url| url.starts_with("http:")) => " http: https:",
            () if onward.is_empty() => "",
            () => " https:",
        };
        format!("form-action 'self'{schemes}")
    }

    /// Returns the content security policy with more directives: a page loads its style and its logo, and nothing
    /// else.
    pub(super) fn policy(&self, more: &str) -> String {
        let style =
            self.own_style().map(|style| format!(" 'sha256-{}'", base64(&sha256(&[style.as_bytes()]))));
        let logo = self.campaign.page.logo.as_ref().and_then(|logo| source(&logo.origin));
        format!(
            "default-src 'none'; style-src 'self'{}; img-src data:{}; base-uri 'none'; {more}",
            style.unwrap_or_default(),
            logo.unwrap_or_default(),
        )
    }

    /// Returns a style with the campaign's colours. Of the campaign it holds hexadecimal digits only.
    fn own_style(&self) -> Option<String> {
        let page = &self.campaign.page;
        let accent = |colour: Colour| format!("--accent:{};--on-accent:{};", colour.css(), colour.ink());
        let background = |colour: Colour| format!("--paper:{};", colour.css());
        let own: String =
            page.accent.map(accent).into_iter().chain(page.background.map(background)).collect();
        (!own.is_empty()).then(|| format!(":root{{{own}}}"))
    }
}

/// Returns an origin as one more source of a policy; `None` for one that a policy would not read as a single source:
/// campaigns that were published before this was checked may have such a host.
fn source(origin: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    origin.chars().all(is_plain).then(|| format!(" {origin}"))
}

/// Returns the elements of every head.
fn head(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        title { (title) }
        link rel="icon" href="data:,";
        link rel="stylesheet" href=(STYLE);
    }
}

/// Keeps a response out of referrers and search engines.
pub(super) fn unlisted(response: Response) -> Response {
    response.with("referrer-policy", "no-referrer").with("x-robots-tag", "noindex")
}

/// Returns a form with a button that posts to the page's own address.
pub(super) fn button(label: &str) -> Markup {
    html! { form method="post" { button { (label) } } }
}

/// Returns a page of one sentence, without a campaign.
pub(super) fn bare(status: u16, request: &RawRequest, key: &'static str) -> Response {
    let language =
        request.accept_language.as_deref().and_then(Language::accepted).unwrap_or(Language::English);
    let html = html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head { (head(language.text(key))) }
            body { main { h1 { (language.text(key)) } } }
        }
    };
    let policy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'";
    Response::new(status, HTML, html.into_string()).with("content-security-policy", policy)
}
