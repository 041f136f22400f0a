//! What is said of alerts, once each, and which word is the last.

use super::*;
use crate::measure::alert::About;
use crate::model::event::Severity;

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

/// A page at 10 s.
fn paged() -> Alert {
    Alert {
        key: "rotation/r1".into(),
        about: About::Rotation("r1".into()),
        severity: Severity::Page,
        others: BTreeSet::new(),
        modes: vec!["F1"],
        words: String::new(),
        secret: None,
        services: BTreeSet::new(),
        regions: BTreeSet::new(),
        owner: None,
        since: at(10),
        suppressed_at: None,
        window: None,
        ticketed_at: None,
        paged_at: Some(at(10)),
        escalated_at: None,
        resolved_at: None,
        first_resolved_at: None,
        withdrawn: false,
        flaps: 0,
        again_at: None,
        burning: None,
        next: &[],
    }
}

fn take_all(said: &mut Said, alerts: &[Alert], seconds: i64) -> Vec<Told> {
    let alerts = alerts.iter().map(|alert| Arc::new(alert.clone()));
    let known = Known {
        alerts: alerts.collect(),
        ..Known::default()
    };
    said.take(&known, Some(at(seconds)))
}

fn take(said: &mut Said, alert: &Alert, seconds: i64) -> Vec<(Phase, bool)> {
    let told = take_all(said, std::slice::from_ref(alert), seconds);
    let told = told.into_iter();
    told.map(|told| (told.telling.phase, told.rings)).collect()
}

/// What hooks are told, by name.
fn names(told: Vec<Told>) -> Vec<String> {
    told.into_iter().map(|told| told.telling.name()).collect()
}

#[test]
fn a_later_look_that_knows_better_when_it_began_tells_of_no_second_incident() {
    let of_services = |since: i64| Alert {
        key: format!("services/checkout@{since}").into(),
        about: About::Services,
        services: ["checkout".into()].into(),
        since: at(since),
        paged_at: Some(at(since)),
        ..paged()
    };
    let mut said = Said::new(Owners::default(), Format::Text, true);
    let told = names(take_all(&mut said, &[of_services(10)], 20));
    assert_eq!(told, ["services/checkout@10/page"]);
    // An event came late: the same refusals began earlier.
    assert!(take_all(&mut said, &[of_services(4)], 30).is_empty());
    let mut over = of_services(4);
    (over.resolved_at, over.first_resolved_at) = (Some(at(60)), Some(at(60)));
    let told = names(take_all(&mut said, &[over], 60));
    assert_eq!(
        told,
        ["services/checkout@10/resolved"],
        "under its first key"
    );
}

#[test]
fn what_was_taken_back_and_stands_after_all_is_told_again_and_ends_once_more() {
    let mut said = Said::new(Owners::default(), Format::Text, true);
    let mut alert = paged();
    take_all(&mut said, std::slice::from_ref(&alert), 20);
    let told = names(take_all(&mut said, &[], 30));
    assert_eq!(told, ["rotation/r1/resolved"]);
    assert!(take_all(&mut said, &[], 31).is_empty());
    let told = names(take_all(&mut said, std::slice::from_ref(&alert), 40));
    assert_eq!(told, ["rotation/r1/again/1"]);
    (alert.resolved_at, alert.first_resolved_at) = (Some(at(60)), Some(at(60)));
    let told = names(take_all(&mut said, &[alert], 60));
    assert_eq!(told, ["rotation/r1/resolved/1"]);
}

#[test]
fn the_last_word_of_what_comes_and_goes_says_how_it_stands() {
    let mut said = Said::new(Owners::default(), Format::Text, true);
    let mut alert = paged();
    take_all(&mut said, std::slice::from_ref(&alert), 20);
    let mut told = Vec::new();
    for n in 1..=3 {
        let seconds = i64::from(n) * 100;
        alert.resolved_at = Some(at(seconds));
        alert.first_resolved_at = alert.first_resolved_at.or(alert.resolved_at);
        told.extend(take_all(&mut said, std::slice::from_ref(&alert), seconds));
        (alert.resolved_at, alert.flaps) = (None, n);
        alert.again_at = Some(at(seconds + 50));
        told.extend(take_all(
            &mut said,
            std::slice::from_ref(&alert),
            seconds + 50,
        ));
    }
    let words = [
        "resolved",
        "again/1",
        "resolved/1",
        "again/2",
        "resolved/2",
        "again/3",
    ];
    assert_eq!(names(told), words.map(|word| format!("rotation/r1/{word}")));
}

#[test]
fn what_was_over_before_anybody_watched_wakes_somebody_when_it_comes_back() {
    let mut said = Said::new(Owners::default(), Format::Text, true);
    let mut alert = paged();
    (alert.resolved_at, alert.first_resolved_at) = (Some(at(60)), Some(at(60)));
    assert!(take(&mut said, &alert, 100).is_empty());
    assert!(take(&mut said, &alert, 110).is_empty());
    (alert.resolved_at, alert.again_at, alert.flaps) = (None, Some(at(120)), 1);
    let told = [(Phase::Page, true), (Phase::Again, false)];
    assert_eq!(take(&mut said, &alert, 120), told);
    assert!(take(&mut said, &alert, 130).is_empty(), "once");
    // What was told of while somebody watched is told once, whatever becomes of it.
    let mut said = Said::new(Owners::default(), Format::Text, true);
    let mut alert = paged();
    assert_eq!(take(&mut said, &alert, 20), [(Phase::Page, true)]);
    (alert.resolved_at, alert.first_resolved_at) = (Some(at(60)), Some(at(60)));
    assert_eq!(take(&mut said, &alert, 60), [(Phase::Resolved, false)]);
    (alert.resolved_at, alert.again_at, alert.flaps) = (None, Some(at(120)), 1);
    assert_eq!(take(&mut said, &alert, 120), [(Phase::Again, false)]);
}
