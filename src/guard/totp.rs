//! One-time codes (RFC 6238: SHA-1, six digits, thirty seconds) and recovery codes.
//!
//! A code fits in its own step and in the one before and after it; it is good once, for which
//! [`Use`] is what is remembered. What a person typed is brought to one spelling first.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use super::once::{Once, OnceError};
use crate::model::proof::Code;
use crate::model::text::is_hidden;
use crate::model::{Actor, Timestamp, json};

/// The length of a step, in seconds.
pub const STEP: u64 = 30;

/// The length of a secret, in bytes.
const SECRET: usize = 20;

/// How many digits a code has.
const DIGITS: usize = 6;

/// So many steps before and after the moment's own a code fits.
const SKEW: u64 = 1;

/// So many steps before and after, two hours, are looked at to tell a wrong clock from a wrong
/// code.
const FAR: u64 = 240;

/// So many one-time codes a person may try in [`TRIES_SPAN`] seconds, right ones among them.
const TRIES: u32 = 20;
const TRIES_SPAN: i64 = 300;

/// How many characters a recovery code has, dashes aside: 80 bits.
const RECOVERY: usize = 16;

/// Stands before a recovery code where its hash is taken.
const RECOVERY_DOMAIN: &[u8] = b"rotascope recovery v1\n";

/// The secret that a person's one-time codes are made from. Wiped when it is dropped; its `Debug`
/// shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Zeroizing<[u8; SECRET]>);

/// Words that are no secret for codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret for one-time codes, 20 bytes in base32, is expected")]
pub struct NoTotpSecret;

impl TotpSecret {
    /// The secret of these random bytes: as many as RFC 4226 recommends.
    #[must_use]
    pub fn new(bytes: [u8; SECRET]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads base32, in any case, with or without padding, spaces and dashes.
    ///
    /// # Errors
    /// [`NoTotpSecret`] where it is none, or of another length.
    pub fn parse(words: &str) -> Result<Self, NoTotpSecret> {
        let words: Zeroizing<String> = Zeroizing::new(
            words
                .chars()
                .filter(|c| !c.is_whitespace() && *c != '-' && *c != '=')
                .map(|c| c.to_ascii_uppercase())
                .collect(),
        );
        let bytes = BASE32_NOPAD.decode(words.as_bytes());
        let bytes = Zeroizing::new(bytes.map_err(|_| NoTotpSecret)?);
        let bytes: [u8; SECRET] = bytes.as_slice().try_into().map_err(|_| NoTotpSecret)?;
        Ok(Self::new(bytes))
    }

    /// The secret in base32, for the person's authenticator and nobody else.
    #[must_use]
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.0.as_slice()))
    }

    /// The code of a step, six digits.
    #[must_use]
    pub fn code(&self, step: u64) -> Zeroizing<String> {
        Zeroizing::new(self.totp().generate(step.saturating_mul(STEP)).to_string())
    }

    fn totp(&self) -> Totp {
        // SHA-1, six digits, thirty seconds: what the builder begins with.
        Builder::new()
            .with_secret(totp_rs::Secret::new_stack(*self.0))
            .build_noncompliant()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a person's codes are checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// What their authenticator has.
    pub totp: Option<TotpSecret>,
    /// The hashes of their recovery codes ([`recovery_hash`]).
    pub recovery: Vec<[u8; 32]>,
}

impl Enrolled {
    /// True where no code can be checked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.totp.is_none() && self.recovery.is_empty()
    }

    /// What a code that fits uses up.
    ///
    /// # Errors
    /// [`CodeError`] where it does not fit.
    pub fn check(&self, person: &Actor, code: &Code, now: Timestamp) -> Result<Use, CodeError> {
        if self.is_empty() {
            return Err(CodeError::NotEnrolled(person.clone()));
        }
        is_code(code)?;
        if let Some(digits) = one_time(code.raw()) {
            let secret = self.totp.as_ref().ok_or(CodeError::Wrong)?;
            let step = check(secret, &digits, now)?;
            let person = person.clone();
            return Ok(Use::Step { person, step });
        }
        let hash = recovery_hash(code).ok_or(CodeError::Malformed)?;
        let known = self
            .recovery
            .iter()
            .any(|kept| bool::from(kept.ct_eq(&hash)));
        if !known {
            return Err(CodeError::Wrong);
        }
        Ok(Use::Recovery { hash })
    }
}

