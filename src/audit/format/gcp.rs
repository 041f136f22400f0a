//! Google Cloud's audit logs: log entries whose `protoPayload` is a
//! `google.cloud.audit.AuditLog`, one a line as a sink writes them, in an array as
//! `gcloud logging read --format json` prints them, or in `entries` as the API answers.
//!
//! `request`, `response` and `metadata` are skipped unread: what was sent to Secret Manager stands
//! there.

use serde::{Deserialize, Deserializer};

use super::members::{self, Json, Members, Once};
use super::text::{Words, name, prose};
use crate::audit::record::{CallEnding, CallStage, Provider, Record, ServiceCall};
use crate::model::{Text, Timestamp};

/// The member of an answer of the API that holds its entries.
pub const MEMBERS: &[&str] = &["entries"];

/// The type of the payload.
pub const PAYLOAD: &str = "google.cloud.audit.AuditLog";

/// A member that should be an object, as [`members::object`] has it.
#[derive(Default)]
struct Part<T>(Once<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        members::object(deserializer).map(Self)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    insert_id: Once<Words<'a>>,
    #[serde(borrow)]
    timestamp: Once<Words<'a>>,
    #[serde(borrow)]
    receive_timestamp: Once<Words<'a>>,
    #[serde(borrow)]
    proto_payload: Part<Payload<'a>>,
    #[serde(borrow)]
    resource: Part<Resource<'a>>,
    operation: Part<Operation>,
}

impl<'a> Members<'a> for Raw<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "insertId" => json.words(&mut self.insert_id),
            "timestamp" => json.words(&mut self.timestamp),
            "receiveTimestamp" => json.words(&mut self.receive_timestamp),
            "protoPayload" => json.part(&mut self.proto_payload.0),
            "resource" => json.part(&mut self.resource.0),
            "operation" => json.part(&mut self.operation.0),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow, rename = "@type")]
    kind: Once<Words<'a>>,
    #[serde(borrow)]
    status: Part<Status<'a>>,
    #[serde(borrow)]
    authentication_info: Part<Authentication<'a>>,
    #[serde(borrow)]
    request_metadata: Part<Request<'a>>,
    #[serde(borrow)]
    service_name: Once<Words<'a>>,
    #[serde(borrow)]
    method_name: Once<Words<'a>>,
    #[serde(borrow)]
    resource_name: Once<Words<'a>>,
}

impl<'a> Members<'a> for Payload<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "@type" => json.words(&mut self.kind),
            "status" => json.part(&mut self.status.0),
            "authenticationInfo" => json.part(&mut self.authentication_info.0),
            "requestMetadata" => json.part(&mut self.request_metadata.0),
            "serviceName" => json.words(&mut self.service_name),
            "methodName" => json.words(&mut self.method_name),
            "resourceName" => json.words(&mut self.resource_name),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    code: Once<Words<'a>>,
    #[serde(borrow)]
    message: Once<Words<'a>>,
}

impl<'a> Members<'a> for Status<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "code" => json.words(&mut self.code),
            "message" => json.words(&mut self.message),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication<'a> {
    #[serde(borrow)]
    principal_email: Once<Words<'a>>,
    #[serde(borrow)]
    principal_subject: Once<Words<'a>>,
    #[serde(borrow)]
    authority_selector: Once<Words<'a>>,
}

impl<'a> Members<'a> for Authentication<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "principalEmail" => json.words(&mut self.principal_email),
            "principalSubject" => json.words(&mut self.principal_subject),
            "authoritySelector" => json.words(&mut self.authority_selector),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    caller_ip: Once<Words<'a>>,
    #[serde(borrow)]
    caller_supplied_user_agent: Once<Words<'a>>,
}

impl<'a> Members<'a> for Request<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "callerIp" => json.words(&mut self.caller_ip),
            "callerSuppliedUserAgent" => json.words(&mut self.caller_supplied_user_agent),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Resource<'a> {
    #[serde(borrow)]
    labels: Part<Labels<'a>>,
}

impl<'a> Members<'a> for Resource<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "labels" => json.part(&mut self.labels.0),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Labels<'a> {
    #[serde(borrow)]
    location: Once<Words<'a>>,
}

impl<'a> Members<'a> for Labels<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "location" => json.words(&mut self.location),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Operation {
    #[serde(default, deserialize_with = "flag")]
    first: Once<bool>,
    #[serde(default, deserialize_with = "flag")]
    last: Once<bool>,
}

