//! What a call of a Google Cloud API means.
//!
//! Decision rules:
//! 1. `…/secrets/NAME[/versions/N]` of Secret Manager is the secret and its version; of KMS,
//!    `…/cryptoKeys/NAME[/cryptoKeyVersions/N]` the key and its version.
//! 2. Of IAM's calls about keys of a service account, the account is the secret and the key's id
//!    the version.
//! 3. What makes a token (`ExchangeToken`, `GenerateAccessToken`, `GenerateIdToken`, `SignJwt`)
//!    is a login, of the account that is named.
//! 4. A service account is the service that its address begins with.

use crate::audit::derive::meaning::Meaning;
use crate::audit::record::ServiceCall;
use crate::model::event::Operation;
use crate::model::{SecretPath, ServiceName, Text, Version};

/// What `call` means.
pub fn meaning(call: &ServiceCall) -> Meaning {
    let method = method(call);
    let (secret, version) = secret(call);
    Meaning {
        operation: operation(method),
        secret: secret.map(SecretPath::from),
        version: version.map(Version::from),
        service: call.actor.as_ref().and_then(service),
        uses: method == "AccessSecretVersion",
        authenticates: true,
    }
}

/// The name of what was called, without the names of its service.
fn method(call: &ServiceCall) -> &str {
    call.method.raw().rsplit('.').next().unwrap_or_default()
}

/// The secret that it is about, and its version.
pub fn secret(call: &ServiceCall) -> (Option<&str>, Option<&str>) {
    let path = call.resource.as_ref().map_or("", Text::raw);
    match call.api.raw() {
        "secretmanager.googleapis.com" => divided(path, "/secrets/", "/versions/"),
        "cloudkms.googleapis.com" => divided(path, "/cryptoKeys/", "/cryptoKeyVersions/"),
        "iam.googleapis.com" if method(call).contains("ServiceAccountKey") => {
            divided(path, "/serviceAccounts/", "/keys/")
        }
        "iamcredentials.googleapis.com" => divided(path, "/serviceAccounts/", "/keys/"),
        _ => (None, None),
    }
}

/// What stands before the version and the version, where the path is that of a secret. `latest`
/// names no version.
fn divided<'a>(path: &'a str, of: &str, versions: &str) -> (Option<&'a str>, Option<&'a str>) {
    let is_one = path
        .split_once(of)
        .is_some_and(|(_, name)| !name.is_empty());
    if !is_one {
        return (None, None);
    }
    match path.split_once(versions) {
        Some((secret, version)) => (
            Some(secret),
            Some(version).filter(|v| !v.is_empty() && *v != "latest"),
        ),
        None => (Some(path), None),
    }
}

/// By the name of the method behind its last dot.
fn operation(method: &str) -> Operation {
    let begins = |verbs: &[&str]| {
        verbs.iter().any(|verb| {
            method
                .get(..verb.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(verb))
        })
    };
    let login = ["ExchangeToken", "GenerateAccessToken", "GenerateIdToken"];
    if begins(&login) || begins(&["SignJwt"]) {
        Operation::Login
    } else if begins(&["Destroy", "Disable", "Revoke"]) {
        Operation::Revoke
    } else if begins(&["Delete"]) {
        Operation::Delete
    } else if begins(&["Add", "Create", "Insert", "Import", "Upload"]) {
        Operation::Create
    } else if begins(&["List", "Search"]) {
        Operation::List
    } else if begins(&[
        "Access",
        "Get",
        "Encrypt",
        "Decrypt",
        "Asymmetric",
        "Raw",
        "Mac",
        "SignBlob",
        "Test",
        "Batch",
        "Export",
    ]) {
        Operation::Read
    } else {
        Operation::Update
    }
}

fn service(actor: &Text) -> Option<ServiceName> {
    let (name, domain) = actor.raw().split_once('@')?;
    domain
        .ends_with("gserviceaccount.com")
        .then(|| ServiceName::from(name))
}
