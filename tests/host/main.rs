//! The host tests: the core on the world in memory (`leadhook::testing`), and the rules of the house.
//!
//! One binary, so one link; its tests run in threads of one process and share no state of it.
#![cfg(feature = "host")]
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

mod abuse {
    mod quarantine;
    mod rate_limits;
    mod signals;
}
mod admin {
    mod api;
    mod audit_log;
    mod doctor;
    mod host_name;
    mod inference;
    mod key_rotation;
    mod many_ledgers;
    mod overview;
    mod publishing;
    mod scopes;
    mod sources;
}
mod campaign {
    mod conditions;
    mod corrections;
    mod file;
    mod normalisation;
    mod scoring;
    mod time_zone;
}
mod consent {
    mod double_opt_in;
    mod history;
    mod mail_limits;
    mod receipts;
    mod suppression_lists;
    mod withdrawal;
}
mod contract {
    mod bindgen;
    mod format_3;
    mod formats;
    mod openapi;
    mod table_migration;
    mod upgrade;
    mod version_skew;
    mod write_paths;
}
mod delivery {
    mod attempts;
    mod conductor;
    mod egress;
    mod immediate;
    mod lanes;
    mod retries;
    mod second_object;
    mod secrets;
}
mod house {
    mod circles;
    mod floors;
    mod imports;
    mod sizes;
    mod source;
    mod sql;
    mod words;
}
mod model;
mod rights {
    mod access;
    mod erasure;
    mod retention;
    mod subjects;
}
mod submit {
    mod answers;
    mod choices;
    mod compatibility;
    mod http;
    mod lead_magnet;
    mod pages;
    mod pipeline;
    mod recognition;
    mod repeat_cache;
    mod steps;
}
