//! What can happen, how often it does, and how a list of it is run, printed and made shorter.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use leadhook::testing::world::LedgerMode;

use super::Run;
use super::posts::Dice;

/// Operations of a run that is made up.
const LENGTH: usize = 250;
const DEFAULT_SEEDS: u64 = 6;
/// Shorter lists that are tried of one that failed: some minutes.
const MAX_TRIES: usize = 400;

/// A kind of operation: its name, how often it comes beside the others, and what it does.
type Kind = (&'static str, u64, fn(&mut Run));

/// A name stays what it is, for kept lists name it; weights may change, and others may come.
const KINDS: &[Kind] = &[
    ("post", 48, |run| run.post(LedgerMode::Up)),
    ("post_without_answer", 10, Run::post_without_answer),
    ("invalid", 6, Run::invalid),
    ("pass_time", 14, Run::pass_time),
    ("change_kv", 5, Run::change_kv),
    ("change_receiver", 6, Run::change_receiver),
    ("stop_objects", 2, Run::stop_objects),
    ("restart", 2, Run::restart),
    ("replay_all", 2, Run::replay_all),
    ("enable_all", 2, Run::enable_all),
    ("publish", 3, Run::publish),
    ("confirm", 8, Run::confirm),
    ("withdraw", 5, Run::withdraw),
    ("erase", 2, Run::erase),
    ("access", 3, Run::access),
    ("list", 3, Run::list),
    ("rotate", 3, Run::rotate),
    ("decide_on_quarantined", 10, Run::decide_on_quarantined),
    ("download", 6, Run::download),
];

/// One operation: all that is random in it follows from its own number, so that a list without it, or with
/// another kind beside it, still does the same elsewhere.
#[derive(Clone)]
pub struct Operation {
    kind: &'static Kind,
    pub seed: u64,
}

impl Operation {
    fn random(dice: &mut Dice) -> Self {
        let mut left = dice.roll(KINDS.iter().map(|(_, weight, _)| weight).sum());
        let kind = KINDS.iter().find(|(_, weight, _)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        Self { kind: kind.expect("a kind"), seed: dice.roll(u64::MAX) }
    }

    /// Reads `name number`.
    fn parse(line: &str) -> Self {
        let (name, seed) = line.split_once(' ').expect("a name and a number");
        let kind = KINDS.iter().find(|(known, ..)| *known == name);
        Self {
            kind: kind.unwrap_or_else(|| panic!("there is no operation {name}")),
            seed: seed.parse().expect("a number"),
        }
    }

    fn line(&self) -> String {
        format!("{} {}", self.kind.0, self.seed)
    }

    pub fn act(&self) -> fn(&mut Run) {
        self.kind.2
    }
}

/// The list of a seed.
fn made_up(seed: u64) -> Vec<Operation> {
    let mut dice = Dice(seed);
    (0..LENGTH).map(|_| Operation::random(&mut dice)).collect()
}

/// The lists that once failed, each with its name.
fn kept() -> Vec<(String, Vec<Operation>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/model");
    let mut kept = Vec::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        kept.push((path.display().to_string(), lines.map(Operation::parse).collect()));
    }
    kept
}

thread_local! {
    /// What the run that is under way has done.
    static JOURNAL: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// To how many operations it has come.
    static REACHED: Cell<usize> = const { Cell::new(0) };
}

/// Tells whoever reads about a failure what has happened.
pub fn note(what: String) {
    JOURNAL.with_borrow_mut(|journal| journal.push(what));
}

fn run(operations: &[Operation]) {
    let mut run = Run::new();
    for (n, operation) in (1..).zip(operations) {
        REACHED.set(n);
        note(format!("{n:>4} {}", operation.kind.0));
        run.step(operation);
        run.check(n);
    }
    run.end();
}

/// Why a list fails, if it does.
fn failure(operations: &[Operation]) -> Option<String> {
    JOURNAL.with_borrow_mut(Vec::clear);
    let failed = catch_unwind(AssertUnwindSafe(|| run(operations))).err()?;
    let told = failed.downcast_ref::<String>().cloned();
    told.or_else(|| failed.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .or(Some("no reason".to_owned()))
}

/// What a reason is without the ids and numbers in it.
fn gist(reason: &str) -> String {
    let words = reason.split_whitespace().map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation()));
    let words = words.filter(|word| word.len() > 2 && word.chars().all(char::is_alphabetic));
    words.take(6).collect::<Vec<_>>().join(" ")
}

/// Leaves out what the failure of the last run does not need: what came behind it, then halves, quarters, and
/// one by one.
fn shortened(mut operations: Vec<Operation>, reason: &str) -> Vec<Operation> {
    operations.truncate(REACHED.get());
    let (mut size, mut tries) = (operations.len().div_ceil(2), 0);
    while size > 0 && tries < MAX_TRIES {
        let mut at = 0;
        while at < operations.len() && tries < MAX_TRIES {
            let mut fewer = operations.clone();
            fewer.drain(at..(at + size).min(operations.len()));
            tries += 1;
            if failure(&fewer).is_some_and(|told| gist(&told) == gist(reason)) {
                operations = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    operations
}

#[test]
fn whatever_happens_the_invariants_hold() {
    let wanted = std::env::var("LEADHOOK_MODEL_SEEDS").ok().and_then(|text| text.parse().ok());
    let mut lists = kept();
    lists.extend((1..=wanted.unwrap_or(DEFAULT_SEEDS)).map(|seed| (format!("seed {seed}"), made_up(seed))));
    let (next, workers) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(2, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((name, list)) = lists.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(reason) = failure(list) {
                        let short = shortened(list.clone(), &reason);
                        let told = failure(&short).unwrap_or_default();
                        let journal = JOURNAL.with_borrow(|journal| journal.join("\n"));
                        let lines: Vec<_> = short.iter().map(Operation::line).collect();
                        panic!(
                            "{name}: {told}\n{journal}\nTo keep it in tests/data/model:\n{}",
                            lines.join("\n")
                        );
                    }
                }
            });
        }
    });
}
