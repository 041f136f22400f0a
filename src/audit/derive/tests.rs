//! The rules, one by one, on small records written by hand.

use serde_json::{Value, json};

use super::*;
use crate::audit::format::vault::entry;
use crate::audit::record::Item;

const HASH: &str = "hmac-sha256:08ba357e274f528065766c770a639abf6809b39ccfd37c2a3157c7f51954da0a";

/// A Vault call, to be bent.
struct Call(Value);

/// A call `seconds` after a round hour, answered 100 ms later.
fn call(id: &str, seconds: u32, mount: &str, kind: &str, operation: &str, path: &str) -> Call {
    Call(json!({
        "time": format!("2026-11-23T13:{:02}:{:02}Z", seconds / 60, seconds % 60),
        "request": {
            "id": id, "operation": operation, "mount_point": mount, "mount_type": kind,
            "path": format!("{mount}{path}"), "remote_address": "10.1.0.1",
        },
        "response": {},
    }))
}

fn write(id: &str, seconds: u32, mount: &str, kind: &str, path: &str) -> Call {
    call(id, seconds, mount, kind, "update", path).by_mira()
}

impl Call {
    fn by(mut self, auth: Value) -> Self {
        self.0["auth"] = auth;
        self
    }

    fn by_mira(self) -> Self {
        self.by(json!({"display_name": "userpass-mira", "metadata": {"username": "mira"}}))
    }

    fn by_consumer(self, name: &str) -> Self {
        self.by(json!({"display_name": "approle",
            "metadata": {"consumer": name, "role_name": "checkout", "region": "eu-1"}}))
    }

    fn asks(mut self, data: Value) -> Self {
        self.0["request"]["data"] = data;
        self
    }

    fn gets(mut self, data: Value) -> Self {
        self.0["response"]["data"] = data;
        self
    }

    fn leases(mut self, id: &str) -> Self {
        self.0["response"]["secret"] = json!({"lease_id": id});
        self
    }

    fn correlated(mut self, id: &str) -> Self {
        self.0["request"]["headers"] = json!({"x-correlation-id": [id]});
        self
    }

    fn fails(mut self, error: &str) -> Self {
        self.0["error"] = json!(error);
        self
    }

    fn merged(self) -> Merged {
        let half = |kind: &str, time: String| {
            let mut half = self.0.clone();
            half["type"] = json!(kind);
            half["time"] = json!(time);
            if kind == "request" {
                half.as_object_mut().unwrap().remove("response");
            }
            Some(Box::new(entry(half.to_string().as_bytes()).unwrap()))
        };
        let time = self.0["time"].as_str().unwrap();
        Merged {
            item: Item::Vault(VaultCall {
                request: half("request", time.to_owned()),
                response: half("response", time.replace('Z', ".1Z")),
            }),
            duplicate: false,
        }
    }

    fn again(self) -> Merged {
        Merged {
            duplicate: true,
            ..self.merged()
        }
    }
}

fn derived(rules: &str, items: Vec<Merged>) -> Vec<Value> {
    let mut derivation = Derivation::new(IdentityRules::parse(rules).unwrap());
    let mut events = Vec::new();
    let mut out = |event: Event| events.push(serde_json::to_value(&event).unwrap());
    for item in items {
        derivation.feed(&item, &mut out);
    }
    derivation.finish(&mut out);
    events
}

fn events(items: Vec<Merged>) -> Vec<Value> {
    derived("", items)
}

fn only<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    let kind = format!("rotascope.{kind}");
    events.iter().filter(|e| e["type"] == kind).collect()
}

/// `secret from→to by`, of every start.
fn starts(events: &[Value]) -> Vec<String> {
    let started = only(events, "rotation.started");
    let word = |e: &Value, name: &str| e["data"][name].as_str().unwrap_or("-").to_owned();
    let row = |e: &&Value| {
        let [secret, from, to, by] =
            ["secret", "from_version", "to_version", "by"].map(|name| word(e, name));
        format!(
            "{}: {secret} {from}→{to} {by}",
            e["rotationid"].as_str().unwrap()
        )
    };
    started.iter().map(row).collect()
}

