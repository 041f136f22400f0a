//! The start of a rotation that a call asks for.

use super::call::Call;
pub use crate::audit::derive::told::{Told, stage, started};
use crate::model::SecretPath;
use crate::model::event::{RotationStarted, SecretKind, Trigger};

/// The start of a rotation that this call asked for.
pub fn asked(call: &Call<'_>, secret: &SecretPath, kind: Option<SecretKind>) -> RotationStarted {
    RotationStarted {
        kind,
        trigger: Some(Trigger::Manual),
        by: Some(call.who.actor.clone()),
        correlation: call.entry.correlation.clone(),
        ..started(secret.clone())
    }
}
