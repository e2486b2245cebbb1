//! The hosted form: a page that a campaign file alone makes. It works without scripts; with one,
//! `leadhook.js` checks what is typed before it is sent.

use std::cell::OnceCell;

use maud::{Markup, html};

use super::Reply;
use super::page::Reader;
use crate::campaign::{Campaign, FORM_TOKEN, Field, Kind, Purpose, is_attribution};
use crate::country::Country;
use crate::text::regions;
use crate::texts::Language;

/// Characters of a text from which on it is written into several lines, unless browsers know what it is.
const LINES_FROM: usize = 300;
/// Attribution that is taken from the page's own address: more than any campaign has.
const MAX_CARRIED: usize = 20;
/// Where Turnstile's script and frame come from.
const TURNSTILE: &str = "https://challenges.cloudflare.com";

/// A form as it is shown.
pub struct Shown<'a> {
    /// What says when it was.
    pub token: &'a str,
    /// What follows `?` in the page's address.
    pub query: &'a str,
    /// Leadhook's own origin.
    pub public_url: Option<&'a str>,
}

impl Reader<'_> {
    /// The form of a campaign.
    pub fn form(&self, shown: &Shown<'_>) -> Reply {
        let campaign = self.campaign;
        let head = html! { script src="/leadhook.js" defer {} };
        let content = html! {
            @if let Some(intro) = &campaign.page.intro {
                @for paragraph in intro.split("\n\n") {
                    p class="intro" lang=[self.campaigns_language()] { (paragraph) }
                }
            }
            form method="post" action={ "/c/" (campaign.id) } data-leadhook=(campaign.id) accept-charset="utf-8" {
                @for field in &campaign.fields { (self.field(field)) }
                @for purpose in &campaign.purposes { (self.consent(purpose)) }
                @if let Some(honeypot) = &campaign.abuse.honeypot { (self.trap(honeypot)) }
                input type="hidden" name=(FORM_TOKEN) value=(shown.token);
                (carried(campaign, shown))
                button type="submit" { (campaign.page.button.as_deref().unwrap_or(self.text("form.submit"))) }
                p data-status role="status" {}
            }
            p class="notice" { (self.naming("form.notice")) " " (self.privacy_notice()) }
        };
        let mut page = self.document(200, head, content);
        // Whoever goes back to it finds what was typed, which browsers do not keep of a page that may not
        // be stored at all.
        page.headers.retain(|(name, _)| *name != "cache-control");
        page.with("cache-control", "private, no-cache").with("content-security-policy", self.form_policy())
    }

    /// The form's own script may run, and Turnstile's where the campaign asks it.
    fn form_policy(&self) -> String {
        let campaign = self.campaign;
        let (script, frame) = match &campaign.turnstile {
            Some(_) => (format!(" {TURNSTILE}"), format!("frame-src {TURNSTILE}; ")),
            None => Default::default(),
        };
        self.policy(&format!(
            "script-src 'self'{script}; connect-src 'self'; {frame}{}; {}",
            self.form_action(),
            self.frames()
        ))
    }

    fn field(&self, field: &Field) -> Markup {
        let id = format!("f-{}", field.name);
        let (name, required) = (&field.name, field.required);
        let language = self.campaigns_language();
        let label = html! {
            span lang=[language] { (field.label.as_deref().unwrap_or(name)) }
            @if !required { " " span class="optional" { (self.text("form.optional")) } }
        };
        if matches!(field.kind, Kind::Boolean) && !required {
            return html! {
                div class="field box" {
                    input id=(id) name=(name) type="checkbox" value="true";
                    label for=(id) { (label) }
                }
            };
        }
        html! {
            div class="field" {
                label for=(id) { (label) }
                @match &field.kind {
                    Kind::Text { max, .. } if *max > LINES_FROM && autocomplete(field).is_none() => {
                        textarea id=(id) name=(name) rows="4" required[required] {}
                    }
                    Kind::Choice { choices } => {
                        select id=(id) name=(name) required[required] {
                            option value="" { (self.text("form.choose")) }
                            @for choice in choices { option value=(choice) lang=[language] { (choice) } }
                        }
                    }
                    Kind::Boolean => {
                        select id=(id) name=(name) required[required] {
                            option value="" { (self.text("form.choose")) }
                            option value="true" { (self.text("form.yes")) }
                            option value="false" { (self.text("form.no")) }
                        }
                    }
                    Kind::Country => {
                        select id=(id) name=(name) autocomplete="country" required[required] {
                            option value="" { (self.text("form.choose")) }
                            (countries(self.language))
                        }
                    }
                    kind => {
                        input id=(id) name=(name) type=(input_type(kind)) autocomplete=[autocomplete(field)]
                            step=[matches!(kind, Kind::Number { .. }).then_some("any")] required[required];
                    }
                }
            }
        }
    }

    fn consent(&self, purpose: &Purpose) -> Markup {
        let name = format!("consent.{}", purpose.id);
        html! {
            div class="field box" {
                input id=(name) name=(name) type="checkbox" value=(purpose.version) required[purpose.required];
                label for=(name) lang=[self.campaigns_language()] { (purpose.wording.text) }
            }
        }
    }

    /// A field that people do not see.
    fn trap(&self, honeypot: &str) -> Markup {
        html! {
            p class="trap" aria-hidden="true" {
                label for="f-trap" { (self.text("form.leave_empty")) }
                input id="f-trap" name=(honeypot) tabindex="-1" autocomplete="off";
            }
        }
    }
}

