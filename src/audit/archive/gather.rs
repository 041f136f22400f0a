//! Reads inputs into an archive.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::Archive;
use super::columns::{At, Columns, Entry, LONGEST_BACK, nanos};
use super::grow::{Growing, Open};
use super::handles::make_room;
use super::join::{Codes, Join};
use super::original::{Original, STRIDE, content};
use super::segment::{Reader, SEGMENT, Segment};
use crate::audit::AuditRow;
use crate::audit::detect::Kind;
use crate::audit::merge::Merge;
use crate::audit::open::{Opened, Sighted, sighted};
use crate::audit::progress::Progress;
use crate::audit::record::Item;
use crate::audit::scan::Scanner;
use crate::audit::source::Input;
use crate::audit::stream::{Shared, kind_of};
use crate::audit::trouble::name_of;
use crate::model::Text;

impl Opened {
    /// Reads everything into an archive.
    #[must_use]
    pub fn archive(mut self) -> Archive {
        let inputs = self.inputs();
        gather(inputs, &self.progress())
    }
}

/// Reads everything.
fn gather(inputs: Vec<Input>, progress: &Arc<Progress>) -> Archive {
    let mut join = Join::new();
    let mut archive = Archive {
        originals: Vec::new(),
        columns: Columns::new(),
        progress: Arc::clone(progress),
        growing: Growing::new(join.ids().clone()),
    };
    let mut merged = Vec::new();
    make_room(inputs.len());
    for mut input in inputs {
        let trouble = &mut |t| progress.trouble(t);
        let Some((content, packed)) = content(&input, &progress.bytes, trouble) else {
            continue;
        };
        // What is written from now on is not read here.
        let length = content.length().unwrap_or(0);
        input.content = Some(content.clone());
        input.bytes = Some(length);
        let Some(kind) = kind_of(&input) else {
            // The merge will say why.
            merged.push(input);
            continue;
        };
        let name = name_of(&input.path);
        let mut original = Original::new(name, kind, content);
        original.packed = packed;
        original.find_end(length);
        if kind == Kind::Vault {
            let file = u32::try_from(archive.originals.len()).unwrap_or(u32::MAX);
            vault(
                (&original, file, length),
                &mut join,
                &mut archive.columns,
                progress,
            );
        } else {
            merged.push(input);
        }
        archive.originals.push(original);
    }
    archive.growing = join.finish(&mut archive.columns);
    let shared = Shared::new(progress, Scanner::new(), false, None);
    let mut merge = Merge::new(merged, &shared);
    let files = archive.originals.iter().zip(0..);
    let files: HashMap<Text, u32> = files.map(|(o, n)| (o.name().clone(), n)).collect();
    while merge.advance(&mut |out| {
        if let Some(sighted) = sighted(out) {
            archive.take(&files, &sighted);
        }
    }) {}
    archive.columns.sort();
    progress.finish();
    archive
}

/// The threads that one file is worth at most.
const MOST_THREADS: u64 = 8;

/// Segments that may wait to be joined.
const AHEAD: usize = 4;

/// Reads a Vault log, a large one with several threads.
fn vault(
    (original, file, length): (&Original, u32, u64),
    join: &mut Join,
    columns: &mut Columns,
    progress: &Arc<Progress>,
) {
    progress.readable();
    let cores = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let readers = cores.min(length.div_ceil(SEGMENT)).clamp(1, MOST_THREADS);
    let next = AtomicU64::new(0);
    let (to, from) = sync_channel(AHEAD);
    let ids = join.ids().clone();
    let mut taking = Taking {
        file,
        join,
        columns,
        progress,
        codes: Codes::new(),
        lines: Lines::default(),
        early: BTreeMap::new(),
        next: 0,
        ended: false,
    };
    thread::scope(|scope| {
        for number in 0..readers {
            let of = (original.name(), &original.content, length);
            let number = usize::try_from(number).unwrap_or(0);
            let reader = Reader::new(number, of, ids.clone(), &progress.bytes);
            let (to, next) = (to.clone(), &next);
            scope.spawn(move || reader.run(next, &to));
        }
        drop(to);
        for segment in from {
            taking.take(segment);
            if taking.ended {
                // The readers end once nobody listens.
                break;
            }
        }
    });
    original.set_lines(taking.lines.before());
}

/// Takes segments in the order of the file, however they come.
struct Taking<'a> {
    file: u32,
    join: &'a mut Join,
    columns: &'a mut Columns,
    progress: &'a Progress,
    codes: Codes,
    lines: Lines,
    early: BTreeMap<u64, Segment>,
    next: u64,
    /// True once a segment could not be read to its end. What others have read behind it is left
    /// out: where its lines stand cannot be counted, and what is told is that the rest is missing.
    ended: bool,
}

