//! The executive screen and what the on-call screen says of budgets: months that went well, one
//! that did not, and the moment when nothing is known.

use std::sync::Arc;

use super::{Bench, rich};
use crate::measure::level::{
    Case, Day, End, Episode, Key, Objectives, Part, Record, Seen, Summary, Trouble, Watched,
};
use crate::measure::overview::{Origin, Overview};
use crate::model::{Span, Timestamp};
use crate::ui::State;

fn moment(day: Day, hour: i64) -> Timestamp {
    day.begins() + Span::seconds(hour * 3600)
}

/// One rotation of a day: its outcome, hours until the old version was revoked, an emergency.
fn rotation(summary: &mut Summary, day: Day, n: i64, (end, hours, emergency): (End, i64, bool)) {
    let counted = |part, good, bad| {
        let at = moment(day, 3);
        (part, Case::Counted { at, good, bad })
    };
    let took = |part, seconds: i64| {
        let micros = u64::try_from(seconds).unwrap() * 1_000_000;
        let at = moment(day, 5);
        (part, Case::Took { at, micros })
    };
    let ended = Case::Ended {
        at: moment(day, 5),
        end,
        back: end == End::RolledBack,
    };
    let cases = vec![
        (Part::Finish, ended),
        took(Part::Updates, 40 + n * 9),
        counted(Part::Within, 12, 0),
        took(Part::Revoke, hours * 3600),
        counted(Part::Start, u32::from(!emergency), u32::from(emergency)),
        counted(Part::Tries, 9, u32::from(n == 3)),
        counted(Part::Audit, 9, 0),
    ];
    let record = Record {
        secret: Some("payments/db".into()),
        words: [1; 8],
        later: [0; 8],
        cases,
    };
    let key = Key::of(&[&format!("{day}-{n}")]);
    let of = summary.days.entry(day).or_default();
    of.rotations.insert(key, record);
}

/// So many days up to the night, with a bad week among them.
fn months(days: i64) -> Summary {
    let today = Day::of(rich::at(0));
    let mut summary = Summary::default();
    for back in (0..days).filter(|back| back % 13 != 7) {
        let day = today.later(-back);
        for n in 0..(3 + back % 4) {
            let outcome = match (back, n) {
                (14..=18, 0) => (End::RolledBack, 30, false),
                (16, 1) => (End::Failed, 2, false),
                (17, 2) => (End::Succeeded, 1, true),
                (40, 0) => (End::Aborted, 100, false),
                _ => (End::Succeeded, 1 + (n + back) % 24, false),
            };
            rotation(&mut summary, day, n, outcome);
        }
        let first = day.number() * 1440;
        let watched = Watched {
            all: vec![(first, first + 1439)],
            throttled: vec![],
        };
        let of = summary.days.entry(day).or_default();
        of.auth
            .insert(("checkout".into(), Some("eu-1".into())), watched);
        if back == 16 {
            let episode = Episode {
                mode: "F1",
                trouble: Trouble::of("F1"),
                secret: Some("payments/db".into()),
                services: vec!["checkout".into()],
                regions: vec![],
                detected_at: moment(day, 4),
                resolved_at: Some(moment(day, 5)),
            };
            let until = moment(day, 5);
            of.findings.insert(Key::of(&["f"]), Seen { episode, until });
        }
    }
    summary
}

fn overview(summary: &Summary, origin: Origin) -> State {
    let now = rich::at(760);
    let asked = Objectives::default();
    let today = summary.levels(now, Some(now - Span::seconds(86_400)), &asked);
    let today = today
        .iter()
        .nth(7)
        .map(|level| (level.reading.n, level.reading.bad));
    let overview = Overview {
        at: now,
        levels: summary.levels(now, None, &asked),
        days: summary.totals().into(),
        rolled_back: today.unwrap_or_default(),
        origin,
    };
    State {
        overview: Some(Arc::new(overview)),
        ..rich::night()
    }
}

fn history(days: i64) -> State {
    let summary = months(days);
    let first = summary.days.keys().next().copied();
    let origin = Origin::History {
        first,
        trouble: None,
    };
    overview(&summary, origin)
}

/// The same on a night when nothing happens.
fn calm(days: i64) -> State {
    let overview = history(days).overview;
    let mut story = rich::Story::default();
    story.stages(0, "r1", &["trigger", "generate", "store"]);
    let incident = story.incident;
    State {
        incident,
        overview,
        ..State::default()
    }
}

fn unknown() -> State {
    overview(&Summary::default(), Origin::Recording)
}

macro_rules! pictures {
    ($($name:ident: $columns:literal x $rows:literal, $state:expr, $keys:literal;)+) => {$(
        #[test]
        fn $name() {
            let mut bench = Bench::new($columns, $rows, $state);
            bench.press($keys);
            insta::assert_snapshot!(bench.picture());
        }
    )+};
}

pictures! {
    executive_200x50: 200 x 50, history(60), "4";
    executive_year_200x50: 200 x 50, history(365), "4";
    executive_80x24: 80 x 24, history(60), "4";
    executive_80x24_below: 80 x 24, history(60), "4 page-down";
    executive_40x15: 40 x 15, history(60), "4";
    executive_40x15_below: 40 x 15, history(60), "4 page-down";
    executive_unknown_200x50: 200 x 50, unknown(), "4";
    executive_unknown_80x24: 80 x 24, unknown(), "4";
    executive_unknown_40x15: 40 x 15, unknown(), "4";
    on_call_budgets_200x50: 200 x 50, history(60), "";
    on_call_budgets_80x24: 80 x 24, history(60), "";
    on_call_budgets_40x15: 40 x 15, history(60), "";
    on_call_calm_budgets_40x15: 40 x 15, calm(60), "";
    executive_empty_80x24: 80 x 24, rich::nothing(), "4";
}

#[test]
fn a_history_that_is_not_used_is_said() {
    let why = "the history /d/history.db: another program holds it locked; it is tried again";
    let origin = Origin::Session(why.into());
    let mut bench = Bench::new(80, 24, overview(&months(2), origin));
    bench.press("4");
    let text = bench.text();
    assert!(
        text.contains("from this session alone") && text.contains("locked"),
        "{text}"
    );
}

#[test]
fn what_is_older_than_the_moment_shown_says_so() {
    let mut state = history(3);
    let mut overview = (**state.overview.as_ref().unwrap()).clone();
    overview.at = rich::at(300);
    state.overview = Some(Arc::new(overview));
    let mut bench = Bench::new(80, 24, state);
    bench.press("4");
    assert!(bench.line_with("as of").contains("03:05:00 UTC"));
}
