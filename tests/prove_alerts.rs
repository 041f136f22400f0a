//! Nights of the lab, and whom they wake: one page an incident, never two, none where nothing is
//! broken, and a planned window hides neither F4, F5 nor a page. `scripts/prove-alerts` runs two
//! hundred nights of thirty minutes; here a few short ones run.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "support/lab_run.rs"]
mod lab_run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rotascope::diagnosis::{Diagnosis, Finding, Historian, Mode, rules};
use rotascope::measure::alert::Alert;
use rotascope::model::event::{Severity, WindowPlanned};
use rotascope::model::{Event, RotationId, SecretPath, Span, Timestamp};
use rotascope::rotation::lab::Cause;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use lab_run::{Run, another, record, taken_back};

/// How many times faster than the world the lab runs.
const SCALE: f64 = 60.0;

/// Says something to whoever runs the script.
#[expect(clippy::print_stdout, reason = "what scripts/prove-alerts is run for")]
fn say(words: &str) {
    println!("{words}");
}

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok().and_then(|n| n.parse().ok());
    given.unwrap_or(otherwise)
}

/// One night: what breaks, and whether all of it was announced as maintenance.
#[derive(Clone, Copy, Debug)]
struct Night {
    fault: Option<Cause>,
    window: bool,
    seed: u64,
}

/// Ten nights, one after the other: each fault and two clean ones; every second ten lie in a
/// planned window.
fn night(n: u64) -> Night {
    let fault = usize::try_from(n % 10).unwrap();
    Night {
        fault: Cause::ALL.into_iter().nth(fault),
        window: (n / 10 + n).is_multiple_of(2),
        seed: n + 1,
    }
}

/// What a night came to.
#[derive(Debug, Default)]
struct Count {
    pages: usize,
    expected: usize,
    tickets: usize,
    doubled: usize,
    wrong: usize,
    hidden: usize,
    missed: usize,
    words: Vec<String>,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.expected += other.expected;
        self.tickets += other.tickets;
        self.doubled += other.doubled;
        self.wrong += other.wrong;
        self.hidden += other.hidden;
        self.missed += other.missed;
        self.words.extend(other.words);
    }

    fn is_right(&self) -> bool {
        self.pages == self.expected && self.doubled + self.wrong + self.hidden + self.missed == 0
    }
}

/// What happened in a night.
struct Lived {
    events: Vec<Event>,
    hurt: SecretPath,
    /// True where a cutover was taken back before anybody was hurt, or the machine stood still.
    by_chance: bool,
}

/// Lets a night happen.
async fn lived(night: Night) -> Lived {
    let run = Run::start(night.fault, night.seed, SCALE).await;
    let began = run.lab.clock().now();
    let length = i64::try_from(number("ROTASCOPE_NIGHT_LENGTH", 330)).unwrap();
    run.wait(length).await;
    let mut events = run.events();
    let hurt = run.lab.hurt().clone();
    let by_chance = run.starved() || night.fault.is_some() && taken_back(&events);
    run.end().await;
    if night.window {
        let planned = WindowPlanned {
            window: "night".into(),
            starts_at: began - Span::seconds(60),
            ends_at: began + Span::seconds(length + 3600),
            owner: None,
            services: Vec::new(),
            secrets: Vec::new(),
            reason: Some("maintenance".into()),
        };
        let first = began - Span::seconds(1);
        events.push(Event::new("/calendar", "night", first, planned.into()));
    }
    events.sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    Lived {
        events,
        hurt,
        by_chance,
    }
}

/// What was found at any time, though it may have been taken back: when first, and when first as
/// a page. Worked out from the diagnosis alone.
fn found(events: &[Event]) -> BTreeMap<(Option<RotationId>, Mode), (Finding, Option<Timestamp>)> {
    let mut diagnosis = Diagnosis::new(rules());
    let mut all = BTreeMap::new();
    let mut revision = 0;
    for event in events {
        diagnosis.apply(event);
        if diagnosis.findings().revision() == revision {
            continue;
        }
        revision = diagnosis.findings().revision();
        for finding in diagnosis.findings().all() {
            let key = (finding.rotation.clone(), finding.mode);
            let held = all.entry(key).or_insert_with(|| (finding.clone(), None));
            if finding.severity == Severity::Page {
                held.1.get_or_insert(event.time);
            }
        }
    }
    all
}

fn alerts(events: &[Event]) -> Vec<Arc<Alert>> {
    let mut historian = Historian::new(rules());
    for event in events {
        historian.apply(event);
    }
    historian.history().latest_alerts().to_vec()
}

