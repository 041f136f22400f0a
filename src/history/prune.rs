//! Names go with the last day that used them: of a fleet whose secrets come and go the file would
//! grow for ever otherwise, and would know for ever what they were called.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::detail::{Used, used};
use super::error::What;
use crate::measure::level::About;
use crate::model::SecretPath;

/// Deletes names that no day uses, but for those of these secrets. Where a day cannot be read, and
/// may use any of them, nothing is deleted.
pub(super) fn prune(db: &Connection, keeps: &BTreeMap<SecretPath, About>) -> Result<(), What> {
    let mut all = Used::default();
    {
        let mut rows = db.prepare_cached("SELECT body FROM detail")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let body = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            if used(body, &mut all).is_err() {
                return Ok(());
            }
        }
    }
    let kept = keeps.keys().map(SecretPath::raw).collect();
    let secrets = delete(db, "secret", &all.secrets, &kept)?;
    let words = delete(db, "word", &all.words, &BTreeSet::new())?;
    if secrets + words > 0 {
        // Whoever has read them reads them anew: a number may mean something else now.
        db.prepare_cached("UPDATE pruned SET times = times + 1")?
            .execute([])?;
    }
    Ok(())
}

/// Gives how many were deleted.
fn delete(
    db: &Connection,
    table: &str,
    used: &BTreeSet<u64>,
    kept: &BTreeSet<&str>,
) -> rusqlite::Result<usize> {
    let mut unused: Vec<i64> = Vec::new();
    {
        let mut rows = db.prepare_cached(&format!("SELECT id, word FROM {table}"))?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let word = row.get_ref(1)?.as_str()?;
            if !used.contains(&id.cast_unsigned()) && !kept.contains(word) {
                unused.push(id);
            }
        }
    }
    let mut delete = db.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
    for id in &unused {
        delete.execute([id])?;
    }
    Ok(unused.len())
}
