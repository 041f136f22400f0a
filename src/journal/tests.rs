//! Journals as sessions write them and as crashes, disks and strangers leave them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::guard::{Once as _, OnceError, Signer};
use crate::model::Timestamp;
use crate::model::act::Wish;
use crate::model::intent::{Intent, Outcome, Verb};
use crate::model::proof::Head;

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

fn signer(seed: u8) -> Arc<Signer> {
    Arc::new(Signer::from_seed(&[seed; 32]))
}

fn open(path: &Path) -> Result<Journal, JournalError> {
    Journal::open(path, signer(1))
}

fn intent(key: &str) -> Intent {
    Wish::new(Verb::Freeze).intent(
        "mira".into(),
        Some("a \u{202e} reason".into()),
        key.to_owned(),
        at(1),
    )
}

fn observed() -> Outcome {
    Outcome::Observed {
        words: "frozen".to_owned(),
    }
}

fn written(folder: &Path) -> PathBuf {
    let path = folder.join("acts.jsonl");
    let mut journal = open(&path).unwrap();
    journal.begin(&"mira".into(), at(0)).unwrap();
    for key in ["k1", "k2", "k3"] {
        journal.intend(&intent(key), "engine", at(1)).unwrap();
    }
    journal.end("k1", &observed(), at(2)).unwrap();
    let why = "cut".to_owned();
    journal.end("k2", &Outcome::Unknown { why }, at(3)).unwrap();
    path
}

fn keys(history: &History) -> Vec<&str> {
    history.open.iter().map(|a| a.intent.key.as_str()).collect()
}

fn judged(path: &Path, heads: &[PathBuf]) -> Report {
    let (sheets, witnesses) = gather(&[path.to_owned()], heads).unwrap();
    verify(&sheets, &witnesses, &[])
}

fn verdict(path: &Path) -> Verdict {
    judged(path, &[]).journals[0].verdict.clone()
}

/// The kind of what is wrong, and the line.
fn wrong(path: &Path) -> (&'static str, Option<u64>) {
    match verdict(path) {
        Verdict::Bad { line, why } => (why.name(), line),
        other => panic!("{other:?}"),
    }
}

fn beside(path: &Path) -> Head {
    read_head(&head_file(path, None)).unwrap().unwrap()
}

/// Writes a line and takes the end of it and its head back, as if killed in it.
fn kill_in_a_line(path: &Path, left: usize) {
    let (before, head) = (fs::read(path).unwrap(), beside(path));
    open(path)
        .unwrap()
        .intend(&intent("k9"), "e", at(4))
        .unwrap();
    let after = fs::read(path).unwrap();
    fs::write(path, &after[..before.len() + left]).unwrap();
    fs::write(head_file(path, None), serde_json::to_string(&head).unwrap()).unwrap();
}

#[test]
fn what_is_open_is_what_has_no_known_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let history = read(&path).unwrap();
    assert_eq!((history.broken.clone(), history.torn.clone()), (None, None));
    assert_eq!(keys(&history), ["k2", "k3"]);
    let mut again = open(&path).unwrap();
    again.end("k2", &observed(), at(9)).unwrap();
    assert_eq!(keys(&read(&path).unwrap()), ["k3"]);
    let place = Place::Folder(folder.path().to_owned());
    assert_eq!(open_acts(&[place.clone(), place]).len(), 1);
}

#[test]
fn a_torn_last_line_is_called_torn_and_the_next_line_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    kill_in_a_line(&path, 40);
    assert_eq!(verdict(&path), Verdict::Torn { bytes: 40 });
    kill_in_a_line(&path, 1);
    assert_eq!(verdict(&path), Verdict::Torn { bytes: 41 });
    let mut again = open(&path).unwrap();
    again.end("k3", &observed(), at(9)).unwrap();
    again.end("k2", &observed(), at(9)).unwrap();
    drop(again);
    assert_eq!(verdict(&path), Verdict::Whole);
    let history = read(&path).unwrap();
    assert!(history.open.is_empty());
    assert_eq!(history.lines(), 8);
    // What the crash left is held to what the line behind it says.
    let text = fs::read_to_string(&path).unwrap();
    let torn = text.lines().nth(6).unwrap();
    fs::write(&path, text.replace(torn, &torn.replace("\"n\"", "\"m\""))).unwrap();
    assert_eq!(wrong(&path), ("no-line", Some(7)));
}