/// `stage status`, of every stage.
fn stages(events: &[Value]) -> Vec<String> {
    let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    only(events, "rotation.stage")
        .iter()
        .map(|e| {
            format!(
                "{} {}",
                word(&e["data"]["stage"]),
                word(&e["data"]["status"])
            )
        })
        .collect()
}

/// `consumer version`, of every move.
fn moves(events: &[Value]) -> Vec<String> {
    let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    only(events, "consumer.version")
        .iter()
        .map(|e| {
            format!(
                "{} {}",
                word(&e["data"]["consumer"]),
                word(&e["data"]["version"])
            )
        })
        .collect()
}

fn rotate(id: &str, seconds: u32) -> Call {
    write(id, seconds, "database/", "database", "rotate-role/app")
}

/// A read of static role `app` whose password was made `made` seconds after the hour.
fn creds(id: &str, seconds: u32, made: u32) -> Call {
    let made = format!("2026-11-23T13:{:02}:{:02}.05Z", made / 60, made % 60);
    let data = json!({"last_vault_rotation": made, "password": HASH, "username": HASH});
    call(
        id,
        seconds,
        "database/",
        "database",
        "read",
        "static-creds/app",
    )
    .gets(data)
}

const V1: &str = "2026-11-23T13:00:00.05Z";
const V2: &str = "2026-11-23T13:00:20.05Z";

#[test]
fn a_static_role_s_rotation_is_named_by_the_first_read_after_it() {
    let events = events(vec![
        creds("r1", 10, 0).by_consumer("a").merged(),
        rotate("x", 20).correlated("rot-1").merged(),
        creds("r2", 30, 20).by_consumer("a").merged(),
        creds("r3", 31, 20).by_consumer("a").merged(),
        creds("r4", 32, 20).by_mira().merged(),
    ]);
    let secret = "database/static-creds/app";
    assert_eq!(
        starts(&events),
        [
            format!("rot-1: {secret} {V1}→- mira"),
            format!("rot-1: {secret} {V1}→{V2} -"),
        ]
    );
    assert_eq!(stages(&events), ["store completed", "cutover completed"]);
    // Told once a version; and mira, who rotates it, is no consumer of it.
    assert_eq!(moves(&events), [format!("a {V1}"), format!("a {V2}")]);
    let latest = only(&events, "consumer.version")[1];
    assert_eq!(latest["rotationid"], "rot-1");
    assert_eq!(latest["data"]["latency_ms"], 10_050.0);
    assert_eq!(latest["data"]["region"], "eu-1");
}

#[test]
fn a_move_that_no_call_explains_is_automatic_and_the_same_whichever_read_shows_it() {
    let automatic = |id: &str, seconds| {
        events(vec![
            creds("r1", 10, 0).by_consumer("a").merged(),
            creds(id, seconds, 20).by_consumer("b").merged(),
            creds("r9", 50, 0).by_consumer("c").merged(),
        ])
    };
    let (one, other) = (automatic("r2", 30), automatic("r3", 33));
    let started = only(&one, "rotation.started")[0];
    assert_eq!(started["data"]["trigger"], "schedule");
    assert_eq!(started["data"]["audit_expected"], false);
    assert_eq!(started["time"], "2026-11-23T13:00:20.050Z");
    assert_eq!(started["id"], only(&other, "rotation.started")[0]["id"]);
    // An answer that comes late with the old version moves nothing back.
    assert_eq!(starts(&one).len(), 1);
    assert_eq!(moves(&one)[2], format!("c {V1}"));
}

#[test]
fn a_read_that_is_logged_before_the_call_that_caused_it_makes_no_second_rotation() {
    let events = events(vec![
        creds("r1", 10, 0).by_consumer("a").merged(),
        creds("r2", 20, 20).by_consumer("b").merged(),
        rotate("x", 20).merged(),
        creds("r3", 40, 20).by_consumer("a").merged(),
    ]);
    assert_eq!(
        starts(&events),
        [format!("vault-x: database/static-creds/app {V1}→{V2} mira")]
    );
}

