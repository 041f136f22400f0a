//! What could not be read: kept with its place and its reason, and shown on request.

use serde::Serialize;

use super::text::Text;

/// Where something stands in what was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The file as the user named it or as it was found in a folder; `-` is standard input.
    pub file: Text,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: u64,
    /// The offset of the line's first byte in the decompressed file.
    pub byte: u64,
}

/// A line, or with `place.line` 0 a whole file, that could not be read. It stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it, for a person.
    pub reason: Text,
    /// Its beginning, at most 200 characters, with raw secret values masked; empty for a file.
    pub excerpt: Text,
}
