//! Alerts: whom to wake, whom to tell in the morning, and what a planned window keeps quiet.
//! Pure: what is known and `now` come in, alerts go out. `docs/alerts.md` says it for users.
//!
//! A [`Book`] is told what was found at each moment that something changed, in order of time, and
//! keeps an [`Alert`] for each incident. It rests on nothing but what it was told: the same
//! events give the same alerts, and nothing later is used.
//!
//! Files, each seeing only those before it: notice (a finding, as alerts see it) · owner (who
//! answers, and how they are reached) · entry (the alert) · pressure (budgets that burn) · window (what is
//! planned) · habit (secrets that are read or rotated too often) · book · naming
//! (one key for what a later look tells under another) · telling (an alert in plain words).

mod book;
mod entry;
mod habit;
mod naming;
mod notice;
mod owner;
mod pressure;
mod telling;
#[cfg(test)]
mod tests;

mod window;

pub use book::{Book, FLAP, TOGETHER};
pub use entry::{About, Alert, Burning, Phase, Word};
pub use habit::Excess;
pub use naming::Names;
pub use notice::Notice;
pub use owner::{Owner, Owners, Pattern, Route};
pub use pressure::{LEAST_BAD, Pressure};
pub use telling::Telling;
