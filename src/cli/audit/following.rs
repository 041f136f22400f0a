//! `rotascope audit PATH… --follow`: what is there, then what comes, until interrupted.

use std::io::{self, BufWriter, Write};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Args, Printer, summary, width};
use crate::audit::follow::Stop;
use crate::audit::live::{Following, Next, follow};
use crate::audit::{AuditRow, Options};
use crate::cli::{BAD_INPUT, FINE};
use crate::query::Filter;

/// How long nothing comes before time is let pass for requests without an answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Prints rows until every input has ended or somebody interrupts, and gives the exit status: 0, or
/// 2 where nothing could be read or something could not be read to its end.
pub(super) fn run(
    args: &Args,
    filter: &Filter,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let stop = Stop::default();
    let mut following = match follow(&args.paths, &Options::default(), &stop) {
        Ok(following) => following,
        Err(error) => {
            writeln!(err, "{error}")?;
            return Ok(BAD_INPUT);
        }
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    let stopped = stop.clone();
    let waiter = thread::spawn(move || {
        if signals.forever().next().is_some() {
            stopped.stop();
        }
    });
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut read = 0;
    let printed = Printer::new(args.format, width(args), &mut out)
        .and_then(|mut printer| print(&mut following, filter, &mut read, &mut printer, err));
    // Whoever reads may have gone: then nobody is to read on for him.
    stop.stop();
    while !matches!(following.next(PATIENCE), Next::Ended) {}
    handle.close();
    let _ = waiter.join();
    printed?;
    summary(args, following.progress(), err)?;
    Ok(if following.progress().went_well(read) {
        FINE
    } else {
        BAD_INPUT
    })
}

fn print(
    following: &mut Following,
    filter: &Filter,
    read: &mut u64,
    printer: &mut Printer<'_>,
    err: &mut dyn Write,
) -> io::Result<()> {
    printer.flush()?;
    loop {
        match following.next(PATIENCE) {
            Next::Rows(rows) => {
                for row in rows.iter().filter_map(AuditRow::of) {
                    *read += 1;
                    if filter.holds(&row) {
                        printer.row(&row)?;
                    }
                }
                printer.flush()?;
            }
            Next::Word(word) => {
                writeln!(err, "{word}")?;
                err.flush()?;
            }
            Next::Quiet => {}
            Next::Ended => return Ok(()),
        }
    }
}
