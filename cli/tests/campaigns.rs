//! The commands of a marketer: `new`, `check`, `score`, `publish`; and the example pages.

use std::fs;
use std::path::Path;

use leadhook::campaign::Campaign;
use leadhook::http::request::Method;
use leadhook::testing::world::{World, request};
use serde_json::{Value, json};

use super::{command, folder, leadhook, text};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const DEMO: &str = "examples/campaigns/demo-request.toml";

fn campaign(file: &str) -> Campaign {
    let table: toml::Table =
        toml::from_str(&fs::read_to_string(Path::new(ROOT).join(file)).expect("a file")).expect("TOML");
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
    let folder = folder("line-breaks");
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
        let mut command = command(&folder, &["check", "moved.toml"]);
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
    let file = Path::new(ROOT).join(DEMO);
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
fn the_example_pages_show_the_wordings_and_fields_of_their_campaigns() {
    for id in ["newsletter", "spring-guide", "demo-request"] {
        let campaign = campaign(&format!("examples/campaigns/{id}.toml"));
        let page = fs::read_to_string(format!("{ROOT}/examples/pages/{id}.html")).expect("a page");
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
