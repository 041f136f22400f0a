//! The archive over files that are damaged, cut, replaced or cannot be read: what is around the
//! damage is there, and what is not is told.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::alone::alone;
use super::{Archive, Search};
use crate::audit::lines::LONGEST_LINE;
use crate::audit::{AuditRow, Options, Trouble, open};
use crate::query::page::{Ask, Rows};
use crate::query::{By, Field, Filter};

/// A folder with one log in it.
struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Log {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        fs::write(&path, content).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn archive(&self) -> Archive {
        archive(&self.path)
    }

    /// How many rows reading it all in full gives.
    fn rows(&self) -> Vec<AuditRow> {
        let opened = open(&[&self.path], &Options::default()).unwrap();
        opened.filter_map(|s| AuditRow::of(&s)).collect()
    }
}

fn archive(path: &Path) -> Archive {
    open(&[path], &Options::default()).unwrap().archive()
}

/// A response, the `n`th second of a day, with some of `request.data` and `response.data`.
fn response(n: u32, data: &str, answer: &str) -> String {
    let (hour, minute, second) = (n / 3600, n / 60 % 60, n % 60);
    format!(
        r#"{{"time":"2026-01-01T{hour:02}:{minute:02}:{second:02}Z","type":"response","auth":{{"display_name":"app"}},"request":{{"id":"id-{n}","operation":"read","mount_point":"secret/","mount_type":"kv","path":"secret/data/p{n}","data":{data}}},"response":{{"data":{answer}}}}}"#
    )
}

fn plain(n: u32) -> String {
    response(n, "null", "null")
}

fn lines(lines: &[String]) -> String {
    lines
        .iter()
        .fold(String::new(), |all, line| all + line + "\n")
}

fn search(archive: &Archive, filter: &str) -> Search {
    archive.search(Filter::parse(filter).unwrap())
}

fn found(archive: &Archive, filter: &str) -> Vec<usize> {
    let search = search(archive, filter);
    assert_eq!(search.wrong(), None, "{filter}");
    search.rows(0..archive.len()).collect()
}

/// The paths of all rows; each is looked at, with its line.
fn seen(archive: &Archive) -> Vec<(String, u64)> {
    let rows = (0..archive.len()).map(|row| archive.row(row, true).unwrap());
    let seen = rows.map(|row| (row.path.unwrap().raw().to_owned(), row.place.line));
    seen.collect()
}

fn p(n: u32, line: u64) -> (String, u64) {
    (format!("secret/data/p{n}"), line)
}

/// The line and the byte of each rejection, and why.
fn rejections(archive: &Archive) -> Vec<(u64, u64, String)> {
    let all = archive.progress().rejections();
    assert_eq!(archive.progress().rejected(), all.len() as u64);
    let told = all.into_iter().map(|rejected| {
        let place = rejected.place;
        (place.line, place.byte, rejected.reason.raw().to_owned())
    });
    told.collect()
}

/// Asks everything that can be asked of an archive whose rows can all be read.
fn ask_everything(archive: &Archive) {
    let rows = archive.len();
    assert_eq!(found(archive, "").len(), rows);
    assert_eq!(found(archive, "operation:read").len(), rows);
    assert_eq!(found(archive, "mount_type").len(), rows);
    let all = search(archive, "");
    let counted = archive.count(&all, &["operation".parse::<By>().unwrap()]);
    assert_eq!(counted.unread, 0);
    let sum: u64 = counted.groups.iter().map(|(_, n)| n).sum();
    assert_eq!(sum, rows as u64);
    let ask = Ask {
        rows: Rows::From(0, 100),
        bins: 10,
        facets: vec![Field::Outcome],
        ..Ask::default()
    };
    let page = archive.page(&ask, &all, true);
    assert!(page.rows.iter().all(|row| row.wrong.is_none()));
    assert_eq!(page.rows.len(), rows.min(100));
}

