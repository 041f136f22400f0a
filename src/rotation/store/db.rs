//! The file itself: `SQLite`, write-ahead log, synced with every transaction. One engine at a time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::error::StoreError;
use super::rows::{Batch, Loaded, OutboxRow, Stale};
use super::seal::SealKey;
use super::write::{self, HOUR};
use crate::model::{Event, SecretPath, Version};
use crate::rotation::failpoint::failpoint;
use crate::rotation::lifecycle::Rotation;
use crate::rotation::log::Older;
use crate::rotation::material::Material;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rotation (id TEXT PRIMARY KEY, over INTEGER NOT NULL, ended INTEGER, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rotation_over ON rotation (over, ended);
CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS hour (at INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY, rotation TEXT NOT NULL, delivered INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (n) WHERE delivered = 0;
CREATE INDEX IF NOT EXISTS outbox_rotation ON outbox (rotation);
CREATE TABLE IF NOT EXISTS secret (path TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS material (secret TEXT NOT NULL, version TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (secret, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS act (key TEXT PRIMARY KEY, body TEXT NOT NULL);
";

/// The layout that is read and written here.
const LAYOUT: &str = "1";
/// What the key's own seal says.
const KEY_WORDS: &[u8] = b"rotascope";
/// How many rotations that ended are loaded.
const ENDED_LOADED: usize = 1_000;
/// How many of the newest events are kept, whatever their age.
const EVENTS_KEPT: i64 = 20_000;
/// How many rows of a table are pruned in one transaction.
const PRUNED_AT_ONCE: i64 = 500;

/// The store.
pub struct Store {
    db: Connection,
    /// Held for as long as the engine lives; the system gives it back when the process dies.
    _lock: Connection,
    path: PathBuf,
    #[cfg(test)]
    jammed: std::cell::Cell<bool>,
}

impl Store {
    /// Opens or makes the store and takes its lock.
    ///
    /// # Errors
    /// [`StoreError`] where another engine holds it, the key is another, or it cannot be used.
    pub fn open(path: &Path, key: &SealKey) -> Result<(Self, Loaded), StoreError> {
        let lock = lock(path)?;
        private(path)?;
        let db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "secure_delete", "ON")?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.set_prepared_statement_cache_capacity(64);
        db.execute_batch(TABLES)?;
        let store = Self {
            db,
            _lock: lock,
            path: path.to_owned(),
            #[cfg(test)]
            jammed: std::cell::Cell::default(),
        };
        store.check_layout()?;
        store.check_key(key)?;
        let loaded = store.load()?;
        Ok((store, loaded))
    }

    fn check_layout(&self) -> Result<(), StoreError> {
        match self.meta("layout")? {
            None => self.put_meta("layout", LAYOUT.as_bytes())?,
            Some(layout) if layout == LAYOUT.as_bytes() => {}
            Some(layout) => {
                return Err(StoreError::Damaged {
                    what: "the layout".to_owned(),
                    why: format!("it is {}, not {LAYOUT}", String::from_utf8_lossy(&layout)),
                });
            }
        }
        if self.meta("name")?.is_none() {
            let name = format!("{:06x}", rand::random::<u32>() & 0x00ff_ffff);
            self.put_meta("name", name.as_bytes())?;
        }
        Ok(())
    }

    fn check_key(&self, key: &SealKey) -> Result<(), StoreError> {
        let Some(sealed) = self.meta("key")? else {
            let sealed = key.seal(&Material::new(KEY_WORDS.to_vec()), "key")?;
            return Ok(self.put_meta("key", &sealed)?);
        };
        let words = key.open(&sealed, "key").map_err(|_| StoreError::Key)?;
        if words.expose() == KEY_WORDS {
            Ok(())
        } else {
            Err(StoreError::Key)
        }
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, rusqlite::Error> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        self.db.query_row(sql, [name], |row| row.get(0)).optional()
    }

    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), rusqlite::Error> {
        let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
        self.db.execute(sql, params![name, value]).map(|_| ())
    }

    fn load(&self) -> Result<Loaded, StoreError> {
        let words = |name| -> Result<Option<String>, StoreError> {
            let value = self.meta(name)?;
            Ok(value.map(|v| String::from_utf8_lossy(&v).into_owned()))
        };
        let mut loaded = Loaded {
            name: words("name")?.unwrap_or_default(),
            frozen: words("frozen")?.filter(|w| !w.is_empty()),
            paces: words("paces")?,
            ..Loaded::default()
        };
        let running = "SELECT id, body FROM rotation WHERE over = 0 ORDER BY id";
        loaded.rotations = self.bodies(running, "the rotation")?;
        let ended = format!(
            "SELECT id, body FROM rotation WHERE over = 1 ORDER BY ended DESC LIMIT {ENDED_LOADED}"
        );
        loaded
            .rotations
            .extend(self.bodies::<Rotation>(&ended, "the rotation")?);
        let secrets = "SELECT path, json_array(path, json(body)) FROM secret";
        loaded.secrets = self.bodies(secrets, "the secret")?;
        loaded.acts = self.bodies("SELECT key, body FROM act ORDER BY rowid", "the act")?;
        loaded.material = self.material()?;
        loaded.outbox = self.waiting()?;
        let last = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0));
        let last_event = last("SELECT coalesce(max(seq), 0) FROM event")?;
        loaded.last_event = u64::try_from(last_event).unwrap_or(0);
        loaded.first_event = self.first_event()?;
        loaded.last_entry = last("SELECT coalesce(max(n), 0) FROM outbox")?;
        Ok(loaded)
    }

    fn bodies<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        what: &str,
    ) -> Result<Vec<T>, StoreError> {
        let mut query = self.db.prepare(sql)?;
        let rows = query.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        let mut all = Vec::new();
        for row in rows {
            let (name, body) = row?;
            all.push(
                serde_json::from_str(&body).map_err(|why| StoreError::Damaged {
                    what: format!("{what} {}", crate::model::text::shown(&name)),
                    why: why.to_string(),
                })?,
            );
        }
        Ok(all)
    }

    fn material(&self) -> Result<Vec<(SecretPath, Version, Vec<u8>)>, StoreError> {
        let mut query = self
            .db
            .prepare("SELECT secret, version, sealed FROM material")?;
        let rows = query.query_map([], |row| {
            let (secret, version): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((secret.into(), version.into(), row.get(2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The audit entries that wait, in order.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    pub fn waiting(&self) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = "SELECT n, rotation, body FROM outbox WHERE delivered = 0 ORDER BY n";
        let mut query = self.db.prepare(sql)?;
        let rows = query.query_map([], |row| {
            Ok(OutboxRow {
                n: row.get(0)?,
                rotation: row.get::<_, String>(1)?.into(),
                body: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes all of it or nothing, synced to the disk.
    ///
    /// # Errors
    /// [`StoreError`] where it could not be written; nothing of it holds then.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        failpoint!(TransactionBegin);
        let all = self.db.transaction()?;
        write::put(&all, batch)?;
        #[cfg(test)]
        if self.jammed.get() {
            let why = "the disk is full, as the test asked";
            return Err(std::io::Error::other(why).into());
        }
        failpoint!(TransactionCommit);
        all.commit()?;
        failpoint!(TransactionDone);
        Ok(())
    }

    /// The number of the first event that is still there; 1 where there is none.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    pub fn first_event(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(min(seq), 1) FROM event";
        let first: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(first).unwrap_or(1))
    }

    /// Forgets some of what nobody needs any more; true where there is more of it. The last event
    /// and the last audit entry stay, since numbers go on from them.
    ///
    /// # Errors
    /// [`StoreError`] where it could not be written; nothing of it is forgotten then.
    pub fn prune(&mut self, stale: &Stale) -> Result<bool, StoreError> {
        let hour = stale.events.seconds().div_euclid(HOUR);
        let all = self.db.transaction()?;
        let sql = "DELETE FROM event WHERE seq < (SELECT coalesce(min(seq), 1 << 62) FROM hour WHERE at >= ?1) \
                   AND seq <= (SELECT max(seq) FROM event) - ?2 \
                   AND seq < (SELECT min(seq) FROM event) + ?3";
        let mut most = all.execute(sql, [hour, EVENTS_KEPT, PRUNED_AT_ONCE])?;
        let sql = "DELETE FROM hour WHERE at < ?1 AND seq < (SELECT min(seq) FROM event)";
        all.execute(sql, [hour])?;
        let ended = stale.ended.seconds();
        let sql = "DELETE FROM outbox WHERE n IN (SELECT o.n FROM rotation r JOIN outbox o ON o.rotation = r.id \
                   WHERE r.over = 1 AND r.ended < ?1 AND o.delivered = 1 LIMIT ?2) \
                   AND n < (SELECT max(n) FROM outbox)";
        most = most.max(all.execute(sql, [ended, PRUNED_AT_ONCE])?);
        let sql = "DELETE FROM rotation WHERE id IN (SELECT r.id FROM rotation r WHERE r.over = 1 AND r.ended < ?1 \
                   AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.rotation = r.id) LIMIT ?2)";
        most = most.max(all.execute(sql, [ended, PRUNED_AT_ONCE])?);
        for key in &stale.acts {
            all.prepare_cached("DELETE FROM act WHERE key = ?1")?
                .execute([key])?;
        }
        all.commit()?;
        Ok(i64::try_from(most).is_ok_and(|most| most >= PRUNED_AT_ONCE))
    }

    /// Reads old events for the log, by a connection of its own.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be opened.
    pub fn older(&self) -> Result<Older, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Mutex::new(Connection::open_with_flags(&self.path, flags)?);
        Ok(std::sync::Arc::new(move |after, limit| {
            let db = db.lock().unwrap_or_else(PoisonError::into_inner);
            events(&db, after, limit).unwrap_or_default()
        }))
    }

    /// Has every write fail at its end.
    #[cfg(test)]
    pub(in crate::rotation) fn jam(&self, full: bool) {
        self.jammed.set(full);
    }

    /// Lets the file grow no further, as a full disk would.
    #[cfg(test)]
    pub(in crate::rotation) fn fill(&self, full: bool) {
        let pages: i64 = self
            .db
            .query_row("PRAGMA page_count", [], |r| r.get(0))
            .unwrap();
        let most = if full { pages } else { 1 << 30 };
        self.db
            .query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))
            .unwrap();
    }
}

fn events(db: &Connection, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, StoreError> {
    let sql = "SELECT seq, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map([after, limit], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (seq, body) = row?;
        if let Ok(event) = Event::from_json(body.as_bytes()) {
            all.push((u64::try_from(seq).unwrap_or(0), event));
        }
    }
    Ok(all)
}

/// Takes the lock that lies beside the store: a database of which one connection holds the only
/// write lock. The system gives it back however the process ends.
fn lock(path: &Path) -> Result<Connection, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    private(&name)?;
    let lock = Connection::open(&name)?;
    lock.busy_timeout(std::time::Duration::from_millis(200))?;
    lock.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    match lock.execute_batch("BEGIN EXCLUSIVE") {
        Ok(()) => Ok(lock),
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
            Err(StoreError::Locked)
        }
        Err(e) => Err(e.into()),
    }
}

/// Makes the file, its owner's alone, where there is none.
fn private(path: &Path) -> Result<(), std::io::Error> {
    if path.exists() {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.sync_all()?;
    super::seal::sync_folder_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RotationId, Timestamp};

    #[test]
    fn a_second_engine_and_another_key_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.db");
        let key = SealKey::random().unwrap();
        let (store, loaded) = Store::open(&path, &key).unwrap();
        assert_eq!(loaded.name.len(), 6);
        assert!(matches!(Store::open(&path, &key), Err(StoreError::Locked)));
        drop(store);
        let other = SealKey::random().unwrap();
        assert!(matches!(Store::open(&path, &other), Err(StoreError::Key)));
        assert!(Store::open(&path, &key).is_ok());
    }

    #[test]
    fn a_full_disk_leaves_nothing_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.db");
        let key = SealKey::random().unwrap();
        let (mut store, _) = Store::open(&path, &key).unwrap();
        store.fill(true);
        let entry = |n: i64| OutboxRow {
            n,
            rotation: RotationId::from("rot-1"),
            body: "x".repeat(3_000),
        };
        let batch = Batch {
            outbox: (1..=20).map(|n| (entry(n), false)).collect(),
            ..Batch::default()
        };
        let error = store.write(&batch).unwrap_err().to_string();
        assert!(error.contains("full"), "{error}");
        assert!(store.waiting().unwrap().is_empty());
        store.fill(false);
        store.write(&batch).unwrap();
        assert_eq!(store.waiting().unwrap().len(), 20);
    }

    fn event(seq: u64, at: i64) -> (u64, Event) {
        let status = crate::model::event::BackendStatus {
            backend: "/engine/a".into(),
            state: crate::model::event::BackendState::Connected,
            lag_ms: None,
            error: None,
        };
        let at = Timestamp::new(at, 0);
        let event = Event::new("/engine/a", seq.to_string(), at, status.into());
        (seq, event)
    }

    fn counts(store: &Store) -> [i64; 4] {
        ["event", "outbox", "rotation", "act"].map(|table| {
            let sql = format!("SELECT count(*) FROM {table}");
            store.db.query_row(&sql, [], |row| row.get(0)).unwrap()
        })
    }

    #[test]
    fn what_is_old_and_needless_is_forgotten_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.db");
        let key = SealKey::random().unwrap();
        let (mut store, _) = Store::open(&path, &key).unwrap();
        let (old, new) = (1_800_000_000, 1_800_000_000 + 40 * 86_400);
        let kept = u64::try_from(EVENTS_KEPT).unwrap();
        let entry = |n: i64, rotation: &str| OutboxRow {
            n,
            rotation: RotationId::from(rotation),
            body: "x".to_owned(),
        };
        let batch = Batch {
            events: (1..=700).map(|n| event(n, old)).collect(),
            outbox: vec![
                (entry(1, "rot-old"), true),
                (entry(2, "rot-late"), false),
                (entry(3, "rot-old"), true),
            ],
            ..Batch::default()
        };
        store.write(&batch).unwrap();
        for id in ["rot-old", "rot-late"] {
            let sql = "INSERT INTO rotation VALUES (?1, 1, ?2, '{}')";
            store.db.execute(sql, params![id, old]).unwrap();
        }
        for key in ["k1", "k2"] {
            let sql = "INSERT INTO act VALUES (?1, '{}')";
            store.db.execute(sql, [key]).unwrap();
        }
        let batch = Batch {
            events: (701..=kept + 600).map(|n| event(n, new)).collect(),
            ..Batch::default()
        };
        store.write(&batch).unwrap();
        let stale = |days: i64| Stale {
            events: Timestamp::new(old + days * 86_400, 0),
            ended: Timestamp::new(old + days * 86_400, 0),
            acts: if days > 0 {
                vec!["k1".to_owned()]
            } else {
                Vec::new()
            },
        };
        assert!(
            !store.prune(&stale(0)).unwrap(),
            "nothing is older than that"
        );
        let all = i64::try_from(kept + 600).unwrap();
        assert_eq!(counts(&store), [all, 3, 2, 2]);
        assert!(store.prune(&stale(30)).unwrap(), "there is more");
        assert_eq!(store.first_event().unwrap(), 501);
        while store.prune(&stale(30)).unwrap() {}
        // The newest events stay however old they are; so do entries that wait and the last one.
        assert_eq!(store.first_event().unwrap(), 601);
        assert_eq!(counts(&store), [EVENTS_KEPT, 2, 2, 1]);
        let older = store.older().unwrap();
        assert_eq!(older(0, 1).first().map(|(seq, _)| *seq), Some(601));
        store.db.execute("DELETE FROM rotation", []).unwrap();
        store.db.execute("DELETE FROM act", []).unwrap();
        drop(store);
        let (_, loaded) = Store::open(&path, &key).unwrap();
        let numbers = (loaded.first_event, loaded.last_event, loaded.last_entry);
        assert_eq!(numbers, (601, kept + 600, 3));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.db");
        let key = SealKey::random().unwrap();
        let (store, _) = Store::open(&path, &key).unwrap();
        store
            .db
            .execute("INSERT INTO rotation VALUES ('rot-7', 0, NULL, '{}')", [])
            .unwrap();
        drop(store);
        let error = Store::open(&path, &key).err().unwrap().to_string();
        assert!(error.contains("rot-7"), "{error}");
    }
}
