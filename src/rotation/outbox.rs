//! The audit outbox: entries leave it in order, at least once, and leave it only when the sink
//! said that it has them. A sink that lacks is told of, and tried again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    /// All whose delivery is not durable yet.
    rows: BTreeMap<i64, OutboxRow>,
    /// Those among them that are to be sent: not those that the sink has and the store does not
    /// know of yet.
    unsent: BTreeSet<i64>,
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
                waiting.unsent.insert(row.n);
                if waiting.rows.insert(row.n, row).is_none() {
                    *waiting.of.entry(rotation).or_default() += 1;
                }
            }
        }
        self.bell.notify_one();
    }

    /// Takes out an entry whose delivery is durable. One that was added again since is sent again
    /// first.
    pub(super) fn remove(&self, n: i64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.unsent.contains(&n) {
            return;
        }
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

    /// The oldest that is to be sent, which from now on is not.
    fn take(&self) -> Option<OutboxRow> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let n = waiting.unsent.pop_first()?;
        waiting.rows.get(&n).cloned()
    }

    /// The sink does not have it: it is to be sent after all.
    fn put_back(&self, n: i64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.unsent.insert(n);
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
        let mut wait = WAIT.0;
        let mut failing = false;
        loop {
            let Some(row) = self.take() else {
                self.bell.notified().await;
                continue;
            };
            failpoint!(DeliverBefore);
            match deliver_one(&sink, &client, &row, within).await {
                Ok(()) => {
                    failpoint!(DeliverAfter);
                    wait = WAIT.0;
                    if std::mem::take(&mut failing) {
                        told(Delivered::Well);
                    }
                    told(Delivered::Entry(row.n, row.rotation));
                }
                Err(fault) => {
                    self.put_back(row.n);
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
    let whole = file.metadata()?.len();
    file.write_all(line.as_bytes()).inspect_err(|_| {
        // Half a line would be glued to the next try.
        let _ = file.set_len(whole);
    })?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;

    fn row(n: i64) -> OutboxRow {
        OutboxRow {
            n,
            rotation: RotationId::from("r1"),
            body: format!("entry {n}"),
        }
    }

    async fn lines(path: &Path, wanted: usize) -> Vec<String> {
        for _ in 0..4_000 {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if text.lines().count() >= wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Whatever comes beside what was waited for comes soon.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn what_the_store_does_not_know_of_yet_is_sent_once_and_what_is_added_again_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let outbox = Arc::new(Outbox::default());
        let worker = {
            let (outbox, sink) = (Arc::clone(&outbox), Sink::File(path.clone()));
            tokio::spawn(async move {
                let clock = Clock::scaled(600.0);
                let within = Duration::from_secs(5);
                outbox
                    .work(sink, deliver::client().unwrap(), clock, within, |_| {})
                    .await;
            })
        };
        // A bell at every step, and a store that never gets to say that a delivery is durable.
        for n in 1..=5 {
            outbox.add(vec![row(n)]);
            let many = usize::try_from(n).unwrap();
            assert_eq!(lines(&path, many).await.len(), many);
            outbox.ring();
        }
        let once = lines(&path, 5).await;
        assert_eq!(once, (1..=5).map(|n| row(n).body).collect::<Vec<_>>());
        assert_eq!(outbox.len(), 5, "none is durable yet");
        outbox.add((1..=5).map(row).collect());
        assert_eq!(lines(&path, 10).await.len(), 10);
        for n in 1..=5 {
            outbox.remove(n);
        }
        assert_eq!(outbox.len(), 0);
        worker.abort();
    }

    #[test]
    fn an_entry_that_is_to_be_sent_again_stays_until_it_was() {
        let outbox = Outbox::default();
        outbox.add(vec![row(1)]);
        assert_eq!(outbox.take().unwrap().n, 1);
        outbox.add(vec![row(1)]);
        outbox.remove(1);
        assert!(outbox.has(&RotationId::from("r1")));
        assert_eq!(outbox.take().unwrap().n, 1);
        outbox.remove(1);
        assert!(!outbox.has(&RotationId::from("r1")));
    }
}
