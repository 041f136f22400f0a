//! Takes in what is written to the files of an archive while it is open.
//!
//! What comes is what opening the grown files anew would give, as far as this is remembered: the
//! last [`KNOWN`] records, however they are named, and the last [`OPEN`] calls without an end.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Arc, Mutex, PoisonError};

use super::Archive;
use super::columns::{At, Entry, nanos};
use super::half::Ids;
use super::known::{KNOWN, Known, Latest, Recalled};
use super::look::told;
use super::original::{Original, Torn};
use super::tail::Tail;
use crate::audit::follow::Block;
use crate::audit::format::vault;
use crate::audit::item::{self, Half, Keep, Kept, Payload};
use crate::audit::merge::REMEMBER;
use crate::audit::progress::Progress;
use crate::audit::record::{CallStage, Item, Record, VaultCall, VaultEntry, VaultKind};
use crate::audit::scan::Scanner;
use crate::audit::source::Content;
use crate::audit::stream::Shared;
use crate::audit::trouble::Trouble;
use crate::model::Text;

/// Calls whose end may yet come that are remembered; beyond that the oldest stay as they are.
pub(super) const OPEN: usize = 10_000;

/// What goes on where reading left off.
pub(super) struct Growing {
    ids: Ids,
    /// What names the records that have no id of Vault's, the same as when files are read at first.
    scanner: Scanner,
    /// The readers of the files that grow, by their numbers. Locked by nobody: searches share the
    /// archive, and a reader alone could not be shared.
    tails: HashMap<u32, Mutex<Tail>>,
    /// The calls whose end may yet come, by their ids.
    open: Recalled<Open>,
    /// The records that are whole.
    known: Known,
    /// Those that were met last before files began to grow.
    pub(super) latest: Latest,
}

/// A call that is in the index, whose end may yet come.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) time: i64,
    pub(super) at: At,
    /// How far it is.
    pub(super) stage: CallStage,
}

impl Archive {
    /// The number of a file that grows, and up to where it was read. Only plain files and those
    /// whose records stand on lines of their own can grow; one in which nothing has told its format
    /// yet may be such a file, and comes after those that are.
    #[must_use]
    pub fn growing(&self) -> Vec<(u32, Text, u64)> {
        let numbered = self.originals.iter().zip(0_u32..);
        let grows = numbered.filter(|(original, _)| original.grows());
        let (known, unknown): (Vec<_>, Vec<_>) = grows.partition(|(o, _)| o.kind.is_some());
        let all = known.into_iter().chain(unknown);
        all.map(|(original, number)| (number, original.name().clone(), original.read_to))
            .collect()
    }

    /// True where what is written to a file can be taken in.
    #[must_use]
    pub fn grows(&self, file: u32) -> bool {
        let original = usize::try_from(file).ok();
        let original = original.and_then(|nth| self.originals.get(nth));
        original.is_some_and(Original::grows)
    }

    /// How many plain files could grow but were read once, since their records span lines.
    /// Documents do not grow.
    #[must_use]
    pub fn once(&self) -> u64 {
        let once = self.originals.iter().filter(|o| o.is_read_once());
        once.count() as u64
    }

    /// The number of the line of a file that begins at a place, from 1; 1 where that cannot be
    /// counted.
    #[must_use]
    pub fn line_at(&self, file: u32, offset: u64) -> u64 {
        let at = At { file, offset };
        let original = self.original(at);
        original.and_then(|o| o.line_number(offset)).unwrap_or(1)
    }

    /// Notes that a file cannot be followed, or not at the moment.
    pub fn trouble(&self, trouble: Trouble) {
        self.progress.trouble(trouble);
    }

    /// Takes a file in that has come in the place of another one, such as after a rotation, and
    /// gives its number. It is read as the other one was; `None` where that one cannot be.
    pub fn succeed(&mut self, file: u32, content: Content) -> Option<u32> {
        let before = self.originals.get(usize::try_from(file).ok()?)?;
        if !before.grows() {
            return None;
        }
        let next = Original::new(before.name().clone(), before.kind, content);
        let number = u32::try_from(self.originals.len()).ok()?;
        // What comes late of the one before is read with a new reader; of those before that one
        // nothing comes any more.
        let (name, originals) = (next.name(), &self.originals);
        self.growing.tails.retain(|nth, _| {
            let of = usize::try_from(*nth)
                .ok()
                .and_then(|nth| originals.get(nth));
            of.is_some_and(|of| of.name() != name)
        });
        self.originals.push(next);
        Some(number)
    }

