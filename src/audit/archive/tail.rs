//! The end of a file that grows: its new lines become records as when the whole file is read.

use super::original::Original;
use crate::audit::detect::Kind;
use crate::audit::follow::Block;
use crate::audit::format::Format;
use crate::audit::item::Item;
use crate::audit::lines::{LONGEST_LINE, Line};
use crate::audit::reading::Reading;
use crate::audit::stream::{Live, Shared};
use crate::model::Text;

/// Read of what stands before the end, in bytes. Records that have no id are told apart by how many
/// of the same content come before them in their file; those share a time and stand close together.
const BEFORE: u64 = if cfg!(test) { 64 << 10 } else { 4 << 20 };

/// Records without an id whose how-manieth is known.
const COUNTED: usize = 50_000;

/// What reads the lines of one file.
pub(super) struct Tail {
    name: Text,
    format: Box<dyn Format + Send>,
    live: Live,
}

impl Tail {
    /// For the lines of a file from a place on, where its first lines were read before; `None` of a
    /// document, which does not grow line by line, and where the format is not known.
    pub(super) fn behind(original: &Original, place: u64, shared: &Shared) -> Option<Self> {
        let kind = original.kind?;
        let Reading::Lines(format) = Reading::of(kind, original.name()) else {
            return None;
        };
        let mut tail = Self {
            name: original.name().clone(),
            format,
            live: Live::counting(shared, COUNTED),
        };
        // These always have an id.
        if !matches!(kind, Kind::Vault | Kind::Events) {
            tail.pass(original, place, shared);
        }
        Some(tail)
    }

    /// Counts the records that stand before a place. What cannot be read is not counted.
    fn pass(&mut self, original: &Original, place: u64, shared: &Shared) {
        let from = place.saturating_sub(BEFORE);
        let mut bytes = vec![0; usize::try_from(place - from).unwrap_or(0)];
        let got = original.content.read_at(&mut bytes, from).unwrap_or(0);
        bytes.truncate(got);
        let begin = match memchr::memchr(b'\n', &bytes) {
            _ if from == 0 => 0,
            Some(end) => end + 1,
            None => return,
        };
        let block = Block {
            bytes: bytes.get(begin..).unwrap_or_default(),
            offset: from + begin as u64,
            line: 0,
        };
        self.lines(&shared.aside(), &block, 0, &mut |_| {});
    }

    /// Reads the lines of a block that begin at or behind a place.
    pub(super) fn lines(
        &mut self,
        shared: &Shared,
        block: &Block<'_>,
        place: u64,
        out: &mut dyn FnMut(Item),
    ) {
        let (mut offset, mut number) = (block.offset, block.line);
        for line in block.bytes.split_inclusive(|byte| *byte == b'\n') {
            let (begin, length) = (offset, line.len() as u64);
            offset += length;
            number += 1;
            if begin < place {
                continue;
            }
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // A byte-order mark is no part of the first line.
            let marked = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| begin == 0);
            let line = Line {
                bytes: Some(marked.unwrap_or(line)).filter(|line| line.len() <= LONGEST_LINE),
                number: number - 1,
                offset: begin + if marked.is_some() { 3 } else { 0 },
            };
            let format = self.format.as_mut();
            self.live.line(shared, &self.name, line, format, out);
        }
    }
}
