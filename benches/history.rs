//! A year of history: 365 days of 5,000 secrets, each rotated every day. Prints how large the file
//! is, how long it takes to open it and to have all that the first executive page shows, and,
//! beside it, a plain count of rows in the same file. `scripts/bench-history` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement says what it measured and fails as tests do"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use rotascope::history::{History, Keep};
use rotascope::measure::level::{
    About, Case, Day, DaySummary, End, Episode, Key, Levels, Objectives, Part, Record, Seen,
    Summary, Totals, Trouble, Watched,
};
use rotascope::model::{SecretPath, Span, Text, Timestamp};
use rusqlite::Connection;

const DAYS: i64 = 365;
const SECRETS: u64 = 5_000;
/// How many consumers each secret has; for each the history keeps how long its update took.
const CONSUMERS: u64 = 4;
/// How many services are watched, each in three regions.
const SERVICES: u64 = 200;
/// How often each figure is taken; the middle one is printed.
const TIMES: usize = 9;

/// Numbers from a seed (S. Vigna's `SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn main() {
    let folder = std::env::var_os("ROTASCOPE_BENCH_FOLDER");
    let folder = match folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.unwrap();
    let path = folder.path().join("history.db");
    let today = Day::new(20_700);
    let made = make(&path, today);
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let wal = path.with_extension("db-wal");
    let bytes = size(&path) + size(&wal);
    println!("a year: {DAYS} days x {SECRETS} secrets, a rotation each, {CONSUMERS} consumers");
    println!("made and fed day by day in {:.1} s", made.as_secs_f64());
    println!("size {:.1} MB (at most 50)", bytes as f64 / 1e6);

    let now = today.begins() + Span::seconds(80_000);
    let open = middle(|| {
        let history = History::open(&path).unwrap();
        assert!(history.span().unwrap().is_some());
    });
    let first = middle(|| {
        let history = History::open(&path).unwrap();
        assert_eq!(trend(&history, today).len() as u64, DAYS.unsigned_abs());
    });
    let page = middle(|| {
        let mut history = History::open(&path).unwrap();
        assert_eq!(trend(&history, today).len() as u64, DAYS.unsigned_abs());
        assert!(
            levels(&mut history, now)
                .iter()
                .all(|level| level.reading.n > 0)
        );
    });
    let rows = |table: &str| {
        let db = Connection::open(&path).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let plain = middle(|| assert_eq!(rows("detail"), DAYS));
    let secrets = middle(|| assert_eq!(rows("secret").unsigned_abs(), SECRETS));
    let say = |what: &str, took: Duration| {
        println!("{what:<58} {:>8.2} ms", took.as_secs_f64() * 1e3);
    };
    say("open", open);
    say("open, and the trend of the year", first);
    say("open, and all of the first page (30 days of levels)", page);
    say("open, and SELECT count(*) of the days", plain);
    say("open, and SELECT count(*) of the secrets", secrets);
}

fn middle(run: impl Fn()) -> Duration {
    let mut took: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    took.sort();
    *took.get(TIMES / 2).unwrap()
}

fn trend(history: &History, today: Day) -> Vec<(Day, Totals)> {
    history.totals(today.later(-DAYS), today).unwrap()
}

fn levels(history: &mut History, now: Timestamp) -> Levels {
    let asked = Objectives::default();
    history.levels(now, None, &asked, None).unwrap()
}

/// Feeds a year, each day on its own day, as sessions would.
fn make(path: &Path, today: Day) -> Duration {
    let began = Instant::now();
    let mut dice = Dice(1);
    let mut history = History::open(path).unwrap();
    let keep = Keep { days: 400 };
    for back in (0..DAYS).rev() {
        let day = today.later(-back);
        let mut summary = Summary::default();
        if back == DAYS - 1 {
            for n in 0..SECRETS {
                let about = About {
                    owner: Some(Text::from(format!("team-{}", n % 60))),
                    kind: Some(Text::from("database")),
                    tier: Some(Text::from("standard")),
                };
                summary.secrets.insert(secret(n), about);
            }
        }
        summary.days.insert(day, one_day(&mut dice, day));
        history.feed(&summary, day, keep).unwrap();
    }
    // What is old enough becomes coarse, a few days with each feeding.
    for _ in 0..4 {
        history.feed(&Summary::default(), today, keep).unwrap();
    }
    began.elapsed()
}

