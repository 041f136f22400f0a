//! Cuts an input of lines into lots that several threads can read, each by itself: where records
//! go on in other lines a lot ends where the next line has nothing to do with the ones before it.

use super::detect::Kind;
use super::draft::Drafts;
use super::format::Format;
use super::format::postgres::{csv, stderr};
use super::item::Item;
use super::lines::{Line, LineReader};
use super::parallel::{Found, too_long};
use super::trouble::Trouble;
use crate::model::Text;
use crate::model::rejected::Place;

/// About the bytes of a lot.
const LOT: usize = 256 << 10;

/// The most bytes of a lot, but for its last line. What goes on longer is read as it comes.
const LARGEST: usize = 8 << 20;

/// Lines that can be read by themselves.
#[derive(Default)]
pub(super) struct Lot {
    bytes: Vec<u8>,
    lines: Vec<InLot>,
    /// What was found already, of lines that could not be cut.
    found: Option<Found<Item>>,
    trouble: Option<Trouble>,
}

/// A line of a lot, which begins where the one before ends.
struct InLot {
    end: usize,
    number: u64,
    offset: u64,
    /// False where it was too long for that.
    is_held: bool,
}

/// Cuts lines into lots.
pub(super) struct Cutter {
    name: Text,
    kind: Kind,
    bounds: Bounds,
    lot: Lot,
    /// What is complete.
    done: Vec<Lot>,
    /// Reads lines that go on for too long to be cut.
    alone: Option<Alone>,
    drafts: Drafts,
}

/// A reader, and what it has found.
struct Alone {
    format: Box<dyn Format + Send>,
    found: Found<Item>,
}

/// Tells which lines can be read without those before them.
enum Bounds {
    Each,
    Stderr,
    Csv(csv::Quotes),
}

impl Bounds {
    /// True where this is such a line. Every line has to be told.
    fn is_apart(&mut self, line: &[u8]) -> bool {
        match self {
            Self::Each | Self::Stderr => true,
            Self::Csv(quotes) => quotes.pass(line),
        }
    }

    /// The same of what only has to be asked where it matters.
    fn is_beginning(&self, line: &[u8]) -> bool {
        match self {
            Self::Each | Self::Csv(_) => true,
            Self::Stderr => stderr::begins(line),
        }
    }
}

impl Cutter {
    pub(super) fn new(kind: Kind, name: &Text, drafts: Drafts) -> Self {
        Self {
            name: name.clone(),
            kind,
            bounds: match kind {
                Kind::PostgresStderr => Bounds::Stderr,
                Kind::PostgresCsv => Bounds::Csv(csv::Quotes::default()),
                _ => Bounds::Each,
            },
            lot: Lot::default(),
            done: Vec::new(),
            alone: None,
            drafts,
        }
    }

    /// Reads everything; stops where nobody wants more.
    pub(super) fn run(mut self, mut reader: LineReader, give: &mut dyn FnMut(Lot) -> bool) {
        while !reader.is_done() {
            let mut trouble = None;
            reader.lines(&mut |line| self.line(line), &mut |t| trouble = Some(t));
            if self.alone.is_none() && self.lot.weight() > LARGEST {
                self.read_alone();
            }
            if reader.is_done() {
                self.end();
            } else {
                self.give_found();
            }
            if let Some(last) = self.done.last_mut()
                && trouble.is_some()
            {
                last.trouble = trouble;
            } else {
                self.lot.trouble = trouble.or(self.lot.trouble.take());
            }
            for lot in self.done.drain(..) {
                if !give(lot) {
                    return;
                }
            }
        }
    }

    fn line(&mut self, line: Line<'_>) {
        if let Some(bytes) = line.bytes {
            let is_apart = self.bounds.is_apart(bytes);
            let is_full = self.alone.is_some() || self.lot.weight() >= LOT;
            if is_full && is_apart && self.bounds.is_beginning(bytes) {
                self.end();
            }
        }
        if let Some(alone) = &mut self.alone {
            let place = Place {
                file: self.name.clone(),
                line: line.number,
                byte: line.offset,
            };
            self.drafts.framed(line.bytes, &place, alone);
            return;
        }
        self.lot
            .bytes
            .extend_from_slice(line.bytes.unwrap_or_default());
        self.lot.lines.push(InLot {
            end: self.lot.bytes.len(),
            number: line.number,
            offset: line.offset,
            is_held: line.bytes.is_some(),
        });
    }

