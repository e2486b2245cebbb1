//! Pages that people see: the hosted form, and every page in the visitor's language.

use leadhook::base::crypto::{base64, sha256};
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::testing::world::{KvMode, request};
use serde_json::{Value, json};

use crate::support::*;

fn get(site: &Site, path: &str) -> Response {
    site.send(&request(Method::Get, path, "", ""))
}

fn form(changes: Value) -> (Response, String) {
    let site = Site::new(&[guide_with(changes)]);
    let response = get(&site, "/f/guide");
    let page = text(&response);
    (response, page)
}

fn policy(response: &Response) -> &str {
    response.header("content-security-policy").expect("a policy")
}

#[track_caller]
fn holds(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

/// In the language that a browser asks for; none where it asks for nothing.
fn in_language(site: &Site, path: &str, accept_language: Option<&str>) -> String {
    let asked = request(Method::Get, path, "", "");
    text(&site.send(&RawRequest { accept_language: accept_language.map(str::to_owned), ..asked }))
}

#[test]
fn a_campaign_file_alone_makes_a_form() {
    let (response, page) = form(json!({}));
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/html; charset=utf-8")));
    holds(
        &page,
        &[
            "<html lang=\"sv\">",
            "<h1 dir=\"auto\">The &lt;b&gt;guide&lt;/b&gt;</h1>",
            "<form method=\"post\" action=\"/c/guide\" data-leadhook=\"guide\"",
            "<input id=\"f-email\" name=\"email\" type=\"email\" autocomplete=\"email\">",
            "<label for=\"f-name\"><span dir=\"auto\">Your &lt;name&gt;</span> <span class=\"optional\">(valfritt)</span></label>",
            "<option value=\"51+\">51+</option>",
            "<input id=\"f-seats\" name=\"seats\" type=\"text\" inputmode=\"decimal\">",
            "<input id=\"f-remote\" name=\"remote\" type=\"checkbox\" value=\"true\">",
            "<option value=\"SE\">",
            "<input id=\"f-site\" name=\"site\" type=\"text\" inputmode=\"url\" autocomplete=\"url\">",
            "name=\"consent.newsletter\" type=\"checkbox\" value=\"2026-11\" required>",
            "<label for=\"consent.newsletter\" dir=\"auto\">Yes, send me &lt;i&gt;news&lt;/i&gt;.</label>",
            "name=\"consent.call\" type=\"checkbox\" value=\"2\">",
            "name=\"contact_website\" tabindex=\"-1\"",
            "name=\"leadhook_token\" value=\"",
            "<button type=\"submit\" dir=\"auto\">Skicka</button>",
            "Example AB ansvarar för dina uppgifter.",
            "<a href=\"https://www.example.com/privacy\">Integritetspolicy</a>",
        ],
    );
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("style="), "{page}");
    // A page that may not be stored at all loses what was typed when its visitor comes back to it.
    assert_eq!(response.header("cache-control"), Some("private, no-cache, no-transform"));
}

#[test]
fn what_the_form_holds_is_accepted_as_it_stands() {
    let site = Site::new(&[guide()]);
    let page = text(&get(&site, "/f/guide?utm_source=partner"));
    let values = page.as_str().split("<input type=\"hidden\" name=\"").skip(1).map(|input| {
        let (name, rest) = input.split_once("\" value=\"").expect("a value");
        format!("{name}={}", rest.split('"').next().expect("an end"))
    });
    let hidden = values.collect::<Vec<_>>().join("&");
    site.pass(10_000);
    let filled = format!("email=ann%40example.com&consent.newsletter=2026-11&contact_website=&{hidden}");
    let origin = Some("https://leads.example.com".to_owned());
    let response = site.send(&RawRequest { origin, ..request(Method::Post, "/c/guide", FORM, &filled) });
    assert_eq!(response.status, 202);
    site.ring();
    let lead = &site.received()[0].body;
    assert_eq!(lead["data"]["attribution"]["utm_source"], "partner");
    assert_eq!(lead["data"]["signals"], json!(null), "{lead}");
}

