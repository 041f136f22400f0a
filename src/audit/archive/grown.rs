//! What an archive holds once its files have grown, against what reading them whole gives.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::Archive;
use super::grow::OPEN;
use crate::audit::follow::Block;
use crate::audit::{Content, Options, open};

/// A log that grows, and the archive that follows it.
pub(super) struct Growing {
    _folder: tempfile::TempDir,
    path: PathBuf,
    pub(super) archive: Archive,
    read_to: u64,
}

impl Growing {
    pub(super) fn new(content: &str) -> Self {
        Self::keeping(content, 10_000)
    }

    pub(super) fn keeping(content: &str, keep_rejected: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        fs::write(&path, content).unwrap();
        let options = Options {
            keep_rejected,
            ..Options::default()
        };
        let archive = open(&[&path], &options).unwrap().archive();
        let (_, _, read_to) = archive.growing().remove(0);
        Self {
            _folder: folder,
            path,
            archive,
            read_to,
        }
    }

    /// Writes on, and has the archive take in what is whole lines now.
    pub(super) fn append(&mut self, content: &str) -> Option<usize> {
        let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let from = usize::try_from(self.read_to).unwrap();
        let text = fs::read(&self.path).unwrap();
        let end = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
        if end <= from {
            return None;
        }
        self.read_to = end as u64;
        let before = memchr::memchr_iter(b'\n', &text[..from]).count();
        let block = Block {
            bytes: &text[from..end],
            offset: from as u64,
            line: before as u64 + 1,
        };
        self.archive.grow(0, &block)
    }

    /// Has the archive take in what begins a file.
    pub(super) fn take(&mut self, file: u32, content: &str) -> Option<usize> {
        let block = Block {
            bytes: content.as_bytes(),
            offset: 0,
            line: 1,
        };
        self.archive.grow(file, &block)
    }

    fn outcomes(&self) -> Vec<String> {
        let rows = (0..self.archive.len()).map(|row| self.archive.row(row, true).unwrap());
        let said = rows.map(|row| row.outcome.map(|o| o.raw().to_owned()));
        said.map(Option::unwrap_or_default).collect()
    }

    /// Fails unless reading the file anew gives the same rows.
    pub(super) fn is_what_reading_it_whole_gives(&self) {
        let whole = open(&[&self.path], &Options::default()).unwrap().archive();
        let rows = |archive: &Archive| -> Vec<_> {
            (0..archive.len())
                .map(|row| archive.row(row, true))
                .collect()
        };
        assert_eq!(rows(&self.archive), rows(&whole));
        let rejected = |archive: &Archive| {
            (
                archive.progress().rejected(),
                archive.progress().rejections(),
            )
        };
        assert_eq!(rejected(&self.archive), rejected(&whole));
    }
}

/// One stage of a call of the Kubernetes API, some seconds after the beginning of a minute.
fn stage(id: &str, stage: &str, second: f64) -> String {
    let status = if stage == "RequestReceived" {
        ""
    } else {
        r#","responseStatus":{"code":200}"#
    };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{id}","stage":"{stage}","requestURI":"/api/v1/namespaces/n/secrets/s","verb":"get","user":{{"username":"u-{id}"}},"objectRef":{{"resource":"secrets","namespace":"n","name":"s","apiVersion":"v1"}}{status},"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z","stageTimestamp":"2026-01-01T00:00:{second:09.6}Z"}}"#
    ) + "\n"
}

fn received(id: &str, second: f64) -> String {
    stage(id, "RequestReceived", second)
}

fn started(id: &str, second: f64) -> String {
    stage(id, "ResponseStarted", second)
}

pub(super) fn complete(id: &str, second: f64) -> String {
    stage(id, "ResponseComplete", second)
}

/// A line of a Vault log.
pub(super) fn vault(kind: &str, id: &str, second: u32) -> String {
    format!(
        r#"{{"time":"2026-01-01T00:00:{second:02}Z","type":"{kind}","auth":{{"display_name":"app"}},"request":{{"id":"{id}","operation":"read","path":"secret/{id}"}}}}"#
    ) + "\n"
}

/// A log that is rotated every minute for weeks keeps no reader for each file that it was.
#[test]
fn a_file_that_was_rotated_twice_needs_no_reader_any_more() {
    let mut log = Growing::new(&vault("response", "a", 0));
    log.append(&vault("response", "b", 1));
    let mut number = 0;
    for second in 2..9 {
        let line = vault("response", &format!("c{second}"), second);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(line.as_bytes()).unwrap();
        number = log
            .archive
            .succeed(number, Content(Arc::new(file)))
            .unwrap();
        let block = Block {
            bytes: line.as_bytes(),
            offset: 0,
            line: 1,
        };
        log.archive.grow(number, &block);
        assert!(log.archive.growing.readers() <= 2, "{second}");
    }
    assert_eq!((number, log.archive.len()), (7, 9));
}

