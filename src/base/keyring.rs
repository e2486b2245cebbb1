//! Keys by name: keyrings that rotate, what is derived from them, and sealing.

use std::fmt;

use aes_gcm::Aes256Gcm;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};

use super::crypto::{Hash, base64url, derive_key, from_base64, from_base64url};

/// Fewer bytes than a SHA-256 block's output would weaken what is derived from the key.
const MIN_KEY_BYTES: usize = 32;
/// A key id stands in every fingerprint and sealed text; longer ones would cost storage.
const MAX_KEY_ID: usize = 16;
/// RFC 8032 section 5.1.5.
const SEED_BYTES: usize = 32;
const PUBLIC_BYTES: usize = 32;
const NOT_BASE64: &str = "a key is not base64";
const NO_KEY: &str = "at least one key is needed";
/// 96 bits: the nonce that both ciphers are specified with (RFC 8439, NIST SP 800-38D).
const NONCE_BYTES: usize = 12;
/// The format of a sealed text: ChaCha20-Poly1305, which is several times faster than AES where no
/// instruction helps, as in wasm. A reader leaves newer formats untouched.
const SEALED_FORMAT: &str = "2";
/// AES-256-GCM, which is still opened.
const SEALED_FORMAT_AES: &str = "1";

/// A secret's bytes. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for the computation that needs them.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Keys with ids. The first one writes; all of them read.
#[derive(Clone, Debug)]
pub struct Keyring {
    current: Key,
    older: Vec<Key>,
}

/// One key of a ring.
#[derive(Clone, Debug)]
pub struct Key {
    /// Lower-case letters, digits and `-`; public.
    pub id: String,
    secret: Secret,
}

impl Keyring {
    /// Reads `id:base64,id:base64,…`, the current key first, each of 32 bytes or more.
    ///
    /// # Errors
    /// What is wrong, without the text.
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

    /// The key that writes.
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// Every key, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

/// The ids and texts of a ring, in its order.
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

/// Ed25519 keys (RFC 8032) that sign receipts. The first one signs, all of them are published, so
/// that what an older one signed can still be verified.
#[derive(Clone, Debug)]
pub struct SigningKeys(Vec<SigningKey>);

/// One of them.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The `kid` of what it signs; public.
    pub id: String,
    /// The public half.
    pub public: [u8; PUBLIC_BYTES],
    /// The seed; nothing where the key signs no more.
    pub seed: Option<Secret>,
}

impl SigningKeys {
    /// Reads `id:base64,…`: the seed and the public key behind it, 64 bytes, or `id:public.base64`
    /// for a key that signs no more, 32 bytes. The first one must sign.
    ///
    /// # Errors
    /// What is wrong, without the text.
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

    /// The key that signs.
    pub fn current(&self) -> Option<&SigningKey> {
        self.0.first()
    }

    /// Every key, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.0.iter()
    }
}

impl Key {
    /// A key for one use in one ledger: HKDF-SHA256 with the key's id as salt.
    pub fn derive(&self, usage: &str, ledger: &str) -> Hash {
        derive_key(self.secret.bytes(), self.id.as_bytes(), &[usage.as_bytes(), ledger.as_bytes()])
    }
}

/// Why a sealed text stays closed.
#[derive(Debug, PartialEq, Eq)]
pub enum Sealed {
    /// A newer version of the code wrote it: leave it as it is.
    Newer,
    /// Its key is not in the ring any more, or it is damaged or belongs elsewhere.
    Unreadable,
}

/// Seals what a ledger holds: ChaCha20-Poly1305 (RFC 8439) with a random nonce, bound to the place
/// where it lies.
#[derive(Clone)]
pub struct Sealer {
    ring: Keyring,
    ledger: String,
    /// Of the ring's keys, in its order.
    ciphers: Vec<ChaCha20Poly1305>,
}

impl Sealer {
    /// The sealer of one ledger.
    pub fn new(ring: &Keyring, ledger: &str) -> Self {
        let cipher = |key: &Key| ChaCha20Poly1305::new(&key.derive("leadhook/seal/v2/", ledger).into());
        Self { ring: ring.clone(), ledger: ledger.to_owned(), ciphers: ring.all().map(cipher).collect() }
    }

    /// `2.{key id}.` and behind it nonce and ciphertext as they are; or nothing where the cipher refuses
    /// (a plaintext above 256 GiB). `place` must be given again to open it.
    pub fn seal(&self, plain: &[u8], place: &str, nonce: [u8; NONCE_BYTES]) -> Option<Vec<u8>> {
        let aad = self.aad(SEALED_FORMAT, place);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let ciphertext = self.ciphers.first()?.encrypt(Nonce::from_slice(&nonce), payload).ok()?;
        Some([self.current_prefix().as_bytes(), &nonce, &ciphertext].concat())
    }

    /// The same as a text: `2.{key id}.{base64url(nonce ‖ ciphertext)}`.
    pub fn seal_text(&self, plain: &[u8], place: &str, nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let (prefix, sealed) = (self.current_prefix(), self.seal(plain, place, nonce)?);
        Some(format!("{prefix}{}", base64url(sealed.get(prefix.len()..)?)))
    }

    /// What the current key has sealed begins with this.
    pub fn current_prefix(&self) -> String {
        format!("{SEALED_FORMAT}.{}.", self.ring.current().id)
    }

