//! A moment: time and randomness, read once at the edge and passed to the core as values.

use std::cell::RefCell;

use super::crypto::MacKey;

/// The last time that fits into an identifier, in the year 3084.
const LAST_ID_MS: i64 = (1 << 45) - 1;

/// The time of an operation, and the randomness that it may use.
#[derive(Clone)]
pub struct Moment {
    /// The time: milliseconds since 1970-01-01, UTC.
    pub now_ms: i64,
    /// 32 random bytes, fresh for every call.
    pub seed: [u8; 32],
}

thread_local! {
    /// The last seed with its prepared key: a lead takes half a dozen values from one seed.
    static LAST: RefCell<Option<([u8; 32], MacKey)>> = const { RefCell::new(None) };
}

impl Moment {
    /// Returns `N` random bytes (at most 32), others for each `label` and `count`.
    pub fn random<const N: usize>(&self, label: &str, count: usize) -> [u8; N] {
        let block = LAST.with_borrow_mut(|last| {
            let (_, key) = match last.take_if(|(seed, _)| *seed == self.seed) {
                Some(known) => last.insert(known),
                None => last.insert((self.seed, MacKey::new(&self.seed))),
            };
            key.mac(&[label.as_bytes(), &count.to_be_bytes()])
        });
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(block) {
            *to = from;
        }
        bytes
    }

    /// Returns the same time with other randomness, for one of several operations at once.
    pub fn fork(&self, label: &str) -> Self {
        Self { now_ms: self.now_ms, seed: self.random(label, 0) }
    }

    /// Makes a new identifier: a prefix, 45 bits of the time in milliseconds and 80 random ones, as 25 characters that sort
    /// by time (base32hex in lower case, RFC 4648 section 7). So rows that are written together lie together in the
    /// tables, however many there are.
    pub fn new_id(&self, prefix: &str) -> String {
        let random = u128::from_be_bytes(self.random(prefix, 0)) >> 48;
        sortable(prefix, self.now_ms, random)
    }

    /// Returns a random number from 0 up to 1, for jitter.
    pub fn fraction(&self, label: &str) -> f64 {
        f64::from(u32::from_be_bytes(self.random::<4>(label, 0))) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Returns the first identifier that [`Moment::new_id`] can make from a time on.
pub fn first_id(prefix: &str, from_ms: i64) -> String {
    sortable(prefix, from_ms.clamp(0, LAST_ID_MS), 0)
}

fn sortable(prefix: &str, at_ms: i64, random: u128) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let bits = (u128::from(at_ms.unsigned_abs()) << 80) | random;
    let digit = |at: u32| {
        let value = (bits >> (120 - 5 * at)) & 31;
        usize::try_from(value).ok().and_then(|value| DIGITS.get(value)).map_or('0', |digit| (*digit).into())
    };
    prefix.chars().chain((0..25).map(digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::LAST_MS;

    #[test]
    fn one_moment_gives_different_randomness_to_different_uses() {
        let moment = Moment { now_ms: 0, seed: [7; 32] };
        assert_ne!(moment.random::<16>("a", 0), moment.random::<16>("a", 1));
    }

    #[test]
    fn new_ids_sort_by_time_and_are_random_behind_it() {
        let at = |now_ms, seed| Moment { now_ms, seed: [seed; 32] }.new_id("lead_");
        let ids = [at(0, 1), at(1, 0), at(63, 2), at(64, 1), at(1_800_000_000_000, 0), at(LAST_MS >> 4, 0)];
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| id.len() == 30));
        assert_ne!(at(5, 1), at(5, 2));
    }
}
