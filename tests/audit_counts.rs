//! Counting real logs, and what is said of input that cannot be read. Everything goes through
//! the command, so the words and the exit status are those that a person gets.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rotascope::cli::audit::{Args, Format, run};
use rotascope::model::text::is_hidden;

/// What the command left: status, standard output, standard error.
struct Ran {
    status: u8,
    out: String,
    err: String,
}

impl Ran {
    fn counted(&self) -> &str {
        self.out.trim_end()
    }
}

fn audit(paths: &[&Path], format: Format) -> Ran {
    let args = Args {
        paths: paths.iter().map(|p| p.to_path_buf()).collect(),
        format,
        filter: None,
        by: Vec::new(),
        follow: false,
        rejected: true,
        width: Some(100),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run(&args, &mut out, &mut err).unwrap();
    Ran {
        status,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

fn count(path: &Path) -> Ran {
    audit(&[path], Format::Count)
}

/// The folder of real logs, where there is one.
fn shared_logs() -> Option<PathBuf> {
    support::shared("logs")
}

fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn half(kind: &str, id: &str, time: &str) -> String {
    format!(
        r#"{{"time":"{time}","type":"{kind}","auth":{{"display_name":"app"}},"request":{{"id":"{id}","operation":"read","path":"secret/data/a"}}}}"#
    )
}

/// `calls` answered calls, a second apart.
fn vault_log(calls: u64) -> String {
    let mut log = String::new();
    for n in 0..calls {
        let time = format!(
            "2026-01-01T{:02}:{:02}:{:02}",
            n / 3600,
            n / 60 % 60,
            n % 60
        );
        for (kind, fraction) in [("request", "1"), ("response", "2")] {
            let line = half(kind, &format!("id-{n}"), &format!("{time}.{fraction}Z"));
            writeln!(log, "{line}").unwrap();
        }
    }
    log
}

#[test]
fn every_known_log_has_its_counts() {
    let Some(logs) = shared_logs() else { return };
    let table = fs::read_to_string(logs.join("COUNTS.tsv")).unwrap();
    let mut read = 0;
    let mut wrong = String::new();
    for row in table.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let [
            file,
            "vault" | "postgres" | "cloudtrail" | "kubernetes",
            events,
            rejected,
            _,
        ] = columns[..]
        else {
            continue;
        };
        read += 1;
        let ran = count(&logs.join(file));
        let want = format!("events {events} rejected {rejected}");
        // A file that holds no record at all is told by the status too.
        let status = if events == "0" && rejected != "0" {
            2
        } else {
            0
        };
        if ran.counted() != want || ran.status != status {
            writeln!(wrong, "{file}: {} is not {want}", ran.counted()).unwrap();
        }
    }
    assert!(read > 0 && wrong.is_empty(), "{wrong}");
}

#[test]
fn copies_devices_and_renderings_of_one_incident_double_nothing() {
    let Some(logs) = shared_logs() else { return };
    let folder = logs.join("vault-postgres");
    let ran = count(&folder);
    // what.json tells of the incident and is no log.
    assert_eq!(ran.counted(), "events 7342 rejected 1");
    assert!(ran.err.contains("what.json: unknown format"), "{}", ran.err);
    let rows = audit(&[&folder], Format::Json).out;
    let of = |format: &str| {
        let mark = format!("\"format\":\"{format}\"");
        rows.lines().filter(|row| row.contains(&mark)).count()
    };
    assert_eq!((of("vault"), of("postgres")), (2797, 4545));
}

#[test]
fn counting_and_reading_agree_on_every_real_log() {
    let Some(logs) = shared_logs() else { return };
    for part in ["vault-postgres", "cloudtrail-invictus", "postgres"] {
        let path = logs.join(part);
        let rows = audit(&[&path], Format::Json);
        let rejected = rows.err.lines().last().unwrap().to_owned();
        let want = format!("events {} {rejected}", rows.out.lines().count());
        assert_eq!(count(&path).counted(), want);
    }
}

#[test]
fn hostile_samples_break_nothing_and_nothing_hidden_is_printed() {
    let Some(logs) = shared_logs() else { return };
    let samples = logs.join("hostile/test");
    for format in [Format::Json, Format::Csv, Format::Table, Format::Count] {
        let ran = audit(&[&samples], format);
        for words in [&ran.out, &ran.err] {
            let hidden = words.chars().find(|c| *c != '\n' && is_hidden(*c));
            assert_eq!(hidden, None, "{format:?}");
        }
    }
    for sample in fs::read_dir(&samples).unwrap() {
        let path = sample.unwrap().path();
        let counted = count(&path).out;
        assert!(counted.starts_with("events "), "{}", path.display());
    }
}

/// The piecewise scanner of large files against the full reader, with everything that a file may
/// hold: damage, prefixes, blank lines, carriage returns, and lines longer than a piece.
#[test]
fn a_large_damaged_file_counts_the_same_however_it_is_read() {
    let folder = folder();
    let mut log = String::new();
    for (n, line) in vault_log(14_000).lines().enumerate() {
        match n % 1000 {
            1 => writeln!(log, "{}", &line[..line.len() - 7]).unwrap(),
            2 => writeln!(log, "@cee: {line}").unwrap(),
            3 => write!(log, "\n{line}\r\n  \n").unwrap(),
            4 => writeln!(log, "{}", line.replace("\"app\"", "\"a\\u0070p\"")).unwrap(),
            5 => writeln!(log, "{line}{line}").unwrap(),
            6 if n < 7000 => {
                let wide = "x".repeat(700_000);
                writeln!(log, "{}", line.replace("\"app\"", &format!("\"{wide}\""))).unwrap();
            }
            _ => writeln!(log, "{line}").unwrap(),
        }
    }
    log.push_str("{\"torn");
    let plain = write(&folder, "plain.log", &log);
    let packed = write(
        &folder,
        "packed.log",
        zstd::encode_all(log.as_bytes(), 1).unwrap(),
    );
    let counted = count(&plain);
    assert!(fs::metadata(&plain).unwrap().len() > 8 << 20);
    assert_eq!(counted.counted(), "events 14000 rejected 57");
    assert_eq!(count(&packed).counted(), counted.counted());
    let rows = audit(&[&plain], Format::Json);
    assert_eq!(rows.out.lines().count(), 14_000);
    // The same lines are rejected, at the same places.
    let places = |ran: &Ran| {
        let rejected = ran.err.lines().filter(|l| l.contains("plain.log:"));
        let mut places: Vec<_> = rejected.map(str::to_owned).collect();
        places.sort();
        places
    };
    assert_eq!(places(&counted), places(&rows));
    assert_eq!(places(&rows).len(), 57);
}

#[test]
fn a_call_is_one_event_across_files_and_devices() {
    let folder = folder();
    let request = half("request", "a", "2026-01-01T00:00:00Z");
    let response = half("response", "a", "2026-01-01T00:00:01Z");
    let alone = half("request", "b", "2026-01-01T00:00:02Z");
    let late = half("request", "c", "2026-01-01T00:00:03Z");
    let filler = half("request", "d", "2026-01-01T00:02:30Z");
    let answer = half("response", "c", "2026-01-01T00:02:31Z");
    let first = write(&folder, "1", format!("{request}\n"));
    let second = write(&folder, "2", format!("{response}\n{request}\n{alone}\n"));
    assert_eq!(
        audit(&[&first, &second], Format::Count).counted(),
        "events 2 rejected 0"
    );
    let rows = audit(&[&first, &second], Format::Json).out;
    assert!(rows.contains("\"outcome\":\"allowed\""), "{rows}");
    assert!(rows.contains("no response logged"), "{rows}");
    // An answer that took longer than the watermark is no second event.
    let slow = write(&folder, "3", format!("{late}\n{filler}\n{answer}\n"));
    assert_eq!(count(&slow).counted(), "events 2 rejected 0");
}

#[test]
fn several_inputs_come_out_in_order_of_time() {
    let folder = folder();
    let event = |id: u32, second: u32| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/x","type":"com.example","time":"2026-01-01T00:00:{second:02}Z"}}"#
        )
    };
    write(
        &folder,
        "late",
        format!("{}\n{}\n", event(1, 50), event(2, 40)),
    );
    write(
        &folder,
        "early",
        format!("{}\n{}\n", event(3, 10), event(4, 45)),
    );
    write(&folder, "copy", format!("{}\n", event(2, 40)));
    let rows = audit(&[folder.path()], Format::Json).out;
    let ids: Vec<_> = rows
        .lines()
        .map(|row| row.split("\"id\":\"").nth(1).unwrap()[..1].to_owned())
        .collect();
    assert_eq!(ids, ["3", "2", "4", "1"]);
}