#[test]
fn required_fields_and_long_texts_look_like_it() {
    let field = json!([
        { "name": "email", "kind": "email", "required": true },
        { "name": "message", "kind": "text", "required": true },
        { "name": "demo", "kind": "boolean", "required": true },
    ]);
    let (_, page) = form(json!({ "field": field, "score": null, "language": "da-DK" }));
    holds(
        &page,
        &[
            "type=\"email\" autocomplete=\"email\" required>",
            "<textarea id=\"f-message\" name=\"message\" rows=\"4\" dir=\"auto\" required></textarea>",
            "<select id=\"f-demo\" name=\"demo\" required><option value=\"\">Vælg</option>\
             <option value=\"true\">Ja</option><option value=\"false\">Nej</option></select>",
        ],
    );
}

#[test]
fn colours_logo_and_texts_are_the_campaigns() {
    let page = json!({
        "intro": "Read <b>it</b>.\n\nNow.", "button": "Send me the guide", "thanks": "See you & bye",
        "logo": "https://cdn.example.com/logo.svg", "accent": "#FFD500", "background": "#102030",
    });
    let site = Site::new(&[guide_with(json!({ "page": page }))]);
    let response = get(&site, "/f/guide");
    let page = text(&response);
    let style = ":root{--accent:#ffd500;--on-accent:#000000;--paper:#102030;}";
    holds(
        &page,
        &[
            "<p class=\"intro\" dir=\"auto\">Read &lt;b&gt;it&lt;/b&gt;.</p><p class=\"intro\" dir=\"auto\">Now.</p>",
            "<button type=\"submit\" dir=\"auto\">Send me the guide</button>",
            "<img class=\"logo\" src=\"https://cdn.example.com/logo.svg\" alt=\"Example AB\">",
            &format!("<style>{style}</style>"),
        ],
    );
    let digest = base64(&sha256(&[style.as_bytes()]));
    holds(
        policy(&response),
        &[&format!("style-src 'self' 'sha256-{digest}';"), "img-src data: https://cdn.example.com;"],
    );
    holds(&text(&get(&site, "/c/guide/thanks")), &["<p dir=\"auto\">See you &amp; bye</p>", style]);
}

#[test]
fn a_form_may_run_its_own_script_and_be_shown_on_the_campaigns_pages() {
    let (response, _) = form(json!({}));
    assert_eq!(
        policy(&response),
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; script-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'self' https://www.example.com"
    );
    let turnstile = json!({ "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET" });
    let (response, _) =
        form(json!({ "turnstile": turnstile, "thanks_url": "https://www.example.com/thanks" }));
    holds(
        policy(&response),
        &["script-src 'self' https://challenges.cloudflare.com; connect-src 'self'; \
             frame-src https://challenges.cloudflare.com; form-action 'self' https:;"],
    );
}

#[test]
fn attribution_of_the_pages_address_goes_with_the_form_and_nothing_else_does() {
    let site = Site::new(&[guide()]);
    let many: String = (0..50).map(|at| format!("&utm_{at}=x")).collect();
    let page = text(&get(
        &site,
        &format!(
            "/f/guide?utm_source=%22%3E%3Cscript%3E&gclid=G&email=ann%40example.com&consent.call=2{many}"
        ),
    ));
    holds(
        &page,
        &[
            "<input type=\"hidden\" name=\"utm_source\" value=\"&quot;&gt;&lt;script&gt;\">",
            "<input type=\"hidden\" name=\"gclid\" value=\"G\">",
        ],
    );
    assert!(!page.contains("ann@") && !page.contains("checked"), "{page}");
    assert_eq!(page.matches("name=\"utm_").count(), 19);
}

#[test]
fn pages_are_in_the_campaigns_language_and_else_in_the_browsers() {
    let stated = Site::new(&[guide_with(json!({ "language": "da" }))]);
    let silent = Site::new(&[guide_with(json!({ "language": null }))]);
    let other = Site::new(&[guide_with(json!({ "language": "de" }))]);
    for (site, asked, language, thanks) in [
        (&stated, Some("sv"), "da", "Tak! Vi har"),
        (&silent, Some("sv-SE,en;q=0.5"), "sv", "Tack! Vi har"),
        (&silent, Some("fr"), "en", "Thank you. We have"),
        (&silent, None, "en", "Thank you. We have"),
        (&other, Some("sv"), "sv", "Tack! Vi har"),
    ] {
        let page = in_language(site, "/c/guide/thanks", asked);
        holds(&page, &[&format!("<html lang=\"{language}\">"), thanks]);
        let criteria: Value = serde_json::from_str(&in_language(site, "/c/guide", asked)).expect("JSON");
        assert_eq!(criteria["texts_language"], language);
        assert!(
            criteria["texts"]["error.required"].is_string() && criteria["texts"]["page.confirm"].is_null()
        );
    }
}

