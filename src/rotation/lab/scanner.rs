//! The scanner: reads all logs again and again and looks for credentials. Of what it finds it
//! keeps and tells a keyed fingerprint, never the value; it confirms a leak by asking whether the
//! credential is accepted anywhere.

use std::collections::{BTreeMap, HashSet};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::authority::Authority;
use super::logs::{Line, credentials};
use super::record::Record;
use crate::model::event::{LeakConfidence, LeakFinding, ScanCompleted};
use crate::model::{Event, Span, Text};
use crate::rotation::Clock;

/// Its name in events.
const DETECTOR: &str = "lab-scanner";

/// What the scanner works with.
pub(super) struct Scanner {
    /// `http://127.0.0.1:port` of the logs.
    pub(super) logs: String,
    pub(super) authorities: Vec<Authority>,
    pub(super) every: Span,
    pub(super) clock: Clock,
    pub(super) http: reqwest::Client,
    pub(super) record: Record,
    /// Keys the fingerprints.
    pub(super) key: [u8; 32],
}

impl Scanner {
    /// Scans until the lab ends.
    pub(super) async fn scan(self) {
        let mut told = HashSet::new();
        let mut after = 0;
        let mut scans = 0_u64;
        loop {
            self.clock.sleep(self.every).await;
            let Some(logs) = self.read().await else {
                // Without an answer nothing was scanned, and nothing is said.
                continue;
            };
            let mut findings = 0;
            let from = after;
            for (log, lines) in &logs {
                for line in lines.iter().filter(|line| line.number > from) {
                    after = after.max(line.number);
                    findings += self.look(log, line, &mut told);
                }
            }
            scans += 1;
            let done = ScanCompleted {
                detector: Text::from(DETECTOR),
                repository: Text::from("service logs"),
                revision: Some(Text::from(after.to_string())),
                findings,
            };
            let id = format!("scan/{scans}");
            let event = Event::new("/lab/scanner", id, self.clock.now(), done.into());
            self.record.push(event.about("service logs"));
        }
    }

    async fn read(&self) -> Option<BTreeMap<String, Vec<Line>>> {
        let answer = self.http.get(format!("{}/logs", self.logs)).send().await;
        answer.ok()?.json().await.ok()
    }

    /// Looks at a line; says how many credentials it found there for the first time in that log.
    fn look(&self, log: &str, line: &Line, told: &mut HashSet<(String, String)>) -> u64 {
        let mut found = 0;
        for word in credentials(&line.words) {
            let fingerprint = self.fingerprint(word);
            if !told.insert((log.to_owned(), fingerprint.clone())) {
                continue;
            }
            found += 1;
            let valid = |authority: &&Authority| authority.version_of(word.as_bytes()).is_some();
            let owner = self.authorities.iter().find(valid);
            let leak = LeakFinding {
                detector: Text::from(DETECTOR),
                rule: Text::from("credential-in-log"),
                location: Text::from(format!("log {log}, line {}", line.number)),
                secret: owner.map(|authority| authority.secret().clone()),
                confidence: match owner {
                    Some(_) => LeakConfidence::Confirmed,
                    None => LeakConfidence::Suspected,
                },
                fingerprint: Some(Text::from(fingerprint.as_str())),
            };
            let id = format!("leak/{log}/{fingerprint}");
            let mut event = Event::new("/lab/scanner", id, self.clock.now(), leak.into());
            event.subject = owner.map(|authority| authority.secret().0.clone());
            self.record.push(event);
        }
        found
    }

    fn fingerprint(&self, word: &str) -> String {
        use std::fmt::Write as _;
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new();
        };
        mac.update(word.as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(8).fold(String::new(), |mut out, byte| {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
    }
}
