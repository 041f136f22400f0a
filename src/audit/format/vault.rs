//! The JSON audit log of HashiCorp Vault and OpenBao: one object a line, members in any order,
//! behind an optional prefix (`@cee: `).
//!
//! What the rules do not read is skipped without being kept. Of `data` the strings that are
//! neither keyed hashes nor names are masked while it is read, so that nothing behind this file
//! can hold a secret that a raw audit device wrote.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::LazyLock;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::audit::format::text::{Words, rejected, shape};
use crate::audit::format::{Format, Read};
use crate::audit::record::{Record, VaultAuth, VaultEntry, VaultKind};
use crate::model::mask::{MASKED, is_hashed, is_name};
use crate::model::rejected::Place;
use crate::model::{Text, Timestamp};

/// The key of [`VaultEntry::payload`]: random, made once a process, written nowhere.
static PAYLOAD_KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The words that an excerpt of a broken line may show: the format's own member names.
const KNOWN: &[&str] = &[
    "time",
    "type",
    "auth",
    "request",
    "response",
    "error",
    "forwarded",
    "id",
    "operation",
    "path",
    "data",
    "headers",
    "namespace",
    "root",
    "metadata",
    "policies",
    "display_name",
    "entity_id",
    "client_token",
    "accessor",
    "client_token_accessor",
    "client_id",
    "mount_point",
    "mount_type",
    "mount_accessor",
    "mount_class",
    "remote_address",
    "remote_port",
    "policy_results",
    "allowed",
    "token_policies",
    "token_type",
    "token_ttl",
    "token_issue_time",
    "secret",
    "lease_id",
    "create",
    "read",
    "update",
    "delete",
    "list",
    "true",
    "false",
    "null",
    "@cee",
];

/// True where the beginning of a file is this format.
#[must_use]
pub fn sniff(sample: &[u8]) -> bool {
    sample
        .split(|b| *b == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .take(50)
        .any(looks_like_entry)
}

/// True for a line, maybe a cut one, that bears the marks of an entry.
fn looks_like_entry(line: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'{', line) else {
        return false;
    };
    let Some(json) = line.get(at..) else {
        return false;
    };
    if let Ok(words) = std::str::from_utf8(json)
        && let Ok(entry) = serde_json::from_str::<Entry<'_>>(words)
    {
        return entry.kind().is_some() && entry.request.is_some() && entry.time.is_some();
    }
    let has = |mark: &[u8]| memchr::memmem::find(json, mark).is_some();
    has(b"\"request\":{") && (has(b"\"mount_type\":") || has(b"\"operation\":"))
}

/// Reads Vault and OpenBao audit entries.
#[derive(Debug, Default)]
pub struct Vault;

impl Vault {
    /// A reader; it keeps nothing between lines.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Format for Vault {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match entry(line) {
            Ok(entry) => out(Read::Record(Record::Vault(Box::new(entry)), place.clone())),
            Err(reason) => out(rejected(
                place,
                reason,
                shape(&String::from_utf8_lossy(line), KNOWN),
            )),
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

/// Reads one line.
///
/// # Errors
/// The reason, for a person, and without any of the line's words.
pub fn entry(line: &[u8]) -> Result<VaultEntry, String> {
    let at = memchr::memchr(b'{', line).ok_or("no JSON object in the line")?;
    let json = line.get(at..).unwrap_or_default();
    let json = std::str::from_utf8(json)
        .map_err(|e| format!("not UTF-8 at byte {}", at + e.valid_up_to()))?;
    let entry: Entry<'_> = serde_json::from_str(json).map_err(|e| broken(&e, at))?;
    entry.read()
}

/// serde's words may quote the line's, so only the kind of trouble and its place are told.
fn broken(error: &serde_json::Error, at: usize) -> String {
    let column = error.column() + at;
    match error.classify() {
        serde_json::error::Category::Eof => format!("the JSON object ends early, at byte {column}"),
        serde_json::error::Category::Data => {
            format!("not an audit entry: a member of the wrong shape at byte {column}")
        }
        _ => format!("not JSON at byte {column}"),
    }
}

#[derive(serde::Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    time: Option<Words<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Words<'a>>,
    #[serde(borrow)]
    auth: Option<Auth<'a>>,
    #[serde(borrow)]
    request: Option<Request<'a>>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    #[serde(borrow)]
    error: Option<Words<'a>>,
}

