//! Login attempts: wrong tokens of the admin API, by the address that they came from. After too many an address must
//! wait, also with a right one, or guessing would go on. Kept in memory, so whoever guesses has so many tries in each
//! isolate.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};

use crate::base::time::seconds_until;

/// The wrong tokens within [`WINDOW_MS`] after which an address must wait: more than anybody needs who has copied
/// one badly.
pub const MAX_WRONG: usize = 10;
/// The time for which a wrong token counts.
pub const WINDOW_MS: i64 = 60_000;
/// The most addresses that are remembered: less than a megabyte of an isolate's memory.
const MAX_ADDRESSES: usize = 2_000;
/// The bits of an IPv6 address that its owner chooses freely (RFC 6177).
const IPV6_OWN_BITS: u32 = 64;

/// The wrong tokens of every address. All requests without an address count as one.
#[derive(Default)]
pub struct LoginAttempts(RefCell<Vec<Line>>);

struct Line {
    address: Option<IpAddr>,
    /// The times of the last wrong tokens, the oldest first; UTC, milliseconds.
    wrong_ms: VecDeque<i64>,
}

impl LoginAttempts {
    /// Returns the seconds to wait, if too many wrong tokens have come from an address.
    pub fn wait_s(&self, client_address: Option<&str>, now_ms: i64) -> Option<i64> {
        let lines = self.0.borrow();
        let wrong_ms = &lines.get(position(&lines, line(client_address))?)?.wrong_ms;
        let ends_ms = wrong_ms.front().filter(|_| wrong_ms.len() >= MAX_WRONG)? + WINDOW_MS;
        // Not longer if the clock was set back.
        let ends_ms = ends_ms.min(now_ms + WINDOW_MS);
        Some(seconds_until(ends_ms, now_ms)).filter(|left_s| *left_s > 0)
    }

    /// Notes a wrong token. If too many addresses are known, the one that was quiet for longest is forgotten.
    pub fn note_wrong(&self, client_address: Option<&str>, now_ms: i64) {
        let mut lines = self.0.borrow_mut();
        let address = line(client_address);
        let mut one = match position(&lines, address) {
            Some(at) => lines.swap_remove(at),
            None => Line { address, wrong_ms: VecDeque::new() },
        };
        if lines.len() >= MAX_ADDRESSES {
            let last_ms = |(_, one): &(usize, &Line)| one.wrong_ms.back().copied();
            let quiet = lines.iter().enumerate().min_by_key(last_ms);
            if let Some(at) = quiet.map(|(at, _)| at) {
                lines.swap_remove(at);
            }
        }
        one.wrong_ms.push_back(now_ms);
        if one.wrong_ms.len() > MAX_WRONG {
            one.wrong_ms.pop_front();
        }
        lines.push(one);
    }
}

fn position(lines: &[Line], address: Option<IpAddr>) -> Option<usize> {
    lines.iter().position(|one| one.address == address)
}

/// Returns the address of one customer of a provider: an IPv4 address, or the IPv6 addresses of one line.
fn line(client_address: Option<&str>) -> Option<IpAddr> {
    let address: IpAddr = client_address?.trim().parse().ok()?;
    Some(match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() >> IPV6_OWN_BITS << IPV6_OWN_BITS).into()
        }
        address @ IpAddr::V4(_) => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenth_wrong_token_closes_the_door_for_a_minute_to_that_address_alone() {
        let (attempts, from) = (LoginAttempts::default(), Some("192.0.2.1"));
        for second in 0..10 {
            assert_eq!(attempts.wait_s(from, second * 1_000), None);
            attempts.note_wrong(from, second * 1_000);
        }
        assert_eq!(attempts.wait_s(from, 9_000), Some(51));
        assert_eq!(attempts.wait_s(Some(" ::ffff:192.0.2.1"), 9_000), Some(51), "the same address");
        assert_eq!(attempts.wait_s(from, 59_999), Some(1));
        assert_eq!(attempts.wait_s(from, 60_000), None, "the first one counts no more");
        attempts.note_wrong(from, 60_000);
        assert_eq!(attempts.wait_s(from, 60_000), Some(1), "until the second does not either");
        for other in [None, Some("192.0.2.2"), Some("2001:db8::1")] {
            assert_eq!(attempts.wait_s(other, 9_000), None, "{other:?}");
        }
        assert_eq!(attempts.wait_s(from, -1_000_000), Some(60), "the clock was set back");
    }

    #[test]
    fn one_line_and_those_without_an_address_are_one() {
        let attempts = LoginAttempts::default();
        for n in 0..10 {
            attempts.note_wrong(Some(&format!("2001:db8:0:1::{n:x}")), 0);
            attempts.note_wrong(None, 0);
        }
        assert!(attempts.wait_s(Some("2001:db8:0:1:ffff::1"), 0).is_some());
        assert!(attempts.wait_s(Some("2001:db8:0:2::1"), 0).is_none());
        assert!(attempts.wait_s(Some("not an address"), 0).is_some());
    }

    #[test]
    fn many_addresses_are_forgotten_one_by_one_and_memory_stays_bounded() {
        let attempts = LoginAttempts::default();
        let address = |n: usize| Ipv6Addr::from_bits((n as u128) << 64).to_string();
        for n in 0..3 * MAX_ADDRESSES {
            attempts.note_wrong(Some(&address(n)), 1_000 + n as i64);
        }
        let lines = attempts.0.borrow();
        assert_eq!(lines.len(), MAX_ADDRESSES);
        assert!(position(&lines, line(Some(&address(3 * MAX_ADDRESSES - 1)))).is_some());
        assert!(position(&lines, line(Some(&address(0)))).is_none());
        assert!(lines.iter().all(|one| one.wrong_ms.len() <= MAX_WRONG));
    }
}
