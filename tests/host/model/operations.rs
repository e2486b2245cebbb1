//! The operations of the model test with their weights, and lists of them: run, printed and made shorter.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use leadhook::testing::world::LedgerMode;

use super::Run;
use super::posts::Dice;

/// Steps of a random run.
const LENGTH: usize = 250;
const DEFAULT_SEEDS: u64 = 6;
/// Shorter lists that are tried of one that failed: some minutes.
const MAX_TRIES: usize = 400;

/// An operation. Kept lists name it, so its name stays what it is; others may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    /// Somebody posts, for the first time or once more.
    Post,
    /// A post whose message to the ledger, or the reply to it, is lost or refused.
    PostWithoutAnswer,
    /// A post with a wrong value, which is refused.
    Invalid,
    /// Time passes: minutes, hours or days.
    PassTime,
    /// KV becomes fresh, stale, empty, failing or refusing writes.
    ChangeKv,
    /// The receiver becomes up, down, forgetful of its answers, or refusing.
    ChangeReceiver,
    /// The Durable Objects stop with deliveries in flight.
    StopObjects,
    /// The Worker starts anew, without memory.
    Restart,
    /// An operator replays every dead letter.
    ReplayAll,
    /// An operator enables every destination again.
    EnableAll,
    /// A marketer publishes another variant of a campaign.
    Publish,
    /// Somebody confirms by the link of a mail.
    Confirm,
    /// Somebody withdraws by a link.
    Withdraw,
    /// Somebody is erased.
    Erase,
    /// Somebody asks for access.
    Access,
    /// An operator puts somebody on a list, or takes them off.
    List,
    /// An operator rotates a ring of keys.
    Rotate,
    /// An operator releases or discards quarantined submissions.
    DecideOnQuarantined,
    /// Somebody follows a link to a lead magnet.
    Download,
}

/// The weight of each operation in a random run; kept lists do not depend on it.
const WEIGHTS: &[(u32, Op)] = &[
    (48, Op::Post),
    (10, Op::PostWithoutAnswer),
    (6, Op::Invalid),
    (14, Op::PassTime),
    (5, Op::ChangeKv),
    (6, Op::ChangeReceiver),
    (2, Op::StopObjects),
    (2, Op::Restart),
    (2, Op::ReplayAll),
    (2, Op::EnableAll),
    (3, Op::Publish),
    (8, Op::Confirm),
    (5, Op::Withdraw),
    (2, Op::Erase),
    (3, Op::Access),
    (3, Op::List),
    (3, Op::Rotate),
    (10, Op::DecideOnQuarantined),
    (6, Op::Download),
];

impl Op {
    fn random(dice: &mut Dice) -> Self {
        let mut left = dice.roll(WEIGHTS.iter().map(|(weight, _)| u64::from(*weight)).sum());
        let op = WEIGHTS.iter().find(|(weight, _)| {
            let is_it = left < u64::from(*weight);
            left = left.saturating_sub(u64::from(*weight));
            is_it
        });
        op.expect("an operation").1
    }

    fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::PostWithoutAnswer => "post_without_answer",
            Self::Invalid => "invalid",
            Self::PassTime => "pass_time",
            Self::ChangeKv => "change_kv",
            Self::ChangeReceiver => "change_receiver",
            Self::StopObjects => "stop_objects",
            Self::Restart => "restart",
            Self::ReplayAll => "replay_all",
            Self::EnableAll => "enable_all",
            Self::Publish => "publish",
            Self::Confirm => "confirm",
            Self::Withdraw => "withdraw",
            Self::Erase => "erase",
            Self::Access => "access",
            Self::List => "list",
            Self::Rotate => "rotate",
            Self::DecideOnQuarantined => "decide_on_quarantined",
            Self::Download => "download",
        }
    }

    fn apply(self, run: &mut Run) {
        match self {
            Self::Post => run.post(LedgerMode::Up),
            Self::PostWithoutAnswer => run.post_without_answer(),
            Self::Invalid => run.invalid(),
            Self::PassTime => run.pass_time(),
            Self::ChangeKv => run.change_kv(),
            Self::ChangeReceiver => run.change_receiver(),
            Self::StopObjects => run.stop_objects(),
            Self::Restart => run.restart(),
            Self::ReplayAll => run.replay_all(),
            Self::EnableAll => run.enable_all(),
            Self::Publish => run.publish(),
            Self::Confirm => run.confirm(),
            Self::Withdraw => run.withdraw(),
            Self::Erase => run.erase(),
            Self::Access => run.access(),
            Self::List => run.list(),
            Self::Rotate => run.rotate(),
            Self::DecideOnQuarantined => run.decide_on_quarantined(),
            Self::Download => run.download(),
        }
    }
}

