//! The settings of a target as `rotation.toml` gives them: read key by key, so that an error names
//! the key that is wrong, and closed at the end, so that a misspelt key is no silent default.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::model::Span;
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::plan::length;

/// Why a target's settings are none: which key, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("target of kind {kind:?}: {key}: {message}")]
pub struct SettingError {
    /// The kind of the target.
    pub kind: String,
    /// The key that is wrong; `kind` where the kind itself is unknown.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
}

/// Settings being read.
pub struct Settings {
    kind: &'static str,
    given: BTreeMap<String, toml::Value>,
    asked: BTreeSet<&'static str>,
}

/// Where a secret that the engine itself needs is found; read anew for each call, so that it may
/// be rotated too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; one line end at its end does not count.
    File(PathBuf),
}

type Read<T> = Result<T, SettingError>;

impl Settings {
    /// Opens the settings of a target of this kind.
    pub(in super::super) fn new(kind: &'static str, given: &BTreeMap<String, toml::Value>) -> Self {
        Self {
            kind,
            given: given.clone(),
            asked: BTreeSet::new(),
        }
    }

    /// The error that this key is wrong.
    pub fn wrong(&self, key: &str, message: impl Into<String>) -> SettingError {
        SettingError {
            kind: self.kind.to_owned(),
            key: key.to_owned(),
            message: message.into(),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<toml::Value> {
        self.asked.insert(key);
        self.given.remove(key)
    }

    fn missing(&self, key: &str) -> SettingError {
        self.wrong(key, "is missing")
    }

    /// Words that may be absent; empty words are wrong.
    pub fn maybe_text(&mut self, key: &'static str) -> Read<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(toml::Value::String(words)) if words.contains('\0') => {
                Err(self.wrong(key, "holds a NUL character"))
            }
            Some(toml::Value::String(words)) if !words.is_empty() => Ok(Some(words)),
            Some(other) => Err(self.wrong(key, format!("{} is no text", told(&other)))),
        }
    }

    /// Words.
    pub fn text(&mut self, key: &'static str) -> Read<String> {
        self.maybe_text(key)?.ok_or_else(|| self.missing(key))
    }

    /// Words, or these.
    pub fn text_or(&mut self, key: &'static str, default: &str) -> Read<String> {
        Ok(self.maybe_text(key)?.unwrap_or_else(|| default.to_owned()))
    }

    /// A path that may be absent.
    pub fn maybe_path(&mut self, key: &'static str) -> Read<Option<PathBuf>> {
        Ok(self.maybe_text(key)?.map(PathBuf::from))
    }

    /// A path.
    pub fn path(&mut self, key: &'static str) -> Read<PathBuf> {
        Ok(PathBuf::from(self.text(key)?))
    }

    /// A list of words; absent is empty.
    pub fn texts(&mut self, key: &'static str) -> Read<Vec<String>> {
        let Some(given) = self.take(key) else {
            return Ok(Vec::new());
        };
        let toml::Value::Array(items) = given else {
            return Err(self.wrong(key, "is no list of texts"));
        };
        items
            .into_iter()
            .map(|item| match item {
                toml::Value::String(words) if !words.is_empty() && !words.contains('\0') => {
                    Ok(words)
                }
                other => Err(self.wrong(key, format!("{} is no text", told(&other)))),
            })
            .collect()
    }

    /// Yes or no.
    pub fn flag(&mut self, key: &'static str, default: bool) -> Read<bool> {
        match self.take(key) {
            None => Ok(default),
            Some(toml::Value::Boolean(flag)) => Ok(flag),
            Some(other) => {
                Err(self.wrong(key, format!("{} is neither true nor false", told(&other))))
            }
        }
    }

    /// A TCP port.
    pub fn port(&mut self, key: &'static str, default: u16) -> Read<u16> {
        match self.take(key) {
            None => Ok(default),
            Some(toml::Value::Integer(n)) if (1..=65_535).contains(&n) => {
                u16::try_from(n).map_err(|_| self.wrong(key, "is no port"))
            }
            Some(other) => Err(self.wrong(key, format!("{} is no port", told(&other)))),
        }
    }

    /// A length of time: `90s`, `10m`, `12h`, `30d`.
    pub fn length(&mut self, key: &'static str) -> Read<Option<Span>> {
        let Some(words) = self.maybe_text(key)? else {
            return Ok(None);
        };
        length::read(&words).map(Some).ok_or_else(|| {
            self.wrong(
                key,
                format!("{words:?} is no length of time; write 90s, 10m, 12h or 30d"),
            )
        })
    }

