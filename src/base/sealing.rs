//! Sealing: authenticated encryption (AEAD) of a ledger's data at rest.

use aes_gcm::Aes256Gcm;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};

use super::crypto::{base64url, from_base64url};
use super::keyring::{Key, Keyring};

/// 96 bits: the nonce of both ciphers (RFC 8439, NIST SP 800-38D).
const NONCE_BYTES: usize = 12;
/// The format of a sealed text: ChaCha20-Poly1305, which is several times faster than AES without hardware support, as in
/// wasm. Readers leave newer formats untouched.
const SEALED_FORMAT: &str = "2";
/// The former format, which is still opened: AES-256-GCM.
const SEALED_FORMAT_AES: &str = "1";

/// The reason why a sealed text cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum OpenError {
    /// A newer version of the code wrote it: leave it as it is.
    Newer,
    /// Its key is not in the keyring any more, or it is damaged or was sealed with another context.
    Unreadable,
}

/// Seals and opens the data of a ledger: ChaCha20-Poly1305 (RFC 8439) with a random nonce. The context binds what is
/// sealed to its row.
#[derive(Clone)]
pub struct Sealer {
    ring: Keyring,
    ledger: String,
    /// The ciphers of the keyring's keys, in its order.
    ciphers: Vec<ChaCha20Poly1305>,
}

impl Sealer {
    /// Derives the keys of one ledger.
    pub fn new(ring: &Keyring, ledger: &str) -> Self {
        let cipher = |key: &Key| ChaCha20Poly1305::new(&key.derive("leadhook/seal/v2/", ledger).into());
        Self { ring: ring.clone(), ledger: ledger.to_owned(), ciphers: ring.all().map(cipher).collect() }
    }

    /// Seals to bytes: `2.{key id}.`, nonce and ciphertext. `None` if the plaintext is too long for the cipher (above
    /// 256 GiB). The same context must be given to open it.
    pub fn seal(&self, plain: &[u8], context: &str, nonce: [u8; NONCE_BYTES]) -> Option<Vec<u8>> {
        let aad = self.aad(SEALED_FORMAT, context);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let ciphertext = self.ciphers.first()?.encrypt(Nonce::from_slice(&nonce), payload).ok()?;
        Some([self.current_prefix().as_bytes(), &nonce, &ciphertext].concat())
    }

    /// Seals to a text: `2.{key id}.{base64url(nonce ‖ ciphertext)}`.
    pub fn seal_text(&self, plain: &[u8], context: &str, nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let (prefix, sealed) = (self.current_prefix(), self.seal(plain, context, nonce)?);
        Some(format!("{prefix}{}", base64url(sealed.get(prefix.len()..)?)))
    }

    /// Returns the prefix of everything that the current key seals.
    pub fn current_prefix(&self) -> String {
        format!("{SEALED_FORMAT}.{}.", self.ring.current().id)
    }

    /// Opens sealed bytes.
    ///
    /// # Errors
    /// [`OpenError`] if that is impossible.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Vec<u8>, OpenError> {
        let (format, key, body) = split_sealed(sealed)?;
        self.open_body(format, key, body, context)
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// [`OpenError`] if that is impossible.
    pub fn open_text(&self, sealed: &str, context: &str) -> Result<Vec<u8>, OpenError> {
        let (format, key, body) = split_sealed(sealed.as_bytes())?;
        let body = str::from_utf8(body).ok().and_then(from_base64url).ok_or(OpenError::Unreadable)?;
        self.open_body(format, key, &body, context)
    }

    /// Opens the body of sealed bytes. Not inlined, because the code of the ciphers is large.
    #[inline(never)]
    fn open_body(&self, format: &str, id: &[u8], body: &[u8], context: &str) -> Result<Vec<u8>, OpenError> {
        let mut known = self.ring.all().zip(&self.ciphers);
        let (key, cipher) = known.find(|(key, _)| key.id.as_bytes() == id).ok_or(OpenError::Unreadable)?;
        let (nonce, msg) = body.split_at_checked(NONCE_BYTES).ok_or(OpenError::Unreadable)?;
        let aad = self.aad(format, context);
        let payload = Payload { msg, aad: aad.as_bytes() };
        let opened = if format == SEALED_FORMAT {
            cipher.decrypt(Nonce::from_slice(nonce), payload)
        } else {
            let key = key.derive("leadhook/seal/v1/", &self.ledger);
            Aes256Gcm::new(&key.into()).decrypt(Nonce::from_slice(nonce), payload)
        };
        opened.map_err(|_| OpenError::Unreadable)
    }

    fn aad(&self, format: &str, context: &str) -> String {
        format!("leadhook/seal/v{format}/{}/{context}", self.ledger)
    }
}

/// Splits what is sealed at its first two dots: format, key id and body. No key id contains a dot.
fn split_sealed(sealed: &[u8]) -> Result<(&'static str, &[u8], &[u8]), OpenError> {
    let mut parts = sealed.splitn(3, |byte| *byte == b'.');
    let mut part = || parts.next().ok_or(OpenError::Unreadable);
    let (format, rest) = (part()?, part());
    let formats = [SEALED_FORMAT, SEALED_FORMAT_AES];
    let Some(known) = formats.into_iter().find(|known| known.as_bytes() == format) else {
        return Err(if rest.is_ok() { OpenError::Newer } else { OpenError::Unreadable });
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
        assert_eq!(without.open(&sealed, "x"), Err(OpenError::Unreadable));
    }

    #[test]
    fn a_sealed_text_opens_only_in_its_ledger_and_context() {
        let sealed = Sealer::new(&ring(&["a"]), "l").seal(b"lead", "x", [1; 12]).expect("sealed");
        assert_eq!(Sealer::new(&ring(&["a"]), "m").open(&sealed, "x"), Err(OpenError::Unreadable));
        assert_eq!(Sealer::new(&ring(&["a"]), "l").open(&sealed, "y"), Err(OpenError::Unreadable));
        assert_eq!(Sealer::new(&ring(&["a"]), "l").open(b"3.a.AA", "x"), Err(OpenError::Newer));
        assert_eq!(Sealer::new(&ring(&["a"]), "l").open_text("3.a.AA", "x"), Err(OpenError::Newer));
        for damaged in ["", "2", "2.a", "2.a.", "2.a.AA", "2.b.AA", "x"] {
            let sealer = Sealer::new(&ring(&["a"]), "l");
            assert_eq!(sealer.open(damaged.as_bytes(), "x"), Err(OpenError::Unreadable), "{damaged}");
            assert_eq!(sealer.open_text(damaged, "x"), Err(OpenError::Unreadable), "{damaged}");
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
}
