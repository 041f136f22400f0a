//! How the cockpit looks and listens: settings, keymap and theme, from the user's folder or from
//! those that come with the program.

use std::env;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::audit::identity::IdentityRules;
use crate::config::{DATA_ENV, HistorySettings, Paths, Settings, TimeZoneChoice};
use crate::history::Keep;
use crate::measure::alert::Owners;
use crate::measure::level::Objectives;
use crate::model::Text;
use crate::session::{Keeping, Measure};
use crate::shell::watch::Watch;
use crate::ui::{Alarm, ConfigError, Depth, Keymap, Setup, Theme};

use super::complaint::Complaint;
use super::discreet::{discreet, nameless};
use super::watcher::Watcher;

/// What a person says of it on the command line.
#[derive(clap::Args, Debug, Default)]
pub struct LookArgs {
    /// The keymap: default, vim, emacs or one of your own
    #[arg(long, value_name = "NAME")]
    keymap: Option<String>,
    /// The theme: dark, light, high-contrast, colour-blind, none or one of your own
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
}

/// Everything about it, read and right.
#[derive(Clone, Debug)]
pub struct Look {
    keymap: Keymap,
    theme: Theme,
    zone: TimeZoneChoice,
    alarm: Alarm,
    /// Where it was read, and what of it the command line named.
    from: (Paths, Option<String>, Option<String>),
    /// Who is who.
    pub identity: IdentityRules,
    /// What is asked of the service levels.
    pub(super) objectives: Objectives,
    history: HistorySettings,
}

impl Look {
    /// Reads the settings and what they name. The command line goes before the settings, and
    /// `NO_COLOR` before both.
    pub(super) fn of(args: &LookArgs, paths: &Paths) -> Result<Self, Complaint> {
        let (settings, identity) = settings(paths)?;
        let keymap = args
            .keymap
            .as_deref()
            .or(settings.keymap.as_deref())
            .unwrap_or("default");
        let no_colour = env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let theme = args
            .theme
            .as_deref()
            .or(settings.theme.as_deref())
            .unwrap_or("dark");
        Ok(Self {
            keymap: self::keymap(keymap, paths)?,
            theme: self::theme(if no_colour { "none" } else { theme }, paths)?.with_depth(depth()),
            zone: settings.zone,
            alarm: Alarm {
                owners: owners(None, paths)?,
                ring: settings.alerts.ring(),
            },
            from: (
                paths.clone(),
                args.keymap.clone(),
                if no_colour {
                    Some("none".to_owned())
                } else {
                    args.theme.clone()
                },
            ),
            objectives: settings.slo.objectives(),
            history: settings.history,
            identity,
        })
    }

    /// What the cockpit is told of alerts.
    pub(super) fn alarm(&self) -> Alarm {
        self.alarm.clone()
    }

    /// What reads it anew when its files change; `None` where there can be none.
    pub(super) fn watch(&self) -> Option<Box<dyn Watch>> {
        let (paths, keymap, theme) = self.from.clone();
        paths.config.as_ref()?;
        Some(Box::new(Watcher::new(paths, (keymap, theme), depth())))
    }

    /// What is asked of the service levels of what happens now, and where their days are kept.
    pub(super) fn measure(&self, paths: &Paths) -> Measure {
        let HistorySettings { keep, days } = self.history;
        let keeping = match paths.history() {
            _ if !keep => Keeping::Not("the settings say that no history is kept".to_owned()),
            Some(path) => Keeping::In(path, Keep { days }),
            None => Keeping::Not(format!(
                "no history is kept: the system names no home; set {DATA_ENV}"
            )),
        };
        Measure {
            objectives: Arc::new(self.objectives),
            keeping,
        }
    }

    /// The cockpit's setup.
    pub(super) fn setup(self, title: Text) -> Setup {
        Setup {
            title,
            keymap: self.keymap,
            theme: self.theme,
            replay: true,
            local: self.zone == TimeZoneChoice::Local,
        }
    }
}

