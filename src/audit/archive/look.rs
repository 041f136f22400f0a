//! Looks at a row: its line is read again, in full.

use super::Archive;
use super::columns::{At, nanos};
use super::original::{Gone, Original};
use crate::audit::AuditRow;
use crate::audit::detect::Kind;
use crate::audit::format::{Read, vault};
use crate::audit::lines::LONGEST_LINE;
use crate::audit::merge::Sighting;
use crate::audit::open::Sighted;
use crate::audit::reading::Reading;
use crate::audit::record::{Item, Merged, VaultCall, VaultEntry, VaultKind};
use crate::model::Text;
use crate::model::rejected::Place;

/// Read at once of a record that may span lines, in bytes.
const WINDOW: usize = 16 << 10;

impl Archive {
    /// A row, read in full. The number of its line is counted where `numbered`, else it is 0.
    ///
    /// # Errors
    /// Words for a person where the row is not there any more or cannot be read in full.
    pub fn row(&self, row: usize, numbered: bool) -> Result<AuditRow, String> {
        self.look(row, numbered).map_err(|gone| gone.to_string())
    }

    pub(super) fn look(&self, row: usize, numbered: bool) -> Result<AuditRow, Gone> {
        let (at, first) = self.columns.lines(row).ok_or(Gone::Cut)?;
        let original = self.original(at)?;
        let (item, begins, line) = match first {
            Some(first) if first.file == at.file => match original.kind {
                Some(Kind::Vault) => {
                    let (item, number) = call(original, [first.offset, at.offset], numbered)?;
                    (item, first, Some(number))
                }
                // Of a call that was told in stages the last one counts.
                _ => (alone(original, at.offset)?, first, None),
            },
            Some(first) => {
                let last = alone(original, at.offset)?;
                match self.begun(first, &last)? {
                    Some(begun) => (joined(begun, last), first, None),
                    None => (last, at, None),
                }
            }
            None => (alone(original, at.offset)?, at, None),
        };
        let of = self.original(begins)?;
        let place = Place {
            file: of.name().clone(),
            line: match line {
                Some(line) => line,
                None if numbered => of.line_number(begins.offset)?,
                None => 0,
            },
            byte: begins.offset,
        };
        let found = told(item, place).ok_or(Gone::Changed)?;
        // Whatever stands there now, it is another row.
        if Some(nanos(found.time)) != self.columns.times.get(row).copied() {
            return Err(Gone::Changed);
        }
        Ok(found)
    }

    /// The first line of a call whose last line stands in another file; `None` where that is not
    /// there any more, or another one: that file may have been cut since and written anew. That it
    /// cannot be read for now is told.
    fn begun(&self, first: At, last: &Item) -> Result<Option<Item>, Gone> {
        let nowhere = Place {
            file: Text::default(),
            line: 0,
            byte: 0,
        };
        let id = |item: &Item| told(item.clone(), nowhere.clone())?.id;
        match alone(self.original(first)?, first.offset) {
            Ok(begun) => Ok((id(&begun) == id(last)).then_some(begun)),
            Err(failed @ Gone::Failed(_)) => Err(failed),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn original(&self, at: At) -> Result<&Original, Gone> {
        let number = usize::try_from(at.file).ok();
        number
            .and_then(|number| self.originals.get(number))
            .ok_or(Gone::Cut)
    }
}

/// The row of an item that stands at a place.
pub(super) fn told(item: Item, place: Place) -> Option<AuditRow> {
    AuditRow::of(&Sighted {
        merged: Merged {
            item,
            duplicate: false,
        },
        place,
        answer: None,
        sighting: Sighting::New,
    })
}

/// What stands at a place, without what belongs to it.
fn alone(original: &Original, offset: u64) -> Result<Item, Gone> {
    match original.kind {
        Some(Kind::Vault) => Ok(Item::Vault(of_lines(None, entry(&original.line(offset)?)?))),
        Some(kind) => {
            let place = Place {
                file: original.name().clone(),
                line: 0,
                byte: offset,
            };
            record(original, kind, &place)
        }
        None => Err(Gone::Changed),
    }
}

/// A Vault call whose lines stand in one file, with the number of the first; 0 where it is not
/// `numbered`.
fn call(original: &Original, places: [u64; 2], numbered: bool) -> Result<(Item, u64), Gone> {
    let ([first, last], number) = original.lines(places, numbered)?;
    let call = of_lines(Some(entry(&first)?), entry(&last)?);
    Ok((Item::Vault(call), number))
}

fn entry(line: &[u8]) -> Result<Box<VaultEntry>, Gone> {
    let entry = vault::entry(line.trim_ascii()).map_err(|why| Gone::Rejected(why.into()))?;
    Ok(Box::new(entry))
}

fn of_lines(request: Option<Box<VaultEntry>>, last: Box<VaultEntry>) -> VaultCall {
    match last.kind {
        VaultKind::Response => VaultCall {
            request,
            response: Some(last),
        },
        VaultKind::Request => VaultCall {
            request: Some(last),
            response: None,
        },
    }
}

/// A call of a first and a last line. Of one that was told in stages the last one counts.
fn joined(first: Item, last: Item) -> Item {
    match (first, last) {
        (Item::Vault(first), Item::Vault(last)) => Item::Vault(VaultCall {
            request: last.request.or(first.request),
            ..last
        }),
        (_, last) => last,
    }
}

/// The record that begins at a place, in whatever format. It is read until it is complete.
fn record(original: &Original, kind: Kind, place: &Place) -> Result<Item, Gone> {
    let mut want = WINDOW;
    loop {
        let mut window = vec![0; want];
        let got = original.content.read_at(&mut window, place.byte)?;
        window.truncate(got);
        let whole = got < want;
        if window.is_empty() {
            return Err(Gone::Cut);
        }
        match first_of(kind, &window, place, whole) {
            Some(Read::Record(record, _)) => return Ok(record.item()),
            Some(Read::Rejected(rejected)) if whole || want > LONGEST_LINE => {
                return Err(Gone::Rejected(rejected.reason));
            }
            _ if whole => return Err(Gone::Changed),
            _ if want > LONGEST_LINE => return Err(Gone::TooLong),
            _ => want *= 4,
        }
    }
}

/// The first thing that is read of bytes; of what may go on behind them only what is complete.
fn first_of(kind: Kind, window: &[u8], place: &Place, whole: bool) -> Option<Read> {
    let mut first = None;
    let mut keep = |read: Read| {
        first.get_or_insert(read);
    };
    match Reading::of(kind, &place.file) {
        Reading::Bytes(mut format) => {
            format.bytes(window, &mut keep);
            if whole {
                format.end(&mut keep);
            }
        }
        Reading::Lines(mut format) => {
            let complete = match memchr::memrchr(b'\n', window) {
                Some(end) if !whole => window.get(..end).unwrap_or_default(),
                None if !whole => return None,
                _ => window,
            };
            let mut line_place = place.clone();
            for line in complete.split(|byte| *byte == b'\n') {
                let trimmed = line.strip_suffix(b"\r").unwrap_or(line);
                format.line(trimmed, &line_place, &mut keep);
                line_place.byte += line.len() as u64 + 1;
                line_place.line += 1;
            }
            if whole {
                format.finish(&mut keep);
            }
        }
    }
    first
}

/// The field `file` of a row.
pub(super) fn file_name(archive: &Archive, row: usize) -> Option<&Text> {
    let at = archive.columns.place(row)?;
    archive.original(at).ok().map(Original::name)
}
