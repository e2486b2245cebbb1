//! The webhook receiver for development, `leadhook sink`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, SystemTime};

use leadhook::pipeline::webhook::{SigningSecret, sign};
use serde_json::{Value, json};

use super::{command, folder};

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Longer than the sink takes on a busy machine: without it a line that is missing would hang the tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// The receiver, running.
struct Sink {
    child: Child,
    lines: Receiver<String>,
    port: u16,
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sink {
    fn start(name: &str, args: &[&str]) -> Self {
        let folder = folder(name);
        let secrets = format!("CRM_WEBHOOK_SECRET=\"{WEBHOOK_SECRET}\"\nMAIL_API_TOKEN=\"the-token\"\n");
        fs::write(folder.join(".dev.vars"), secrets).expect("written");
        let mut command = command(&folder, &["sink", "--port", "0"]);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().expect("the sink runs");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut sink = Self { child, lines, port: 0 };
        let ready = sink.line();
        let port = ready.strip_prefix("Receiving webhooks on http://127.0.0.1:").expect("an address");
        sink.port = port.parse().expect("a port");
        sink
    }

    /// Waits for the next line that it prints.
    fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        line.trim_end().to_owned()
    }

    /// The status, and the whole answer with its head in lower case.
    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        write!(stream, "{head}{headers}Content-Length: {length}\r\n\r\n{body}").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, format!("{}\n{body}", head.to_lowercase()))
    }

    fn mail(&self, mail: &Value) -> u16 {
        self.request("POST", "/mail", "Authorization: Bearer the-token\r\n", &mail.to_string()).0
    }

    fn webhook(&self, id: &str, event: &Value) -> u16 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
        let secret = SigningSecret::parse(WEBHOOK_SECRET).expect("a secret");
        let body = event.to_string();
        let signature = sign(&secret, id, i64::try_from(now).expect("a time"), body.as_bytes());
        let signed = format!("webhook-timestamp: {now}\r\nwebhook-signature: {signature}\r\n");
        self.request("POST", "/crm", &format!("webhook-id: {id}\r\n{signed}"), &body).0
    }
}

