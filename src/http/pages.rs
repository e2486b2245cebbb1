//! Pages that inform people, in their language.

use maud::html;
use serde_json::Value;

use super::layout::{bare, button};
use super::problem::RETRY_AFTER_S;
use super::reader::Reader;
use super::request::RawRequest;
use super::response::Response;
use crate::base::json::number_text;
use crate::base::time::parse_rfc3339;
use crate::campaign::{Kind, ProblemCode};
use crate::pipeline::intake::{FieldProblem, Rejection};

impl Reader<'_> {
    /// Returns 422 to a browser's form post: every problem at once.
    pub fn rejected(&self, rejection: &Rejection) -> Response {
        let line = |problem: &FieldProblem| {
            html! { li { strong dir="auto" { (self.field_label(&problem.field)) } " " (self.problem_text(problem)) } }
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

    /// Returns the text by which the visitor knows a field: its label or the purpose's wording.
    fn field_label<'b>(&'b self, field: &'b str) -> &'b str {
        let label = self.campaign.field(field).map(|field| field.label.as_deref().unwrap_or(&field.name));
        let consent = field.strip_prefix("consent.");
        let purpose = consent.and_then(|id| self.campaign.purposes.iter().find(|purpose| purpose.id == id));
        purpose.map(|purpose| purpose.wording.text.as_str()).or(label).unwrap_or(field)
    }

    /// Returns the text of a problem for the visitor.
    fn problem_text(&self, problem: &FieldProblem) -> String {
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

    /// Returns 200: the built-in thanks page, with a button to the magnet.
    pub fn thanks(&self, download: Option<&str>) -> Response {
        let own = self.campaign.page.thanks.as_deref();
        self.page(
            200,
            html! {
                p dir="auto" { (own.unwrap_or(self.text("form.thanks"))) }
                @if self.campaign.double_opt_in.is_some() { p { (self.text("form.look_into_mailbox")) } }
                (self.magnet_offer(download))
            },
        )
    }

    /// Returns 400, 413 or 415 to a browser's form post: the body could not be decoded.
    pub fn unreadable(&self, status: u16) -> Response {
        self.page(status, self.sentences(&["page.unreadable", "page.still_there"]))
    }

    /// Returns 429 to a browser's form post.
    pub fn throttled(&self, wait_s: i64) -> Response {
        let page = self.page(429, self.sentences(&["page.crowded", "page.back_in_a_minute"]));
        page.with("retry-after", wait_s.to_string())
    }

    /// Returns 503 to a browser's form post. It is a page, because no program retries for a person.
    pub fn fault(&self) -> Response {
        let page = self.page(503, self.sentences(&["page.not_received", "page.back_in_a_moment"]));
        page.with("retry-after", RETRY_AFTER_S.to_string())
    }

    /// Returns 200: the page of a confirmation link, which asks the owner of the address to confirm.
    pub fn ask_to_confirm(&self) -> Response {
        self.link_page(
            200,
            html! {
                p { (self.naming_controller("page.ask_to_confirm")) }
                (button(self.text("page.confirm")))
            },
        )
    }

    /// Returns 200: the address is confirmed, with a button to the magnet.
    pub fn confirmed(&self, download: Option<&str>) -> Response {
        let content = html! {
            p { (self.text("page.confirmed")) }
            (self.magnet_offer(download))
        };
        self.link_page(200, content)
    }

    /// Returns 200: the page of a withdrawal link, for one consent or all of them.
    pub fn ask_to_withdraw(&self, wording: Option<&str>, receipt: &str) -> Response {
        self.link_page(
            200,
            html! {
                p { (self.naming_controller("page.ask_to_withdraw")) }
                @match wording {
                    Some(text) => blockquote lang=[self.campaigns_language()] dir="auto" { (text) },
                    None => p { (self.text("page.everything")) },
                }
                (button(self.text("page.withdraw")))
                p { a href=(receipt) { (self.text("page.agreed")) } }
            },
        )
    }

    /// Returns 200: the consent is withdrawn.
    pub fn withdrawn(&self) -> Response {
        self.link_page(200, self.sentences(&["page.withdrawn"]))
    }

    /// Returns 410: the link is invalid or has expired.
    pub fn link_ended(&self) -> Response {
        self.link_page(410, self.sentences(&["page.link_ended", "page.send_again"]))
    }

    /// Returns 503 to a person who followed a link.
    pub fn try_again(&self) -> Response {
        let page = self.link_page(503, self.sentences(&["page.try_again"]));
        page.with("retry-after", RETRY_AFTER_S.to_string())
    }

    /// Returns 200: the consents of a person, with the signed receipts.
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
                p { (self.naming_controller("page.receipts")) }
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
}

impl Response {
    /// Returns 404: a page for browsers, problem details for programs.
    pub fn nothing_here(request: &RawRequest) -> Self {
        if request.prefers_html() { bare(404, request, "page.not_found") } else { Self::not_found() }
    }

    /// Returns 503 if not even the campaign is known: a page for browsers, problem details for programs.
    pub fn not_now(request: &RawRequest) -> Self {
        if !request.prefers_html() {
            return Self::fault();
        }
        bare(503, request, "page.try_again").with("retry-after", RETRY_AFTER_S.to_string())
    }
}
