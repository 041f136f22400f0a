//! `postgres-pair`: two PostgreSQL roles with the same rights that take turns. While one version
//! is in use the next is prepared on the other role, so that both are accepted until the old role
//! is shut out; `pg_stat_activity` tells who still sits on it.

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

struct Pair {
    server: Server,
    first: String,
    second: String,
    end_sessions: bool,
}

/// Reads the settings of [`Server::of`], `roles` (exactly two), and `end_sessions` (true unless
/// said): whether a revocation ends the sessions that the old role has open.
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let server = Server::of(settings)?;
    let roles: Result<[String; 2], _> = settings.texts("roles")?.try_into();
    let Ok([first, second]) = roles else {
        return Err(settings.wrong("roles", "must name two roles that take turns"));
    };
    if first == second {
        return Err(settings.wrong("roles", "names one role twice"));
    }
    if server.is_admin(&first) || server.is_admin(&second) {
        return Err(settings.wrong(
            "roles",
            "names the admin itself, which would lock itself out",
        ));
    }
    Ok(Arc::new(Pair {
        server,
        first,
        second,
        end_sessions: settings.flag("end_sessions", true)?,
    }))
}

impl Pair {
    fn doing(&self, what: &str, role: &str) -> String {
        format!("{what} role {role} on {}", self.server.name)
    }

    fn either(&self, what: &str) -> String {
        format!(
            "{what} roles {} and {} on {}",
            self.first, self.second, self.server.name
        )
    }

    async fn let_in(&self, version: &Versioned, call: &Call) -> Result<(), Fault> {
        let login = Login::of(&version.material, &self.either("set the password of"))?;
        let doing = self.doing("set the password of", &login.username);
        let admin = self.server.admin(call.within, &doing).await?;
        admin.may_change(&login.username).await?;
        admin.let_in(&login).await
    }
}

#[async_trait]
impl Target for Pair {
    fn kind(&self) -> SecretKind {
        SecretKind::Database
    }

    fn dual_run(&self) -> bool {
        true
    }

    async fn generate(
        &self,
        _: &Version,
        current: Option<&Versioned>,
        _: &Call,
    ) -> Result<Material, Fault> {
        let current = match current {
            None => None,
            Some(current) => {
                let doing = self.either("choose between");
                Some(Login::of(&current.material, &doing)?.username)
            }
        };
        let role = if current.as_deref() == Some(self.first.as_str()) {
            &self.second
        } else {
            &self.first
        };
        Ok(Login::random(role).material())
    }

    async fn install(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.let_in(new, call).await
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let login = Login::of(&with.material, &self.either("log in as"))?;
        let doing = self.doing("log in as", &login.username);
        self.server.attempt(&login, call, &doing).await
    }

    /// The server has no notion of a current role: which one is used is up to the consumers.
    async fn activate(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }

    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault> {
        let either = self.either("shut out one of");
        let keep = match super::kept(gone, keep) {
            Some(keep) => Some(Login::of(&keep.material, &either)?),
            None => None,
        };
        let gone = Login::of(&gone.material, &either)?;
        let doing = self.doing("shut out", &gone.username);
        let admin = self.server.admin(call.within, &doing).await?;
        if let Some(keep) = keep.filter(|keep| keep.username == gone.username) {
            // Two versions on one role: only its newest password can be valid.
            return admin.let_in(&keep).await;
        }
        admin.shut_out(&gone.username).await?;
        if self.end_sessions {
            admin.end_sessions(&gone.username).await?;
        }
        Ok(())
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.let_in(old, call).await
    }

    async fn presence(&self, known: &[Versioned]) -> Result<Option<Vec<Presence>>, Fault> {
        let doing = self.either("see who is logged in as");
        let mut logins = Vec::new();
        for version in known {
            let login = Login::of(&version.material, &doing)?;
            logins.push((login.username, version.version.clone()));
        }
        let admin = self.server.admin(super::PATIENCE, &doing).await?;
        let seen = admin.presence(&[&self.first, &self.second]).await?;
        Ok(Some(
            seen.into_iter()
                .map(|(role, mut presence)| {
                    // Where two versions share the role, which of them let them in does not show.
                    let mut of_role = logins.iter().filter(|(name, _)| *name == role);
                    presence.version = match (of_role.next(), of_role.next()) {
                        (Some((_, version)), None) => Some(version.clone()),
                        _ => None,
                    };
                    presence
                })
                .collect(),
        ))
    }
}
