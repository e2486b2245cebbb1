#![no_main]
//! Times by RFC 3339 and HTTP, and `Retry-After`.

use leadhook::base::time::{hour_of, parse_http_date, parse_rfc3339, rfc3339};
use leadhook::pipeline::webhook::retry_after_s;
use libfuzzer_sys::fuzz_target;

/// 0000-01-01 and 9999-12-31: the years that the formats have.
const YEARS_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;
/// An offset moves a time by less than a day.
const DAY_MS: i64 = 86_400_000;

fuzz_target!(|text: &str| {
    if let Some(ms) = parse_rfc3339(text) {
        assert!((YEARS_MS.start() - DAY_MS..=YEARS_MS.end() + DAY_MS).contains(&ms));
        assert!(hour_of(ms) <= ms);
        if YEARS_MS.contains(&ms) {
            assert_eq!(parse_rfc3339(&rfc3339(ms)), Some(ms));
        }
    }
    if let Some(ms) = parse_http_date(text) {
        assert!(ms % 1_000 == 0 && YEARS_MS.contains(&(ms - 1_000)) | YEARS_MS.contains(&ms));
        assert!(retry_after_s(text, ms).is_some_and(|s| s == 0));
    }
    for now_ms in [*YEARS_MS.start(), 0, *YEARS_MS.end()] {
        let _ = retry_after_s(text, now_ms);
    }
    if let Some(bytes) = text.as_bytes().first_chunk() {
        let ms = i64::from_le_bytes(*bytes);
        let written = rfc3339(ms);
        assert_eq!(written.len(), "2026-11-22T14:00:00.000Z".len());
        assert_eq!(parse_rfc3339(&written), Some(ms.clamp(*YEARS_MS.start(), *YEARS_MS.end())));
    }
});
