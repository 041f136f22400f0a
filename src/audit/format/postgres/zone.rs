//! The times of PostgreSQL's log: `2026-11-23 13:46:11.014 CET`.

use crate::model::{Span, Timestamp};

/// Minutes east of UTC of the abbreviations that PostgreSQL writes. Of those that several places
/// share, the one here is meant, as in PostgreSQL's own `Default` set:
/// `AST` Atlantic (not Arabia), `BST` British Summer (not Bangladesh), `CST` and `CDT` North
/// America (not China, not Cuba), `EST` and `EDT` North America (not Australia), `GST` Gulf,
/// `IST` India (here not as in that set: not Israel, not Ireland), `MST` North America
/// (not Malaysia), `PST` North America (not the Philippines), `SST` Samoa (not Singapore).
const ZONES: &[(&str, i64)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("UCT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MET", 60),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("TRT", 180),
    ("WAT", 60),
    ("CAT", 120),
    ("SAST", 120),
    ("EAT", 180),
    ("GST", 240),
    ("PKT", 300),
    ("IST", 330),
    ("NPT", 345),
    ("WIB", 420),
    ("ICT", 420),
    ("WITA", 480),
    ("HKT", 480),
    ("SGT", 480),
    ("MYT", 480),
    ("AWST", 480),
    ("JST", 540),
    ("KST", 540),
    ("WIT", 540),
    ("ACST", 570),
    ("AEST", 600),
    ("CHST", 600),
    ("ACDT", 630),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("SST", -660),
    ("HST", -600),
    ("AKST", -540),
    ("AKDT", -480),
    ("PST", -480),
    ("PDT", -420),
    ("MST", -420),
    ("MDT", -360),
    ("CST", -360),
    ("CDT", -300),
    ("EST", -300),
    ("EDT", -240),
    ("AST", -240),
    ("ADT", -180),
    ("NST", -210),
    ("NDT", -150),
    ("BRT", -180),
    ("ART", -180),
    ("CLT", -240),
    ("CLST", -180),
    ("COT", -300),
    ("PET", -300),
    ("UYT", -180),
];

/// Why words are no time of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Not of the form `2026-11-23 13:46:11.014 CET`.
    #[error("not a time of the form 2026-11-23 13:46:11.014 UTC")]
    Malformed,
    /// No zone behind it, so it names no moment.
    #[error("a time without a zone names no moment")]
    NoZone,
    /// A zone that is not in the table.
    #[error("the zone {0} is unknown, so the time names no moment")]
    Unknown(String),
}

/// What a clock to the second looks like.
const SHAPE: &[u8] = b"0000-00-00 00:00:00";

/// The length of `YYYY-MM-DD HH:MM:SS[.fraction]` at the beginning of `words`; `None` where they
/// do not begin so.
#[must_use]
pub fn clock_len(words: &[u8]) -> Option<usize> {
    for (at, shape) in SHAPE.iter().enumerate() {
        let byte = words.get(at)?;
        let fits = match shape {
            b'0' => byte.is_ascii_digit(),
            b' ' => matches!(byte, b' ' | b'T'),
            other => byte == other,
        };
        if !fits {
            return None;
        }
    }
    let digits = |from: usize| {
        let rest = words.get(from..).unwrap_or_default();
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    Some(match words.get(SHAPE.len()) {
        Some(b'.' | b',') if digits(SHAPE.len() + 1) > 0 => {
            SHAPE.len() + 1 + digits(SHAPE.len() + 1)
        }
        _ => SHAPE.len(),
    })
}

/// The length of a time with its zone at the beginning of `words`: `None` where they do not begin
/// with a time; a time without a zone ends where its zone should stand.
#[must_use]
pub fn time_len(words: &str) -> Option<usize> {
    let clock = clock_len(words.as_bytes())?;
    let rest = words.get(clock..)?;
    if rest.as_bytes().first_chunk() == Some(b" UTC ") {
        return Some(clock + " UTC".len());
    }
    let zone = rest.strip_prefix(' ').unwrap_or(rest);
    let is_zone = |c: char| c.is_ascii_alphabetic() || c.is_ascii_digit();
    let len = if let Some(offset) = zone.strip_prefix(['+', '-']) {
        1 + offset
            .find(|c: char| !c.is_ascii_digit() && c != ':')
            .unwrap_or(offset.len())
    } else {
        zone.find(|c| !is_zone(c)).unwrap_or(zone.len())
    };
    // `%m:` writes a colon behind an offset, which is no part of it.
    let found = zone.get(..len)?.trim_end_matches(':');
    if !found.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '+' | '-')) {
        return Some(clock);
    }
    Some(clock + (rest.len() - zone.len()) + found.len())
}

