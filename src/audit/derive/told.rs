//! The events of a rotation that every source's rules write in the same way.

use crate::audit::derive::emit::Emit;
use crate::model::event::{RotationStage, RotationStarted, Stage, StageStatus};
use crate::model::{RotationId, SecretPath, Text, Timestamp};

/// The start of a rotation of which only the secret is known.
pub fn started(secret: SecretPath) -> RotationStarted {
    RotationStarted {
        secret,
        kind: None,
        from_version: None,
        to_version: None,
        trigger: None,
        owner: None,
        tier: None,
        regions: Vec::new(),
        grace_seconds: None,
        cadence_seconds: None,
        dual_run: None,
        planned: None,
        canary_percent: None,
        consumers: Vec::new(),
        services: Vec::new(),
        audit_expected: None,
        by: None,
        correlation: None,
    }
}

/// A word about a stage; `audited` where the call that it is told from is its audit entry.
pub fn stage(stage: Stage, status: StageStatus, audited: bool) -> RotationStage {
    RotationStage {
        stage,
        status,
        attempt: None,
        region: None,
        wave: None,
        percent: None,
        audit_expected: (!audited).then_some(false),
        error: None,
    }
}

/// Where a rotation begins: its id and the one call or moment that it is told from.
pub struct Told<'a> {
    /// The rotation.
    pub rotation: &'a RotationId,
    /// What its events' ids begin with.
    pub id: &'a str,
}

impl Told<'_> {
    /// The start.
    pub fn started(&self, time: Timestamp, data: RotationStarted, emit: &mut Emit<'_>) {
        let id = format!("{}/started", self.id);
        emit.of(self.rotation, id, time, data);
    }

    /// A stage that is done at a moment.
    pub fn completed(&self, time: Timestamp, what: Stage, audited: bool, emit: &mut Emit<'_>) {
        self.stage(time, stage(what, StageStatus::Completed, audited), emit);
    }

    /// A word about a stage.
    pub fn stage(&self, time: Timestamp, data: RotationStage, emit: &mut Emit<'_>) {
        let id = format!("{}/{}-{}", self.id, data.stage.raw(), data.status.raw());
        emit.of(self.rotation, id, time, data);
    }

    /// A stage that went wrong.
    pub fn failed(&self, time: Timestamp, what: Stage, error: Option<Text>, emit: &mut Emit<'_>) {
        let mut data = stage(what, StageStatus::Failed, true);
        data.error = error;
        self.stage(time, data, emit);
    }
}
