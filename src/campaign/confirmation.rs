//! The confirmation e-mail of double opt-in, with its placeholders filled in.

use super::campaign::Campaign;
use super::double_opt_in::{DoubleOptIn, fill_subject};
use crate::base::template;

impl DoubleOptIn {
    /// Returns the text with its placeholders filled in.
    pub fn text(&self, confirm_link: &str, withdraw_link: &str, campaign: &Campaign) -> String {
        let values = [
            ("confirm_link", confirm_link),
            ("withdraw_link", withdraw_link),
            ("controller", &campaign.controller.name),
            ("title", &campaign.title),
        ];
        template::fill(&self.text, &values)
    }

    /// Returns the subject with its placeholders filled in: one line.
    pub fn subject(&self, campaign: &Campaign) -> String {
        fill_subject(&self.subject, &campaign.controller.name, &campaign.title)
    }
}
