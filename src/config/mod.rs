//! Where things lie and what the user set. Every path can be overridden by the environment, so
//! that tests and containers need no home folder.

mod alerts;
pub mod failpoint;
mod history;
pub mod identity;
pub mod owners;
mod paths;
mod settings;
mod slo;

pub use alerts::{AlertSettings, HookSettings, HookWay, TokenPlace};
pub use history::HistorySettings;
pub use identity::{Identity, IdentityError, Kept};
pub use paths::{DATA_ENV, Paths};
pub use settings::{Settings, SettingsError, TimeZoneChoice};
pub use slo::SloSettings;
