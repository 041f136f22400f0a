//! Whom a spike wakes, and what a planned window keeps quiet.

use serde_json::json;

use super::*;
use crate::model::event::Severity;

/// A spike after a cutover with so many of four consumers on the new version.
fn spike(on: usize, tier: Option<&'static str>) -> Story {
    let mut story = Story {
        tier,
        ..Story::default()
    };
    story.rotation(on, "pending");
    story.stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    story
}

fn planned(story: &mut Story) {
    let data = json!({"window": "w", "starts_at": at(500).to_string(),
        "ends_at": at(2000).to_string(), "services": ["shop"], "reason": "upgrade"});
    story.tell(10, "window.planned", None, &data);
}

#[test]
fn one_consumer_is_a_ticket_and_several_are_a_page() {
    assert_eq!(spike(3, None).one().severity, Severity::Ticket);
    assert_eq!(spike(2, None).one().severity, Severity::Page);
    assert_eq!(spike(3, Some("critical")).one().severity, Severity::Page);
}

#[test]
fn who_is_not_known_may_be_many() {
    let mut story = Story::default();
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    let finding = story.one();
    assert_eq!(finding.mode, Mode::Unattributed);
    assert_eq!(finding.severity, Severity::Page);
}

#[test]
fn a_service_of_one_consumer_is_a_ticket_also_where_no_rotation_explains_it() {
    let mut story = Story::default();
    let data = json!({"consumer": "c0", "service": "shop", "secret": "db", "version": "1",
        "state": "in_use"});
    story.tell(5, "consumer.version", None, &data);
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    assert_eq!(story.one().severity, Severity::Ticket);
}

#[test]
fn a_planned_window_keeps_a_ticket_quiet_and_shows_it_as_such() {
    let mut story = spike(3, None);
    planned(&mut story);
    let finding = story.one();
    assert_eq!(finding.severity, Severity::Ticket);
    assert!(finding.suppressed);
}

#[test]
fn a_planned_window_never_keeps_a_page_or_f4_quiet() {
    let mut story = spike(2, None);
    planned(&mut story);
    assert!(!story.one().suppressed);

    let mut story = Story::default();
    planned(&mut story);
    story
        .rotation(3, "pending")
        .stage(900, "revoke", "completed");
    story.auth(0, 900, 1, 200).auth(900, 1200, 90, 200);
    let finding = story.one();
    assert_eq!(
        (finding.mode, finding.severity),
        (Mode::F4, Severity::Ticket)
    );
    assert!(!finding.suppressed);
}

#[test]
fn a_ticket_that_comes_to_concern_another_service_pages_and_is_quiet_no_more() {
    let mut story = spike(3, None);
    planned(&mut story);
    let data = json!({"consumer": "d0", "service": "till", "secret": "db", "version": "1",
        "state": "in_use"});
    story.tell(310, "consumer.version", None, &data);
    for end in (30..=900).step_by(30) {
        let bad = if end > 630 { 80 } else { 1 };
        let data = json!({"service": "till", "window_seconds": 30, "total": 200,
            "failed_401": bad});
        story.tell(end, "auth.sample", None, &data);
    }
    let finding = story.one();
    assert_eq!(finding.services.len(), 2);
    assert_eq!(finding.severity, Severity::Page);
    assert!(!finding.suppressed);
    assert_eq!(finding.detected_at, at(660), "when it was a ticket");
}