#[derive(serde::Deserialize)]
struct Auth<'a> {
    #[serde(borrow)]
    client_token: Option<Words<'a>>,
    #[serde(borrow)]
    display_name: Option<Words<'a>>,
    #[serde(borrow)]
    entity_id: Option<Words<'a>>,
    #[serde(borrow, default)]
    metadata: Pairs<'a>,
    #[serde(borrow, default)]
    policies: Strings<'a>,
}

#[derive(serde::Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: Option<Words<'a>>,
    #[serde(borrow)]
    operation: Option<Words<'a>>,
    #[serde(borrow)]
    path: Option<Words<'a>>,
    #[serde(borrow)]
    mount_point: Option<Words<'a>>,
    #[serde(borrow)]
    mount_type: Option<Words<'a>>,
    #[serde(borrow)]
    namespace: Option<Namespace<'a>>,
    #[serde(borrow)]
    remote_address: Option<Words<'a>>,
    #[serde(borrow)]
    client_token: Option<Words<'a>>,
    #[serde(borrow, default)]
    headers: Headers<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Namespace<'a> {
    #[serde(borrow)]
    path: Option<Words<'a>>,
}

#[derive(serde::Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    auth: Option<Auth<'a>>,
    #[serde(borrow)]
    secret: Option<Secret<'a>>,
    wrap_info: Option<IgnoredAny>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Secret<'a> {
    #[serde(borrow)]
    lease_id: Option<Words<'a>>,
}

impl Entry<'_> {
    fn kind(&self) -> Option<VaultKind> {
        match self.kind.as_ref()?.0.as_ref() {
            "request" => Some(VaultKind::Request),
            "response" => Some(VaultKind::Response),
            _ => None,
        }
    }

    fn read(self) -> Result<VaultEntry, String> {
        let kind = self
            .kind()
            .ok_or("the type is neither request nor response")?;
        let time = self.time.as_ref().ok_or("no time")?;
        let time = Timestamp::parse(&time.0).map_err(|e| format!("time: {e}"))?;
        let request = self.request.ok_or("no request")?;
        let response = self.response;
        let id = some(request.id.as_ref()).ok_or("no request.id")?;
        let raw_device = [
            request.client_token.as_ref(),
            self.auth.as_ref().and_then(|a| a.client_token.as_ref()),
        ]
        .into_iter()
        .flatten()
        .any(|token| !token.0.is_empty() && !is_hashed(&token.0));
        let namespace = request
            .namespace
            .as_ref()
            .and_then(|n| n.path.as_ref())
            .map_or("", |p| p.0.as_ref());
        let path = within(namespace, request.path.as_ref());
        let mount_point = within(namespace, request.mount_point.as_ref());
        let mount_type = text(request.mount_type.as_ref());
        let operation = text(request.operation.as_ref());
        let wants = Wants::of(
            operation.raw(),
            mount_type.raw(),
            path.strip_prefix(mount_point.as_ref()).unwrap_or(&path),
            &path,
        );
        let response_auth = response.as_ref().and_then(|r| r.auth.as_ref());
        let auth = self
            .auth
            .as_ref()
            .filter(|auth| auth.says_who())
            .or(response_auth)
            .map(Auth::read);
        Ok(VaultEntry {
            time,
            kind,
            request_id: id,
            auth,
            remote_address: some(request.remote_address.as_ref()),
            correlation: some(request.headers.correlation.as_ref()),
            user_agent: some(request.headers.user_agent.as_ref()),
            error: some(self.error.as_ref()),
            lease_id: some(
                response
                    .as_ref()
                    .and_then(|r| r.secret.as_ref())
                    .and_then(|s| s.lease_id.as_ref()),
            ),
            wrapped: response.as_ref().is_some_and(|r| r.wrap_info.is_some()),
            payload: Some(kind).filter(|_| wants.payload).and_then(|_| {
                match response.as_ref().and_then(|r| r.data) {
                    Some(read) if operation.raw() == "read" => payload(read),
                    _ => request.data.and_then(payload),
                }
            }),
            request_data: masked(request.data, wants.request),
            response_data: masked(response.as_ref().and_then(|r| r.data), wants.response),
            operation,
            path: Text::from(path),
            mount_point: Text::from(mount_point),
            mount_type,
            raw_device,
        })
    }
}

