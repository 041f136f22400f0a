//! One transaction, table by table.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::rows::Batch;
use crate::model::{Event, Timestamp};
use crate::rotation::lifecycle::Rotation;

/// The seconds of an hour.
pub(super) const HOUR: i64 = 3_600;

/// Writes all of a batch.
pub(super) fn put(db: &Connection, batch: &Batch) -> Result<(), StoreError> {
    put_rotations(db, &batch.rotations)?;
    put_events(db, &batch.events)?;
    put_outbox(db, batch)?;
    put_secrets(db, batch)?;
    for act in &batch.acts {
        let body = serde_json::to_string(act).map_err(|e| unwritable("an act", &e))?;
        db.prepare_cached(
            "INSERT INTO act (key, body) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET body = ?2",
        )?
        .execute(params![act.intent.key, body])?;
    }
    for (name, value) in &batch.meta {
        db.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
            params![name, value.as_bytes()],
        )?;
    }
    Ok(())
}

fn unwritable(what: &str, why: &serde_json::Error) -> StoreError {
    StoreError::Damaged {
        what: what.to_owned(),
        why: why.to_string(),
    }
}

fn put_rotations(
    db: &Connection,
    rotations: &[std::sync::Arc<Rotation>],
) -> Result<(), StoreError> {
    for r in rotations {
        let body = serde_json::to_string(&**r).map_err(|e| unwritable("a rotation", &e))?;
        db.prepare_cached(
            "INSERT OR REPLACE INTO rotation (id, over, ended, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            r.id.raw(),
            r.is_over(),
            r.ended_at.map(Timestamp::seconds),
            body
        ])?;
    }
    Ok(())
}

/// Writes events, and notes with which each hour began, so that age is found without reading them.
fn put_events(db: &Connection, events: &[(u64, Event)]) -> Result<(), StoreError> {
    let mut last = None;
    for (seq, event) in events {
        let seq = i64::try_from(*seq).unwrap_or(i64::MAX);
        let body = event.to_json().map_err(|e| unwritable("an event", &e))?;
        db.prepare_cached("INSERT INTO event (seq, body) VALUES (?1, ?2)")?
            .execute(params![seq, body])?;
        let hour = event.time.seconds().div_euclid(HOUR);
        if last.replace(hour) != Some(hour) {
            db.prepare_cached("INSERT OR IGNORE INTO hour (at, seq) VALUES (?1, ?2)")?
                .execute([hour, seq])?;
        }
    }
    Ok(())
}

fn put_outbox(db: &Connection, batch: &Batch) -> Result<(), StoreError> {
    for (row, delivered) in &batch.outbox {
        db.prepare_cached(
            "INSERT INTO outbox (n, rotation, delivered, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![row.n, row.rotation.raw(), delivered, row.body])?;
    }
    for n in &batch.delivered {
        db.prepare_cached("UPDATE outbox SET delivered = 1 WHERE n = ?1")?
            .execute([n])?;
    }
    for rotation in &batch.replay {
        match rotation {
            Some(id) => db.execute(
                "UPDATE outbox SET delivered = 0 WHERE rotation = ?1",
                [id.raw()],
            )?,
            None => db.execute("UPDATE outbox SET delivered = 0", [])?,
        };
    }
    Ok(())
}

fn put_secrets(db: &Connection, batch: &Batch) -> Result<(), StoreError> {
    for (path, secret) in &batch.secrets {
        let body = serde_json::to_string(secret).map_err(|e| unwritable("a secret", &e))?;
        db.prepare_cached("INSERT OR REPLACE INTO secret (path, body) VALUES (?1, ?2)")?
            .execute(params![path.raw(), body])?;
    }
    for (secret, version, sealed) in &batch.material {
        db.prepare_cached(
            "INSERT OR REPLACE INTO material (secret, version, sealed) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![secret.raw(), version.raw(), sealed])?;
    }
    for (secret, version) in &batch.forget {
        db.prepare_cached("DELETE FROM material WHERE secret = ?1 AND version = ?2")?
            .execute(params![secret.raw(), version.raw()])?;
    }
    Ok(())
}
