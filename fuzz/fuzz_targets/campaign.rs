#![no_main]
//! The campaign's file, as a marketer writes it and as it lies in KV.

use leadhook::base::header::header_lines;
use leadhook::campaign::Campaign;
use leadhook::http::hosted_form::HostedForm;
use leadhook::http::reader::Reader;
use leadhook::http::request::Method;
use leadhook::http::response::Response;
use leadhook::testing::world::request;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    if let Ok(file) = toml::from_str::<Value>(text) {
        accepted(&file);
    }
    if let Ok(file) = serde_json::from_str::<Value>(text) {
        accepted(&file);
    }
    if let Ok(campaign) = Campaign::from_stored(text) {
        shown(&campaign, text);
        assert_eq!(Campaign::from_stored(&campaign.to_stored()).expect("again").revision, campaign.revision);
    }
});

fn accepted(file: &Value) {
    match Campaign::accept(file) {
        Ok(campaign) => {
            let canonical: Value = serde_json::from_str(&campaign.canonical).expect("canonical JSON");
            let again = Campaign::accept(&canonical).expect("what is canonical is accepted");
            assert_eq!((&again.canonical, &again.revision), (&campaign.canonical, &campaign.revision));
            let stored = Campaign::from_stored(&campaign.to_stored()).expect("what is stored is served");
            assert_eq!(stored.revision, campaign.revision);
            assert!(!campaign.fields.is_empty() && campaign.first_contact_field().is_some());
            let _ = campaign.development_only();
            shown(&campaign, &file.to_string());
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.reason.is_empty()));
        }
    }
}

/// Renders the pages that a visitor sees.
fn shown(campaign: &Campaign, query: &str) {
    let asked = request(Method::Get, "/", "", "");
    let reader = Reader::new(campaign, &asked);
    let [before, behind] = Response::acceptance_criteria(&reader, None);
    let criteria: Value = serde_json::from_str(&format!("{before}token{behind}")).expect("criteria");
    assert_eq!(criteria["token"]["value"], "token");
    let shown = HostedForm { token: "token", query, public_url: None };
    for page in [reader.form(&shown), reader.thanks(Some("token"))] {
        assert_eq!(page.status, 200);
        // Each directive stands once: no address has begun another.
        let policy = page.header("content-security-policy").expect("a policy");
        let mut names: Vec<_> = policy.split("; ").map(|part| part.split(' ').next()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert!(names.len() == count && !policy.replace("; ", "").contains([';', ',', '*']), "{policy}");
        assert!(std::str::from_utf8(&page.body).is_ok());
        assert!(header_lines(&page.headers).is_some());
    }
    let accepted = Response::accepted("sub_1", campaign, true, None, None, None);
    assert!(header_lines(&accepted.headers).is_some());
    let given = campaign.magnet.as_ref().map(Response::magnet);
    assert!(given.is_none_or(|given| header_lines(&given.headers).is_some()));
}
