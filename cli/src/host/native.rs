//! This machine, by the standard library.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Read as _, Write as _};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http;
use ureq::{Agent, Error};

use super::shapes::{Answer, Call, Readers, Refusal, Request, Response, Stream, Unreachable};

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::NotFound => "ENOENT",
            ErrorKind::AlreadyExists => "EEXIST",
            ErrorKind::PermissionDenied => "EACCES",
            ErrorKind::IsADirectory => "EISDIR",
            ErrorKind::BrokenPipe => "EPIPE",
            _ => "",
        };
        Self::of_code(code, error.to_string())
    }
}

/// Returns a variable of the environment, unless it is absent or empty.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns all variables of the environment that are text.
pub fn variables() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    env::vars_os().filter_map(text).collect()
}

/// Reads a file.
pub fn read(file: &Path) -> Result<Vec<u8>, Refusal> {
    Ok(fs::read(file)?)
}

/// Writes a file that does not exist yet, to the disk.
pub fn write_new(file: &Path, text: &str, readers: Readers) -> Result<(), Refusal> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        options.mode(0o600);
    }
    let mut out = options.open(file)?;
    out.write_all(text.as_bytes())?;
    Ok(out.sync_all()?)
}

pub fn rename(from: &Path, to: &Path) -> Result<(), Refusal> {
    Ok(fs::rename(from, to)?)
}

pub fn remove(file: &Path) -> Result<(), Refusal> {
    Ok(fs::remove_file(file)?)
}

/// Returns a path without symbolic links.
pub fn resolve(file: &Path) -> Result<PathBuf, Refusal> {
    Ok(fs::canonicalize(file)?)
}

/// Reads the standard input to its end.
pub fn read_input() -> Result<String, Refusal> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// Reads one line of the standard input.
pub fn read_line() -> Result<String, Refusal> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

pub fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::Input => io::stdin().is_terminal(),
        Stream::Error => io::stderr().is_terminal(),
    }
}

/// Writes to the standard output.
pub fn output(text: &str) -> Result<(), Refusal> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes to the standard error.
pub fn error(text: &str) {
    let mut out = io::stderr();
    // There is no other place to say that it failed.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Ends the program.
pub fn exit(code: u8) -> ! {
    std::process::exit(code.into())
}

/// Returns the number of this process.
pub fn process_id() -> u32 {
    std::process::id()
}

/// Returns the time since 1970 in milliseconds.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default()
}

pub fn sleep(duration: Duration) {
    thread::sleep(duration);
}

/// Starts one of the programs that the npm package has beside the command line. This binary has none.
pub fn start(program: &str, _: &str) -> Result<(), String> {
    Err(format!(
        "leadhook {program} is in the npm package: npx leadhook {program}; in a clone: make {program}"
    ))
}

/// Sends a request, and waits for the response.
pub fn ask(request: &Request<'_>, is_here: bool) -> Result<Response, Unreachable> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(request.timeout));
    if is_here {
        config = config.proxy(None);
    }
    let mut built = ureq::http::Request::builder().method(request.method).uri(request.url);
    for (name, value) in request.headers {
        built = built.header(*name, *value);
    }
    let agent = config.build().new_agent();
    let invalid = |error: ureq::http::Error| Unreachable::Other(error.to_string());
    let sent = match request.body {
        Some(body) => agent.run(built.body(body.to_owned()).map_err(invalid)?),
        None => agent.run(built.body(()).map_err(invalid)?),
    };
    let mut response = sent.map_err(unreachable)?;
    let retry_after =
        response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let body =
        response.body_mut().with_config().limit(request.longest).read_to_string().map_err(unreachable)?;
    Ok(Response { status, retry_after, body })
}

fn unreachable(error: Error) -> Unreachable {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => Unreachable::Refused,
        Error::ConnectionFailed => Unreachable::Refused,
        Error::HostNotFound => Unreachable::UnknownHost,
        Error::Timeout(_) => Unreachable::TooLate,
        Error::BodyExceedsLimit(_) => Unreachable::TooLong,
        other => Unreachable::Other(other.to_string()),
    }
}

/// Serves a port of 127.0.0.1 until the user ends it. `ready` gets the port, which is any free one for 0.
pub fn serve(
    port: u16,
    ready: impl FnOnce(u16) + 'static,
    handle: impl FnMut(&Call<'_>) -> Answer + Send + 'static,
) -> Result<(), Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener =
            tokio::net::TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
                ErrorKind::AddrInUse => Refusal::Other("is in use".to_owned()),
                _ => error.into(),
            })?;
        let port = listener.local_addr()?.port();
        ready(port);
        let stopped = async {
            let _ = tokio::signal::ctrl_c().await;
        };
        let app = Router::new().fallback(answer).with_state(Arc::new((port, Mutex::new(handle))));
        Ok(axum::serve(listener, app).with_graceful_shutdown(stopped).await?)
    })
}

async fn answer<H: FnMut(&Call<'_>) -> Answer + Send>(
    State(server): State<Arc<(u16, Mutex<H>)>>,
    method: http::Method,
    uri: http::Uri,
    headers: http::HeaderMap,
    body: Bytes,
) -> http::Response<Body> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (port, handle) = &*server;
    let call = Call { port: *port, method: method.as_str(), path, headers: &headers, body: &body };
    let Answer { status, headers, body } = (*handle.lock().unwrap_or_else(PoisonError::into_inner))(&call);
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body)).unwrap_or_default()
}
