//! What an Azure record means.
//!
//! Decision rules:
//! 1. `https://VAULT…/secrets/NAME[/VERSION]`, and the same of keys and certificates, is the secret
//!    without the address' scheme and the version.
//! 2. `KeyRotate` and `…/rotate/action` rotate; other names say by their last verb what was done.
//! 3. An actor without an `@` is an application, and its id the service.
//! 4. Key Vault answers 401 to a call without a token to tell its caller where to get one. It is a
//!    refusal, and of nobody's authentication.

use crate::audit::derive::meaning::Meaning;
use crate::audit::record::{CallEnding, ServiceCall};
use crate::model::event::Operation;
use crate::model::{SecretPath, ServiceName, Text, Version};

/// What `call` means.
pub fn meaning(call: &ServiceCall) -> Meaning {
    let (secret, version) = secret(call);
    let is_challenge = call.api.raw() == "keyvault"
        && call.actor.is_none()
        && call.ending == CallEnding::Unauthenticated;
    Meaning {
        operation: operation(call.method.raw()),
        secret: secret.map(SecretPath::from),
        version: version.map(Version::from),
        service: call.actor.as_ref().and_then(service),
        uses: call.method.raw() == "SecretGet",
        authenticates: !is_challenge,
    }
}

/// An application is the service of its id; a person has an address.
fn service(actor: &Text) -> Option<ServiceName> {
    (!actor.raw().contains('@')).then(|| ServiceName(actor.clone()))
}

/// The secret that it is about, and its version.
pub fn secret(call: &ServiceCall) -> (Option<&str>, Option<&str>) {
    let uri = call.resource.as_ref().map_or("", Text::raw);
    let Some(rest) = uri.strip_prefix("https://") else {
        return (None, None);
    };
    let mut parts = rest.trim_end_matches('/').split('/');
    let (Some(host), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return (None, None);
    };
    if !matches!(kind, "secrets" | "keys" | "certificates") || name.is_empty() {
        return (None, None);
    }
    let version = parts.next().filter(|version| {
        let is_hex = version.bytes().all(|b| b.is_ascii_hexdigit());
        version.len() == 32 && is_hex
    });
    // Two slashes stand between them.
    (
        rest.get(..host.len() + kind.len() + name.len() + 2),
        version,
    )
}

/// By Key Vault's names (`SecretGet`) and the paths of the Activity log
/// (`Microsoft.KeyVault/vaults/write`).
fn operation(method: &str) -> Operation {
    let lower = method.to_ascii_lowercase();
    let verb = match lower.strip_suffix("/action") {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => lower.rsplit('/').next().unwrap_or(&lower),
    };
    let ends = |ends: &[&str]| ends.iter().any(|end| verb.ends_with(end));
    if verb == "authentication" {
        Operation::Login
    } else if ends(&["rotate"]) {
        Operation::Rotate
    } else if ends(&["revoke"]) {
        Operation::Revoke
    } else if ends(&["list", "listversions", "listdeleted", "listkeys"]) {
        Operation::List
    } else if ends(&["delete", "purge"]) {
        Operation::Delete
    } else if ends(&[
        "create",
        "import",
        "secretset",
        "regenerate",
        "regeneratekey",
    ]) {
        Operation::Create
    } else if ends(&[
        "get",
        "getdeleted",
        "read",
        "decrypt",
        "unwrap",
        "wrap",
        "sign",
        "verify",
    ]) || ends(&["encrypt", "backup"])
    {
        Operation::Read
    } else {
        Operation::Update
    }
}
