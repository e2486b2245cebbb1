//! Signatures of Standard Webhooks 1.0.0: `webhook-signature` is HMAC-SHA256 over `{id}.{timestamp}.{body}`.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use crate::base::crypto::{base64, from_base64, hmac_sha256, same_secret};
use crate::base::keyring::Secret;

/// The tolerance for a sender's clock, either way. The specification leaves it to the verifier; its libraries allow
/// five minutes.
const TOLERANCE_S: u64 = 300;
/// The length of a decoded secret, by the specification.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A destination's signing secret: `whsec_` and base64 of 24 to 64 bytes. During a rotation several, separated by
/// spaces, each of which signs.
#[derive(Clone, Debug)]
pub struct SigningSecret(Vec<Secret>);

impl SigningSecret {
    /// Parses a Worker secret; `None` if a part does not have that shape.
    pub fn parse(text: &str) -> Option<Self> {
        let secret = |part: &str| {
            let bytes = from_base64(part.strip_prefix("whsec_")?)?;
            SECRET_BYTES.contains(&bytes.len()).then(|| Secret::new(bytes))
        };
        let secrets: Vec<_> = text.split_whitespace().map(secret).collect::<Option<_>>()?;
        (!secrets.is_empty()).then_some(Self(secrets))
    }
}

/// Returns the value of `webhook-signature`: one `v1,…` for each secret.
pub fn sign(secret: &SigningSecret, id: &str, timestamp_s: i64, body: &[u8]) -> String {
    let signature = |secret: &Secret| {
        let timestamp = timestamp_s.to_string();
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        format!("v1,{}", base64(&hmac_sha256(secret.bytes(), &parts)))
    };
    secret.0.iter().map(signature).collect::<Vec<_>>().join(" ")
}

/// The reason why a webhook is not trusted.
#[derive(Debug, PartialEq, Eq)]
pub enum Unverified {
    /// A header is missing or malformed.
    Headers,
    /// The timestamp is more than five minutes off.
    Time,
    /// No signature matches.
    Signature,
}

/// Verifies a webhook as a receiver does.
///
/// # Errors
/// The webhook is not to be trusted.
pub fn verify(
    secret: &SigningSecret,
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now_s: i64,
) -> Result<(), Unverified> {
    let timestamp_s: i64 = timestamp.parse().map_err(|_| Unverified::Headers)?;
    if id.is_empty() {
        return Err(Unverified::Headers);
    }
    if now_s.abs_diff(timestamp_s) > TOLERANCE_S {
        return Err(Unverified::Time);
    }
    let expected = sign(secret, id, timestamp_s, body);
    let fits = |given: &str| expected.split(' ').any(|one| same_secret(one.as_bytes(), given.as_bytes()));
    if signatures.split(' ').any(fits) { Ok(()) } else { Err(Unverified::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_published_vectors() {
        let vectors = [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ];
        for (secret, id, timestamp_s, body, expected) in vectors {
            let secret = SigningSecret::parse(secret).expect("a secret");
            assert_eq!(sign(&secret, id, timestamp_s, body.as_bytes()), expected);
        }
    }

    #[test]
    fn while_a_secret_rotates_both_sign_and_either_verifies() {
        let old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let new = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let both = SigningSecret::parse(&format!("{new} {old}")).expect("two secrets");
        let signatures = sign(&both, "msg_1", 1_000, b"{}");
        for secret in [old, new] {
            let secret = SigningSecret::parse(secret).expect("a secret");
            assert_eq!(verify(&secret, "msg_1", "1000", &signatures, b"{}", 1_300), Ok(()));
            let late = verify(&secret, "msg_1", "1000", &signatures, b"{}", 1_301);
            assert_eq!(late, Err(Unverified::Time));
            let ages_ago = verify(&secret, "msg_1", &i64::MIN.to_string(), &signatures, b"{}", 1_300);
            assert_eq!(ages_ago, Err(Unverified::Time));
            let other = verify(&secret, "msg_1", "1000", &signatures, b"{ }", 1_000);
            assert_eq!(other, Err(Unverified::Signature));
        }
    }

    #[test]
    fn a_secret_of_another_shape_is_refused() {
        for bad in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw x"] {
            assert!(SigningSecret::parse(bad).is_none(), "{bad}");
        }
    }
}
