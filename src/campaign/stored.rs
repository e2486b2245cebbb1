//! The format of a campaign in KV.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::campaign::Campaign;
use super::table::Problem;

/// The format of a campaign in KV. Readers leave newer formats untouched.
pub const CAMPAIGN_FORMAT: u32 = 1;

/// A campaign in KV.
#[derive(Deserialize, Serialize)]
struct Stored {
    format: u32,
    campaign: Value,
}

/// The reason why a campaign in KV is not served.
#[derive(Debug)]
pub enum Unservable {
    /// A newer version of the code published it.
    Newer,
    /// It is not a valid campaign.
    Invalid(Vec<Problem>),
}

impl Campaign {
    /// Reads a campaign from KV, and checks it again.
    ///
    /// # Errors
    /// [`Unservable`] if it is newer than this code or not valid.
    pub fn from_stored(text: &str) -> Result<Self, Unservable> {
        let invalid = |reason: String| Unservable::Invalid(vec![Problem::new("campaign", reason)]);
        let stored: Stored = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if stored.format > CAMPAIGN_FORMAT {
            return Err(Unservable::Newer);
        }
        Self::read(&stored.campaign, false).map_err(Unservable::Invalid)
    }

    /// Returns the text for KV.
    pub fn to_stored(&self) -> String {
        format!("{{\"format\":{CAMPAIGN_FORMAT},\"campaign\":{}}}", self.canonical)
    }
}
