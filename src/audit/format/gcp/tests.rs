//! Google Cloud's audit log entries, written by hand in the documented shapes, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::audit::format::testing::{
    call, counted, damaged, document, is_picked, is_picked_as_read, withstands,
};

const ENTRY: &str = r#"{"insertId":"i-1","logName":"projects/p/logs/cloudaudit.googleapis.com%2Fdata_access","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"secretmanager.googleapis.com","methodName":"google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion","resourceName":"projects/7/secrets/db/versions/3","authenticationInfo":{"principalEmail":"checkout@p.iam.gserviceaccount.com"},"requestMetadata":{"callerIp":"10.1.0.7","callerSuppliedUserAgent":"grpc-go/1"},"request":{"payload":{"data":"aHVudGVyMg=="}},"status":{}},"resource":{"type":"audited_resource","labels":{"location":"europe-west1","project_id":"p"}},"severity":"INFO","timestamp":"2026-11-23T13:00:00.123456789Z","receiveTimestamp":"2026-11-23T13:00:01Z"}"#;

fn with(this: &str, that: &str) -> String {
    assert!(ENTRY.contains(this), "{this}");
    ENTRY.replace(this, that)
}

#[test]
fn an_entry_says_who_called_which_method_on_what() {
    let entry = call(read, ENTRY);
    assert_eq!(entry.api.raw(), "secretmanager.googleapis.com");
    assert!(entry.method.raw().ends_with(".AccessSecretVersion"));
    assert_eq!(
        entry.actor,
        Some("checkout@p.iam.gserviceaccount.com".into())
    );
    assert_eq!(
        entry.resource,
        Some("projects/7/secrets/db/versions/3".into())
    );
    assert_eq!(entry.remote_address, Some("10.1.0.7".into()));
    assert_eq!(entry.region, Some("europe-west1".into()));
    assert_eq!((entry.ending, &entry.error), (CallEnding::Granted, &None));
    assert!(!format!("{entry:?}").contains("aHVudGVyMg"));
}

#[test]
fn an_address_comes_before_the_other_names_of_who_called() {
    let email = r#""principalEmail":"a@p""#;
    let subject = r#""principalSubject":"principal://pool/b""#;
    let authority = r#""authoritySelector":"c@p""#;
    let whole = r#""authenticationInfo":{"principalEmail":"checkout@p.iam.gserviceaccount.com"}"#;
    for (names, actor) in [
        ([subject, email, authority].join(","), Some("a@p")),
        ([authority, subject].join(","), Some("principal://pool/b")),
        (authority.to_owned(), Some("c@p")),
        (String::new(), None),
    ] {
        let line = with(whole, &format!("\"authenticationInfo\":{{{names}}}"));
        assert_eq!(call(read, &line).actor, actor.map(Text::from), "{names}");
    }
}

