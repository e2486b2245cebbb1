//! Signed receipts: whether a JWS is what a JWK set says it is.

use ed25519_dalek::{Signature, VerifyingKey};
use leadhook::base::crypto::from_base64url;
use leadhook::base::keyring::SigningKeys;
use leadhook::pipeline::consent::payload_of;
use serde_json::Value;

/// Public keys by their `kid`.
pub struct PublicKeys(Vec<(String, VerifyingKey)>);

impl PublicKeys {
    /// Reads a JWK set (RFC 7517); keys of other kinds are left out.
    pub fn of_jwks(text: &str) -> Result<Self, String> {
        let set: Value = serde_json::from_str(text).map_err(|error| format!("no JWK set: {error}"))?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("no JWK set: it has no keys")?;
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

    /// The public halves of the keys that sign.
    pub fn of_keys(keys: &SigningKeys) -> Result<Self, String> {
        let key = |key: &leadhook::base::keyring::SigningKey| {
            let point = VerifyingKey::from_bytes(&key.public);
            point
                .map(|point| (key.id.clone(), point))
                .map_err(|_| format!("the signing key {} is damaged", key.id))
        };
        keys.all().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// The payload of a compact JWS (RFC 7515) that one of these keys signed, and the key's id.
    pub fn verify(&self, jws: &str) -> Result<(Value, String), String> {
        let (header, payload, input, signature) =
            payload_of(jws).ok_or("the receipt is damaged: it is not a JWS in compact form")?;
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        let alg = text("alg").unwrap_or_default();
        if alg != "EdDSA" {
            return Err(format!("the receipt is signed as {alg:?}; only EdDSA is accepted"));
        }
        if header.get("crit").is_some() {
            return Err("the receipt asks for an extension that is not known here (crit)".to_owned());
        }
        let kid = text("kid").ok_or("the receipt does not say which key signed it (kid)")?;
        let known = self.0.iter().find(|(known, _)| known == kid);
        let (_, key) =
            known.ok_or_else(|| format!("the receipt is signed by the key {kid:?}, which is not known"))?;
        let signature =
            Signature::from_slice(&signature).map_err(|_| "the receipt is damaged: its signature is cut")?;
        key.verify_strict(input.as_bytes(), &signature)
            .map_err(|_| "the signature is wrong: the receipt has been changed, or another key signed it")?;
        Ok((payload, kid.to_owned()))
    }
}
