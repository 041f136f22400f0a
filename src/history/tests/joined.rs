//! Days that several tell, and names that days share.

use super::*;

/// A rotation that began on a day and ended then or on the next one, as told until the next one.
fn over_midnight(ended_on: Day) -> Summary {
    let mut summary = Summary::default();
    for day in [TODAY, TODAY.later(1)] {
        let mut record = Record {
            secret: Some("db".into()),
            words: [4; 8],
            ..Record::default()
        };
        if day == ended_on {
            let case = Case::Ended {
                at: at(day, 60),
                end: End::Failed,
                back: false,
            };
            record.cases.push((Part::Finish, case));
        } else if day < ended_on {
            record.later[Part::Finish.index()] = 1;
        }
        let of = summary.days.entry(day).or_default();
        of.rotations.insert(Key::of(&["r1"]), record);
    }
    summary
}

#[test]
fn what_two_tell_on_either_side_of_midnight_counts_once() {
    let late = over_midnight(TODAY.later(1));
    let early = over_midnight(TODAY);
    // One who heard of the end on the first day knows nothing of a second.
    let mut short = early.clone();
    short.days.remove(&TODAY.later(1));
    let tomorrow = TODAY.later(1);
    for told in [
        [&early, &late, &early],
        [&late, &early, &late],
        [&short, &late, &short],
        [&late, &short, &late],
    ] {
        let (_folder, path) = place();
        let mut history = History::open(&path).unwrap();
        for summary in told {
            history.feed(summary, tomorrow, Keep::default()).unwrap();
        }
        let levels = levels(&mut history, at(tomorrow, 80_000));
        assert_eq!(counts(&levels, LevelName::M1), (1, 1));
        let days = history.totals(TODAY, tomorrow).unwrap();
        let days: Vec<Day> = days.into_iter().map(|(day, _)| day).collect();
        assert_eq!(days, [tomorrow], "the later one is believed");
    }
}

/// One of `secret` and of a service on a day.
fn named(day: Day, secret: &str, service: &str) -> Summary {
    let mut told = ended(day, secret, End::Succeeded, 1);
    let of = told.days.get_mut(&day).unwrap();
    for record in of.rotations.values_mut() {
        record.secret = Some(secret.into());
    }
    let minute = day.number() * 1440;
    let watched = Watched {
        all: vec![(minute, minute + 9)],
        throttled: Vec::new(),
    };
    of.auth.insert((service.into(), None), watched);
    let about = About {
        owner: Some("payments".into()),
        ..About::default()
    };
    told.secrets.insert(secret.into(), about);
    told
}

fn names(path: &Path, table: &str) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let sql = format!("SELECT word FROM {table} ORDER BY word");
    let mut rows = db.prepare(&sql).unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn names_go_with_the_last_day_that_used_them() {
    let (_folder, path) = place();
    let keep = Keep { days: 10 };
    let mut one = History::open(&path).unwrap();
    let mut two = History::open(&path).unwrap();
    one.feed(&named(TODAY, "old", "old-service"), TODAY, keep)
        .unwrap();
    let later = TODAY.later(5);
    // Another cockpit reads the names as they are now.
    two.feed(&named(later, "both", "both-service"), later, keep)
        .unwrap();
    let then = TODAY.later(12);
    one.feed(&named(then, "new", "new-service"), then, keep)
        .unwrap();
    assert_eq!(names(&path, "secret"), ["both", "new"]);
    assert_eq!(names(&path, "word"), ["both-service", "new-service"]);
    // The numbers of those that went may be another's now: who knew them does not take them so.
    two.feed(&named(then, "old", "old-service"), then, keep)
        .unwrap();
    two.feed(&named(then, "both", "both-service"), then, keep)
        .unwrap();
    let mut again = History::open(&path).unwrap();
    let day = again.day(then).unwrap();
    let secrets = day.rotations.values().map(|record| &record.secret);
    let mut secrets: Vec<&str> = secrets.flatten().map(SecretPath::raw).collect();
    secrets.sort_unstable();
    assert_eq!(secrets, ["both", "new", "old"]);
    let services: Vec<&str> = day.auth.keys().map(|(service, _)| service.raw()).collect();
    assert_eq!(services, ["both-service", "new-service", "old-service"]);
    let owners = again.secrets().unwrap();
    assert!(
        owners.iter().all(|(_, about)| about.owner.is_some()),
        "{owners:?}"
    );
}

#[test]
fn what_a_session_still_knows_keeps_its_name() {
    let (_folder, path) = place();
    let keep = Keep { days: 10 };
    let mut history = History::open(&path).unwrap();
    let old = named(TODAY, "quiet", "service");
    history.feed(&old, TODAY, keep).unwrap();
    let then = TODAY.later(12);
    let mut told = named(then, "new", "service");
    told.secrets.extend(old.secrets);
    history.feed(&told, then, keep).unwrap();
    assert_eq!(names(&path, "secret"), ["new", "quiet"]);
}

#[test]
fn a_file_of_the_first_layout_goes_on_as_one_of_the_second() {
    let (_folder, path) = place();
    let mut history = History::open(&path).unwrap();
    let told = ended(TODAY, "r1", End::Failed, 3);
    history.feed(&told, TODAY, Keep::default()).unwrap();
    drop(history);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("DROP TABLE pruned; PRAGMA user_version = 1;")
        .unwrap();
    drop(db);
    let mut history = History::read(&path).unwrap();
    assert_eq!(counts(&levels(&mut history, now()), LevelName::M1), (1, 1));
    assert_eq!(history.feed(&told, TODAY, Keep::default()).unwrap(), 0);
}