    /// Takes new lines of a file in; gives the first row that is another one now, if any is.
    pub fn grow(&mut self, file: u32, block: &Block<'_>) -> Option<usize> {
        self.growing.begin();
        let shared = self.growing.shared(&self.progress);
        let nth = usize::try_from(file).ok()?;
        let original = self.originals.get_mut(nth)?;
        original.grown(block);
        if !original.learn(block, &self.progress) {
            return None;
        }
        let torn = original.torn.take_if(|torn| torn.begin == block.offset);
        // A last line without an end was taken as it was; now it may have become another.
        let ended = torn.filter(|torn| torn.only_ended(block.bytes));
        let torn = torn.filter(|_| ended.is_none());
        let mut first = torn.and_then(|torn| self.untake(file, torn, block));
        let original = self.originals.get(nth)?;
        let tail = match self.growing.tails.entry(file) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(new) => {
                let until = ended.map_or(block.offset, Torn::end);
                new.insert(Mutex::new(Tail::behind(original, until, &shared)?))
            }
        };
        let tail = tail.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut items = Vec::new();
        let from = ended.map_or(0, Torn::end);
        tail.lines(&shared, block, from, &mut |item| items.push(item));
        for item in items {
            first = earlier(first, self.put(file, item));
        }
        first
    }

    /// Takes the row out that a last line without an end was taken for, now that the line has
    /// become another; gives its number. The line is read once more as it was then, which tells
    /// where its row is. A request that it had answered waits again; what another file has told of
    /// the same record is not looked for.
    fn untake(&mut self, file: u32, torn: Torn, block: &Block<'_>) -> Option<usize> {
        let original = self.originals.get(usize::try_from(file).ok()?)?;
        self.progress.forgive(original.name(), torn.begin);
        let was = Block {
            bytes: torn.of(block.bytes),
            ..*block
        };
        let mut first: Option<usize> = None;
        let mut requests = Vec::new();
        for item in self.again(original, &was)? {
            let (time, identity, half) = (nanos(item.time), item.id, item.half);
            let Kept::Record(payload) = item.kept else {
                continue;
            };
            let at = At {
                file,
                offset: payload.place.byte,
            };
            let Some((row, request)) = self.columns.remove(time, at) else {
                // Of one that is no row of its own another line has told.
                continue;
            };
            let name = self.growing.name(&payload.record, identity, half);
            self.growing.forget(name, time);
            first = earlier(first, Some(row));
            requests.extend(request);
        }
        for request in requests {
            first = earlier(first, self.wait_again(request));
        }
        first
    }

    /// Puts the first line of a call into the index once more.
    fn wait_again(&mut self, at: At) -> Option<usize> {
        let original = self.original(at).ok()?;
        let line = original.line(at.offset).ok()?;
        let was = Block {
            bytes: &line,
            offset: at.offset,
            line: original.line_number(at.offset).ok()?,
        };
        let mut first = None;
        for item in self.again(original, &was)? {
            first = earlier(first, self.put(at.file, item));
        }
        first
    }

    /// Reads lines of a file that were read before.
    fn again(&self, original: &Original, was: &Block<'_>) -> Option<Vec<item::Item>> {
        let aside = self.growing.shared(&self.progress).aside();
        let mut tail = Tail::behind(original, was.offset, &aside)?;
        let mut items = Vec::new();
        tail.lines(&aside, was, 0, &mut |item| items.push(item));
        Some(items)
    }

    /// What a line of a Vault log says.
    fn entry(&self, at: At) -> Option<Box<VaultEntry>> {
        let line = self.original(at).ok()?.line(at.offset).ok()?;
        vault::entry(line.trim_ascii()).ok().map(Box::new)
    }

    /// Puts a record where it belongs; gives the first row that is another one now.
    fn put(&mut self, file: u32, item: item::Item) -> Option<usize> {
        let (identity, half, stage) = (item.id, item.half, item.half.stage());
        let Kept::Record(payload) = item.kept else {
            return None;
        };
        let Payload { record, place, .. } = *payload;
        let at = At {
            file,
            offset: place.byte,
        };
        let name = self.growing.name(&record, identity, half);
        let open = self.growing.open.get(name.id);
        let further = open.is_some_and(|open| open.stage >= stage);
        if further || self.growing.knows(name, nanos(record.time())) {
            return None;
        }
        let removed = open.and_then(|open| self.columns.remove(open.time, open.at));
        let removed = removed.map(|(row, _)| row);
        let mut request_at = open.map(|open| open.at);
        let item = match record {
            Record::Vault(entry) if entry.kind == VaultKind::Request => Item::Vault(VaultCall {
                request: Some(entry),
                response: None,
            }),
            Record::Vault(entry) => {
                // The file that it stood in may have been cut since and written anew.
                let request = request_at.and_then(|at| self.entry(at));
                let request = request.filter(|asked| asked.request_id == entry.request_id);
                request_at = request_at.filter(|_| request.is_some());
                Item::Vault(VaultCall {
                    request,
                    response: Some(entry),
                })
            }
            record => record.item(),
        };
        let Some(row) = told(item, place) else {
            return removed;
        };
        let is_done = stage == CallStage::Done;
        let began = request_at.filter(|_| is_done);
        let entry = Entry {
            time: nanos(row.time),
            at,
            back: began.map_or(0, |first| at.back_to(first)),
            has_error: row.error.is_some(),
            codes: self.columns.dictionary.codes_of(&row),
        };
        let put = self.columns.insert(&entry);
        if let Some(first) = began {
            self.columns.began(at, first);
        }
        let time = entry.time;
        self.growing.remember(name, Open { time, at, stage });
        Some(removed.map_or(put, |removed| removed.min(put)))
    }
}

