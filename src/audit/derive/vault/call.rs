//! One Vault call, as the rules look at it.

use crate::audit::derive::who::Who;
use crate::audit::derive::windows::Ending;
use crate::audit::identity::IdentityRules;
use crate::audit::record::{VaultCall, VaultEntry, VaultKind};
use crate::model::event::{AuditOutcome, Operation, Stage};
use crate::model::{RotationId, SecretPath, Text, Timestamp, Version};

/// A call and what is known of it at once.
pub struct Call<'a> {
    /// The half that knows most.
    pub entry: &'a VaultEntry,
    /// When it came in; when it was answered where that half is missing.
    pub asked: Timestamp,
    /// When it was answered; when it came in where it was not.
    pub answered: Timestamp,
    /// True where an answer was logged.
    pub is_answered: bool,
    /// Who called.
    pub who: Who,
    /// The path below the mount.
    pub inner: &'a str,
    /// The secret that the path belongs to.
    pub secret: Option<SecretPath>,
}

/// What a rule found out about a call, for its audit entry.
#[derive(Debug, Default)]
pub struct Note {
    /// The rotation that it is part of.
    pub rotation: Option<RotationId>,
    /// The version concerned.
    pub version: Option<Version>,
    /// The stage that it records.
    pub stage: Option<Stage>,
}

impl<'a> Call<'a> {
    /// Looks at a call; `None` where it has no half.
    pub fn new(call: &'a VaultCall, rules: &IdentityRules) -> Option<Self> {
        let entry = call.last()?;
        let request = call.request.as_deref().unwrap_or(entry);
        let mount = entry.mount_point.raw();
        let inner = entry
            .path
            .raw()
            .strip_prefix(mount)
            .unwrap_or(entry.path.raw());
        Some(Self {
            entry,
            asked: request.time,
            answered: entry.time,
            is_answered: entry.kind == VaultKind::Response,
            who: Who::of(entry, rules),
            inner,
            secret: secret_of(entry),
        })
    }

    /// The id of an event that tells `what` of this call.
    pub fn id(&self, what: &str) -> String {
        format!("{}/{what}", self.entry_id())
    }

    /// The id of its audit entry.
    pub fn entry_id(&self) -> String {
        let half = if self.is_answered {
            "response"
        } else {
            "request"
        };
        format!("{}/{half}", self.entry.request_id.raw())
    }

    /// True where it was answered without an error and something was done: behind a wrapped
    /// answer it may wait for an approval.
    pub fn is_done(&self) -> bool {
        self.is_answered && self.entry.error.is_none() && !self.entry.wrapped
    }

    /// True for an operation that writes.
    pub fn writes(&self) -> bool {
        matches!(self.entry.operation.raw(), "create" | "update" | "patch")
    }

    /// True for an operation that reads one thing.
    pub fn reads(&self) -> bool {
        self.entry.operation.raw() == "read"
    }

    /// A login of whatever method.
    pub fn is_login(&self) -> bool {
        self.entry.mount_point.raw().contains("auth/")
            && (self.inner == "login" || self.inner.starts_with("login/"))
    }

    /// How it ended.
    pub fn ending(&self) -> Ending {
        let Some(error) = &self.entry.error else {
            return Ending::Granted;
        };
        let says = |words: &[&str]| words.iter().any(|w| error.raw().contains(w));
        let no_token = says(&[
            "invalid token",
            "bad token",
            "missing client token",
            "token expired",
        ]);
        let no_credential = says(&[
            "invalid credentials",
            "invalid username or password",
            "invalid role or secret ID",
            "invalid role ID",
            "invalid secret id",
            "authentication failed",
            "login failed",
        ]);
        let denied = says(&["permission denied"]);
        // A login that is refused is refused for its credential, whatever the words: a user who is
        // locked out is told "permission denied".
        if no_token || no_credential || (denied && self.is_login()) {
            Ending::Failed401
        } else if denied {
            Ending::Failed403
        } else {
            Ending::FailedOther
        }
    }

    /// The same in the contract's words.
    pub fn outcome(&self) -> AuditOutcome {
        match self.ending() {
            Ending::Granted if !self.is_answered => AuditOutcome::from("unanswered"),
            Ending::Granted => AuditOutcome::Allowed,
            Ending::Failed401 | Ending::Failed403 => AuditOutcome::Denied,
            Ending::FailedOther => AuditOutcome::Error,
        }
    }

