//! Access logs, written by hand in the documented shapes, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::audit::format::testing::lines;
use crate::audit::record::CallEnding::{Failed, Forbidden, Throttled, Unauthenticated};
use crate::model::Text;

const COMBINED: &str = r#"192.0.2.7 - mira [23/Nov/2026:13:46:11 +0100] "GET /v1/pay?token=hunter2&limit=5 HTTP/1.1" 401 179 "https://x/?code=hunter2" "curl/8.0""#;
const ENVOY: &str = r#"[2026-11-23T13:46:11.014Z] "POST /v1/pay HTTP/2" 503 UF 154 0 226 100 "198.51.100.1, 192.0.2.7" "app/1" "r-1" "pay.example:443" "10.0.0.9:8080""#;
const ISTIO: &str = r#"[2026-11-23T13:46:11.014Z] "GET /v1/pay HTTP/1.1" 403 - via_upstream - "-" 0 95 770 770 "-" "curl/7" "r-2" "pay:8000" "127.0.0.1:80" inbound|8000||pay.prod.svc.cluster.local 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 outbound_.8000_._.pay default"#;
const NGINX_JSON: &str = r#"{"time_iso8601":"2026-11-23T13:46:11+01:00","time_local":"x","remote_addr":"192.0.2.7","remote_user":"-","request":"PUT /v1/pay HTTP/1.1","status":"429","server_name":"pay.example","http_user_agent":"curl/8.0","request_id":"r-3"}"#;
const ENVOY_JSON: &str = r#"{"start_time":"2026-11-23T13:46:11.014Z","method":"GET","path":"/v1/pay","protocol":"HTTP/2","response_code":401,"response_flags":"-","authority":"pay.example","upstream_cluster":"outbound|443||pay.prod.svc","downstream_remote_address":"192.0.2.7:5000","user_agent":"app/1","request_id":"r-4","duration":3}"#;

