//! A day as bytes.
//!
//! A *fine* day keeps every case with its moment, to the microsecond. A day that no burn rate
//! looks back to any more is written anew as a *coarse* one: its cases have no moment but the day,
//! those that are only counted are counted together, and lengths are kept to the millisecond.
//! Values, cases and budgets come out the same; only where in the day a case lay is gone.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::pack::{Column, Damaged, Reader, pack, unpack};
use crate::measure::level::{Case, Day, DaySummary, End, Key, Look, Part, Place, Record, Watched};
use crate::model::{Region, SecretPath, Span, Text, Timestamp};

/// Columns of each part, behind those of the records.
const OF_PART: usize = 6;
/// Columns of the records.
const OF_RECORD: usize = 3;
/// All columns: the last one holds what is no rotation.
const ALL: usize = OF_RECORD + OF_PART * Part::ALL.len() + 1;

/// Gives words numbers.
pub(super) trait Numbers<E> {
    fn secret(&mut self, path: &SecretPath) -> Result<u64, E>;
    fn word(&mut self, word: &Text) -> Result<u64, E>;
}

/// Gives numbers their words.
pub(super) trait Words {
    fn secret(&self, number: u64) -> Result<Option<SecretPath>, Damaged>;
    fn word(&self, number: u64) -> Result<Text, Damaged>;
    fn maybe(&self, number: u64) -> Result<Option<Text>, Damaged>;
}

/// The bytes of a day; findings are not in them.
pub(super) fn encode<E>(
    at: Day,
    day: &DaySummary,
    coarse: bool,
    numbers: &mut dyn Numbers<E>,
) -> Result<Vec<u8>, E> {
    let mut columns = vec![Column::default(); ALL];
    let mut records = Vec::with_capacity(day.rotations.len());
    for (key, record) in &day.rotations {
        let secret = match &record.secret {
            Some(path) => numbers.secret(path)?,
            None => 0,
        };
        records.push((secret, *key, record));
    }
    // Neighbours differ little.
    records.sort_unstable_by_key(|(secret, key, _)| (*secret, *key));
    put(&mut columns, 0, records.len() as u64);
    let mut before = 0;
    for (secret, key, record) in records {
        put(&mut columns, 1, secret - before);
        before = secret;
        if let Some(column) = columns.get_mut(2) {
            column.put_key(key.number());
        }
        for part in Part::ALL {
            put_part(&mut columns, at, part, record, coarse);
        }
    }
    if let Some(rest) = columns.last_mut() {
        put_rest(rest, at, day, coarse, numbers)?;
    }
    Ok(pack(&columns, coarse))
}

fn put(columns: &mut [Column], at: usize, number: u64) {
    if let Some(column) = columns.get_mut(at) {
        column.put(number);
    }
}

fn put_part(columns: &mut [Column], day: Day, part: Part, record: &Record, coarse: bool) {
    let first = OF_RECORD + part.index() * OF_PART;
    let number = |all: &[u32; 8]| u64::from(all.get(part.index()).copied().unwrap_or(0));
    // Few rotations go on over midnight: mostly this is the words alone, as in layout 1.
    let words = number(&record.words) | number(&record.later) << u32::BITS;
    put(columns, first, words);
    let cases: Vec<Case> = record.of(part).copied().collect();
    let cases = if coarse { together(cases) } else { cases };
    put(columns, first + 1, cases.len() as u64);
    for case in cases {
        let (kind, at, a, b) = match case {
            Case::Ended { at, end, back } => {
                let end = End::ALL.iter().position(|e| *e == end).unwrap_or(0);
                (0, at, end as u64, Some(u64::from(back)))
            }
            Case::Counted { at, good, bad } => (1, at, u64::from(good), Some(u64::from(bad))),
            Case::Took { at, micros } if coarse => (2, at, micros.div_ceil(1000), None),
            Case::Took { at, micros } => (2, at, micros, None),
            Case::Waits { since, until } => (3, since, micros(since, until), None),
        };
        put(columns, first + 2, kind);
        // What waits has its moment always.
        if !coarse || kind == 3 {
            put(columns, first + 3, micros(day.begins(), at));
        }
        put(columns, first + 4, a);
        if let Some(b) = b {
            put(columns, first + 5, b);
        }
    }
}

/// Cases that are only counted as one.
fn together(cases: Vec<Case>) -> Vec<Case> {
    let mut sum: Option<(Timestamp, u32, u32)> = None;
    let mut others = Vec::with_capacity(cases.len());
    for case in cases {
        if let Case::Counted { at, good, bad } = case {
            let held = sum.get_or_insert((at, 0, 0));
            held.1 = held.1.saturating_add(good);
            held.2 = held.2.saturating_add(bad);
        } else {
            others.push(case);
        }
    }
    others.extend(sum.map(|(at, good, bad)| Case::Counted { at, good, bad }));
    others
}

