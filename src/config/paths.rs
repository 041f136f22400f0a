//! The folders of the program.

use std::env;
use std::path::PathBuf;

use directories::ProjectDirs;

/// Names the folder of settings, keymaps and themes.
pub const CONFIG_ENV: &str = "ROTASCOPE_CONFIG_DIR";
/// Names the folder of logs.
pub const STATE_ENV: &str = "ROTASCOPE_STATE_DIR";

/// Names the folder of what is kept; without it, where the folder of logs is named, that one.
pub const DATA_ENV: &str = "ROTASCOPE_DATA_DIR";

/// Where settings are read and logs are written. A folder is `None` where the system names no
/// home and the environment no folder; the program then runs on defaults and without a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Holds `config.toml`, `keymaps/` and `themes/`.
    pub config: Option<PathBuf>,
    /// Holds `log/`.
    pub state: Option<PathBuf>,
    /// Holds `history.db`.
    pub data: Option<PathBuf>,
}

impl Paths {
    /// The folders of this user: `ROTASCOPE_CONFIG_DIR` and `ROTASCOPE_STATE_DIR`, else those
    /// that the system gives programs.
    #[must_use]
    pub fn of_user() -> Self {
        let dirs = ProjectDirs::from("", "", "rotascope");
        let named = |name: &str| {
            env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        Self {
            config: named(CONFIG_ENV)
                .or_else(|| dirs.as_ref().map(|d| d.config_dir().to_path_buf())),
            state: named(STATE_ENV).or_else(|| {
                dirs.as_ref().map(|d| {
                    d.state_dir()
                        .unwrap_or_else(|| d.data_local_dir())
                        .to_path_buf()
                })
            }),
            data: named(DATA_ENV)
                .or_else(|| named(STATE_ENV))
                .or_else(|| dirs.as_ref().map(|d| d.data_local_dir().to_path_buf())),
        }
    }

    /// The settings file, whether or not it is there.
    #[must_use]
    pub fn settings(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|dir| dir.join("config.toml"))
    }

    /// The file of owners, whether or not it is there.
    #[must_use]
    pub fn owners(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|dir| dir.join("owners.toml"))
    }

    /// What says which alerts were told to whom.
    #[must_use]
    pub fn told(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|dir| dir.join("alerts-told"))
    }

    /// Where a keymap of that name would lie.
    #[must_use]
    pub fn keymap(&self, name: &str) -> Option<PathBuf> {
        self.config
            .as_ref()
            .map(|dir| dir.join("keymaps").join(format!("{name}.toml")))
    }

    /// Where a theme of that name would lie.
    #[must_use]
    pub fn theme(&self, name: &str) -> Option<PathBuf> {
        self.config
            .as_ref()
            .map(|dir| dir.join("themes").join(format!("{name}.toml")))
    }

    /// The encrypted file of the person's key, whether or not it is there.
    #[must_use]
    pub fn identity(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|dir| dir.join("identity.sealed"))
    }

    /// What says whose key it is and where it was made.
    #[must_use]
    pub fn identity_mark(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|dir| dir.join("identity.toml"))
    }

    /// The daily summaries of live sessions, whether or not they are there.
    #[must_use]
    pub fn history(&self) -> Option<PathBuf> {
        self.data.as_ref().map(|dir| dir.join("history.db"))
    }

    /// The folder of logs.
    #[must_use]
    pub fn log(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|dir| dir.join("log"))
    }
}
