//! The hosted form: a page that a campaign file alone makes. It works without scripts; with one,
//! `leadhook.js` checks what is typed before it is sent.

use std::cell::OnceCell;

use maud::{Markup, PreEscaped, html};

use super::reader::Reader;
use super::response::Response;
use crate::base::country::Country;
use crate::base::i18n::Language;
use crate::base::limits;
use crate::base::unicode::regions;
use crate::campaign::{Campaign, FORM_TOKEN, Field, Kind, Purpose, is_attribution};

/// Characters of a text from which on it is written into several lines, unless browsers know what it is.
const LINES_FROM: usize = limits::number("multiline_characters") as usize;
/// Attribution that is taken from the page's own address: more than any campaign has.
const MAX_CARRIED: usize = 20;
/// Where Turnstile's script and frame come from.
const TURNSTILE: &str = "https://challenges.cloudflare.com";

/// A form as it is hosted.
pub struct HostedForm<'a> {
    /// What says when it was.
    pub token: &'a str,
    /// What follows `?` in the page's address.
    pub query: &'a str,
    /// Leadhook's own origin.
    pub public_url: Option<&'a str>,
}

impl Reader<'_> {
    /// The form of a campaign.
    pub fn form(&self, hosted: &HostedForm<'_>) -> Response {
        let campaign = self.campaign;
        let about = campaign.page.intro.as_deref().unwrap_or(&campaign.title);
        let head = html! {
            meta name="description" content=(first_line(about));
            script src="/leadhook.js" defer {}
        };
        let content = html! {
            @if let Some(intro) = &campaign.page.intro {
                @for paragraph in intro.split("\n\n") {
                    p class="intro" lang=[self.campaigns_language()] dir="auto" { (paragraph) }
                }
            }
            form method="post" action={ "/c/" (campaign.id) } data-leadhook=(campaign.id) accept-charset="utf-8" {
                @for field in &campaign.fields { (self.field(field)) }
                @for purpose in &campaign.purposes { (self.consent(purpose)) }
                @if let Some(honeypot) = &campaign.abuse.honeypot { (self.trap(honeypot)) }
                input type="hidden" name=(FORM_TOKEN) value=(hosted.token);
                (attribution_inputs(campaign, hosted))
                button type="submit" dir="auto" { (campaign.page.button.as_deref().unwrap_or(self.text("form.submit"))) }
                p data-status role="status" {}
            }
            p class="notice" { (self.naming_controller("form.notice")) " " (self.privacy_notice()) }
        };
        let mut page = self.document(200, head, content);
        // Whoever goes back to it finds what was typed, which browsers do not keep of a page that may not
        // be stored at all.
        page.headers.retain(|(name, _)| *name != "cache-control");
        page.with("cache-control", "private, no-cache, no-transform")
            .with("content-security-policy", self.form_policy())
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
        let id = id_of(field);
        let language = self.campaigns_language();
        let label = html! {
            span lang=[language] dir="auto" { (field.label.as_deref().unwrap_or(&field.name)) }
            @if !field.required { " " span class="optional" { (self.text("form.optional")) } }
        };
        let help = html! {
            @if let Some(help) = &field.help {
                p class="help" id=[help_id_of(field)] lang=[language] dir="auto" { (help) }
            }
        };
        match &field.kind {
            Kind::Boolean if !field.required => html! {
                div class="field box" {
                    (self.control(field, "input", &[("type", "checkbox"), ("value", "true")], None))
                    label for=(id) { (label) }
                    (help)
                }
            },
            Kind::Choice { choices, several: true } => html! {
                fieldset class="field" aria-describedby=[help_id_of(field)] {
                    legend { (label) }
                    (help)
                    @for (at, choice) in choices.iter().enumerate() {
                        @let id = format!("{id}-{at}");
                        div class="box" {
                            input id=(id) name=(field.name) type="checkbox" value=(choice);
                            label for=(id) lang=[language] dir="auto" { (choice) }
                        }
                    }
                }
            },
            _ => html! {
                div class="field" {
                    label for=(id) { (label) }
                    (self.input(field))
                    (help)
                }
            },
        }
    }

    /// What takes the answer to a field.
    fn input(&self, field: &Field) -> Markup {
        let choose = |options: Markup| html! { option value="" { (self.text("form.choose")) } (options) };
        let select =
            |more: &[(&str, &str)], options| self.control(field, "select", more, Some(choose(options)));
        match &field.kind {
            Kind::Text { max, .. } if *max > LINES_FROM && self.autocomplete(field).is_none() => {
                self.control(field, "textarea", &[("rows", "4"), ("dir", "auto")], Some(html! {}))
            }
            Kind::Choice { choices, .. } => select(
                &[("dir", "auto")],
                html! {
                    @for choice in choices {
                        option value=(choice) lang=[self.campaigns_language()] { (choice) }
                    }
                },
            ),
            Kind::Boolean => select(
                &[],
                html! {
                    option value="true" { (self.text("form.yes")) }
                    option value="false" { (self.text("form.no")) }
                },
            ),
            Kind::Country => select(&[], countries(self.language)),
            // A number and an address are texts, so that what is typed is what is judged: a browser's own inputs
            // for them send something else or nothing where they do not like it. A keyboard for numbers may have
            // no minus.
            kind => {
                let more: &[(&str, &str)] = match kind {
                    Kind::Email => &[("type", "email")],
                    Kind::Phone => &[("type", "tel")],
                    Kind::Date => &[("type", "date")],
                    Kind::Url { .. } => &[("type", "text"), ("inputmode", "url")],
                    Kind::Number { min, .. } if min.is_none_or(|min| min >= 0.0) => {
                        &[("type", "text"), ("inputmode", "decimal")]
                    }
                    Kind::Text { .. } => &[("type", "text"), ("dir", "auto")],
                    _ => &[("type", "text")],
                };
                self.control(field, "input", more, None)
            }
        }
    }

    /// An element of a form that a field's answer stands in; an input without content has no end.
    fn control(&self, field: &Field, tag: &str, more: &[(&str, &str)], content: Option<Markup>) -> Markup {
        let mut text = format!("<{tag}");
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                let value = html! { (value) };
                text.extend([" ", name, "=\"", &value.0, "\""]);
            }
        };
        add("id", Some(&id_of(field)));
        add("name", Some(&field.name));
        more.iter().for_each(|(name, value)| add(name, Some(value)));
        add("autocomplete", self.autocomplete(field));
        add("placeholder", field.placeholder.as_deref().filter(|_| tag != "select"));
        add("aria-describedby", help_id_of(field).as_deref());
        text.push_str(if field.required { " required>" } else { ">" });
        if let Some(content) = content {
            text.extend([&content.0, "</", tag, ">"]);
        }
        PreEscaped(text)
    }

    /// What browsers fill in. The visitor's own contact stands in the first field of its kind alone: the others
    /// are somebody else's.
    fn autocomplete<'a>(&self, field: &'a Field) -> Option<&'a str> {
        let of_visitor = match &field.kind {
            Kind::Email => "email",
            Kind::Phone => "tel",
            Kind::Url { .. } => "url",
            Kind::Country => "country",
            kind => return field.autocomplete.as_deref().or(by_name(kind, &field.name)),
        };
        let usual = if self.campaign.is_first(field) { of_visitor } else { "off" };
        Some(field.autocomplete.as_deref().unwrap_or(usual))
    }

    fn consent(&self, purpose: &Purpose) -> Markup {
        let name = format!("consent.{}", purpose.id);
        html! {
            div class="field box" {
                input id=(name) name=(name) type="checkbox" value=(purpose.version) required[purpose.required];
                label for=(name) lang=[self.campaigns_language()] dir="auto" { (purpose.wording.text) }
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
fn attribution_inputs(campaign: &Campaign, hosted: &HostedForm<'_>) -> Markup {
    let said = form_urlencoded::parse(hosted.query.as_bytes());
    let said = said
        .filter(|(name, text)| is_attribution(&name.to_ascii_lowercase()) && !text.is_empty())
        .take(MAX_CARRIED);
    let page = hosted.public_url.map(|own| format!("{own}/f/{}", campaign.id));
    html! {
        @for (name, text) in said { input type="hidden" name=(name) value=(text); }
        @if let Some(page) = page { input type="hidden" name="page_url" value=(page); }
    }
}

fn id_of(field: &Field) -> String {
    format!("f-{}", field.name)
}

/// Of what stands beside a field, where it has that.
fn help_id_of(field: &Field) -> Option<String> {
    field.help.as_ref().map(|_| format!("f-{}-help", field.name))
}

/// What browsers fill in, by the HTML standard's names.
fn by_name(kind: &Kind, name: &str) -> Option<&'static str> {
    if !matches!(kind, Kind::Text { .. }) {
        return None;
    }
    match name {
        "name" | "full_name" => Some("name"),
        "first_name" | "given_name" => Some("given-name"),
        "last_name" | "family_name" => Some("family-name"),
        "company" | "organisation" | "organization" => Some("organization"),
        "job_title" | "role" => Some("organization-title"),
        "city" => Some("address-level2"),
        "postal_code" | "postcode" | "zip" => Some("postal-code"),
        _ => None,
    }
}

/// What search engines and chats show below a link: the first paragraph as one line.
fn first_line(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
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
