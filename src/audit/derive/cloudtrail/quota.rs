//! Calls counted against their API's quota, in the windows of the other samples.
//!
//! AWS limits each action on its own, so that `ssm:PutParameter` is one quota and
//! `ssm:DeleteParameter` another.

use std::collections::BTreeMap;

use super::call::Call;
use crate::audit::derive::emit::Emit;
use crate::audit::derive::windows::{PATIENCE, WINDOW_SECONDS};
use crate::audit::digest::Digest;
use crate::model::event::{QuotaSample, Seconds};
use crate::model::{Region, Text, Timestamp};

/// The services whose quotas a rotation draws on.
const COUNTED: [&str; 5] = ["secretsmanager", "kms", "iam", "sts", "ssm"];

/// The open windows.
#[derive(Debug, Default)]
pub struct Quotas {
    open: BTreeMap<(i64, String, Option<Region>), Counts>,
    closed_before: Option<i64>,
}

#[derive(Debug, Default)]
struct Counts {
    total: u64,
    throttled: u64,
}

impl Quotas {
    /// Counts a call, whatever became of it. What a service did by itself draws on no quota.
    pub fn count(&mut self, call: &Call) {
        if call.record.by_service || !COUNTED.contains(&call.service()) {
            return;
        }
        let length = i64::from(WINDOW_SECONDS);
        let start = call.time().seconds().div_euclid(length) * length;
        let start = self.closed_before.map_or(start, |open| start.max(open));
        let api = format!("{}:{}", call.service(), call.name());
        let region = call.record.region.clone().map(Region);
        let counts = self.open.entry((start, api, region)).or_default();
        counts.total += 1;
        counts.throttled += u64::from(call.is_throttled());
    }

    /// Tells every window that ended long enough before `now`; all of them where it is `None`.
    pub fn close(&mut self, now: Option<Timestamp>, emit: &mut Emit<'_>) {
        while let Some(first) = self.open.first_entry() {
            let end = first.key().0 + i64::from(WINDOW_SECONDS);
            if now.is_some_and(|now| Timestamp::new(end, 0) + PATIENCE > now) {
                return;
            }
            let ((_, api, region), counts) = first.remove_entry();
            self.closed_before = Some(end);
            let id = Digest::of("quota")
                .word(emit.source.raw().as_bytes())
                .word(api.as_bytes())
                .word(&[u8::from(region.is_some())])
                .word(region.as_ref().map_or("", Region::raw).as_bytes())
                .word(&end.to_le_bytes())
                .hex();
            let api = Text::from(api);
            let data = QuotaSample {
                api: api.clone(),
                region,
                window_seconds: Seconds(u64::from(WINDOW_SECONDS)),
                total: counts.total,
                throttled: counts.throttled,
            };
            emit.event(id, Timestamp::new(end, 0), api, data);
        }
    }
}