/// Holds what was told against what was found.
fn judged(night: Night, events: &[Event], hurt: &SecretPath) -> Count {
    let (found, alerts) = (found(events), alerts(events));
    let mut count = Count::default();
    let paged: Vec<&Arc<Alert>> = alerts.iter().filter(|a| a.paged_at.is_some()).collect();
    count.pages = paged.len();
    count.tickets = alerts.len() - count.pages;
    // A full sink is everybody's: whichever rotation first misses its entries shows it.
    let sink = night.fault == Some(Cause::FullSink);
    let guilty = |finding: &Finding| {
        finding.secret.as_ref() == Some(hurt) || sink && finding.mode == Mode::F8
    };
    let expected = night.fault.map(Cause::mode);
    // The diagnosis has to have found the fault, or nothing is proven.
    let named = |(_, mode): &&(Option<RotationId>, Mode)| Some(mode.name()) == expected;
    count.missed = usize::from(night.fault.is_some() && !found.keys().any(|key| named(&key)));
    let wakes = found
        .values()
        .any(|(finding, page)| guilty(finding) && page.is_some());
    let escalated = alerts.iter().any(|a| a.escalated_at.is_some());
    count.expected = usize::from(night.fault.is_some() && (wakes || escalated));
    let of_fault = |alert: &Alert| {
        let of_secret = alert.secret.as_ref() == Some(hurt);
        let of_sink = sink && alert.modes == ["F8"];
        night.fault.is_some() && (of_secret || of_sink)
    };
    count.wrong = alerts.iter().filter(|alert| !of_fault(alert)).count();
    let right = paged.iter().filter(|alert| of_fault(alert)).count();
    count.doubled = right.saturating_sub(1);
    for (finding, page) in found.values() {
        let loud = matches!(finding.mode, Mode::F4 | Mode::F5);
        let told = alerts.iter().any(|alert| {
            let same = alert.modes.contains(&finding.mode.name())
                && alert.services.is_superset(&finding.services);
            let in_time = |told: Option<Timestamp>, due| told.is_some_and(|told| told <= due);
            same && match page {
                Some(page) => in_time(alert.paged_at, *page),
                None => in_time(alert.ticketed_at.or(alert.paged_at), finding.detected_at),
            }
        });
        count.hidden += usize::from((page.is_some() || loud) && !told);
    }
    if !count.is_right() {
        count
            .words
            .push(format!("{night:?}: {count:?}\n{found:#?}\n{alerts:#?}"));
    }
    count
}

/// What chance has spoilt is lived once more with another seed.
async fn lived_and_judged(mut night: Night) -> Count {
    let mut told = lived(night).await;
    let mut count = judged(night, &told.events, &told.hurt);
    if !count.is_right() && told.by_chance {
        say(&format!(
            "chance has spoilt it, so once more: {}",
            count.words.join("\n")
        ));
        night.seed = another(night.seed);
        told = lived(night).await;
        count = judged(night, &told.events, &told.hurt);
    }
    if !count.is_right() {
        let name = format!("night-{}", night.seed);
        let keep = std::env::var_os("ROTASCOPE_RECORDINGS").map(PathBuf::from);
        let path = record(
            &keep.unwrap_or_else(std::env::temp_dir),
            &name,
            &told.events,
        );
        count.words.push(format!("see {}", path.display()));
    }
    count
}

#[test]
fn a_night_wakes_somebody_once_for_each_incident_and_nobody_for_none() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let nights = number("ROTASCOPE_NIGHTS", 10);
    let first = number("ROTASCOPE_NIGHTS_FROM", 0);
    let at_once = usize::try_from(number("ROTASCOPE_LAB_AT_ONCE", 4)).unwrap();
    let count = runtime.block_on(async {
        let places = Arc::new(Semaphore::new(at_once));
        let mut runs = JoinSet::new();
        for n in first..first + nights {
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            runs.spawn(async move {
                let count = lived_and_judged(night(n)).await;
                drop(place);
                count
            });
        }
        let mut all = Count::default();
        while let Some(count) = runs.join_next().await {
            all.add(count.unwrap());
        }
        all
    });
    say(&format!(
        "nights {nights} pages {} expected {} doubled {} false {} hidden {}",
        count.pages, count.expected, count.doubled, count.wrong, count.hidden
    ));
    say(&format!(
        "tickets {} missed {}",
        count.tickets, count.missed
    ));
    assert!(count.is_right(), "{}", count.words.join("\n\n"));
    assert!(count.expected > 0, "nothing was proven");
}