fn all() -> [(&'static str, ReadLine); 5] {
    [
        (COMBINED, nginx::line),
        (ENVOY, envoy::line),
        (ISTIO, envoy::line),
        (NGINX_JSON, nginx::json),
        (ENVOY_JSON, envoy::json),
    ]
}

/// The parts that tests ask for.
fn told(record: &AccessRecord) -> (&str, &str, u16, &str, &str) {
    let service = record.service.as_ref().map_or("", Text::raw);
    let remote = record.remote_address.as_ref().map_or("", Text::raw);
    (
        record.method.raw(),
        record.path.raw(),
        record.status,
        service,
        remote,
    )
}

#[test]
fn each_format_says_who_asked_for_what_of_which_service() {
    let read: Vec<AccessRecord> = all()
        .map(|(l, read)| super::record(read, l).unwrap())
        .into();
    let parts: Vec<_> = read.iter().map(told).collect();
    assert_eq!(
        parts,
        [
            (
                "GET",
                "/v1/pay?token=‹masked›&limit=5",
                401,
                "",
                "192.0.2.7"
            ),
            ("POST", "/v1/pay", 503, "pay.example", "192.0.2.7"),
            (
                "GET",
                "/v1/pay",
                403,
                "pay.prod.svc.cluster.local",
                "10.44.1.23"
            ),
            ("PUT", "/v1/pay", 429, "pay.example", "192.0.2.7"),
            ("GET", "/v1/pay", 401, "pay.prod.svc", "192.0.2.7"),
        ]
    );
    let endings: Vec<_> = read.iter().map(|r| r.ending).collect();
    assert_eq!(
        endings,
        [
            Unauthenticated,
            Failed,
            Forbidden,
            Throttled,
            Unauthenticated
        ]
    );
    assert_eq!(read[0].user, Some("mira".into()));
    assert_eq!(read[1].error(), Some("HTTP 503 server error, UF".into()));
    let hour_before = Timestamp::parse("2026-11-23T12:46:11Z").unwrap();
    assert_eq!((read[0].time, read[3].time), (hour_before, hour_before));
    assert!(!format!("{read:?}").contains("hunter2"));
}

#[test]
fn variants_of_the_combined_format_are_read() {
    for (line, want) in [
        (
            format!("{COMBINED} \"203.0.113.9\""),
            (
                "GET",
                "/v1/pay?token=‹masked›&limit=5",
                401,
                "",
                "192.0.2.7",
            ),
        ),
        (
            format!("shop.example:443 {COMBINED}"),
            (
                "GET",
                "/v1/pay?token=‹masked›&limit=5",
                401,
                "shop.example",
                "192.0.2.7",
            ),
        ),
        (
            r#"::1 - - [23/Nov/2026:13:46:11 +0000] "GET http://shop.example:80/a HTTP/1.1" 200 -"#
                .to_owned(),
            (
                "GET",
                "http://shop.example:80/a",
                200,
                "shop.example",
                "::1",
            ),
        ),
        (
            r#"192.0.2.7 - - [23/Nov/2026:13:46:11 +0000] "\x16\x03\x01hunter2" 400 0 "-" "-""#
                .to_owned(),
            ("-", "-", 400, "", "192.0.2.7"),
        ),
        (
            r#"192.0.2.7 - - [23/Nov/2026:13:46:11 +0000] "GET /a \"b\" c HTTP/1.1" 499 0 "-" "-""#
                .to_owned(),
            ("GET", r#"/a \"b\" c"#, 499, "", "192.0.2.7"),
        ),
    ] {
        let record = super::record(nginx::line, &line).unwrap();
        assert_eq!(told(&record), want, "{line}");
    }
    let gone = super::record(nginx::line, &COMBINED.replace(" 401 ", " 499 ")).unwrap();
    assert_eq!((gone.ending, gone.error()), (CallEnding::Open, None));
}

#[test]
fn a_connection_without_a_request_is_read() {
    let line = r#"[2026-11-23T13:46:11.014Z] "- - -" 0 UH - - "-" 0 0 0 - "-" "-" "-" "-" "-" outbound|5432||db.prod.svc - 10.0.0.1:5432 10.0.0.2:41000 - -"#;
    let record = super::record(envoy::line, line).unwrap();
    assert_eq!(told(&record), ("-", "-", 0, "db.prod.svc", "10.0.0.2"));
    assert_eq!(record.ending, CallEnding::Open);
}

#[test]
fn a_sample_is_one_where_half_of_its_lines_are() {
    let noise = "something else\n";
    assert!(nginx::sniff(format!("{COMBINED}\n{noise}").as_bytes()));
    assert!(!nginx::sniff(
        format!("{COMBINED}\n{noise}{noise}").as_bytes()
    ));
    assert!(envoy::sniff(format!("{ENVOY}\n{ISTIO}\n").as_bytes()));
    assert!(!envoy::sniff(b""));
    assert!(!envoy::sniff(COMBINED.as_bytes()));
}

#[test]
fn what_is_hostile_harms_nothing_else() {
    for (good, read) in all() {
        for bad in [
            "hunter2",
            "[hunter2] \"GET / HTTP/1.1\" 200 1",
            "1 - - [23/Nov/2026:13:46:11 +0000] \"hunter2",
            "1 - - [23/Nov/2026:13:46:11 +9900] \"GET / HTTP/1.1\" 200 1",
            "1 - - [23/nov/2026:13:46:11 +0000] \"GET / HTTP/1.1\" 200 1",
            "1 - - [23/Nov/2026:13:46:11 +0000] \"GET / HTTP/1.1\" 20 1",
            "{\"a\":\"hunter2\"}",
            &good[..good.len() / 3],
        ] {
            let log = format!("{good}\n{bad}\n{good}");
            let reads = lines(&mut Access::new(read), log.as_bytes());
            let [Read::Record(..), Read::Rejected(rejected), Read::Record(..)] = &reads[..] else {
                panic!("{bad}: {reads:?}");
            };
            assert_eq!(rejected.place.line, 2);
            assert!(!format!("{rejected:?}").contains("hunter2"), "{rejected:?}");
        }
        let wide = good.replace("/v1/pay", &format!("/{}", "x".repeat(1 << 20)));
        let kept = super::record(read, &wide).unwrap().path.raw().len();
        assert!(kept <= crate::model::mask::LONGEST, "{kept}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), words in any::<String>(), at in 0_usize..400, byte in any::<u8>(), cut in 0_usize..400) {
        for (good, read) in all() {
            lines(&mut Access::new(read), &bytes);
            let _ = super::record(read, &words);
            let mut damaged = good.as_bytes().to_vec();
            if let Some(there) = damaged.get_mut(at) {
                *there = byte;
            }
            lines(&mut Access::new(read), &damaged);
            lines(&mut Access::new(read), damaged.get(..cut).unwrap_or(&damaged));
        }
        for sniff in [nginx::sniff, envoy::sniff] {
            sniff(&bytes);
        }
    }

    #[test]
    fn a_line_of_access_fields_is_read_whatever_stands_in_them(path in "[a-z0-9/?=&%.]{0,40}", agent in "[ -!#-\\[\\]-~]{0,40}", status in 100_u16..600) {
        let line = format!("192.0.2.7 - - [23/Nov/2026:13:46:11 +0000] \"GET /{path} HTTP/1.1\" {status} 5 \"-\" \"{agent}\"");
        let record = super::record(nginx::line, &line).map_err(TestCaseError::fail)?;
        prop_assert_eq!(record.status, status);
        prop_assert!(record.path.raw().starts_with('/'));
    }
}