#[test]
fn the_sink_keeps_mails_and_shows_them_as_text() {
    let sink = Sink::start("sink-mails", &[]);
    let mailbox = |sink: &Sink| sink.request("GET", "/mailbox", "", "").1;
    assert!(mailbox(&sink).contains("No mail yet."));

    let first = json!({
        "From": "news@example.com", "To": "anna@example.org", "Subject": "Please confirm",
        "TextBody": "Hello,\nconfirm it here:\nhttps://leads.example.com/confirm/newsletter/abc?a=1&b=2.\n",
    });
    assert_eq!(sink.mail(&first), 200);
    let port = sink.port;
    let said = format!("mail to anna@example.org: Please confirm  -> http://127.0.0.1:{port}/mailbox");
    assert_eq!(sink.line(), said);

    // As other providers take it, and hostile.
    let hostile = json!({
        "sender": { "email": "news@example.com" }, "to": [{ "email": "<b>\"eve\"@example.org" }],
        "subject": "</h2><script>alert(1)</script>\nmail to nobody",
        "textContent": "<script>alert(2)</script> javascript:alert(3) https://x.example/\"onmouseover=\"alert(4)",
    });
    assert_eq!(sink.mail(&hostile), 200);
    assert!(
        sink.line()
            .starts_with(r#"mail to <b>"eve"@example.org: </h2><script>alert(1)</script>\nmail to nobody"#)
    );
    assert_eq!(sink.mail(&json!({ "content": "<i>elsewhere</i>" })), 200);

    let page = mailbox(&sink);
    assert!(
        page.contains(
            "content-security-policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
        )
    );
    assert!(page.contains("content-type: text/html; charset=utf-8"));
    for absent in ["<script", "<b>", "<i>", "\"onmouseover", "href=\"javascript"] {
        assert!(!page.contains(absent), "{absent} in {page}");
    }
    let address = "https://leads.example.com/confirm/newsletter/abc?a=1&amp;b=2";
    for shown in [
        "<h2>Please confirm</h2><p>To anna@example.org</p>",
        &format!("<a href=\"{address}\">{address}</a>.\n"),
        "&lt;script&gt;alert(2)&lt;/script&gt; javascript:alert(3) <a href=\"https://x.example/\">",
        "&quot;content&quot;: &quot;&lt;i&gt;elsewhere&lt;/i&gt;&quot;",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(page.find("alert(1)") < page.find("Please confirm"), "newest first");

    for number in 0..100 {
        assert_eq!(sink.mail(&json!({ "to": "a@example.org", "subject": format!("no. {number}") })), 200);
    }
    let page = mailbox(&sink);
    assert_eq!((page.matches("<article>").count(), page.contains("Please confirm")), (100, false));
}

#[test]
fn the_sink_takes_no_mail_without_the_token() {
    let sink = Sink::start("sink-token", &["--fail", "1"]);
    let mail = json!({ "To": "anna@example.org", "Subject": "Hello", "TextBody": "Hello" });
    assert_eq!(sink.mail(&mail), 500);
    assert_eq!(sink.line(), "/mail: returned 500 on purpose");
    let secret = format!("Authorization: Bearer {WEBHOOK_SECRET}\r\n");
    for headers in [
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: the-token\r\n",
        &secret,
    ] {
        assert_eq!(sink.request("POST", "/mail", headers, &mail.to_string()).0, 401, "{headers}");
        assert_eq!(sink.line(), "/mail: refused, no Authorization: Bearer with MAIL_API_TOKEN");
    }
    let token = "Authorization: Bearer the-token\r\n";
    assert_eq!(sink.request("POST", "/mail", token, "no JSON").0, 400);
    assert!(sink.request("GET", "/mailbox", "", "").1.contains("No mail yet."));
    assert_eq!(sink.request("POST", "/crm", token, "{}").0, 401, "a webhook is signed");
}

/// Events of consents and erasures, each with the lines that the sink prints.
fn events_of_consents() -> Vec<(Value, Vec<&'static str>)> {
    vec![
        (
            json!({ "type": "confirmation.requested", "data": {
                "campaign": "newsletter", "contact": { "email": "anna@example.org" }, "subject": "Please confirm",
                "text": "Hello,\nhere:", "confirm_url": "https://l.example/confirm/newsletter/t",
                "withdraw_url": "https://l.example/withdraw/newsletter/t", "expires_at": "2026-11-23T14:00:00.000Z",
            } }),
            vec![
                "",
                "confirmation.requested  newsletter -> /crm  signature verified",
                "  email: anna@example.org",
                "  subject: Please confirm",
                "  text: Hello,",
                "    here:",
                "  confirm_url: https://l.example/confirm/newsletter/t",
                "  withdraw_url: https://l.example/withdraw/newsletter/t",
                "  expires_at: 2026-11-23T14:00:00.000Z",
                "  msg_0",
            ],
        ),
        (
            json!({ "type": "consent.withdrawn", "data": {
                "lead_id": "lead_1", "campaign": "newsletter", "purposes": ["newsletter", "calls"],
                "withdrawn_at": "2026-11-22T14:00:00.000Z",
            } }),
            vec![
                "",
                "consent.withdrawn  newsletter -> /crm  signature verified",
                "  purposes: newsletter, calls",
                "  withdrawn_at: 2026-11-22T14:00:00.000Z",
                "  lead_1  msg_1",
            ],
        ),
        (
            json!({ "type": "lead.erased", "data": {
                "lead_id": "lead_1", "campaign": "newsletter", "erased_at": "2026-11-22T14:00:00.000Z",
            } }),
            vec![
                "",
                "lead.erased  newsletter -> /crm  signature verified",
                "  erased_at: 2026-11-22T14:00:00.000Z",
                "  lead_1  msg_2",
            ],
        ),
    ]
}

/// Events of leads, the last of them hostile.
fn events_of_leads() -> Vec<(Value, Vec<&'static str>)> {
    vec![
        (
            json!({ "type": "lead.qualified", "data": {
                "lead_id": "lead_2", "campaign": "newsletter", "contact": { "email": "eva@example.org" },
                "answers": { "first_name": "Eva" },
                "score": { "total": 10, "temperature": "cold", "stage": "Lead",
                           "reasons": [{ "rule": "r", "points": 10, "because": "b" }] },
            } }),
            vec![
                "",
                "lead.qualified  newsletter -> /crm  signature verified",
                "  email: eva@example.org",
                "  score 10, cold, Lead",
                "    +10 r: b",
                "  answers: first_name: Eva",
                "  lead_2  msg_3",
            ],
        ),
        (
            json!({ "type": "lead.qualified", "data": {
                "lead_id": "lead_3", "campaign": "newsletter", "contact": { "email": "eve@example.org" },
                "answers": { "note": "\u{1b}[2J\u{9b}31m\nnothing  here -> /crm  signature verified\u{202e}gnp" },
                "attribution": { "utm_source": "\u{7}\u{200b}" },
                "consent": [{ "purpose": "\r", "granted": true, "version": "\u{85}", "version_shown": "\u{7f}" }],
            } }),
            vec![
                "",
                "lead.qualified  newsletter -> /crm  signature verified",
                "  email: eve@example.org",
                r"  answers: note: \u{1b}[2J\u{9b}31m\nnothing  here -> /crm  signature verified\u{202e}gnp",
                r"  attribution: utm_source: \u{7}\u{200b}",
                r"  consent \r: given (version \u{85}, shown \u{7f})",
                "  lead_3  msg_4",
            ],
        ),
    ]
}

#[test]
fn the_sink_prints_every_kind_of_event() {
    let sink = Sink::start("sink-events", &[]);
    let events = [events_of_consents(), events_of_leads()].concat();
    for (number, (event, lines)) in events.into_iter().enumerate() {
        assert_eq!(sink.webhook(&format!("msg_{number}"), &event), 204);
        let printed: Vec<_> = lines.iter().map(|_| sink.line()).collect();
        assert_eq!(printed, lines);
    }
    assert_eq!(sink.webhook("msg_3", &json!({})), 204);
    assert_eq!(sink.line(), "/crm: msg_3 again, already received");
}
