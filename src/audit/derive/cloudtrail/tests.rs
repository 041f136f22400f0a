//! The rules, one by one, on small logs written by hand in the shape of real ones.

use serde_json::{Value, json};

use crate::audit::derive::Derivation;
use crate::audit::format::cloudtrail::CloudTrailLines;
use crate::audit::format::{Format, Read};
use crate::audit::identity::IdentityRules;
use crate::audit::record::{Item, Merged, Record};
use crate::model::Event;
use crate::model::rejected::Place;

const LAMBDA: &str = "arn:aws:sts::111122223333:assumed-role/rotator/rotate-db";
const MIRA: &str = "arn:aws:iam::111122223333:user/mira";
const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:payments/db-AbCdEf";
const V1: &str = "11111111-1111-4111-8111-111111111111";
const V2: &str = "22222222-2222-4222-8222-222222222222";
const V3: &str = "33333333-3333-4333-8333-333333333333";

/// A record, to be bent.
#[derive(Clone)]
struct Log(Value);

/// A call `seconds` after a round hour.
fn log(seconds: u32, service: &str, name: &str) -> Log {
    let time = format!("2026-11-23T13:{:02}:{:02}Z", seconds / 60, seconds % 60);
    Log(json!({
        "eventVersion": "1.09", "eventID": format!("{name}-{seconds}"), "eventTime": time,
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
        "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7", "userAgent": "cli",
        "userIdentity": {"type": "IAMUser", "arn": MIRA, "userName": "mira"},
        "requestParameters": null, "responseElements": null, "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333", "readOnly": false,
    }))
}

fn secret(seconds: u32, name: &str, parameters: Value) -> Log {
    let mut parameters = parameters;
    parameters["secretId"] = json!(ARN);
    log(seconds, "secretsmanager", name).asks(parameters)
}

/// What Secrets Manager tells of its own doing.
fn service(seconds: u32, name: &str, token: &str) -> Log {
    let mut log = log(seconds, "secretsmanager", name);
    log.0["userIdentity"] = json!({"accountId": "111122223333",
        "invokedBy": "secretsmanager.amazonaws.com"});
    log.0["additionalEventData"] = json!({"SecretId": ARN});
    log.0["requestID"] = json!(format!("Rotation-{ARN}-{token}"));
    log.0["eventType"] = json!("AwsServiceEvent");
    log
}

impl Log {
    fn asks(mut self, parameters: Value) -> Self {
        self.0["requestParameters"] = parameters;
        self
    }

    fn gets(mut self, answer: Value) -> Self {
        self.0["responseElements"] = answer;
        self
    }

    fn by(mut self, arn: &str) -> Self {
        let role = arn.split('/').nth(1).unwrap();
        self.0["userIdentity"] = json!({"type": "AssumedRole", "arn": arn,
            "sessionContext": {"sessionIssuer": {"type": "Role", "userName": role}}});
        self
    }

    fn fails(mut self, code: &str, words: &str) -> Self {
        if !code.is_empty() {
            self.0["errorCode"] = json!(code);
        }
        self.0["errorMessage"] = json!(words);
        self
    }

    fn named(mut self, id: &str) -> Self {
        self.0["eventID"] = json!(id);
        self
    }

    fn merged(&self) -> Merged {
        let place = Place {
            file: "f".into(),
            line: 1,
            byte: 0,
        };
        let mut item = None;
        CloudTrailLines.line(
            self.0.to_string().as_bytes(),
            &place,
            &mut |read| match read {
                Read::Record(Record::CloudTrail(record), _) => {
                    item = Some(Item::CloudTrail(record));
                }
                other => panic!("{other:?}"),
            },
        );
        Merged {
            item: item.unwrap(),
            duplicate: false,
        }
    }
}

/// A consumer, by its session's name.
fn app(session: &str) -> String {
    format!("arn:aws:sts::111122223333:assumed-role/checkout/{session}")
}

fn reads(seconds: u32, session: &str) -> Log {
    secret(seconds, "GetSecretValue", json!({})).by(&app(session))
}

fn ruled(rules: &str, log: &[Log]) -> Vec<Value> {
    let mut derivation = Derivation::new(IdentityRules::parse(rules).unwrap());
    let mut events = Vec::new();
    let mut out = |event: Event| events.push(serde_json::to_value(&event).unwrap());
    for record in log {
        derivation.feed(&record.merged(), &mut out);
    }
    derivation.finish(&mut out);
    events
}

