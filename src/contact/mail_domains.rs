//! Lists of mail domains: those of free mail providers, where an address names no company, and those of disposable
//! mailboxes.
//!
//! The lists come from packages that others maintain; `scripts/mail-domains.mjs` writes them and `mail_domains.txt` names
//! their sources. They are stored as truncated SHA-256, a third of the size of the names: about one domain in 100,000 that
//! is on no list is mistaken for one that is.

use crate::base::crypto::sha256;

static DISPOSABLE: Domains = Domains::new(include_bytes!("disposable.bin"));
static FREE_MAIL: Domains = Domains::new(include_bytes!("free_mail.bin"));

/// Bits of the hash that choose a bucket: about one domain in each, so that most counts are small.
const BUCKET_BITS: u32 = 14;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bits of the hash that are stored in the bucket.
const REST_BITS: u32 = 16;

/// The distance between buckets with a stored sum of all counts before them.
const STRIDE: usize = 128;

/// A set of domains.
struct Domains {
    /// The salt of the hash, the count of each bucket, and the rests of all hashes.
    bytes: &'static [u8],
    /// The sum of all counts before every [`STRIDE`]th bucket, so that a lookup adds up only a few.
    before: [u16; BUCKETS / STRIDE],
}

impl Domains {
    #[allow(
        clippy::indexing_slicing,
        reason = "it runs at compile time, and does not compile where it fails"
    )]
    const fn new(bytes: &'static [u8]) -> Self {
        let mut before = [0; BUCKETS / STRIDE];
        let (mut bucket, mut sum) = (0, 0_u16);
        while bucket < BUCKETS {
            if bucket % STRIDE == 0 {
                before[bucket / STRIDE] = sum;
            }
            // Behind the salt.
            sum += bytes[1 + bucket] as u16;
            bucket += 1;
        }
        Self { bytes, before }
    }

    fn hold(&self, domain: &str) -> bool {
        self.bucket(domain).is_some_and(|(rests, wanted)| rests.chunks_exact(2).any(|rest| *rest == wanted))
    }

    /// Returns the rests in the domain's bucket, and the domain's own.
    fn bucket(&self, domain: &str) -> Option<(&'static [u8], [u8; 2])> {
        let (salt, sets) = self.bytes.split_first()?;
        let (counts, rests) = sets.split_at_checked(BUCKETS)?;
        let [a, b, c, d, ..] = sha256(&[&[*salt], domain.as_bytes()]);
        let hash = u32::from_be_bytes([a, b, c, d]);
        let bucket = usize::try_from(hash >> (u32::BITS - BUCKET_BITS)).ok()?;
        let [_, _, high, low] = (hash >> (u32::BITS - BUCKET_BITS - REST_BITS)).to_be_bytes();
        let known = counts.get(bucket - bucket % STRIDE..=bucket)?;
        let (count, between) = known.split_last()?;
        let between: usize = between.iter().map(|count| usize::from(*count)).sum();
        let start = 2 * (usize::from(*self.before.get(bucket / STRIDE)?) + between);
        let count = 2 * usize::from(*count);
        Some((rests.get(start..start + count)?, [high, low]))
    }
}

/// Returns whether a domain (lower case, A-labels) is that of a free mail provider or a privacy relay. Subdomains are not,
/// nor are disposable domains.
pub fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.hold(domain)
}

