//! One line of a journal, and the chain that it is part of.
//!
//! A line is the entry's JSON with two members at its end: the SHA-256 of that JSON, and the
//! writer's signature of the hash. The number and the hash of the line before stand first, so that
//! what a crash leaves of a line can be told from what somebody else put there.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::guard::Signer;
use crate::model::intent::{Intent, Outcome};
use crate::model::proof::{PublicKey, Signature};
use crate::model::{Actor, Timestamp};

/// What is signed is for this and nothing else.
const DOMAIN: &str = "rotascope journal line v1";

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is none, and no crash left it.
    #[error("it is no line that was written here")]
    NoLine,
    /// Its hash is not its own.
    #[error("it was changed: its hash is not its own")]
    Changed,
    /// Its signature is not the writer's.
    #[error("it is forged: the writer's key did not sign it")]
    Forged,
    /// It is not the one that follows.
    #[error("it does not follow the line before it: a line was moved, repeated or taken out")]
    Misplaced,
    /// It names what a crash left before it, and something else is there.
    #[error("what stands before it is not what a crash left there")]
    OtherScrap,
    /// The first line says nobody who writes.
    #[error("the journal does not begin by saying who writes it")]
    NoWriter,
    /// Another writer than that of the first line.
    #[error("it names another writer than the first line")]
    OtherWriter,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1.
    pub n: u64,
    /// The hash of the line before; empty in the first.
    pub prev: String,
    /// When, by the clock of who wrote it.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: Kind,
    /// What a crash left between the line before and this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<Torn>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A session began to write. The first line of each journal is one, and so names its writer.
    Begun {
        /// Whose session.
        by: Actor,
        /// The program's version.
        version: String,
        /// Who writes this journal.
        writer: Writer,
        /// Why it is written here and not in its first place, where it is so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead: Option<String>,
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

impl Entry {
    /// The key of the act whose end it says, for good.
    #[must_use]
    pub fn ended(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ended {
                key,
                outcome: Outcome::Observed { .. } | Outcome::Failed { .. },
            } => Some(key),
            _ => None,
        }
    }
}

/// Who writes a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// The journal's own name, random: 32 hexadecimal digits.
    pub id: String,
    /// The key that signs its lines and its head.
    pub key: PublicKey,
}

/// What a crash left of a line, or of some.
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

/// A line that was read: whole, and its hash its own.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) entry: Entry,
    pub(super) hash: String,
    signature: Signature,
}

impl Line {
    /// True where the owner of the key signed it.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        Signer::verify(key, DOMAIN, self.hash.as_bytes(), &self.signature)
    }
}

/// What stands before the hash of a line.
const HASH: &str = ",\"hash\":\"";
/// What stands before its signature.
const SIGNATURE: &str = "\",\"sig\":\"";
/// What stands at its end.
const END: &str = "\"}";

/// The hash of some bytes, in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The entry as a line without its end, and the line's hash.
pub(super) fn write(entry: &Entry, signer: &Signer) -> Result<(String, String), serde_json::Error> {
    let body = crate::model::json::to_line(entry)?;
    let hash = hex(body.as_bytes());
    let signature = signer.sign(DOMAIN, hash.as_bytes());
    let open = body.strip_suffix('}').unwrap_or(&body);
    let line = format!("{open}{HASH}{hash}{SIGNATURE}{signature}{END}");
    Ok((line, hash))
}

/// Reads a line without its end.
pub(super) fn read(line: &[u8]) -> Result<Line, Fault> {
    let (body, hash, signature) = parts(line).ok_or(Fault::NoLine)?;
    if hex(body.as_bytes()) != hash {
        return Err(Fault::Changed);
    }
    let entry = serde_json::from_str(&body).map_err(|_| Fault::NoLine)?;
    let read: Signature = signature.parse().map_err(|_| Fault::Forged)?;
    // One signature has one spelling; another is a changed line.
    if read.to_string() != signature {
        return Err(Fault::Forged);
    }
    Ok(Line {
        entry,
        hash: hash.to_owned(),
        signature: read,
    })
}

fn parts(line: &[u8]) -> Option<(String, &str, &str)> {
    let line = std::str::from_utf8(line).ok()?;
    let (open, rest) = line.rsplit_once(HASH)?;
    let (hash, rest) = rest.split_once(SIGNATURE)?;
    let signature = rest.strip_suffix(END)?;
    Some((format!("{open}}}"), hash, signature))
}

/// True where this can be what a crash left of the line `n` that was to follow the hash `prev`: a
/// beginning of it, then perhaps zeros, which a disk that lost its power leaves.
pub(super) fn can_begin(scrap: &[u8], n: u64, prev: &str) -> bool {
    let zeros = scrap.iter().rev().take_while(|byte| **byte == 0).count();
    let begun = scrap.get(..scrap.len() - zeros).unwrap_or_default();
    let beginning = format!("{{\"n\":{n},\"prev\":\"{prev}\",\"at\":\"");
    let fits = beginning.as_bytes().starts_with(begun) || begun.starts_with(beginning.as_bytes());
    fits && !scrap.is_empty() && parts(begun).is_none()
}