/// Reads a time with its zone.
///
/// # Errors
/// [`ZoneError`] where the words name no moment.
pub fn time(words: &str) -> Result<Timestamp, ZoneError> {
    let clock_len = clock_len(words.as_bytes()).ok_or(ZoneError::Malformed)?;
    let (clock, zone) = words.split_at(clock_len);
    let zone = zone.trim();
    if zone.is_empty() {
        return Err(ZoneError::NoZone);
    }
    let minutes = offset(zone).ok_or_else(|| ZoneError::Unknown(short(zone)))?;
    Ok(shown(clock)? - Span::seconds(minutes * 60))
}

/// The last second that was read in UTC: the next lines are mostly of the same one.
#[derive(Debug, Default)]
pub struct Second(Option<(Clock, Timestamp)>);

/// A clock to the second.
type Clock = [u8; SHAPE.len()];

impl Second {
    /// The length of a time at the beginning of words, as [`time_len`] has it, where that is one of
    /// the second that was read last.
    #[must_use]
    pub fn time_len(&self, words: &str) -> Option<usize> {
        let (known, _) = self.0.as_ref()?;
        let (time, behind) = words.as_bytes().split_first_chunk::<IN_UTC>()?;
        let (second, _) = in_utc(time)?;
        (second == *known && behind.first() == Some(&b' ')).then_some(IN_UTC)
    }

    /// Reads a time with its zone, as [`time`] does.
    ///
    /// # Errors
    /// [`ZoneError`] where the words name no moment.
    pub fn time(&mut self, words: &str) -> Result<Timestamp, ZoneError> {
        let Some((second, millis)) = in_utc(words.as_bytes()) else {
            return time(words);
        };
        let begins = match self.0 {
            Some((known, begins)) if known == second => begins,
            _ => {
                let begins = Timestamp::new(time(words)?.seconds(), 0);
                self.0 = Some((second, begins));
                begins
            }
        };
        Ok(Timestamp::new(begins.seconds(), millis * 1_000_000))
    }
}

/// The length of a time with milliseconds in UTC.
const IN_UTC: usize = "2026-11-23 13:46:11.014 UTC".len();

/// The clock and the milliseconds of `2026-11-23 13:46:11.014 UTC`.
fn in_utc(words: &[u8]) -> Option<(Clock, u32)> {
    let (second, rest) = words.split_first_chunk()?;
    let [b'.', a, b, c, b' ', b'U', b'T', b'C'] = rest else {
        return None;
    };
    let millis = [a, b, c].into_iter().try_fold(0, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + u32::from(digit - b'0'))
    });
    Some((*second, millis?))
}

/// The moment at which a clock in UTC shows this.
fn shown(clock: &str) -> Result<Timestamp, ZoneError> {
    if let Some(time) = plain(clock.as_bytes()) {
        return Ok(time);
    }
    let mut utc = clock.replacen(' ', "T", 1).replacen(',', ".", 1);
    utc.push('Z');
    Timestamp::parse(&utc).map_err(|_| ZoneError::Malformed)
}

/// The same of the usual spelling, whose shape is known to be that of a clock; `None` where the
/// general reader has to be asked.
fn plain(clock: &[u8]) -> Option<Timestamp> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |sum: u32, byte| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            (digit < 10).then_some(sum * 10 + digit)
        })
    };
    let at = |begin: usize, end: usize| number(clock.get(begin..end)?);
    let date = [at(0, 4)?, at(5, 7)?, at(8, 10)?];
    let time = [at(11, 13)?, at(14, 16)?, at(17, 19)?];
    let fraction = clock.get(20..).unwrap_or_default();
    let scale = match fraction.len() {
        0 => 0,
        3 => 1_000_000,
        6 => 1_000,
        9 => 1,
        _ => return None,
    };
    Timestamp::of_clock(date, time, number(fraction)? * scale)
}

