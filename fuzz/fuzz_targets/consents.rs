#![no_main]
//! The history of consents and receipts, as they are read back: from rows, from files.

use leadhook::pipeline::consent::{
    Act, ConsentState, Head, Personal, Verdict, compact, payload_of, signing_input, standing, verify,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let keys = vec![("p1".to_owned(), [7; 32])];
    if let Ok(acts) = serde_json::from_str::<Vec<(Act, Option<String>)>>(text) {
        let verdicts = verify(&keys, "lead_1", &acts);
        assert_eq!(verdicts.len(), acts.len());
        // The MACs are of a key that no input knows.
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Changed | Verdict::Unknown)));
        let now = standing(acts.iter().map(|(act, _)| act));
        assert!(now.iter().all(|one| acts.iter().any(|(act, _)| act.seq == one.by.seq)));
        let purposes: Vec<_> = now.iter().map(|one| &one.purpose).collect();
        assert!(purposes.iter().enumerate().all(|(at, purpose)| !purposes[..at].contains(purpose)));
    }
    let _ = serde_json::from_str::<Personal>(text).map(|personal| {
        assert_eq!(serde_json::from_str::<Personal>(&personal.text()).ok(), Some(personal));
    });
    chain(text, &keys);
    let _ = payload_of(text);
    let signed = compact(&signing_input("r1", "{\"a\":1}"), text.as_bytes());
    assert!(
        payload_of(&signed).is_some_and(|(header, _, _, signature)| {
            header["kid"] == "r1" && signature == text.as_bytes()
        })
    );
});

/// A chain that is written holds, and one that is changed does not.
fn chain(text: &str, keys: &[(String, [u8; 32])]) {
    let personal =
        Personal { salt: "salt".to_owned(), method: text.to_owned(), ..Personal::default() }.text();
    let consents = vec![(text.to_owned(), ConsentState::Given, "digest".to_owned())];
    let first = Act::after(None, "lead_1", (1, "guide"), consents.clone(), &personal, &keys[0]);
    let second = Act::after(Some(&Head::from(&first)), "lead_1", (2, text), consents, &personal, &keys[0]);
    let (first, second) = ((first, Some(personal.clone())), (second, Some(personal)));
    let read = |acts: &[(Act, Option<String>)]| {
        let text = serde_json::to_string(acts).expect("JSON");
        serde_json::from_str::<Vec<(Act, Option<String>)>>(&text).expect("acts")
    };
    let acts = read(&[first.clone(), second.clone()]);
    assert_eq!(verify(keys, "lead_1", &acts), [Verdict::Valid, Verdict::Valid]);
    assert_eq!(verify(keys, "lead_1", &[(first.0.clone(), None), second.clone()])[0], Verdict::Erased);
    assert_eq!(verify(keys, "lead_1", std::slice::from_ref(&second)), [Verdict::Changed]);
    let mut changed = first;
    changed.0.campaign.push('x');
    assert_eq!(verify(keys, "lead_1", &[changed, second]), [Verdict::Changed, Verdict::Valid]);
}
