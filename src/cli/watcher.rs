//! Reads the settings, the keymap and the theme anew when their files change under the running
//! program. What is wrong is told with its file, line and key, and what was right before stays.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::audit::identity::IdentityRules;
use crate::config::{Paths, Settings, TimeZoneChoice};
use crate::model::text::shown;
use crate::shell::watch::Watch;
use crate::ui::{Changed, ConfigError, Depth, Keymap, Message, Theme};

/// What a file is told by: a file that took another's place by renaming is another one, even of
/// the same length and second.
type Stamp = (Option<SystemTime>, u64, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let place = std::os::unix::fs::MetadataExt::ino(&meta);
    #[cfg(not(unix))]
    let place = 0;
    Some((meta.modified().ok(), meta.len(), place))
}

/// Looks at the files.
pub(super) struct Watcher {
    paths: Paths,
    /// The names on the command line; they go before those of the settings.
    pub(super) keymap: Option<String>,
    pub(super) theme: Option<String>,
    depth: Depth,
    /// The settings as they were last right.
    settings: Settings,
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

impl Watcher {
    /// Begins with how things stand now.
    pub(super) fn new(
        paths: Paths,
        (keymap, theme): (Option<String>, Option<String>),
        depth: Depth,
    ) -> Self {
        let mut watcher = Self {
            paths,
            keymap,
            theme,
            depth,
            settings: Settings::default(),
            seen: Vec::new(),
        };
        let read = watcher
            .paths
            .settings()
            .and_then(|path| fs::read_to_string(path).ok());
        if let Some(settings) = read.and_then(|text| Settings::parse(&text).ok()) {
            watcher.settings = settings;
        }
        watcher.seen = watcher.stamps();
        watcher
    }

    fn keymap_name(&self) -> String {
        let named = self.keymap.as_ref().or(self.settings.keymap.as_ref());
        named.cloned().unwrap_or_else(|| "default".to_owned())
    }

    fn theme_name(&self) -> String {
        let named = self.theme.as_ref().or(self.settings.theme.as_ref());
        named.cloned().unwrap_or_else(|| "dark".to_owned())
    }

    fn files(&self) -> Vec<PathBuf> {
        let keymap = file(&self.keymap_name(), |name| self.paths.keymap(name));
        let theme = file(&self.theme_name(), |name| self.paths.theme(name));
        self.paths
            .settings()
            .into_iter()
            .chain(keymap)
            .chain(theme)
            .collect()
    }

    fn stamps(&self) -> Vec<(PathBuf, Option<Stamp>)> {
        let files = self.files().into_iter();
        files
            .map(|path| {
                let at = stamp(&path);
                (path, at)
            })
            .collect()
    }

    /// Reads everything; what is wrong stands in [`Changed::wrong`].
    fn read(&mut self) -> Changed {
        let mut changed = Changed::default();
        let zone = self.settings.zone;
        if let Err(wrong) = self.read_settings() {
            changed.wrong.push(wrong);
        }
        if self.settings.zone != zone {
            changed.local = Some(self.settings.zone == TimeZoneChoice::Local);
        }
        let keymap = self.named(
            "keymap",
            &self.keymap_name(),
            |n| self.paths.keymap(n),
            Keymap::parse,
            Keymap::built_in,
        );
        let theme = self.named(
            "theme",
            &self.theme_name(),
            |n| self.paths.theme(n),
            Theme::parse,
            Theme::built_in,
        );
        match keymap {
            Ok(keymap) => changed.keymap = Some(keymap),
            Err(wrong) => changed.wrong.push(wrong),
        }
        match theme {
            Ok(theme) => changed.theme = Some(theme.with_depth(self.depth)),
            Err(wrong) => changed.wrong.push(wrong),
        }
        changed
    }

    fn read_settings(&mut self) -> Result<(), String> {
        let Some(path) = self.paths.settings() else {
            return Ok(());
        };
        let Some(text) = text_of(&path)? else {
            self.settings = Settings::default();
            return Ok(());
        };
        // What is quoted may be the address of a webhook.
        let wrong = |message: &str, at: usize, end: usize| {
            let (shown, span) = super::discreet::discreet(&text, at..end, true);
            let message = super::discreet::nameless(message);
            self.wrong(&path, &shown, (span.start, span.end), &message, None)
        };
        let settings =
            Settings::parse(&text).map_err(|e| wrong(&e.message, e.span.start, e.span.end))?;
        IdentityRules::parse(&text).map_err(|e| wrong(&e.message, e.span.start, e.span.end))?;
        self.settings = settings;
        Ok(())
    }

