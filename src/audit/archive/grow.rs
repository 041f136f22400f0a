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
use crate::audit::follow::Block;
use crate::audit::format::{Format, Read, vault};
use crate::audit::lines::LONGEST_LINE;
use crate::audit::merge::Sighting;
use crate::audit::open::Sighted;
use crate::audit::parallel::too_long;
use crate::audit::record::{Item, Merged, Record, VaultCall, VaultEntry, VaultKind};
use crate::audit::source::Content;
use crate::audit::stream::Reading;
use crate::audit::trouble::Trouble;
use crate::model::Text;
use crate::model::rejected::Place;

/// Calls whose end may yet come that are remembered; beyond that the oldest stay as they are.
const OPEN: usize = 10_000;

/// What goes on where reading left off.
pub(super) struct Growing {
    ids: Ids,
    /// The readers of the files that grow, by their numbers. Locked by nobody: searches share the
    /// archive, and a reader alone could not be shared.
    formats: HashMap<u32, Mutex<Box<dyn Format + Send>>>,
    /// The calls whose end may yet come, by their ids, and the ids in order.
    open: ById<Open>,
    order: VecDeque<u64>,
}

/// A call that is in the index, whose end may yet come.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) time: i64,
    pub(super) at: At,
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
        let original = self.originals.get_mut(usize::try_from(file).ok()?)?;
        original.grown(block);
        let (name, kind, read_to) = (original.name().clone(), original.kind, original.read_to);
        let formats = &mut self.growing.formats;
        let format = match formats.entry(file) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(new) => match Reading::of(kind, &name) {
                Reading::Lines(format) => new.insert(Mutex::new(format)),
                Reading::Bytes(_) => return None,
            },
        };
        let format = format.get_mut().unwrap_or_else(PoisonError::into_inner);
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
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > LONGEST_LINE {
                self.progress.reject(too_long(place));
            } else {
                format.line(line, &place, &mut |read| reads.push(read));
            }
        }
        // A last line without an end was taken as it was; now it may have become another.
        let torn = block.offset == read_to;
        let behind = At {
            file,
            offset: block.offset,
        };
        let mut first = torn.then(|| self.columns.remove_behind(behind)).flatten();
        for read in reads {
            let changed = match read {
                Read::Record(record, place) => self.put(file, kind, record, &place),
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

    /// The request that stands at a place.
    fn request(&self, at: At) -> Option<Box<VaultEntry>> {
        let line = self.original(at).ok()?.line(at.offset).ok()?;
        vault::entry(line.trim_ascii()).ok().map(Box::new)
    }

    /// Puts a record where it belongs; gives the first row that is another one now.
    fn put(&mut self, file: u32, kind: Kind, record: Record, place: &Place) -> Option<usize> {
        let at = At {
            file,
            offset: place.byte,
        };
        let id = match &record {
            Record::Vault(entry) => Some(&entry.request_id),
            Record::Call(call) => call.id.as_ref(),
            _ => None,
        };
        let id = id.map(|id| self.growing.ids.of(id.raw().as_bytes()));
        let open = id.and_then(|id| self.growing.open.remove(&id));
        let removed = open.and_then(|open| self.columns.remove(open.time, open.at));
        let request_at = open.map(|open| open.at);
        let remembers = match &record {
            Record::Vault(entry) => entry.kind == VaultKind::Request,
            Record::Call(_) => true,
            _ => false,
        };
        let item = match record {
            Record::Vault(entry) if entry.kind == VaultKind::Request => Item::Vault(VaultCall {
                request: Some(entry),
                response: None,
            }),
            Record::Vault(entry) => Item::Vault(VaultCall {
                request: request_at.and_then(|at| self.request(at)),
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
        let back = request_at.filter(|of| of.file == file && kind == Kind::Vault);
        let back = back.and_then(|of| at.offset.checked_sub(of.offset));
        let back = back.filter(|back| *back <= LONGEST_BACK);
        let entry = Entry {
            time: nanos(row.time),
            at,
            back: back.and_then(|back| u32::try_from(back).ok()).unwrap_or(0),
            has_error: row.error.is_some(),
            codes: self.columns.codes_of(&row),
        };
        let put = self.columns.insert(&entry);
        if let Some(id) = id.filter(|_| remembers) {
            let time = entry.time;
            self.growing.remember(id, Open { time, at });
        }
        Some(removed.map_or(put, |removed| removed.min(put)))
    }
}

impl Growing {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            formats: HashMap::new(),
            open: ById::default(),
            order: VecDeque::new(),
        }
    }

    /// Remembers a call whose end may yet come.
    pub(super) fn remember(&mut self, id: u64, open: Open) {
        self.open.insert(id, open);
        self.order.push_back(id);
        while self.order.len() > OPEN {
            if let Some(oldest) = self.order.pop_front() {
                self.open.remove(&oldest);
            }
        }
    }
}
