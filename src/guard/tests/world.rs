//! The people, the secret and the acts that the tests speak of.

use std::sync::Arc;

use serde_json::json;

use crate::guard::totp::{Enrolled, TotpSecret};
use crate::guard::{Guard, Memory, People, Person, Policy, Signer, Subject};
use crate::incident::Incident;
use crate::model::act::{Answer, Asked, Wish};
use crate::model::event::Tier;
use crate::model::intent::{Intent, Verb};
use crate::model::proof::{Code, Met, Signed};
use crate::model::{Event, SecretPath, Timestamp};

/// The moment of the asking.
pub const NOW: i64 = 1_800_000_000;

/// A moment so many seconds after the asking.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::new(NOW + seconds, 0)
}

pub fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32])
}

/// Who asks.
pub const MIRA: u8 = 1;
/// Her second key.
pub const MIRA_TOO: u8 = 2;
/// May approve.
pub const ANA: u8 = 3;
/// May approve too.
pub const BEN: u8 = 4;
/// Is an approver, and an observer.
pub const OLGA: u8 = 5;
/// Has no role.
pub const ROB: u8 = 6;
/// Is not known.
pub const STRANGER: u8 = 9;

pub fn totp() -> TotpSecret {
    TotpSecret::new(*b"12345678901234567890")
}

/// The code that fits at a moment.
pub fn code(at: Timestamp) -> Code {
    let step = u64::try_from(at.seconds()).unwrap() / 30;
    Code::from(totp().code(step).as_str())
}

pub fn people() -> People {
    let person = |name: &str, keys: &[u8], roles: &[&str]| Person {
        name: name.into(),
        keys: keys.iter().map(|seed| signer(*seed).public()).collect(),
        roles: roles.iter().map(ToString::to_string).collect(),
        enrolled: Enrolled::default(),
    };
    let mut mira = person("mira", &[MIRA, MIRA_TOO], &["approver"]);
    mira.enrolled.totp = Some(totp());
    People::of(vec![
        mira,
        person("ana", &[ANA], &["approver"]),
        person("ben", &[BEN], &["approver"]),
        person("olga", &[OLGA], &["approver", "observer"]),
        person("rob", &[ROB], &[]),
    ])
}

/// A secret of this tier.
pub struct Secret {
    path: SecretPath,
    tier: Tier,
}

pub fn secret(tier: Tier) -> Secret {
    Secret {
        path: "payments/db".into(),
        tier,
    }
}

impl Secret {
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            secret: Some(&self.path),
            tier: Some(&self.tier),
            services: &[],
            consumers: 3,
            into_revoke: false,
        }
    }
}

pub fn intent() -> Intent {
    let wish = Wish {
        rotation: Some("r1".into()),
        ..Wish::new(Verb::RevokeNow)
    };
    wish.intent(
        "mira".into(),
        Some("it leaked".into()),
        "k1".to_owned(),
        at(0),
    )
}

/// Everything that can be answered.
pub const ALL: Met = Met {
    confirmed: true,
    named: true,
    reasoned: true,
    code: true,
};

/// An intent that a person signed, all answered, with the code of its moment.
pub fn signed(intent: Intent, by: u8, met: Met) -> Signed {
    let mut proof = crate::guard::evaluate::proof(&signer(by), &intent, met);
    proof.code = met.code.then(|| code(intent.at));
    Signed {
        intent,
        proof: Some(proof),
    }
}

/// A rotation of the secret, in its grace period.
pub fn incident(tier: &str) -> Incident {
    let mut incident = Incident::default();
    let started = json!({"secret": "payments/db", "from_version": "v1", "to_version": "v2",
        "services": ["checkout", "reports"], "dual_run": true, "tier": tier});
    tell(&mut incident, -900, "rotation.started", &started);
    let stage = json!({"stage": "grace", "status": "started"});
    tell(&mut incident, -600, "rotation.stage", &stage);
    incident
}

/// Tells an incident something of the rotation `r1`.
pub fn tell(incident: &mut Incident, seconds: i64, kind: &str, data: &serde_json::Value) {
    let line = json!({
        "specversion": "1.0", "id": format!("{kind}-{seconds}-{}", incident.counts().events),
        "source": "/engine/lab", "time": at(seconds).to_string(),
        "type": format!("rotascope.{kind}"), "rotationid": "r1", "data": data,
    });
    let event = Event::from_json(line.to_string().as_bytes()).unwrap();
    incident.apply(&event);
}

/// Mira's guard, who is known and enrolled.
pub fn guard(policy: Arc<Policy>) -> Guard {
    Guard::new(
        "mira".into(),
        Arc::new(signer(MIRA)),
        policy,
        Arc::new(people()),
    )
}

/// What is asked of this guard in this state, all answered.
pub fn asked(guard: &Guard, verb: Verb, incident: &Incident, now: Timestamp) -> Asked {
    let wish = Wish {
        rotation: Some("r1".into()),
        ..Wish::new(verb)
    };
    Asked {
        facts: guard.summary(&wish, incident).unwrap().facts,
        wish,
        answer: Answer {
            confirmed: true,
            typed: "payments/db".to_owned(),
            reason: "it leaked".to_owned(),
            code: code(now),
        },
    }
}

/// What remembers nothing yet.
pub fn once() -> Memory {
    Memory::default()
}