#[test]
fn what_is_in_another_language_than_its_page_says_so() {
    let field = json!([
        { "name": "email", "kind": "email", "required": true },
        { "name": "name", "kind": "text", "label": "Ihr Name" },
        { "name": "job_title", "kind": "text" },
    ]);
    let (_, page) = form(json!({ "field": field, "score": null, "language": "de" }));
    holds(
        &page,
        &[
            "<html lang=\"en\">",
            "<h1 lang=\"de\" dir=\"auto\">",
            "<label for=\"f-name\"><span lang=\"de\" dir=\"auto\">Ihr Name</span> <span class=\"optional\">(optional)</span>",
            "<label for=\"consent.newsletter\" lang=\"de\" dir=\"auto\">",
            "<input id=\"f-name\" name=\"name\" type=\"text\" dir=\"auto\" autocomplete=\"name\">",
            "<input id=\"f-job_title\" name=\"job_title\" type=\"text\" dir=\"auto\" autocomplete=\"organization-title\">",
        ],
    );
    let (_, page) = form(json!({ "language": "sv" }));
    assert_eq!(page.matches("lang=").count(), 1);
}

#[test]
fn a_browser_whose_post_cannot_be_read_gets_a_page() {
    let site = Site::new(&[guide()]);
    let of_browser = |path: &str, content_type: &str, body: &str| {
        let accept = Some("text/html,application/xhtml+xml,*/*;q=0.8".to_owned());
        site.send(&RawRequest { accept, ..request(Method::Post, path, content_type, body) })
    };
    let file =
        "--b\r\nContent-Disposition: form-data; name=\"cv\"; filename=\"cv.txt\"\r\n\r\nx\r\n--b--\r\n";
    let long = format!("email={}", "a".repeat(70_000));
    for (status, content_type, body) in [
        (400, "multipart/form-data; boundary=b", file),
        (413, FORM, &long),
        (415, "text/plain", "email=ann@example.com"),
    ] {
        let response = of_browser("/c/guide", content_type, body);
        assert_eq!(
            (response.status, response.header("content-type")),
            (status, Some("text/html; charset=utf-8"))
        );
        holds(&text(&response), &["Det gick inte att läsa", "Det du skrev finns kvar"]);
        assert!(!text(&response).contains("aaa") && !text(&response).contains("ann@"));
    }
    let nowhere = of_browser("/c/nothing", FORM, "email=ann%40example.com");
    assert_eq!(nowhere.status, 404);
    holds(&text(&nowhere), &["<h1>There is nothing at this address.</h1>"]);
    site.set_kv(KvMode::Failing);
    let unknown = of_browser("/c/other", FORM, "email=ann%40example.com");
    assert_eq!((unknown.status, unknown.header("retry-after")), (503, Some("5")));
    holds(&text(&unknown), &["<h1>That did not work just now."]);
}

#[test]
fn a_choice_is_found_whatever_blanks_surround_it() {
    let field = json!([
        { "name": "email", "kind": "email", "required": true },
        { "name": "size", "kind": "choice", "choices": [" 1-10", "11+ "] },
    ]);
    let site = Site::new(&[guide_with(json!({ "field": field, "score": null }))]);
    site.deliver("guide", "email=ann%40example.com&size=11%2B+&consent.newsletter=on");
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "size": "11+" }));
}

#[test]
fn a_form_is_only_looked_at() {
    let site = Site::new(&[guide()]);
    let response = get(&site, "/f/nothing");
    assert_eq!((response.status, response.header("content-type")), (404, Some("application/problem+json")));
    let danish = RawRequest {
        accept: Some("text/html".to_owned()),
        accept_language: Some("da".to_owned()),
        ..request(Method::Get, "/f/nothing", "", "")
    };
    let response = site.send(&danish);
    assert_eq!(response.status, 404);
    holds(&text(&response), &["<html lang=\"da\">", "<h1>Der er ikke noget på denne adresse.</h1>"]);
    for method in [Method::Post, Method::Put, Method::Options, Method::Other] {
        let response = site.send(&request(method, "/f/guide", FORM, "email=ann%40example.com"));
        assert_eq!((response.status, response.header("allow")), (405, Some("GET")), "{method:?}");
    }
}
