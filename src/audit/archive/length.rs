//! What is written to a file after an archive was opened is no part of that reading: its length then
//! is where it ends, and following takes it from there.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::half::Ids;
use super::segment::{Reader, SEGMENT};
use crate::audit::follow::Block;
use crate::audit::item::Keep;
use crate::audit::merge::Merge;
use crate::audit::progress::Progress;
use crate::audit::scan::Scanner;
use crate::audit::source::Input;
use crate::audit::stream::Shared;
use crate::audit::{Content, Options, open};

fn vault(n: usize) -> String {
    format!(
        r#"{{"time":"2026-01-01T00:00:00.{n:09}Z","type":"response","auth":{{"display_name":"app"}},"request":{{"id":"{n}","operation":"read","path":"secret/{n}"}}}}"#
    ) + "\n"
}

fn nginx(n: usize) -> String {
    let (minute, second) = (n / 60_000, n / 1000 % 60);
    let agent = "x".repeat(120);
    format!(
        r#"192.0.2.7 - - [01/Jan/2026:00:{minute:02}:{second:02} +0000] "GET /{n} HTTP/1.1" 200 179 "-" "{agent}""#
    ) + "\n"
}

fn journald(n: usize) -> String {
    let time = 1_767_225_600_000_000 + n;
    format!(
        r#"{{"__CURSOR":"s=1;i={n}","__REALTIME_TIMESTAMP":"{time}","_HOSTNAME":"web-1","PRIORITY":"6","SYSLOG_IDENTIFIER":"app","MESSAGE":"m{n}"}}"#
    ) + "\n"
}

/// A Vault log whose reader was told of the first lines only.
#[test]
fn a_reader_of_vault_logs_reads_up_to_the_length_that_it_was_given() {
    let lines: Vec<String> = (0..100).map(vault).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(lines.concat().as_bytes()).unwrap();
    let content = Content(Arc::new(file));
    for whole in [0, 1, 40, 99] {
        let length: usize = lines[..whole].iter().map(String::len).sum();
        // At the end of a line, and within the next.
        for (more, rejected) in [(0, 0), (70, 1)] {
            let length = (length + more) as u64;
            let of = (&"log".into(), &content, length);
            let mut reader = Reader::new(0, of, Ids::new(), &Arc::default());
            let segment = reader.segment(0);
            assert_eq!(segment.calls.len(), whole, "{more}");
            assert_eq!(segment.rejected.len(), rejected, "{whole}");
            assert!(segment.trouble.is_none() && length < SEGMENT);
        }
    }
}

/// The bytes that are read at once first are few at the end of a reader's part of the file.
#[test]
fn a_line_that_ends_far_behind_the_part_it_begins_in_is_read_with_it() {
    for more in [10, 3000, 5000, 70_000, 300_000] {
        let mut lines: Vec<String> = (0..100).map(vault).collect();
        let more = format!("{{\"more\":\"{}\",", "m".repeat(more));
        lines[50] = lines[50].replacen('{', &more, 1);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(lines.concat().as_bytes()).unwrap();
        let content = Content(Arc::new(file));
        let bytes = |lines: &[String]| lines.iter().map(|line| line.len() as u64).sum::<u64>();
        let (begin, end, whole) = (bytes(&lines[..50]), bytes(&lines[..51]), bytes(&lines));
        for cut in [begin + 1, begin + 70, end - 1, end] {
            let mut reader = Reader::new(
                0,
                (&"log".into(), &content, whole),
                Ids::new(),
                &Arc::default(),
            );
            for (part, calls) in [(0..cut, 51), (cut..whole, 49)] {
                let segment = reader.lines(0, part);
                assert_eq!(segment.trouble, None);
                assert_eq!((segment.calls.len(), segment.rejected.len()), (calls, 0));
                let ended: u32 = segment.ends.iter().sum();
                assert_eq!(ended as usize, calls);
            }
        }
    }
}

/// How many records there are of the first bytes of a file, as an archive reads them.
fn records(path: &Path, bytes: u64) -> usize {
    let mut input = Input::at(path.to_owned(), Some(bytes));
    input.content = Some(Content(Arc::new(File::open(path).unwrap())));
    let progress = Arc::new(Progress::new(10));
    let shared = Shared::new(&progress, Scanner::new(), Keep::Rows, None);
    let mut merge = Merge::new(vec![input], &shared);
    let mut records = 0;
    while merge.advance(&mut |_| records += 1) {}
    assert_eq!((progress.rejected(), progress.troubles()), (0, vec![]));
    records
}

/// Of other formats, of few lines and of so many that several threads read them.
#[test]
fn streams_read_up_to_the_length_that_they_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let makes: [fn(usize) -> String; 2] = [nginx, journald];
    for make in makes {
        let lines: Vec<String> = (0..50_000).map(make).collect();
        fs::write(&path, lines.concat()).unwrap();
        for count in [1, 700, 40_000] {
            let bytes: usize = lines[..count].iter().map(String::len).sum();
            assert_eq!(records(&path, bytes as u64), count);
            assert!(count < 40_000 || bytes > 4 << 20);
        }
    }
}

/// The most lines of a file that is written.
const MOST: usize = 30_000;

/// Another process writes all the time; whatever was there at first, no line is lost and none is
/// taken twice.
#[test]
fn a_file_that_is_written_while_it_is_opened_is_read_on_where_that_ended() {
    let makes: [fn(usize) -> String; 3] = [vault, nginx, journald];
    for make in makes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, (0..5000).map(make).collect::<String>()).unwrap();
        let over = AtomicBool::new(false);
        let (mut archive, written) = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut file = OpenOptions::new().append(true).open(&path).unwrap();
                let mut written = 5000;
                while !over.load(Ordering::Relaxed) && written < MOST {
                    let some: String = (written..written + 50).map(make).collect();
                    file.write_all(some.as_bytes()).unwrap();
                    written += 50;
                }
                written
            });
            let archive = open(&[&path], &Options::default()).unwrap().archive();
            over.store(true, Ordering::Relaxed);
            (archive, writer.join().unwrap())
        });
        let text = fs::read(&path).unwrap();
        let (number, _, read_to) = archive.growing().remove(0);
        let from = usize::try_from(read_to).unwrap();
        let before = memchr::memchr_iter(b'\n', &text[..from]).count();
        // A last line that was half written may have been a row.
        assert!((before..=before + 1).contains(&archive.len()));
        archive.grow(
            number,
            &Block {
                bytes: &text[from..],
                offset: read_to,
                line: before as u64 + 1,
            },
        );
        assert_eq!(archive.len(), written);
        let places = (0..archive.len()).map(|row| archive.columns.lines(row).unwrap().0.offset);
        assert_eq!(places.collect::<HashSet<_>>().len(), written);
    }
}
