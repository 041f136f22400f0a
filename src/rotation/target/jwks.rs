//! `jwks`: a key that signs tokens (ES256), whose public half stands in a JWKS document that an
//! issuer serves. The overlap: a new key is published first, signs later, and is taken out only
//! when no token that it signed can still be about.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::shared::http::{Ask, Http};
use super::shared::login::random_words;
use super::shared::replace::{PRIVATE, content, remove, replace};
use super::shared::settings::{SettingError, Settings};
use super::shared::words::place;
use super::{Answer, Call, Target, Versioned};
use crate::model::event::SecretKind;
use crate::model::{Span, Text, Version};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::material::Material;

/// Everybody may read public keys.
const PUBLIC: u32 = 0o644;

/// How long a token lives that only asks whether it would be let in.
const ASKING: Duration = Duration::from_secs(60);

/// Two secrets may share one document; their changes must not overwrite each other.
static WRITING: Mutex<()> = Mutex::const_new(());

struct Jwks {
    document: PathBuf,
    signing_key: Option<PathBuf>,
    url: Option<String>,
    check: Option<String>,
    issuer: String,
    audience: Option<String>,
    lifetime: Span,
    http: Http,
}

/// Reads `jwks_file`, `token_lifetime` (the longest; `1h` unless said), `signing_key_file` (where
/// the issuer finds the private JWK that signs), `jwks_url` (where the document is served),
/// `check_url` (a service that answers whether it lets a token in), `issuer`, `audience`, and
/// `ca_file`.
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let ca_file = settings.maybe_path("ca_file")?;
    let http = Http::new(ca_file.as_deref()).map_err(|e| settings.wrong("ca_file", e))?;
    Ok(Arc::new(Jwks {
        document: settings.path("jwks_file")?,
        signing_key: settings.maybe_path("signing_key_file")?,
        url: settings.maybe_url("jwks_url")?,
        check: settings.maybe_url("check_url")?,
        issuer: settings.text_or("issuer", "rotascope")?,
        audience: settings.maybe_text("audience")?,
        lifetime: settings
            .length("token_lifetime")?
            .unwrap_or(Span::seconds(3600)),
        http,
    }))
}

/// The material: a private JWK (RFC 7517).
#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
    kid: String,
    x: String,
    y: String,
    d: String,
}

impl Drop for Jwk {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.d);
    }
}

impl Jwk {
    fn random() -> Self {
        let key = loop {
            // All but one in 2^32 of the numbers are keys.
            let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
            if let Ok(key) = SigningKey::from_slice(bytes.as_slice()) {
                break key;
            }
        };
        let point = key.verifying_key().to_sec1_point(false);
        let code = |bytes: Option<&[u8]>| URL_SAFE_NO_PAD.encode(bytes.unwrap_or_default());
        let (x, y) = (
            code(point.x().map(AsRef::as_ref)),
            code(point.y().map(AsRef::as_ref)),
        );
        // RFC 7638: the hash of the members that make the key, in this order.
        let made_of = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let secret = Zeroizing::new(key.to_bytes());
        Self {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
            kid: URL_SAFE_NO_PAD.encode(Sha256::digest(made_of)),
            x,
            y,
            d: URL_SAFE_NO_PAD.encode(secret.as_slice()),
        }
    }

    fn of(version: &Versioned, doing: &str) -> Result<Self, Fault> {
        serde_json::from_slice(version.material.expose()).map_err(|e| {
            let said = format!("the kept material {}", place(&e));
            Fault::new(FaultKind::Local, doing, said)
        })
    }

    fn public(&self) -> Value {
        json!({ "kty": self.kty, "crv": self.crv, "alg": self.alg, "use": self.usage,
            "kid": self.kid, "x": self.x, "y": self.y })
    }

    /// A token of these claims.
    fn sign(&self, claims: &Value, doing: &str) -> Result<Zeroizing<String>, Fault> {
        let secret = URL_SAFE_NO_PAD.decode(&self.d).map(Zeroizing::new).ok();
        let key = secret
            .and_then(|d| SigningKey::from_slice(&d).ok())
            .ok_or_else(|| {
                Fault::new(FaultKind::Local, doing, "the kept material is no P-256 key")
            })?;
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.kid });
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature: Signature = key.sign(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        Ok(Zeroizing::new(format!("{signed}.{signature}")))
    }
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