impl Auth<'_> {
    fn says_who(&self) -> bool {
        self.display_name.as_ref().is_some_and(|n| !n.0.is_empty())
            || self.entity_id.as_ref().is_some_and(|e| !e.0.is_empty())
            || !self.metadata.0.is_empty()
    }

    fn read(&self) -> VaultAuth {
        VaultAuth {
            display_name: some(self.display_name.as_ref()),
            entity_id: some(self.entity_id.as_ref()),
            metadata: self
                .metadata
                .0
                .iter()
                .map(|(key, value)| (key.text(), value.text()))
                .collect(),
            policies: self.policies.0.iter().map(Words::text).collect(),
        }
    }
}

fn some(words: Option<&Words<'_>>) -> Option<Text> {
    words.and_then(Words::some)
}

fn text(words: Option<&Words<'_>>) -> Text {
    words.map(Words::text).unwrap_or_default()
}

/// A path with its namespace before it and without a leading slash.
fn within<'a>(namespace: &str, path: Option<&'a Words<'_>>) -> std::borrow::Cow<'a, str> {
    let path = path.map_or("", |p| p.0.as_ref()).trim_start_matches('/');
    let namespace = namespace.trim_matches('/');
    if namespace.is_empty() || path.is_empty() {
        path.into()
    } else {
        format!("{namespace}/{path}").into()
    }
}

/// How much of an entry's `data` is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// None of it.
    Nothing,
    /// All, masked; strings under known names are shown.
    Names,
    /// All but the member `data`, masked.
    Around,
    /// The shape and the keyed hashes; every other string is masked, whatever its name.
    Hashes,
}

/// Which data the rules read. What is not read is not built, which is most of a log.
struct Wants {
    request: Keep,
    response: Keep,
    payload: bool,
}

impl Wants {
    fn of(operation: &str, mount_type: &str, inner: &str, path: &str) -> Self {
        let (request, response) = match mount_type {
            "kv" if inner.starts_with("data/") => (Keep::Hashes, Keep::Around),
            "kv" if ["metadata/", "delete/", "undelete/", "destroy/"]
                .iter()
                .any(|p| inner.starts_with(p)) =>
            {
                (Keep::Names, Keep::Nothing)
            }
            "kv" => (Keep::Hashes, Keep::Nothing),
            "transit" if inner.starts_with("keys/") => (Keep::Names, Keep::Names),
            "transit" if inner.starts_with("encrypt/") => (Keep::Nothing, Keep::Names),
            "database" | "ldap" | "pki" => (Keep::Names, Keep::Names),
            "identity" if inner.starts_with("oidc/key/") => (Keep::Names, Keep::Names),
            "token" if inner == "create" => (Keep::Names, Keep::Nothing),
            _ if path.contains("sys/leases/") => (Keep::Names, Keep::Names),
            _ => (Keep::Nothing, Keep::Nothing),
        };
        let payload = mount_type == "kv"
            && inner.starts_with("data/")
            && matches!(operation, "create" | "update" | "read");
        Self {
            request,
            response,
            payload,
        }
    }
}

