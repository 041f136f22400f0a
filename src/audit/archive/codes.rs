//! Columns of codes.

use std::ops::Range;

/// A column of codes, as narrow as the largest of them allows.
pub(super) enum Codes {
    /// Nothing was told in any of so many rows.
    Absent(usize),
    /// Codes below 2^8.
    Narrow(Vec<u8>),
    /// Codes below 2^16.
    Middle(Vec<u16>),
    /// Any code.
    Wide(Vec<u32>),
}

impl Codes {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Absent(len) => *len,
            Self::Narrow(codes) => codes.len(),
            Self::Middle(codes) => codes.len(),
            Self::Wide(codes) => codes.len(),
        }
    }

    pub(super) fn get(&self, row: usize) -> u32 {
        match self {
            Self::Absent(_) => 0,
            Self::Narrow(codes) => codes.get(row).map_or(0, |code| u32::from(*code)),
            Self::Middle(codes) => codes.get(row).map_or(0, |code| u32::from(*code)),
            Self::Wide(codes) => codes.get(row).copied().unwrap_or(0),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, code: u32) {
        self.hold(code);
        match self {
            Self::Absent(len) => *len += 1,
            Self::Narrow(codes) => codes.push(u8::try_from(code).unwrap_or(0)),
            Self::Middle(codes) => codes.push(u16::try_from(code).unwrap_or(0)),
            Self::Wide(codes) => codes.push(code),
        }
    }

    /// The same for several.
    pub(super) fn extend(&mut self, more: impl ExactSizeIterator<Item = u32> + Clone) {
        self.hold(more.clone().max().unwrap_or(0));
        match self {
            Self::Absent(len) => *len += more.len(),
            Self::Narrow(codes) => codes.extend(more.map(|code| u8::try_from(code).unwrap_or(0))),
            Self::Middle(codes) => codes.extend(more.map(|code| u16::try_from(code).unwrap_or(0))),
            Self::Wide(codes) => codes.extend(more),
        }
    }

    /// Makes it wide enough for a code.
    #[inline]
    fn hold(&mut self, code: u32) {
        let wide = match self {
            Self::Absent(_) => code == 0,
            Self::Narrow(_) => u8::try_from(code).is_ok(),
            Self::Middle(_) => u16::try_from(code).is_ok(),
            Self::Wide(_) => true,
        };
        if !wide {
            self.widen(code);
        }
    }

    #[cold]
    fn widen(&mut self, code: u32) {
        let len = self.len();
        let rows = (0..len).map(|row| self.get(row));
        *self = if let Ok(_narrow) = u8::try_from(code) {
            Self::Narrow(vec![0; len])
        } else if let Ok(_middle) = u16::try_from(code) {
            let middle = rows.map(|code| u16::try_from(code).unwrap_or(0));
            Self::Middle(middle.collect())
        } else {
            Self::Wide(rows.collect())
        };
    }

    /// The last row before a row, and the others from there on one later.
    pub(super) fn rotate_right(&mut self, row: usize) {
        match self {
            Self::Absent(_) => {}
            Self::Narrow(codes) => rotated(codes, row),
            Self::Middle(codes) => rotated(codes, row),
            Self::Wide(codes) => rotated(codes, row),
        }
    }

    /// Takes a row out that is there.
    pub(super) fn remove(&mut self, row: usize) {
        match self {
            Self::Absent(len) => *len = len.saturating_sub(1),
            Self::Narrow(codes) => drop(codes.remove(row)),
            Self::Middle(codes) => drop(codes.remove(row)),
            Self::Wide(codes) => drop(codes.remove(row)),
        }
    }

    /// The rows in another order: row `order[n]` becomes row n.
    pub(super) fn reorder(&mut self, order: &[u32]) {
        match self {
            Self::Absent(_) => {}
            Self::Narrow(codes) => *codes = reordered(codes, order),
            Self::Middle(codes) => *codes = reordered(codes, order),
            Self::Wide(codes) => *codes = reordered(codes, order),
        }
    }

    /// Turns, one after the other.
    pub(super) fn turn(&mut self, turns: &[Range<usize>]) {
        match self {
            Self::Absent(_) => {}
            Self::Narrow(codes) => turned(codes, turns),
            Self::Middle(codes) => turned(codes, turns),
            Self::Wide(codes) => turned(codes, turns),
        }
    }

    /// Gives room back that no row needs now.
    pub(super) fn shrink(&mut self) {
        match self {
            Self::Absent(_) => {}
            Self::Narrow(codes) => codes.shrink_to_fit(),
            Self::Middle(codes) => codes.shrink_to_fit(),
            Self::Wide(codes) => codes.shrink_to_fit(),
        }
    }

    /// About how many bytes of memory this takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Absent(_) => 0,
            Self::Narrow(codes) => codes.capacity(),
            Self::Middle(codes) => codes.capacity() * 2,
            Self::Wide(codes) => codes.capacity() * 4,
        }
    }
}

fn rotated<T>(codes: &mut [T], row: usize) {
    if let Some(last) = codes.get_mut(row..) {
        last.rotate_right(1.min(last.len()));
    }
}

/// Turns, one after the other: the last value of each range comes before the others of it.
pub(super) fn turned<T>(values: &mut [T], turns: &[Range<usize>]) {
    for turn in turns {
        if let Some(values) = values.get_mut(turn.clone()) {
            values.rotate_right(1.min(values.len()));
        }
    }
}

/// The values in another order: value `order[n]` becomes value n.
pub(super) fn reordered<T: Copy + Default>(values: &[T], order: &[u32]) -> Vec<T> {
    let at = |from: &u32| values.get(*from as usize).copied().unwrap_or_default();
    order.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_column_keeps_its_codes_however_wide_they_get(codes in prop::collection::vec(prop_oneof![Just(0_u32), 0..300_u32, any::<u32>()], 0..200)) {
            let mut column = Codes::Absent(0);
            for code in &codes {
                column.push(*code);
            }
            prop_assert_eq!(column.len(), codes.len());
            for (row, code) in codes.iter().enumerate() {
                prop_assert_eq!(column.get(row), *code);
            }
            let turned: Vec<u32> = (0..u32::try_from(codes.len()).unwrap()).rev().collect();
            column.reorder(&turned);
            for (row, code) in codes.iter().rev().enumerate() {
                prop_assert_eq!(column.get(row), *code);
            }
        }
    }
}
