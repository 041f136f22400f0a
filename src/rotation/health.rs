//! Health checks: what a service counts of its own calls, read all at once.

use std::time::Duration;

use futures_util::future::try_join_all;
use reqwest::Client;
use serde::Deserialize;

use super::deliver;
use super::fault::{Fault, FaultKind};
use super::lifecycle::Reading;
use super::plan::HealthPlan;

/// What a health check answers.
#[derive(Deserialize)]
struct Counts {
    total: u64,
    failed: u64,
}

/// Reads every health check, in the plan's order; one that cannot be read fails them all, since a
/// wave must not go on half blind.
pub(super) async fn read(
    client: &Client,
    checks: &[HealthPlan],
    within: Duration,
) -> Result<Vec<Reading>, Fault> {
    try_join_all(checks.iter().map(|check| one(client, check, within))).await
}

async fn one(client: &Client, check: &HealthPlan, within: Duration) -> Result<Reading, Fault> {
    let doing = format!("read the health of {} at {}", check.service, check.url);
    let counts: Counts = deliver::json(client.get(&check.url), &doing, within).await?;
    if counts.failed > counts.total {
        let said = format!("{} of {} calls failed", counts.failed, counts.total);
        return Err(Fault::new(FaultKind::Garbage, doing, said));
    }
    Ok(Reading {
        total: counts.total,
        failed: counts.failed,
    })
}
