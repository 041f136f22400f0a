//! TLS: whom we trust, and a look at the certificate that an endpoint serves.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The cryptography behind every TLS connection of the engine.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates of a PEM file that are trusted.
///
/// # Errors
/// A sentence with the path where the file cannot be read or holds no certificate.
pub fn roots(file: &Path) -> Result<RootCertStore, String> {
    let pem = fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut store = RootCertStore::empty();
    for found in CertificateDer::pem_slice_iter(&pem) {
        let certificate = found.map_err(|e| format!("{}: {e}", file.display()))?;
        store
            .add(certificate)
            .map_err(|e| format!("{}: {e}", file.display()))?;
    }
    if store.is_empty() {
        return Err(format!("{}: holds no certificate", file.display()));
    }
    Ok(store)
}

/// A client that trusts the certificates of a file.
///
/// # Errors
/// As [`roots`].
pub fn client(file: &Path) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots(file)?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Verifies that a chain leads to a root of a file.
///
/// # Errors
/// As [`roots`].
pub fn verifier(file: &Path) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(file)?), provider())
        .build()
        .map_err(|e| format!("{}: {e}", file.display()))
}

/// A client that wants to see which certificate is served: it demands that the server holds the
/// certificate's key, and leaves the judgement of the chain to who looks at it.
///
/// # Errors
/// A sentence where the cryptography is not available.
pub fn looking() -> Result<Arc<ClientConfig>, String> {
    let provider = provider();
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyChain(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

struct AnyChain(Arc<CryptoProvider>);

impl fmt::Debug for AnyChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyChain")
    }
}

impl ServerCertVerifier for AnyChain {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
