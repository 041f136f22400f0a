//! Counts rows by what they say.

use std::collections::HashMap;

use super::columns::coded;
use super::{Archive, Search};
use crate::query::{By, Group, Row};

/// So many different groups are counted; the rows of others are counted together.
const GROUPS: usize = 1_000_000;

/// How many rows there are of each kind.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Counted {
    /// What the rows say, in the order of what they were counted by, with how many there are.
    /// Times in their order, else the most frequent first.
    pub groups: Vec<(Vec<Group>, u64)>,
    /// Rows beyond a million groups.
    pub others: u64,
    /// Rows that could not be read.
    pub unread: u64,
}

/// How a row's group is told from others without words: a number for each thing that is counted
/// by.
enum Key {
    /// Times of so many nanoseconds.
    Every(i64),
    /// The codes of the how-manieth column, each as its group's number.
    Coded(usize, Vec<u32>, Vec<Group>),
    /// The row has to be read; groups get their numbers as they are met.
    Read(By, HashMap<Group, u32>),
}

impl Archive {
    /// Counts the rows that were found by what they say.
    #[must_use]
    pub fn count(&self, search: &Search, by: &[By]) -> Counted {
        let mut keys: Vec<Key> = by.iter().map(|by| self.key(*by)).collect();
        let mut counts: HashMap<Vec<i64>, u64> = HashMap::new();
        let mut counted = Counted::default();
        let reads = keys.iter().any(|key| matches!(key, Key::Read(..)));
        let mut group = Vec::with_capacity(keys.len());
        for row in search.rows(0..self.len()) {
            let read = match reads.then(|| self.row(row, false)) {
                Some(Err(_)) => {
                    counted.unread += 1;
                    continue;
                }
                Some(Ok(read)) => Some(read),
                None => None,
            };
            group.clear();
            group.extend(keys.iter_mut().map(|key| match key {
                Key::Every(each) => {
                    let time = self.columns.times.get(row).copied().unwrap_or(0);
                    time.div_euclid(*each)
                }
                Key::Coded(nth, numbers, _) => {
                    let code = self.columns.codes.get(*nth).map_or(0, |c| c.get(row));
                    i64::from(numbers.get(code as usize).copied().unwrap_or(0))
                }
                Key::Read(by, met) => {
                    let next = u32::try_from(met.len()).unwrap_or(u32::MAX);
                    let read = read.as_ref().map(|row| by.group(row as &dyn Row));
                    read.map_or(-1, |group| i64::from(*met.entry(group).or_insert(next)))
                }
            }));
            if let Some(count) = counts.get_mut(&group) {
                *count += 1;
            } else if counts.len() < GROUPS {
                counts.insert(group.clone(), 1);
            } else {
                counted.others += 1;
            }
        }
        let said: Vec<Said> = keys.into_iter().map(Said::of).collect();
        let groups = counts.into_iter().map(|(numbers, count)| {
            let groups = said.iter().zip(numbers).map(|(said, n)| said.group(n));
            (groups.collect(), count)
        });
        counted.groups = groups.collect();
        in_order(&mut counted.groups);
        counted
    }

    fn key(&self, by: By) -> Key {
        if let By::Every(span, _) = by {
            return Key::Every(span.as_micros().max(1).saturating_mul(1000));
        }
        let column = by.field().and_then(coded);
        let words = column.and_then(|nth| Some((nth, self.columns.words(nth)?)));
        let Some((nth, words)) = words else {
            return Key::Read(by, HashMap::new());
        };
        let (mut numbers, mut groups) = (Vec::with_capacity(words.len()), Vec::new());
        let mut met: HashMap<Group, u32> = HashMap::new();
        let said = std::iter::once(None).chain(words.all().map(Some));
        for said in said {
            let group = by.of(said);
            let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
            let number = *met.entry(group.clone()).or_insert(next);
            if number == next {
                groups.push(group);
            }
            numbers.push(number);
        }
        Key::Coded(nth, numbers, groups)
    }
}

/// What numbers stand for, once all rows were counted.
enum Said {
    Every(i64),
    Groups(Vec<Group>),
}

impl Said {
    fn of(key: Key) -> Self {
        match key {
            Key::Every(each) => Self::Every(each),
            Key::Coded(_, _, groups) => Self::Groups(groups),
            Key::Read(_, met) => {
                let mut groups: Vec<(Group, u32)> = met.into_iter().collect();
                groups.sort_by_key(|(_, number)| *number);
                Self::Groups(groups.into_iter().map(|(group, _)| group).collect())
            }
        }
    }

    fn group(&self, number: i64) -> Group {
        match self {
            Self::Every(each) => {
                Group::Time(super::columns::timestamp(number.saturating_mul(*each)))
            }
            Self::Groups(groups) => {
                let at = usize::try_from(number).ok();
                let group = at.and_then(|at| groups.get(at)).cloned();
                group.unwrap_or(Group::Words(None))
            }
        }
    }
}

/// Times in their order, else the most frequent first.
fn in_order(groups: &mut [(Vec<Group>, u64)]) {
    let timed = |key: &[Group]| match key.first() {
        Some(Group::Time(time)) => Some(*time),
        _ => None,
    };
    groups.sort_by(|(a, n), (b, m)| (timed(a), m, a).cmp(&(timed(b), n, b)));
}
