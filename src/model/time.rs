//! Moments and lengths of time. The model reads no clock: every moment comes from an event.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

const MICROS: i64 = 1_000_000;

/// A moment in UTC, to the nanosecond, between the years 0 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

/// Why words are no [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not of the form `2026-11-23T13:46:36.310120Z`.
    #[error("not an RFC 3339 time")]
    Malformed,
    /// No `Z` and no `+02:00` behind it, so it names no moment.
    #[error("a time without an offset names no moment")]
    NoOffset,
}

impl Timestamp {
    /// The moment `seconds` and `nanos` after 1970-01-01T00:00:00Z; nanoseconds past a full
    /// second are carried.
    #[must_use]
    pub fn new(seconds: i64, nanos: u32) -> Self {
        Self {
            seconds: seconds.saturating_add(i64::from(nanos / 1_000_000_000)),
            nanos: nanos % 1_000_000_000,
        }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds past [`Self::seconds`], 0 to 999,999,999.
    #[must_use]
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// Reads RFC 3339 (`T` or a space between, `Z` or an offset behind, any number of fraction
    /// digits of which nine count).
    ///
    /// # Errors
    /// [`TimeError`] where the words name no moment.
    pub fn parse(words: &str) -> Result<Self, TimeError> {
        if let Some(fast) = Self::parse_utc(words.as_bytes()) {
            return Ok(fast);
        }
        match DateTime::parse_from_rfc3339(words) {
            Ok(time) => Ok(time.to_utc().into()),
            Err(_) if has_no_offset(words) => Err(TimeError::NoOffset),
            Err(_) => Err(TimeError::Malformed),
        }
    }

    /// The one spelling that logs are full of, `YYYY-MM-DDTHH:MM:SS[.fraction]Z` (or `+02:00`), an order of
    /// magnitude faster than the general parser. `None` sends the caller there.
    fn parse_utc(b: &[u8]) -> Option<Self> {
        let pair = |at: usize| -> Option<u32> {
            let (hi, lo) = (
                b.get(at)?.wrapping_sub(b'0'),
                b.get(at + 1)?.wrapping_sub(b'0'),
            );
            (hi < 10 && lo < 10).then(|| u32::from(hi) * 10 + u32::from(lo))
        };
        let is = |at: usize, c: u8| b.get(at) == Some(&c);
        if !(is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':')) {
            return None;
        }
        let year = pair(0)? * 100 + pair(2)?;
        let (month, day) = (pair(5)?, pair(8)?);
        let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
        let mut nanos = 0_u32;
        let mut at = 19;
        if is(19, b'.') {
            let mut scale = 100_000_000_u32;
            at = 20;
            while let Some(digit) = b.get(at).map(|d| d.wrapping_sub(b'0')).filter(|d| *d < 10) {
                nanos += u32::from(digit) * scale;
                scale /= 10;
                at += 1;
            }
            if at == 20 {
                return None;
            }
        }
        let east = match b.get(at)? {
            b'Z' if b.len() == at + 1 => 0,
            sign @ (b'+' | b'-') if b.len() == at + 6 && is(at + 3, b':') => {
                let (hours, minutes) = (i64::from(pair(at + 1)?), i64::from(pair(at + 4)?));
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let east = hours * 3600 + minutes * 60;
                if *sign == b'-' { -east } else { east }
            }
            _ => return None,
        };
        let shown = Self::of_clock([year, month, day], [hour, minute, second], nanos)?;
        Some(Self::new(shown.seconds - east, shown.nanos))
    }

    /// The moment at which a calendar and a clock in UTC show this, and so many nanoseconds past
    /// it; `None` where they never do.
    #[must_use]
    pub fn of_clock(date: [u32; 3], clock: [u32; 3], nanos: u32) -> Option<Self> {
        let [year, month, day] = date;
        let [hour, minute, second] = clock;
        let year = i64::from(year);
        if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if year > 9999 || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        let days = days_from_civil(year, i64::from(month), i64::from(day));
        let clock = i64::from(hour * 3600 + minute * 60 + second);
        Some(Self::new(days * 86_400 + clock, nanos))
    }