#[test]
fn a_rotation_that_failed_is_completed_by_the_retry_in_the_background() {
    let events = events(vec![
        creds("r1", 10, 0).by_consumer("a").merged(),
        rotate("x", 15)
            .fails("unable to finish rotating credentials")
            .merged(),
        creds("r2", 30, 20).by_consumer("a").merged(),
    ]);
    assert_eq!(
        stages(&events),
        ["store failed", "store completed", "cutover completed"]
    );
    assert!(
        starts(&events)
            .iter()
            .all(|start| start.starts_with("vault-x: "))
    );
}

#[test]
fn one_correlation_id_names_one_rotation() {
    let events = events(vec![
        rotate("x", 1).correlated("c").merged(),
        write("y", 2, "transit/", "transit", "keys/k/rotate")
            .gets(json!({"latest_version": 2}))
            .correlated("c")
            .merged(),
        rotate("z", 3).correlated("c").merged(),
    ]);
    let ids: Vec<String> = starts(&events)
        .iter()
        .map(|start| start.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["c", "vault-y", "vault-z"]);
}

#[test]
fn a_refused_or_unanswered_or_wrapped_rotation_begins_nothing() {
    let mut unanswered = rotate("b", 2).merged();
    if let Item::Vault(call) = &mut unanswered.item {
        call.response = None;
    }
    let mut wrapped = rotate("c", 3);
    wrapped.0["response"]["wrap_info"] = json!({"ttl": 60});
    let events = events(vec![
        rotate("a", 1)
            .fails("1 error occurred:\n\t* permission denied\n\n")
            .merged(),
        unanswered,
        wrapped.merged(),
    ]);
    assert_eq!(starts(&events), Vec::<String>::new());
    let outcomes: Vec<&Value> = only(&events, "audit.entry")
        .into_iter()
        .map(|e| &e["data"]["outcome"])
        .collect();
    assert_eq!(outcomes, ["denied", "unanswered", "allowed"]);
}

fn kv(id: &str, seconds: u32, payload: &Value, version: u32) -> Call {
    write(id, seconds, "secret/", "kv", "data/app")
        .asks(json!({"data": payload}))
        .gets(json!({"version": version}))
}

fn kv_read(id: &str, seconds: u32, payload: &Value, version: u32) -> Call {
    call(id, seconds, "secret/", "kv", "read", "data/app")
        .gets(json!({"data": payload, "metadata": {"version": version}}))
}

#[test]
fn a_write_of_what_an_older_version_held_is_a_rollback() {
    let (old, new) = (json!({"k": "old"}), json!({"k": "new"}));
    let of = |first: Merged| {
        events(vec![
            first,
            kv("w2", 2, &new, 2).merged(),
            kv_read("r", 3, &new, 2).by_consumer("a").merged(),
            kv("w3", 4, &old, 3).merged(),
        ])
    };
    for first in [
        kv("w1", 1, &old, 1).merged(),
        // An older version is known from any read of it, and from a second device's record.
        kv_read("w1", 1, &old, 1).by_mira().merged(),
        kv("w1", 1, &old, 1).again(),
    ] {
        let events = of(first);
        assert_eq!(starts(&events), ["vault-w2: secret/app 1→2 mira"]);
        let finished = only(&events, "rotation.finished");
        assert_eq!(finished.len(), 1);
        assert_eq!(finished[0]["rotationid"], "vault-w2");
        assert_eq!(finished[0]["data"]["outcome"], "rolled_back");
        assert_eq!(moves(&events), ["a 2"]);
    }
}

