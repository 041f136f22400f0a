//! What goes wrong around an engine: each time a clear word, the rotation stays where it was, and
//! nothing is half done.

use std::time::Duration;

use rotascope::model::intent::Verb;
use rotascope::model::{Data, Span};
use rotascope::rotation::{Clock, Engine, EngineError};

use super::keys::Manner;
use super::world::*;

/// A rotation of the service of API keys while that behaves like this; what the stall says.
async fn stall(manner: Manner) -> String {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '1m'");
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    rotate(&engine, "first").await;
    world.keys.lock().unwrap().manner = manner;
    let receipt = engine
        .execute(intent(Verb::Rotate, "second"))
        .await
        .unwrap();
    let id = receipt.rotation.unwrap();
    until("the stall", || status(&engine, &id).stalled.is_some()).await;
    let words = status(&engine, &id).stalled.unwrap();
    assert_eq!(status(&engine, &id).stage.raw(), "generate");
    assert_eq!(world.using(), ["v1"], "nothing happened to consumers");
    assert!(world.keys.lock().unwrap().all["id-1"].active);
    // It goes on from there once the service is well.
    world.keys.lock().unwrap().manner = Manner::Good;
    assert!(observed(
        &act(&engine, intent(Verb::RetryStage, "retry")).await
    ));
    assert!(observed(&outcome(&engine, "second").await));
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_answers_garbage_needs_a_person_at_once() {
    let words = stall(Manner::Garbage).await;
    assert!(words.contains("makes no sense"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_answers_200_with_an_error_in_it_is_not_believed() {
    let words = stall(Manner::ErrorInside).await;
    assert!(words.contains("200 with a body that is not"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_hangs_is_given_up() {
    let words = stall(Manner::Hangs).await;
    assert!(
        words.contains("no answer") || words.contains("within"),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_engine_on_the_same_store_is_refused() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "");
    let engine = world.engine(&plan, Clock::of_the_world()).await;
    let second = Engine::open(world.settings(&plan, Clock::of_the_world())).await;
    let Err(EngineError::Locked(path)) = second else {
        panic!("it was let in");
    };
    assert_eq!(path, world.path("engine.db"));
    engine.shut_down().await;
    Engine::open(world.settings(&plan, Clock::of_the_world()))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_does_not_open_the_store() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "");
    let engine = world.engine(&plan, Clock::of_the_world()).await;
    engine.shut_down().await;
    std::fs::remove_file(world.path("seal-key")).unwrap();
    let other = Engine::open(world.settings(&plan, Clock::of_the_world())).await;
    assert!(matches!(other, Err(EngineError::Key(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_an_hour_shortens_no_grace() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '10m'");
    let clock = Clock::scaled(60.0);
    let engine = world.engine(&plan, clock.clone()).await;
    rotate(&engine, "first").await;
    let id = rotate_until(&engine, "second", "grace").await;
    let before = status(&engine, &id).grace_ends_at.unwrap();
    clock.jump(Span::seconds(3_600));
    until("the deadline", || {
        status(&engine, &id).grace_ends_at != Some(before)
    })
    .await;
    let moved = status(&engine, &id).grace_ends_at.unwrap().since(before);
    assert!(
        (moved.as_seconds() - 3_600).abs() < 120,
        "{} s",
        moved.as_seconds()
    );
    assert!(
        world.keys.lock().unwrap().all["id-1"].active,
        "it was revoked by a jump"
    );
    clock.jump(Span::seconds(-7_200));
    assert!(observed(&outcome(&engine, "second").await));
    let told = engine.log().after(0, usize::MAX);
    let told = told.iter().filter(|(_, e)| {
        matches!(&e.data, Data::BackendStatus(s)
        if s.error.as_ref().is_some_and(|w| w.raw().contains("jumped")))
    });
    assert_eq!(told.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_names_no_consumers_is_done_and_revokes_after_its_grace() {
    let world = World::new(&[]).await;
    let plan = world.plan(&world.webhook(), "grace = '5m'");
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    rotate(&engine, "first").await;
    rotate(&engine, "second").await;
    let keys = world.keys.lock().unwrap();
    assert!(!keys.all["id-1"].active && keys.all["id-2"].active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_that_make_no_sense_are_refused_with_what_to_do_instead() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '10h'");
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    let refused = |verb: Verb, key: &'static str| {
        let engine = engine.clone();
        async move {
            engine
                .execute(intent(verb, key))
                .await
                .unwrap_err()
                .to_string()
        }
    };
    assert!(
        refused(Verb::Rollback, "a")
            .await
            .contains("no rotation of payments/key")
    );
    rotate(&engine, "first").await;
    assert!(refused(Verb::Rollback, "b").await.contains("first version"));
    rotate_until(&engine, "second", "grace").await;
    for (verb, words) in [
        (Verb::Abort, "roll back"),
        (Verb::Resume, "nobody paused"),
        (Verb::RetryStage, "nothing of the rotation failed"),
        (Verb::RetryRegion, "names no region"),
        (Verb::Unfreeze, "nothing is frozen"),
    ] {
        let why = refused(verb, "c").await;
        assert!(why.contains(words), "{verb}: {why}");
    }
    // What would be promised for one place and done in all of them.
    for verb in [Verb::Rollback, Verb::RevokeNow, Verb::Pause, Verb::Freeze] {
        let mut bounded = intent(verb, "in-one-place");
        bounded.region = Some("eu".into());
        let why = engine.execute(bounded.clone()).await.unwrap_err();
        assert!(why.to_string().contains("one region alone"), "{why}");
        (bounded.region, bounded.service) = (None, Some("checkout".into()));
        let why = engine.execute(bounded).await.unwrap_err();
        assert!(why.to_string().contains("one service alone"), "{why}");
    }
    let mut elsewhere = intent(Verb::Rotate, "d");
    elsewhere.secret = Some("no/such".into());
    let why = engine.execute(elsewhere).await.unwrap_err().to_string();
    assert!(why.contains("no/such"), "{why}");
    let unknown = engine
        .execute(intent(Verb::Pause, ""))
        .await
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("idempotency key"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_of_any_secret_is_in_a_file_of_the_engine() {
    let world = World::new(&["eu-0", "us-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '10h'");
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    rotate(&engine, "first").await;
    rotate_until(&engine, "second", "grace").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let canaries: Vec<String> = world
        .keys
        .lock()
        .unwrap()
        .all
        .values()
        .map(|k| k.words.clone())
        .collect();
    assert_eq!(canaries.len(), 2);
    let mut files = 0;
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        for canary in &canaries {
            let found = bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
            assert!(!found, "a secret lies in a file");
        }
    }
    assert!(files >= 4, "the store, its log and its lock are there");
    for (_, event) in engine.log().after(0, usize::MAX) {
        let line = event.to_json().unwrap();
        assert!(canaries.iter().all(|c| !line.contains(c.as_str())));
    }
}
