//! Reads inputs into an archive.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread;

use super::columns::{At, Columns, Entry, nanos};
use super::grep::Grep;
use super::grow::{Growing, Open};
use super::handles::make_room;
use super::join::{Codes, Join};
use super::original::{Original, STRIDE, content};
use super::segment::{Reader, SEGMENT, Segment};
use super::{Archive, Search};
use crate::audit::AuditRow;
use crate::audit::coded::Coded;
use crate::audit::detect::{Detected, Kind};
use crate::audit::item::{Half, Keep, Kept};
use crate::audit::lines::LONGEST_LINE;
use crate::audit::merge::{Come, Merge, Out, Sighting};
use crate::audit::open::{Opened, sighted};
use crate::audit::parallel::threads;
use crate::audit::progress::Progress;
use crate::audit::source::{Content, Input};
use crate::audit::stream::{Shared, kind_of};
use crate::audit::trouble::name_of;
use crate::model::rejected::Place;
use crate::model::{Text, Timestamp};
use crate::query::Filter;

impl Opened {
    /// Reads everything into an archive.
    #[must_use]
    pub fn archive(mut self) -> Archive {
        let inputs = self.inputs();
        gather(inputs, &self.progress(), &mut Wanted::default())
    }

    /// Reads everything into an archive with a question at hand, so that no plain Vault log is read
    /// a second time for its words; gives the rows that fit as well.
    #[must_use]
    pub fn asked(mut self, filter: Filter) -> (Archive, Search) {
        let mut search = Search::new(filter);
        let inputs = self.inputs();
        let mut wanted = Wanted {
            greps: search.greps_mut(),
            sifts: false,
        };
        let archive = gather(inputs, &self.progress(), &mut wanted);
        while !search.step(&archive) {}
        (archive, search)
    }

    /// Counts the rows that fit.
    ///
    /// Where every line that has some words is of a record that fits, and only such are, the other
    /// lines of a plain Vault log are left out, damaged or not. Of several such logs every line is
    /// read: the two lines of a call may stand in two of them, and each in both.
    #[must_use]
    pub fn fitting(mut self, filter: Filter) -> Fitting {
        let mut search = Search::new(filter);
        let inputs = self.inputs();
        let mut wanted = Wanted {
            sifts: search.filter().is_words(),
            greps: search.greps_mut(),
        };
        let archive = gather(inputs, &self.progress(), &mut wanted);
        let sifted = wanted.sifts;
        while !search.step(&archive) {}
        Fitting {
            rows: search.found() as u64,
            of: (!sifted).then_some(archive.len() as u64),
            wrong: search.wrong().map(str::to_owned),
        }
    }
}

/// How many rows fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitting {
    /// How many do.
    pub rows: u64,
    /// Of how many; `None` where lines were left out: those of them that cannot be read are not
    /// among what was rejected.
    pub of: Option<u64>,
    /// What went wrong, for a person: rows may be missing.
    pub wrong: Option<String>,
}

/// What is looked for while logs are read.
#[derive(Default)]
struct Wanted<'a> {
    /// Words, in what is read by pieces.
    greps: Vec<&'a mut Grep>,
    /// Whether lines without any of them are left out.
    sifts: bool,
}

/// Reads everything.
fn gather(inputs: Vec<Input>, progress: &Arc<Progress>, wanted: &mut Wanted) -> Archive {
    let mut join = Join::new();
    let mut archive = Archive {
        originals: Vec::new(),
        columns: Columns::new(),
        progress: Arc::clone(progress),
        growing: Growing::new(join.ids().clone()),
    };
    let (mut logs, mut merged) = (Vec::new(), Vec::new());
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
        let original = original(&input, (content, packed), length);
        match original.as_ref().and_then(|original| original.kind) {
            // The merge will say why. Nothing of it is an original's, whatever it finds.
            None => merged.push(input),
            Some(Kind::Vault) => {
                let begins = original.as_ref().map_or(i64::MAX, Original::begins);
                logs.push((begins, archive.originals.len(), length));
            }
            Some(_) => {
                input.number = u32::try_from(archive.originals.len()).ok();
                merged.push(input);
            }
        }
        archive.originals.extend(original);
    }
    // Of a rotated log's files the older is read first, however they are named: it has requests
    // that the next one answers.
    logs.sort_unstable();
    // A line with the words may stand in another file than what says that it is a row of its own.
    wanted.sifts &= logs.len() == 1;
    for (_, at, length) in logs {
        if let (Some(original), Ok(file)) = (archive.originals.get(at), u32::try_from(at)) {
            let of = (original, file, length);
            vault(of, &mut join, &mut archive.columns, progress, wanted);
        }
    }
    archive.growing = join.finish(&mut archive.columns);
    archive.merge(merged);
    archive.columns.sort();
    archive.columns.shrink();
    archive.growing.latest.settle();
    progress.finish();
    archive
}

