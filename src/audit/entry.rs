//! One uniform row an event, whatever its format, for lists and tables.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::derive::{cloudtrail, secret_of, service};
use super::merge::Sighting;
use super::open::Sighted;
use super::record::{
    AccessRecord, CloudTrailRecord, Item, JournalRecord, PostgresRecord, ServiceCall, VaultCall,
    VaultEntry,
};
use crate::model::rejected::Place;
use crate::model::{Data, Event, Text, Timestamp};
use crate::query::{Field, Row};

/// What can be said of an event in the same words whatever its format. What its format does not
/// tell is absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    /// When it was over: of an answered Vault call the response's time.
    pub time: Timestamp,
    /// `event`, `vault`, `postgres`, `cloudtrail`, `kubernetes`, `gcp`, `azure`, `journald`, `nginx`
    /// or `envoy`.
    pub format: &'static str,
    /// Its name in its format: an event's id, `request.id`, `eventID`, `auditID`, `insertId`.
    pub id: Option<Text>,
    /// Who tells it: an event's source, CloudTrail's `eventSource`, the API of a service, the host
    /// of a journal, the service behind a proxy.
    pub source: Option<Text>,
    /// Who acted.
    pub actor: Option<Text>,
    /// What was done; of an event its type.
    pub operation: Text,
    /// On what: a path, a database, a resource, a subject.
    pub path: Option<Text>,
    /// `allowed`, `denied`, `error`, or `unanswered` for a Vault request without a response.
    pub outcome: Option<Text>,
    /// From where.
    pub remote_addr: Option<Text>,
    /// What went wrong.
    pub error: Option<Text>,
    /// What else it says: a PostgreSQL message.
    pub message: Option<Text>,
    /// The rotation that it says it is part of: an event's, or the correlation id of a call.
    pub rotation: Option<Text>,
    /// The secret that it is about, as its users name it.
    pub secret: Option<Text>,
    /// Where it stands.
    pub place: Place,
}

impl AuditRow {
    /// The row of an event; `None` for a second sight of one or the rest of one.
    #[must_use]
    pub fn of(sighted: &Sighted) -> Option<Self> {
        if sighted.sighting != Sighting::New {
            return None;
        }
        Self::of_item(&sighted.merged.item, sighted.place.clone())
    }

    /// The same of what was met for the first time.
    pub(super) fn of_item(item: &Item, place: Place) -> Option<Self> {
        match item {
            Item::Event(event) => Some(event_row(event, place)),
            Item::Vault(call) => vault_row(call, place),
            Item::Postgres(record, _) => Some(postgres_row(record, place)),
            Item::CloudTrail(record) => Some(cloudtrail_row(record, place)),
            Item::Call(call, _) => Some(call_row(call, place)),
            Item::Journal(record, _) => Some(journal_row(record, place)),
            Item::Access(record, _) => Some(access_row(record, place)),
        }
    }

    /// The names of the columns of [`Self::cells`].
    pub const COLUMNS: [&'static str; 15] = [
        "time",
        "format",
        "id",
        "source",
        "actor",
        "operation",
        "path",
        "outcome",
        "remote_addr",
        "error",
        "message",
        "file",
        "line",
        "rotation",
        "secret",
    ];

    /// The row as harmless words, in the order of [`Self::COLUMNS`].
    #[must_use]
    pub fn cells(&self) -> [String; 15] {
        let shown = |text: &Option<Text>| text.as_ref().map(Text::to_string).unwrap_or_default();
        [
            self.time.to_string(),
            self.format.to_owned(),
            shown(&self.id),
            shown(&self.source),
            shown(&self.actor),
            self.operation.to_string(),
            shown(&self.path),
            shown(&self.outcome),
            shown(&self.remote_addr),
            shown(&self.error),
            shown(&self.message),
            self.place.file.to_string(),
            self.place.line.to_string(),
            shown(&self.rotation),
            shown(&self.secret),
        ]
    }
}

impl Row for AuditRow {
    fn time(&self) -> Timestamp {
        self.time
    }

    fn field(&self, field: Field) -> Option<Cow<'_, str>> {
        let text = match field {
            Field::Time => None,
            Field::Format => return Some(Cow::Borrowed(self.format)),
            Field::Id => self.id.as_ref(),
            Field::Source => self.source.as_ref(),
            Field::Actor => self.actor.as_ref(),
            Field::Operation => Some(&self.operation),
            Field::Path => self.path.as_ref(),
            Field::Outcome => self.outcome.as_ref(),
            Field::RemoteAddr => self.remote_addr.as_ref(),
            Field::Error => self.error.as_ref(),
            Field::Message => self.message.as_ref(),
            Field::Rotation => self.rotation.as_ref(),
            Field::Secret => self.secret.as_ref(),
            Field::File => return Some(Cow::Owned(self.place.file.to_string())),
        };
        text.map(|text| Cow::Borrowed(text.raw()))
    }
}

