//! Records that are told again and lines that were torn, in files that grow: what the archive holds
//! then, against what opening the grown files anew gives.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use super::Archive;
use crate::audit::follow::Block;
use crate::audit::{AuditRow, Options, open};

/// Logs that grow, and the archive that follows them.
struct Logs {
    _folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
    archive: Archive,
    /// For each log its number in the archive, and up to where it was read.
    read: Vec<(u32, u64)>,
}

impl Logs {
    fn new(contents: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let numbered = contents.iter().enumerate();
        let paths = numbered.map(|(nth, content)| {
            let path = folder.path().join(format!("{nth}.log"));
            fs::write(&path, content).unwrap();
            path
        });
        let paths: Vec<PathBuf> = paths.collect();
        let archive = open(&paths, &Options::default()).unwrap().archive();
        let growing = archive.growing();
        let read = paths.iter().map(|path| {
            let is_it = |name: &str| name == path.to_str().unwrap();
            let mut of = growing.iter().filter(|(_, name, _)| is_it(name.raw()));
            let (number, _, read_to) = of.next().unwrap();
            (*number, *read_to)
        });
        let read = read.collect();
        Self {
            _folder: folder,
            paths,
            archive,
            read,
        }
    }

    /// Writes on, and has the archive take in what is whole lines now.
    fn append(&mut self, nth: usize, content: &str) {
        let path = &self.paths[nth];
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let text = fs::read(path).unwrap();
        let (number, read_to) = &mut self.read[nth];
        let from = usize::try_from(*read_to).unwrap();
        let end = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
        if end <= from {
            return;
        }
        *read_to = end as u64;
        let before = memchr::memchr_iter(b'\n', &text[..from]).count() as u64;
        let block = Block {
            bytes: &text[from..end],
            offset: from as u64,
            line: before + 1,
        };
        self.archive.grow(*number, &block);
    }

    /// The rows now, and those of the files opened anew.
    fn both(&self) -> [Vec<AuditRow>; 2] {
        let rows = |archive: &Archive| -> Vec<AuditRow> {
            let rows = (0..archive.len()).map(|row| archive.row(row, true).unwrap());
            rows.collect()
        };
        let anew = open(&self.paths, &Options::default()).unwrap().archive();
        assert_eq!(
            self.archive.progress().rejected(),
            anew.progress().rejected()
        );
        [rows(&self.archive), rows(&anew)]
    }
}

/// A record of a format: which one, and in which second.
type Make = fn(u32, u32) -> String;

/// A record of each format that grows, with an id of its own where it can have one, and without.
const FORMATS: [(&str, Make); 11] = [
    ("event", |n, at| {
        format!(
            r#"{{"specversion":"1.0","id":"{n}","source":"/x","type":"com.example","time":"2026-01-01T00:00:{at:02}Z","data":{{"a":{n}}}}}"#
        )
    }),
    ("vault", |n, at| {
        format!(
            r#"{{"time":"2026-01-01T00:00:{at:02}Z","type":"response","auth":{{"display_name":"app"}},"request":{{"id":"{n}","operation":"read","path":"secret/{n}"}}}}"#
        )
    }),
    ("cloudtrail", |n, at| cloudtrail(n, at, true)),
    ("cloudtrail without ids", |n, at| cloudtrail(n, at, false)),
    ("journald", |n, at| journald(n, at, true)),
    ("journald without cursors", |n, at| journald(n, at, false)),
    ("kubernetes", |n, at| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{n}","stage":"ResponseComplete","requestURI":"/api/{n}","verb":"get","user":{{"username":"u"}},"responseStatus":{{"code":200}},"stageTimestamp":"2026-01-01T00:00:{at:02}Z"}}"#
        )
    }),
    ("gcp", |n, at| {
        format!(
            r#"{{"insertId":"{n}","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-01-01T00:00:{at:02}Z","protoPayload":{{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"s","methodName":"m{n}"}}}}"#
        )
    }),
    ("nginx", |n, at| {
        format!(
            r#"192.0.2.7 - - [01/Jan/2026:00:00:{at:02} +0000] "GET /{n} HTTP/1.1" 200 179 "-" "curl/8.0""#
        )
    }),
    ("envoy", |n, at| {
        format!(
            r#"[2026-01-01T00:00:{at:02}.000Z] "POST /{n} HTTP/2" 503 UF 154 0 226 100 "192.0.2.7" "app/1" "r-1" "pay.example:443" "10.0.0.9:8080""#
        )
    }),
    ("postgres", |n, at| {
        format!(
            r#"{{"timestamp":"2026-01-01 00:00:{at:02}.000 UTC","user":"app","dbname":"pay","pid":7,"session_id":"s","line_num":{n},"error_severity":"LOG","message":"m{n}"}}"#
        )
    }),
];