/// One step of a list. All that is random in it follows from its own seed, so that it does the same in a list
/// without the steps before it.
#[derive(Clone)]
pub struct Step {
    op: Op,
    pub seed: u64,
}

impl Step {
    fn random(dice: &mut Dice) -> Self {
        Self { op: Op::random(dice), seed: dice.roll(u64::MAX) }
    }

    /// Parses `name seed`.
    fn parse(line: &str) -> Self {
        let (name, seed) = line.split_once(' ').expect("a name and a seed");
        let op = WEIGHTS.iter().map(|(_, op)| *op).find(|op| op.name() == name);
        Self {
            op: op.unwrap_or_else(|| panic!("there is no operation {name}")),
            seed: seed.parse().expect("a number"),
        }
    }

    fn line(&self) -> String {
        format!("{} {}", self.op.name(), self.seed)
    }

    pub fn apply(&self, run: &mut Run) {
        self.op.apply(run);
    }
}

/// Returns the random run of a seed.
fn random_run(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed);
    (0..LENGTH).map(|_| Step::random(&mut dice)).collect()
}

/// Reads the lists that once failed, each with its name.
fn kept() -> Vec<(String, Vec<Step>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/model");
    let mut kept = Vec::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        kept.push((path.display().to_string(), lines.map(Step::parse).collect()));
    }
    kept
}

thread_local! {
    /// The story of the run so far.
    static JOURNAL: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// The number of steps that it has begun.
    static REACHED: Cell<usize> = const { Cell::new(0) };
}

/// Adds to the story that a failure prints.
pub fn note(what: String) {
    JOURNAL.with_borrow_mut(|journal| journal.push(what));
}

fn run(steps: &[Step]) {
    let mut run = Run::new();
    for (n, step) in (1..).zip(steps) {
        REACHED.set(n);
        note(format!("{n:>4} {}", step.op.name()));
        run.step(step);
        run.check(n);
    }
    run.end();
}

/// Returns the reason why a list fails; `None` if it holds.
fn failure(steps: &[Step]) -> Option<String> {
    JOURNAL.with_borrow_mut(Vec::clear);
    let failed = catch_unwind(AssertUnwindSafe(|| run(steps))).err()?;
    let told = failed.downcast_ref::<String>().cloned();
    told.or_else(|| failed.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .or(Some("no reason".to_owned()))
}

/// Returns a reason without the ids and numbers in it.
fn gist(reason: &str) -> String {
    let words = reason.split_whitespace().map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation()));
    let words = words.filter(|word| word.len() > 2 && word.chars().all(char::is_alphabetic));
    words.take(6).collect::<Vec<_>>().join(" ")
}

/// Leaves out what the failure of the last run does not need: what came behind it, then halves, quarters, and
/// one by one.
fn shortened(mut steps: Vec<Step>, reason: &str) -> Vec<Step> {
    steps.truncate(REACHED.get());
    let (mut size, mut tries) = (steps.len().div_ceil(2), 0);
    while size > 0 && tries < MAX_TRIES {
        let mut at = 0;
        while at < steps.len() && tries < MAX_TRIES {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            tries += 1;
            if failure(&fewer).is_some_and(|told| gist(&told) == gist(reason)) {
                steps = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    steps
}

#[test]
fn whatever_happens_the_invariants_hold() {
    let wanted = std::env::var("LEADHOOK_MODEL_SEEDS").ok().and_then(|text| text.parse().ok());
    let mut lists = kept();
    lists
        .extend((1..=wanted.unwrap_or(DEFAULT_SEEDS)).map(|seed| (format!("seed {seed}"), random_run(seed))));
    let (next, workers) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(2, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((name, list)) = lists.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(reason) = failure(list) {
                        let short = shortened(list.clone(), &reason);
                        let told = failure(&short).unwrap_or_default();
                        let journal = JOURNAL.with_borrow(|journal| journal.join("\n"));
                        let lines: Vec<_> = short.iter().map(Step::line).collect();
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