#[test]
fn a_line_of_100_mb_is_one_rejection_and_its_neighbours_are_rows() {
    // A hole reads as zeros and takes no room on the disk; the other is a record but for its size.
    let around = lines(&[plain(1), plain(2)]);
    let log = Log::new(&around);
    let mut file = OpenOptions::new().append(true).open(&log.path).unwrap();
    let record = response(3, "\"@\"", "null");
    let (head, tail) = record.split_once('@').unwrap();
    file.write_all(head.as_bytes()).unwrap();
    let chunk = vec![b'a'; 1 << 20];
    for _ in 0..100 {
        file.write_all(&chunk).unwrap();
    }
    writeln!(file, "{tail}").unwrap();
    let behind = file.stream_position().unwrap();
    file.write_all(lines(&[plain(4)]).as_bytes()).unwrap();
    let hole = file.stream_position().unwrap();
    file.set_len(hole + (100 << 20)).unwrap();
    file.write_all(format!("\n{}\n", plain(5)).as_bytes())
        .unwrap();
    drop(file);
    let archive = log.archive();
    assert_eq!(seen(&archive), [p(1, 1), p(2, 2), p(4, 4), p(5, 6)]);
    let reason = "the line is longer than 16 MiB".to_owned();
    assert_eq!(
        rejections(&archive),
        [(3, around.len() as u64, reason.clone()), (5, hole, reason)]
    );
    assert!(behind > 100 << 20);
    ask_everything(&archive);
    assert_eq!(found(&archive, "secret/data/p5"), [3]);
}

/// A line that is too long is passed over, not held.
#[cfg(target_os = "linux")]
#[test]
fn a_line_of_100_mb_takes_no_such_memory() {
    let test = "a_line_of_100_mb_takes_no_such_memory";
    if alone(module_path!(), test, "").is_none() {
        return;
    }
    let log = Log::new(lines(&[plain(1)]));
    let mut file = OpenOptions::new().write(true).open(&log.path).unwrap();
    file.seek(SeekFrom::Start(200 << 20)).unwrap();
    file.write_all(format!("\n{}\n", plain(2)).as_bytes())
        .unwrap();
    let peak = || -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = peak();
    let archive = log.archive();
    assert_eq!((archive.len(), rejections(&archive).len()), (2, 1));
    assert_eq!(found(&archive, "mount_type"), [0, 1]);
    let took = (peak() - before) >> 10;
    assert!(took < 150, "{took} MiB");
}

/// What it says is not taken for what was found of the line before it.
#[test]
fn a_line_may_repeat_what_one_that_was_too_long_says() {
    let of = |line: String, who: &str| line.replace("\"app\"", &format!("\"{who}\""));
    let long = format!("\"{}\"", "a".repeat(LONGEST_LINE));
    let archive = Log::new(lines(&[
        of(plain(1), "alice"),
        of(response(2, &long, "null"), "bob"),
        of(plain(3), "bob"),
    ]))
    .archive();
    assert_eq!((archive.len(), rejections(&archive).len()), (2, 1));
    assert_eq!(found(&archive, "actor:alice"), [0]);
    assert_eq!(found(&archive, "actor:bob"), [1]);
}

/// Whether a line is too long is no matter of where it stands and of which reader has it.
#[test]
fn a_line_just_beyond_the_limit_is_rejected_wherever_it_begins() {
    for before in [0_u32, 2000] {
        for (over, taken) in [(0, true), (1, false), (1 << 20, false)] {
            let mut text = lines(&(0..before).map(plain).collect::<Vec<_>>());
            let bare = response(before, "\"\"", "null").len();
            let filler = "a".repeat(LONGEST_LINE + over - bare);
            text += &lines(&[response(before, &format!("\"{filler}\""), "null")]);
            text += &lines(&[plain(before + 1)]);
            let log = Log::new(&text);
            let archive = log.archive();
            let rejected = usize::from(!taken);
            assert_eq!(rejections(&archive).len(), rejected, "{before} {over}");
            assert_eq!(archive.len() + rejected, before as usize + 2);
            assert_eq!(archive.len(), log.rows().len());
            let last = archive.len() - 1;
            let line = archive.row(last, true).unwrap().place.line;
            assert_eq!(line, u64::from(before) + 2);
            if taken {
                assert!(archive.row(last - 1, false).is_ok());
                assert_eq!(found(&archive, "aaaa"), [last - 1]);
            }
        }
    }
}