fn events(log: &[Log]) -> Vec<Value> {
    ruled("", log)
}

fn all<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    let kind = format!("rotascope.{kind}");
    events.iter().filter(|e| e["type"] == kind).collect()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// What is told of rotations, in order: `id what`.
fn told(events: &[Value]) -> Vec<String> {
    let rows = events.iter().filter_map(|e| {
        let data = &e["data"];
        let id = word(&e["rotationid"]);
        let id = id.get(..4).unwrap_or(id);
        let what = match e["type"].as_str()? {
            "rotascope.rotation.started" => format!(
                "started {}→{} {} {}",
                word(&data["from_version"]).get(..4).unwrap_or("-"),
                word(&data["to_version"]).get(..4).unwrap_or("-"),
                word(&data["trigger"]),
                word(&data["by"]).rsplit('/').next().unwrap_or("-"),
            ),
            "rotascope.rotation.stage" => {
                format!("{} {}", word(&data["stage"]), word(&data["status"]))
            }
            "rotascope.rotation.finished" => word(&data["outcome"]).to_owned(),
            _ => return None,
        };
        Some(format!("{id} {what}"))
    });
    rows.collect()
}

/// `consumer version`, of every move.
fn moves(events: &[Value]) -> Vec<String> {
    let row = |e: &&Value| {
        let version = word(&e["data"]["version"]);
        let short = version.get(..4).unwrap_or(version);
        format!("{} {short}", word(&e["data"]["consumer"]))
    };
    all(events, "consumer.version").iter().map(row).collect()
}

/// A rotation by the Lambda, all four steps of it.
fn lifecycle() -> Vec<Log> {
    let pending = json!({"versionStage": "AWSPENDING", "versionId": V2});
    vec![
        reads(5, "a"),
        reads(6, "b"),
        service(10, "RotationStarted", V2),
        secret(11, "GetSecretValue", json!({"versionStage": "AWSCURRENT"})).by(LAMBDA),
        secret(12, "GetSecretValue", pending.clone())
            .by(LAMBDA)
            .fails("ResourceNotFoundException", "Secrets Manager can't find it"),
        secret(
            13,
            "PutSecretValue",
            json!({"clientRequestToken": V2, "versionStages": ["AWSPENDING"]}),
        )
        .by(LAMBDA),
        secret(20, "GetSecretValue", pending.clone())
            .by(LAMBDA)
            .named("set"),
        secret(30, "GetSecretValue", pending)
            .by(LAMBDA)
            .named("test"),
        secret(
            40,
            "UpdateSecretVersionStage",
            json!({"versionStage": "AWSCURRENT", "moveToVersionId": V2, "removeFromVersionId": V1}),
        )
        .by(LAMBDA),
        service(41, "RotationSucceeded", V2),
        reads(50, "a"),
        reads(55, "a"),
    ]
}

#[test]
fn a_rotation_by_the_lambda_is_told_step_by_step() {
    let events = events(&lifecycle());
    assert_eq!(
        told(&events),
        [
            "2222 started -→2222 schedule -",
            "2222 trigger completed",
            "2222 generate completed",
            "2222 store started",
            "2222 store completed",
            "2222 validate started",
            "2222 validate completed",
            "2222 cutover completed",
            "2222 succeeded",
        ]
    );
    let named = |id: &str| events.iter().find(|e| e["id"] == id).unwrap();
    let cutover = named("UpdateSecretVersionStage-40");
    assert_eq!(cutover["data"]["secret"], "payments/db");
    assert_eq!(cutover["data"]["stage"], "cutover");
    assert_eq!(cutover["data"]["version"], V2);
    assert_eq!(cutover["rotationid"], V2);
    assert_eq!(named("PutSecretValue-13")["data"]["stage"], "generate");
}

#[test]
fn readers_are_told_on_the_old_version_once_it_is_named_and_then_on_the_new_one() {
    let events = events(&lifecycle());
    assert_eq!(
        moves(&events),
        ["checkout/a 1111", "checkout/b 1111", "checkout/a 2222"]
    );
    let last = all(&events, "consumer.version")[2];
    assert_eq!(last["data"]["service"], "checkout");
    assert_eq!(last["data"]["region"], "eu-west-1");
    assert_eq!(last["data"]["latency_ms"], 20_000.0);
    assert_eq!(last["data"]["identities"][0], app("a"));
    assert_eq!(last["rotationid"], V2);
}

