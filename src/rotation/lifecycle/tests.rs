//! What single transitions do; what holds over all of them is in `model_check`.

use super::testing::{act, at, rotation};
use super::*;
use crate::model::event::{ConsumerState, Data};
use crate::model::intent::{Outcome, Verb};
use crate::model::{Text, Version};

fn step(r: &Rotation, input: Input, seconds: i64) -> Rotation {
    transition(r, input, &at(seconds)).unwrap().next
}

/// Answers what is due as a world in which all is well.
fn answer(r: &Rotation, seconds: i64) -> Rotation {
    let pending = r.due(at(seconds).now, false).next().unwrap().clone();
    let standing = |version: &Version, state| {
        Report::Standing(Standing {
            version: version.clone(),
            state,
            error: None,
        })
    };
    let report = match &pending.what {
        Effect::Attempt { .. } => Report::Accepted,
        Effect::Prove { .. } => Report::Refused(Text::from("no")),
        Effect::Push {
            version, now: true, ..
        } => standing(version, ConsumerState::InUse),
        Effect::Push { version, .. } => standing(version, ConsumerState::Delivered),
        Effect::Ask { member } => {
            let using = r.members[*member].using.clone();
            standing(&using.unwrap_or(Version::from("v1")), ConsumerState::InUse)
        }
        Effect::Presence => Report::Sitters(None),
        Effect::Health => Report::Health(vec![Reading::default(); r.rules.health.len()]),
        _ => Report::Done,
    };
    step(
        r,
        Input::Done {
            key: pending.key,
            report,
        },
        seconds,
    )
}

fn until(mut r: Rotation, there: impl Fn(&State) -> bool) -> Rotation {
    for _ in 0..100 {
        if there(&r.state) {
            return r;
        }
        r = answer(&r, 0);
    }
    panic!("it stays in {:?}", r.state);
}

fn begun(rules: Rules, waves: &[usize]) -> Rotation {
    step(&rotation(rules, waves), Input::Tick, 0)
}

fn trouble(passes: bool, retry_after: Option<i64>) -> Trouble {
    Trouble {
        passes,
        retry_after: retry_after.map(Span::seconds),
        words: "create a key: 429 Too Many Requests".to_owned(),
    }
}

fn fail(r: &Rotation, trouble: Trouble, seconds: i64) -> Rotation {
    let key = r.pending[0].key.clone();
    step(r, Input::Failed { key, trouble }, seconds)
}

#[test]
fn the_wait_doubles_and_retry_after_is_obeyed() {
    let mut r = begun(Rules::default(), &[0]);
    let mut waits = Vec::new();
    for _ in 0..5 {
        r = fail(&r, trouble(true, None), 0);
        waits.push(r.pending[0].due.unwrap().since(at(0).now).as_micros() / 1_000);
    }
    // Half of the jitter: three quarters of 1, 2, 4, 8, 16 s.
    assert_eq!(waits, [750, 1_500, 3_000, 6_000, 12_000]);
    let r = fail(&begun(Rules::default(), &[0]), trouble(true, Some(90)), 0);
    let lot = Span::micros(500_000);
    assert_eq!(r.pending[0].due, Some(at(90).now + lot), "a second by lot");
}

#[test]
fn what_no_wait_cures_and_what_failed_often_enough_waits_for_a_person() {
    let r = fail(&begun(Rules::default(), &[0]), trouble(false, None), 0);
    assert_eq!(r.pending[0].due, None);
    assert!(r.stalled().unwrap().contains("429"));
    assert_eq!(
        r.wake_at(Some(at(0).now), false, |_| false),
        None,
        "it does nothing by itself"
    );
    let mut r = begun(Rules::default(), &[0]);
    for _ in 0..6 {
        assert!(r.stalled().is_none());
        r = fail(&r, trouble(true, None), 0);
    }
    let r = step(&r, act(Verb::RetryStage), 0);
    assert_eq!(
        (r.pending[0].attempt, r.pending[0].due),
        (1, Some(at(0).now))
    );
}

#[test]
fn a_deadline_that_nobody_looked_at_wakes_it_though_it_is_past() {
    let r = until(begun(Rules::default(), &[0]), |s| {
        matches!(s, State::Grace { .. })
    });
    let end = Some(at(600).now);
    let wake = |seconds: Option<i64>| r.wake_at(seconds.map(|s| at(s).now), false, |_| false);
    assert_eq!(wake(Some(599)), end);
    assert_eq!(wake(None), end, "the engine was just opened");
    assert_eq!(wake(Some(600)), None, "it was acted on");
}

#[test]
fn grace_is_as_long_as_the_plan_says_and_no_shorter() {
    let r = until(begun(Rules::default(), &[0]), |s| {
        matches!(s, State::Grace { .. })
    });
    assert_eq!(step(&r, Input::Tick, 599), r);
    let r = step(&r, Input::Tick, 600);
    assert!(
        matches!(
            r.state,
            State::Grace {
                look: Look::Looking,
                ..
            }
        ),
        "everybody is asked once more"
    );
    let asked = r
        .pending
        .iter()
        .filter(|p| matches!(p.what, Effect::Ask { .. }))
        .count();
    assert_eq!(asked, 1);
}

