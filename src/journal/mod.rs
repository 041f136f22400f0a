//! The journal: what was done by whom, written and synced before it is sent.
//!
//! A file of JSON lines, only ever added to. Each line holds the hash of the line before it and
//! its own, and the writer's signature, so that a line that was changed, moved, doubled, taken out
//! or forged is found. The signed head (how many lines, the hash of the last) is kept beside it,
//! in a second folder and in the receipt of each act: while one of them survives, a cut tail is
//! found too. A line that was torn by a crash is named by the next line that is written, and is
//! called torn. Each session writes a file of its own, and nobody else while it does; what an
//! earlier one left open is read from its file.
//!
//! [`Scribe`] writes to a second place where the first disk is full, dead or hangs. [`verify`]
//! judges. [`Spent`] remembers what may be used once.

mod disk;
mod folder;
mod head;
mod line;
mod read;
mod scribe;
mod spent;
mod verify;
mod write;

pub use head::{Misfit, head_file, is_signed, read_head};
pub use line::{Entry, Fault, Kind, Torn, Writer};
pub use read::{Broken, History, OpenAct, of_bytes, read};
pub use scribe::{Place, Places, Scribe, Unwritten, Written, file_in, open_acts};
pub use spent::Spent;
pub use verify::{Judged, LostHead, Report, Sheet, Verdict, Why, Witness, gather, verify};
pub use write::{Journal, JournalError};

#[cfg(test)]
mod tests;
