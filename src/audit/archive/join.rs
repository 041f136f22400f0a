//! Puts what was read of Vault logs into the index: the halves that different segments and files
//! have of one call are joined, and what was met before is left out.

use super::columns::{At, Columns, Entry, coded};
use super::grow::{Growing, Open};
use super::half::{Call, End, Half, Ids, OUTCOMES, SAID};
use super::known::Latest;
use super::seen::Seen;
use super::segment::{ById, Segment};
use crate::audit::coded::CODED;
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
    seen: Seen,
    /// Of those that have ended the latest.
    latest: Latest,
    /// The codes of [`OUTCOMES`] that were met, and of the format, 0 before: asking for them for
    /// every call would be a good part of the work.
    outcomes: [u32; OUTCOMES.len()],
    format: u32,
    /// On their way into the index.
    batch: Vec<Entry>,
}

impl Join {
    pub(super) fn new() -> Self {
        Self {
            ids: Ids::new(),
            waiting: ById::default(),
            seen: Seen::new(),
            latest: Latest::default(),
            outcomes: [0; OUTCOMES.len()],
            format: 0,
            batch: Vec::new(),
        }
    }

    /// Makes room for the calls of so many bytes of a log: of a large set that grows as it is
    /// filled everything is put in twice.
    pub(super) fn expect(&mut self, bytes: u64) {
        let calls = bytes / BYTES_OF_A_CALL;
        let calls = usize::try_from(calls).unwrap_or(0).min(MOST_EXPECTED);
        self.seen.reserve(calls);
        self.latest.reserve(calls);
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
        self.seen
            .expect(segment.calls.iter().map(|call| call.last.id));
        for call in &segment.calls {
            let mut call = Call {
                last: of_index(&call.last),
                ..*call
            };
            let mut began = None;
            if call.back == 0
                && let Some((of, request)) = self.waiting.remove(&call.last.id)
            {
                call.last.join(&request);
                let first = At {
                    file: of,
                    offset: request.offset,
                };
                let last = At {
                    file,
                    offset: call.last.offset,
                };
                call.back = last.back_to(first);
                began = Some((last, first));
            }
            if self.put(&call, file, columns) {
                self.latest.push(call.last.time, call.last.id);
                if let Some((last, first)) = began {
                    columns.began(last, first);
                }
            }
        }
        columns.extend(&self.batch);
        self.batch.clear();
        for request in &segment.requests {
            let request = of_index(request);
            if !self.seen.contains(request.id) {
                self.waiting.entry(request.id).or_insert((file, request));
            }
        }
    }

    /// The requests that were not answered. Their answers may yet be written.
    pub(super) fn finish(mut self, columns: &mut Columns) -> Growing {
        let mut left: Vec<(u32, Half)> = self.waiting.drain().map(|(_, waits)| waits).collect();
        left.sort_unstable_by_key(|(file, half)| (half.time, *file, half.offset));
        let mut growing = Growing::new(self.ids.clone());
        growing.latest = std::mem::take(&mut self.latest);
        for (file, half) in left {
            if !self.put(&Call::alone(half), file, columns) {
                continue;
            }
            let at = At {
                file,
                offset: half.offset,
            };
            growing.waits(
                half.id,
                Open {
                    time: half.time,
                    at,
                    stage: CallStage::Received,
                },
            );
        }
        columns.extend(&self.batch);
        growing
    }

    /// Has a call put into the index; false where it is there already.
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
        self.batch.push(Entry {
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

    fn outcome(&mut self, nth: usize, columns: &mut Columns) -> u32 {
        match (self.outcomes.get_mut(nth), OUTCOMES.get(nth)) {
            (Some(known), Some(word)) => {
                if *known == 0 {
                    *known = code(Field::Outcome, word, columns);
                }
                *known
            }
            _ => 0,
        }
    }
}

/// The code of a field's word.
fn code(field: Field, word: &str, columns: &mut Columns) -> u32 {
    let words = coded(field).and_then(|nth| columns.words_mut(nth));
    words.map_or(0, |words| words.code(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::archive::half::Halves;
    use crate::audit::format::vault;

    /// The lines of a call, each so far into its file.
    fn half(join: &Join, kind: &str, id: &str, offset: u64) -> Half {
        let line = format!(
            r#"{{"time":"2026-01-01T00:00:00Z","type":"{kind}","request":{{"id":"{id}","operation":"read","path":"secret/{id}"}}}}"#
        );
        let entry = vault::entry(line.as_bytes()).unwrap();
        Halves::new(join.ids().clone()).read(&entry, offset)
    }

    fn segment(number: u64, calls: Vec<Call>, requests: Vec<Half>) -> Segment {
        Segment {
            number,
            reader: 0,
            calls,
            requests,
            fresh: Default::default(),
            rejected: Vec::new(),
            ends: Vec::new(),
            hits: Vec::new(),
            trouble: None,
        }
    }

    /// As of a second device whose log is read behind the first one's, or of lines that are not in
    /// order.
    #[test]
    fn a_request_that_comes_behind_its_answer_is_no_row_and_waits_for_nothing() {
        for first_asked in [true, false] {
            let (mut join, mut columns) = (Join::new(), Columns::new());
            let mut codes = Codes::new();
            let [request, response] =
                [("request", 0), ("response", 300)].map(|(kind, at)| half(&join, kind, "a", at));
            let requests = if first_asked { vec![request] } else { vec![] };
            join.take(&segment(0, vec![], requests), 0, &mut codes, &mut columns);
            let answered = segment(1, vec![Call::alone(response)], vec![]);
            join.take(&answered, 0, &mut codes, &mut columns);
            let again = half(&join, "request", "a", 900);
            let other = half(&join, "request", "b", 1200);
            let late = segment(2, vec![], vec![again, other]);
            join.take(&late, 0, &mut codes, &mut columns);
            // And told whole once more, by another file.
            let told = segment(0, vec![Call::of(&again, response)], vec![again]);
            join.take(&told, 1, &mut codes, &mut columns);
            assert!(!join.waiting.contains_key(&again.id));
            assert!(join.waiting.contains_key(&other.id));
            let growing = join.finish(&mut columns);
            assert!(growing.waits_for(other.id) && !growing.waits_for(again.id));
            assert_eq!(columns.len(), 2);
            let back = first_asked.then_some(At { file: 0, offset: 0 });
            let at = At {
                file: 0,
                offset: 300,
            };
            assert_eq!(columns.lines(0), Some((at, back)));
        }
    }
}
