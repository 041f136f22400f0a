//! Azure's records: resource logs of the common schema, such as Key Vault's `AuditEvent`, and the
//! Activity log. They come one a line from a storage account, in `{"records":[…]}` from an event
//! hub, and in an array or in `value` from the command line and the API, whose names differ.
//!
//! Of `properties` only the names below are read: a request's body may stand among the others.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::{Words, json, name, part, prose};
use crate::audit::record::{CallEnding, CallStage, Provider, Record, ServiceCall};
use crate::model::mask::target;
use crate::model::{Text, Timestamp};

/// The members of documents that hold records.
pub const MEMBERS: &[&str] = &["records", "value"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    time: Option<Words<'a>>,
    #[serde(borrow)]
    event_timestamp: Option<Words<'a>>,
    #[serde(borrow)]
    event_data_id: Option<Words<'a>>,
    #[serde(borrow, alias = "ResourceId")]
    resource_id: Option<Words<'a>>,
    /// A string, or an object with a `value`.
    #[serde(borrow)]
    operation_name: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    sub_status: Option<&'a RawValue>,
    #[serde(borrow)]
    result_type: Option<Words<'a>>,
    #[serde(borrow)]
    result_signature: Option<Words<'a>>,
    #[serde(borrow)]
    result_description: Option<Words<'a>>,
    #[serde(borrow)]
    caller_ip_address: Option<Words<'a>>,
    #[serde(borrow)]
    caller: Option<Words<'a>>,
    #[serde(borrow)]
    location: Option<Words<'a>>,
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
    #[serde(borrow)]
    http_request: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    value: Option<Words<'a>>,
}

#[derive(Deserialize)]
struct Identity<'a> {
    /// Key Vault's.
    #[serde(borrow)]
    claim: Option<&'a RawValue>,
    /// The Activity log's.
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    upn: Option<Words<'a>>,
    #[serde(
        borrow,
        rename = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
    )]
    long_upn: Option<Words<'a>>,
    #[serde(borrow)]
    unique_name: Option<Words<'a>>,
    #[serde(borrow)]
    appid: Option<Words<'a>>,
    #[serde(borrow)]
    oid: Option<Words<'a>>,
    #[serde(
        borrow,
        rename = "http://schemas.microsoft.com/identity/claims/objectidentifier"
    )]
    long_oid: Option<Words<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    #[serde(borrow)]
    client_ip_address: Option<Words<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(borrow)]
    id: Option<Words<'a>>,
    #[serde(borrow)]
    request_uri: Option<Words<'a>>,
    #[serde(borrow)]
    client_info: Option<Words<'a>>,
    #[serde(borrow)]
    http_status_code: Option<Words<'a>>,
    #[serde(borrow)]
    status_code: Option<Words<'a>>,
    #[serde(borrow)]
    event_data_id: Option<Words<'a>>,
}

/// Reads one record.
///
/// # Errors
/// The reason, for a person, and without any of the record's words.
pub fn read(bytes: &[u8]) -> Result<Record, String> {
    let raw: Raw<'_> = json(bytes, "Azure record")?;
    let method = value(raw.operation_name).ok_or("no operationName")?;
    let method = method.name().ok_or("no operationName")?;
    let time = raw.time.as_ref().or(raw.event_timestamp.as_ref());
    let time = Timestamp::parse(&time.ok_or("no time")?.0).map_err(|e| format!("time: {e}"))?;
    let properties: Option<Properties<'_>> = part(raw.properties);
    let of = |member: fn(&Properties<'_>) -> Option<Text>| properties.as_ref().and_then(member);
    let id = name(raw.event_data_id.as_ref()).or_else(|| of(|p| name(p.event_data_id.as_ref())));
    let http: Option<Http<'_>> = part(raw.http_request);
    let remote = name(raw.caller_ip_address.as_ref())
        .or_else(|| http.and_then(|http| name(http.client_ip_address.as_ref())));
    let resource = of(|p| uri(p.id.as_ref()))
        .or_else(|| of(|p| uri(p.request_uri.as_ref())))
        .or_else(|| name(raw.resource_id.as_ref()));
    let (ending, error) = ending(&raw, properties.as_ref());
    Ok(Record::Call(Box::new(ServiceCall {
        provider: Provider::Azure,
        time,
        stage: CallStage::Done,
        id,
        api: api(raw.resource_id.as_ref()),
        method,
        actor: actor(&raw),
        acting_as: None,
        remote_address: remote.map(without_port),
        user_agent: of(|p| prose(p.client_info.as_ref())),
        resource,
        region: name(raw.location.as_ref()),
        ending,
        error,
    })))
}

/// A string, or the `value` of an object.
fn value(raw: Option<&RawValue>) -> Option<Words<'_>> {
    match part::<Named<'_>>(raw) {
        Some(named) => named.value,
        None => serde_json::from_str(raw?.get()).ok(),
    }
}

