//! The guard before a real engine: what is not allowed starts nothing and is told of; what is
//! allowed is done once, also after a restart.

use std::sync::Arc;

use rotascope::guard::totp::Enrolled;
use rotascope::guard::{Memory, People, Person, Policy, Signer};
use rotascope::model::event::ActionPhase;
use rotascope::model::intent::{Intent, Verb};
use rotascope::model::proof::{Head, Met, Proof, Signed};
use rotascope::model::{Data, Timestamp};
use rotascope::rotation::server::{Access, Door, Gate, Running, engine as serve};
use rotascope::rotation::{Clock, Engine};
use serde_json::{Value, json};

use super::world::*;

fn mira() -> Signer {
    Signer::from_seed(&[1; 32])
}

fn gate() -> Gate {
    let person = Person {
        name: "mira".into(),
        keys: vec![mira().public()],
        roles: Vec::new(),
        enrolled: Enrolled::default(),
    };
    let once = Arc::new(Memory::default());
    Gate::new(People::of(vec![person]), Policy::demo(), once)
}

async fn served(engine: &Engine) -> Running {
    let door = Door {
        gate: gate(),
        ..Door::new("127.0.0.1:0".parse().unwrap(), Access::open())
    };
    serve(door, engine.clone(), Clock::of_the_world())
        .await
        .unwrap()
}

fn leak(key: &str) -> Intent {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    Intent {
        by: "mira".into(),
        reason: Some("it leaked".into()),
        at: Timestamp::new(i64::try_from(since).unwrap(), 0),
        ..intent(Verb::EmergencyRotate, key)
    }
}

fn signed(intent: Intent) -> Signed {
    let met = Met {
        confirmed: true,
        named: true,
        reasoned: true,
        code: false,
    };
    let mut bytes = intent.digest().as_bytes().to_vec();
    bytes.extend([1, 1, 1, 0]);
    let head = Head {
        writer: "5f2c".to_owned(),
        n: 17,
        hash: "00".repeat(32),
        key: mira().public(),
        signature: mira().sign("head", b"words"),
    };
    let proof = Proof {
        key: mira().public(),
        met,
        signature: mira().sign("proof v1", &bytes),
        code: None,
        approvals: Vec::new(),
        head: Some(head),
    };
    Signed {
        intent,
        proof: Some(proof),
    }
}

