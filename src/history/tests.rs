//! What a history keeps, how often it is told, and what it says where it cannot be used.

mod joined;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::*;
use crate::measure::level::{
    About, Case, Day, End, Episode, Key, LevelName, Levels, Objectives, Part, Record, Seen,
    Summary, Trouble, Watched,
};
use crate::model::{SecretPath, Span, Text, Timestamp};

const TODAY: Day = Day::new(20_000);

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("history.db");
    (folder, path)
}

fn at(day: Day, seconds: i64) -> Timestamp {
    day.begins() + Span::seconds(seconds)
}

/// A rotation of `db` that ended so on a day, as told in so many words, after an hour.
fn ended(day: Day, id: &str, end: End, words: u32) -> Summary {
    let record = Record {
        secret: Some("db".into()),
        words: [words; 8],
        later: [0; 8],
        cases: vec![
            (
                Part::Finish,
                Case::Ended {
                    at: at(day, 7200),
                    end,
                    back: end == End::RolledBack,
                },
            ),
            (
                Part::Revoke,
                Case::Took {
                    at: at(day, 7100),
                    micros: 3_600_000_001,
                },
            ),
            (
                Part::Tries,
                Case::Counted {
                    at: at(day, 7000),
                    good: 2,
                    bad: 0,
                },
            ),
            (
                Part::Tries,
                Case::Counted {
                    at: at(day, 7100),
                    good: 1,
                    bad: 1,
                },
            ),
        ],
    };
    let mut summary = Summary::default();
    let of = summary.days.entry(day).or_default();
    of.rotations.insert(Key::of(&[id]), record);
    summary
}

fn levels(history: &mut History, now: Timestamp) -> Levels {
    let asked = Objectives::default();
    history.levels(now, None, &asked, None).unwrap()
}

fn counts(levels: &Levels, name: LevelName) -> (u64, u64) {
    let reading = &levels.get(name).unwrap().reading;
    (reading.n, reading.bad)
}

fn now() -> Timestamp {
    at(TODAY, 80_000)
}

#[test]
fn a_day_that_is_fed_twice_counts_once() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let told = ended(TODAY, "r1", End::Failed, 3);
    assert_eq!(history.feed(&told, TODAY, Keep::default()).unwrap(), 1);
    assert_eq!(history.feed(&told, TODAY, Keep::default()).unwrap(), 0);
    // Another cockpit on the same file, which saw another rotation too.
    let mut other = History::open(&path).unwrap();
    let mut more = told.clone();
    more.join(&ended(TODAY, "r2", End::Succeeded, 3));
    other.feed(&more, TODAY, Keep::default()).unwrap();
    drop(history);
    let mut again = History::open(&path).unwrap();
    again.feed(&told, TODAY, Keep::default()).unwrap();
    let levels = levels(&mut again, now());
    assert_eq!(counts(&levels, LevelName::M1), (2, 1));
    assert_eq!(counts(&levels, LevelName::M7), (8, 2));
    let totals = again.totals(TODAY, TODAY).unwrap();
    assert_eq!(totals[0].1.ended, [1, 1, 0, 0]);
    assert_eq!(totals[0].1.to_revoke.count(), 2);
}

#[test]
fn who_knows_more_is_believed_and_who_knew_less_changes_nothing() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let early = ended(TODAY, "r1", End::Succeeded, 3);
    let mut late = ended(TODAY, "r1", End::RolledBack, 4);
    for told in [&early, &late, &early] {
        history.feed(told, TODAY, Keep::default()).unwrap();
    }
    assert_eq!(counts(&levels(&mut history, now()), LevelName::M8), (1, 1));
    // It turned out to have ended on the day after.
    let tomorrow = ended(TODAY.later(1), "r1", End::Succeeded, 5);
    let day = late.days.get_mut(&TODAY).unwrap();
    let record = day.rotations.values_mut().next().unwrap();
    (record.cases, record.words) = (Vec::new(), [5; 8]);
    late.join(&tomorrow);
    let mut told = tomorrow.clone();
    told.days.insert(TODAY, day_of_none(5));
    history.feed(&told, TODAY, Keep::default()).unwrap();
    history
        .feed(&early, TODAY.later(-1), Keep::default())
        .unwrap();
    let levels = levels(&mut history, at(TODAY.later(1), 80_000));
    assert_eq!(counts(&levels, LevelName::M8), (1, 0));
    assert_eq!(counts(&levels, LevelName::M1), (1, 0));
    // The day that it does not belong to is a gap.
    let days = history.totals(TODAY, TODAY.later(1)).unwrap();
    let days: Vec<Day> = days.into_iter().map(|(day, _)| day).collect();
    assert_eq!(days, [TODAY.later(1)]);
}