    /// An `http` or `https` URL that may be absent, without a credential in it and without a
    /// slash at its end.
    pub fn maybe_url(&mut self, key: &'static str) -> Read<Option<String>> {
        let Some(words) = self.maybe_text(key)? else {
            return Ok(None);
        };
        let url =
            reqwest::Url::parse(&words).map_err(|e| self.wrong(key, format!("is no URL: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(self.wrong(key, "is no http or https URL"));
        }
        if url.password().is_some() || !url.username().is_empty() {
            return Err(self.wrong(
                key,
                "holds a credential; a secret has no place in rotation.toml",
            ));
        }
        Ok(Some(words.trim_end_matches('/').to_owned()))
    }

    /// An `http` or `https` URL.
    pub fn url(&mut self, key: &'static str) -> Read<String> {
        self.maybe_url(key)?.ok_or_else(|| self.missing(key))
    }

    /// Where a secret is found, that may be absent: `env` and `file` are the two keys for it, and
    /// `clear` the one that nobody may use.
    pub fn maybe_secret(&mut self, keys: SecretKeys) -> Read<Option<SecretRef>> {
        if self.given.contains_key(keys.clear) {
            return Err(self.wrong(
                keys.clear,
                format!(
                    "a secret has no place in rotation.toml; write {} or {}",
                    keys.file, keys.env
                ),
            ));
        }
        let env = self.maybe_text(keys.env)?;
        let file = self.maybe_path(keys.file)?;
        match (env, file) {
            (Some(_), Some(_)) => Err(self.wrong(
                keys.env,
                format!("stands beside {}; one of them is enough", keys.file),
            )),
            (Some(name), None) => Ok(Some(SecretRef::Env(name))),
            (None, Some(path)) => Ok(Some(SecretRef::File(path))),
            (None, None) => Ok(None),
        }
    }

    /// Where a secret is found.
    pub fn secret(&mut self, keys: SecretKeys) -> Read<SecretRef> {
        self.maybe_secret(keys)?
            .ok_or_else(|| self.wrong(keys.file, format!("is missing; or write {}", keys.env)))
    }

    /// Ends the reading: what nobody asked for is a misspelt key.
    pub(in super::super) fn finish(self) -> Read<()> {
        let Some(key) = self.given.keys().next() else {
            return Ok(());
        };
        let known: Vec<&str> = self.asked.iter().copied().collect();
        Err(self.wrong(
            key,
            format!("is unknown here; known are {}", known.join(", ")),
        ))
    }
}

/// The three keys that speak of one secret.
#[derive(Clone, Copy, Debug)]
pub struct SecretKeys {
    /// Names an environment variable.
    pub env: &'static str,
    /// Names a file.
    pub file: &'static str,
    /// Would hold it in clear, and is refused.
    pub clear: &'static str,
}

/// The password of whoever may change the secret.
pub const ADMIN_PASSWORD: SecretKeys = SecretKeys {
    env: "admin_password_env",
    file: "admin_password_file",
    clear: "admin_password",
};

/// The token of whoever may change the secret.
pub const ADMIN_TOKEN: SecretKeys = SecretKeys {
    env: "admin_token_env",
    file: "admin_token_file",
    clear: "admin_token",
};

impl SecretRef {
    /// The secret.
    ///
    /// # Errors
    /// A local fault where the variable or the file is absent, empty or no text; it names the
    /// place and never what was there.
    pub fn read(&self, doing: &str) -> Result<Zeroizing<String>, Fault> {
        let local = |said: String| Fault::new(FaultKind::Local, doing, said);
        let words = match self {
            Self::Env(name) => env::var(name).map(Zeroizing::new).map_err(|_| {
                local(format!(
                    "the environment variable {name} is not set to a text"
                ))
            })?,
            Self::File(path) => fs::read_to_string(path)
                .map(Zeroizing::new)
                .map_err(|e| local(format!("{}: {e}", path.display())))?,
        };
        let words = Zeroizing::new(words.trim_end_matches(['\r', '\n']).to_owned());
        if words.is_empty() {
            return Err(local(match self {
                Self::Env(name) => format!("the environment variable {name} is empty"),
                Self::File(path) => format!("{} is empty", path.display()),
            }));
        }
        Ok(words)
    }
}

/// What kind of value it is; the value itself may be a secret at the wrong place.
fn told(value: &toml::Value) -> String {
    match value {
        toml::Value::String(words) if words.is_empty() => "an empty text".to_owned(),
        other => format!("a value of type {}", other.type_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::new("lab", &toml::from_str(text).unwrap())
    }

    #[test]
    fn every_error_names_the_key() {
        let mut s = settings("port = 0\nhost = ''\nurl = 'ftp://x'\nroles = [1]\nlife = 'ten'");
        assert_eq!(s.port("port", 1).unwrap_err().key, "port");
        assert_eq!(s.text("host").unwrap_err().key, "host");
        assert_eq!(s.url("url").unwrap_err().key, "url");
        assert_eq!(s.texts("roles").unwrap_err().key, "roles");
        assert!(s.length("life").unwrap_err().message.contains("10m"));
        assert_eq!(s.text("gone").unwrap_err().message, "is missing");
    }

    #[test]
    fn a_misspelt_key_is_told_with_the_known_ones() {
        let mut s = settings("rolle = 'x'");
        assert_eq!(s.maybe_text("role").unwrap(), None);
        let error = s.finish().unwrap_err();
        assert_eq!(error.key, "rolle");
        assert!(error.message.contains("known are role"), "{error}");
    }

    #[test]
    fn a_secret_in_clear_is_refused_and_not_repeated() {
        let error = settings("admin_password = 'canary-5'")
            .secret(ADMIN_PASSWORD)
            .unwrap_err();
        assert_eq!(error.key, "admin_password");
        assert!(!error.to_string().contains("canary-5"));
        let error = settings("url = 'https://me:canary-6@host/'")
            .url("url")
            .unwrap_err();
        assert!(!error.to_string().contains("canary-6"), "{error}");
    }

    #[test]
    fn a_secret_is_read_from_its_file_without_the_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "s3cret\n").unwrap();
        let found = SecretRef::File(path.clone()).read("log in").unwrap();
        assert_eq!(found.as_str(), "s3cret");
        std::fs::write(&path, "\n").unwrap();
        let fault = SecretRef::File(path).read("log in").unwrap_err();
        assert_eq!(fault.kind, FaultKind::Local);
    }
}