#[test]
fn bytes_of_zero_are_rejected_with_their_line_and_nothing_else_is() {
    let mut text = Vec::new();
    // Between lines, as a file system leaves them after a crash.
    text.extend(format!("{}\n\0\0\0\0\n{}\n", plain(1), plain(2)).into_bytes());
    // Before a line, as a copy that was cut leaves them.
    text.extend(format!("\0\0\0{}\n", plain(3)).into_bytes());
    // Within what the index reads.
    text.extend(format!("{}\n", plain(4).replace("p4", "p\x004")).into_bytes());
    text.extend(format!("{}\n", plain(5)).into_bytes());
    // A file that was made longer than what was written.
    text.extend([0; 5000]);
    let log = Log::new(&text);
    let archive = log.archive();
    assert_eq!(seen(&archive), [p(1, 1), p(2, 3), p(3, 4), p(5, 6)]);
    let lines: Vec<u64> = rejections(&archive).iter().map(|told| told.0).collect();
    assert_eq!(lines, [2, 5, 7]);
    assert_eq!(archive.len(), log.rows().len());
    ask_everything(&archive);
}

/// Where the index does not look the damage is told once the row is looked at.
#[test]
fn a_byte_of_zero_in_what_is_passed_over_is_told_by_its_row() {
    let text = lines(&[plain(1), response(2, "{\"a\":\"x\0y\"}", "null"), plain(3)]);
    let archive = Log::new(text).archive();
    let rejected = archive.progress().rejected();
    assert_eq!(archive.len() as u64 + rejected, 3);
    let looked: Vec<_> = (0..archive.len()).map(|n| archive.row(n, true)).collect();
    assert!(looked[0].is_ok() && looked[looked.len() - 1].is_ok());
    if let [_, Err(why), _] = &looked[..] {
        assert!(why.contains("cannot be read in full"), "{why}");
    }
}

#[test]
fn objects_of_any_depth_overflow_nothing() {
    const DEPTH: usize = 100_000;
    let lists = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let objects = format!("{}1{}", "{\"a\":".repeat(DEPTH), "}".repeat(DEPTH));
    let open = "[".repeat(DEPTH);
    let open_objects = "{\"a\":".repeat(DEPTH);
    let mut text = plain(0) + "\n";
    let mut n = 0;
    for bomb in [&lists, &objects, &open, &open_objects] {
        for line in [
            response(n + 1, bomb, "null"),
            response(n + 2, "null", bomb),
            plain(n + 3).replace("\"auth\":{", &format!("\"auth\":{{\"x\":{bomb},")),
            plain(n + 4).replace("\"auth\":{", &format!("\"auth\":{{\"metadata\":{bomb},")),
            plain(n + 5).replace("\"time\":", &format!("\"more\":{bomb},\"time\":")),
            bomb.clone(),
            plain(n + 6),
        ] {
            text += &line;
            text.push('\n');
        }
        n += 6;
    }
    let log = Log::new(&text);
    let archive = log.archive();
    // The neighbours of each are there, and what is no row is a rejection.
    let plain_rows = found(
        &archive,
        "path:~p0$ or path:~p6$ or path:~p12$ or path:~p18$ or path:~p24$",
    );
    assert_eq!(plain_rows.len(), 5);
    assert_eq!(archive.len() as u64 + archive.progress().rejected(), 29);
    for row in 0..archive.len() {
        match archive.row(row, true) {
            Ok(_) => {}
            Err(why) => assert!(why.contains("cannot be read in full"), "{why}"),
        }
    }
    // What is asked of each row in full.
    let asked = search(&archive, "id:id-6");
    assert_eq!(asked.found(), 1);
    // Other formats get them too.
    for first in [
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"ResponseComplete","verb":"get","user":{"username":"u"},"requestURI":"/api","stageTimestamp":"2026-01-01T00:00:00Z"}"#,
        r#"{"insertId":"i","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-01-01T00:00:00Z","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"s","methodName":"m"}}"#,
    ] {
        let mut text = format!("{first}\n{lists}\n{objects}\n{open}\n{open_objects}\n");
        for bomb in [&lists, &objects] {
            text += &first.replacen('{', &format!("{{\"responseObject\":{bomb},"), 1);
            text.push('\n');
            text += &first.replacen('{', &format!("{{\"user\":{bomb},"), 1);
            text.push('\n');
        }
        let log = Log::new(&text);
        let archive = log.archive();
        assert_eq!(archive.len(), log.rows().len());
        for row in 0..archive.len() {
            let _ = archive.row(row, true);
        }
        assert!(archive.row(0, true).is_ok());
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(data).unwrap();
    packed.finish().unwrap()
}

