//! A client of the admin API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use leadhook::base::url::WebAddress;
use serde_json::Value;

use super::host::{self, Request, Response};
use super::terminal::line;
use super::vars::{ADMIN_TOKEN, DEV_VARS, KEYS_FILE, Vars};

/// The address of `make dev`.
const DEVELOPMENT: &str = "http://127.0.0.1:8787";
/// The attempts after the first one.
const MORE_ATTEMPTS: u32 = 5;
const RETRY_AFTER_S: u64 = 5;
const LONGEST_WAIT_S: u64 = 60;

#[derive(Args)]
pub struct Server {
    /// The address of Leadhook [default: LEADHOOK_URL, else http://127.0.0.1:8787]
    #[arg(long)]
    url: Option<String>,
    /// The key file. The admin token is read from LEADHOOK_ADMIN_TOKEN in the environment, else from this
    /// file [default: leadhook.keys; for a Leadhook on this machine .dev.vars, if it is there]
    #[arg(long, alias = "file", value_name = "FILE")]
    keys: Option<PathBuf>,
}

impl Server {
    pub fn client(&self) -> Result<Client, String> {
        Client::new(&self.address(), &self.keys())
    }

    /// Returns the key file that fits the address: development has one of its own.
    pub fn keys(&self) -> PathBuf {
        let is_here = || WebAddress::parse(&self.address()).is_some_and(|url| url.is_loopback_http());
        match &self.keys {
            Some(file) => file.clone(),
            None if is_here() && host::read(Path::new(DEV_VARS)).is_ok() => DEV_VARS.into(),
            None => KEYS_FILE.into(),
        }
    }

    fn address(&self) -> String {
        self.url.clone().or_else(url_of_environment).unwrap_or_else(|| DEVELOPMENT.to_owned())
    }
}

/// Returns the address in the environment.
pub fn url_of_environment() -> Option<String> {
    host::variable("LEADHOOK_URL")
}

pub struct Client {
    base: Address,
    token: String,
}

impl Client {
    pub fn new(base: &str, keys: &Path) -> Result<Self, String> {
        let token = match host::variable(ADMIN_TOKEN) {
            Some(token) => token,
            None => Vars::read_or_new(keys)?.need(ADMIN_TOKEN).map(str::to_owned).map_err(|reason| {
                format!(
                    "the admin token is missing: {reason}, and {ADMIN_TOKEN} is not set in the environment"
                )
            })?,
        };
        Ok(Self { base: Address::parse(base)?, token })
    }

    /// Sends `GET /admin/api/{path}`.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        self.ask("GET", path, None)
    }

    /// Sends `POST /admin/api/{path}`.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.ask("POST", path, Some(body.to_string()))
    }

    /// Sends `PUT /admin/api/{path}` with a body that is JSON.
    pub fn put(&self, path: &str, body: &str) -> Result<Value, String> {
        self.ask("PUT", path, Some(body.to_owned()))
    }

    /// Returns every part of a reading. A response that could not cover all ledgers says where the next one
    /// continues.
    pub fn get_all(&self, path: &str) -> Result<Vec<Value>, String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let response = self.get(&behind(path, after.as_deref()))?;
            after = next_of(&response);
            all.push(response);
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Finds something in the ledgers, whichever has it.
    pub fn find(&self, path: &str) -> Result<Value, String> {
        let mut after = None;
        loop {
            let response = self.get(&behind(path, after.as_deref()))?;
            if !is_not_found_yet(&response) {
                return Ok(response);
            }
            after = next_of(&response);
        }
    }

    /// Passes on each response to an order as it comes, so that what was done is reported even if the rest fails.
    pub fn post_each(
        &self,
        path: &str,
        body: &Value,
        mut each: impl FnMut(Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut body = body.clone();
        loop {
            let response = self.post(path, &body)?;
            let next = next_of(&response);
            each(response)?;
            match (next, body.as_object_mut()) {
                (Some(next), Some(body)) => body.insert("after".to_owned(), next.into()),
                _ => return Ok(()),
            };
        }
    }

    fn ask(&self, method: &str, path: &str, body: Option<String>) -> Result<Value, String> {
        let Address { text: base, is_here } = &self.base;
        let (url, authorization) = (format!("{base}/admin/api/{path}"), format!("Bearer {}", self.token));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let headers = if body.is_some() { &headers[..] } else { &headers[..1] };
        let request = Request { headers, body: body.as_deref(), ..Request::of(method, &url) };
        let mut attempts = 0;
        loop {
            let response = host::ask(&request, *is_here).map_err(|reason| format!("{base}: {reason}"))?;
            if response.status == 503 && attempts < MORE_ATTEMPTS {
                attempts += 1;
                host::sleep(wait_of(&response));
                continue;
            }
            return read(base, &response);
        }
    }
}