#[test]
fn more_files_than_may_be_kept_open_are_merged_too() {
    let folder = folder();
    let log = vault_log(300);
    let lines: Vec<_> = log.lines().collect();
    for (n, pair) in lines.chunks(3).enumerate() {
        write(&folder, &format!("{n:03}"), pair.join("\n"));
    }
    assert_eq!(count(folder.path()).counted(), "events 300 rejected 0");
    let rows = audit(&[folder.path()], Format::Json).out;
    assert_eq!(rows.lines().count(), 300);
    let times: Vec<_> = rows.lines().map(|row| &row[..32]).collect();
    assert!(times.is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// However the entries of calls are spread over files, repeated, and disordered within the
    /// watermark: each call is one event.
    #[test]
    fn spreading_repeating_and_disordering_changes_no_count(
        entries in prop::collection::vec((0_usize..3, 0_i64..29, any::<bool>()), 400)
    ) {
        let folder = folder();
        let mut files: [Vec<(i64, String)>; 3] = Default::default();
        for (n, (file, late, again)) in entries.iter().enumerate() {
            let second = i64::try_from(n).unwrap();
            let time = format!("2026-01-01T00:{:02}:{:02}Z", second / 60, second % 60);
            let kind = if n % 2 == 0 { "request" } else { "response" };
            let line = half(kind, &format!("id-{}", n / 2), &time);
            if *again {
                files[(file + 1) % 3].push((second, line.clone()));
            }
            files[*file].push((second + late, line));
        }
        for (n, lines) in files.iter_mut().enumerate() {
            lines.sort();
            let lines: Vec<_> = lines.iter().map(|(_, line)| line.as_str()).collect();
            write(&folder, &n.to_string(), lines.join("\n"));
        }
        prop_assert_eq!(count(folder.path()).counted().to_owned(), "events 200 rejected 0");
        let rows = audit(&[folder.path()], Format::Json).out;
        prop_assert_eq!(rows.lines().count(), 200);
        prop_assert!(!rows.contains("no response logged"));
        prop_assert!(rows.lines().map(|row| &row[..32]).is_sorted());
    }
}

#[test]
fn what_is_not_there_or_empty_is_said() {
    let folder = folder();
    let missing = folder.path().join("gone.log");
    let ran = count(&missing);
    assert_eq!(ran.status, 2);
    assert!(
        ran.err
            .contains("gone.log: no such file or folder; check the path"),
        "{}",
        ran.err
    );
    let ran = count(folder.path());
    assert_eq!((ran.status, ran.counted()), (2, "events 0 rejected 0"));
    assert!(
        ran.err.contains("a folder without log files"),
        "{}",
        ran.err
    );
    let empty = write(&folder, "empty", "");
    let ran = count(&empty);
    assert_eq!(
        (ran.status, ran.counted(), ran.err.as_str()),
        (0, "events 0 rejected 0", "")
    );
    // What is there is read although something else is not.
    let good = write(&folder, "good", vault_log(3));
    let ran = audit(&[&missing, &good], Format::Count);
    assert_eq!((ran.status, ran.counted()), (2, "events 3 rejected 0"));
}

#[test]
fn a_cut_archive_yields_what_came_before_it() {
    let folder = folder();
    let log = vault_log(5000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(log.as_bytes()).unwrap();
    let zst = zstd::encode_all(log.as_bytes(), 1).unwrap();
    for (kind, packed) in [("gzip", gzip.finish().unwrap()), ("zstd", zst)] {
        let path = write(&folder, kind, &packed[..packed.len() * 9 / 10]);
        let ran = count(&path);
        let events: u64 = ran.out.split(' ').nth(1).unwrap().parse().unwrap();
        assert!((1000..5000).contains(&events), "{}", ran.out);
        assert_eq!(ran.status, 2);
        let troubles = ran
            .err
            .lines()
            .filter(|l| l.contains("archive ends early at line"));
        assert_eq!(troubles.count(), 1, "{}", ran.err);
    }
}

#[test]
fn a_binary_file_is_one_rejected_file() {
    let folder = folder();
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n * 7919 % 251) as u8).collect();
    let ran = count(&write(&folder, "core", bytes));
    assert_eq!((ran.status, ran.counted()), (2, "events 0 rejected 1"));
    assert!(
        ran.err.contains("unknown format: a binary file"),
        "{}",
        ran.err
    );
}

