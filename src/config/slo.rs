//! `[slo.M1]` to `[slo.M10]`: what is asked of each service level.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, de::Unexpected};

use crate::measure::level::{LevelName, Objectives};
use crate::model::Span;

/// What the user asks of the service levels; what is absent has its default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "UPPERCASE")]
pub struct SloSettings {
    m1: Option<Shares>,
    m2: Option<Latency>,
    m3: Option<Shares>,
    m4: Option<Revocation>,
    m5: Option<Counts>,
    m6: Option<Counts>,
    m7: Option<Shares>,
    m8: Option<Shares>,
    m9: Option<Lengths>,
    m10: Option<Shares>,
}

/// A level that is a share.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shares {
    objective: Option<Share>,
    window: Option<Window>,
}

/// A level that is a length of time.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lengths {
    objective: Option<Amount>,
    window: Option<Window>,
    quantile: Option<Share>,
}

/// A level that is a count.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    objective: Option<Amount>,
    window: Option<Window>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    objective: Option<Amount>,
    window: Option<Window>,
    quantile: Option<Share>,
    within_window: Option<Share>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    objective: Option<Amount>,
    window: Option<Window>,
    quantile: Option<Share>,
    emergency: Option<Amount>,
}

/// 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Share(f64);

/// 0 or more.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Amount(f64);

/// A length of time: `"30d"`, `"12h"`, `"90m"`, `"45s"`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window(Span);

/// What was set of one level, whatever its kind.
#[derive(Default)]
struct Asked {
    objective: Option<f64>,
    window: Option<Span>,
    quantile: Option<f64>,
    second: Option<f64>,
}

macro_rules! asked {
    ($($kind:ident: $quantile:expr, $second:expr;)+) => {$(
        impl From<&$kind> for Asked {
            fn from(set: &$kind) -> Self {
                let quantile: fn(&$kind) -> Option<Share> = $quantile;
                let second: fn(&$kind) -> Option<f64> = $second;
                Self {
                    objective: set.objective.map(|objective| objective.0),
                    window: set.window.map(|window| window.0),
                    quantile: quantile(set).map(|quantile| quantile.0),
                    second: second(set),
                }
            }
        }
    )+};
}

asked! {
    Shares: |_| None, |_| None;
    Lengths: |set| set.quantile, |_| None;
    Counts: |_| None, |_| None;
    Latency: |set| set.quantile, |set| set.within_window.map(|share| share.0);
    Revocation: |set| set.quantile, |set| set.emergency.map(|amount| amount.0);
}

impl SloSettings {
    /// What is asked of each level.
    #[must_use]
    pub fn objectives(&self) -> Objectives {
        let mut all = Objectives::default();
        let mut set = |name: LevelName, asked: Option<Asked>| {
            let (Some(asked), objective) = (asked, all.of_mut(name)) else {
                return;
            };
            objective.objective = asked.objective.unwrap_or(objective.objective);
            objective.window = asked.window.unwrap_or(objective.window);
            objective.quantile = asked.quantile.unwrap_or(objective.quantile);
            objective.second = asked.second.unwrap_or(objective.second);
        };
        set(LevelName::M1, self.m1.as_ref().map(Asked::from));
        set(LevelName::M2, self.m2.as_ref().map(Asked::from));
        set(LevelName::M3, self.m3.as_ref().map(Asked::from));
        set(LevelName::M4, self.m4.as_ref().map(Asked::from));
        set(LevelName::M5, self.m5.as_ref().map(Asked::from));
        set(LevelName::M6, self.m6.as_ref().map(Asked::from));
        set(LevelName::M7, self.m7.as_ref().map(Asked::from));
        set(LevelName::M8, self.m8.as_ref().map(Asked::from));
        set(LevelName::M9, self.m9.as_ref().map(Asked::from));
        set(LevelName::M10, self.m10.as_ref().map(Asked::from));
        all
    }
}

/// A number within bounds, written whole or with a fraction.
struct Number {
    most: f64,
    what: &'static str,
}

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<f64, E> {
        if (0.0..=self.most).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "an objective above 2^52 is as good as 2^52"
    )]
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<f64, E> {
        self.visit_f64(number as f64)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = Number {
            most: 1.0,
            what: "a share from 0 to 1",
        };
        deserializer.deserialize_f64(share).map(Self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = Number {
            most: 1e12,
            what: "a number, 0 or more",
        };
        deserializer.deserialize_f64(amount).map(Self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Window;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time like \"30d\", \"12h\", \"90m\" or \"45s\"")
            }
            fn visit_str<E: de::Error>(self, words: &str) -> Result<Window, E> {
                length(words).ok_or_else(|| E::invalid_value(Unexpected::Str(words), &self))
            }
        }
        deserializer.deserialize_str(Words)
    }
}

/// The longest window: ten years.
const LONGEST: i64 = 3650 * 86_400;

fn length(words: &str) -> Option<Window> {
    let unit = match words.chars().last()? {
        'd' => 86_400,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let number: i64 = words.get(..words.len() - 1)?.parse().ok()?;
    let seconds = number.checked_mul(unit)?;
    (1..=LONGEST)
        .contains(&seconds)
        .then(|| Window(Span::seconds(seconds)))
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::measure::level::{LevelName, Objectives};
    use crate::model::Span;

    #[test]
    fn what_is_set_is_asked_and_the_rest_has_its_default() {
        let text = "[slo.M1]\nobjective = 0.95\nwindow = \"7d\"\n\n[slo.M2]\nquantile = 0.5\n\
                    within_window = 1\n\n[slo.M4]\nobjective = 7200\nemergency = 600.5\n";
        let asked = Settings::parse(text).unwrap().slo.objectives();
        let m1 = asked.of(LevelName::M1);
        assert_eq!(m1.objective.to_string(), "0.95");
        assert_eq!(m1.window, Span::seconds(7 * 86_400));
        let m2 = asked.of(LevelName::M2);
        assert_eq!((m2.quantile, m2.second), (0.5, 1.0));
        let m4 = asked.of(LevelName::M4);
        assert_eq!((m4.objective, m4.second), (7200.0, 600.5));
        let default = Objectives::default();
        assert_eq!(asked.of(LevelName::M3), default.of(LevelName::M3));
        assert_eq!(
            m2.objective.to_string(),
            default.of(LevelName::M2).objective.to_string()
        );
    }

    #[test]
    fn what_nobody_knows_and_what_makes_no_sense_is_named_with_its_place() {
        for (text, place) in [
            ("[slo.M1]\nobjetive = 0.9\n", "objetive"),
            ("[slo.M1]\nquantile = 0.9\n", "quantile"),
            ("[slo.M11]\nobjective = 0.9\n", "M11"),
            ("[slo.M1]\nobjective = 99\n", "99"),
            ("[slo.M5]\nobjective = -1\n", "-1"),
            ("[slo.M1]\nwindow = \"1 month\"\n", "\"1 month\""),
            ("[slo.M1]\nwindow = \"0d\"\n", "\"0d\""),
            ("[slo.M1]\nwindow = \"é\"\n", "\"é\""),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert_eq!(text.get(error.span.clone()), Some(place), "{error}");
        }
    }
}
