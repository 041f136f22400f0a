//! `rotascope audit PATH…`: what the logs say, as a table, JSON lines, CSV or a count.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

mod following;
mod print;

use self::print::Printer;
use super::complaint::Complaint;
use super::{BAD_INPUT, FINE, groups};
use crate::audit::{self, AuditRow, Opened, Options, Progress};
use crate::model::rejected::Rejected;
use crate::query::{By, Filter, FilterError};

/// The width of a table that goes to no terminal.
const WIDTH: u16 = 80;
/// The narrowest table.
const NARROWEST: u16 = 40;

/// Rejected files that are named without being asked for.
const FILES_NAMED: usize = 20;

/// Show what audit logs say, merged by time.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Files, folders, or - for standard input: plain, gzip or zstd, in any known format
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Only what fits: outcome:denied path:secret/data/* actor:~^ci- "permission denied" (docs/audit.md)
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    pub filter: Option<String>,
    /// With --format count: count by second, minute, hour, day, path/N or fields, with commas between
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<By>,
    /// When all is read go on with what is written, until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Show each rejected line on standard error, with its place and its reason
    #[arg(long)]
    pub rejected: bool,
    /// Columns of the table [default: the terminal's, else 80]
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<u16>,
}

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns that fit the terminal
    Table,
    /// One JSON object a line
    Json,
    /// Comma-separated values with a heading
    Csv,
    /// The numbers of events and of rejected lines, alone
    Count,
}

/// Runs the command and gives its exit status: 0, or 2 where nothing could be read or something
/// could not be read to its end. Words about that go to `err`.
///
/// # Errors
/// Where `out` or `err` cannot be written to; a closed pipe is no error.
pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    match try_run(args, out, err) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(FINE),
        result => result,
    }
}

fn try_run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    if let Some(complaint) = unfit(args) {
        writeln!(err, "{complaint}")?;
        return Ok(BAD_INPUT);
    }
    let filter = match Filter::parse(args.filter.as_deref().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(error) => {
            let words = args.filter.as_deref().unwrap_or_default();
            let FilterError { why, next, at } = error;
            let complaint = Complaint::new(why).next(next).at("--filter", words, at);
            writeln!(err, "{complaint}")?;
            return Ok(BAD_INPUT);
        }
    };
    if args.follow {
        return following::run(args, &filter, out, err);
    }
    let opened = match audit::open(&args.paths, &Options::default()) {
        Ok(opened) => opened,
        Err(error) => {
            writeln!(err, "{error}")?;
            if args.format == Format::Count {
                writeln!(out, "events 0 rejected 0")?;
                out.flush()?;
            }
            return Ok(BAD_INPUT);
        }
    };
    let progress = opened.progress();
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let events = if !filter.is_empty() || !args.by.is_empty() {
        asked(args, filter, opened, &mut out, err)?
    } else if args.format == Format::Count {
        let counts = opened.tally();
        writeln!(out, "events {} rejected {}", counts.events, counts.rejected)?;
        Some(counts.events)
    } else {
        let mut events = 0;
        let rows = opened.filter_map(|sighted| AuditRow::of(&sighted));
        let mut rows = rows.inspect(|_| events += 1);
        print(args, &mut rows, &mut out)?;
        Some(events)
    };
    out.flush()?;
    summary(args, &progress, err)?;
    Ok(match events {
        Some(events) if progress.went_well(events) => FINE,
        _ => BAD_INPUT,
    })
}

/// Answers a question from an archive; gives how many rows that has, or nothing where some of
/// them could not be looked at.
fn asked(
    args: &Args,
    filter: Filter,
    opened: Opened,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Option<u64>> {
    if args.format == Format::Count && args.by.is_empty() {
        return how_many(filter, opened, out, err);
    }
    let (archive, search) = opened.asked(filter);
    let mut wrong = search.wrong().map(str::to_owned);
    if args.format == Format::Count {
        let counted = archive.count(&search, &args.by);
        groups::show(&counted, &args.by, out)?;
        if counted.unread > 0 {
            wrong.get_or_insert_with(|| format!("{} rows could not be read", counted.unread));
        }
    } else {
        let rows = search.rows(0..archive.len());
        let mut rows = rows.filter_map(|row| match archive.row(row, true) {
            Ok(row) => Some(row),
            Err(why) => {
                wrong.get_or_insert(why);
                None
            }
        });
        print(args, &mut rows, out)?;
    }
    Ok(whole(wrong.as_deref(), err)?.then_some(archive.len() as u64))
}

/// Counts what fits; gives of how many rows, or nothing where some of them could not be looked at.
fn how_many(
    filter: Filter,
    opened: Opened,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Option<u64>> {
    let progress = opened.progress();
    let fitting = opened.fitting(filter);
    let rejected = progress.rejected();
    writeln!(out, "events {} rejected {rejected}", fitting.rows)?;
    if fitting.of.is_none() {
        writeln!(
            err,
            "lines of Vault logs without these words were not read, so what is damaged in them is not counted"
        )?;
    }
    let of = fitting.of.unwrap_or(fitting.rows);
    Ok(whole(fitting.wrong.as_deref(), err)?.then_some(of))
}

/// Says where what is shown is not whole; true where it is.
fn whole(wrong: Option<&str>, err: &mut dyn Write) -> io::Result<bool> {
    if let Some(why) = wrong {
        writeln!(err, "what is shown is not whole: {why}")?;
    }
    Ok(wrong.is_none())
}

fn print(
    args: &Args,
    rows: &mut dyn Iterator<Item = AuditRow>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut printer = Printer::new(args.format, width(args), out)?;
    for row in rows {
        printer.row(&row)?;
    }
    printer.flush()
}

/// What cannot be asked for.
fn unfit(args: &Args) -> Option<Complaint> {
    if args.follow && args.format == Format::Count {
        let why = "--follow never ends, so there is nothing to count at its end";
        return Some(Complaint::new(why).next("leave one of --follow and --format count out"));
    }
    (!args.by.is_empty() && args.format != Format::Count).then(|| {
        Complaint::new("--by counts, and nothing else is asked to be counted")
            .next("add --format count")
    })
}

fn width(args: &Args) -> usize {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    usize::from(args.width.or_else(columns).unwrap_or(WIDTH).max(NARROWEST))
}

/// What was not read, on standard error.
fn summary(args: &Args, progress: &Progress, err: &mut dyn Write) -> io::Result<()> {
    let mut err = BufWriter::new(err);
    let rejections = progress.rejections();
    let all = progress.rejected();
    if args.rejected {
        for rejected in &rejections {
            writeln!(err, "{}", told(rejected))?;
        }
        let unlisted = all.saturating_sub(rejections.len() as u64);
        if unlisted > 0 {
            writeln!(err, "… and {unlisted} more")?;
        }
    } else {
        let files: Vec<_> = rejections.iter().filter(|r| r.place.line == 0).collect();
        for rejected in files.iter().take(FILES_NAMED) {
            writeln!(err, "{}", told(rejected))?;
        }
        if files.len() > FILES_NAMED {
            let more = files.len() - FILES_NAMED;
            writeln!(err, "… and {more} more files, --rejected shows them")?;
        }
    }
    for trouble in progress.troubles() {
        writeln!(err, "{trouble}")?;
    }
    if args.format != Format::Count || all > 0 {
        writeln!(err, "rejected {all}")?;
    }
    err.flush()
}

fn told(rejected: &Rejected) -> String {
    let place = &rejected.place;
    let mut words = match place.line {
        0 => format!("{}: {}", place.file, rejected.reason),
        line => format!("{}:{line}: {}", place.file, rejected.reason),
    };
    if !rejected.excerpt.is_empty() {
        words = format!("{words} | {}", rejected.excerpt);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use unicode_width::UnicodeWidthStr;

    fn run_on(path: &Path, format: Format) -> (u8, String, String) {
        run_with(path, format, None, &[])
    }

    fn run_with(
        path: &Path,
        format: Format,
        filter: Option<&str>,
        by: &[&str],
    ) -> (u8, String, String) {
        let args = Args {
            paths: vec![path.to_owned()],
            format,
            filter: filter.map(str::to_owned),
            by: by.iter().map(|by| by.parse().unwrap()).collect(),
            follow: false,
            rejected: true,
            width: Some(80),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = run(&args, &mut out, &mut err).unwrap();
        let words = |bytes| String::from_utf8(bytes).unwrap();
        (status, words(out), words(err))
    }

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/x","type":"rotascope.audit.entry","time":"2026-01-01T00:00:00Z","data":{"actor":"=cmd|'\u001b[31m","operation":"read","path":"secret/\u202e北京","outcome":"denied"}}"#;

    fn log() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{EVENT}\nnot an event\n")).unwrap();
        file
    }

    #[test]
    fn a_count_is_one_line() {
        let (status, out, err) = run_on(log().path(), Format::Count);
        assert_eq!((status, out.as_str()), (0, "events 1 rejected 1\n"));
        assert!(err.contains(":2: "), "{err}");
    }

    #[test]
    fn a_filter_keeps_what_fits_and_shows_where_it_is_wrong() {
        let log = log();
        let filtered = |words| run_with(log.path(), Format::Count, Some(words), &[]);
        assert_eq!(filtered("outcome:denied").1, "events 1 rejected 1\n");
        assert_eq!(filtered("outcome:allowed").1, "events 0 rejected 1\n");
        let (status, out, err) = filtered("outcome:denied colour:red");
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.contains("there is no field") && err.contains("colour:red"));
    }

    /// Of lines that were not read nobody knows whether they are damaged.
    #[test]
    fn a_count_of_words_alone_tells_that_other_lines_were_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |id: &str| {
            format!(
                r#"{{"time":"2026-01-01T00:00:00Z","type":"response","request":{{"id":"{id}","operation":"read","path":"p"}}}}"#
            )
        };
        let damaged = [r#"{"time":"needle"#, r#"{"time":"thimble broken"#].map(str::to_owned);
        let lines = [&[line("needle"), line("thimble")][..], &damaged].concat();
        fs::write(file.path(), lines.join("\n") + "\n").unwrap();
        let counted = |filter| run_with(file.path(), Format::Count, Some(filter), &[]);
        for (filter, wanted, is_said) in [
            ("needle", "events 1 rejected 1\n", true),
            ("nowhere", "events 0 rejected 0\n", true),
            ("needle or thimble", "events 2 rejected 2\n", true),
            ("needle request", "events 1 rejected 2\n", false),
            ("\"\"", "events 2 rejected 2\n", false),
            ("needle outcome:allowed", "events 1 rejected 2\n", false),
            ("not needle", "events 1 rejected 2\n", false),
        ] {
            let (status, out, err) = counted(filter);
            assert_eq!((status, out.as_str()), (0, wanted), "{filter}");
            assert_eq!(err.contains("were not read"), is_said, "{filter}: {err}");
        }
        // Where nothing that was read is in order, that is no good end.
        let (status, out, _) = counted("broken");
        assert_eq!((status, out.as_str()), (2, "events 0 rejected 1\n"));
        // Its place is that of the line in the whole file.
        let (_, _, err) = counted("needle");
        assert!(err.contains(":3: ") && !err.contains(":4: "), "{err}");
    }

    #[test]
    fn rows_are_counted_by_what_they_say() {
        let log = log();
        let counted = |format| run_with(log.path(), format, None, &["minute", "path/1"]);
        let (status, out, _) = counted(Format::Count);
        let wanted = "minute\tpath/1\tcount\n2026-01-01T00:00:00Z\tsecret\t1\n";
        assert_eq!((status, out.as_str()), (0, wanted));
        let (status, _, err) = counted(Format::Json);
        assert!(status == 2 && err.contains("--format count"), "{err}");
    }

    #[test]
    fn what_is_followed_is_not_counted() {
        let log = log();
        let args = Args {
            paths: vec![log.path().to_owned()],
            format: Format::Count,
            filter: None,
            by: Vec::new(),
            follow: true,
            rejected: false,
            width: None,
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(run(&args, &mut out, &mut err).unwrap(), 2);
        let err = String::from_utf8(err).unwrap();
        assert!(
            out.is_empty() && err.contains("--follow never ends"),
            "{err}"
        );
    }

    #[test]
    fn json_is_one_harmless_object_an_event() {
        let (_, out, err) = run_on(log().path(), Format::Json);
        let row: serde_json::Value = serde_json::from_str(out.trim_end()).unwrap();
        assert_eq!(row["actor"], "=cmd|'\u{1b}[31m");
        assert_eq!(row["place"]["line"], 1);
        assert!(!out.trim_end().chars().any(crate::model::text::is_hidden));
        assert!(err.ends_with("rejected 1\n"), "{err}");
    }

    #[test]
    fn a_cell_of_csv_is_no_formula() {
        let (_, out, _) = run_on(log().path(), Format::Csv);
        let mut csv = csv::Reader::from_reader(out.as_bytes());
        let row = csv.records().next().unwrap().unwrap();
        assert_eq!(&row[4], "'=cmd|'␛[31m");
    }

    #[test]
    fn every_line_of_a_table_fits() {
        let (_, out, _) = run_on(log().path(), Format::Table);
        assert_eq!(out.lines().count(), 2);
        assert!(out.lines().all(|line| line.width() <= 80), "{out}");
        assert!(out.contains("secret/‹U+202E›北京"), "{out}");
    }

    #[test]
    fn what_cannot_be_read_is_said_and_the_status_is_2() {
        let (status, out, err) = run_on(Path::new("/no/such/log"), Format::Json);
        assert_eq!((status, out.as_str()), (2, ""));
        assert_eq!(
            err,
            "/no/such/log: no such file or folder; check the path\n"
        );
    }

    #[test]
    fn a_closed_pipe_ends_quietly() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let file = log();
        for format in [Format::Json, Format::Csv, Format::Table, Format::Count] {
            let args = Args {
                paths: vec![file.path().to_owned()],
                format,
                filter: None,
                by: Vec::new(),
                follow: false,
                rejected: false,
                width: None,
            };
            assert_eq!(run(&args, &mut Closed, &mut Vec::new()).unwrap(), 0);
        }
    }
}