    /// What comes next has nothing to do with what was before.
    fn end(&mut self) {
        if let Some(mut alone) = self.alone.take() {
            self.drafts.finish(&mut alone);
            self.drafts.give_back(alone.format);
            self.lot.found = Some(alone.found);
        }
        self.done.push(std::mem::take(&mut self.lot));
    }

    /// Goes on by reading what cannot be cut.
    fn read_alone(&mut self) {
        let lot = std::mem::take(&mut self.lot);
        self.lot.trouble.clone_from(&lot.trouble);
        self.alone = lot.read(self.kind, &self.name, &mut self.drafts);
    }

    /// Gives what was found so far of what cannot be cut.
    fn give_found(&mut self) {
        if let Some(alone) = &mut self.alone {
            let mut found = std::mem::take(&mut alone.found);
            self.drafts.end_piece(&mut found);
            self.lot.found = Some(found);
            self.done.push(std::mem::take(&mut self.lot));
        }
    }
}

impl Lot {
    /// What it takes in memory, in bytes: of short lines where they stand takes more than they do.
    fn weight(&self) -> usize {
        self.bytes.len() + self.lines.len() * size_of::<InLot>()
    }

    /// Reads its lines; the last record of them may go on. `None` where there is no line.
    fn read(&self, kind: Kind, name: &Text, drafts: &mut Drafts) -> Option<Alone> {
        self.lines.first()?;
        let mut alone = Alone {
            format: drafts.reader(kind)?,
            found: drafts.room(),
        };
        let mut place = Place {
            file: name.clone(),
            line: 0,
            byte: 0,
        };
        let mut begin = 0;
        for line in &self.lines {
            (place.line, place.byte) = (line.number, line.offset);
            let bytes = self.bytes.get(begin..line.end).filter(|_| line.is_held);
            drafts.framed(bytes, &place, &mut alone);
            begin = line.end;
        }
        Some(alone)
    }

    /// What a lot holds.
    pub(super) fn found(self, kind: Kind, name: &Text, drafts: &mut Drafts) -> Found<Item> {
        let mut found = match self.read(kind, name, drafts) {
            Some(mut alone) => {
                drafts.finish(&mut alone);
                drafts.give_back(alone.format);
                alone.found
            }
            None => self.found.unwrap_or_default(),
        };
        found.trouble = self.trouble;
        found
    }
}

impl Drafts {
    fn framed(&mut self, line: Option<&[u8]>, place: &Place, alone: &mut Alone) {
        let Alone { format, found } = alone;
        let Some(line) = line else {
            found.rejected.push(too_long(place.clone()));
            return;
        };
        self.line_of(line, place, format.as_mut(), found);
    }

    /// There are no more lines that what is held back may go on in.
    fn finish(&mut self, alone: &mut Alone) {
        let Alone { format, found } = alone;
        format.finish(&mut |read| self.take(read, 0, found));
        self.end_piece(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::draft::Drafter;
    use crate::audit::item::Keep;
    use crate::audit::scan::Scanner;

    /// A few packed bytes may be a thousand million line ends.
    #[test]
    fn lines_with_nothing_on_them_make_a_lot_full_too() {
        let kind = Kind::PostgresCsv;
        let drafter = Drafter::new(&Scanner::new(), Keep::Nothing, None);
        let mut cutter = Cutter::new(kind, &"log".into(), Drafts::of(kind, &drafter));
        for number in 0..100_000 {
            cutter.line(Line {
                bytes: Some(b""),
                number,
                offset: number,
            });
            assert!(cutter.lot.weight() <= LOT + size_of::<InLot>());
        }
        let lines = |lots: &[Lot]| lots.iter().map(|lot| lot.lines.len()).sum::<usize>();
        assert!(cutter.done.len() > 5);
        assert_eq!(lines(&cutter.done) + cutter.lot.lines.len(), 100_000);
    }
}