#[test]
fn a_line_of_100_mb_is_rejected_and_the_rest_is_read() {
    let folder = folder();
    for format in [Format::Count, Format::Json] {
        let path = folder.path().join("long.log");
        let mut file = File::create(&path).unwrap();
        let log = vault_log(10);
        let (before, after) = log.split_at(log.len() / 2);
        let cut = before.rfind('\n').unwrap() + 1;
        file.write_all(&before.as_bytes()[..cut]).unwrap();
        // A hole in the file reads as zeros and takes no room on the disk.
        file.seek(SeekFrom::Current(100 << 20)).unwrap();
        write!(file, "\n{}{after}", &before[cut..]).unwrap();
        drop(file);
        let ran = audit(&[&path], format);
        let events = match format {
            Format::Count => ran.out.split(' ').nth(1).unwrap().parse().unwrap(),
            _ => ran.out.lines().count(),
        };
        assert_eq!((ran.status, events), (0, 10));
        assert!(
            ran.err.contains("the line is longer than 16 MiB"),
            "{}",
            ran.err
        );
        assert!(ran.err.ends_with("rejected 1\n"), "{}", ran.err);
    }
}

#[test]
fn an_endless_array_of_records_on_one_line_is_streamed() {
    let folder = folder();
    let record = |n: usize| {
        format!(
            r#"{{"eventVersion":"1.08","eventTime":"2026-01-01T00:00:00Z","eventSource":"s","eventName":"n","eventID":"{n}","pad":"{}"}}"#,
            "p".repeat(1000)
        )
    };
    let records: Vec<_> = (0..30_000).map(record).collect();
    let path = write(
        &folder,
        "one-line",
        format!("{{\"Records\":[{}]}}", records.join(",")),
    );
    assert!(fs::metadata(&path).unwrap().len() > 32 << 20);
    assert_eq!(count(&path).counted(), "events 30000 rejected 0");
}