#[test]
fn of_a_packed_file_that_was_cut_there_is_what_came_before_and_the_cut_is_told() {
    let text = lines(&(0..20_000).map(plain).collect::<Vec<_>>());
    for packed in [
        gzip(text.as_bytes()),
        zstd::encode_all(text.as_bytes(), 1).unwrap(),
    ] {
        let log = Log::new(&packed[..packed.len() / 2]);
        let archive = log.archive();
        let [
            Trouble::Archive {
                path,
                what,
                line,
                byte,
                ..
            },
        ] = &archive.progress().troubles()[..]
        else {
            panic!("{:?}", archive.progress().troubles());
        };
        assert_eq!(path.raw(), log.path.to_str().unwrap());
        assert_eq!(*what, "ends early");
        // As many rows as whole lines, and the torn one is a rejection.
        let byte = usize::try_from(*byte).unwrap();
        let whole = text[..byte].matches('\n').count();
        assert!(whole > 1000);
        assert_eq!(archive.len(), whole);
        assert_eq!(*line, whole as u64 + 1);
        let torn = text[..byte].rfind('\n').unwrap() + 1;
        let [(line, begin, _)] = &rejections(&archive)[..] else {
            panic!("{:?}", rejections(&archive));
        };
        assert_eq!((*line, *begin), (whole as u64 + 1, torn as u64));
        assert!(!archive.progress().went_well(archive.len() as u64));
        let last = archive.row(whole - 1, true).unwrap();
        assert_eq!(last.place.line, whole as u64);
        ask_everything(&archive);
    }
}

#[test]
fn packed_files_with_nothing_in_them_are_empty_and_no_trouble() {
    for empty in [
        gzip(b""),
        zstd::encode_all(&b""[..], 1).unwrap(),
        Vec::new(),
    ] {
        let archive = Log::new(empty).archive();
        assert!(archive.is_empty());
        assert_eq!(archive.progress().troubles(), []);
        assert_eq!(archive.progress().rejected(), 0);
        assert!(archive.progress().went_well(0));
        ask_everything(&archive);
    }
}

#[test]
fn of_a_packed_file_that_is_only_a_beginning_the_cut_is_told() {
    for head in [
        &gzip(b"text")[..6],
        &zstd::encode_all(&b"text"[..], 1).unwrap()[..5],
    ] {
        let archive = Log::new(head).archive();
        assert!(archive.is_empty());
        let troubles = archive.progress().troubles();
        assert!(
            matches!(troubles[..], [Trouble::Archive { .. }]),
            "{troubles:?}"
        );
        assert!(!archive.progress().went_well(0));
        ask_everything(&archive);
    }
}

#[test]
fn garbage_behind_a_packed_file_is_told_and_its_rows_are_there() {
    let text = lines(&[plain(1), plain(2)]);
    for mut packed in [
        gzip(text.as_bytes()),
        zstd::encode_all(text.as_bytes(), 1).unwrap(),
    ] {
        packed.extend(b"some other bytes, longer than any header");
        let archive = Log::new(packed).archive();
        assert_eq!(seen(&archive), [p(1, 1), p(2, 2)]);
        let troubles = archive.progress().troubles();
        let [Trouble::Archive { line, byte, .. }] = &troubles[..] else {
            panic!("{troubles:?}");
        };
        assert_eq!((*line, *byte), (3, text.len() as u64));
        assert_eq!(archive.progress().rejected(), 0);
        ask_everything(&archive);
    }
}

/// What a file that was cut still holds is found; that the rest is not is told by rows and search.
#[test]
fn a_search_of_a_file_that_was_cut_since_says_so() {
    let text = lines(&(0..100).map(plain).collect::<Vec<_>>());
    for keep in [0, text.len() / 2] {
        let log = Log::new(&text);
        let archive = log.archive();
        let file = OpenOptions::new().write(true).open(&log.path).unwrap();
        file.set_len(keep as u64).unwrap();
        let words = search(&archive, "mount_type");
        assert!(words.wrong().unwrap().contains("cut"), "{keep}");
        assert!(words.found() <= text[..keep].matches('\n').count());
        // A field that is not in the index.
        let read = search(&archive, "id:*");
        assert!(read.wrong().is_some());
        // What the index tells it tells without the file.
        let index = search(&archive, "operation:read");
        assert_eq!((index.found(), index.wrong()), (100, None));
        let counted = archive.count(&index, &["id".parse::<By>().unwrap()]);
        let left = text[..keep].matches('\n').count() as u64;
        assert!(counted.unread >= 99 - left, "{counted:?}");
        let page = archive.page(
            &Ask {
                rows: Rows::Last(5),
                ..Ask::default()
            },
            &index,
            true,
        );
        assert!(page.rows.iter().all(|row| row.wrong.is_some()));
        // Where the file was cut while it was followed, the search goes on from where it was.
        let mut again = words;
        again.rewind(50);
        while !again.step(&archive) {}
        assert!(again.wrong().is_some());
    }
}

