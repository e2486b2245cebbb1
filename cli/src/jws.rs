//! Verification of signed receipts: JWS by the keys of a JWK set.

use ed25519_dalek::{Signature, VerifyingKey};
use leadhook::base::crypto::from_base64url;
use leadhook::base::keyring::SigningKeys;
use leadhook::pipeline::consent::payload_of;
use serde_json::Value;

/// Public keys with their `kid`.
pub struct PublicKeys(Vec<(String, VerifyingKey)>);

impl PublicKeys {
    /// Reads a JWK set (RFC 7517) without keys of other kinds.
    pub fn of_jwks(text: &str) -> Result<Self, String> {
        let set: Value = serde_json::from_str(text).map_err(|error| format!("not a JWK set: {error}"))?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("not a JWK set: it has no keys")?;
        let mut known = Vec::new();
        for key in keys {
            let text = |name: &str| key.get(name).and_then(Value::as_str);
            if text("kty") != Some("OKP") || text("crv") != Some("Ed25519") {
                continue;
            }
            let kid = text("kid").ok_or("a key of the JWK set has no kid")?;
            let point = text("x").and_then(from_base64url).and_then(|x| x.try_into().ok());
            let point = point.and_then(|x| VerifyingKey::from_bytes(&x).ok());
            known.push((
                kid.to_owned(),
                point.ok_or_else(|| format!("the key {kid:?} of the JWK set is damaged"))?,
            ));
        }
        Ok(Self(known))
    }

    /// Returns the public halves of signing keys.
    pub fn of_keys(keys: &SigningKeys) -> Result<Self, String> {
        let key = |key: &leadhook::base::keyring::SigningKey| {
            let point = VerifyingKey::from_bytes(&key.public);
            point
                .map(|point| (key.id.clone(), point))
                .map_err(|_| format!("the signing key {} is damaged", key.id))
        };
        keys.all().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// Verifies a compact JWS (RFC 7515), and returns its payload and the id of the key that signed it.
    pub fn verify(&self, jws: &str) -> Result<(Value, String), String> {
        let (header, payload, input, signature) =
            payload_of(jws).ok_or("the receipt is damaged: it is not a JWS in compact form")?;
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        let alg = text("alg").unwrap_or_default();
        if alg != "EdDSA" {
            return Err(format!("the receipt is signed with {alg:?}; only EdDSA is accepted"));
        }
        if header.get("crit").is_some() {
            return Err("the receipt requires an unknown extension (crit)".to_owned());
        }
        let kid = text("kid").ok_or("the receipt does not state the key that signed it (kid)")?;
        let known = self.0.iter().find(|(known, _)| known == kid);
        let (_, key) = known.ok_or_else(|| format!("the receipt is signed by an unknown key: {kid:?}"))?;
        let signature = Signature::from_slice(&signature)
            .map_err(|_| "the receipt is damaged: its signature is truncated")?;
        key.verify_strict(input.as_bytes(), &signature).map_err(
            |_| "the signature is invalid: the receipt has been changed, or another key signed it",
        )?;
        Ok((payload, kid.to_owned()))
    }
}
