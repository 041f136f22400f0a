//! What is ruled out beside a finding, and what cannot be known.

use serde_json::json;

use super::*;

fn why(finding: &Finding, mode: Mode) -> Option<&str> {
    let ruled_out = finding.ruled_out.iter().find(|r| r.mode == mode)?;
    Some(&ruled_out.why)
}

fn spike(state: &str) -> Story {
    let mut story = Story::default();
    story.rotation(2, state).stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    story
}

#[test]
fn f1_says_why_it_is_no_other_mode() {
    let finding = spike("pending").one();
    assert_eq!(
        why(&finding, Mode::F4),
        Some("the old version was not revoked")
    );
    assert_eq!(
        why(&finding, Mode::F6),
        Some("no consumer says that it failed on the new version")
    );
    let f7 = why(&finding, Mode::F7).unwrap();
    assert!(f7.contains("2 of 4 consumers"), "{f7}");
    assert_eq!(why(&finding, Mode::F1), None);
}

#[test]
fn a_consumer_that_cannot_read_the_version_leaves_f6_open() {
    let mut story = spike("pending");
    let data = json!({"consumer": "c3", "service": "shop", "secret": "db", "version": "2",
        "state": "failed", "error": "bad decrypt"});
    story.tell(500, "consumer.version", Some("r1"), &data);
    assert_eq!(why(&story.one(), Mode::F6), None);
}

#[test]
fn a_cache_that_nobody_reports_is_not_ruled_out_but_not_known() {
    let finding = spike("delivered").one();
    assert_eq!(why(&finding, Mode::F7), None);
    let sentence = "who answers from a cache: none of shop was reported since the cutover";
    assert!(finding.cannot_know.iter().any(|s| s == sentence));

    // What a cache was before the cutover says nothing of what it is.
    let mut story = spike("delivered");
    story.cache(60, 10);
    assert!(story.one().cannot_know.iter().any(|s| s == sentence));

    story.cache(630, 10);
    let f7 = story.one();
    assert!(why(&f7, Mode::F7).unwrap().contains("no cache of shop"));
}

#[test]
fn f4_says_that_it_did_not_begin_with_the_cutover() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(500, "cutover", "completed")
        .stage(900, "revoke", "completed");
    story.auth(0, 900, 1, 200).auth(900, 1200, 90, 200);
    let finding = story.one();
    assert_eq!(finding.mode, Mode::F4);
    let f1 = why(&finding, Mode::F1).unwrap();
    assert!(f1.contains("400 s after the cutover"), "{f1}");
}

#[test]
fn unattributed_says_what_excuses_each_change() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(660, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    let finding = story.one();
    assert_eq!(finding.mode, Mode::Unattributed);
    assert_eq!(
        why(&finding, Mode::F1),
        Some("the failures began before the cutover of r1")
    );

    let mut story = Story::default();
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    let finding = story.one();
    assert!(finding.ruled_out.is_empty());
    assert!(finding.cannot_know.iter().any(|s| s.contains("depends on")));
}

#[test]
fn a_backend_that_is_away_is_told_beside_the_finding_and_by_itself_until_it_is_back() {
    let mut story = spike("pending");
    let data = json!({"backend": "/vault/x", "state": "disconnected"});
    story.tell(550, "backend.status", None, &data);
    let away = |all: &[String]| {
        all.iter()
            .any(|s| s.contains("/vault/x") && s.contains("since"))
    };
    assert!(away(&story.one().cannot_know));
    assert!(away(&story.diagnosis().0.unknowns()));
    let data = json!({"backend": "/vault/x", "state": "connected"});
    story.tell(880, "backend.status", None, &data);
    assert!(away(&story.one().cannot_know), "it was away then");
    assert!(!away(&story.diagnosis().0.unknowns()));
}

#[test]
fn a_service_without_a_baseline_is_an_unknown_until_it_has_one() {
    let unknowns = |until| {
        let mut story = Story::default();
        story.auth(0, until, 1, 20);
        story.diagnosis().0.unknowns()
    };
    let young = unknowns(60);
    assert_eq!(young.len(), 1, "{young:?}");
    assert!(young[0].contains("shop in eu, shop in us"));
    assert!(young[0].contains(&at(30).to_string()));
    assert!(unknowns(300).is_empty());
}
