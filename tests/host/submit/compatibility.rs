//! What browsers, frameworks, mail programs and hasty hands do every day, and what becomes of it.
#![cfg(feature = "host")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::*;
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::testing::world::{PUBLIC_URL, START_MS, request};
use serde_json::{Value, json};

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const HOUR: i64 = 3_600_000;

fn asking_for_html(path: &str) -> RawRequest {
    let accept = Some("text/html,application/xhtml+xml,*/*;q=0.8".to_owned());
    RawRequest { accept, ..request(Method::Get, path, "", "") }
}

fn leads_to(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.header("location"))
}

/// A campaign that asks for several things.
fn several() -> Value {
    guide_with(json!({
        "field": [
            { "name": "email", "kind": "email", "required": true },
            { "name": "interests", "kind": "choice", "several": true, "choices": ["Garden", "House", "Boat"],
              "label": "What do you like?", "help": "As many as apply." },
            { "name": "starts", "kind": "date", "label": "When?" },
            { "name": "company", "kind": "text", "autocomplete": "organization", "placeholder": "Example AB" },
            { "name": "colleague", "kind": "email" },
        ],
        "score": [
            { "rule": "gardener", "points": 10, "when": { "field": "interests", "is": "Garden" } },
            { "rule": "at home", "points": 20, "when": { "field": "interests", "is_one_of": ["House", "Boat"] } },
            { "rule": "no sailor", "points": 5, "when": { "field": "interests", "is_none_of": ["Boat"] } },
            { "rule": "new year", "points": 1, "when": { "field": "starts", "is": "2027-01-01" } },
        ],
    }))
}

#[test]
fn several_choices_are_a_list_wherever_they_go() {
    let site = Site::new(&[several()]);
    site.deliver(
        "guide",
        &format!("{ANN}&interests[]=&interests[]=House&interests[]=Garden&starts=2027-01-01"),
    );
    let data = &site.received()[0].body["data"];
    assert_eq!(data["answers"], json!({ "interests": ["Garden", "House"], "starts": "2027-01-01" }));
    let rules: Vec<_> =
        data["score"]["reasons"].as_array().expect("reasons").iter().map(|r| &r["rule"]).collect();
    assert_eq!(rules, ["gardener", "at home", "no sailor", "new year"]);

    let sent =
        json!({ "email": "bob@example.com", "consent": { "newsletter": true }, "interests": ["Boat"] });
    let json = site.send(&request(Method::Post, "/c/guide", "application/json", &sent.to_string()));
    assert_eq!(json.status, 202, "{}", text(&json));
    site.ring();
    assert_eq!(site.received()[1].body["data"]["answers"], json!({ "interests": ["Boat"] }));
    assert_eq!(site.received()[1].body["data"]["score"]["total"], 20);

    let wrong = site.post("guide", &format!("{ANN}&interests=Garden&interests=Car&starts=tomorrow"));
    assert_eq!(problems(&wrong), ["interests not_a_choice", "starts invalid_date"]);
    let criteria = body(&site.send(&request(Method::Get, "/c/guide", "", "")));
    let fields = criteria["fields"].as_array().expect("fields");
    assert_eq!((&fields[1]["several"], &fields[1]["help"]), (&json!(true), &json!("As many as apply.")));
    assert_eq!((&fields[2]["kind"], &fields[2].get("several")), (&json!("date"), &None));
    assert_eq!(
        (&fields[3]["autocomplete"], &fields[3]["placeholder"]),
        (&json!("organization"), &json!("Example AB"))
    );
}

