//! Takes in what is written to the files of an archive while it is open.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::Archive;
use super::columns::{At, Entry, LONGEST_BACK, nanos};
use super::half::Ids;
use super::original::Original;
use super::segment::ById;
use crate::audit::AuditRow;
use crate::audit::detect::Kind;
use crate::audit::draft::name_of_call;
use crate::audit::follow::Block;
use crate::audit::format::{Format, Read, vault};
use crate::audit::lines::LONGEST_LINE;
use crate::audit::merge::Sighting;
use crate::audit::open::Sighted;
use crate::audit::parallel::too_long;
use crate::audit::reading::Reading;
use crate::audit::record::{
    CallStage, Item, Merged, Record, ServiceCall, VaultCall, VaultEntry, VaultKind,
};
use crate::audit::scan::Scanner;
use crate::audit::source::Content;
use crate::audit::trouble::Trouble;
use crate::model::Text;
use crate::model::rejected::Place;

/// Calls whose end may yet come that are remembered; beyond that the oldest stay as they are.
pub(super) const OPEN: usize = 10_000;

/// The last rows that are looked at when files begin to grow: a second audit device may yet tell of
/// them.
const LAST: usize = 1000;

/// Calls that have ended that are remembered, so that one that is told twice is one row.
pub(super) const ENDED: usize = 100_000;

/// What goes on where reading left off.
pub(super) struct Growing {
    ids: Ids,
    /// Names the calls of services as they were named when the archive was made.
    pub(super) scanner: Scanner,
    /// The readers of the files that grow, by their numbers. Locked by nobody: searches share the
    /// archive, and a reader alone could not be shared.
    formats: HashMap<u32, Mutex<Box<dyn Format + Send>>>,
    /// The calls whose end may yet come, by their ids.
    open: Recalled<Open>,
    ended: Recalled<()>,
    /// True once the calls are known that had ended last when files began to grow.
    begun: bool,
}

/// A call that is in the index, whose end may yet come.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) time: i64,
    pub(super) at: At,
    /// How far it is.
    pub(super) stage: CallStage,
}

/// What is remembered of calls by their ids, of the last so many.
struct Recalled<V> {
    most: usize,
    turn: u64,
    /// With the turn at which it was put down.
    by_id: ById<(u64, V)>,
    /// What was put down in order. What was put down anew since, or taken out, is passed over.
    order: VecDeque<(u64, u64)>,
}

