//! The sources of leads in the overview: those of few posts are not named.

use serde_json::{Value, json};

use super::overview::{of_source, overview};
use crate::support::*;

/// The name is worth 10 points.
const ANN: &str = "email=ann%40example.com&name=Ann&consent.newsletter=on";

/// Posts of people of their own, each from one of these sources.
fn from_sources(site: &Site, sources: &[(&str, usize)]) {
    for (at, (source, posts)) in sources.iter().enumerate() {
        for n in 0..*posts {
            let form = format!("email=p{n}.{at}%40example.com&name=P{n}&consent.newsletter=on");
            let from = if *source == "direct" { String::new() } else { format!("&utm_source={source}") };
            site.deliver("guide", &format!("{form}{from}"));
        }
    }
}

#[test]
fn a_source_of_few_posts_is_not_named_and_neither_is_what_would_be_left_of_the_sums() {
    for (sources, shown) in [
        (vec![("google", 5), ("partner", 5)], json!({ "google": 5, "partner": 5 })),
        (vec![("google", 4)], json!({ "other": 4 })),
        (vec![("google", 6), ("odd", 4), ("rare", 1)], json!({ "google": 6, "other": 5 })),
        // One post beside those that are named would be what is missing of the sum.
        (vec![("google", 6), ("partner", 5), ("odd", 1)], json!({ "google": 6, "other": 6 })),
        (vec![("google", 5), ("direct", 9), ("odd", 1)], json!({ "google": 5, "other": 10 })),
        (vec![("google", 5), ("odd", 4)], json!({ "other": 9 })),
        (vec![("direct", 5)], json!({ "direct": 5 })),
    ] {
        let site = Site::new(&[guide()]);
        from_sources(&site, &sources);
        let expected: Vec<_> = shown.as_object().expect("sources").iter().collect();
        let expected = expected.iter().map(|(name, posts)| {
            let posts = posts.as_i64().expect("a number");
            ((*name).clone(), of_source(posts, posts, posts))
        });
        assert_eq!(overview(&site, "")["sources"], Value::from_iter(expected), "{sources:?}");
    }
}

#[test]
fn posts_of_a_source_are_those_of_all_ledgers() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other", "ledger": "other-ab" }))]);
    for n in 0..3 {
        for campaign in ["guide", "other"] {
            site.accept(
                campaign,
                &format!("email=p{n}%40example.com&consent.newsletter=on&utm_source=google"),
            );
        }
    }
    let names = |query: &str| {
        let sources = overview(&site, query)["sources"].clone();
        sources.as_object().expect("sources").keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!((names(""), names("?campaign=other")), (vec!["google".to_owned()], vec!["other".to_owned()]));
}

#[test]
fn sources_beyond_the_first_fifty_are_other() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    // One hour takes fifty names, so the second one brings others.
    for n in 0..80 {
        if n == 40 {
            site.pass(HOUR);
        }
        let source = format!("s{}", ('a'..='z').nth(n % 26).expect("a letter")).repeat(1 + n / 26);
        for m in 0..if n < 45 { 6 } else { 5 } {
            site.accept(
                "guide",
                &format!("email=p{n}.{m}%40example.com&consent.newsletter=on&utm_source={source}"),
            );
        }
    }
    let shown = overview(&site, "");
    let sources = shown["sources"].as_object().expect("sources");
    assert_eq!(sources.len(), 51);
    let sum: i64 = sources.values().map(|source| source["new"].as_i64().expect("a number")).sum();
    assert_eq!((json!(sum), json!(446)), (shown["funnel"]["new"].clone(), shown["accepted"].clone()));
    assert_eq!(sources["other"]["new"], 151);
}
