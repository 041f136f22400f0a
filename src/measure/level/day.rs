//! Days in UTC, and short names for what is told more than once.

use std::fmt;

use chrono::{DateTime, Datelike};
use sha2::{Digest as _, Sha256};

use crate::model::{Span, Timestamp};

const DAY: i64 = 86_400;

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day so many days after 1970-01-01.
    #[must_use]
    pub const fn new(since_epoch: i64) -> Self {
        Self(since_epoch)
    }

    /// The day that holds a moment.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(at.seconds().div_euclid(DAY))
    }

    /// Days since 1970-01-01; negative before.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    /// Its first moment.
    #[must_use]
    pub fn begins(self) -> Timestamp {
        Timestamp::new(self.0.saturating_mul(DAY), 0)
    }

    /// Its middle: what is known of a case of which only the day is.
    #[must_use]
    pub fn noon(self) -> Timestamp {
        self.begins() + Span::seconds(DAY / 2)
    }

    /// The day so many days later; earlier where that is negative.
    #[must_use]
    pub fn later(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// 0 is Monday, 6 is Sunday.
    #[must_use]
    pub fn of_week(self) -> u8 {
        // 1970-01-01 was a Thursday.
        u8::try_from((self.0 + 3).rem_euclid(7)).unwrap_or(0)
    }

    /// The first day of its week, a Monday.
    #[must_use]
    pub fn week(self) -> Self {
        self.later(-i64::from(self.of_week()))
    }

    /// The first and the last minute that begin in it.
    pub(super) fn minutes(self) -> (i64, i64) {
        let first = self.0.saturating_mul(DAY / 60);
        (first, first.saturating_add(DAY / 60 - 1))
    }
}

/// A moment to the microsecond, as days are kept: what is told again is found again under it.
pub(super) fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::new(at.seconds(), at.nanos() / 1000 * 1000)
}

impl fmt::Display for Day {
    /// `2026-11-24`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = DateTime::from_timestamp(self.0.saturating_mul(DAY), 0);
        let date = date.unwrap_or_default().date_naive();
        write!(
            f,
            "{:04}-{:02}-{:02}",
            date.year(),
            date.month(),
            date.day()
        )
    }
}

/// A name of 48 bits for what has a longer one. Of five thousand things of one day two have the
/// same with a chance of one in twenty million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// How many bits it has.
    pub const BITS: u32 = 48;

    /// The key of these words; where one ends and the next begins is part of it.
    #[must_use]
    pub fn of(words: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for word in words {
            digest.update((word.len() as u64).to_be_bytes());
            digest.update(word.as_bytes());
        }
        let digest: [u8; 32] = digest.finalize().into();
        let bytes = digest.iter().take(6);
        Self(bytes.fold(0, |key, byte| key << 8 | u64::from(*byte)))
    }

    /// As a number, below 2^48.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// From its number; what is above 48 bits is dropped.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number & ((1 << Self::BITS) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let at = |words| Day::of(Timestamp::parse(words).unwrap());
        let day = at("2026-11-24T23:59:59.999999Z");
        assert_eq!(day.to_string(), "2026-11-24");
        assert_eq!(at("2026-11-25T00:00:00Z"), day.later(1));
        // Half past midnight in Berlin is the day before in UTC.
        assert_eq!(at("2026-11-25T00:30:00+01:00"), day);
        assert_eq!(Day::of(day.begins()), day);
        assert_eq!(Day::of(Timestamp::new(-1, 0)), Day::new(-1));
        assert_eq!(day.week().to_string(), "2026-11-23");
        assert_eq!(day.week().week(), day.week());
    }

    #[test]
    fn a_key_knows_where_words_end() {
        assert_ne!(Key::of(&["ab", "c"]), Key::of(&["a", "bc"]));
        assert_eq!(Key::new(Key::of(&["a"]).number()), Key::of(&["a"]));
        assert_eq!(Key::new(u64::MAX).number(), (1 << 48) - 1);
    }
}