#[test]
fn every_completed_stage_that_is_audited_has_its_entry() {
    let events = events(&lifecycle());
    for stage in all(&events, "rotation.stage") {
        let (what, audited) = (&stage["data"]["stage"], &stage["data"]["audit_expected"]);
        let entry = events.iter().find(|e| {
            e["type"] == "rotascope.audit.entry"
                && e["data"]["stage"] == *what
                && e["rotationid"] == stage["rotationid"]
        });
        let completed = stage["data"]["status"] == "completed";
        assert_eq!(entry.is_some() && completed, audited.is_null(), "{stage}");
    }
}

#[test]
fn the_order_of_arrival_within_a_second_changes_nothing() {
    // All of it in one second, and backwards.
    let mut log = lifecycle();
    for record in &mut log[2..9] {
        record.0["eventTime"] = json!("2026-11-23T13:00:20Z");
    }
    let straight = events(&log);
    log[2..9].reverse();
    let stages = told(&straight);
    assert_eq!(stages.len(), 9, "{stages:?}");
    assert_eq!(events(&log), straight);
}

#[test]
fn who_asks_for_a_rotation_is_named_and_the_schedule_is_not() {
    let asked = secret(9, "RotateSecret", json!({"clientRequestToken": V2}));
    let log = [asked, service(10, "RotationStarted", V2)];
    assert_eq!(
        told(&events(&log)),
        ["2222 started -→2222 manual mira", "2222 trigger completed"]
    );
    let later = json!({"clientRequestToken": V2, "rotateImmediately": false});
    assert_eq!(told(&events(&[secret(9, "RotateSecret", later)])), [""; 0]);
}

#[test]
fn a_failed_step_is_named_and_the_rotation_goes_on() {
    let step = |n, step: &str| {
        service(n, "RotationFailed", V2).fails(
            "",
            &format!("Error when executing lambda arn:aws:lambda:x during {step} step"),
        )
    };
    let log = [
        service(10, "RotationStarted", V2),
        step(11, "createSecret"),
        step(12, "setSecret"),
        step(13, "testSecret"),
        step(14, "finishSecret"),
        service(15, "RotationAbandoned", V2),
        service(16, "RotationAbandoned", V2),
    ];
    let events = events(&log);
    assert_eq!(
        told(&events)[2..],
        [
            "2222 generate failed",
            "2222 store failed",
            "2222 validate failed",
            "2222 cutover failed",
            "2222 aborted",
        ]
    );
    let entry = events
        .iter()
        .find(|e| e["id"] == "RotationFailed-12")
        .unwrap();
    assert_eq!(entry["data"]["outcome"], "error");
    assert_eq!(entry["data"]["operation"], "rotate");
}

#[test]
fn a_rotation_that_is_cancelled_or_whose_secret_is_deleted_is_aborted() {
    for end in ["CancelRotateSecret", "DeleteSecret"] {
        let log = [
            service(10, "RotationStarted", V2),
            secret(20, end, json!({})),
        ];
        let events = events(&log);
        assert_eq!(told(&events).last().unwrap(), "2222 aborted", "{end}");
        // After a rotation that went through there is nothing to abort.
        let whole = [lifecycle(), vec![secret(90, end, json!({}))]].concat();
        assert!(!told(&self::events(&whole)).contains(&"2222 aborted".to_owned()));
    }
    let taken = json!({"versionStage": "AWSPENDING", "removeFromVersionId": V2});
    let log = [
        service(10, "RotationStarted", V2),
        secret(20, "UpdateSecretVersionStage", taken),
    ];
    assert_eq!(told(&events(&log)).last().unwrap(), "2222 aborted");
}

#[test]
fn labels_moved_back_are_a_rollback() {
    let stage = |n, to: &str, from: &str| {
        let words = json!({"versionStage": "AWSCURRENT", "moveToVersionId": to,
            "removeFromVersionId": from});
        secret(n, "UpdateSecretVersionStage", words)
    };
    let log = [lifecycle(), vec![stage(70, V1, V2), reads(80, "a")]].concat();
    let events = events(&log);
    assert_eq!(told(&events).last().unwrap(), "2222 rolled_back");
    assert_eq!(moves(&events).last().unwrap(), "checkout/a 1111");
    // And forward again: the version is brought a second time.
    let log = [log, vec![stage(90, V2, V1), reads(95, "a")]].concat();
    let events = self::events(&log);
    assert_eq!(told(&events).last().unwrap(), "2222 cutover completed");
    assert_eq!(moves(&events).last().unwrap(), "checkout/a 2222");
}