/// The first of two rows.
fn earlier(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Growing {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            scanner: Scanner::new(),
            tails: HashMap::new(),
            open: Recalled::new(OPEN),
            known: Known::new(KNOWN),
            latest: Latest::default(),
        }
    }

    /// How many files have a reader at hand for what is written to them.
    #[cfg(test)]
    pub(super) fn readers(&self) -> usize {
        self.tails.len()
    }

    /// What names records.
    pub(super) fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Where what is read is noted.
    fn shared(&self, progress: &Arc<Progress>) -> Arc<Shared> {
        Shared::new(progress, self.scanner.clone(), Keep::Records, None)
    }

    /// What was met last is looked up from now on.
    fn begin(&mut self) {
        for (time, id) in self.latest.take() {
            self.known.put(id, time);
        }
    }

    /// By what a record is remembered. Calls of Vault are named as where their logs are read in
    /// parts, all others as the streams name them.
    fn name(&self, record: &Record, identity: u128, half: Half) -> Name {
        match record {
            Record::Vault(entry) => Name {
                id: self.ids.of(entry.request_id.raw().as_bytes()),
                is_whole: false,
            },
            _ => Self::stream_name(identity, half),
        }
    }

    fn stream_name(identity: u128, half: Half) -> Name {
        Name {
            // It is a hash already, with a key that outsiders cannot know.
            id: u64::try_from(identity >> 64).unwrap_or(0),
            is_whole: half == Half::Whole,
        }
    }

    /// True where a record was met before.
    fn knows(&self, name: Name, time: i64) -> bool {
        let around = [time.saturating_sub(LONG), time, time.saturating_add(LONG)];
        let mut met = around
            .map(|time| self.known.get(name.key(time)))
            .into_iter();
        let again = |met: i64| !name.is_whole || met.abs_diff(time) <= LONG.unsigned_abs();
        met.any(|met| met.is_some_and(again))
    }

    /// Remembers a record that was met while files were read at first.
    pub(super) fn met(&mut self, identity: u128, half: Half, met: Open) {
        let name = Self::stream_name(identity, half);
        if met.stage == CallStage::Done {
            self.latest.push(met.time, name.key(met.time));
        } else {
            self.waits(name.id, met);
        }
    }

    /// Remembers a call in the index whose end may yet come.
    pub(super) fn waits(&mut self, id: u64, open: Open) {
        self.open.put(id, open);
    }

    /// True where the end of a call may yet come.
    #[cfg(test)]
    pub(super) fn waits_for(&self, id: u64) -> bool {
        self.open.get(id).is_some()
    }

    fn remember(&mut self, name: Name, open: Open) {
        if open.stage == CallStage::Done {
            self.open.forget(name.id);
            self.known.put(name.key(open.time), open.time);
        } else {
            self.waits(name.id, open);
        }
    }

    fn forget(&mut self, name: Name, time: i64) {
        self.open.forget(name.id);
        self.known.forget(name.key(time));
    }
}

/// By what a record is known again.
#[derive(Clone, Copy)]
struct Name {
    id: u64,
    /// False of a call that is told in several records: these may be any time apart, and their id
    /// is one for all time. Other records that share an id are two where they are as far apart as
    /// it is where files are merged.
    is_whole: bool,
}

/// In nanoseconds.
const LONG: i64 = REMEMBER.as_micros() * 1000;

impl Name {
    /// Under what it is put down: records of one id that are long apart each have a key of their
    /// own.
    fn key(self, time: i64) -> u64 {
        /// Spreads small numbers over all that there are.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        if !self.is_whole {
            return self.id;
        }
        let long = time.div_euclid(LONG).cast_unsigned();
        self.id.wrapping_add(long.wrapping_mul(SPREAD))
    }
}
