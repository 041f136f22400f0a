//! Log formats (a file each, pure), the derivation of events from them, and reading them from
//! files, folders and standard input.

pub mod digest;
pub mod record;

pub mod format;

pub mod identity;

pub mod derive;

pub mod trouble;

pub mod source;

pub mod lines;

pub mod follow;

pub mod detect;

pub mod scan;

mod keyed;

mod entry;

mod words;

mod coded;

mod item;

mod parallel;
pub mod progress;
mod recent;
mod reorder;

mod reading;

mod draft;

mod lots;

mod stream;

mod merge;

mod open;

pub mod live;

pub mod archive;

pub use entry::AuditRow;
pub use merge::Sighting;
pub use open::{Counts, OpenError, Opened, Options, Sighted, open, open_carried};
pub use progress::Progress;
pub use source::Content;
pub use trouble::Trouble;