    /// What it did.
    pub fn operation(&self) -> Operation {
        let ends = |end: &str| self.inner.ends_with(end);
        let path = self.entry.path.raw();
        match self.entry.operation.raw() {
            "create" | "update" | "patch" if self.is_login() => Operation::Login,
            "create" | "update" | "patch" if self.rotates() => Operation::Rotate,
            "create" | "update" | "patch"
                if path.contains("sys/leases/revoke")
                    || ends("/revoke")
                    || ends("revoke-self")
                    || self.inner == "revoke"
                    || self.inner == "revoke-with-key" =>
            {
                Operation::Revoke
            }
            "create" => Operation::Create,
            "read" => Operation::Read,
            "update" | "patch" | "renew" => Operation::Update,
            "delete" => Operation::Delete,
            "list" | "scan" => Operation::List,
            "revoke" => Operation::Revoke,
            other => Operation::from(other),
        }
    }

    fn rotates(&self) -> bool {
        match self.entry.mount_type.raw() {
            "database" | "ldap" => {
                self.inner.starts_with("rotate-role/") || self.inner.starts_with("rotate-root")
            }
            "transit" => self.inner.starts_with("keys/") && self.inner.ends_with("/rotate"),
            "identity" => self.inner.starts_with("oidc/key/") && self.inner.ends_with("/rotate"),
            _ => false,
        }
    }
}

/// The secret that an entry's path belongs to, as its users name it.
pub fn secret_of(entry: &VaultEntry) -> Option<SecretPath> {
    let lease = entry.lease_id.as_ref().map(Text::raw);
    let (mount_type, mount) = (entry.mount_type.raw(), entry.mount_point.raw());
    secret_at(mount_type, mount, entry.path.raw(), lease)
}

/// The same, of the words that it is told by: the mount's type and place, the path, and a lease.
pub fn secret_at(
    mount_type: &str,
    mount: &str,
    path: &str,
    lease: Option<&str>,
) -> Option<SecretPath> {
    let inner = path.strip_prefix(mount).unwrap_or(path);
    let named = |middle: &str, name: &str| {
        (!name.is_empty()).then(|| SecretPath::from(format!("{mount}{middle}{name}")))
    };
    let (head, name) = inner.split_once('/').unwrap_or((inner, ""));
    match mount_type {
        "database" => match head {
            "static-creds" | "static-roles" | "rotate-role" => named("static-creds/", name),
            "creds" | "roles" => named("creds/", name),
            "config" | "rotate-root" | "reset" => named("config/", name),
            _ => None,
        },
        "ldap" => match head {
            "static-cred" | "static-role" | "rotate-role" => named("static-cred/", name),
            "creds" | "role" => named("creds/", name),
            _ => None,
        },
        "kv" => match head {
            "data" | "metadata" | "delete" | "undelete" | "destroy" | "subkeys" => named("", name),
            "config" => None,
            _ => named("", inner),
        },
        "transit" => match head {
            "keys" => named("keys/", name.split('/').next().unwrap_or(name)),
            "datakey" => named("keys/", name.split_once('/')?.1),
            "encrypt" | "decrypt" | "rewrap" | "sign" | "verify" | "hmac" => {
                named("keys/", name.split('/').next().unwrap_or(name))
            }
            _ => None,
        },
        "pki" => match head {
            "issue" | "sign" | "roles" => named("issue/", name),
            _ => None,
        },
        "identity" => {
            let key = inner.strip_prefix("oidc/key/")?;
            named("oidc/key/", key.strip_suffix("/rotate").unwrap_or(key))
        }
        _ => leased(path, lease),
    }
}

/// The secret of a lease or of a prefix of leases.
fn leased(path: &str, lease: Option<&str>) -> Option<SecretPath> {
    let (namespace, rest) = path.split_once("sys/leases/")?;
    if let Some(lease) = lease {
        return Some(secret_of_lease(lease));
    }
    let (_, prefix) = rest.split_once('/')?;
    let prefix = prefix.trim_matches('/');
    (!prefix.is_empty()).then(|| SecretPath::from(format!("{namespace}{prefix}")))
}

/// A lease's id is its secret's path and a name of its own.
pub fn secret_of_lease(lease: &str) -> SecretPath {
    SecretPath::from(lease.rsplit_once('/').map_or(lease, |(secret, _)| secret))
}