/// A step of a search that finds the file shorter than it was at the step before.
#[test]
fn a_file_that_is_cut_between_two_steps_of_a_search_is_told() {
    let log = Log::new(lines(&(0..100).map(plain).collect::<Vec<_>>()));
    let archive = log.archive();
    let mut search = search(&archive, "mount_type");
    assert_eq!((search.found(), search.wrong()), (100, None));
    fs::write(&log.path, plain(1) + "\n").unwrap();
    search.rewind(0);
    while !search.step(&archive) {}
    assert!(search.wrong().is_some());
}

#[test]
fn a_search_of_a_file_that_was_written_anew_since_says_so() {
    let before = lines(&(0..100).map(plain).collect::<Vec<_>>());
    for anew in [200, 0] {
        let log = Log::new(&before);
        let archive = log.archive();
        let after = lines(&(1000..1000 + anew + 100).map(plain).collect::<Vec<_>>());
        assert!(after.len() > before.len());
        fs::write(&log.path, &after).unwrap();
        let search = search(&archive, "mount_type");
        assert!(search.wrong().unwrap().contains("anew"), "{anew}");
        for row in [0, 50, 99] {
            assert!(archive.row(row, true).is_err());
        }
    }
}

/// Another file under the name does not matter: the one that was read is open.
#[test]
fn a_file_that_was_replaced_by_another_is_still_there() {
    let log = Log::new(lines(&(0..100).map(plain).collect::<Vec<_>>()));
    let archive = log.archive();
    let other = log.path.with_extension("other");
    fs::write(&other, "something else\n").unwrap();
    fs::rename(&other, &log.path).unwrap();
    ask_everything(&archive);
    fs::remove_file(&log.path).unwrap();
    ask_everything(&archive);
}

/// What is appended since is no damage.
#[test]
fn a_search_of_a_file_that_has_grown_since_is_whole() {
    let log = Log::new(lines(&(0..100).map(plain).collect::<Vec<_>>()) + "{\"torn\":");
    let archive = log.archive();
    let mut file = OpenOptions::new().append(true).open(&log.path).unwrap();
    writeln!(file, "1}}\n{}", plain(200)).unwrap();
    assert_eq!(found(&archive, "mount_type").len(), 100);
}

#[test]
fn the_first_line_behind_a_byte_order_mark_is_a_row_with_its_place() {
    let text = format!("\u{feff}{}\n{}\n", plain(1), plain(2));
    let log = Log::new(&text);
    let archive = log.archive();
    assert_eq!(seen(&archive), [p(1, 1), p(2, 2)]);
    assert_eq!(archive.row(0, true).unwrap().place.byte, 3);
    let second = plain(1).len() as u64 + 4;
    assert_eq!(archive.row(1, true).unwrap().place.byte, second);
    assert_eq!(rejections(&archive), []);
    assert_eq!(found(&archive, "id-1"), [0]);
    assert_eq!(found(&archive, "\"00:00:01Z\""), [0]);
    // The mark itself is no part of the line.
    assert_eq!(found(&archive, "\"\u{feff}\""), [0; 0]);
    let rows = log.rows();
    assert_eq!(archive.row(0, true).as_ref(), Ok(&rows[0]));
    ask_everything(&archive);
}

