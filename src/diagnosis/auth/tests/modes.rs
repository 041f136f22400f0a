//! Each mode's evidence, its traps, and how it is taken back or heals.

use serde_json::json;

use super::*;

#[test]
fn f1_consumers_behind_after_a_cutover() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    let found = story.findings();
    assert_eq!(story.found(), [(Mode::F1, None)]);
    let finding = found.first().unwrap();
    assert_eq!(finding.rotation, Some(RotationId::from("r1")));
    assert_eq!(finding.regions.len(), 2);
    // Half of the consumers are behind: two windows are proof enough.
    assert_eq!(finding.detected_at, at(660));
}

#[test]
fn f1_heals() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story
        .auth(0, 600, 1, 200)
        .auth(600, 900, 90, 200)
        .auth(900, 1200, 1, 200);
    assert_eq!(story.found(), [(Mode::F1, Some(990))]);
}

#[test]
fn a_blip_of_two_windows_after_a_cutover_is_taken_back() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 660, 90, 200);
    assert_eq!(story.found(), [(Mode::F1, None)], "provisional");
    story.auth(660, 900, 1, 200);
    assert_eq!(story.found(), []);
}

#[test]
fn a_busy_rotation_without_failures_is_none() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.stage(700, "revoke", "completed");
    story.auth(0, 1200, 9, 200);
    assert_eq!(story.found(), []);
}

#[test]
fn server_errors_and_throttling_are_no_auth_failures() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200);
    for end in (630..=900).step_by(30) {
        let data = json!({"service": "shop", "region": "eu", "window_seconds": 30, "total": 200,
            "failed_401": 1, "failed_other": 150});
        story.tell(end, "auth.sample", None, &data);
    }
    assert_eq!(story.found(), []);
}

#[test]
fn f4_begins_with_the_revocation_and_not_with_the_cutover() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(500, "cutover", "completed");
    story.stage(900, "revoke", "completed");
    story.auth(0, 900, 1, 200).auth(900, 1200, 90, 200);
    assert_eq!(story.found(), [(Mode::F4, None)]);
}

#[test]
fn f4_by_refused_decryptions_heals_when_the_version_is_brought_back() {
    let mut story = Story::default();
    story
        .rotation(4, "in_use")
        .stage(602, "revoke", "completed");
    story.decrypt(0, 600, 0).decrypt(600, 620, 9);
    assert_eq!(story.found(), [(Mode::F4, None)]);
    story.stage(621, "revoke", "skipped");
    assert_eq!(story.found(), [(Mode::F4, Some(621))]);
}

#[test]
fn a_bad_signal_without_a_revocation_says_nothing_of_secrets() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(602, "cutover", "completed");
    story.decrypt(0, 600, 0).decrypt(600, 700, 9);
    assert_eq!(story.found(), []);
}

#[test]
fn f7_displaces_f1_once_a_cache_outlives_the_cutover() {
    let mut story = Story::default();
    story
        .rotation(2, "delivered")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    for end in (60..=600).step_by(60) {
        story.cache(end, 50);
    }
    assert_eq!(story.found(), [(Mode::F1, None)]);
    story.cache(665, 120);
    assert_eq!(story.found(), [(Mode::F7, None)]);
    assert_eq!(story.findings().first().unwrap().detected_at, at(665));
}

#[test]
fn a_young_cache_or_an_undelivered_version_is_no_f7() {
    for (state, oldest) in [("delivered", 50), ("pending", 120)] {
        let mut story = Story::default();
        story.rotation(2, state).stage(600, "cutover", "completed");
        story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
        for end in (60..=600).step_by(60) {
            story.cache(end, 50);
        }
        story.cache(665, oldest);
        assert_eq!(story.found(), [(Mode::F1, None)], "{state} {oldest}");
    }
}

#[test]
fn a_stale_cache_without_failures_is_none() {
    let mut story = Story::default();
    story
        .rotation(2, "delivered")
        .stage(600, "cutover", "completed");
    story.auth(0, 900, 1, 200);
    for end in (60..=600).step_by(60) {
        story.cache(end, 50);
    }
    story.cache(665, 120);
    assert_eq!(story.found(), []);
}

#[test]
fn a_spike_before_any_change_is_unattributed() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(660, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    assert_eq!(story.found(), [(Mode::Unattributed, None)]);
    let found = story.findings();
    assert_eq!(found.first().unwrap().rotation, None);
    assert_eq!(found.first().unwrap().detected_at, at(690));
}

#[test]
fn a_blip_and_a_service_without_a_past_are_none() {
    let mut story = Story::default();
    story
        .auth(0, 600, 1, 200)
        .auth(600, 660, 90, 200)
        .auth(660, 900, 1, 200);
    assert_eq!(story.found(), []);
    let mut story = Story::default();
    story.auth(0, 900, 90, 200);
    assert_eq!(story.found(), []);
}

#[test]
fn two_sources_are_alternatives_and_duplicates_change_nothing() {
    let mut story = Story::default();
    story
        .auth(0, 600, 1, 200)
        .auth(600, 660, 90, 200)
        .auth(660, 900, 1, 200);
    // The blip's two windows, told again and by a second source: still two windows.
    let copies: Vec<Event> = story.events.clone();
    for mut copy in copies.clone() {
        copy.source = Source::from("/replica");
        story.events.push(copy);
    }
    story.events.extend(copies);
    assert_eq!(story.found(), []);
}

#[test]
fn a_lost_window_of_one_region_does_not_hide_the_spike() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    let mut n = 0;
    story.events.retain(|event| {
        n += i32::from(matches!(event.data, Data::AuthSample(_)));
        n % 7 != 3
    });
    assert_eq!(story.found(), [(Mode::F1, None)]);
}