impl Taking<'_> {
    fn take(&mut self, segment: Segment) {
        self.early.insert(segment.number, segment);
        while let Some(segment) = self.early.remove(&self.next) {
            self.next += 1;
            let codes = &mut self.codes;
            self.join.take(&segment, self.file, codes, self.columns);
            for mut rejected in segment.rejected {
                rejected.place.line += self.lines.ended + 1;
                self.progress.reject(rejected);
            }
            self.lines.take(segment.number, &segment.ends);
            if let Some(trouble) = segment.trouble {
                self.ended = true;
                self.progress.trouble(trouble);
                return;
            }
        }
    }
}

/// How many lines end in each [`STRIDE`] of a file.
#[derive(Default)]
struct Lines {
    ends: Vec<u32>,
    ended: u64,
}

impl Lines {
    fn take(&mut self, segment: u64, ends: &[u32]) {
        let first = usize::try_from(segment * SEGMENT / STRIDE as u64).unwrap_or(usize::MAX);
        if self.ends.len() < first + ends.len() {
            self.ends.resize(first + ends.len(), 0);
        }
        for (all, ends) in self.ends.iter_mut().skip(first).zip(ends) {
            *all += ends;
            self.ended += u64::from(*ends);
        }
    }

    /// How many lines end before each.
    fn before(&self) -> Vec<u64> {
        let ends = self.ends.iter().scan(0, |before, ends| {
            let now = *before;
            *before += u64::from(*ends);
            Some(now)
        });
        ends.collect()
    }
}

impl Archive {
    /// Takes a row in that was read in full.
    fn take(&mut self, files: &HashMap<Text, u32>, sighted: &Sighted) {
        let Some(row) = AuditRow::of(sighted) else {
            return;
        };
        let file = |name: &Text| files.get(name).copied();
        let Some(first) = file(&row.place.file) else {
            return;
        };
        let (mut at, mut back) = (row.place.byte, 0);
        let mut of = first;
        if let Some(answer) = &sighted.answer
            && let Some(file) = file(&answer.file)
        {
            (at, of) = (answer.byte, file);
            let distance = answer.byte.checked_sub(row.place.byte);
            let near = distance.filter(|far| file == first && *far <= LONGEST_BACK);
            back = near.and_then(|far| u32::try_from(far).ok()).unwrap_or(0);
        }
        let entry = Entry {
            time: nanos(row.time),
            at: At {
                file: of,
                offset: at,
            },
            back,
            has_error: row.error.is_some(),
            codes: self.columns.codes_of(&row),
        };
        self.columns.push(&entry);
        // More may yet be told of it.
        if let Item::Call(call, _) = &sighted.merged.item
            && let Some((id, stage)) = self.growing.service_call(call)
        {
            let Entry { time, at, .. } = entry;
            self.growing.remember(id, Open { time, at, stage });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Trouble;
    use crate::model::rejected::{Place, Rejected};

    fn segment(number: u64, trouble: Option<Trouble>) -> Segment {
        Segment {
            number,
            reader: 0,
            calls: Vec::new(),
            requests: Vec::new(),
            fresh: Default::default(),
            rejected: vec![Rejected {
                place: Place {
                    file: "log".into(),
                    line: 0,
                    byte: number * SEGMENT,
                },
                reason: "no record".into(),
                excerpt: Text::default(),
            }],
            ends: vec![10],
            trouble,
        }
    }

    /// What was read behind a place that could not be read has no lines that could be counted, and
    /// is not taken, whichever reader was first.
    #[test]
    fn of_a_file_that_fails_there_is_what_comes_before_in_whatever_order_segments_come() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let progress = Progress::new(10);
            let (mut join, mut columns) = (Join::new(), Columns::new());
            let mut taking = Taking {
                file: 0,
                join: &mut join,
                columns: &mut columns,
                progress: &progress,
                codes: Codes::new(),
                lines: Lines::default(),
                early: BTreeMap::new(),
                next: 0,
                ended: false,
            };
            let failed = Trouble::Failed {
                path: "log".into(),
                byte: SEGMENT + 7,
                cause: "a bad disk".into(),
            };
            for number in order {
                if !taking.ended {
                    let trouble = (number == 1).then(|| failed.clone());
                    taking.take(segment(number, trouble));
                }
            }
            assert!(taking.ended);
            let lines = progress.rejections();
            let lines: Vec<u64> = lines.iter().map(|rejected| rejected.place.line).collect();
            assert_eq!(lines, [1, 11], "{order:?}");
            assert_eq!(progress.troubles(), [failed]);
        }
    }
}
