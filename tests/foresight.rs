//! No finding knows the future. Each finding of a whole incident is there, with the same
//! `detected_at`, when everything after any later moment is cut away, and not when what happened
//! at `detected_at` is cut away too; and the order in which lines are written changes nothing.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "support/made.rs"]
mod made;
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rotascope::audit::identity::IdentityRules;
use rotascope::cli::diagnose::{self, Args, Format};
use rotascope::diagnosis::{Diagnosis, Finding, rules};
use rotascope::measure::level::Objectives;
use rotascope::model::Event;

use made::{FAULTS, Fault, Mess, Plan};

/// What does not change once it is found.
fn same(a: &Finding, b: &Finding) -> bool {
    let subject =
        a.rotation == b.rotation && (a.rotation.is_some() || !a.services.is_disjoint(&b.services));
    a.mode == b.mode && subject && a.detected_at == b.detected_at
}

fn found(diagnosis: &Diagnosis) -> Vec<Finding> {
    diagnosis.findings().all().into_iter().cloned().collect()
}

fn of(events: &[Event]) -> Diagnosis {
    let mut diagnosis = Diagnosis::new(rules());
    for event in events {
        diagnosis.apply(event);
    }
    diagnosis
}

/// Cuts the incident after every moment of it; gives the findings of the whole.
fn no_finding_knows_the_future(events: &[Event], name: &str) -> Vec<Finding> {
    let whole = found(&of(events));
    let mut diagnosis = Diagnosis::new(rules());
    let mut rest = events;
    while let Some(first) = rest.first() {
        let now = first.time;
        let many = rest.iter().take_while(|event| event.time == now).count();
        let (at_once, later) = rest.split_at(many);
        for event in at_once {
            diagnosis.apply(event);
        }
        rest = later;
        let then = found(&diagnosis);
        for finding in &whole {
            let known = then.iter().any(|other| same(finding, other));
            assert_eq!(
                known,
                finding.detected_at <= now,
                "{name} at {now}: {finding:?}"
            );
        }
    }
    for finding in &whole {
        // What goes on step by step is what a cut file gives.
        let at = finding.detected_at;
        let cut: Vec<Event> = events.iter().filter(|e| e.time <= at).cloned().collect();
        assert!(found(&of(&cut)).iter().any(|other| same(finding, other)));
        assert!(!finding.evidence.is_empty());
        for evidence in &finding.evidence {
            let event = &evidence.event;
            assert!(event.time <= at, "{name}: {finding:?}");
            let is_it = |e: &Event| e.id == event.id && e.source == event.source;
            assert!(events.iter().any(is_it), "{name}: {event:?}");
        }
    }
    whole
}

fn printed(lines: &[String]) -> String {
    let mut file = tempfile::Builder::new()
        .suffix(".jsonl")
        .tempfile()
        .unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    let args = Args {
        paths: vec![file.path().to_path_buf()],
        format: Format::Json,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (identity, asked) = (IdentityRules::default(), Objectives::default());
    let status = diagnose::run(&args, identity, &asked, &mut out, &mut err).unwrap();
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&err));
    String::from_utf8(out).unwrap()
}

const TIDY: Mess = Mess {
    seed: 7,
    lost: u64::MAX,
    twice: u64::MAX,
    ahead: 0,
};

#[test]
fn every_fault_of_the_generator_is_found_as_what_it_is() {
    for (fault, mode) in FAULTS {
        for cured in [false, true] {
            let plan = Plan {
                fault,
                fleet: 4,
                regions: 2,
                window: 30,
                rate: 200,
                noise: 5,
                start: 0,
                cured,
            };
            let events = made::events(&made::lines(&[plan], &TIDY));
            let whole = no_finding_knows_the_future(&events, &format!("{fault:?}"));
            let modes: Vec<&str> = whole.iter().map(|finding| finding.mode.name()).collect();
            assert_eq!(modes, Vec::from_iter(mode), "{fault:?} {whole:?}");
        }
    }
}

#[test]
fn all_faults_at_once_are_told_apart() {
    let plan = |n: usize| Plan {
        fault: FAULTS[n].0,
        fleet: 4,
        regions: 2,
        window: 30,
        rate: 200,
        noise: 5,
        start: 40 * i64::try_from(n).unwrap(),
        cured: false,
    };
    let plans: Vec<Plan> = (0..FAULTS.len()).map(plan).collect();
    let events = made::events(&made::lines(&plans, &TIDY));
    let whole = no_finding_knows_the_future(&events, "all");
    let mut modes: Vec<&str> = whole.iter().map(|finding| finding.mode.name()).collect();
    modes.sort_unstable();
    let mut wanted: Vec<&str> = FAULTS.iter().filter_map(|(_, mode)| *mode).collect();
    wanted.sort_unstable();
    assert_eq!(modes, wanted, "{whole:?}");
    for finding in &whole {
        if let Some(rotation) = &finding.rotation {
            let n: usize = rotation.raw().trim_start_matches("rot").parse().unwrap();
            assert_eq!(FAULTS[n].1, Some(finding.mode.name()), "{finding:?}");
        } else {
            let spike = FAULTS.iter().position(|(fault, _)| *fault == Fault::Spike);
            let service = format!("svc{}", spike.unwrap());
            assert!(finding.services.iter().any(|s| s.raw() == service));
        }
    }
}

