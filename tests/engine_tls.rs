//! The engine's server under TLS: who has no certificate of the named authority asks for nothing.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity};
use rotascope::rotation::Clock;
use rotascope::rotation::server::{Access, Door, Tls, engine};
use support::engine::{Manner, Toy};

/// An authority, and what it issued.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self { issuer }
    }

    /// A certificate for this name, and its key, in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn client(trusts: &Authority, shows: Option<(String, String)>) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = Certificate::from_pem(trusts.pem().as_bytes()).unwrap();
    let mut builder = Client::builder().no_proxy().tls_certs_only([root]);
    if let Some((certificate, key)) = shows {
        let both = format!("{certificate}{key}");
        builder = builder.identity(Identity::from_pem(both.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_certificate_of_the_authority_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.issue("127.0.0.1");
    let certificate = written(folder.path(), "cert.pem", &certificate);
    let key = written(folder.path(), "key.pem", &key);
    let ca = written(folder.path(), "ca.pem", &ours.pem());
    let tls = Tls::of_files(&certificate, &key, Some(&ca)).unwrap();
    assert!(tls.is_mutual());
    let door = Door {
        tls: Some(tls),
        ..Door::new("127.0.0.1:0".parse().unwrap(), Access::open())
    };
    let toy = Toy::new(Manner::Does);
    let running = engine(door, toy, Clock::of_the_world()).await.unwrap();
    let url = format!("{}/v1/rotations", running.url());
    assert!(url.starts_with("https://"), "{url}");
    let known = client(&ours, Some(ours.issue("mira")));
    assert_eq!(known.get(&url).send().await.unwrap().status(), 200);
    for shows in [None, Some(others.issue("mira"))] {
        let stranger = client(&ours, shows);
        let answer = stranger.get(&url).send().await;
        assert!(answer.is_err(), "{answer:?}");
    }
    let plain = url.replace("https://", "http://");
    assert!(
        known.get(&plain).send().await.is_err(),
        "no plain HTTP there"
    );
    running.end().await;
}

#[test]
fn files_that_are_no_certificates_and_keys_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = Authority::new().issue("127.0.0.1");
    let cert = written(folder.path(), "cert.pem", &certificate);
    let key = written(folder.path(), "key.pem", &key);
    let none = written(folder.path(), "none.pem", "no PEM");
    let error = |cert: &Path, key: &Path, ca: Option<&Path>| {
        Tls::of_files(cert, key, ca).unwrap_err().to_string()
    };
    assert!(error(&none, &key, None).contains("none.pem: it holds no certificate"));
    assert!(error(&cert, &none, None).contains("none.pem: it holds no private key"));
    assert!(error(&cert, &key, Some(&none)).contains("none.pem"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(error(&cert, &key, None).contains("chmod 600"));
}