    /// The plaintext that was sealed at `place`.
    ///
    /// # Errors
    /// [`Sealed`] says why not.
    pub fn open(&self, sealed: &[u8], place: &str) -> Result<Vec<u8>, Sealed> {
        let (format, key, body) = taken_apart(sealed)?;
        self.open_body(format, key, body, place)
    }

    /// The same of a text.
    ///
    /// # Errors
    /// [`Sealed`] says why not.
    pub fn open_text(&self, sealed: &str, place: &str) -> Result<Vec<u8>, Sealed> {
        let (format, key, body) = taken_apart(sealed.as_bytes())?;
        let body = str::from_utf8(body).ok().and_then(from_base64url).ok_or(Sealed::Unreadable)?;
        self.open_body(format, key, &body, place)
    }

    /// Not twice in the code: a cipher is long.
    #[inline(never)]
    fn open_body(&self, format: &str, id: &[u8], body: &[u8], place: &str) -> Result<Vec<u8>, Sealed> {
        let mut known = self.ring.all().zip(&self.ciphers);
        let (key, cipher) = known.find(|(key, _)| key.id.as_bytes() == id).ok_or(Sealed::Unreadable)?;
        let (nonce, msg) = body.split_at_checked(NONCE_BYTES).ok_or(Sealed::Unreadable)?;
        let aad = self.aad(format, place);
        let payload = Payload { msg, aad: aad.as_bytes() };
        let opened = if format == SEALED_FORMAT {
            cipher.decrypt(Nonce::from_slice(nonce), payload)
        } else {
            let key = key.derive("leadhook/seal/v1/", &self.ledger);
            Aes256Gcm::new(&key.into()).decrypt(Nonce::from_slice(nonce), payload)
        };
        opened.map_err(|_| Sealed::Unreadable)
    }

    fn aad(&self, format: &str, place: &str) -> String {
        format!("leadhook/seal/v{format}/{}/{place}", self.ledger)
    }
}

/// Format, key id and the rest, which begin with a dot each but the first. No key id has one.
fn taken_apart(sealed: &[u8]) -> Result<(&'static str, &[u8], &[u8]), Sealed> {
    let mut parts = sealed.splitn(3, |byte| *byte == b'.');
    let mut part = || parts.next().ok_or(Sealed::Unreadable);
    let (format, rest) = (part()?, part());
    let formats = [SEALED_FORMAT, SEALED_FORMAT_AES];
    let Some(known) = formats.into_iter().find(|known| known.as_bytes() == format) else {
        return Err(if rest.is_ok() { Sealed::Newer } else { Sealed::Unreadable });
    };
    Ok((known, rest?, part()?))
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
    fn what_an_older_key_sealed_is_opened_after_a_rotation() {
        let sealed = Sealer::new(&ring(&["a"]), "l").seal(b"lead", "x", [1; 12]).expect("sealed");
        assert!(sealed.starts_with(b"2.a."));
        assert_eq!(Sealer::new(&ring(&["b", "a"]), "l").open(&sealed, "x"), Ok(b"lead".to_vec()));
        let without = Sealer::new(&ring(&["b"]), "l");
        assert_eq!(without.open(&sealed, "x"), Err(Sealed::Unreadable));
    }

    #[test]
    fn a_sealed_text_opens_only_in_its_ledger_and_place() {
        let sealed = Sealer::new(&ring(&["a"]), "l").seal(b"lead", "x", [1; 12]).expect("sealed");
        assert_eq!(Sealer::new(&ring(&["a"]), "m").open(&sealed, "x"), Err(Sealed::Unreadable));
        assert_eq!(Sealer::new(&ring(&["a"]), "l").open(&sealed, "y"), Err(Sealed::Unreadable));
        assert_eq!(Sealer::new(&ring(&["a"]), "l").open(b"3.a.AA", "x"), Err(Sealed::Newer));
        assert_eq!(Sealer::new(&ring(&["a"]), "l").open_text("3.a.AA", "x"), Err(Sealed::Newer));
        for damaged in ["", "2", "2.a", "2.a.", "2.a.AA", "2.b.AA", "x"] {
            let sealer = Sealer::new(&ring(&["a"]), "l");
            assert_eq!(sealer.open(damaged.as_bytes(), "x"), Err(Sealed::Unreadable), "{damaged}");
            assert_eq!(sealer.open_text(damaged, "x"), Err(Sealed::Unreadable), "{damaged}");
        }
    }

    #[test]
    fn the_persisted_format_of_a_sealed_text_is_pinned() {
        // A change here makes every stored payload unreadable.
        let sealer = Sealer::new(&ring(&["a"]), "l");
        let text = "2.a.AQEBAQEBAQEBAQEBRGiXjMMMlDQrygykzY189Ei_bo4";
        assert_eq!(sealer.seal_text(b"lead", "x", [1; 12]).as_deref(), Some(text));
        assert_eq!(sealer.open_text(text, "x"), Ok(b"lead".to_vec()));
        let body = from_base64url(&text[4..]).expect("base64url");
        assert_eq!(sealer.seal(b"lead", "x", [1; 12]), Some([b"2.a.", &body[..]].concat()));
        let by_aes = "1.a.AQEBAQEBAQEBAQEB9rqlhG9heCRc4Ou1EgA96OVu17E";
        assert_eq!(sealer.open_text(by_aes, "x"), Ok(b"lead".to_vec()));
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