/// The wanted part of a raw member, masked while it is read; null where there is none.
fn masked(raw: Option<&RawValue>, keep: Keep) -> Value {
    let Some(raw) = raw.filter(|_| keep != Keep::Nothing) else {
        return Value::Null;
    };
    let seed = Masked {
        names: keep != Keep::Hashes,
        name: false,
        without: (keep == Keep::Around).then_some("data"),
    };
    // The outer reading has seen that this is JSON, so it can only fail where it is too deep.
    seed.deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
        .unwrap_or(Value::Null)
}

/// The fingerprint of the member `data` of what a KV v2 write sent or a read got.
fn payload(raw: &RawValue) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    let outer: Outer<'_> = serde_json::from_str(raw.get()).ok()?;
    let data = outer.data.filter(|data| data.get() != "null")?;
    // The servers write an object's members in the order of their keys, so equal payloads have
    // equal words.
    Some(PAYLOAD_KEY.hash_one(data.get()))
}

/// Builds a value without ever holding one of its secrets.
#[derive(Clone, Copy)]
struct Masked {
    /// Strings under known names are shown.
    names: bool,
    /// The nearest key above is such a name.
    name: bool,
    /// A member of the outermost object that is left out.
    without: Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for Masked {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Masked {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        let shown = self.name || value.is_empty() || is_hashed(value);
        Ok(if shown { value } else { MASKED }.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        let inner = Self {
            without: None,
            ..self
        };
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<Words<'de>>()? {
            if self.without == Some(key.0.as_ref()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value_seed(Self {
                names: self.names,
                name: self.names && is_name(&key.0),
                without: None,
            })?;
            members.insert(key.0.into_owned(), value);
        }
        Ok(Value::Object(members))
    }
}

/// `request.headers`, of which two are read.
#[derive(Default)]
struct Headers<'a> {
    correlation: Option<Words<'a>>,
    user_agent: Option<Words<'a>>,
}

impl<'de: 'a, 'a> de::Deserialize<'de> for Headers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Headers<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Headers<'de>, E> {
                Ok(Headers::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers<'de>, A::Error> {
                let mut headers = Headers::default();
                while let Some(key) = map.next_key::<Words<'de>>()? {
                    let first = map.next_value::<Strings<'de>>()?.0.into_iter().next();
                    if key.0.eq_ignore_ascii_case("x-correlation-id") {
                        headers.correlation = first;
                    } else if key.0.eq_ignore_ascii_case("correlation-id") {
                        headers.correlation = headers.correlation.or(first);
                    } else if key.0.eq_ignore_ascii_case("user-agent") {
                        headers.user_agent = first;
                    }
                }
                Ok(headers)
            }
        }
        deserializer.deserialize_any(Members)
    }
}

/// A list of strings; a single one stands for itself.
#[derive(Default)]
struct Strings<'a>(Vec<Words<'a>>);

impl<'de: 'a, 'a> de::Deserialize<'de> for Strings<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Strings<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of strings")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Strings<'de>, E> {
                Ok(Strings::default())
            }
            fn visit_str<E: de::Error>(self, words: &str) -> Result<Strings<'de>, E> {
                Ok(Strings(vec![Words(words.to_owned().into())]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strings<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Strings(all))
            }
        }
        deserializer.deserialize_any(Members)
    }
}

/// An object of strings, in its order.
#[derive(Default)]
struct Pairs<'a>(Vec<(Words<'a>, Words<'a>)>);