#[test]
fn a_repeated_write_is_no_rollback_and_a_first_one_no_rotation() {
    let (a, b) = (json!({"k": "a"}), json!({"k": "b"}));
    let events = events(vec![
        kv("w1", 1, &a, 1).merged(),
        kv("w2", 2, &b, 2).merged(),
        kv("w3", 3, &b, 3).merged(),
    ]);
    assert_eq!(only(&events, "rotation.finished"), Vec::<&Value>::new());
    assert_eq!(
        starts(&events),
        [
            "vault-w2: secret/app 1→2 mira",
            "vault-w3: secret/app 2→3 mira"
        ]
    );
}

#[test]
fn a_look_at_an_older_or_deleted_version_is_no_use_of_it() {
    let payload = json!({"k": HASH});
    let events = events(vec![
        kv_read("r1", 1, &payload, 2).by_consumer("a").merged(),
        kv_read("r2", 2, &payload, 1)
            .asks(json!({"version": HASH}))
            .by_consumer("a")
            .merged(),
        kv_read("r3", 3, &Value::Null, 2).by_consumer("b").merged(),
    ]);
    assert_eq!(moves(&events), ["a 2"]);
}

fn key_config(id: &str, seconds: u32, minimum: u32) -> Merged {
    write(id, seconds, "transit/", "transit", "keys/k/config")
        .asks(json!({"min_decryption_version": minimum}))
        .gets(json!({"min_decryption_version": minimum, "latest_version": 2}))
        .merged()
}