/// An input as a file of the archive, of which so many bytes are read; `None` of one that is of no
/// known format and will be of none.
fn original(input: &Input, (content, packed): (Content, bool), length: u64) -> Option<Original> {
    let kind = match kind_of(input)? {
        Detected::Known(kind) => Some(kind),
        Detected::Empty | Detected::Unknown(_) => None,
    };
    if kind.is_none() && length > LONGEST_LINE as u64 {
        // A first line that is so long is read by nobody.
        return None;
    }
    let mut original = Original::new(name_of(&input.path), kind, content);
    original.packed = packed;
    original.find_end(length);
    (kind.is_some() || original.may_begin()).then_some(original)
}

/// Rows that are put into the columns together.
const BATCH: usize = 256;

/// Reads a Vault log, a large one with several threads.
fn vault(
    (original, file, length): (&Original, u32, u64),
    join: &mut Join,
    columns: &mut Columns,
    progress: &Arc<Progress>,
    wanted: &mut Wanted,
) {
    progress.readable();
    if !wanted.sifts {
        join.expect(length);
    }
    let needles: Vec<_> = wanted.greps.iter().map(|grep| grep.needle()).collect();
    let sifts = wanted.sifts;
    let segments = usize::try_from(length.div_ceil(SEGMENT)).unwrap_or(usize::MAX);
    let readers = threads(segments);
    let next = AtomicU64::new(0);
    let ids = join.ids().clone();
    let taking = Mutex::new(Taking {
        file,
        join,
        columns,
        progress,
        codes: Codes::new(),
        lines: Lines::default(),
        early: BTreeMap::new(),
        next: 0,
        whole: original.read_to,
        greps: &mut wanted.greps,
        sifted: sifts.then_some(original),
        ended: false,
    });
    // Who has read a segment takes it in: what was read lies in its caches.
    let take = |segment| match taking.lock() {
        Ok(mut taking) => taking.take(segment),
        // Another reader has failed at it: the program is about to end.
        Err(_) => false,
    };
    thread::scope(|scope| {
        for number in 0..readers {
            let of = (original.name(), &original.content, length);
            let reader = Reader::new(number, of, ids.clone(), &progress.bytes);
            let reader = reader.looking_for(&needles, sifts);
            let (take, next) = (&take, &next);
            scope.spawn(move || reader.run(next, take));
        }
    });
    if !sifts && let Ok(taking) = taking.into_inner() {
        original.set_lines(taking.lines.before());
    }
}

/// Takes segments in the order of the file, however they come.
struct Taking<'a, 'b> {
    file: u32,
    join: &'a mut Join,
    columns: &'a mut Columns,
    progress: &'a Progress,
    codes: Codes,
    lines: Lines,
    early: BTreeMap<u64, Segment>,
    next: u64,
    /// Up to where lines have an end.
    whole: u64,
    greps: &'a mut [&'b mut Grep],
    /// The file, where lines are left out and therefore not counted.
    sifted: Option<&'a Original>,
    /// True once a segment could not be read to its end. What others have read behind it is left
    /// out: where its lines stand cannot be counted, and what is told is that the rest is missing.
    ended: bool,
}