fn short(zone: &str) -> String {
    zone.chars().take(12).collect()
}

/// Minutes east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if let Some(found) = ZONES.iter().find(|(name, _)| *name == zone) {
        return Some(found.1);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
    let (hours, minutes) = match digits.len() {
        1 => (number(0, 1)?, 0),
        2 => (number(0, 2)?, 0),
        4 => (number(0, 2)?, number(2, 4)?),
        _ => return None,
    };
    (hours < 16 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_offsets_are_taken_to_utc() {
        for (written, utc) in [
            ("2026-11-23 13:46:11.014 UTC", "2026-11-23T13:46:11.014Z"),
            ("2021-02-14 01:34:02 CET", "2021-02-14T00:34:02Z"),
            ("2024-06-27 00:00:07.369 CEST", "2024-06-26T22:00:07.369Z"),
            ("2026-11-23 13:46:11.014 -0330", "2026-11-23T17:16:11.014Z"),
            ("2026-11-23 13:46:11.014 +03", "2026-11-23T10:46:11.014Z"),
            ("2019-03-14T00:22:56+00:00", "2019-03-14T00:22:56Z"),
        ] {
            assert_eq!(time(written).unwrap().to_string(), utc, "{written}");
            assert_eq!(
                time_len(&format!("{written} [1] LOG:  x")),
                Some(written.len())
            );
        }
    }

    #[test]
    fn a_clock_is_read_as_the_general_reader_reads_it() {
        for clock in [
            "2026-11-23 13:46:11",
            "2024-02-29T13:46:11.014",
            "2026-02-29 13:46:11,014",
            "2026-11-23 24:46:11.014015",
            "0000-01-01 00:00:00.014015016",
            "2026-11-23 13:46:60.01",
            "2026-11-23 23:59:59.9",
            "2026-13-23 23:59:59",
            "2026-11-00 23:59:59",
        ] {
            let utc = clock.replacen(' ', "T", 1).replacen(',', ".", 1) + "Z";
            let general = Timestamp::parse(&utc).map_err(|_| ZoneError::Malformed);
            assert_eq!(time(&format!("{clock} UTC")), general, "{clock}");
        }
    }

    #[test]
    fn what_is_remembered_of_a_second_changes_no_time() {
        let mut second = Second::default();
        for written in [
            "2026-11-23 13:46:11.014 UTC",
            "2026-11-23 13:46:11.999 UTC",
            "2026-11-23 13:46:11.01 UTC",
            "2026-11-23 13:46:11.014 CET",
            "2026-11-23 13:46:11.0x4 UTC",
            "2026-11-23 13:46:61.014 UTC",
            "2026-11-23 13:46:61.014 UTC",
            "2026-11-23 23:59:60.014 UTC",
            "2026-11-23 23:59:60.015 UTC",
            "2026-11-23 13:46:11.014 UTC",
            "1969-11-23T13:46:11.014 UTC",
            "1969-11-23T13:46:11.015 UTC",
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0.014 UTC",
            "2026-11-23 13:46:11",
        ] {
            assert_eq!(second.time(written), time(written), "{written}");
            for behind in ["", " ", " [7]", ":", "C", "+1"] {
                let words = format!("{written}{behind}");
                if let Some(length) = second.time_len(&words) {
                    assert_eq!(Some(length), time_len(&words), "{words}");
                }
            }
        }
        second.time("2026-11-23 13:46:11.014 UTC").unwrap();
        assert_eq!(second.time_len("2026-11-23 13:46:11.999 UTC [7]"), Some(27));
        // Nothing was read yet.
        let nothing = "\0".repeat(SHAPE.len()) + ".014 UTC";
        assert_eq!(Second::default().time(&nothing), time(&nothing));
    }

    #[test]
    fn words_that_name_no_moment_say_why() {
        assert_eq!(time("2026-11-23 13:46:11"), Err(ZoneError::NoZone));
        assert_eq!(
            time("2026-11-23 13:46:11 XYZ"),
            Err(ZoneError::Unknown("XYZ".into()))
        );
        assert_eq!(time("2026-13-23 13:46:11 UTC"), Err(ZoneError::Malformed));
        assert_eq!(time_len("2018-09-12 16:08:54.775 3392 LOG x"), Some(23));
        assert_eq!(time_len("Nov  3 01:01:03"), None);
    }
}