#[test]
fn the_hosted_form_asks_for_all_of_it() {
    let site = Site::new(&[several()]);
    let page = text(&site.send(&request(Method::Get, "/f/guide", "", "")));
    for part in [
        "<fieldset class=\"field\" aria-describedby=\"f-interests-help\"><legend><span dir=\"auto\">What do you like?",
        "<input id=\"f-interests-1\" name=\"interests\" type=\"checkbox\" value=\"House\">",
        "<p class=\"help\" id=\"f-interests-help\" dir=\"auto\">As many as apply.</p>",
        "<input id=\"f-starts\" name=\"starts\" type=\"date\">",
        "autocomplete=\"organization\" placeholder=\"Example AB\">",
        "<input id=\"f-email\" name=\"email\" type=\"email\" autocomplete=\"email\" required>",
        // Somebody else's.
        "<input id=\"f-colleague\" name=\"colleague\" type=\"email\" autocomplete=\"off\">",
        "<meta name=\"description\" content=\"The &lt;b&gt;guide&lt;/b&gt;\">",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[test]
fn a_browser_finds_the_form_however_its_address_is_written() {
    let site = Site::new(&[guide()]);
    for path in ["/f/Guide", "/f/guide/", "/f/guide.", "/f/GUIDE)%22", "/f/guide%E2%80%9D", "/f/guide,"] {
        assert_eq!(leads_to(&site.send(&asking_for_html(path))), (303, Some("/f/guide")), "{path}");
    }
    let told = asking_for_html("/f/Guide?utm_source=x&y=%26");
    assert_eq!(leads_to(&site.send(&told)), (303, Some("/f/guide?utm_source=x&y=%26")));
    let endpoint = site.send(&asking_for_html("/c/guide?utm_source=x"));
    assert_eq!(leads_to(&endpoint), (303, Some("/f/guide?utm_source=x")));
    assert_eq!(
        site.send(&request(Method::Get, "/c/guide", "", "")).status,
        200,
        "a program wants the criteria"
    );
    assert_eq!(site.send(&asking_for_html("/c/nothing")).status, 404);
    assert_eq!(site.send(&asking_for_html("/f/nothing")).status, 404);
    let text_alone =
        RawRequest { accept: Some("text/*".to_owned()), ..request(Method::Post, "/c/guide", FORM, ANN) };
    assert_eq!(leads_to(&site.send(&text_alone)), (303, Some("/c/guide/thanks")));
}

#[test]
fn a_link_works_with_what_programs_take_for_a_part_of_it() {
    let magnet = json!({ "title": "Guide", "url": "https://www.example.com/g.pdf" });
    let site = Site::new(&[guide_with(json!({ "magnet": magnet }))]);
    let posted = body(&site.post("guide", ANN));
    site.ring();
    let path = |url: &Value| url.as_str().expect("a link").strip_prefix(PUBLIC_URL).expect("ours").to_owned();
    let download = path(&posted["download"]["url"]);
    let withdraw = path(&site.received()[0].body["data"]["consent"][0]["withdraw_url"]);
    for tail in [".", ")", "%3E", ">", "%22", "'", ".%22", "%E2%80%9D", ",", ").", "%C2%BB", ";", "!", "*"] {
        for link in [&download, &withdraw, &format!("{withdraw}/receipt")] {
            let page = site.send(&request(Method::Get, &format!("{link}{tail}"), "", ""));
            assert_eq!(page.status, 200, "{link}{tail}");
        }
    }
    let given = site.send(&request(Method::Post, &format!("{download}."), FORM, ""));
    assert_eq!(leads_to(&given), (303, Some("https://www.example.com/g.pdf")));
    assert_eq!(site.send(&request(Method::Post, &format!("{withdraw})."), FORM, "")).status, 200);
    assert_eq!(site.send(&request(Method::Get, &format!("{download}x"), "", "")).status, 410);
}

#[test]
fn what_is_not_decoded_is_415() {
    let site = Site::new(&[guide()]);
    let packed = |coding: &str, path: &str, method| {
        let content_encoding = Some(coding.to_owned());
        site.send(&RawRequest { content_encoding, ..request(method, path, FORM, "\u{1f}\0\0") }).status
    };
    for coding in ["gzip", "br", "deflate", "zstd", "identity, gzip"] {
        assert_eq!(packed(coding, "/c/guide", Method::Post), 415, "{coding}");
        assert_eq!(packed(coding, "/admin/api/campaigns/guide", Method::Put), 415, "{coding}");
    }
    let plain = RawRequest {
        content_encoding: Some("identity".to_owned()),
        ..request(Method::Post, "/c/guide", FORM, ANN)
    };
    assert_eq!(site.send(&plain).status, 202);
    let part = "--b\r\nContent-Disposition: form-data; name=email\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--b--\r\n";
    let coded = request(Method::Post, "/c/guide", "multipart/form-data; boundary=b", part);
    assert_eq!(site.send(&coded).status, 415);
    let latin = request(Method::Post, "/c/guide", FORM, "_charset_=x-unknown&email=a");
    assert_eq!(site.send(&latin).status, 415);
}

#[test]
fn a_page_in_an_old_charset_says_so() {
    let site = Site::new(&[guide_with(json!({ "unknown_fields": "refuse" }))]);
    site.deliver("guide", &format!("{ANN}&_charset_=windows-1252&name=%C5sa+%93%96%94"));
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "name": "Åsa “–”" }));
    site.deliver("guide", "email=bob%40example.com&consent.newsletter=on&_charset_=UTF-8&name=%C3%85sa");
    assert_eq!(site.received()[1].body["data"]["answers"], json!({ "name": "Åsa" }));
}

