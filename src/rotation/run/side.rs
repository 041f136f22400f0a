//! Calls of acts that belong to no stage: a cache is to forget, a log is to mask, the sink is to
//! reopen. Each may be made twice and is then as made once.

use super::super::deliver;
use super::super::failpoint::failpoint;
use super::super::fault::{Fault, public};
use super::super::store::{SideCall, SideKind};
use super::shared::Shared;
use crate::model::Span;
use crate::model::text::shown;

/// How often a call is tried.
const TRIES: u32 = 4;

/// Makes a call, again where that can help; says what came of it.
pub(super) async fn perform(shared: &Shared, call: &SideCall) -> Result<String, String> {
    let mut wait = Span::seconds(1);
    let mut tries = 1;
    loop {
        let ended = once(shared, call).await;
        shared.count_call(
            name(call.what),
            ended.as_ref().map_or_else(super::calls::word, |_| "ok"),
        );
        match ended {
            Ok(words) => return Ok(words),
            Err(fault) if tries >= TRIES || !fault.passes() => return Err(fault.to_string()),
            Err(_) => {}
        }
        shared.clock.sleep(wait).await;
        wait = Span::micros(wait.as_micros() * 2);
        tries += 1;
    }
}

fn name(what: SideKind) -> &'static str {
    match what {
        SideKind::Invalidate => "cache.invalidate",
        SideKind::Mask => "mask",
        SideKind::RestoreSink => "sink.restore",
    }
}

async fn once(shared: &Shared, call: &SideCall) -> Result<String, Fault> {
    let within = shared.within;
    let url = public(&shown(&call.url));
    match call.what {
        SideKind::Invalidate => {
            failpoint!(InvalidateBefore);
            let doing = format!("have the cache at {url} forget");
            let answer = deliver::post(&shared.client, &call.url, &call.body, &doing, within).await;
            failpoint!(InvalidateAfter);
            let answer: serde_json::Value = serde_json::from_slice(&answer?).unwrap_or_default();
            let dropped = answer.get("dropped").and_then(serde_json::Value::as_u64);
            let dropped =
                dropped.map_or_else(|| "what it held".to_owned(), |n| format!("{n} entries"));
            Ok(format!("{url} forgot {dropped}"))
        }
        SideKind::Mask => {
            failpoint!(MaskBefore);
            let doing = format!("have {url} mask the secret");
            let answer = deliver::post(&shared.client, &call.url, &call.body, &doing, within).await;
            failpoint!(MaskAfter);
            answer.map(|_| format!("{url} masks it"))
        }
        SideKind::RestoreSink => {
            failpoint!(SinkRestoreBefore);
            let doing = format!("have the audit sink reopen at {url}");
            let answer = deliver::post(&shared.client, &call.url, &call.body, &doing, within).await;
            failpoint!(SinkRestoreAfter);
            shared.outbox.ring();
            answer.map(|_| "the audit sink is open".to_owned())
        }
    }
}
