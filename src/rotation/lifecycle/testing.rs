//! Rotations and moments for the tests of this room.

use super::*;
use crate::model::event::{SecretKind, Trigger};
use crate::model::{
    Actor, ConsumerId, Region, RotationId, SecretPath, ServiceName, Timestamp, Version,
};

/// The moment all tests begin at.
pub(super) const START: i64 = 1_800_000_000;

/// A moment so many seconds after the start.
pub(super) fn at(seconds: i64) -> Moment {
    Moment {
        now: Timestamp::new(START + seconds, 0),
        frozen: false,
        turn: true,
        current: Some(Version::from("v1")),
        previous_kept: true,
        dice: 0.5,
    }
}

/// A rotation from v1 to v2 that waits for its turn, with a consumer for each wave given.
pub(super) fn rotation(rules: Rules, waves_of_members: &[usize]) -> Rotation {
    let members = waves_of_members.iter().enumerate().map(|(n, wave)| Member {
        consumer: ConsumerId::from(format!("c{n}")),
        service: ServiceName::from("checkout"),
        region: Some(Region::from(if n % 2 == 0 { "eu-1" } else { "us-1" })),
        identities: Vec::new(),
        pushed: true,
        wave: *wave,
        offered: false,
        using: None,
        told: None,
        error: None,
    });
    Rotation {
        id: RotationId::from("rot-1"),
        secret: SecretPath::from("payments/db"),
        kind: SecretKind::Database,
        owner: None,
        tier: None,
        from: None,
        to: Version::from("v2"),
        also_gone: Vec::new(),
        cleared: false,
        trigger: Trigger::Manual,
        by: Actor::from("alice"),
        reason: None,
        rules,
        canary_percent: None,
        members: members.collect(),
        state: State::Waiting {
            not_before: Timestamp::new(START, 0),
        },
        pending: Vec::new(),
        hold: None,
        round: 0,
        asked_at: Timestamp::new(START, 0),
        began_at: None,
        stored_at: None,
        activated_at: None,
        revoked_at: None,
        ended_at: None,
        forced: false,
        ending: None,
        end_reason: None,
        sitters: Vec::new(),
        baseline: Vec::new(),
        latest: Vec::new(),
        healthy_at: None,
        failures_told: Vec::new(),
        acts: Vec::new(),
    }
}

/// An act of alice's.
pub(super) fn act(verb: crate::model::intent::Verb) -> Input {
    Input::Act(Act {
        verb,
        region: None,
        service: None,
        length: None,
        by: Actor::from("alice"),
        reason: None,
        key: format!("key-{verb}"),
    })
}
