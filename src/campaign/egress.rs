//! Egress: the URLs and headers that the Worker may send to. Whoever may write a campaign must not reach through
//! Leadhook what is behind it: this machine, a local network, a cloud's metadata service, Leadhook itself.
//!
//! Checks are by the URL as the URL standard parses it, so that all spellings of a host are one. Names are not resolved:
//! a Worker cannot, and on Cloudflare private addresses cannot be reached.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::table::Check;
use crate::base::url::WebAddress;

/// IPv4 networks outside the public internet, with their prefix lengths: the IANA registry of special-purpose addresses
/// (RFC 6890), multicast (RFC 5771) and reserved ones (RFC 1112).
const INWARD_IPV4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only IPv6 network that is assigned (RFC 4291 section 2.4). Loopback, link-local, unique local, multicast, mapped
/// IPv4 and NAT64 addresses are outside it.
const PUBLIC_IPV6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Networks in it that are not of the public internet: protocols (with Teredo and benchmarking), documentation, and
/// 6to4, which can hide any IPv4 address.
const INWARD_IPV6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Names that only local networks resolve: RFC 6761, RFC 6762 (with its appendix G), RFC 8375, and those that ICANN
/// reserves for private use.
const INWARD_NAMES: [&str; 10] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
];

/// Last words in the names of headers that carry a provider's token: `X-Postmark-Server-Token`,
/// `api-key`, `X-ElasticEmail-ApiKey`.
const TOKEN_WORDS: [&str; 3] = ["token", "key", "apikey"];
/// First words in the names of headers that belong to HTTP, to proxies or to the webhook, whatever their last word.
const OWN_HEADERS: [&str; 10] = [
    "accept",
    "access-control",
    "cf",
    "content",
    "cookie",
    "forwarded",
    "idempotency",
    "proxy",
    "sec",
    "webhook",
];

/// Checks that events may be sent to a URL. `own` is the Worker's own public URL.
///
/// Any port is allowed: over https no other protocol can be spoken, and CRMs do answer on 8443.
pub fn check_address(address: &WebAddress, own: Option<&WebAddress>, development: bool) -> Check {
    if own.is_some_and(|own| is_own(address, own)) {
        return Err("must not lead back to Leadhook: LEADHOOK_PUBLIC_URL is there");
    }
    if address.is_loopback_http() {
        return if development { Ok(()) } else { Err("http to a loopback address is for development only") };
    }
    if address.scheme() != "https" {
        return Err("must be https");
    }
    if address.has_credentials() {
        return Err("must not hold a password");
    }
    if is_inward(address.host()) {
        return Err(
            "must be on the public internet: not this machine, a local network or a reserved address",
        );
    }
    Ok(())
}

/// Returns whether a host (as [`WebAddress::host`] returns it) is on this machine or a local network, or reserved.
fn is_inward(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return INWARD_IPV4.iter().any(|network| is_within_ipv4(ip, *network));
    }
    if let Some(host) = host.strip_prefix('[') {
        let ip = host.strip_suffix(']').and_then(|ip| ip.parse::<Ipv6Addr>().ok());
        return ip.is_none_or(|ip| {
            !is_within_ipv6(ip, PUBLIC_IPV6) || INWARD_IPV6.iter().any(|network| is_within_ipv6(ip, *network))
        });
    }
    // A name without a dot is completed by the resolver's search domain.
    !host.contains('.') || INWARD_NAMES.iter().any(|name| is_below(host, name))
}

fn is_within_ipv4(ip: Ipv4Addr, (network, bits): (Ipv4Addr, u32)) -> bool {
    (ip.to_bits() ^ network.to_bits()).leading_zeros() >= bits
}

fn is_within_ipv6(ip: Ipv6Addr, (network, bits): (Ipv6Addr, u32)) -> bool {
    (ip.to_bits() ^ network.to_bits()).leading_zeros() >= bits
}

/// Returns whether a host is this name or a subdomain of it.
fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Returns whether a URL is the Worker's own: its host, subdomains of that, and on workers.dev every Worker of the
/// account, for Cloudflare lets none of them fetch another. Not the whole domain: companies have `leads.example.com`
/// beside `crm.example.com`. So subdomains of a host of two labels are others' too.
fn is_own(address: &WebAddress, own: &WebAddress) -> bool {
    let plain = |address: &WebAddress| address.host().trim_end_matches('.').to_owned();
    let (host, own_host) = (plain(address), plain(own));
    // In development the receiver runs on the same machine, on another port.
    if own.is_loopback_http() {
        return address.origin() == own.origin();
    }
    let account = own_host.split_once('.').map(|(_, account)| account);
    let account = account.filter(|account| account.ends_with(".workers.dev"));
    host == own_host
        || own_host.matches('.').count() >= 2 && is_below(&host, &own_host)
        || account.is_some_and(|account| is_below(&host, account))
}