#[test]
fn half_a_character_costs_no_lead() {
    let site = Site::new(&[guide()]);
    let sent = r#"{"email":"ann@example.com","consent":{"newsletter":true,"call":null},"name":"Ann \ud83d","utm_source":"a\udc4d","phone":null}"#;
    assert_eq!(site.send(&request(Method::Post, "/c/guide", "application/json", sent)).status, 202);
    site.ring();
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "name": "Ann \u{fffd}" }));
}

#[test]
fn a_source_is_nobody_by_a_part_of_a_word() {
    let site = Site::new(&[guide_with(json!({
        "field": [
            { "name": "email", "kind": "email" }, { "name": "name", "kind": "text" },
            { "name": "heard", "kind": "text" },
            { "name": "size", "kind": "choice", "choices": ["Partner", "51+"] },
        ],
        "score": [{ "rule": "r", "points": 1, "when": { "attribution": "utm_source", "is": "LinkedIn" } }],
    }))]);
    for (n, (form, counted)) in [
        ("email=ann%40example.org&utm_source=organic", "organic"),
        ("email=ann%40example.com&utm_source=community", "community"),
        ("email=ann%40example.com&utm_source=an", "an"),
        ("email=ann%40example.net&name=Bing+Crosby&utm_source=bing-ads", "other"),
        ("email=anna.berg%40example.net&utm_source=annaberg", "other"),
        ("email=a%40example.net&name=Anna+Berg&utm_source=from-anna-berg", "other"),
        ("email=a%40example.net&name=Annabella&utm_source=anna", "anna"),
        ("email=a%40example.net&heard=linkedin&utm_source=linkedin", "linkedin"),
        ("email=a%40example.net&size=Partner&utm_source=partner", "partner"),
        ("email=a%40gmail.com&utm_source=gmail", "gmail"),
        ("email=a%40firma.se&utm_source=firma", "other"),
    ]
    .into_iter()
    .enumerate()
    {
        let hour = START_MS + i64::try_from(n).expect("few") * HOUR;
        site.set_clock(hour);
        site.accept("guide", &format!("{form}&consent.newsletter=on"));
        let counter = site.rows("example-ab", &format!("SELECT source FROM counter WHERE hour = {hour}"));
        assert_eq!(counter, [[counted]], "{form}");
    }
}

