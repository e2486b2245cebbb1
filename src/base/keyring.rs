//! Keyrings: named keys that rotate, and keys derived from them.

use std::fmt;

use super::crypto::{Hash, derive_key, from_base64};

/// Fewer bytes than the output of SHA-256 would weaken the derived keys.
const MIN_KEY_BYTES: usize = 32;
/// Bytes of a key id: it is part of every fingerprint and sealed text, so longer ones would cost storage.
const MAX_KEY_ID: usize = 16;
/// The private key (RFC 8032 section 5.1.5).
const SEED_BYTES: usize = 32;
/// The public key.
const PUBLIC_BYTES: usize = 32;
const NOT_BASE64: &str = "a key is not base64";
const NO_KEY: &str = "at least one key is needed";

/// The bytes of a secret. Its debug form hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Keys with ids. The first one is in use; older ones still open and verify.
#[derive(Clone, Debug)]
pub struct Keyring {
    current: Key,
    older: Vec<Key>,
}

/// One key of a keyring.
#[derive(Clone, Debug)]
pub struct Key {
    /// The id: lower-case letters, digits and `-`; public.
    pub id: String,
    secret: Secret,
}

impl Keyring {
    /// Parses `id:base64,id:base64,…`, the current key first, each of 32 bytes or more.
    ///
    /// # Errors
    /// The reason, without the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let key = |(id, encoded): (&str, &str)| {
            let secret = from_base64(encoded).ok_or(NOT_BASE64)?;
            if secret.len() < MIN_KEY_BYTES {
                return Err("a key must have 32 bytes or more");
            }
            Ok(Key { id: id.to_owned(), secret: Secret(secret) })
        };
        let mut keys = entries(text)?.into_iter().map(key).collect::<Result<Vec<_>, _>>()?.into_iter();
        let current = keys.next().ok_or(NO_KEY)?;
        Ok(Self { current, older: keys.collect() })
    }

    /// Returns the key in use.
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// Returns all keys, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

/// Splits a keyring into ids and texts, in its order.
fn entries(text: &str) -> Result<Vec<(&str, &str)>, &'static str> {
    let mut all = Vec::<(&str, &str)>::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (id, encoded) = entry.split_once(':').ok_or("each key must be id:base64")?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.is_empty() || id.len() > MAX_KEY_ID || !id.chars().all(plain) {
            return Err("a key id is 1 to 16 lower-case letters, digits or hyphens");
        }
        if all.iter().any(|(known, _)| *known == id) {
            return Err("two keys have the same id");
        }
        all.push((id, encoded.trim()));
    }
    Ok(all)
}

/// Ed25519 keys (RFC 8032) that sign receipts. The first one signs; all of them are published, so that receipts of older
/// ones can still be verified.
#[derive(Clone, Debug)]
pub struct SigningKeys(Vec<SigningKey>);

/// One key that signs receipts, or did.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The `kid` of its signatures; public.
    pub id: String,
    /// The public key.
    pub public: [u8; PUBLIC_BYTES],
    /// The private key; `None` if the key is retired and only verifies.
    pub seed: Option<Secret>,
}

impl SigningKeys {
    /// Parses `id:base64,…`: the private and the public key, 64 bytes together, or `id:public.base64` for a key that signs
    /// no more, 32 bytes. The first one must sign.
    ///
    /// # Errors
    /// The reason, without the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let key = |(id, encoded): (&str, &str)| -> Result<SigningKey, &'static str> {
            let id = id.to_owned();
            if let Some(encoded) = encoded.strip_prefix("public.") {
                let public = from_base64(encoded).ok_or(NOT_BASE64)?;
                let public = public.try_into().map_err(|_| "a public key must have 32 bytes")?;
                return Ok(SigningKey { id, public, seed: None });
            }
            let pair = from_base64(encoded).ok_or(NOT_BASE64)?;
            let halves = pair.split_at_checked(SEED_BYTES);
            let halves = halves.and_then(|(seed, public)| Some((seed, public.try_into().ok()?)));
            let (seed, public) = halves.ok_or("a signing key must be 64 bytes: seed and public key")?;
            Ok(SigningKey { id, public, seed: Some(Secret::new(seed)) })
        };
        let keys = entries(text)?.into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
        match keys.first() {
            None => Err(NO_KEY),
            Some(first) if first.seed.is_none() => Err("the first key must sign"),
            Some(_) => Ok(Self(keys)),
        }
    }

    /// Returns the key that signs.
    pub fn current(&self) -> Option<&SigningKey> {
        self.0.first()
    }

    /// Returns all keys, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.0.iter()
    }
}

impl Key {
    /// Derives the key for one use in one ledger: HKDF-SHA256 with the key's id as salt.
    pub fn derive(&self, usage: &str, ledger: &str) -> Hash {
        derive_key(self.secret.bytes(), self.id.as_bytes(), &[usage.as_bytes(), ledger.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::crypto::base64;

    fn ring(ids: &[&str]) -> Keyring {
        let keys: Vec<_> = ids.iter().map(|id| format!("{id}:{}", base64(&[id.as_bytes()[0]; 32]))).collect();
        Keyring::parse(&keys.join(",")).expect("a ring")
    }

    #[test]
    fn a_signing_key_that_is_retired_verifies_and_does_not_sign() {
        let pair = base64(&[1; 64]);
        let public = base64(&[2; 32]);
        let keys = SigningKeys::parse(&format!("s2:{pair},s1:public.{public}")).expect("keys");
        assert!(keys.current().is_some_and(|key| key.id == "s2" && key.seed.is_some()));
        assert!(keys.all().any(|key| key.id == "s1" && key.seed.is_none() && key.public == [2; 32]));
        let short = base64(&[1; 32]);
        for bad in ["", &format!("s1:public.{public}"), &format!("s1:{short}"), &format!("s1:public.{pair}")]
        {
            assert!(SigningKeys::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_ring_is_refused_without_being_shown() {
        for bad in ["", "a", "a:!!", "a:AAAA", "A:AAAA"] {
            assert!(Keyring::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", ring(&["a"])).contains("97"));
    }
}
