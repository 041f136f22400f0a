//! All inputs as one stream, in order of time and in bounded memory; the halves of Vault calls
//! joined, and what was met before marked.
//!
//! An input is opened when the stream nears its first record, so that a folder of thousands of
//! files needs no more handles than files overlap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::coded::Coded;
use super::item::{Half, Item, Kept};
use super::recent::{Keyed, Recent};
use super::source::Input;
use super::stream::{Shared, Stream};
use crate::model::{Span, Timestamp};

/// How long a request waits for its response: as long as Vault lets a request take unless it is
/// told otherwise. A call that hangs until then is one that an incident is about, and its end
/// should stand beside its beginning.
const HOLD: Span = Span::seconds(90);

/// How long ids are remembered at least: the longest watermark.
pub(super) const REMEMBER: Span = Span::seconds(600);

/// The most ids of one generation.
const MOST_REMEMBERED: usize = 400_000;

/// The most requests that wait at once, and the most bytes of theirs.
const MOST_HELD: usize = 100_000;
const MOST_HELD_BYTES: u64 = 64 << 20;

/// Up to so many inputs are simply kept open.
const KEPT_OPEN: usize = 48;

/// How far ahead of the stream an input is opened: its first record may come late by this much.
const AHEAD: Span = Span::seconds(600);

/// How a merged record stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sighting {
    /// An event of its own.
    New,
    /// A half of a call whose other half came out alone before, since more than the watermark
    /// lay between them. It belongs to that event.
    LateHalf,
    /// The same record again: a second audit device, a rotated file, another rendering.
    Duplicate,
}

/// What comes out: a record, or a request with its response.
pub(super) struct Out {
    pub(super) first: Item,
    pub(super) answer: Option<Item>,
    pub(super) sighting: Sighting,
}

/// What comes out where rows are kept.
pub(super) enum Come<'a> {
    /// A row that stands alone, with what is kept of it.
    Row(&'a Item, &'a Coded, Sighting),
    Out(Out),
}

/// The inputs, merged by time.
pub(super) struct Merge {
    shared: Arc<Shared>,
    /// Not yet opened or not yet needed, the earliest last.
    waiting: Vec<(Timestamp, Waiting)>,
    open: Vec<Option<Stream>>,
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The stream that is being drained, until another has something earlier.
    current: Option<usize>,
    pairs: Pairs,
    ended: bool,
}

enum Waiting {
    Open(Box<Stream>),
    Closed(Input),
}

impl Merge {
    /// Looks at the beginning of every input.
    pub(super) fn new(inputs: Vec<Input>, shared: &Arc<Shared>) -> Self {
        let many = inputs.len() > KEPT_OPEN;
        let mut waiting = Vec::with_capacity(inputs.len());
        for input in inputs {
            if many && input.reopens() {
                waiting.extend(peek(input, shared));
            } else {
                waiting.extend(opened(&input, shared));
            }
        }
        // The sort is stable: of two that begin together the one named first goes first.
        waiting.sort_by_key(|(time, _)| *time);
        waiting.reverse();
        Self {
            shared: Arc::clone(shared),
            waiting,
            open: Vec::new(),
            heads: BinaryHeap::new(),
            current: None,
            pairs: Pairs::new(),
            ended: false,
        }
    }

    /// Takes the next few things out; false at the end.
    pub(super) fn advance(&mut self, out: &mut dyn FnMut(Out)) -> bool {
        match self.next_item() {
            Some(item) => self.pairs.take(item, out),
            None if self.ended => return false,
            None => {
                self.ended = true;
                self.pairs.flush(out);
            }
        }
        true
    }