#[test]
fn the_old_version_withdrawn_is_a_revocation() {
    let words = json!({"versionStage": "AWSPREVIOUS", "removeFromVersionId": V1});
    let log = [
        lifecycle(),
        vec![secret(70, "UpdateSecretVersionStage", words)],
    ]
    .concat();
    assert_eq!(told(&events(&log)).last().unwrap(), "2222 revoke completed");
}

#[test]
fn a_value_put_by_hand_is_a_rotation_unless_it_is_the_first() {
    let put = |n, token: &str| secret(n, "PutSecretValue", json!({"clientRequestToken": token}));
    let made = log(10, "secretsmanager", "CreateSecret")
        .asks(json!({"name": "payments/db", "clientRequestToken": V3}))
        .gets(json!({"arn": ARN}));
    let log = [made, put(12, V1), put(500, V2), put(501, V2)];
    assert_eq!(
        told(&events(&log)),
        [
            "2222 started 1111→2222 manual mira",
            "2222 store completed",
            "2222 cutover completed",
        ]
    );
    // A secret that is older than the log has had a value before.
    assert_eq!(told(&events(&[put(500, V2)])).len(), 3);
}

#[test]
fn a_name_a_whole_and_a_partial_arn_are_one_secret() {
    let by = |n, id: &str| log(n, "secretsmanager", "DescribeSecret").asks(json!({"secretId": id}));
    let partial = ARN.strip_suffix("-AbCdEf").unwrap();
    let events = events(&[by(1, ARN), by(2, partial), by(3, "payments/db")]);
    let names: Vec<_> = all(&events, "audit.entry");
    assert!(names.iter().all(|e| e["data"]["secret"] == "payments/db"));
    assert_eq!(names[0]["data"]["path"], ARN);
}

#[test]
fn a_refused_call_names_its_secret_by_its_error_alone() {
    let words = format!(
        "User: {LAMBDA} is not authorized to perform: secretsmanager:GetSecretValue on \
         resource: {ARN} because no identity-based policy allows it"
    );
    let refused = log(1, "secretsmanager", "GetSecretValue").fails("AccessDenied", &words);
    let events = events(&[refused.by(&app("x"))]);
    let entry = all(&events, "audit.entry")[0];
    assert_eq!(entry["data"]["secret"], "payments/db");
    assert_eq!(entry["data"]["outcome"], "denied");
    assert_eq!(moves(&events), [""; 0]);
    // Without a resource the caller's ARN must not be taken for one.
    let words = format!("User: {MIRA} is not authorized to perform: secretsmanager:ListSecrets");
    let refused = log(2, "secretsmanager", "ListSecrets").fails("AccessDenied", &words);
    assert!(self::events(&[refused])[0]["data"]["secret"].is_null());
}

#[test]
fn people_are_no_consumers_and_a_rule_says_who_is() {
    let person = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_1/mira";
    let current = || secret(1, "PutSecretValue", json!({"clientRequestToken": V1}));
    let read = |n| secret(n, "GetSecretValue", json!({}));
    let log = [current(), read(5), read(6).by(person)];
    assert_eq!(moves(&events(&log)), [""; 0]);
    let rule = "[[identity]]\nmatch = { \"metadata.username\" = \"legacy\" }\n\
        consumer = \"legacy-app\"\nservice = \"legacy\"";
    let mut legacy = read(7);
    legacy.0["userIdentity"] = json!({"type": "IAMUser", "arn": "arn:aws:iam::1:user/legacy",
        "userName": "legacy"});
    assert_eq!(
        moves(&ruled(rule, &[current(), legacy])),
        ["legacy-app 1111"]
    );
}

#[test]
fn one_token_of_two_secrets_names_two_rotations() {
    let other = ARN.replace("payments", "ledger");
    let put = |n, id: &str| {
        log(n, "secretsmanager", "PutSecretValue")
            .asks(json!({"secretId": id, "clientRequestToken": V2}))
    };
    let events = events(&[put(1, ARN), put(2, &other)]);
    let started = all(&events, "rotation.started");
    assert_eq!(started[0]["rotationid"], V2);
    assert_eq!(started[1]["rotationid"], format!("{V2}@ledger/db"));
}

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd";

