//! HTTP as the use cases see it: requests, responses and the pages that browsers get.

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