impl Archive {
    /// The number of a file that grows, and up to where it was read. Only plain files and those
    /// whose records stand on lines of their own can grow.
    #[must_use]
    pub fn growing(&self) -> Vec<(u32, Text, u64)> {
        let numbered = self.originals.iter().zip(0_u32..);
        let grows =
            numbered.filter(|(original, _)| original.kind.is_one_line() && !original.packed);
        grows
            .map(|(original, number)| (number, original.name().clone(), original.read_to))
            .collect()
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
    /// gives its number. It is read as the other one was.
    pub fn succeed(&mut self, file: u32, content: Content) -> Option<u32> {
        let before = self.originals.get(usize::try_from(file).ok()?)?;
        let next = Original::new(before.name().clone(), before.kind, content);
        let number = u32::try_from(self.originals.len()).ok()?;
        self.originals.push(next);
        Some(number)
    }

    /// Takes new lines of a file in; gives the first row that is another one now, if any is.
    pub fn grow(&mut self, file: u32, block: &Block<'_>) -> Option<usize> {
        if !self.growing.begun {
            self.growing.begun = true;
            self.remember_last();
        }
        let original = self.originals.get_mut(usize::try_from(file).ok()?)?;
        original.grown(block);
        let (name, kind) = (original.name().clone(), original.kind);
        let torn = original.torn.take_if(|torn| torn.begin == block.offset);
        let formats = &mut self.growing.formats;
        let format = match formats.entry(file) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(new) => match Reading::of(kind, &name) {
                Reading::Lines(format) => new.insert(Mutex::new(format)),
                Reading::Bytes(_) => return None,
            },
        };
        let format = format.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A last line without an end was taken as it was; now it may have become another.
        let ended = torn.filter(|torn| torn.only_ended(block.bytes));
        let torn = torn.filter(|_| ended.is_none());
        let mut first = torn.and_then(|torn| {
            self.progress.forgive(&name, torn.begin);
            let offset = torn.begin;
            self.columns.remove_behind(At { file, offset })
        });
        let mut reads = Vec::new();
        let (mut byte, mut number) = (block.offset, block.line);
        for line in block.bytes.split_inclusive(|byte| *byte == b'\n') {
            let place = Place {
                file: name.clone(),
                line: number,
                byte,
            };
            byte += line.len() as u64;
            number += 1;
            if ended.is_some_and(|torn| torn.begin == place.byte) {
                continue;
            }
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > LONGEST_LINE {
                self.progress.reject(too_long(place));
            } else {
                format.line(line, &place, &mut |read| reads.push(read));
            }
        }
        for read in reads {
            let changed = match read {
                Read::Record(record, place) => self.put(file, record, &place),
                Read::Rejected(rejected) => {
                    self.progress.reject(rejected);
                    None
                }
            };
            first = match (first, changed) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        first
    }

    /// Remembers the calls of Vault that have ended last. Those of services are remembered when
    /// they are read.
    fn remember_last(&mut self) {
        for row in self.len().saturating_sub(LAST)..self.len() {
            let Some((at, _)) = self.columns.lines(row) else {
                continue;
            };
            let is_vault = self.original(at).is_ok_and(|of| of.kind == Kind::Vault);
            let Some(entry) = is_vault.then(|| self.entry(at)).flatten() else {
                continue;
            };
            if entry.kind == VaultKind::Response {
                let id = self.growing.ids.of(entry.request_id.raw().as_bytes());
                self.growing.ended.put(id, ());
            }
        }
    }

    /// What a line of a Vault log says.
    fn entry(&self, at: At) -> Option<Box<VaultEntry>> {
        let line = self.original(at).ok()?.line(at.offset).ok()?;
        vault::entry(line.trim_ascii()).ok().map(Box::new)
    }

    /// Puts a record where it belongs; gives the first row that is another one now.
    fn put(&mut self, file: u32, record: Record, place: &Place) -> Option<usize> {
        let at = At {
            file,
            offset: place.byte,
        };
        let call = self.growing.call(&record);
        let mut open = None;
        if let Some((id, stage)) = call {
            open = self.growing.open.get(id);
            let known = open.is_some_and(|open| open.stage >= stage);
            if known || self.growing.ended.get(id).is_some() {
                return None;
            }
        }
        let removed = open.and_then(|open| self.columns.remove(open.time, open.at));
        let request_at = open.map(|open| open.at);
        let item = match record {
            Record::Vault(entry) if entry.kind == VaultKind::Request => Item::Vault(VaultCall {
                request: Some(entry),
                response: None,
            }),
            Record::Vault(entry) => Item::Vault(VaultCall {
                request: request_at.and_then(|at| self.entry(at)),
                response: Some(entry),
            }),
            record => record.item(),
        };
        let sighted = Sighted {
            merged: Merged {
                item,
                duplicate: false,
            },
            place: place.clone(),
            answer: None,
            sighting: Sighting::New,
        };
        let Some(row) = AuditRow::of(&sighted) else {
            return removed;
        };
        let is_done = call.is_some_and(|(_, stage)| stage == CallStage::Done);
        let back = request_at.filter(|of| of.file == file && is_done);
        let back = back.and_then(|of| at.offset.checked_sub(of.offset));
        let back = back.filter(|back| *back <= LONGEST_BACK);
        let entry = Entry {
            time: nanos(row.time),
            at,
            back: back.and_then(|back| u32::try_from(back).ok()).unwrap_or(0),
            has_error: row.error.is_some(),
            codes: self.columns.dictionary.codes_of(&row),
        };
        let put = self.columns.insert(&entry);
        if let Some((id, stage)) = call {
            let time = entry.time;
            self.growing.remember(id, Open { time, at, stage });
        }
        Some(removed.map_or(put, |removed| removed.min(put)))
    }
}

impl Growing {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            scanner: Scanner::new(),
            formats: HashMap::new(),
            open: Recalled::new(OPEN),
            ended: Recalled::new(ENDED),
            begun: false,
        }
    }

    /// The id of the call that a record tells of, where it may be told in several, and how far it
    /// is then.
    pub(super) fn call(&self, record: &Record) -> Option<(u64, CallStage)> {
        match record {
            Record::Vault(entry) => {
                let id = self.ids.of(entry.request_id.raw().as_bytes());
                Some(match entry.kind {
                    VaultKind::Request => (id, CallStage::Received),
                    VaultKind::Response => (id, CallStage::Done),
                })
            }
            Record::Call(call) => self.service_call(call),
            _ => None,
        }
    }

    /// The same of a call of a service.
    pub(super) fn service_call(&self, call: &ServiceCall) -> Option<(u64, CallStage)> {
        call.id.as_ref()?;
        let name = name_of_call(&self.scanner, call);
        Some((self.call_id(name), call.stage))
    }

    fn call_id(&self, name: u128) -> u64 {
        self.ids.of(&name.to_be_bytes())
    }

    /// Remembers how far a service's call in the index is.
    pub(super) fn remember_call(&mut self, name: u128, open: Open) {
        self.remember(self.call_id(name), open);
    }

    /// Remembers how far a call in the index is.
    pub(super) fn remember(&mut self, id: u64, open: Open) {
        if open.stage == CallStage::Done {
            self.open.forget(id);
            self.ended.put(id, ());
        } else {
            self.open.put(id, open);
        }
    }
}

impl<V: Copy> Recalled<V> {
    fn new(most: usize) -> Self {
        Self {
            most,
            turn: 0,
            by_id: ById::default(),
            order: VecDeque::new(),
        }
    }

    fn get(&self, id: u64) -> Option<V> {
        self.by_id.get(&id).map(|(_, value)| *value)
    }

    fn forget(&mut self, id: u64) {
        self.by_id.remove(&id);
    }

    fn put(&mut self, id: u64, value: V) {
        self.turn += 1;
        self.by_id.insert(id, (self.turn, value));
        self.order.push_back((id, self.turn));
        let by_id = &mut self.by_id;
        let holds = |by_id: &ById<(u64, V)>, (id, turn): (u64, u64)| {
            by_id.get(&id).is_some_and(|(last, _)| *last == turn)
        };
        while by_id.len() > self.most {
            match self.order.pop_front() {
                Some(oldest) if holds(by_id, oldest) => drop(by_id.remove(&oldest.0)),
                Some(_) => {}
                None => return,
            }
        }
        if self.order.len() > 2 * self.most {
            self.order.retain(|one| holds(by_id, *one));
        }
    }
}