#[test]
fn an_entry_was_when_it_says_and_else_when_it_came() {
    let entry = call(read, ENTRY);
    let at = |time| Timestamp::parse(time).unwrap();
    assert_eq!(entry.time, at("2026-11-23T13:00:00.123456789Z"));
    assert_eq!(entry.user_agent, Some("grpc-go/1".into()));
    assert_eq!(entry.id, Some("i-1".into()));
    let line = with(r#""timestamp":"2026-11-23T13:00:00.123456789Z","#, "");
    assert_eq!(call(read, &line).time, at("2026-11-23T13:00:01Z"));
}

#[test]
fn a_status_is_one_of_grpc() {
    for (status, ending, error) in [
        (
            r#"{"code":7,"message":"Permission denied on resource"}"#,
            CallEnding::Forbidden,
            Some("PERMISSION_DENIED Permission denied on resource"),
        ),
        (
            r#"{"code":16}"#,
            CallEnding::Unauthenticated,
            Some("UNAUTHENTICATED"),
        ),
        (
            r#"{"code":8,"message":"Quota exceeded"}"#,
            CallEnding::Throttled,
            Some("RESOURCE_EXHAUSTED Quota exceeded"),
        ),
        (
            r#"{"code":9,"message":"it is DISABLED"}"#,
            CallEnding::Failed,
            Some("FAILED_PRECONDITION it is DISABLED"),
        ),
        (r#"{"message":"OK"}"#, CallEnding::Granted, None),
        ("null", CallEnding::Granted, None),
    ] {
        let line = with(r#""status":{}"#, &format!(r#""status":{status}"#));
        let entry = call(read, &line);
        assert_eq!(entry.ending, ending, "{status}");
        assert_eq!(entry.error, error.map(Text::from), "{status}");
    }
}

#[test]
fn the_first_entry_of_a_long_operation_is_no_end_yet() {
    let long = |operation: &str| {
        let more = format!(r#","operation":{operation},"severity""#);
        call(read, &with(r#","severity""#, &more)).ending
    };
    assert_eq!(long(r#"{"id":"o","first":true}"#), CallEnding::Open);
    assert_eq!(long(r#"{"id":"o","last":true}"#), CallEnding::Granted);
    assert_eq!(
        long(r#"{"id":"o","first":true,"last":true}"#),
        CallEnding::Granted
    );
}

#[test]
fn every_shape_gives_its_entries() {
    let pretty: serde_json::Value = serde_json::from_str(ENTRY).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    for shape in [
        format!("[{ENTRY},{pretty}]"),
        format!("{{\"entries\":[{ENTRY},{ENTRY}],\"nextPageToken\":\"x\"}}"),
        format!("{ENTRY}\n{ENTRY}\n"),
    ] {
        for cut in [1, 5, 4096] {
            let reads = document((MEMBERS, read), shape.as_bytes(), cut);
            assert_eq!(counted(&reads), (2, 0), "{shape}");
        }
    }
}

#[test]
fn what_is_hostile_harms_nothing_else() {
    withstands(read, ENTRY);
    for (line, why) in [
        (with("audit.AuditLog", "audit.Other"), "no AuditLog"),
        (with("protoPayload", "jsonPayload"), "no protoPayload"),
        (with("2026-11-23T13:00:00.1", "yesterday"), "timestamp: "),
    ] {
        let reason = read(line.as_bytes()).unwrap_err();
        assert!(reason.contains(why), "{reason}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), at in 0_usize..900, byte in any::<u8>(), cut in 0_usize..900) {
        let _ = read(&bytes);
        let mut damaged = ENTRY.as_bytes().to_vec();
        if let Some(there) = damaged.get_mut(at) {
            *there = byte;
        }
        let _ = read(&damaged);
        let _ = read(damaged.get(..cut).unwrap_or(&damaged));
        document((MEMBERS, read), &damaged, 16);
    }
}

/// Entries of more shapes.
const OTHERS: &[&str] = &[
    ENTRY,
    r#"{"receiveTimestamp":"2026-11-23T13:00:01Z","operation":{"id":"o","producer":"p","first":true,"last":false},"protoPayload":{"methodName":"m","@type":"google.cloud.audit.AuditLog","status":{"code":7,"message":"no \"x\"","details":[{"a":1.5}]},"authenticationInfo":{"principalSubject":"principal://pool/b","authoritySelector":"c@p"},"requestMetadata":{"callerIp":"","requestAttributes":{}},"metadata":{"status":7}},"resource":{"labels":{"location":null}}}"#,
    r#"{"insertId":7,"timestamp":"2026-11-23T13:00:00Z","operation":{"last":true},"resource":{"labels":7,"type":"t"},"protoPayload":{"@type":"google.cloud.audit.AuditLog","methodName":"a\u0026b","status":null,"authenticationInfo":{"authoritySelector":"c@p"},"resourceName":"x?token=y","response":[true,null,-7]}}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_is_picked_serde_reads_and_the_same(words in damaged(OTHERS)) {
        is_picked_as_read::<Raw<'_>, _>(&words, entry)?;
    }
}

#[test]
fn what_is_usual_is_picked() {
    for record in OTHERS {
        assert!(is_picked::<Raw<'_>>(record), "{record}");
        assert!(read(record.as_bytes()).is_ok(), "{record}");
    }
}

#[test]
fn a_list_is_no_entry() {
    let list = r#"["i","2026-11-23T13:00:00Z",null,{"@type":"google.cloud.audit.AuditLog","methodName":"m"},null,null]"#;
    let reason = read(list.as_bytes()).unwrap_err();
    assert!(reason.contains("a list and no object"), "{reason}");
}

#[test]
fn what_is_odd_costs_the_part_that_it_stands_in_or_the_entry() {
    let status = r#""status":{}"#;
    let twice = call(read, &with(status, r#""status":{"code":7,"code":7}"#));
    assert_eq!((twice.ending, twice.error), (CallEnding::Granted, None));
    for odd in ["null", "1", "\"true\""] {
        let operation = format!(r#","operation":{{"first":true,"last":{odd}}},"severity""#);
        let line = with(r#","severity""#, &operation);
        assert!(!is_picked::<Raw<'_>>(&line), "{line}");
        assert_eq!(call(read, &line).ending, CallEnding::Granted, "{odd}");
    }
    for (line, why) in [
        (
            with("{\"insertId\"", "{\"insertId\":1,\"insertId\""),
            "wrong shape",
        ),
        (
            with(status, r#""status":{},"status":{}"#),
            "no protoPayload",
        ),
        (
            with(r#""protoPayload":{"#, r#""protoPayload":7,"other":{"#),
            "no protoPayload",
        ),
    ] {
        let reason = read(line.as_bytes()).unwrap_err();
        assert!(reason.contains(why), "{reason}");
    }
}
