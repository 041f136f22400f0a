//! `acme`: a TLS certificate and its key, ordered by ACME (RFC 8555, http-01), put in place as a
//! pair that changes in one step, and seen where it is served.
//!
//! How a version is answered, in this order:
//!  1. the endpoint (`probe`) serves it: accepted;
//!  2. it is the current one and the endpoint serves another: refused;
//!  3. it was revoked at the CA, or lies no more in the folder: refused;
//!  4. else it is staged: accepted where key and chain belong together and lead to a trusted root.

mod folder;
mod order;

use std::sync::Arc;

use async_trait::async_trait;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use self::folder::Folder;
use self::order::Authority;
use super::shared::der::serial;
use super::shared::reload::Reload;
use super::shared::settings::{SettingError, Settings};
use super::shared::tls;
use super::shared::words::{place, said};
use super::{Answer, Call, Target, Versioned};
use crate::model::event::SecretKind;
use crate::model::{Text, Version};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::material::Material;

struct Acme {
    authority: Authority,
    folder: Folder,
    reload: Reload,
    probe: Option<String>,
    name: ServerName<'static>,
    trust: Option<Arc<WebPkiServerVerifier>>,
    revoke_at_ca: bool,
}

/// Reads the settings of the CA ([`Authority::of`]), `folder` (where the pair is put), how the
/// server learns of it ([`Reload::of`]), `probe` (`HOST:PORT` where it is served), `trust_file`
/// (the roots that clients trust), and `revoke_at_ca` (true unless said).
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let authority = Authority::of(settings)?;
    let name = ServerName::try_from(authority.first_name().to_owned())
        .map_err(|_| settings.wrong("names", "holds what is no host name"))?;
    let probe = settings.maybe_text("probe")?;
    if probe.as_ref().is_some_and(|probe| !probe.contains(':')) {
        return Err(settings.wrong("probe", "must be HOST:PORT"));
    }
    let trust = match settings.maybe_path("trust_file")? {
        None => None,
        Some(file) => Some(tls::verifier(&file).map_err(|e| settings.wrong("trust_file", e))?),
    };
    Ok(Arc::new(Acme {
        authority,
        folder: Folder::new(settings.path("folder")?),
        reload: Reload::of(settings)?,
        probe,
        name,
        trust,
        revoke_at_ca: settings.flag("revoke_at_ca", true)?,
    }))
}

/// The material: a private key and the chain of its certificate, both PEM.
#[derive(Serialize, Deserialize)]
struct Pair {
    key: String,
    chain: String,
}

impl Drop for Pair {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key);
    }
}

/// A pair that was read and fits.
struct Fitting {
    pair: Pair,
    chain: Vec<CertificateDer<'static>>,
    serial: String,
}

impl Fitting {
    fn of(version: &Versioned, doing: &str) -> Result<Self, Fault> {
        let local = |said: String| Fault::new(FaultKind::Local, doing, said);
        let pair: Pair = serde_json::from_slice(version.material.expose())
            .map_err(|e| local(format!("the kept material {}", place(&e))))?;
        let chain = CertificateDer::pem_slice_iter(pair.chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| local(format!("the chain: {e}")))?;
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())
            .map_err(|_| local("the key is no PEM".to_owned()))?;
        CertifiedKey::from_der(chain.clone(), key, &tls::provider())
            .map_err(|e| local(format!("key and certificate do not fit: {e}")))?;
        let serial = chain
            .first()
            .and_then(|leaf| serial(leaf))
            .ok_or_else(|| local("the certificate has no serial number".to_owned()))?;
        Ok(Self {
            pair,
            chain,
            serial,
        })
    }

    fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.chain.first()
    }
}

impl Acme {
    fn doing(&self, what: &str) -> String {
        format!("{what} {}", self.authority.first_name())
    }

    async fn put_in_place(&self, fitting: &Fitting, call: &Call, doing: &str) -> Result<(), Fault> {
        let Pair { key, chain } = &fitting.pair;
        self.folder
            .stage(&fitting.serial, key, chain, doing)
            .await?;
        self.folder.make_current(&fitting.serial, doing)?;
        self.tell(call).await
    }

    async fn tell(&self, call: &Call) -> Result<(), Fault> {
        let doing = self.doing("have the server read again the certificate of");
        self.reload.tell(&call.key, call.within, &doing).await
    }

