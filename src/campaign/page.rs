//! `[page]`: the looks of the hosted form, and its texts beside the questions.

use validator::ValidateLength;

use super::checks::{MAX_TEXT, address_of, is_web_address};
use super::table::{Check, Problem, Rules, Verdict, ensure, keys};
use crate::base::url::WebAddress;

/// Characters on a button: more do not fit a phone.
const MAX_BUTTON: u64 = 60;

/// `[page]`.
#[derive(Debug, Default)]
pub struct PageTable {
    pub intro: Option<String>,
    pub button: Option<String>,
    pub thanks: Option<String>,
    pub logo: Option<String>,
    pub accent: Option<String>,
    pub background: Option<String>,
}

keys!(PageTable: intro, button, thanks, logo, accent, background);

impl Rules for PageTable {
    fn verdicts(&self) -> Vec<Verdict> {
        let of = |text: &Option<String>, check: fn(&str) -> Check| text.as_deref().map_or(Ok(()), check);
        vec![
            ("intro", of(&self.intro, is_paragraph)),
            ("button", of(&self.button, is_button)),
            ("thanks", of(&self.thanks, is_paragraph)),
            ("logo", of(&self.logo, is_web_address)),
            ("accent", of(&self.accent, is_colour)),
            ("background", of(&self.background, is_colour)),
        ]
    }
}

/// The looks of the hosted form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The text above the form.
    pub intro: Option<String>,
    /// The text on its button.
    pub button: Option<String>,
    /// The text on the thanks page.
    pub thanks: Option<String>,
    /// The logo above the form.
    pub logo: Option<Logo>,
    /// The colour of the button.
    pub accent: Option<Colour>,
    /// The colour behind the form.
    pub background: Option<Colour>,
}

/// The company's logo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// The URL of the image.
    pub url: String,
    /// Its origin, from which browsers may load it.
    pub origin: String,
}

/// A colour in sRGB: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Parses `#1f6b4a`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text
            .strip_prefix('#')
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let part = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        Some(Self([part(0)?, part(2)?, part(4)?]))
    }

    /// Returns it as CSS.
    pub fn css(self) -> String {
        let Self([red, green, blue]) = self;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Returns black or white, whichever is easier to read on it: its contrast is at least 4.5 to 1 by WCAG 2.2, whatever
    /// the colour.
    pub fn ink(self) -> &'static str {
        // The luminance at which black and white have the same contrast: 4.58.
        const EQUAL_CONTRAST: f32 = 0.179;
        let Self(parts) = self;
        let [red, green, blue] = parts.map(|part| linear(f32::from(part) / 255.0));
        if 0.2126 * red + 0.7152 * green + 0.0722 * blue > EQUAL_CONTRAST { "#000000" } else { "#ffffff" }
    }
}

/// Returns the linear value of a component of sRGB, within 0.003: the exact curve needs a power function in the wasm.
fn linear(part: f32) -> f32 {
    part * (part * (part * 0.305_306 + 0.682_171) + 0.012_523)
}

impl Page {
    pub(super) fn accept(table: PageTable) -> Self {
        let colour = |text: Option<String>| text.as_deref().and_then(Colour::parse);
        let logo = table.logo.and_then(|url| {
            let address = address_of(&url)?;
            Some(Logo { url: address.href().to_owned(), origin: address.origin().to_owned() })
        });
        Self {
            intro: table.intro,
            button: table.button,
            thanks: table.thanks,
            logo,
            accent: colour(table.accent),
            background: colour(table.background),
        }
    }

    /// Reports a logo that only development may use.
    pub(super) fn development_only(&self) -> Option<Problem> {
        let logo = self.logo.as_ref()?;
        WebAddress::parse(&logo.url)
            .filter(WebAddress::is_loopback_http)
            .map(|_| Problem::new("page.logo", "http to a loopback address is for development only"))
    }
}

fn is_paragraph(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_TEXT), None), "must have 1 to 4000 characters")
}

fn is_button(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_BUTTON), None), "must have 1 to 60 characters")
}

fn is_colour(text: &str) -> Check {
    ensure(Colour::parse(text).is_some(), "must be a colour, as in #1f6b4a")
}

#[cfg(test)]
mod tests {
    use super::Colour;

    fn contrast(colour: Colour) -> f64 {
        let light = |css: &str| {
            let part = |at: usize| {
                let part = f64::from(u8::from_str_radix(&css[at..at + 2], 16).unwrap()) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (one, other) = (light(&colour.css()), light(colour.ink()));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn what_stands_on_a_colour_can_be_read_whatever_the_colour() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(3) {
                for blue in (0..=255).step_by(15) {
                    let colour = Colour::parse(&format!("#{red:02x}{green:02x}{blue:02x}")).unwrap();
                    assert!(contrast(colour) >= 4.5, "{} is {}", colour.css(), contrast(colour));
                }
            }
        }
    }

    #[test]
    fn a_colour_is_six_digits() {
        assert_eq!(Colour::parse("#1F6b4A").unwrap().css(), "#1f6b4a");
        for text in ["", "#", "1f6b4a", "#1f6b4", "#1f6b4aa", "red", "#1f6b4g", "#1f6bå", "#+1+1+1"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
