//! `postgres`: the password of one PostgreSQL role, changed in place. No dual-run: the old
//! password dies the moment the new one lives.

use std::sync::Arc;

use async_trait::async_trait;

use super::shared::login::Login;
use super::shared::postgres::Server;
use super::shared::settings::{SettingError, Settings};
use super::{Answer, Call, Presence, Target, Versioned};
use crate::model::Version;
use crate::model::event::SecretKind;
use crate::rotation::fault::Fault;
use crate::rotation::material::Material;

struct Postgres {
    server: Server,
    role: String,
    end_sessions: bool,
}

/// Reads the settings of [`Server::of`], `role`, and `end_sessions` (false unless said): whether
/// a revocation ends the role's open sessions, which cannot be told apart by password.
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let server = Server::of(settings)?;
    let role = settings.text("role")?;
    if server.is_admin(&role) {
        return Err(settings.wrong("role", "is the admin itself, which would lock itself out"));
    }
    Ok(Arc::new(Postgres {
        server,
        role,
        end_sessions: settings.flag("end_sessions", false)?,
    }))
}

impl Postgres {
    fn doing(&self, what: &str) -> String {
        format!("{what} role {} on {}", self.role, self.server.name)
    }

    async fn set(&self, to: &Versioned, call: &Call) -> Result<(), Fault> {
        let doing = self.doing("set the password of");
        let login = Login::of(&to.material, &doing)?;
        let admin = self.server.admin(call.within, &doing).await?;
        admin
            .let_in(&Login {
                username: self.role.clone(),
                password: login.password,
            })
            .await
    }
}

#[async_trait]
impl Target for Postgres {
    fn kind(&self) -> SecretKind {
        SecretKind::Database
    }

    fn dual_run(&self) -> bool {
        false
    }

    async fn generate(
        &self,
        _: &Version,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<Material, Fault> {
        Ok(Login::random(&self.role).material())
    }

    /// Nothing can be staged in PostgreSQL; what can go wrong later is found out now.
    async fn install(
        &self,
        _: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("look for");
        let admin = self.server.admin(call.within, &doing).await?;
        admin.may_change(&self.role).await
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let doing = self.doing("log in as");
        let login = Login::of(&with.material, &doing)?;
        self.server.attempt(&login, call, &doing).await
    }

    async fn activate(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.set(new, call).await
    }

    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault> {
        if let Some(keep) = super::kept(gone, keep) {
            self.set(keep, call).await?;
        } else {
            let doing = self.doing("shut out");
            let admin = self.server.admin(call.within, &doing).await?;
            admin.shut_out(&self.role).await?;
        }
        if self.end_sessions {
            let doing = self.doing("end the sessions of");
            let admin = self.server.admin(call.within, &doing).await?;
            admin.end_sessions(&self.role).await?;
        }
        Ok(())
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.set(old, call).await
    }

    async fn presence(&self, _: &[Versioned]) -> Result<Option<Vec<Presence>>, Fault> {
        let doing = self.doing("see who is logged in as");
        let admin = self.server.admin(super::PATIENCE, &doing).await?;
        let seen = admin.presence(&[&self.role]).await?;
        Ok(Some(
            seen.into_iter().map(|(_, presence)| presence).collect(),
        ))
    }
}
