//! The pages that tell people something, in their language.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::problem::RETRY_AFTER_S;
use super::request::RawRequest;
use super::response::{HTML, Response};
use crate::base::crypto::{base64, sha256};
use crate::base::i18n::Language;
use crate::base::json::number_text;
use crate::base::time::parse_rfc3339;
use crate::base::time_zone;
use crate::campaign::{Campaign, Colour, Kind, ProblemCode, Source};
use crate::pipeline::intake::{FieldProblem, Rejection};

/// The style of all pages, one of the files that are served as they are.
const STYLE: &str = "/form.css";

/// Who reads a page: a visitor of a campaign, in a language.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// What the page is about.
    pub campaign: &'a Campaign,
    /// What it is written in.
    pub language: Language,
}

impl<'a> Reader<'a> {
    /// The campaign's language goes ahead, for its wordings are in it. Where it states none that there are
    /// texts in, the browser's counts.
    pub fn new(campaign: &'a Campaign, request: &RawRequest) -> Self {
        let browsers = || request.accept_language.as_deref().and_then(Language::accepted);
        let language = campaign.ui_language.or_else(browsers).unwrap_or(Language::English);
        Self { campaign, language }
    }

    /// The language of what the campaign says, where it is another one than the page's (WCAG 2.2, 3.1.2).
    pub(crate) fn campaigns_language(&self) -> Option<&'a str> {
        let language = self.campaign.language.as_str();
        Language::of_tag(language).is_none().then_some(language)
    }

    /// The day of a time, where the campaign is.
    pub(crate) fn date(&self, ms: i64) -> String {
        time_zone::date(&self.campaign.time_zone, ms)
    }

    pub(crate) fn text(&self, key: &'static str) -> &'static str {
        self.language.text(key)
    }

    /// A text in which the controller may be named.
    pub(crate) fn naming(&self, key: &'static str) -> String {
        self.language.filled(key, &[("controller", &self.campaign.controller.name)])
    }

    /// 422 to a browser's form post: every problem at once.
    pub fn rejected(&self, rejection: &Rejection) -> Response {
        let line = |problem: &FieldProblem| {
            html! { li { strong dir="auto" { (self.named(&problem.field)) } " " (self.told(problem)) } }
        };
        self.page(
            422,
            html! {
                p { (self.text("page.correct")) }
                ul { @for problem in &rejection.problems { (line(problem)) } }
                p { (self.text("page.still_there")) }
            },
        )
    }

    /// What the visitor knows a field by.
    fn named<'b>(&'b self, field: &'b str) -> &'b str {
        let label = self.campaign.field(field).map(|field| field.label.as_deref().unwrap_or(&field.name));
        let consent = field.strip_prefix("consent.");
        let purpose = consent.and_then(|id| self.campaign.purposes.iter().find(|purpose| purpose.id == id));
        purpose.map(|purpose| purpose.wording.text.as_str()).or(label).unwrap_or(field)
    }

    /// What a visitor reads of a problem.
    fn told(&self, problem: &FieldProblem) -> String {
        let key = match problem.code {
            ProblemCode::Required => "error.required",
            ProblemCode::Repeated => "error.repeated",
            ProblemCode::ConsentRequired => "error.consent_required",
            ProblemCode::WordingOutdated => "error.wording_outdated",
            ProblemCode::InvalidEmail => "error.invalid_email",
            ProblemCode::InvalidPhone => "error.invalid_phone",
            ProblemCode::TooShort => "error.too_short",
            ProblemCode::TooLong => "error.too_long",
            ProblemCode::NotAChoice => "error.not_a_choice",
            ProblemCode::InvalidNumber => "error.invalid_number",
            ProblemCode::TooSmall => "error.too_small",
            ProblemCode::TooLarge => "error.too_large",
            ProblemCode::InvalidBoolean => "error.invalid_boolean",
            ProblemCode::InvalidCountry => "error.invalid_country",
            ProblemCode::InvalidDate => "error.invalid_date",
            ProblemCode::InvalidUrl => "error.invalid_url",
            ProblemCode::WrongType
            | ProblemCode::UnknownField
            | ProblemCode::IdempotencyKeyInvalid
            | ProblemCode::IdempotencyKeyReused => "error.other",
        };
        let (min, max) = match self.campaign.field(&problem.field).map(|field| &field.kind) {
            Some(Kind::Text { min, max }) => (min.to_string(), max.to_string()),
            Some(Kind::Url { max }) => (String::new(), max.to_string()),
            Some(Kind::Number { min, max }) => {
                let shown = |bound: &Option<f64>| bound.map(number_text).unwrap_or_default();
                (shown(min), shown(max))
            }
            _ => Default::default(),
        };
        self.language.filled(key, &[("min", &min), ("max", &max)])
    }

    /// The built-in page that thanks, with a link to what the campaign gives.
    pub fn thanks(&self, download: Option<&str>) -> Response {
        let own = self.campaign.page.thanks.as_deref();
        self.page(
            200,
            html! {
                p dir="auto" { (own.unwrap_or(self.text("form.thanks"))) }
                @if self.campaign.double_opt_in.is_some() { p { (self.text("form.look_into_mailbox")) } }
                (self.offered(download))
            },
        )
    }

    /// 400, 413 or 415 to a browser's form post: its fields could not be read.
    pub fn unreadable(&self, status: u16) -> Response {
        self.page(status, self.sentences(&["page.unreadable", "page.still_there"]))
    }

    /// 429 to a browser's form post.
    pub fn throttled(&self, wait_s: i64) -> Response {
        let page = self.page(429, self.sentences(&["page.crowded", "page.back_in_a_minute"]));
        page.with("retry-after", wait_s.to_string())
    }

    /// 503 to a browser's form post: a page, for nobody retries for a person.
    pub fn fault(&self) -> Response {
        let page = self.page(503, self.sentences(&["page.not_received", "page.back_in_a_moment"]));
        page.with("retry-after", RETRY_AFTER_S.to_string())
    }

    /// The page of a link that asks the owner of an address to confirm.
    pub fn ask_to_confirm(&self) -> Response {
        self.link_page(
            200,
            html! {
                p { (self.naming("page.ask_to_confirm")) }
                (button(self.text("page.confirm")))
            },
        )
    }

    /// The address is confirmed, with a link to what the campaign gives.
    pub fn confirmed(&self, download: Option<&str>) -> Response {
        let content = html! {
            p { (self.text("page.confirmed")) }
            (self.offered(download))
        };
        self.link_page(200, content)
    }

    /// The page of a link that takes back a consent: this one, or everything.
    pub fn ask_to_withdraw(&self, wording: Option<&str>, receipt: &str) -> Response {
        self.link_page(
            200,
            html! {
                p { (self.naming("page.ask_to_withdraw")) }
                @match wording {
                    Some(text) => blockquote lang=[self.campaigns_language()] dir="auto" { (text) },
                    None => p { (self.text("page.everything")) },
                }
                (button(self.text("page.withdraw")))
                p { a href=(receipt) { (self.text("page.agreed")) } }
            },
        )
    }

    /// The consent is taken back.
    pub fn withdrawn(&self) -> Response {
        self.link_page(200, self.sentences(&["page.withdrawn"]))
    }

    /// 410: the link is not one of ours, or what it was about has ended.
    pub fn link_ended(&self) -> Response {
        self.link_page(410, self.sentences(&["page.link_ended", "page.send_again"]))
    }

    /// 503 to somebody who followed a link.
    pub fn try_again(&self) -> Response {
        let page = self.link_page(503, self.sentences(&["page.try_again"]));
        page.with("retry-after", RETRY_AFTER_S.to_string())
    }

    /// What a person has agreed to, with the signed receipts.
    pub fn receipts(&self, consents: &[Value]) -> Response {
        let text = |consent: &'_ Value, key: &str| {
            consent.get(key).and_then(Value::as_str).unwrap_or("-").to_owned()
        };
        let since = |consent: &Value| {
            let state = match consent.get("state").and_then(Value::as_str) {
                Some("requested") => "state.requested",
                Some("confirmed") => "state.confirmed",
                Some("refused") => "state.refused",
                Some("withdrawn") => "state.withdrawn",
                Some("expired") => "state.expired",
                _ => "state.given",
            };
            let since = parse_rfc3339(&text(consent, "since")).map(|ms| self.date(ms)).unwrap_or_default();
            self.language.filled("page.since", &[("state", self.text(state)), ("date", &since)])
        };
        self.link_page(
            200,
            html! {
                p { (self.naming("page.receipts")) }
                @for consent in consents {
                    blockquote lang=[self.campaigns_language()] dir="auto" { (text(consent, "text")) }
                    p { (since(consent)) }
                    details {
                        summary { (self.text("page.signed_receipt")) }
                        pre { (text(consent, "receipt")) }
                    }
                }
                p { (self.privacy_notice()) }
            },
        )
    }

    pub(crate) fn privacy_notice(&self) -> Markup {
        html! { a href=(self.campaign.privacy_notice) { (self.text("form.privacy_notice")) } }
    }

    pub(crate) fn sentences(&self, keys: &[&'static str]) -> Markup {
        html! { @for key in keys { p { (self.text(key)) } } }
    }

    /// A page behind a link whose address lets its holder do something: it is not passed on, not found and
    /// not framed.
    pub(crate) fn link_page(&self, status: u16, content: Markup) -> Response {
        unlisted(self.page_within(status, content, "frame-ancestors 'none'"))
    }

    /// A page that answers a form, and stands where the form stood.
    fn page(&self, status: u16, content: Markup) -> Response {
        self.page_within(status, content, &self.frames())
    }

    fn page_within(&self, status: u16, content: Markup, frames: &str) -> Response {
        let policy = self.policy(&format!("{}; {frames}", self.form_action()));
        self.document(status, html! {}, content).with("content-security-policy", policy)
    }

    /// The campaign's own pages may show its form in a frame.
    pub(crate) fn frames(&self) -> String {
        let origins: String = self.campaign.origins.iter().filter_map(|origin| source(origin)).collect();
        format!("frame-ancestors 'self'{origins}")
    }

    /// A whole page without its policy.
    pub(crate) fn document(&self, status: u16, head: Markup, content: Markup) -> Response {
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

    /// Where a page's forms may lead. Browsers hold what a post is redirected to to it as well, which may
    /// redirect further.
    pub(crate) fn form_action(&self) -> String {
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

    /// What a page may load, with more directives: its style and its logo, and nothing else.
    pub(crate) fn policy(&self, more: &str) -> String {
        let style =
            self.own_style().map(|style| format!(" 'sha256-{}'", base64(&sha256(&[style.as_bytes()]))));
        let logo = self.campaign.page.logo.as_ref().and_then(|logo| source(&logo.origin));
        format!(
            "default-src 'none'; style-src 'self'{}; img-src data:{}; base-uri 'none'; {more}",
            style.unwrap_or_default(),
            logo.unwrap_or_default(),
        )
    }

    /// The campaign's colours. It holds nothing but digits of the campaign's.
    fn own_style(&self) -> Option<String> {
        let page = &self.campaign.page;
        let accent = |colour: Colour| format!("--accent:{};--on-accent:{};", colour.css(), colour.ink());
        let background = |colour: Colour| format!("--paper:{};", colour.css());
        let own: String =
            page.accent.map(accent).into_iter().chain(page.background.map(background)).collect();
        (!own.is_empty()).then(|| format!(":root{{{own}}}"))
    }
}

impl Response {
    /// 404 to whoever asked: a page, or problem details.
    pub fn nothing_here(request: &RawRequest) -> Self {
        if request.prefers_html() { bare(404, request, "page.not_found") } else { Self::not_found() }
    }

    /// 503 to whoever asked, where not even the campaign is known.
    pub fn not_now(request: &RawRequest) -> Self {
        if !request.prefers_html() {
            return Self::fault();
        }
        bare(503, request, "page.try_again").with("retry-after", RETRY_AFTER_S.to_string())
    }
}

/// A page of one sentence that is no campaign's.
fn bare(status: u16, request: &RawRequest, key: &'static str) -> Response {
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

/// An origin as one more source of a policy. One that a policy would read as more than that is left out:
/// campaigns that were published before that was looked at may have such a host.
fn source(origin: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    origin.chars().all(is_plain).then(|| format!(" {origin}"))
}

fn head(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        title { (title) }
        link rel="icon" href="data:,";
        link rel="stylesheet" href=(STYLE);
    }
}

pub(crate) fn unlisted(response: Response) -> Response {
    response.with("referrer-policy", "no-referrer").with("x-robots-tag", "noindex")
}

/// Posts to the page's own address.
pub(crate) fn button(label: &str) -> Markup {
    html! { form method="post" { button { (label) } } }
}
