//! Azure's records: resource logs of the common schema, such as Key Vault's `AuditEvent`, and the
//! Activity log. They come one a line from a storage account, in `{"records":[…]}` from an event
//! hub, and in an array or in `value` from the command line and the API, whose names differ.
//!
//! Of `properties` only the names below are read: a request's body may stand among the others.

use serde::{Deserialize, Deserializer};

use super::members::{self, Json, Members, Once};
use super::text::{Words, name, part, prose};
use crate::audit::record::{CallEnding, CallStage, Provider, Record, ServiceCall};
use crate::model::mask::target;
use crate::model::{Text, Timestamp};

/// The members of documents that hold records.
pub const MEMBERS: &[&str] = &["records", "value"];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    time: Once<Words<'a>>,
    #[serde(borrow)]
    event_timestamp: Once<Words<'a>>,
    #[serde(borrow)]
    event_data_id: Once<Words<'a>>,
    #[serde(borrow, alias = "ResourceId")]
    resource_id: Once<Words<'a>>,
    /// A string, or an object with a `value`.
    #[serde(borrow, default, deserialize_with = "value")]
    operation_name: Once<Words<'a>>,
    #[serde(borrow, default, deserialize_with = "value")]
    status: Once<Words<'a>>,
    #[serde(borrow, default, deserialize_with = "value")]
    sub_status: Once<Words<'a>>,
    #[serde(borrow)]
    result_type: Once<Words<'a>>,
    #[serde(borrow)]
    result_signature: Once<Words<'a>>,
    #[serde(borrow)]
    result_description: Once<Words<'a>>,
    #[serde(borrow)]
    caller_ip_address: Once<Words<'a>>,
    #[serde(borrow)]
    caller: Once<Words<'a>>,
    #[serde(borrow)]
    location: Once<Words<'a>>,
    #[serde(borrow, default, deserialize_with = "members::object")]
    identity: Once<Identity<'a>>,
    #[serde(borrow, default, deserialize_with = "members::object_or_odd")]
    claims: Once<Option<Claims<'a>>>,
    #[serde(borrow, default, deserialize_with = "members::object")]
    http_request: Once<Http<'a>>,
    #[serde(borrow, default, deserialize_with = "members::object")]
    properties: Once<Properties<'a>>,
}

impl<'a> Members<'a> for Raw<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "time" => json.words(&mut self.time),
            "eventTimestamp" => json.words(&mut self.event_timestamp),
            "eventDataId" => json.words(&mut self.event_data_id),
            "resourceId" | "ResourceId" => json.words(&mut self.resource_id),
            "operationName" => named(json, &mut self.operation_name),
            "status" => named(json, &mut self.status),
            "subStatus" => named(json, &mut self.sub_status),
            "resultType" => json.words(&mut self.result_type),
            "resultSignature" => json.words(&mut self.result_signature),
            "resultDescription" => json.words(&mut self.result_description),
            "callerIpAddress" => json.words(&mut self.caller_ip_address),
            "caller" => json.words(&mut self.caller),
            "location" => json.words(&mut self.location),
            "identity" => json.part(&mut self.identity),
            "claims" => json.part_or_odd(&mut self.claims),
            "httpRequest" => json.part(&mut self.http_request),
            "properties" => json.part(&mut self.properties),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    value: Once<Words<'a>>,
}

impl<'a> Members<'a> for Named<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "value" => json.words(&mut self.value),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Identity<'a> {
    /// Key Vault's.
    #[serde(borrow, default, deserialize_with = "members::object_or_odd")]
    claim: Once<Option<Claims<'a>>>,
    /// The Activity log's.
    #[serde(borrow, default, deserialize_with = "members::object_or_odd")]
    claims: Once<Option<Claims<'a>>>,
}

impl<'a> Members<'a> for Identity<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "claim" => json.part_or_odd(&mut self.claim),
            "claims" => json.part_or_odd(&mut self.claims),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    upn: Once<Words<'a>>,
    #[serde(
        borrow,
        rename = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
    )]
    long_upn: Once<Words<'a>>,
    #[serde(borrow)]
    unique_name: Once<Words<'a>>,
    #[serde(borrow)]
    appid: Once<Words<'a>>,
    #[serde(borrow)]
    oid: Once<Words<'a>>,
    #[serde(
        borrow,
        rename = "http://schemas.microsoft.com/identity/claims/objectidentifier"
    )]
    long_oid: Once<Words<'a>>,
}

impl<'a> Members<'a> for Claims<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "upn" => json.words(&mut self.upn),
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" => {
                json.words(&mut self.long_upn)
            }
            "unique_name" => json.words(&mut self.unique_name),
            "appid" => json.words(&mut self.appid),
            "oid" => json.words(&mut self.oid),
            "http://schemas.microsoft.com/identity/claims/objectidentifier" => {
                json.words(&mut self.long_oid)
            }
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    #[serde(borrow)]
    client_ip_address: Once<Words<'a>>,
}

