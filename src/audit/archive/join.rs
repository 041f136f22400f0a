//! Puts what was read of Vault logs into the index: the halves that different segments and files
//! have of one call are joined, and what was met before is left out.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use super::columns::{At, Columns, Entry, coded};
use super::grow::{Growing, Open};
use super::half::{Call, End, Half, Ids, SAID};
use super::segment::{ById, Segment};
use crate::audit::coded::CODED;
use crate::audit::recent::Taken;
use crate::audit::record::CallStage;
use crate::query::Field;

/// The fields that a line tells in words of the log's own, in the order of [`Half::said`].
const FIELDS: [Field; SAID] = [
    Field::Operation,
    Field::Actor,
    Field::Path,
    Field::Rotation,
    Field::Secret,
];

/// Where among the columns they are.
const PLACES: [Option<usize>; SAID] = {
    let [a, b, c, d, e] = FIELDS;
    [coded(a), coded(b), coded(c), coded(d), coded(e)]
};
const FORMAT: Option<usize> = coded(Field::Format);
const OUTCOME: Option<usize> = coded(Field::Outcome);

/// About how many bytes of a log one call is.
const BYTES_OF_A_CALL: u64 = 3000;

/// So many calls are expected at most.
const MOST_EXPECTED: usize = 4 << 20;

/// For each reader of a file and each field: its codes, in the codes of the index.
pub(super) type Codes = Vec<[Vec<u32>; SAID]>;

/// What joins.
pub(super) struct Join {
    ids: Ids,
    /// Requests that wait for their response, with their file; codes are the index's.
    waiting: ById<(u32, Half)>,
    /// The calls that are in the index.
    seen: HashSet<u64, BuildHasherDefault<Taken>>,
    /// The codes of the words for outcomes that were met, and of the format: asking for them for
    /// every call would be a good part of the work.
    outcomes: Vec<(&'static str, u32)>,
    format: u32,
}

impl Join {
    pub(super) fn new() -> Self {
        Self {
            ids: Ids::new(),
            waiting: ById::default(),
            seen: HashSet::default(),
            outcomes: Vec::new(),
            format: 0,
        }
    }

    /// Makes room for the calls of so many bytes of a log: of a large set that grows as it is
    /// filled everything is put in twice.
    pub(super) fn expect(&mut self, bytes: u64) {
        let calls = bytes / BYTES_OF_A_CALL;
        self.seen
            .reserve(usize::try_from(calls).unwrap_or(0).min(MOST_EXPECTED));
    }

    /// How ids are hashed, the same for all files.
    pub(super) fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Takes what was found in a segment of a file.
    pub(super) fn take(
        &mut self,
        segment: &Segment,
        file: u32,
        codes: &mut Codes,
        columns: &mut Columns,
    ) {
        if codes.len() <= segment.reader {
            codes.resize_with(segment.reader + 1, || std::array::from_fn(|_| vec![0]));
        }
        let Some(codes) = codes.get_mut(segment.reader) else {
            return;
        };
        for ((codes, fresh), field) in codes.iter_mut().zip(&segment.fresh).zip(FIELDS) {
            let words = coded(field).and_then(|nth| columns.words_mut(nth));
            if let Some(words) = words {
                codes.extend(fresh.iter().map(|fresh| words.code(fresh)));
            }
        }
        let of_index = |half: &Half| {
            let mut half = *half;
            for (code, codes) in half.said.iter_mut().zip(&*codes) {
                *code = codes.get(*code as usize).copied().unwrap_or(0);
            }
            half
        };
        for call in &segment.calls {
            let mut call = Call {
                last: of_index(&call.last),
                ..*call
            };
            if call.back == 0
                && let Some((of, request)) = self.waiting.remove(&call.last.id)
            {
                let joined = Call::of(&request, call.last);
                call = Call {
                    back: if of == file { joined.back } else { 0 },
                    ..joined
                };
            }
            self.put(&call, file, columns);
        }
        for request in &segment.requests {
            let request = of_index(request);
            if !self.seen.contains(&request.id) {
                self.waiting.entry(request.id).or_insert((file, request));
            }
        }
    }

    /// The requests that were not answered. Their answers may yet be written.
    pub(super) fn finish(mut self, columns: &mut Columns) -> Growing {
        let mut left: Vec<(u32, Half)> = self.waiting.drain().map(|(_, waits)| waits).collect();
        left.sort_unstable_by_key(|(file, half)| (half.time, *file, half.offset));
        let mut growing = Growing::new(self.ids.clone());
        for (file, half) in left {
            if !self.put(&Call::alone(half), file, columns) {
                continue;
            }
            let at = At {
                file,
                offset: half.offset,
            };
            growing.remember(
                half.id,
                Open {
                    time: half.time,
                    at,
                    stage: CallStage::Received,
                },
            );
        }
        growing
    }

    /// Puts a call into the index; false where it is there already.
    fn put(&mut self, call: &Call, file: u32, columns: &mut Columns) -> bool {
        if !self.seen.insert(call.last.id) {
            return false;
        }
        let mut codes = [0; CODED];
        for (place, code) in PLACES.into_iter().zip(call.last.said) {
            if let Some(to) = place.and_then(|nth| codes.get_mut(nth)) {
                *to = code;
            }
        }
        let outcome = self.outcome(call.outcome(), columns);
        if self.format == 0 {
            self.format = code(Field::Format, "vault", columns);
        }
        for (place, code) in [(FORMAT, self.format), (OUTCOME, outcome)] {
            if let Some(to) = place.and_then(|nth| codes.get_mut(nth)) {
                *to = code;
            }
        }
        columns.push(&Entry {
            time: call.last.time,
            at: At {
                file,
                offset: call.last.offset,
            },
            back: call.back,
            has_error: call.last.end != End::Fine,
            codes,
        });
        true
    }

    fn outcome(&mut self, word: &'static str, columns: &mut Columns) -> u32 {
        if let Some((_, code)) = self.outcomes.iter().find(|(met, _)| *met == word) {
            return *code;
        }
        let code = code(Field::Outcome, word, columns);
        self.outcomes.push((word, code));
        code
    }
}

/// The code of a field's word.
fn code(field: Field, word: &str, columns: &mut Columns) -> u32 {
    let words = coded(field).and_then(|nth| columns.words_mut(nth));
    words.map_or(0, |words| words.code(word))
}
