//! The life of a rotation, seen from outside: on the consumers' own sockets and in the event log.

use std::collections::BTreeMap;

use std::time::Duration;

use rotascope::model::event::{ConsumerState, Outcome as End};
use rotascope::model::intent::{Outcome, Verb};
use rotascope::model::{ConsumerId, Data, Region, SecretPath, Timestamp, Version};
use rotascope::rotation::{Clock, ConsumerReport, RefusalKind};

use super::keys::Manner;
use super::world::*;

const GRACE: &str = "grace = '10m'\ncanary_percent = 25\nwaves = [100]";

fn fast() -> Clock {
    Clock::scaled(600.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_goes_through_all_stages_and_locks_nobody_out() {
    let world = World::new(&["eu-0", "eu-1", "us-0", "us-1"]).await;
    let plan = world.plan(&world.webhook(), GRACE);
    let engine = world.engine(&plan, fast()).await;
    let settings = world.settings(&plan, fast());
    let target = settings.targets[&SecretPath::from(SECRET)].clone();
    let traffic = world.authenticate(target, Duration::from_millis(5));
    rotate(&engine, "first").await;
    let id = rotate(&engine, "second").await;
    traffic.abort();
    assert_eq!(
        stages(&engine, &id),
        [
            "trigger completed",
            "generate started",
            "generate completed",
            "store started",
            "store completed",
            "distribute started",
            "distribute completed",
            "validate started",
            "validate completed",
            "cutover started",
            "grace started",
            "grace completed",
            "revoke started",
            "revoke completed",
            "audit started",
            "audit completed",
            "finished succeeded",
        ]
    );
    assert_eq!(world.using(), ["v2"; 4]);
    assert_eq!(world.refused(), 0);
    let keys = world.keys.lock().unwrap();
    let active: Vec<bool> = keys.all.values().map(|k| k.active).collect();
    assert_eq!(active, [false, true]);
    // Each completed stage left an entry with the sink, in order.
    let outside = world.outside.lock().unwrap();
    let told: Vec<&str> = outside
        .entries
        .iter()
        .filter(|e| e["rotationid"] == id.raw())
        .filter_map(|e| e["data"]["stage"].as_str())
        .collect();
    for stage in [
        "trigger",
        "generate",
        "store",
        "distribute",
        "validate",
        "cutover",
        "grace",
        "revoke",
    ] {
        assert!(told.contains(&stage), "no entry of {stage} in {told:?}");
    }
    assert!(told.is_sorted_by_key(|s| rotascope::model::event::Stage::from(*s).index()));
    drop(outside);
    assert_eq!(
        engine.material(&SecretPath::from(SECRET)).unwrap().version,
        Version::from("v2")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_canary_goes_first_and_a_sick_service_turns_it_back() {
    let world = World::new(&["eu-0", "eu-1", "us-0", "us-1"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), GRACE), fast())
        .await;
    rotate(&engine, "first").await;
    world.outside.lock().unwrap().failing = true;
    let receipt = engine
        .execute(intent(Verb::Rotate, "second"))
        .await
        .unwrap();
    let id = receipt.rotation.unwrap();
    until("the end", || status(&engine, &id).outcome.is_some()).await;
    assert_eq!(status(&engine, &id).outcome, Some(End::RolledBack));
    assert_eq!(world.using(), ["v1"; 4]);
    let outside = world.outside.lock().unwrap();
    let told_now = |c: &Consumer| c.pushes.keys().any(|k| k.ends_with("/v2/now"));
    let canaries = outside.consumers.values().filter(|c| told_now(c)).count();
    assert_eq!(canaries, 1, "the others were never told to take it");
    let keys = world.keys.lock().unwrap();
    assert!(keys.all["id-1"].active && !keys.all["id-2"].active);
    let events = engine.log().after(0, usize::MAX);
    let reason = events.iter().find_map(|(_, e)| match &e.data {
        Data::RotationFinished(f) if f.outcome == End::RolledBack => f.reason.clone(),
        _ => None,
    });
    assert!(
        reason
            .unwrap()
            .to_string()
            .contains("checkout fails 80.0 %")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_version_is_not_revoked_while_somebody_uses_it_and_re_push_cures() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '1m'"), fast())
        .await;
    rotate(&engine, "first").await;
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .habit = Habit::NeedsRestart;
    let id = rotate_until(&engine, "second", "holding the revoke").await;
    // A state is shown just before its events are told.
    let told = || stages(&engine, &id).contains(&"revoke paused".to_owned());
    until("revoke paused", told).await;
    assert!(world.keys.lock().unwrap().all["id-1"].active);
    let mut push = intent(Verb::RePush, "push");
    push.region = Some(Region::from("us"));
    assert!(observed(&act(&engine, push).await));
    assert!(observed(&outcome(&engine, "second").await));
    assert_eq!(world.using(), ["v2"; 2]);
    assert!(!world.keys.lock().unwrap().all["id-1"].active);
    assert_eq!(world.refused(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoke_now_is_forced_and_reissue_takes_it_back() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '10h'"), fast())
        .await;
    rotate(&engine, "first").await;
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .habit = Habit::NeedsRestart;
    let id = rotate_until(&engine, "second", "grace").await;
    assert!(observed(
        &act(&engine, intent(Verb::RevokeNow, "now")).await
    ));
    assert!(!world.keys.lock().unwrap().all["id-1"].active);
    let done = act(&engine, intent(Verb::ReissuePrevious, "again")).await;
    assert!(observed(&done), "{done:?}");
    assert!(world.keys.lock().unwrap().all["id-1"].active);
    assert_eq!(status(&engine, &id).state, "grace");
    // A state is shown just before its events are told.
    let told = || stages(&engine, &id).contains(&"revoke skipped".to_owned());
    until("revoke skipped", told).await;
    let done = act(&engine, intent(Verb::Rollback, "back")).await;
    assert!(observed(&done), "{done:?}");
    assert_eq!(world.using(), ["v1"; 2]);
    assert!(!world.keys.lock().unwrap().all["id-2"].active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consumer_cannot_parse_stalls_the_cutover_until_it_is_rolled_back() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '1m'"), fast())
        .await;
    rotate(&engine, "first").await;
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .habit = Habit::CannotParse;
    let receipt = engine
        .execute(intent(Verb::Rotate, "second"))
        .await
        .unwrap();
    let id = receipt.rotation.unwrap();
    until("the stall", || status(&engine, &id).stalled.is_some()).await;
    let stalled = status(&engine, &id).stalled.unwrap();
    assert!(
        stalled.contains("us-0 cannot work with version v2: unexpected end"),
        "{stalled}"
    );
    assert!(observed(
        &act(&engine, intent(Verb::Rollback, "back")).await
    ));
    assert_eq!(world.using(), ["v1"; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_cut_off_stalls_and_is_tried_again() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '1m'"), fast())
        .await;
    rotate(&engine, "first").await;
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .habit = Habit::Away;
    let receipt = engine
        .execute(intent(Verb::Rotate, "second"))
        .await
        .unwrap();
    let id = receipt.rotation.unwrap();
    until("the stall", || status(&engine, &id).stalled.is_some()).await;
    let failed = |e: &&rotascope::model::Event| {
        matches!(&e.data, Data::RotationStage(s)
        if s.status.raw() == "failed" && s.region == Some(Region::from("us")))
    };
    let tries = || {
        let events = engine.log().after(0, usize::MAX);
        events.iter().map(|(_, e)| e).filter(failed).count()
    };
    // A state is shown just before its events are told.
    until("the last try", || tries() >= 6).await;
    assert_eq!(tries(), 6, "each try is told of once");
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .habit = Habit::Obeys;
    let mut retry = intent(Verb::RetryRegion, "retry");
    retry.region = Some(Region::from("us"));
    assert!(observed(&act(&engine, retry).await));
    assert!(observed(&outcome(&engine, "second").await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_takes_the_place_of_what_runs_and_revokes_what_that_left() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '10h'"), fast())
        .await;
    rotate(&engine, "first").await;
    let id = rotate_until(&engine, "second", "grace").await;
    let refusal = engine
        .execute(intent(Verb::Rotate, "third"))
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::State);
    assert!(refusal.next.contains("emergency-rotate"), "{refusal}");
    assert!(observed(
        &act(&engine, intent(Verb::EmergencyRotate, "leak")).await
    ));
    assert_eq!(status(&engine, &id).outcome, Some(End::Aborted));
    assert_eq!(world.using(), ["v3"; 2]);
    let keys = world.keys.lock().unwrap();
    let active: Vec<bool> = keys.all.values().map(|k| k.active).collect();
    assert_eq!(active, [false, false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_that_is_aborted_still_revokes_what_it_took_over() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '10h'"), fast())
        .await;
    rotate(&engine, "first").await;
    let old = world.outside.lock().unwrap().consumers["eu-0"]
        .using
        .clone();
    rotate_until(&engine, "second", "grace").await;
    // One of them fell back to the old version meanwhile, and the provider is out of order.
    let fall_back = |using| {
        let mut outside = world.outside.lock().unwrap();
        outside.consumers.get_mut("eu-0").unwrap().using = using;
    };
    fall_back(old);
    world.keys.lock().unwrap().manner = Manner::Garbage;
    let leak = intent(Verb::EmergencyRotate, "leak");
    let id = engine.execute(leak).await.unwrap().rotation.unwrap();
    until("the stall", || status(&engine, &id).stalled.is_some()).await;
    world.keys.lock().unwrap().manner = Manner::Good;
    engine.execute(intent(Verb::Abort, "stop")).await.unwrap();
    let held = |e: &rotascope::model::Event| match &e.data {
        Data::RotationStage(s) => s
            .error
            .as_ref()
            .is_some_and(|w| w.raw().contains("in use by eu-0")),
        _ => false,
    };
    until("the word of who is in the way", || {
        engine
            .log()
            .after(0, usize::MAX)
            .iter()
            .any(|(_, e)| held(e))
    })
    .await;
    assert!(status(&engine, &id).state.contains("clearing"));
    assert!(world.keys.lock().unwrap().all["id-1"].active, "it is used");
    assert!(observed(&act(&engine, intent(Verb::RePush, "push")).await));
    assert!(observed(&outcome(&engine, "stop").await));
    assert_eq!(status(&engine, &id).outcome, Some(End::Aborted));
    assert_eq!(world.using(), ["v2"; 2]);
    let keys = world.keys.lock().unwrap();
    let active: Vec<bool> = keys.all.values().map(|k| k.active).collect();
    assert_eq!(active, [false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_holds_starts_and_revokes_until_it_ends() {
    let world = World::new(&["eu-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '20m'"), fast())
        .await;
    rotate(&engine, "first").await;
    let mut freeze = intent(Verb::Freeze, "freeze");
    freeze.secret = None;
    let id = rotate_until(&engine, "second", "grace").await;
    assert!(observed(&act(&engine, freeze).await));
    // Twenty minutes are two seconds.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(
        status(&engine, &id).state,
        "grace",
        "its time is over, and it is held"
    );
    let refusal = engine
        .execute(intent(Verb::Rotate, "third"))
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Frozen);
    let refusal = engine
        .execute(intent(Verb::RevokeNow, "now"))
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Frozen);
    let mut thaw = intent(Verb::Unfreeze, "thaw");
    thaw.secret = None;
    assert!(observed(&act(&engine, thaw).await));
    assert!(observed(&outcome(&engine, "second").await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_is_done_once_however_often_it_is_asked_for() {
    let world = World::new(&["eu-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '10h'"), fast())
        .await;
    rotate(&engine, "first").await;
    let id = rotate_until(&engine, "second", "grace").await;
    let before = status(&engine, &id).grace_ends_at.unwrap();
    let mut extend = intent(Verb::ExtendGrace, "more");
    extend.seconds = Some(600);
    for _ in 0..3 {
        engine.execute(extend.clone()).await.unwrap();
    }
    let after = status(&engine, &id).grace_ends_at.unwrap();
    assert_eq!(after.since(before).as_seconds(), 600);
    let other = intent(Verb::Rollback, "more");
    assert_eq!(
        engine.execute(other).await.unwrap_err().kind,
        RefusalKind::Malformed
    );
    let phases: Vec<String> = engine
        .log()
        .after(0, usize::MAX)
        .iter()
        .filter_map(|(_, e)| match &e.data {
            Data::Action(a) if a.idempotency_key.raw() == "more" => Some(a.phase.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(phases, ["intended", "executed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_exceeded_stalls_and_throttle_cures() {
    let world = World::new(&["eu-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '1m'"), fast())
        .await;
    rotate(&engine, "first").await;
    world.keys.lock().unwrap().manner = Manner::TooMany;
    let receipt = engine
        .execute(intent(Verb::Rotate, "second"))
        .await
        .unwrap();
    let id = receipt.rotation.unwrap();
    until("the stall", || status(&engine, &id).stalled.is_some()).await;
    let calls = world.keys.lock().unwrap().calls;
    let stalled = status(&engine, &id).stalled.unwrap();
    assert!(stalled.contains("429"), "{stalled}");
    world.keys.lock().unwrap().manner = Manner::Good;
    let mut throttle = intent(Verb::Throttle, "slower");
    throttle.per_minute = Some(30);
    assert!(observed(&act(&engine, throttle).await));
    assert!(observed(&outcome(&engine, "second").await));
    assert!(calls < 20, "{calls} calls to a provider that said no");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_full_is_told_of_restored_and_gets_everything() {
    let world = World::new(&["eu-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '1m'"), fast())
        .await;
    rotate(&engine, "first").await;
    world.outside.lock().unwrap().sink_full = true;
    let id = rotate_until(&engine, "second", "completing the audit trail").await;
    until("the complaint", || {
        stages(&engine, &id).contains(&"audit failed".to_owned())
    })
    .await;
    assert!(engine.metrics().outbox_waiting > 5);
    let mut restore = intent(Verb::RestoreSink, "restore");
    restore.secret = None;
    assert!(observed(&act(&engine, restore).await));
    assert!(observed(&outcome(&engine, "second").await));
    // At least once: the sink tells entries apart by their ids.
    let came = |id: &str| {
        let outside = world.outside.lock().unwrap();
        let mut came = BTreeMap::<String, usize>::new();
        for entry in outside.entries.iter().filter(|e| e["rotationid"] == id) {
            *came.entry(entry["id"].to_string()).or_default() += 1;
        }
        came
    };
    let before = came(id.raw());
    assert!(before.len() > 5, "{before:?}");
    assert!(observed(
        &act(&engine, intent(Verb::ReplayOutbox, "replay")).await
    ));
    let after = came(id.raw());
    for (entry, n) in &before {
        assert!(after[entry] > *n, "{entry} did not come again: {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caches_are_invalidated_and_leaks_masked_also_after_the_end() {
    let world = World::new(&["eu-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '1m'"), fast())
        .await;
    rotate(&engine, "first").await;
    let done = act(&engine, intent(Verb::InvalidateCache, "cache")).await;
    let Outcome::Observed { words } = done else {
        panic!("{done:?}");
    };
    assert!(words.contains("3 entries"), "{words}");
    assert!(observed(
        &act(&engine, intent(Verb::MaskLeak, "mask")).await
    ));
    let outside = world.outside.lock().unwrap();
    assert_eq!((outside.invalidated.len(), outside.masked), (1, 1));
    assert_eq!(outside.invalidated[0]["secret"], SECRET);
    assert!(outside.invalidated[0]["older_than"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_takes_the_new_version_back_from_whoever_got_it() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '1m'"), fast())
        .await;
    rotate(&engine, "first").await;
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .habit = Habit::Away;
    let receipt = engine
        .execute(intent(Verb::Rotate, "second"))
        .await
        .unwrap();
    let id = receipt.rotation.unwrap();
    until("the stall", || status(&engine, &id).stalled.is_some()).await;
    engine.execute(intent(Verb::Abort, "stop")).await.unwrap();
    world
        .outside
        .lock()
        .unwrap()
        .consumers
        .get_mut("us-0")
        .unwrap()
        .habit = Habit::Obeys;
    until("the return", || {
        world.outside.lock().unwrap().consumers["eu-0"]
            .held
            .as_ref()
            .unwrap()
            .0
            == "v1"
    })
    .await;
    let done = outcome(&engine, "stop").await;
    assert!(observed(&done), "{done:?}");
    assert_eq!(status(&engine, &id).outcome, Some(End::Aborted));
    assert!(
        !world.keys.lock().unwrap().all["id-2"].active,
        "the new key is withdrawn"
    );
    assert!(world.keys.lock().unwrap().all["id-1"].active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_may_say_by_itself_how_it_stands() {
    let world = World::new(&["eu-0"]).await;
    let engine = world
        .engine(&world.plan(&world.webhook(), "grace = '10h'"), fast())
        .await;
    rotate(&engine, "first").await;
    let id = rotate_until(&engine, "second", "grace").await;
    let report = |consumer: &str| ConsumerReport {
        consumer: ConsumerId::from(consumer),
        secret: SecretPath::from(SECRET),
        version: Version::from("v1"),
        state: ConsumerState::InUse,
        error: None,
    };
    engine.report(report("eu-0")).await.unwrap();
    let using = status(&engine, &id).consumers[0].using.clone();
    assert_eq!(using, Some(Version::from("v1")));
    let refusal = engine.report(report("stranger")).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cadence_starts_rotations_by_itself() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '1m'\ncadence = '1h'");
    let engine = world.engine(&plan, Clock::scaled(3_000.0)).await;
    until("a rotation", || !engine.rotations().is_empty()).await;
    let first = engine.rotations().remove(0);
    assert_eq!(first.trigger.raw(), "schedule");
    until("its end", || {
        status(&engine, &first.rotation).outcome.is_some()
    })
    .await;
    until("another", || engine.rotations().len() > 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_numbered_without_a_gap_and_outlive_the_engine() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '1m'");
    let engine = world.engine(&plan, fast()).await;
    rotate(&engine, "first").await;
    let before = engine.log().after(0, usize::MAX);
    engine.shut_down().await;
    let engine = world.engine(&plan, fast()).await;
    let after = engine.log().after(0, before.len());
    assert_eq!(before, after);
    let seqs: Vec<u64> = before.iter().map(|(n, _)| *n).collect();
    assert_eq!(seqs, (1..=before.len() as u64).collect::<Vec<_>>());
    assert!(observed(&engine.outcome("first").unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grace_period_that_ended_while_the_engine_was_down_is_over_when_it_is_up() {
    let world = World::new(&["eu-0", "eu-1"]).await;
    let plan = world.plan(&world.webhook(), GRACE);
    let at = |seconds: i64| Clock::from(Timestamp::new(1_800_000_000 + seconds, 0), 600.0);
    let engine = world.engine(&plan, at(0)).await;
    rotate(&engine, "first").await;
    let id = rotate_until(&engine, "second", "grace").await;
    engine.shut_down().await;
    let engine = world.engine(&plan, at(36_000)).await;
    let done = outcome(&engine, "second").await;
    assert!(observed(&done), "{done:?}");
    assert_eq!(status(&engine, &id).outcome, Some(End::Succeeded));
    let keys = world.keys.lock().unwrap();
    let active: Vec<bool> = keys.all.values().map(|k| k.active).collect();
    assert_eq!(active, [false, true], "the old version is revoked");
}