/// A terminal that shows true colour says so in `COLORTERM`; nothing else can be told without
/// asking it, which over a bad connection takes too long.
fn depth() -> Depth {
    match env::var("COLORTERM") {
        Ok(words) if matches!(words.as_str(), "truecolor" | "24bit") => Depth::TrueColour,
        _ => Depth::Sixteen,
    }
}

/// Reads `config.toml`; without one all is default.
pub(super) fn settings(paths: &Paths) -> Result<(Settings, IdentityRules), Complaint> {
    let Some(path) = paths.settings() else {
        return Ok((Settings::default(), IdentityRules::default()));
    };
    let Some(text) = read(&path)? else {
        return Ok((Settings::default(), IdentityRules::default()));
    };
    let file = path.to_string_lossy().into_owned();
    let settings = Settings::parse(&text).map_err(|e| {
        let (shown, span) = discreet(&text, e.span, true);
        let words = nameless(&e.message);
        Complaint::new(format!("the settings are wrong: {words}")).at(&file, &shown, span)
    })?;
    let identity = IdentityRules::parse(&text).map_err(|e| {
        let (shown, span) = discreet(&text, e.span.clone(), false);
        Complaint::new(format!("an identity rule is wrong: {}", e.message)).at(&file, &shown, span)
    })?;
    Ok((settings, identity))
}

/// Reads who answers for what: from a file that was named, which must be there, else from the
/// user's `owners.toml`, where there is one.
pub(super) fn owners(named: Option<&Path>, paths: &Paths) -> Result<Owners, Complaint> {
    let usual = paths.owners();
    let Some(path) = named.or(usual.as_deref()) else {
        return Ok(Owners::default());
    };
    let Some(text) = read(path)? else {
        return match named {
            None => Ok(Owners::default()),
            Some(_) => Err(
                Complaint::new(format!("there is no file {}", path.display()))
                    .next("name a file of owners, or leave it out"),
            ),
        };
    };
    crate::config::owners::parse(&text).map_err(|e| {
        let file = path.to_string_lossy();
        Complaint::new(format!("the owners are wrong: {}", e.message)).at(file, &text, e.span)
    })
}

/// The user's keymap of that name, else the program's.
pub(super) fn keymap(name: &str, paths: &Paths) -> Result<Keymap, Complaint> {
    named(
        name,
        paths.keymap(name).as_deref(),
        "keymap",
        Keymap::parse,
        Keymap::built_in,
        &Keymap::built_in_names().collect::<Vec<_>>(),
    )
}

/// The user's theme of that name, else the program's.
pub(super) fn theme(name: &str, paths: &Paths) -> Result<Theme, Complaint> {
    named(
        name,
        paths.theme(name).as_deref(),
        "theme",
        Theme::parse,
        Theme::built_in,
        &Theme::built_in_names().collect::<Vec<_>>(),
    )
}

fn named<T>(
    name: &str,
    path: Option<&Path>,
    what: &str,
    parse: impl Fn(&str, &str) -> Result<T, ConfigError>,
    built_in: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<T, Complaint> {
    // A name that climbs out of the folder is no name.
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    if let Some(path) = path.filter(|_| plain)
        && let Some(text) = read(path)?
    {
        return parse(name, &text).map_err(|e| wrong(what, &path.to_string_lossy(), &text, &e));
    }
    built_in(name).ok_or_else(|| {
        let here = path.and_then(Path::parent).map_or(String::new(), |p| {
            format!(", or put yours into {}", p.display())
        });
        Complaint::new(format!("there is no {what} called \"{name}\""))
            .next(format!("known are {}{here}", known.join(", ")))
    })
}

/// What is wrong with a keymap or a theme, with the place.
pub(super) fn wrong(what: &str, file: &str, text: &str, error: &ConfigError) -> Complaint {
    let complaint = Complaint::new(format!("the {what} is wrong: {}", error.message)).at(
        file,
        text,
        error.span.clone(),
    );
    match &error.help {
        Some(help) => complaint.next(help),
        None => complaint,
    }
}

/// A file's text; `None` where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, Complaint> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(e) => Err(Complaint::new(format!("{} cannot be read", path.display())).because(e)),
    }
}