impl Taking<'_, '_> {
    /// Takes a segment in; false where no more are wanted.
    fn take(&mut self, segment: Segment) -> bool {
        if self.ended {
            return false;
        }
        self.early.insert(segment.number, segment);
        while let Some(segment) = self.early.remove(&self.next) {
            self.next += 1;
            let codes = &mut self.codes;
            self.join.take(&segment, self.file, codes, self.columns);
            for mut rejected in segment.rejected {
                rejected.place.line = match self.sifted {
                    // It is rare, and takes less time than to count all lines of every file.
                    Some(original) => original.line_number(rejected.place.byte).unwrap_or(0),
                    None => rejected.place.line + self.lines.ended + 1,
                };
                self.progress.reject(rejected);
            }
            self.lines.take(segment.number, &segment.ends);
            if segment.trouble.is_none() {
                // A last line without an end is looked at again once there is more of it.
                let until = self.whole.min(self.next * SEGMENT);
                for (grep, hits) in self.greps.iter_mut().zip(&segment.hits) {
                    grep.tell(self.file, hits, until);
                }
            }
            if let Some(trouble) = segment.trouble {
                self.ended = true;
                self.progress.trouble(trouble);
                return false;
            }
        }
        true
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

/// The numbers of the files by their names, for the few rows that come as records.
struct Files(HashMap<Text, u32>);

impl Files {
    fn of(originals: &[Original]) -> Self {
        let numbered = originals.iter().zip(0..);
        let known = numbered.filter(|(original, _)| original.kind.is_some());
        Self(known.map(|(o, n)| (o.name().clone(), n)).collect())
    }

    fn at(&self, place: &Place) -> Option<At> {
        Some(At {
            file: *self.0.get(&place.file)?,
            offset: place.byte,
        })
    }
}

/// What names a row, and whether something else belongs to it.
type Named = (u128, Half);

/// A row that came out of the merge, and where its first line stands.
fn row(out: Out, files: &mut Files, shared: &Shared) -> Option<(Entry, At, Named)> {
    let told = out.answer.as_ref().unwrap_or(&out.first);
    let (named, time) = ((told.id, told.half), told.time);
    let Kept::Row(first) = out.first.kept else {
        let (entry, first) = full(out, files, shared)?;
        return Some((entry, first, named));
    };
    if out.sighting != Sighting::New {
        return None;
    }
    // Of a call that was told in stages the last one counts, where the first one stands.
    let last = match out.answer.map(|answer| answer.kept) {
        Some(Kept::Row(last)) => last,
        Some(_) => return None,
        None => first,
    };
    let first = at(&first);
    Some((entry(time, &last, first), first, named))
}

fn at(coded: &Coded) -> At {
    At {
        file: coded.file,
        offset: coded.byte,
    }
}

fn entry(time: Timestamp, coded: &Coded, first: At) -> Entry {
    let at = at(coded);
    Entry {
        time: nanos(time),
        at,
        back: at.back_to(first),
        has_error: coded.has_error,
        codes: coded.codes,
    }
}

/// The same of one that came as a record: a Vault call that stands in another log.
fn full(out: Out, files: &Files, shared: &Shared) -> Option<(Entry, At)> {
    let sighted = sighted(out)?;
    let row = AuditRow::of(&sighted)?;
    let first = files.at(&row.place)?;
    let last = sighted.answer.and_then(|answer| files.at(&answer));
    let last = last.unwrap_or(first);
    let entry = Entry {
        time: nanos(row.time),
        at: last,
        back: last.back_to(first),
        has_error: row.error.is_some(),
        codes: shared.dictionary().codes_of(&row),
    };
    Some((entry, first))
}

impl Archive {
    /// Takes in what is read by merging: all but Vault logs.
    fn merge(&mut self, inputs: Vec<Input>) {
        let scanner = self.growing.scanner().clone();
        let shared = Shared::new(&self.progress, scanner, Keep::Rows, None);
        std::mem::swap(&mut *shared.dictionary(), &mut self.columns.dictionary);
        let mut merge = Merge::new(inputs, &shared);
        let mut files = Files::of(&self.originals);
        let mut batch = Vec::with_capacity(BATCH);
        while merge.advance_rows(&mut |come| match come {
            Come::Row(item, coded, Sighting::New) => {
                let at = at(coded);
                let entry = entry(item.time, coded, at);
                self.take((&entry, at), (item.id, item.half), &mut batch);
            }
            Come::Row(..) => {}
            Come::Out(out) => {
                if let Some((entry, first, named)) = row(out, &mut files, &shared) {
                    self.take((&entry, first), named, &mut batch);
                }
            }
        }) {}
        self.columns.extend(&batch);
        std::mem::swap(&mut *shared.dictionary(), &mut self.columns.dictionary);
    }

    /// Takes a row in whose first line stands at `first`, with others.
    fn take(&mut self, (entry, first): (&Entry, At), (id, half): Named, batch: &mut Vec<Entry>) {
        if self.original(entry.at).is_err() {
            return;
        }
        let met = Open {
            time: entry.time,
            at: entry.at,
            stage: half.stage(),
        };
        self.columns.began(entry.at, first);
        batch.push(*entry);
        if batch.len() == BATCH {
            self.columns.extend(batch);
            batch.clear();
        }
        self.growing.met(id, half, met);
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
            hits: Vec::new(),
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
                whole: 0,
                greps: &mut [],
                sifted: None,
            };
            let failed = Trouble::Failed {
                path: "log".into(),
                byte: SEGMENT + 7,
                cause: "a bad disk".into(),
            };
            for number in order {
                let trouble = (number == 1).then(|| failed.clone());
                let more = taking.take(segment(number, trouble));
                assert_ne!(more, taking.ended);
            }
            assert!(taking.ended);
            let lines = progress.rejections();
            let lines: Vec<u64> = lines.iter().map(|rejected| rejected.place.line).collect();
            assert_eq!(lines, [1, 11], "{order:?}");
            assert_eq!(progress.troubles(), [failed]);
        }
    }
}
