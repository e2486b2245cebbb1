//! Use cases, driven by JavaScript. A use case is an async function over the ports; where it waits it leaves
//! a wish, and JavaScript, which makes it come true, resumes it with what came of it. So each step is one plain
//! call with bytes in and out, and nothing in the wasm is a promise, a closure or a timer: of those, each that
//! is waited for costs two functions, a finaliser and a task.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::wasm_bindgen;

use super::now_ms;
use crate::base::fault::Fault;

/// What a parcel asks for, or says. `drive.js` has the same list in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The task has ended, or there is none.
    Nothing,
    /// The answer to a visitor.
    Respond,
    /// The value of a key of KV.
    KvGet,
    /// The values of several keys.
    KvGetAll,
    /// Write a key of KV.
    KvPut,
    /// Delete a key of KV.
    KvDelete,
    /// The names of the keys that begin with a text.
    KvList,
    /// What a ledger answers.
    Ask,
    /// Whether the platform's limits take one more post.
    Limits,
    /// Whether the platform's limit takes one more mail.
    MailLimit,
    /// What a service answers to a form.
    PostForm,
    /// Whether a file is in the bucket.
    HasFile,
    /// A response with a file of the bucket, which JavaScript keeps until it answers.
    File,
    /// A response with what the platform serves at the request's address, kept as well.
    Asset,
    /// A signature.
    Sign,
    /// A request to a receiver.
    Send,
    /// A delivery's attempt is over.
    Attempted,
    /// A ledger's answer.
    Answer,
}

/// What came of a wish.
pub enum Given {
    /// There is nothing.
    Nothing,
    /// Bytes, of a text in UTF-8.
    Bytes(Vec<u8>),
    /// A number, or a truth as 0 or 1.
    Number(u32),
    /// It failed, and why.
    Failed(String),
}

impl Given {
    /// What came of it, unless it failed; `what` it was for the log.
    fn come_true(self, what: &str) -> Result<Self, Fault> {
        match self {
            Self::Failed(why) => Err(Fault::new(format!("{what}: {why}"))),
            given => Ok(given),
        }
    }

    /// A text, where there is one.
    ///
    /// # Errors
    /// It failed; `what` it was for the log.
    pub fn text(self, what: &str) -> Result<Option<String>, Fault> {
        let text = match self.come_true(what)? {
            Self::Nothing => return Ok(None),
            Self::Bytes(bytes) => String::from_utf8(bytes).ok(),
            Self::Number(_) | Self::Failed(_) => None,
        };
        text.map(Some).ok_or_else(|| Fault::new(format!("{what}: no text")))
    }

    /// Whether it is so; nothing where nobody can say.
    ///
    /// # Errors
    /// It failed; `what` it was for the log.
    pub fn truth(self, what: &str) -> Result<Option<bool>, Fault> {
        match self.come_true(what)? {
            Self::Nothing => Ok(None),
            Self::Number(number) => Ok(Some(number != 0)),
            Self::Bytes(_) | Self::Failed(_) => Err(Fault::new(format!("{what}: no truth"))),
        }
    }

    /// That it was done.
    ///
    /// # Errors
    /// It failed; `what` it was for the log.
    pub fn done(self, what: &str) -> Result<(), Fault> {
        self.come_true(what).map(|_| ())
    }
}

/// What a task ends with: a parcel.
type Task = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// A task that waits.
struct Waiting {
    since_ms: i64,
    task: Task,
}

/// Longer than any wish takes. The platform may end a request without a word, and what it had begun here is
/// thrown away then.
const LOST_MS: i64 = 60_000;
/// How often it is looked for such tasks.
const LOOK_EVERY_MS: i64 = 10_000;

thread_local! {
    static TASKS: RefCell<BTreeMap<u32, Waiting>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    static LOOKED_MS: Cell<i64> = const { Cell::new(0) };
    /// The wish that the task in hand has left.
    static LEFT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// What came of the wish of the task in hand.
    static GIVEN: RefCell<Option<Given>> = const { RefCell::new(None) };
}

/// Bytes of a word.
const WORD: usize = 4;
/// Which of a parcel's words is its task's number.
const TASK_AT: usize = 1;

/// A parcel: kind, task, a number, and how many parts there are; their lengths; the parts. Words of four
/// bytes, the lowest first.
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

/// Leaves a wish, and waits for what comes of it.
pub async fn wish(kind: Kind, number: u32, parts: &[&[u8]]) -> Given {
    let mut wish = Some(parcel(kind, number, parts));
    poll_fn(move |_| match wish.take() {
        Some(wish) => {
            LEFT.set(wish);
            Poll::Pending
        }
        None => GIVEN.take().map_or(Poll::Pending, Poll::Ready),
    })
    .await
}

/// Begins a task: what it ends with, or its first wish.
pub fn begin(task: impl Future<Output = Vec<u8>> + 'static) -> Vec<u8> {
    let now_ms = now_ms();
    if !(0..LOOK_EVERY_MS).contains(&(now_ms - LOOKED_MS.get())) {
        LOOKED_MS.set(now_ms);
        // What they hold is given back as they are dropped, outside of the list.
        let lost: Vec<_> = TASKS.with_borrow_mut(|tasks| {
            tasks.extract_if(.., |_, one| now_ms - one.since_ms >= LOST_MS).collect()
        });
        drop(lost);
    }
    let number = LAST.get().wrapping_add(1).max(1);
    LAST.set(number);
    step(number, Box::pin(task))
}

fn step(number: u32, mut task: Task) -> Vec<u8> {
    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(parcel) => parcel,
        Poll::Pending => {
            let one = Waiting { since_ms: now_ms(), task };
            TASKS.with_borrow_mut(|tasks| tasks.insert(number, one));
            let mut wish = LEFT.take();
            if let Some(task) = wish.get_mut(WORD * TASK_AT..WORD * (TASK_AT + 1)) {
                task.copy_from_slice(&number.to_le_bytes());
            }
            wish
        }
    }
}

/// Goes on with a task. `tag` says what came of its wish: 0 nothing, 1 bytes, 2 a number, 3 that it failed and
/// why.
#[wasm_bindgen]
pub fn resume(task: u32, tag: u8, number: u32, bytes: Vec<u8>) -> Vec<u8> {
    let given = match tag {
        0 => Given::Nothing,
        1 => Given::Bytes(bytes),
        2 => Given::Number(number),
        _ => Given::Failed(String::from_utf8_lossy(&bytes).into_owned()),
    };
    let Some(one) = TASKS.with_borrow_mut(|tasks| tasks.remove(&task)) else {
        return parcel(Kind::Nothing, 0, &[]);
    };
    GIVEN.set(Some(given));
    step(task, one.task)
}
