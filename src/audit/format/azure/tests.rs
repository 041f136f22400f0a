//! Azure's records, written by hand in the documented shapes, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::audit::format::testing::{
    call, counted, damaged, document, is_picked, is_picked_as_read, withstands,
};

const VAULT: &str = r#"{"time":"2026-11-23T13:00:00.1234567Z","resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PAY","operationName":"SecretGet","operationVersion":"7.4","category":"AuditEvent","resultType":"Success","resultSignature":"OK","resultDescription":"","durationMs":"12","callerIpAddress":"10.1.0.7","correlationId":"c-1","identity":{"claim":{"oid":"o-1","appid":"app-1"}},"properties":{"id":"https://pay.vault.azure.net/secrets/db/0123456789abcdef0123456789abcdef","clientInfo":"azsdk/1","requestUri":"https://pay.vault.azure.net/secrets/db?api-version=7.4&sig=s3cr3t","httpStatusCode":200,"value":"hunter2"}}"#;

const ACTIVITY: &str = r#"{"eventTimestamp":"2026-11-23T13:00:00Z","eventDataId":"e-1","operationName":{"value":"Microsoft.KeyVault/vaults/write","localizedValue":"Update"},"status":{"value":"Failed"},"subStatus":{"value":"Forbidden"},"caller":"mira@corp.example","resourceId":"/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/pay","httpRequest":{"clientIpAddress":"10.1.0.9"},"claims":{"name":"Mira"},"properties":{"statusCode":"Forbidden"}}"#;

fn with(this: &str, that: &str) -> String {
    assert!(VAULT.contains(this), "{this}");
    VAULT.replace(this, that)
}

#[test]
fn a_vaults_record_says_who_got_which_secret() {
    let record = call(read, VAULT);
    assert_eq!(record.api.raw(), "keyvault");
    assert_eq!(record.method.raw(), "SecretGet");
    assert_eq!(record.actor, Some("app-1".into()));
    assert_eq!(
        record.resource,
        Some("https://pay.vault.azure.net/secrets/db/0123456789abcdef0123456789abcdef".into())
    );
    assert_eq!((record.ending, &record.error), (CallEnding::Granted, &None));
    let words = format!("{record:?}");
    assert!(!words.contains("hunter2") && !words.contains("s3cr3t"));
}

