//! Journals as real sessions leave them: written by the program, on a disk, with crashes.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rotascope::guard::Signer;
use rotascope::journal::{Journal, head_file, read_head};
use rotascope::model::Timestamp;
use rotascope::model::act::Wish;
use rotascope::model::intent::{Outcome, Verb};
use rotascope::model::proof::Head;

/// A journal and what its writer knows of it.
pub struct Made {
    pub bytes: Vec<u8>,
    /// Its head when it was closed.
    pub head: Head,
    /// Heads of before, as receipts hold them.
    pub older: Vec<Head>,
    pub signer: Arc<Signer>,
    /// What the same writer would have if the folder were put back to an earlier state and
    /// written to again: another journal of the same name and key.
    pub forks: Vec<(Vec<u8>, Head)>,
}

/// What a crash left at the end of a clean journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    /// Killed in the middle of a line.
    Torn,
    /// Killed between a line and its head.
    Headless,
}

/// A clean journal as it lies on the disk.
pub struct Clean {
    pub bytes: Vec<u8>,
    pub beside: Option<Head>,
    pub end: End,
}

fn at(n: u64) -> Timestamp {
    Timestamp::new(1_800_000_000 + i64::try_from(n).unwrap(), 5_000)
}

fn open(path: &Path, signer: &Arc<Signer>) -> Journal {
    Journal::open(path, Arc::clone(signer)).unwrap()
}

/// One line that a session might write.
fn line(journal: &mut Journal, n: u64, lot: &mut SmallRng) {
    let key = format!("{:032x}", lot.random_range(0..6_u128));
    let verbs = Verb::ALL;
    let verb = verbs[lot.random_range(0..verbs.len())];
    let reasons = [
        "leaked",
        "it \u{202e} hides",
        "\"quoted\",\"sig\":\"x\"}",
        "\u{1f6a8} {",
    ];
    let reason = reasons[lot.random_range(0..reasons.len())];
    match lot.random_range(0..4_u8) {
        0 | 1 => {
            let wish = Wish {
                secret: Some("payments/db".into()),
                ..Wish::new(verb)
            };
            let intent = wish.intent("mira".into(), Some(reason.into()), key, at(n));
            journal.intend(&intent, "engine lab", at(n)).unwrap();
        }
        2 => {
            let words = format!("done: {reason}");
            journal
                .end(&key, &Outcome::Observed { words }, at(n))
                .unwrap();
        }
        _ => {
            let why = format!("cut: {reason}");
            journal.end(&key, &Outcome::Unknown { why }, at(n)).unwrap();
        }
    }
}

fn head_beside(path: &Path) -> Option<Head> {
    read_head(&head_file(path, None)).unwrap()
}

fn put_head(path: &Path, head: Option<&Head>) {
    let beside = head_file(path, None);
    match head {
        Some(head) => fs::write(beside, serde_json::to_string(head).unwrap()).unwrap(),
        None => {
            let _ = fs::remove_file(beside);
        }
    }
}

/// Writes one line more and crashes in it: part of it stays, and the head of before.
fn crash(path: &Path, signer: &Arc<Signer>, n: u64, end: End, lot: &mut SmallRng) {
    let mut journal = open(path, signer);
    // No line is written before the head of the one before it.
    let before = Some(journal.head()).filter(|head| head.n > 0);
    let whole = fs::read(path).unwrap().len();
    if journal.head().n == 0 {
        journal.begin(&"mira".into(), at(n)).unwrap();
    } else {
        line(&mut journal, n, lot);
    }
    drop(journal);
    if end == End::Torn {
        let bytes = fs::read(path).unwrap();
        let mut left = bytes[..lot.random_range(whole + 1..bytes.len())].to_vec();
        if lot.random_range(0..4_u8) == 0 && left.len() < bytes.len() - 8 {
            // What a file system leaves that knew the length and not yet what is in it.
            left.resize(bytes.len() - 8, 0);
        }
        fs::write(path, left).unwrap();
    }
    put_head(path, before.as_ref());
}

/// Some sessions in one file, with crashes between them.
fn sessions(path: &Path, signer: &Arc<Signer>, lot: &mut SmallRng) -> Vec<Head> {
    let mut heads = Vec::new();
    for session in 0..lot.random_range(1..4_u64) {
        if lot.random_range(0..3_u8) == 0 {
            let end = [End::Torn, End::Headless][lot.random_range(0..2_usize)];
            // Twice in a row, now and then.
            for _ in 0..lot.random_range(1..3_u8) {
                crash(path, signer, session * 100, end, lot);
            }
        }
        let mut journal = open(path, signer);
        journal.begin(&"mira".into(), at(session * 100)).unwrap();
        for n in 0..lot.random_range(2..7) {
            line(&mut journal, session * 100 + n, lot);
            heads.push(journal.head());
        }
    }
    heads
}

/// A journal that ends well, to be attacked.
pub fn made(folder: &Path, seed: u64) -> Made {
    let mut lot = SmallRng::seed_from_u64(seed);
    let signer = Arc::new(Signer::from_seed(&lot.random()));
    let path = folder.join(format!("acts-{seed}.jsonl"));
    let mut older = sessions(&path, &signer, &mut lot);
    let bytes = fs::read(&path).unwrap();
    let head = older.pop().unwrap();
    assert_eq!(head_beside(&path), Some(head.clone()));
    let ends: Vec<usize> = line_ends(&bytes);
    let forks = (0..2).map(|fork| {
        let path = folder.join(format!("fork-{seed}-{fork}.jsonl"));
        // The file and its head are put back to where they were; the session goes on from there.
        let earlier = &older[lot.random_range(0..older.len())];
        fs::write(&path, until(&bytes, &ends, earlier)).unwrap();
        put_head(&path, Some(earlier));
        let mut journal = open(&path, &signer);
        for n in 0..lot.random_range(1..4) {
            line(&mut journal, 7_000 + n, &mut lot);
        }
        let head = journal.head();
        drop(journal);
        (fs::read(&path).unwrap(), head)
    });
    let forks = forks.collect();
    Made {
        bytes,
        head,
        older,
        signer,
        forks,
    }
}

fn line_ends(bytes: &[u8]) -> Vec<usize> {
    let all = bytes.iter().enumerate();
    all.filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1)
        .collect()
}

/// The bytes up to the line that a head holds.
fn until(bytes: &[u8], ends: &[usize], head: &Head) -> Vec<u8> {
    let end = ends.iter().find(|end| {
        let said = rotascope::journal::of_bytes(&bytes[..**end]);
        said.lines() == head.n && !said.unended && said.torn.is_none()
    });
    bytes[..*end.unwrap()].to_vec()
}

/// A journal that was closed, or whose writer was killed.
pub fn clean(folder: &Path, seed: u64) -> Clean {
    let mut lot = SmallRng::seed_from_u64(seed ^ 0x00c1_ea00);
    let signer = Arc::new(Signer::from_seed(&lot.random()));
    let path = folder.join(format!("clean-{seed}.jsonl"));
    let end = [End::Closed, End::Torn, End::Headless][lot.random_range(0..3_usize)];
    // Some were killed before they had a first head.
    if lot.random_range(0..10_u8) > 0 {
        sessions(&path, &signer, &mut lot);
    } else {
        fs::write(&path, "").unwrap();
    }
    if end != End::Closed {
        crash(&path, &signer, 9_000, end, &mut lot);
    }
    Clean {
        bytes: fs::read(&path).unwrap(),
        beside: head_beside(&path),
        end,
    }
}