#[test]
fn odd_times_and_broken_text_cost_only_their_lines() {
    let folder = folder();
    let mut log = Vec::new();
    for (id, time) in [
        ("a", "2026-01-01T00:00:00Z"),
        ("b", "9999-12-31T23:59:59Z"),
        ("c", "1970-01-01T00:00:00Z"),
        ("d", "2026-01-01T00:00:01"),
        ("e", "2026-01-01T00:00:02+05:30"),
        ("f", "yesterday"),
    ] {
        for kind in ["request", "response"] {
            log.extend_from_slice(half(kind, id, time).as_bytes());
            log.push(b'\n');
        }
    }
    log.extend_from_slice(&half("request", "\u{e9}", "2026-01-01T00:00:03Z").into_bytes());
    let broken = log.len() - 60;
    log[broken] = 0xff;
    let ran = count(&write(&folder, "odd", log));
    assert_eq!((ran.status, ran.counted()), (0, "events 4 rejected 5"));
    assert!(
        ran.err.contains("a time without an offset names no moment"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("not UTF-8"), "{}", ran.err);
}

#[test]
fn a_file_cut_while_it_is_read_is_said() {
    let folder = folder();
    let path = write(&folder, "cut.log", vault_log(20_000));
    let mut opened =
        rotascope::audit::open(&[&path], &rotascope::audit::Options::default()).unwrap();
    let progress = opened.progress();
    assert!(opened.next().is_some());
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(10)
        .unwrap();
    assert!(opened.count() < 20_000);
    let troubles = progress.troubles();
    assert_eq!(troubles.len(), 1);
    let words = troubles[0].to_string();
    assert!(
        words.contains("cut.log: cut short while it was read"),
        "{words}"
    );
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = write(&folder, "locked.log", vault_log(1));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        return say("run as root, who may read everything: nothing to see here");
    }
    let ran = count(&path);
    assert_eq!(ran.status, 2);
    assert!(
        ran.err.contains("locked.log: no permission to read it"),
        "{}",
        ran.err
    );
}