    /// The certificate that the endpoint serves.
    async fn served(&self, probe: &str, call: &Call) -> Result<CertificateDer<'static>, Fault> {
        let doing = format!("look at the certificate that {probe} serves");
        let fault = |kind, said: &str| Fault::new(kind, &doing, said);
        let stream = match timeout(call.within, TcpStream::connect(probe)).await {
            Err(_) => return Err(fault(FaultKind::Unreachable, "no connection in time")),
            Ok(Err(e)) => return Err(fault(FaultKind::Unreachable, &e.to_string())),
            Ok(Ok(stream)) => stream,
        };
        let config = tls::looking().map_err(|e| fault(FaultKind::Local, &e))?;
        let connecting = TlsConnector::from(config).connect(self.name.clone(), stream);
        let stream = match timeout(call.within, connecting).await {
            Err(_) => return Err(fault(FaultKind::Unanswered, "no handshake in time")),
            Ok(Err(e)) => {
                let words = said(&e.to_string(), &[]);
                return Err(Fault::new(FaultKind::Garbage, &doing, words));
            }
            Ok(Ok(stream)) => stream,
        };
        let (_, session) = stream.get_ref();
        session
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|leaf| leaf.clone().into_owned())
            .ok_or_else(|| fault(FaultKind::Garbage, "no certificate"))
    }

    /// Whether a client would accept the pair.
    fn trusted(&self, fitting: &Fitting) -> Answer {
        let (Some(trust), Some((leaf, rest))) = (&self.trust, fitting.chain.split_first()) else {
            return Answer::Accepted;
        };
        match trust.verify_server_cert(leaf, rest, &self.name, &[], UnixTime::now()) {
            Ok(_) => Answer::Accepted,
            Err(e) => Answer::Refused(Text::from(format!("serial {}: {e}", fitting.serial))),
        }
    }
}

#[async_trait]
impl Target for Acme {
    fn kind(&self) -> SecretKind {
        SecretKind::Tls
    }

    /// Clients accept either certificate while neither is revoked.
    fn dual_run(&self) -> bool {
        true
    }

    async fn generate(
        &self,
        _: &Version,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<Material, Fault> {
        let doing = self.doing("order a certificate for");
        let pair = self.authority.order(&self.folder, call, &doing).await?;
        // Two strings always serialise.
        let material = Material::new(serde_json::to_vec(&pair).unwrap_or_default());
        Ok(material)
    }

    async fn install(&self, new: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        let doing = self.doing("stage the certificate of");
        let fitting = Fitting::of(new, &doing)?;
        let Pair { key, chain } = &fitting.pair;
        self.folder
            .stage(&fitting.serial, key, chain, &doing)
            .await?;
        // Whoever calls has kept the material by now.
        self.folder.forget_order(&doing)
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let doing = self.doing("try the certificate of");
        let fitting = Fitting::of(with, &doing)?;
        let refused = |said: String| Ok(Answer::Refused(Text::from(said)));
        let is_current = self.folder.current(&doing)?.as_ref() == Some(&fitting.serial);
        let is_revoked = self.folder.is_revoked(&fitting.serial, &doing)?;
        let mut instead = String::new();
        if let Some(probe) = &self.probe {
            match self.served(probe, call).await {
                Ok(served) if Some(&served) == fitting.leaf() => {
                    return Ok(self.trusted(&fitting));
                }
                Ok(served) => {
                    let other = serial(&served).unwrap_or_default();
                    instead = format!("; {probe} serves serial {other}");
                }
                // What is revoked and served by nobody is refused all the same.
                Err(fault) if !is_revoked => return Err(fault),
                Err(_) => {}
            }
            if is_current {
                return refused(format!("serial {} is in place{instead}", fitting.serial));
            }
        }
        if is_revoked {
            return refused(format!("serial {} is revoked{instead}", fitting.serial));
        }
        if !self.folder.is_staged(&fitting.serial) {
            return refused(format!(
                "serial {} is not in place{instead}",
                fitting.serial
            ));
        }
        Ok(self.trusted(&fitting))
    }

    async fn activate(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("replace the certificate of");
        let fitting = Fitting::of(new, &doing)?;
        self.put_in_place(&fitting, call, &doing).await
    }

    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault> {
        let doing = self.doing("revoke a certificate of");
        let keep = match super::kept(gone, keep) {
            Some(keep) => Some(Fitting::of(keep, &doing)?),
            None => None,
        };
        let gone = Fitting::of(gone, &doing)?;
        let current = self.folder.current(&doing)?;
        match &keep {
            Some(keep) if current.as_ref() != Some(&keep.serial) => {
                self.put_in_place(keep, call, &doing).await?;
            }
            None if current.as_ref() == Some(&gone.serial) => {
                self.folder.leave_none(&doing)?;
                self.tell(call).await?;
            }
            _ => {}
        }
        if let Some(leaf) = gone.leaf().filter(|_| self.revoke_at_ca) {
            self.authority.revoke(leaf, call, &doing).await?;
            self.folder.note_revoked(&gone.serial, &doing).await?;
        }
        self.folder.unstage(&gone.serial, &doing)
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("bring back a former certificate of");
        let fitting = Fitting::of(old, &doing)?;
        if self.folder.is_revoked(&fitting.serial, &doing)? {
            let said = "it was revoked at the CA, which cannot be taken back; rotate anew";
            return Err(Fault::new(FaultKind::Refused, doing, said));
        }
        self.put_in_place(&fitting, call, &doing).await
    }
}
