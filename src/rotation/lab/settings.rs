//! What the lab is asked for: how big, how fast, and what is broken in it.

use std::fmt;
use std::str::FromStr;

use crate::model::{Span, Text};
use crate::rotation::Clock;

/// The fewest and the most services; fewer have no place for every cause.
const SERVICES: (usize, usize) = (4, 24);

/// The most requests that all clients together send in one second of the world.
const REQUESTS_A_SECOND: f64 = 800.0;

/// What is broken on purpose: a cause each, by the mode that its symptoms should be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// F1: clients that take a new credential only at a restart, of a secret that is changed in
    /// place.
    NeedsRestart,
    /// F2: the link to one region is cut.
    CutLink,
    /// F3: the provider has a quota that counts refused calls too, and tells callers to come back
    /// far too soon.
    Quota,
    /// F4: an automation revokes the old version while clients that reload slowly still use it.
    EarlyRevoke,
    /// F5: a build with verbose logs writes the credential it reloads into its log.
    LoggedCredential,
    /// F6: the provider issues keys in a format that one service's clients cannot parse.
    NewFormat,
    /// F7: a shared cache in front of one service's clients keeps credentials for an hour.
    StaleCache,
    /// F8: a neighbour fills the disk of the audit sink, which answers 507.
    FullSink,
}

impl Cause {
    /// All, F1 first.
    pub const ALL: [Self; 8] = [
        Self::NeedsRestart,
        Self::CutLink,
        Self::Quota,
        Self::EarlyRevoke,
        Self::LoggedCredential,
        Self::NewFormat,
        Self::StaleCache,
        Self::FullSink,
    ];

    /// The mode that its symptoms should be called: `F1` to `F8`.
    #[must_use]
    pub fn mode(self) -> &'static str {
        match self {
            Self::NeedsRestart => "F1",
            Self::CutLink => "F2",
            Self::Quota => "F3",
            Self::EarlyRevoke => "F4",
            Self::LoggedCredential => "F5",
            Self::NewFormat => "F6",
            Self::StaleCache => "F7",
            Self::FullSink => "F8",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.mode())
    }
}

impl FromStr for Cause {
    type Err = UnknownCause;
    fn from_str(word: &str) -> Result<Self, UnknownCause> {
        Self::ALL
            .into_iter()
            .find(|cause| cause.mode().eq_ignore_ascii_case(word))
            .ok_or_else(|| UnknownCause(Text::from(word)))
    }
}

/// A word that names no cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fault is called \"{0}\"; there are F1 to F8 and none")]
pub struct UnknownCause(pub Text);

/// How big the lab is, how fast, and what is broken in it.
#[derive(Clone, Debug)]
pub struct LabSettings {
    /// What is broken; `None` is a clean run.
    pub fault: Option<Cause>,
    /// How many services, 4 to 24; anything else is brought into that range.
    pub services: usize,
    /// Two labs with the same seed send the same requests, as far as a scheduler lets them.
    pub seed: u64,
    /// The lab's clock, and the engine's.
    pub clock: Clock,
}

impl LabSettings {
    /// A lab of six services without a fault, at the pace of the world.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fault: None,
            services: 6,
            seed: 1,
            clock: Clock::of_the_world(),
        }
    }

    pub(super) fn services(&self) -> usize {
        self.services.clamp(SERVICES.0, SERVICES.1)
    }

    /// The length of a window of monitoring, in whole seconds of the lab.
    pub(super) fn window(&self) -> u64 {
        if self.clock.scale() < 4.0 { 5 } else { 15 }
    }

    /// How long the lab is quiet before the first rotation that matters: as many windows as a
    /// baseline takes, and one more.
    pub(super) fn quiet(&self) -> Span {
        let windows = if self.clock.scale() < 4.0 { 3 } else { 6 };
        Span::seconds(i64::try_from(self.window()).unwrap_or(i64::MAX) * windows)
    }

    /// Requests that the clients of one service in one region send in a second of the lab, where
    /// there are so many such pairs: 12 at the pace of the world, fewer where time runs faster.
    #[expect(
        clippy::cast_precision_loss,
        reason = "pairs of services and regions are some dozens"
    )]
    pub(super) fn rate(&self, pairs: usize) -> f64 {
        let most = REQUESTS_A_SECOND / self.clock.scale() / pairs.max(1) as f64;
        most.clamp(1.0, 12.0)
    }
}

impl Default for LabSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// Why the lab cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No socket could be opened on loopback.
    #[error("no socket on 127.0.0.1 for {what}: {why}")]
    Socket {
        /// What it was for.
        what: &'static str,
        /// What the system says.
        why: std::io::Error,
    },
    /// No HTTP client could be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The stream cannot be served.
    #[error(transparent)]
    Stream(#[from] crate::rotation::server::ServeError),
    /// A part that every lab has is not there: a fault of the lab's own.
    #[error("the lab is incomplete")]
    Incomplete,
    /// The plan that the lab wrote is none: a fault of the lab's own.
    #[error("the lab's rotation.toml is none: {0}")]
    Plan(#[from] crate::rotation::plan::PlanError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_by_the_name_of_its_mode() {
        for cause in Cause::ALL {
            assert_eq!(cause.mode().parse(), Ok(cause));
        }
        assert_eq!("f3".parse(), Ok(Cause::Quota));
        let error = "F9".parse::<Cause>().unwrap_err();
        assert!(error.to_string().contains("F1 to F8"));
    }

    #[test]
    fn faster_time_sends_fewer_requests_a_second_of_the_lab() {
        let slow = LabSettings::new();
        let fast = LabSettings {
            clock: Clock::scaled(60.0),
            ..LabSettings::new()
        };
        assert!((slow.rate(18) - 12.0).abs() < 1e-9);
        assert!(fast.rate(12) * 12.0 * 60.0 <= REQUESTS_A_SECOND + 1e-6);
        assert!(fast.rate(18) >= 1.0);
    }
}