fn cloudtrail(n: u32, at: u32, has_id: bool) -> String {
    let id = if has_id {
        format!(r#","eventID":"{n}""#)
    } else {
        String::new()
    };
    format!(
        r#"{{"eventVersion":"1.08","eventTime":"2026-01-01T00:00:{at:02}Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt{n}","awsRegion":"eu-central-1","userIdentity":{{"type":"IAMUser","userName":"app"}}{id}}}"#
    )
}

fn journald(n: u32, at: u32, has_cursor: bool) -> String {
    let cursor = if has_cursor {
        format!(r#""__CURSOR":"s=1;i={n}","#)
    } else {
        String::new()
    };
    format!(
        r#"{{{cursor}"__REALTIME_TIMESTAMP":"17672256{at:02}000000","_HOSTNAME":"web-1","PRIORITY":"6","_SYSTEMD_UNIT":"app.service","SYSLOG_IDENTIFIER":"app","_COMM":"app","_PID":"7","MESSAGE":"m{n}"}}"#
    )
}

/// Records by their numbers and seconds: some are told twice and three times, at once and later.
const TOLD: [(u32, u32); 12] = [
    (0, 0),
    (1, 1),
    (1, 1),
    (2, 1),
    (0, 0),
    (3, 2),
    (3, 2),
    (2, 1),
    (4, 2),
    (4, 2),
    (4, 2),
    (0, 0),
];

#[test]
fn a_record_that_is_told_again_is_the_row_that_it_is_when_files_are_opened_anew() {
    for (format, make) in FORMATS {
        let lines = TOLD.map(|(n, at)| make(n, at) + "\n");
        for split in 1..lines.len() {
            for at_once in 1..4 {
                let mut logs = Logs::new(&[lines[..split].concat()]);
                for more in lines[split..].chunks(at_once) {
                    logs.append(0, &more.concat());
                }
                let [grown, anew] = logs.both();
                assert_eq!(grown, anew, "{format} {split} {at_once}");
                assert!(grown.len() >= 5, "{format}");
            }
        }
    }
}

/// A second device, or another collector, that tells the same; which of two files tells a thing
/// first is another matter when they grow than when they are read one after another.
#[test]
fn a_record_that_several_files_tell_is_a_row_once_however_they_grow() {
    for (format, make) in FORMATS {
        let lines = TOLD.map(|(n, at)| make(n, at) + "\n");
        for (first, second) in [(1, 12), (12, 1), (4, 6), (7, 3)] {
            let mut logs = Logs::new(&[lines[..first].concat(), lines[..second].concat()]);
            let rest = [&lines[first..], &lines[second..]];
            for turn in 0..lines.len() {
                for (nth, rest) in rest.iter().enumerate() {
                    if let Some(line) = rest.get(turn) {
                        logs.append(nth, line);
                    }
                }
            }
            let said = logs.both().map(|rows| {
                let said = rows.into_iter().map(|row| {
                    let mut cells = row.cells().to_vec();
                    // Where it stands.
                    cells.drain(11..13);
                    cells
                });
                let mut said: Vec<_> = said.collect();
                said.sort();
                said
            });
            let [grown, anew] = said;
            assert_eq!(grown, anew, "{format} {first} {second}");
        }
    }
}

/// An id may be given again; what has it long after is another record.
#[test]
fn what_has_an_id_again_after_a_long_time_is_another_row() {
    let (_, make) = FORMATS[0];
    let hour = |hour: &str| make(1, 0).replace("T00:", hour) + "\n";
    let mut logs = Logs::new(&[hour("T00:")]);
    for at in ["T02:", "T00:", "T02:", "T04:"] {
        logs.append(0, &hour(at));
    }
    let [grown, anew] = logs.both();
    let times = |rows: &[AuditRow]| rows.iter().map(|row| row.time).collect::<Vec<_>>();
    assert_eq!(times(&grown), times(&anew));
    assert_eq!(grown.len(), 3);
}

/// However many others have come since.
#[test]
fn calls_of_long_before_a_file_grew_are_known_again() {
    let make = FORMATS[1].1;
    let lines: Vec<String> = (0..3000).map(|n| make(n, n / 60) + "\n").collect();
    let mut logs = Logs::new(&[lines.concat()]);
    for at in [0, 1, 1500, 2999] {
        logs.append(0, &lines[at]);
    }
    assert_eq!(logs.archive.len(), 3000);
    let [grown, anew] = logs.both();
    assert_eq!(grown, anew);
}

/// Its row is taken out wherever it is by time.
#[test]
fn a_torn_line_that_was_a_row_is_replaced_whatever_its_time() {
    let nginx = FORMATS[8].1;
    let old = |n: u32| nginx(n, 0).replace("2026", "2019") + "\n";
    let others: String = (0..6000).map(|n| nginx(n, n / 100) + "\n").collect();
    let whole = old(2);
    let size = whole.find("179").unwrap();
    // Behind the status, within the size, within the browser's name.
    for tear in [size, size + 1, size + 2, size + 4, whole.len() - 4] {
        let torn = old(1) + &old(2) + &old(2) + &whole[..tear];
        let mut logs = Logs::new(&[torn, others.clone()]);
        logs.append(1, &(nginx(7000, 0) + "\n"));
        logs.append(0, &whole[tear..]);
        logs.append(0, &old(3));
        let anew = open(&logs.paths, &Options::default()).unwrap().archive();
        assert_eq!(logs.archive.len(), anew.len(), "{tear}");
        let rejected = |archive: &Archive| archive.progress().rejected();
        assert_eq!(rejected(&logs.archive), rejected(&anew), "{tear}");
        for row in 0..6 {
            assert_eq!(logs.archive.row(row, true), anew.row(row, true), "{tear}");
        }
    }
}

/// A line that only got its end is the row that it was, and is counted as such.
#[test]
fn a_torn_line_that_only_got_its_end_is_counted_among_those_of_the_same_content() {
    for (format, make) in FORMATS {
        let line = make(1, 1);
        let mut logs = Logs::new(&[format!("{}\n{line}\n{line}", make(0, 0))]);
        logs.append(0, "\n");
        logs.append(0, &format!("{line}\n"));
        let [grown, anew] = logs.both();
        assert_eq!(grown, anew, "{format}");
    }
}
