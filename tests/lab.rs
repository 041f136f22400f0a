//! The lab's parts over their own sockets, without an engine: what is accepted is let in, what is
//! revoked is refused, and each fault is a cause that somebody's act can end.

// The lints that spare tests know them by this.
#![cfg(test)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rotascope::model::event::LeakConfidence;
use rotascope::model::{Data, SecretPath, ServiceName, Version};
use rotascope::rotation::Clock;
use rotascope::rotation::lab::{Cause, Health, Lab, LabSettings};
use rotascope::rotation::plan::SecretPlan;
use rotascope::rotation::target::{Answer, Call, Versioned};
use serde_json::{Value, json};

/// The lab's time goes so much faster than the test's.
const SCALE: f64 = 20.0;

async fn lab(fault: Option<Cause>) -> Lab {
    let settings = LabSettings {
        fault,
        services: 4,
        seed: 7,
        clock: Clock::scaled(SCALE),
    };
    Lab::start(settings).await.unwrap()
}

fn call(key: &str) -> Call {
    Call {
        key: key.to_owned(),
        within: Duration::from_secs(2),
    }
}

fn http() -> reqwest::Client {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
    builder.no_proxy().build().unwrap()
}

fn hurt(lab: &Lab) -> SecretPlan {
    lab.plan().secret(lab.hurt()).unwrap().clone()
}

/// Has the provider make and accept version 2.
async fn second(lab: &Lab) -> Versioned {
    let target = &lab.targets()[lab.hurt()];
    let version = Version::from("2");
    let material = target
        .generate(&version, None, &call("make"))
        .await
        .unwrap();
    let new = Versioned { version, material };
    target.install(&new, None, &call("install")).await.unwrap();
    target
        .activate(&new, None, &call("activate"))
        .await
        .unwrap();
    new
}

/// Pushes a version to all consumers of a secret, or of one service of it; gives their answers.
async fn push(
    secret: &SecretPlan,
    of: Option<&ServiceName>,
    new: &Versioned,
    how: &Value,
) -> Vec<Value> {
    let mut answers = Vec::new();
    for consumer in &secret.consumers {
        if of.is_some_and(|of| *of != consumer.service) {
            continue;
        }
        let mut body = json!({
            "secret": secret.path.raw(), "version": new.version.raw(), "rotation": "r", "key": "k",
            "material": STANDARD.encode(new.material.expose()),
        });
        body.as_object_mut()
            .unwrap()
            .extend(how.as_object().unwrap().clone());
        let url = format!("{}/credential", consumer.endpoint.as_ref().unwrap());
        let answer = http().put(url).json(&body).send().await.unwrap();
        answers.push(answer.json().await.unwrap());
    }
    answers
}

async fn revoke_first(lab: &Lab, keep: &Versioned) {
    let gone = Versioned {
        version: Version::from("v1"),
        material: keep.material.clone(),
    };
    let target = &lab.targets()[lab.hurt()];
    target.revoke(&gone, keep, &call("revoke")).await.unwrap();
}

fn counted(lab: &Lab, service: &ServiceName) -> Health {
    let all = lab.health();
    let of = all.iter().filter(|(name, ..)| name == service);
    of.fold(Health::default(), |sum, (_, _, health)| Health {
        total: sum.total + health.total,
        failed: sum.failed + health.failed,
    })
}

