#![no_main]
//! Messages of another version of the code, values of KV, and terms, as they are read back.

use leadhook::app::repeat_record::RepeatRecord;
use leadhook::ledger::wire::{Message, Reply};
use leadhook::pipeline::consent::Terms;
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde_json::Value;

const NOW_MS: i64 = 1_795_356_000_000;

fuzz_target!(|text: &str| {
    stable::<Message>(text);
    stable::<Message<Value>>(text);
    stable::<Reply>(text);
    seen(text);
    let _ = Terms::read(text, text);
});

/// Checks that what can be read can be written, and reads as the same again.
fn stable<T: DeserializeOwned + serde::Serialize>(text: &str) {
    let Ok(read) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&read).expect("written");
    let again: T = serde_json::from_str(&written).expect("read again");
    assert_eq!(serde_json::to_string(&again).expect("written again"), written);
}

fn seen(text: &str) {
    let now_ms = text.len().try_into().map_or(NOW_MS, |offset: i64| NOW_MS + offset);
    let read = RepeatRecord::read(Some(text));
    let newer = serde_json::from_str::<Value>(text).is_ok_and(|value| value["format"].as_u64() > Some(1));
    assert!(!(newer && read.holds("sub_1", now_ms)), "what is newer says nothing");
    match read.remembering("sub_1", now_ms) {
        Some(value) => {
            let again = RepeatRecord::read(Some(&value));
            assert!(again.holds("sub_1", now_ms));
            assert!(!again.holds("sub_1", now_ms + 11 * 60_000));
            let held =
                serde_json::from_str::<Value>(&value).expect("JSON")["submissions"].as_array().map(Vec::len);
            assert!(held.is_some_and(|count| (1..=8).contains(&count)));
        }
        None => assert!(newer, "only what is newer is left as it is"),
    }
}