#[test]
fn a_person_comes_before_their_application() {
    for claim in [
        r#"{"appid":"a","upn":"mira@corp.example"}"#,
        r#"{"appid":"a","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"mira@corp.example"}"#,
    ] {
        let record = call(read, &with(r#"{"oid":"o-1","appid":"app-1"}"#, claim));
        assert_eq!(record.actor, Some("mira@corp.example".into()), "{claim}");
    }
    let nobody = call(read, &with(r#"{"oid":"o-1","appid":"app-1"}"#, "{}"));
    assert_eq!(nobody.actor, None);
}

#[test]
fn the_http_status_counts_before_what_the_result_is_called() {
    for (status, signature, ending, error) in [
        (
            "403",
            "Forbidden",
            CallEnding::Forbidden,
            Some("403 Forbidden"),
        ),
        (
            "401",
            "Unauthorized",
            CallEnding::Unauthenticated,
            Some("401 Unauthorized"),
        ),
        (
            "429",
            "TooManyRequests",
            CallEnding::Throttled,
            Some("429 TooManyRequests"),
        ),
        (
            "404",
            "SecretNotFound",
            CallEnding::Failed,
            Some("404 SecretNotFound"),
        ),
        ("200", "OK", CallEnding::Granted, None),
    ] {
        let line = with(
            r#""httpStatusCode":200"#,
            &format!(r#""httpStatusCode":{status}"#),
        )
        .replace("\"OK\"", &format!("\"{signature}\""));
        let record = call(read, &line);
        assert_eq!(record.ending, ending, "{status}");
        assert_eq!(record.error, error.map(Text::from), "{status}");
    }
}

#[test]
fn the_activity_log_is_read_under_both_spellings_of_its_names() {
    let record = call(read, ACTIVITY);
    assert_eq!(record.id, Some("e-1".into()));
    assert_eq!(record.method.raw(), "Microsoft.KeyVault/vaults/write");
    assert_eq!(record.actor, Some("mira@corp.example".into()));
    assert_eq!(record.remote_address, Some("10.1.0.9".into()));
    assert_eq!(record.ending, CallEnding::Forbidden);
    let stored = with(r#""httpStatusCode":200,"#, "")
        .replace("AuditEvent", "Administrative")
        .replace("\"OK\"", "\"Started.\"")
        .replace("10.1.0.7", "10.1.0.7:50123");
    let begun = call(read, &stored.replace("\"Success\"", "\"Start\""));
    assert_eq!(begun.ending, CallEnding::Open);
    assert_eq!(begun.remote_address, Some("10.1.0.7".into()));
    let failed = call(read, &stored.replace("\"Success\"", "\"Failure\""));
    assert_eq!(failed.ending, CallEnding::Failed);
}

#[test]
fn every_shape_gives_its_records() {
    for shape in [
        format!("{{\"records\":[{VAULT},{ACTIVITY}]}}"),
        format!("{{\"value\":[{ACTIVITY},{VAULT}],\"nextLink\":null}}"),
        format!("[{VAULT},\n{ACTIVITY}]"),
        format!("{VAULT}\n{ACTIVITY}"),
    ] {
        for cut in [1, 5, 4096] {
            let reads = document((MEMBERS, read), shape.as_bytes(), cut);
            assert_eq!(counted(&reads), (2, 0), "{shape}");
        }
    }
}

#[test]
fn what_is_hostile_harms_nothing_else() {
    withstands(read, VAULT);
    withstands(read, ACTIVITY);
    for (line, why) in [
        (with("\"SecretGet\"", "{\"a\":1}"), "no operationName"),
        (with("\"time\"", "\"when\""), "no time"),
        (with("2026-11-23T13:00:00.1234567Z", "2026-11-23"), "time: "),
    ] {
        let reason = read(line.as_bytes()).unwrap_err();
        assert!(reason.contains(why), "{reason}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), at in 0_usize..900, byte in any::<u8>(), cut in 0_usize..900) {
        let _ = read(&bytes);
        for good in [VAULT, ACTIVITY] {
            let mut damaged = good.as_bytes().to_vec();
            if let Some(there) = damaged.get_mut(at) {
                *there = byte;
            }
            let _ = read(&damaged);
            let _ = read(damaged.get(..cut).unwrap_or(&damaged));
            document((MEMBERS, read), &damaged, 16);
        }
    }
}

/// Records of more shapes.
const OTHERS: &[&str] = &[
    VAULT,
    ACTIVITY,
    r#"{"time":"2026-11-23T13:00:00Z","operationName":"x","identity":{"claim":7,"claims":{"upn":"a"}},"claims":{"appid":"b"},"caller":null,"resultType":"Failure","resultDescription":"no \"x\"","status":{"value":"Failed"},"properties":null,"subStatus":"","location":"west"}"#,
    r#"{"time":"2026-11-23T13:00:00Z","operationName":{"value":"x"},"ResourceId":"/providers/a/b","identity":{"claims":{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"a"}},"httpRequest":{"clientIpAddress":"10.0.0.1:7"},"properties":{"requestUri":"https://a/b?c","statusCode":"OK","eventDataId":"e"},"resultSignature":"Started.Forbidden"}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_is_picked_serde_reads_and_the_same(words in damaged(OTHERS)) {
        is_picked_as_read::<Raw<'_>, _>(&words, record)?;
    }
}

#[test]
fn what_is_usual_is_picked() {
    for record in OTHERS {
        assert!(is_picked::<Raw<'_>>(record), "{record}");
    }
}
