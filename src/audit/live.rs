//! Inputs that grow, as records in the order in which they come: what is there first, one input
//! after another, then what is written to any of them.
//!
//! Each input is read on a thread of its own. The halves of Vault calls are joined and what was met
//! before is known as elsewhere (`merge.rs`); nothing waits for anything earlier.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::detect::{Detected, detect_lines};
use super::follow::{Block, Followed, Follower, Start, Stop};
use super::format::Format;
use super::item::{Item, Keep};
use super::lines::{LONGEST_LINE, Line};
use super::merge::Pairs;
use super::open::{OpenError, Options, Sighted, sighted};
use super::parallel::too_long;
use super::progress::Progress;
use super::reading::format_of_lines;
use super::scan::Scanner;
use super::source::{Input, Packing, walk};
use super::stream::{Live, Shared, Stream, unknown};
use super::trouble::{Trouble, name_of};
use crate::model::rejected::Place;
use crate::model::{Span, Text, Timestamp};

/// Batches of records on their way; a reader waits where more have not been taken.
const ON_THE_WAY: usize = 64;

/// A record that may go on in the next line is taken for whole once nothing has come for so long.
const WHOLE_AFTER: Duration = Duration::from_secs(1);

/// How long a reader waits before it tries again what has failed.
const AGAIN: Duration = Duration::from_secs(1);

/// The most records of one batch.
const BATCH: usize = 512;

/// What came.
#[derive(Debug)]
pub enum Next {
    /// Records and calls.
    Rows(Vec<Sighted>),
    /// A word about an input: it was rotated, cut, has vanished or is back, or cannot be read.
    Word(Text),
    /// Nothing in time.
    Quiet,
    /// Every input has ended, or reading was stopped.
    Ended,
}

/// Inputs that are followed.
pub struct Following {
    messages: Receiver<Message>,
    readers: Vec<JoinHandle<()>>,
    progress: Arc<Progress>,
    pairs: Pairs,
    /// The newest record and when it came.
    newest: Option<(Timestamp, Instant)>,
    words: std::vec::IntoIter<Text>,
    is_over: bool,
}

enum Message {
    Items(Vec<Item>),
    Word(Text),
}

/// Follows files, the files that lie in folders now, and standard input (`-`).
///
/// # Errors
/// [`OpenError`] where not one of the paths is there.
pub fn follow<P: AsRef<Path>>(
    paths: &[P],
    options: &Options,
    stop: &Stop,
) -> Result<Following, OpenError> {
    let progress = Arc::new(Progress::new(options.keep_rejected));
    let (mut inputs, mut troubles) = (Vec::<Input>::new(), Vec::new());
    for path in paths.iter().map(AsRef::as_ref) {
        walk(path, &mut inputs, &mut |t| troubles.push(t));
    }
    let mut seen = std::collections::HashSet::new();
    inputs.retain(|input| seen.insert(input.path.clone()));
    if inputs.is_empty() {
        return Err(troubles
            .into_iter()
            .next()
            .map_or(OpenError::NoInput, OpenError::Nothing));
    }
    let words: Vec<Text> = troubles.iter().map(|t| Text::from(t.to_string())).collect();
    for trouble in troubles {
        progress.trouble(trouble);
    }
    let shared = Shared::new(&progress, Scanner::new(), Keep::Records, None);
    let (sender, messages) = bounded(ON_THE_WAY);
    // Whoever has read what is there lets the next begin.
    let (mut turn, first) = mpsc::channel();
    let _ = turn.send(());
    let mut wait = first;
    let mut readers = Vec::with_capacity(inputs.len());
    for input in inputs {
        let (done, next) = mpsc::channel();
        let mut reader = Reader {
            input,
            shared: Arc::clone(&shared),
            stop: stop.clone(),
            out: sender.clone(),
            done: Some(done.clone()),
        };
        let begin = std::mem::replace(&mut wait, next);
        turn = done;
        readers.push(thread::spawn(move || {
            // Where the one before has died it is our turn too.
            let _ = begin.recv();
            reader.read();
        }));
    }
    drop(turn);
    Ok(Following {
        messages,
        readers,
        progress,
        pairs: Pairs::new(),
        newest: None,
        words: words.into_iter(),
        is_over: false,
    })
}