/// A disk that fails once the archive is built. What stands for it: this process' own memory,
/// which cannot be read at its beginning, and a file that was opened to be written to only.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fails_is_told_by_rows_searches_and_counts() {
    use std::fs::File;
    use std::sync::Arc;
    let log = Log::new(lines(&(0..100).map(plain).collect::<Vec<_>>()));
    let memory = File::open("/proc/self/mem").unwrap();
    let unreadable = OpenOptions::new().append(true).open(&log.path).unwrap();
    for (failing, cause) in [
        (memory, "Input/output error"),
        (unreadable, "Bad file descriptor"),
    ] {
        let mut archive = log.archive();
        archive.originals[0].content = crate::audit::Content(Arc::new(failing));
        let why = archive.row(7, true).unwrap_err();
        assert!(why.contains("cannot be read from its file"), "{why}");
        assert!(why.contains(cause), "{why}");
        for filter in ["mount_type", "id:id-7"] {
            let search = search(&archive, filter);
            assert_eq!(search.found(), 0);
            assert!(search.wrong().unwrap().contains(cause), "{filter}");
            let page = archive.page(&Ask::default(), &search, true);
            assert!(page.trouble.iter().any(|told| told.raw().contains(cause)));
        }
        // The index is in memory.
        let all = search(&archive, "operation:read");
        assert_eq!((all.found(), all.wrong()), (100, None));
        assert_eq!(
            archive.count(&all, &["id".parse::<By>().unwrap()]).unread,
            100
        );
        let by = ["operation".parse::<By>().unwrap()];
        assert_eq!(archive.count(&all, &by).groups[0].1, 100);
        let ask = Ask {
            rows: Rows::From(0, 3),
            ..Ask::default()
        };
        let page = archive.page(&ask, &all, true);
        let paths = page.rows.iter().map(|row| {
            assert!(row.wrong.as_ref().unwrap().raw().contains(cause));
            let nth = Field::ALL.iter().position(|f| *f == Field::Path).unwrap();
            row.cells[nth].clone().unwrap().raw().to_owned()
        });
        let paths: Vec<String> = paths.collect();
        assert_eq!(paths, [p(0, 0).0, p(1, 0).0, p(2, 0).0]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_first_byte_cannot_be_read_is_told_with_the_cause_and_others_are_read() {
    let log = Log::new(lines(&[plain(1), plain(2)]));
    let paths = [log.path.as_path(), Path::new("/proc/self/mem")];
    let archive = open(&paths, &Options::default()).unwrap().archive();
    assert_eq!(seen(&archive), [p(1, 1), p(2, 2)]);
    let troubles = archive.progress().troubles();
    let [
        Trouble::Failed {
            path,
            byte: 0,
            cause,
        },
    ] = &troubles[..]
    else {
        panic!("{troubles:?}");
    };
    assert_eq!(path.raw(), "/proc/self/mem");
    assert!(cause.raw().contains("Input/output error"), "{cause:?}");
    assert!(!archive.progress().went_well(2));
}

/// Bytes that can be read with bytes behind them that cannot: what the environment of a process
/// says stands at the end of its stack, and nothing behind it. A process of its own is started
/// whose environment is a log; it reads that as the file of its own memory.
#[cfg(target_os = "linux")]
#[test]
fn what_stands_before_bytes_that_cannot_be_read_is_there_and_the_place_is_told() {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;
    use std::sync::Arc;

    use super::half::Ids;
    use super::segment::{Reader, SEGMENT};
    use crate::audit::Content;

    const ROWS: u32 = 300;
    let test = "what_stands_before_bytes_that_cannot_be_read_is_there_and_the_place_is_told";
    let log = format!("\n{}", lines(&(0..ROWS).map(plain).collect::<Vec<_>>()));
    if alone(module_path!(), test, &log).is_none() {
        return;
    }
    let number = |nth: usize| -> u64 {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let behind_name = &stat[stat.rfind(')').unwrap() + 2..];
        let word = behind_name.split(' ').nth(nth - 3).unwrap().to_owned();
        word.trim().parse().unwrap()
    };
    let (begin, end) = (number(50), number(51));
    let memory = File::open("/proc/self/mem").unwrap();
    let mut words = vec![0; usize::try_from(end - begin).unwrap()];
    memory.read_exact_at(&mut words, begin).unwrap();
    let first = memchr::memmem::find(&words, b"\n{\"time\"").unwrap();
    let first = begin + first as u64 + 1;
    let beyond = first + (1 << 20);
    let mut reader = Reader::new(
        0,
        (&"memory".into(), &Content(Arc::new(memory)), beyond),
        Ids::new(),
        &Arc::default(),
    );
    // Lines are counted from the beginning of a segment on.
    let segment = reader.lines(first / SEGMENT, first..beyond);
    let Some(Trouble::Failed { path, byte, cause }) = segment.trouble else {
        panic!("{:?}", segment.trouble);
    };
    assert_eq!(path.raw(), "memory");
    assert!(cause.raw().contains("Input/output error"), "{cause:?}");
    // Memory ends where a page does.
    assert!(byte >= end && byte < end + (64 << 10) && byte.is_multiple_of(4096));
    assert_eq!(segment.calls.len(), ROWS as usize);
}
