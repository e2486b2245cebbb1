//! Walks that end before the platform does: whoever asks goes on with the next request.

use std::vec::IntoIter;

use serde_json::Value;

use super::wrong_parameter;
use crate::http::response::Response;

/// Requests to KV and to ledgers that a walk makes. The free plan allows an invocation 50; the others are for
/// what stands around a walk: the registry (one a thousand ledgers), a campaign, and what KV is told to forget.
pub const MAX_REQUESTS: usize = 40;

/// Ledgers, or other things that are asked for one by one, from a cursor on.
///
/// A cursor is `{name}.{place}`: the ledger to go on with, and the place in it, which the ledger knows. No name
/// holds a dot.
pub struct Walk {
    names: std::iter::Peekable<IntoIter<String>>,
    /// Where the first of them is gone on with.
    place: Option<String>,
    left: usize,
    is_begun: bool,
}

impl Walk {
    /// Over these names, which are in order, or those from a cursor on.
    ///
    /// # Errors
    /// The cursor is none.
    pub fn over(names: Vec<String>, after: Option<&str>) -> Result<Self, Response> {
        let wrong = || wrong_parameter("after", "must be the next of an earlier page");
        let from = after.map(|after| after.split_once('.').ok_or_else(wrong)).transpose()?;
        let (first, place) = from.unwrap_or_default();
        let names: Vec<_> = names.into_iter().filter(|name| name.as_str() >= first).collect();
        let is_there = names.first().is_some_and(|name| name == first);
        let place = Some(place).filter(|place| is_there && !place.is_empty()).map(str::to_owned);
        Ok(Self { names: names.into_iter().peekable(), place, left: MAX_REQUESTS, is_begun: false })
    }

    /// The one that comes next.
    pub fn peek(&mut self) -> Option<&String> {
        self.names.peek()
    }

    /// The next one, and the place in it to go on from. It costs so many requests; nothing where they are not
    /// left, but the first one comes always, so that whoever goes on gets on.
    pub fn next(&mut self, cost: usize) -> Option<(String, Option<String>)> {
        if self.is_begun && cost > self.left {
            return None;
        }
        let name = self.names.next()?;
        self.is_begun = true;
        self.spend(cost);
        Some((name, self.place.take()))
    }

    /// How many more of these requests may be made; they are taken for made.
    pub fn spend(&mut self, requests: usize) -> usize {
        let spent = requests.min(self.left);
        self.left -= spent;
        spent
    }

    /// Where the next request goes on; nothing where there is nothing left to ask.
    pub fn next_cursor(&mut self) -> Option<String> {
        self.names.peek().map(|name| format!("{name}."))
    }

    /// The answer, with `next` where it is not all.
    pub fn answer(&mut self, found: Value) -> Response {
        Response::json(&with_next(found, self.next_cursor()))
    }
}

/// What was found, with `next` where it is not all.
pub fn with_next(mut found: Value, next: Option<String>) -> Value {
    if let (Some(next), Some(found)) = (next, found.as_object_mut()) {
        found.insert("next".to_owned(), next.into());
    }
    found
}

/// The cursor that goes on in the middle of one of them.
pub fn within(name: &str, place: &str) -> String {
    format!("{name}.{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("l{n:04}")).collect()
    }

    /// What is walked from a cursor on, at so much each, and where it goes on.
    fn walked(count: usize, after: Option<&str>, cost: usize) -> (Vec<String>, Option<String>) {
        let mut walk = Walk::over(names(count), after).expect("a walk");
        let mut seen = Vec::new();
        while let Some((name, place)) = walk.next(cost) {
            seen.push(format!("{name}{}", place.map(|place| format!("@{place}")).unwrap_or_default()));
        }
        (seen, walk.next_cursor())
    }

    #[test]
    fn a_walk_ends_within_its_requests_and_the_next_goes_on() {
        assert_eq!(walked(MAX_REQUESTS, None, 1), (names(MAX_REQUESTS), None));
        for cost in [1, 3, MAX_REQUESTS, 2 * MAX_REQUESTS] {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let (seen, next) = walked(100, after.as_deref(), cost);
                assert!(!seen.is_empty() && (seen.len() * cost <= MAX_REQUESTS || seen.len() == 1), "{cost}");
                all.extend(seen);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(all, names(100), "{cost}");
        }
    }

    #[test]
    fn a_cursor_names_a_ledger_and_a_place_that_only_that_ledger_knows() {
        let (seen, _) = walked(3, Some("l0001.x.y"), 1);
        assert_eq!(seen, ["l0001@x.y", "l0002"]);
        assert_eq!(walked(3, Some("l0001."), 1).0, ["l0001", "l0002"]);
        // It is gone: its place is no other's.
        assert_eq!(walked(3, Some("l00005.x"), 1).0, ["l0001", "l0002"]);
        assert_eq!(walked(3, Some("z."), 1), (Vec::new(), None));
        assert!(Walk::over(names(3), Some("l0001")).is_err());
    }

    #[test]
    fn what_is_spent_besides_is_missing_for_the_next() {
        let mut walk = Walk::over(names(3), None).expect("a walk");
        assert!(walk.next(1).is_some());
        assert_eq!((walk.spend(10), walk.spend(100)), (10, MAX_REQUESTS - 11));
        assert_eq!((walk.next(1), walk.next_cursor()), (None, Some("l0001.".to_owned())));
    }
}