impl<'a> Members<'a> for Http<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "clientIpAddress" => json.words(&mut self.client_ip_address),
            _ => json.skip(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(borrow)]
    id: Once<Words<'a>>,
    #[serde(borrow)]
    request_uri: Once<Words<'a>>,
    #[serde(borrow)]
    client_info: Once<Words<'a>>,
    #[serde(borrow)]
    http_status_code: Once<Words<'a>>,
    #[serde(borrow)]
    status_code: Once<Words<'a>>,
    #[serde(borrow)]
    event_data_id: Once<Words<'a>>,
}

impl<'a> Members<'a> for Properties<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "id" => json.words(&mut self.id),
            "requestUri" => json.words(&mut self.request_uri),
            "clientInfo" => json.words(&mut self.client_info),
            "httpStatusCode" => json.words(&mut self.http_status_code),
            "statusCode" => json.words(&mut self.status_code),
            "eventDataId" => json.words(&mut self.event_data_id),
            _ => json.skip(),
        }
    }
}

/// Reads one record.
///
/// # Errors
/// The reason, for a person, and without any of the record's words.
pub fn read(bytes: &[u8]) -> Result<Record, String> {
    members::read(bytes, "Azure record", record)
}

fn record(raw: &Raw<'_>) -> Result<Record, String> {
    let method = name(raw.operation_name.as_ref()).ok_or("no operationName")?;
    let time = raw.time.as_ref().or(raw.event_timestamp.as_ref());
    let time = Timestamp::parse(&time.ok_or("no time")?.0).map_err(|e| format!("time: {e}"))?;
    let properties = raw.properties.as_ref();
    let of = |member: fn(&Properties<'_>) -> Option<Text>| properties.and_then(member);
    let id = name(raw.event_data_id.as_ref()).or_else(|| of(|p| name(p.event_data_id.as_ref())));
    let http = raw.http_request.as_ref();
    let remote = name(raw.caller_ip_address.as_ref())
        .or_else(|| http.and_then(|http| name(http.client_ip_address.as_ref())));
    let resource = of(|p| uri(p.id.as_ref()))
        .or_else(|| of(|p| uri(p.request_uri.as_ref())))
        .or_else(|| name(raw.resource_id.as_ref()));
    let (ending, error) = ending(raw, properties);
    Ok(Record::Call(Box::new(ServiceCall {
        provider: Provider::Azure,
        time,
        stage: CallStage::Done,
        id,
        api: api(raw.resource_id.as_ref()),
        method,
        actor: actor(raw),
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
fn value<'de: 'a, 'a, D>(deserializer: D) -> Result<Once<Words<'a>>, D::Error>
where
    D: Deserializer<'de>,
{
    members::apart(deserializer, |raw| match part::<Named<'_>>(Some(raw)) {
        Some(named) => named.value.take(),
        None => serde_json::from_str(raw.get()).ok(),
    })
}

/// The same, picked.
fn named<'a>(json: &mut Json<'a>, member: &mut Once<Words<'a>>) -> Option<()> {
    if json.token() != b'{' {
        return json.words(member);
    }
    let mut named = None;
    json.members::<Named<'a>>(&mut named)?;
    member.put(named.and_then(|named| named.value.take()))
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
    let identity = raw.identity.as_ref();
    let claims = identity.and_then(|i| i.claim.as_ref().or(i.claims.as_ref()));
    let claims = claims.or(raw.claims.as_ref()).and_then(Option::as_ref);
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
        .and_then(claimed)
        .or_else(|| name(raw.caller.as_ref()))
}

/// By the HTTP status where one is told: Key Vault calls a refused request a success. Else by the
/// words of the result.
fn ending<'r>(raw: &'r Raw<'_>, properties: Option<&Properties<'_>>) -> (CallEnding, Option<Text>) {
    let told = |words: Option<&'r Words<'_>>| words.map_or("", |words| words.0.as_ref());
    let result = told(raw.result_type.as_ref().or(raw.status.as_ref()));
    let signature = raw.result_signature.as_ref();
    let signature = signature.filter(|words| !words.0.is_empty());
    let signature = told(signature.or(raw.sub_status.as_ref()));
    let described = told(raw.result_description.as_ref());
    let status = properties.and_then(|p| p.http_status_code.as_ref().or(p.status_code.as_ref()));
    let status = status.and_then(|status| status_of(&status.0));
    let all = || format!("{result} {signature} {described}");
    let ending = match status.or_else(|| status_of(signature)) {
        Some(status) if status < 400 => CallEnding::of_http(status, ""),
        Some(status) => CallEnding::of_http(status, &all()),
        None => match result.to_ascii_lowercase().as_str() {
            "start" | "started" | "accept" | "accepted" => CallEnding::Open,
            "failure" | "failed" | "fail" => CallEnding::of_http(500, &all()),
            _ => CallEnding::Granted,
        },
    };
    if matches!(ending, CallEnding::Granted | CallEnding::Open) {
        return (ending, None);
    }
    let status = status.map_or(String::new(), |status| status.to_string());
    let parts = [status.as_str(), signature, described];
    let mut parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    if parts.is_empty() {
        parts.push(result);
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
