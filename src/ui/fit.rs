//! Fitting words into columns, and the words for times, shares and sizes.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::model::{Span, Timestamp};

/// How many columns the words take.
pub fn width(words: &str) -> usize {
    if words.is_ascii() {
        words.len()
    } else {
        words.width()
    }
}

/// The same number as columns; more than a screen can have is the most it can have.
pub fn cols(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// The words in at most `columns`, cut with `…` where they are longer.
pub fn fit(words: &str, columns: usize) -> Cow<'_, str> {
    // Most are short: fewer bytes than columns cannot be wider than them.
    if words.len() <= columns || width(words) <= columns {
        return Cow::Borrowed(words);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut used = 0;
    let mut end = 0;
    for (at, grapheme) in words.grapheme_indices(true) {
        let wide = grapheme.width();
        if used + wide > columns - 1 {
            break;
        }
        used += wide;
        end = at + grapheme.len();
    }
    Cow::Owned(format!("{}…", words.get(..end).unwrap_or_default()))
}

/// A path in at most `columns`, cut at its beginning with `…`: what tells one secret from another
/// stands at the end.
pub fn fit_end(path: &str, columns: usize) -> Cow<'_, str> {
    if path.len() <= columns || width(path) <= columns {
        return Cow::Borrowed(path);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut used = 0;
    let mut start = path.len();
    for (at, grapheme) in path.grapheme_indices(true).rev() {
        used += grapheme.width();
        if used > columns - 1 {
            break;
        }
        start = at;
    }
    Cow::Owned(format!("…{}", path.get(start..).unwrap_or_default()))
}

/// The words in lines of at most `columns`, broken at spaces where there are any; at most `lines`
/// of them, the last one cut with `…`.
pub fn wrap(words: &str, columns: usize, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = words.trim();
    while !rest.is_empty() && out.len() < lines && columns > 0 {
        if width(rest) <= columns || out.len() + 1 == lines {
            out.push(fit(rest, columns).into_owned());
            break;
        }
        let mut used = 0;
        let mut end = 0;
        let mut space = None;
        for (at, grapheme) in rest.grapheme_indices(true) {
            if grapheme == " " {
                space = Some(at);
            }
            used += grapheme.width();
            if used > columns {
                break;
            }
            end = at + grapheme.len();
        }
        // A word longer than a line has no space before its end, and one grapheme wider than the
        // line must not hold the loop.
        let at = space.filter(|at| *at > 0).unwrap_or(end);
        let at = if at == 0 { rest.len() } else { at };
        let (line, left) = rest.split_at(at);
        out.push(fit(line.trim_end(), columns).into_owned());
        rest = left.trim_start();
    }
    out
}

/// A share as a percentage: `0.2 %`, `43 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 9.95 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// A length of time in its two largest units: `12 s`, `3 min`, `2 h 05`, `4 d`.
pub fn span(span: Span) -> String {
    let s = span.abs().as_seconds();
    match s {
        0..=119 => format!("{s} s"),
        120..=5999 => format!("{} min", s / 60),
        6000..=172_799 => format!("{} h {:02}", s / 3600, s / 60 % 60),
        _ => format!("{} d", s / 86_400),
    }
}

/// A short length of time, finer than [`span`]: `180 ms`, `1.8 s`.
#[expect(clippy::cast_precision_loss, reason = "below ten seconds")]
pub fn lag(lag: Span) -> String {
    match lag.abs().as_micros() {
        n @ 0..1_000_000 => format!("{} ms", n / 1000),
        n @ 1_000_000..10_000_000 => format!("{:.1} s", n as f64 / 1e6),
        _ => span(lag),
    }
}

/// A countdown: `6:12`, `1:06:12`, `3 d`.
pub fn countdown(span: Span) -> String {
    let s = span.abs().as_seconds();
    match s {
        0..=3599 => format!("{}:{:02}", s / 60, s % 60),
        3600..=172_799 => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
        _ => format!("{} d", s / 86_400),
    }
}

/// A number of bytes: `12.3 MB`.
#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
pub fn bytes(n: u64) -> String {
    match n {
        0..1000 => format!("{n} B"),
        1000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// A number with its thousands apart: `18,342`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 rotation`, `3 rotations`.
pub fn plural(n: usize, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{} {one}s", count(n as u64))
    }
}

/// How moments are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The user's zone, in seconds east of UTC; `None` shows UTC.
    pub offset: Option<i32>,
    /// True shows moments where ages would stand.
    pub absolute: bool,
}

impl Clock {
    fn shifted(self, at: Timestamp) -> Timestamp {
        at + Span::seconds(i64::from(self.offset.unwrap_or(0)))
    }

    /// The time of day: `03:12:40`.
    pub fn time(self, at: Timestamp) -> String {
        let s = self.shifted(at).seconds().rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }

    /// The time of day to the minute: `03:12`.
    pub fn minute(self, at: Timestamp) -> String {
        let mut time = self.time(at);
        time.truncate(5);
        time
    }

    /// The day: `2026-11-23`.
    pub fn day(self, at: Timestamp) -> String {
        let mut day = self.shifted(at).to_string();
        day.truncate(10);
        day
    }

    /// The zone's name: `UTC`, `+02:00`.
    pub fn zone(self) -> String {
        match self.offset {
            None => "UTC".to_owned(),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs() / 60;
                format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }

    /// How long ago, or at which moment: `12 s`, or `03:12:28`.
    pub fn age(self, at: Timestamp, now: Option<Timestamp>) -> String {
        match now {
            Some(now) if !self.absolute => {
                if at > now {
                    format!("in {}", span(at.since(now)))
                } else {
                    span(now.since(at))
                }
            }
            _ => self.time(at),
        }
    }

    /// `12 s ago`, `in 12 s` or `at 03:12:28`: an age within a sentence.
    pub fn ago(self, at: Timestamp, now: Option<Timestamp>) -> String {
        match now {
            Some(now) if !self.absolute && at <= now => format!("{} ago", span(now.since(at))),
            Some(now) if !self.absolute => format!("in {}", span(at.since(now))),
            _ => format!("at {}", self.time(at)),
        }
    }
}

/// A version as short as it still tells itself from its neighbours: a UUID's first eight letters,
/// a time's time of day.
pub fn version(words: &str) -> Cow<'_, str> {
    let b = words.as_bytes();
    let is = |at: usize, c: u8| b.get(at) == Some(&c);
    if b.len() == 36 && words.is_ascii() && is(8, b'-') && is(13, b'-') && is(18, b'-') {
        return Cow::Owned(format!("{}…", words.get(..8).unwrap_or_default()));
    }
    let is_time = words.is_ascii()
        && b.len() >= 20
        && is(4, b'-')
        && is(7, b'-')
        && (is(10, b'T') || is(10, b' '))
        && is(13, b':')
        && is(16, b':');
    if is_time {
        return Cow::Borrowed(words.get(11..19).unwrap_or(words));
    }
    Cow::Borrowed(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_keeps_its_end() {
        assert_eq!(
            fit_end("database/static-creds/payments", 14),
            "…reds/payments"
        );
        assert_eq!(fit_end("秘密/支払", 5), "…支払");
        assert_eq!(fit_end("short", 5), "short");
    }

    #[test]
    fn long_words_end_in_an_ellipsis_by_columns() {
        assert_eq!(fit("payments", 8), "payments");
        assert_eq!(fit("payments", 5), "paym…");
        assert_eq!(fit("北京支付", 5), "北京…");
        assert_eq!(fit("北京支付", 4), "北…");
        assert_eq!(fit("x", 0), "");
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(percent(0.0021), "0.2 %");
        assert_eq!(percent(0.43), "43 %");
        assert_eq!(countdown(Span::seconds(372)), "6:12");
        assert_eq!(span(Span::seconds(7500)), "2 h 05");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(count(18_342), "18,342");
        assert_eq!(plural(1, "rotation"), "1 rotation");
    }

    #[test]
    fn versions_are_shortened_only_where_they_are_long() {
        assert_eq!(version("v17"), "v17");
        assert_eq!(version("2026-11-23T13:46:36.310120Z"), "13:46:36");
        assert_eq!(version("9c1e0f4e-1111-4222-8333-444455556666"), "9c1e0f4e…");
    }

    #[test]
    fn the_zone_stands_beside_the_time() {
        let at = Timestamp::parse("2026-11-23T23:30:00Z").unwrap();
        let local = Clock {
            offset: Some(7200),
            absolute: false,
        };
        assert_eq!(
            (local.day(at), local.time(at), local.zone()),
            ("2026-11-24".into(), "01:30:00".into(), "+02:00".into())
        );
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(words in any::<String>(), columns in 0_usize..40, lines in 1_usize..4) {
            prop_assert!(width(&fit(&words, columns)) <= columns);
            for line in wrap(&words, columns, lines) {
                prop_assert!(width(&line) <= columns);
            }
        }
    }
}