#[test]
fn a_jump_of_the_clock_moves_the_end_of_grace_with_it() {
    let r = until(begun(Rules::default(), &[0]), |s| {
        matches!(s, State::Grace { .. })
    });
    let done = transition(&r, Input::Jumped(Span::seconds(3_600)), &at(3_600)).unwrap();
    assert!(
        matches!(done.next.state, State::Grace { ends_at, look: Look::NotYet } if ends_at == at(4_200).now)
    );
    assert!(matches!(done.events[0].1, Data::RotationGrace(_)));
}

#[test]
fn somebody_seen_at_the_target_holds_the_revocation() {
    let r = until(begun(Rules::default(), &[0]), |s| {
        matches!(s, State::Grace { .. })
    });
    let r = step(&r, Input::Tick, 600);
    let presence = r
        .pending
        .iter()
        .find(|p| p.what == Effect::Presence)
        .unwrap()
        .key
        .clone();
    let seen = Report::Sitters(Some(vec![Text::from("app_a from 10.0.0.9")]));
    let r = step(
        &r,
        Input::Done {
            key: presence,
            report: seen,
        },
        600,
    );
    let r = answer(&r, 600);
    assert!(matches!(
        r.state,
        State::Grace {
            look: Look::Held,
            ..
        }
    ));
    assert_eq!(r.blockers(), ["app_a from 10.0.0.9"]);
    let r = step(&r, act(Verb::RevokeNow), 600);
    assert_eq!(r.state, State::Revoking);
    assert!(r.forced);
}

#[test]
fn a_revocation_that_the_target_does_not_keep_is_no_revocation() {
    let rules = Rules {
        grace: Span::ZERO,
        ..Rules::default()
    };
    let mut r = until(begun(rules, &[0]), |s| *s == State::Revoking);
    for _ in 0..6 {
        r = answer(&r, 10_000);
        let proof = r.pending[0].clone();
        assert!(matches!(proof.what, Effect::Prove { .. }));
        r = step(
            &r,
            Input::Done {
                key: proof.key,
                report: Report::Accepted,
            },
            10_000,
        );
        assert_eq!(r.state, State::Revoking);
        if let Some(due) = r.pending[0].due {
            r.pending[0].due = Some(due.min(at(10_000).now));
        }
    }
    assert!(
        r.stalled().unwrap().contains("still accepted"),
        "{:?}",
        r.pending
    );
}

#[test]
fn health_is_judged_by_what_was_counted_since_the_wave_began() {
    let health = HealthRule {
        service: "checkout".into(),
        region: None,
        max_failed: 0.1,
    };
    let rules = Rules {
        health: vec![health],
        ..Rules::default()
    };
    let r = until(begun(rules, &[0]), |s| matches!(s, State::Taking { .. }));
    let r = answer(&r, 0);
    let read = |r: &Rotation, total, failed, seconds| {
        let key = r
            .pending
            .iter()
            .find(|p| p.what == Effect::Health)
            .unwrap()
            .key
            .clone();
        let report = Report::Health(vec![Reading { total, failed }]);
        step(r, Input::Done { key, report }, seconds)
    };
    let early = read(&r, 100, 1, 5);
    assert!(
        matches!(early.state, State::Taking { .. }),
        "10 s are watched"
    );
    let few = read(&r, 9, 9, 12);
    assert!(
        matches!(few.state, State::Grace { .. }),
        "nine calls say nothing"
    );
    let sick = read(&r, 100, 11, 12);
    assert!(matches!(sick.state, State::Reinstating { .. }));
    assert!(
        sick.end_reason
            .unwrap()
            .raw()
            .contains("checkout fails 11.0 %")
    );
}

#[test]
fn pause_holds_everything_and_resume_lets_it_go_on() {
    let r = step(&begun(Rules::default(), &[0]), act(Verb::Pause), 0);
    assert_eq!(r.due(at(0).now, false).count(), 0);
    assert_eq!(r.wake_at(Some(at(0).now), false, |_| false), None);
    let refusal = transition(&r, act(Verb::Pause), &at(0)).unwrap_err();
    assert!(
        refusal.why.contains("paused already, by alice"),
        "{refusal}"
    );
    // An answer that was under way is taken in; what follows from it waits.
    let key = r.pending[0].key.clone();
    let r = step(
        &r,
        Input::Done {
            key,
            report: Report::Done,
        },
        0,
    );
    assert_eq!(
        (&r.state, r.due(at(0).now, false).count()),
        (&State::Storing, 0)
    );
    let r = step(&r, act(Verb::Resume), 0);
    assert_eq!(r.due(at(0).now, false).count(), 1);
}