    /// The user's file of that name, else what comes with the program.
    fn named<T>(
        &self,
        what: &str,
        name: &str,
        path: impl Fn(&str) -> Option<PathBuf>,
        parse: impl Fn(&str, &str) -> Result<T, ConfigError>,
        built_in: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        if let Some(path) = file(name, path)
            && let Some(text) = text_of(&path)?
        {
            return parse(name, &text).map_err(|e| {
                self.wrong(
                    &path,
                    &text,
                    (e.span.start, e.span.end),
                    &e.message,
                    e.help.as_deref(),
                )
            });
        }
        built_in(name).ok_or_else(|| {
            let wrong = format!("there is no {what} called \"{}\"", shown(name));
            match self.line_of(what) {
                Some(place) => format!("{place}: {wrong} (at {what})"),
                None => wrong,
            }
        })
    }

    /// The file and line of the settings that name the keymap or the theme; `None` where the
    /// command line does, or nobody.
    fn line_of(&self, key: &str) -> Option<String> {
        let by_hand = match key {
            "keymap" => &self.keymap,
            _ => &self.theme,
        };
        let path = self.paths.settings().filter(|_| by_hand.is_none())?;
        let text = fs::read_to_string(&path).ok()?;
        let names = |line: &str| {
            let after = line.trim_start().strip_prefix(key);
            after.is_some_and(|after| after.trim_start().starts_with('='))
        };
        let line = text.lines().position(names)? + 1;
        let file = path.file_name()?.to_string_lossy();
        Some(format!("{}:{line}", shown(&file)))
    }

    /// `keymaps/mine.toml:3: no command is called `qiut` (`qiut`); did you mean `quit`?`
    fn wrong(
        &self,
        path: &Path,
        text: &str,
        (start, end): (usize, usize),
        message: &str,
        help: Option<&str>,
    ) -> String {
        let short = self
            .paths
            .config
            .as_ref()
            .and_then(|dir| path.strip_prefix(dir).ok());
        let file = short.unwrap_or(path).to_string_lossy();
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let key = text
            .get(start..end)
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default()
            .trim();
        // What the message names already is not named again.
        let named = key.is_empty() || message.contains(key.trim_matches(['"', '\'']));
        let key = if named {
            String::new()
        } else {
            format!(" (at {key})")
        };
        let help = help.map_or_else(String::new, |help| format!("; {help}"));
        shown(&format!("{file}:{line}: {message}{key}{help}")).into_owned()
    }
}

impl Watch for Watcher {
    fn look(&mut self) -> Option<Message> {
        let now = self.stamps();
        if now == self.seen {
            return None;
        }
        let changed = self.read();
        // What changed since, or is named since by the settings, is read the next time.
        self.seen = now;
        Some(Message::Changed(Box::new(changed)))
    }
}

/// The user's file of a name; a name that climbs out of the folder is no name.
fn file(name: &str, path: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    if plain { path(name) } else { None }
}

/// A file's text; `None` where there is no such file.
fn text_of(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", shown(&path.to_string_lossy()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("keymaps")).unwrap();
            fs::create_dir_all(folder.path().join("themes")).unwrap();
            Self(folder)
        }

