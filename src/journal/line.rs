//! One line of a journal, and the chain that it is part of.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::intent::{Intent, Outcome};
use crate::model::{Actor, Timestamp};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1.
    pub n: u64,
    /// When, by the clock of who wrote it.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: Kind,
    /// A line before this one that a crash cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<Torn>,
    /// The hash of the line before; empty in the first.
    pub prev: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A session began to write.
    Begun {
        /// Whose session.
        by: Actor,
        /// The program's version.
        version: String,
    },
    /// An act is about to be sent.
    Intended {
        /// Which.
        intent: Intent,
        /// To which backend.
        to: String,
    },
    /// What became of it.
    Ended {
        /// The idempotency key of which act.
        key: String,
        /// What.
        outcome: Outcome,
    },
}

/// What a crash left of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Torn {
    /// How long it is.
    pub bytes: u64,
    /// Its hash.
    pub sha256: String,
}

impl Torn {
    /// What is left of a line.
    pub(super) fn of(rest: &[u8]) -> Self {
        Self {
            bytes: rest.len() as u64,
            sha256: hex(rest),
        }
    }
}

/// What stands before the hash of a line.
const SEAM: &str = ",\"hash\":\"";

/// The hash of some bytes, in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The entry as a line without its end, and the line's hash.
pub(super) fn write(entry: &Entry) -> Result<(String, String), serde_json::Error> {
    let body = crate::model::json::to_line(entry)?;
    let hash = hex(body.as_bytes());
    let open = body.strip_suffix('}').unwrap_or(&body);
    Ok((format!("{open}{SEAM}{hash}\"}}"), hash))
}

/// Reads a line without its end; `None` where it is none or its hash is not its own.
pub(super) fn read(line: &[u8]) -> Option<(Entry, String)> {
    let line = std::str::from_utf8(line).ok()?;
    let (open, rest) = line.rsplit_once(SEAM)?;
    let hash = rest.strip_suffix("\"}")?;
    let body = format!("{open}}}");
    if hex(body.as_bytes()) != hash {
        return None;
    }
    let entry = serde_json::from_str(&body).ok()?;
    Some((entry, hash.to_owned()))
}