impl Operation {
    fn is_first_of_two(&self) -> bool {
        *self.first == Some(true) && *self.last != Some(true)
    }
}

impl<'a> Members<'a> for Operation {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "first" => picked_flag(json, &mut self.first),
            "last" => picked_flag(json, &mut self.last),
            _ => json.skip(),
        }
    }
}

/// A truth value. With anything else, null too, the object is odd.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Once<bool>, D::Error> {
    bool::deserialize(deserializer).map(|flag| Some(flag).into())
}

/// The same, picked.
fn picked_flag(json: &mut Json<'_>, member: &mut Once<bool>) -> Option<()> {
    match json.raw()? {
        "true" => member.put(Some(true)),
        "false" => member.put(Some(false)),
        _ => None,
    }
}

/// Reads one log entry.
///
/// # Errors
/// The reason, for a person, and without any of the entry's words.
pub fn read(bytes: &[u8]) -> Result<Record, String> {
    members::read(bytes, "log entry", entry)
}

fn entry(raw: &Raw<'_>) -> Result<Record, String> {
    let payload = raw.proto_payload.0.as_ref();
    let payload = payload.ok_or("no audit log entry: it has no protoPayload")?;
    let kind = payload.kind.as_ref().map_or("", |kind| kind.0.as_ref());
    if !kind.ends_with(PAYLOAD) {
        return Err("no audit log entry: its protoPayload is no AuditLog".to_owned());
    }
    let method = name(payload.method_name.as_ref()).ok_or("no methodName")?;
    let time = raw.timestamp.as_ref().or(raw.receive_timestamp.as_ref());
    let time =
        Timestamp::parse(&time.ok_or("no timestamp")?.0).map_err(|e| format!("timestamp: {e}"))?;
    let who = payload.authentication_info.0.as_ref();
    let who = |member: fn(&Authentication<'_>) -> Option<Text>| who.and_then(member);
    let actor = who(|w| name(w.principal_email.as_ref()))
        .or_else(|| who(|w| name(w.principal_subject.as_ref())))
        .or_else(|| who(|w| name(w.authority_selector.as_ref())));
    let request = payload.request_metadata.0.as_ref();
    let resource = raw.resource.0.as_ref();
    let labels = resource.and_then(|resource| resource.labels.0.as_ref());
    let (ending, error) = ending(payload.status.0.as_ref());
    Ok(Record::Call(Box::new(ServiceCall {
        provider: Provider::Gcp,
        time,
        stage: CallStage::Done,
        id: name(raw.insert_id.as_ref()),
        api: name(payload.service_name.as_ref()).unwrap_or_else(|| "googleapis.com".into()),
        method,
        actor,
        acting_as: None,
        remote_address: request.and_then(|r| name(r.caller_ip.as_ref())),
        user_agent: request.and_then(|r| prose(r.caller_supplied_user_agent.as_ref())),
        resource: prose(payload.resource_name.as_ref()),
        region: labels.and_then(|labels| name(labels.location.as_ref())),
        ending: match raw.operation.0.as_ref() {
            // The first of the two entries of a long operation; the last tells how it ended.
            Some(operation) if operation.is_first_of_two() && error.is_none() => CallEnding::Open,
            _ => ending,
        },
        error,
    })))
}

/// An absent or an empty status is a good end.
fn ending(status: Option<&Status<'_>>) -> (CallEnding, Option<Text>) {
    let Some(status) = status else {
        return (CallEnding::Granted, None);
    };
    let code = status.code.as_ref().and_then(|code| code.0.parse().ok());
    let message = status.message.as_ref().map_or("", |m| m.0.as_ref());
    let code = code.unwrap_or(0);
    let ending = CallEnding::of_grpc(code, message);
    if code == 0 {
        return (ending, None);
    }
    let words = Words(
        format!("{} {message}", word_of(code))
            .trim()
            .to_owned()
            .into(),
    );
    (ending, words.prose())
}

/// The name of a `google.rpc.Code`.
fn word_of(code: i64) -> &'static str {
    match code {
        1 => "CANCELLED",
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        11 => "OUT_OF_RANGE",
        12 => "UNIMPLEMENTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        15 => "DATA_LOSS",
        16 => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests;
