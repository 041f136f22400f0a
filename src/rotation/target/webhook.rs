//! `webhook`: an API key that an HTTP service makes, lists, revokes and verifies by the contract
//! of `docs/targets.md`.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::shared::http::{Ask, Http, Reply};
use super::shared::settings::{ADMIN_TOKEN, SecretRef, SettingError, Settings};
use super::shared::words::place;
use super::{Answer, Call, Presence, Target, Versioned};
use crate::model::event::SecretKind;
use crate::model::{Actor, Text, Version};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::material::Material;

struct Webhook {
    http: Http,
    url: String,
    verify: String,
    token: SecretRef,
    name: String,
}

/// Reads `url`, `admin_token_file` or `_env`, `verify_url` (`URL/verify` unless said), `name`
/// (goes before the version in the key's name) and `ca_file`.
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let url = settings.url("url")?;
    let verify = settings.maybe_url("verify_url")?;
    let ca_file = settings.maybe_path("ca_file")?;
    let http = Http::new(ca_file.as_deref()).map_err(|e| settings.wrong("ca_file", e))?;
    Ok(Arc::new(Webhook {
        http,
        verify: verify.unwrap_or_else(|| format!("{url}/verify")),
        url,
        token: settings.secret(ADMIN_TOKEN)?,
        name: settings.text_or("name", "rotascope")?,
    }))
}

/// The material: the key and the id by which the service knows it.
#[derive(Serialize, Deserialize)]
struct Key {
    id: String,
    key: String,
}

impl Drop for Key {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key);
    }
}

impl Key {
    fn of(version: &Versioned, doing: &str) -> Result<Self, Fault> {
        serde_json::from_slice(version.material.expose()).map_err(|e| {
            let said = format!("the kept material {}", place(&e));
            Fault::new(FaultKind::Local, doing, said)
        })
    }
}

#[derive(Deserialize)]
struct Listed {
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    state: String,
    #[serde(default)]
    used_by: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    actor: Text,
    #[serde(default)]
    address: Option<Text>,
}

#[derive(Deserialize)]
struct Verdict {
    valid: bool,
    #[serde(default)]
    reason: Text,
}

impl Webhook {
    fn doing(&self, what: &str) -> String {
        format!("{what} at {}", self.url)
    }

    /// Asks as the admin; `hide` is what no fault may repeat beside the admin's token.
    async fn admin(
        &self,
        method: Method,
        path: &str,
        json: Option<serde_json::Value>,
        call: &Call,
        doing: &str,
        hide: &[u8],
    ) -> Result<Reply, Fault> {
        let token = self.token.read(doing)?;
        let hide: [&[u8]; 2] = [token.as_bytes(), hide];
        let url = format!("{}{path}", self.url);
        let mut ask = Ask::new(method, &url, call.within, doing);
        ask.bearer = Some(&token);
        ask.idempotency = Some(&call.key);
        ask.json = json;
        ask.hide = &hide;
        let reply = self.http.ask(&ask).await?;
        match reply.status {
            200..300 | 404 | 410 => Ok(reply),
            _ => Err(reply.fault(doing, &hide)),
        }
    }

    async fn list(&self, call: &Call, doing: &str) -> Result<Vec<Entry>, Fault> {
        let reply = self
            .admin(Method::GET, "/keys", None, call, doing, &[])
            .await?;
        if !reply.is_success() {
            return Err(reply.fault(doing, &[]));
        }
        Ok(reply.json::<Listed>(doing)?.keys)
    }

    /// Finds out whether the service has this key and lets it in.
    async fn must_be_active(&self, version: &Versioned, call: &Call) -> Result<(), Fault> {
        let doing = self.doing("look for the new API key");
        let key = Key::of(version, &doing)?;
        let keys = self.list(call, &doing).await?;
        let refused = |said: &str| Err(Fault::new(FaultKind::Refused, &doing, said));
        match keys.iter().find(|entry| entry.id == key.id) {
            Some(entry) if entry.state == "active" => Ok(()),
            Some(_) => refused("the service knows the key and does not let it in"),
            None => refused("the service does not know the key"),
        }
    }
}

