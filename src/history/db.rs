//! The file itself: `SQLite`, write-ahead log. Any number of sessions may feed it at once: each day
//! is read, joined and written in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use super::detail::{Numbers, Words, decode, encode, visit};
use super::error::{HistoryError, What};
use super::layout::{LAYOUT, check_layout, lay_out, private};
use super::names::{self, Names};
use super::pack::Damaged;
use super::prune::prune;
use super::rows::{findings, own_findings, put_totals, save_finding, take_totals, whole_micros};
use crate::measure::level::{
    About, Day, DaySummary, Key, Levels, Objectives, Seen, Summary, Tally, Totals,
};
use crate::model::{SecretPath, Text, Timestamp};

/// Days that are older are written anew as coarse ones: no burn rate looks back so far.
const FINE_DAYS: i64 = 8;
/// So many days are made coarse with one feeding at most.
const AT_ONCE: usize = 4;
/// Somebody who writes is waited for so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long days are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// In days; at least one.
    pub days: u32,
}

impl Default for Keep {
    /// A year, and the month before it for comparing.
    fn default() -> Self {
        Self { days: 400 }
    }
}

/// Daily summaries of more than one session.
pub struct History {
    db: Connection,
    path: PathBuf,
    catalogue: Catalogue,
    noted: HashMap<SecretPath, About>,
    /// The findings that were told through here.
    told: BTreeMap<Day, BTreeSet<Key>>,
}

#[derive(Clone, Debug, Default)]
struct Catalogue {
    secrets: Names,
    words: Names,
    /// How often names were pruned when these were read.
    pruned: i64,
}

impl Catalogue {
    /// Reads what was added; all, and gives true, where anybody has pruned names since.
    fn refresh(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        let sql = "SELECT times FROM pruned";
        let pruned = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        let anew = self.pruned != pruned;
        if anew {
            self.forget();
            self.pruned = pruned;
        }
        self.secrets.refresh(db, "secret")?;
        self.words.refresh(db, "word")?;
        Ok(anew)
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Words for Catalogue {
    fn secret(&self, number: u64) -> Result<Option<SecretPath>, Damaged> {
        Ok(self.secrets.maybe(number)?.cloned().map(SecretPath))
    }

    fn word(&self, number: u64) -> Result<Text, Damaged> {
        self.words.word(number).cloned()
    }

    fn maybe(&self, number: u64) -> Result<Option<Text>, Damaged> {
        self.words.maybe(number).map(Option::<&Text>::cloned)
    }
}

struct Numbering<'a> {
    db: &'a Connection,
    catalogue: &'a mut Catalogue,
}

impl Numbers<rusqlite::Error> for Numbering<'_> {
    fn secret(&mut self, path: &SecretPath) -> rusqlite::Result<u64> {
        self.catalogue.secrets.number(self.db, "secret", &path.0)
    }

    fn word(&mut self, word: &Text) -> rusqlite::Result<u64> {
        self.catalogue.words.number(self.db, "word", word)
    }
}

impl From<Damaged> for What {
    fn from(damaged: Damaged) -> Self {
        Self::Corrupt(damaged.to_string())
    }
}

