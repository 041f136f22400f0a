//! From CloudTrail records to events: a file a service.
//!
//! CloudTrail tells times to the second and delivers in any order. What is of one second is
//! therefore held until that is over, and looked at in the order in which it can have happened, so
//! that the same records yield the same events however they came.

mod call;
mod iam;
mod kms;
mod quota;
mod secrets;
mod sts;

use std::collections::BTreeMap;

use self::call::{Call, Note};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::windows::Windows;
use crate::audit::identity::IdentityRules;
use crate::audit::record::{CloudTrailRecord, Said};
use crate::model::event::AuditEntry;
use crate::model::{SecretPath, Text, Timestamp};

/// The most records that are held of one moment; more are looked at as they come.
const HELD: usize = 65_536;

/// What the log has taught so far.
#[derive(Debug, Default)]
pub struct CloudTrail {
    held: BTreeMap<Place, Vec<Call>>,
    held_calls: usize,
    secrets: secrets::Secrets,
    kms: kms::Kms,
    iam: iam::Iam,
    windows: Windows,
    quotas: quota::Quotas,
}

/// Where a record stands: its time, its place in a rotation's order, its id.
type Place = (Timestamp, u8, String);

impl CloudTrail {
    /// Takes one record in.
    pub fn take(&mut self, record: &CloudTrailRecord, rules: &IdentityRules) {
        let call = Call::new(record, rules);
        let place = (call.time(), rank(&call), call.id());
        self.held.entry(place).or_default().push(call);
        self.held_calls += 1;
    }

    /// Lets time pass: what is of an earlier second is told.
    pub fn close(&mut self, now: Timestamp, emit: &mut Emit<'_>) {
        self.tell(Some(now), emit);
        self.windows.close(now, &|_| None, emit);
        self.quotas.close(Some(now), emit);
    }

    /// The log is at its end.
    pub fn finish(&mut self, emit: &mut Emit<'_>) {
        self.tell(None, emit);
        self.windows.finish(&|_| None, emit);
        self.quotas.close(None, emit);
    }

    /// True where so much is of one second that it has to go.
    pub fn is_full(&self) -> bool {
        self.held_calls > HELD
    }

    fn tell(&mut self, now: Option<Timestamp>, emit: &mut Emit<'_>) {
        while let Some(first) = self.held.first_entry() {
            let is_over = now.is_none_or(|now| first.key().0.seconds() < now.seconds());
            if !is_over && self.held_calls <= HELD {
                return;
            }
            for call in first.remove() {
                self.held_calls -= 1;
                self.call(&call, emit);
            }
        }
    }

    fn call(&mut self, call: &Call, emit: &mut Emit<'_>) {
        self.iam.used(call, emit);
        let note = match call.service() {
            "secretsmanager" => self.secrets.call(call, emit),
            "kms" => self.kms.call(call, &mut self.windows, emit),
            "iam" => self.iam.call(call, emit),
            "sts" => sts::call(call, emit),
            _ => Note::default(),
        };
        self.quotas.count(call);
        audit_entry(call, note, emit);
    }
}

/// Where in one second a record stands: what makes a thing before what uses it, and what ends it
/// last. On which side of a move a plain read of the same second was, nothing tells.
fn rank(call: &Call) -> u8 {
    let is_pending = || {
        call.says(Said::Stage)
            .is_some_and(|label| label.raw() == "AWSPENDING")
    };
    match call.name() {
        "CreateSecret" | "CreateUser" | "CreateKey" | "CreateAlias" => 0,
        "RotateSecret" | "RotateKeyOnDemand" | "EnableKeyRotation" => 1,
        "RotationStarted" | "TestRotationStarted" => 2,
        "PutSecretValue" | "UpdateSecret" | "CreateAccessKey" => 3,
        "GetSecretValue" if is_pending() => 4,
        "UpdateSecretVersionStage" | "RotateKey" | "UpdateAlias" => 5,
        "RotationSucceeded" | "RotationFailed" | "RotationAbandoned" | "CancelRotateSecret" => 7,
        "UpdateAccessKey" | "DisableKey" | "EnableKey" | "CancelKeyDeletion" => 8,
        name if name.starts_with("Delete") || name == "ScheduleKeyDeletion" => 9,
        _ => 6,
    }
}

fn audit_entry(call: &Call, note: Note, emit: &mut Emit<'_>) {
    let record = &call.record;
    let path = record.resource.as_ref().unwrap_or(&record.event_name);
    let data = AuditEntry {
        actor: call.who.actor.clone(),
        operation: call.operation(),
        path: path.clone(),
        secret: note.secret.or_else(|| parameter(call)),
        version: note.version,
        outcome: call.outcome(),
        remote_addr: record.remote_address.clone(),
        user_agent: record.user_agent.clone(),
        error: call.error(),
        stage: note.stage.filter(|_| call.is_done()),
    };
    let rotation = note.rotation.as_ref();
    emit.maybe_of(rotation, call.id(), record.time, path.clone(), data);
}

/// The secret that a record names, without anything that other records tell.
pub(in crate::audit) fn secret(record: &CloudTrailRecord) -> Option<&str> {
    let source = record.event_source.raw();
    let holds = source.starts_with("secretsmanager.")
        || (source.starts_with("ssm.") && record.event_name.raw().contains("Parameter"));
    let resource = record.resource.as_ref();
    resource.filter(|_| holds).map(Text::raw)
}

/// Parameter Store's parameters are secrets too, of which only this much is told.
fn parameter(call: &Call) -> Option<SecretPath> {
    let holds = call.service() == "ssm" && call.name().contains("Parameter");
    let name = call.record.resource.clone().filter(|_| holds)?;
    Some(SecretPath(match name.raw().split_once(":parameter/") {
        Some((_, path)) => Text::from(format!("/{path}")),
        None => name,
    }))
}

#[cfg(test)]
mod tests;