/// What the payloads of events say in common. Building a value of each took longer than reading it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    actor: Option<&'a RawValue>,
    #[serde(borrow)]
    by: Option<&'a RawValue>,
    #[serde(borrow)]
    consumer: Option<&'a RawValue>,
    #[serde(borrow)]
    path: Option<&'a RawValue>,
    #[serde(borrow)]
    secret: Option<&'a RawValue>,
    #[serde(borrow)]
    outcome: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
    #[serde(borrow)]
    remote_addr: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
    #[serde(borrow)]
    stage: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
}

/// The first of these that is a string.
fn first<const N: usize>(said: [Option<&RawValue>; N]) -> Option<Text> {
    let string = |raw: &RawValue| serde_json::from_str::<Text>(raw.get()).ok();
    said.into_iter().flatten().find_map(string)
}

fn event_row(event: &Event, place: Place) -> AuditRow {
    // The payloads share words for who, what and how; what a type lacks is absent.
    let data = serde_json::to_string(&event.data).unwrap_or_default();
    let said: Said<'_> = serde_json::from_str(&data).unwrap_or_default();
    let operation = match &event.data {
        Data::AuditEntry(entry) => Text::from(entry.operation.raw()),
        data => Text::from(data.type_name()),
    };
    AuditRow {
        time: event.time,
        format: "event",
        id: Some(event.id.0.clone()),
        source: Some(event.source.0.clone()),
        actor: first([said.actor, said.by, said.consumer]),
        operation,
        path: first([said.path, said.secret]).or_else(|| event.subject.clone()),
        outcome: first([said.outcome, said.status, said.state, said.phase]),
        remote_addr: first([said.remote_addr]),
        error: first([said.error, said.reason]),
        message: first([said.stage, said.summary, said.version]),
        rotation: event.rotation.as_ref().map(|rotation| rotation.0.clone()),
        secret: first([said.secret]),
        place,
    }
}

fn vault_row(call: &VaultCall, place: Place) -> Option<AuditRow> {
    let last = call.last()?;
    let auth = last.auth.as_ref();
    let first = call.request.as_deref();
    let auth = auth.or_else(|| first.and_then(|r| r.auth.as_ref()));
    let named = |key: &str| auth.and_then(|a| a.meta(key)).cloned();
    let actor = named("consumer")
        .or_else(|| auth.and_then(|a| a.display_name.clone()))
        .or_else(|| auth.and_then(|a| a.entity_id.clone()));
    let error = last.error.clone();
    let error = error.or_else(|| first.and_then(|r| r.error.clone()));
    let outcome = match &error {
        Some(words) if is_denied(words.raw()) => "denied",
        Some(_) => "error",
        None if call.response.is_none() => "unanswered",
        None => "allowed",
    };
    Some(AuditRow {
        time: last.time,
        format: "vault",
        id: Some(last.request_id.clone()),
        source: None,
        actor,
        operation: last.operation.clone(),
        path: Some(last.path.clone()),
        outcome: Some(outcome.into()),
        remote_addr: address(last).or_else(|| first.and_then(address)),
        error,
        message: match &call.response {
            None => Some("no response logged".into()),
            Some(response) if response.wrapped => Some("wrapped, nothing was done yet".into()),
            Some(_) => None,
        },
        rotation: correlation_of(last).or_else(|| first.and_then(correlation_of)),
        secret: secret_of(last).map(|secret| secret.0),
        place,
    })
}

/// The id of what a call was made for.
pub(super) fn correlation_of(entry: &VaultEntry) -> Option<Text> {
    entry.correlation.clone()
}

fn address(entry: &VaultEntry) -> Option<Text> {
    entry.remote_address.clone()
}

/// Vault's words where the caller was not let through.
pub(super) fn is_denied(error: &str) -> bool {
    [
        "permission denied",
        "invalid credentials",
        "invalid role or secret ID",
        "invalid username or password",
        "invalid token",
        "bad token",
    ]
    .iter()
    .any(|words| error.contains(words))
}

