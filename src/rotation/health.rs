//! Health checks: what a service counts of its own calls, read all at once.

use std::time::Duration;

use futures_util::future::try_join_all;
use reqwest::Client;
use serde::Deserialize;

use super::deliver;
use super::fault::{Fault, FaultKind};
use super::lifecycle::{HealthRule, Reading};
use super::plan::{HealthPlan, SecretPlan};

/// What a health check answers.
#[derive(Deserialize)]
struct Counts {
    total: u64,
    failed: u64,
}

/// The health check that each rule of a rotation means, by the plan as it is now: by service and
/// region, since lines of a plan come, go and change places while a rotation runs.
pub(super) fn checks<'p>(
    rules: &[HealthRule],
    plan: &'p SecretPlan,
) -> Result<Vec<&'p HealthPlan>, Fault> {
    let mut taken: Vec<usize> = Vec::new();
    let mut all = Vec::new();
    for rule in rules {
        let is_it =
            |check: &HealthPlan| check.service == rule.service && check.region == rule.region;
        let mut these = plan.health.iter().enumerate();
        // Two checks of one service in one region keep their order.
        let found = these.find(|(n, check)| is_it(check) && !taken.contains(n));
        let Some((n, check)) = found else {
            let doing = format!("read the health of {}", rule.service);
            let said = "the plan has no such health check any more; put it back, or roll back";
            return Err(Fault::new(FaultKind::Local, doing, said));
        };
        taken.push(n);
        all.push(check);
    }
    Ok(all)
}

/// Reads these health checks, in their order; one that cannot be read fails them all, since a
/// wave must not go on half blind.
pub(super) async fn read(
    client: &Client,
    checks: &[&HealthPlan],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::plan::Plan;

    fn plan(checks: &[(&str, &str)]) -> SecretPlan {
        let mut text = "[[secret]]\npath = 'a'\n[secret.target]\nkind = 'x'\n".to_owned();
        for (service, url) in checks {
            let check = format!("service = '{service}'\nurl = '{url}'\nmax_failed = 0.1\n");
            text = text + "[[secret.health]]\n" + &check;
        }
        Plan::parse(&text).unwrap().secrets.remove(0)
    }

    #[test]
    fn a_plan_that_was_edited_judges_no_service_by_another_ones_health() {
        let rule = |service: &str| HealthRule {
            service: service.into(),
            region: None,
            max_failed: 0.1,
        };
        let rules = [rule("checkout"), rule("cart")];
        let edited = plan(&[("search", "s"), ("cart", "b"), ("checkout", "a")]);
        let found = checks(&rules, &edited).unwrap();
        let urls: Vec<&str> = found.iter().map(|check| check.url.as_str()).collect();
        assert_eq!(urls, ["a", "b"]);
        let fault = checks(&rules, &plan(&[("checkout", "a")])).unwrap_err();
        assert!(fault.to_string().contains("health of cart"), "{fault}");
        assert!(!fault.passes(), "a person must look");
        let twice = [rule("cart"), rule("cart")];
        let plan = plan(&[("cart", "1"), ("cart", "2")]);
        let found = checks(&twice, &plan).unwrap();
        assert_eq!(found[1].url, "2");
    }
}
