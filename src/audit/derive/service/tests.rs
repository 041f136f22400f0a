//! The rules of the services, hosts and proxies, on small records written by hand.

use serde_json::{Value, json};

use crate::audit::derive::Derivation;
use crate::audit::format::access::{self, envoy, nginx};
use crate::audit::format::journald::Journald;
use crate::audit::format::testing::{call, lines};
use crate::audit::format::{Read, azure, gcp, kubernetes};
use crate::audit::identity::IdentityRules;
use crate::audit::record::{Item, Merged, Record};
use crate::model::Event;

fn merged(item: Item) -> Merged {
    Merged {
        item,
        duplicate: false,
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

/// The data of the events of one type.
fn only(events: &[Value], kind: &str) -> Vec<Value> {
    let kind = format!("rotascope.{kind}");
    let of = events.iter().filter(|e| e["type"] == kind.as_str());
    of.map(|e| e["data"].clone()).collect()
}

fn time(second: u32) -> String {
    format!("2026-11-23T13:00:{second:02}Z")
}

/// A Kubernetes event of a service account or of a person.
fn kube(second: u32, user: &str, verb: &str, object: &Value, code: u16) -> Merged {
    let event = json!({"kind": "Event", "auditID": format!("a-{second}"), "stage": "ResponseComplete",
        "verb": verb, "user": {"username": user}, "sourceIPs": ["10.1.0.7"], "objectRef": object,
        "responseStatus": {"code": code}, "stageTimestamp": time(second)});
    let call = call(kubernetes::read, &event.to_string());
    merged(Item::Call(Box::new(call), 0))
}

fn secret(name: &str) -> Value {
    json!({"resource": "secrets", "namespace": "pay", "name": name})
}

const CHECKOUT: &str = "system:serviceaccount:pay:checkout";

#[test]
fn a_kubernetes_call_is_an_entry_of_its_secret() {
    for (verb, operation) in [
        ("get", "read"),
        ("watch", "list"),
        ("create", "create"),
        ("patch", "update"),
        ("delete", "delete"),
    ] {
        let all = events(vec![kube(1, CHECKOUT, verb, &secret("db"), 200)]);
        let entry = &only(&all, "audit.entry")[0];
        assert_eq!(entry["operation"], operation);
        assert_eq!(entry["secret"], "namespaces/pay/secrets/db");
        assert_eq!(entry["outcome"], "allowed");
        assert_eq!(entry["actor"], CHECKOUT);
        assert_eq!(all[0]["id"], "a-1/ResponseComplete");
        assert_eq!(all[0]["source"], "/kubernetes");
    }
    let of = |object: Value| {
        let all = events(vec![kube(1, "mira", "create", &object, 201)]);
        let entry = &only(&all, "audit.entry")[0];
        (entry["operation"].clone(), entry["secret"].clone())
    };
    let token = json!({"resource": "serviceaccounts", "namespace": "pay", "name": "a", "subresource": "token"});
    assert_eq!(
        of(token),
        (json!("create"), json!("namespaces/pay/serviceaccounts/a"))
    );
    let review = json!({"resource": "tokenreviews", "apiGroup": "authentication.k8s.io"});
    assert_eq!(of(review), (json!("login"), Value::Null));
    let request = json!({"resource": "certificatesigningrequests", "apiGroup": "certificates.k8s.io", "name": "n"});
    assert_eq!(of(request), (json!("create"), Value::Null));
}

#[test]
fn a_services_calls_are_counted_by_how_they_ended_and_throttled_ones_against_the_quota() {
    let codes = [200, 401, 403, 429, 500];
    let calls = (1..).zip(codes);
    let calls = calls.map(|(at, code)| kube(at, CHECKOUT, "get", &secret("db"), code));
    let all = events(calls.collect());
    let auth = &only(&all, "auth.sample")[0];
    assert_eq!(auth["service"], "checkout");
    assert_eq!(
        [
            &auth["total"],
            &auth["failed_401"],
            &auth["failed_403"],
            &auth["failed_other"]
        ],
        [5, 1, 1, 2]
    );
    let quota = only(&all, "quota.sample");
    let want = json!({"api": "kubernetes", "window_seconds": 10, "total": 5, "throttled": 1});
    assert_eq!(quota, [want]);
    let outcomes: Vec<_> = only(&all, "audit.entry")
        .iter()
        .map(|e| e["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["allowed", "denied", "denied", "error", "error"]);
}

#[test]
fn a_call_that_nobody_answered_is_told_and_not_counted() {
    let event = json!({"kind": "Event", "auditID": "a", "stage": "RequestReceived", "verb": "get",
        "user": {"username": ""}, "requestURI": "/x", "stageTimestamp": time(1)});
    let call = call(kubernetes::read, &event.to_string());
    let all = events(vec![merged(Item::Call(Box::new(call), 0))]);
    let [only_one] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(only_one["id"], "a/RequestReceived");
    assert_eq!(only_one["data"]["outcome"], "unanswered");
    assert_eq!(only_one["data"]["actor"], "unauthenticated");
}

#[test]
fn a_call_met_before_yields_nothing() {
    let again = Merged {
        duplicate: true,
        ..kube(1, CHECKOUT, "get", &secret("db"), 200)
    };
    assert_eq!(events(vec![again]), [Value::Null; 0]);
}

/// A call of Google Cloud by a service account.
fn cloud(second: u32, api: &str, method: &str, resource: &str, code: i64) -> Merged {
    let entry = json!({"insertId": format!("i-{second}"), "timestamp": time(second),
        "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": api, "methodName": method, "resourceName": resource,
            "authenticationInfo": {"principalEmail": "checkout@p.iam.gserviceaccount.com"},
            "requestMetadata": {"callerIp": "10.1.0.7"}, "status": {"code": code}}});
    merged(Item::Call(Box::new(call(gcp::read, &entry.to_string())), 0))
}

const SECRETS: &str = "secretmanager.googleapis.com";
const MANAGER: &str = "google.cloud.secretmanager.v1.SecretManagerService.";

#[test]
fn a_cloud_call_is_an_entry_of_its_secret_and_version() {
    for (api, method, resource, want) in [
        (
            SECRETS,
            format!("{MANAGER}AccessSecretVersion"),
            "projects/7/secrets/db/versions/3",
            json!(["read", "projects/7/secrets/db", "3"]),
        ),
        (
            SECRETS,
            format!("{MANAGER}AccessSecretVersion"),
            "projects/7/secrets/db/versions/latest",
            json!(["read", "projects/7/secrets/db", null]),
        ),
        (
            SECRETS,
            format!("{MANAGER}AddSecretVersion"),
            "projects/7/secrets/db",
            json!(["create", "projects/7/secrets/db", null]),
        ),
        (
            SECRETS,
            format!("{MANAGER}DisableSecretVersion"),
            "projects/7/secrets/db/versions/2",
            json!(["revoke", "projects/7/secrets/db", "2"]),
        ),
        (
            SECRETS,
            format!("{MANAGER}DestroySecretVersion"),
            "projects/7/secrets/db/versions/2",
            json!(["revoke", "projects/7/secrets/db", "2"]),
        ),
        (
            "cloudkms.googleapis.com",
            "CreateCryptoKeyVersion".to_owned(),
            "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/2",
            json!([
                "create",
                "projects/p/locations/l/keyRings/r/cryptoKeys/k",
                "2"
            ]),
        ),
        (
            "iam.googleapis.com",
            "google.iam.admin.v1.CreateServiceAccountKey".to_owned(),
            "projects/-/serviceAccounts/42",
            json!(["create", "projects/-/serviceAccounts/42", null]),
        ),
        (
            "iamcredentials.googleapis.com",
            "GenerateAccessToken".to_owned(),
            "projects/-/serviceAccounts/42",
            json!(["login", "projects/-/serviceAccounts/42", null]),
        ),
        (
            "storage.googleapis.com",
            "storage.objects.get".to_owned(),
            "projects/_/buckets/b/objects/secrets/o",
            json!(["read", null, null]),
        ),
    ] {
        let all = events(vec![cloud(1, api, &method, resource, 0)]);
        let entry = &only(&all, "audit.entry")[0];
        let got = json!([entry["operation"], entry["secret"], entry["version"]]);
        assert_eq!(got, want, "{method} {resource}");
    }
}

#[test]
fn a_service_that_reads_a_version_uses_it_and_whoever_changes_it_does_not() {
    let access = |at, version: u32, code| {
        let resource = format!("projects/7/secrets/db/versions/{version}");
        cloud(
            at,
            SECRETS,
            &format!("{MANAGER}AccessSecretVersion"),
            &resource,
            code,
        )
    };
    let all = events(vec![
        access(1, 2, 0),
        access(2, 2, 0),
        access(3, 3, 0),
        access(4, 4, 7),
    ]);
    let uses = only(&all, "consumer.version");
    let versions: Vec<_> = uses.iter().map(|u| u["version"].clone()).collect();
    assert_eq!(versions, ["2", "3"], "told once, and not of a refusal");
    assert_eq!(
        uses[0]["consumer"],
        "checkout@p.iam.gserviceaccount.com@10.1.0.7"
    );
    assert_eq!(uses[0]["service"], "checkout");
    assert_eq!(uses[0]["state"], "in_use");
    let add = cloud(
        1,
        SECRETS,
        &format!("{MANAGER}AddSecretVersion"),
        "projects/7/secrets/db",
        0,
    );
    assert_eq!(
        only(&events(vec![add, access(2, 3, 0)]), "consumer.version"),
        [Value::Null; 0]
    );
}

/// A record of Key Vault.
fn vault(second: u32, operation: &str, id: &str, claim: &Value, status: u16) -> Merged {
    let record = json!({"time": time(second), "operationName": operation, "category": "AuditEvent",
        "resourceId": "/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PAY",
        "callerIpAddress": "10.1.0.7", "identity": {"claim": claim},
        "properties": {"id": id, "httpStatusCode": status}});
    merged(Item::Call(
        Box::new(call(azure::read, &record.to_string())),
        0,
    ))
}

#[test]
fn a_vaults_record_is_an_entry_of_its_secret_and_version() {
    const VERSION: &str = "0123456789abcdef0123456789abcdef";
    let uri = format!("https://pay.vault.azure.net/secrets/db/{VERSION}");
    for (operation, want) in [
        ("SecretGet", "read"),
        ("SecretSet", "create"),
        ("SecretList", "list"),
        ("KeyRotate", "rotate"),
        ("SecretDelete", "delete"),
        ("Authentication", "login"),
        ("KeyUnwrap", "read"),
        ("VaultPatch", "update"),
    ] {
        let all = events(vec![vault(
            1,
            operation,
            &uri,
            &json!({"appid": "app-1"}),
            200,
        )]);
        let entry = &only(&all, "audit.entry")[0];
        assert_eq!(entry["operation"], want, "{operation}");
        assert_eq!(entry["secret"], "pay.vault.azure.net/secrets/db");
        assert_eq!(entry["version"], VERSION);
    }
    let all = events(vec![vault(
        1,
        "SecretGet",
        &uri,
        &json!({"appid": "app-1"}),
        200,
    )]);
    assert_eq!(
        only(&all, "consumer.version")[0]["consumer"],
        "app-1@10.1.0.7"
    );
    let person = json!({"upn": "mira@corp.example"});
    let all = events(vec![vault(1, "SecretGet", &uri, &person, 200)]);
    assert_eq!(only(&all, "consumer.version"), [Value::Null; 0]);
}

#[test]
fn the_challenge_that_a_vault_answers_with_is_nobodys_authentication() {
    let uri = "https://pay.vault.azure.net/secrets/db";
    let all = events(vec![
        vault(1, "SecretGet", uri, &json!({}), 401),
        vault(2, "SecretGet", uri, &json!({"appid": "app-1"}), 403),
    ]);
    let auth = only(&all, "auth.sample");
    assert_eq!(auth.len(), 1);
    assert_eq!(
        (&auth[0]["service"], &auth[0]["failed_403"]),
        (&json!("app-1"), &json!(1))
    );
    assert_eq!(only(&all, "audit.entry")[0]["outcome"], "denied");
}

#[test]
fn logins_at_a_host_are_counted_by_program_and_nothing_else_of_a_journal_is() {
    let line = |second: u32, message: &str| {
        let micros = 1_795_612_410_000_000_u64 + u64::from(second) * 1_000_000;
        json!({"__CURSOR": format!("c-{second}"), "__REALTIME_TIMESTAMP": micros.to_string(),
            "_HOSTNAME": "web-1", "_COMM": "sshd", "MESSAGE": message})
        .to_string()
    };
    let log = [
        line(1, "Failed password for root from 192.0.2.7 port 22 ssh2"),
        line(
            2,
            "Accepted publickey for deploy from 192.0.2.8 port 22 ssh2",
        ),
        line(3, "Server listening on 0.0.0.0 port 22."),
    ];
    let reads = lines(&mut Journald::new(), log.join("\n").as_bytes());
    let items = reads.into_iter().map(|read| match read {
        Read::Record(Record::Journal(record), _) => merged(Item::Journal(record, 0)),
        other => panic!("{other:?}"),
    });
    let all = events(items.collect());
    let entries = only(&all, "audit.entry");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["operation"], "login");
    assert_eq!(entries[0]["actor"], "root");
    assert_eq!(entries[0]["path"], "sshd/web-1");
    assert_eq!(entries[0]["outcome"], "denied");
    assert_eq!(all[0]["id"], "c-1");
    let auth = &only(&all, "auth.sample")[0];
    assert_eq!(
        [&auth["service"], &auth["total"], &auth["failed_401"]],
        [&json!("sshd"), &json!(2), &json!(1)]
    );
}

#[test]
fn requests_are_counted_by_the_service_behind_the_proxy() {
    let nginx = |status: u16| {
        let line = format!(
            "shop.example:443 192.0.2.7 - - [23/Nov/2026:13:00:01 +0000] \"DELETE /a HTTP/1.1\" {status} 5 \"-\" \"-\""
        );
        merged(Item::Access(
            Box::new(access::record(nginx::line, &line).unwrap()),
            u32::from(status),
        ))
    };
    let envoy = |status: u16| {
        let line = json!({"start_time": time(2), "method": "GET", "path": "/", "response_code": status,
            "upstream_cluster": "outbound|443||pay.prod.svc"});
        merged(Item::Access(
            Box::new(access::record(envoy::json, &line.to_string()).unwrap()),
            0,
        ))
    };
    let items = [200, 401, 403, 404, 429, 499, 502].map(nginx);
    let all = events(items.into_iter().chain([envoy(401)]).collect());
    let auth = only(&all, "auth.sample");
    let counts: Vec<_> = auth
        .iter()
        .map(|a| {
            json!([
                a["service"],
                a["total"],
                a["failed_401"],
                a["failed_403"],
                a["failed_other"]
            ])
        })
        .collect();
    assert_eq!(
        counts,
        [
            json!(["shop.example", 6, 1, 1, 2]),
            json!(["pay.prod.svc", 1, 1, 0, 0])
        ]
    );
    let entry = &only(&all, "audit.entry")[0];
    assert_eq!(
        (&entry["operation"], &entry["actor"]),
        (&json!("delete"), &json!("unknown"))
    );
    let ids: std::collections::HashSet<_> = all.iter().map(|e| e["id"].to_string()).collect();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn a_rule_says_who_somebody_is() {
    let rules = r#"
        [[identity]]
        match = { display_name = "system:serviceaccount:pay:*", remote_address = "10.1.*" }
        consumer = "checkout-1"
        service = "shop"
        region = "eu-1"
    "#;
    let all = derived(rules, vec![kube(1, CHECKOUT, "get", &secret("db"), 403)]);
    assert_eq!(only(&all, "audit.entry")[0]["actor"], "checkout-1");
    let auth = &only(&all, "auth.sample")[0];
    assert_eq!(
        (&auth["service"], &auth["region"]),
        (&json!("shop"), &json!("eu-1"))
    );
}