fn day_of_none(words: u32) -> crate::measure::level::DaySummary {
    let mut day = crate::measure::level::DaySummary::default();
    let record = Record {
        secret: None,
        words: [words; 8],
        later: [0; 8],
        cases: Vec::new(),
    };
    day.rotations.insert(Key::of(&["r1"]), record);
    day
}

#[test]
fn a_day_that_became_coarse_says_the_same_and_takes_in_no_second_telling() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let told = ended(TODAY, "r1", End::Failed, 3);
    history.feed(&told, TODAY, Keep::default()).unwrap();
    let then = TODAY.later(20);
    let fine = levels(&mut history, at(then, 0));
    history
        .feed(&Summary::default(), then, Keep::default())
        .unwrap();
    let kept = history.day(TODAY).unwrap();
    let cases = &kept.rotations.values().next().unwrap().cases;
    assert_eq!(cases.len(), 3, "counted together: {cases:?}");
    let coarse = levels(&mut history, at(then, 0));
    for name in LevelName::ALL {
        assert_eq!(counts(&coarse, name), counts(&fine, name), "{name}");
    }
    let value = coarse.get(LevelName::M4).unwrap().reading.value;
    assert_eq!(value, Some(3600.001));
    // The engine's log is read once more.
    history.feed(&told, then, Keep::default()).unwrap();
    assert_eq!(
        counts(&levels(&mut history, at(then, 0)), LevelName::M7),
        (4, 1)
    );
    assert_eq!(history.totals(TODAY, then).unwrap()[0].1.calls, 4);
}

#[test]
fn what_waits_is_asked_for_however_long_ago_it_began() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let long_ago = TODAY.later(-90);
    let mut told = Summary::default();
    let record = Record {
        secret: Some("db".into()),
        words: [9; 8],
        later: [0; 8],
        cases: vec![(
            Part::Revoke,
            Case::Waits {
                since: at(long_ago, 60),
                until: at(TODAY, 60),
            },
        )],
    };
    let of = told.days.entry(long_ago).or_default();
    of.rotations.insert(Key::of(&["r1"]), record);
    history.feed(&told, TODAY, Keep::default()).unwrap();
    let levels = levels(&mut history, now());
    let reading = &levels.get(LevelName::M4).unwrap().reading;
    assert_eq!((reading.n, reading.value), (1, Some(90.0 * 86_400.0)));
}

#[test]
fn minutes_scans_and_secrets_come_back() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let mut told = ended(TODAY, "r1", End::Succeeded, 1);
    let minute = TODAY.number() * 1440;
    let day = told.days.get_mut(&TODAY).unwrap();
    let watched = Watched {
        all: vec![(minute, minute + 9), (minute + 20, minute + 1439)],
        throttled: vec![],
    };
    day.auth
        .insert(("checkout".into(), Some("eu".into())), watched.clone());
    let throttled = Watched {
        throttled: vec![(minute + 5, minute + 6)],
        ..watched
    };
    day.quotas.insert((Text::from("acme"), None), throttled);
    day.leaks.insert((at(TODAY, 5), Key::of(&["print"])));
    told.tellers.insert(Text::from("gitleaks"));
    let about = About {
        owner: Some("payments".into()),
        kind: Some("database".into()),
        tier: None,
    };
    told.secrets.insert(SecretPath::from("db"), about.clone());
    history.feed(&told, TODAY, Keep::default()).unwrap();
    let mut again = History::read(&path).unwrap();
    assert_eq!(again.day(TODAY).unwrap(), told.days[&TODAY]);
    assert_eq!(again.secrets().unwrap(), [(SecretPath::from("db"), about)]);
    let levels = levels(&mut again, at(TODAY.later(1), 0));
    assert_eq!(counts(&levels, LevelName::M3), (1430, 0));
    assert_eq!(counts(&levels, LevelName::M6), (1, 1));
    assert_eq!(counts(&levels, LevelName::M7), (1430 + 4, 3));
}

#[test]
fn old_days_go_and_days_that_cannot_be_are_not_taken_in() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let keep = Keep { days: 10 };
    for (day, id) in [(0, "a"), (-9, "b"), (-10, "c"), (2, "d"), (4000, "e")] {
        let told = ended(TODAY.later(day), id, End::Succeeded, 1);
        history.feed(&told, TODAY, keep).unwrap();
    }
    let span = history.span().unwrap();
    assert_eq!(span, Some((TODAY.later(-9), TODAY)));
    history
        .feed(&Summary::default(), TODAY.later(9), keep)
        .unwrap();
    assert_eq!(history.span().unwrap(), Some((TODAY, TODAY)));
}

