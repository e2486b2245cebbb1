//! Typos in the domain of an e-mail address: the large provider that was very likely meant.

/// A provider whose domain is suggested.
struct Provider {
    name: &'static str,
    /// The rest of the domain, with its dot.
    suffix: &'static str,
    /// The whole domain.
    domain: &'static str,
    /// True if typos in the name are considered too. Too many domains are one letter from names of up to four letters,
    /// and some names are close to real companies (Telia to Telit).
    by_name: bool,
}

const fn provider(name: &'static str, suffix: &'static str, domain: &'static str, by_name: bool) -> Provider {
    Provider { name, suffix, domain, by_name }
}

/// The providers with most addresses: the large ones of the world and of the Nordic countries. Few, because each one more
/// makes some other domain a typo.
const PROVIDERS: [Provider; 21] = [
    provider("gmail", ".com", "gmail.com", true),
    provider("hotmail", ".com", "hotmail.com", true),
    provider("outlook", ".com", "outlook.com", true),
    provider("yahoo", ".com", "yahoo.com", true),
    provider("icloud", ".com", "icloud.com", true),
    provider("googlemail", ".com", "googlemail.com", true),
    provider("protonmail", ".com", "protonmail.com", true),
    provider("hotmail", ".se", "hotmail.se", true),
    provider("hotmail", ".no", "hotmail.no", true),
    provider("hotmail", ".dk", "hotmail.dk", true),
    provider("hotmail", ".fi", "hotmail.fi", true),
    provider("hotmail", ".co.uk", "hotmail.co.uk", true),
    provider("yahoo", ".se", "yahoo.se", true),
    provider("yahoo", ".co.uk", "yahoo.co.uk", true),
    provider("outlook", ".dk", "outlook.dk", true),
    provider("comhem", ".se", "comhem.se", true),
    provider("live", ".com", "live.com", false),
    provider("msn", ".com", "msn.com", false),
    provider("aol", ".com", "aol.com", false),
    provider("me", ".com", "me.com", false),
    provider("telia", ".com", "telia.com", false),
];

/// Real domains of others that are one typo away from a provider.
const OTHERS: [&str; 6] =
    ["gail.com", "grail.com", "incloud.com", "ipcloud.com", "itcloud.com", "iqcloud.com"];

/// Endings that are one typo away from `.com` and no top-level domain, so that nobody has such a domain.
const NO_ENDINGS: [&str; 12] =
    [".ccom", ".cim", ".cmo", ".coim", ".comm", ".con", ".coom", ".cpm", ".ocm", ".vom", ".xom", ".comn"];

/// Returns the provider that this domain (lower case, A-labels) very likely means, if it is one typo away: a letter too
/// many, one missing, a wrong one, or two swapped. Never for a provider's own domain or a real one near it.
///
/// The lists of disposable and free mail are not consulted: they contain typos that somebody has registered to catch
/// other people's mail, `gmial.com` among them.
pub fn suggestion(domain: &str) -> Option<&'static str> {
    if PROVIDERS.iter().any(|provider| provider.domain == domain) || OTHERS.contains(&domain) {
        return None;
    }
    let (name, suffix) = domain.split_at_checked(domain.find('.')?)?;
    let meant = |provider: &&Provider| {
        let near = provider.by_name && is_one_typo(name, provider.name);
        let same = name == provider.name;
        let no_ending = provider.suffix == ".com" && NO_ENDINGS.contains(&suffix);
        // A real ending may be a country's or a company's own: only with a long name it is a typo.
        let ending = provider.by_name && provider.suffix == ".com" && is_one_typo(suffix, ".com");
        near && (suffix == provider.suffix || no_ending) || same && (no_ending || ending)
    };
    PROVIDERS.iter().find(meant).map(|provider| provider.domain)
}