impl<'de: 'a, 'a> de::Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Pairs<'de>, E> {
                Ok(Pairs::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_any(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const HASH: &str =
        "hmac-sha256:08ba357e274f528065766c770a639abf6809b39ccfd37c2a3157c7f51954da0a";

    fn write(data: &Value) -> Value {
        json!({
            "request": {
                "id": "r1", "operation": "update", "path": "data/search/api",
                "mount_point": "secret/", "mount_type": "kv", "client_token": "hvs.x",
                "namespace": {"id": "n", "path": "team/"}, "data": {"data": data},
                "headers": {"X-Correlation-Id": ["rot-1"], "user-agent": ["curl"]},
            },
            "auth": {"display_name": "userpass-mira", "metadata": {"username": "mira", "n": 7}},
            "response": {"data": {"version": 3}},
            "type": "response", "time": "2026-11-23T13:46:36.310120Z",
        })
    }

    fn read(entry: &Value) -> VaultEntry {
        super::entry(format!("@cee: {entry}").as_bytes()).unwrap()
    }

    #[test]
    fn an_entry_is_read_behind_its_prefix() {
        let mut words = write(&json!({"key": "k"}));
        words["request"]["path"] = json!("secret/data/search/api");
        let entry = read(&words);
        assert_eq!(entry.path.raw(), "team/secret/data/search/api");
        assert_eq!(entry.mount_point.raw(), "team/secret/");
        assert_eq!(entry.correlation, Some("rot-1".into()));
        assert_eq!(entry.user_agent, Some("curl".into()));
        let auth = entry.auth.unwrap();
        assert_eq!(auth.meta("username"), Some(&"mira".into()));
        assert_eq!(auth.meta("n"), Some(&"7".into()));
        assert_eq!(entry.response_data, json!({"version": 3}));
        assert!(entry.raw_device);
    }

    #[test]
    fn of_a_payload_only_keyed_hashes_are_kept_but_equal_ones_are_known_as_equal() {
        let wrapped = |data: Value| {
            let mut words = write(&data);
            words["request"]["path"] = json!("secret/data/search/api");
            read(&words)
        };
        let (one, other) = (
            wrapped(json!({"username": "s3cret", "hash": HASH, "n": [1, true]})),
            wrapped(json!({"username": "s4cret", "hash": HASH, "n": [1, true]})),
        );
        let kept = json!({"data": {"username": MASKED, "hash": HASH, "n": [1, true]}});
        assert_eq!(one.request_data, kept);
        assert_eq!(other.request_data, kept);
        assert_ne!(one.payload, other.payload);
        let again = wrapped(json!({"username": "s3cret", "hash": HASH, "n": [1, true]}));
        assert_eq!(one.payload, again.payload);
    }

    #[test]
    fn a_login_s_caller_stands_in_its_response() {
        let mut words = write(&json!({}));
        words["auth"] = json!({"token_type": "default"});
        words["response"]["auth"] = json!({"display_name": "approle"});
        assert_eq!(
            read(&words).auth.unwrap().display_name,
            Some("approle".into())
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_says_why_and_shows_no_value() {
        let place = Place {
            file: "audit.log".into(),
            line: 7,
            byte: 0,
        };
        let whole = write(&json!({"key": "s3cret"})).to_string();
        for (line, reason) in [
            ("no json s3cret".to_owned(), "no JSON object in the line"),
            (
                "{\"auth\":\"s3cret".to_owned(),
                "the JSON object ends early, at byte 15",
            ),
            ("{\"auth\" \"s3cret\"}".to_owned(), "not JSON at byte 9"),
            (
                "{\"auth\":\"s3cret\"}".to_owned(),
                "not an audit entry: a member of the wrong shape at byte 16",
            ),
            (whole.replace("\"r1\"", "null"), "no request.id"),
            (
                whole.replace("36.310120Z", "36"),
                "time: a time without an offset names no moment",
            ),
            (
                whole.replace("\"type\":\"response\"", "\"type\":\"other\""),
                "the type is neither request nor response",
            ),
        ] {
            let mut got = Vec::new();
            Vault::new().line(line.as_bytes(), &place, &mut |read| got.push(read));
            let [Read::Rejected(rejected)] = got.as_slice() else {
                panic!("{line}: {got:?}");
            };
            assert_eq!(rejected.reason.raw(), reason, "{line}");
            assert!(!rejected.excerpt.raw().contains("s3cret"), "{rejected:?}");
            assert_eq!(rejected.place, place);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), cut in 0_usize..600) {
            let whole = write(&json!({"key": "s3cret"})).to_string();
            let torn = whole.get(..cut).unwrap_or(&whole);
            for line in [bytes.as_slice(), torn.as_bytes()] {
                let _ = super::entry(line);
                let _ = sniff(line);
            }
        }
    }
}