/// Returns whether a domain (lower case, A-labels), or one that it is a subdomain of, is that of disposable mailboxes. The
/// list contains no public suffixes, so no other domain is hit.
pub fn is_disposable(domain: &str) -> bool {
    let mut rest = domain;
    loop {
        let Some((_, parent)) = rest.split_once('.') else { return false };
        if DISPOSABLE.hold(rest) {
            return true;
        }
        rest = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_as_many_as_their_buckets_say() {
        let provenance = include_str!("mail_domains.txt");
        for (file, list) in [("disposable.bin", &DISPOSABLE), ("free_mail.bin", &FREE_MAIL)] {
            let count: usize = list.bytes[1..=BUCKETS].iter().map(|count| usize::from(*count)).sum();
            assert_eq!(list.bytes.len(), 1 + BUCKETS + 2 * count, "{file}");
            let expected = provenance.lines().find_map(|line| line.strip_prefix(file)?.split(' ').nth(1));
            let expected: usize = expected.and_then(|count| count.parse().ok()).expect("a count");
            // Two domains may share a hash: then the file has one rest for both.
            assert!((expected - 2..=expected).contains(&count), "{file}: {count} of {expected}");
        }
    }

    #[test]
    fn private_mailboxes_are_known() {
        for domain in [
            "126.com",
            "gmail.com",
            "googlemail.com",
            "hotmail.se",
            "live.se",
            "outlook.com",
            "yahoo.se",
            "spray.se",
            "comhem.se",
            "home.se",
            "bredband.net",
            "glocalnet.net",
            "swipnet.se",
            "passagen.se",
            "online.no",
            "broadpark.no",
            "hotmail.no",
            "live.no",
            "yahoo.no",
            "mail.dk",
            "jubii.dk",
            "ofir.dk",
            "stofanet.dk",
            "hotmail.dk",
            "live.dk",
            "suomi24.fi",
            "luukku.com",
            "elisanet.fi",
            "kolumbus.fi",
            "saunalahti.fi",
            "welho.com",
            "hotmail.fi",
            "simnet.is",
            "web.de",
            "gmx.de",
            "t-online.de",
            "ziggo.nl",
            "zohomail.eu",
        ] {
            assert!(is_free_mail(domain), "{domain}");
            assert!(!is_disposable(domain), "{domain}");
        }
    }

    #[test]
    fn mailboxes_to_be_thrown_away_are_known_and_those_below_them() {
        for domain in
            ["mailinator.com", "guerrillamail.com", "yopmail.com", "10minutemail.com", "trashmail.se"]
        {
            for domain in [domain.to_owned(), format!("mx.{domain}"), format!("a.b.{domain}")] {
                assert!(is_disposable(&domain), "{domain}");
                assert!(!is_free_mail(&domain), "{domain}");
            }
        }
        for domain in
            ["not-mailinator.com", "mailinator.com.example.com", "mailinator.example", "com", "co.uk", ""]
        {
            assert!(!is_disposable(domain), "{domain}");
        }
    }

    #[test]
    fn a_privacy_relay_is_free_mail_and_never_disposable() {
        for domain in [
            "duck.com",
            "mozmail.com",
            "relay.firefox.com",
            "privaterelay.appleid.com",
            "icloud.com",
            "me.com",
            "simplelogin.com",
            "simplelogin.io",
            "simplelogin.co",
            "simplelogin.fr",
            "aleeas.com",
            "slmail.me",
            "slmails.com",
            "8alias.com",
            "8shield.net",
            "dralias.com",
            "silomails.com",
            "anonaddy.com",
            "anonaddy.me",
            "addymail.com",
            "addy.io",
            "fastmail.com",
            "fastmail.fm",
            "proton.me",
            "protonmail.com",
            "protonmail.ch",
            "pm.me",
            "passmail.net",
            "passmail.com",
            "passinbox.com",
            "passfwd.com",
            "tuta.com",
            "tuta.io",
            "tutanota.com",
            "tutanota.de",
            "tutamail.com",
            "keemail.me",
            "hey.com",
            "startmail.com",
            "mailfence.com",
            "mailbox.org",
            "posteo.de",
            "posteo.net",
            "riseup.net",
            "hushmail.com",
            "cloaked.id",
            "opayq.com",
        ] {
            assert!(is_free_mail(domain), "{domain}");
            assert!(!is_disposable(domain), "{domain}");
            assert!(!is_disposable(&format!("anna.{domain}")), "a subdomain of {domain}");
        }
    }

    #[test]
    fn employers_institutions_and_subdomains_are_not_free_mail() {
        for domain in [
            "example.com",
            "example.org",
            "facebook.com",
            "bt.com",
            "telenor.no",
            "telia.com",
            "ericsson.com",
            "volvo.com",
            "ikea.com",
            "equinor.com",
            "nus.edu.sg",
            "kth.se",
            "ntnu.no",
            "microsoft.com",
            "mail.gmail.com",
            "",
            "com",
        ] {
            assert!(!is_free_mail(domain), "{domain}");
            assert!(!is_disposable(domain), "{domain}");
        }
    }
}
