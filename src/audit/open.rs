//! Opening inputs for whoever wants their records: nothing is read before the first is asked for.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::item::{Item, Keep, Kept, Payload};
use super::merge::{Merge, Out, Sighting};
use super::progress::Progress;
use super::record::{
    Item as MergedItem, Merged, Record, ServiceCall, VaultCall, VaultEntry, VaultKind,
};
use super::scan::Scanner;
use super::source::{Input, STDIN, walk};
use super::stream::Shared;
use super::trouble::Trouble;
use crate::model::rejected::Place;

/// How inputs are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most rejections that are kept with their place and reason; all are counted.
    pub keep_rejected: usize,
    /// What standard input has brought is handed out once nothing has come for so long, though
    /// something earlier may come yet; `None`: only once nothing earlier can come.
    pub quiet: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keep_rejected: 10_000,
            quiet: None,
        }
    }
}

/// Why nothing can be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No path was given.
    #[error("nothing to read; name a file, a folder, or - for standard input")]
    NoInput,
    /// None of the paths can be read; the first trouble of them.
    #[error("{0}")]
    Nothing(Trouble),
}

/// What was merged, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighted {
    /// The record or the call, with whether it was met before.
    pub merged: Merged,
    /// Where its first half stands.
    pub place: Place,
    /// Where the response to it stands; `None` where it has none of its own.
    pub answer: Option<Place>,
    /// How it stands to those before it.
    pub sighting: Sighting,
}

/// How many events and rejections there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Calls and records, each once.
    pub events: u64,
    /// Lines and files that could not be read.
    pub rejected: u64,
}

/// Inputs that were named. Iterating reads them; that may be done on another thread while
/// [`Opened::progress`] is watched.
pub struct Opened {
    paths: Vec<PathBuf>,
    carried: Vec<Input>,
    quiet: Option<Duration>,
    progress: Arc<Progress>,
    merge: Option<Merge>,
    out: VecDeque<Sighted>,
}

/// Opens files, folders and `-`, standard input. Returns at once: folders are listed and files
/// opened when the first record is asked for. What is wrong with some of several paths is told
/// by [`Progress::troubles`].
///
/// # Errors
/// [`OpenError`] where not one of the paths is there.
pub fn open<P: AsRef<Path>>(inputs: &[P], options: &Options) -> Result<Opened, OpenError> {
    let progress = Arc::new(Progress::new(options.keep_rejected));
    let mut paths = Vec::new();
    let mut first = None;
    for path in inputs.iter().map(AsRef::as_ref) {
        if paths.iter().any(|p| p == path) {
            continue;
        }
        match std::fs::metadata(path) {
            Err(error) if path.as_os_str() != STDIN => {
                let trouble = Trouble::opening(path, &error);
                first.get_or_insert_with(|| trouble.clone());
                progress.trouble(trouble);
            }
            _ => paths.push(path.to_owned()),
        }
    }
    match first {
        Some(trouble) if paths.is_empty() => Err(OpenError::Nothing(trouble)),
        None if paths.is_empty() => Err(OpenError::NoInput),
        _ => Ok(Opened {
            paths,
            carried: Vec::new(),
            quiet: options.quiet,
            progress,
            merge: None,
            out: VecDeque::new(),
        }),
    }
}

