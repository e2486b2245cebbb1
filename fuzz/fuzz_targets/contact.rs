#![no_main]
//! E-mail addresses, phone numbers and countries.

use leadhook::base::country::Country;
use leadhook::contact::{Email, Phone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(email) = Email::parse(text) {
        let address = email.address();
        assert!(address.is_ascii() && address.len() <= 254);
        assert_eq!(address, address.to_ascii_lowercase());
        assert!(address.ends_with(&format!("@{}", email.domain())) && email.domain().contains('.'));
        // What is normal stays as it is, or one person would be two.
        assert_eq!(Email::parse(address).as_ref(), Some(&email));
        for fold in [false, true] {
            let form = email.fingerprint_form(fold);
            let again = Email::parse(&form).map(|folded| folded.fingerprint_form(fold));
            assert_eq!(again.as_deref(), Some(form.as_str()), "folded: {fold}");
        }
        let _ = email.kind();
        assert!(!format!("{email:?}").contains(address));
    }
    for country in [None, Country::parse("SE"), Country::parse("US"), Country::parse("IT")] {
        let Some(phone) = Phone::parse(text, country) else { continue };
        let digits = phone.e164().strip_prefix('+').expect("a plus");
        assert!((3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(Phone::parse(phone.e164(), None).as_ref(), Some(&phone));
        assert_eq!(Phone::parse(phone.e164(), country).as_ref(), Some(&phone));
        assert!(!format!("{phone:?}").contains(digits));
    }
    if let Some(country) = Country::parse(text) {
        assert_eq!(Country::parse(country.as_str()), Some(country));
    }
});