fn kms(seconds: u32, name: &str, parameters: Value) -> Log {
    let mut log = log(seconds, "kms", name).asks(parameters);
    log.0["resources"] = json!([{"ARN": KEY, "type": "AWS::KMS::Key"}]);
    log
}

/// `stage status`, without the ids.
fn stages(events: &[Value]) -> Vec<String> {
    let told = told(events);
    let words = told.iter().filter_map(|row| row.split_once(' '));
    words.map(|(_, what)| what.to_owned()).collect()
}

#[test]
fn new_key_material_is_a_rotation_whose_old_material_goes_on() {
    let mut rotated = kms(90, "RotateKey", Value::Null);
    rotated.0["eventType"] = json!("AwsServiceEvent");
    rotated.0["serviceEventDetails"] = json!({"keyId": "1234abcd", "rotationType": "AUTOMATIC"});
    let enabled = kms(1, "EnableKeyRotation", json!({"rotationPeriodInDays": 90}));
    let events = events(&[enabled, rotated.clone()]);
    assert_eq!(
        stages(&events),
        [
            "started -→- schedule -",
            "store completed",
            "cutover completed",
            "grace started"
        ]
    );
    let started = all(&events, "rotation.started")[0];
    assert_eq!(started["data"]["secret"], "key/1234abcd");
    assert_eq!(started["data"]["kind"], "encryption-key");
    assert_eq!(started["data"]["cadence_seconds"], 90 * 86_400);
    assert_eq!(started["data"]["dual_run"], true);

    rotated.0["serviceEventDetails"]["rotationType"] = json!("ON_DEMAND");
    let asked = kms(80, "RotateKeyOnDemand", json!({"keyId": "1234abcd"}));
    let events = self::events(&[asked, rotated]);
    let ids: Vec<_> = all(&events, "rotation.started");
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0]["rotationid"], ids[1]["rotationid"]);
    assert_eq!(ids[0]["data"]["by"], MIRA);
}

#[test]
fn an_alias_moved_to_another_key_is_a_rotation_and_the_old_key_s_end_its_revocation() {
    let alias = |n, name: &str, key: &str| {
        log(n, "kms", name).asks(json!({"aliasName": "alias/payments", "targetKeyId": key}))
    };
    let on = |n, name: &str| kms(n, name, json!({"keyId": KEY}));
    let log = [
        alias(1, "CreateAlias", "1234abcd"),
        alias(
            50,
            "UpdateAlias",
            "arn:aws:kms:eu-west-1:111122223333:key/5678ef",
        ),
        on(90, "DisableKey"),
        on(91, "ScheduleKeyDeletion"),
        on(95, "CancelKeyDeletion"),
        on(99, "EnableKey"),
    ];
    let events = events(&log);
    assert_eq!(
        stages(&events),
        [
            "started 1234→5678 manual mira",
            "store completed",
            "cutover completed",
            "grace started",
            "grace completed",
            "revoke completed",
            "revoke skipped",
            "grace resumed",
        ]
    );
    assert_eq!(
        all(&events, "rotation.started")[0]["data"]["secret"],
        "alias/payments"
    );
}

#[test]
fn decryptions_are_counted_and_a_refused_permission_is_not_a_bad_ciphertext() {
    let decrypt = |n| kms(n, "Decrypt", json!({"keyId": KEY})).by(&app("a"));
    let log = [
        decrypt(1),
        decrypt(2).fails("DisabledException", &format!("{KEY} is disabled.")),
        decrypt(3).fails("AccessDenied", "no"),
        decrypt(4).fails("ThrottlingException", "Rate exceeded"),
        decrypt(12),
    ];
    let events = events(&log);
    let samples: Vec<_> = all(&events, "signal.sample");
    let row = |e: &Value| (e["data"]["total"].as_u64(), e["data"]["bad"].as_u64());
    assert_eq!(row(samples[0]), (Some(2), Some(1)));
    assert_eq!(row(samples[1]), (Some(1), Some(0)));
    assert_eq!(samples[0]["data"]["secret"], "key/1234abcd");
    assert_eq!(samples[0]["data"]["service"], "checkout");
    let entries: Vec<_> = all(&events, "audit.entry");
    assert_eq!(entries[1]["data"]["secret"], "key/1234abcd");
    let outcomes: Vec<_> = entries
        .iter()
        .map(|e| word(&e["data"]["outcome"]))
        .collect();
    assert_eq!(outcomes, ["allowed", "error", "denied", "error", "allowed"]);
}