/// The share of refused requests of a service over the next while.
async fn refused(lab: &Lab, service: &str) -> f64 {
    let service = ServiceName::from(service);
    let before = counted(lab, &service);
    tokio::time::sleep(Duration::from_millis(600)).await;
    let after = counted(lab, &service);
    let total = after.total - before.total;
    assert!(total > 30, "only {total} requests");
    let small = |n: u64| f64::from(u32::try_from(n).unwrap());
    small(after.failed - before.failed) / small(total)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_lab_lets_nearly_everyone_in_and_monitoring_says_what_was_counted() {
    let lab = lab(None).await;
    assert!(refused(&lab, "checkout").await < 0.05);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let (mut windows, mut total, mut failed) = (0, 0, 0);
    for (_, event) in lab.record().after(0, usize::MAX) {
        if let Data::AuthSample(sample) = &event.data
            && sample.service == *lab.victim()
        {
            windows += 1;
            total += sample.total;
            failed += sample.failed_401.unwrap();
        }
    }
    assert!(windows >= 3, "{windows} windows");
    let counted = counted(&lab, lab.victim());
    assert!(total > 0 && total <= counted.total && failed <= counted.failed);
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_until_clients_take_the_new_one() {
    let lab = lab(None).await;
    let secret = hurt(&lab);
    let new = second(&lab).await;
    let staged = push(&secret, None, &new, &json!({"take": "when-it-reloads"})).await;
    assert!(staged.iter().all(|answer| answer["state"] == "validated"));
    assert!(refused(&lab, "checkout").await < 0.05, "both are accepted");
    revoke_first(&lab, &new).await;
    assert!(refused(&lab, "checkout").await > 0.9, "the old one is not");
    let taken = push(&secret, None, &new, &json!({"take": "now"})).await;
    assert!(taken.iter().all(|answer| answer["state"] == "in_use"));
    assert!(refused(&lab, "checkout").await < 0.05, "the new one is");
    assert!(refused(&lab, "billing").await < 0.05, "others never cared");
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_makes_one_key_a_step_and_proves_what_it_revoked() {
    let lab = lab(None).await;
    let target = &lab.targets()[lab.hurt()];
    let new = second(&lab).await;
    let again = target
        .generate(&new.version, None, &call("make"))
        .await
        .unwrap();
    assert_eq!(again.expose(), new.material.expose());
    let attempt = target.attempt(&new, &call("try")).await.unwrap();
    assert_eq!(attempt, Answer::Accepted);
    target.revoke(&new, &new, &call("revoke")).await.unwrap();
    let attempt = target.attempt(&new, &call("try")).await.unwrap();
    assert!(matches!(attempt, Answer::Refused(_)));
    target
        .reinstate(&new, None, &call("reinstate"))
        .await
        .unwrap();
    let attempt = target.attempt(&new, &call("try")).await.unwrap();
    assert_eq!(attempt, Answer::Accepted);
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_need_a_restart_are_refused_until_they_get_one() {
    let lab = lab(Some(Cause::NeedsRestart)).await;
    let secret = hurt(&lab);
    let new = second(&lab).await;
    push(&secret, None, &new, &json!({"take": "now"})).await;
    let share = refused(&lab, "billing").await;
    assert!((0.1..0.6).contains(&share), "{share}");
    assert!(refused(&lab, "invoices").await < 0.05);
    push(
        &secret,
        None,
        &new,
        &json!({"take": "now", "restart": true}),
    )
    .await;
    assert!(refused(&lab, "billing").await < 0.05);
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_cache_serves_the_revoked_key_until_it_is_told_to_forget() {
    let lab = lab(Some(Cause::StaleCache)).await;
    let secret = hurt(&lab);
    // Somebody has to ask the cache first.
    assert!(refused(&lab, "refunds").await < 0.05);
    let new = second(&lab).await;
    push(&secret, None, &new, &json!({"take": "now"})).await;
    revoke_first(&lab, &new).await;
    assert!(refused(&lab, "refunds").await > 0.9);
    assert!(refused(&lab, "checkout").await < 0.05);
    assert_eq!(secret.caches.len(), 3);
    for cache in &secret.caches {
        let body = json!({"secret": secret.path.raw(), "older_than": "9999-01-01T00:00:00Z"});
        let answer = http().post(&cache.invalidate).json(&body).send().await;
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert_eq!(answer["dropped"], 1);
    }
    assert!(refused(&lab, "refunds").await < 0.05);
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_clients_say_that_they_cannot_parse_a_key_and_take_the_old_one_back() {
    let lab = lab(Some(Cause::NewFormat)).await;
    let secret = hurt(&lab);
    let new = second(&lab).await;
    let service = ServiceName::from("checkout");
    let taken = push(&secret, Some(&service), &new, &json!({"take": "now"})).await;
    // The format changes with the fault, which nobody began here.
    assert!(taken.iter().all(|answer| answer["state"] == "in_use"));
    let odd = Versioned {
        version: Version::from("3"),
        material: rotascope::rotation::Material::new(b"rk2.AAAA+/==".to_vec()),
    };
    let taken = push(&secret, Some(&service), &odd, &json!({"take": "now"})).await;
    let failed: Vec<_> = taken.iter().filter(|a| a["state"] == "failed").collect();
    assert_eq!(failed.len(), 3, "one in each region");
    for answer in failed {
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains("parse") && !error.contains("AAAA"),
            "{error}"
        );
    }
    let back = push(&secret, Some(&service), &new, &json!({"take": "now"})).await;
    assert!(back.iter().all(|answer| answer["state"] == "in_use"));
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sink_refuses_entries_until_it_is_restored() {
    let lab = lab(None).await;
    let sink = lab.plan().engine.audit_sink.clone().unwrap();
    let neighbour = sink.replace("/audit", "/neighbour");
    while http()
        .post(&neighbour)
        .body(vec![b'x'; 60_000])
        .send()
        .await
        .unwrap()
        .status()
        == 201
    {}
    let entry = |id: &str, filler: usize| {
        json!({"specversion": "1.0", "id": id, "source": "/engine/demo", "rotationid": "r",
            "type": "rotascope.audit.entry", "time": "2026-11-24T12:00:00Z",
            "data": {"actor": "engine", "operation": "rotate", "path": "x".repeat(filler),
                "secret": "payments/api-key", "outcome": "allowed", "stage": "store"}})
    };
    let deliver = async |id: &str, filler| {
        let sent = http().post(&sink).json(&entry(id, filler)).send().await;
        sent.unwrap().status().as_u16()
    };
    assert_eq!(deliver("a", 60_000).await, 507);
    let restored = http().post(format!("{sink}/restore")).send().await;
    assert_eq!(restored.unwrap().status(), 200);
    assert_eq!(deliver("a", 60_000).await, 201);
    assert_eq!(
        deliver("a", 60_000).await,
        200,
        "the same once more is nothing new"
    );
    let written = lab.record().after(0, usize::MAX);
    let entries = written.iter().filter(|(_, event)| event.id.raw() == "a");
    assert_eq!(entries.count(), 1);
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_every_consumer_and_its_text_is_the_plan() {
    let lab = lab(None).await;
    let text = rotascope::rotation::plan::Plan::parse(lab.plan_text()).unwrap();
    assert_eq!(text.secrets.len(), lab.plan().secrets.len());
    for secret in &lab.plan().secrets {
        assert!(!secret.consumers.is_empty() && !secret.health.is_empty());
        assert!(lab.targets().contains_key(&secret.path));
    }
    let in_place = SecretPath::from("ledger/db-password");
    assert!(!lab.targets()[&in_place].dual_run());
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_monitoring_writes_is_served_as_a_stream() {
    let lab = lab(None).await;
    let url = format!("{}/v1/events", lab.url());
    let mut answer = http().get(url).send().await.unwrap();
    let mut words = String::new();
    while !words.contains("rotascope.auth.sample") {
        let piece = answer.chunk().await.unwrap().unwrap();
        words.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(words.contains("event: clock"));
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_where_nothing_is_wrong() {
    let lab = lab(None).await;
    let secret = hurt(&lab);
    let new = second(&lab).await;
    push(&secret, None, &new, &json!({"take": "now"})).await;
    tokio::time::sleep(Duration::from_millis(1700)).await;
    let written = lab.record().after(0, usize::MAX);
    let scans = written
        .iter()
        .filter(|(_, event)| matches!(event.data, Data::ScanCompleted(_)));
    assert!(scans.count() >= 1);
    let leak = |event: &Data| matches!(event, Data::LeakFinding(leak) if leak.confidence == LeakConfidence::Confirmed);
    assert!(!written.iter().any(|(_, event)| leak(&event.data)));
    let material = new.material.expose_str().unwrap();
    for (_, event) in &written {
        assert!(!event.to_json().unwrap().contains(material));
    }
    lab.shut_down().await;
}
