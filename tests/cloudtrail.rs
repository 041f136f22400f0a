//! CloudTrail through the command: what it yields does not depend on the order of arrival within
//! the watermark, and real logs yield what their records say.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rotascope::audit::identity::IdentityRules;
use rotascope::cli::events::{Args, run};
use serde_json::{Value, json};

/// What the command prints of a file or folder: its status, its events, all of its words.
fn printed(path: &Path) -> (u8, Vec<Value>, String) {
    let args = Args {
        paths: vec![path.to_owned()],
        identity: None,
        vault_source: "/vault".into(),
        postgres_source: "/postgresql".into(),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run(&args, IdentityRules::default(), &mut out, &mut err).unwrap();
    let out = String::from_utf8(out).unwrap();
    let events = out.lines().map(|l| serde_json::from_str(l).unwrap());
    let events = events.collect();
    (status, events, out + &String::from_utf8(err).unwrap())
}

const LAMBDA: &str = "arn:aws:sts::1:assumed-role/rotator/rotate";

/// A record of a secret, `seconds` after a round hour.
fn record(seconds: u32, name: &str, by: &str, parameters: &Value) -> Value {
    let mut parameters = parameters.clone();
    parameters["secretId"] = json!("arn:aws:secretsmanager:eu-1:1:secret:payments/db-AbCdEf");
    json!({
        "eventID": format!("{name}-{seconds}-{by}"), "eventName": name,
        "eventTime": format!("2026-11-23T13:{:02}:{:02}Z", seconds / 60, seconds % 60),
        "eventSource": "secretsmanager.amazonaws.com", "awsRegion": "eu-1",
        "userIdentity": {"type": "AssumedRole", "arn": by},
        "requestParameters": parameters, "eventType": "AwsApiCall", "eventVersion": "1.09",
        "recipientAccountId": "1",
    })
}

fn app(n: u32) -> String {
    format!("arn:aws:sts::1:assumed-role/checkout/{n}")
}

fn version(n: u32) -> String {
    format!("{n:08x}-2222-4222-8222-222222222222")
}

/// Four rotations by a Lambda, two minutes apart, while eight consumers read every few seconds.
fn rotations() -> Vec<Value> {
    let mut log = Vec::new();
    for n in 1..=4 {
        let (start, token) = (n * 120, version(n));
        let mut began = record(start, "RotationStarted", "", &json!({}));
        began["userIdentity"] = json!({"invokedBy": "secretsmanager.amazonaws.com"});
        began["additionalEventData"] = began["requestParameters"].take();
        began["additionalEventData"]["SecretId"] = began["additionalEventData"]["secretId"].take();
        began["eventType"] = json!("AwsServiceEvent");
        began["requestID"] = json!(format!("Rotation-arn:x-{token}"));
        let mut done = began.clone();
        done["eventName"] = json!("RotationSucceeded");
        done["eventID"] = json!(format!("done-{n}"));
        done["eventTime"] = json!(format!("2026-11-23T13:{:02}:09Z", n * 2));
        let put = json!({"clientRequestToken": token, "versionStages": ["AWSPENDING"]});
        let pending = json!({"versionStage": "AWSPENDING", "versionId": token});
        let moved = json!({"versionStage": "AWSCURRENT", "moveToVersionId": token,
            "removeFromVersionId": version(n - 1)});
        log.extend([
            began,
            record(start + 1, "PutSecretValue", LAMBDA, &put),
            record(start + 3, "GetSecretValue", LAMBDA, &pending),
            record(start + 6, "GetSecretValue", LAMBDA, &pending),
            record(start + 9, "UpdateSecretVersionStage", LAMBDA, &moved),
            done,
        ]);
    }
    for second in (60..660).step_by(7) {
        log.push(record(
            second,
            "GetSecretValue",
            &app(second % 8),
            &json!({}),
        ));
    }
    log
}

fn written(folder: &tempfile::TempDir, records: &[Value]) -> PathBuf {
    let path = folder.path().join("trail.json");
    std::fs::write(&path, json!({"Records": records}).to_string()).unwrap();
    path
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_of_arrival_within_the_watermark_changes_nothing(seed in any::<u64>(), late in 1_u32..=600) {
        let mut log = rotations();
        log.sort_by_key(|r| r["eventTime"].as_str().unwrap().to_owned());
        let folder = tempfile::tempdir().unwrap();
        let straight = printed(&written(&folder, &log)).1;
        // Each record is delivered up to `late` seconds after its time, some of them twice.
        let mut state = seed | 1;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u32::try_from(state >> 40).unwrap()
        };
        let mut arrivals: Vec<(u32, Value)> = Vec::new();
        for record in log {
            let time = record["eventTime"].as_str().unwrap();
            let seconds = time[14..16].parse::<u32>().unwrap() * 60 + time[17..19].parse::<u32>().unwrap();
            if random() % 5 == 0 {
                arrivals.push((seconds + random() % late, record.clone()));
            }
            arrivals.push((seconds + random() % late, record));
        }
        arrivals.sort_by_key(|(at, _)| *at);
        let shuffled: Vec<Value> = arrivals.into_iter().map(|(_, record)| record).collect();
        prop_assert_eq!(printed(&written(&folder, &shuffled)).1, straight);
    }
}

#[test]
fn four_rotations_are_told_with_their_consumers() {
    let folder = tempfile::tempdir().unwrap();
    let (_, events, _) = printed(&written(&folder, &rotations()));
    let all = |kind: &str| {
        let kind = format!("rotascope.{kind}");
        events.iter().filter(move |e| e["type"] == kind).count()
    };
    assert_eq!((all("rotation.started"), all("rotation.finished")), (4, 4));
    // Eight consumers on the first version and on each of the four that follow.
    assert_eq!(all("consumer.version"), 8 * 5);
}

#[test]
fn real_logs_yield_an_entry_a_record_and_no_rotation_that_was_not() {
    let Some(logs) = support::shared("logs") else {
        return;
    };
    let mut seen = BTreeMap::<String, usize>::new();
    for folder in ["invictus", "stratus", "umccr"] {
        let folder = logs.join(format!("cloudtrail-{folder}"));
        let (_, events, words) = printed(&folder);
        for event in &events {
            let kind = event["type"].as_str().unwrap();
            *seen.entry(kind.to_owned()).or_default() += 1;
        }
        // Session tokens begin so; raw records of these sets hold some.
        assert!(!words.contains("IQoJb3JpZ2lu"), "{folder:?}");
    }
    assert!(seen["rotascope.audit.entry"] > 2000, "{seen:?}");
    assert!(seen["rotascope.lease.observed"] > 0, "{seen:?}");
    assert!(seen["rotascope.quota.sample"] > 0, "{seen:?}");
    // Their secrets were made, given their first value and deleted: nothing was rotated.
    assert!(!seen.contains_key("rotascope.rotation.started"), "{seen:?}");
}
