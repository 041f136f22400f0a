//! What a call of the Kubernetes API means.
//!
//! Decision rules:
//! 1. `secrets` of the core group with a name are secrets, `namespaces/NS/secrets/NAME`.
//! 2. A token that is made for a service account (`serviceaccounts/NAME/token`) belongs to that
//!    account, which stands as the secret.
//! 3. `tokenreviews` are logins: somebody's token is asked about.
//! 4. A service account `system:serviceaccount:NS:NAME` is the service NAME; everybody else is
//!    their own name.

use crate::audit::derive::meaning::Meaning;
use crate::audit::record::ServiceCall;
use crate::model::event::Operation;
use crate::model::{SecretPath, ServiceName, Text};

/// What `call` means.
pub fn meaning(call: &ServiceCall) -> Meaning {
    let path = call.resource.as_ref().map_or("", Text::raw);
    Meaning {
        operation: operation(call.method.raw(), Object::of(path).kind),
        secret: secret(call).map(SecretPath::from),
        version: None,
        service: call.actor.as_ref().and_then(service),
        // A secret has no version that the log tells.
        uses: false,
        authenticates: true,
    }
}

/// The secret that it is about.
pub fn secret(call: &ServiceCall) -> Option<&str> {
    let path = call.resource.as_ref().map_or("", Text::raw);
    let object = Object::of(path);
    let is_token = object.kind == "serviceaccounts" && object.subresource == Some("token");
    match object.name {
        Some(_) if object.kind == "secrets" => Some(path),
        Some(_) if is_token => path.strip_suffix("/token"),
        _ => None,
    }
}

/// The parts of `namespaces/NS/KIND/NAME/SUBRESOURCE`.
struct Object<'a> {
    kind: &'a str,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
}

impl<'a> Object<'a> {
    fn of(path: &'a str) -> Self {
        let mut parts = path.split('/');
        let mut next = || parts.next();
        let mut kind = next().unwrap_or_default();
        let mut name = next();
        if kind == "namespaces"
            && name.is_some()
            && let Some(inner) = next()
        {
            kind = inner;
            name = next();
        }
        Self {
            kind,
            name,
            subresource: next(),
        }
    }
}

fn operation(verb: &str, kind: &str) -> Operation {
    if matches!(kind, "tokenreviews.authentication.k8s.io" | "tokenreviews") {
        return Operation::Login;
    }
    match verb {
        "get" => Operation::Read,
        "list" | "watch" => Operation::List,
        "create" => Operation::Create,
        "delete" | "deletecollection" => Operation::Delete,
        _ => Operation::Update,
    }
}

fn service(actor: &Text) -> Option<ServiceName> {
    let account = actor.raw().strip_prefix("system:serviceaccount:")?;
    let (_, name) = account.split_once(':')?;
    Some(ServiceName::from(name))
}
