//! The identity engine's OIDC keys: `oidc/key/X/rotate` makes the next key the signing one.
//!
//! The log names no key ids, so the versions are unknown. The retired key stays in the key set
//! for `verification_ttl`; where the call says so in clear (a number, or a raw device), that is
//! the grace period, and zero revokes at once. Where a device that hashes it logs the call first,
//! a raw one that logs it second tells the period after all.

use std::collections::{HashMap, VecDeque};

use super::call::{Call, Note};
use super::known::Known;
use super::start::{Told, asked, stage, started};
use crate::audit::derive::emit::Emit;
use crate::model::event::{RotationGrace, Seconds, SecretKind, Stage, StageStatus};
use crate::model::{RotationId, SecretPath, Span, Text};
use serde_json::Value;

/// What is known of OIDC keys.
#[derive(Debug, Default)]
pub struct Oidc {
    /// The period of each key, in seconds.
    periods: HashMap<SecretPath, u64>,
    /// The latest rotations whose call hides its period behind a hash, by the request's id.
    hidden: VecDeque<(Text, RotationId)>,
}

/// How many of them are remembered: a second device is no more than a moment behind the first.
const HIDDEN: usize = 64;

impl Oidc {
    /// Looks at a call of this engine.
    pub fn call(&mut self, call: &Call<'_>, known: &mut Known, emit: &mut Emit<'_>) -> Note {
        let Some(secret) = call
            .secret
            .clone()
            .filter(|_| call.writes() && call.is_done())
        else {
            return Note::default();
        };
        let said = seconds(call.entry.request_data.get("verification_ttl"));
        let asked_for = call.entry.request_data.get("verification_ttl").is_some();
        if !call.inner.ends_with("/rotate") {
            match said {
                Some(period) => drop(self.periods.insert(secret, period)),
                // Another one than before, and not told.
                None if asked_for => drop(self.periods.remove(&secret)),
                None => {}
            }
            return Note::default();
        }
        known.operates(call, &secret);
        let period = said.or_else(|| {
            let usual = self.periods.get(&secret).copied();
            usual.filter(|_| !asked_for)
        });
        let rotation = known.rotation(call);
        let id = call.entry_id();
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        let mut data = asked(call, &secret, Some(SecretKind::SigningKey));
        data.grace_seconds = period.map(Seconds);
        let is_hidden = asked_for && period.is_none();
        data.dual_run = (!is_hidden).then_some(period != Some(0));
        told.started(call.asked, data, emit);
        told.completed(call.answered, Stage::Store, true, emit);
        told.completed(call.answered, Stage::Cutover, false, emit);
        if period != Some(0) {
            let grace = stage(Stage::Grace, StageStatus::Started, false);
            told.stage(call.answered, grace, emit);
        }
        match period {
            Some(period) => lasts(call, &rotation, period, emit),
            None if is_hidden => {
                self.hidden.truncate(HIDDEN - 1);
                let request = call.entry.request_id.clone();
                self.hidden.push_front((request, rotation.clone()));
            }
            None => {}
        }
        Note {
            rotation: Some(rotation),
            version: None,
            stage: Some(Stage::Store),
        }
    }

    /// What a call that was met before teaches: a period that the device that logged it first hides.
    pub fn teach(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) {
        let said = seconds(call.entry.request_data.get("verification_ttl"));
        let (Some(secret), Some(period), true) = (&call.secret, said, call.is_done()) else {
            return;
        };
        if !call.inner.ends_with("/rotate") {
            self.periods.insert(secret.clone(), period);
            return;
        }
        let request = &call.entry.request_id;
        let Some(at) = self.hidden.iter().position(|(id, _)| id == request) else {
            return;
        };
        let Some((_, rotation)) = self.hidden.remove(at) else {
            return;
        };
        let mut data = started(secret.clone());
        data.grace_seconds = Some(Seconds(period));
        data.dual_run = Some(period != 0);
        let id = call.id("named");
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        told.started(call.answered, data, emit);
        lasts(call, &rotation, period, emit);
    }
}

/// The old key stays for so many seconds after the call.
fn lasts(call: &Call<'_>, rotation: &RotationId, period: u64, emit: &mut Emit<'_>) {
    if period == 0 {
        let id = call.entry_id();
        let told = Told { rotation, id: &id };
        told.completed(call.answered, Stage::Revoke, false, emit);
    } else if let Ok(length) = i64::try_from(period) {
        let data = RotationGrace {
            ends_at: call.answered + Span::seconds(length),
            extended_seconds: None,
            reason: None,
            by: None,
        };
        emit.of(rotation, call.id("grace"), call.answered, data);
    }
}

/// Seconds from a number or from words such as `1h30m`.
fn seconds(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let words = value.as_str()?;
    if let Ok(number) = words.parse() {
        return Some(number);
    }
    let mut total = 0_u64;
    let mut digits = String::new();
    for c in words.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        let number: u64 = digits.parse().ok()?;
        total = total.checked_add(number.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && !words.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn periods_are_read_in_numbers_and_words() {
        for (value, read) in [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!("1h30m"), Some(5400)),
            (json!("0s"), Some(0)),
            (json!("soon"), None),
            (json!("99999999999999999999h"), None),
            (json!("hmac-sha256:00"), None),
            (json!(""), None),
        ] {
            assert_eq!(seconds(Some(&value)), read, "{value}");
        }
    }
}
