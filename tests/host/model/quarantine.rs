//! Quarantined submissions are released or discarded, as the model predicts.

use std::collections::BTreeSet;

use leadhook::app::ports::Ports as _;
use leadhook::base::crypto::base64;
use leadhook::base::keyring::Keyring;
use leadhook::contact::Email;
use leadhook::http::request::Method;
use leadhook::pipeline::lead::{Identifier, list_tag};
use leadhook::testing::world::{KvMode, LedgerMode, request};
use serde_json::{Value, json};

use super::people::{Quarantined, Row};
use super::posts::{CAMPAIGNS, Post};
use super::{Run, mails_of};

/// The end of a campaign's title in every second variant: terms have it, and no submission's id depends on it.
pub const RETITLED: &str = " anew";

impl Run {
    /// Follows retention: rows end with a sweep, and not to the hour.
    pub fn forget_what_has_ended(&mut self) {
        let (site, now) = (&self.site, self.site.now_ms());
        let is_there = |prefix: &str, ledger: &str, id: &str| {
            let sql = format!("SELECT 1 FROM submission WHERE lead_id = '{prefix}_{id}'");
            !site.rows(ledger, &sql).is_empty()
        };
        self.people.forget_suppressed(now, |ledger, id| is_there("suppressed", ledger, id));
        self.people.forget_quarantined(now, |ledger, id| is_there("quarantine", ledger, id));
        self.people.forget_requests(now, |ledger, lead_id, id| {
            let sql =
                format!("SELECT 1 FROM submission WHERE lead_id = '{lead_id}' AND submission_id = '{id}'");
            !site.rows(ledger, &sql).is_empty()
        });
    }

    /// Notes a quarantined submission with the title that was shown.
    pub fn quarantine(&mut self, post: &Post, row: &Row, ledger: &str) {
        if row.state == "quarantined" {
            let sql = format!(
                "SELECT r.stored FROM submission s JOIN revision r
                   ON r.revision = json_extract(s.quarantine, '$.revision')
                 WHERE s.lead_id = '{}'",
                row.lead_id
            );
            let stored = self.site.rows(ledger, &sql);
            let is_retitled = stored[0][0].as_str().is_some_and(|stored| stored.contains(RETITLED));
            self.people.quarantine(post, self.site.now_ms(), is_retitled);
        }
    }

    /// An operator lets some in or throws them away, one by one or a whole campaign's; now and then
    /// the answer is lost, or no key opens them.
    pub fn decide_on_quarantined(&mut self) {
        // An empty one knows no campaign: the order is answered 404, and nothing is done.
        if self.kv == KvMode::Empty {
            self.kv = KvMode::Failing;
        }
        self.calm_kv();
        self.forget_what_has_ended();
        let campaign = self.dice.one_in(2).then(|| self.dice.roll(CAMPAIGNS.len() as u64));
        let campaign = campaign.and_then(|at| usize::try_from(at).ok());
        let mut chosen = self.people.waiting(campaign);
        if campaign.is_none() {
            chosen.retain(|_| self.dice.one_in(3));
        }
        let ids: Vec<_> = chosen.iter().map(|(id, _)| id.clone()).collect();
        let order = match campaign {
            Some(campaign) => json!({ "campaign": CAMPAIGNS[campaign].0 }),
            None if ids.is_empty() => return,
            None => json!({ "submission_ids": ids }),
        };
        self.look_at(&ids);
        if let Some((_, quarantined)) = chosen.first() {
            self.change_meanwhile(&quarantined.post);
        }
        let is_release = !self.dice.one_in(3);
        let (what, done) = if is_release { ("release", "released") } else { ("discard", "discarded") };
        self.note(format!("{what} {order}: {ids:?}"));
        let path = format!("quarantine/{what}");
        if is_release && self.dice.one_in(5) {
            self.without_keys(|run| {
                let left = texts(&run.operate(&path, &order)["not_possible"]);
                assert_eq!(left, ids.iter().cloned().collect(), "no key opens them");
            });
            return;
        }
        let (mails, before) = (mails_of(&self.site), self.rows_of(&ids));
        let is_lost = self.dice.one_in(5);
        if is_lost {
            self.order_without_answer(&path, &order);
        }
        let report = self.operate(&path, &order);
        let acted: BTreeSet<_> = texts(&report[done]);
        // What a ledger did without an answer it does not do again.
        assert!(
            acted.is_subset(&ids.iter().cloned().collect()) && (is_lost || acted.len() == ids.len()),
            "{report}"
        );
        let named = ids.iter().map(String::as_str).chain(["sub_x"]).collect::<Vec<_>>();
        let again = self.operate(&path, &json!({ "submission_ids": named }));
        assert_eq!(again[done], json!([]), "once");
        if !is_release {
            let kv_forgets = self.kv_forgets() && !is_lost;
            chosen.iter().for_each(|(_, quarantined)| self.people.discard(&quarantined.post, kv_forgets));
            return;
        }
        let asked = mails_of(&self.site).difference(&mails).cloned().collect();
        self.learn_released(&chosen, &before, asked);
    }

    fn order_without_answer(&self, path: &str, order: &Value) {
        let (path, order) = (format!("/admin/api/{path}"), order.to_string());
        let post = request(Method::Post, &path, "application/json", &order);
        let status = self.site.with_ledger(LedgerMode::LosesAnswers, || self.site.send(&post).status);
        assert_ne!(status, 200, "the answer was lost");
    }