fn micros(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_micros()).unwrap_or(0)
}

fn put_rest<E>(
    rest: &mut Column,
    at: Day,
    day: &DaySummary,
    coarse: bool,
    numbers: &mut dyn Numbers<E>,
) -> Result<(), E> {
    rest.put(u64::from(coarse));
    rest.put(day.auth.len() as u64);
    for ((service, region), watched) in &day.auth {
        put_place(rest, &service.0, region.as_ref(), watched, at, numbers)?;
    }
    rest.put(day.quotas.len() as u64);
    for ((api, region), watched) in &day.quotas {
        put_place(rest, api, region.as_ref(), watched, at, numbers)?;
    }
    rest.put(day.scans.len() as u64);
    for ((moment, (repository, detector)), look) in &day.scans {
        rest.put(micros(at.begins(), *moment));
        rest.put(numbers.word(repository)?);
        rest.put(numbers.word(detector)?);
        rest.put(u64::from(look.scans));
        rest.put(look.findings);
    }
    rest.put(day.leaks.len() as u64);
    for (moment, key) in &day.leaks {
        rest.put(micros(at.begins(), *moment));
        rest.put_key(key.number());
    }
    Ok(())
}

fn put_place<E>(
    rest: &mut Column,
    name: &Text,
    region: Option<&Region>,
    watched: &Watched,
    at: Day,
    numbers: &mut dyn Numbers<E>,
) -> Result<(), E> {
    rest.put(numbers.word(name)?);
    rest.put(match region {
        Some(region) => numbers.word(&region.0)?,
        None => 0,
    });
    for runs in [&watched.all, &watched.throttled] {
        rest.put(runs.len() as u64);
        let mut before = at.number() * 24 * 60;
        for (first, last) in runs {
            rest.put_signed(first - before);
            rest.put_signed(last - first);
            before = *last;
        }
    }
    Ok(())
}

/// The day of these bytes, without findings; true where it is a coarse one.
pub(super) fn decode(
    at: Day,
    bytes: &[u8],
    words: &dyn Words,
) -> Result<(DaySummary, bool), Damaged> {
    let (mut columns, mut rest) = columns(bytes, |_| true)?;
    let coarse = rest.take()? == 1;
    let mut day = DaySummary::default();
    let mut secret = 0_u64;
    for _ in 0..column(&mut columns, 0)?.take_count()? {
        secret = secret.saturating_add(column(&mut columns, 1)?.take()?);
        let key = Key::new(column(&mut columns, 2)?.take_key()?);
        let mut record = Record {
            secret: words.secret(secret)?,
            ..Record::default()
        };
        for part in Part::ALL {
            let words = OF_RECORD + part.index() * OF_PART;
            let words = column(&mut columns, words)?.take()?;
            let halves = [
                (&mut record.words, words & u64::from(u32::MAX)),
                (&mut record.later, words >> u32::BITS),
            ];
            for (all, half) in halves {
                if let Some(held) = all.get_mut(part.index()) {
                    *held = u32::try_from(half).map_err(|_| Damaged)?;
                }
            }
            let cases = &mut record.cases;
            take_part(&mut columns, at, part, coarse, &mut |case| {
                cases.push((part, case));
            })?;
        }
        day.rotations.insert(key, record);
    }
    take_rest(&mut rest, at, &mut day, words)?;
    Ok((day, coarse))
}

/// The cases of a day one by one, whosever they are, and the rest of it: for whoever only counts.
pub(super) fn visit(
    at: Day,
    bytes: &[u8],
    words: &dyn Words,
    each: &mut dyn FnMut(Part, Case),
) -> Result<DaySummary, Damaged> {
    // Neither whose a case is nor on how much it rests is asked.
    let is_needed = |at: usize| match at.checked_sub(OF_RECORD) {
        Some(of_part) => at == ALL - 1 || of_part % OF_PART != 0,
        None => at == 0,
    };
    let (mut columns, mut rest) = columns(bytes, is_needed)?;
    let coarse = rest.take()? == 1;
    let records = column(&mut columns, 0)?.take_count()?;
    for part in Part::ALL {
        for _ in 0..records {
            take_part(&mut columns, at, part, coarse, &mut |case| each(part, case))?;
        }
    }
    let mut day = DaySummary::default();
    take_rest(&mut rest, at, &mut day, words)?;
    Ok(day)
}

/// The numbers of the names that are used.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Those of secrets.
    pub(super) secrets: BTreeSet<u64>,
    /// Those of all other words.
    pub(super) words: BTreeSet<u64>,
}

