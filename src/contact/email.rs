//! E-mail addresses: parsing, normalisation, and the canonical forms by which mailboxes are recognised.

use std::fmt;

use super::mail_domains::{is_disposable, is_free_mail};
use super::{role, typo};
use crate::base::unicode::tidy_word;
use crate::base::url::domain_to_ascii;

/// Octets of a path in SMTP without its angle brackets (RFC 5321 section 4.5.3.1.3, erratum 1690).
const MAX_ADDRESS_BYTES: usize = 254;
/// Octets of a local part (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;
/// Longer texts are refused at once, to bound the work. A letter takes up to four bytes in UTF-8 and may be a single one
/// in its A-label, so no valid address is longer.
const MAX_TEXT_BYTES: usize = 4 * MAX_ADDRESS_BYTES;

/// The domain that stands for both of Gmail's.
const GMAIL: &str = "gmail.com";
/// Gmail's other domain: every mailbox has an address in both.
const GOOGLEMAIL: &str = "googlemail.com";
/// Providers with several domains for one mailbox: the first domain stands for all, and names without these characters
/// stand for those with them (<https://proton.me/support/addresses-and-aliases>, <https://yandex.com/support/mail>,
/// <https://support.apple.com/guide/icloud>).
const ALIASES: [(&[&str], &[char]); 3] = [
    (&["proton.me", "protonmail.com", "protonmail.ch", "pm.me"], &['.', '-', '_']),
    (&["yandex.ru", "ya.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua"], &['.', '-']),
    (&["icloud.com", "me.com", "mac.com"], &[]),
];

/// An e-mail address: `local@domain` in lower case, with the domain as A-labels (RFC 5890). Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
    /// The number of bytes before the `@`.
    local_bytes: usize,
}

/// The kind of mailbox, by its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailKind {
    /// A mailbox at an employer's domain, or a person's own.
    Business,
    /// A mailbox that anyone can have.
    Free,
    /// A mailbox that is made to be thrown away. A hint, for lists err.
    Disposable,
}

impl EmailKind {
    /// The names of all kinds, as conditions about `email_kind` use them.
    pub const NAMES: [&'static str; 3] = ["business", "free", "disposable"];

    /// Returns `business`, `free` or `disposable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Free => "free",
            Self::Disposable => "disposable",
        }
    }
}

impl Email {
    /// Parses an address, with or without white space around it and invisible characters in it.
    ///
    /// The local part follows the grammar of the HTML standard (valid e-mail address), without a
    /// leading, trailing or double dot, in at most 64 octets. The domain is a name of at least
    /// two labels, in letters of any script (see [`domain_to_ascii`]). Quoted local parts, comments, IP
    /// literals and local parts beyond ASCII (RFC 6531) are refused: hardly any mailbox has one, and many
    /// mail systems cannot send to it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = tidy_word(text);
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        let (local, domain) = text.split_once('@')?;
        if !is_local_part(local) {
            return None;
        }
        let domain = domain_to_ascii(domain).filter(|domain| domain.contains('.'))?;
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        (address.len() <= MAX_ADDRESS_BYTES).then_some(Self { address, local_bytes: local.len() })
    }

    /// Returns the address to write to. Not folded: `+tag` and dots stay.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the domain in lower case, as A-labels.
    pub fn domain(&self) -> &str {
        self.parts().1
    }

    /// Returns the canonical form for fingerprints. With `fold_gmail`, gmail.com and googlemail.com are one domain, without
    /// dots and `+tag`, because Gmail delivers all of these to the same person. Elsewhere `+` and dots may distinguish
    /// two people.
    pub fn fingerprint_form(&self, fold_gmail: bool) -> String {
        let (local, domain) = self.parts();
        if !fold_gmail || !matches!(domain, GMAIL | GOOGLEMAIL) {
            return self.address.clone();
        }
        let untagged = local.split('+').next().unwrap_or(local);
        // A local part that is only a tag is not folded.
        let untagged = if untagged.is_empty() { local } else { untagged };
        format!("{}@{GMAIL}", untagged.replace('.', ""))
    }

    /// Returns the mailbox that very likely receives mail to this address: the tag behind a `+` is cut at every domain, and
    /// behind a `-` at Yahoo, where no name has one; in subdomains of a provider the first label is the name. For counting
    /// mails to one mailbox, never for recognising people: two people may share it.
    pub fn mailbox(&self) -> String {
        let folded = self.fingerprint_form(true);
        let (local, domain) = folded.split_once('@').unwrap_or_default();
        if let Some((name, provider)) = domain.split_once('.')
            && is_free_mail(provider)
            && !is_free_mail(domain)
        {
            return format!("{name}@{provider}");
        }
        let is_tag = |c: char| c == '+' || (c == '-' && is_yahoo(domain));
        let name = local.split(is_tag).next().filter(|name| !name.is_empty()).unwrap_or(local);
        let alike = ALIASES.iter().find(|(domains, _)| domains.contains(&domain));
        if let Some((domains, ignored)) = alike {
            let domain = domains.first().unwrap_or(&domain);
            return format!("{}@{domain}", name.replace(*ignored, ""));
        }
        format!("{name}@{domain}")
    }

    /// Returns the letters and digits before a tag, which many addresses of one mailbox share if its provider allows tags
    /// behind other characters than `+`, or ignores some. Coarser than [`Email::mailbox`].
    pub fn stem(&self) -> String {
        let mailbox = self.mailbox();
        let (local, domain) = mailbox.split_once('@').unwrap_or_default();
        let plain = |part: &str| part.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let name = local.split(['-', '=']).map(plain).find(|name| !name.is_empty());
        format!("{}@{domain}", name.as_deref().unwrap_or(local))
    }

    /// Returns the kind of mailbox.
    pub fn kind(&self) -> EmailKind {
        match self.domain() {
            // No domain is on both lists. Most people are on this one, which takes one lookup.
            domain if is_free_mail(domain) => EmailKind::Free,
            domain if is_disposable(domain) => EmailKind::Disposable,
            _ => EmailKind::Business,
        }
    }

    /// Returns whether the local part names a task and not a person: `info`, `sales`, `noreply`.
    pub fn is_role(&self) -> bool {
        role::is_role(self.parts().0)
    }

    /// Returns the domain that was very likely meant, if this one is a typo: `gmail.com` for `gmial.com`. For asking the
    /// visitor, never for changing the address.
    pub fn suggested_domain(&self) -> Option<&'static str> {
        typo::suggestion(self.domain())
    }

    fn parts(&self) -> (&str, &str) {
        let (local, rest) = self.address.split_at_checked(self.local_bytes).unwrap_or_default();
        (local, rest.strip_prefix('@').unwrap_or(rest))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Email(…)")
    }
}