impl Jwks {
    fn doing(&self, what: &str) -> String {
        format!("{what} {}", self.document.display())
    }

    /// Changes the document: these keys in, this one out.
    async fn publish(
        &self,
        with: &[&Jwk],
        without: Option<&str>,
        doing: &str,
    ) -> Result<(), Fault> {
        let _alone = WRITING.lock().await;
        let before = content(&self.document, doing)?;
        let mut document = match &before {
            None => json!({ "keys": [] }),
            Some(bytes) => parsed(bytes, &self.document, doing)?,
        };
        let Some(keys) = document.get_mut("keys").and_then(Value::as_array_mut) else {
            return Err(no_set(&self.document, doing));
        };
        keys.retain(|key| without.is_none() || kid(key) != without);
        for jwk in with {
            if !keys.iter().any(|key| kid(key) == Some(&jwk.kid)) {
                keys.push(jwk.public());
            }
        }
        let after = document.to_string().into_bytes();
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        replace(&self.document, &after, PUBLIC, doing).await
    }

    /// Hands the issuer the key that signs from now on.
    async fn hand_over(&self, jwk: &Jwk, doing: &str) -> Result<(), Fault> {
        let Some(path) = &self.signing_key else {
            return Ok(());
        };
        let words = Zeroizing::new(serde_json::to_vec(jwk).unwrap_or_default());
        replace(path, &words, PRIVATE, doing).await
    }

    /// The key that signs now, as far as the file for it tells.
    fn signs(&self, doing: &str) -> Result<Option<String>, Fault> {
        let Some(path) = &self.signing_key else {
            return Ok(None);
        };
        let Some(bytes) = content(path, doing)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        let jwk: Option<Jwk> = serde_json::from_slice(&bytes).ok();
        Ok(jwk.map(|jwk| jwk.kid.clone()))
    }

    /// The document as consumers see it.
    async fn served(&self, call: &Call, doing: &str) -> Result<Value, Fault> {
        let Some(url) = &self.url else {
            let bytes = content(&self.document, doing)?.unwrap_or_default();
            return parsed(&bytes, &self.document, doing);
        };
        let ask = Ask::new(Method::GET, url, call.within, doing);
        let reply = self.http.ask(&ask).await?;
        if !reply.is_success() {
            return Err(reply.fault(doing, &[]));
        }
        reply.json(doing)
    }

    async fn present(
        &self,
        url: &str,
        token: &str,
        call: &Call,
        doing: &str,
    ) -> Result<Answer, Fault> {
        let hide: [&[u8]; 1] = [token.as_bytes()];
        let mut ask = Ask::new(Method::GET, url, call.within, doing);
        ask.bearer = Some(token);
        ask.hide = &hide;
        let reply = self.http.ask(&ask).await?;
        match reply.status {
            200..300 => Ok(Answer::Accepted),
            401 | 403 => Ok(Answer::Refused(reply.words(&hide))),
            _ => Err(reply.fault(doing, &hide)),
        }
    }

    fn claims(&self) -> Value {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut claims = json!({ "iss": self.issuer, "sub": "rotascope",
            "iat": now.as_secs(), "exp": (now + ASKING).as_secs(), "jti": *random_words() });
        if let (Some(audience), Some(claims)) = (&self.audience, claims.as_object_mut()) {
            claims.insert("aud".to_owned(), audience.as_str().into());
        }
        claims
    }
}

fn kid(key: &Value) -> Option<&str> {
    key.get("kid").and_then(Value::as_str)
}

fn parsed(bytes: &[u8], path: &Path, doing: &str) -> Result<Value, Fault> {
    serde_json::from_slice(bytes).map_err(|e| {
        let said = format!("{} {}", path.display(), place(&e));
        Fault::new(FaultKind::Local, doing, said)
    })
}

fn no_set(path: &Path, doing: &str) -> Fault {
    let said = format!("{} holds no key set", path.display());
    Fault::new(FaultKind::Local, doing, said)
}