impl History {
    /// Opens the file, or makes it, readable by its owner alone.
    ///
    /// # Errors
    /// [`HistoryError`] where it cannot be made or used.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Self::make(path).map_err(|what| HistoryError::new(path, what))
    }

    /// Opens the file for reading what is in it; makes none.
    ///
    /// # Errors
    /// [`HistoryError`] where there is none or it cannot be used.
    pub fn read(path: &Path) -> Result<Self, HistoryError> {
        let open = || {
            if !path.exists() {
                return Err(What::Absent);
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(path, flags)?;
            Self::with(db, path)
        };
        open().map_err(|what| HistoryError::new(path, what))
    }

    fn make(path: &Path) -> Result<Self, What> {
        private(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        if check_layout(&db)? == 0 {
            db.pragma_update(None, "journal_mode", "WAL")?;
            lay_out(&db)?;
        }
        Self::with(db, path)
    }

    fn with(db: Connection, path: &Path) -> Result<Self, What> {
        db.busy_timeout(PATIENCE)?;
        match check_layout(&db)? {
            0 => return Err(What::Absent),
            LAYOUT => {}
            _ => lay_out(&db)?,
        }
        // A day that a power cut takes is told again by the next session.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.set_prepared_statement_cache_capacity(32);
        Ok(Self {
            db,
            path: path.to_owned(),
            catalogue: Catalogue::default(),
            noted: HashMap::new(),
            told: BTreeMap::new(),
        })
    }

    /// How many pages the file has.
    #[cfg(test)]
    pub(super) fn pages(&self) -> i64 {
        let sql = "PRAGMA page_count";
        self.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Makes the disk full once the file has so many pages.
    #[cfg(test)]
    pub(super) fn limit(&self, pages: i64) {
        let sql = format!("PRAGMA max_page_count = {pages}");
        self.db.query_row(&sql, [], |_| Ok(())).unwrap();
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Joins what a session knows of its days. `today` is the world's day: what is later than
    /// tomorrow is no day that was, and what is older than is kept is not taken in. Gives how many
    /// days changed.
    ///
    /// # Errors
    /// [`HistoryError`] where nothing of it was written.
    pub fn feed(
        &mut self,
        summary: &Summary,
        today: Day,
        keep: Keep,
    ) -> Result<usize, HistoryError> {
        let fed = self.try_feed(summary, today, keep);
        fed.map_err(|what| {
            self.catalogue.forget();
            self.noted.clear();
            HistoryError::new(&self.path, what)
        })
    }

    fn try_feed(&mut self, summary: &Summary, today: Day, keep: Keep) -> Result<usize, What> {
        let oldest = today.later(1 - i64::from(keep.days.max(1)));
        let way = TransactionBehavior::Immediate;
        let tx = rusqlite::Transaction::new_unchecked(&self.db, way)?;
        if self.catalogue.refresh(&tx)? {
            self.noted.clear();
        }
        let none = BTreeSet::new();
        let (mut changed, mut again) = (0, false);
        for (day, told) in summary.days.range(oldest..=today.later(1)) {
            let stored = load(&tx, &self.catalogue, *day)?;
            let mut joined = stored.clone();
            let own = self.told.get(day).unwrap_or(&none);
            joined.join(told, summary.knows, own);
            let coarse = today.number() - day.number() > FINE_DAYS;
            if joined != stored || again {
                changed += usize::from(joined != stored);
                // What is found on one day may stand on the next.
                again |= joined.findings != stored.findings;
                save(&tx, &mut self.catalogue, *day, &joined, coarse)?;
            }
        }
        for detector in &summary.tellers {
            let sql = "INSERT OR IGNORE INTO teller (detector) VALUES (?1)";
            tx.prepare_cached(sql)?.execute([detector.raw()])?;
        }
        for (secret, about) in &summary.secrets {
            if self.noted.get(secret) != Some(about) {
                let mut numbering = Numbering {
                    db: &tx,
                    catalogue: &mut self.catalogue,
                };
                let number = numbering.secret(secret)?;
                names::note(&tx, number, about)?;
                self.noted.insert(secret.clone(), about.clone());
            }
        }
        settle(&tx, &mut self.catalogue, today)?;
        let mut gone = 0;
        for table in ["day", "detail", "finding"] {
            let sql = format!("DELETE FROM {table} WHERE day < ?1");
            gone += tx.prepare_cached(&sql)?.execute([oldest.number()])?;
        }
        if gone > 0 {
            prune(&tx, &summary.secrets)?;
        }
        tx.commit()?;
        self.told = self.told.split_off(&oldest);
        for (day, told) in summary.days.range(oldest..) {
            if !told.findings.is_empty() {
                let held = self.told.entry(*day).or_default();
                held.extend(told.findings.keys());
            }
        }
        Ok(changed)
    }

    /// Each day in numbers, first to last.
    ///
    /// # Errors
    /// [`HistoryError`] where it cannot be read.
    pub fn totals(&self, from: Day, to: Day) -> Result<Vec<(Day, Totals)>, HistoryError> {
        let read = || -> Result<_, What> {
            let sql = "SELECT day, totals FROM day WHERE day BETWEEN ?1 AND ?2 ORDER BY day";
            let mut rows = self.db.prepare_cached(sql)?;
            let mut rows = rows.query([from.number(), to.number()])?;
            let mut totals = Vec::new();
            while let Some(row) = rows.next()? {
                let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                totals.push((Day::new(row.get(0)?), take_totals(body)?));
            }
            Ok(totals)
        };
        read().map_err(|what| HistoryError::new(&self.path, what))
    }

    /// The first and the last day that are kept; `None` where none is.
    ///
    /// # Errors
    /// [`HistoryError`] where it cannot be read.
    pub fn span(&self) -> Result<Option<(Day, Day)>, HistoryError> {
        let sql = "SELECT min(day), max(day) FROM day";
        let both = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(Option<i64>, Option<i64>)> {
            Ok((row.get(0)?, row.get(1)?))
        };
        let span = self.db.query_row(sql, [], both);
        let span = span.map_err(|error| HistoryError::new(&self.path, error.into()))?;
        Ok(match span {
            (Some(first), Some(last)) => Some((Day::new(first), Day::new(last))),
            _ => None,
        })
    }

    /// Whose the secrets are that anything is known of, in the order in which they came to be
    /// known.
    ///
    /// # Errors
    /// [`HistoryError`] where it cannot be read.
    pub fn secrets(&self) -> Result<Vec<(SecretPath, About)>, HistoryError> {
        names::secrets(&self.db).map_err(|error| HistoryError::new(&self.path, error.into()))
    }

    /// All that is known of a day.
    ///
    /// # Errors
    /// [`HistoryError`] where it cannot be read.
    pub fn day(&mut self, day: Day) -> Result<DaySummary, HistoryError> {
        let mut read = || -> Result<_, What> {
            if self.catalogue.refresh(&self.db)? {
                self.noted.clear();
            }
            load(&self.db, &self.catalogue, day)
        };
        read().map_err(|what| HistoryError::new(&self.path, what))
    }

    /// The levels at `now` from what is kept, joined with what a session knows.
    ///
    /// # Errors
    /// [`HistoryError`] where it cannot be read.
    pub fn levels(
        &mut self,
        now: Timestamp,
        since: Option<Timestamp>,
        objectives: &Objectives,
        live: Option<&Summary>,
    ) -> Result<Levels, HistoryError> {
        let mut read = || -> Result<_, What> {
            let tx = self.db.unchecked_transaction()?;
            if self.catalogue.refresh(&tx)? {
                self.noted.clear();
            }
            let mut tally = Tally::new(now, since, objectives);
            let first = tally.first();
            let sql = "SELECT day FROM day WHERE (day >= ?1 OR waits > 0) AND day <= ?2 \
                       UNION SELECT day FROM finding WHERE until >= ?3 AND day <= ?2";
            let edge = whole_micros(first.begins());
            let mut days: BTreeSet<Day> = BTreeSet::new();
            {
                let mut rows = tx.prepare_cached(sql)?;
                let last = Day::of(now).number();
                let rows = rows.query_map([first.number(), last, edge], |row| row.get(0))?;
                for day in rows {
                    days.insert(Day::new(day?));
                }
                let mut tellers = tx.prepare_cached("SELECT detector FROM teller")?;
                let tellers = tellers.query_map([], |row| row.get::<_, String>(0))?;
                for detector in tellers {
                    tally.tellers([Text::from(detector?)]);
                }
            }
            let told = live.into_iter().flat_map(|live| &live.days);
            let told: BTreeMap<&Day, &DaySummary> = told.collect();
            let none = BTreeSet::new();
            days.extend(told.keys().copied().copied());
            for day in days {
                let Some(told) = told.get(&day) else {
                    count(&tx, &self.catalogue, day, &mut tally)?;
                    continue;
                };
                let mut stored = load(&tx, &self.catalogue, day)?;
                let own = self.told.get(&day).unwrap_or(&none);
                stored.join(told, live.and_then(|live| live.knows), own);
                tally.add(&stored);
            }
            if let Some(live) = live {
                tally.tellers(live.tellers.iter().cloned());
            }
            Ok(tally.levels())
        };
        read().map_err(|what| HistoryError::new(&self.path, what))
    }
}

fn load(db: &Connection, catalogue: &Catalogue, day: Day) -> Result<DaySummary, What> {
    let mut summary = match body(db, day)? {
        Some(body) => decode(day, &body, catalogue)?.0,
        None => DaySummary::default(),
    };
    summary.findings = own_findings(db, day)?;
    Ok(summary)
}

/// Adds a day to a tally; of its rotations only the cases are read.
fn count(
    db: &Connection,
    catalogue: &Catalogue,
    day: Day,
    tally: &mut Tally<'_>,
) -> Result<(), What> {
    let mut rest = match body(db, day)? {
        Some(body) => visit(day, &body, catalogue, &mut |part, case| {
            tally.case(part, &case);
        })?,
        None => DaySummary::default(),
    };
    rest.findings = own_findings(db, day)?;
    tally.rest(&rest);
    Ok(())
}

fn body(db: &Connection, day: Day) -> Result<Option<Vec<u8>>, What> {
    let mut rows = db.prepare_cached("SELECT body FROM detail WHERE day = ?1")?;
    let body = rows.query_row([day.number()], |row| row.get(0));
    Ok(body.optional()?)
}

fn save(
    db: &Connection,
    catalogue: &mut Catalogue,
    day: Day,
    summary: &DaySummary,
    coarse: bool,
) -> Result<(), What> {
    for table in ["day", "detail", "finding"] {
        let sql = format!("DELETE FROM {table} WHERE day = ?1");
        db.prepare_cached(&sql)?.execute([day.number()])?;
    }
    if summary.is_empty() {
        return Ok(());
    }
    for (key, seen) in &summary.findings {
        save_finding(db, day, *key, seen)?;
    }
    let (from, to) = (day.begins(), day.later(1).begins());
    let standing = [whole_micros(from), whole_micros(to)];
    let standing = findings(db, "until >= ?1 AND detected < ?2", &standing)?;
    let standing: Vec<Seen> = standing.into_iter().map(|(_, _, seen)| seen).collect();
    let totals = put_totals(&Totals::of(day, summary, &standing));
    let cases = summary.rotations.values().flat_map(|record| &record.cases);
    let waits = cases.filter(|(_, case)| case.waits()).count();
    let mut numbering = Numbering { db, catalogue };
    let body = encode(day, summary, coarse, &mut numbering)?;
    // A day on which nothing happened is a gap, whatever is known of what does not belong to it.
    if !summary.is_quiet() {
        let sql = "INSERT INTO day (day, coarse, waits, totals) VALUES (?1, ?2, ?3, ?4)";
        let waits = i64::try_from(waits).unwrap_or(i64::MAX);
        db.prepare_cached(sql)?
            .execute(params![day.number(), coarse, waits, totals])?;
    }
    let sql = "INSERT INTO detail (day, body) VALUES (?1, ?2)";
    db.prepare_cached(sql)?
        .execute(params![day.number(), body])?;
    Ok(())
}

/// Writes days anew that need no moments any more.
fn settle(db: &Connection, catalogue: &mut Catalogue, today: Day) -> Result<(), What> {
    let edge = today.later(-FINE_DAYS).number();
    let sql = "SELECT day FROM day WHERE coarse = 0 AND day < ?1 ORDER BY day";
    let days: Vec<i64> = {
        let mut rows = db.prepare_cached(sql)?;
        let rows = rows.query_map([edge], |row| row.get(0))?;
        rows.take(AT_ONCE).collect::<rusqlite::Result<_>>()?
    };
    for day in days.into_iter().map(Day::new) {
        match load(db, catalogue, day) {
            Ok(summary) => save(db, catalogue, day, &summary, true)?,
            // One that is damaged stays as it is, and is not in the way of the others.
            Err(What::Corrupt(_)) => {
                let sql = "UPDATE day SET coarse = 1 WHERE day = ?1";
                db.prepare_cached(sql)?.execute([day.number()])?;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