/// Opens what the program carries itself, each content under the name to show for it.
#[must_use]
pub fn open_carried(contents: &[(&str, &'static [u8])], options: &Options) -> Opened {
    Opened {
        paths: Vec::new(),
        carried: contents
            .iter()
            .map(|(name, content)| Input::carried(name, content))
            .collect(),
        quiet: options.quiet,
        progress: Arc::new(Progress::new(options.keep_rejected)),
        merge: None,
        out: VecDeque::new(),
    }
}

impl Opened {
    /// How reading goes; may be watched from another thread.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Reads everything and counts it, without building the records.
    #[must_use]
    pub fn tally(mut self) -> Counts {
        let mut events = 0;
        let mut merge = self.start(Keep::Nothing);
        while merge.advance(&mut |out| events += u64::from(out.sighting == Sighting::New)) {}
        self.progress.finish();
        Counts {
            events,
            rejected: self.progress.rejected(),
        }
    }

    fn start(&mut self, keep: Keep) -> Merge {
        let inputs = self.inputs();
        let shared = Shared::new(&self.progress, Scanner::new(), keep, self.quiet);
        Merge::new(inputs, &shared)
    }

    /// The files that are meant.
    pub(super) fn inputs(&mut self) -> Vec<Input> {
        let progress = &self.progress;
        let mut inputs = std::mem::take(&mut self.carried);
        for path in std::mem::take(&mut self.paths) {
            walk(&path, &mut inputs, &mut |t| progress.trouble(t));
        }
        // A file that is named and also lies in a named folder is read once.
        let mut seen = std::collections::HashSet::new();
        inputs.retain(|input| seen.insert(input.path.clone()));
        for input in &inputs {
            progress.expect(input.bytes);
        }
        inputs
    }
}

impl Iterator for Opened {
    type Item = Sighted;

    fn next(&mut self) -> Option<Sighted> {
        loop {
            if let Some(sighted) = self.out.pop_front() {
                return Some(sighted);
            }
            let mut merge = match self.merge.take() {
                Some(merge) => merge,
                None => self.start(Keep::Records),
            };
            let out = &mut self.out;
            let more = merge.advance(&mut |o| out.extend(sighted(o)));
            self.merge = Some(merge);
            if !more {
                self.progress.finish();
                return None;
            }
        }
    }
}

/// Puts what came out of the merge into the words of the derivation.
pub(super) fn sighted(out: Out) -> Option<Sighted> {
    let payload = |item: Item| match item.kept {
        Kept::Record(payload) => Some(payload),
        Kept::Nothing | Kept::Row(_) => None,
    };
    let Payload { record, place, nth } = *payload(out.first)?;
    let payload = out.answer.and_then(payload);
    let answer = payload.as_ref().map(|payload| payload.place.clone());
    let item = match record {
        Record::Event(event) => MergedItem::Event(event),
        Record::Postgres(record) => MergedItem::Postgres(record, nth),
        Record::CloudTrail(record) => MergedItem::CloudTrail(record),
        Record::Vault(entry) => MergedItem::Vault(call(entry, payload)),
        Record::Call(call) => MergedItem::Call(last_stage(call, payload), nth),
        Record::Journal(record) => MergedItem::Journal(record, nth),
        Record::Access(record) => MergedItem::Access(record, nth),
    };
    let late = out.sighting == Sighting::LateHalf;
    let known = match &item {
        // A request that comes after its response adds nothing to what that has told.
        MergedItem::Vault(call) => late && call.response.is_none(),
        // A call is told of once, at the last stage that was met in time.
        MergedItem::Call(..) => late,
        _ => false,
    };
    Some(Sighted {
        merged: Merged {
            item,
            duplicate: known || out.sighting == Sighting::Duplicate,
        },
        place,
        answer,
        sighting: out.sighting,
    })
}

/// The record of a call at its last stage.
fn last_stage(first: Box<ServiceCall>, answer: Option<Box<Payload>>) -> Box<ServiceCall> {
    match answer.map(|payload| payload.record) {
        Some(Record::Call(last)) => last,
        _ => first,
    }
}

fn call(first: Box<VaultEntry>, answer: Option<Box<Payload>>) -> VaultCall {
    match first.kind {
        VaultKind::Response => VaultCall {
            request: None,
            response: Some(first),
        },
        VaultKind::Request => VaultCall {
            request: Some(first),
            response: answer.and_then(|payload| match payload.record {
                Record::Vault(entry) => Some(entry),
                _ => None,
            }),
        },
    }
}
