//! From CloudTrail records to audit entries. What they say of rotations is not read yet.

use crate::audit::derive::emit::Emit;
use crate::audit::digest::Digest;
use crate::audit::record::CloudTrailRecord;
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, SecretPath, Text};

/// Takes one record in.
pub fn record(record: &CloudTrailRecord, emit: &mut Emit<'_>) {
    let path = record.resource.as_ref().unwrap_or(&record.event_name);
    let data = AuditEntry {
        actor: Actor(record.actor.clone()),
        operation: operation(record),
        path: path.clone(),
        secret: secret(record),
        version: None,
        outcome: outcome(record),
        remote_addr: record.remote_address.clone(),
        user_agent: record.user_agent.clone(),
        error: error(record),
        stage: None,
    };
    emit.event(id(record), record.time, path.clone(), data);
}

/// The event's own id; of one without, a hash of what it says.
fn id(record: &CloudTrailRecord) -> String {
    if let Some(id) = &record.event_id {
        return id.raw().to_owned();
    }
    let digest = Digest::of("cloudtrail")
        .word(record.time.to_string().as_bytes())
        .word(record.event_source.raw().as_bytes())
        .word(record.event_name.raw().as_bytes())
        .word(record.actor.raw().as_bytes());
    let resource = record.resource.as_ref().map_or("", Text::raw);
    digest.word(resource.as_bytes()).hex()
}

/// By the verb that the event's name begins with.
fn operation(record: &CloudTrailRecord) -> Operation {
    let name = record.event_name.raw();
    let begins = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    if begins(&["List", "Describe"]) {
        Operation::List
    } else if begins(&["Rotate"]) {
        Operation::Rotate
    } else if begins(&["Revoke"]) {
        Operation::Revoke
    } else if begins(&[
        "ConsoleLogin",
        "AssumeRole",
        "GetSessionToken",
        "GetFederationToken",
    ]) {
        Operation::Login
    } else if begins(&["Create", "Generate", "Run"]) {
        Operation::Create
    } else if begins(&["Delete", "Terminate"]) {
        Operation::Delete
    } else if begins(&["Get", "BatchGet", "Head", "Decrypt", "Lookup"])
        || record.read_only == Some(true)
    {
        Operation::Read
    } else {
        Operation::Update
    }
}

/// Only Secrets Manager's and Parameter Store's resources are secrets.
pub(in crate::audit) fn secret(record: &CloudTrailRecord) -> Option<SecretPath> {
    let source = record.event_source.raw();
    let holds = source.starts_with("secretsmanager.")
        || (source.starts_with("ssm.") && record.event_name.raw().contains("Parameter"));
    record.resource.clone().filter(|_| holds).map(SecretPath)
}

fn outcome(record: &CloudTrailRecord) -> AuditOutcome {
    match record.error_code.as_ref().map(Text::raw) {
        None => AuditOutcome::Allowed,
        Some(code)
            if code.contains("AccessDenied")
                || code.contains("Unauthorized")
                || code == "Failed authentication" =>
        {
            AuditOutcome::Denied
        }
        Some(_) => AuditOutcome::Error,
    }
}

fn error(record: &CloudTrailRecord) -> Option<Text> {
    match (&record.error_code, &record.error_message) {
        (Some(code), Some(message)) => {
            Some(Text::from(format!("{}: {}", code.raw(), message.raw())))
        }
        (code, message) => code.clone().or_else(|| message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Source, Timestamp};

    #[test]
    fn a_record_is_one_audit_entry() {
        let denied = CloudTrailRecord {
            time: Timestamp::parse("2023-07-10T11:45:00Z").unwrap(),
            event_id: Some("e-1".into()),
            event_source: "secretsmanager.amazonaws.com".into(),
            event_name: "GetSecretValue".into(),
            region: Some("us-east-1".into()),
            actor: "arn:aws:iam::1:user/mira".into(),
            remote_address: Some("10.1.0.1".into()),
            user_agent: None,
            error_code: Some("AccessDenied".into()),
            error_message: Some("no".into()),
            read_only: Some(true),
            resource: Some("payments/db".into()),
        };
        let source = Source::from("/cloudtrail");
        let mut events: Vec<Event> = Vec::new();
        let mut emit = Emit {
            source: &source,
            out: &mut |event| events.push(event),
        };
        record(&denied, &mut emit);
        let event = serde_json::to_value(&events[0]).unwrap();
        assert_eq!(event["id"], "e-1");
        assert_eq!(event["data"]["operation"], "read");
        assert_eq!(event["data"]["outcome"], "denied");
        assert_eq!(event["data"]["secret"], "payments/db");
        assert_eq!(event["data"]["error"], "AccessDenied: no");
    }
}
