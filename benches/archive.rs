//! The audit archive side by side with `wc -l` and `rg -c` on one large log, in one run:
//! `scripts/bench-archive`, or `cargo bench --bench archive -- FILE [RUNS]`.
//!
//! Everything is warm, and the best of the runs counts, taken in turn so that all meet the same
//! noise: twenty, as a virtual machine may change its speed for seconds. `DuckDB` (the Python module, of the Python that `BENCH_PYTHON` names) reads the same columns
//! into a table in memory and lnav, which is told how such a line reads (`benches/made/lnav.json`),
//! counts its lines, once each, where they are there.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench prints figures and stops where it cannot measure"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rotascope::audit::archive::{Archive, Search};
use rotascope::audit::{Opened, Options, open};
use rotascope::query::page::{Ask, Rows};
use rotascope::query::{By, Field, Filter};

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let Some(file) = args.next() else {
        println!("name a Vault audit log: cargo bench --bench archive -- FILE [RUNS]");
        return;
    };
    let runs: usize = args.next().map_or(20, |n| n.parse().unwrap());
    let path = Path::new(&file);
    let bytes = std::fs::metadata(path).unwrap().len() as f64;
    println!("{file}: {:.2} GB, best of {runs}", bytes / 1e9);

    let (mut lines, mut index, mut errors, mut words) = (f64::MAX, f64::MAX, f64::MAX, f64::MAX);
    let (mut rg_errors, mut rg_words) = (f64::MAX, f64::MAX);
    other(&["wc", "-l", &file]);
    for _ in 0..runs {
        lines = lines.min(other(&["wc", "-l", &file]));
        index = index.min(timed(|| read(path)).0);
        rg_errors = rg_errors.min(other(&["rg", "-c", "\"error\":\"", &file]));
        errors = errors.min(timed(|| by_minute(&read(path))).0);
        rg_words = rg_words.min(other(&["rg", "-c", "permission denied", &file]));
        let filter = Filter::parse("\"permission denied\"").unwrap();
        words = words.min(timed(|| opened(path).fitting(filter).rows).0);
    }
    let before = resident();
    let archive = read(path);
    let rows = archive.len();
    let grown = (resident() - before) / rows as f64;
    println!(
        "rows {rows}, columns {:.1} bytes a row, resident {grown:.1} bytes a row more",
        archive.bytes() as f64 / rows as f64
    );
    println!("wc -l {lines:.3} s");
    println!(
        "open and index {index:.3} s, {:.2} x wc -l, {:.2} GB/s",
        index / lines,
        bytes / index / 1e9
    );
    let duck = duckdb(&file);
    println!("DuckDB {duck:.3} s, {:.1} x ours", duck / index);
    let lnav = lnav(&file);
    println!("lnav {lnav:.3} s, {:.1} x ours", lnav / index);
    println!(
        "errors per minute and prefix, cold {errors:.3} s; rg {rg_errors:.3} s, goal {:.3} s",
        rg_errors * 1.2 + 0.1
    );
    println!(
        "words, cold {words:.3} s; rg {rg_words:.3} s, {:.2} x",
        words / rg_words
    );
    indexed(&archive);
    many(&archive);
}

/// What is asked of an archive that was read.
fn indexed(archive: &Archive) {
    let best = |mut run: Box<dyn FnMut() -> usize>| {
        let times = (0..20).map(|_| timed(&mut run).0);
        times.fold(f64::MAX, f64::min) * 1e3
    };
    println!(
        "errors per minute and prefix, indexed {:.2} ms",
        best(Box::new(|| by_minute(archive)))
    );
    for filter in [
        "outcome:denied",
        "path:secret/data/payments/*",
        "actor:~^kubernetes outcome:denied",
    ] {
        println!(
            "filter {filter}, indexed {:.2} ms",
            best(Box::new(move || found(archive, filter)))
        );
    }
    let step = (archive.len() / 2000).max(1);
    let mut each: Vec<f64> = (0..archive.len())
        .step_by(step)
        .map(|row| timed(|| archive.row(row, true).unwrap()).0 * 1e6)
        .collect();
    each.sort_by(f64::total_cmp);
    let at = |part: usize| {
        each.get(each.len() * part / 100)
            .copied()
            .unwrap_or(f64::NAN)
    };
    println!("a row read in full p50 {:.1} p99 {:.1} µs", at(50), at(99));
}

