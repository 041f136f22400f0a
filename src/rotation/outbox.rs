//! The audit outbox: entries leave it in order, at least once, and leave it only when the sink
//! said that it has them. A sink that lacks is told of, and tried again.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;

use super::clock::Clock;
use super::deliver;
use super::failpoint::failpoint;
use super::fault::{Fault, FaultKind};
use super::store::OutboxRow;
use crate::model::{RotationId, Span};

/// The first and the longest wait between two tries, in the clock's time.
const WAIT: (Span, Span) = (Span::seconds(1), Span::seconds(30));

/// Where audit entries go.
#[derive(Clone, Debug)]
pub(super) enum Sink {
    /// Nowhere but the store.
    Store,
    /// A file, a line each.
    File(std::path::PathBuf),
    /// An HTTP endpoint.
    Http(String),
}

impl Sink {
    pub(super) fn of(words: Option<&str>) -> Self {
        match words {
            None => Self::Store,
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                Self::Http(url.trim_end_matches('/').to_owned())
            }
            Some(path) => Self::File(path.trim_start_matches("file://").into()),
        }
    }
}

/// Entries that wait.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Default)]
struct Waiting {
    rows: BTreeMap<i64, OutboxRow>,
    of: HashMap<RotationId, usize>,
}

impl Outbox {
    /// Adds entries that are durable.
    pub(super) fn add(&self, rows: Vec<OutboxRow>) {
        if rows.is_empty() {
            return;
        }
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for row in rows {
                let rotation = row.rotation.clone();
                if waiting.rows.insert(row.n, row).is_none() {
                    *waiting.of.entry(rotation).or_default() += 1;
                }
            }
        }
        self.bell.notify_one();
    }

    /// Takes out an entry whose delivery is durable.
    pub(super) fn remove(&self, n: i64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = waiting.rows.remove(&n)
            && let Some(count) = waiting.of.get_mut(&row.rotation)
        {
            *count -= 1;
            if *count == 0 {
                waiting.of.remove(&row.rotation);
            }
        }
    }

    /// How many entries wait.
    pub(super) fn len(&self) -> usize {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.rows.len()
    }

    /// Whether entries of a rotation wait.
    pub(super) fn has(&self, rotation: &RotationId) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.of.contains_key(rotation)
    }

    fn after(&self, n: i64) -> Option<OutboxRow> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut later = waiting.rows.range(n.saturating_add(1)..);
        later.next().map(|(_, row)| row.clone())
    }

    fn has_before(&self, n: i64) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.rows.range(..n).next().is_some()
    }

    /// Has the worker look at once, as after the sink was restored.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Delivers for ever. `told` hears of each delivery, and of a sink that fails or is well again.
    pub(super) async fn work(
        &self,
        sink: Sink,
        client: Client,
        clock: Clock,
        within: Duration,
        told: impl Fn(Delivered),
    ) {
        let mut last = 0;
        let mut wait = WAIT.0;
        let mut failing = false;
        loop {
            // What the core has not removed yet is not sent twice; what is to be sent again
            // comes back in before it.
            let Some(row) = self.after(last) else {
                self.bell.notified().await;
                last = self.start_again(last);
                continue;
            };
            failpoint!(DeliverBefore);
            match deliver_one(&sink, &client, &row, within).await {
                Ok(()) => {
                    failpoint!(DeliverAfter);
                    last = row.n;
                    wait = WAIT.0;
                    if std::mem::take(&mut failing) {
                        told(Delivered::Well);
                    }
                    told(Delivered::Entry(row.n, row.rotation));
                }
                Err(fault) => {
                    if !std::mem::replace(&mut failing, true) {
                        told(Delivered::Failing(fault.to_string()));
                    }
                    tokio::select! {
                        () = clock.sleep(wait) => {}
                        () = self.bell.notified() => {}
                    }
                    wait = Span::micros((wait.as_micros() * 2).min(WAIT.1.as_micros()));
                }
            }
        }
    }

    /// Where to go on when the bell rang: from the beginning where older entries came back.
    fn start_again(&self, last: i64) -> i64 {
        if self.after(last).is_none() && self.has_before(last) {
            0
        } else {
            last
        }
    }
}

/// What the worker tells.
pub(super) enum Delivered {
    /// The sink has this entry.
    Entry(i64, RotationId),
    /// The sink does not take entries.
    Failing(String),
    /// The sink takes entries again.
    Well,
}

async fn deliver_one(
    sink: &Sink,
    client: &Client,
    row: &OutboxRow,
    within: Duration,
) -> Result<(), Fault> {
    match sink {
        Sink::Store => Ok(()),
        Sink::Http(url) => deliver::post_event(client, url, row.body.clone(), within).await,
        Sink::File(path) => {
            let (path, line) = (path.clone(), format!("{}\n", row.body));
            let doing = format!("append an audit entry to {}", path.display());
            let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
            match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(e)) => Err(Fault::new(FaultKind::Local, doing, e.to_string())),
                Err(e) => Err(Fault::new(FaultKind::Local, doing, e.to_string())),
            }
        }
    }
}

fn append(path: &std::path::Path, line: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}
