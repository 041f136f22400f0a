//! What is good for one use: codes.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Remembers what was used. Whoever implements it keeps it through a restart, and lets exactly
/// one of any number of callers take a thing.
pub trait Once: Send + Sync {
    /// Takes a thing, where nobody has taken it before.
    ///
    /// # Errors
    /// [`OnceError`]; nothing may then be done with the thing.
    fn take(&self, what: &str) -> Result<(), OnceError>;
}

/// Why a thing cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnceError {
    /// Somebody took it.
    #[error("it was used already")]
    Already,
    /// Nobody can say, as what was used cannot be read or written.
    #[error("whether it was used already cannot be told: {0}")]
    Disk(String),
}

/// Remembers for as long as it lives. For a lab; a restart forgets.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashSet<String>>);

impl Once for Memory {
    fn take(&self, what: &str) -> Result<(), OnceError> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.insert(what.to_owned()) {
            Ok(())
        } else {
            Err(OnceError::Already)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_at_once_one_takes_it() {
        let once = Memory::default();
        let taken: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..64)
                .map(|_| scope.spawn(|| usize::from(once.take("a").is_ok())))
                .collect();
            takers.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
        assert_eq!(once.take("a"), Err(OnceError::Already));
        assert_eq!(once.take("b"), Ok(()));
    }
}
