//! TLS of the server itself, and of those who ask it: a client without a certificate of the named
//! authority does not get as far as a request.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use zeroize::Zeroizing;

/// The server's certificate and, where clients need one, whose.
#[derive(Clone)]
pub struct Tls {
    pub(super) config: Arc<ServerConfig>,
    mutual: bool,
}

/// Why there is no TLS: the file and what is wrong with it, never what is in it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct TlsError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
}

impl Tls {
    /// Reads a certificate chain and its key, both in PEM; with `client_ca`, only who has a
    /// certificate that leads to one of that file is let in.
    ///
    /// # Errors
    /// [`TlsError`] where a file cannot be read, holds something else, or where others than its
    /// owner may read the key.
    pub fn of_files(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, TlsError> {
        let chain = certificates(cert)?;
        let private = private_key(key)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong(cert, e))?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|e| wrong(path, e))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|e| wrong(path, e))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, private)
            .map_err(|e| wrong(key, e))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            mutual: client_ca.is_some(),
        })
    }

    /// Whether clients need a certificate.
    #[must_use]
    pub fn is_mutual(&self) -> bool {
        self.mutual
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Tls");
        shown.field("mutual", &self.mutual).finish_non_exhaustive()
    }
}

fn wrong(path: &Path, why: impl fmt::Display) -> TlsError {
    TlsError {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = std::fs::read(path).map_err(|e| wrong(path, e))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|e| wrong(path, e))?;
    if all.is_empty() {
        return Err(wrong(path, "it holds no certificate in PEM"));
    }
    Ok(all)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = std::fs::read(path).map_err(|e| wrong(path, e))?;
    let pem = Zeroizing::new(pem);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let about = std::fs::metadata(path).map_err(|e| wrong(path, e))?;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(wrong(path, "it can be read by others; run chmod 600 on it"));
        }
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| wrong(path, "it holds no private key in PEM"))
}
