//! `[alerts]`: how a person at a terminal is told of a page, and who else is told of what.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::de::{self, Deserializer};
use serde::{Deserialize, de::Unexpected};

use crate::measure::alert::Phase;
use crate::model::effect::Ring;

/// What the user set of alerts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertSettings {
    /// No bell and no notification, whatever happens.
    #[serde(default)]
    pub quiet: bool,
    /// How a terminal is made to ring.
    #[serde(default, deserialize_with = "ring")]
    pub notify: Ring,
    /// Who is told.
    #[serde(default)]
    pub hooks: Vec<HookSettings>,
}

impl AlertSettings {
    /// How a terminal rings; `None` where it does not.
    #[must_use]
    pub fn ring(&self) -> Option<Ring> {
        (!self.quiet).then_some(self.notify)
    }
}

/// One that is told of alerts: a program or a webhook.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct HookSettings {
    /// What it is called where its failures are told.
    pub name: String,
    /// What is done.
    pub way: HookWay,
    /// It is given up after so long.
    pub time_limit: Duration,
    /// How often it is tried again.
    pub retries: u32,
    /// What it is told of.
    pub on: Vec<Phase>,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub enum HookWay {
    /// A program and its arguments; no shell reads them.
    Program {
        /// The program, then its arguments; not empty.
        argv: Vec<String>,
        /// Variables of the environment that it gets beside the usual.
        pass_env: Vec<String>,
    },
    /// An address that the alert is posted to.
    Webhook {
        /// The address, which may hold what opens it.
        url: secrecy::SecretString,
        /// Where the token is, if it asks for one.
        token: Option<TokenPlace>,
    },
}

impl PartialEq for HookWay {
    /// Addresses are secrets, of which only those that open them know more.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Program { argv, pass_env },
                Self::Program {
                    argv: others,
                    pass_env: passed,
                },
            ) => argv == others && pass_env == passed,
            (
                Self::Webhook { url, token },
                Self::Webhook {
                    url: other,
                    token: others,
                },
            ) => url.expose_secret() == other.expose_secret() && token == others,
            _ => false,
        }
    }
}

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// In a variable of the environment.
    Env(String),
    /// In a file that nobody else may read.
    File(PathBuf),
}

/// A hook as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    program: Option<Vec<String>>,
    #[serde(default)]
    pass_env: Vec<String>,
    webhook: Option<String>,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "length")]
    time_limit: Option<Duration>,
    retries: Option<u32>,
    on: Option<Vec<String>>,
}

/// A hook is given up after so long, unless it says otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Nobody waits longer than this for a hook.
const LONGEST: u64 = 300;

/// A webhook is tried again so often, unless it says otherwise. A program is not: nobody knows
/// what it did before it failed.
const RETRIES: u32 = 3;

/// Nobody tries more often than this.
const MOST_RETRIES: u32 = 10;

impl TryFrom<Written> for HookSettings {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let token = match (written.token_env, written.token_file) {
            (Some(_), Some(_)) => return Err("token_env and token_file: name one of them".into()),
            (Some(name), None) => Some(TokenPlace::Env(name)),
            (None, Some(path)) => Some(TokenPlace::File(path)),
            (None, None) => None,
        };
        let (way, retries, usual) = match (written.program, written.webhook) {
            (Some(argv), None) => {
                if argv.first().is_none_or(String::is_empty) {
                    return Err("program: name a program, then its arguments".to_owned());
                }
                if token.is_some() {
                    return Err("token: a program gets none; use pass_env".to_owned());
                }
                let usual = argv.first().cloned().unwrap_or_default();
                let pass_env = written.pass_env;
                (HookWay::Program { argv, pass_env }, 0, usual)
            }
            (None, Some(url)) => {
                if !written.pass_env.is_empty() {
                    return Err("pass_env: only a program has an environment".to_owned());
                }
                let way = HookWay::Webhook {
                    url: url.into(),
                    token,
                };
                (way, RETRIES, "webhook".to_owned())
            }
            _ => return Err("a hook has either program or webhook".to_owned()),
        };
        let on = written.on.unwrap_or_else(|| {
            // Who hears that it is over hears that it came back: their last word must be true.
            ["page", "escalated", "ticket", "resolved", "again"]
                .map(String::from)
                .to_vec()
        });
        Ok(Self {
            name: written.name.unwrap_or(usual),
            way,
            time_limit: written.time_limit.unwrap_or(TIME_LIMIT),
            retries: written.retries.unwrap_or(retries).min(MOST_RETRIES),
            on: on
                .iter()
                .map(|word| phase(word))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn phase(word: &str) -> Result<Phase, String> {
    let all = [
        Phase::Suppressed,
        Phase::Ticket,
        Phase::Page,
        Phase::Escalated,
        Phase::Resolved,
        Phase::Again,
    ];
    let named = all.into_iter().find(|phase| phase.name() == word);
    named.ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|phase| phase.name()).collect();
        format!("on: \"{word}\" is none of {}", known.join(", "))
    })
}

fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let words = String::deserialize(deserializer)?;
    let number = words.strip_suffix('s').and_then(|n| n.parse::<u64>().ok());
    match number.filter(|seconds| (1..=LONGEST).contains(seconds)) {
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
        None => Err(de::Error::invalid_value(
            Unexpected::Str(&words),
            &"\"1s\" to \"300s\"",
        )),
    }
}

fn ring<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ring, D::Error> {
    let words = String::deserialize(deserializer)?;
    match words.as_str() {
        "bell" => Ok(Ring::Bell),
        "osc9" => Ok(Ring::Osc9),
        "osc777" => Ok(Ring::Osc777),
        _ => Err(de::Error::invalid_value(
            Unexpected::Str(&words),
            &"\"bell\", \"osc9\" or \"osc777\"",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn hooks(text: &str) -> Vec<HookSettings> {
        Settings::parse(text).unwrap().alerts.hooks
    }

    #[test]
    fn hooks_are_read() {
        let all = hooks(
            "[alerts]\nnotify = \"osc777\"\n[[alerts.hooks]]\nprogram = [\"/bin/tell\", \"-x\"]\n\
             on = [\"page\"]\ntime_limit = \"3s\"\n[[alerts.hooks]]\nname = \"chat\"\n\
             webhook = \"https://chat.example/T0/secret\"\ntoken_env = \"CHAT\"\n",
        );
        assert_eq!(all[0].on, [Phase::Page]);
        assert_eq!((all[0].name.as_str(), all[0].retries), ("/bin/tell", 0));
        assert_eq!(all[0].time_limit, Duration::from_secs(3));
        let HookWay::Webhook { url, token } = &all[1].way else {
            panic!("{all:?}");
        };
        assert!(url.expose_secret().ends_with("/secret"));
        assert_eq!(token, &Some(TokenPlace::Env("CHAT".into())));
        assert!(!format!("{all:?}").contains("T0/secret"));
        assert_eq!((all[1].name.as_str(), all[1].retries), ("chat", 3));
        let usual = [
            Phase::Page,
            Phase::Escalated,
            Phase::Ticket,
            Phase::Resolved,
            Phase::Again,
        ];
        assert_eq!(all[1].on, usual);
    }

    #[test]
    fn quiet_rings_nothing() {
        let ring = |text: &str| Settings::parse(text).unwrap().alerts.ring();
        assert_eq!(ring(""), Some(Ring::Bell));
        assert_eq!(ring("[alerts]\nnotify = \"osc9\"\n"), Some(Ring::Osc9));
        assert_eq!(ring("[alerts]\nquiet = true\n"), None);
    }

    #[test]
    fn what_makes_no_sense_is_said_with_its_key() {
        for (text, key) in [
            ("[alerts]\nqueit = true\n", "queit"),
            ("[alerts]\nnotify = \"siren\"\n", "siren"),
            ("[[alerts.hooks]]\nname = \"x\"\n", "program or webhook"),
            ("[[alerts.hooks]]\nprogram = []\n", "program"),
            (
                "[[alerts.hooks]]\nprogram = [\"a\"]\nwebhook = \"http://x\"\n",
                "program or webhook",
            ),
            (
                "[[alerts.hooks]]\nprogram = [\"a\"]\non = [\"pages\"]\n",
                "\"pages\"",
            ),
            (
                "[[alerts.hooks]]\nprogram = [\"a\"]\ntime_limit = \"1h\"\n",
                "1h",
            ),
            (
                "[[alerts.hooks]]\nprogram = [\"a\"]\ntoken_env = \"T\"\n",
                "token",
            ),
            (
                "[[alerts.hooks]]\nwebhook = \"http://x\"\ntoken_env = \"T\"\ntoken_file = \"/x\"\n",
                "token_env",
            ),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert!(error.message.contains(key), "{text}: {error}");
        }
    }
}
