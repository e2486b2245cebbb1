//! Findings of the doctor in words: the meaning of each, and what to do about it.

use serde_json::{Value, json};

/// A kind of finding.
struct Finding {
    code: &'static str,
    /// False for what is merely worth knowing.
    is_wrong: bool,
    meaning: &'static str,
    advice: &'static str,
}

const fn problem(code: &'static str, meaning: &'static str, advice: &'static str) -> Finding {
    Finding { code, is_wrong: true, meaning, advice }
}

const fn remark(code: &'static str, meaning: &'static str, advice: &'static str) -> Finding {
    Finding { code, is_wrong: false, meaning, advice }
}

/// A finding of newer code in a ledger.
const UNKNOWN: Finding =
    problem("", "The ledger found a problem that this version cannot describe", "Deploy the newest version.");

const FINDINGS: &[Finding] = &[
    problem(
        "counters_differ",
        "The ledger's counters do not match its rows",
        "Compare both with what receivers have got before you rely on either, and report it as a bug.",
    ),
    problem(
        "counter_negative",
        "A counter is below zero",
        "Something was subtracted twice. Report it as a bug.",
    ),
    problem(
        "state_unknown",
        "A submission has a state that this version does not know",
        "Deploy the newest version again.",
    ),
    problem(
        "no_delivery",
        "A submission is pending, but none of its deliveries is",
        "It will never be sent. Report it as a bug.",
    ),
    problem(
        "state_behind",
        "A submission's state does not match its deliveries",
        "Sending follows the deliveries, and the counters follow the state. Report it as a bug.",
    ),
    problem(
        "no_submission",
        "A delivery is pending, but its submission is gone",
        "It cannot be sent and will become a dead letter. Report it as a bug.",
    ),
    problem(
        "payload_missing",
        "A submission is pending, but its payload is gone",
        "It cannot be sent. Restore the ledger to an earlier point in time, or ask the person again.",
    ),
    problem(
        "payload_left",
        "A submission is finished, but its payload is still stored",
        "It should have been erased. Report it as a bug.",
    ),
    remark(
        "newer",
        "Rows were written by a newer version; they are left alone",
        "Deploy the newest version; they wait until then.",
    ),
    problem(
        "overdue",
        "A delivery is overdue by more than 15 minutes",
        "Check whether the receiver is slow. If it is not, the alarm was lost: check that the cron trigger exists, \
         which wakes every ledger.",
    ),
    problem(
        "due_too_late",
        "A delivery is due later than the longest wait allows",
        "A clock was wrong when it was written. The ledger corrects it when it restarts: deploy again.",
    ),
    problem(
        "dead_letters",
        "Deliveries were given up",
        "Fix the cause shown in `reason`, then replay them: POST /admin/api/deliveries/replay?campaign=…",
    ),
    problem(
        "destination_paused",
        "A destination returned 410 and is paused",
        "Once it accepts leads again, enable it: POST /admin/api/campaigns/…/destinations/…/enable",
    ),
    remark(
        "moving",
        "Leads arrived during the check, so counters and rows could not be compared exactly",
        "Run it again at a quieter time.",
    ),
    problem(
        "ledger_silent",
        "The ledger does not respond",
        "Check the Worker's log for faults, and run it again. Its submissions get 503 until it responds.",
    ),
    problem(
        "kv_down",
        "KV cannot be read",
        "Campaigns in the cache are still served; others get 503. Check the platform's status page.",
    ),
    problem(
        "campaign_unreadable",
        "A campaign in KV cannot be read",
        "Publish it again with `leadhook publish`.",
    ),
    problem(
        "campaign_newer",
        "A campaign in KV was published by a newer version",
        "Deploy that version of the Worker.",
    ),
    problem(
        "campaign_gone",
        "The ledger knows a campaign that is not in KV",
        "Its deliveries use the ledger's copy. Publish it again with `leadhook publish`.",
    ),
    remark(
        "campaign_older",
        "The ledger's copy of a campaign has another revision than KV's",
        "The next submission updates it.",
    ),
    problem(
        "secret_missing",
        "A destination's secret is not set, so nothing can be sent to it",
        "Upload it with `leadhook deploy --put`; pending deliveries are sent then.",
    ),
    problem(
        "turnstile_secret_missing",
        "Turnstile's secret is not set, so it is not asked about submissions",
        "Upload it with `leadhook deploy --put`. Submissions are accepted meanwhile.",
    ),
    problem(
        "turnstile_for_tests",
        "Turnstile's secret is one for tests, which is not used outside development",
        "Set the secret of your widget. Submissions are accepted meanwhile.",
    ),
    problem(
        "secret_unusable",
        "A destination's secret does not have the form whsec_…, so nothing can be signed",
        "Set the secret that the receiver has; pending deliveries are sent then.",
    ),
    problem(
        "secret_unbound",
        "A token is bound to no host, so nothing is sent with it",
        "If the host is your provider's, add NAME=host to LEADHOOK_SECRET_HOSTS; pending deliveries are sent then.",
    ),
    problem(
        "secret_elsewhere",
        "A token is bound to another host than the campaign names, so nothing is sent with it",
        "Correct the campaign, or add NAME=host to LEADHOOK_SECRET_HOSTS if the host is your provider's.",
    ),
    problem(
        "signing_secret_sent",
        "A campaign would send a secret that signs webhooks, so nothing is sent with it",
        "Give the provider's token its own name, upload it with `leadhook deploy --put`, and publish again.",
    ),
    problem(
        "sent_secret_signs",
        "A webhook is signed with a secret that is bound to a host or sent elsewhere as a token",
        "Give the webhook its own secret, whsec_…; the name of a secret that only signs does not belong in \
         LEADHOOK_SECRET_HOSTS.",
    ),
    remark(
        "controller_other",
        "A campaign still names the former controller of its ledger; it is served all the same",
        "Its next publication needs the new name, a new privacy_notice_version and new versions of all purposes.",
    ),
    remark(
        "development",
        "LEADHOOK_ENV is dev: loopback addresses are allowed, and retries follow within seconds",
        "Remove it in production.",
    ),
    remark(
        "signing_keys_missing",
        "LEADHOOK_SIGNING_KEYS is not set: there are no signed receipts",
        "Create one with `leadhook keys make`, and upload it with `leadhook deploy --put`.",
    ),
    remark(
        "list_keys_missing",
        "LEADHOOK_LIST_KEYS is not set: there are no lists, so nobody can be suppressed",
        "Create one with `leadhook keys make`, and upload it with `leadhook deploy --put`.",
    ),
    remark(
        "public_url_missing",
        "LEADHOOK_PUBLIC_URL is not set: receipts and events carry no links",
        "Set it to the public address of the Worker.",
    ),
    problem(
        "public_url_wrong",
        "LEADHOOK_PUBLIC_URL is not an address that links can be built from, and counts as not set",
        "Set it to the public address of the Worker, such as https://leads.example.com.",
    ),
    problem(
        "admin_host_wrong",
        "LEADHOOK_ADMIN_HOST is not a host, or is that of LEADHOOK_PUBLIC_URL, and counts as not set",
        "Set it to a host, with its port if it has one, such as admin.example.com; until then the dashboard is at every \
         host.",
    ),
    problem(
        "secret_hosts_wrong",
        "LEADHOOK_SECRET_HOSTS cannot be read: no token is bound to a host, so none is sent",
        "Set it to names and hosts without https://, port and path, such as MAIL_API_TOKEN=api.postmarkapp.com; pending \
         deliveries are sent then.",
    ),
    problem(
        "public_url_needed",
        "A campaign uses double opt-in, but LEADHOOK_PUBLIC_URL, which its links need, is not set",
        "Set it to the public address of the Worker; pending mails are sent then.",
    ),
];

/// Findings as the response has them.
#[derive(Default)]
pub struct Findings(Vec<Value>);

impl Findings {
    /// Adds a finding about one thing.
    pub fn add(&mut self, code: &str, about: &str) {
        self.add_counted(code, about, 1, &Value::Null);
    }

    /// Adds a finding that was made so many times, with an example.
    pub fn add_counted(&mut self, code: &str, about: &str, count: i64, example: &Value) {
        let known = FINDINGS.iter().find(|finding| finding.code == code);
        let Finding { is_wrong, meaning, advice, .. } = known.unwrap_or(&UNKNOWN);
        self.0.push(json!({
            "problem": code, "is_wrong": is_wrong, "about": about, "count": count, "example": example,
            "says": meaning, "advice": advice,
        }));
    }

    /// Returns the findings as JSON.
    pub fn into_json(self) -> Value {
        Value::Array(self.0)
    }
}
