//! Who called, as far as an entry tells: a machine that can be a consumer, a person, or nobody
//! known.
//!
//! Decision rules, first match first:
//! 1. A user's rule that names a consumer: that consumer.
//! 2. `metadata.consumer`: that consumer; its service is `service`, `role_name` or `role`.
//! 3. `metadata.service_account_name`: the Kubernetes account `namespace/name`, and, since several
//!    pods share one, the address; its service as in 2, else the account.
//! 4. An ARN in the metadata: its last part and the address.
//! 5. `metadata.role_name`, `role` or `common_name`: that name and the address.
//! 6. `metadata.username`: a person. Else the display name: an operator or an unknown.
//! 7. No `auth` at all: of a refused login the name in its path, else nobody.
//!
//! Only 1 to 5 can be consumers.

use crate::audit::identity::{IdentityRules, Said};
use crate::audit::record::{VaultAuth, VaultEntry};
use crate::model::{Actor, ConsumerId, Region, ServiceName, Text};

/// Whoever called without saying who.
pub const NOBODY: &str = "unauthenticated";

/// Who called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name under which it is audited.
    pub actor: Actor,
    /// The consumer, where it is a machine.
    pub consumer: Option<ConsumerId>,
    /// The service whose authentications its calls are.
    pub service: ServiceName,
    /// Where it runs, where that is said.
    pub region: Option<Region>,
    /// Other names by which backends may know it and only it.
    pub identities: Vec<Actor>,
}

impl Who {
    /// Reads who made a Vault call.
    pub fn of(entry: &VaultEntry, rules: &IdentityRules) -> Self {
        let mut who = match &entry.auth {
            Some(auth) => Self::authenticated(auth, entry),
            None => Self::named(claimed(entry).unwrap_or_else(|| Text::from(NOBODY))),
        };
        if let Some(address) = &entry.remote_address {
            who.identities.push(Actor(address.clone()));
        }
        if !rules.is_empty() {
            who.ruled(entry, rules);
        }
        who
    }

    fn authenticated(auth: &VaultAuth, entry: &VaultEntry) -> Self {
        let meta = |key: &str| auth.meta(key).filter(|value| !value.is_empty());
        let role = || meta("role_name").or_else(|| meta("role"));
        let region = meta("region").cloned().map(Region);
        let service = |fallback: &Text| {
            let said = meta("service").or_else(role);
            ServiceName(said.unwrap_or(fallback).clone())
        };
        if let Some(name) = meta("consumer") {
            return Self::machine(name.clone(), service(name), region);
        }
        let address = entry.remote_address.as_ref();
        if let Some(account) = meta("service_account_name") {
            let namespace = meta("service_account_namespace").map_or("default", Text::raw);
            let name = Text::from(format!("{namespace}/{}", account.raw()));
            return Self::machine(at(&name, address), service(account), region).known_as(name);
        }
        let arn = ["canonical_arn", "client_arn", "arn"];
        if let Some(arn) = arn.into_iter().find_map(meta) {
            let last = arn.raw().rsplit(['/', ':']).next().unwrap_or(arn.raw());
            let name = Text::from(last);
            return Self::machine(at(&name, address), service(&name), region).known_as(arn.clone());
        }
        if let Some(name) = role().or_else(|| meta("common_name")) {
            return Self::machine(at(name, address), service(name), region);
        }
        let name = meta("username").or(auth.display_name.as_ref());
        let name = name.or(auth.entity_id.as_ref()).cloned();
        Self {
            region,
            ..Self::named(name.unwrap_or_else(|| Text::from(NOBODY)))
        }
    }

    fn named(name: Text) -> Self {
        Self {
            service: ServiceName(name.clone()),
            actor: Actor(name),
            consumer: None,
            region: None,
            identities: Vec::new(),
        }
    }

    fn machine(name: Text, service: ServiceName, region: Option<Region>) -> Self {
        Self {
            service,
            region,
            consumer: Some(ConsumerId(name.clone())),
            ..Self::named(name)
        }
    }

    fn known_as(mut self, name: Text) -> Self {
        self.identities.push(Actor(name));
        self
    }

    fn ruled(&mut self, entry: &VaultEntry, rules: &IdentityRules) {
        let auth = entry.auth.as_ref();
        let said = rules.say(&|field| {
            let words = match field {
                "display_name" => auth.and_then(|a| a.display_name.as_ref()),
                "entity_id" => auth.and_then(|a| a.entity_id.as_ref()),
                "mount_point" => Some(&entry.mount_point),
                "remote_address" => entry.remote_address.as_ref(),
                other => auth.and_then(|a| a.meta(other.strip_prefix("metadata.")?)),
            };
            words.map(Text::raw)
        });
        if let Some(said) = said {
            self.is_said(said);
        }
    }

    /// Takes over what a rule says of whom it fits.
    pub fn is_said(&mut self, said: Said) {
        if let Some(consumer) = said.consumer {
            self.actor = Actor(consumer.0.clone());
            self.consumer = Some(consumer);
        }
        if let Some(service) = said.service {
            self.service = service;
        }
        self.region = said.region.or_else(|| self.region.take());
    }
}

fn at(name: &Text, address: Option<&Text>) -> Text {
    match address {
        Some(address) => Text::from(format!("{}@{}", name.raw(), address.raw())),
        None => name.clone(),
    }
}

/// The name that a refused login claims: `auth/userpass/login/tomas`.
fn claimed(entry: &VaultEntry) -> Option<Text> {
    let (mount, rest) = entry.path.raw().split_once("/login")?;
    let mount = mount.rsplit('/').next().unwrap_or(mount);
    Some(
        match rest.strip_prefix('/').filter(|name| !name.is_empty()) {
            Some(name) => Text::from(format!("{mount}-{name}")),
            None => Text::from(mount),
        },
    )
}
