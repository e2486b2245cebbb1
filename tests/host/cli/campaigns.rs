//! The command line, run as a marketer runs it.
#![cfg(feature = "host")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use leadhook::campaign::Campaign;
use leadhook::http::request::Method;
use leadhook::pipeline::webhook::{SigningSecret, sign};
use leadhook::testing::world::{World, request};
use serde_json::{Value, json};

const DEMO: &str = "examples/campaigns/demo-request.toml";

fn leadhook(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadhook"));
    command.args(args).current_dir(folder).output().expect("the command line runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn campaign(file: &str) -> Campaign {
    let table: toml::Table = toml::from_str(&fs::read_to_string(file).expect("a file")).expect("TOML");
    Campaign::accept(&serde_json::to_value(table).expect("JSON")).expect("a campaign")
}

#[test]
fn check_names_every_problem_with_file_and_path_and_fails() {
    let folder = folder("check");
    let file = r#"
        id = "Bad Id"
        title = "T"
        colour = "red"
        [controller]
        name = "Example AB"
        email = "privacy@example.com"
        privacy_notice = "https://www.example.com/privacy"
        [[field]]
        name = "email"
        kind = "email"
        [[score]]
        rule = "r"
        points = "ten"
        when = { field = "nope", is = "x" }
        [[destination]]
        name = "crm"
        url = "http://crm.example.com"
        secret = "LEADHOOK_PEPPERS"
        needs = ["news"]
    "#;
    fs::write(folder.join("bad.toml"), file).expect("written");
    let output = leadhook(&folder, &["check", "bad.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = [
        "bad.toml: colour: is unknown; known are id, title, ledger, origins, thanks_url, default_country, \
         language, time_zone, unknown_fields, even_answers_ms",
        "bad.toml: id: is required: 1 to 64 lower-case letters, digits and hyphens",
        "bad.toml: score[0].points: must be a whole number, without quotes",
        "bad.toml: destination[0].url: must be https",
        "bad.toml: destination[0].secret: must not begin with LEADHOOK_",
        "bad.toml: score[0].when.field: is not the name of a field",
        "bad.toml: destination[0].needs: \"news\" is not the id of a purpose",
    ];
    assert_eq!(text(&output.stderr).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_file_is_read_as_editors_write_it_and_a_mistake_is_told_with_what_to_write() {
    let folder = folder("editors");
    assert!(leadhook(&folder, &["new", "guide"]).status.success());
    let file = fs::read_to_string(folder.join("guide.toml")).expect("a file");
    let checked = |bytes: &[u8]| {
        fs::write(folder.join("changed.toml"), bytes).expect("written");
        let output = leadhook(&folder, &["check", "changed.toml"]);
        text(&output.stdout) + &text(&output.stderr)
    };
    let windows = format!("\u{feff}{}", file.replace('\n', "\r\n"));
    assert_eq!(checked(windows.as_bytes()), "changed.toml: ok, campaign guide\n");
    let utf16: Vec<u8> = file.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [&[0xff, 0xfe], &utf16[..]].concat();
    assert_eq!(checked(&utf16), "changed.toml: is not UTF-8; save it as UTF-8\n");
    let changed = |from: &str, to: &str| {
        assert!(file.contains(from), "{from}");
        checked(file.replace(from, to).as_bytes())
    };
    for (from, to, told) in [
        (
            "version = \"2026-11\"",
            "version = 2026-11-01",
            "purpose[0].version: must be text in quotes: write \"2026-11-01\"",
        ),
        (
            "window_days = 180",
            "window_days = 2026-11-01",
            "dedupe.window_days: must be a whole number that is not below 0, without quotes",
        ),
        ("window_days = 180", "window_days = inf", "dedupe.window_days: must be a finite number"),
        ("by = [\"email\"]", "by = \"email\"", "dedupe.by: must be a list: write [\"email\"]"),
        ("default_country = \"SE\"", "default_country = \"UK\"", "default_country: write \"GB\""),
    ] {
        assert_eq!(changed(from, to), format!("changed.toml: {told}\n"));
    }
    let lead = "\u{feff}{\"email\": \"anna@example.com\", \"company_size\": \" 201+ \"}";
    fs::write(folder.join("lead.json"), lead).expect("written");
    let scored = leadhook(&folder, &["score", "guide.toml", "--lead", "lead.json"]);
    assert!(text(&scored.stdout).contains("\"total\": 30"), "{}", text(&scored.stderr));
    // As the endpoint reads it.
    for (lead, told) in [
        (r#"{"email": "a@example.com", "email": "b@example.com"}"#, "email: was given more than once"),
        ("[1]", "the JSON must be an object"),
    ] {
        fs::write(folder.join("lead.json"), lead).expect("written");
        let scored = leadhook(&folder, &["score", "guide.toml", "--lead", "lead.json"]);
        assert_eq!(text(&scored.stderr), format!("lead.json: {told}\n"));
    }
    assert!(
        changed("version = \"2026-11\"", "version = 2026-11")
            .ends_with("text needs quotes: write version = \"2026-11\"\n")
    );
}

#[test]
fn check_takes_a_line_break_behind_an_address_and_refuses_it_elsewhere() {
    let folder = folder("lines");
    assert!(leadhook(&folder, &["new", "guide"]).status.success());
    let file = fs::read_to_string(folder.join("guide.toml")).expect("a file");
    let checked = |written: &str, changed: &str| {
        assert!(file.contains(written), "{written}");
        fs::write(folder.join("changed.toml"), file.replace(written, changed)).expect("written");
        let output = leadhook(&folder, &["check", "changed.toml"]);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let thanks = "\"https://www.example.com/thanks\"";
    let behind = "\"\"\"\nhttps://www.example.com/thanks\n\"\"\"";
    assert_eq!(checked(thanks, behind), (Some(0), "changed.toml: ok, campaign guide\n".to_owned()));
    let told = "changed.toml: thanks_url: must be one line without control characters\n";
    assert_eq!(checked(thanks, r#""https://a.example/\nset-cookie: a=b""#), (Some(1), told.to_owned()));
    let told = "changed.toml: destination[0].url: its host must be a name of letters, digits and hyphens, or an \
                IP address\n";
    assert_eq!(checked("https://crm.example.com", "https://crm;x.example.com"), (Some(1), told.to_owned()));
}

#[test]
fn check_refuses_destinations_that_lead_inward_or_back_to_leadhook() {
    let folder = folder("inward");
    assert!(leadhook(&folder, &["new", "guide"]).status.success());
    let file = fs::read_to_string(folder.join("guide.toml")).expect("a file");
    let checked = |url: &str| {
        let moved = file.replace("https://crm.example.com/hooks/leads", url);
        assert_ne!(moved, file);
        fs::write(folder.join("moved.toml"), moved).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadhook"));
        command.args(["check", "moved.toml"]).current_dir(&folder);
        let output = command.env("LEADHOOK_URL", "https://leads.example.com").output().expect("it runs");
        (output.status.code(), text(&output.stderr))
    };
    for (url, reason) in [
        ("https://172.16.0.1/hooks", "must be on the public internet"),
        ("https://leads.example.com/hooks", "must not lead back to Leadhook"),
    ] {
        let (code, told) = checked(url);
        assert_eq!(code, Some(1));
        assert!(told.starts_with(&format!("moved.toml: destination[0].url: {reason}")), "{told}");
    }
    assert_eq!(checked("https://sales.example.com/hooks"), (Some(0), String::new()));
}

#[test]
fn new_writes_a_campaign_that_passes_the_check_and_overwrites_nothing() {
    let folder = folder("new");
    assert!(leadhook(&folder, &["new", "autumn-fair"]).status.success());
    let checked = leadhook(&folder, &["check", "autumn-fair.toml"]);
    assert_eq!(text(&checked.stdout), "autumn-fair.toml: ok, campaign autumn-fair\n");
    assert!(!leadhook(&folder, &["new", "autumn-fair"]).status.success());
    assert!(!leadhook(&folder, &["new", "No Id"]).status.success());
}

#[test]
fn score_prints_what_the_webhook_of_the_same_lead_says() {
    let lead = json!({
        "email": "eva@acme.example", "name": "Eva", "company": "Acme", "role": "Management",
        "country": "SE", "company_size": "201+", "timeframe": "This month", "phone": "070-174 06 05",
    });
    let folder = folder("score");
    fs::write(folder.join("lead.json"), lead.to_string()).expect("written");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEMO);
    let output = leadhook(&folder, &["score", &file.to_string_lossy(), "--lead", "lead.json"]);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");

    let mut world = World::new(1).expect("a world");
    world.set_settings(|settings| settings.development = true);
    world.publish(&campaign(DEMO)).expect("published");
    let mut post = lead;
    post["consent"] = json!({ "contact": true });
    let post = request(Method::Post, "/c/demo-request", "application/json", &post.to_string());
    assert_eq!(pollster::block_on(world.serve(&post)).response.status, 202);
    pollster::block_on(world.ring_alarms()).expect("alarms");
    let received = world.received();
    assert_eq!(received[0].body["data"]["score"], printed);
    assert_eq!(printed["stage"], "SQL");
    assert_eq!(text(&output.stderr), "forwarded to crm, sales\n");
}

#[test]
fn publish_to_cloudflare_refuses_addresses_for_development() {
    let output = leadhook(Path::new(env!("CARGO_MANIFEST_DIR")), &["publish", "--remote", DEMO]);
    assert_eq!(output.status.code(), Some(1));
    let reason = "destination[0].url: http to a loopback address is for development only";
    assert!(text(&output.stderr).contains(reason));
    assert!(text(&output.stderr).ends_with("Nothing was published.\n"));
}

#[test]
fn the_example_pages_show_the_wordings_and_fields_of_their_campaigns() {
    for id in ["newsletter", "spring-guide", "demo-request"] {
        let campaign = campaign(&format!("examples/campaigns/{id}.toml"));
        let page = fs::read_to_string(format!("examples/pages/{id}.html")).expect("a page");
        assert!(page.contains(&format!("action=\"/c/{id}\"")), "{id}");
        for field in &campaign.fields {
            assert!(page.contains(&format!("name=\"{}\"", field.name)), "{id}: {}", field.name);
        }
        for purpose in &campaign.purposes {
            let (name, version) = (&purpose.id, &purpose.version);
            assert!(page.contains(&format!("name=\"consent.{name}\" type=\"checkbox\" value=\"{version}\"")));
            assert!(page.contains(&purpose.wording.text), "{id}: the wording of {name}");
        }
    }
}

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The receiver, running.
struct Sink {
    child: Child,
    output: BufReader<ChildStdout>,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadhook"));
        command.args(["sink", "--port", "0"]).args(args).current_dir(folder).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the sink runs");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut sink = Self { child, output, port: 0 };
        let ready = sink.line();
        let port = ready.strip_prefix("Receiving webhooks on http://127.0.0.1:").expect("an address");
        sink.port = port.parse().expect("a port");
        sink
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// The status, and the whole answer with its head in lower case.
    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
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
    let mut sink = Sink::start("sink-mails", &[]);
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
    let mut sink = Sink::start("sink-token", &["--fail", "1"]);
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

#[test]
fn the_sink_prints_every_kind_of_event() {
    let mut sink = Sink::start("sink-events", &[]);
    let events = [
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
    ];
    for (number, (event, lines)) in events.into_iter().enumerate() {
        assert_eq!(sink.webhook(&format!("msg_{number}"), &event), 204);
        let printed: Vec<_> = lines.iter().map(|_| sink.line()).collect();
        assert_eq!(printed, lines);
    }
    assert_eq!(sink.webhook("msg_3", &json!({})), 204);
    assert_eq!(sink.line(), "/crm: msg_3 again, already received");
}
