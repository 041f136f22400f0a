//! A recording as a backend: reads files, derives events, and ends. There is nothing to act on.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audit::derive::Derivation;
use crate::audit::identity::IdentityRules;
use crate::audit::{Opened, Progress};
use crate::model::Event;

use super::{Backend, Sent};

/// How many events travel together, at most.
const BATCH: usize = 1024;

/// The longest that an event waits for others to travel with.
const BATCH_AGE: Duration = Duration::from_millis(10);

/// Reads what was opened.
pub struct Replay {
    opened: Opened,
    rules: IdentityRules,
}

impl Replay {
    /// A recording of what was opened, with the user's rules of who is who.
    #[must_use]
    pub fn new(opened: Opened, rules: IdentityRules) -> Self {
        Self { opened, rules }
    }
}

impl Backend for Replay {
    fn run(self: Box<Self>, send: &mut dyn FnMut(Sent) -> ControlFlow<()>) {
        let Self { opened, rules } = *self;
        let mut told = Told::new(opened.progress());
        let mut derivation = Derivation::new(rules);
        let mut batch: Vec<Event> = Vec::with_capacity(BATCH);
        let (began, mut since) = (Instant::now(), Instant::now());
        let mut records = 0_u64;
        for (n, sighted) in opened.enumerate() {
            records += 1;
            derivation.feed(&sighted.merged, &mut |event| batch.push(event));
            // The clock is looked at now and then only: most records take less than a microsecond.
            let old = n % 64 == 0 && since.elapsed() >= BATCH_AGE;
            if batch.len() >= BATCH || old {
                since = Instant::now();
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                if send(Sent::Events(full)).is_break() || told.tell(send).is_break() {
                    return;
                }
            }
        }
        derivation.finish(&mut |event| batch.push(event));
        if send(Sent::Events(batch)).is_continue() {
            let _ = told.tell(send);
        }
        tracing::info!(
            records,
            rejected = told.rejected,
            seconds = began.elapsed().as_secs_f64(),
            "recording read"
        );
    }
}

/// What of the progress has been told.
struct Told {
    progress: Arc<Progress>,
    rejected: usize,
    troubles: usize,
}

impl Told {
    fn new(progress: Arc<Progress>) -> Self {
        Self {
            progress,
            rejected: 0,
            troubles: 0,
        }
    }

    fn tell(&mut self, send: &mut dyn FnMut(Sent) -> ControlFlow<()>) -> ControlFlow<()> {
        let loading = self.progress.loading();
        send(Sent::Read {
            bytes: loading.bytes,
            of_bytes: loading.of_bytes,
            rejected: loading.rejected,
        })?;
        for words in loading.trouble.into_iter().skip(self.troubles) {
            self.troubles += 1;
            tracing::warn!(trouble = %words, "reading ended early");
            send(Sent::Trouble(words))?;
        }
        if loading.rejected > self.rejected as u64 {
            for rejected in self.progress.rejections().into_iter().skip(self.rejected) {
                self.rejected += 1;
                send(Sent::Rejected(rejected))?;
            }
        }
        ControlFlow::Continue(())
    }
}