#[test]
fn dates_on_pages_are_the_campaigns() {
    let magnet = json!({ "title": "Guide", "url": "https://www.example.com/g.pdf", "valid_days": 1 });
    for (zone, until, since) in [
        (json!("Europe/Stockholm"), "2026-11-24", "2026-11-23"),
        (json!("America/New_York"), "2026-11-23", "2026-11-22"),
        (Value::Null, "2026-11-24", "2026-11-22"),
    ] {
        let mut changes = json!({ "magnet": magnet });
        if zone.is_string() {
            changes["time_zone"] = zone.clone();
        }
        let site = Site::new(&[guide_with(changes)]);
        // In Stockholm half an hour past midnight.
        site.set_clock(START_MS - START_MS.rem_euclid(24 * HOUR) + 23 * HOUR + HOUR / 2 - HOUR);
        site.pass(HOUR);
        let posted = body(&site.post("guide", ANN));
        site.ring();
        let path =
            |url: &Value| url.as_str().expect("a link").strip_prefix(PUBLIC_URL).expect("ours").to_owned();
        let page = text(&site.send(&asking_for_html(&path(&posted["download"]["url"]))));
        assert!(page.contains(until), "{zone}: {until} is not in {page}");
        let withdraw = path(&site.received()[0].body["data"]["consent"][0]["withdraw_url"]);
        let page = text(&site.send(&asking_for_html(&format!("{withdraw}/receipt"))));
        assert!(page.contains(since), "{zone}: {since} is not in {page}");
    }
}

