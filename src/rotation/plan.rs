//! `rotation.toml`: which secrets are rotated, how, for whom, and how it is told that all is well.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

use crate::model::event::Tier;
use crate::model::{Actor, ConsumerId, Region, SecretPath, ServiceName, Span, Text};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// How the engine behaves.
    #[serde(default)]
    pub engine: Behaviour,
    /// The secrets.
    #[serde(default, rename = "secret")]
    pub secrets: Vec<SecretPlan>,
}

/// How the engine behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Its name in `source`: `/engine/NAME`.
    pub name: String,
    /// How many rotations may run at once.
    pub concurrency: u32,
    /// Where audit entries go: an `http(s)` URL or a file path; absent is nowhere but the store.
    pub audit_sink: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            name: "local".to_owned(),
            concurrency: 64,
            audit_sink: None,
        }
    }
}

/// One secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretPlan {
    /// Its path, the name by which everybody knows it.
    pub path: SecretPath,
    /// Who answers for it.
    pub owner: Option<Text>,
    /// How much depends on it.
    pub tier: Option<Tier>,
    /// How often it is rotated by itself: `30d`, `12h`; absent is by hand only.
    #[serde(default, deserialize_with = "length::maybe")]
    pub cadence: Option<Span>,
    /// How long old and new are both accepted: `10m`.
    #[serde(default, deserialize_with = "length::maybe")]
    pub grace: Option<Span>,
    /// The share of consumers that go first, 0 to 100.
    pub canary_percent: Option<f64>,
    /// The shares after it, rising, the last 100; absent is all at once.
    #[serde(default)]
    pub waves: Vec<f64>,
    /// Maintenance windows outside which nothing starts by itself, as `HH:MM-HH:MM` in UTC.
    #[serde(default)]
    pub windows: Vec<String>,
    /// How and where it is changed; `kind` names the file in `target/`, the rest is that kind's.
    pub target: TargetPlan,
    /// Who uses it.
    #[serde(default, rename = "consumer")]
    pub consumers: Vec<ConsumerPlan>,
    /// What must stay well while it is rotated.
    #[serde(default, rename = "health")]
    pub health: Vec<HealthPlan>,
    /// Caches that may keep the old version.
    #[serde(default, rename = "cache")]
    pub caches: Vec<CachePlan>,
    /// Where a log or a page can be told to mask the secret.
    pub mask: Option<String>,
}

/// How and where a secret is changed.
#[derive(Clone, Debug, Deserialize)]
pub struct TargetPlan {
    /// Which file in `target/`.
    pub kind: String,
    /// Its settings; each kind reads its own and refuses unknown ones.
    #[serde(flatten)]
    pub settings: BTreeMap<String, toml::Value>,
}

/// Who uses a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerPlan {
    /// Its name.
    pub name: ConsumerId,
    /// The service it is part of.
    pub service: ServiceName,
    /// Where it runs.
    pub region: Option<Region>,
    /// The names by which backends know it.
    #[serde(default)]
    pub identities: Vec<Actor>,
    /// Where new versions are pushed to (docs/consumers.md); absent where it pulls.
    pub endpoint: Option<String>,
    /// How long it keeps what it read.
    #[serde(default, deserialize_with = "length::maybe")]
    pub cache: Option<Span>,
}

/// A health check: counts of the calls that a service answered and failed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthPlan {
    /// Whose.
    pub service: ServiceName,
    /// In which region.
    pub region: Option<Region>,
    /// Answers `{"total": n, "failed": n}` since the service began.
    pub url: String,
    /// The greatest share of failed calls, 0 to 1, that is still well.
    pub max_failed: f64,
}

/// A cache.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachePlan {
    /// Whose.
    pub service: ServiceName,
    /// In which region.
    pub region: Option<Region>,
    /// `POST` here makes it forget.
    pub invalidate: String,
}

/// Why the plan cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the file.
    pub span: Range<usize>,
}

impl Plan {
    /// Reads `rotation.toml`.
    ///
    /// # Errors
    /// [`PlanError`] with the place where the text is no plan.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        toml::from_str(text).map_err(|e: toml::de::Error| PlanError {
            message: e.message().to_owned(),
            span: e.span().unwrap_or(0..text.len().min(1)),
        })
    }

    /// The plan of a secret.
    #[must_use]
    pub fn secret(&self, path: &SecretPath) -> Option<&SecretPlan> {
        self.secrets.iter().find(|secret| secret.path == *path)
    }
}

/// Lengths of time as people write them: `90s`, `10m`, `12h`, `30d`.
pub(super) mod length {
    use serde::{Deserialize, Deserializer, de::Error};

    use crate::model::Span;

    pub(super) fn maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Span>, D::Error> {
        let Some(words) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        read(&words).map(Some).ok_or_else(|| {
            D::Error::custom(format!(
                "{words:?} is no length of time; write 90s, 10m, 12h or 30d"
            ))
        })
    }

    /// The length that these words mean, or nothing.
    pub(in crate::rotation) fn read(words: &str) -> Option<Span> {
        let at = words.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = words.split_at(at);
        let number: i64 = number.parse().ok()?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let seconds: i64 = number.checked_mul(seconds)?;
        seconds.checked_mul(1_000_000).map(Span::micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        [[secret]]
        path = "payments/db"
        grace = "10m"
        canary_percent = 10
        waves = [50, 100]
        [secret.target]
        kind = "postgres"
        role = "payments_app"
        [[secret.consumer]]
        name = "checkout-eu-1-0"
        service = "checkout"
        region = "eu-1"
        endpoint = "http://127.0.0.1:1/checkout-eu-1-0"
    "#;

    #[test]
    fn a_plan_is_read() {
        let plan = Plan::parse(PLAN).unwrap();
        let secret = plan.secret(&SecretPath::from("payments/db")).unwrap();
        assert_eq!(secret.grace, Some(Span::seconds(600)));
        assert_eq!(secret.target.kind, "postgres");
        assert!(secret.target.settings.contains_key("role"));
        assert_eq!(secret.consumers.len(), 1);
    }

    #[test]
    fn a_misspelt_key_and_a_bad_length_are_named_with_their_place() {
        let text = "[[secret]]\npath = \"a\"\ngrase = \"10m\"\n[secret.target]\nkind = \"file\"\n";
        let error = Plan::parse(text).unwrap_err();
        assert_eq!(text.get(error.span.clone()), Some("grase"), "{error}");
        let text = "[[secret]]\npath = \"a\"\ngrace = \"ten\"\n[secret.target]\nkind = \"file\"\n";
        let error = Plan::parse(text).unwrap_err();
        assert!(error.message.contains("10m"), "{error}");
    }
}
