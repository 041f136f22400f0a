//! The system's keyring. That it opens proves nothing: a locked one opens and then refuses, or
//! asks a person who is not there. So a probe is set, read and deleted first, on a thread that is
//! left behind where no answer comes.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

use super::record::Record;
use crate::model::text::shown;

/// The keyring has to have answered by then.
const LIMIT: Duration = Duration::from_millis(1500);

/// Under which name entries lie.
const SERVICE: &str = "rotascope";

type Store = Arc<CredentialStore>;
type Open = dyn Fn() -> Result<Store, Error> + Send + Sync;

/// The system's keyring, opened when it is needed.
#[derive(Clone)]
pub struct Ring(Arc<Open>);

/// Why the keyring cannot be used, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RingError {
    #[error("there is none ({0})")]
    Absent(String),
    #[error("it is locked, or refuses")]
    Locked,
    #[error("it has not answered for {} s", LIMIT.as_secs_f32())]
    Silent,
    #[error("it does not give back what was put into it")]
    Unfaithful,
    #[error("what it holds is no identity")]
    Malformed,
}

/// What was found where a new key was to be kept.
pub(super) enum Entered {
    /// One was there.
    Found(Record),
    /// It is kept.
    Made,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring")
    }
}

impl Ring {
    /// The Secret Service of the session, whoever provides it.
    #[must_use]
    pub fn of_session() -> Self {
        Self::new(|| {
            zbus_secret_service_keyring_store::Store::new().map(|store| -> Store { store })
        })
    }

    /// A keyring that is opened in this way.
    pub(super) fn new(open: impl Fn() -> Result<Store, Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    /// Reads an entry.
    pub(super) fn get(&self, name: &str) -> Result<Option<Record>, RingError> {
        let name = name.to_owned();
        self.within(move |store| get(store, &name))
    }

    /// Writes an entry and reads it back.
    pub(super) fn put(&self, name: &str, record: &Record) -> Result<(), RingError> {
        let (name, record) = (name.to_owned(), record.clone());
        self.within(move |store| put(store, &name, &record))
    }

    /// Keeps a new key, unless there is one.
    pub(super) fn enter(&self, name: &str, record: &Record) -> Result<Entered, RingError> {
        let (name, record) = (name.to_owned(), record.clone());
        self.within(move |store| {
            if let Some(found) = get(store, &name)? {
                return Ok(Entered::Found(found));
            }
            probe(store)?;
            put(store, &name, &record)?;
            Ok(Entered::Made)
        })
    }

    fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, RingError> + Send + 'static,
    ) -> Result<T, RingError> {
        let (done, result) = sync_channel(1);
        let open = Arc::clone(&self.0);
        thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || {
                let answer = open().map_err(|e| words(&e)).and_then(|store| work(&store));
                let _ = done.send(answer);
            })
            .map_err(|why| RingError::Absent(why.to_string()))?;
        match result.recv_timeout(LIMIT) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(RingError::Silent),
            Err(RecvTimeoutError::Disconnected) => Err(RingError::Absent("it failed".to_owned())),
        }
    }
}

/// An error in words of ours: what the keyring says may hold what it keeps.
fn words(error: &Error) -> RingError {
    match error {
        Error::NoStorageAccess(_) => RingError::Locked,
        Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::Ambiguous(_) => {
            RingError::Malformed
        }
        Error::PlatformFailure(why) => RingError::Absent(shown(&why.to_string()).into_owned()),
        _ => RingError::Unfaithful,
    }
}

fn entry(store: &Store, name: &str) -> Result<Entry, RingError> {
    Entry::new_in_store(store, SERVICE, name).map_err(|error| words(&error))
}

fn get(store: &Store, name: &str) -> Result<Option<Record>, RingError> {
    match entry(store, name)?.get_password().map(Zeroizing::new) {
        Ok(kept) => Record::parse(&kept).map(Some).ok_or(RingError::Malformed),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(words(&error)),
    }
}

fn put(store: &Store, name: &str, record: &Record) -> Result<(), RingError> {
    let (entry, kept) = (entry(store, name)?, record.words());
    entry.set_password(&kept).map_err(|error| words(&error))?;
    let back = entry.get_password().map(Zeroizing::new);
    if back.map_err(|error| words(&error))? == kept {
        Ok(())
    } else {
        Err(RingError::Unfaithful)
    }
}

/// Sets, reads and deletes an entry. Whatever happens, none is left behind.
fn probe(store: &Store) -> Result<(), RingError> {
    let name = format!("probe {:016x}", rand::random::<u64>());
    let entry = entry(store, &name)?;
    let tried = entry
        .set_password("probe")
        .and_then(|()| entry.get_password());
    let deleted = entry.delete_credential();
    match (tried, deleted) {
        (Ok(back), Ok(())) if back == "probe" => Ok(()),
        (Err(error), _) | (Ok(_), Err(error)) => Err(words(&error)),
        (Ok(_), Ok(())) => Err(RingError::Unfaithful),
    }
}