fn uri(words: Option<&Words<'_>>) -> Option<Text> {
    let words = words.filter(|w| !w.0.is_empty())?;
    let uri = target(&words.0);
    // The version of the API is no part of what was asked for.
    Some(Text::from(uri.split('?').next().unwrap_or_default()))
}

/// The provider of the resource, without `Microsoft.`: `keyvault`.
fn api(resource: Option<&Words<'_>>) -> Text {
    const BEFORE: &[u8] = b"/providers/";
    let id = resource.map_or("", |id| id.0.as_ref());
    let mut begins = memchr::memrchr_iter(b'/', id.as_bytes());
    // The slash behind the last one that the word stands before.
    let behind = begins.find_map(|end| {
        let begin = (end + 1).checked_sub(BEFORE.len())?;
        let found = id.as_bytes().get(begin..=end)?;
        found
            .eq_ignore_ascii_case(BEFORE)
            .then(|| id.get(end + 1..))?
    });
    let provider = behind.and_then(|rest| rest.split('/').next());
    let lower = provider.unwrap_or("azure").to_ascii_lowercase();
    Text::from(lower.strip_prefix("microsoft.").unwrap_or(&lower))
}

/// The person, else the application, else the object's id; the caller that the API names.
fn actor(raw: &Raw<'_>) -> Option<Text> {
    let identity: Option<Identity<'_>> = part(raw.identity);
    let claims = identity.and_then(|identity| identity.claim.or(identity.claims));
    let claims: Option<Claims<'_>> = part(claims.or(raw.claims));
    let claimed = |claims: &Claims<'_>| {
        [
            &claims.upn,
            &claims.long_upn,
            &claims.unique_name,
            &claims.appid,
            &claims.oid,
            &claims.long_oid,
        ]
        .into_iter()
        .find_map(|claim| name(claim.as_ref()))
    };
    claims
        .as_ref()
        .and_then(claimed)
        .or_else(|| name(raw.caller.as_ref()))
}

/// By the HTTP status where one is told: Key Vault calls a refused request a success. Else by the
/// words of the result.
fn ending(raw: &Raw<'_>, properties: Option<&Properties<'_>>) -> (CallEnding, Option<Text>) {
    let result = raw.result_type.as_ref().map(|w| Words(Cow::Borrowed(&w.0)));
    let result = result.or_else(|| value(raw.status)).unwrap_or_default();
    let signature = raw
        .result_signature
        .as_ref()
        .map(|w| Words(Cow::Borrowed(w.0.as_ref())));
    let signature = signature
        .filter(|s| !s.0.is_empty())
        .or_else(|| value(raw.sub_status))
        .unwrap_or_default();
    let described = raw.result_description.as_ref().map_or("", |w| w.0.as_ref());
    let status = properties.and_then(|p| p.http_status_code.as_ref().or(p.status_code.as_ref()));
    let status = status.and_then(|status| status_of(&status.0));
    let all = || format!("{} {} {described}", result.0, signature.0);
    let ending = match status.or_else(|| status_of(&signature.0)) {
        Some(status) if status < 400 => CallEnding::of_http(status, ""),
        Some(status) => CallEnding::of_http(status, &all()),
        None => match result.0.to_ascii_lowercase().as_str() {
            "start" | "started" | "accept" | "accepted" => CallEnding::Open,
            "failure" | "failed" | "fail" => CallEnding::of_http(500, &all()),
            _ => CallEnding::Granted,
        },
    };
    if matches!(ending, CallEnding::Granted | CallEnding::Open) {
        return (ending, None);
    }
    let status = status.map_or(String::new(), |status| status.to_string());
    let parts = [status.as_str(), &signature.0, described];
    let mut parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    if parts.is_empty() {
        parts.push(&result.0);
    }
    (ending, Words(parts.join(" ").into()).prose())
}

/// A status as a number or as a word, alone or before a dot: `403`, `Forbidden`,
/// `Started.Forbidden`.
fn status_of(words: &str) -> Option<u16> {
    let word = words.rsplit('.').next().unwrap_or(words).trim();
    if let Ok(status) = word.parse() {
        return (100..600).contains(&status).then_some(status);
    }
    Some(match word.to_ascii_lowercase().as_str() {
        "ok" => 200,
        "created" => 201,
        "accepted" => 202,
        "nocontent" => 204,
        "badrequest" => 400,
        "unauthorized" => 401,
        "forbidden" => 403,
        "notfound" => 404,
        "conflict" => 409,
        "toomanyrequests" | "throttled" => 429,
        "internalservererror" => 500,
        "serviceunavailable" => 503,
        _ => return None,
    })
}

/// An IPv4 address without its port.
fn without_port(address: Text) -> Text {
    match address.raw().split_once(':') {
        Some((host, port)) if host.contains('.') && port.parse::<u16>().is_ok() => Text::from(host),
        _ => address,
    }
}

#[cfg(test)]
mod tests;
