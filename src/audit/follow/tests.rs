//! Following real files and pipes, while another thread writes, renames, cuts and removes them.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::sync::mpsc;
use std::thread;

use super::*;

/// What was followed, in words of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Lines(Vec<u8>, u64, u64),
    Late(Vec<u8>, Back),
    Torn(Vec<u8>, Back),
    TooLong(u64, u64),
    Rotated,
    Cut(u64),
    Gone,
    Back,
    Ended,
    Stopped,
}

impl Seen {
    fn of(followed: Followed<'_>) -> Option<Self> {
        Some(match followed {
            Followed::Lines(b) => Self::Lines(b.bytes.to_vec(), b.offset, b.line),
            Followed::Late(b, back) => Self::Late(b.bytes.to_vec(), back),
            Followed::Torn(b, back) => Self::Torn(b.bytes.to_vec(), back),
            Followed::TooLong { offset, line } => Self::TooLong(offset, line),
            Followed::Rotated => Self::Rotated,
            Followed::Cut { read } => Self::Cut(read),
            Followed::Gone => Self::Gone,
            Followed::Back => Self::Back,
            Followed::Ended => Self::Ended,
            Followed::Stopped => Self::Stopped,
            Followed::Quiet => return None,
        })
    }
}

const SOON: Duration = Duration::from_secs(5);
const NOW: Duration = Duration::from_millis(150);

struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Log {
    fn new(content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, content).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn append(&self, bytes: &[u8]) {
        let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn named(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    fn follow(&self) -> Follower {
        Follower::open(&self.path, Start::BEGINNING, &Stop::default()).unwrap()
    }
}

/// The next thing that is not quiet.
fn next(follower: &mut Follower) -> Seen {
    Seen::of(follower.next(SOON).unwrap()).expect("something comes in time")
}

/// Everything until it is quiet.
fn all(follower: &mut Follower) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(more) = Seen::of(follower.next(NOW).unwrap()) {
        let over = more == Seen::Stopped || more == Seen::Ended;
        seen.push(more);
        if over {
            break;
        }
    }
    seen
}

fn lines(bytes: &[u8], offset: u64, line: u64) -> Seen {
    Seen::Lines(bytes.to_vec(), offset, line)
}

#[test]
fn a_line_is_handed_out_once_its_end_is_there() {
    let log = Log::new(b"one\ntwo\nthr");
    let mut follower = log.follow();
    assert_eq!(all(&mut follower), [lines(b"one\ntwo\n", 0, 1)]);
    log.append(b"ee");
    assert_eq!(all(&mut follower), []);
    log.append(b"\n\0\0four\0\n\r\n");
    assert_eq!(next(&mut follower), lines(b"three\n\0\0four\0\n\r\n", 8, 3));
    log.append(b"six\n");
    assert_eq!(next(&mut follower), lines(b"six\n", 24, 6));
}

#[test]
fn reading_goes_on_where_an_index_has_stopped() {
    let log = Log::new(b"one\ntwo\n");
    let from = Start { offset: 4, line: 2 };
    let mut follower = Follower::open(&log.path, from, &Stop::default()).unwrap();
    assert_eq!(all(&mut follower), [lines(b"two\n", 4, 2)]);
    // A file that has become shorter since was cut.
    let from = Start { offset: 9, line: 3 };
    let mut follower = Follower::open(&log.path, from, &Stop::default()).unwrap();
    assert_eq!(
        all(&mut follower),
        [Seen::Cut(9), lines(b"one\ntwo\n", 0, 1)]
    );
}

#[test]
fn a_rotated_file_is_read_to_its_end_before_the_new_one_begins() {
    let log = Log::new(b"a\n");
    let mut follower = log.follow();
    assert_eq!(next(&mut follower), lines(b"a\n", 0, 1));
    let mut old = OpenOptions::new().append(true).open(&log.path).unwrap();
    fs::rename(&log.path, log.named("log.1")).unwrap();
    // The writer has not gone over yet.
    old.write_all(b"b\n").unwrap();
    fs::write(&log.path, b"").unwrap();
    old.write_all(b"c\n").unwrap();
    let seen = all(&mut follower);
    let kept: Vec<u8> = seen.iter().flat_map(bytes).collect();
    assert_eq!(kept, b"b\nc\n", "{seen:?}");
    assert!(!seen.contains(&Seen::Rotated), "{seen:?}");
    log.append(b"d\n");
    assert_eq!(next(&mut follower), Seen::Rotated);
    assert_eq!(next(&mut follower), lines(b"d\n", 0, 1));
    // Another process goes over a moment later, and leaves a line without an end behind.
    old.write_all(b"e\nf").unwrap();
    assert_eq!(next(&mut follower), Seen::Late(b"e\n".to_vec(), 1));
    assert_eq!(next(&mut follower), Seen::Torn(b"f".to_vec(), 1));
}

fn bytes(seen: &Seen) -> Vec<u8> {
    match seen {
        Seen::Lines(bytes, ..) | Seen::Late(bytes, _) | Seen::Torn(bytes, _) => bytes.clone(),
        _ => Vec::new(),
    }
}

/// Which file a line is of that comes late, and whose line was torn, though several files are read
/// at the same time.
#[test]
fn what_comes_late_and_what_is_torn_is_told_with_the_file_that_it_is_of() {
    let log = Log::new(b"a\n");
    let mut follower = log.follow();
    assert_eq!(next(&mut follower), lines(b"a\n", 0, 1));
    let mut first = OpenOptions::new().append(true).open(&log.path).unwrap();
    fs::rename(&log.path, log.named("log.1")).unwrap();
    fs::write(&log.path, b"b\ntorn").unwrap();
    assert_eq!(next(&mut follower), Seen::Rotated);
    assert_eq!(next(&mut follower), lines(b"b\n", 0, 1));
    // The new one is cut while the old one is still read.
    let file = OpenOptions::new().write(true).open(&log.path).unwrap();
    file.set_len(0).unwrap();
    assert_eq!(next(&mut follower), Seen::Torn(b"torn".to_vec(), 0));
    assert_eq!(next(&mut follower), Seen::Cut(6));
    first.write_all(b"c\n").unwrap();
    assert_eq!(next(&mut follower), Seen::Late(b"c\n".to_vec(), 2));
    log.append(b"d\n");
    assert_eq!(next(&mut follower), lines(b"d\n", 0, 1));
    let mut second = OpenOptions::new().append(true).open(&log.path).unwrap();
    fs::rename(&log.path, log.named("log.2")).unwrap();
    fs::write(&log.path, b"e\n").unwrap();
    assert_eq!(next(&mut follower), Seen::Rotated);
    assert_eq!(next(&mut follower), lines(b"e\n", 0, 1));
    second.write_all(b"f\ng").unwrap();
    first.write_all(b"h\ni").unwrap();
    let late = [next(&mut follower), next(&mut follower)];
    assert!(late.contains(&Seen::Late(b"f\n".to_vec(), 1)), "{late:?}");
    assert!(late.contains(&Seen::Late(b"h\n".to_vec(), 3)), "{late:?}");
    assert_eq!(next(&mut follower), Seen::Torn(b"i".to_vec(), 3));
    assert_eq!(next(&mut follower), Seen::Torn(b"g".to_vec(), 1));
}

#[test]
fn generations_that_came_and_went_unseen_are_read_in_order() {
    let log = Log::new(b"a\n");
    let mut follower = log.follow();
    for line in ["b\n", "c\n", "d\n"] {
        // Like logrotate: every older one moves up.
        for n in (1..4).rev() {
            let _ = fs::rename(
                log.named(&format!("log.{n}")),
                log.named(&format!("log.{}", n + 1)),
            );
        }
        fs::rename(&log.path, log.named("log.1")).unwrap();
        fs::write(&log.path, line).unwrap();
    }
    let kept: Vec<u8> = all(&mut follower).iter().flat_map(bytes).collect();
    assert_eq!(kept, b"a\nb\nc\nd\n");
}

#[test]
fn a_file_that_is_cut_begins_again() {
    let log = Log::new(b"one\ntwo\nthr");
    let mut follower = log.follow();
    assert_eq!(all(&mut follower).len(), 1);
    let file = OpenOptions::new().write(true).open(&log.path).unwrap();
    file.set_len(0).unwrap();
    assert_eq!(next(&mut follower), Seen::Torn(b"thr".to_vec(), 0));
    assert_eq!(next(&mut follower), Seen::Cut(11));
    log.append(b"new\n");
    assert_eq!(next(&mut follower), lines(b"new\n", 0, 1));
    // Cut and grown beyond where it was before anybody looked.
    file.set_len(0).unwrap();
    log.append(b"longer than before\nand more\n");
    assert_eq!(next(&mut follower), Seen::Cut(4));
    assert_eq!(
        next(&mut follower),
        lines(b"longer than before\nand more\n", 0, 1)
    );
}

#[test]
fn a_file_that_vanishes_is_waited_for() {
    let log = Log::new(b"a\n");
    let mut follower = log.follow();
    assert_eq!(next(&mut follower), lines(b"a\n", 0, 1));
    fs::remove_file(&log.path).unwrap();
    assert_eq!(all(&mut follower), [Seen::Gone]);
    fs::write(&log.path, b"b\n").unwrap();
    let seen = [
        next(&mut follower),
        next(&mut follower),
        next(&mut follower),
    ];
    assert_eq!(seen, [Seen::Back, Seen::Rotated, lines(b"b\n", 0, 1)]);
    // Renamed away and back it is the same file.
    fs::rename(&log.path, log.named("aside")).unwrap();
    assert_eq!(next(&mut follower), Seen::Gone);
    fs::rename(log.named("aside"), &log.path).unwrap();
    assert_eq!(next(&mut follower), Seen::Back);
    log.append(b"c\n");
    assert_eq!(next(&mut follower), lines(b"c\n", 2, 2));
}

#[cfg(unix)]
#[test]
fn a_link_that_is_switched_is_a_rotation() {
    let log = Log::new(b"");
    let link = log.named("current");
    fs::write(log.named("one"), b"1\n").unwrap();
    fs::write(log.named("two"), b"2\n").unwrap();
    std::os::unix::fs::symlink(log.named("one"), &link).unwrap();
    let mut follower = Follower::open(&link, Start::BEGINNING, &Stop::default()).unwrap();
    assert_eq!(next(&mut follower), lines(b"1\n", 0, 1));
    std::os::unix::fs::symlink(log.named("two"), log.named("new")).unwrap();
    fs::rename(log.named("new"), &link).unwrap();
    assert_eq!(next(&mut follower), Seen::Rotated);
    assert_eq!(next(&mut follower), lines(b"2\n", 0, 1));
}

#[test]
fn a_line_of_100_mb_is_left_out_and_the_next_is_read() {
    let log = Log::new(b"a\n");
    let mut file = OpenOptions::new().write(true).open(&log.path).unwrap();
    // A hole reads as zeros and takes no room on the disk.
    file.seek(SeekFrom::Start(100 << 20)).unwrap();
    file.write_all(b"\nb\n").unwrap();
    let mut follower = log.follow();
    assert_eq!(next(&mut follower), lines(b"a\n", 0, 1));
    assert_eq!(next(&mut follower), Seen::TooLong(2, 2));
    assert_eq!(next(&mut follower), lines(b"b\n", (100 << 20) + 1, 3));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_followed_to_its_end() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(reader));
    let mut follower = Follower::pipe(file, "-".into(), &Stop::default());
    assert_eq!(all(&mut follower), []);
    writer.write_all(b"one\ntw").unwrap();
    assert_eq!(next(&mut follower), lines(b"one\n", 0, 1));
    writer.write_all(b"o\nthree").unwrap();
    assert_eq!(next(&mut follower), lines(b"two\n", 4, 2));
    drop(writer);
    assert_eq!(next(&mut follower), Seen::Torn(b"three".to_vec(), 0));
    assert_eq!(next(&mut follower), Seen::Ended);
    assert_eq!(next(&mut follower), Seen::Ended);
}

