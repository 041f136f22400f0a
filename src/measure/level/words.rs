//! Values of levels in words for a person.

use super::Unit;

/// A value with its unit, for a person: `99.95 %`, `41.2 s`, `3`.
#[must_use]
pub fn amount(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => percent(value),
        Unit::Count => format!("{value:.0}"),
        Unit::Seconds if value < 120.0 => format!("{value:.1} s"),
        Unit::Seconds if value < 7200.0 => format!("{:.1} min", value / 60.0),
        Unit::Seconds => format!("{:.1} h", value / 3600.0),
    }
}

/// A share as a percentage: enough digits to tell 99.9 % from 99.95 %, none that say nothing. Never 100 % for less than
/// all, nor 0 % for more than none.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let words = format!("{percent:.2}");
    let words = words.trim_end_matches('0').trim_end_matches('.');
    match words {
        "100" if share < 1.0 => "<100 %".to_owned(),
        "0" if share > 0.0 => ">0 %".to_owned(),
        "-0" => "0 %".to_owned(),
        words => format!("{words} %"),
    }
}

/// A length of time, in seconds, in its largest unit that leaves at least two, or one exactly.
#[must_use]
pub fn whole(seconds: i64) -> String {
    for (unit, length) in [("d", 86_400), ("h", 3600), ("min", 60)] {
        if seconds >= 2 * length || seconds == length {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_to_all_or_none() {
        assert_eq!(percent(0.999_99), "<100 %");
        assert_eq!(percent(0.000_001), ">0 %");
        assert_eq!((percent(1.0), percent(0.0)), ("100 %".into(), "0 %".into()));
        assert_eq!(
            (percent(0.9995), percent(-1.5)),
            ("99.95 %".into(), "-150 %".into())
        );
    }

    #[test]
    fn lengths_of_time_are_shown_in_a_unit_a_person_thinks_in() {
        assert_eq!(amount(300.0, Unit::Seconds), "5.0 min");
        assert_eq!(amount(86_400.0, Unit::Seconds), "24.0 h");
        assert_eq!(
            (whole(86_400), whole(30 * 86_400)),
            ("1 d".into(), "30 d".into())
        );
        assert_eq!((whole(5400), whole(59)), ("90 min".into(), "59 s".into()));
    }
}
