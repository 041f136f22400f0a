//! The audit log of a Kubernetes API server, `audit.k8s.io/v1` and its betas: one `Event` a line
//! as the log backend writes them, and `EventList` documents as the webhook backend posts them
//! (`k8s.io/apiserver`, `pkg/apis/audit/v1/types.go`).
//!
//! The server tells of one call at several stages under one `auditID`; they are joined where
//! inputs are merged. Objects that were sent or answered are skipped unread: at the levels
//! `Request` and `RequestResponse` those of secrets hold their values.

use serde::{Deserialize, Deserializer};

use super::members::{self, Json, Members, Once};
use super::text::{Words, name, prose};
use crate::audit::record::{CallEnding, CallStage, Provider, Record, ServiceCall};
use crate::model::mask::{cut, target};
use crate::model::{Text, Timestamp};

/// The member of an `EventList` that holds its events.
pub const MEMBERS: &[&str] = &["items"];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Once<Words<'a>>,
    #[serde(borrow, rename = "auditID")]
    audit_id: Once<Words<'a>>,
    #[serde(borrow)]
    stage: Once<Words<'a>>,
    #[serde(borrow, rename = "requestURI")]
    request_uri: Once<Words<'a>>,
    #[serde(borrow)]
    verb: Once<Words<'a>>,
    #[serde(borrow, default, deserialize_with = "members::object")]
    user: Once<User<'a>>,
    #[serde(borrow, default, deserialize_with = "members::object")]
    impersonated_user: Once<User<'a>>,
    /// The first of them.
    #[serde(rename = "sourceIPs", default, deserialize_with = "first")]
    source_ip: Once<Text>,
    #[serde(borrow)]
    user_agent: Once<Words<'a>>,
    #[serde(borrow, default, deserialize_with = "members::object")]
    object_ref: Once<ObjectRef<'a>>,
    #[serde(borrow, default, deserialize_with = "members::object")]
    response_status: Once<Status<'a>>,
    #[serde(borrow)]
    request_received_timestamp: Once<Words<'a>>,
    #[serde(borrow)]
    stage_timestamp: Once<Words<'a>>,
    /// The time of the betas.
    #[serde(borrow)]
    timestamp: Once<Words<'a>>,
}

impl<'a> Members<'a> for Raw<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "kind" => json.words(&mut self.kind),
            "auditID" => json.words(&mut self.audit_id),
            "stage" => json.words(&mut self.stage),
            "requestURI" => json.words(&mut self.request_uri),
            "verb" => json.words(&mut self.verb),
            "user" => json.part(&mut self.user),
            "impersonatedUser" => json.part(&mut self.impersonated_user),
            "sourceIPs" => json.first_of_list(&mut self.source_ip, |words| words.name()),
            "userAgent" => json.words(&mut self.user_agent),
            "objectRef" => json.part(&mut self.object_ref),
            "responseStatus" => json.part(&mut self.response_status),
            "requestReceivedTimestamp" => json.words(&mut self.request_received_timestamp),
            "stageTimestamp" => json.words(&mut self.stage_timestamp),
            "timestamp" => json.words(&mut self.timestamp),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    username: Once<Words<'a>>,
}

impl<'a> Members<'a> for User<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "username" => json.words(&mut self.username),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef<'a> {
    #[serde(borrow)]
    resource: Once<Words<'a>>,
    #[serde(borrow)]
    namespace: Once<Words<'a>>,
    #[serde(borrow)]
    name: Once<Words<'a>>,
    #[serde(borrow)]
    api_group: Once<Words<'a>>,
    #[serde(borrow)]
    subresource: Once<Words<'a>>,
}

impl<'a> Members<'a> for ObjectRef<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "resource" => json.words(&mut self.resource),
            "namespace" => json.words(&mut self.namespace),
            "name" => json.words(&mut self.name),
            "apiGroup" => json.words(&mut self.api_group),
            "subresource" => json.words(&mut self.subresource),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    message: Once<Words<'a>>,
    #[serde(borrow)]
    reason: Once<Words<'a>>,
    #[serde(borrow)]
    code: Once<Words<'a>>,
}

impl<'a> Members<'a> for Status<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "message" => json.words(&mut self.message),
            "reason" => json.words(&mut self.reason),
            "code" => json.words(&mut self.code),
            _ => json.skip(),
        }
    }
}

/// Reads one event.
///
/// # Errors
/// The reason, for a person, and without any of the event's words.
pub fn read(bytes: &[u8]) -> Result<Record, String> {
    members::read(bytes, "Kubernetes audit event", event)
}

fn event(raw: &Raw<'_>) -> Result<Record, String> {
    if raw.kind.as_ref().is_none_or(|kind| kind.0 != "Event") {
        return Err("no Kubernetes audit event: its kind is not Event".to_owned());
    }
    let id = name(raw.audit_id.as_ref()).ok_or("no auditID")?;
    let method = name(raw.verb.as_ref()).ok_or("no verb")?;
    let times = [
        raw.stage_timestamp.as_ref(),
        raw.request_received_timestamp.as_ref(),
        raw.timestamp.as_ref(),
    ];
    let time = times.into_iter().flatten().find(|time| !time.0.is_empty());
    let time = Timestamp::parse(&time.ok_or("no stageTimestamp")?.0)
        .map_err(|e| format!("stageTimestamp: {e}"))?;
    let stage = stage(raw.stage.as_ref());
    let (ending, error) = ending(raw, stage);
    let user = |user: &Once<User<'_>>| {
        let user = user.as_ref()?;
        name(user.username.as_ref())
    };
    Ok(Record::Call(Box::new(ServiceCall {
        provider: Provider::Kubernetes,
        time,
        stage,
        id: Some(id),
        api: "kubernetes".into(),
        method,
        actor: user(&raw.user),
        acting_as: user(&raw.impersonated_user),
        user_agent: prose(raw.user_agent.as_ref()),
        resource: resource(raw),
        remote_address: raw.source_ip.clone(),
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
fn ending<'r>(raw: &'r Raw<'_>, stage: CallStage) -> (CallEnding, Option<Text>) {
    let status = raw.response_status.as_ref();
    let code = status.and_then(|s| s.code.as_ref());
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
    let said = |words: Option<&'r Words<'_>>| words.map_or("", |words| words.0.as_ref());
    let reason = said(status.and_then(|s| s.reason.as_ref()));
    let message = said(status.and_then(|s| s.message.as_ref()));
    let ending = CallEnding::of_http(code, &format!("{reason} {message}"));
    let number = code.to_string();
    let parts = [number.as_str(), reason, message];
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
    let object = raw.object_ref.as_ref();
    let kind = object.and_then(|o| o.resource.as_ref());
    let (Some(object), Some(kind)) = (object, kind.filter(|kind| !kind.0.is_empty())) else {
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
fn first<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Once<Text>, D::Error> {
    members::apart(deserializer, |raw| {
        let words = raw.get();
        if !words.starts_with('[') {
            return None;
        }
        let list: Vec<Words<'_>> = serde_json::from_str(words).ok()?;
        list.first().and_then(Words::name)
    })
}

#[cfg(test)]
mod tests;
