//! Google Cloud's audit logs: log entries whose `protoPayload` is a
//! `google.cloud.audit.AuditLog`, one a line as a sink writes them, in an array as
//! `gcloud logging read --format json` prints them, or in `entries` as the API answers.
//!
//! `request`, `response` and `metadata` are skipped unread: what was sent to Secret Manager stands
//! there.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::{Words, json, name, part, prose};
use crate::audit::record::{CallEnding, CallStage, Provider, Record, ServiceCall};
use crate::model::{Text, Timestamp};

/// The member of an answer of the API that holds its entries.
pub const MEMBERS: &[&str] = &["entries"];

/// The type of the payload.
pub const PAYLOAD: &str = "google.cloud.audit.AuditLog";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    insert_id: Option<Words<'a>>,
    #[serde(borrow)]
    timestamp: Option<Words<'a>>,
    #[serde(borrow)]
    receive_timestamp: Option<Words<'a>>,
    #[serde(borrow)]
    proto_payload: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    operation: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow, rename = "@type")]
    kind: Option<Words<'a>>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    authentication_info: Option<&'a RawValue>,
    #[serde(borrow)]
    request_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    service_name: Option<Words<'a>>,
    #[serde(borrow)]
    method_name: Option<Words<'a>>,
    #[serde(borrow)]
    resource_name: Option<Words<'a>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    code: Option<Words<'a>>,
    #[serde(borrow)]
    message: Option<Words<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication<'a> {
    #[serde(borrow)]
    principal_email: Option<Words<'a>>,
    #[serde(borrow)]
    principal_subject: Option<Words<'a>>,
    #[serde(borrow)]
    authority_selector: Option<Words<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    caller_ip: Option<Words<'a>>,
    #[serde(borrow)]
    caller_supplied_user_agent: Option<Words<'a>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Labels<'a> {
    #[serde(borrow)]
    location: Option<Words<'a>>,
}

#[derive(Deserialize)]
struct Operation {
    #[serde(default)]
    first: bool,
    #[serde(default)]
    last: bool,
}

/// Reads one log entry.
///
/// # Errors
/// The reason, for a person, and without any of the entry's words.
pub fn read(bytes: &[u8]) -> Result<Record, String> {
    let raw: Raw<'_> = json(bytes, "log entry")?;
    let payload: Payload<'_> =
        part(raw.proto_payload).ok_or("no audit log entry: it has no protoPayload")?;
    let kind = payload.kind.as_ref().map_or("", |kind| kind.0.as_ref());
    if !kind.ends_with(PAYLOAD) {
        return Err("no audit log entry: its protoPayload is no AuditLog".to_owned());
    }
    let method = name(payload.method_name.as_ref()).ok_or("no methodName")?;
    let time = raw.timestamp.as_ref().or(raw.receive_timestamp.as_ref());
    let time =
        Timestamp::parse(&time.ok_or("no timestamp")?.0).map_err(|e| format!("timestamp: {e}"))?;
    let who: Option<Authentication<'_>> = part(payload.authentication_info);
    let who = |member: fn(&Authentication<'_>) -> Option<Text>| who.as_ref().and_then(member);
    let actor = who(|w| name(w.principal_email.as_ref()))
        .or_else(|| who(|w| name(w.principal_subject.as_ref())))
        .or_else(|| who(|w| name(w.authority_selector.as_ref())));
    let request: Option<Request<'_>> = part(payload.request_metadata);
    let region = part::<Resource<'_>>(raw.resource)
        .and_then(|resource| part::<Labels<'_>>(resource.labels))
        .and_then(|labels| name(labels.location.as_ref()));
    let (ending, error) = ending(payload.status);
    Ok(Record::Call(Box::new(ServiceCall {
        provider: Provider::Gcp,
        time,
        stage: CallStage::Done,
        id: name(raw.insert_id.as_ref()),
        api: name(payload.service_name.as_ref()).unwrap_or_else(|| "googleapis.com".into()),
        method,
        actor,
        acting_as: None,
        remote_address: request.as_ref().and_then(|r| name(r.caller_ip.as_ref())),
        user_agent: request
            .as_ref()
            .and_then(|r| prose(r.caller_supplied_user_agent.as_ref())),
        resource: prose(payload.resource_name.as_ref()),
        region,
        ending: match part::<Operation>(raw.operation) {
            // The first of the two entries of a long operation; the last tells how it ended.
            Some(operation) if operation.first && !operation.last && error.is_none() => {
                CallEnding::Open
            }
            _ => ending,
        },
        error,
    })))
}

/// An absent or an empty status is a good end.
fn ending(raw: Option<&RawValue>) -> (CallEnding, Option<Text>) {
    let Some(status) = part::<Status<'_>>(raw) else {
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
