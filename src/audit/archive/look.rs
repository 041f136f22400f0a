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
        let (at, request) = self.columns.lines(row).ok_or(Gone::Cut)?;
        let first = request.unwrap_or(at);
        let (original, begins) = (self.original(at)?, self.original(first)?);
        let place = Place {
            file: begins.name().clone(),
            line: if numbered {
                begins.line_number(first.offset)?
            } else {
                0
            },
            byte: first.offset,
        };
        let item = match original.kind {
            Kind::Vault => call((original, at), request.map(|at| (begins, at)))?,
            // Of a call that was told in stages the last one counts.
            kind => record(
                original,
                kind,
                &Place {
                    file: original.name().clone(),
                    line: place.line,
                    byte: at.offset,
                },
            )?,
        };
        let sighted = Sighted {
            merged: Merged {
                item,
                duplicate: false,
            },
            place,
            answer: None,
            sighting: Sighting::New,
        };
        let found = AuditRow::of(&sighted).ok_or(Gone::Changed)?;
        // Whatever stands there now, it is another row.
        if Some(nanos(found.time)) != self.columns.times.get(row).copied() {
            return Err(Gone::Changed);
        }
        Ok(found)
    }

    pub(super) fn original(&self, at: At) -> Result<&Original, Gone> {
        let number = usize::try_from(at.file).ok();
        number
            .and_then(|number| self.originals.get(number))
            .ok_or(Gone::Cut)
    }
}

/// A Vault call whose last line stands at a place.
fn call(last: (&Original, At), request: Option<(&Original, At)>) -> Result<Item, Gone> {
    let (original, at) = last;
    let entry = |line: &[u8]| -> Result<Box<VaultEntry>, Gone> {
        let entry = vault::entry(line.trim_ascii()).map_err(|why| Gone::Rejected(why.into()))?;
        Ok(Box::new(entry))
    };
    let (request, last) = match request {
        Some((_, request)) if request.file == at.file => {
            let [request, last] = original.lines([request.offset, at.offset])?;
            (Some(entry(&request)?), entry(&last)?)
        }
        Some((before, request)) => {
            let request = before.line(request.offset)?;
            (Some(entry(&request)?), entry(&original.line(at.offset)?)?)
        }
        None => (None, entry(&original.line(at.offset)?)?),
    };
    Ok(Item::Vault(match last.kind {
        VaultKind::Response => VaultCall {
            request,
            response: Some(last),
        },
        VaultKind::Request => VaultCall {
            request: Some(last),
            response: None,
        },
    }))
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
