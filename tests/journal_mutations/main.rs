//! Attacks journals in many ways and looks whether each is found while one head survives, and
//! whether a journal that nobody attacked ever raises an alarm.
//!
//! A few run with the tests. `ROTASCOPE_MUTATIONS=100000 ROTASCOPE_CLEAN=1000` asks for more and
//! prints `mutations N found N clean N alarms N`.

// The lints that spare tests know them by this.
#![cfg(test)]

mod attacks;
mod made;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use attacks::{ATTACKS, Attacked};
use made::{Clean, End, Made, clean, made};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rotascope::journal::{Report, Sheet, Verdict, Witness, verify};
use rotascope::model::proof::Head;

/// So many attacks are made on one journal.
const EACH: usize = 100;

fn asked(name: &str, usual: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(usual)
}

/// A folder in memory, where there is one: each line of each journal is synced.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
    made.unwrap()
}

fn sheet(bytes: Vec<u8>, beside: Option<Head>) -> Sheet {
    Sheet {
        name: "acts.jsonl".to_owned(),
        bytes: Ok(bytes),
        beside: beside.map(Ok),
    }
}

/// True where an attack was found. The head that survives lies beside the journal or elsewhere.
fn found(a: &Made, attacked: Attacked, lot: &mut SmallRng) -> bool {
    let Attacked { bytes, beside } = attacked;
    let survives_here = beside.as_ref() == Some(&a.head);
    let witnesses = if survives_here && lot.random() {
        Vec::new()
    } else {
        let head = Ok(a.head.clone());
        let name = "receipt".to_owned();
        let must = true;
        vec![Witness { name, head, must }]
    };
    let more = bytes.strip_prefix(a.bytes.as_slice()).is_some();
    let report = verify(&[sheet(bytes, beside)], &witnesses, &[]);
    // What was only added to, by a beginning of the next line, is what a crash leaves: it is said,
    // and nothing that was written is lost.
    let torn = |report: &Report| matches!(report.journals[0].verdict, Verdict::Torn { .. });
    !report.is_whole() || more && torn(&report)
}

#[test]
fn every_attack_is_found_and_nothing_else_raises_an_alarm() {
    let (mutations, cleans) = (
        asked("ROTASCOPE_MUTATIONS", 3000),
        asked("ROTASCOPE_CLEAN", 40),
    );
    let folder = folder();
    let mut missed: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let (mut tried, mut hit, mut seed) = (0, 0, 0);
    let mut other = made(folder.path(), seed);
    while tried < mutations {
        seed += 1;
        let target = made(folder.path(), seed);
        let report = verify(
            &[sheet(target.bytes.clone(), Some(target.head.clone()))],
            &[],
            &[],
        );
        assert!(report.is_whole(), "seed {seed}: {report:?}");
        let mut lot = SmallRng::seed_from_u64(seed);
        let mut here = 0;
        while here < EACH && tried < mutations {
            let (name, attack) = ATTACKS[lot.random_range(0..ATTACKS.len())];
            let Some(attacked) = attack(&target, &other, &mut lot) else {
                continue;
            };
            (here, tried) = (here + 1, tried + 1);
            if found(&target, attacked, &mut lot) {
                hit += 1;
            } else {
                missed.entry(name).or_default().push(seed);
            }
        }
        other = target;
    }
    let mut alarms = Vec::new();
    for seed in 0..cleans as u64 {
        let Clean { bytes, beside, end } = clean(folder.path(), seed);
        let report = verify(&[sheet(bytes, beside)], &[], &[]);
        let torn = matches!(report.journals[0].verdict, Verdict::Torn { .. });
        if !report.is_whole() || torn != (end == End::Torn) {
            alarms.push((seed, end, report));
        }
    }
    let mut out = std::io::stdout().lock();
    let count = alarms.len();
    writeln!(
        out,
        "mutations {tried} found {hit} clean {cleans} alarms {count}"
    )
    .unwrap();
    assert!(missed.is_empty(), "not found, with their seeds: {missed:?}");
    assert!(alarms.is_empty(), "alarms: {alarms:?}");
}