        /// Puts a file in the place of another, as careful editors do.
        fn put(&self, name: &str, text: &str) {
            let new = self.0.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, self.0.path().join(name)).unwrap();
        }

        fn watcher(&self) -> Watcher {
            let paths = Paths {
                config: Some(self.0.path().to_owned()),
                state: None,
                data: None,
            };
            Watcher::new(paths, (None, None), Depth::Sixteen)
        }
    }

    fn changed(watcher: &mut Watcher) -> Option<Changed> {
        match watcher.look() {
            Some(Message::Changed(changed)) => Some(*changed),
            None => None,
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_did_not_change_is_not_read() {
        let folder = Folder::new();
        folder.put("config.toml", "keymap = \"mine\"");
        folder.put("keymaps/mine.toml", "extends = \"vim\"");
        let mut watcher = folder.watcher();
        assert!(changed(&mut watcher).is_none());
        folder.put("keymaps/other.toml", "extends = \"vim\"");
        assert!(changed(&mut watcher).is_none());
        folder.put("keymaps/mine.toml", "extends = \"vim\"");
        let new = changed(&mut watcher).unwrap();
        assert_eq!(new.keymap.unwrap().name(), "mine");
        assert!(new.wrong.is_empty() && new.local.is_none());
        assert!(changed(&mut watcher).is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_and_key() {
        let folder = Folder::new();
        folder.put("config.toml", "keymap = \"mine\"");
        folder.put("keymaps/mine.toml", "extends = \"vim\"");
        let mut watcher = folder.watcher();
        folder.put("keymaps/mine.toml", "extends = \"vim\"\nqiut = \"Q\"\n");
        let new = changed(&mut watcher).unwrap();
        assert!(new.keymap.is_none() && new.theme.is_some());
        let [wrong] = new.wrong.as_slice() else {
            panic!("{:?}", new.wrong)
        };
        assert!(
            wrong.starts_with("keymaps/mine.toml:2: no command is called `qiut`"),
            "{wrong}"
        );
        assert!(wrong.contains("did you mean `quit`?"), "{wrong}");
        folder.put("keymaps/mine.toml", "extends = \"vim\"\nquit = \"Q\"\n");
        assert!(changed(&mut watcher).unwrap().wrong.is_empty());
    }

    #[test]
    fn settings_that_are_wrong_leave_what_they_said_before() {
        let folder = Folder::new();
        let mut watcher = folder.watcher();
        folder.put("config.toml", "keymap = \"emacs\"\nzone = \"local\"\n");
        let new = changed(&mut watcher).unwrap();
        assert_eq!(
            (new.keymap.unwrap().name(), new.local),
            ("emacs", Some(true))
        );
        folder.put("config.toml", "keymap = \"emacs\"\nthem = \"dark\"\n");
        let new = changed(&mut watcher).unwrap();
        assert_eq!((new.keymap.unwrap().name(), new.local), ("emacs", None));
        assert!(
            new.wrong[0].starts_with("config.toml:2: "),
            "{:?}",
            new.wrong
        );
        assert!(new.wrong[0].contains("them"), "{:?}", new.wrong);
        fs::remove_file(folder.0.path().join("config.toml")).unwrap();
        let new = changed(&mut watcher).unwrap();
        assert_eq!(
            (new.keymap.unwrap().name(), new.local),
            ("default", Some(false))
        );
    }

    #[test]
    fn a_theme_that_is_gone_is_told() {
        let folder = Folder::new();
        folder.put("config.toml", "theme = \"mine\"");
        folder.put("themes/mine.toml", "text = \"red\"");
        let mut watcher = folder.watcher();
        fs::remove_file(folder.0.path().join("themes/mine.toml")).unwrap();
        let new = changed(&mut watcher).unwrap();
        assert!(new.theme.is_none());
        assert_eq!(
            new.wrong,
            ["config.toml:1: there is no theme called \"mine\" (at theme)"]
        );
    }

    #[test]
    fn a_keymap_that_never_was_is_pointed_at_where_it_is_named() {
        let folder = Folder::new();
        let mut watcher = folder.watcher();
        folder.put("config.toml", "zone = \"utc\"\nkeymap = \"mien\"\n");
        let new = changed(&mut watcher).unwrap();
        assert_eq!(
            new.wrong,
            ["config.toml:2: there is no keymap called \"mien\" (at keymap)"]
        );
        watcher.keymap = Some("mein".to_owned());
        folder.put("config.toml", "zone = \"local\"\nkeymap = \"mien\"\n");
        let new = changed(&mut watcher).unwrap();
        assert_eq!(new.wrong, ["there is no keymap called \"mein\""]);
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_once_more() {
        let folder = Folder::new();
        folder.put("keymaps/mine.toml", "extends = \"vim\"");
        let mut watcher = folder.watcher();
        folder.put("config.toml", "keymap = \"mine\"");
        assert!(changed(&mut watcher).is_some());
        // Nobody had looked at the keymap's file before it was read.
        assert!(changed(&mut watcher).is_some());
        assert!(changed(&mut watcher).is_none());
    }
}
