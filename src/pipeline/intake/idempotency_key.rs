//! The idempotency key of a submission (draft-ietf-httpapi-idempotency-key-header).

use super::rejection::FieldProblem;
use crate::campaign::ProblemCode;

/// Characters of a key. It is an identifier, in the draft's examples a UUID.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// Reads the header `Idempotency-Key`: a structured string (`"8e03…"`, RFC 8941), or the bare text that most
/// clients send.
///
/// # Errors
/// The key is empty, too long, or not of visible ASCII characters.
pub fn idempotency_key(header: &str) -> Result<String, FieldProblem> {
    let text = header.trim();
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || !key.chars().all(plain) {
        let detail = "must be 1 to 255 visible ASCII characters";
        return Err(FieldProblem::new("Idempotency-Key", ProblemCode::IdempotencyKeyInvalid, detail));
    }
    Ok(key.to_owned())
}