#[test]
fn a_call_is_one_row_however_its_stages_fall_before_and_behind_the_reading() {
    let lines = [
        received("a", 1.0),
        received("b", 1.5),
        started("a", 2.0),
        complete("b", 2.5),
        complete("a", 3.0),
        complete("c", 3.5),
        received("d", 4.0),
        started("e", 4.5),
        complete("d", 5.0),
    ];
    for split in 1..lines.len() {
        for at_once in 1..4 {
            let mut growing = Growing::new(&lines[..split].concat());
            for more in lines[split..].chunks(at_once) {
                growing.append(&more.concat());
            }
            growing.is_what_reading_it_whole_gives();
            assert_eq!(growing.archive.len(), 5, "{split} {at_once}");
        }
    }
}

#[test]
fn a_call_told_in_stages_is_not_forgotten_before_as_many_others_have_come() {
    let mut growing = Growing::new(&complete("first", 0.0));
    growing.append(&(received("a", 1.0) + &started("a", 2.0)));
    let others = (1..OPEN).map(|n| {
        let second = 3.0 + f64::from(u32::try_from(n).unwrap()) / 1e5;
        received(&format!("o{n}"), second)
    });
    let others: String = others.collect();
    growing.append(&others);
    assert_eq!(growing.archive.len(), 1 + OPEN);
    growing.append(&complete("a", 4.0));
    assert_eq!(growing.archive.len(), 1 + OPEN);
    let last = growing.archive.row(OPEN, true).unwrap();
    assert_eq!(last.outcome.unwrap().raw(), "allowed");
    // One more than are remembered: the oldest is forgotten, and no other.
    growing.append(&(received("b", 5.0) + &received("c", 5.0)));
    growing.append(&(complete("o2", 6.0) + &complete("c", 6.0)));
    assert_eq!(growing.archive.len(), 1 + OPEN + 2);
    growing.append(&complete("o1", 7.0));
    assert_eq!(growing.archive.len(), 1 + OPEN + 3);
}

/// Calls that have ended take no room among those that have not.
#[test]
fn an_open_call_is_remembered_however_many_others_begin_and_end() {
    let mut growing = Growing::new(&complete("first", 0.0));
    growing.append(&received("a", 1.0));
    for n in 0..3 {
        let others = (0..OPEN).map(|m| {
            let id = format!("o{n}-{m}");
            let second = 2.0 + f64::from(u32::try_from(m).unwrap()) / 1e5;
            received(&id, second) + &complete(&id, second)
        });
        growing.append(&others.collect::<String>());
    }
    assert_eq!(growing.archive.len(), 2 + 3 * OPEN);
    growing.append(&complete("a", 3.0));
    assert_eq!(growing.archive.len(), 2 + 3 * OPEN);
}

/// A stage that comes late, as from another file, says less than what is known already.
#[test]
fn an_earlier_stage_that_comes_late_changes_nothing() {
    let mut growing = Growing::new(&complete("first", 0.0));
    let second = |growing: &Growing| {
        assert_eq!(growing.archive.len(), 2);
        growing.archive.row(1, true).unwrap().time.to_string()
    };
    growing.append(&(started("a", 2.0) + &received("a", 1.0)));
    assert!(second(&growing).contains("00:00:02"));
    growing.append(&(complete("a", 3.0) + &started("a", 2.0)));
    assert!(second(&growing).contains("00:00:03"));
    growing.append(&complete("a", 3.0));
    growing.is_what_reading_it_whole_gives();
}

#[test]
fn a_line_that_was_torn_when_it_was_read_is_no_rejection_once_it_is_whole() {
    for (before, line) in [
        (vault("response", "a", 1), vault("response", "b", 2)),
        (complete("a", 1.0), complete("b", 2.0)),
    ] {
        for keep in [10_000, 0] {
            for tear in [1, line.len() / 2, line.len() - 2] {
                let broken = format!("{}not json\n{}", before, &line[..tear]);
                let mut growing = Growing::keeping(&broken, keep);
                assert_eq!(growing.archive.progress().rejected(), 2, "{tear}");
                // While it is torn it stays one.
                growing.append(&line[tear..=tear]);
                if tear + 1 < line.len() {
                    assert_eq!(growing.archive.progress().rejected(), 2);
                }
                growing.append(&line[tear + 1..]);
                assert_eq!(growing.archive.progress().rejected(), 1, "{tear}");
                assert_eq!(growing.archive.len(), 2);
                if keep > 0 {
                    growing.is_what_reading_it_whole_gives();
                }
                // What comes behind it is no matter of it.
                growing.append("nor this\n");
                assert_eq!(growing.archive.progress().rejected(), 2);
            }
        }
    }
}

#[test]
fn a_torn_line_that_ends_as_no_record_is_one_rejection() {
    let mut growing = Growing::new(&(vault("response", "a", 1) + "{\"type\""));
    assert_eq!(growing.archive.progress().rejected(), 1);
    growing.append(":\n");
    growing.is_what_reading_it_whole_gives();
    assert_eq!(growing.archive.progress().rejected(), 1);
    // A last line that was whole but for its end was a row, and is that row.
    let whole = vault("response", "b", 2);
    let mut growing = Growing::new(&(vault("response", "a", 1) + whole.trim_end()));
    assert_eq!(growing.archive.len(), 2);
    growing.append("\n");
    growing.is_what_reading_it_whole_gives();
}

