//! What monitoring wrote: an event log in memory that many write to.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Event;
use crate::rotation::EventLog;

/// The log, and whose turn it is to write. Cheap to clone; clones are one log.
#[derive(Clone, Default)]
pub(super) struct Record {
    log: EventLog,
    /// The log numbers what it is given one writer at a time.
    turn: Arc<Mutex<()>>,
}

impl Record {
    /// Writes one event.
    pub(super) fn push(&self, event: Event) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.log.publish(vec![event]);
    }

    /// The log, for those who read.
    pub(super) fn log(&self) -> &EventLog {
        &self.log
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("last", &self.log.last())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::ScanCompleted;
    use crate::model::{Text, Timestamp};

    fn event(n: usize) -> Event {
        let data = ScanCompleted {
            detector: Text::from("d"),
            repository: Text::from("r"),
            revision: None,
            findings: 0,
        };
        let id = n.to_string();
        Event::new("/lab/scanner", id, Timestamp::default(), data.into())
    }

    #[test]
    fn many_writers_leave_no_number_out_and_none_twice() {
        let record = Record::default();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let record = record.clone();
                scope.spawn(move || (0..500).for_each(|n| record.push(event(writer * 500 + n))));
            }
        });
        let numbers: Vec<u64> = record.log().after(0, 5000).iter().map(|e| e.0).collect();
        assert_eq!(numbers, (1..=2000).collect::<Vec<u64>>());
    }
}