#[test]
fn a_line_that_lacks_only_its_end_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let before = fs::read(&path).unwrap().len();
    kill_in_a_line(&path, 0);
    let whole = {
        let copy = folder.path().join("copy.jsonl");
        fs::copy(&path, &copy).unwrap();
        fs::copy(head_file(&path, None), head_file(&copy, None)).unwrap();
        open(&copy)
            .unwrap()
            .intend(&intent("k9"), "e", at(4))
            .unwrap();
        fs::read(&copy).unwrap().len()
    };
    kill_in_a_line(&path, whole - before - 1);
    assert_eq!(verdict(&path), Verdict::Torn { bytes: 0 });
    assert_eq!(read(&path).unwrap().lines(), 7);
    open(&path).unwrap().end("k9", &observed(), at(9)).unwrap();
    assert_eq!(verdict(&path), Verdict::Whole);
    assert_eq!(read(&path).unwrap().lines(), 8);
}

#[test]
fn a_line_that_was_taken_out_doubled_or_moved_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(written(folder.path())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let broken = |order: &[usize]| {
        let lines: Vec<&str> = order.iter().map(|n| lines[*n]).collect();
        let text = lines.join("\n") + "\n";
        of_bytes(text.as_bytes()).broken.map(|b| (b.line, b.why))
    };
    assert_eq!(broken(&[0, 1, 2, 3, 4, 5]), None);
    assert_eq!(broken(&[0, 2, 3, 4, 5]), Some((2, Fault::Misplaced)));
    assert_eq!(broken(&[0, 1, 1, 2, 3, 4, 5]), Some((3, Fault::Misplaced)));
    assert_eq!(broken(&[0, 2, 1, 3, 4, 5]), Some((2, Fault::Misplaced)));
    assert_eq!(broken(&[1, 2, 3, 4, 5]), Some((1, Fault::Misplaced)));
}

#[test]
fn a_cut_tail_is_found_while_one_head_survives() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let away = folder.path().join("elsewhere.head");
    fs::copy(head_file(&path, None), &away).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let four: String = text.split_inclusive('\n').take(4).collect();
    fs::write(&path, &four).unwrap();
    assert_eq!(wrong(&path), ("cut", Some(5)));
    fs::remove_file(head_file(&path, None)).unwrap();
    assert_eq!(wrong(&path), ("no-head", None));
    let report = judged(&path, std::slice::from_ref(&away));
    let Verdict::Bad { line, why } = &report.journals[0].verdict else {
        panic!("{report:?}");
    };
    assert_eq!((why.name(), *line), ("cut", Some(5)));
    assert!(why.to_string().contains("4 of the 6 lines"), "{why}");
    // Only the end of the last line is cut off.
    fs::write(&path, text.trim_end()).unwrap();
    assert!(!judged(&path, &[away]).is_whole());
    // And nobody goes on writing there.
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("--journal"), "{error}");
}

#[test]
fn a_journal_that_was_put_back_and_written_to_again_forks() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let earlier = folder.path().join("backup");
    fs::create_dir(&earlier).unwrap();
    let other = earlier.join("acts.jsonl");
    fs::copy(&path, &other).unwrap();
    fs::copy(head_file(&path, None), head_file(&other, None)).unwrap();
    open(&path).unwrap().end("k3", &observed(), at(9)).unwrap();
    open(&other)
        .unwrap()
        .end("k3", &observed(), at(10))
        .unwrap();
    let report = judged(&path, &[head_file(&other, None)]);
    let Verdict::Bad { line, why } = &report.journals[0].verdict else {
        panic!("{report:?}");
    };
    assert_eq!((why.name(), *line), ("forked", Some(7)));
    // The same is found from the two files, without a head from elsewhere.
    let (sheets, witnesses) = gather(&[path, other], &[]).unwrap();
    let report = verify(&sheets, &witnesses, &[]);
    for judged in &report.journals {
        assert!(matches!(
            &judged.verdict,
            Verdict::Bad {
                line: Some(7),
                why: Why::Forked(_)
            }
        ));
    }
}