/// The row that a torn line was taken for is gone with it, and the call it had ended is open again.
#[test]
fn the_request_of_an_answer_that_becomes_something_else_waits_again() {
    for (asked, answered) in [
        (vault("request", "b", 2), vault("response", "b", 3)),
        (received("b", 2.0), complete("b", 3.0)),
    ] {
        let before = if asked.contains("audit.k8s.io") {
            complete("a", 1.0)
        } else {
            vault("response", "a", 1)
        };
        let mut growing = Growing::new(&(before + &asked + answered.trim_end()));
        assert_eq!(growing.outcomes(), ["allowed", "allowed"]);
        growing.append("and more\n");
        growing.is_what_reading_it_whole_gives();
        assert_eq!(growing.outcomes(), ["allowed", "unanswered"]);
        growing.append(&answered);
        assert_eq!(growing.outcomes(), ["allowed", "allowed"]);
        growing.is_what_reading_it_whole_gives();
    }
}

/// A rejection of the file before stays, whatever comes first in the one that took its name.
#[test]
fn what_was_rejected_in_a_file_stays_so_when_another_takes_its_place() {
    let mut growing = Growing::new(&(vault("response", "a", 1) + "not json\n"));
    let content = fs::File::open(&growing.path).unwrap();
    let content = crate::audit::Content(std::sync::Arc::new(content));
    let next = growing.archive.succeed(0, content).unwrap();
    let line = vault("response", "a", 1);
    let block = Block {
        bytes: line.as_bytes(),
        offset: 0,
        line: 1,
    };
    growing.archive.grow(next, &block);
    assert_eq!(growing.archive.progress().rejected(), 1);
    assert_eq!(growing.archive.progress().rejections().len(), 1);
}

/// Of a second audit device, or of a line that is written twice.
#[test]
fn a_call_that_is_told_twice_while_files_grow_is_one_row() {
    let mut growing = Growing::new(&vault("response", "first", 0));
    let both = vault("request", "a", 1) + &vault("request", "a", 1);
    growing.append(&both);
    assert_eq!(growing.outcomes(), ["allowed", "unanswered"]);
    growing.append(&(vault("response", "a", 2) + &vault("response", "a", 2)));
    assert_eq!(growing.outcomes(), ["allowed", "allowed"]);
    growing.append(&vault("request", "a", 1));
    // One that had ended when the files were read, too.
    growing.append(&(vault("request", "first", 0) + &vault("response", "first", 0)));
    growing.is_what_reading_it_whole_gives();
    assert_eq!(growing.outcomes(), ["allowed", "allowed"]);
}

/// An id of Google Cloud is unique at one time only.
#[test]
fn records_that_share_an_id_at_different_times_are_two_rows() {
    let entry = |second: u32| {
        format!(
            r#"{{"insertId":"i","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-01-01T00:00:{second:02}Z","protoPayload":{{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"secretmanager.googleapis.com","methodName":"m"}}}}"#
        ) + "\n"
    };
    let mut growing = Growing::new(&entry(1));
    growing.append(&(entry(2) + &entry(3)));
    growing.append(&entry(3));
    growing.is_what_reading_it_whole_gives();
    assert_eq!(growing.archive.len(), 3);
}

/// A search that is done goes on where the last line was torn, not where its bytes ended.
#[test]
fn words_in_the_rest_of_a_torn_line_are_found_once_it_is_whole() {
    let line = vault("response", "needle", 2);
    for tear in 1..line.len() {
        let mut growing = Growing::new(&(vault("response", "a", 1) + &line[..tear]));
        let filter = crate::query::Filter::parse("secret/needle").unwrap();
        let mut search = growing.archive.search(filter);
        let before = search.found();
        let row = growing.append(&line[tear..]);
        search.rewind(row.unwrap_or(growing.archive.len()));
        while !search.step(&growing.archive) {}
        assert_eq!(
            search.rows(0..2).collect::<Vec<_>>(),
            [1],
            "{tear} {before}"
        );
        // What comes behind it is found too, and nothing twice.
        let row = growing.append(&vault("response", "needle-2", 3)).unwrap();
        search.rewind(row);
        while !search.step(&growing.archive) {}
        assert_eq!(search.rows(0..3).collect::<Vec<_>>(), [1, 2], "{tear}");
    }
}

#[test]
fn rows_of_one_moment_stay_as_they_came_and_what_is_rejected_has_its_line() {
    let mut growing = Growing::new(&(vault("response", "a", 1) + &vault("response", "b", 1)));
    let more = ["c", "d"].map(|id| vault("response", id, 1)).concat();
    growing.append(&(more + "not json\n" + &vault("response", "e", 1) + "nor this\n"));
    growing.append(&(vault("response", "f", 1) + "{}\n"));
    growing.is_what_reading_it_whole_gives();
    let lines = growing.archive.progress().rejections();
    let lines: Vec<u64> = lines.iter().map(|rejected| rejected.place.line).collect();
    assert_eq!(lines, [5, 7, 9]);
}
