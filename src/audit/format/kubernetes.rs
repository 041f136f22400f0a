//! The audit log of a Kubernetes API server, `audit.k8s.io/v1` and its betas: one `Event` a line
//! as the log backend writes them, and `EventList` documents as the webhook backend posts them
//! (`k8s.io/apiserver`, `pkg/apis/audit/v1/types.go`).
//!
//! The server tells of one call at several stages under one `auditID`; they are joined where
//! inputs are merged. Objects that were sent or answered are skipped unread: at the levels
//! `Request` and `RequestResponse` those of secrets hold their values.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::{Words, json, name, part, prose};
use crate::audit::record::{CallEnding, CallStage, Provider, Record, ServiceCall};
use crate::model::mask::{cut, target};
use crate::model::{Text, Timestamp};

/// The member of an `EventList` that holds its events.
pub const MEMBERS: &[&str] = &["items"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Option<Words<'a>>,
    #[serde(borrow, rename = "auditID")]
    audit_id: Option<Words<'a>>,
    #[serde(borrow)]
    stage: Option<Words<'a>>,
    #[serde(borrow, rename = "requestURI")]
    request_uri: Option<Words<'a>>,
    #[serde(borrow)]
    verb: Option<Words<'a>>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    impersonated_user: Option<&'a RawValue>,
    #[serde(borrow, rename = "sourceIPs")]
    source_ips: Option<&'a RawValue>,
    #[serde(borrow)]
    user_agent: Option<Words<'a>>,
    #[serde(borrow)]
    object_ref: Option<&'a RawValue>,
    #[serde(borrow)]
    response_status: Option<&'a RawValue>,
    #[serde(borrow)]
    request_received_timestamp: Option<Words<'a>>,
    #[serde(borrow)]
    stage_timestamp: Option<Words<'a>>,
    /// The time of the betas.
    #[serde(borrow)]
    timestamp: Option<Words<'a>>,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    username: Option<Words<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef<'a> {
    #[serde(borrow)]
    resource: Option<Words<'a>>,
    #[serde(borrow)]
    namespace: Option<Words<'a>>,
    #[serde(borrow)]
    name: Option<Words<'a>>,
    #[serde(borrow)]
    api_group: Option<Words<'a>>,
    #[serde(borrow)]
    subresource: Option<Words<'a>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    message: Option<Words<'a>>,
    #[serde(borrow)]
    reason: Option<Words<'a>>,
    #[serde(borrow)]
    code: Option<Words<'a>>,
}

/// Reads one event.
///
/// # Errors
/// The reason, for a person, and without any of the event's words.
pub fn read(bytes: &[u8]) -> Result<Record, String> {
    let raw: Raw<'_> = json(bytes, "Kubernetes audit event")?;
    if raw.kind.as_ref().is_none_or(|kind| kind.0 != "Event") {
        return Err("no Kubernetes audit event: its kind is not Event".to_owned());
    }
    let id = name(raw.audit_id.as_ref()).ok_or("no auditID")?;
    let method = name(raw.verb.as_ref()).ok_or("no verb")?;
    let times = [
        &raw.stage_timestamp,
        &raw.request_received_timestamp,
        &raw.timestamp,
    ];
    let time = times.into_iter().flatten().find(|time| !time.0.is_empty());
    let time = Timestamp::parse(&time.ok_or("no stageTimestamp")?.0)
        .map_err(|e| format!("stageTimestamp: {e}"))?;
    let stage = stage(raw.stage.as_ref());
    let (ending, error) = ending(&raw, stage);
    let user = |raw| part::<User<'_>>(raw).and_then(|user| name(user.username.as_ref()));
    Ok(Record::Call(Box::new(ServiceCall {
        provider: Provider::Kubernetes,
        time,
        stage,
        id: Some(id),
        api: "kubernetes".into(),
        method,
        actor: user(raw.user),
        acting_as: user(raw.impersonated_user),
        remote_address: first(raw.source_ips),
        user_agent: prose(raw.user_agent.as_ref()),
        resource: resource(&raw),
        region: None,
        ending,
        error,
    })))
}

fn stage(words: Option<&Words<'_>>) -> CallStage {
    match words.map_or("", |w| w.0.as_ref()) {
        "RequestReceived" => CallStage::Received,
        "ResponseStarted" => CallStage::Started,
        // ResponseComplete, Panic, and none.
        _ => CallStage::Done,
    }
}

/// How it ended. A panic has no status, or 500.
fn ending(raw: &Raw<'_>, stage: CallStage) -> (CallEnding, Option<Text>) {
    let status: Option<Status<'_>> = part(raw.response_status);
    let code = status.as_ref().and_then(|s| s.code.as_ref());
    let code: Option<u16> = code.and_then(|code| code.0.parse().ok());
    let panicked = raw.stage.as_ref().is_some_and(|stage| stage.0 == "Panic");
    let code = match code {
        Some(code) => code,
        None if panicked => 500,
        None if stage == CallStage::Received => return (CallEnding::Open, None),
        None => return (CallEnding::Granted, None),
    };
    if code < 400 {
        return (CallEnding::of_http(code, ""), None);
    }
    let said = |words: Option<&Words<'_>>| words.map_or(String::new(), |w| w.0.to_string());
    let reason = said(status.as_ref().and_then(|s| s.reason.as_ref()));
    let message = said(status.as_ref().and_then(|s| s.message.as_ref()));
    let ending = CallEnding::of_http(code, &format!("{reason} {message}"));
    let parts = [code.to_string(), reason, message];
    let parts: Vec<&str> = parts
        .iter()
        .map(|p| p.trim())
        .filter(|p| !p.is_empty())
        .collect();
    let words = Words(parts.join(" ").into());
    (ending, words.prose())
}

/// `namespaces/NAMESPACE/RESOURCE.GROUP/NAME/SUBRESOURCE`, as far as the event tells; of a call
/// about no object its path.
fn resource(raw: &Raw<'_>) -> Option<Text> {
    let object: Option<ObjectRef<'_>> = part(raw.object_ref);
    let kind = object.as_ref().and_then(|o| o.resource.as_ref());
    let (Some(object), Some(kind)) = (&object, kind.filter(|kind| !kind.0.is_empty())) else {
        let uri = raw.request_uri.as_ref().filter(|uri| !uri.0.is_empty())?;
        return Some(Text::from(target(&uri.0)));
    };
    let mut path = String::with_capacity(128);
    if let Some(namespace) = given(object.namespace.as_ref()) {
        path.push_str("namespaces/");
        path.push_str(namespace);
        path.push('/');
    }
    path.push_str(&kind.0);
    if let Some(group) = given(object.api_group.as_ref()) {
        path.push('.');
        path.push_str(group);
    }
    let more = [
        given(object.name.as_ref()),
        given(object.subresource.as_ref()),
    ];
    for part in more.into_iter().flatten() {
        path.push('/');
        path.push_str(part);
    }
    Some(Text::from(cut(&path)))
}

fn given<'w>(words: Option<&'w Words<'_>>) -> Option<&'w str> {
    let words = words.map(|w| w.0.as_ref());
    words.filter(|words| !words.is_empty())
}

/// The first of a list of strings.
fn first(raw: Option<&RawValue>) -> Option<Text> {
    let words = raw?.get();
    if !words.starts_with('[') {
        return None;
    }
    let list: Vec<Words<'_>> = serde_json::from_str(words).ok()?;
    list.first().and_then(Words::name)
}

#[cfg(test)]
mod tests;
