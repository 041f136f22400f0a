//! The file as such: its tables, its layout, and who may read it.

use std::path::Path;

use rusqlite::Connection;

use super::error::What;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS word (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS secret (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, owner TEXT, kind TEXT, tier TEXT);
CREATE TABLE IF NOT EXISTS teller (detector TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS day (day INTEGER PRIMARY KEY, coarse INTEGER NOT NULL, waits INTEGER NOT NULL, totals BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS detail (day INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS finding (day INTEGER NOT NULL, key INTEGER NOT NULL, mode TEXT NOT NULL, secret TEXT, services TEXT NOT NULL, regions TEXT NOT NULL, detected INTEGER NOT NULL, resolved INTEGER, until INTEGER NOT NULL, PRIMARY KEY (day, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS finding_until ON finding (until);
CREATE TABLE IF NOT EXISTS pruned (id INTEGER PRIMARY KEY CHECK (id = 1), times INTEGER NOT NULL);
INSERT OR IGNORE INTO pruned (id, times) VALUES (1, 0);
";

/// The layout that is written here, in the file's `user_version`. What lay in layout 1 is read as it
/// is: it had no table of what was pruned, and no day knew what lies on later ones.
pub(super) const LAYOUT: i64 = 2;

/// Makes the tables that are not there.
pub(super) fn lay_out(db: &Connection) -> Result<(), What> {
    let sql = format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;");
    Ok(db.execute_batch(&sql)?)
}

/// The layout of a file; 0 where it has none yet.
pub(super) fn check_layout(db: &Connection) -> Result<i64, What> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > LAYOUT {
        return Err(What::Newer {
            found,
            known: LAYOUT,
        });
    }
    Ok(found)
}

/// Makes the file and its folder, for their owner alone, where they are not there; a file that
/// others may read or write is closed to them.
pub(super) fn private(path: &Path) -> Result<(), std::io::Error> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    if path.exists() {
        return close(path);
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

#[cfg(unix)]
fn close(path: &Path) -> Result<(), std::io::Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = std::fs::metadata(path)?;
    if found.is_file() && found.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn close(_: &Path) -> Result<(), std::io::Error> {
    Ok(())
}
