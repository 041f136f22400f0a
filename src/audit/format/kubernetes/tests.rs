//! Kubernetes audit events, written by hand in the documented shapes, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::audit::format::Read;
use crate::audit::format::testing::{
    call, counted, damaged, document, is_picked, is_picked_as_read, withstands,
};

const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"a-1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/pay/secrets/db","verb":"get","user":{"username":"system:serviceaccount:pay:checkout","groups":["system:authenticated"]},"sourceIPs":["10.1.0.7","10.0.0.1"],"userAgent":"app/1","objectRef":{"resource":"secrets","namespace":"pay","name":"db","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"responseObject":{"data":{"password":"aHVudGVyMg=="}},"requestReceivedTimestamp":"2026-11-23T13:00:00.000001Z","stageTimestamp":"2026-11-23T13:00:00.5Z"}"#;

fn with(this: &str, that: &str) -> String {
    assert!(EVENT.contains(this), "{this}");
    EVENT.replace(this, that)
}

#[test]
fn an_event_says_who_asked_for_what_and_how_it_ended() {
    let event = call(read, EVENT);
    assert_eq!(
        event.time,
        Timestamp::parse("2026-11-23T13:00:00.5Z").unwrap()
    );
    assert_eq!(event.id, Some("a-1".into()));
    assert_eq!(event.method.raw(), "get");
    assert_eq!(
        event.actor,
        Some("system:serviceaccount:pay:checkout".into())
    );
    assert_eq!(event.remote_address, Some("10.1.0.7".into()));
    assert_eq!(event.resource, Some("namespaces/pay/secrets/db".into()));
    assert_eq!((event.ending, &event.error), (CallEnding::Granted, &None));
    assert_eq!(event.stage, CallStage::Done);
}

#[test]
fn no_object_that_was_sent_or_answered_is_kept() {
    let words = format!("{:?}", call(read, EVENT));
    assert!(!words.contains("aHVudGVyMg"), "{words}");
}

#[test]
fn a_status_tells_a_refusal_from_throttling_and_from_an_error() {
    for (status, ending, error) in [
        (
            r#"{"status":"Failure","message":"secrets is forbidden: User \"bob\" cannot list","reason":"Forbidden","code":403}"#,
            CallEnding::Forbidden,
            Some("403 Forbidden secrets is forbidden: User \"bob\" cannot list"),
        ),
        (
            r#"{"reason":"Unauthorized","code":401}"#,
            CallEnding::Unauthenticated,
            Some("401 Unauthorized"),
        ),
        (
            r#"{"reason":"TooManyRequests","code":429}"#,
            CallEnding::Throttled,
            Some("429 TooManyRequests"),
        ),
        (
            r#"{"message":"rate limit exceeded","code":500}"#,
            CallEnding::Throttled,
            Some("500 rate limit exceeded"),
        ),
        (r#"{"code":404}"#, CallEnding::Failed, Some("404")),
        (r#"{"code":201}"#, CallEnding::Granted, None),
        ("7", CallEnding::Granted, None),
    ] {
        let event = call(read, &with(r#"{"metadata":{},"code":200}"#, status));
        assert_eq!(event.ending, ending, "{status}");
        assert_eq!(event.error, error.map(Text::from), "{status}");
    }
}

#[test]
fn a_stage_says_how_far_a_call_is() {
    let no_status = with(r#""responseStatus":{"metadata":{},"code":200},"#, "");
    let staged = |stage: &str| call(read, &no_status.replace("ResponseComplete", stage));
    let received = staged("RequestReceived");
    assert_eq!(
        (received.stage, received.ending),
        (CallStage::Received, CallEnding::Open)
    );
    let panicked = staged("Panic");
    assert_eq!(
        (panicked.stage, panicked.ending),
        (CallStage::Done, CallEnding::Failed)
    );
    assert_eq!(staged("ResponseStarted").stage, CallStage::Started);
    assert_eq!(received.identity(), panicked.identity());
}

#[test]
fn a_resource_is_written_as_far_as_the_event_tells() {
    for (object, path) in [
        (r#"{"resource":"nodes","name":"n1"}"#, "nodes/n1"),
        (
            r#"{"resource":"deployments","namespace":"a","name":"b","apiGroup":"apps","subresource":"scale"}"#,
            "namespaces/a/deployments.apps/b/scale",
        ),
        (
            r#"{"resource":"secrets","namespace":"a"}"#,
            "namespaces/a/secrets",
        ),
        (r#""odd""#, "/api/v1/namespaces/pay/secrets/db"),
    ] {
        let this = r#"{"resource":"secrets","namespace":"pay","name":"db","apiVersion":"v1"}"#;
        let event = call(read, &with(this, object));
        assert_eq!(event.resource, Some(path.into()), "{object}");
    }
}

#[test]
fn a_token_in_the_path_of_a_call_about_no_object_is_masked() {
    let line = with(
        "/api/v1/namespaces/pay/secrets/db",
        "/oauth?code=s3cr3t&watch=1",
    )
    .replace("objectRef", "other");
    let event = call(read, &line);
    assert_eq!(event.resource, Some("/oauth?code=‹masked›&watch=1".into()));
}

#[test]
fn who_is_impersonated_and_an_older_time_are_read() {
    let beta = with(
        r#""requestReceivedTimestamp":"2026-11-23T13:00:00.000001Z","stageTimestamp":"2026-11-23T13:00:00.5Z""#,
        r#""timestamp":"2017-09-11T19:55:05Z","impersonatedUser":{"username":"bob"}"#,
    );
    let event = call(read, &beta);
    assert_eq!(
        event.time,
        Timestamp::parse("2017-09-11T19:55:05Z").unwrap()
    );
    assert_eq!(event.acting_as, Some("bob".into()));
}

#[test]
fn a_list_gives_its_events_however_it_is_cut() {
    let list = format!(
        r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{EVENT},7,{EVENT}]}}"#
    );
    for cut in [1, 7, 4096] {
        let reads = document((MEMBERS, read), list.as_bytes(), cut);
        assert_eq!(counted(&reads), (2, 1), "cut every {cut} bytes");
    }
    let pretty: serde_json::Value = serde_json::from_str(EVENT).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    let reads = document((MEMBERS, read), pretty.as_bytes(), 64);
    assert!(matches!(&reads[..], [Read::Record(..)]), "{reads:?}");
}

#[test]
fn what_is_hostile_harms_nothing_else() {
    withstands(read, EVENT);
    for (line, why) in [
        (with("\"Event\"", "\"Pod\""), "its kind is not Event"),
        (with("a-1", ""), "no auditID"),
        (with("13:00:00.5Z", "25:00:00Z"), "stageTimestamp: "),
        (
            with("{\"kind\"", "{\"verb\":\"get\",\"kind\""),
            "wrong shape",
        ),
    ] {
        let reason = read(line.as_bytes()).unwrap_err();
        assert!(reason.contains(why), "{reason}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), at in 0_usize..900, byte in any::<u8>(), cut in 0_usize..900) {
        let _ = read(&bytes);
        let mut damaged = EVENT.as_bytes().to_vec();
        if let Some(there) = damaged.get_mut(at) {
            *there = byte;
        }
        let _ = read(&damaged);
        let _ = read(damaged.get(..cut).unwrap_or(&damaged));
        document((MEMBERS, read), &damaged, 16);
        document((MEMBERS, read), &bytes, 3);
    }
}

/// Events of other shapes than [`EVENT`].
const OTHERS: &[&str] = &[
    EVENT,
    r#"{"kind":"Event","timestamp":"2017-09-11T19:55:05Z","auditID":"a","verb":"get","impersonatedUser":{"username":"bob"},"responseStatus":{"message":"User \"bob\" cannot","reason":"Forbidden","code":403},"objectRef":{"resource":"deployments","apiGroup":"apps","subresource":"scale"},"sourceIPs":[null,"10.0.0.1"],"responseObject":null}"#,
    r#"{"kind":"Event","requestURI":"/x?a=1\u0026token=b","stage":"Panic","stageTimestamp":"2026-11-23T13:00:00Z","auditID":7,"verb":"list","user":{},"sourceIPs":[]}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_is_picked_serde_reads_and_the_same(words in damaged(OTHERS)) {
        is_picked_as_read::<Raw<'_>, _>(&words, event)?;
    }
}

#[test]
fn what_is_usual_is_picked() {
    for record in OTHERS {
        assert!(is_picked::<Raw<'_>>(record), "{record}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Byte by byte no block is ever looked at as a whole.
    #[test]
    fn a_list_gives_the_same_however_it_is_cut(
        events in prop::collection::vec(damaged(OTHERS), 1..5),
        cut in 50..3000_usize,
    ) {
        let list = format!(r#"{{"kind":"EventList","items":[{}]}}"#, events.join(",\n"));
        let cut_every = |cut| format!("{:?}", document((MEMBERS, read), list.as_bytes(), cut));
        let bytewise = cut_every(1);
        prop_assert_eq!(&cut_every(usize::MAX), &bytewise);
        prop_assert_eq!(&cut_every(cut), &bytewise);
    }
}
