//! A database's log names the account that is refused, not the service behind it.

use serde_json::json;

use super::*;

/// Rotation `id` of a database's `secret`: `behind` of its three consumers in `eu` keep `1`.
fn rotated(story: &mut Story, id: &str, secret: &str, service: &str, behind: usize) {
    let consumers: Vec<Value> = (0..3)
        .map(|n| json!({"consumer": format!("{service}-{n}"), "service": service, "region": "eu"}))
        .collect();
    let data = json!({"secret": secret, "kind": "database", "from_version": "1",
        "to_version": "2", "consumers": consumers});
    story.tell(300, "rotation.started", Some(id), &data);
    for n in behind..3 {
        let data = json!({"consumer": format!("{service}-{n}"), "service": service,
            "region": "eu", "secret": secret, "version": "2", "state": "in_use"});
        story.tell(590, "consumer.version", Some(id), &data);
    }
    let data = json!({"stage": "cutover", "status": "completed"});
    story.tell(600, "rotation.stage", Some(id), &data);
}

/// Windows of 20 s in which `shop_rw` logs in, and is refused more from 600 to `until`.
fn account(story: &mut Story, until: i64) {
    let data = json!({"actor": "shop_rw", "operation": "login", "path": "postgres",
        "outcome": "allowed"});
    story.tell(5, "audit.entry", None, &data);
    for end in (20..=900).step_by(20) {
        let bad = if end > 600 && end <= until { 30 } else { 0 };
        let data = json!({"service": "shop_rw", "window_seconds": 20, "total": 90,
            "failed_401": bad});
        story.tell(end, "auth.sample", None, &data);
    }
}

#[test]
fn who_suffers_are_the_consumers_that_the_one_rotation_left_behind() {
    let mut story = Story::default();
    rotated(&mut story, "r1", "pg/shop", "shop", 2);
    rotated(&mut story, "r2", "pg/mail", "mail", 0);
    account(&mut story, 900);
    let finding = story.one();
    assert_eq!(finding.mode, Mode::F1);
    assert_eq!(finding.rotation, Some(RotationId::from("r1")));
    assert_eq!(finding.services, [ServiceName::from("shop")].into());
    assert_eq!(finding.regions, [Region::from("eu")].into());
    let names = finding
        .evidence
        .iter()
        .any(|e| e.note.contains("shop-0, shop-1"));
    assert!(names, "{:?}", finding.evidence);
    assert!(finding.cannot_know.iter().any(|s| s.contains("shop_rw")));
}

#[test]
fn where_two_rotations_left_consumers_behind_nobody_can_know() {
    let mut story = Story::default();
    rotated(&mut story, "r1", "pg/shop", "shop", 2);
    rotated(&mut story, "r2", "pg/mail", "mail", 1);
    account(&mut story, 900);
    assert_eq!(story.found(), [(Mode::Unattributed, None)]);
}

#[test]
fn a_rotation_that_left_nobody_behind_or_of_no_database_is_not_guilty() {
    let mut story = Story::default();
    rotated(&mut story, "r1", "pg/shop", "shop", 0);
    account(&mut story, 900);
    assert_eq!(story.found(), [(Mode::Unattributed, None)]);

    let mut story = Story::default();
    rotated(&mut story, "r1", "pg/shop", "shop", 2);
    for event in &mut story.events {
        if let Data::RotationStarted(data) = &mut event.data {
            data.kind = None;
        }
    }
    account(&mut story, 900);
    assert_eq!(story.found(), [(Mode::Unattributed, None)]);
}

#[test]
fn it_is_cured_with_the_first_usual_window_after_all_have_the_version() {
    let mut story = Story::default();
    rotated(&mut story, "r1", "pg/shop", "shop", 2);
    account(&mut story, 780);
    // Without a word of the consumers, healing takes as many quiet windows as the noise asks for.
    assert_eq!(story.found(), [(Mode::F1, Some(840))]);
    for n in 0..2 {
        let data = json!({"consumer": format!("shop-{n}"), "service": "shop",
            "region": "eu", "secret": "pg/shop", "version": "2", "state": "in_use"});
        story.tell(775 + n, "consumer.version", Some("r1"), &data);
    }
    assert_eq!(story.found(), [(Mode::F1, Some(800))]);
}
