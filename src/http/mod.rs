//! HTTP: requests, responses and the pages for browsers, without anything of the platform.

mod accepted;
mod criteria;
mod download_page;
pub mod hosted_form;
mod layout;
mod pages;
mod problem;
pub mod reader;
pub mod request;
pub mod response;
