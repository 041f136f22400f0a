//! The logs of all services, as a log system keeps them: the latest lines of each, in memory
//! alone, read over HTTP, and masked where somebody asks for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::settings::LabError;
use super::wire::{Tasks, serve};
use crate::model::SecretPath;

/// Lines kept of each log.
const KEPT: usize = 1000;

/// What stands where a credential stood.
const MASK: &str = "[masked]";

/// All logs. Cheap to clone; clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    of: BTreeMap<String, VecDeque<Line>>,
    masked: BTreeSet<String>,
    last: u64,
}

/// One line, and its number among all lines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) words: String,
}

#[derive(Deserialize)]
struct Mask {
    secret: String,
}

impl Logs {
    /// Writes a line to the log of a service in a region. Where a secret is masked, no line that
    /// names it shows a credential.
    pub(super) fn write(&self, log: &str, words: String) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let words = if kept.masked.iter().any(|secret| words.contains(secret)) {
            masked(&words)
        } else {
            words
        };
        kept.last += 1;
        let number = kept.last;
        let lines = kept.of.entry(log.to_owned()).or_default();
        lines.push_back(Line { number, words });
        if lines.len() > KEPT {
            lines.pop_front();
        }
    }

    /// No line that names this secret, of those that were written or will be, shows a credential
    /// from now on.
    fn mask(&self, secret: &SecretPath) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.masked.insert(secret.raw().to_owned());
        let lines = kept.of.values_mut().flatten();
        for line in lines.filter(|line| line.words.contains(secret.raw())) {
            line.words = masked(&line.words);
        }
    }

    /// Serves the logs, and masks them where asked; says where.
    pub(super) async fn serve(&self, tasks: &Tasks) -> Result<SocketAddr, LabError> {
        let router = Router::new()
            .route("/logs", get(read))
            .route("/mask", post(mask))
            .with_state(self.clone());
        serve("the logs", router, tasks).await
    }
}

async fn read(State(logs): State<Logs>) -> Json<BTreeMap<String, VecDeque<Line>>> {
    let kept = logs.0.lock().unwrap_or_else(PoisonError::into_inner);
    Json(kept.of.clone())
}

async fn mask(State(logs): State<Logs>, Json(which): Json<Mask>) {
    logs.mask(&SecretPath::from(which.secret));
}

/// The words of a line that look like a credential.
pub(super) fn credentials(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '"', '=', ',']).filter(|word| {
        ["rk_", "rk2.", "pw_"].iter().any(|kind| {
            let rest = word.strip_prefix(kind);
            rest.is_some_and(|rest| rest.len() >= 24)
        })
    })
}

fn masked(line: &str) -> String {
    let found: Vec<&str> = credentials(line).collect();
    found
        .into_iter()
        .fold(line.to_owned(), |line, word| line.replace(word, MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_a_secret_covers_what_was_written_and_what_will_be() {
        let (old, new) = (
            format!("rk_{}", "a".repeat(40)),
            format!("rk_{}", "b".repeat(40)),
        );
        let logs = Logs::default();
        logs.write("checkout", format!("reloaded pay/key: key={old}"));
        logs.write("checkout", format!("reloaded mail/key: key={old}"));
        logs.mask(&SecretPath::from("pay/key"));
        logs.write("checkout", format!("reloaded pay/key: key={new}"));
        let kept = logs.0.lock().unwrap();
        let words: Vec<_> = kept.of["checkout"].iter().map(|l| &*l.words).collect();
        assert_eq!(words[0], "reloaded pay/key: key=[masked]");
        assert!(words[1].contains(&old), "another secret is left alone");
        assert_eq!(words[2], words[0]);
    }

    #[test]
    fn short_words_are_no_credentials() {
        assert_eq!(credentials("rk_abc pw_short and words").count(), 0);
    }
}