impl Following {
    /// How reading goes.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Waits for what comes next, for `timeout` at most. Requests that were never answered come at
    /// the end, or as soon as no answer is to be expected any more.
    pub fn next(&mut self, timeout: Duration) -> Next {
        if let Some(word) = self.words.next() {
            return Next::Word(word);
        }
        if self.is_over {
            return Next::Ended;
        }
        let mut rows = Vec::new();
        match self.messages.recv_timeout(timeout) {
            Ok(Message::Word(word)) => return Next::Word(word),
            Ok(Message::Items(items)) => {
                for item in items {
                    let time = item.time;
                    if self.newest.is_none_or(|(newest, _)| newest <= time) {
                        self.newest = Some((time, Instant::now()));
                    }
                    self.pairs.take(item, &mut |out| rows.extend(sighted(out)));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                // The clock of the records goes on while none comes.
                if let Some((newest, came)) = self.newest {
                    let passed = i64::try_from(came.elapsed().as_secs()).unwrap_or(i64::MAX);
                    let now = newest + Span::seconds(passed);
                    self.pairs.pass(now, &mut |out| rows.extend(sighted(out)));
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.is_over = true;
                self.pairs.flush(&mut |out| rows.extend(sighted(out)));
                for reader in self.readers.drain(..) {
                    // One that has died has told no less for that.
                    let _ = reader.join();
                }
                self.progress.finish();
            }
        }
        if rows.is_empty() && !self.is_over {
            return Next::Quiet;
        }
        Next::Rows(rows)
    }
}

/// Reads one input.
struct Reader {
    input: Input,
    shared: Arc<Shared>,
    stop: Stop,
    out: Sender<Message>,
    /// Told once everything that is there has been read.
    done: Option<mpsc::Sender<()>>,
}

/// An input whose format is not known; the reason has been noted.
struct Unknown;

/// What the lines of an input are read with.
struct Lines {
    name: Text,
    format: Box<dyn Format + Send>,
    live: Live,
    /// When a line came last, until what it may have left open is taken for whole.
    since: Option<Instant>,
}

impl Reader {
    fn read(&mut self) {
        let known = if self.input.bytes.is_some() {
            match Stream::kind(&self.input, &self.shared) {
                Some((Packing::Plain, kind)) => kind,
                Some(_) => return self.whole("packed"),
                None => return,
            }
        } else {
            None
        };
        let format = match known.map(|kind| (kind, format_of_lines(kind))) {
            Some((_, None)) => return self.whole("one document"),
            Some((_, Some(format))) => {
                self.shared.progress.readable();
                Some(format)
            }
            None => None,
        };
        let opened = Follower::open(&self.input.path, Start::BEGINNING, &self.stop);
        match opened {
            Ok(mut follower) => self.follow(&mut follower, format),
            Err(trouble) => self.trouble(trouble),
        }
    }

    /// What does not grow line by line is read as it is.
    fn whole(&mut self, what: &str) {
        let name = name_of(&self.input.path);
        self.word(format!(
            "{name}: {what}, so it is read once and not followed"
        ));
        let Some(mut stream) = Stream::open(&self.input, &self.shared) else {
            return;
        };
        let mut items = Vec::new();
        while stream.head().is_some() && !self.stop.is_stopped() {
            items.extend(stream.pop());
            if items.len() >= BATCH && !self.send(&mut items) {
                return;
            }
        }
        self.send(&mut items);
    }

    fn follow(&mut self, follower: &mut Follower, format: Option<Box<dyn Format + Send>>) {
        let name = follower.name().clone();
        let mut lines = format.map(|format| Lines::new(name.clone(), format, &self.shared));
        let (mut items, mut sample) = (Vec::new(), Vec::new());
        loop {
            let patience = if self.done.is_some() {
                Duration::ZERO
            } else {
                WHOLE_AFTER / 2
            };
            let news = match follower.next(patience) {
                Ok(news) => news,
                Err(trouble) => {
                    self.caught_up();
                    self.trouble(trouble);
                    thread::sleep(AGAIN);
                    continue;
                }
            };
            match (news, &mut lines) {
                (Followed::Lines(b) | Followed::Late(b, _) | Followed::Torn(b, _), Some(lines)) => {
                    lines.take(b, &self.shared, &mut items);
                }
                (Followed::Lines(b) | Followed::Late(b, _) | Followed::Torn(b, _), None) => {
                    match self.first(&name, b, &mut sample, &mut items) {
                        Ok(known) => lines = known,
                        Err(Unknown) => return,
                    }
                }
                (Followed::TooLong { offset, line }, _) => {
                    let file = name.clone();
                    let byte = offset;
                    self.shared
                        .progress
                        .reject(too_long(Place { file, line, byte }));
                }
                (Followed::Quiet, Some(lines)) => lines.settle(&self.shared, &mut items),
                (_, Some(lines)) => lines.finish(&self.shared, &mut items),
                (_, None) => {}
            }
            if !self.send(&mut items) {
                return;
            }
            match news {
                Followed::Quiet => self.caught_up(),
                Followed::Ended | Followed::Stopped => return,
                event => self.told(&name, event),
            }
        }
    }

    /// Takes the first lines in: by them the format is known. `None` while they are blank.
    fn first(
        &self,
        name: &Text,
        block: Block<'_>,
        sample: &mut Vec<u8>,
        items: &mut Vec<Item>,
    ) -> Result<Option<Lines>, Unknown> {
        let (bytes, blank) = (sample.len() as u64, count(sample));
        sample.extend_from_slice(block.bytes);
        let Some(format) = self.detected(name, sample)? else {
            return Ok(None);
        };
        let mut lines = Lines::new(name.clone(), format, &self.shared);
        let whole = Block {
            bytes: sample,
            offset: block.offset.saturating_sub(bytes),
            line: block.line.saturating_sub(blank),
        };
        lines.take(whole, &self.shared, items);
        Ok(Some(lines))
    }

    /// The reader of lines that begin like these; `None` where there is nothing to tell it by yet.
    fn detected(
        &self,
        name: &Text,
        sample: &[u8],
    ) -> Result<Option<Box<dyn Format + Send>>, Unknown> {
        let reason = match (Packing::of(sample), detect_lines(sample)) {
            (Packing::Plain, Detected::Empty) => return Ok(None),
            (Packing::Plain, Detected::Unknown(reason)) => reason,
            (Packing::Plain, Detected::Known(kind)) => match format_of_lines(kind) {
                Some(format) => {
                    self.shared.progress.readable();
                    return Ok(Some(format));
                }
                None => Text::from("a document cannot be followed, only a log of lines can"),
            },
            _ => Text::from("a packed stream cannot be followed; unpack it on the way"),
        };
        self.shared.progress.reject(unknown(name, reason));
        Err(Unknown)
    }

    fn told(&self, name: &Text, event: Followed<'_>) {
        let what = match event {
            Followed::Rotated => "was rotated, going on with the new file".to_owned(),
            Followed::Cut { read } => {
                format!("was cut after {read} bytes had been read, going on from its beginning")
            }
            Followed::Gone => "is gone, waiting for it to come back".to_owned(),
            Followed::Back => "is back".to_owned(),
            _ => return,
        };
        self.word(format!("{name}: {what}"));
    }

    fn caught_up(&mut self) {
        if let Some(done) = self.done.take() {
            let _ = done.send(());
        }
    }

    fn trouble(&self, trouble: Trouble) {
        self.word(trouble.to_string());
        self.shared.progress.trouble(trouble);
    }

    fn word(&self, words: String) {
        let _ = self.out.send(Message::Word(Text::from(words)));
    }

    /// False where nobody takes them any more.
    fn send(&self, items: &mut Vec<Item>) -> bool {
        items.is_empty() || self.out.send(Message::Items(std::mem::take(items))).is_ok()
    }
}

impl Lines {
    fn new(name: Text, format: Box<dyn Format + Send>, shared: &Shared) -> Self {
        Self {
            name,
            format,
            live: Live::new(shared),
            since: None,
        }
    }

    fn take(&mut self, block: Block<'_>, shared: &Arc<Shared>, items: &mut Vec<Item>) {
        let (mut number, mut offset) = (block.line, block.offset);
        for whole in block.bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut bytes = whole.strip_suffix(b"\n").unwrap_or(whole);
            if offset == 0 {
                // A byte-order mark before the first line is no part of it.
                bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            }
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            let line = Line {
                bytes: Some(bytes).filter(|bytes| bytes.len() <= LONGEST_LINE),
                number,
                offset,
            };
            let out = &mut |item| items.push(item);
            self.live
                .line(shared, &self.name, line, self.format.as_mut(), out);
            number += 1;
            offset += whole.len() as u64;
        }
        self.since = Some(Instant::now());
    }

    /// Nothing has come for a while: what may go on in the next line will not.
    fn settle(&mut self, shared: &Arc<Shared>, items: &mut Vec<Item>) {
        if self
            .since
            .is_some_and(|since| since.elapsed() >= WHOLE_AFTER)
        {
            self.finish(shared, items);
        }
    }

    fn finish(&mut self, shared: &Arc<Shared>, items: &mut Vec<Item>) {
        self.since = None;
        let out = &mut |item| items.push(item);
        self.live.finish(shared, self.format.as_mut(), out);
    }
}

fn count(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
