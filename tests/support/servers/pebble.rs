//! Pebble, an ACME server for tests, with a DNS server that knows every name as 127.0.0.1.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use serde_json::json;

use super::{Running, free_ports, program};

/// An ACME server.
pub struct Pebble {
    /// Its directory.
    pub directory: String,
    /// Where it looks for the answer to an http-01 challenge, on 127.0.0.1.
    pub http_port: u16,
    /// Holds everything: configuration, certificates, logs.
    pub folder: tempfile::TempDir,
    management: u16,
    running: Running,
    _names: Running,
}

impl Pebble {
    /// Starts one, or says why not.
    pub fn start() -> Option<Self> {
        let pebble = program("pebble", "pebble", &[])?;
        let names = program("pebble-challtestsrv", "pebble", &[])?;
        let folder = tempfile::Builder::new()
            .prefix("rotascope-pebble-")
            .tempdir()
            .unwrap();
        let at = |name: &str| folder.path().join(name);
        certificate(folder.path());
        let [port, management, http_port, tls_port, dns, dns_management] = free_ports();
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": at("cert.pem"), "privateKey": at("key.pem"),
            "httpPort": http_port, "tlsPort": tls_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        } });
        fs::write(at("config.json"), config.to_string()).unwrap();
        let names = name_server(&names, dns, dns_management, at("names.log"));
        let mut running = Running::start(
            &pebble,
            [
                "-config",
                &at("config.json").display().to_string(),
                "-dnsserver",
                &format!("127.0.0.1:{dns}"),
            ],
            &[
                ("PEBBLE_VA_NOSLEEP", "1"),
                ("PEBBLE_AUTHZREUSE", "0"),
                // By itself it refuses one good nonce of twenty, and now and then three in a row.
                ("PEBBLE_WFE_NONCEREJECT", "0"),
            ],
            at("log"),
            None,
            Signal::TERM,
        );
        running.wait_for_port(port);
        running.wait_for_port(management);
        Some(Self {
            directory: format!("https://localhost:{port}/dir"),
            http_port,
            folder,
            management,
            running,
            _names: names,
        })
    }

    /// The authority of its own HTTPS.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Asks its management interface.
    pub async fn manage(&self, path: &str) -> String {
        let ca = fs::read(self.ca_file()).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(&ca).unwrap())
            .build()
            .unwrap();
        let url = format!("https://localhost:{}{path}", self.management);
        client.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// A file with the root of what it issues.
    pub async fn root_file(&self) -> PathBuf {
        let path = self.folder.path().join("issued-root.pem");
        fs::write(&path, self.manage("/roots/0").await).unwrap();
        path
    }
}

/// A DNS server on this port that knows every name as 127.0.0.1.
fn name_server(program: &Path, dns: u16, dns_management: u16, log: PathBuf) -> Running {
    let mut names = Running::start(
        program,
        [
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-dns01",
            &format!("127.0.0.1:{dns}"),
            "-management",
            &format!("127.0.0.1:{dns_management}"),
        ],
        &[],
        log,
        None,
        Signal::TERM,
    );
    names.wait_for_port(dns_management);
    names
}

/// Puts `ca.pem` and, by that authority for `localhost` and 127.0.0.1, `cert.pem` and `key.pem`
/// into a folder.
pub fn certificate(folder: &Path) {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &ca)
        .unwrap();
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    fs::write(folder.join("cert.pem"), leaf.pem()).unwrap();
    let path = folder.join("key.pem");
    fs::write(&path, key.serialize_pem()).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
