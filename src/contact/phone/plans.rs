//! The numbering plans, searched where they lie: nothing is decoded, and nothing is kept between two numbers.
//!
//! `scripts/phone-plans.mjs` writes the table and says how. What a table does not have leads to no number.

use crate::base::country::Country;

/// Digits of a number, as ASCII.
type Digits = str;

static TABLE: Table = Table::new(include_bytes!("plans.bin"));

const PLAN_BYTES: usize = 22;
type Row = [u8; PLAN_BYTES];

struct Table {
    /// By country code, the main one of a code first.
    plans: &'static [Row],
    /// Bit n is set where n more digits may follow.
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

/// So many rows, and what lies behind them. None of them where there are fewer.
const fn rows<const N: usize>(bytes: &'static [u8], count: usize) -> (&'static [[u8; N]], &'static [u8]) {
    match bytes.split_at_checked(count.saturating_mul(N)) {
        Some((rows, rest)) => (rows.as_chunks().0, rest),
        None => (&[], &[]),
    }
}

/// The numbering plan of a region, or of a code that is no region's.
#[derive(Clone, Copy)]
pub(super) struct Plan(&'static Row);

fn code_of(row: &Row) -> u16 {
    let [_, _, low, high, ..] = *row;
    u16::from_le_bytes([low, high])
}

/// How the length of a national number fits a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    InUse,
    /// In use where no area code is dialled.
    InUseLocally,
    TooShort,
    TooLong,
    /// Between two that are in use.
    Unused,
}

impl Plan {
    /// The plan of a country, by its code of two letters.
    pub(super) fn of(country: Country) -> Option<Self> {
        let code = country.as_str().as_bytes();
        TABLE.plans.iter().find(|row| row.starts_with(code)).map(Self)
    }

    /// The plans of a country code, the main one first: several regions may share one.
    pub(super) fn all(code: u16) -> impl ExactSizeIterator<Item = Self> {
        let from = TABLE.plans.partition_point(|row| code_of(row) < code);
        let to = TABLE.plans.partition_point(|row| code_of(row) <= code);
        TABLE.plans.get(from..to).unwrap_or_default().iter().map(Self)
    }

    /// The plan of the country code that a number begins with, and the digits behind it. No code begins as another
    /// one does, and none with 0.
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

    /// None for a code that is no country's.
    pub(super) fn country(&self) -> Option<Country> {
        let [first, second, ..] = *self.0;
        Country::parse(std::str::from_utf8(&[first, second]).ok()?)
    }

    /// What is behind the digits that one dials here to reach another country. None without them.
    pub(super) fn without_exit_code(&self, digits: &Digits) -> Option<String> {
        let [_, _, _, _, low, high, ..] = *self.0;
        // No country code begins with 0.
        changed([low, high], digits).filter(|number| !number.starts_with('0'))
    }

    /// The number without what is dialled ahead of it within the country (a national prefix, a carrier), and with the
    /// area code that may be left out.
    pub(super) fn national(&self, digits: &Digits) -> String {
        let [_, _, _, _, _, _, low, high, ..] = *self.0;
        changed([low, high], digits)
            .filter(|number| self.resembles(number) || !self.resembles(digits))
            .unwrap_or_else(|| digits.to_owned())
    }

    /// Whether a number begins as those of this plan do, of several with one country code. Few plans say so.
    pub(super) fn is_begun_by(&self, digits: &Digits) -> bool {
        let [_, _, _, _, _, _, _, _, low, high, ..] = *self.0;
        change([low, high], digits).is_some()
    }

    /// Whether the digits look like a number of the plan, in whatever length.
    pub(super) fn resembles(&self, digits: &Digits) -> bool {
        let [.., low, high, _, _, _, _, _, _, _, _, _, _] = *self.0;
        is_whole([low, high], digits)
    }

    /// Whether the digits are in the plan, as a number of any type.
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

/// Whether the digits are a whole number of the automaton that begins at this node.
fn is_whole(node: [u8; 2], digits: &Digits) -> bool {
    Walk::new(node, digits).any(|(mask, taken)| {
        let mask = TABLE.masks.get(mask).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let left = u32::try_from(digits.len().saturating_sub(taken)).unwrap_or(u32::MAX);
        mask.checked_shr(left).is_some_and(|rest| rest & 1 == 1)
    })
}

/// The change that comes over digits that begin as the automaton says: the last of those on their way. None if they do
/// not begin so.
fn change(node: [u8; 2], digits: &Digits) -> Option<&'static [u8; 8]> {
    let changes = Walk::new(node, digits).filter_map(|(change, taken)| {
        let change @ [is_end, ..] = TABLE.changes.get(change)?;
        (*is_end == 0 || taken == digits.len()).then_some(change)
    });
    changes.last()
}

/// The digits after that change.
fn changed(node: [u8; 2], digits: &Digits) -> Option<String> {
    let [_, goes, stays, then_goes, first @ ..] = change(node, digits)?;
    let (kept, rest) = digits.get(usize::from(*goes)..)?.split_at_checked(usize::from(*stays))?;
    let first = first.split(|digit| *digit == 0).next().unwrap_or_default();
    Some([std::str::from_utf8(first).ok()?, kept, rest.get(usize::from(*then_goes)..)?].concat())
}

// What follows a digit set.
const PATH: u8 = 0;
const REFERENCE: u8 = 1;
const VALUE: u8 = 2;
const NODE: u8 = 3;
const SHORT_VALUE: u8 = 4;

/// The values that digits meet on their way through an automaton: which one, and how many digits lead there. Each
/// node takes a digit at least, and its entries stand one after another, so the way ends whatever the table holds.
struct Walk<'a> {
    digits: &'a [u8],
    taken: usize,
    /// Where the next entry to be looked at lies. None at the end of the way.
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
    /// The place of a value in its table, and how many digits were taken.
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
                    // Behind a set of digits it is a leaf, and the way is at its end.
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
