//! One uniform row an event, whatever its format, for lists and tables.

mod picked;

use std::borrow::Cow;

use serde::Serialize;

use super::derive::{cloudtrail, secret_of, service};
use super::merge::Sighting;
use super::open::Sighted;
use super::record::{
    AccessRecord, AccessWords, CloudTrailRecord, Item, JournalRecord, JournalWords, PostgresRecord,
    Record, ServiceCall, VaultCall, VaultEntry, failure,
};
use crate::model::rejected::Place;
use crate::model::{Data, Event, RotationId, Text, Timestamp};
use crate::query::{Field, Row};

use picked::Picked;

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

/// What a list and an index show of a record, in its own words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Indexed<'a> {
    pub(super) format: &'static str,
    pub(super) outcome: Option<&'a str>,
    pub(super) operation: &'a str,
    pub(super) actor: Option<&'a str>,
    pub(super) path: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    pub(super) rotation: Option<&'a str>,
    pub(super) secret: Option<Cow<'a, str>>,
    /// True where something went wrong of which it tells more.
    pub(super) has_error: bool,
}

/// What a row says besides.
struct Rest {
    time: Timestamp,
    id: Option<Text>,
    remote_addr: Option<Text>,
    error: Option<Text>,
    message: Option<Text>,
}

impl Indexed<'_> {
    /// Tells what is kept of a record; `None` of a half of a Vault call, which is shown with the
    /// other.
    pub(super) fn tell<T>(record: &Record, told: impl FnOnce(&Indexed<'_>) -> T) -> Option<T> {
        Some(match record {
            Record::Event(event) => told(&event_indexed(event, &Picked::of(event))),
            Record::Vault(_) => return None,
            Record::Postgres(record) => told(&postgres_indexed(record)),
            Record::CloudTrail(record) => told(&cloudtrail_indexed(record)),
            Record::Call(call) => told(&call_indexed(call)),
            Record::Journal(record) => told(&journal_indexed(&record.said())),
            Record::Access(record) => told(&access_indexed(&record.said())),
        })
    }

    /// Its words for one of [`Field::INDEXED`].
    #[inline]
    pub(super) fn word(&self, field: Field) -> Option<&str> {
        match field {
            Field::Format => Some(self.format),
            Field::Outcome => self.outcome,
            Field::Operation => Some(self.operation),
            Field::Actor => self.actor,
            Field::Path => self.path,
            Field::Source => self.source,
            Field::Rotation => self.rotation,
            Field::Secret => self.secret.as_deref(),
            Field::Time
            | Field::Id
            | Field::RemoteAddr
            | Field::Error
            | Field::Message
            | Field::File => None,
        }
    }

    fn row(self, rest: Rest, place: Place) -> AuditRow {
        AuditRow {
            time: rest.time,
            format: self.format,
            id: rest.id,
            source: self.source.map(Text::from),
            actor: self.actor.map(Text::from),
            operation: self.operation.into(),
            path: self.path.map(Text::from),
            outcome: self.outcome.map(Text::from),
            remote_addr: rest.remote_addr,
            error: rest.error,
            message: rest.message,
            rotation: self.rotation.map(Text::from),
            secret: self.secret.map(Text::from),
            place,
        }
    }
}

fn raw(text: Option<&Text>) -> Option<&str> {
    text.map(Text::raw)
}

const EVENT_ERROR: [&str; 2] = ["error", "reason"];

/// The payloads share words for who, what and how; what a type lacks is absent.
fn event_indexed<'a>(event: &'a Event, said: &'a Picked) -> Indexed<'a> {
    Indexed {
        format: "event",
        outcome: said.first(&["outcome", "status", "state", "phase"]),
        operation: match &event.data {
            Data::AuditEntry(entry) => entry.operation.raw(),
            data => data.type_name(),
        },
        actor: said.first(&["actor", "by", "consumer"]),
        path: said
            .first(&["path", "secret"])
            .or_else(|| raw(event.subject.as_ref())),
        source: Some(event.source.raw()),
        rotation: event.rotation.as_ref().map(RotationId::raw),
        secret: said.first(&["secret"]).map(Cow::Borrowed),
        has_error: said.first(&EVENT_ERROR).is_some(),
    }
}

fn event_row(event: &Event, place: Place) -> AuditRow {
    let said = Picked::of(event);
    let first = |names: &[&str]| said.first(names).map(Text::from);
    let rest = Rest {
        time: event.time,
        id: Some(event.id.0.clone()),
        remote_addr: first(&["remote_addr"]),
        error: first(&EVENT_ERROR),
        message: first(&["stage", "summary", "version"]),
    };
    event_indexed(event, &said).row(rest, place)
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

fn is_failed(record: &PostgresRecord) -> bool {
    matches!(record.severity.raw(), "ERROR" | "FATAL" | "PANIC")
}

fn postgres_indexed(record: &PostgresRecord) -> Indexed<'_> {
    let failed = is_failed(record);
    let denied = record
        .sqlstate
        .as_ref()
        .is_some_and(|code| code.raw().starts_with("28") || code.raw() == "42501");
    let operation = if denied || record.message.raw().starts_with("connection auth") {
        "login"
    } else {
        record.severity.raw()
    };
    let outcome = match (denied, failed) {
        (true, _) => Some("denied"),
        (_, true) => Some("error"),
        _ if operation == "login" => Some("allowed"),
        _ => None,
    };
    Indexed {
        format: "postgres",
        outcome,
        operation,
        actor: raw(record.user.as_ref()),
        path: raw(record.database.as_ref()),
        has_error: failed,
        ..Indexed::default()
    }
}

