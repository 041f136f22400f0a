//! Files and standard input, read on a thread of their own: what is known changes with an event,
//! and is said as it was known then.
//!
//! Standard input is looked at 30 s, by the times of its events, behind the newest, and to its
//! newest once nothing has come for a moment. What comes later than it should have makes all be
//! looked at once more, as in a live session.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, SendError, Sender, bounded};

use crate::audit::derive::Derivation;
use crate::audit::identity::IdentityRules;
use crate::audit::{self, Opened, Options, Progress, Sighted};
use crate::cli::complaint::Complaint;
use crate::cli::diagnose;
use crate::diagnosis::{Historian, Known, Reach, rules};
use crate::incident::EventRef;
use crate::measure::level::Objectives;
use crate::model::{Event, Span, Timestamp};

/// An event of a stream waits so long, by the times of events, for others that come later and
/// happened earlier: the watermark of live events.
const WATERMARK: Span = Span::seconds(30);

/// A stream is quiet where nothing comes for so long: its lines are let go then, and what they say
/// is looked at after as long again.
const QUIET: Duration = Duration::from_millis(500);

/// So many records are read ahead of the diagnosis.
const AHEAD: usize = 1024;

/// So many events of a stream are kept, about a kilobyte each, to be looked at once more.
const KEPT: usize = 500_000;

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
    let streams = paths.iter().any(|path| path.as_os_str() == "-");
    let options = Options {
        quiet: streams.then_some(QUIET),
        ..Options::default()
    };
    let opened = audit::open(paths, &options).map_err(|error| Complaint::new(error.to_string()))?;
    let (tell, news) = bounded(64);
    let mut reading = Reading {
        historian: Historian::asking(rules(), objectives),
        objectives: *objectives,
        waiting: Vec::new(),
        taken: Some(Vec::new()).filter(|_| streams),
        newest: Timestamp::default(),
        changes: 0,
        late: 0,
        tell,
    };
    thread::spawn(move || {
        // Whoever listens no more has ended.
        let _ = reading.read(opened, identity, streams);
    });
    Ok(news)
}

struct Reading {
    historian: Historian,
    objectives: Objectives,
    /// Events that are not looked at yet.
    waiting: Vec<Event>,
    /// Those that were, in order, to be looked at once more; `None` where they are not kept.
    taken: Option<Vec<Event>>,
    newest: Timestamp,
    changes: usize,
    late: u64,
    tell: Sender<News>,
}

impl Reading {
    fn read(
        &mut self,
        opened: Opened,
        identity: IdentityRules,
        streams: bool,
    ) -> Result<(), SendError<News>> {
        let progress = opened.progress();
        let mut derivation = Derivation::new(identity);
        let records = if streams {
            self.stream(opened, &mut derivation)?
        } else {
            let mut records = 0;
            for sighted in opened {
                records += 1;
                self.feed(&sighted, &mut derivation);
            }
            records
        };
        derivation.finish(&mut |event| self.waiting.push(event));
        self.look(None)?;
        self.end(&progress, records)
    }

    /// Looks at what comes before the end of it; gives how many records there were.
    fn stream(
        &mut self,
        opened: Opened,
        derivation: &mut Derivation,
    ) -> Result<u64, SendError<News>> {
        let (hand, records) = bounded(AHEAD);
        thread::spawn(move || {
            for sighted in opened {
                if hand.send(sighted).is_err() {
                    return;
                }
            }
        });
        let (mut many, mut looked) = (0, self.newest);
        loop {
            match records.recv_timeout(QUIET) {
                Ok(sighted) => {
                    many += 1;
                    self.feed(&sighted, derivation);
                    // Few events are a second apart: they are looked at together.
                    if self.newest.since(looked).as_seconds() >= 1 {
                        looked = self.newest;
                        self.look(Some(self.newest - WATERMARK))?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.look(None)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(many),
            }
        }
    }

    fn feed(&mut self, sighted: &Sighted, derivation: &mut Derivation) {
        let (newest, waiting) = (&mut self.newest, &mut self.waiting);
        derivation.feed(&sighted.merged, &mut |event| {
            *newest = event.time.max(*newest);
            waiting.push(event);
        });
    }

    /// Says what could not be read, and that there is nothing more.
    fn end(&mut self, progress: &Arc<Progress>, records: u64) -> Result<(), SendError<News>> {
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
        let mut late = Vec::new();
        for event in std::mem::replace(&mut self.waiting, rest) {
            if self.historian.apply(&event) {
                self.say(event.time)?;
                self.keep(event);
            } else {
                late.push(event);
            }
        }
        self.once_more(late)
    }

    /// Keeps an event that was looked at, as long as there is room for all of them.
    fn keep(&mut self, event: Event) {
        if let Some(taken) = &mut self.taken {
            taken.push(event);
            if taken.len() > KEPT {
                self.taken = None;
            }
        }
    }

    /// Looks at everything once more, these events among it. Where not everything is kept any more,
    /// they are counted as too late.
    fn once_more(&mut self, mut late: Vec<Event>) -> Result<(), SendError<News>> {
        let Some(taken) = &mut self.taken else {
            let last = self.historian.history().through().cloned();
            // One that came twice is not late.
            late.retain(|event| Some(EventRef::of(event)) != last);
            self.late += late.len() as u64;
            return Ok(());
        };
        let is_known = |event: &Event| {
            let name = EventRef::of(event);
            taken
                .binary_search_by(|held| EventRef::of(held).cmp(&name))
                .is_ok()
        };
        late.retain(|event| !is_known(event));
        if late.is_empty() {
            return Ok(());
        }
        taken.append(&mut late);
        diagnose::in_order(taken);
        let mut historian = Historian::asking(rules(), &self.objectives);
        for event in taken.iter() {
            historian.apply(event);
        }
        self.historian = historian;
        // Also where nothing is known any more.
        self.changes = usize::MAX;
        let now = self.historian.history().through().map(|last| last.time);
        self.say(now.unwrap_or_default())
    }

    /// Says what is known, where it has changed.
    fn say(&mut self, now: Timestamp) -> Result<(), SendError<News>> {
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
        self.tell.send(News::Known(known, now))
    }
}