fn why(opened: Result<History, HistoryError>) -> String {
    match opened {
        Ok(_) => "it opened".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let told = ended(TODAY, "r1", End::Succeeded, 1);
    history.feed(&told, TODAY, Keep::default()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    // One that somebody opened to others.
    drop(history);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(History::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_is_wrong_with_a_file_is_said_plainly() {
    let (folder, path) = place();
    assert!(why(History::read(&path)).contains("there is none yet"));
    drop(History::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    for opened in [History::open(&path), History::read(&path)] {
        let words = why(opened);
        assert!(
            words.contains("layout 7") && words.contains("newer"),
            "{words}"
        );
    }
    let broken = folder.path().join("broken.db");
    std::fs::write(
        &broken,
        "not a database, whatever it is called, and long enough",
    )
    .unwrap();
    let words = why(History::open(&broken));
    assert!(
        words.contains("cannot be read") && words.contains("move it away"),
        "{words}"
    );
    let words = why(History::open(folder.path()));
    assert!(words.contains("cannot be opened"), "{words}");
}

#[test]
fn a_damaged_day_is_an_error_and_no_crash() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let told = ended(TODAY, "r1", End::Succeeded, 1);
    history.feed(&told, TODAY, Keep::default()).unwrap();
    let db = Connection::open(&path).unwrap();
    for damage in ["x''", "x'ffffffffffffffffffff'", "substr(body, 1, 40)"] {
        db.execute(&format!("UPDATE detail SET body = {damage}"), [])
            .unwrap();
        let error = history.day(TODAY).unwrap_err().to_string();
        assert!(error.contains("damaged"), "{damage}: {error}");
        assert!(history.feed(&told, TODAY, Keep::default()).is_err());
    }
}

#[test]
fn a_damaged_old_day_keeps_no_other_from_being_told() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let told = ended(TODAY, "r1", End::Succeeded, 1);
    history.feed(&told, TODAY, Keep::default()).unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute("UPDATE detail SET body = x'ff'", []).unwrap();
    let then = TODAY.later(20);
    let more = ended(then, "r2", End::Succeeded, 1);
    assert_eq!(history.feed(&more, then, Keep::default()).unwrap(), 1);
    let coarse = "SELECT coarse FROM day ORDER BY day LIMIT 1";
    let coarse: i64 = db.query_row(coarse, [], |row| row.get(0)).unwrap();
    assert_eq!(coarse, 1, "it is not tried again");
}

#[test]
fn a_finding_is_taken_back_by_whoever_told_it_alone() {
    let (_folder, path) = place();
    let mut one = History::open(&path).unwrap();
    let mut two = History::open(&path).unwrap();
    let nothing = Summary {
        knows: Some((at(TODAY, 0), at(TODAY, 100))),
        ..ended(TODAY, "r1", End::Succeeded, 1)
    };
    let mut told = nothing.clone();
    let episode = Episode {
        mode: "F1",
        trouble: Trouble::of("F1"),
        secret: Some("db".into()),
        services: Vec::new(),
        regions: Vec::new(),
        detected_at: at(TODAY, 10),
        resolved_at: None,
    };
    let until = at(TODAY, 20);
    let day = told.days.get_mut(&TODAY).unwrap();
    let seen = Seen { episode, until };
    day.findings.insert(Key::of(&["f1"]), seen);
    one.feed(&told, TODAY, Keep::default()).unwrap();
    // Another cockpit, which follows other sources, never knew of it.
    two.feed(&nothing, TODAY, Keep::default()).unwrap();
    assert_eq!(two.day(TODAY).unwrap().findings.len(), 1);
    one.feed(&nothing, TODAY, Keep::default()).unwrap();
    assert_eq!(two.day(TODAY).unwrap().findings.len(), 0);
}

#[test]
fn a_full_disk_loses_that_feeding_and_no_more() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let told = ended(TODAY, "r1", End::Succeeded, 1);
    history.feed(&told, TODAY, Keep::default()).unwrap();
    let pages: i64 = history.pages();
    history.limit(pages);
    let mut more = Summary::default();
    for n in 0..3000 {
        more.join(&ended(TODAY.later(-1), &format!("r{n}"), End::Failed, 1));
    }
    let error = history.feed(&more, TODAY, Keep::default()).unwrap_err();
    assert!(
        error.to_string().contains("full") && error.passes(),
        "{error}"
    );
    assert_eq!(counts(&levels(&mut history, now()), LevelName::M1), (1, 0));
    history.limit(1 << 20);
    history.feed(&more, TODAY, Keep::default()).unwrap();
    assert_eq!(
        counts(&levels(&mut history, now()), LevelName::M1),
        (3001, 3000)
    );
}

#[test]
fn one_that_is_locked_is_tried_again() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let told = ended(TODAY, "r1", End::Succeeded, 1);
    let error = history.feed(&told, TODAY, Keep::default()).unwrap_err();
    assert!(
        error.passes() && error.to_string().contains("locked"),
        "{error}"
    );
    // Reading goes on meanwhile.
    assert_eq!(counts(&levels(&mut history, now()), LevelName::M1), (0, 0));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(history.feed(&told, TODAY, Keep::default()).unwrap(), 1);
}
