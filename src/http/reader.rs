//! The reader of a page, and the language of the page.

use super::request::RawRequest;
use crate::base::i18n::Language;
use crate::base::time_zone;
use crate::campaign::Campaign;

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
    pub(super) fn campaigns_language(&self) -> Option<&'a str> {
        let language = self.campaign.language.as_str();
        Language::of_tag(language).is_none().then_some(language)
    }

    /// The day of a time, where the campaign is.
    pub(super) fn date(&self, ms: i64) -> String {
        time_zone::date(&self.campaign.time_zone, ms)
    }

    pub(super) fn text(&self, key: &'static str) -> &'static str {
        self.language.text(key)
    }

    /// A text in which the controller may be named.
    pub(super) fn naming_controller(&self, key: &'static str) -> String {
        self.language.filled(key, &[("controller", &self.campaign.controller.name)])
    }
}
