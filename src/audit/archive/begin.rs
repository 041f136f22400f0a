//! Files in which nothing had told their format when they were opened: empty ones, as right after a
//! rotation, and those whose first line was still being written. Their first whole lines tell it.

use super::original::Original;
use crate::audit::detect::{Detected, Kind, SAMPLE, detect_lines};
use crate::audit::follow::Block;
use crate::audit::progress::Progress;
use crate::audit::stream::unknown;
use crate::audit::trouble::Trouble;

impl Original {
    /// True where its format may yet be told by what is written to it: it is plain, and its lines
    /// that have an end are blank.
    pub(super) fn may_begin(&self) -> bool {
        let blank = usize::try_from(self.read_to).unwrap_or(usize::MAX);
        // Of more white space nothing is read whatever comes.
        if self.packed || blank > SAMPLE {
            return false;
        }
        let mut head = vec![0; blank];
        let got = self.content.read_at(&mut head, 0);
        got.is_ok_and(|got| got == blank) && head.trim_ascii().is_empty()
    }

    /// Finds the format by first lines where it is not known yet; true where these can be read as
    /// lines of it. That they cannot is told once, since nothing is read after that.
    pub(super) fn learn(&mut self, block: &Block<'_>, progress: &Progress) -> bool {
        if self.kind.is_some() || self.refused {
            return self.reads_lines();
        }
        let detected = detect_lines(block.bytes);
        if detected == Detected::Empty {
            return false;
        }
        // What stood there of the first line was rejected as the whole of the file.
        if self.torn.take().is_some() {
            progress.forgive(self.name(), 0);
        }
        let path = self.name().clone();
        match detected {
            Detected::Known(kind) => {
                self.kind = Some(kind);
                if !kind.is_one_line() {
                    progress.trouble(Trouble::Unfollowed { path });
                }
            }
            Detected::Unknown(reason) => {
                progress.reject(unknown(&path, reason.clone()));
                // A first line that never ended says nothing of what the next file will hold.
                self.refused = memchr::memchr(b'\n', block.bytes).is_some();
                if self.refused {
                    progress.trouble(Trouble::Unknown { path, reason });
                }
            }
            Detected::Empty => {}
        }
        self.reads_lines()
    }

    /// True where what is written to it can be read, now or once its format is told.
    pub(super) fn grows(&self) -> bool {
        let can = !self.packed && !self.refused;
        can && !self.spans_lines()
    }

    /// True where it has records that span lines.
    pub(super) fn spans_lines(&self) -> bool {
        self.kind.is_some_and(|kind| !kind.is_one_line())
    }

    /// True where it could grow but is read once: its records span lines.
    pub(super) fn is_read_once(&self) -> bool {
        let spans = matches!(self.kind, Some(Kind::PostgresStderr | Kind::PostgresCsv));
        spans && !self.packed
    }

    /// True where its format is known and has a record a line.
    pub(super) fn reads_lines(&self) -> bool {
        self.kind.is_some_and(Kind::is_one_line)
    }
}
