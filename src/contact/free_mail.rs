//! Domains at which anyone can have a mailbox, so that an address there names no company.

/// Mail providers for private persons, sorted by byte for the binary search. Curated: the large
/// ones of the world and those common in the Nordic countries. A domain that an employer also
/// uses for its staff is left out, because taking a business for a private person costs a lead
/// its score. Disposable addresses are another matter and not listed.
const FREE_MAIL: &[&str] = &[
    "126.com",
    "163.com",
    "abv.bg",
    "aim.com",
    "aol.com",
    "arcor.de",
    "bellsouth.net",
    "bigpond.com",
    "bk.ru",
    "bluewin.ch",
    "blueyonder.co.uk",
    "bol.com.br",
    "bredband.net",
    "broadpark.no",
    "btinternet.com",
    "comcast.net",
    "comhem.se",
    "daum.net",
    "earthlink.net",
    "elisanet.fi",
    "email.com",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "glocalnet.net",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hanmail.net",
    "hey.com",
    "home.se",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.dk",
    "hotmail.es",
    "hotmail.fi",
    "hotmail.fr",
    "hotmail.it",
    "hotmail.nl",
    "hotmail.no",
    "hotmail.se",
    "hushmail.com",
    "icloud.com",
    "inbox.lv",
    "inbox.ru",
    "interia.pl",
    "jubii.dk",
    "juno.com",
    "kolumbus.fi",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.co.uk",
    "live.com",
    "live.de",
    "live.dk",
    "live.fi",
    "live.fr",
    "live.it",
    "live.nl",
    "live.no",
    "live.se",
    "luukku.com",
    "mac.com",
    "mail.com",
    "mail.dk",
    "mail.ru",
    "mailbox.org",
    "mailfence.com",
    "me.com",
    "msn.com",
    "nate.com",
    "naver.com",
    "netzero.net",
    "ntlworld.com",
    "o2.pl",
    "ofir.dk",
    "onet.pl",
    "online.no",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.dk",
    "outlook.es",
    "outlook.fr",
    "outlook.it",
    "passagen.se",
    "pm.me",
    "posteo.de",
    "posteo.net",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "riseup.net",
    "rocketmail.com",
    "saunalahti.fi",
    "sbcglobal.net",
    "seznam.cz",
    "simnet.is",
    "sina.com",
    "sohu.com",
    "spray.se",
    "startmail.com",
    "stofanet.dk",
    "suomi24.fi",
    "swipnet.se",
    "t-online.de",
    "telenet.be",
    "tuta.com",
    "tuta.io",
    "tutamail.com",
    "tutanota.com",
    "tutanota.de",
    "ukr.net",
    "uol.com.br",
    "virgilio.it",
    "virginmedia.com",
    "wanadoo.fr",
    "web.de",
    "welho.com",
    "windowslive.com",
    "wp.pl",
    "xtra.co.nz",
    "ya.ru",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.ar",
    "yahoo.com.au",
    "yahoo.com.br",
    "yahoo.com.mx",
    "yahoo.de",
    "yahoo.dk",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.ie",
    "yahoo.in",
    "yahoo.it",
    "yahoo.no",
    "yahoo.se",
    "yandex.com",
    "yandex.ru",
    "yeah.net",
    "ymail.com",
    "ziggo.nl",
    "zohomail.com",
    "zohomail.eu",
];

/// Whether the domain (lower case, A-labels) is such a provider. A subdomain of one is not.
pub fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.binary_search(&domain).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_without_repeats_as_the_search_needs() {
        assert!(FREE_MAIL.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_list_holds_domains_as_they_are_looked_up() {
        for domain in FREE_MAIL {
            let email = super::super::email::Email::parse(&format!("a@{domain}"));
            assert_eq!(email.as_ref().map(|email| email.domain()), Some(*domain));
        }
    }

    #[test]
    fn providers_are_found_from_the_first_to_the_last() {
        for domain in ["126.com", "gmail.com", "spray.se", "online.no", "mail.dk", "suomi24.fi", "ziggo.nl"] {
            assert!(is_free_mail(domain), "{domain}");
        }
        for domain in ["example.com", "mail.gmail.com", "gmail.co", ""] {
            assert!(!is_free_mail(domain), "{domain}");
        }
    }
}
