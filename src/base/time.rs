//! Times as milliseconds since 1970 in UTC: RFC 3339, HTTP dates, and the proleptic Gregorian calendar.

/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 3_600_000;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// 0000-01-01T00:00:00Z.
const FIRST_MS: i64 = -719_528 * DAY_MS;
/// The last millisecond of 9999-12-31.
pub(super) const LAST_MS: i64 = 2_932_897 * DAY_MS - 1;
/// Names of months in HTTP dates.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Formats a time by RFC 3339 in UTC with milliseconds: `2026-11-22T14:00:00.000Z`. Times outside the years 0 to 9999,
/// which the format does not have, are clamped.
pub fn rfc3339(ms: i64) -> String {
    let ms = ms.clamp(FIRST_MS, LAST_MS);
    let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
    let time = ms.rem_euclid(DAY_MS);
    let (hour, minute) = (time / HOUR_MS, time / 60_000 % 60);
    let (second, fraction) = (time / 1_000 % 60, time % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

/// Parses an RFC 3339 time in any offset to milliseconds since 1970. A 61st second is the first of the next minute.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked("hh:mm:ss".len())?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
        None => ("0", rest),
    };
    let offset_minutes = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let minutes = digits(hours, 2, 23)? * 60 + digits(minutes, 2, 59)?;
            if sign == "-" { -minutes } else { minutes }
        }
        _ => return None,
    };
    let days = parse_date(date)?;
    let milliseconds: String = fraction.chars().chain("00".chars()).take(3).collect();
    let milliseconds = digits(&milliseconds, 3, 999)?;
    Some(days * DAY_MS + parse_clock(clock)? - offset_minutes * 60_000 + milliseconds)
}

/// Parses a date, as in `2026-11-30`, to days since 1970. Years are 1 to 9999.
pub fn days_of(text: &str) -> Option<i64> {
    parse_date(text).filter(|_| !text.starts_with("0000"))
}

/// Parses `yyyy-mm-dd` to days since 1970.
fn parse_date(text: &str) -> Option<i64> {
    let mut date = text.splitn(3, '-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    days_from_civil(digits(year, 4, 9_999)?, digits(month, 2, 12)?, digits(day, 2, 31)?)
}

/// Parses an HTTP date, as in `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7), to milliseconds since 1970. The
/// two obsolete formats are not supported.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let (_, date) = text.split_once(", ")?;
    let mut parts = date.splitn(5, ' ');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == month)?.1;
    let clock = parse_clock(parts.next()?)?;
    let days = days_from_civil(digits(year, 4, 9_999)?, month, digits(day, 2, 31)?)?;
    (parts.next()? == "GMT").then_some(days * DAY_MS + clock)
}

/// Parses `hh:mm:ss` to milliseconds.
fn parse_clock(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    Some(digits(hour, 2, 23)? * HOUR_MS + digits(minute, 2, 59)? * 60_000 + digits(second, 2, 60)? * 1_000)
}

/// Parses a number of exactly `count` digits, up to `max`.
fn digits(text: &str, count: usize, max: i64) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= max)
}

/// Returns the days since 1970-01-01; `None` if the month does not have that day. This and its inverse are Howard
/// Hinnant's algorithms for the proleptic Gregorian calendar
/// (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, eras have 400.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let march_year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// Returns year, month and day of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Returns the seconds from now to a time, rounded up, as for `Retry-After` (RFC 9110 section 10.2.3). Not above zero if
/// the time has passed.
pub fn seconds_until(ms: i64, now_ms: i64) -> i64 {
    (ms - now_ms + 999).div_euclid(1_000)
}

/// Returns the start of the hour of a time.
pub fn hour_of(ms: i64) -> i64 {
    ms - ms.rem_euclid(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(1_795_356_000_123), "2026-11-22T14:00:00.123Z");
        assert_eq!(parse_rfc3339("2026-11-22T15:00:00.123+01:00"), Some(1_795_356_000_123));
        assert_eq!(hour_of(1_795_356_000_123), 1_795_356_000_000);
        assert_eq!(rfc3339(i64::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn times_are_those_of_chrono() {
        use chrono::{DateTime, SecondsFormat::Millis, Utc};

        // Every day of the format's years, each at another time of the day.
        for (at, day) in (FIRST_MS / DAY_MS..=LAST_MS / DAY_MS).enumerate().step_by(3) {
            let ms = day * DAY_MS + i64::try_from(at).unwrap() * 7_919_813 % DAY_MS;
            let time = DateTime::<Utc>::from_timestamp_millis(ms).unwrap();
            let text = time.to_rfc3339_opts(Millis, true);
            assert_eq!(rfc3339(ms), text);
            assert_eq!(parse_rfc3339(&text), Some(ms), "{text}");
            let http = time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            assert_eq!(parse_http_date(&http), Some(ms - ms.rem_euclid(1_000)), "{http}");
        }
    }

    #[test]
    fn every_form_of_rfc_3339_is_read_as_chrono_reads_it_and_nothing_else() {
        for text in [
            "2026-11-22T15:00:00+01:00",
            "2026-11-22t15:00:00.5-23:59",
            "2026-11-22 15:00:00.123456789z",
            "2016-12-31T23:59:60Z",
            "2024-02-29T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T15:60:00Z",
            "2026-11-22T15:00:61Z",
            "2026-11-22T15:00:00",
            "2026-11-22T15:00:00.Z",
            "2026-11-22T15:00:00.1",
            "2026-11-22T15:00Z",
            "2026-11-22",
            "2026-11-22T15:00:00+0100",
            "2026-11-22T15:00:00+01",
            "2026-11-22T15:00:00+01:60",
            "2026-11-22T15:00:00Z ",
            "+2026-11-22T15:00:00Z",
            "2026-1-22T15:00:00Z",
            "2026-11-22T15:00:0åZ",
            "2026-11-22T-1:00:00Z",
            "2026-11-22T15:00:00å",
            "",
        ] {
            let expected = chrono::DateTime::parse_from_rfc3339(text).ok();
            assert_eq!(parse_rfc3339(text), expected.map(|time| time.timestamp_millis()), "{text}");
        }
        for text in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 31 Jun 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37",
            "soon",
        ] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_wait_is_in_whole_seconds_and_not_too_short() {
        let left = [-1_000, -1, 0, 1, 1_000, 1_001].map(|now_ms| seconds_until(1_001, now_ms));
        assert_eq!(left, [3, 2, 2, 1, 1, 0]);
    }
}
