//! Form tokens, which say when a form was rendered.

use serde::{Deserialize, Serialize};

use crate::base::crypto::base64url;
use crate::base::moment::Moment;
use crate::base::time::HOUR_MS;
use crate::campaign::{Campaign, Signal};
use crate::pipeline::intake::Submission;
use crate::pipeline::lead::{Identity, Link};

/// The lifetime of a token. A page may stay open for so long; an older token was collected.
const TOKEN_MS: i64 = 24 * HOUR_MS;

/// A form token that a submission brought.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct UsedToken {
    /// The token's keyed hash.
    pub tag: String,
    /// The end of the token's lifetime; UTC, milliseconds.
    pub until_ms: i64,
}

/// Returns a token for a form that is rendered now: the time and a random number, with a MAC.
pub fn form_token(identity: &Identity, campaign: &Campaign, moment: &Moment) -> String {
    let number = base64url(&moment.random::<12>("form", 0));
    identity.link(Link::Form, None, None, &[&campaign.id, &moment.now_ms.to_string(), &number])
}

/// A valid token.
pub(super) struct Token {
    pub used: UsedToken,
    /// True if the form was filled in faster than people do.
    pub is_fast: bool,
}

/// Reads the token of a submission.
///
/// # Errors
/// The signal of a token that is missing, invalid or expired.
pub(super) fn read_token(
    submission: &Submission,
    campaign: &Campaign,
    identity: &Identity,
    now_ms: i64,
) -> Result<Token, Signal> {
    let text = submission.traps.token.as_deref().ok_or(Signal::TokenMissing)?;
    let [of, rendered, _] = identity.read_link::<3>(Link::Form, None, text).ok_or(Signal::TokenInvalid)?;
    let rendered_ms =
        rendered.parse::<i64>().ok().filter(|_| of == campaign.id).ok_or(Signal::TokenInvalid)?;
    let until_ms = rendered_ms + TOKEN_MS;
    if now_ms >= until_ms {
        return Err(Signal::TokenExpired);
    }
    // Clocks of two machines differ a little: a form from the future counts as one of just now.
    let is_fast = (0..campaign.abuse.min_fill_ms).contains(&(now_ms - rendered_ms));
    Ok(Token { used: UsedToken { tag: identity.tag("token", text), until_ms }, is_fast })
}
