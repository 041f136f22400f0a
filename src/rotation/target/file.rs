//! `file`: a secret in a file that a program or a sidecar reads, replaced whole. With `dual_run`
//! the program also accepts what lies in `PATH.next` and `PATH.previous`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::shared::http::{Ask, Http};
use super::shared::login::random_words;
use super::shared::reload::Reload;
use super::shared::replace::{content, remove, replace, with_suffix};
use super::shared::settings::{SettingError, Settings};
use super::{Answer, Call, Target, Versioned};
use crate::model::event::SecretKind;
use crate::model::{Text, Version};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::material::Material;

struct InFile {
    path: PathBuf,
    next: PathBuf,
    previous: PathBuf,
    mode: u32,
    dual_run: bool,
    reload: Reload,
    check: Option<String>,
    http: Http,
    kind: SecretKind,
}

/// Reads `path`, `mode` (`0600` unless said), `dual_run` (false unless said), how the program
/// learns of it ([`Reload::of`]), `check_url` (a service that answers whether it lets the secret
/// in) and `secret_kind`.
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let path = settings.path("path")?;
    if path.file_name().is_none() {
        return Err(settings.wrong("path", "names no file"));
    }
    let mode = settings.text_or("mode", "0600")?;
    let mode = u32::from_str_radix(&mode, 8)
        .ok()
        .filter(|mode| mode & !0o660 == 0 && mode & 0o400 != 0)
        .ok_or_else(|| {
            settings.wrong(
                "mode",
                "must be octal and let nobody else read it, as 0600 or 0640",
            )
        })?;
    Ok(Arc::new(InFile {
        next: with_suffix(&path, ".next"),
        previous: with_suffix(&path, ".previous"),
        path,
        mode,
        dual_run: settings.flag("dual_run", false)?,
        reload: Reload::of(settings)?,
        check: settings.maybe_url("check_url")?,
        http: Http::new(None).map_err(|e| settings.wrong("check_url", e))?,
        kind: super::secret_kind(settings)?,
    }))
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

fn holds(path: &Path, version: &Versioned, doing: &str) -> Result<bool, Fault> {
    let found = content(path, doing)?.map(Zeroizing::new);
    Ok(found.is_some_and(|found| same(&found, version.material.expose())))
}

impl InFile {
    fn doing(&self, what: &str) -> String {
        format!("{what} {}", self.path.display())
    }

    async fn write(&self, path: &Path, version: &Versioned, doing: &str) -> Result<(), Fault> {
        if holds(path, version, doing)? {
            return Ok(());
        }
        replace(path, version.material.expose(), self.mode, doing).await
    }

    async fn tell(&self, call: &Call) -> Result<(), Fault> {
        let doing = format!("have {} read again", self.path.display());
        self.reload.tell(&call.key, call.within, &doing).await
    }

    /// Puts a version in place and keeps the one before it where both are to be accepted.
    async fn make_current(
        &self,
        version: &Versioned,
        before: Option<&Versioned>,
        call: &Call,
        doing: &str,
    ) -> Result<(), Fault> {
        if let Some(before) = before.filter(|_| self.dual_run) {
            self.write(&self.previous, before, doing).await?;
        }
        self.write(&self.path, version, doing).await?;
        if holds(&self.next, version, doing)? {
            remove(&self.next, doing)?;
        }
        self.tell(call).await
    }
}

#[async_trait]
impl Target for InFile {
    fn kind(&self) -> SecretKind {
        self.kind.clone()
    }

    fn dual_run(&self) -> bool {
        self.dual_run
    }

    async fn generate(
        &self,
        _: &Version,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<Material, Fault> {
        Ok(Material::new(random_words().as_bytes().to_vec()))
    }

    async fn install(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("stage a version of");
        if holds(&self.path, new, &doing)? {
            return Ok(());
        }
        self.write(&self.next, new, &doing).await?;
        if self.dual_run {
            self.tell(call).await?;
        }
        Ok(())
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        if let Some(url) = &self.check {
            let doing = format!("present the secret at {url}");
            let material = with.material.expose_str().ok_or_else(|| {
                Fault::new(FaultKind::Local, &doing, "the kept material is no text")
            })?;
            let hide: [&[u8]; 1] = [material.as_bytes()];
            let mut ask = Ask::new(Method::GET, url, call.within, &doing);
            ask.bearer = Some(material);
            ask.hide = &hide;
            let reply = self.http.ask(&ask).await?;
            return match reply.status {
                200..300 => Ok(Answer::Accepted),
                401 | 403 => Ok(Answer::Refused(reply.words(&hide))),
                _ => Err(reply.fault(&doing, &hide)),
            };
        }
        let doing = self.doing("look into");
        let mut accepted = holds(&self.path, with, &doing)?;
        if self.dual_run {
            accepted |= holds(&self.next, with, &doing)?;
            accepted |= holds(&self.previous, with, &doing)?;
        }
        Ok(if accepted {
            Answer::Accepted
        } else {
            Answer::Refused(Text::from("the file holds another version"))
        })
    }

    async fn activate(
        &self,
        new: &Versioned,
        old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("replace");
        self.make_current(new, old, call, &doing).await
    }

    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault> {
        let doing = self.doing("remove a version of");
        for path in [&self.next, &self.previous] {
            if holds(path, gone, &doing)? {
                remove(path, &doing)?;
            }
        }
        if holds(&self.path, gone, &doing)? {
            match super::kept(gone, keep) {
                Some(keep) => self.write(&self.path, keep, &doing).await?,
                None => remove(&self.path, &doing)?,
            }
        }
        self.tell(call).await
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        new: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("bring a former version back to");
        self.make_current(old, new, call, &doing).await?;
        // It is the current one now, not the one before it.
        if holds(&self.previous, old, &doing)? {
            remove(&self.previous, &doing)?;
        }
        Ok(())
    }
}
