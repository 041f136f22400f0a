//! Recordings of the lab, one a fault and seed: diagnosis calls the right mode in each, and none
//! where nothing is broken. `scripts/prove-lab` runs more of them; with `ROTASCOPE_LAB_SCALE=1` it
//! tells how long each fault takes at the pace of the world.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "support/lab_run.rs"]
mod lab_run;

use std::path::PathBuf;
use std::sync::Arc;

use rotascope::diagnosis::Finding;
use rotascope::model::event::{ConsumerState, Stage, StageStatus};
use rotascope::model::{Data, Event, Timestamp};
use rotascope::rotation::lab::Cause;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use lab_run::{Run, another, diagnose, modes, name, record, taken_back};

/// How many times faster than the world the lab runs.
const SCALE: u64 = 60;

/// How long a recording is, in seconds of the lab.
const LENGTH: u64 = 330;

/// Says something to whoever runs the script.
#[expect(clippy::print_stdout, reason = "what scripts/prove-lab is run for")]
fn say(words: &str) {
    println!("{words}");
}

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok().and_then(|n| n.parse().ok());
    given.unwrap_or(otherwise)
}

/// Runs one lab, and says what is wrong with what was found.
///
/// What chance has spoilt is run once more with another seed.
async fn recorded(fault: Option<Cause>, seed: u64) -> Result<(), String> {
    match recorded_once(fault, seed).await {
        Err(Wrong { why, by_chance }) if by_chance => {
            say(&format!("chance has spoilt it, so once more: {why}"));
            let again = recorded_once(fault, another(seed)).await;
            again.map_err(|wrong| wrong.why)
        }
        ended => ended.map_err(|wrong| wrong.why),
    }
}

/// What is wrong with what was found.
struct Wrong {
    why: String,
    /// True where a cutover was taken back before anybody was hurt, or the machine stood still.
    by_chance: bool,
}

/// Runs one lab and keeps its recording.
async fn recorded_once(fault: Option<Cause>, seed: u64) -> Result<(), Wrong> {
    let scale = number("ROTASCOPE_LAB_SCALE", SCALE);
    let run = Run::start(fault, seed, f64::from(u32::try_from(scale).unwrap())).await;
    let began = run.lab.clock().now();
    let length = number("ROTASCOPE_LAB_LENGTH", LENGTH);
    run.wait(i64::try_from(length).unwrap()).await;
    // A recording that ends in the very window of a cutover shows a spike of which nobody can know
    // yet that it was a blip.
    let mut events = run.events();
    for _ in 0..12 {
        let now = run.lab.clock().now();
        let late = |event: &Event| now.since(event.time).as_seconds() < 75 && is_cutover(event);
        if scale < 4 || !events.iter().any(late) {
            break;
        }
        run.wait(15).await;
        events = run.events();
    }
    let hurt = run.lab.hurt().clone();
    let by_chance = run.starved() || fault.is_some() && taken_back(&events);
    run.end().await;
    let findings = diagnose(&events);
    let label = format!("{}-{seed}", fault.map_or("none", Cause::mode));
    let wrong = |why| Wrong { why, by_chance };
    let verdict = verdict(fault, &findings, &hurt);
    if let Some(found) = findings.first() {
        let after = |at: Timestamp| at.since(began).as_seconds();
        let shown = events.iter().find(|event| is_symptom(event));
        let shown = shown.map_or(-1, |event| after(event.time));
        let named = after(found.detected_at);
        say(&format!(
            "{label}: visible after {shown} s, named after {named} s"
        ));
    }
    let keep = std::env::var_os("ROTASCOPE_RECORDINGS").map(PathBuf::from);
    let folder = keep.clone().unwrap_or_else(std::env::temp_dir);
    if keep.is_some() || verdict.is_err() {
        let path = record(&folder, &format!("lab-{label}"), &events);
        let see = |why| format!("{label}: {why}; see {}", path.display());
        return verdict.map_err(|why| wrong(see(why)));
    }
    verdict.map_err(wrong)
}

fn is_cutover(event: &Event) -> bool {
    matches!(&event.data, Data::RotationStage(stage)
        if stage.stage == Stage::Cutover && stage.status == StageStatus::Started)
}

/// What a person sees first of any fault.
fn is_symptom(event: &Event) -> bool {
    match &event.data {
        Data::AuthSample(sample) => {
            let failed = sample.failed_401.unwrap_or(0);
            failed >= 5 && failed * 10 > sample.total
        }
        Data::RotationStage(stage) => stage.status == StageStatus::Failed,
        Data::ConsumerVersion(told) => told.state == ConsumerState::Failed,
        Data::SignalSample(sample) => sample.bad > 0,
        Data::LeakFinding(_) => true,
        _ => false,
    }
}

fn verdict(
    fault: Option<Cause>,
    findings: &[Finding],
    hurt: &rotascope::model::SecretPath,
) -> Result<(), String> {
    let expected = fault.map(Cause::mode);
    let wrong = modes(findings);
    let wrong: Vec<_> = wrong
        .iter()
        .filter(|mode| Some(mode.as_str()) != expected)
        .collect();
    if !wrong.is_empty() {
        return Err(format!(
            "found {wrong:?} instead of {expected:?}: {findings:#?}"
        ));
    }
    let Some(expected) = expected else {
        return Ok(());
    };
    let right = |f: &&Finding| name(f.mode) == expected && f.secret.as_ref() == Some(hurt);
    match findings.iter().find(right) {
        Some(_) => Ok(()),
        None => Err(format!("{expected} of {hurt} is not found")),
    }
}

#[test]
fn every_fault_is_called_by_its_name_and_a_clean_run_by_none() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let wrong = runtime.block_on(async {
        let seeds = number("ROTASCOPE_LAB_SEEDS", 2);
        let clean = number("ROTASCOPE_LAB_CLEAN", 8);
        let at_once = usize::try_from(number("ROTASCOPE_LAB_AT_ONCE", 4)).unwrap();
        let only = std::env::var("ROTASCOPE_LAB_ONLY").unwrap_or_default();
        let places = Arc::new(Semaphore::new(at_once));
        let faults = Cause::ALL
            .into_iter()
            .filter(|c| only.is_empty() || only == c.mode());
        let faults: Vec<Cause> = faults.collect();
        let broken = (1..=seeds).flat_map(|seed| faults.iter().map(move |f| (Some(*f), seed)));
        let clean = (1..=clean).map(|seed| (None, seed));
        let mut runs = JoinSet::new();
        for (fault, seed) in broken.chain(clean) {
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            runs.spawn(async move {
                let verdict = recorded(fault, seed).await;
                drop(place);
                verdict
            });
        }
        let mut wrong = Vec::new();
        let all = runs.len();
        while let Some(ended) = runs.join_next().await {
            if let Err(why) = ended.unwrap() {
                wrong.push(why);
            }
        }
        say(&format!("recordings {all} wrong {}", wrong.len()));
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
