#![no_main]
//! Keyrings, signing keys, webhook secrets and signatures, sealed texts, links.

use std::sync::LazyLock;

use leadhook::base::keyring::{Keyring, SigningKeys};
use leadhook::base::moment::Moment;
use leadhook::base::sealing::Sealer;
use leadhook::pipeline::lead::{Identity, Link};
use leadhook::pipeline::webhook::{SigningSecret, sign, verify};
use leadhook::settings::Settings;
use libfuzzer_sys::fuzz_target;

const KEYS: &str =
    "p2:MDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk8=,p1:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2A=";
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let keys =
        |name: &str| matches!(name, "LEADHOOK_PEPPERS" | "LEADHOOK_SEALING_KEYS").then(|| KEYS.to_owned());
    Settings::read(keys).expect("settings")
});
static SEALER: LazyLock<Sealer> = LazyLock::new(|| Sealer::new(&SETTINGS.sealing, "ledger"));
static SILENT: LazyLock<Sealer> = LazyLock::new(|| Sealer::new(&SETTINGS.sealing, "silent"));
static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::new(&SETTINGS, "ledger"));

fuzz_target!(|text: &str| {
    rings(text);
    webhooks(text);
    sealed(text);
    links(text);
});

fn rings(text: &str) {
    if let Ok(ring) = Keyring::parse(text) {
        let ids: Vec<_> = ring.all().map(|key| key.id.as_str()).collect();
        assert_eq!(ids.first().copied(), Some(ring.current().id.as_str()));
        assert!(ids.iter().all(|id| (1..=16).contains(&id.len()) && !id.contains(['.', ':', ','])));
        assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id)));
        let own = Sealer::new(&ring, "ledger").seal(text.as_bytes(), "place", [7; 12]).expect("sealed");
        assert_eq!(Sealer::new(&ring, "ledger").open(&own, "place").as_deref(), Ok(text.as_bytes()));
    }
    if let Ok(keys) = SigningKeys::parse(text) {
        assert!(keys.current().is_some_and(|key| key.seed.is_some()));
    }
    // Whatever the environment says, it is settings or a reason.
    let _ = Settings::read(|_| Some(text.to_owned()));
}

fn webhooks(text: &str) {
    let mut parts = text.splitn(4, '\n');
    let [secret, id, timestamp, rest] = [(); 4].map(|()| parts.next().unwrap_or_default());
    if let Some(secret) = SigningSecret::parse(secret) {
        let _ = verify(&secret, id, timestamp, rest, text.as_bytes(), 1_795_356_000);
        let signature = sign(&secret, "msg_1", 1_795_356_000, rest.as_bytes());
        let now = verify(&secret, "msg_1", "1795356000", &signature, rest.as_bytes(), 1_795_356_000);
        assert_eq!(now, Ok(()));
        let other = format!("{rest}x");
        assert!(verify(&secret, "msg_1", "1795356000", &signature, other.as_bytes(), 1_795_356_000).is_err());
    }
    let known = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
    assert!(verify(&known, id, timestamp, rest, secret.as_bytes(), 1_795_356_000).is_err());
}

/// Checks that what is sealed opens in its own context and unchanged only.
fn sealed(text: &str) {
    // Of a sealer that seals nothing here, or libFuzzer would learn from what it sees compared.
    assert!(SILENT.open_text(text, "place").is_err(), "nobody forges a sealed text");
    assert!(SILENT.open(text.as_bytes(), "place").is_err(), "nor sealed bytes");
    let _ = (SEALER.open_text(text, "place"), SEALER.open(text.as_bytes(), "place"));
    let sealed = SEALER.seal_text(text.as_bytes(), "place", [1; 12]).expect("sealed");
    assert_eq!(SEALER.open_text(&sealed, "place").as_deref(), Ok(text.as_bytes()));
    assert!(SEALER.open_text(&sealed, "elsewhere").is_err());
    assert!(text == "place" || SEALER.open_text(&sealed, text).is_err());
    assert!(Sealer::new(&SETTINGS.sealing, "other").open_text(&sealed, "place").is_err());
    if let Some((at, byte)) = change(text, sealed.len()) {
        let mut bytes = sealed.clone().into_bytes();
        bytes[at] = byte;
        let changed = String::from_utf8_lossy(&bytes);
        assert!(changed == sealed || SEALER.open_text(&changed, "place").is_err());
    }
    let sealed = SEALER.seal(text.as_bytes(), "place", [1; 12]).expect("sealed");
    assert_eq!(SEALER.open(&sealed, "place").as_deref(), Ok(text.as_bytes()));
    assert!(SEALER.open(&sealed, "elsewhere").is_err());
    if let Some((at, byte)) = change(text, sealed.len()) {
        let mut changed = sealed.clone();
        changed[at] = byte;
        assert!(changed == sealed || SEALER.open(&changed, "place").is_err());
    }
}

/// A place and a byte, as the input says.
fn change(text: &str, length: usize) -> Option<(usize, u8)> {
    let [first, second, byte] = *text.as_bytes().first_chunk()?;
    Some((usize::from(u16::from_le_bytes([first, second])) % length, byte))
}

fn links(text: &str) {
    let silent = Identity::new(&SETTINGS, "silent");
    assert_eq!(silent.read_link::<2>(Link::Withdraw, None, text), None, "nobody forges a link");
    assert_eq!(silent.read_sealed_link("guide", text), None, "nobody forges a link");
    let _ = IDENTITY.read_link::<2>(Link::Withdraw, None, text);
    let part: String = text.chars().filter(|c| *c != '.').take(100).collect();
    for (link, other) in [(Link::Confirm, Link::Withdraw), (Link::Withdraw, Link::Confirm)] {
        for (pepper, campaign) in [(None, None), (Some("p1"), Some("guide")), (Some("p2"), Some("other"))] {
            let written = IDENTITY.link(link, campaign, pepper, &["lead_1", &part]);
            let read = |link, campaign| IDENTITY.read_link::<2>(link, campaign, &written);
            assert_eq!(read(link, campaign), Some(["lead_1".to_owned(), part.clone()]));
            assert_eq!(read(other, campaign), None);
            assert_eq!(read(link, Some("third")), None, "of another campaign");
        }
    }
    let moment = Moment { now_ms: 0, seed: [7; 32] };
    let sealed = IDENTITY.sealed_link("guide", text, &moment);
    assert_eq!(IDENTITY.read_sealed_link("guide", &sealed).as_deref(), Some(text));
    assert_eq!(IDENTITY.read_sealed_link("other", &sealed), None);
}
