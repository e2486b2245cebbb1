//! Hosted forms: pages that a campaign file is enough for. They work without scripts; with one, `leadhook.js` checks
//! the answers before it sends them.

use std::cell::OnceCell;

use maud::{Markup, PreEscaped, html};

use super::reader::Reader;
use super::response::Response;
use crate::base::country::Country;
use crate::base::i18n::Language;
use crate::base::limits;
use crate::base::unicode::regions;
use crate::campaign::{Campaign, FORM_TOKEN, Field, Kind, Purpose, is_attribution};

/// The length of a text from which on its input has several lines, unless browsers can fill it in.
const LINES_FROM: usize = limits::number("multiline_characters") as usize;
/// The most attribution parameters that are taken from the page's address: more than any campaign has.
const MAX_ATTRIBUTION_INPUTS: usize = 20;
/// The origin of Turnstile's script and frame.
const TURNSTILE: &str = "https://challenges.cloudflare.com";

/// A hosted form at the moment when it is rendered.
pub struct HostedForm<'a> {
    /// The form token.
    pub token: &'a str,
    /// The query of the page's address.
    pub query: &'a str,
    /// Leadhook's own origin.
    pub public_url: Option<&'a str>,
}

impl Reader<'_> {
    /// Returns 200: the hosted form of the campaign.
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
        // Whoever goes back to the form finds their answers: browsers forget them if a page must not be stored.
        page.headers.retain(|(name, _)| *name != "cache-control");
        page.with("cache-control", "private, no-cache, no-transform")
            .with("content-security-policy", self.form_policy())
    }

    /// Returns the content security policy: the form's own script may run, and Turnstile's if the campaign uses it.
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

    /// Returns a field with its label and help.
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

    /// Returns the input of a field.
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
            // Numbers and web addresses have text inputs, so that the answer arrives as it was typed: the inputs of
            // browsers for them send something else, or nothing, if they do not accept it. A numeric keyboard may
            // have no minus.
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

    /// Returns the element that holds a field's answer. An input has no content and no end tag.
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

    /// Returns the autofill value of a field. The visitor's own contact is only in the first field of its kind: the
    /// others are somebody else's.
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

    /// Returns the checkbox of a purpose.
    fn consent(&self, purpose: &Purpose) -> Markup {
        let name = format!("consent.{}", purpose.id);
        html! {
            div class="field box" {
                input id=(name) name=(name) type="checkbox" value=(purpose.version) required[purpose.required];
                label for=(name) lang=[self.campaigns_language()] dir="auto" { (purpose.wording.text) }
            }
        }
    }

    /// Returns the honeypot, which people do not see.
    fn trap(&self, honeypot: &str) -> Markup {
        html! {
            p class="trap" aria-hidden="true" {
                label for="f-trap" { (self.text("form.leave_empty")) }
                input id="f-trap" name=(honeypot) tabindex="-1" autocomplete="off";
            }
        }
    }
}

/// Returns hidden inputs with the attribution in the page's address.
fn attribution_inputs(campaign: &Campaign, hosted: &HostedForm<'_>) -> Markup {
    let attribution = form_urlencoded::parse(hosted.query.as_bytes())
        .filter(|(name, text)| is_attribution(&name.to_ascii_lowercase()) && !text.is_empty())
        .take(MAX_ATTRIBUTION_INPUTS);
    let page = hosted.public_url.map(|own| format!("{own}/f/{}", campaign.id));
    html! {
        @for (name, text) in attribution { input type="hidden" name=(name) value=(text); }
        @if let Some(page) = page { input type="hidden" name="page_url" value=(page); }
    }
}

/// Returns the id of a field's input.
fn id_of(field: &Field) -> String {
    format!("f-{}", field.name)
}

/// Returns the id of a field's help, if it has any.
fn help_id_of(field: &Field) -> Option<String> {
    field.help.as_ref().map(|_| format!("f-{}-help", field.name))
}

/// Returns the autofill value of the HTML standard for a field of this name.
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

/// Returns the first paragraph as one line: the description that search engines and chats show below a link.
fn first_line(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the countries by name, as options. They are rendered once per isolate: there are 249.
fn countries(language: Language) -> Markup {
    thread_local! {
        static OPTIONS: [OnceCell<Markup>; Language::ALL.len()] = const { [const { OnceCell::new() }; 3] };
    }
    let render = || {
        let by_name = regions(language.tag(), Country::all().map(|country| country.to_string()));
        html! { @for (code, name) in &by_name { option value=(code) { (name) } } }
    };
    OPTIONS.with(|options| {
        let at = Language::ALL.iter().position(|known| *known == language).unwrap_or_default();
        options.get(at).map(|options| options.get_or_init(render).clone()).unwrap_or_else(render)
    })
}
