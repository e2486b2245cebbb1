//! The OpenAPI document: every address and method of it is answered, and what it leaves out is refused as it implies.

use std::collections::{BTreeMap, BTreeSet};

use leadhook::app::admin::routes;
use leadhook::http::request::{Method, RawRequest, TooLarge};
use leadhook::testing::world::request;
use serde_json::Value;

use crate::support::{Site, body, guide};

const METHODS: [(&str, Method); 5] = [
    ("get", Method::Get),
    ("post", Method::Post),
    ("put", Method::Put),
    ("options", Method::Options),
    ("delete", Method::Other),
];

fn document(site: &Site) -> Value {
    body(&site.send(&request(Method::Get, "/openapi.json", "", "")))
}

/// The operations by address, each with its method in lower case.
fn operations(document: &Value) -> BTreeMap<String, BTreeMap<String, Value>> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |item: &Value| {
        let operations = item.as_object().expect("a path").clone().into_iter();
        operations.filter(|(method, _)| method != "parameters").collect()
    };
    paths.iter().map(|(path, item)| (path.clone(), of(item))).collect()
}

/// An address of the template's shape. The campaign is one that there is; nothing else is.
fn address(template: &str) -> String {
    let filled = template.replace("{campaign}", "guide").replace("{list}", "partners");
    filled
        .split('/')
        .map(|part| if part.starts_with('{') { "nothing" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

fn problem_is_documented(operation: &Value, status: u16, what: &str) {
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{what}: {status} is not documented");
}

#[test]
fn each_documented_operation_is_answered_as_documented() {
    let site = Site::new(&[guide()]);
    for (path, operations) in operations(&document(&site)) {
        for (name, method) in METHODS {
            let Some(operation) = operations.get(name) else { continue };
            let what = format!("{name} {path}");
            let response = site.send(&request(method, &address(&path), "application/json", "{}"));
            problem_is_documented(operation, response.status, &what);
            assert_ne!(response.status, 405, "{what}");
            let described = &operation["responses"][response.status.to_string()];
            let named = described["headers"].as_object().cloned().unwrap_or_default();
            for (header, about) in named {
                let sent = response.header(&header.to_lowercase()).is_some();
                assert!(sent || about["required"] != true, "{what}: {header}");
            }
            let kind = response.header("content-type").and_then(|kind| kind.split(';').next());
            let documented = described["content"]
                .as_object()
                .is_none_or(|content| kind.is_some_and(|kind| content.contains_key(kind)));
            assert!(documented, "{what}: {kind:?}");
            let nothing_there = response.status == 404 && body(&response)["title"] == "Not found";
            assert!(!nothing_there || path.contains('{') || path.ends_with("lists"), "{what}");
        }
    }
}

#[test]
fn each_method_that_is_not_documented_is_refused_with_those_that_are() {
    let site = Site::new(&[guide()]);
    for (path, operations) in operations(&document(&site)) {
        let documented: BTreeSet<String> = operations.keys().map(|name| name.to_uppercase()).collect();
        for (name, method) in METHODS {
            if operations.contains_key(name) {
                continue;
            }
            let what = format!("{name} {path}");
            let response = site.send(&request(method, &address(&path), "", ""));
            assert_eq!(response.status, 405, "{what}");
            let allow = response.header("allow").unwrap_or_default().split(", ").map(str::to_owned);
            assert_eq!(allow.collect::<BTreeSet<_>>(), documented, "{what}");
        }
    }
}

#[test]
fn each_route_of_the_admin_api_is_documented_with_its_scope_and_what_refuses() {
    let site = Site::new(&[guide()]);
    let operations = operations(&document(&site));
    // Names in braces are the document's own.
    let shape = |path: &str| {
        path.split('/')
            .map(|part| if part.starts_with('{') { "{}" } else { part })
            .collect::<Vec<_>>()
            .join("/")
    };
    let mut undocumented: Vec<String> = Vec::new();
    for route in routes::all() {
        let (name, _) = METHODS.iter().find(|(_, method)| *method == route.method).expect("a method");
        let path = format!("/admin/api/{}", route.path);
        let found = operations.iter().find(|(template, _)| shape(template) == path);
        let Some(operation) = found.and_then(|(_, operations)| operations.get(*name)) else {
            undocumented.push(format!("{name} {path}"));
            continue;
        };
        let what = format!("{name} {path}");
        let scopes: Vec<_> =
            std::iter::once(route.scope).chain(route.exception.map(|exception| exception.scope)).collect();
        let told = operation["security"].as_array().expect("security");
        let told: Vec<_> = told.iter().filter_map(|one| one["adminToken"][0].as_str()).collect();
        assert_eq!(told, scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(), "{what}");
        for status in [401, 403, 429, 503] {
            problem_is_documented(operation, status, &what);
        }
    }
    assert_eq!(undocumented, Vec::<String>::new());
    let documented = operations.iter().filter(|(path, _)| path.starts_with("/admin/"));
    assert_eq!(documented.map(|(_, operations)| operations.len()).sum::<usize>(), routes::all().len());
}

#[test]
fn whoever_sends_no_token_or_too_much_is_told_so_as_documented() {
    let site = Site::new(&[guide()]);
    for (path, operations) in operations(&document(&site)) {
        for (name, method) in METHODS {
            let Some(operation) = operations.get(name) else { continue };
            let what = format!("{name} {path}");
            let plain = request(method, &address(&path), "application/json", "{}");
            if operation["security"].is_array() {
                let response = site.send(&RawRequest { authorization: None, ..plain.clone() });
                assert_eq!(
                    (response.status, response.header("www-authenticate")),
                    (401, Some("Bearer")),
                    "{what}"
                );
            }
            if operation["requestBody"]["required"] == true {
                let response = site.send(&RawRequest { body: Err(TooLarge), ..plain });
                assert_eq!(response.status, 413, "{what}");
                problem_is_documented(operation, 413, &what);
            }
        }
    }
}

#[test]
fn a_body_of_other_types_than_documented_changes_nothing() {
    let site = Site::new(&[guide()]);
    let sub = r#"{"submission_ids":["sub_1"]"#;
    for (path, bodies) in [
        (
            "quarantine/discard",
            [r#"{"campaign":{}}"#, &format!(r#"{sub},"campaign":{{}}}}"#), &format!(r#"{sub},"after":1}}"#)],
        ),
        (
            "quarantine/release",
            [r#"{"submission_ids":[1]}"#, r#"{"submission_ids":{},"campaign":"guide"}"#, "[]"],
        ),
        ("lists/partners?ledger=example-ab", [r#"{"clear":true,"x":1}"#, r#"{"add":[],"remove":[]}"#, "[]"]),
    ] {
        for text in bodies {
            let response =
                site.send(&request(Method::Post, &format!("/admin/api/{path}"), "application/json", text));
            assert_eq!(response.status, 400, "{path}: {text}");
        }
    }
}