#[test]
fn a_disabled_key_is_found_by_its_error_where_nothing_else_names_it() {
    let log = [log(2, "kms", "Decrypt").fails("DisabledException", &format!("{KEY} is disabled."))];
    assert_eq!(
        all(&events(&log), "audit.entry")[0]["data"]["secret"],
        "key/1234abcd"
    );
}

fn iam(seconds: u32, name: &str, parameters: Value) -> Log {
    let mut parameters = parameters;
    parameters["userName"] = json!("ci");
    log(seconds, "iam", name).asks(parameters)
}

fn key_made(seconds: u32, key: &str) -> Log {
    iam(seconds, "CreateAccessKey", json!({}))
        .gets(json!({"accessKey": {"accessKeyId": key, "userName": "ci", "status": "Active"}}))
}

fn key_is(seconds: u32, key: &str, status: &str) -> Log {
    iam(
        seconds,
        "UpdateAccessKey",
        json!({"accessKeyId": key, "status": status}),
    )
}

/// A call signed with a key, from an address.
fn signed(seconds: u32, key: &str, address: &str) -> Log {
    let mut log = log(seconds, "s3", "ListBuckets");
    log.0["userIdentity"] = json!({"type": "IAMUser", "userName": "ci", "accessKeyId": key,
        "arn": "arn:aws:iam::111122223333:user/ci"});
    log.0["sourceIPAddress"] = json!(address);
    log
}

const K1: &str = "AKIA1111EXAMPLE";
const K2: &str = "AKIA2222EXAMPLE";

#[test]
fn an_access_key_is_replaced_while_both_work() {
    let log = [
        signed(1, K1, "10.0.0.1"),
        signed(2, K1, "10.0.0.2"),
        key_made(10, K2),
        signed(20, K2, "10.0.0.1"),
        key_is(60, K1, "Inactive"),
        iam(90, "DeleteAccessKey", json!({"accessKeyId": K1})),
    ];
    let events = events(&log);
    assert_eq!(
        stages(&events),
        [
            "started AKIA→AKIA manual mira",
            "store completed",
            "cutover completed",
            "grace started",
            "grace completed",
            "revoke completed",
            "succeeded",
        ]
    );
    let started = all(&events, "rotation.started")[0];
    assert_eq!(started["data"]["secret"], "iam/access-key/ci");
    assert_eq!(started["data"]["from_version"], K1);
    assert_eq!(started["data"]["kind"], "api-key");
    let moved: Vec<_> = all(&events, "consumer.version")
        .iter()
        .map(|e| (word(&e["data"]["consumer"]), word(&e["data"]["version"])))
        .collect();
    assert_eq!(
        moved,
        [
            ("ci@10.0.0.1", K1),
            ("ci@10.0.0.2", K1),
            ("ci@10.0.0.1", K2)
        ]
    );
    let entry = events
        .iter()
        .find(|e| e["id"] == "UpdateAccessKey-60")
        .unwrap();
    assert_eq!(entry["data"]["stage"], "revoke");
    assert_eq!(entry["data"]["version"], K1);
}

#[test]
fn the_first_key_of_a_user_replaces_none_and_an_old_one_shows_itself_late() {
    let new = log(1, "iam", "CreateUser").asks(json!({"userName": "ci"}));
    let log = [new, key_made(2, K1), signed(3, K1, "10.0.0.1")];
    assert_eq!(told(&events(&log)), [""; 0]);
    // Of a user that is older than the log nothing is known before its old key is met.
    let log = [key_made(10, K2), signed(20, K2, "10.0.0.1")];
    assert_eq!(told(&events(&log)), [""; 0]);
    let log = [
        key_made(10, K2),
        signed(20, K2, "10.0.0.1"),
        key_is(60, K1, "Inactive"),
    ];
    let events = events(&log);
    assert_eq!(stages(&events).last().unwrap(), "revoke completed");
    let started = all(&events, "rotation.started")[0];
    assert_eq!(
        started["time"], "2026-11-23T13:00:10Z",
        "it bears the time it is about"
    );
}