#[test]
fn a_head_without_its_journal_a_forged_head_and_a_strangers_key_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let (sheets, _) = gather(std::slice::from_ref(&path), &[]).unwrap();
    assert!(verify(&sheets, &[], &[signer(1).public()]).is_whole());
    let report = verify(&sheets, &[], &[signer(2).public()]);
    assert!(matches!(
        report.journals[0].verdict,
        Verdict::Bad {
            why: Why::UnknownKey(_),
            ..
        }
    ));
    let mut head = beside(&path);
    head.n = 3;
    fs::write(
        head_file(&path, None),
        serde_json::to_string(&head).unwrap(),
    )
    .unwrap();
    assert_eq!(wrong(&path), ("forged-head", None));
    fs::write(head_file(&path, None), "{}").unwrap();
    assert_eq!(wrong(&path), ("no-such-head", None));
    let path = written(&folder.path().join("more"));
    fs::remove_file(&path).unwrap();
    let report = judged(path.parent().unwrap(), &[]);
    assert!(report.journals.is_empty() && !report.is_whole());
    assert!(report.heads[0].why.contains("not among these"));
}

#[test]
fn who_has_another_key_or_comes_second_does_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let error = Journal::open(&path, signer(2)).unwrap_err();
    assert!(matches!(error, JournalError::OtherKey { .. }), "{error}");
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another session"), "{error}");
    drop(first);
    // A program that another test is just starting has the lock until it runs.
    let again = || {
        std::thread::sleep(std::time::Duration::from_millis(10));
        open(&path).ok()
    };
    assert!((0..200).find_map(|_| again()).is_some());
}

#[test]
fn heads_are_kept_in_a_second_folder_too_and_a_dead_one_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acts.jsonl");
    let heads = folder.path().join("heads");
    let mut journal = Journal::open_with(&path, signer(1), Some(&heads)).unwrap();
    journal.begin(&"mira".into(), at(0)).unwrap();
    let head = journal.head();
    drop(journal);
    let kept = read_head(&head_file(&path, Some(&heads))).unwrap();
    assert_eq!(kept.as_ref(), Some(&head));
    assert_eq!(beside(&path), head);
    let none = folder.path().join("acts.jsonl/heads");
    let mut journal = Journal::open_with(&path, signer(1), Some(&none)).unwrap();
    journal.begin(&"mira".into(), at(1)).unwrap();
    let began = Instant::now();
    while journal.trouble().is_none() {
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    assert!(journal.trouble().unwrap().contains("head"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_nothing_more_is_written() {
    let mut journal = open(Path::new("/dev/full")).unwrap();
    let error = journal.begin(&"mira".into(), at(0)).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(error.to_string().contains("--journal"), "{error}");
    assert!(journal.intend(&intent("k"), "engine", at(0)).is_err());
}

/// A place that hangs: a pipe that nobody reads.
#[cfg(unix)]
fn hanging(folder: &Path) -> PathBuf {
    let path = folder.join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    path
}

#[cfg(target_os = "linux")]
#[test]
fn where_the_first_disk_is_full_the_second_is_used_and_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        second: Some(Place::Folder(folder.path().join("second"))),
        ..Places::one(Place::File("/dev/full".into()))
    };
    let mut scribe = Scribe::new(places, signer(1), "mira".into());
    let first = scribe.intend(&intent("k1"), "engine", at(1)).unwrap();
    let said = first.instead.unwrap();
    assert!(
        said.contains("/dev/full") && said.contains("No space left"),
        "{said}"
    );
    assert!(said.contains("from now on"), "{said}");
    let second = scribe.end("k1", &observed(), at(2)).unwrap();
    assert_eq!((second.instead, second.head.n), (None, 3));
    assert!(scribe.trouble().unwrap().contains("/dev/full"));
    let path = scribe.path().unwrap().to_owned();
    drop(scribe);
    assert_eq!(verdict(&path), Verdict::Whole);
    // The journal says itself why it is not where it was to be.
    let Kind::Begun { instead, .. } = &read(&path).unwrap().entries[0].kind else {
        panic!("no beginning");
    };
    assert!(instead.as_ref().unwrap().contains("No space left"));
}

#[cfg(unix)]
#[test]
fn a_disk_that_hangs_is_left_behind_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        second: Some(Place::File(folder.path().join("second.jsonl"))),
        ..Places::one(Place::File(hanging(folder.path())))
    };
    let mut scribe = Scribe::new(places, signer(1), "mira".into());
    let began = Instant::now();
    let written = scribe.intend(&intent("k1"), "engine", at(1)).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert!(written.instead.unwrap().contains("2 s"));
    // From now on nobody waits for it.
    let began = Instant::now();
    let _ = scribe.end("k1", &observed(), at(2)).unwrap();
    assert!(began.elapsed() < Duration::from_millis(1_900));
}

