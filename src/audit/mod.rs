//! Log formats (a file each, pure), the derivation of events from them, and reading them from
//! files, folders and standard input.

pub mod derive;
pub mod format;
pub mod lines;
pub mod record;
pub mod source;
pub mod trouble;