fn postgres_row(record: &PostgresRecord, place: Place) -> AuditRow {
    let failed = is_failed(record);
    let rest = Rest {
        time: record.time,
        id: None,
        remote_addr: record.remote_host.clone(),
        error: failed.then(|| record.message.clone()),
        message: (!failed).then(|| record.message.clone()),
    };
    postgres_indexed(record).row(rest, place)
}

fn cloudtrail_indexed(record: &CloudTrailRecord) -> Indexed<'_> {
    let outcome = match raw(record.error_code.as_ref()) {
        Some(code) if code.contains("AccessDenied") || code.contains("Unauthorized") => "denied",
        Some(_) => "error",
        // A failed rotation has a message and no code.
        None if record.error_message.is_some() => "error",
        None => "allowed",
    };
    Indexed {
        format: "cloudtrail",
        outcome: Some(outcome),
        operation: record.event_name.raw(),
        actor: Some(record.actor.raw()).filter(|actor| !actor.is_empty()),
        path: raw(record.resource.as_ref()),
        source: Some(record.event_source.raw()),
        rotation: None,
        secret: cloudtrail::secret(record).map(Cow::Borrowed),
        has_error: record.error_code.is_some() || record.error_message.is_some(),
    }
}

fn cloudtrail_row(record: &CloudTrailRecord, place: Place) -> AuditRow {
    let error = match (&record.error_code, &record.error_message) {
        (Some(code), Some(words)) => Some(Text::from(format!("{}: {}", code.raw(), words.raw()))),
        (code, words) => code.as_ref().or(words.as_ref()).cloned(),
    };
    let rest = Rest {
        time: record.time,
        id: record.event_id.clone(),
        remote_addr: record.remote_address.clone(),
        error,
        message: None,
    };
    cloudtrail_indexed(record).row(rest, place)
}

fn call_indexed(call: &ServiceCall) -> Indexed<'_> {
    Indexed {
        format: call.provider.name(),
        outcome: Some(call.ending.outcome()),
        operation: call.method.raw(),
        actor: raw(call.actor.as_ref()),
        path: raw(call.resource.as_ref()),
        source: Some(call.api.raw()),
        rotation: None,
        secret: service::secret(call).map(Cow::Borrowed),
        has_error: call.error.is_some(),
    }
}

fn call_row(call: &ServiceCall, place: Place) -> AuditRow {
    let acting_as = raw(call.acting_as.as_ref());
    let rest = Rest {
        time: call.time,
        id: call.id.clone(),
        remote_addr: call.remote_address.clone(),
        error: call.error.clone(),
        message: acting_as.map(|name| Text::from(format!("acting as {name}"))),
    };
    call_indexed(call).row(rest, place)
}

/// What is kept of a line of the journal.
pub(super) fn journal_indexed<'a>(said: &JournalWords<'a>) -> Indexed<'a> {
    let outcome = match said.login {
        Some(login) if login.granted => Some("allowed"),
        Some(_) => Some("denied"),
        None => said.is_bad().then_some("error"),
    };
    Indexed {
        format: "journald",
        outcome,
        operation: match said.login {
            Some(_) => "login",
            None => said.level(),
        },
        actor: match said.login {
            Some(login) => Some(login.user),
            None => said.program,
        },
        path: said.unit.or(said.program),
        source: said.host,
        rotation: None,
        secret: None,
        has_error: said.has_error(),
    }
}

fn journal_row(record: &JournalRecord, place: Place) -> AuditRow {
    let (said, login) = (record.said(), record.login.as_ref());
    let words = Some(&record.message).filter(|words| !words.is_empty());
    let (error, message) = if said.has_error() {
        (words, None)
    } else {
        (None, words)
    };
    let rest = Rest {
        time: record.time,
        id: record.cursor.clone(),
        remote_addr: login.and_then(|login| login.remote_address.clone()),
        error: error.cloned(),
        message: message.cloned(),
    };
    journal_indexed(&said).row(rest, place)
}

/// What is kept of a request.
pub(super) fn access_indexed<'a>(said: &'a AccessWords<'_>) -> Indexed<'a> {
    Indexed {
        format: said.proxy.name(),
        outcome: Some(said.ending.outcome()),
        operation: said.method,
        actor: said.user,
        path: Some(&said.path),
        source: said.service,
        rotation: None,
        secret: None,
        has_error: failure(said.ending).is_some(),
    }
}

fn access_row(record: &AccessRecord, place: Place) -> AuditRow {
    let rest = Rest {
        time: record.time,
        id: record.request_id.clone(),
        remote_addr: record.remote_address.clone(),
        error: record.error(),
        message: None,
    };
    access_indexed(&record.said()).row(rest, place)
}