#[async_trait]
impl Target for Webhook {
    fn kind(&self) -> SecretKind {
        SecretKind::ApiKey
    }

    fn dual_run(&self) -> bool {
        true
    }

    async fn generate(
        &self,
        version: &Version,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<Material, Fault> {
        let doing = self.doing("create an API key");
        let wanted = serde_json::json!({ "name": format!("{} {}", self.name, version.raw()) });
        let reply = self
            .admin(Method::POST, "/keys", Some(wanted), call, &doing, &[])
            .await?;
        if !reply.is_success() {
            return Err(reply.fault(&doing, &[]));
        }
        let key: Key = reply.json(&doing)?;
        if key.id.is_empty() || key.key.is_empty() {
            let said = format!("{} with an empty id or key", reply.status);
            return Err(Fault::new(FaultKind::Garbage, doing, said));
        }
        // Two strings always serialise.
        Ok(Material::new(serde_json::to_vec(&key).unwrap_or_default()))
    }

    /// The key is valid from the moment it is made.
    async fn install(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.must_be_active(new, call).await
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let doing = format!("present the API key at {}", self.verify);
        let key = Key::of(with, &doing)?;
        let hide: [&[u8]; 1] = [key.key.as_bytes()];
        let mut ask = Ask::new(Method::POST, &self.verify, call.within, &doing);
        ask.bearer = Some(&key.key);
        ask.hide = &hide;
        let reply = self.http.ask(&ask).await?;
        match reply.status {
            200..300 => {
                let verdict: Verdict = reply.json(&doing)?;
                Ok(if verdict.valid {
                    Answer::Accepted
                } else {
                    let why = super::shared::words::said(verdict.reason.raw(), &hide);
                    Answer::Refused(why)
                })
            }
            401 | 403 => Ok(Answer::Refused(reply.words(&hide))),
            _ => Err(reply.fault(&doing, &hide)),
        }
    }

    /// The service has no notion of a current key: which one is used is up to the consumers.
    async fn activate(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.must_be_active(new, call).await
    }

    /// A key that the service no longer knows is revoked already.
    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault> {
        if let Some(keep) = super::kept(gone, keep) {
            self.must_be_active(keep, call).await?;
        }
        let doing = self.doing("revoke an API key");
        let key = Key::of(gone, &doing)?;
        let path = path(&key.id, "");
        let secret = Zeroizing::new(key.key.as_bytes().to_vec());
        self.admin(Method::DELETE, &path, None, call, &doing, &secret)
            .await
            .map(drop)
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("restore an API key");
        let key = Key::of(old, &doing)?;
        let keys = self.list(call, &doing).await?;
        if keys.iter().any(|k| k.id == key.id && k.state == "active") {
            return Ok(());
        }
        let path = path(&key.id, "/restore");
        let reply = self
            .admin(Method::POST, &path, None, call, &doing, key.key.as_bytes())
            .await?;
        if reply.is_success() {
            return self.must_be_active(old, call).await;
        }
        Err(Fault::new(
            FaultKind::Refused,
            doing,
            "the service cannot bring a revoked key back; rotate anew",
        ))
    }

    async fn presence(&self, known: &[Versioned]) -> Result<Option<Vec<Presence>>, Fault> {
        let doing = self.doing("see who uses the API keys");
        let call = Call {
            key: String::new(),
            within: super::PATIENCE,
        };
        let mut seen = Vec::new();
        for entry in self.list(&call, &doing).await? {
            let version = known
                .iter()
                .find(|v| Key::of(v, &doing).is_ok_and(|key| key.id == entry.id))
                .map(|v| v.version.clone());
            seen.extend(entry.used_by.into_iter().map(|user| Presence {
                actor: Actor(user.actor),
                consumer: None,
                version: version.clone(),
                address: user.address,
            }));
        }
        Ok((!seen.is_empty()).then_some(seen))
    }
}

/// `/keys/ID` with the id escaped: it is the other side's text.
fn path(id: &str, behind: &str) -> String {
    let escaped: String = id
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("/keys/{escaped}{behind}")
}