    /// The same, but a row that nothing else belongs to is given as it is held, with how it stands
    /// to those before it: moving rows costs more than all else that is done with them.
    pub(super) fn advance_rows(&mut self, come: &mut dyn FnMut(Come<'_>)) -> bool {
        let until = self.until();
        if let Some(stream) = self.current.and_then(|at| self.open.get_mut(at)?.as_mut()) {
            let pairs = &mut self.pairs;
            stream.take_while(until, |item| match (&item.kept, item.half) {
                (Kept::Row(coded), Half::Whole) => {
                    let sighting = pairs.whole(item, &mut |out| come(Come::Out(out)));
                    come(Come::Row(item, coded, sighting));
                    true
                }
                _ => false,
            });
        }
        self.advance(&mut |out| come(Come::Out(out)))
    }

    /// Up to when nothing of another input can come, and none has to be opened.
    fn until(&self) -> Option<Timestamp> {
        let head = self.heads.peek().map(|Reverse((time, _))| *time);
        let waiting = self.waiting.last().map(|(time, _)| *time - AHEAD);
        match (head, waiting) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn next_item(&mut self) -> Option<Item> {
        loop {
            let Some(at) = self.current else {
                self.activate();
                let Reverse((_, at)) = self.heads.pop()?;
                self.current = Some(at);
                continue;
            };
            let stream = self.open.get_mut(at)?;
            let Some(time) = stream.as_mut().and_then(Stream::head) else {
                *stream = None;
                self.current = None;
                continue;
            };
            let later = self
                .heads
                .peek()
                .is_some_and(|Reverse(head)| *head < (time, at));
            let nears = self.waiting.last().is_some_and(|(t, _)| *t <= time + AHEAD);
            if later || nears {
                self.heads.push(Reverse((time, at)));
                self.current = None;
                continue;
            }
            return stream.as_mut().and_then(Stream::pop);
        }
    }

    /// Opens the inputs that the stream has come near to.
    fn activate(&mut self) {
        loop {
            let nearest = self.heads.peek().map(|Reverse((time, _))| *time + AHEAD);
            let due = |(time, _): &mut (Timestamp, Waiting)| nearest.is_none_or(|t| *time <= t);
            let Some((_, waiting)) = self.waiting.pop_if(due) else {
                return;
            };
            let stream = match waiting {
                Waiting::Open(stream) => Some(*stream),
                Waiting::Closed(input) => Stream::open(&input, &self.shared),
            };
            let Some(mut stream) = stream else { continue };
            if let Some(time) = stream.head() {
                self.heads.push(Reverse((time, self.open.len())));
                self.open.push(Some(stream));
            }
        }
    }
}

/// Finds out when an input begins and closes it again. What it noted on the way is forgotten,
/// since it will be met again; where there is nothing to come back for, it is noted now.
fn peek(input: Input, shared: &Arc<Shared>) -> Option<(Timestamp, Waiting)> {
    let aside = shared.aside();
    if let Some(time) = Stream::open(&input, &aside).and_then(|mut s| s.begins()) {
        return Some((time, Waiting::Closed(input)));
    }
    opened(&input, shared)
}

/// Opens an input and reads up to its first record.
fn opened(input: &Input, shared: &Arc<Shared>) -> Option<(Timestamp, Waiting)> {
    let mut stream = Stream::open(input, shared)?;
    let time = stream.begins()?;
    Some((time, Waiting::Open(Box::new(stream))))
}

/// Joins halves and knows duplicates.
pub(super) struct Pairs {
    seen: Recent<Seen>,
    held: Keyed<Item>,
    /// The requests in `held`, and some that have gone, in order of arrival.
    queue: VecDeque<(Timestamp, u128)>,
    held_bytes: u64,
    now: Timestamp,
}

/// Which records of one id were seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    whole: bool,
    opening: Opening,
    response: bool,
}

/// Which records that come before the end of a call were seen.
#[derive(Clone, Copy, Default)]
struct Opening {
    request: bool,
    started: bool,
}

impl Opening {
    fn any(self) -> bool {
        self.request || self.started
    }
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self {
            seen: Recent::new(REMEMBER, MOST_REMEMBERED),
            held: Keyed::default(),
            queue: VecDeque::new(),
            held_bytes: 0,
            now: Timestamp::new(i64::MIN, 0),
        }
    }