/// Three of eight refused by chance, in the window that ends five seconds before the cutover: the
/// failures of the cutover begin a window later all the same.
#[test]
fn a_window_that_chance_made_bad_does_not_acquit_the_cutover_after_it() {
    let plan = Plan {
        fault: Fault::Behind,
        fleet: 1,
        regions: 1,
        window: 15,
        rate: 8,
        noise: 20,
        start: 3,
        cured: false,
    };
    let mess = made::Mess {
        seed: 11_427_434_777_348_980_061,
        lost: 6,
        twice: 3,
        ahead: -2001,
    };
    let events = made::events(&made::lines(&[plan], &mess));
    let whole = no_finding_knows_the_future(&events, "a chance window");
    let modes: Vec<&str> = whole.iter().map(|finding| finding.mode.name()).collect();
    assert_eq!(modes, ["F1"], "{whole:?}");
}

/// A first window in which two of three regions refuse nobody is one window, not two: what is usual
/// is not learnt from it alone.
#[test]
fn a_first_window_that_chance_made_good_makes_no_spike_of_the_usual() {
    let plan = |window, rate, noise, start| Plan {
        fault: Fault::Nothing,
        fleet: 1,
        regions: 3,
        window,
        rate,
        noise,
        start,
        cured: false,
    };
    let mess = Mess {
        seed: 726_933_259_109_261_653,
        lost: 58,
        twice: 3,
        ahead: 0,
    };
    let plans = [plan(20, 186, 0, 0), plan(15, 167, 15, 41)];
    let whole = found(&of(&made::events(&made::lines(&plans, &mess))));
    assert!(whole.is_empty(), "{whole:?}");
}

proptest! {
    // `PROPTEST_CASES` sets how many.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_finding_of_any_incident_knows_the_future(
        plans in prop::collection::vec(made::plan(), 1..5),
        mess in made::mess(),
    ) {
        let events = made::events(&made::lines(&plans, &mess));
        no_finding_knows_the_future(&events, "generated");
    }

    #[test]
    fn the_order_of_lines_changes_nothing(
        plans in prop::collection::vec(made::plan(), 1..3),
        mess in made::mess(),
    ) {
        let shuffled = made::lines(&plans, &mess);
        let mut sorted = shuffled.clone();
        sorted.sort();
        prop_assert_eq!(printed(&shuffled), printed(&sorted));
    }
}

/// Whoever judges by statistics is wrong by chance: about twice in 28,000 of these incidents a
/// cause that only a lost sample could show is not named (docs/diagnosis.md), and of 20,000 busy
/// rotations none was found. The seed is fixed so that a run says the same as the one before;
/// `PROPTEST_RNG_SEED` tries other incidents.
fn one_seed() -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

proptest! {
    #![proptest_config(one_seed())]

    #[test]
    fn a_busy_rotation_without_a_fault_is_never_found(
        mut plans in prop::collection::vec(made::plan(), 1..4),
        mess in made::mess(),
    ) {
        for plan in &mut plans {
            plan.fault = Fault::Nothing;
        }
        let whole = found(&of(&made::events(&made::lines(&plans, &mess))));
        prop_assert!(whole.is_empty(), "{:?}", whole);
    }

    #[test]
    fn whatever_is_found_is_what_went_wrong(
        plans in prop::collection::vec(made::plan(), 1..4),
        mess in made::mess(),
    ) {
        for finding in found(&of(&made::events(&made::lines(&plans, &mess)))) {
            let service = finding.services.first().map(|s| s.raw().trim_start_matches("svc"));
            let plan = &plans[service.unwrap().parse::<usize>().unwrap()];
            let mode = FAULTS.iter().find(|(fault, _)| *fault == plan.fault).unwrap().1;
            prop_assert_eq!(mode, Some(finding.mode.name()), "{:?} {:?}", plan, finding);
        }
    }
}

#[test]
fn neither_does_one_of_the_fixture_or_of_the_shared_incidents() {
    let mut paths: Vec<PathBuf> = vec![support::first_night().join("events.jsonl")];
    if let Some(folder) = support::shared("incidents") {
        let all = std::fs::read_dir(folder).unwrap();
        let all = all.map(|entry| entry.unwrap().path());
        paths.extend(all.filter(|path| path.extension().is_some_and(|e| e == "zst")));
    }
    for path in paths {
        no_finding_knows_the_future(&read(&path), &path.display().to_string());
    }
}

fn read(path: &Path) -> Vec<Event> {
    let bytes = if path.extension().is_some_and(|e| e == "zst") {
        zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()
    } else {
        std::fs::read(path).unwrap()
    };
    let text = String::from_utf8(bytes).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    let good = lines.filter(|line| Event::from_json(line.as_bytes()).is_ok());
    made::events(&good.map(str::to_owned).collect::<Vec<_>>())
}
