//! What a line of JSON says of itself, by the members that it has.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Kind;
use crate::audit::format::gcp;
use crate::audit::record::{Provider, Proxy};

/// The bytes of a prefix before an audit entry.
const LONGEST_PREFIX: usize = 256;

/// What a JSON line says of itself. Values are looked at only where they are needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe<'a> {
    #[serde(borrow)]
    specversion: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    event_source: Option<&'a RawValue>,
    #[serde(borrow)]
    event_name: Option<&'a RawValue>,
    #[serde(borrow)]
    event_time: Option<&'a RawValue>,
    #[serde(borrow)]
    event_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
    /// Of Kubernetes objects.
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "auditID")]
    audit_id: Option<&'a RawValue>,
    #[serde(borrow)]
    verb: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    proto_payload: Option<&'a RawValue>,
    #[serde(borrow)]
    entries: Option<&'a RawValue>,
    #[serde(borrow)]
    operation_name: Option<&'a RawValue>,
    #[serde(borrow, alias = "ResourceId")]
    resource_id: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    event_timestamp: Option<&'a RawValue>,
    /// Of Azure's envelopes.
    #[serde(borrow, rename = "records")]
    azure_records: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    realtime: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow, rename = "remote_addr")]
    remote_addr: Option<&'a RawValue>,
    #[serde(borrow, rename = "time_iso8601")]
    time_iso8601: Option<&'a RawValue>,
    #[serde(borrow, rename = "time_local")]
    time_local: Option<&'a RawValue>,
    #[serde(borrow)]
    msec: Option<&'a RawValue>,
    #[serde(borrow, rename = "start_time")]
    start_time: Option<&'a RawValue>,
    #[serde(borrow, rename = "response_code")]
    response_code: Option<&'a RawValue>,
    #[serde(borrow, rename = "response_flags")]
    response_flags: Option<&'a RawValue>,
}

impl Probe<'_> {
    fn kind(&self) -> Option<Kind> {
        if self.specversion.is_some() && self.event_type.is_some() {
            return Some(Kind::Events);
        }
        let half = matches!(
            self.event_type.map(RawValue::get),
            Some("\"request\"" | "\"response\"")
        );
        if half && self.request.is_some_and(|r| r.get().starts_with('{')) {
            return Some(Kind::Vault);
        }
        if self.is_cloudtrail() {
            return Some(Kind::CloudTrailLines);
        }
        if self.records.is_some_and(|r| r.get().starts_with('[')) {
            return Some(Kind::CloudTrail);
        }
        self.call().or_else(|| self.other())
    }

    fn is_cloudtrail(&self) -> bool {
        self.event_source.is_some()
            && self.event_name.is_some()
            && (self.event_time.is_some() || self.event_version.is_some())
    }

    /// Records of services, and envelopes of them that stand on one line.
    fn call(&self) -> Option<Kind> {
        let is = |raw: Option<&RawValue>, words: &str| raw.is_some_and(|r| r.get() == words);
        let lists = |raw: Option<&RawValue>, mark: &str| {
            raw.is_some_and(|r| r.get().starts_with('[') && holds(r, mark))
        };
        if is(self.kind, "\"Event\"") && self.audit_id.is_some() && self.verb.is_some() {
            return Some(Kind::Calls(Provider::Kubernetes));
        }
        if is(self.kind, "\"EventList\"") && lists(self.items, "\"auditID\"") {
            return Some(Kind::CallDocuments(Provider::Kubernetes));
        }
        if self.proto_payload.is_some_and(|p| holds(p, gcp::PAYLOAD)) {
            return Some(Kind::Calls(Provider::Gcp));
        }
        if lists(self.entries, gcp::PAYLOAD) {
            return Some(Kind::CallDocuments(Provider::Gcp));
        }
        let timed = self.time.is_some() || self.event_timestamp.is_some();
        if self.operation_name.is_some() && self.resource_id.is_some() && timed {
            return Some(Kind::Calls(Provider::Azure));
        }
        let mark = "\"operationName\"";
        (lists(self.azure_records, mark) || lists(self.value, mark))
            .then_some(Kind::CallDocuments(Provider::Azure))
    }

    fn other(&self) -> Option<Kind> {
        if self.realtime.is_some() {
            return Some(Kind::Journald);
        }
        let stamps = [self.time_iso8601, self.time_local, self.msec];
        let timed = stamps.iter().any(Option::is_some);
        if timed && self.status.is_some() && self.remote_addr.is_some() {
            return Some(Kind::AccessJson(Proxy::Nginx));
        }
        let is_envoy = self.start_time.is_some()
            && self.response_code.is_some()
            && self.response_flags.is_some();
        is_envoy.then_some(Kind::AccessJson(Proxy::Envoy))
    }
}

fn holds(raw: &RawValue, mark: &str) -> bool {
    memchr::memmem::find(raw.get().as_bytes(), mark.as_bytes()).is_some()
}

/// The kind of a line of JSON, maybe behind a prefix, or of one record of a document.
pub(super) fn probe(line: &[u8]) -> Option<Kind> {
    let head = line.get(..LONGEST_PREFIX).unwrap_or(line);
    let at = memchr::memchr(b'{', head)?;
    let words = std::str::from_utf8(line.get(at..)?).ok()?;
    let kind = serde_json::from_str::<Probe<'_>>(words).ok()?.kind()?;
    // Only an audit device writes a prefix.
    let bare = line.get(..at).is_some_and(|p| p.trim_ascii().is_empty());
    (bare || kind == Kind::Vault).then_some(kind)
}
