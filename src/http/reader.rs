//! The reader of a page, and the language that it is written in.

use super::request::RawRequest;
use crate::base::i18n::Language;
use crate::base::time_zone;
use crate::campaign::Campaign;

/// The reader of a page: a visitor of a campaign, in a language.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The campaign.
    pub campaign: &'a Campaign,
    /// The language of the page.
    pub language: Language,
}

impl<'a> Reader<'a> {
    /// Chooses the language: the campaign's, which its wordings are in, or the browser's if there are no texts in the
    /// campaign's.
    pub fn new(campaign: &'a Campaign, request: &RawRequest) -> Self {
        let browsers = || request.accept_language.as_deref().and_then(Language::accepted);
        let language = campaign.ui_language.or_else(browsers).unwrap_or(Language::English);
        Self { campaign, language }
    }

    /// Returns the language of the campaign's own texts if it differs from the page's (WCAG 2.2, 3.1.2).
    pub(super) fn campaigns_language(&self) -> Option<&'a str> {
        let language = self.campaign.language.as_str();
        Language::of_tag(language).is_none().then_some(language)
    }

    /// Returns the date of a time in the campaign's time zone.
    pub(super) fn date(&self, ms: i64) -> String {
        time_zone::date(&self.campaign.time_zone, ms)
    }

    /// Returns a text.
    pub(super) fn text(&self, key: &'static str) -> &'static str {
        self.language.text(key)
    }

    /// Returns a text in which the controller is named.
    pub(super) fn naming_controller(&self, key: &'static str) -> String {
        self.language.filled(key, &[("controller", &self.campaign.controller.name)])
    }
}