/// Adds the names that these bytes of a day use.
pub(super) fn used(bytes: &[u8], all: &mut Used) -> Result<(), Damaged> {
    let is_named = |at: usize| at < 2 || at == ALL - 1;
    let (mut columns, mut rest) = columns(bytes, is_named)?;
    rest.take()?;
    let mut secret = 0_u64;
    for _ in 0..column(&mut columns, 0)?.take_count()? {
        secret = secret.saturating_add(column(&mut columns, 1)?.take()?);
        all.secrets.insert(secret);
    }
    let noting = Noting(RefCell::new(&mut all.words));
    // The day does not matter to what things are called.
    take_rest(&mut rest, Day::new(0), &mut DaySummary::default(), &noting)
}

/// Notes which words are asked for.
struct Noting<'a>(RefCell<&'a mut BTreeSet<u64>>);

impl Words for Noting<'_> {
    fn secret(&self, _: u64) -> Result<Option<SecretPath>, Damaged> {
        Ok(None)
    }

    fn word(&self, number: u64) -> Result<Text, Damaged> {
        self.0.borrow_mut().insert(number);
        Ok(Text::default())
    }

    fn maybe(&self, number: u64) -> Result<Option<Text>, Damaged> {
        self.word(number).map(Some)
    }
}

/// The columns that are wanted, the others empty, and the last one.
fn columns(bytes: &[u8], wanted: impl Fn(usize) -> bool) -> Result<(Vec<Reader>, Reader), Damaged> {
    let mut columns = unpack(bytes, wanted)?;
    if columns.len() != ALL {
        return Err(Damaged);
    }
    let rest = columns.pop().ok_or(Damaged)?;
    Ok((columns, rest))
}

fn column(columns: &mut [Reader], at: usize) -> Result<&mut Reader, Damaged> {
    columns.get_mut(at).ok_or(Damaged)
}

fn take_part(
    columns: &mut [Reader],
    day: Day,
    part: Part,
    coarse: bool,
    each: &mut dyn FnMut(Case),
) -> Result<(), Damaged> {
    let first = OF_RECORD + part.index() * OF_PART;
    let of_part = columns.get_mut(first..first + OF_PART).ok_or(Damaged)?;
    let of_part: &mut [Reader; OF_PART] = of_part.try_into().map_err(|_| Damaged)?;
    let [_, many, kinds, times, a, b] = of_part;
    for _ in 0..many.take_count()? {
        let kind = kinds.take()?;
        let at = if coarse && kind != 3 {
            day.noon()
        } else {
            later(day.begins(), times.take()?)
        };
        let a = a.take()?;
        let case = match kind {
            0 => Case::Ended {
                at,
                end: usize::try_from(a)
                    .ok()
                    .and_then(|a| End::ALL.get(a).copied())
                    .ok_or(Damaged)?,
                back: b.take()? == 1,
            },
            1 => Case::Counted {
                at,
                good: u32::try_from(a).map_err(|_| Damaged)?,
                bad: b.take_small()?,
            },
            2 => Case::Took {
                at,
                micros: if coarse { a.saturating_mul(1000) } else { a },
            },
            3 => Case::Waits {
                since: at,
                until: later(at, a),
            },
            _ => return Err(Damaged),
        };
        each(case);
    }
    Ok(())
}

fn later(at: Timestamp, micros: u64) -> Timestamp {
    at + Span::micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

fn take_rest(
    rest: &mut Reader,
    at: Day,
    day: &mut DaySummary,
    words: &dyn Words,
) -> Result<(), Damaged> {
    for _ in 0..rest.take_count()? {
        let ((name, region), watched) = take_place(rest, at, words)?;
        day.auth.insert((name.into(), region), watched);
    }
    for _ in 0..rest.take_count()? {
        let (place, watched) = take_place(rest, at, words)?;
        day.quotas.insert(place, watched);
    }
    let mut scans = BTreeMap::new();
    for _ in 0..rest.take_count()? {
        let moment = later(at.begins(), rest.take()?);
        let repository = words.word(rest.take()?)?;
        let detector = words.word(rest.take()?)?;
        let look = Look {
            scans: rest.take_small()?,
            findings: rest.take()?,
        };
        scans.insert((moment, (repository, detector)), look);
    }
    let mut leaks = BTreeSet::new();
    for _ in 0..rest.take_count()? {
        let moment = later(at.begins(), rest.take()?);
        leaks.insert((moment, Key::new(rest.take_key()?)));
    }
    (day.scans, day.leaks) = (scans, leaks);
    Ok(())
}

fn take_place(
    rest: &mut Reader,
    at: Day,
    words: &dyn Words,
) -> Result<(Place<Text>, Watched), Damaged> {
    let name = words.word(rest.take()?)?;
    let region = words.maybe(rest.take()?)?.map(Region);
    let mut watched = Watched::default();
    for runs in [&mut watched.all, &mut watched.throttled] {
        let mut before = at.number().saturating_mul(24 * 60);
        for _ in 0..rest.take_count()? {
            let first = before.saturating_add(rest.take_signed()?);
            let last = first.saturating_add(rest.take_signed()?);
            runs.push((first, last));
            before = last;
        }
    }
    Ok(((name, region), watched))
}