fn secret(n: u64) -> SecretPath {
    SecretPath::from(format!("team-{}/service-{:05}/database", n % 60, n))
}

fn one_day(dice: &mut Dice, day: Day) -> DaySummary {
    let mut summary = DaySummary::default();
    for n in 0..SECRETS {
        let key = Key::of(&[&format!("rotation-{day}-{n}")]);
        summary.rotations.insert(key, record(dice, day, n));
    }
    let first = day.number() * 1440;
    for n in 0..SERVICES {
        for region in ["eu-1", "us-2", "ap-1"] {
            let watched = Watched {
                all: vec![(first, first + 1439)],
                throttled: Vec::new(),
            };
            let service = format!("service-{n:03}");
            let place = (service.as_str().into(), Some(region.into()));
            summary.auth.insert(place, watched);
        }
    }
    for n in 0..10 {
        let since = day.begins() + Span::seconds(n * 3600);
        let episode = Episode {
            mode: "F1",
            trouble: Trouble::of("F1"),
            secret: Some(secret(dice.below(SECRETS))),
            services: vec![format!("service-{n:03}").into()],
            regions: vec!["eu-1".into()],
            detected_at: since,
            resolved_at: Some(since + Span::seconds(900)),
        };
        let until = since + Span::seconds(900);
        let key = Key::of(&[&format!("{day}-{n}")]);
        summary.findings.insert(key, Seen { episode, until });
    }
    for n in 0..20 {
        let at = day.begins() + Span::seconds(n);
        let scanned = (
            Text::from(format!("git/repository-{n}")),
            Text::from("gitleaks"),
        );
        let look = rotascope::measure::level::Look {
            scans: 1,
            findings: 0,
        };
        summary.scans.insert((at, scanned), look);
    }
    summary
}

/// A rotation of nine stages that takes some hours; every hundredth ends badly.
fn record(dice: &mut Dice, day: Day, n: u64) -> Record {
    let began = dice.below(40_000_000_000);
    let at = |micros: u64| day.begins() + Span::micros(i64::try_from(began + micros).unwrap());
    let mut cases = Vec::new();
    let bad = dice.below(100) == 0;
    let end = if bad { End::RolledBack } else { End::Succeeded };
    let last = 1_000_000_000 + dice.below(40_000_000_000);
    cases.push((
        Part::Finish,
        Case::Ended {
            at: at(last),
            end,
            back: bad,
        },
    ));
    for _ in 0..CONSUMERS {
        let micros = 1_000_000 + dice.below(60_000_000);
        cases.push((
            Part::Updates,
            Case::Took {
                at: at(micros),
                micros,
            },
        ));
    }
    let counted = |micros: u64, good: u32, bad: u32| Case::Counted {
        at: at(micros),
        good,
        bad,
    };
    cases.push((Part::Within, counted(last, 4, 0)));
    cases.push((
        Part::Revoke,
        Case::Took {
            at: at(last),
            micros: last - dice.below(900_000_000),
        },
    ));
    let emergency = u32::from(dice.below(3000) == 0);
    cases.push((Part::Start, counted(0, 1 - emergency, emergency)));
    for stage in 0..9 {
        let micros = stage * 60_000_000 + dice.below(50_000_000);
        let throttled = u32::from(dice.below(300) == 0);
        cases.push((Part::Tries, counted(micros, 1 - throttled, throttled)));
        cases.push((Part::Audit, counted(micros, 1, 0)));
    }
    cases.sort_unstable();
    let words = 18 + u32::try_from(dice.below(5)).unwrap();
    Record {
        secret: Some(secret(n)),
        words: [1, 5, words + 8, words, 0, 1, 9, 18],
        later: [0; 8],
        cases,
    }
}
