//! Incidents unlike the others: short windows, few consumers, no regions, rotations close to each
//! other, noise that looks like failure and is none, clocks apart, samples lost.

use serde_json::json;

use super::*;

/// A fleet in whatever shape: one service's windows of whatever length.
struct Shape {
    service: &'static str,
    window: i64,
    total: u64,
    region: Option<&'static str>,
    /// How far the clock of what counts is ahead of the engine's, in seconds.
    ahead: i64,
}

const QUIET: Shape = Shape {
    service: "door",
    window: 15,
    total: 8,
    region: None,
    ahead: 0,
};

impl Shape {
    /// Windows from 0 to `to`; how much of each is bad, `bad` says by its end on the true clock.
    fn auth(&self, story: &mut Story, to: i64, bad: impl Fn(i64) -> u64) {
        for end in (self.window..=to).step_by(usize::try_from(self.window).unwrap()) {
            let data = json!({"service": self.service, "region": self.region,
                "window_seconds": self.window, "total": self.total, "failed_401": bad(end)});
            story.tell(end + self.ahead, "auth.sample", None, &data);
        }
    }

    /// A rotation of `secret` to `version` at `start`, cut over at `cutover`; `behind` of `of`
    /// consumers keep the old version.
    fn rotation(
        &self,
        story: &mut Story,
        (id, secret): (&str, &str),
        (start, cutover): (i64, i64),
        (behind, of): (usize, usize),
    ) {
        let name = |n: usize| format!("{}-{n}", self.service);
        let consumers: Vec<Value> = (0..of)
            .map(|n| json!({"consumer": name(n), "service": self.service, "region": self.region}))
            .collect();
        let data = json!({"secret": secret, "from_version": "a", "to_version": id,
            "services": [self.service], "consumers": consumers});
        story.tell(start, "rotation.started", Some(id), &data);
        for n in behind..of {
            let data = json!({"consumer": name(n), "service": self.service, "secret": secret,
                "region": self.region, "version": id, "state": "in_use"});
            story.tell(cutover - 5, "consumer.version", Some(id), &data);
        }
        let data = json!({"stage": "cutover", "status": "completed"});
        story.tell(cutover, "rotation.stage", Some(id), &data);
    }
}

/// Who is found, and when.
fn guilty(story: &Story) -> Vec<(Mode, Option<String>, i64)> {
    let found = story.findings();
    let when = |f: &Finding| f.detected_at.seconds() - 1_800_000_000;
    found
        .iter()
        .map(|f| {
            (
                f.mode,
                f.rotation.as_ref().map(ToString::to_string),
                when(f),
            )
        })
        .collect()
}

#[test]
fn windows_of_eight_requests_and_three_consumers_without_a_region() {
    let mut story = Story::default();
    // One stray refusal in some twenty requests is usual here.
    let usual = |end: i64| u64::from(end % 45 == 0);
    QUIET.rotation(&mut story, ("k7", "door/pin"), (500, 700), (1, 3));
    QUIET.auth(
        &mut story,
        1200,
        |end| if end > 700 { 4 } else { usual(end) },
    );
    let found = guilty(&story);
    assert_eq!(found.len(), 1, "{found:?}");
    let (mode, rotation, at) = &found[0];
    assert_eq!((*mode, rotation.as_deref()), (Mode::F1, Some("k7")));
    assert!((730..=820).contains(at), "{at}");
    let sentence = "where: no sample of door names a region";
    assert!(story.one().cannot_know.iter().any(|s| s == sentence));
}

#[test]
fn stray_refusals_of_such_a_service_are_none_however_busy_its_rotation() {
    let mut story = Story::default();
    QUIET.rotation(&mut story, ("k7", "door/pin"), (500, 700), (2, 3));
    // Up to two refusals a window, in a pattern without a period that windows share.
    QUIET.auth(&mut story, 3000, |end| match (end / 15 * 7919) % 13 {
        0 => 2,
        1 | 5 => 1,
        _ => 0,
    });
    assert_eq!(guilty(&story), []);
}

