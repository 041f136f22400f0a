//! How fast each format is opened into the archive: `scripts/bench-formats`, or
//! `cargo bench --bench formats -- [MEGABYTES [NAME ...]]`.
//!
//! Each log is made of sample records that are repeated with other ids and at later times, so that
//! every record is a row of its own, and is removed again. Warm; the best of three counts. Prints
//! figures; judges nothing.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench prints figures and stops where it cannot measure"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use regex::Regex;
use rotascope::audit::{Options, open};

/// Runs of each; the best counts.
const RUNS: usize = 3;

/// Records in a second of a log.
const EACH_SECOND: u64 = 100;

/// The day of all logs, and when it begins since 1970.
const DAY: (&str, &str, u64) = ("2026-11-23", "23/Nov/2026", 1_795_392_000);

/// How records stand in a log.
#[derive(Clone, Copy)]
enum Shape {
    /// On lines of their own.
    Lines,
    /// In one document, between these.
    Document(&'static str, &'static str),
}

/// Records of one format, and where their ids begin.
struct Sample {
    name: &'static str,
    records: &'static str,
    id: &'static str,
    shape: Shape,
}

const CLOUDTRAIL: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:checkout","arn":"arn:aws:sts::123456789012:assumed-role/checkout/i-0123456789abcdef0","accountId":"123456789012","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::123456789012:role/checkout","accountId":"123456789012","userName":"checkout"},"webIdFederationData":{},"attributes":{"creationDate":"2026-11-23T00:00:00Z","mfaAuthenticated":"false"}}},"eventTime":"2026-11-23T00:00:00Z","eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","awsRegion":"us-east-1","sourceIPAddress":"10.1.0.7","userAgent":"aws-sdk-go-v2/1.30 os/linux lang/go#1.22","requestParameters":{"secretId":"arn:aws:secretsmanager:us-east-1:123456789012:secret:payments/db-AbCdEf"},"responseElements":null,"requestID":"5f1c2c2e-2f52-4f0e-9a7c-0d9e1b7a6c01","eventID":"6a3b-1","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"secretsmanager.us-east-1.amazonaws.com"}}
{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::123456789012:user/mira","accountId":"123456789012","accessKeyId":"AKIAEXAMPLE","userName":"mira"},"eventTime":"2026-11-23T00:00:00Z","eventSource":"secretsmanager.amazonaws.com","eventName":"PutSecretValue","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.15","errorCode":"AccessDenied","errorMessage":"User: arn:aws:iam::123456789012:user/mira is not authorized to perform: secretsmanager:PutSecretValue","requestParameters":{"secretId":"payments/db","clientRequestToken":"3f0e-2"},"responseElements":null,"requestID":"9e1b7a6c-2f52-4f0e-9a7c-0d9e1b7a6c02","eventID":"6a3b-2","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management"}"#;

const AZURE: &str = r#"{"eventTimestamp":"2026-11-23T13:00:01Z","eventDataId":"e-1","operationName":{"value":"Microsoft.KeyVault/vaults/write","localizedValue":"Update Key Vault"},"status":{"value":"Succeeded"},"subStatus":{"value":"OK"},"caller":"mira@corp.example","correlationId":"c-1","resourceId":"/subscriptions/s/resourceGroups/pay/providers/Microsoft.KeyVault/vaults/pay","httpRequest":{"clientIpAddress":"10.1.0.9","method":"PUT"},"claims":{"name":"Mira","appid":"portal","ver":"1.0"},"properties":{"statusCode":"OK","serviceRequestId":"q-1","requestbody":"{\"properties\":{\"sku\":\"standard\"}}"}}
{"eventTimestamp":"2026-11-23T13:00:02Z","eventDataId":"e-2","operationName":{"value":"Microsoft.Authorization/roleAssignments/write","localizedValue":"Create role assignment"},"status":{"value":"Failed"},"subStatus":{"value":"Forbidden"},"caller":"release-bot","correlationId":"c-2","resourceId":"/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r","httpRequest":{"clientIpAddress":"10.1.0.10","method":"PUT"},"claims":{"appid":"release"},"properties":{"statusCode":"Forbidden"}}"#;

const POSTGRES_JSON: &str = r#"{"timestamp":"2026-11-23 00:00:07.369 UTC","user":"ledger_app","dbname":"ledger","pid":58151,"remote_host":"10.1.3.10","remote_port":32695,"session_id":"667c8f67.e327","line_num":1,"ps":"authentication","session_start":"2026-11-23 00:00:07 UTC","vxid":"21/52610848","txid":0,"error_severity":"LOG","message":"connection authenticated: identity=\"ledger_app\" method=scram-sha-256 (/etc/postgresql/15/main/pg_hba.conf:97)","backend_type":"client backend","query_id":0}
{"timestamp":"2026-11-23 00:00:07.373 UTC","user":"ledger_app","dbname":"ledger","pid":58151,"remote_host":"10.1.3.10","remote_port":32695,"session_id":"667c8f67.e327","line_num":2,"ps":"SELECT","session_start":"2026-11-23 00:00:07 UTC","vxid":"21/52610850","txid":0,"error_severity":"ERROR","state_code":"42501","message":"permission denied for table invoices","statement":"SELECT id, amount FROM invoices WHERE customer = $1","application_name":"ledger","backend_type":"client backend","query_id":0}
{"timestamp":"2026-11-23 00:00:07.375 UTC","pid":58153,"session_id":"667c8f67.e329","line_num":2,"session_start":"2026-11-23 00:00:07 UTC","vxid":"21/52610850","txid":0,"error_severity":"LOG","message":"automatic vacuum of table \"ledger.public.queue\": index scans: 1\npages: 5 removed, 303 remain, 10 scanned (3.30% of total)\ntuples: 828 removed, 667 remain, 24 are dead but not yet removable\nWAL usage: 35 records, 0 full page images, 8042 bytes","backend_type":"autovacuum worker","query_id":0}"#;

const POSTGRES_CSV: &str = r#""2026-11-23 05:11:50.269 UTC","ledger_app","ledger",1001,"192.0.2.10:54321",00000001.000003e9,1,"SELECT","2026-11-23 05:00:00 UTC",1/1,0,LOG,00000,"duration: 688786.283 ms  execute stmt_slow/stmt_slow: SELECT ledger.invoices.id FROM ledger.invoices",,,,,,,,,"ledger app","client backend",0
"2026-11-23 05:20:03.994 UTC","health_user","health_db",1002,"192.0.2.20:54322",00000002.000003ea,2,"idle","2026-11-23 05:00:00 UTC",2/2,0,ERROR,42501,"permission denied for table ""invoices""",,,,,,"SELECT id, amount FROM invoices",,,"health check","client backend",0
"2026-11-23 05:20:04.001 UTC","ledger_app","ledger",1003,"192.0.2.20:54323",00000003.000003eb,2,"authentication","2026-11-23 05:00:00 UTC",2/3,0,FATAL,28P01,"password authentication failed for user ""ledger_app""","Connection matched pg_hba.conf line 97",,,,,,,,"","client backend",0"#;

const SAMPLES: [Sample; 16] = [
    Sample::lines(
        "events",
        include_str!("../fixtures/incidents/first-night/events.jsonl"),
        r#""id":""#,
    ),
    Sample::lines("cloudtrail lines", CLOUDTRAIL, r#""eventID":""#),
    Sample::document(
        "cloudtrail document",
        CLOUDTRAIL,
        r#""eventID":""#,
        (r#"{"Records":["#, "]}"),
    ),
    Sample::lines(
        "postgres stderr",
        include_str!("../fixtures/incidents/first-night/postgresql.log"),
        "",
    ),
    Sample::lines("postgres json", POSTGRES_JSON, ""),
    Sample::lines("postgres csv", POSTGRES_CSV, ""),
    Sample::lines(
        "kubernetes lines",
        include_str!("../fixtures/logs/kubernetes.jsonl"),
        r#""auditID":""#,
    ),
    Sample::document(
        "kubernetes document",
        include_str!("../fixtures/logs/kubernetes.jsonl"),
        r#""auditID":""#,
        (
            r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":["#,
            "]}",
        ),
    ),
    Sample::lines(
        "gcp",
        include_str!("../fixtures/logs/gcp.jsonl"),
        r#""insertId":""#,
    ),
    Sample::document(
        "azure activity document",
        AZURE,
        r#""eventDataId":""#,
        ("[", "]"),
    ),
    Sample::lines(
        "azure key vault",
        include_str!("../fixtures/logs/keyvault.jsonl"),
        r#""correlationId":""#,
    ),
    Sample::lines(
        "journald",
        include_str!("../fixtures/logs/journal.json"),
        r#""__CURSOR": ""#,
    ),
    Sample::lines(
        "nginx",
        include_str!("../fixtures/logs/nginx-access.log"),
        "",
    ),
    Sample::lines(
        "nginx json",
        include_str!("../fixtures/logs/nginx-access.json"),
        r#""request_id": ""#,
    ),
    Sample::lines(
        "envoy",
        include_str!("../fixtures/logs/envoy-access.log"),
        "",
    ),
    Sample::lines(
        "envoy json",
        include_str!("../fixtures/logs/envoy-access.json"),
        r#""request_id": ""#,
    ),
];

impl Sample {
    const fn lines(name: &'static str, records: &'static str, id: &'static str) -> Self {
        Self {
            name,
            records,
            id,
            shape: Shape::Lines,
        }
    }

    const fn document(
        name: &'static str,
        records: &'static str,
        id: &'static str,
        (begin, end): (&'static str, &'static str),
    ) -> Self {
        Self {
            name,
            records,
            id,
            shape: Shape::Document(begin, end),
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let megabytes: u64 = args.next().map_or(200, |n| n.parse().unwrap());
    let wanted: Vec<String> = args.collect();
    println!("{megabytes} MB of each, best of {RUNS}");
    let folder = tempfile::tempdir().unwrap();
    let exact = |name: &String| SAMPLES.iter().any(|sample| sample.name == name);
    for sample in &SAMPLES {
        let is_meant =
            |name: &String| sample.name == name || (!exact(name) && sample.name.contains(name));
        if !wanted.is_empty() && !wanted.iter().any(is_meant) {
            continue;
        }
        let path = folder.path().join("log");
        let records = write(sample, &path, megabytes * 1_000_000);
        measure(sample.name, &path, records);
        std::fs::remove_file(&path).unwrap();
    }
}

fn measure(name: &str, path: &Path, records: u64) {
    let bytes = std::fs::metadata(path).unwrap().len() as f64;
    let mut best = f64::MAX;
    let mut work = Work {
        all: f64::MAX,
        ordering: f64::MAX,
    };
    let mut said = String::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let before = Work::now();
        let archive = open(&[path], &Options::default()).unwrap().archive();
        best = best.min(start.elapsed().as_secs_f64());
        work = work.least(&Work::now().since(&before));
        let rejected = archive.progress().rejected();
        said = format!(
            "{} rows of {records} records, {rejected} rejected",
            archive.len()
        );
    }
    println!(
        "{name}: {:.3} GB/s, {:.1} ns/B of all threads, {:.1} of the ordering one, {said}",
        bytes / best / 1e9,
        work.all / bytes,
        work.ordering / bytes,
    );
}

/// The nanoseconds that processors have worked: unlike the time that has passed, they do not
/// depend on what else the machine does. Zero where the system does not tell.
struct Work {
    all: f64,
    /// Of the thread that asks, which puts records in order.
    ordering: f64,
}

impl Work {
    fn now() -> Self {
        // Hundredths of a second, of threads that have ended too.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        let times = behind_name.split_whitespace().skip(11).take(2);
        let ticks: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
        let own = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let ordering = own.split_whitespace().next().and_then(|ns| ns.parse().ok());
        Self {
            all: ticks * 1e7,
            ordering: ordering.unwrap_or(0.0),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            all: self.all - before.all,
            ordering: self.ordering - before.ordering,
        }
    }

    fn least(&self, other: &Self) -> Self {
        Self {
            all: self.all.min(other.all),
            ordering: self.ordering.min(other.ordering),
        }
    }
}

/// A piece of a record.
enum Piece {
    Words(String),
    /// The moment, with what stands between its day and its hour.
    Time(char),
    /// So many digits of a part of a second.
    Part(usize),
    /// The same as nginx writes it.
    Nginx,
    /// Seconds since 1970.
    Seconds,
    /// What makes an id another one.
    Round,
}

/// What is another one in each record: its times and its id.
fn moving(id: &str) -> Regex {
    let id = if id.is_empty() { "\u{0}" } else { id };
    let what = format!(
        r"(?P<time>20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?P<part>\.\d+)?|(?P<nginx>\d\d/Nov/20\d\d:\d\d:\d\d:\d\d)|(?P<seconds>17956\d{{5}})|(?P<id>{})",
        regex::escape(id)
    );
    Regex::new(&what).unwrap()
}

/// A record in pieces.
fn pieces(record: &str, moving: &Regex) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for found in moving.captures_iter(record) {
        let whole = found.get(0).unwrap();
        pieces.push(Piece::Words(record[at..whole.start()].to_owned()));
        at = whole.end();
        let words = whole.as_str();
        if found.name("id").is_some() {
            pieces.push(Piece::Words(words.to_owned()));
            pieces.push(Piece::Round);
        } else if found.name("nginx").is_some() {
            pieces.push(Piece::Nginx);
        } else if found.name("seconds").is_some() {
            pieces.push(Piece::Seconds);
        } else {
            let between = if words.contains('T') { 'T' } else { ' ' };
            pieces.push(Piece::Time(between));
            if let Some(part) = found.name("part") {
                pieces.push(Piece::Part(part.as_str().len() - 1));
            }
        }
    }
    pieces.push(Piece::Words(record[at..].to_owned()));
    pieces
}

/// Writes a log; gives how many records it has.
fn write(sample: &Sample, path: &Path, bytes: u64) -> u64 {
    // What is rejected, and times of another zone, would say nothing of the others.
    let good = |line: &&str| {
        let whole = match line.chars().next() {
            Some('{') => line.ends_with('}') && !line.contains(r#""hunter2-never-shown"}"#),
            first => first.is_some_and(|c| c.is_ascii_digit() || c == '[' || c == '"'),
        };
        whole && !line.contains("+0100")
    };
    let moving = moving(sample.id);
    let records: Vec<Vec<Piece>> = sample
        .records
        .lines()
        .filter(good)
        .take(400)
        .map(|line| pieces(line, &moving))
        .collect();
    let (begin, between, end) = match sample.shape {
        Shape::Lines => ("", "\n", "\n"),
        Shape::Document(begin, end) => (begin, ",", end),
    };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let (mut written, mut n) = (0, 0_u64);
    let mut line = begin.to_owned();
    while written < bytes {
        for record in &records {
            if n > 0 {
                line.push_str(between);
            }
            let round = n / records.len() as u64;
            for piece in record {
                piece.write(&mut line, n, round);
            }
            n += 1;
        }
        written += line.len() as u64;
        out.write_all(line.as_bytes()).unwrap();
        line.clear();
    }
    out.write_all(end.as_bytes()).unwrap();
    out.flush().unwrap();
    n
}

impl Piece {
    /// Writes it for the how-manieth record.
    fn write(&self, line: &mut String, n: u64, round: u64) {
        let second = n / EACH_SECOND;
        let (day, nginx, since) = DAY;
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        let _ = match self {
            Self::Words(words) => {
                line.push_str(words);
                Ok(())
            }
            Self::Time(between) => write!(line, "{day}{between}{h:02}:{m:02}:{s:02}"),
            Self::Part(digits) => {
                let part = n % EACH_SECOND * 10_u64.pow(7) / EACH_SECOND;
                let part = format!("{part:07}");
                write!(line, ".{}", &part[..(*digits).min(part.len())])
            }
            Self::Nginx => write!(line, "{nginx}:{h:02}:{m:02}:{s:02}"),
            Self::Seconds => write!(line, "{}", since + second),
            Self::Round => write!(line, "{round:x}-"),
        };
    }
}