/// Checks that a header is one in which providers expect their token. An allow-list by shape, because the secret is sent
/// in it.
pub fn check_header(name: &str) -> Check {
    let name = name.to_ascii_lowercase();
    if name == "authorization" {
        return Ok(());
    }
    let is_token = name.rsplit('-').next().is_some_and(|word| TOKEN_WORDS.contains(&word));
    let plain = name.strip_prefix("x-").unwrap_or(&name);
    let begins =
        |own: &str| plain.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let is_own = OWN_HEADERS.iter().any(|own| begins(own));
    if is_token && !is_own {
        return Ok(());
    }
    Err("must be one that carries a token: Authorization, or a name that ends in token or key, as in api-key")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the hosts that the end-to-end test publishes too, where the runtime parses them.
    fn hosts(kind: &str) -> Vec<String> {
        let hosts: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/hosts.json")).unwrap();
        let hosts = hosts[kind].as_array().unwrap().iter();
        hosts.map(|host| host.as_str().unwrap().to_owned()).collect()
    }

    fn check(url: &str, own: Option<&str>, development: bool) -> Check {
        let own = own.map(|own| WebAddress::parse(own).unwrap());
        check_address(&WebAddress::parse(url).unwrap(), own.as_ref(), development)
    }

    #[test]
    fn no_spelling_of_a_private_host_is_allowed() {
        for host in hosts("inward") {
            let url = format!("https://{host}/hooks");
            assert!(check(&url, None, true).is_err(), "{url}");
            assert!(check(&url, None, false).is_err(), "{url}");
        }
    }

    #[test]
    fn the_public_internet_is_open_at_any_port() {
        for host in hosts("outward") {
            let url = format!("https://{host}/hooks");
            assert_eq!(check(&url, None, false), Ok(()), "{url}");
        }
    }

    #[test]
    fn only_development_sends_to_this_machine_and_only_there_without_https() {
        for url in ["http://127.0.0.1:8788/x", "http://localhost:8788", "http://[::1]:8788/"] {
            assert_eq!(check(url, None, true), Ok(()), "{url}");
            assert!(check(url, None, false).is_err(), "{url}");
        }
        for url in [
            "http://crm.example.com/",
            "http://10.0.0.1/",
            "ftp://crm.example.com/",
            "https://a:b@crm.example.com/",
        ] {
            assert!(check(url, None, true).is_err(), "{url}");
        }
    }

    #[test]
    fn nothing_leads_back_to_leadhook() {
        let own = |own: &str, url: &str| check(url, Some(own), true).is_err();
        let leads = "https://leads.example.com";
        for url in [
            "https://leads.example.com/c/guide",
            "https://LEADS.example.com.:8443/",
            "https://eu.leads.example.com/",
        ] {
            assert!(own(leads, url), "{url}");
        }
        for url in [
            "https://crm.example.com/hooks",
            "https://example.com/hooks",
            "https://myleads.example.com/",
            "https://leads.example.com.example.org/",
        ] {
            assert!(!own(leads, url), "{url}");
        }
        assert!(own("https://example.com", "https://example.com/hooks"));
        assert!(!own("https://example.com", "https://crm.example.com/hooks"));
        let worker = "https://leadhook.acme.workers.dev";
        assert!(own(worker, "https://leadhook.acme.workers.dev/c/guide"));
        assert!(own(worker, "https://other.acme.workers.dev/hooks"));
        assert!(!own(worker, "https://crm.other.workers.dev/hooks"));
        let here = "http://127.0.0.1:8787";
        assert!(own(here, "http://127.0.0.1:8787/c/guide"));
        assert!(!own(here, "http://127.0.0.1:8788/hooks"));
    }

    #[test]
    fn a_secret_stands_in_a_header_for_tokens() {
        for name in [
            "Authorization",
            "authorization",
            "X-Postmark-Server-Token",
            "api-key",
            "Api-Token",
            "X-Api-Key",
            "X-Auth-Token",
            "X-ElasticEmail-ApiKey",
            "X-Smtp2go-Api-Key",
            "MailPace-Server-Token",
            "Ocp-Apim-Subscription-Key",
            "X-Lettermint-Token",
        ] {
            assert_eq!(check_header(name), Ok(()), "{name}");
        }
        for name in [
            "Host",
            "Cookie",
            "Set-Cookie",
            "Content-Type",
            "Content-Length",
            "Content-Encoding",
            "Content-Key",
            "Transfer-Encoding",
            "Connection",
            "Keep-Alive",
            "Upgrade",
            "TE",
            "Trailer",
            "Expect",
            "Via",
            "Origin",
            "Referer",
            "User-Agent",
            "Proxy-Authorization",
            "Proxy-Token",
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Token",
            "X-Real-IP",
            "X-HTTP-Method-Override",
            "CF-Connecting-IP",
            "CF-Access-Token",
            "CF-Worker",
            "Sec-Fetch-Site",
            "Sec-WebSocket-Key",
            "Access-Control-Allow-Key",
            "webhook-id",
            "webhook-signature",
            "Webhook-Key",
            "Idempotency-Key",
            "X-Idempotency-Key",
            "X",
            "X-",
            "tokenizer",
            "X-Monkey",
        ] {
            assert!(check_header(name).is_err(), "{name}");
        }
    }
}
