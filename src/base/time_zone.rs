//! Time zones of the IANA database: local dates, and when clocks change. All times are stored in UTC; zones are only for
//! display.
//!
//! In the Worker the JavaScript runtime has the database, on the host the crate `jiff`.

use super::time::{DAY_MS, HOUR_MS, rfc3339};

/// The interval of looking whether clocks have changed: no zone changes twice within it.
const LOOK_MS: i64 = 7 * DAY_MS;
/// The most looks: enough for forty years.
const MAX_LOOKS: i64 = 2_100;

/// Returns whether there is such a zone: `Europe/Stockholm`, `UTC`.
pub fn exists(zone: &str) -> bool {
    // Names without a region are legacy: `IST` was Israel's, India's and Ireland's.
    let is_shaped = zone == "UTC" || (zone.contains('/') && zone != "Etc/Unknown");
    is_shaped && platform::exists(zone)
}

/// Returns the local date at a time, as in `2026-11-30`; the one in UTC if the zone does not exist.
pub fn date(zone: &str, ms: i64) -> String {
    let local = rfc3339(ms.saturating_add(offset(zone, ms)));
    local.split('T').next().unwrap_or_default().to_owned()
}

/// Returns pairs of a time and the offset from UTC since then, both in milliseconds: at the beginning of a period, and at
/// each change in it, to the hour.
pub fn offsets(zone: &str, from_ms: i64, to_ms: i64) -> Vec<[i64; 2]> {
    let mut found = vec![[from_ms, offset(zone, from_ms)]];
    let look_ms = LOOK_MS.max(to_ms.saturating_sub(from_ms) / MAX_LOOKS);
    let mut at_ms = from_ms;
    while at_ms < to_ms {
        let (before_ms, before) = (at_ms, offset(zone, at_ms));
        at_ms = at_ms.saturating_add(look_ms).min(to_ms);
        let after = offset(zone, at_ms);
        if after == before {
            continue;
        }
        let (mut early, mut late) = (before_ms.div_euclid(HOUR_MS), at_ms.div_euclid(HOUR_MS) + 1);
        while late - early > 1 {
            let middle = early + (late - early) / 2;
            if offset(zone, middle * HOUR_MS) == before { early = middle } else { late = middle }
        }
        found.push([late * HOUR_MS, after]);
    }
    found
}

fn offset(zone: &str, ms: i64) -> i64 {
    if zone == "UTC" { 0 } else { platform::offset(zone, ms) }
}

#[cfg(target_arch = "wasm32")]
mod platform {
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen(module = "/src/base/time_zone.js")]
    extern "C" {
        pub fn exists(zone: &str) -> bool;

        #[wasm_bindgen(js_name = offset)]
        fn offset_of(zone: &str, ms: f64) -> f64;
    }

    pub fn offset(zone: &str, ms: i64) -> i64 {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "both are below 2^53"
        )]
        let offset = offset_of(zone, ms as f64) as i64;
        offset
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod platform {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    pub fn exists(zone: &str) -> bool {
        TimeZone::get(zone).is_ok()
    }

    pub fn offset(zone: &str, ms: i64) -> i64 {
        let there = TimeZone::get(zone).ok().zip(Timestamp::from_millisecond(ms).ok());
        there.map_or(0, |(zone, at)| i64::from(zone.to_offset(at).seconds()) * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::parse_rfc3339;

    fn ms(text: &str) -> i64 {
        parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_date_is_the_one_on_the_wall_there() {
        for (zone, at, day) in [
            ("UTC", "2026-11-30T23:59:59Z", "2026-11-30"),
            ("Europe/Stockholm", "2026-11-30T22:59:59Z", "2026-11-30"),
            ("Europe/Stockholm", "2026-11-30T23:00:00Z", "2026-12-01"),
            ("Europe/Stockholm", "2026-06-30T22:00:00Z", "2026-07-01"),
            ("America/New_York", "2026-12-01T04:59:59Z", "2026-11-30"),
            ("Asia/Kolkata", "2026-11-30T18:30:00Z", "2026-12-01"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ] {
            assert_eq!(date(zone, ms(at)), day, "{zone} {at}");
        }
    }

    #[test]
    fn clocks_change_when_they_do() {
        let year = |zone| {
            let found = offsets(zone, ms("2026-01-01T00:00:00Z"), ms("2027-01-01T00:00:00Z"));
            found.into_iter().map(|[at, ahead]| (rfc3339(at), ahead / 60_000)).collect::<Vec<_>>()
        };
        let at = |at: &str, ahead| (at.to_owned(), ahead);
        assert_eq!(
            year("Europe/Stockholm"),
            [
                at("2026-01-01T00:00:00.000Z", 60),
                at("2026-03-29T01:00:00.000Z", 120),
                at("2026-10-25T01:00:00.000Z", 60)
            ]
        );
        assert_eq!(year("Asia/Kolkata"), [at("2026-01-01T00:00:00.000Z", 330)]);
        assert_eq!(year("UTC"), [at("2026-01-01T00:00:00.000Z", 0)]);
    }

    #[test]
    fn a_zone_is_one_of_the_database() {
        for zone in ["UTC", "Europe/Stockholm", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(exists(zone), "{zone}");
        }
        for zone in [
            "",
            "Europe/Stokholm",
            "Stockholm",
            "+01:00",
            "../UTC",
            "CEST/X",
            "IST",
            "CET",
            "Etc/Unknown",
            "Factory",
        ] {
            assert!(!exists(zone), "{zone}");
        }
    }
}
