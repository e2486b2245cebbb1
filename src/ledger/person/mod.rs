//! The rights of a person: withdrawal, access, erasure; and what they do after the lead came.

pub mod access;
pub mod engagement;
pub mod erase;
pub mod withdraw;
