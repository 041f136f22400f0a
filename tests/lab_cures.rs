//! Each fault of the lab, found by diagnosis and cured by the act of DESIGN's table through the
//! engine; what is healed is seen on the services' own sockets.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "support/lab_run.rs"]
mod lab_run;

use std::collections::BTreeMap;

use rotascope::diagnosis::Finding;
use rotascope::model::event::{Stage, StageStatus};
use rotascope::model::intent::{Intent, Verb};
use rotascope::model::{Data, Region, RotationId, ServiceName};
use rotascope::rotation::lab::Cause;

use lab_run::{Run, another, diagnose, name, taken_back};

/// How many times faster than the world the lab runs.
const SCALE: f64 = 40.0;

/// Starts a lab with this fault and waits until it is found; once more where chance spoilt it.
async fn broken(cause: Cause) -> (Run, Finding) {
    const SEED: u64 = 11;
    let mut run = Run::start(Some(cause), SEED, SCALE).await;
    let mut found = run.found(cause.mode(), 330).await;
    if found.is_none() && (run.starved() || taken_back(&run.events())) {
        run.end().await;
        run = Run::start(Some(cause), another(SEED), SCALE).await;
        found = run.found(cause.mode(), 330).await;
    }
    let found = found.unwrap_or_else(|| panic!("{cause} was not found"));
    assert_eq!(found.secret.as_ref(), Some(run.lab.hurt()), "{found:#?}");
    (run, found)
}

fn rotation(found: &Finding) -> impl FnOnce(&mut Intent) {
    let rotation: Option<RotationId> = found.rotation.clone();
    let secret = found.secret.clone();
    move |intent| {
        intent.rotation = rotation;
        intent.secret = secret;
    }
}

/// The share of a service's requests that is refused from now on, in a window of the lab.
async fn refused(run: &Run, service: &ServiceName) -> f64 {
    let count = || {
        let all = run.lab.health();
        let own = all.iter().filter(|(name, ..)| name == service);
        own.fold((0_u64, 0_u64), |(total, failed), (_, _, health)| {
            (total + health.total, failed + health.failed)
        })
    };
    let before = count();
    run.wait(20).await;
    let after = count();
    let small = |n: u64| f64::from(u32::try_from(n).unwrap());
    small(after.1 - before.1) / small(after.0 - before.0).max(1.0)
}

/// Waits until the service is well; the share of refused requests then.
async fn well(run: &Run, service: &ServiceName) -> bool {
    for _ in 0..6 {
        if refused(run, service).await < 0.03 {
            return true;
        }
    }
    false
}

/// Waits until the finding has healed; says what stands where it does not.
async fn healed(run: &Run, found: &Finding) -> Result<(), String> {
    for _ in 0..24 {
        let all = diagnose(&run.events());
        let own = all
            .iter()
            .filter(|f| f.mode == found.mode && f.rotation == found.rotation);
        let mut own = own.peekable();
        if own.peek().is_some() && own.all(|f| f.resolved_at.is_some()) {
            return Ok(());
        }
        run.wait(10).await;
    }
    let all = diagnose(&run.events());
    Err(format!("{} did not heal: {all:#?}", name(found.mode)))
}

#[tokio::test(flavor = "multi_thread")]
async fn re_push_cures_clients_that_need_a_restart() {
    let (run, found) = broken(Cause::NeedsRestart).await;
    assert!(refused(&run, run.lab.victim()).await > 0.15);
    run.act(Verb::RePush, rotation(&found)).await;
    assert!(well(&run, run.lab.victim()).await);
    healed(&run, &found).await.unwrap();
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_region_cures_a_link_that_was_cut() {
    let (run, found) = broken(Cause::CutLink).await;
    let far = Region::from("ap-3");
    assert!(found.regions.contains(&far));
    let with_region = |intent: &mut Intent| {
        rotation(&found)(intent);
        intent.region = Some(far.clone());
    };
    run.act(Verb::RetryRegion, with_region).await;
    healed(&run, &found).await.unwrap();
    let mut versions = BTreeMap::new();
    for _ in 0..12 {
        run.wait(10).await;
        versions = run.lab.versions(&ServiceName::from("checkout"));
        if !versions.contains_key("v1") {
            break;
        }
    }
    assert_eq!(versions.get("v1"), None, "everybody is on the new version");
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttle_cures_a_quota_that_counts_refused_calls() {
    let (run, found) = broken(Cause::Quota).await;
    run.act(Verb::Throttle, rotation(&found)).await;
    let mut made = false;
    for _ in 0..30 {
        run.wait(10).await;
        made = run.events().iter().any(|event| {
            event.rotation == found.rotation
                && matches!(&event.data, Data::RotationStage(stage)
                    if stage.stage == Stage::Generate && stage.status == StageStatus::Completed)
        });
        if made {
            break;
        }
    }
    assert!(made, "the rotation goes on");
    healed(&run, &found).await.unwrap();
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reissue_previous_cures_an_early_revocation() {
    let (run, found) = broken(Cause::EarlyRevoke).await;
    assert!(refused(&run, run.lab.victim()).await > 0.15);
    run.act(Verb::ReissuePrevious, rotation(&found)).await;
    assert!(well(&run, run.lab.victim()).await);
    healed(&run, &found).await.unwrap();
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mask_and_emergency_rotation_cure_a_leak() {
    let (run, found) = broken(Cause::LoggedCredential).await;
    run.act(Verb::MaskLeak, rotation(&found)).await;
    run.wait(5).await;
    let masked = run.lab.clock().now();
    let emergency = |intent: &mut Intent| {
        intent.secret.clone_from(&found.secret);
    };
    run.act(Verb::EmergencyRotate, emergency).await;
    healed(&run, &found).await.unwrap();
    assert!(well(&run, run.lab.victim()).await);
    let events = run.events();
    let leaks = events
        .iter()
        .filter(|event| matches!(event.data, Data::LeakFinding(_)) && event.time > masked);
    assert_eq!(leaks.count(), 0, "the new version is masked");
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_cures_a_format_that_clients_cannot_parse() {
    let (run, found) = broken(Cause::NewFormat).await;
    run.act(Verb::Rollback, rotation(&found)).await;
    healed(&run, &found).await.unwrap();
    assert!(well(&run, run.lab.victim()).await);
    let versions = run.lab.versions(run.lab.victim());
    assert_eq!(versions.keys().collect::<Vec<_>>(), ["v1"]);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalidate_cache_cures_a_stale_one() {
    let (run, found) = broken(Cause::StaleCache).await;
    assert!(refused(&run, run.lab.victim()).await > 0.5);
    run.act(Verb::InvalidateCache, rotation(&found)).await;
    assert!(well(&run, run.lab.victim()).await);
    healed(&run, &found).await.unwrap();
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_the_sink_and_replaying_the_outbox_cure_a_missing_trail() {
    let (run, found) = broken(Cause::FullSink).await;
    run.act(Verb::RestoreSink, rotation(&found)).await;
    run.act(Verb::ReplayOutbox, rotation(&found)).await;
    healed(&run, &found).await.unwrap();
    run.end().await;
}
