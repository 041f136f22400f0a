//! The format parsers against real logs, counted by other means than theirs.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use rotascope::audit::format::{Format, Read, postgres, vault};
use rotascope::audit::record::{PostgresRecord, Record};
use rotascope::model::rejected::{Place, Rejected};

fn shared() -> Option<PathBuf> {
    support::shared("logs/COUNTS.tsv")?
        .ancestors()
        .nth(2)
        .map(Path::to_owned)
}

fn bytes(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let mut all = Vec::new();
    match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => flate2::read::MultiGzDecoder::new(file).read_to_end(&mut all),
        Some("zst") => zstd::Decoder::new(file).unwrap().read_to_end(&mut all),
        _ => BufReader::new(file).read_to_end(&mut all),
    }
    .unwrap();
    all
}

fn format(sample: &[u8]) -> Option<Box<dyn Format>> {
    let sample = sample.get(..65536).unwrap_or(sample);
    if vault::sniff(sample) {
        Some(Box::new(vault::Vault::new()))
    } else if postgres::json::sniff(sample) {
        Some(Box::new(postgres::json::JsonLog::new()))
    } else if postgres::csv::sniff(sample) {
        Some(Box::new(postgres::csv::CsvLog::new()))
    } else if postgres::stderr::sniff(sample) {
        Some(Box::new(postgres::stderr::Stderr::new()))
    } else {
        None
    }
}

fn read(path: &Path) -> Option<(Vec<Record>, Vec<Rejected>)> {
    let all = bytes(path);
    let mut format = format(&all)?;
    let (mut records, mut rejected) = (Vec::new(), Vec::new());
    let mut out = |read: Read| match read {
        Read::Record(record, _) => records.push(record),
        Read::Rejected(one) => rejected.push(one),
    };
    for (number, line) in all.split(|b| *b == b'\n').enumerate() {
        let place = Place {
            file: path.to_string_lossy().into_owned().into(),
            line: number as u64 + 1,
            byte: 0,
        };
        format.line(line, &place, &mut out);
    }
    format.finish(&mut out);
    Some((records, rejected))
}

#[test]
fn every_counted_file_gives_its_records_and_rejections() {
    let Some(shared) = shared() else { return };
    let counts = BufReader::new(File::open(shared.join("logs/COUNTS.tsv")).unwrap());
    let mut seen = 0;
    for line in counts.lines().map_while(Result::ok) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (file, reader) = (columns[0], columns[1]);
        if !matches!(reader, "vault" | "postgres") {
            continue;
        }
        let (records, rejected) = read(&shared.join("logs").join(file)).expect(file);
        let events = if reader == "vault" {
            let id = |r: &Record| match r {
                Record::Vault(entry) => entry.request_id.clone(),
                other => panic!("{other:?}"),
            };
            records.iter().map(id).collect::<HashSet<_>>().len()
        } else {
            records.len()
        };
        assert_eq!(events.to_string(), columns[2], "{file}");
        assert_eq!(
            rejected.len().to_string(),
            columns[3],
            "{file}: {rejected:?}"
        );
        seen += 1;
    }
    assert_eq!(seen, 12, "files counted");
}

#[test]
fn other_formats_are_not_taken_for_vault_or_postgres() {
    let Some(shared) = shared() else { return };
    let counts = std::fs::read_to_string(shared.join("logs/COUNTS.tsv")).unwrap();
    for line in counts.lines().skip(1) {
        let (file, rest) = line.split_once('\t').unwrap();
        if rest.starts_with("cloudtrail") || rest.starts_with("kubernetes") {
            assert!(
                format(&bytes(&shared.join("logs").join(file))).is_none(),
                "{file}"
            );
        }
    }
}

fn postgres(path: &Path) -> Vec<PostgresRecord> {
    let (records, _) = read(path).unwrap();
    let only = |r| match r {
        Record::Postgres(record) => *record,
        other => panic!("{other:?}"),
    };
    records.into_iter().map(only).collect()
}

#[test]
fn the_three_renderings_of_a_log_say_the_same() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("logs/vault-postgres");
    let [json, csv, stderr] = [
        "postgresql.json.zst",
        "postgresql.csv.zst",
        "postgresql.log",
    ]
    .map(|name| postgres(&folder.join(name)));
    let known: HashSet<u128> = json.iter().map(PostgresRecord::identity).collect();
    for (name, rendering) in [("csvlog", &csv), ("stderr", &stderr)] {
        assert_eq!(rendering.len(), json.len(), "{name}");
        let stranger = rendering.iter().find(|r| !known.contains(&r.identity()));
        assert_eq!(stranger, None, "{name}: not in jsonlog");
    }
    for rendering in [&json, &csv, &stderr] {
        let refused = |r: &&PostgresRecord| r.sqlstate.as_ref().is_some_and(|s| s.raw() == "28P01");
        assert_eq!(rendering.iter().filter(refused).count(), 121);
        let with_detail = rendering.iter().filter(|r| r.detail.is_some()).count();
        assert_eq!(with_detail, 121);
    }
    // The files were written by several processes, so their lines stand in other orders.
    let by_identity: HashMap<u128, &PostgresRecord> =
        json.iter().map(|r| (r.identity(), r)).collect();
    for record in csv.iter().chain(&stderr) {
        let twin = by_identity[&record.identity()];
        assert_eq!(twin.database, record.database);
        assert_eq!(twin.remote_host, record.remote_host);
        assert_eq!(twin.detail, record.detail);
    }
}