/// Verifies a token as a consumer would: by the key of its kid, out of the set alone.
fn verify(token: &str, set: &Value) -> Result<(), String> {
    let (signed, signature) = token.rsplit_once('.').ok_or("no token")?;
    let bytes = |words: &str| URL_SAFE_NO_PAD.decode(words).map_err(|e| e.to_string());
    let header: Value = signed
        .split('.')
        .next()
        .and_then(|words| bytes(words).ok())
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or("no header")?;
    let wanted = kid(&header).ok_or("no kid")?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("no keys")?;
    let key = keys
        .iter()
        .find(|key| kid(key) == Some(wanted))
        .ok_or_else(|| format!("the set has no key {wanted}"))?;
    let mut point = vec![4_u8];
    for name in ["x", "y"] {
        let words = key.get(name).and_then(Value::as_str).ok_or("no point")?;
        point.extend(bytes(words)?);
    }
    let key = VerifyingKey::from_sec1_bytes(&point).map_err(|e| e.to_string())?;
    let signature = Signature::from_slice(&bytes(signature)?).map_err(|e| e.to_string())?;
    key.verify(signed.as_bytes(), &signature)
        .map_err(|_| format!("the key {wanted} of the set did not sign this"))
}

#[async_trait]
impl Target for Jwks {
    fn kind(&self) -> SecretKind {
        SecretKind::SigningKey
    }

    fn dual_run(&self) -> bool {
        true
    }

    fn shortest_grace(&self) -> Span {
        self.lifetime
    }

    async fn generate(
        &self,
        _: &Version,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<Material, Fault> {
        // Eight strings always serialise.
        Ok(Material::new(
            serde_json::to_vec(&Jwk::random()).unwrap_or_default(),
        ))
    }

    async fn install(&self, new: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        let doing = self.doing("publish a key in");
        self.publish(&[&Jwk::of(new, &doing)?], None, &doing).await
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let doing = match (&self.check, &self.url) {
            (Some(url), _) => format!("present a token at {url}"),
            (None, Some(url)) => format!("verify a token by {url}"),
            (None, None) => self.doing("verify a token by"),
        };
        let token = Jwk::of(with, &doing)?.sign(&self.claims(), &doing)?;
        if let Some(url) = &self.check {
            return self.present(url, &token, call, &doing).await;
        }
        let set = self.served(call, &doing).await?;
        Ok(match verify(&token, &set) {
            Ok(()) => Answer::Accepted,
            Err(why) => Answer::Refused(Text::from(why)),
        })
    }

    async fn activate(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("sign with a key of");
        let jwk = Jwk::of(new, &doing)?;
        self.publish(&[&jwk], None, &doing).await?;
        self.hand_over(&jwk, &doing).await
    }

    async fn revoke(&self, gone: &Versioned, keep: &Versioned, _: &Call) -> Result<(), Fault> {
        let doing = self.doing("retire a key of");
        let keep = match super::kept(gone, keep) {
            Some(keep) => Some(Jwk::of(keep, &doing)?),
            None => None,
        };
        let gone = Jwk::of(gone, &doing)?;
        // Nothing may be signed with a key that is about to leave the set.
        if self.signs(&doing)?.as_ref() == Some(&gone.kid) {
            match (&keep, &self.signing_key) {
                (Some(keep), _) => self.hand_over(keep, &doing).await?,
                (None, Some(path)) => remove(path, &doing)?,
                (None, None) => {}
            }
        }
        let keep: Vec<&Jwk> = keep.iter().collect();
        self.publish(&keep, Some(&gone.kid), &doing).await
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("give a former key back to");
        let jwk = Jwk::of(old, &doing)?;
        self.publish(&[&jwk], None, &doing).await?;
        self.hand_over(&jwk, &doing).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_verified_by_its_own_key_alone() {
        let (ours, other) = (Jwk::random(), Jwk::random());
        let token = ours.sign(&json!({ "sub": "x" }), "sign").unwrap();
        let set =
            |keys: &[&Jwk]| json!({ "keys": keys.iter().map(|k| k.public()).collect::<Vec<_>>() });
        assert_eq!(verify(&token, &set(&[&other, &ours])), Ok(()));
        let missing = verify(&token, &set(&[&other])).unwrap_err();
        assert!(missing.contains("no key"), "{missing}");
        let mut forged = other.public();
        forged["kid"] = ours.kid.as_str().into();
        let forged = verify(&token, &json!({ "keys": [forged] })).unwrap_err();
        assert!(forged.contains("did not sign"), "{forged}");
    }
}
