//! Shapes of what goes to the machine under the command line, and of what comes from it.

use std::fmt;
use std::time::Duration;

/// The reason why a file, or the terminal, could not be used.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such file.
    Missing,
    /// There is such a file already.
    Exists,
    /// The user may not.
    Denied,
    /// It is a folder.
    Folder,
    /// Nobody reads any more what is written.
    NobodyReads,
    /// Anything else, in the words of the operating system.
    Other(String),
}

impl Refusal {
    /// Returns the refusal of an error's name, as POSIX has it.
    pub fn of_code(code: &str, words: String) -> Self {
        match code {
            "ENOENT" => Self::Missing,
            "EEXIST" => Self::Exists,
            "EACCES" | "EPERM" => Self::Denied,
            "EISDIR" => Self::Folder,
            "EPIPE" => Self::NobodyReads,
            _ => Self::Other(words),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Missing => "there is no such file",
            Self::Exists => "there is such a file already",
            Self::Denied => "permission denied",
            Self::Folder => "is a folder",
            Self::NobodyReads => "nobody reads it",
            Self::Other(words) => words,
        })
    }
}

/// A stream of the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Input,
    Error,
}

/// Who may read a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    Owner,
    Anybody,
}

/// A request to a server. Redirects are not followed.
pub struct Request<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Option<&'a str>,
    pub timeout: Duration,
    /// The most bytes of a response.
    pub longest: u64,
}

const TIMEOUT: Duration = Duration::from_secs(120);
/// The most bytes of a response. Everything that is stored about a person fits many times.
const MAX_RESPONSE_BYTES: u64 = 256 * 1024 * 1024;

impl<'a> Request<'a> {
    /// Returns a request without headers and body.
    pub fn of(method: &'a str, url: &'a str) -> Self {
        Self { method, url, headers: &[], body: None, timeout: TIMEOUT, longest: MAX_RESPONSE_BYTES }
    }
}

/// The response of a server.
pub struct Response {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: String,
}

impl Response {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The reason why a server did not respond.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreachable {
    Refused,
    UnknownHost,
    TooLate,
    TooLong,
    /// Anything else, in words.
    Other(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Refused => "connection refused; is it running?",
            Self::UnknownHost => "no host has that name",
            Self::TooLate => "no response in time",
            Self::TooLong => "the response is too long",
            Self::Other(words) => words,
        })
    }
}

/// A request to a server of this program.
pub struct Call<'a> {
    /// The port that it came to.
    pub port: u16,
    pub method: &'a str,
    /// The path, with the query if there is one.
    pub path: &'a str,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Call<'_> {
    /// Returns a header; an empty text if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }
}

/// What a server of this program answers.
pub struct Answer {
    pub status: u16,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: String,
}

impl Answer {
    /// Returns an answer without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: &[], body: String::new() }
    }
}