/// Returns whether one typo makes `typed` of `meant`. The first character is the one that people get right, and many
/// names differ only in it (`ymail`, `email`, `mail`): it may only be swapped.
fn is_one_typo(typed: &str, meant: &str) -> bool {
    let (typed, meant) = (typed.as_bytes(), meant.as_bytes());
    let same = typed.iter().zip(meant).take_while(|(left, right)| left == right).count();
    let (Some(left), Some(right)) = (typed.get(same..), meant.get(same..)) else { return false };
    match (left, right) {
        ([a, b, left @ ..], [c, d, right @ ..]) if a == d && b == c => left == right,
        _ if same == 0 => false,
        ([_, left @ ..], [_, right @ ..]) if left == right => true,
        ([_, left @ ..], right) if left == right => true,
        (left, [_, right @ ..]) => left == right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_found() {
        for (typed, meant) in [
            ("gmial.com", "gmail.com"),
            ("gmai.com", "gmail.com"),
            ("gmal.com", "gmail.com"),
            ("gamil.com", "gmail.com"),
            ("mgail.com", "gmail.com"),
            ("gmil.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("ggmail.com", "gmail.com"),
            ("gnail.com", "gmail.com"),
            ("gmaul.com", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmail.cm", "gmail.com"),
            ("gmail.om", "gmail.com"),
            ("gmail.con", "gmail.com"),
            ("gmail.cmo", "gmail.com"),
            ("gmail.comm", "gmail.com"),
            ("gmail.ocm", "gmail.com"),
            ("gmial.con", "gmail.com"),
            ("hotmial.com", "hotmail.com"),
            ("hotmai.com", "hotmail.com"),
            ("homail.com", "hotmail.com"),
            ("htomail.com", "hotmail.com"),
            ("hotmal.com", "hotmail.com"),
            ("hotmaill.com", "hotmail.com"),
            ("hotmail.co", "hotmail.com"),
            ("hotmail.con", "hotmail.com"),
            ("hotmial.se", "hotmail.se"),
            ("hotmal.no", "hotmail.no"),
            ("hotmil.co.uk", "hotmail.co.uk"),
            ("outlok.com", "outlook.com"),
            ("outloook.com", "outlook.com"),
            ("oultook.com", "outlook.com"),
            ("outlook.cm", "outlook.com"),
            ("yaho.com", "yahoo.com"),
            ("yahooo.com", "yahoo.com"),
            ("yhaoo.com", "yahoo.com"),
            ("yahoo.con", "yahoo.com"),
            ("yahho.se", "yahoo.se"),
            ("iclould.com", "icloud.com"),
            ("icloud.co", "icloud.com"),
            ("iclod.com", "icloud.com"),
            ("protonmial.com", "protonmail.com"),
            ("goglemail.com", "googlemail.com"),
            ("comehm.se", "comhem.se"),
            ("live.con", "live.com"),
            ("msn.comm", "msn.com"),
            ("aol.cmo", "aol.com"),
            ("telia.con", "telia.com"),
        ] {
            assert_eq!(suggestion(typed), Some(meant), "{typed}");
        }
    }

    /// Domains of providers themselves, and of others whose names come close.
    const REAL: [&str; 112] = [
        // Providers themselves, here and in other countries.
        "gmail.com",
        "googlemail.com",
        "hotmail.com",
        "hotmail.se",
        "hotmail.de",
        "hotmail.es",
        "hotmail.fr",
        "hotmail.it",
        "hotmail.nl",
        "hotmail.be",
        "hotmail.sg",
        "hotmail.ca",
        "hotmail.ch",
        "hotmail.gr",
        "hotmail.co.jp",
        "hotmail.com.br",
        "outlook.de",
        "outlook.fr",
        "outlook.es",
        "outlook.cz",
        "outlook.dk",
        "yahoo.ca",
        "yahoo.cn",
        "yahoo.de",
        "yahoo.es",
        "yahoo.fr",
        "yahoo.ie",
        "yahoo.no",
        "yahoo.dk",
        "yahoo.co.in",
        "yahoo.com.br",
        "yahoo.com.au",
        "live.com",
        "live.se",
        "live.no",
        "live.dk",
        "live.nl",
        "live.be",
        "live.de",
        "live.ie",
        "live.fi",
        "live.co.uk",
        "msn.com",
        "msn.nl",
        "me.com",
        "mac.com",
        "icloud.com",
        "telia.com",
        "comhem.se",
        "proton.me",
        "protonmail.ch",
        "pm.me",
        // Others whose names come close.
        "ymail.com",
        "mail.com",
        "email.com",
        "email.it",
        "fmail.com",
        "hmail.com",
        "cmail.com",
        "tmail.com",
        "xmail.com",
        "mail.ru",
        "mail.dk",
        "mail.ee",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "gmx.at",
        "aol.com",
        "aol.de",
        "aon.at",
        "rocketmail.com",
        "hushmail.com",
        "fastmail.com",
        "zohomail.com",
        "love.com",
        "five.com",
        "olive.com",
        "line.me",
        "alive.com",
        "cloud.com",
        "gail.com",
        "grail.com",
        "telit.com",
        "telia.se",
        "tela.com",
        "telio.no",
        "ms.com",
        "mns.com",
        "mcn.com",
        "me.co",
        "aol.co",
        "live.co",
        "msn.co",
        "telia.co",
        "live.cm",
        "ao.com",
        "wahoo.com",
        "incloud.com",
        "outlook.org",
        "gmail.dev",
        "mail.gmail.com",
        "gmail.com.example.com",
        "hotmail.example",
        "example.com",
        "example.co",
        "example.con",
        "telenor.no",
        "online.no",
        "g.com",
        "com",
        "",
    ];

    #[test]
    fn a_real_domain_is_no_typo() {
        for domain in REAL {
            assert_eq!(suggestion(domain), None, "{domain}");
        }
    }

    #[test]
    fn a_suggestion_is_the_domain_of_a_provider() {
        for provider in PROVIDERS {
            assert_eq!(format!("{}{}", provider.name, provider.suffix), provider.domain);
            assert_eq!(suggestion(provider.domain), None);
        }
    }

    #[test]
    fn two_typos_are_not_one() {
        for typed in ["ab", "abdcx", "abdxc", "bacdx", "acbdd", "abcdex", "", "a"] {
            assert!(!is_one_typo(typed, "abcd"), "{typed}");
        }
    }
}
