//! The webhook target against a service on a real socket, well behaved and not.

use std::time::{Duration, Instant};

use rotascope::rotation::FaultKind;
use rotascope::rotation::target::Target;

use crate::life::{call, lets_in, listen, live, member, never_told, never_traced, target, within};
use crate::service::{Manner, TOKEN, keys};

fn settings(url: &str, token: &tempfile::NamedTempFile) -> String {
    format!(
        "url = '{url}'\nadmin_token_file = '{}'",
        token.path().display()
    )
}

fn token(words: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), words).unwrap();
    file
}

#[tokio::test]
async fn an_api_key_is_rotated() {
    listen();
    let (url, shared) = keys().await;
    let token = token(TOKEN);
    let target = target("webhook", &settings(&url, &token));
    let lived = live(&*target, member("key"), true).await;
    never_traced(&[TOKEN.to_owned()]);
    let kept: Vec<(String, bool)> = shared
        .lock()
        .unwrap()
        .by_id
        .values()
        .map(|(name, _, active)| (name.clone(), *active))
        .collect();
    let expected = [
        ("rotascope v0", false),
        ("rotascope v1", true),
        ("rotascope v2", false),
        ("rotascope v3", true),
    ];
    assert_eq!(
        kept,
        expected.map(|(name, active)| (name.to_owned(), active))
    );
    let seen = target.presence(&[lived.last]).await.unwrap().unwrap();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[3].version.as_ref().unwrap().raw(), "v3");
    assert_eq!(seen[3].actor.raw(), "user of rotascope v3");
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_key() {
    let (url, shared) = keys().await;
    let token = token(TOKEN);
    let target = target("webhook", &settings(&url, &token));
    shared.lock().unwrap().manner = Manner::LosesOneAnswer;
    let short = within("generate-7", Duration::from_millis(300));
    let fault = target
        .generate(&"v1".into(), None, &short)
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unanswered, "{fault}");
    let long = call("generate-7");
    let first = target.generate(&"v1".into(), None, &long).await.unwrap();
    let again = target.generate(&"v1".into(), None, &long).await.unwrap();
    assert_eq!(first.expose(), again.expose());
    assert_eq!(shared.lock().unwrap().by_id.len(), 1);
}

/// Every call of the target, each with a key that the service knows.
async fn all_calls(
    target: &dyn Target,
    shared: &crate::service::Shared,
) -> Vec<rotascope::rotation::Fault> {
    let manner = std::mem::take(&mut shared.lock().unwrap().manner);
    // Whoever never answers is not waited for long; all others have time.
    let c = match manner {
        Manner::Hangs => within("c", Duration::from_millis(300)),
        _ => call("c"),
    };
    let mut versions = Vec::new();
    for name in ["v1", "v2"] {
        let material = target
            .generate(&name.into(), None, &call(name))
            .await
            .unwrap();
        versions.push(rotascope::rotation::target::Versioned {
            version: name.into(),
            material,
        });
    }
    shared.lock().unwrap().manner = manner;
    let (old, new) = (&versions[0], &versions[1]);
    vec![
        target.generate(&"v3".into(), None, &c).await.unwrap_err(),
        target.install(new, None, &c).await.unwrap_err(),
        target.activate(new, Some(old), &c).await.unwrap_err(),
        target.revoke(old, new, &c).await.unwrap_err(),
        target.reinstate(old, Some(new), &c).await.unwrap_err(),
        target.attempt(new, &c).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn misbehaviour_is_told_apart_and_repeats_no_secret() {
    listen();
    let (url, shared) = keys().await;
    let token = token(TOKEN);
    let target = target("webhook", &settings(&url, &token));
    let throttled = FaultKind::Throttled {
        retry_after: Some(Duration::from_secs(7)),
    };
    for (manner, kind) in [
        (Manner::Hangs, FaultKind::Unanswered),
        (Manner::Garbage, FaultKind::Garbage),
        (Manner::ErrorInside, FaultKind::Garbage),
        (Manner::TooMany, throttled),
        (Manner::Broken, FaultKind::Unanswered),
    ] {
        shared.lock().unwrap().manner = manner;
        let began = Instant::now();
        let faults = all_calls(&*target, &shared).await;
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{manner:?} is waited for"
        );
        let kept: Vec<String> = shared
            .lock()
            .unwrap()
            .by_id
            .values()
            .map(|k| k.1.clone())
            .collect();
        assert_eq!(kept.len(), 2, "{manner:?} made a key");
        for fault in &faults {
            assert_eq!(fault.kind, kind, "{manner:?}: {fault}");
            assert!(fault.doing.contains("127.0.0.1"), "{fault}");
            let mut secrets: Vec<&str> = kept.iter().map(String::as_str).collect();
            secrets.push(TOKEN);
            never_told(fault, &secrets);
        }
    }
}

#[tokio::test]
async fn a_storm_of_429_passes() {
    let (url, shared) = keys().await;
    let token = token(TOKEN);
    let target = target("webhook", &settings(&url, &token));
    shared.lock().unwrap().manner = Manner::TooMany;
    for _ in 0..50 {
        let fault = target
            .generate(&"v1".into(), None, &call("g"))
            .await
            .unwrap_err();
        assert!(
            fault.passes() && matches!(fault.kind, FaultKind::Throttled { .. }),
            "{fault}"
        );
    }
    // The target itself never tries again: pacing is the engine's.
    assert_eq!(shared.lock().unwrap().calls, 50);
    shared.lock().unwrap().manner = Manner::Good;
    let material = target
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap();
    assert_eq!(shared.lock().unwrap().by_id.len(), 1);
    lets_in(&*target, &crate::life::version("v1", material.expose())).await;
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_a_missing_service_unreachable() {
    let (url, _shared) = keys().await;
    let wrong = token("canary-wrong-token");
    let fault = target("webhook", &settings(&url, &wrong))
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    assert!(fault.to_string().contains("not an admin"), "{fault}");
    never_told(&fault, &["canary-wrong-token"]);

    let nowhere = format!("http://127.0.0.1:{}", crate::servers::free_port());
    let fault = target("webhook", &settings(&nowhere, &wrong))
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
}

#[tokio::test]
async fn what_is_no_http_is_garbage() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"SSH-2.0-canary\r\n\r\n").await;
        }
    });
    let token = token(TOKEN);
    let fault = target("webhook", &settings(&url, &token))
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Garbage, "{fault}");
}