#[test]
fn a_freeze_lets_everything_but_starts_and_revokes_go_on() {
    let frozen = Moment {
        frozen: true,
        ..at(0)
    };
    let waits = rotation(Rules::default(), &[0]);
    assert_eq!(
        transition(&waits, Input::Tick, &frozen).unwrap().next,
        waits
    );
    let r = until(begun(Rules::default(), &[0]), |s| *s == State::Validating);
    assert!(r.due(at(0).now, true).count() > 0);
    let rules = Rules {
        grace: Span::ZERO,
        ..Rules::default()
    };
    let r = until(begun(rules, &[0]), |s| *s == State::Revoking);
    assert_eq!(r.due(at(0).now, true).count(), 0);
    assert_eq!(r.due(at(0).now, false).count(), 1);
}

#[test]
fn a_freeze_holds_the_activation_where_the_old_version_dies_with_it() {
    for (dual_run, held) in [(true, false), (false, true)] {
        let rules = Rules {
            dual_run,
            ..Rules::default()
        };
        let r = until(begun(rules, &[0]), |s| *s == State::Activating);
        assert_eq!(r.due(at(0).now, true).count() == 0, held);
        assert_eq!(r.wake_at(None, true, |_| false).is_none(), held);
        assert_eq!(r.due(at(0).now, false).count(), 1);
    }
}

#[test]
fn without_dual_run_there_is_one_moment_and_no_grace() {
    let rules = Rules {
        dual_run: false,
        ..Rules::default()
    };
    let r = until(begun(rules, &[0, 0]), |s| matches!(s, State::Taking { .. }));
    let attempts = r
        .pending
        .iter()
        .filter(|p| matches!(p.what, Effect::Attempt { .. }))
        .count();
    assert_eq!(
        attempts, 1,
        "the synthetic consumer comes after the cutover"
    );
    let r = until(r, |s| *s == State::Revoking);
    let refusal = transition(&r, act(Verb::ReissuePrevious), &at(0)).unwrap_err();
    assert!(refusal.next.contains("roll back"), "{refusal}");
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let r = begun(Rules::default(), &[0]);
    let late = Input::Done {
        key: "rot-1/7/install".to_owned(),
        report: Report::Done,
    };
    assert_eq!(step(&r, late, 0), r);
}

#[test]
fn a_target_that_cannot_be_asked_who_is_there_holds_the_revocation() {
    let r = until(begun(Rules::default(), &[0]), |s| {
        matches!(s, State::Grace { .. })
    });
    let mut r = step(&r, Input::Tick, 600);
    let presence = |r: &Rotation| {
        let mine = r.pending.iter().find(|p| p.what == Effect::Presence);
        mine.unwrap().key.clone()
    };
    for _ in 0..3 {
        let key = presence(&r);
        let trouble = trouble(true, None);
        r = step(&r, Input::Failed { key, trouble }, 600);
    }
    r = answer(&r, 600);
    let held = |r: &Rotation| {
        matches!(
            r.state,
            State::Grace {
                look: Look::Held,
                ..
            }
        )
    };
    assert!(held(&r), "{:?}", r.state);
    assert!(r.blockers()[0].contains("cannot be asked"));
    // It is asked on, and goes on from there once it answers that nobody is there.
    let key = presence(&r);
    let trouble = trouble(false, None);
    r = step(&r, Input::Failed { key, trouble }, 700);
    assert!(held(&r));
    let key = presence(&r);
    let report = Report::Sitters(Some(Vec::new()));
    r = step(&r, Input::Done { key, report }, 800);
    assert!(!held(&r), "{:?}", r.state);
    assert!(r.blockers().is_empty());
}

#[test]
fn an_act_whose_calls_were_given_up_is_not_told_as_done() {
    let r = until(begun(Rules::default(), &[0, 0]), |s| {
        matches!(s, State::Grace { .. })
    });
    let r = step(&r, act(Verb::RePush), 1);
    assert_eq!(r.acts.len(), 1);
    // One is sent, the other not yet when somebody rolls back.
    let r = answer(&r, 1);
    let done = transition(&r, act(Verb::Rollback), &at(2)).unwrap();
    let mine = done
        .outcomes
        .iter()
        .find(|(key, _)| key == "key-re-push")
        .unwrap();
    let Outcome::Failed { why } = &mine.1 else {
        panic!("{mine:?}");
    };
    assert!(why.contains("1 of 2 calls were given up"), "{why}");
}

#[test]
fn an_act_is_observed_once_each_of_its_calls_was_answered() {
    let r = until(begun(Rules::default(), &[0, 0]), |s| {
        matches!(s, State::Grace { .. })
    });
    let r = answer(&step(&r, act(Verb::RePush), 1), 1);
    assert_eq!(r.acts.len(), 1, "one is still to be sent");
    let pending = r.due(at(1).now, false).next().unwrap().clone();
    let standing = Standing {
        version: Version::from("v2"),
        state: ConsumerState::InUse,
        error: None,
    };
    let input = Input::Done {
        key: pending.key,
        report: Report::Standing(standing),
    };
    let done = transition(&r, input, &at(1)).unwrap();
    let words = "2 of 2 consumers use version v2".to_owned();
    let seen = Outcome::Observed { words };
    assert_eq!(done.outcomes, [("key-re-push".to_owned(), seen)]);
}
