//! What is kept of a person: the seed of their key, the secret of their one-time codes and the
//! hashes of their recovery codes. One line of JSON, as keyrings take words and not bytes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::IdentityError;
use crate::guard::Signer;
use crate::guard::totp::{Enrolled, TotpSecret};
use crate::model::proof::Digest;

/// The length of a seed, in bytes.
const SEED: usize = 32;

/// What is kept. Wiped when it is dropped; its `Debug` shows nothing.
#[derive(Clone)]
pub(super) struct Record {
    seed: Zeroizing<[u8; SEED]>,
    pub(super) enrolled: Enrolled,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(…)")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    seed: Zeroizing<String>,
    #[serde(default)]
    totp: Option<Zeroizing<String>>,
    #[serde(default)]
    recovery: Vec<Digest>,
}

impl Record {
    /// A new key.
    pub(super) fn random() -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; SEED]);
        SysRng
            .try_fill_bytes(seed.as_mut_slice())
            .map_err(|_| IdentityError::NoRandomness)?;
        Ok(Self {
            seed,
            enrolled: Enrolled::default(),
        })
    }

    /// The key of a seed in base64.
    pub(super) fn of_seed(words: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(words.trim()).ok()?);
        if bytes.len() != SEED {
            return None;
        }
        let mut seed = Zeroizing::new([0; SEED]);
        seed.copy_from_slice(&bytes);
        Some(Self {
            seed,
            enrolled: Enrolled::default(),
        })
    }

    /// The same key with other codes.
    pub(super) fn with(&self, enrolled: Enrolled) -> Self {
        Self {
            seed: self.seed.clone(),
            enrolled,
        }
    }

    pub(super) fn signer(&self) -> Signer {
        Signer::from_seed(&self.seed)
    }

    /// Reads what [`Self::words`] wrote.
    pub(super) fn parse(words: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(words).ok()?;
        let mut record = Self::of_seed(&written.seed)?;
        if let Some(words) = written.totp {
            record.enrolled.totp = Some(TotpSecret::parse(&words).ok()?);
        }
        let hashes = written.recovery.iter().map(|hash| *hash.as_bytes());
        record.enrolled.recovery = hashes.collect();
        Some(record)
    }

    pub(super) fn words(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(STANDARD.encode(self.seed.as_slice()));
        // One allocation that is large enough: a grown string leaves what it held behind.
        let mut words = Zeroizing::new(String::with_capacity(
            256 + 80 * self.enrolled.recovery.len(),
        ));
        words.push_str("{\"seed\":\"");
        words.push_str(&seed);
        words.push('"');
        if let Some(totp) = &self.enrolled.totp {
            words.push_str(",\"totp\":\"");
            words.push_str(&totp.base32());
            words.push('"');
        }
        words.push_str(",\"recovery\":[");
        for (n, hash) in self.enrolled.recovery.iter().enumerate() {
            words.push_str(if n == 0 { "\"" } else { ",\"" });
            words.push_str(&data_encoding::HEXLOWER.encode(hash));
            words.push('"');
        }
        words.push_str("]}");
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_shown_to_nobody() {
        let mut record = Record::random().unwrap();
        record.enrolled.totp = Some(TotpSecret::new([7; 20]));
        record.enrolled.recovery = vec![[1; 32], [2; 32]];
        let words = record.words();
        let read = Record::parse(&words).unwrap();
        assert_eq!(read.signer().public(), record.signer().public());
        assert_eq!(read.enrolled, record.enrolled);
        assert_eq!(format!("{record:?}"), "Record(…)");
        for wrong in [
            "",
            "{}",
            "{\"seed\":\"AAAA\"}",
            &words.replace("]}", "],\"x\":1}"),
        ] {
            assert!(Record::parse(wrong).is_none(), "{wrong}");
        }
    }
}