fn postgres_row(record: &PostgresRecord, place: Place) -> AuditRow {
    let severity = record.severity.raw();
    let failed = matches!(severity, "ERROR" | "FATAL" | "PANIC");
    let denied = record
        .sqlstate
        .as_ref()
        .is_some_and(|code| code.raw().starts_with("28") || code.raw() == "42501");
    let message = record.message.raw();
    let operation = if denied || message.starts_with("connection auth") {
        "login"
    } else {
        severity
    };
    let outcome = match (denied, failed) {
        (true, _) => Some("denied"),
        (_, true) => Some("error"),
        _ if operation == "login" => Some("allowed"),
        _ => None,
    };
    AuditRow {
        time: record.time,
        format: "postgres",
        id: None,
        source: None,
        actor: record.user.clone(),
        operation: operation.into(),
        path: record.database.clone(),
        outcome: outcome.map(Text::from),
        remote_addr: record.remote_host.clone(),
        error: failed.then(|| record.message.clone()),
        message: (!failed).then(|| record.message.clone()),
        rotation: None,
        secret: None,
        place,
    }
}

fn cloudtrail_row(record: &CloudTrailRecord, place: Place) -> AuditRow {
    let code = record.error_code.as_ref();
    let outcome = match code.map(Text::raw) {
        Some(code) if code.contains("AccessDenied") || code.contains("Unauthorized") => "denied",
        Some(_) => "error",
        // A failed rotation has a message and no code.
        None if record.error_message.is_some() => "error",
        None => "allowed",
    };
    let error = match (code, &record.error_message) {
        (Some(code), Some(words)) => Some(Text::from(format!("{}: {}", code.raw(), words.raw()))),
        (code, words) => code.or(words.as_ref()).cloned(),
    };
    AuditRow {
        time: record.time,
        format: "cloudtrail",
        id: record.event_id.clone(),
        source: Some(record.event_source.clone()),
        actor: (!record.actor.is_empty()).then(|| record.actor.clone()),
        operation: record.event_name.clone(),
        path: record.resource.clone(),
        outcome: Some(outcome.into()),
        remote_addr: record.remote_address.clone(),
        error,
        message: None,
        rotation: None,
        secret: cloudtrail::secret(record).map(|secret| secret.0),
        place,
    }
}

fn call_row(call: &ServiceCall, place: Place) -> AuditRow {
    let acting_as = call.acting_as.as_ref().map(Text::raw);
    AuditRow {
        time: call.time,
        format: call.provider.name(),
        id: call.id.clone(),
        source: Some(call.api.clone()),
        actor: call.actor.clone(),
        operation: call.method.clone(),
        path: call.resource.clone(),
        outcome: Some(call.ending.outcome().into()),
        remote_addr: call.remote_address.clone(),
        error: call.error.clone(),
        message: acting_as.map(|name| Text::from(format!("acting as {name}"))),
        rotation: None,
        secret: service::meaning(call).secret.map(|secret| secret.0),
        place,
    }
}

fn journal_row(record: &JournalRecord, place: Place) -> AuditRow {
    let login = record.login.as_ref();
    // RFC 5424: 3 is an error, and what is less is worse.
    let failed = record.priority.is_some_and(|priority| priority <= 3);
    let outcome = match login {
        Some(login) if login.granted => Some("allowed"),
        Some(_) => Some("denied"),
        None => failed.then_some("error"),
    };
    let is_error = failed || login.is_some_and(|login| !login.granted);
    let words = (!record.message.is_empty()).then(|| record.message.clone());
    let (error, message) = if is_error {
        (words, None)
    } else {
        (None, words)
    };
    AuditRow {
        time: record.time,
        format: "journald",
        id: record.cursor.clone(),
        source: record.host.clone(),
        actor: match login {
            Some(login) => Some(login.user.clone()),
            None => record.program.clone(),
        },
        operation: match login {
            Some(_) => "login".into(),
            None => record.level().into(),
        },
        path: record.unit.clone().or_else(|| record.program.clone()),
        outcome: outcome.map(Text::from),
        remote_addr: login.and_then(|login| login.remote_address.clone()),
        error,
        message,
        rotation: None,
        secret: None,
        place,
    }
}

fn access_row(record: &AccessRecord, place: Place) -> AuditRow {
    AuditRow {
        time: record.time,
        format: record.proxy.name(),
        id: record.request_id.clone(),
        source: record.service.clone(),
        actor: record.user.clone(),
        operation: record.method.clone(),
        path: Some(record.path.clone()),
        outcome: Some(record.ending.outcome().into()),
        remote_addr: record.remote_address.clone(),
        error: record.error(),
        message: None,
        rotation: None,
        secret: None,
        place,
    }
}
