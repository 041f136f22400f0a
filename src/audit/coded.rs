//! What an archive keeps of a record while it is put in order: codes of its words, and where it
//! stands. Making codes of words is most of the work, so that whoever reads a piece of a log makes
//! codes of its own, and the one thread that puts records in order only has to look them up.

use super::entry::{AuditRow, Indexed};
use super::words::{Drained, Words};
use crate::query::{Field, Row};

/// How many fields are kept as codes.
pub(super) const CODED: usize = Field::INDEXED.len();

/// The codes of a record's words, in the order of [`Field::INDEXED`].
pub(super) type Codes = [u32; CODED];

/// A record as an archive keeps it.
#[derive(Clone, Copy)]
pub(super) struct Coded {
    /// The number of its file in the archive.
    pub(super) file: u32,
    /// Where in that it begins.
    pub(super) byte: u64,
    /// True where its field `error` says something.
    pub(super) has_error: bool,
    pub(super) codes: Codes,
}

/// The words that were met in each field.
pub(super) struct Dictionary {
    pub(super) words: [Words; CODED],
}

/// The words of a dictionary on their way into another one.
pub(super) type Fresh = [Drained; CODED];

impl Dictionary {
    pub(super) fn new() -> Self {
        Self {
            words: std::array::from_fn(|_| Words::new()),
        }
    }

    /// The codes of what an index keeps.
    pub(super) fn codes(&mut self, indexed: &Indexed<'_>) -> Codes {
        let mut codes = [0; CODED];
        let said = codes.iter_mut().zip(&mut self.words);
        for ((code, words), field) in said.zip(&Field::INDEXED) {
            let said = indexed.word(*field);
            *code = said.map_or(0, |said| words.code_of(said.as_bytes()).unwrap_or(0));
        }
        codes
    }

    /// The codes of a row that was read in full.
    pub(super) fn codes_of(&mut self, row: &AuditRow) -> Codes {
        let mut codes = [0; CODED];
        let said = codes.iter_mut().zip(&mut self.words);
        for ((code, words), field) in said.zip(Field::INDEXED) {
            let said = row.field(field);
            *code = said.map_or(0, |said| words.code_of(said.as_bytes()).unwrap_or(0));
        }
        codes
    }

    /// All words, which are forgotten here.
    pub(super) fn drain(&mut self) -> Fresh {
        std::array::from_fn(|nth| {
            self.words
                .get_mut(nth)
                .map(Words::drain)
                .unwrap_or_default()
        })
    }

    /// What the codes of another dictionary, whose words these are, are in this one.
    pub(super) fn learn(&mut self, fresh: &Fresh) -> Known {
        let mut known = Known::default();
        for ((to, words), fresh) in known.codes.iter_mut().zip(&mut self.words).zip(fresh) {
            to.push(0);
            to.extend(fresh.iter().map(|word| words.code(word)));
        }
        known
    }
}

/// For each field and code of one dictionary the code of another.
#[derive(Default)]
pub(super) struct Known {
    codes: [Vec<u32>; CODED],
}

impl Known {
    /// The codes of a record in the other dictionary.
    pub(super) fn translate(&self, codes: &mut Codes) {
        for (code, known) in codes.iter_mut().zip(&self.codes) {
            *code = known.get(*code as usize).copied().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_a_piece_become_those_of_all() {
        let (mut all, mut piece) = (Dictionary::new(), Dictionary::new());
        let of = |operation, actor| Indexed {
            format: "nginx",
            operation,
            actor,
            ..Indexed::default()
        };
        let before = all.codes(&of("GET", Some("a")));
        for rows in [
            [of("PUT", Some("b")), of("GET", None)],
            [of("GET", None), of("PUT", Some("a"))],
        ] {
            let mut coded = rows.each_ref().map(|row| piece.codes(row));
            let known = all.learn(&piece.drain());
            for (codes, row) in coded.iter_mut().zip(&rows) {
                known.translate(codes);
                assert_eq!(*codes, all.codes(row));
            }
        }
        assert_eq!(all.codes(&of("GET", Some("a"))), before);
        // A code that nobody has told of is as if nothing was.
        let mut codes = [7; CODED];
        all.learn(&piece.drain()).translate(&mut codes);
        assert_eq!(codes, [0; CODED]);
    }
}