#[test]
fn a_key_made_active_again_undoes_its_revocation_and_the_new_one_given_up_is_a_rollback() {
    let begun = || vec![signed(1, K1, "10.0.0.1"), key_made(10, K2)];
    let log = [
        begun(),
        vec![
            key_is(60, K1, "Inactive"),
            key_is(70, K1, "Active"),
            key_is(80, K2, "Inactive"),
        ],
    ];
    let told = stages(&events(&log.concat()));
    assert_eq!(
        told[told.len() - 3..],
        ["revoke skipped", "grace resumed", "rolled_back"]
    );
    let removed = iam(20, "DeleteAccessKey", json!({"accessKeyId": K2}));
    let log = [begun(), vec![removed]].concat();
    assert_eq!(stages(&events(&log)).last().unwrap(), "aborted");
}

#[test]
fn temporary_credentials_are_leases_without_their_secret() {
    let issued = log(0, "sts", "AssumeRole")
        .asks(
            json!({"roleArn": "arn:aws:iam::111122223333:role/deploy", "durationSeconds": 900,
            "roleSessionName": "ci"}),
        )
        .gets(
            json!({"credentials": {"accessKeyId": "ASIA1", "sessionToken": "hunter2",
            "expiration": "Nov 23, 2026, 1:15:00 PM"},
            "assumedRoleUser": {"arn": "arn:aws:sts::111122223333:assumed-role/deploy/ci"}}),
        );
    let events = events(&[issued]);
    let lease = all(&events, "lease.observed")[0];
    assert_eq!(lease["data"]["lease"], "ASIA1");
    assert_eq!(lease["data"]["secret"], "sts/role/deploy");
    assert_eq!(lease["data"]["consumer"], "deploy/ci");
    assert_eq!(lease["data"]["expires_at"], "2026-11-23T13:15:00Z");
    assert!(!format!("{events:?}").contains("hunter2"));
    let refused = log(1, "sts", "GetSessionToken").fails("AccessDenied", "no");
    assert!(all(&self::events(&[refused]), "lease.observed").is_empty());
}

#[test]
fn throttled_calls_are_counted_by_their_code() {
    let put = |n| log(n, "ssm", "PutParameter");
    let log = [
        put(1),
        put(2).fails("ThrottlingException", "Rate exceeded"),
        put(3).fails("LimitExceededException", "too many parameters"),
        log(4, "ssm", "DeleteParameter").fails("RequestLimitExceeded", "slower"),
        log(5, "ec2", "RunInstances").fails("RequestLimitExceeded", "slower"),
    ];
    let events = events(&log);
    let rows: Vec<_> = all(&events, "quota.sample")
        .iter()
        .map(|e| {
            let data = &e["data"];
            let count = |name: &str| data[name].as_u64().unwrap();
            (
                word(&data["api"]).to_owned(),
                count("total"),
                count("throttled"),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("ssm:DeleteParameter".to_owned(), 1, 1),
            ("ssm:PutParameter".to_owned(), 3, 1)
        ]
    );
}

#[test]
fn what_is_put_is_never_held() {
    let put = secret(
        1,
        "PutSecretValue",
        json!({"clientRequestToken": V1, "secretString": "hunter2", "secretBinary": "hunter2"}),
    );
    let merged = put.merged();
    assert!(!format!("{merged:?}").contains("hunter2"));
    assert!(!format!("{:?}", events(&[put])).contains("hunter2"));
}

#[test]
fn parameters_of_any_shape_are_read_past() {
    for odd in [
        json!([1, 2]),
        json!("words"),
        json!({"secretId": {"a": 1}, "versionStages": 7}),
        json!(5),
    ] {
        let mut log = log(1, "secretsmanager", "PutSecretValue").asks(odd.clone());
        log.0["responseElements"] = odd.clone();
        log.0["resources"] = odd.clone();
        log.0["serviceEventDetails"] = odd.clone();
        log.0["userIdentity"]["sessionContext"] = odd;
        assert_eq!(all(&events(&[log]), "audit.entry").len(), 1);
    }
    for id in [
        "",
        "Rotation-",
        "Rotation-é",
        "Rotation-x",
        "Rotation-éééééééééééééééééééééééééééééééééééééé",
    ] {
        let mut log = service(1, "RotationStarted", V2);
        log.0["requestID"] = json!(id);
        assert_eq!(told(&events(&[log])), [""; 0], "{id}");
    }
}
