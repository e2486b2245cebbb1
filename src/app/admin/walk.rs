//! Walks through ledgers that end before the platform ends them: the next request goes on from a cursor.

use std::vec::IntoIter;

use serde_json::Value;

use super::error::{AdminResult, wrong_cursor};
use crate::app::ports::MAX_REQUESTS;
use crate::http::response::Response;

/// A walk through ledgers, or other things that are asked one by one, from a cursor on.
///
/// A cursor is `{name}.{position}`: the ledger to go on with, and the position in it, which the ledger knows. No name
/// holds a dot.
pub struct Walk {
    names: std::iter::Peekable<IntoIter<String>>,
    /// The position from which the first of them goes on.
    position: Option<String>,
    /// The requests that may still be made.
    left: usize,
    is_begun: bool,
}

impl Walk {
    /// Begins a walk through names, which are in order: through all of them, or from a cursor on.
    ///
    /// # Errors
    /// The cursor is not one.
    pub fn new(names: Vec<String>, cursor: Option<&str>) -> AdminResult<Self> {
        let wrong = || wrong_cursor("page");
        let from = cursor.map(|cursor| cursor.split_once('.').ok_or_else(wrong)).transpose()?;
        let (first, position) = from.unwrap_or_default();
        let names: Vec<_> = names.into_iter().filter(|name| name.as_str() >= first).collect();
        let is_there = names.first().is_some_and(|name| name == first);
        let position = Some(position).filter(|position| is_there && !position.is_empty());
        let position = position.map(str::to_owned);
        Ok(Self { names: names.into_iter().peekable(), position, left: MAX_REQUESTS, is_begun: false })
    }

    /// Returns the next name, without going on.
    pub fn peek(&mut self) -> Option<&String> {
        self.names.peek()
    }

    /// Returns the next name and the position to go on from, and spends so many requests. `None` if they are not left;
    /// the first name always comes, so that every request gets on.
    pub fn next(&mut self, requests: usize) -> Option<(String, Option<String>)> {
        if self.is_begun && requests > self.left {
            return None;
        }
        let name = self.names.next()?;
        self.is_begun = true;
        self.spend(requests);
        Some((name, self.position.take()))
    }

    /// Spends requests, and returns how many of them may be made.
    pub fn spend(&mut self, requests: usize) -> usize {
        let spent = requests.min(self.left);
        self.left -= spent;
        spent
    }

    /// Returns the cursor from which the next request goes on. `None` if nothing is left to ask.
    pub fn next_cursor(&mut self) -> Option<String> {
        self.names.peek().map(|name| cursor(name, ""))
    }

    /// Returns the response, with `next` if the walk has not come to its end.
    pub fn respond(&mut self, found: Value) -> Response {
        Response::json(&with_next(found, self.next_cursor()))
    }
}

/// Adds `next` if there is more than was found.
pub fn with_next(mut found: Value, next: Option<String>) -> Value {
    if let (Some(next), Some(found)) = (next, found.as_object_mut()) {
        found.insert("next".to_owned(), next.into());
    }
    found
}

/// Returns the cursor that goes on at a position in a ledger; at its beginning if that is empty.
pub fn cursor(name: &str, position: &str) -> String {
    format!("{name}.{position}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("l{n:04}")).collect()
    }

    /// Returns what is walked from a cursor on, at so many requests each, and the cursor to go on from.
    fn walked(count: usize, after: Option<&str>, cost: usize) -> (Vec<String>, Option<String>) {
        let mut walk = Walk::new(names(count), after).ok().expect("a walk");
        let mut seen = Vec::new();
        while let Some((name, position)) = walk.next(cost) {
            seen.push(format!(
                "{name}{}",
                position.map(|position| format!("@{position}")).unwrap_or_default()
            ));
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
    fn a_cursor_names_a_ledger_and_a_position_that_only_that_ledger_knows() {
        let (seen, _) = walked(3, Some("l0001.x.y"), 1);
        assert_eq!(seen, ["l0001@x.y", "l0002"]);
        assert_eq!(walked(3, Some("l0001."), 1).0, ["l0001", "l0002"]);
        // It is gone: its position is no other's.
        assert_eq!(walked(3, Some("l00005.x"), 1).0, ["l0001", "l0002"]);
        assert_eq!(walked(3, Some("z."), 1), (Vec::new(), None));
        assert!(Walk::new(names(3), Some("l0001")).is_err());
    }

    #[test]
    fn what_is_spent_besides_is_missing_for_the_next() {
        let mut walk = Walk::new(names(3), None).ok().expect("a walk");
        assert!(walk.next(1).is_some());
        assert_eq!((walk.spend(10), walk.spend(100)), (10, MAX_REQUESTS - 11));
        assert_eq!((walk.next(1), walk.next_cursor()), (None, Some("l0001.".to_owned())));
    }
}
