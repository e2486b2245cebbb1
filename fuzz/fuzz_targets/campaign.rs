#![no_main]
//! The campaign's file, as a marketer writes it and as it lies in KV.

use leadhook::campaign::Campaign;
use leadhook::reply::Reply;
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
            let criteria = Reply::acceptance_criteria(&campaign, "token", None);
            assert!(serde_json::from_slice::<Value>(&criteria.body).is_ok());
            assert_eq!(Reply::thanks(&campaign).status, 200);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.reason.is_empty()));
        }
    }
}
