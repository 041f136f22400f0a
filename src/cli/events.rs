//! `rotascope events PATH…`: what the logs yield, as lines of the event contract.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::{BAD_INPUT, FINE};
use crate::audit::derive::{Derivation, Sources};
use crate::audit::identity::{IdentityError, IdentityRules};
use crate::audit::{self, Options, Progress};
use crate::model::text::shown;
use crate::model::{Event, Source};

/// Print what audit logs yield, one event a line.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Files, folders, or - for standard input: events or logs, plain, gzip or zstd
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A TOML file of identity rules: who is who where the logs do not tell
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// The source that events from Vault and OpenBao logs name
    #[arg(long, value_name = "SOURCE", default_value = "/vault")]
    pub vault_source: String,
    /// The source that events from PostgreSQL logs name
    #[arg(long, value_name = "SOURCE", default_value = "/postgresql")]
    pub postgres_source: String,
}

/// Runs the command with the rules of the user's settings, unless `args` names others, and gives its exit status: 0, or 2 where nothing could be read or something
/// could not be read to its end. Words about that go to `err`.
///
/// # Errors
/// Where `out` or `err` cannot be written to; a closed pipe is no error.
pub fn run(
    args: &Args,
    usual: IdentityRules,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    match try_run(args, usual, out, err) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(FINE),
        result => result,
    }
}

fn try_run(
    args: &Args,
    usual: IdentityRules,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let rules = match args.identity.as_deref().map_or(Ok(usual), rules) {
        Ok(rules) => rules,
        Err(words) => {
            writeln!(err, "{words}")?;
            return Ok(BAD_INPUT);
        }
    };
    let opened = match audit::open(&args.paths, &Options::default()) {
        Ok(opened) => opened,
        Err(error) => {
            writeln!(err, "{error}")?;
            return Ok(BAD_INPUT);
        }
    };
    let progress = opened.progress();
    let mut derivation = Derivation::new(rules).speaking_for(Sources {
        vault: Source::from(args.vault_source.as_str()),
        postgres: Source::from(args.postgres_source.as_str()),
        ..Sources::default()
    });
    let mut lines = Lines {
        out: BufWriter::with_capacity(1 << 16, out),
        failed: None,
    };
    let mut read = 0_u64;
    for sighted in opened {
        read += 1;
        derivation.feed(&sighted.merged, &mut |event| lines.write(&event));
        if let Some(error) = lines.failed {
            return Err(error);
        }
    }
    derivation.finish(&mut |event| lines.write(&event));
    match lines.failed {
        Some(error) => return Err(error),
        None => lines.out.flush()?,
    }
    drop(lines);
    summary(&progress, read, err)
}

/// Writes events until one cannot be written.
struct Lines<W: Write> {
    out: W,
    failed: Option<io::Error>,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, event: &Event) {
        if self.failed.is_some() {
            return;
        }
        let line = event.to_json().map_err(io::Error::other);
        self.failed = line.and_then(|line| writeln!(self.out, "{line}")).err();
    }
}

fn rules(path: &Path) -> Result<IdentityRules, String> {
    let name = path.to_string_lossy();
    let name = shown(&name);
    let text = std::fs::read_to_string(path).map_err(|e| format!("{name}: {e}"))?;
    IdentityRules::parse(&text).map_err(|error| {
        let (line, column) = place(&text, &error);
        format!("{name}:{line}:{column}: {}", shown(&error.message))
    })
}

/// The line and the column, both from 1, that an error is about.
fn place(text: &str, error: &IdentityError) -> (usize, usize) {
    let before = text.get(..error.span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}

/// What was not read, on standard error; gives the exit status. `read` records were.
fn summary(progress: &Progress, read: u64, err: &mut dyn Write) -> io::Result<u8> {
    for rejected in progress.rejections().iter().filter(|r| r.place.line == 0) {
        writeln!(err, "{}: {}", rejected.place.file, rejected.reason)?;
    }
    let troubles = progress.troubles();
    for trouble in &troubles {
        writeln!(err, "{trouble}")?;
    }
    writeln!(err, "rejected {}", progress.rejected())?;
    err.flush()?;
    Ok(if progress.went_well(read) {
        FINE
    } else {
        BAD_INPUT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_on(paths: &[&Path], identity: Option<&Path>) -> (u8, String, String) {
        let args = Args {
            paths: paths.iter().map(|p| (*p).to_owned()).collect(),
            identity: identity.map(Path::to_owned),
            vault_source: "/vault/eu".into(),
            postgres_source: "/pg".into(),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = run(&args, IdentityRules::default(), &mut out, &mut err).unwrap();
        let words = |bytes| String::from_utf8(bytes).unwrap();
        (status, words(out), words(err))
    }

    fn file(words: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), words).unwrap();
        file
    }

    #[test]
    fn a_log_becomes_events_and_events_stay_what_they_are() {
        let log = file(
            "2026-11-23 13:46:11.014 UTC [7] app@db 10.1.0.1 FATAL:  password authentication failed for user \"app\"\n",
        );
        let own = r#"{"specversion":"1.0","id":"x","source":"/x","type":"acme.new","time":"2026-11-23T13:46:12Z","data":{"a":1}}"#;
        let events = file(&format!("{own}\nno event\n"));
        let (status, out, err) = run_on(&[log.path(), events.path()], None);
        assert_eq!((status, err.as_str()), (0, "rejected 1\n"));
        let read: Vec<Event> = out
            .lines()
            .map(|l| Event::from_json(l.as_bytes()).unwrap())
            .collect();
        let types: Vec<&str> = read.iter().map(|e| e.data.type_name()).collect();
        assert_eq!(
            types,
            ["rotascope.audit.entry", "acme.new", "rotascope.auth.sample"]
        );
        assert_eq!(out.lines().nth(1), Some(own));
        assert_eq!(read[0].source.raw(), "/pg");
    }

    #[test]
    fn lines_of_which_none_could_be_read_are_status_2_and_a_log_that_yields_nothing_is_not() {
        let torn = file(
            "{\"type\":\"request\",\"request\":{\"operation\":\"read\",\n"
                .repeat(3)
                .as_str(),
        );
        let (status, out, err) = run_on(&[torn.path()], None);
        assert_eq!(
            (status, out.as_str(), err.as_str()),
            (2, "", "rejected 3\n")
        );
        let quiet = file("2026-11-23 13:46:11.014 UTC [7] LOG:  database system is ready\n");
        let (status, out, err) = run_on(&[quiet.path()], None);
        assert_eq!(
            (status, out.as_str(), err.as_str()),
            (0, "", "rejected 0\n")
        );
    }

    #[test]
    fn a_broken_rule_is_told_with_its_place() {
        let rules = file("[[identity]]\nmatch = { colour = \"x\" }\n");
        let log = file("x");
        let (status, out, err) = run_on(&[log.path()], Some(rules.path()));
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(
            err.contains(":2:11: no field is called \"colour\""),
            "{err}"
        );
    }
}