async fn post(running: &Running, body: &impl serde::Serialize) -> (u16, Value) {
    let url = format!("{}/v1/acts", running.url());
    let answer = reqwest::Client::new()
        .post(url)
        .json(body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_token_starts_no_emergency_and_a_persons_word_starts_one() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '10h'");
    let clock = Clock::scaled(600.0);
    let engine = world.engine(&plan, clock.clone()).await;
    let running = served(&engine).await;
    let (status, problem) = post(&running, &leak("leak-0001")).await;
    assert_eq!(
        (status, &problem["error"]),
        (403, &json!("unsigned")),
        "{problem}"
    );
    assert!(engine.rotations().is_empty());
    assert!(engine.outcome("leak-0001").is_none(), "its key is free");
    let denied = |(_, event): &(u64, rotascope::model::Event)| match &event.data {
        Data::Action(action) if action.phase == ActionPhase::Denied => action.error.clone(),
        _ => None,
    };
    let told = engine.log().after(0, usize::MAX).iter().find_map(denied);
    assert!(told.unwrap().raw().contains("signed by a person"));

    let act = signed(leak("leak-0002"));
    let (status, first) = post(&running, &act).await;
    assert_eq!((status, &first["head"]["n"]), (202, &json!(17)), "{first}");
    assert!(observed(&outcome(&engine, "leak-0002").await));
    running.end().await;
    engine.shut_down().await;

    // The same body after a restart is the same act, and its head is still there.
    let engine = world.engine(&plan, clock).await;
    let running = served(&engine).await;
    let (status, again) = post(&running, &act).await;
    assert_eq!((status, again), (202, first));
    assert_eq!(engine.rotations().len(), 1);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_act_is_about_is_for_the_engine_to_say() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '10h'\ntier = 'critical'");
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    let id = rotate(&engine, "first").await;
    let mut of_rotation = intent(Verb::Rollback, "about");
    of_rotation.rotation = Some(id);
    of_rotation.secret = None;
    let facts = engine.facts(&of_rotation).unwrap();
    assert_eq!(facts.secret, Some(SECRET.into()));
    assert_eq!(facts.tier, Some("critical".into()));
    assert_eq!(
        (facts.consumers, facts.services),
        (1, vec!["checkout".into()])
    );
    // Another secret's name does not make it that secret's act.
    of_rotation.secret = Some("harmless".into());
    assert!(engine.facts(&of_rotation).is_err());
    let mut all = intent(Verb::EmergencyRotate, "all");
    all.secret = None;
    let facts = engine.facts(&all).unwrap();
    assert_eq!((facts.secret, facts.tier), (None, Some("critical".into())));
    let mut unknown = intent(Verb::RevokeNow, "unknown");
    unknown.rotation = Some("rot-none".into());
    assert!(engine.facts(&unknown).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_token_ends_no_freeze_that_holds_a_revocation_back() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '20m'");
    // Twenty minutes are two seconds.
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    let running = served(&engine).await;
    rotate(&engine, "first").await;
    let (status, told) = post(&running, &intent(Verb::Freeze, "freeze-0001")).await;
    assert_eq!(status, 202, "{told}");
    let (status, told) = post(&running, &intent(Verb::Unfreeze, "unfreeze-01")).await;
    assert_eq!(status, 202, "nothing waits to be revoked: {told}");
    rotate_until(&engine, "second", "grace").await;
    let (status, told) = post(&running, &intent(Verb::Freeze, "freeze-0002")).await;
    assert_eq!(status, 202, "{told}");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let (status, told) = post(&running, &intent(Verb::Unfreeze, "unfreeze-02")).await;
    assert_eq!(
        (status, &told["error"]),
        (403, &json!("unsigned")),
        "{told}"
    );
    let by_mira = Intent {
        by: "mira".into(),
        at: leak("").at,
        ..intent(Verb::Unfreeze, "unfreeze-03")
    };
    let (status, told) = post(&running, &signed(by_mira)).await;
    assert_eq!(status, 202, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_an_act_is_told_with_it() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '10h'");
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    let running = served(&engine).await;
    let of = |intent: &Intent| Intent {
        by: "mira".into(),
        at: leak("").at,
        ..intent.clone()
    };
    let claimed = of(&intent(Verb::Freeze, "freeze-0001"));
    assert_eq!(post(&running, &claimed).await.0, 202);
    let proven = signed(of(&intent(Verb::Unfreeze, "unfreeze-01")));
    assert_eq!(post(&running, &proven).await.0, 202);
    let told: Vec<(String, Option<bool>)> = engine
        .log()
        .after(0, usize::MAX)
        .iter()
        .filter_map(|(_, event)| match &event.data {
            Data::Action(a) if a.phase == ActionPhase::Executed => {
                Some((a.action.raw().to_owned(), a.signed))
            }
            _ => None,
        })
        .collect();
    let wanted = [("freeze", Some(false)), ("unfreeze", Some(true))];
    assert_eq!(told, wanted.map(|(what, by)| (what.to_owned(), by)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_has_an_end_and_an_acknowledgement_a_person() {
    let world = World::new(&["eu-0"]).await;
    let plan = world.plan(&world.webhook(), "grace = '10h'");
    let engine = world.engine(&plan, Clock::scaled(600.0)).await;
    rotate(&engine, "first").await;
    let silence = |seconds, key: &str| Intent {
        seconds,
        ..intent(Verb::Silence, key)
    };
    let receipt = engine.execute(silence(Some(600), "silence-1")).await;
    assert!(receipt.unwrap().rotation.is_some());
    let told = engine.log().after(0, usize::MAX);
    let until = told.iter().find_map(|(_, event)| match &event.data {
        Data::Action(a) if a.phase == ActionPhase::Executed => Some((event.time, a.until?)),
        _ => None,
    });
    let (at, until) = until.unwrap();
    assert!((until.since(at).as_seconds() - 600).abs() <= 1);
    for seconds in [0, 86_401, u64::MAX] {
        let why = engine.execute(silence(Some(seconds), "silence-2")).await;
        assert!(why.unwrap_err().to_string().contains("24 hours"));
    }
    let unexplained = Intent {
        secret: None,
        rotation: None,
        service: Some("quotes".into()),
        ..intent(Verb::Acknowledge, "acknowledge-1")
    };
    let receipt = engine.execute(unexplained).await.unwrap();
    assert_eq!(receipt.rotation, None);
}
