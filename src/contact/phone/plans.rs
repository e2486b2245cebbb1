//! Numbering plans, as a table that is searched in place: nothing is decoded, and nothing is cached.
//!
//! `scripts/phone-plans.mjs` writes the table and describes its format. A damaged table leads to no number, never to a
//! panic.

use crate::base::country::Country;

/// Digits of a number, as ASCII.
type Digits = str;

static TABLE: Table = Table::new(include_bytes!("plans.bin"));

const PLAN_BYTES: usize = 22;
type Row = [u8; PLAN_BYTES];

struct Table {
    /// The plans by country code, the main one of a code first.
    plans: &'static [Row],
    /// Masks in which bit n is set if n more digits may follow.
    masks: &'static [[u8; 4]],
    changes: &'static [[u8; 8]],
    nodes: &'static [u8],
}

impl Table {
    const fn new(bytes: &'static [u8]) -> Self {
        let (counts, rest) = rows::<6>(bytes, 1);
        let [[p0, p1, m0, m1, c0, c1]] = counts else { return Self::EMPTY };
        let (plans, rest) = rows(rest, u16::from_le_bytes([*p0, *p1]) as usize);
        let (masks, rest) = rows(rest, u16::from_le_bytes([*m0, *m1]) as usize);
        let (changes, nodes) = rows(rest, u16::from_le_bytes([*c0, *c1]) as usize);
        Self { plans, masks, changes, nodes }
    }

    const EMPTY: Self = Self { plans: &[], masks: &[], changes: &[], nodes: &[] };
}

/// Splits off that many rows; none if there are fewer.
const fn rows<const N: usize>(bytes: &'static [u8], count: usize) -> (&'static [[u8; N]], &'static [u8]) {
    match bytes.split_at_checked(count.saturating_mul(N)) {
        Some((rows, rest)) => (rows.as_chunks().0, rest),
        None => (&[], &[]),
    }
}

/// The numbering plan of a region, or of a country code without region.
#[derive(Clone, Copy)]
pub(super) struct Plan(&'static Row);

fn code_of(row: &Row) -> u16 {
    let [_, _, low, high, ..] = *row;
    u16::from_le_bytes([low, high])
}

/// The length of a national number, compared with those of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    InUse,
    /// In use without area code.
    InUseLocally,
    TooShort,
    TooLong,
    /// Between two lengths in use.
    Unused,
}

impl Plan {
    /// Returns the plan of a country.
    pub(super) fn of(country: Country) -> Option<Self> {
        let code = country.as_str().as_bytes();
        TABLE.plans.iter().find(|row| row.starts_with(code)).map(Self)
    }

    /// Returns the plans of a country code, the main one first: several regions may share one.
    pub(super) fn all(code: u16) -> impl ExactSizeIterator<Item = Self> {
        let from = TABLE.plans.partition_point(|row| code_of(row) < code);
        let to = TABLE.plans.partition_point(|row| code_of(row) <= code);
        TABLE.plans.get(from..to).unwrap_or_default().iter().map(Self)
    }

    /// Returns the plan of the country code that a number begins with, and the digits behind it. No code is the prefix of
    /// another, and none begins with 0.
    pub(super) fn of_international(digits: &Digits) -> Option<(Self, &Digits)> {
        let longest = if digits.starts_with('0') { 0 } else { 3 };
        (1..=longest).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            Some((Self::all(code.parse().ok()?).next()?, national))
        })
    }

    pub(super) fn code(&self) -> u16 {
        code_of(self.0)
    }

    /// Returns the country; `None` for a country code without one.
    pub(super) fn country(&self) -> Option<Country> {
        let [first, second, ..] = *self.0;
        Country::parse(std::str::from_utf8(&[first, second]).ok()?)
    }

    /// Returns the number behind the exit code, which is dialled to reach another country; `None` without one.
    pub(super) fn without_exit_code(&self, digits: &Digits) -> Option<String> {
        let [_, _, _, _, low, high, ..] = *self.0;
        // No country code begins with 0.
        changed([low, high], digits).filter(|number| !number.starts_with('0'))
    }

    /// Returns the number without the prefixes that are dialled within the country (national, of a carrier), and with the
    /// area code that may be omitted.
    pub(super) fn national(&self, digits: &Digits) -> String {
        let [_, _, _, _, _, _, low, high, ..] = *self.0;
        changed([low, high], digits)
            .filter(|number| self.resembles(number) || !self.resembles(digits))
            .unwrap_or_else(|| digits.to_owned())
    }

    /// Returns whether a number begins with leading digits of this plan, of several with one country code. Few plans state
    /// them.
    pub(super) fn is_begun_by(&self, digits: &Digits) -> bool {
        let [_, _, _, _, _, _, _, _, low, high, ..] = *self.0;
        change([low, high], digits).is_some()
    }

    /// Returns whether the digits look like a number of the plan, of any length.
    pub(super) fn resembles(&self, digits: &Digits) -> bool {
        let [.., low, high, _, _, _, _, _, _, _, _, _, _] = *self.0;
        is_whole([low, high], digits)
    }

    /// Returns whether the digits are a number of the plan, of any type.
    pub(super) fn has(&self, digits: &Digits) -> bool {
        let [.., low, high, _, _, _, _, _, _, _, _] = *self.0;
        is_whole([low, high], digits)
    }

    pub(super) fn length(&self, digits: &Digits) -> Length {
        let [.., a, b, c, d, e, f, g, h] = *self.0;
        let (used, local) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let length = u32::try_from(digits.len()).unwrap_or(u32::MAX);
        let is_in = |mask: u32| mask.checked_shr(length).is_some_and(|rest| rest & 1 == 1);
        if is_in(local) {
            Length::InUseLocally
        } else if is_in(used) {
            Length::InUse
        } else if length < used.trailing_zeros() {
            Length::TooShort
        } else if used.checked_shr(length).is_none_or(|rest| rest == 0) {
            Length::TooLong
        } else {
            Length::Unused
        }
    }
}

