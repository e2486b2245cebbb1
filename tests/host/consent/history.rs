//! The consent history: a chain of acts, in which an edit and a gap show.

use leadhook::app::ports::Ports as _;
use leadhook::base::sealing::Sealer;
use serde_json::json;

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const BOTH: &str = "email=ann%40example.com&consent.newsletter=2026-11&consent.call=2";

#[test]
fn the_history_holds_every_act_in_its_order() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other" }))]);
    site.deliver("guide", ANN);
    site.pass(MINUTE);
    site.deliver("guide", BOTH);
    site.pass(MINUTE);
    site.deliver("other", ANN);
    site.pass(MINUTE);
    site.click(&site.withdraw_url("newsletter"));
    site.pass(MINUTE);
    site.deliver("guide", &format!("{BOTH}&name=Ann"));
    assert_eq!(
        site.history_of("ann@example.com"),
        [
            "newsletter=given call=refused valid",
            "newsletter=given call=given valid",
            "newsletter=given call=refused valid",
            "newsletter=withdrawn valid",
            "newsletter=given call=given valid",
        ]
    );
    let lead = site.lead_of("ann@example.com");
    let campaigns: Vec<_> =
        lead["history"].as_array().expect("acts").iter().map(|one| one["act"]["campaign"].clone()).collect();
    assert_eq!(campaigns, ["guide", "guide", "other", "other", "guide"]);
    let now: Vec<_> =
        lead["consents"].as_array().expect("consents").iter().map(|c| c["state"].clone()).collect();
    assert_eq!(now, ["given", "given"]);
}

#[test]
fn a_history_that_somebody_edited_says_so() {
    let edited = |sql: &dyn Fn(&Site) -> String| {
        let site = Site::new(&[guide()]);
        for post in [ANN, BOTH] {
            site.deliver("guide", post);
            site.pass(MINUTE);
        }
        site.click(&site.withdrawal_of("ann@example.com", "call"));
        site.execute(LEDGER, &sql(&site));
        let lead = site.lead_of("ann@example.com");
        let verdicts: Vec<_> =
            lead["history"].as_array().expect("acts").iter().map(|one| one["verdict"].clone()).collect();
        verdicts
    };
    let second = "seq = 2";
    assert_eq!(edited(&|_| "SELECT 1".to_owned()), ["valid", "valid", "valid"]);
    let flipped = format!("UPDATE act SET act = replace(act, 'given', 'refused') WHERE {second}");
    assert_eq!(edited(&|_| flipped.clone()), ["valid", "changed", "valid"]);
    let later = format!("UPDATE act SET act = json_set(act, '$.at_ms', 1) WHERE {second}");
    assert_eq!(edited(&|_| later.clone()), ["valid", "changed", "valid"]);
    let gone = format!("DELETE FROM act WHERE {second}");
    assert_eq!(edited(&|_| gone.clone()), ["valid", "changed"]);
    let resealed = |site: &Site| {
        let lead_id = &site.rows(LEDGER, "SELECT lead_id FROM act")[0][0];
        let lead_id = lead_id.as_str().expect("a text");
        let sealed = site.sealed(LEDGER, &format!("SELECT personal FROM act WHERE {second}"));
        let sealed = sealed[0].as_ref().expect("bytes");
        let place = format!("act/{lead_id}/2");
        let sealer = Sealer::new(&site.settings().sealing, LEDGER);
        let text = String::from_utf8(sealer.open(sealed, &place).expect("opened")).expect("UTF-8");
        let text = text.replace("2026-11", "2026-10");
        let sealed = sealer.seal_text(text.as_bytes(), &place, [7; 12]).expect("sealed");
        format!("UPDATE act SET personal = '{sealed}' WHERE {second}")
    };
    assert_eq!(edited(&resealed), ["valid", "changed", "valid"]);
}
