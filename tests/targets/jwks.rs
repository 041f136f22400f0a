//! The signing key against an issuer that serves the document over HTTP and a service that
//! verifies tokens by what it fetches there.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use rotascope::model::Span;
use rotascope::rotation::FaultKind;
use serde_json::Value;

use crate::life::{call, listen, live, member, target};
use crate::service::{bearer, serve};

/// Serves a document as an issuer does.
async fn issuer(document: &Path) -> String {
    let document = document.to_owned();
    let read =
        move || async move { fs::read_to_string(&document).map_err(|_| StatusCode::NOT_FOUND) };
    serve(Router::new().route("/jwks.json", get(read))).await + "/jwks.json"
}

/// Verifies tokens by the document that it fetches for each.
async fn verifier(jwks_url: String) -> String {
    let check = move |headers: HeaderMap| async move {
        let set: Value = reqwest::get(&jwks_url).await.unwrap().json().await.unwrap();
        if is_signed(bearer(&headers), &set) == Some(true) {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        }
    };
    serve(Router::new().route("/", get(check))).await
}

/// A verification of its own, apart from the target's.
fn is_signed(token: &str, set: &Value) -> Option<bool> {
    let parts: Vec<&str> = token.split('.').collect();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).ok()?).ok()?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).ok()?).ok()?;
    assert_eq!(header["alg"], "ES256");
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&"lab".into(), &"checkout".into())
    );
    let key = set["keys"]
        .as_array()?
        .iter()
        .find(|key| key["kid"] == header["kid"])?;
    let point =
        [&key["x"], &key["y"]].map(|c| URL_SAFE_NO_PAD.decode(c.as_str().unwrap()).unwrap());
    let key = VerifyingKey::from_sec1_bytes(&[vec![4], point.concat()].concat()).ok()?;
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(parts[2]).ok()?).ok()?;
    let signed = format!("{}.{}", parts[0], parts[1]);
    Some(key.verify(signed.as_bytes(), &signature).is_ok())
}

#[tokio::test]
async fn a_signing_key_overlaps_in_the_served_document() {
    listen();
    let folder = tempfile::tempdir().unwrap();
    let (document, signing) = (
        folder.path().join("jwks.json"),
        folder.path().join("sign.jwk"),
    );
    let stranger = r#"{"keys":[{"kty":"EC","kid":"of another secret"}]}"#;
    fs::write(&document, stranger).unwrap();
    let url = issuer(&document).await;
    let common = format!(
        "jwks_file = '{}'\nsigning_key_file = '{}'\njwks_url = '{url}'\nissuer = 'lab'\naudience = 'checkout'\ntoken_lifetime = '2h'\n",
        document.display(),
        signing.display()
    );
    let by_document = target("jwks", &common);
    assert_eq!(by_document.shortest_grace(), Span::seconds(7200));
    let lived = live(&*by_document, member("d"), true).await;

    let served = fs::read_to_string(&document).unwrap();
    let set: Value = serde_json::from_str(&served).unwrap();
    let kids: Vec<&str> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["kid"].as_str().unwrap())
        .collect();
    assert_eq!(
        kids.len(),
        3,
        "the stranger, v3 and v1 given out again: {kids:?}"
    );
    assert_eq!(kids[0], "of another secret");
    for canary in &lived.canaries {
        assert!(
            !served.contains(canary.as_str()),
            "a private key is published"
        );
    }
    assert_eq!(fs::metadata(&signing).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&signing).unwrap(), lived.first.material.expose());

    // The same life, judged by a service on its own socket.
    fs::write(&document, stranger).unwrap();
    let service = verifier(url).await;
    live(
        &*target("jwks", &format!("{common}check_url = '{service}'")),
        member("d"),
        true,
    )
    .await;
}

#[tokio::test]
async fn the_key_that_signs_is_handed_over_before_it_is_retired() {
    let folder = tempfile::tempdir().unwrap();
    let (document, signing) = (
        folder.path().join("jwks.json"),
        folder.path().join("sign.jwk"),
    );
    let target = target(
        "jwks",
        &format!(
            "jwks_file = '{}'\nsigning_key_file = '{}'",
            document.display(),
            signing.display()
        ),
    );
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
    target
        .activate(&versions[1], None, &call("a"))
        .await
        .unwrap();
    // A leak of v2, straight back to v1.
    target
        .revoke(&versions[1], &versions[0], &call("r"))
        .await
        .unwrap();
    assert_eq!(fs::read(&signing).unwrap(), versions[0].material.expose());
}

#[tokio::test]
async fn a_document_that_is_none_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("jwks.json");
    let target = target("jwks", &format!("jwks_file = '{}'", document.display()));
    let material = target
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap();
    let v1 = rotascope::rotation::target::Versioned {
        version: "v1".into(),
        material,
    };
    for words in ["{\"keys\": [", "[]", "{}"] {
        fs::write(&document, words).unwrap();
        let fault = target.install(&v1, None, &call("i")).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Local, "{fault}");
        assert!(fault.to_string().contains("jwks.json"), "{fault}");
        assert_eq!(fs::read_to_string(&document).unwrap(), words);
    }
}

#[tokio::test]
async fn an_issuer_that_is_away_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(
        "jwks",
        &format!(
            "jwks_file = '{}'\njwks_url = 'http://127.0.0.1:{}/jwks.json'",
            folder.path().join("jwks.json").display(),
            crate::servers::free_port()
        ),
    );
    let material = target
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap();
    let v1 = rotascope::rotation::target::Versioned {
        version: "v1".into(),
        material,
    };
    target.install(&v1, None, &call("i")).await.unwrap();
    let fault = target.attempt(&v1, &call("t")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
}
