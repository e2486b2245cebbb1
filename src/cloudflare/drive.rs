//! Use cases as tasks that JavaScript drives. A use case is an async function over the ports. Where it waits, it leaves
//! an effect for JavaScript to perform, and is resumed with the effect's completion. So each step is one plain call
//! with bytes in and out, and the wasm has no promise, closure or timer: each of those that is awaited costs two
//! functions, a finaliser and a task.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::wasm_bindgen;

use super::runtime::now_ms;
use crate::base::fault::Fault;

/// The kind of a parcel: an effect, or an end. `drive.js` has the same list in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The end of a task without a result, or of none.
    Nothing,
    /// The response to a visitor.
    Respond,
    /// A read of a key of KV.
    KvGet,
    /// A read of several keys.
    KvGetAll,
    /// A write to a key of KV.
    KvPut,
    /// The deletion of a key of KV.
    KvDelete,
    /// A listing of the keys that begin with a text.
    KvList,
    /// A message to a ledger.
    Ask,
    /// A question to the platform's rate limits for one more post.
    Limits,
    /// A question to the platform's rate limit for one more e-mail.
    MailLimit,
    /// A form that is posted to an external service.
    PostForm,
    /// A question for a file of the bucket.
    HasFile,
    /// A response with a file of the bucket, which JavaScript keeps until it responds.
    File,
    /// A response with the static asset at the request's address, kept as well.
    Asset,
    /// A signature.
    Sign,
    /// A request to a receiver.
    Send,
    /// The end of a delivery's attempt.
    Attempted,
    /// The reply of a ledger.
    Answer,
}

/// The completion of an effect.
pub enum Completion {
    /// No value.
    Nothing,
    /// Bytes, or a text in UTF-8.
    Bytes(Vec<u8>),
    /// A number, or a boolean as 0 or 1.
    Number(u32),
    /// A failure, with its message.
    Failed(String),
}

impl Completion {
    /// Returns the completion, unless it is a failure. `effect` names the effect for the log.
    fn succeeded(self, effect: &str) -> Result<Self, Fault> {
        match self {
            Self::Failed(message) => Err(Fault::new(format!("{effect}: {message}"))),
            completion => Ok(completion),
        }
    }

    /// Returns the text; `None` if there is no value.
    ///
    /// # Errors
    /// The effect failed. `effect` names it for the log.
    pub fn text(self, effect: &str) -> Result<Option<String>, Fault> {
        let text = match self.succeeded(effect)? {
            Self::Nothing => return Ok(None),
            Self::Bytes(bytes) => String::from_utf8(bytes).ok(),
            Self::Number(_) | Self::Failed(_) => None,
        };
        text.map(Some).ok_or_else(|| Fault::new(format!("{effect}: no text")))
    }

    /// Returns the boolean; `None` if there is no value.
    ///
    /// # Errors
    /// The effect failed. `effect` names it for the log.
    pub fn truth(self, effect: &str) -> Result<Option<bool>, Fault> {
        match self.succeeded(effect)? {
            Self::Nothing => Ok(None),
            Self::Number(number) => Ok(Some(number != 0)),
            Self::Bytes(_) | Self::Failed(_) => Err(Fault::new(format!("{effect}: no truth"))),
        }
    }

    /// Checks that the effect was performed.
    ///
    /// # Errors
    /// The effect failed. `effect` names it for the log.
    pub fn done(self, effect: &str) -> Result<(), Fault> {
        self.succeeded(effect).map(|_| ())
    }
}

/// A use case, which ends with a parcel.
type Task = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// A task that waits.
struct Waiting {
    since_ms: i64,
    task: Task,
}

/// The age at which a waiting task is dropped; no effect takes so long. The platform may end a request without notice,
/// and its task is never resumed then.
const LOST_MS: i64 = 60_000;
/// The time between two searches for such tasks.
const LOST_CHECK_MS: i64 = 10_000;

thread_local! {
    static TASKS: RefCell<BTreeMap<u32, Waiting>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    static CHECKED_MS: Cell<i64> = const { Cell::new(0) };
    /// The effect that the current task has left.
    static EFFECT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The completion of the current task's effect.
    static COMPLETION: RefCell<Option<Completion>> = const { RefCell::new(None) };
}

/// The bytes of a word.
const WORD: usize = 4;
/// The index of the word with the task's number.
const TASK_AT: usize = 1;

/// Returns a parcel: kind, task, a number, and the number of parts; their lengths; the parts. Words have four bytes,
/// the lowest first.
pub fn parcel(kind: Kind, number: u32, parts: &[&[u8]]) -> Vec<u8> {
    let word = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    let mut all = Vec::with_capacity(WORD * (4 + parts.len()) + bytes);
    for head in [kind as u32, 0, number, word(parts.len())] {
        all.extend(head.to_le_bytes());
    }
    for part in parts {
        all.extend(word(part.len()).to_le_bytes());
    }
    for part in parts {
        all.extend_from_slice(part);
    }
    all
}

/// Leaves an effect, and waits for its completion.
pub async fn perform(kind: Kind, number: u32, parts: &[&[u8]]) -> Completion {
    let mut effect = Some(parcel(kind, number, parts));
    poll_fn(move |_| match effect.take() {
        Some(effect) => {
            EFFECT.set(effect);
            Poll::Pending
        }
        None => COMPLETION.take().map_or(Poll::Pending, Poll::Ready),
    })
    .await
}

/// Begins a task, and returns its first effect or its end.
pub fn begin(task: impl Future<Output = Vec<u8>> + 'static) -> Vec<u8> {
    let now_ms = now_ms();
    if !(0..LOST_CHECK_MS).contains(&(now_ms - CHECKED_MS.get())) {
        CHECKED_MS.set(now_ms);
        // They are dropped outside of the list, for their values may use it.
        let lost: Vec<_> = TASKS.with_borrow_mut(|tasks| {
            tasks.extract_if(.., |_, waiting| now_ms - waiting.since_ms >= LOST_MS).collect()
        });
        drop(lost);
    }
    let number = LAST.get().wrapping_add(1).max(1);
    LAST.set(number);
    step(number, Box::pin(task))
}

/// Runs a task up to its next effect or its end, and returns that.
fn step(number: u32, mut task: Task) -> Vec<u8> {
    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(parcel) => parcel,
        Poll::Pending => {
            let waiting = Waiting { since_ms: now_ms(), task };
            TASKS.with_borrow_mut(|tasks| tasks.insert(number, waiting));
            let mut effect = EFFECT.take();
            if let Some(task) = effect.get_mut(WORD * TASK_AT..WORD * (TASK_AT + 1)) {
                task.copy_from_slice(&number.to_le_bytes());
            }
            effect
        }
    }
}

/// Resumes a task with the completion of its effect, and returns its next effect or its end. `tag` is the kind of the
/// completion: 0 nothing, 1 bytes, 2 a number, 3 a failure with its message.
#[wasm_bindgen]
pub fn resume(task: u32, tag: u8, number: u32, bytes: Vec<u8>) -> Vec<u8> {
    let completion = match tag {
        0 => Completion::Nothing,
        1 => Completion::Bytes(bytes),
        2 => Completion::Number(number),
        _ => Completion::Failed(String::from_utf8_lossy(&bytes).into_owned()),
    };
    let Some(waiting) = TASKS.with_borrow_mut(|tasks| tasks.remove(&task)) else {
        return parcel(Kind::Nothing, 0, &[]);
    };
    COMPLETION.set(Some(completion));
    step(task, waiting.task)
}