/// Returns whether the automaton that begins at this node accepts the digits.
fn is_whole(node: [u8; 2], digits: &Digits) -> bool {
    Walk::new(node, digits).any(|(mask, taken)| {
        let mask = TABLE.masks.get(mask).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let left = u32::try_from(digits.len().saturating_sub(taken)).unwrap_or(u32::MAX);
        mask.checked_shr(left).is_some_and(|rest| rest & 1 == 1)
    })
}

/// Returns the change to the digits by the automaton that begins at this node: the last one on their path. `None` if there
/// is none.
fn change(node: [u8; 2], digits: &Digits) -> Option<&'static [u8; 8]> {
    let changes = Walk::new(node, digits).filter_map(|(change, taken)| {
        let change @ [is_end, ..] = TABLE.changes.get(change)?;
        (*is_end == 0 || taken == digits.len()).then_some(change)
    });
    changes.last()
}

/// Returns the digits after that change.
fn changed(node: [u8; 2], digits: &Digits) -> Option<String> {
    let [_, goes, stays, then_goes, first @ ..] = change(node, digits)?;
    let (kept, rest) = digits.get(usize::from(*goes)..)?.split_at_checked(usize::from(*stays))?;
    let first = first.split(|digit| *digit == 0).next().unwrap_or_default();
    Some([std::str::from_utf8(first).ok()?, kept, rest.get(usize::from(*then_goes)..)?].concat())
}

// The kinds of entry: what follows a digit set.
const PATH: u8 = 0;
const REFERENCE: u8 = 1;
const VALUE: u8 = 2;
const NODE: u8 = 3;
const SHORT_VALUE: u8 = 4;

/// A walk of digits through an automaton, which yields the values on their path. Each node takes at least one digit, and
/// its entries follow one another, so the walk ends whatever the table contains.
struct Walk<'a> {
    digits: &'a [u8],
    taken: usize,
    /// The offset of the next entry; `None` at the end of the path.
    entry: Option<usize>,
}

enum To {
    Node(usize),
    Value(u8),
}

impl<'a> Walk<'a> {
    fn new(node: [u8; 2], digits: &'a Digits) -> Self {
        Self { digits: digits.as_bytes(), taken: 0, entry: Some(usize::from(u16::from_le_bytes(node))) }
    }
}

fn bytes<const N: usize>(at: usize) -> Option<[u8; N]> {
    TABLE.nodes.get(at..)?.first_chunk().copied()
}

impl Iterator for Walk<'_> {
    /// The index of a value in its table, and the number of digits that were taken.
    type Item = (usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut at = self.entry?;
            let [_, first] = bytes(at)?;
            let (mut taken, mut fits) = (self.taken, true);
            let kind = loop {
                let [high, low] = bytes(at)?;
                at += 2;
                let set = u16::from(high) << 2 | u16::from(low & 0b11);
                if set != 0 {
                    // The low four bits of an ASCII digit are its value.
                    fits &= self.digits.get(taken).is_some_and(|digit| set >> (digit & 0xf) & 1 == 1);
                    taken += 1;
                }
                if low >> 3 != PATH {
                    break low >> 3;
                }
            };
            let (to, next) = match kind {
                NODE => (To::Node(at), at),
                REFERENCE => {
                    let distance = i16::from_le_bytes(bytes(at)?);
                    (To::Node(at.checked_add_signed(isize::from(distance))?), at + 2)
                }
                VALUE => (To::Value(bytes::<1>(at)?[0]), at + 1),
                short => (To::Value(short.saturating_sub(SHORT_VALUE)), at),
            };
            let is_last = first & 0b100 != 0;
            self.entry = (!is_last).then_some(next);
            match to {
                To::Node(node) if fits && taken > self.taken => {
                    (self.entry, self.taken) = (Some(node), taken)
                }
                To::Value(value) if fits => {
                    // A value behind a digit set is a leaf, where the path ends.
                    if taken > self.taken {
                        self.entry = None;
                    }
                    return Some((usize::from(value), taken));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        assert!(TABLE.plans.len() > 250 && TABLE.masks.len() > 100 && TABLE.changes.len() > 40);
        for row in TABLE.plans {
            let plan = Plan(row);
            assert!(Plan::all(plan.code()).any(|other| other.0 == row), "{}", plan.code());
            let [_, _, _, _, nodes @ .., _, _, _, _, _, _, _, _] = row;
            for node in nodes.as_chunks().0 {
                let at = usize::from(u16::from_le_bytes(*node));
                assert!(at == usize::from(u16::MAX) || at < TABLE.nodes.len(), "{}", plan.code());
            }
        }
        for country in Country::all() {
            assert!(Plan::of(country).is_none_or(|plan| plan.country() == Some(country)), "{country}");
        }
    }

    #[test]
    fn a_table_that_is_cut_off_has_no_plans() {
        for bytes in [&[] as &[u8], &[1], &[1, 0, 0, 0, 0, 0], &[1, 0, 0, 0, 0, 0, b'S', b'E']] {
            assert!(Table::new(bytes.to_vec().leak()).plans.is_empty());
        }
    }
}