/// A page of the archive as it is.
fn many(archive: &Archive) {
    let search = archive.search(Filter::parse("").unwrap());
    let ask = Ask {
        rows: Rows::From(archive.len() as u64 / 2, 150),
        bins: 200,
        facets: vec![Field::Outcome, Field::Actor, Field::Path, Field::Operation],
        ..Ask::default()
    };
    let rows = Ask {
        bins: 0,
        facets: Vec::new(),
        ..ask.clone()
    };
    let whole = (0..10)
        .map(|_| timed(|| archive.page(&ask, &search, true)).0)
        .fold(f64::MAX, f64::min);
    let some = (0..10)
        .map(|_| timed(|| archive.page(&rows, &search, true)).0)
        .fold(f64::MAX, f64::min);
    println!(
        "a page of 150 rows {:.2} ms, with histogram and facets {:.2} ms",
        some * 1e3,
        whole * 1e3
    );
}

fn read(path: &Path) -> Archive {
    opened(path).archive()
}

fn opened(path: &Path) -> Opened {
    open(&[path], &Options::default()).unwrap()
}

fn found(archive: &Archive, filter: &str) -> usize {
    archive.search(Filter::parse(filter).unwrap()).found()
}

fn by_minute(archive: &Archive) -> usize {
    let search: Search = archive.search(Filter::parse("error:*").unwrap());
    let by: Vec<By> = ["minute", "path/2"].map(|by| by.parse().unwrap()).into();
    archive.count(&search, &by).groups.len()
}

/// Seconds, and what came out; it is let go of outside of them.
fn timed<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let out = run();
    (start.elapsed().as_secs_f64(), out)
}

/// Seconds of another program; not a number where it is not there.
fn other(words: &[&str]) -> f64 {
    let Some((program, args)) = words.split_first() else {
        return f64::NAN;
    };
    let start = Instant::now();
    let run = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .status();
    match run {
        Ok(_) => start.elapsed().as_secs_f64(),
        Err(_) => f64::NAN,
    }
}

/// What `DuckDB` is asked: the columns that the archive keeps, of every line.
const DUCKDB: &str = r#"
import sys, time, duckdb
base = duckdb.connect()
base.execute("SET threads = 2")
base.execute("SET enable_progress_bar = false")
began = time.perf_counter()
base.execute("""CREATE TABLE calls AS SELECT time, type, error, request.id AS id,
    request.operation AS operation, request.path AS path, request.remote_address AS address,
    auth.display_name AS actor, auth.entity_id AS entity
    FROM read_json($1, format = 'newline_delimited', columns = {
        time: 'TIMESTAMP', type: 'VARCHAR', error: 'VARCHAR',
        request: 'STRUCT(id VARCHAR, operation VARCHAR, path VARCHAR, remote_address VARCHAR)',
        auth: 'STRUCT(display_name VARCHAR, entity_id VARCHAR)'})""", [sys.argv[1]])
print(time.perf_counter() - began)
"#;

/// Seconds that `DuckDB` takes to read the same columns; not a number where it is not there.
fn duckdb(file: &str) -> f64 {
    let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = Command::new(python).args(["-c", DUCKDB, file]).output();
    let out = run.map(|run| String::from_utf8_lossy(&run.stdout).into_owned());
    out.ok()
        .and_then(|out| out.trim().parse().ok())
        .unwrap_or(f64::NAN)
}

/// Seconds that lnav takes to index the file by the fields of its lines and to count them.
fn lnav(file: &str) -> f64 {
    let settings = tempfile::tempdir().unwrap();
    let formats = settings.path().join("formats/vault");
    std::fs::create_dir_all(&formats).unwrap();
    std::fs::write(formats.join("vault.json"), include_str!("made/lnav.json")).unwrap();
    let settings = settings.path().to_string_lossy();
    let count = ";SELECT count(*) FROM vault_audit";
    other(&["lnav", "-I", &settings, "-n", "-q", "-c", count, file])
}

/// Resident memory in bytes, where the system tells.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) * 1024.0
}