#[test]
fn a_transit_key_s_old_version_is_revoked_and_brought_back() {
    let events = events(vec![
        write("x", 1, "transit/", "transit", "keys/k/rotate")
            .gets(json!({"min_decryption_version": 1, "latest_version": 2}))
            .merged(),
        call("e", 2, "transit/", "transit", "update", "encrypt/k")
            .by_consumer("a")
            .gets(json!({"ciphertext": HASH, "key_version": 2}))
            .merged(),
        key_config("c1", 3, 2),
        call("d1", 4, "transit/", "transit", "update", "decrypt/k")
            .by_consumer("a")
            .fails("1 error occurred:\n\t* invalid request\n\n")
            .merged(),
        call("d2", 5, "transit/", "transit", "update", "decrypt/k")
            .by_consumer("a")
            .merged(),
        key_config("c2", 6, 1),
    ]);
    assert_eq!(starts(&events), ["vault-x: transit/keys/k 1→2 mira"]);
    assert_eq!(
        stages(&events),
        [
            "store completed",
            "cutover completed",
            "grace started",
            "grace completed",
            "revoke completed",
            "revoke skipped",
            "grace resumed",
        ]
    );
    assert_eq!(moves(&events), ["a 2"]);
    let sample = only(&events, "signal.sample")[0];
    assert_eq!(sample["data"]["signal"], "decrypt");
    assert_eq!(
        (&sample["data"]["total"], &sample["data"]["bad"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn an_oidc_key_s_grace_is_told_where_the_call_says_it() {
    let rotated = |ttl: Value| {
        events(vec![
            write("x", 1, "identity/", "identity", "oidc/key/k/rotate")
                .asks(json!({"verification_ttl": ttl}))
                .merged(),
        ])
    };
    let hour = rotated(json!(3600));
    assert_eq!(
        only(&hour, "rotation.grace")[0]["data"]["ends_at"],
        "2026-11-23T14:00:01.100Z"
    );
    assert_eq!(
        only(&rotated(json!(HASH)), "rotation.grace"),
        Vec::<&Value>::new()
    );
    let dropped = rotated(json!(0));
    assert_eq!(stages(&dropped)[2], "revoke completed");
    assert_eq!(
        only(&dropped, "rotation.started")[0]["data"]["dual_run"],
        false
    );
}

#[test]
fn a_raw_device_tells_the_grace_that_the_first_device_hid() {
    let rotate = |ttl: Value| {
        write("x", 1, "identity/", "identity", "oidc/key/k/rotate")
            .asks(json!({"verification_ttl": ttl}))
    };
    let both = |ttl: Value| {
        events(vec![
            rotate(json!(HASH)).merged(),
            rotate(ttl.clone()).again(),
            rotate(ttl).again(),
        ])
    };
    let hour = both(json!("1h"));
    let alone = events(vec![rotate(json!("1h")).merged()]);
    assert_eq!(
        only(&hour, "rotation.grace"),
        only(&alone, "rotation.grace")
    );
    let starts = only(&hour, "rotation.started");
    assert_eq!(starts.len(), 2);
    assert_eq!(starts[0]["rotationid"], starts[1]["rotationid"]);
    assert_ne!(starts[0]["id"], starts[1]["id"]);
    let dual_run = starts.iter().map(|start| &start["data"]["dual_run"]);
    assert_eq!(dual_run.collect::<Vec<_>>(), [&Value::Null, &json!(true)]);
    assert_eq!(starts[1]["data"]["grace_seconds"], 3600);
    assert!(stages(&both(json!(0))).contains(&"revoke completed".to_owned()));
    let configured = |ttl: Value| {
        write("c", 0, "identity/", "identity", "oidc/key/k").asks(json!({"verification_ttl": ttl}))
    };
    let plain = || write("x", 1, "identity/", "identity", "oidc/key/k/rotate").merged();
    let usual = events(vec![
        configured(json!(HASH)).merged(),
        configured(json!("1h")).again(),
        plain(),
    ]);
    assert_eq!(
        only(&usual, "rotation.grace")[0]["data"]["ends_at"],
        "2026-11-23T14:00:01.100Z"
    );
    let hidden_since = events(vec![
        configured(json!("1h")).merged(),
        configured(json!(HASH)).merged(),
        plain(),
    ]);
    assert_eq!(only(&hidden_since, "rotation.grace").len(), 0);
}

#[test]
fn a_certificate_is_observed_when_issued_and_when_revoked() {
    let of = |serial: &str| {
        events(vec![
            write("i", 1, "pki/", "pki", "issue/edge")
                .asks(json!({"common_name": "a.test"}))
                .gets(json!({"serial_number": serial, "expiration": 1_795_527_640}))
                .merged(),
            write("r", 2, "pki/", "pki", "revoke")
                .asks(json!({"serial_number": serial}))
                .merged(),
        ])
    };
    for (serial, shown) in [("aa:bb", json!("aa:bb")), (HASH, Value::Null)] {
        let events = of(serial);
        let seen = only(&events, "certificate.observed");
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0]["data"]["serial"], shown);
        assert_eq!(seen[0]["data"]["not_after"], "2026-11-24T13:40:40Z");
        assert_eq!(
            seen[1]["data"]["secret"], "pki/issue/edge",
            "tied to its issue"
        );
        assert_eq!(seen[1]["data"]["error"], "revoked");
    }
}

#[test]
fn leases_are_issued_renewed_and_revoked_alone_or_by_prefix() {
    let issue = |id: &str, lease: &str| {
        call(id, 1, "database/", "database", "read", "creds/report")
            .by_consumer("a")
            .leases(lease)
            .merged()
    };
    let events = events(vec![
        issue("i1", "database/creds/report/1"),
        issue("i2", "database/creds/report/2"),
        issue("i3", "database/creds/report-b/3"),
        call("n", 2, "sys/", "system", "update", "leases/renew")
            .by_consumer("a")
            .leases("database/creds/report/1")
            .merged(),
        write(
            "p",
            3,
            "sys/",
            "system",
            "leases/revoke-prefix/database/creds/report",
        )
        .merged(),
        write("q", 4, "sys/", "system", "leases/revoke")
            .asks(json!({"lease_id": "database/creds/report-b/3"}))
            .merged(),
    ]);
    let ended: Vec<&Value> = only(&events, "lease.observed")
        .into_iter()
        .filter(|e| e["data"].get("expires_at").is_some())
        .map(|e| &e["data"]["lease"])
        .collect();
    assert_eq!(
        ended,
        [
            "database/creds/report/1",
            "database/creds/report/2",
            "database/creds/report-b/3"
        ]
    );
    let renewed = only(&events, "lease.observed")[3];
    assert_eq!(renewed["data"]["issued_at"], "2026-11-23T13:00:01.100Z");
}

#[test]
fn calls_are_counted_for_whoever_called_as_they_ended() {
    let read = |id: &str| call(id, 1, "secret/", "kv", "read", "metadata/app");
    let login = |id: &str| {
        let mut login = call(id, 1, "auth/userpass/", "userpass", "update", "login/tomas");
        login.0.as_object_mut().unwrap().remove("auth");
        login
    };
    let events = events(vec![
        read("a").by_consumer("c-1").merged(),
        read("b")
            .by_consumer("c-2")
            .fails("permission denied")
            .merged(),
        read("c")
            .by_consumer("c-2")
            .fails("context deadline exceeded")
            .merged(),
        read("d")
            .fails("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
            .merged(),
        login("e").fails("invalid credentials").merged(),
        // Locked out.
        login("f").fails("permission denied").merged(),
    ]);
    let rows: Vec<String> = only(&events, "auth.sample")
        .iter()
        .map(|e| {
            let d = &e["data"];
            let region = d["region"].as_str().unwrap_or("-");
            let service = d["service"].as_str().unwrap();
            let n = ["total", "failed_401", "failed_403", "failed_other"].map(|k| &d[k]);
            format!("{service} {region} {} {} {} {}", n[0], n[1], n[2], n[3])
        })
        .collect();
    assert_eq!(
        rows,
        [
            "checkout eu-1 3 0 1 1",
            "unauthenticated - 1 1 0 0",
            "userpass-tomas - 2 2 0 0"
        ]
    );
    assert_eq!(moves(&events), Vec::<String>::new());
}

#[test]
fn machines_are_told_apart_by_what_the_entry_says() {
    let named = |auth: Value| {
        let events = events(vec![creds("r", 1, 0).by(auth).merged()]);
        (
            moves(&events).pop(),
            only(&events, "audit.entry")[0]["data"]["actor"].clone(),
        )
    };
    let moved = |name: &str| Some(format!("{name} {V1}"));
    for (auth, consumer) in [
        (json!({"metadata": {"consumer": "a-1"}}), moved("a-1")),
        (
            json!({"display_name": "kubernetes-web-app", "metadata": {"role": "web",
                "service_account_name": "app", "service_account_namespace": "web"}}),
            moved("web/app@10.1.0.1"),
        ),
        (
            json!({"metadata": {"canonical_arn": "arn:aws:iam::1:role/pay"}}),
            moved("pay@10.1.0.1"),
        ),
        (
            json!({"metadata": {"role_name": "pay"}}),
            moved("pay@10.1.0.1"),
        ),
        (
            json!({"display_name": "userpass-mira", "metadata": {"username": "mira"}}),
            None,
        ),
        (json!({"display_name": "root"}), None),
        (json!({"display_name": "token-ci", "entity_id": "e"}), None),
    ] {
        assert_eq!(named(auth.clone()).0, consumer, "{auth}");
    }
    let person = named(json!({"display_name": "userpass-mira", "metadata": {"username": "mira"}}));
    assert_eq!(person.1, "mira");
}

#[test]
fn the_user_s_rules_stand_above_what_the_entry_says() {
    let rules = r#"
        [[identity]]
        match = { display_name = "token-ci-*" }
        consumer = "{display_name}"
        service = "ci"
        region = "us-2"
    "#;
    let call = creds("r", 1, 0).by(json!({"display_name": "token-ci-7"}));
    let events = derived(rules, vec![call.merged()]);
    let moved = only(&events, "consumer.version")[0];
    assert_eq!(moved["data"]["consumer"], "token-ci-7");
    assert_eq!(moved["data"]["service"], "ci");
    assert_eq!(only(&events, "auth.sample")[0]["data"]["region"], "us-2");
}

fn login(seconds: i64, message: &str, severity: &str, nth: u32) -> Merged {
    let failed = severity == "FATAL";
    Merged {
        item: Item::Postgres(
            Box::new(PostgresRecord {
                time: Timestamp::new(1_795_441_560 + seconds, 0),
                pid: Some(7),
                user: Some("app_user".into()),
                database: Some("db".into()),
                remote_host: Some("10.1.0.1".into()),
                application: None,
                severity: severity.into(),
                sqlstate: failed.then(|| "28P01".into()),
                message: message.into(),
                detail: None,
            }),
            nth,
        ),
        duplicate: false,
    }
}

const AUTHENTICATED: &str = "connection authenticated: identity=\"app_user\" method=scram-sha-256";
const AUTHORIZED: &str = "connection authorized: user=app_user database=db";
const REFUSED: &str = "password authentication failed for user \"app_user\"";

#[test]
fn a_login_is_counted_once_and_audited() {
    let events = events(vec![
        login(1, AUTHENTICATED, "LOG", 0),
        login(1, AUTHORIZED, "LOG", 0),
        login(2, REFUSED, "FATAL", 0),
        login(2, REFUSED, "FATAL", 1),
        // Trusted: nothing was authenticated before it.
        login(3, AUTHORIZED, "LOG", 0),
    ]);
    let sample = &only(&events, "auth.sample")[0]["data"];
    assert_eq!(
        (&sample["total"], &sample["failed_401"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(sample.get("secret"), None, "the tie is not known");
    let entries = only(&events, "audit.entry");
    let outcomes: Vec<&Value> = entries.iter().map(|e| &e["data"]["outcome"]).collect();
    assert_eq!(outcomes, ["allowed", "denied", "denied", "allowed"]);
    assert_ne!(
        entries[1]["id"], entries[2]["id"],
        "told apart by the how-manieth"
    );
}

#[test]
fn a_raw_device_ties_a_role_to_its_secret_even_by_a_record_met_before() {
    let tie = |id: &str, name: &str, role: &str| {
        let path = format!("static-creds/{role}");
        call(id, 1, "database/", "database", "read", &path).gets(json!({"username": name}))
    };
    let secret = |items: Vec<Merged>| {
        let mut all = items;
        all.push(login(5, REFUSED, "FATAL", 0));
        only(&events(all), "auth.sample")
            .iter()
            .find(|e| e["source"] == "/postgresql")
            .map(|e| e["data"]["secret"].clone())
            .unwrap()
    };
    let app = json!("database/static-creds/app");
    assert_eq!(secret(vec![tie("a", "app_user", "app").merged()]), app);
    assert_eq!(secret(vec![tie("a", "app_user", "app").again()]), app);
    assert_eq!(secret(vec![tie("a", HASH, "app").merged()]), Value::Null);
    let two = vec![
        tie("a", "app_user", "app").merged(),
        tie("b", "app_user", "b").merged(),
    ];
    assert_eq!(secret(two), Value::Null, "one user name in two databases");
}

#[test]
fn a_record_met_before_yields_nothing() {
    let events = events(vec![
        creds("r", 1, 0).by_consumer("a").merged(),
        creds("r", 1, 0).by_consumer("a").again(),
        Merged {
            duplicate: true,
            ..login(2, REFUSED, "FATAL", 0)
        },
    ]);
    assert_eq!(only(&events, "audit.entry").len(), 1);
    assert_eq!(only(&events, "auth.sample")[0]["data"]["total"], 1);
}

#[test]
fn a_hostile_name_comes_out_harmless() {
    let hostile = "ci-\u{1b}[31mrunner\u{202e}";
    let item = creds("r", 1, 0)
        .by(json!({"display_name": hostile}))
        .merged();
    let mut derivation = Derivation::new(IdentityRules::default());
    let mut lines = Vec::new();
    let mut out = |event: Event| lines.push(event.to_json().unwrap());
    derivation.feed(&item, &mut out);
    derivation.finish(&mut out);
    assert!(
        lines[0].contains("ci-\\u001b[31mrunner\\u202e"),
        "{}",
        lines[0]
    );
    assert!(!lines.concat().chars().any(crate::model::text::is_hidden));
}
