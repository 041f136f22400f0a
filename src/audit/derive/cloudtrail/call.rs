//! One CloudTrail record, as the rules look at it.

use crate::audit::derive::who::Who;
use crate::audit::digest::Digest;
use crate::audit::identity::IdentityRules;
use crate::audit::record::{CloudTrailRecord, Said};
use crate::measure::throttling::is_throttling;
use crate::model::event::{AuditOutcome, Operation, Stage};
use crate::model::{
    Actor, ConsumerId, Region, RotationId, SecretPath, ServiceName, Text, Timestamp, Version,
};

/// What role names of people begin with who come through IAM Identity Center.
const PEOPLE: &str = "AWSReservedSSO_";

/// A record and what is known of it at once.
#[derive(Debug)]
pub struct Call {
    /// What was logged.
    pub record: CloudTrailRecord,
    /// Who called.
    pub who: Who,
}

/// What a rule found out about a call, for its audit entry.
#[derive(Debug, Default)]
pub struct Note {
    /// The secret that it is about.
    pub secret: Option<SecretPath>,
    /// The rotation that it is part of.
    pub rotation: Option<RotationId>,
    /// The version concerned.
    pub version: Option<Version>,
    /// The stage that it records.
    pub stage: Option<Stage>,
}

/// The account that a name belongs to, and the name.
pub type Owned = (Option<Text>, SecretPath);

impl Call {
    /// Looks at a record.
    pub fn new(record: &CloudTrailRecord, rules: &IdentityRules) -> Self {
        Self {
            who: who(record, rules),
            record: record.clone(),
        }
    }

    /// When it happened, to the second.
    pub fn time(&self) -> Timestamp {
        self.record.time
    }

    /// The event's name, such as `RotateSecret`.
    pub fn name(&self) -> &str {
        self.record.event_name.raw()
    }

    /// The service that was called, such as `kms`.
    pub fn service(&self) -> &str {
        let source = self.record.event_source.raw();
        source.split('.').next().unwrap_or(source)
    }

    /// What the record says under a name.
    pub fn says(&self, what: Said) -> Option<&Text> {
        self.record.says(what)
    }

    /// The version that the record says under a name.
    pub fn version(&self, what: Said) -> Option<Version> {
        self.says(what).cloned().map(Version)
    }

    /// A secret of the account whose log this is.
    pub fn owned(&self, secret: SecretPath) -> Owned {
        (self.record.account.clone(), secret)
    }

    /// The id of its audit entry: the event's own; of one without, a hash of what it says.
    pub fn id(&self) -> String {
        let record = &self.record;
        if let Some(id) = &record.event_id {
            return id.raw().to_owned();
        }
        let resource = record.resource.as_ref().map_or("", Text::raw);
        Digest::of("cloudtrail")
            .word(record.time.to_string().as_bytes())
            .word(record.event_source.raw().as_bytes())
            .word(record.event_name.raw().as_bytes())
            .word(record.actor.raw().as_bytes())
            .word(resource.as_bytes())
            .hex()
    }

    /// True where nothing went wrong. A service's own event tells that by a message alone.
    pub fn is_done(&self) -> bool {
        self.record.error_code.is_none() && self.record.error_message.is_none()
    }

    /// True where the caller was too fast: told by the code, never by a status.
    pub fn is_throttled(&self) -> bool {
        let code = self.record.error_code.as_ref();
        code.is_some_and(|code| is_throttling(code.raw()))
    }

    /// True where the caller was not let through.
    pub fn is_denied(&self) -> bool {
        let code = self.record.error_code.as_ref().map_or("", Text::raw);
        code.contains("AccessDenied")
            || code.contains("Unauthorized")
            || code == "Failed authentication"
    }

    /// How it ended, in the contract's words.
    pub fn outcome(&self) -> AuditOutcome {
        if self.is_done() {
            AuditOutcome::Allowed
        } else if self.is_denied() {
            AuditOutcome::Denied
        } else {
            AuditOutcome::Error
        }
    }

    /// What went wrong, in the words of the service.
    pub fn error(&self) -> Option<Text> {
        match (&self.record.error_code, &self.record.error_message) {
            (Some(code), Some(words)) => {
                Some(Text::from(format!("{}: {}", code.raw(), words.raw())))
            }
            (code, words) => code.clone().or_else(|| words.clone()),
        }
    }

    /// By the verb that the event's name begins with.
    pub fn operation(&self) -> Operation {
        let name = self.name();
        let begins = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
        if begins(&["List", "Describe"]) {
            Operation::List
        } else if begins(&["Rotate", "Rotation"]) {
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
            || self.record.read_only == Some(true)
        {
            Operation::Read
        } else {
            Operation::Update
        }
    }
}

/// Who called, as `docs/derivation.md` states it: only a role's session is a machine, unless a
/// rule says otherwise.
fn who(record: &CloudTrailRecord, rules: &IdentityRules) -> Who {
    let role = record.caller.role.as_ref().map(Text::raw);
    let session = session(record.actor.raw());
    let role = role.or(session.map(|(role, _)| role));
    let is_machine = role.is_some_and(|role| !role.starts_with(PEOPLE));
    let consumer = session.filter(|_| is_machine);
    let name = role
        .map(Text::from)
        .or_else(|| record.caller.user.clone())
        .unwrap_or_else(|| record.actor.clone());
    let mut identities = vec![Actor(record.actor.clone())];
    identities.extend(record.remote_address.clone().map(Actor));
    let mut who = Who {
        actor: Actor(record.actor.clone()),
        consumer: consumer.map(|(role, name)| ConsumerId::from(format!("{role}/{name}"))),
        service: ServiceName(name),
        region: record.region.clone().map(Region),
        identities,
    };
    if !rules.is_empty() {
        let said = rules.say(&|field| match field {
            "display_name" | "metadata.arn" => Some(record.actor.raw()),
            "remote_address" => record.remote_address.as_ref().map(Text::raw),
            "metadata.account_id" => record.account.as_ref().map(Text::raw),
            "metadata.role_name" => role,
            "metadata.session_name" => session.map(|(_, name)| name),
            "metadata.username" => record.caller.user.as_ref().map(Text::raw),
            _ => None,
        });
        if let Some(said) = said {
            who.is_said(said);
        }
    }
    who
}

/// The role and the session of `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
fn session(arn: &str) -> Option<(&str, &str)> {
    let (_, names) = arn.split_once(":assumed-role/")?;
    names.split_once('/')
}
