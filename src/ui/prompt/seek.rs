//! Where a person wants to go in a recording, in their own words.

use crate::model::replay::SeekTo;
use crate::model::{Span, Timestamp};

/// What the words are measured against.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The first event's time.
    pub from: Option<Timestamp>,
    /// The last event's time.
    pub to: Option<Timestamp>,
    /// Where the player stands.
    pub at: Option<Timestamp>,
    /// The shown zone, in seconds east of UTC.
    pub offset: i32,
}

/// What can be said.
pub const FORMS: &str = "03:12  03:12:40  2026-11-23T03:12:40Z  40%  +30s  -2m  start  end";

/// Reads a place in the recording:
/// 1. `start` and `end`;
/// 2. a share of the length, `40%`;
/// 3. a step from here, `+30s`, `-2m`, `+1h30m`;
/// 4. a full moment, RFC 3339 with an offset;
/// 5. a time of day in the shown zone, `03:12` or `03:12:40`, on the day of the recording that
///    has it, the nearest to here where several have;
/// 6. a day and a time in the shown zone, `2026-11-23 03:12`.
///
/// # Errors
/// What is wrong, in words for a person.
pub fn parse(words: &str, context: Context) -> Result<SeekTo, String> {
    let words = words.trim();
    match words {
        "" => return Err("a place in the recording".to_owned()),
        "start" => return Ok(SeekTo::Start),
        "end" => return Ok(SeekTo::End),
        _ => {}
    }
    if let Some(number) = words.strip_suffix('%') {
        let percent: f64 = number
            .trim()
            .parse()
            .ok()
            .filter(|n| (0.0..=100.0).contains(n))
            .ok_or("a percentage is 0% to 100%")?;
        return Ok(SeekTo::Share(percent / 100.0));
    }
    if let Some(step) = words.strip_prefix(['+', '-']) {
        let at = context.at.ok_or("nothing has been read yet")?;
        let span = span(step).ok_or("a step is like +30s, -2m, +1h30m")?;
        return Ok(SeekTo::Time(if words.starts_with('-') {
            at - span
        } else {
            at + span
        }));
    }
    if let Ok(time) = Timestamp::parse(words) {
        return Ok(SeekTo::Time(time));
    }
    let shift = Span::seconds(i64::from(context.offset));
    if let Some((day, time)) = words.split_once([' ', 'T'])
        && day.len() == 10
    {
        let clock = clock(time).ok_or("a time is like 03:12 or 03:12:40")?;
        let midnight = Timestamp::parse(&format!("{day}T00:00:00Z"))
            .map_err(|_| "a day is like 2026-11-23")?;
        return Ok(SeekTo::Time(midnight + clock - shift));
    }
    let clock = clock(words).ok_or("no place in the recording")?;
    time_of_day(clock, shift, context)
}

fn time_of_day(clock: Span, shift: Span, context: Context) -> Result<SeekTo, String> {
    let here = context
        .at
        .or(context.from)
        .ok_or("nothing has been read yet")?;
    let from = context.from.unwrap_or(here);
    let to = context.to.unwrap_or(here);
    let midnight = |at: Timestamp| {
        let local = (at + shift).seconds();
        Timestamp::new(local - local.rem_euclid(86_400), 0) - shift
    };
    let day = Span::seconds(86_400);
    let near = [here, from, to].map(midnight);
    let near = near
        .into_iter()
        .flat_map(|start| [start - day, start, start + day])
        .map(|start| start + clock);
    let distance = |time: &Timestamp| time.since(here).abs();
    near.clone()
        .filter(|time| (from..=to).contains(time))
        .min_by_key(distance)
        .or_else(|| near.min_by_key(distance))
        .map(SeekTo::Time)
        .ok_or_else(|| "nothing has been read yet".to_owned())
}

/// `03:12`, `03:12:40`, `03:12:40.5` as a length from midnight.
fn clock(words: &str) -> Option<Span> {
    let mut parts = words.split(':');
    let mut number = |most: i64| -> Option<i64> {
        let part = parts.next()?;
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|n| digits && *n <= most)
    };
    let hours = number(23)?;
    let minutes = number(59)?;
    let seconds = match parts.next() {
        None => 0.0,
        Some(part) if part.starts_with(|c: char| c.is_ascii_digit()) => {
            part.parse().ok().filter(|s| (0.0..60.0).contains(s))?
        }
        Some(_) => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "below a minute")]
    let micros = (seconds * 1e6) as i64;
    let whole = Span::seconds(hours * 3600 + minutes * 60);
    parts.next().is_none().then(|| whole + Span::micros(micros))
}

/// `30s`, `2m`, `1h30m`, `1d`; a bare number is seconds.
fn span(words: &str) -> Option<Span> {
    let mut total = 0_i64;
    let mut number = String::new();
    for c in words.trim().chars() {
        let unit = match c {
            '0'..='9' if number.len() < 9 => {
                number.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total += number.parse::<i64>().ok()? * unit;
        number.clear();
    }
    if !number.is_empty() {
        total += number.parse::<i64>().ok()?;
    }
    (!words.trim().is_empty()).then(|| Span::seconds(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(words: &str) -> Timestamp {
        Timestamp::parse(words).unwrap()
    }

    fn context(offset: i32) -> Context {
        Context {
            from: Some(at("2026-11-22T22:40:00Z")),
            to: Some(at("2026-11-23T03:40:00Z")),
            at: Some(at("2026-11-23T01:00:00Z")),
            offset,
        }
    }

    fn time(words: &str, offset: i32) -> String {
        match parse(words, context(offset)) {
            Ok(SeekTo::Time(time)) => time.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_time_of_day_is_sought_on_the_day_that_has_it() {
        assert_eq!(time("03:12", 0), "2026-11-23T03:12:00Z");
        assert_eq!(time("23:12:40", 0), "2026-11-22T23:12:40Z");
        assert_eq!(time("03:12", 7200), "2026-11-23T01:12:00Z");
        assert_eq!(time("12:00", 0), "2026-11-23T12:00:00Z");
    }

    #[test]
    fn shares_steps_and_full_moments_are_read() {
        assert_eq!(parse("40%", context(0)), Ok(SeekTo::Share(0.4)));
        assert_eq!(time("+1m30s", 0), "2026-11-23T01:01:30Z");
        assert_eq!(time("-2m", 0), "2026-11-23T00:58:00Z");
        assert_eq!(time("2026-11-23T03:12:40+02:00", 0), "2026-11-23T01:12:40Z");
        assert_eq!(time("2026-11-23 03:12", 3600), "2026-11-23T02:12:00Z");
        assert_eq!(parse("end", context(0)), Ok(SeekTo::End));
    }

    #[test]
    fn what_is_no_place_says_so() {
        for words in [
            "",
            "140%",
            "x%",
            "+5y",
            "-",
            "25:00",
            "03:12:99",
            "3:1:2:3",
            "soon",
            "2026-13-23 03:12",
        ] {
            assert!(parse(words, context(0)).is_err(), "{words:?}");
        }
        let nothing = Context {
            from: None,
            to: None,
            at: None,
            offset: 0,
        };
        assert!(parse("03:12", nothing).is_err());
        assert!(parse("+5s", nothing).is_err());
    }
}
