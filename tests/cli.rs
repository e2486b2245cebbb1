//! The command line, run as a marketer runs it.
#![cfg(feature = "cli")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use leadhook::campaign::Campaign;
use leadhook::memory::{World, request};
use leadhook::request::Method;
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
         language, time_zone, unknown_fields",
        "bad.toml: id: is required: 1 to 64 lower-case letters, digits and hyphens",
        "bad.toml: score[0].points: invalid type: string \"ten\", expected i64",
        "bad.toml: destination[0].url: must be https",
        "bad.toml: destination[0].secret: must not begin with LEADHOOK_",
        "bad.toml: score[0].when.field: is not the name of a field",
        "bad.toml: destination[0].needs: \"news\" is not the id of a purpose",
    ];
    assert_eq!(text(&output.stderr).lines().collect::<Vec<_>>(), expected);
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
    assert_eq!(pollster::block_on(world.answer(&post)).reply.status, 202);
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