#[test]
fn reading_stops_when_it_is_told_to_and_gives_what_is_left() {
    let log = Log::new(b"one\ntwo");
    let stop = Stop::default();
    let mut follower = Follower::open(&log.path, Start::BEGINNING, &stop).unwrap();
    assert_eq!(next(&mut follower), lines(b"one\n", 0, 1));
    let other = stop.clone();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        other.stop();
    });
    let begun = Instant::now();
    assert_eq!(next(&mut follower), Seen::Torn(b"two".to_vec(), 0));
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(next(&mut follower), Seen::Stopped);
    stopper.join().unwrap();
}

#[test]
fn what_cannot_be_opened_says_so() {
    let log = Log::new(b"");
    let missing = Follower::open(&log.named("no"), Start::BEGINNING, &Stop::default());
    assert!(matches!(missing.err(), Some(Trouble::Missing { .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_wakes_its_reader() {
    let log = Log::new(b"");
    let mut follower = log.follow();
    let mut took: Vec<Duration> = (0..20)
        .map(|n| {
            let path = log.path.clone();
            let writer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(15));
                let mut file = OpenOptions::new().append(true).open(path).unwrap();
                let begun = Instant::now();
                writeln!(file, "{n}").unwrap();
                begun
            });
            assert!(matches!(next(&mut follower), Seen::Lines(..)));
            let came = Instant::now();
            came.duration_since(writer.join().unwrap())
        })
        .collect();
    took.sort();
    // Without being woken it would look every tenth of a second: of twenty that take one sleep each
    // hardly six would come so soon, and what is slow is the machine.
    assert!(took[5] < Duration::from_millis(20), "{took:?}");
}

/// Small numbers that differ from run to run of the loop and not from run to run of the test.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }
}

/// Writes numbered lines in torn pieces and rotates the file again and again, at random and at times faster
/// than anybody can look. Gives how many lines there were.
fn write_and_rotate(path: &Path, rotations: u32, seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let mut written = 0;
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    for generation in 0..rotations {
        for _ in 0..dice.below(40) {
            let line = format!(
                "{written} {}\n",
                "x".repeat(usize::try_from(dice.below(300)).unwrap())
            );
            let (head, rest) =
                line.split_at(usize::try_from(dice.below(line.len() as u64)).unwrap());
            file.write_all(head.as_bytes()).unwrap();
            if dice.below(8) == 0 {
                thread::sleep(Duration::from_micros(dice.below(900)));
            }
            file.write_all(rest.as_bytes()).unwrap();
            written += 1;
        }
        let keep = if generation % 3 == 0 {
            "log.1".to_owned()
        } else {
            format!("log-{generation:05}")
        };
        let to = path.with_file_name(keep);
        if to.exists() {
            // The next number, as logrotate does it.
            fs::rename(&to, path.with_file_name(format!("log.1-{generation}"))).unwrap();
        }
        fs::rename(path, &to).unwrap();
        file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .unwrap();
    }
    file.write_all(b"end\n").unwrap();
    written
}

#[test]
fn every_line_comes_once_and_in_order_however_often_the_file_is_rotated() {
    for seed in 0..4 {
        let log = Log::new(b"");
        let mut follower = log.follow();
        let path = log.path.clone();
        let (done, count) = mpsc::channel();
        let writer = thread::spawn(move || {
            done.send(write_and_rotate(&path, 200, seed)).unwrap();
        });
        let (mut wanted, mut rotated, mut seen_end) = (0, 0, false);
        while !seen_end {
            let lines = match next(&mut follower) {
                Seen::Lines(bytes, ..) => bytes,
                Seen::Rotated => {
                    rotated += 1;
                    continue;
                }
                Seen::Gone | Seen::Back => continue,
                other => panic!("{other:?} after line {wanted}"),
            };
            for line in lines.split_inclusive(|b| *b == b'\n') {
                assert_eq!(line.last(), Some(&b'\n'));
                if line == b"end\n" {
                    seen_end = true;
                    continue;
                }
                let number = line.split(|b| *b == b' ').next().unwrap();
                assert_eq!(number, wanted.to_string().as_bytes(), "seed {seed}");
                wanted += 1;
            }
        }
        assert_eq!(count.recv().unwrap(), wanted, "seed {seed}");
        assert!(rotated > 20, "{rotated}");
        writer.join().unwrap();
        assert_eq!(all(&mut follower), [], "seed {seed}");
    }
}