/// Returns what the admin API answered, or its problem in words.
fn read(base: &str, response: &Response) -> Result<Value, String> {
    let value: Option<Value> = serde_json::from_str(&response.body).ok();
    if response.is_success() || value.as_ref().is_some_and(is_not_found_yet) {
        return value.ok_or_else(|| format!("{base} returned something that is not JSON: is it Leadhook?"));
    }
    let status = response.status;
    Err(match value.as_ref().and_then(problem) {
        Some(problem) if status == 429 => {
            format!("{base}: {problem} Try again in {} s.", wait_of(response).as_secs())
        }
        Some(problem) if status == 403 => {
            let source = format!("{ADMIN_TOKEN} in the environment or in the key file");
            format!("{base}: {problem} Yours is from {source}.")
        }
        Some(problem) => format!("{base} returned {status}: {problem}"),
        None => format!("{base} returned {status}"),
    })
}

/// Encodes a text for a query.
pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Returns the cursor of the next request.
fn next_of(response: &Value) -> Option<String> {
    response.get("next").and_then(Value::as_str).map(str::to_owned)
}

fn behind(path: &str, after: Option<&str>) -> String {
    let join = if path.contains('?') { '&' } else { '?' };
    after.map_or_else(|| path.to_owned(), |after| format!("{path}{join}after={}", encoded(after)))
}

/// Checks whether ledgers are left that may have it.
fn is_not_found_yet(response: &Value) -> bool {
    response.get("status").and_then(Value::as_u64) == Some(404) && next_of(response).is_some()
}

/// Joins the lists of that name in several responses.
pub fn joined(responses: Vec<Value>, key: &str) -> Value {
    let lists = responses.into_iter().filter_map(|mut response| Some(response.get_mut(key)?.take()));
    let entries = lists.flat_map(|list| if let Value::Array(list) = list { list } else { Vec::new() });
    Value::Object([(key.to_owned(), entries.collect())].into_iter().collect())
}

/// Fetches a public address.
pub fn fetch(address: &str) -> Result<String, String> {
    let Address { text, is_here } = Address::parse(address)?;
    let response =
        host::ask(&Request::of("GET", &text), is_here).map_err(|reason| format!("{address}: {reason}"))?;
    if response.is_success() {
        Ok(response.body)
    } else {
        Err(format!("{address} returned {}", response.status))
    }
}

/// An address that a token may go to, as it was parsed, without a slash at the end. Nobody on the way may read the
/// token or change a key, so it is https or on this machine.
struct Address {
    text: String,
    is_here: bool,
}

impl Address {
    fn parse(address: &str) -> Result<Self, String> {
        let url = WebAddress::parse(address)
            .ok_or_else(|| format!("{address} is not an address like https://…"))?;
        let is_here = url.is_loopback_http();
        if url.scheme() != "https" && !is_here {
            return Err(format!("{address} must begin with https://"));
        }
        Ok(Self { text: url.href().trim_end_matches('/').to_owned(), is_here })
    }
}

fn wait_of(response: &Response) -> Duration {
    let header = response.retry_after.as_deref();
    let seconds = header.and_then(|text| text.trim().parse().ok()).unwrap_or(RETRY_AFTER_S);
    Duration::from_secs(seconds.min(LONGEST_WAIT_S))
}

/// Returns problem details (RFC 9457) as a sentence.
fn problem(body: &Value) -> Option<String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(line);
    let mut sentence = text(body, "title")?;
    if let Some(detail) = text(body, "detail") {
        sentence = format!("{sentence}. {detail}");
    }
    for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let detail = text(error, "detail").or_else(|| text(error, "code")).unwrap_or_default();
        sentence = match text(error, "field") {
            Some(field) => format!("{sentence} {field}: {detail}."),
            None => format!("{sentence} {detail}."),
        };
    }
    Some(sentence)
}
