//! An HTTP server that answers as the admin API does, and records its requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Asked {
    pub what: String,
    pub authorization: String,
    pub body: Value,
}

pub struct Answer {
    pub status: u16,
    pub headers: &'static str,
    pub body: String,
}

impl Answer {
    pub fn ok(body: &Value) -> Self {
        Self { status: 200, headers: "", body: body.to_string() }
    }

    pub fn fault() -> Self {
        Self { status: 503, headers: "retry-after: 0\r\n", body: String::new() }
    }
}

pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// `answer` gets each request with the number of those before it.
    pub fn new(answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (remembered, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (remembered, answer) = (Arc::clone(&remembered), Arc::clone(&answer));
                thread::spawn(move || serve(&stream, &remembered, &*answer));
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("the list").clone()
    }
}

fn serve(stream: &TcpStream, remembered: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked, usize) -> Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = next(&mut reader) {
        let before = {
            let mut all = remembered.lock().expect("the list");
            all.push(asked.clone());
            all.len() - 1
        };
        let Answer { status, headers, body } = answer(&asked, before);
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}");
        let mut stream = stream;
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).expect("answered");
    }
}

fn next(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        let read = reader.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let what = first.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { what, authorization, body: serde_json::from_slice(&body).unwrap_or_default() })
}
