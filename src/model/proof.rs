//! What proves that a person meant an act: their key's signature over the intent's digest, what
//! they answered, a code, other persons' approvals. Plain data; whether a proof holds is for the
//! guard to say.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize;

use super::id::Actor;
use super::intent::Intent;
use super::json;
use super::time::Timestamp;

/// Stands before an intent where its digest is taken, so that it is no other thing's digest.
const INTENT: &str = "rotascope intent v1\n";

/// What stands before a public key.
const KEY: &str = "ed25519:";

/// Words that are no digest, key or signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is expected")]
pub struct Malformed(&'static str);

/// Written as words, read from words.
macro_rules! worded {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let words = String::deserialize(deserializer)?;
                words.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

worded!(Digest, PublicKey, Signature);

/// The SHA-256 of something; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = Malformed;
    fn from_str(words: &str) -> Result<Self, Malformed> {
        let bytes = data_encoding::HEXLOWER.decode(words.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(Malformed("a SHA-256 digest, 64 digits of 0-9a-f,"))
    }
}

impl Intent {
    /// Names exactly this intent: another field anywhere is another digest. It is the SHA-256 of
    /// `rotascope intent v1`, a line end, and the intent as [`json::to_line`] writes it; reading
    /// an intent back from its JSON leaves its digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // An intent has no map in it: it can always be written.
        let line = json::to_line(self).unwrap_or_default();
        Digest::of(format!("{INTENT}{line}").as_bytes())
    }
}

/// A person's Ed25519 public key; written as `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of these bytes; that they are a key is found out where it is used.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEY}{}", STANDARD.encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = Malformed;
    fn from_str(words: &str) -> Result<Self, Malformed> {
        let bytes = words
            .strip_prefix(KEY)
            .and_then(|rest| STANDARD.decode(rest).ok());
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(Malformed(
                "a key, \"ed25519:\" and 32 bytes in base64 behind it,",
            ))
    }
}

/// An Ed25519 signature; written as base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The signature of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl FromStr for Signature {
    type Err = Malformed;
    fn from_str(words: &str) -> Result<Self, Malformed> {
        let bytes = STANDARD.decode(words).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(Malformed("a signature, 64 bytes in base64,"))
    }
}

/// What a person typed where a code was asked for: a one-time code or a recovery code. It shows
/// itself to nobody and is wiped when it is dropped; only as part of a [`Proof`] it is written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// What was typed.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// True where nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl From<String> for Code {
    fn from(typed: String) -> Self {
        Self(typed)
    }
}

impl From<&str> for Code {
    fn from(typed: &str) -> Self {
        Self(typed.to_owned())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// How a code is written, as part of a proof and nowhere else.
mod code {
    use super::{Code, Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::ref_option,
        reason = "serde calls it with a reference to the field"
    )]
    pub(super) fn serialize<S: Serializer>(
        code: &Option<Code>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match code {
            Some(code) => serializer.serialize_some(code.raw()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Code>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Code))
    }
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own; any set of them may be given"
)]
/// What a person answered before an act. It is signed together with the intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Met {
    /// They pressed the key that confirms.
    pub confirmed: bool,
    /// They typed the secret's name.
    pub named: bool,
    /// They gave a reason.
    pub reasoned: bool,
    /// They gave a code that fits.
    pub code: bool,
}

/// Another person's approval of one intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who approves.
    pub by: Actor,
    /// With which key.
    pub key: PublicKey,
    /// Of which intent.
    pub intent: Digest,
    /// When, by the approver's clock.
    pub at: Timestamp,
    /// It is void after this moment.
    pub until: Timestamp,
    /// Over all of the above.
    pub signature: Signature,
}

/// The signed head of a journal: whoever holds it can tell whether the journal was cut since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The journal's own random id.
    pub writer: String,
    /// How many lines it has.
    pub n: u64,
    /// The hash of the last of them.
    pub hash: String,
    /// Whose journal it is.
    pub key: PublicKey,
    /// Over all of the above.
    pub signature: Signature,
}

/// What proves that a person meant an intent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Whose key signed.
    pub key: PublicKey,
    /// What they answered.
    pub met: Met,
    /// Over the intent's digest and what they answered.
    pub signature: Signature,
    /// The code that they gave, for whoever keeps their secret to check again.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "code")]
    pub code: Option<Code>,
    /// Who else approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Where the person's journal stood once it held this intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// An intent and what proves it: the body of `POST /v1/acts`. Without a proof it is what a bearer
/// token alone asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    /// What is to be done.
    #[serde(flatten)]
    pub intent: Intent,
    /// Whose word that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::act::Wish;
    use crate::model::intent::Verb;

    fn intent() -> Intent {
        let wish = Wish {
            secret: Some("payments/db".into()),
            seconds: Some(600),
            ..Wish::new(Verb::ExtendGrace)
        };
        let at = Timestamp::new(1_800_000_000, 120_000);
        wish.intent(
            "mira".into(),
            Some("grüße \u{202e}".into()),
            "k1".to_owned(),
            at,
        )
    }

    #[test]
    fn keys_signatures_and_digests_are_read_back_as_they_were_written() {
        let key = PublicKey::new([7; 32]);
        assert!(key.to_string().starts_with("ed25519:"));
        assert_eq!(key.to_string().parse(), Ok(key));
        let signature = Signature::new([9; 64]);
        assert_eq!(signature.to_string().parse(), Ok(signature));
        let digest = intent().digest();
        assert_eq!(digest.to_string().len(), 64);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "0g"] {
            assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
            assert!(wrong.parse::<Signature>().is_err(), "{wrong}");
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_intent_that_was_sent_has_the_digest_that_was_signed() {
        let signed = Signed {
            intent: intent(),
            proof: Some(Proof {
                key: PublicKey::new([7; 32]),
                met: Met::default(),
                signature: Signature::new([9; 64]),
                code: Some("123 456".into()),
                approvals: Vec::new(),
                head: None,
            }),
        };
        let line = json::to_line(&signed).unwrap();
        let read: Signed = serde_json::from_str(&line).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.intent.digest(), intent().digest());
        assert!(
            !format!("{signed:?}").contains("123"),
            "codes are not shown"
        );
    }

    #[test]
    fn a_bearer_tokens_act_has_no_proof() {
        let line = json::to_line(&intent()).unwrap();
        let read: Signed = serde_json::from_str(&line).unwrap();
        assert_eq!(read.proof, None);
        assert_eq!(read.intent, intent());
    }
}
