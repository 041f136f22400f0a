//! The engine's way to an authority of the lab: a target that speaks the provider's own API.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};

use super::authority::{Ask, Issued, PASSWORD, by_chance, presented};
use super::town::Change;
use crate::model::event::SecretKind;
use crate::model::{Span, Text, Version};
use crate::rotation::target::{Answer, Call, Target, Versioned};
use crate::rotation::{Clock, Fault, FaultKind, Material};

/// One authority, as the engine reaches it.
pub(super) struct AuthorityTarget {
    pub(super) client: reqwest::Client,
    /// `http://127.0.0.1:port`.
    pub(super) url: String,
    pub(super) change: Change,
    pub(super) token: Material,
    pub(super) clock: Clock,
}

impl AuthorityTarget {
    fn request(&self, method: Method, path: &str, call: &Call) -> RequestBuilder {
        let token = self.token.expose_str().unwrap_or_default();
        self.client
            .request(method, format!("{}{path}", self.url))
            .timeout(call.within)
            .bearer_auth(token)
    }

    async fn post(&self, path: &str, ask: &Ask, call: &Call) -> Result<Response, Fault> {
        let doing = format!("POST {}{path}", self.url);
        let sent = self.request(Method::POST, path, call).json(ask).send();
        let answer = sent.await.map_err(|error| failed(&doing, &error))?;
        self.done(doing, answer).await
    }

    async fn done(&self, doing: String, answer: Response) -> Result<Response, Fault> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let wait = answer.headers().get(header::RETRY_AFTER);
        let wait = wait.and_then(|w| w.to_str().ok()?.parse::<i64>().ok());
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => FaultKind::Throttled {
                retry_after: wait.map(|seconds| self.clock.real(Span::seconds(seconds))),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FaultKind::Refused,
            _ => FaultKind::Garbage,
        };
        let said = answer.text().await.unwrap_or_default();
        Err(Fault::new(kind, doing, format!("HTTP {status}: {said}")))
    }

    async fn accept(&self, which: &Versioned, path: &str, call: &Call) -> Result<(), Fault> {
        let ask = Ask {
            key: call.key.clone(),
            version: which.version.raw().to_owned(),
            material: Some(STANDARD.encode(which.material.expose())),
        };
        self.post(path, &ask, call).await.map(drop)
    }
}

/// Why no answer came.
fn failed(doing: &str, error: &reqwest::Error) -> Fault {
    let kind = if error.is_connect() {
        FaultKind::Unreachable
    } else {
        FaultKind::Unanswered
    };
    // The error's own words name the address only.
    Fault::new(kind, doing, Text::from(error.to_string()))
}

#[async_trait]
impl Target for AuthorityTarget {
    fn kind(&self) -> SecretKind {
        match self.change {
            Change::Keys => SecretKind::ApiKey,
            Change::InPlace => SecretKind::Database,
        }
    }

    fn dual_run(&self) -> bool {
        self.change == Change::Keys
    }

    async fn generate(
        &self,
        version: &Version,
        _current: Option<&Versioned>,
        call: &Call,
    ) -> Result<Material, Fault> {
        if self.change == Change::InPlace {
            return Ok(Material::new(by_chance(PASSWORD).into_bytes()));
        }
        let ask = Ask {
            key: call.key.clone(),
            version: version.raw().to_owned(),
            material: None,
        };
        let answer = self.post("/keys", &ask, call).await?;
        let garbage = |said: String| Fault::new(FaultKind::Garbage, "read the new key", said);
        let issued: Issued = answer.json().await.map_err(|e| garbage(e.to_string()))?;
        let material = STANDARD.decode(&issued.material);
        let material = material.map_err(|_| garbage("its material is no base64".to_owned()))?;
        Ok(Material::new(material))
    }

    async fn install(
        &self,
        new: &Versioned,
        _old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        match self.change {
            Change::Keys => self.accept(new, "/keys/accept", call).await,
            // One password at a time: nothing can be staged there.
            Change::InPlace => Ok(()),
        }
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let doing = format!("GET {}/whoami", self.url);
        let credential = presented(self.change, &with.material).unwrap_or_default();
        let sent = self
            .client
            .get(format!("{}/whoami", self.url))
            .timeout(call.within)
            .header(header::AUTHORIZATION, credential)
            .send();
        let answer = sent.await.map_err(|error| failed(&doing, &error))?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let said = answer.text().await.unwrap_or_default();
            return Ok(Answer::Refused(Text::from(said)));
        }
        self.done(doing, answer).await?;
        Ok(Answer::Accepted)
    }

    async fn activate(
        &self,
        new: &Versioned,
        _old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        match self.change {
            // Whoever presents it is let in already.
            Change::Keys => Ok(()),
            Change::InPlace => self.accept(new, "/password", call).await,
        }
    }

    async fn revoke(&self, gone: &Versioned, _keep: &Versioned, call: &Call) -> Result<(), Fault> {
        let ask = Ask {
            key: call.key.clone(),
            version: gone.version.raw().to_owned(),
            material: None,
        };
        match self.change {
            Change::Keys => self.post("/keys/revoke", &ask, call).await.map(drop),
            // It went with the change.
            Change::InPlace => Ok(()),
        }
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        _new: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        match self.change {
            Change::Keys => self.accept(old, "/keys/accept", call).await,
            Change::InPlace => self.accept(old, "/password", call).await,
        }
    }
}