/// Where the visitor came from, as far as the page's address says it.
fn carried(campaign: &Campaign, shown: &Shown<'_>) -> Markup {
    let said = form_urlencoded::parse(shown.query.as_bytes());
    let said = said.filter(|(name, text)| is_attribution(name) && !text.is_empty()).take(MAX_CARRIED);
    let page = shown.public_url.map(|own| format!("{own}/f/{}", campaign.id));
    html! {
        @for (name, text) in said { input type="hidden" name=(name) value=(text); }
        @if let Some(page) = page { input type="hidden" name="page_url" value=(page); }
    }
}

fn input_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Email => "email",
        Kind::Phone => "tel",
        Kind::Number { .. } => "number",
        Kind::Url { .. } => "url",
        Kind::Text { .. } | Kind::Choice { .. } | Kind::Boolean | Kind::Country => "text",
    }
}

/// What browsers fill in, by the HTML standard's names.
fn autocomplete(field: &Field) -> Option<&'static str> {
    match (&field.kind, field.name.as_str()) {
        (Kind::Email, _) => Some("email"),
        (Kind::Phone, _) => Some("tel"),
        (Kind::Url { .. }, _) => Some("url"),
        (Kind::Text { .. }, "name" | "full_name") => Some("name"),
        (Kind::Text { .. }, "first_name" | "given_name") => Some("given-name"),
        (Kind::Text { .. }, "last_name" | "family_name") => Some("family-name"),
        (Kind::Text { .. }, "company" | "organisation" | "organization") => Some("organization"),
        (Kind::Text { .. }, "job_title" | "role") => Some("organization-title"),
        (Kind::Text { .. }, "city") => Some("address-level2"),
        (Kind::Text { .. }, "postal_code" | "postcode" | "zip") => Some("postal-code"),
        _ => None,
    }
}

/// The countries by name, as the options of a choice. Made once an isolate: there are 249.
fn countries(language: Language) -> Markup {
    thread_local! {
        static OPTIONS: [OnceCell<Markup>; Language::ALL.len()] = const { [const { OnceCell::new() }; 3] };
    }
    let made = || {
        let named = regions(language.tag(), Country::all().map(|country| country.to_string()));
        html! { @for (code, name) in &named { option value=(code) { (name) } } }
    };
    OPTIONS.with(|options| {
        let at = Language::ALL.iter().position(|known| *known == language).unwrap_or_default();
        options.get(at).map(|options| options.get_or_init(made).clone()).unwrap_or_else(made)
    })
}
