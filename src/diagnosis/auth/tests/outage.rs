//! F4 by an outage alone: nobody counts the authentications of the service.

use super::*;

/// Half of the consumers lack the new version when the old one is revoked at 602.
fn revoked() -> Story {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(500, "cutover", "completed")
        .stage(602, "revoke", "completed");
    story
}

#[test]
fn an_outage_that_begins_with_the_revocation_is_f4() {
    let mut story = revoked();
    story.health(620, "eu", false).health(625, "us", false);
    let finding = story.one();
    assert_eq!((finding.mode, finding.detected_at), (Mode::F4, at(620)));
    assert_eq!(finding.rotation, Some(RotationId::from("r1")));
    assert_eq!(finding.regions.len(), 2);
    story.health(900, "eu", true);
    assert_eq!(story.found(), [(Mode::F4, None)], "us is down yet");
    story.health(910, "us", true);
    assert_eq!(story.found(), [(Mode::F4, Some(910))]);
}

#[test]
fn it_heals_when_the_version_is_brought_back() {
    let mut story = revoked();
    story
        .health(620, "eu", false)
        .stage(700, "revoke", "skipped");
    assert_eq!(story.found(), [(Mode::F4, Some(700))]);
}

#[test]
fn clocks_apart_the_revocation_may_be_told_just_after() {
    let mut story = revoked();
    story.health(599, "eu", false);
    let finding = story.one();
    assert_eq!((finding.mode, finding.detected_at), (Mode::F4, at(602)));
}

#[test]
fn a_restart_is_taken_back_and_a_quick_cure_is_not() {
    let mut story = revoked();
    story.health(610, "eu", false).health(640, "eu", true);
    assert_eq!(story.found(), []);
    story.consumer(630, 2, "in_use").consumer(631, 3, "in_use");
    assert_eq!(story.found(), [(Mode::F4, Some(640))]);
}

#[test]
fn an_outage_before_long_after_or_with_everybody_on_the_new_version_is_none() {
    for seconds in [550, 700] {
        let mut story = revoked();
        story.health(seconds, "eu", false);
        assert_eq!(story.found(), [], "{seconds}");
    }
    let mut story = Story::default();
    story
        .rotation(4, "pending")
        .stage(602, "revoke", "completed")
        .health(620, "eu", false);
    assert_eq!(story.found(), []);
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(602, "cutover", "completed")
        .health(620, "eu", false);
    assert_eq!(story.found(), [], "a cutover ends nothing");
}

#[test]
fn where_authentications_are_counted_they_decide() {
    let mut story = revoked();
    story.auth(0, 900, 1, 200).health(620, "eu", false);
    assert_eq!(story.found(), []);
}