    /// Learns the rows of those that were released, and the mails about them.
    fn learn_released(
        &mut self,
        chosen: &[(String, Quarantined)],
        before: &BTreeSet<(String, String)>,
        mut asked: BTreeSet<(String, String)>,
    ) {
        for (id, quarantined) in chosen {
            let row = self.released(id, quarantined, before);
            let now = self.site.now_ms();
            let expected = self.people.expected(&quarantined.post, now);
            self.people.release(quarantined, &expected, &row, now);
            let of_row: Vec<_> =
                asked.iter().filter(|(_, lead_id)| *lead_id == row.lead_id).cloned().collect();
            assert!(of_row.is_empty() || row.state == "unconfirmed", "a mail about what asks nobody");
            for mail in of_row {
                self.people.mail(&quarantined.post, &mail.1, now);
                asked.remove(&mail);
            }
        }
        assert!(asked.is_empty(), "a mail about nothing that was released: {asked:?}");
    }

    /// Its campaign is published anew, or its person wants nothing more.
    fn change_meanwhile(&mut self, post: &Post) {
        if self.dice.one_in(3) {
            let variant = self.dice.roll(32);
            self.note(format!("publish campaign {} as variant {variant}", post.campaign));
            self.site.republish(&super::file(post.campaign, variant));
            self.read_campaigns();
        }
        if let Some(email) = post.email().filter(|_| self.dice.one_in(4)) {
            let ledger = post.ledger();
            self.note(format!("{email} is put on suppressed of {ledger}"));
            let identifier = Identifier::Email(Email::parse(email).expect("an address"));
            let keys = self.site.settings().lists.as_ref().expect("list keys");
            let tag = list_tag(keys, ledger, &identifier);
            self.operate(&format!("lists/suppressed?ledger={ledger}"), &json!({ "add": [tag] }));
            self.people.list(ledger, "suppressed", email, true);
        }
    }

    /// Checks that the list has all that waits, and says nothing of anybody.
    fn look_at(&self, ids: &[String]) {
        let listed = self.site.admin(Method::Get, "quarantine");
        let listed = listed["submissions"].as_array().expect("submissions");
        assert!(!json!(listed).to_string().to_lowercase().contains(super::posts::MARK));
        let all: BTreeSet<_> =
            listed.iter().filter_map(|one| one["submission_id"].as_str().map(str::to_owned)).collect();
        let waiting = self.people.waiting(None).into_iter().map(|(id, _)| id).collect();
        assert_eq!(all, waiting, "what is listed is what waits");
        if let Some(id) = ids.first() {
            let shown = self.site.admin(Method::Get, &format!("quarantine/{id}"));
            assert!(shown["contact"].to_string().len() > 2, "whoever decides sees whom: {shown}");
        }
    }

    /// With sealing keys that none of the rows is under.
    fn without_keys(&mut self, act: impl FnOnce(&Self)) {
        let other = Keyring::parse(&format!("z1:{}", base64(&[250; 32]))).expect("a ring");
        self.site.set_settings(|settings| settings.sealing = other);
        act(self);
        self.set_keys();
        self.read_campaigns();
    }

    /// The leads under which these submissions have rows.
    fn rows_of(&self, ids: &[String]) -> BTreeSet<(String, String)> {
        let ids = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
        let sql = format!("SELECT submission_id, lead_id FROM submission WHERE submission_id IN ({ids})");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = super::checks::LEDGERS.iter().flat_map(|ledger| self.site.rows(ledger, &sql));
        all.map(|row| (text(&row[0]), text(&row[1]))).collect()
    }

    /// The one row that a released submission has now, judged by what was shown.
    fn released(&self, id: &str, quarantined: &Quarantined, before: &BTreeSet<(String, String)>) -> Row {
        let ledger = CAMPAIGNS[quarantined.post.campaign].1;
        let sql = format!(
            "SELECT s.lead_id, s.state, s.act IS NOT NULL OR s.stands_by IS NOT NULL,
               (SELECT t.terms FROM terms t WHERE t.digest = coalesce(
                 (SELECT c.value ->> 2 FROM json_each(s.act, '$.consents') c WHERE c.value ->> 0 = 'newsletter'),
                 (SELECT p.value ->> '$.by.terms' FROM lead l JOIN standing n ON n.lead = l.number
                    AND n.subject = s.subjects ->> 0, json_each(n.consents) p
                  WHERE l.lead_id = s.lead_id AND p.value ->> 'purpose' = 'newsletter')))
             FROM submission s WHERE s.submission_id = '{id}'"
        );
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut rows = self.site.rows(ledger, &sql);
        rows.retain(|row| !before.contains(&(id.to_owned(), text(&row[0]))));
        assert_eq!(rows.len(), 1, "what is released has one row: {rows:?}");
        let is_act = rows[0][2] == json!(1);
        assert!(
            !is_act || text(&rows[0][3]).contains(RETITLED) == quarantined.is_retitled,
            "judged by what was shown: {rows:?}"
        );
        Row { lead_id: text(&rows[0][0]), submission_id: id.to_owned(), state: text(&rows[0][1]), is_act }
    }
}

fn texts(list: &Value) -> BTreeSet<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| one.as_str().map(str::to_owned)).collect()
}