/// Returns whether a domain is one of Yahoo's, where a base name and a word make an address
/// (<https://help.yahoo.com/kb/SLN28338.html>).
fn is_yahoo(domain: &str) -> bool {
    let first = domain.split('.').next().unwrap_or_default();
    matches!(first, "yahoo" | "ymail" | "rocketmail" | "myyahoo")
}

fn is_local_part(local: &str) -> bool {
    let of_the_grammar = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    local.len() <= MAX_LOCAL_BYTES
        && local.bytes().all(of_the_grammar)
        // Refuses the empty local part too: splitting it gives one empty atom.
        && local.split('.').all(|atom| !atom.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<String> {
        Email::parse(text).map(|email| email.address().to_owned())
    }

    fn folded(text: &str) -> String {
        Email::parse(text).unwrap().fingerprint_form(true)
    }

    #[test]
    fn an_address_is_trimmed_and_in_lower_case() {
        assert_eq!(
            address("  Kari.Nordmann+Test@Example.COM \n").as_deref(),
            Some("kari.nordmann+test@example.com")
        );
        assert_eq!(address("o'brien@example.co.uk").as_deref(), Some("o'brien@example.co.uk"));
        assert_eq!(
            address("!#$%&'*+-/=?^_`{|}~@example.org").as_deref(),
            Some("!#$%&'*+-/=?^_`{|}~@example.org")
        );
        assert_eq!(address("a@r3---sn.example.com").as_deref(), Some("a@r3---sn.example.com"));
    }

    #[test]
    fn a_domain_of_any_script_becomes_a_labels() {
        for spelling in
            ["info@Blåbär.example", "info@bla\u{30a}ba\u{308}r.example", "info@xn--blbr-noae.example"]
        {
            let email = Email::parse(spelling).unwrap();
            assert_eq!(email.domain(), "xn--blbr-noae.example");
            assert_eq!(email.fingerprint_form(true), "info@xn--blbr-noae.example");
        }
        assert_eq!(address("a@faß.de").as_deref(), Some("a@xn--fa-hia.de"));
        assert_eq!(address("a@例え.テスト").as_deref(), Some("a@xn--r8jz45g.xn--zckzah"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            " ",
            "@",
            "plainaddress",
            "@example.com",
            "a@",
            "a@localhost",
            "a@example",
            "a@@example.com",
            "a@b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "a@exa mple.com",
            "a@example..com",
            "a@.example.com",
            "a@example.com.",
            "a@-example.com",
            "a@example-.com",
            "a@exa_mple.com",
            "a@example.com,b@example.com",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@example.123",
            "\"a b\"@example.com",
            "\"a\"@example.com",
            "Kari <kari@example.com>",
            "mailto:a@example.com>",
            "kari(comment)@example.com",
            "kåri@example.com",
            "a\u{0}@example.com",
            "a@example.com\u{0}",
            "a\r\nBcc: b@example.com",
            "a@xn--a.example",
            "a@xn--.com",
        ] {
            assert_eq!(address(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_no_part_of_an_address() {
        for text in ["a@exa\u{ad}mple.com", "a\u{200b}@example.com", "\u{202a}a@\u{202e}example.com\u{202c}"]
        {
            assert_eq!(address(text).as_deref(), Some("a@example.com"), "{text:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_smtp() {
        let local = "a".repeat(64);
        assert!(address(&format!("{local}@example.com")).is_some());
        assert!(address(&format!("a{local}@example.com")).is_none());
        let label = "b".repeat(63);
        assert!(address(&format!("a@{label}.com")).is_some());
        assert!(address(&format!("a@b{label}.com")).is_none());
        // 64 + 1 + 63 + 1 + 63 + 1 + 57 + 4 = 254.
        let longest = format!("{local}@{label}.{label}.{}.com", "b".repeat(57));
        assert_eq!(longest.len(), 254);
        assert!(address(&longest).is_some());
        assert!(address(&longest.replace(".com", "b.com")).is_none());
        assert!(address(&format!("a@{}example.com", "b.".repeat(100_000))).is_none());
    }

    #[test]
    fn gmail_is_one_mailbox_however_it_is_written() {
        for spelling in
            ["kari.nordmann@gmail.com", "K.a.r.i.nordmann+guide@googlemail.com", "KARINORDMANN@GMAIL.COM"]
        {
            assert_eq!(folded(spelling), "karinordmann@gmail.com");
        }
        assert_eq!(
            address("Kari.Nordmann+x@GoogleMail.com").as_deref(),
            Some("kari.nordmann+x@googlemail.com")
        );
        assert_eq!(folded("+x.y@gmail.com"), "+xy@gmail.com");
    }

    #[test]
    fn other_domains_are_not_folded_nor_gmail_when_it_is_off() {
        assert_eq!(folded("kari.n+x@example.com"), "kari.n+x@example.com");
        assert_eq!(folded("kari.n+x@gmail.com.example.com"), "kari.n+x@gmail.com.example.com");
        let email = Email::parse("Kari.N+x@googlemail.com").unwrap();
        assert_eq!(email.fingerprint_form(false), "kari.n+x@googlemail.com");
    }

    #[test]
    fn a_mailbox_is_one_whatever_tag_its_address_bears() {
        let mailbox = |text: &str| Email::parse(text).unwrap().mailbox();
        for (address, expected) in [
            ("kari@example.com", "kari@example.com"),
            ("kari+1@example.com", "kari@example.com"),
            ("Kari+a+b@Outlook.com", "kari@outlook.com"),
            ("+tag@example.com", "+tag@example.com"),
            ("k.ari+x@googlemail.com", "kari@gmail.com"),
            ("kari-shops@yahoo.com", "kari@yahoo.com"),
            ("kari-shops@yahoo.co.uk", "kari@yahoo.co.uk"),
            ("hans-peter@gmx.de", "hans-peter@gmx.de"),
            ("anything@kari.fastmail.com", "kari@fastmail.com"),
            ("other+x@kari.fastmail.com", "kari@fastmail.com"),
            ("k.a-r_i+x@pm.me", "kari@proton.me"),
            ("k-a.ri@ya.ru", "kari@yandex.ru"),
            ("k.ari@mac.com", "k.ari@icloud.com"),
            ("kari@mail.example.com", "kari@mail.example.com"),
        ] {
            assert_eq!(mailbox(address), expected, "{address}");
        }
        let stem = |text: &str| Email::parse(text).unwrap().stem();
        assert_eq!(stem("kari-1+x@example.com"), "kari@example.com");
        for address in
            ["kari=1@example.com", "k.a_r.i@example.com", "kari-20@example.com", "-kari@example.com"]
        {
            assert_eq!(stem(address), "kari@example.com", "{address}");
        }
        assert_eq!(stem("kari7@example.com"), "kari7@example.com");
        assert_eq!(stem("-=@example.com"), "-=@example.com");
    }

    #[test]
    fn the_kind_follows_from_the_domain() {
        assert_eq!(Email::parse("a@hotmail.se").unwrap().kind(), EmailKind::Free);
        assert_eq!(Email::parse("a@Example.com").unwrap().kind(), EmailKind::Business);
        assert_eq!(Email::parse("a@mailinator.com").unwrap().kind(), EmailKind::Disposable);
        let names = [EmailKind::Business, EmailKind::Free, EmailKind::Disposable].map(EmailKind::as_str);
        assert_eq!(names, EmailKind::NAMES);
    }

    #[test]
    fn a_role_and_a_typo_follow_from_the_address() {
        let email = Email::parse("No-Reply+x@Gmial.com").unwrap();
        assert!(email.is_role());
        assert_eq!(email.suggested_domain(), Some("gmail.com"));
        let email = Email::parse("info.larsson@gmail.com").unwrap();
        assert!(!email.is_role());
        assert_eq!(email.suggested_domain(), None);
    }

    #[test]
    fn the_debug_form_hides_the_address() {
        assert_eq!(format!("{:?}", Email::parse("a@example.com").unwrap()), "Email(…)");
    }
}
