//! Cryptographic hashes, key derivation, and base64. No other file names a hash function.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A SHA-256 sized value: a digest, a MAC or a derived key.
pub type Hash = [u8; 32];

/// Returns SHA-256 of the concatenated parts (FIPS 180-4).
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// Returns SHA-256 of a text as lower-case hexadecimal.
pub fn sha256_hex(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    sha256(&[text.as_bytes()])
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
        .map(|digit| char::from(*digit))
        .collect()
}

/// Returns HMAC-SHA256 of the concatenated parts (RFC 2104).
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Hash {
    // HMAC takes a key of any length, so this constructor has no way to fail.
    match <Hmac<Sha256> as hmac::Mac>::new_from_slice(key) {
        Ok(mac) => mac_of(mac, parts),
        Err(_) => sha256(parts),
    }
}

fn mac_of(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> Hash {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A key of HMAC-SHA256 that is used often: the state that depends only on the key is hashed once.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// Prepares a key.
    pub fn new(key: &Hash) -> Self {
        // A key that is shorter than a block is padded with zeros (RFC 2104 section 2).
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(<Hmac<Sha256> as hmac::digest::KeyInit>::new(&block))
    }

    /// Returns HMAC-SHA256 of the concatenated parts (RFC 2104).
    pub fn mac(&self, parts: &[&[u8]]) -> Hash {
        mac_of(self.0.clone(), parts)
    }
}

/// Derives a 32-byte key by HKDF-SHA256 (RFC 5869): extract with `salt`, expand with the parts of `info`.
pub fn derive_key(material: &[u8], salt: &[u8], info: &[&[u8]]) -> Hash {
    let mut key = [0; 32];
    // Expanding fails above 8,160 bytes only; this asks for 32.
    let _ = Hkdf::<Sha256>::new(Some(salt), material).expand_multi_info(info, &mut key);
    key
}

/// Encodes base64url without padding (RFC 4648 section 5).
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes standard base64 with padding (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes standard base64 with padding.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Compares two secrets in a time that reveals neither content nor length: their digests are compared.
pub fn same_secret(left: &[u8], right: &[u8]) -> bool {
    same_hash(&sha256(&[left]), &sha256(&[right]))
}

/// Compares two hashes in constant time.
pub fn same_hash(left: &Hash, right: &Hash) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hmac_is_that_of_rfc_4231_case_2() {
        let mac = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_key_that_is_kept_gives_the_same() {
        let key = sha256(&[b"key"]);
        let kept = MacKey::new(&key);
        for parts in [&[b"".as_slice()] as &[&[u8]], &[b"a", b"bc"], &[&[7; 200]]] {
            assert_eq!(kept.mac(parts), hmac_sha256(&key, parts));
        }
    }

    #[test]
    fn derived_key_is_the_start_of_rfc_5869_case_1() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let (first, second) = info.split_at(4);
        let key = derive_key(&[0x0b; 22], &salt, &[first, second]);
        assert_eq!(hex(&key), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    }

    #[test]
    fn sha256_hex_is_that_of_fips_180() {
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn secrets_are_compared_whole() {
        assert!(same_secret(b"token", b"token"));
        assert!(!same_secret(b"token", b"token "));
        assert!(!same_secret(b"", b"t"));
    }
}
