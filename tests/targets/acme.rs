//! The certificate against pebble, with the http-01 challenge truly answered, and a TLS server
//! that serves what lies in the folder and reads it again when it is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use rotascope::rotation::FaultKind;
use rotascope::rotation::target::{Answer, Versioned};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::life::{call, lets_in, listen, live, member, target, turns_away, within};
use crate::servers::files_with;
use crate::servers::pebble::Pebble;
use crate::service::serve;

const NAME: &str = "checkout.example.test";

/// The TLS configuration of what lies in the folder.
fn read(folder: &Path) -> Option<Arc<ServerConfig>> {
    let chain = fs::read(folder.join("current/fullchain.pem")).ok()?;
    let key = fs::read(folder.join("current/privkey.pem")).ok()?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Some(Arc::new(config))
}

/// A TLS server: where it listens and where it is told to read again.
async fn tls_server(folder: PathBuf) -> (String, String) {
    let held = Arc::new(Mutex::new(read(&folder)));
    let holds = Arc::clone(&held);
    let reload = serve(Router::new().route(
        "/reload",
        post(move || async move {
            *holds.lock().unwrap() = read(&folder);
            StatusCode::NO_CONTENT
        }),
    ))
    .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = held.lock().unwrap().clone();
            if let Some(config) = config {
                tokio::spawn(TlsAcceptor::from(config).accept(stream));
            }
        }
    });
    (address, format!("{reload}/reload"))
}

/// Settings without how the server is told.
async fn settings(pebble: &Pebble, folder: &Path) -> String {
    format!(
        "directory_url = '{}'\nca_file = '{}'\ntrust_file = '{}'\naccount_file = '{}'\nnames = ['{NAME}']\nfolder = '{}'\nhttp01_listen = '127.0.0.1:{}'\n",
        pebble.directory,
        pebble.ca_file().display(),
        pebble.root_file().await.display(),
        folder.join("account.json").display(),
        folder.join("tls").display(),
        pebble.http_port,
    )
}

fn serials(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.join("tls/versions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_certificate_is_ordered_served_rolled_back_and_revoked() {
    listen();
    let Some(pebble) = Pebble::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (probe, reload) = tls_server(folder.path().join("tls")).await;
    let settings = settings(&pebble, folder.path()).await
        + &format!("probe = '{probe}'\nreload_url = '{reload}'\n");
    let target = target("acme", &settings);
    let lived = live(&*target, member("key"), false).await;

    // The CA itself says so.
    let revoked = fs::read_to_string(folder.path().join("tls/revoked")).unwrap();
    let revoked: Vec<&str> = revoked.lines().collect();
    assert_eq!(revoked.len(), 3, "v0, v2 and v1");
    for serial in revoked {
        let status = pebble
            .manage(&format!("/cert-status-by-serial/{serial}"))
            .await;
        assert!(status.contains("Revoked"), "{serial}: {status}");
    }
    let here = serials(folder.path());
    assert_eq!(here.len(), 1, "only v3 lies there");
    let status = pebble
        .manage(&format!("/cert-status-by-serial/{}", here[0]))
        .await;
    assert!(status.contains("Valid"), "{status}");

    // What is revoked cannot come back.
    let fault = target
        .reinstate(&lived.first, Some(&lived.last), &call("b"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    lets_in(&*target, &lived.last).await;

    // Private keys lie nowhere but in the folder, readable by their owner alone.
    for canary in &lived.canaries {
        let body = canary.lines().nth(1).unwrap();
        assert_eq!(
            files_with(pebble.folder.path(), body),
            Vec::<PathBuf>::new()
        );
        crate::life::never_traced(&[body.to_owned()]);
    }
    let found = files_with(folder.path(), lived.canaries[3].lines().nth(1).unwrap());
    let only = folder
        .path()
        .join("tls/versions")
        .join(&here[0])
        .join("privkey.pem");
    assert_eq!(found, std::slice::from_ref(&only));
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(only).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_server_that_is_not_told_is_found_out() {
    let Some(pebble) = Pebble::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (probe, reload) = tls_server(folder.path().join("tls")).await;
    let settings = settings(&pebble, folder.path()).await + &format!("probe = '{probe}'\n");
    let target = target("acme", &settings);
    let mut versions = Vec::new();
    for name in ["v1", "v2"] {
        let material = target
            .generate(&name.into(), None, &call(name))
            .await
            .unwrap();
        versions.push(Versioned {
            version: name.into(),
            material,
        });
    }
    target
        .activate(&versions[0], None, &call("a1"))
        .await
        .unwrap();
    reqwest::Client::new().post(&reload).send().await.unwrap();
    lets_in(&*target, &versions[0]).await;
    target
        .activate(&versions[1], Some(&versions[0]), &call("a2"))
        .await
        .unwrap();
    let answer = target.attempt(&versions[1], &call("t")).await.unwrap();
    let Answer::Refused(words) = answer else {
        panic!("the server still serves v1");
    };
    assert!(words.raw().contains("serves serial"), "{words}");
    reqwest::Client::new().post(&reload).send().await.unwrap();
    lets_in(&*target, &versions[1]).await;
}

#[tokio::test]
async fn the_same_call_orders_once() {
    let Some(pebble) = Pebble::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&pebble, folder.path()).await;
    let first = target("acme", &settings)
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap();
    // After a crash: another process, the same call.
    let again = target("acme", &settings)
        .generate(&"v1".into(), None, &call("g"))
        .await
        .unwrap();
    assert_eq!(first.expose(), again.expose());
    let other = target("acme", &settings)
        .generate(&"v2".into(), None, &call("h"))
        .await
        .unwrap();
    assert_ne!(first.expose(), other.expose());
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let Some(pebble) = Pebble::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&pebble, folder.path()).await;

    // Nobody answers the challenge.
    let listen = format!("http01_listen = '127.0.0.1:{}'\n", pebble.http_port);
    let deaf = target("acme", &settings.replace(&listen, ""));
    let fault = deaf
        .generate(&"v1".into(), None, &within("g", Duration::from_secs(30)))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    assert!(fault.doing.contains(NAME), "{fault}");
    // The next try is another order, and succeeds when the challenge is answered.
    let good = target("acme", &settings);
    let material = good.generate(&"v1".into(), None, &call("g")).await.unwrap();
    let v1 = Versioned {
        version: "v1".into(),
        material,
    };
    turns_away(&*good, &v1).await;

    // The responder's port is taken. Of an account that has proven nothing yet: pebble takes one
    // proof in a hundred for good again, whatever it is told.
    let taken = std::net::TcpListener::bind(("127.0.0.1", pebble.http_port)).unwrap();
    let unproven = settings.replace("account.json", "unproven.json");
    let fault = target("acme", &unproven)
        .generate(&"v2".into(), None, &call("h"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Local, "{fault}");
    drop(taken);

    // A CA that is not trusted, one that is not there, one that says nothing.
    let away = settings
        .replace(
            &pebble.directory,
            &format!("https://127.0.0.1:{}/dir", crate::servers::free_port()),
        )
        .replace("account.json", "other.json");
    let fault = target("acme", &away)
        .generate(&"v2".into(), None, &call("i"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = settings
        .replace(
            &pebble.directory,
            &format!("http://{}/dir", silent.local_addr().unwrap()),
        )
        .replace("account.json", "other.json");
    let short = within("j", Duration::from_millis(300));
    let fault = target("acme", &silent)
        .generate(&"v2".into(), None, &short)
        .await
        .unwrap_err();
    assert!(fault.passes(), "{fault}");
}