#[cfg(target_os = "linux")]
#[test]
fn where_neither_place_takes_it_nothing_is_written_and_both_are_named() {
    let places = Places {
        second: Some(Place::File("/proc/none/acts.jsonl".into())),
        ..Places::one(Place::File("/dev/full".into()))
    };
    let mut scribe = Scribe::new(places, signer(1), "mira".into());
    let error = scribe.intend(&intent("k1"), "engine", at(1)).unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains("/dev/full") && words.contains("/proc/none"),
        "{words}"
    );
}

#[test]
fn an_act_whose_end_stands_in_the_second_place_is_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
    let mut journal = open(&first).unwrap();
    journal.begin(&"mira".into(), at(0)).unwrap();
    journal.intend(&intent("k1"), "engine", at(1)).unwrap();
    journal.intend(&intent("k2"), "engine", at(1)).unwrap();
    let mut journal = open(&second).unwrap();
    journal.begin(&"mira".into(), at(2)).unwrap();
    journal.intend(&intent("k2"), "engine", at(2)).unwrap();
    journal.end("k1", &observed(), at(3)).unwrap();
    let open = open_acts(&[Place::File(first), Place::File(second)]);
    let keys: Vec<&str> = open.iter().map(|act| act.intent.key.as_str()).collect();
    assert_eq!(keys, ["k2"]);
}

#[test]
fn of_64_at_once_on_stores_of_their_own_one_takes_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("used");
    for word in ["totp 1 \"mira\"", "../../etc", "\n\0/", ""] {
        let taken: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| match Spent::open(&folder).unwrap().take(word) {
                        Ok(()) => 1,
                        Err(OnceError::Already) => 0,
                        Err(OnceError::Disk(why)) => panic!("{why}"),
                    })
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(taken, 1, "{word:?}");
        let again = Spent::open(&folder).unwrap();
        assert_eq!(again.take(word), Err(OnceError::Already));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn where_what_was_used_cannot_be_kept_nothing_is_taken() {
    assert!(Spent::open(Path::new("/proc/none/used")).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("used");
    let spent = Spent::open(&path).unwrap();
    fs::remove_dir(&path).unwrap();
    assert!(matches!(spent.take("a"), Err(OnceError::Disk(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn any_changed_byte_is_found(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        thread_local! {
            static MADE: (Vec<u8>, Head) = {
                let folder = tempfile::tempdir().unwrap();
                let path = written(folder.path());
                (fs::read(&path).unwrap(), beside(&path))
            };
        }
        let (mut bytes, head) = MADE.with(Clone::clone);
        let at = place.index(bytes.len());
        bytes[at] ^= flip;
        let name = "acts.jsonl".to_owned();
        let sheet = Sheet { name, bytes: Ok(bytes), beside: Some(Ok(head)) };
        prop_assert!(!verify(&[sheet], &[], &[]).is_whole());
    }
}