/// What a code uses up; as words for [`super::Once`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// A step of a person's one-time codes.
    Step {
        /// Whose.
        person: Actor,
        /// Which, counted from 1970.
        step: u64,
    },
    /// One of a person's recovery codes: by what it is, not by whose or where it stands, so that
    /// no edit of the people file makes a used one good again.
    Recovery {
        /// Its hash ([`recovery_hash`]).
        hash: [u8; 32],
    },
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The name in JSON holds no line end, and each name is written in one way.
            Self::Step { person, step } => {
                let person = json::to_line(&person).map_err(|_| fmt::Error)?;
                write!(f, "totp {step} {person}")
            }
            Self::Recovery { hash } => {
                write!(f, "recovery {}", data_encoding::HEXLOWER.encode(hash))
            }
        }
    }
}

/// Why a code does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Nothing was typed.
    #[error("a code is needed: six digits, or a recovery code")]
    Missing,
    /// What was typed is no code at all.
    #[error("that is no code: six digits, or a recovery code of {RECOVERY} characters")]
    Malformed,
    /// It is not the code.
    #[error("the code does not fit")]
    Wrong,
    /// It is the code of another time: one of the clocks is wrong.
    #[error("the code does not fit: the clock of this machine and the code differ by about {0}")]
    Clock(Apart),
    /// So many were tried that it may be somebody who guesses.
    #[error("too many codes were tried: wait for five minutes, or use a recovery code")]
    TooMany,
    /// There is nothing to check it against.
    #[error("{0} has no one-time codes here: enrol with rotascope identity totp")]
    NotEnrolled(Actor),
}

/// Why a code may not even be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TryError {
    /// Too many were.
    TooMany,
    /// Nobody can say how many were.
    Once(OnceError),
}

/// How far two clocks are apart, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    minutes: u64,
    /// True where this machine's clock is the one that is ahead.
    ahead: bool,
}

impl Apart {
    /// True where the code is one of a time that is still to come.
    pub(super) fn is_to_come(self) -> bool {
        !self.ahead
    }
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = if self.ahead { "ahead" } else { "behind" };
        write!(f, "{} min (this machine is {which})", self.minutes)
    }
}

/// The step of a one-time code.
///
/// # Errors
/// [`CodeError`] where it is no code, or not one of this time.
pub fn check(secret: &TotpSecret, code: &str, now: Timestamp) -> Result<u64, CodeError> {
    let code = one_time(code).ok_or(CodeError::Malformed)?;
    let here = u64::try_from(now.seconds()).unwrap_or(0) / STEP;
    let totp = secret.totp();
    let fits = |step: &u64| {
        let right = totp.generate(step.saturating_mul(STEP)).to_string();
        bool::from(right.as_bytes().ct_eq(code.as_bytes()))
    };
    // The moment's own first: the same digits may stand for two steps.
    let near = [here, here.saturating_sub(SKEW), here + SKEW];
    if let Some(step) = near.into_iter().find(|step| fits(step)) {
        return Ok(step);
    }
    let far = (SKEW + 1..=FAR).flat_map(|off| [here.saturating_sub(off), here + off]);
    match far.into_iter().find(|step| fits(step)) {
        Some(step) => Err(CodeError::Clock(Apart {
            minutes: (step.abs_diff(here) * STEP + 30) / 60,
            ahead: step < here,
        })),
        None => Err(CodeError::Wrong),
    }
}

