//! `/.well-known/jwks.json`: the public keys that receipts are verified with (RFC 7517).

use serde_json::{Value, json};

use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::crypto::base64url;
use crate::base::keyring::SigningKey;
use crate::http::response::Response;

/// Returns the keys.
pub fn key_set(cx: Cx<'_, impl Ports>) -> Response {
    let jwk = |key: &SigningKey| {
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.id,
                "x": base64url(&key.public) })
    };
    let keys: Vec<Value> = cx.settings().signing.iter().flat_map(|keys| keys.all()).map(jwk).collect();
    Response::key_set(&json!({ "keys": keys }))
}