    /// The same moment as a `chrono` value; moments out of its range become its nearest.
    #[must_use]
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.seconds, self.nanos).unwrap_or(if self.seconds < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// How long after `earlier` this is; negative where it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        let micros = self
            .seconds
            .saturating_sub(earlier.seconds)
            .saturating_mul(MICROS);
        let rest = (i64::from(self.nanos) - i64::from(earlier.nanos)) / 1000;
        Span(micros.saturating_add(rest))
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar
/// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn has_no_offset(words: &str) -> bool {
    let date = words.get(..10).and_then(|d| d.parse::<NaiveDate>().ok());
    let clock = words.get(11..).unwrap_or_default();
    date.is_some() && !clock.ends_with(['Z', 'z']) && !clock.contains(['+', '-'])
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self::new(time.timestamp(), time.timestamp_subsec_nanos())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many fraction digits (0, 3, 6 or 9) as the moment needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.to_chrono();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )?;
        match self.nanos {
            0 => f.write_str("Z"),
            n if n % 1_000_000 == 0 => write!(f, ".{:03}Z", n / 1_000_000),
            n if n % 1000 == 0 => write!(f, ".{:06}Z", n / 1000),
            n => write!(f, ".{n:09}Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time with offset")
            }
            fn visit_str<E: de::Error>(self, words: &str) -> Result<Timestamp, E> {
                Timestamp::parse(words).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Words)
    }
}

/// A length of time, to the microsecond; may be negative. Written as microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `n` seconds.
    #[must_use]
    pub const fn seconds(n: i64) -> Self {
        Self(n.saturating_mul(MICROS))
    }

    /// `n` thousandths of a second.
    #[must_use]
    pub const fn millis(n: i64) -> Self {
        Self(n.saturating_mul(1000))
    }

    /// `n` millionths of a second.
    #[must_use]
    pub const fn micros(n: i64) -> Self {
        Self(n)
    }

    /// Whole seconds, rounded towards zero.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0 / MICROS
    }

    /// Microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The length without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        let nanos = i64::from(self.nanos) + span.0.rem_euclid(MICROS) * 1000;
        Self {
            seconds: self
                .seconds
                .saturating_add(span.0.div_euclid(MICROS))
                .saturating_add(nanos / 1_000_000_000),
            nanos: u32::try_from(nanos % 1_000_000_000).unwrap_or(0),
        }
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        self.add(Span(span.0.saturating_neg()))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn offsets_are_taken_to_utc() {
        let time = Timestamp::parse("2026-11-23T14:46:36.310120+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-11-23T13:46:36.310120Z");
    }

    #[test]
    fn words_that_name_no_moment_say_why() {
        assert_eq!(
            Timestamp::parse("2026-11-23T14:46:36"),
            Err(TimeError::NoOffset)
        );
        assert_eq!(
            Timestamp::parse("2026-02-30T14:46:36Z"),
            Err(TimeError::Malformed)
        );
        assert_eq!(Timestamp::parse("yesterday"), Err(TimeError::Malformed));
    }

    #[test]
    fn the_ends_of_the_calendar_are_read() {
        assert_eq!(
            Timestamp::parse("9999-12-31T23:59:59Z")
                .unwrap()
                .to_string(),
            "9999-12-31T23:59:59Z"
        );
        assert_eq!(
            Timestamp::parse("1970-01-01T00:00:00Z").unwrap(),
            Timestamp::default()
        );
    }

    proptest! {
        #[test]
        fn the_fast_reader_agrees_with_chrono(seconds in -62_000_000_000_i64..253_402_300_799, nanos in 0_u32..1_000_000_000) {
            let time = Timestamp::new(seconds, nanos);
            let words = time.to_string();
            let general = DateTime::parse_from_rfc3339(&words).unwrap().to_utc();
            prop_assert_eq!(Timestamp::parse_utc(words.as_bytes()), Some(Timestamp::from(general)));
            for offset in ["+00:00", "-00:00", "+05:45", "-23:59", "+14:00", "+24:00", "+05:60"] {
                let words = words.replace('Z', offset);
                let general = DateTime::parse_from_rfc3339(&words).ok();
                let general = general.map(|time| Timestamp::from(time.to_utc()));
                let fast = Timestamp::parse_utc(words.as_bytes());
                prop_assert!(fast.is_none() || fast == general, "{words}: {fast:?} {general:?}");
            }
        }

        #[test]
        fn adding_and_taking_away_a_span_is_nothing(s in -1_000_000_000_i64..4_000_000_000, n in 0_u32..1_000_000_000, span in -1_000_000_000_000_i64..1_000_000_000_000) {
            let time = Timestamp::new(s, n);
            prop_assert_eq!(time + Span::micros(span) - Span::micros(span), time);
            prop_assert_eq!((time + Span::micros(span)).since(time), Span::micros(span));
        }
    }
}