    /// Lets time pass to `now`: requests that have waited long enough go alone.
    pub(super) fn pass(&mut self, now: Timestamp, out: &mut dyn FnMut(Out)) {
        self.now = self.now.max(now);
        self.release(out);
    }

    /// Takes a record in that nothing else belongs to; tells how it stands to those before it.
    /// What has waited for long enough goes before it.
    fn whole(&mut self, item: &Item, out: &mut dyn FnMut(Out)) -> Sighting {
        self.pass(item.time, out);
        let seen = if item.is_content {
            self.seen.of_second(item.id, item.time)
        } else {
            self.seen.at(item.id, item.time)
        };
        first_or_duplicate(std::mem::replace(&mut seen.whole, true))
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, item: Item, out: &mut dyn FnMut(Out)) {
        let alone = |first, sighting| Out {
            first,
            answer: None,
            sighting,
        };
        if item.half == Half::Whole {
            let sighting = self.whole(&item, out);
            return out(alone(item, sighting));
        }
        self.pass(item.time, out);
        let seen = self.seen.at(item.id, item.time);
        let before = *seen;
        match item.half {
            // It was taken above.
            Half::Whole => {}
            Half::Request => {
                seen.opening.request = true;
                if before.opening.any() || before.response {
                    let sighting = if before.opening.request {
                        Sighting::Duplicate
                    } else {
                        Sighting::LateHalf
                    };
                    return out(alone(item, sighting));
                }
                self.hold(item);
            }
            Half::Started => {
                seen.opening.started = true;
                if before.opening.started {
                    return out(alone(item, Sighting::Duplicate));
                }
                let Some(held) = self.held.get_mut(&item.id) else {
                    if before.opening.request || before.response {
                        return out(alone(item, Sighting::LateHalf));
                    }
                    return self.hold(item);
                };
                // It says all that the request did, and more; it waits no longer for that.
                self.held_bytes -= u64::from(held.bytes);
                self.held_bytes += u64::from(item.bytes);
                *held = item;
            }
            Half::Response => {
                seen.response = true;
                if before.response {
                    return out(alone(item, Sighting::Duplicate));
                }
                match self.held.remove(&item.id) {
                    Some(request) => {
                        self.held_bytes -= u64::from(request.bytes);
                        out(Out {
                            first: request,
                            answer: Some(item),
                            sighting: Sighting::New,
                        });
                    }
                    None if before.opening.any() => {
                        out(alone(item, Sighting::LateHalf));
                    }
                    None => out(alone(item, Sighting::New)),
                }
            }
        }
    }

    fn hold(&mut self, item: Item) {
        self.held_bytes += u64::from(item.bytes);
        self.queue.push_back((item.time, item.id));
        self.held.insert(item.id, item);
    }

    /// Lets requests go that have waited long enough, or that memory has no room for.
    fn release(&mut self, out: &mut dyn FnMut(Out)) {
        while let Some((time, id)) = self.queue.front().copied() {
            let full = self.held.len() > MOST_HELD || self.held_bytes > MOST_HELD_BYTES;
            if !full && time + HOLD >= self.now {
                return;
            }
            self.queue.pop_front();
            self.let_go(id, out);
        }
    }

    fn let_go(&mut self, id: u128, out: &mut dyn FnMut(Out)) {
        if let Some(first) = self.held.remove(&id) {
            self.held_bytes -= u64::from(first.bytes);
            out(Out {
                first,
                answer: None,
                sighting: Sighting::New,
            });
        }
    }

    /// The end: nothing is waited for any more.
    pub(super) fn flush(&mut self, out: &mut dyn FnMut(Out)) {
        while let Some((_, id)) = self.queue.pop_front() {
            self.let_go(id, out);
        }
    }
}

fn first_or_duplicate(before: bool) -> Sighting {
    if before {
        Sighting::Duplicate
    } else {
        Sighting::New
    }
}