/// Whether this is a code at all, right or wrong.
pub(super) fn is_code(code: &Code) -> Result<(), CodeError> {
    if code.is_empty() {
        return Err(CodeError::Missing);
    }
    if one_time(code.raw()).is_none() && recovery_hash(code).is_none() {
        return Err(CodeError::Malformed);
    }
    Ok(())
}

/// Counts a try of a one-time code, as three of a million fit: whoever has a person's key must
/// not be able to guess the code as well. A recovery code is too long to be guessed.
pub(super) fn may_try(
    person: &Actor,
    code: &Code,
    once: &dyn Once,
    now: Timestamp,
) -> Result<(), TryError> {
    if one_time(code.raw()).is_none() {
        return Ok(());
    }
    let span = now.seconds().div_euclid(TRIES_SPAN);
    let person = json::to_line(person).unwrap_or_default();
    for n in 0..TRIES {
        match once.take(&format!("try {span} {n} {person}")) {
            Ok(()) => return Ok(()),
            Err(OnceError::Already) => {}
            Err(error) => return Err(TryError::Once(error)),
        }
    }
    Err(TryError::TooMany)
}

/// The six digits of a one-time code, whatever stands between them and in whichever digits of
/// Unicode they were typed; `None` where it is none.
fn one_time(typed: &str) -> Option<Zeroizing<String>> {
    let mut digits = Zeroizing::new(String::with_capacity(DIGITS));
    for c in typed.chars().filter(|c| !is_between(*c)) {
        if digits.len() == DIGITS {
            return None;
        }
        digits.push(char::from_digit(digit(c)?, 10)?);
    }
    (digits.len() == DIGITS).then_some(digits)
}

/// What people and telephones put between the groups of a code: white space, dashes, dots, and
/// what cannot be seen.
fn is_between(c: char) -> bool {
    c.is_whitespace()
        || is_hidden(c)
        || matches!(
            c,
            '-' | '_' | '.' | ',' | '\'' | '·' | '\u{2010}'
                ..='\u{2015}'
                    | '\u{2212}'
                    | '\u{fe58}'
                    | '\u{fe63}'
                    | '\u{ff0d}'
                    | '\u{2019}'
                    | '\u{3002}'
        )
}

/// The zeros of the decimal digits that keyboards and telephones write.
const ZEROS: [char; 14] = [
    '0', '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{be6}',
    '\u{c66}', '\u{e50}', '\u{1040}', '\u{17e0}', '\u{ff10}',
];

fn digit(c: char) -> Option<u32> {
    ZEROS.iter().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(*zero))?;
        (value < 10).then_some(value)
    })
}

/// The recovery code of these random bytes: `ABCD-EFGH-IJKL-MNOP`.
#[must_use]
pub fn recovery_code(bytes: &[u8; 10]) -> Code {
    let words = Zeroizing::new(BASE32_NOPAD.encode(bytes));
    let mut code = String::with_capacity(RECOVERY + 3);
    for (n, c) in words.chars().enumerate() {
        if n > 0 && n % 4 == 0 {
            code.push('-');
        }
        code.push(c);
    }
    Code::from(code)
}

/// The hash that is kept of a recovery code; `None` where what was typed is none. Case, spaces and
/// dashes do not count; 0, 1 and 8 are the letters that they are mistaken for.
#[must_use]
pub fn recovery_hash(code: &Code) -> Option<[u8; 32]> {
    let mut words = Zeroizing::new(String::with_capacity(RECOVERY));
    for c in code.raw().chars().filter(|c| !is_between(*c)) {
        if words.len() == RECOVERY {
            return None;
        }
        words.push(match c.to_ascii_uppercase() {
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            c @ ('A'..='Z' | '2'..='7') => c,
            _ => return None,
        });
    }
    if words.len() != RECOVERY {
        return None;
    }
    let mut hasher = Sha256::new();
    hasher.update(RECOVERY_DOMAIN);
    hasher.update(words.as_bytes());
    Some(hasher.finalize().into())
}
