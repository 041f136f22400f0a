//! Files and standard input, read on a thread of their own: what is known changes with an event,
//! and is said as it was known then.

use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, SendError, Sender, bounded};

use crate::audit::derive::Derivation;
use crate::audit::identity::IdentityRules;
use crate::audit::{self, Opened, Options};
use crate::cli::complaint::Complaint;
use crate::cli::diagnose;
use crate::diagnosis::{Historian, Known, Reach, rules};
use crate::incident::EventRef;
use crate::measure::level::Objectives;
use crate::model::{Event, Span, Timestamp};

/// An event of a stream waits so long, by the times of events, for others that come later and
/// happened earlier: the watermark of live events.
const WATERMARK: Span = Span::seconds(30);

/// What is read.
pub(super) enum News {
    /// What is known has changed, at this moment.
    Known(Known, Timestamp),
    /// Something could not be read to its end.
    Trouble(String),
    /// There is nothing more.
    Done {
        /// Lines and files that could not be read.
        rejected: u64,
        /// False where so much could not be read that it must not pass for calm.
        went_well: bool,
    },
}

/// Begins to read.
///
/// # Errors
/// [`Complaint`] where none of the paths is there.
pub(super) fn start(
    paths: &[PathBuf],
    identity: IdentityRules,
    objectives: &Objectives,
) -> Result<Receiver<News>, Complaint> {
    let opened = audit::open(paths, &Options::default())
        .map_err(|error| Complaint::new(error.to_string()))?;
    let streams = paths.iter().any(|path| path.as_os_str() == "-");
    let (tell, news) = bounded(64);
    let mut reading = Reading {
        historian: Historian::asking(rules(), objectives),
        waiting: Vec::new(),
        newest: Timestamp::default(),
        changes: 0,
        late: 0,
        streams,
        tell,
    };
    thread::spawn(move || {
        // Whoever listens no more has ended.
        let _ = reading.read(opened, identity);
    });
    Ok(news)
}

struct Reading {
    historian: Historian,
    /// Events that are not looked at yet.
    waiting: Vec<Event>,
    newest: Timestamp,
    changes: usize,
    late: u64,
    /// True where what comes is looked at before the end of it.
    streams: bool,
    tell: Sender<News>,
}

impl Reading {
    fn read(&mut self, opened: Opened, identity: IdentityRules) -> Result<(), SendError<News>> {
        let progress = opened.progress();
        let mut derivation = Derivation::new(identity);
        let mut records = 0;
        for sighted in opened {
            records += 1;
            let mut newest = self.newest;
            derivation.feed(&sighted.merged, &mut |event| {
                newest = newest.max(event.time);
                self.waiting.push(event);
            });
            // Few events are a second apart: they are looked at together.
            if self.streams && newest.since(self.newest).as_seconds() >= 1 {
                self.newest = newest;
                self.look(Some(newest - WATERMARK))?;
            }
        }
        derivation.finish(&mut |event| self.waiting.push(event));
        self.look(None)?;
        for trouble in progress.troubles() {
            self.tell.send(News::Trouble(trouble.to_string()))?;
        }
        if self.late > 0 {
            let late = self.late;
            let words = format!("{late} events came too late to be looked at");
            self.tell.send(News::Trouble(words))?;
        }
        let read = progress.read_something();
        if !read {
            for rejected in progress.rejections().iter().filter(|r| r.place.line == 0) {
                let words = format!("{}: {}", rejected.place.file, rejected.reason);
                self.tell.send(News::Trouble(words))?;
            }
        }
        self.tell.send(News::Done {
            rejected: progress.rejected(),
            went_well: read && progress.went_well(records),
        })
    }

    /// Looks at all events up to a moment, in order.
    fn look(&mut self, until: Option<Timestamp>) -> Result<(), SendError<News>> {
        diagnose::in_order(&mut self.waiting);
        let due = match until {
            Some(until) => self.waiting.partition_point(|event| event.time <= until),
            None => self.waiting.len(),
        };
        let rest = self.waiting.split_off(due);
        for event in std::mem::replace(&mut self.waiting, rest) {
            self.take(&event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<(), SendError<News>> {
        if !self.historian.apply(event) {
            let last = self.historian.history().through();
            // One that came twice is not late.
            self.late += u64::from(last.is_some_and(|last| EventRef::of(event) != *last));
        }
        let history = self.historian.history();
        if history.changes() == self.changes {
            return Ok(());
        }
        self.changes = history.changes();
        let known = Known {
            findings: history.latest(),
            alerts: history.latest_alerts(),
            reach: Reach::Whole,
        };
        self.tell.send(News::Known(known, event.time))
    }
}
