#![no_main]
//! Normal forms, domains and web addresses, by Unicode and the URL standard.

use leadhook::base::header::header_lines;
use leadhook::base::unicode::{lowercase, nfc};
use leadhook::base::url::{WebAddress, domain_to_ascii};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let normal = nfc(text);
    assert_eq!(nfc(&normal), normal);
    let lower = lowercase(text);
    assert!(!text.is_ascii() || lower == text.to_ascii_lowercase());

    if let Some(domain) = domain_to_ascii(text) {
        assert!(domain.len() <= 253 && domain.split('.').all(|label| (1..=63).contains(&label.len())));
        assert_eq!(domain_to_ascii(&domain).as_ref(), Some(&domain));
        // A name that is a domain here is the same host in an address.
        let address = WebAddress::parse(&format!("https://{domain}/"));
        assert_eq!(address.as_ref().map(WebAddress::host), Some(domain.as_str()));
    }
    if let Some(address) = WebAddress::parse(text) {
        assert_eq!(address.scheme(), address.scheme().to_ascii_lowercase());
        if address.origin() != "null" {
            let again = WebAddress::parse(address.origin()).expect("an origin is an address");
            assert_eq!(again.origin(), address.origin());
            assert!(!again.has_credentials());
            // A blob has the origin of whoever made it, and no host.
            assert!(address.scheme() == "blob" || again.host() == address.host());
        }
        assert!(!address.is_loopback_http() || address.scheme() == "http");
        if matches!(address.scheme(), "http" | "https") {
            assert_eq!(WebAddress::parse(address.href()).as_ref(), Some(&address));
            assert!(header_lines(&[("location", address.href().to_owned())]).is_some());
            let page = WebAddress::parse(&address.page()).expect("a page is an address");
            assert!(
                page.origin() == address.origin() && page.href() == address.page() && !page.has_credentials()
            );
        }
    }
});
