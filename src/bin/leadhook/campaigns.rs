//! `check`, `new` and `score`.

use std::fs;
use std::path::Path;

use leadhook::campaign::Campaign;
use leadhook::intake::{self, decode};
use leadhook::lead::Lead;
use leadhook::qualify::{self, Decision};
use serde_json::Value;

use super::client::url_of_environment;
use super::terminal::{json_text, line, note, say};

/// What `new` starts from.
const TEMPLATE: &str = include_str!("template.toml");

/// Reads and checks one campaign file. The error names the file with each problem.
pub fn read(file: &Path) -> Result<Campaign, String> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    let value = serde_json::to_value(table).map_err(|error| format!("{name}: {error}"))?;
    let accepted = Campaign::accept(&value).and_then(|campaign| {
        // The Worker knows where it answers, and judges again; this is to say so in time.
        let refused = campaign.refused_destinations(url_of_environment().as_deref(), true);
        if refused.is_empty() { Ok(campaign) } else { Err(refused) }
    });
    accepted.map_err(|problems| {
        problems.iter().map(|problem| line(&format!("{name}: {problem}"))).collect::<Vec<_>>().join("\n")
    })
}

pub fn check(files: &[impl AsRef<Path>], json: bool) -> Result<(), String> {
    let mut problems = Vec::new();
    for file in files {
        let file = file.as_ref();
        match read(file) {
            Ok(campaign) if json => say!("{}", json_text(&campaign.canonical)),
            Ok(campaign) => {
                for warning in campaign.development_only() {
                    say!("{}: warning: {warning}", file.display());
                }
                say!("{}: ok, campaign {}", file.display(), campaign.id);
            }
            Err(reason) => problems.push(reason),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

pub fn new(id: &str) -> Result<(), String> {
    let file = format!("{id}.toml");
    let text = TEMPLATE.replace("my-campaign", id);
    let table: toml::Table = toml::from_str(&text).map_err(|error| error.to_string())?;
    let value = serde_json::to_value(table).map_err(|error| error.to_string())?;
    if let Err(problems) = Campaign::accept(&value) {
        return Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    let written =
        fs::File::create_new(&file).and_then(|mut out| std::io::Write::write_all(&mut out, text.as_bytes()));
    written.map_err(|error| format!("{file}: {error}"))?;
    say!("{file} is written. Change it, then run: leadhook check {file}");
    Ok(())
}

/// The score goes to standard output, the decision to standard error.
pub fn score(file: &Path, lead: &Path) -> Result<(), String> {
    let campaign = read(file)?;
    let name = lead.display();
    let text = fs::read_to_string(lead).map_err(|error| format!("{name}: {error}"))?;
    let mut submission: Value = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    // A score does not depend on consent, so a lead without any can be tried out.
    if let Some(fields) = submission.as_object_mut() {
        let consent = fields.entry("consent").or_insert_with(|| Value::Object(serde_json::Map::new()));
        for purpose in campaign.purposes.iter().filter(|purpose| purpose.required) {
            if let Some(consent) = consent.as_object_mut() {
                consent.entry(purpose.id.clone()).or_insert(Value::Bool(true));
            }
        }
    }
    let fields = decode::decode(Some("application/json"), submission.to_string().as_bytes())
        .map_err(|undecodable| format!("{name}: {undecodable:?}"))?;
    let submission = intake::accept(fields, &campaign).map_err(|rejection| {
        let told =
            |problem: &intake::FieldProblem| line(&format!("{name}: {}: {}", problem.field, problem.detail));
        rejection.problems.iter().map(told).collect::<Vec<_>>().join("\n")
    })?;
    let lead = Lead::new(submission, &campaign, 0);
    let score = qualify::score(&campaign, &lead);
    say!("{}", json_text(&serde_json::to_string_pretty(&score).map_err(|error| error.to_string())?));
    match qualify::decide(&campaign, &lead, &score) {
        Decision::Forward(to) => {
            let names: Vec<_> = to.iter().map(|destination| destination.name.as_str()).collect();
            note!("forwarded to {}", names.join(", "));
        }
        Decision::Hold(because) => note!("held: {}", line(because)),
    }
    Ok(())
}