#[test]
fn a_day_of_the_dashboard_is_the_campaigns() {
    let site = Site::new(&[guide_with(json!({ "time_zone": "Europe/Stockholm" }))]);
    let posts = [
        // Two days of 25 and 24 hours: the clocks go back on 25 October at 01:00 UTC.
        "2026-10-24T21:30:00Z",
        "2026-10-24T22:30:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T22:30:00Z",
        "2026-10-25T23:30:00Z",
    ];
    for (n, at) in posts.into_iter().enumerate() {
        site.set_clock(leadhook::base::time::parse_rfc3339(at).expect("a time"));
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    let shown =
        site.admin(Method::Get, "overview?campaign=guide&from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z");
    assert_eq!((&shown["step"], &shown["time_zone"]), (&json!("day"), &json!("Europe/Stockholm")));
    let days: Vec<_> = shown["timeline"]
        .as_object()
        .expect("days")
        .iter()
        .map(|(day, counts)| (day.as_str(), &counts["accepted"]))
        .collect();
    assert_eq!(
        days,
        [
            ("2026-10-23T22:00:00Z", &json!(1)),
            ("2026-10-24T22:00:00Z", &json!(4)),
            ("2026-10-25T23:00:00Z", &json!(1)),
        ]
    );
    let all = site.admin(Method::Get, "overview?from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z");
    assert_eq!(
        (&all["time_zone"], &all["timeline"]["2026-10-24T00:00:00Z"]["accepted"]),
        (&json!("UTC"), &json!(2))
    );
}

#[test]
fn a_page_is_not_changed_on_its_way() {
    let site = Site::new(&[guide()]);
    for path in ["/f/guide", "/c/guide/thanks", "/f/nothing"] {
        let response = site.send(&asking_for_html(path));
        assert!(
            response.header("cache-control").is_some_and(|caching| caching.contains("no-transform")),
            "{path}"
        );
    }
}

#[test]
fn a_number_in_no_plan_is_a_sign_and_costs_no_lead() {
    let strict = json!([
        { "name": "email", "kind": "email", "required": true },
        { "name": "phone", "kind": "phone", "strict": true },
    ]);
    let site = Site::new(&[guide(), guide_with(json!({ "id": "strict", "field": strict, "score": null }))]);
    let form = format!("{ANN}&phone=%2B1+436+555+0100");
    site.deliver("guide", &form);
    let data = &site.received()[0].body["data"];
    assert_eq!(data["contact"]["phone"], "+14365550100");
    let signals: Vec<_> = data["signals"].as_array().expect("signals").iter().map(|s| &s["signal"]).collect();
    assert!(signals.contains(&&json!("phone_unlisted")), "{signals:?}");
    assert_eq!(problems(&site.post("strict", &form)), ["phone invalid_phone"]);
    assert_eq!(site.post("strict", &format!("{ANN}&phone=070-174+06+05")).status, 202);
}

#[test]
fn check_says_what_to_write_instead() {
    let told = |changes: Value| {
        let problems = leadhook::campaign::Campaign::accept(&guide_with(changes)).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let origin = |origin: &str| told(json!({ "origins": [origin] }));
    assert_eq!(
        origin("https://*.example.com"),
        ["origins[0]: no wildcard is read: list each origin, as in https://www.example.com"]
    );
    for written in [
        "https://www.example.com/",
        "www.example.com",
        "HTTPS://WWW.example.com:443",
        "http://www.example.com",
        "https://www.example.com/page?x",
    ] {
        assert_eq!(
            origin(written),
            ["origins[0]: must be an origin: write \"https://www.example.com\""],
            "{written}"
        );
    }
    assert_eq!(origin(" https://www.example.com\n"), [""; 0]);
    assert_eq!(told(json!({ "default_country": "UK" })), ["default_country: write \"GB\""]);
    assert_eq!(told(json!({ "default_country": "Sverige" })), ["default_country: write \"SE\""]);
    assert_eq!(
        told(json!({ "time_zone": "Europe/Stokholm" })),
        ["time_zone: must be a time zone of the IANA database, as in Europe/Stockholm"]
    );
    assert_eq!(
        told(json!({ "thanks_url": null, "time_zone": " Europe/Stockholm ", "language": "sv\n" })),
        [""; 0]
    );
    let purpose = |version: Value| {
        told(json!({ "purpose": [{ "id": "newsletter", "text": "Yes.", "version": version }] }))
    };
    assert_eq!(purpose(json!(5)), ["purpose[0].version: must be text in quotes: write \"5\""]);
    assert_eq!(
        purpose(json!("Yes")),
        ["purpose[0].version: must not be a word for yes or no: forms send these where they name no version"]
    );
    assert_eq!(purpose(json!(" 2026-11\n")), [""; 0]);
    let controller = json!([guide()["controller"]]);
    assert_eq!(told(json!({ "controller": controller }))[0], "controller: must be written as [controller]");
    let size = |choices: Value| {
        let field = json!([
            { "name": "email", "kind": "email", "required": true },
            { "name": "size", "kind": "choice", "choices": choices },
        ]);
        told(json!({ "field": field, "score": null }))
    };
    assert_eq!(size(json!(["a", "b", " a\u{200b}"])), ["field[1].choices[2]: stands twice"]);
    assert_eq!(size(json!("a, b")), ["field[1].choices: must be a list: write [\"a\",\"b\"]"]);
}

#[test]
fn check_refuses_a_condition_that_can_never_hold() {
    let email = json!({ "name": "email", "kind": "email" });
    let phone = json!({ "name": "phone", "kind": "phone" });
    let size = json!({ "name": "size", "kind": "choice", "choices": ["a", "b"], "required": true });
    let demo = json!({ "name": "demo", "kind": "boolean", "required": true });
    let told = |fields: Value, when: Value| {
        let score = json!([{ "rule": "r", "points": 1, "when": when }]);
        let file = guide_with(json!({ "field": fields, "score": score, "dedupe": null }));
        let problems = leadhook::campaign::Campaign::accept(&file).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (fields, when, reason) in [
        (
            json!([email]),
            json!({ "about": "country", "is": "SE" }),
            "score[0].when.about: can never be known: there is no field of kind country or phone",
        ),
        (
            json!([phone]),
            json!({ "about": "email_kind", "is": "free" }),
            "score[0].when.about: can never be known: there is no field of kind email",
        ),
        (
            json!([email]),
            json!({ "field": "email", "present": false }),
            "score[0].when.present: can never hold: it is always there",
        ),
        (
            json!([email, size]),
            json!({ "field": "size", "is_none_of": ["b", "a"] }),
            "score[0].when.is_none_of: can never hold: it names all that there is",
        ),
        (
            json!([email, demo]),
            json!({ "field": "demo", "is_none_of": [true, false] }),
            "score[0].when.is_none_of: can never hold: it names all that there is",
        ),
        (
            json!([email]),
            json!({ "about": "email_kind", "is_none_of": ["business", "free", "disposable"] }),
            "score[0].when.is_none_of: can never hold: it names all that there is",
        ),
        (
            json!([email, size]),
            json!({ "field": "size", "is": ["a"] }),
            "score[0].when.is: is a value that the subject can never have: must be one value; is_one_of takes a list of them",
        ),
    ] {
        assert_eq!(told(fields, when.clone()), [reason], "{when}");
    }
    for (fields, when) in [
        (json!([email, phone]), json!({ "field": "email", "present": false })),
        (json!([email, phone]), json!({ "about": "country", "is": "SE" })),
        (json!([email, size]), json!({ "field": "size", "is_none_of": ["b"] })),
    ] {
        assert_eq!(told(fields, when.clone()), [""; 0], "{when}");
    }
    for (written, meant) in [
        ("https://www.example.com", "https://www.example.com/"),
        ("https://www.example.com:443/x?y#z", "https://www.example.com/x"),
        ("https://www.example.com/köp", "https://www.example.com/k%C3%B6p"),
        ("https://www.example.com/a/../b c", "https://www.example.com/b%20c"),
        ("www.example.com/x", "https://www.example.com/x"),
    ] {
        let when = json!({ "attribution": "page_url", "is": written });
        let told = told(json!([email]), when);
        assert!(told[0].ends_with(&format!("can never have: write {meant:?}")), "{told:?}");
    }
}

#[test]
fn names_in_other_letters_are_read_where_none_is_exact() {
    let site = Site::new(&[guide_with(json!({ "unknown_fields": "refuse" }))]);
    site.deliver(
        "guide",
        "Email=ann%40example.com&Consent.Newsletter=on&UTM_Source=x&utm_source=y&Page_Url=https://a.example/b?c&name=&Name=Ann",
    );
    let data = &site.received()[0].body["data"];
    assert_eq!(data["attribution"], json!({ "utm_source": "y", "page_url": "https://a.example/b" }));
    assert_eq!(data["answers"], json!({ "name": "Ann" }));
    let sent = r#"{"EMAIL":"bob@example.com","Consent":{"Newsletter":1.0,"call":0.0}}"#;
    assert_eq!(site.send(&request(Method::Post, "/c/guide", "application/json", sent)).status, 202);
}

#[test]
fn a_text_that_is_far_too_long_is_not_composed() {
    let site = Site::new(&[guide()]);
    // To compose so many marks takes time by the square of their number.
    let marks = "%CC%81%CC%A3".repeat(1_500);
    let response = site.post("guide", &format!("{ANN}&name=a{marks}&size=a{marks}&utm_source=a{marks}"));
    assert_eq!(problems(&response), ["name too_long", "size not_a_choice"]);
    let blanks = "+".repeat(5_000);
    site.deliver("guide", &format!("{ANN}&name={blanks}Ann{blanks}"));
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "name": "Ann" }));
}

#[test]
fn a_path_is_decoded_before_it_is_cut() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "guide-two" }))]);
    for (path, to) in [
        ("/f/guide%2Dtwo", "/f/guide-two"),
        ("/f/%67uide", "/f/guide"),
        ("/c/Guide", "/f/guide"),
        ("/c/guide/", "/f/guide"),
        ("/c/guide)", "/f/guide"),
    ] {
        assert_eq!(leads_to(&site.send(&asking_for_html(path))), (303, Some(to)), "{path}");
    }
    assert_eq!(site.send(&asking_for_html("/c/guide/thanks.")).status, 200);
    assert_eq!(
        site.send(&request(Method::Get, "/c/Guide", "", "")).status,
        404,
        "a program means what it says"
    );
}