#[test]
fn of_two_rotations_of_a_service_20_s_apart_it_is_the_one_that_left_consumers_behind() {
    for (first, second, want) in [(2, 0, "a1"), (0, 2, "b2")] {
        let shape = Shape {
            service: "till",
            window: 20,
            total: 300,
            region: Some("nord"),
            ahead: 0,
        };
        let mut story = Story::default();
        shape.rotation(&mut story, ("a1", "till/db"), (500, 700), (first, 6));
        shape.rotation(&mut story, ("b2", "till/mq"), (510, 720), (second, 6));
        shape.auth(&mut story, 1000, |end| if end > 720 { 60 } else { 1 });
        let found = guilty(&story);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1.as_deref(), Some(want));
    }
}

#[test]
fn a_deploy_during_the_cutover_is_taken_back_and_what_follows_is_found() {
    let shape = Shape {
        window: 30,
        total: 400,
        ..QUIET
    };
    let mut story = Story::default();
    shape.rotation(&mut story, ("k7", "door/pin"), (500, 700), (1, 3));
    let blip = |end: i64| matches!(end, 690 | 720);
    shape.auth(&mut story, 1500, |end| if blip(end) { 200 } else { 2 });
    assert_eq!(guilty(&story), []);

    // The same blip long before a cutover after which it is no blip.
    let mut story = Story::default();
    shape.rotation(&mut story, ("k7", "door/pin"), (500, 1100), (1, 3));
    shape.auth(&mut story, 1500, |end| match end {
        690 | 720 => 200,
        1110.. => 90,
        _ => 2,
    });
    let found = guilty(&story);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1.as_deref(), Some("k7"));
}

#[test]
fn a_storm_of_throttling_that_is_counted_as_other_failures_is_none() {
    let mut story = Story::default();
    QUIET.rotation(&mut story, ("k7", "door/pin"), (500, 700), (2, 3));
    for end in (15..=1200).step_by(15) {
        let other = if end > 700 { 6 } else { 0 };
        let data = json!({"service": "door", "window_seconds": 15, "total": 8,
            "failed_401": 0, "failed_other": other});
        story.tell(end, "auth.sample", None, &data);
    }
    assert_eq!(guilty(&story), []);
}

#[test]
fn clocks_three_seconds_apart_change_no_verdict() {
    for ahead in [-3, 3] {
        let shape = Shape {
            window: 30,
            total: 400,
            ahead,
            ..QUIET
        };
        let mut story = Story::default();
        shape.rotation(&mut story, ("k7", "door/pin"), (500, 720), (1, 3));
        shape.auth(&mut story, 1200, |end| if end > 720 { 130 } else { 2 });
        let found = guilty(&story);
        assert_eq!(found.len(), 1, "{ahead} {found:?}");
        assert_eq!(found[0].1.as_deref(), Some("k7"), "{ahead}");
    }
}

#[test]
fn every_third_sample_may_be_lost() {
    let shape = Shape {
        window: 30,
        total: 400,
        ..QUIET
    };
    let mut story = Story::default();
    shape.rotation(&mut story, ("k7", "door/pin"), (500, 720), (1, 3));
    shape.auth(&mut story, 1500, |end| if end > 720 { 130 } else { 2 });
    let mut n = 0;
    story.events.retain(|event| {
        n += i32::from(matches!(event.data, Data::AuthSample(_)));
        n % 3 != 1 || !matches!(event.data, Data::AuthSample(_))
    });
    let found = guilty(&story);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1.as_deref(), Some("k7"));
}

#[test]
fn what_was_bad_long_before_the_cutover_is_not_its_fault() {
    let shape = Shape {
        window: 30,
        total: 400,
        ..QUIET
    };
    let mut story = Story::default();
    shape.rotation(&mut story, ("k7", "door/pin"), (500, 900), (2, 3));
    shape.auth(&mut story, 1500, |end| if end > 600 { 130 } else { 2 });
    let found = guilty(&story);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, &found[0].1), (Mode::Unattributed, &None));
}
