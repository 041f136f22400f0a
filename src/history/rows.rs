//! Findings and the numbers of a day, as they stand in the tables.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::What;
use super::pack::{Column, Damaged, Reader, pack, unpack};
use crate::measure::level::{Day, Episode, Key, MODES, Seen, Totals, Trouble};
use crate::model::{Region, SecretPath, ServiceName, Span, Timestamp};

/// The findings of a day.
pub(super) fn own_findings(db: &Connection, day: Day) -> Result<BTreeMap<Key, Seen>, What> {
    let own = findings(db, "day = ?1", &[day.number()])?;
    Ok(own.into_iter().map(|(_, key, seen)| (key, seen)).collect())
}

/// Microseconds since 1970-01-01.
pub(super) fn whole_micros(at: Timestamp) -> i64 {
    at.since(Timestamp::new(0, 0)).as_micros()
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::new(0, 0) + Span::micros(micros)
}

/// Writes a finding under its day.
pub(super) fn save_finding(db: &Connection, day: Day, key: Key, seen: &Seen) -> Result<(), What> {
    let episode = &seen.episode;
    let services: Vec<&str> = episode.services.iter().map(ServiceName::raw).collect();
    let regions: Vec<&str> = episode.regions.iter().map(Region::raw).collect();
    let words = |words: &[&str]| serde_json::Value::from(words.to_vec()).to_string();
    let sql = "INSERT INTO finding (day, key, mode, secret, services, regions, detected, resolved, until) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    db.prepare_cached(sql)?.execute(params![
        day.number(),
        key.number().cast_signed(),
        episode.mode,
        episode.secret.as_ref().map(SecretPath::raw),
        words(&services),
        words(&regions),
        whole_micros(episode.detected_at),
        episode.resolved_at.map(whole_micros),
        whole_micros(seen.until),
    ])?;
    Ok(())
}

/// The findings of which a condition with these values holds.
pub(super) fn findings(
    db: &Connection,
    which: &str,
    values: &[i64],
) -> Result<Vec<(Day, Key, Seen)>, What> {
    let sql = format!(
        "SELECT day, key, mode, secret, services, regions, detected, resolved, until \
         FROM finding WHERE {which} ORDER BY day, key"
    );
    let mut rows = db.prepare_cached(&sql)?;
    let mut rows = rows.query(rusqlite::params_from_iter(values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mode: String = row.get(2)?;
        // A mode that is not known here is nothing that a level counts.
        let Some(mode) = MODES.into_iter().find(|known| *known == mode) else {
            continue;
        };
        let words = |at: usize| -> rusqlite::Result<Vec<String>> {
            let words: String = row.get(at)?;
            Ok(serde_json::from_str(&words).unwrap_or_default())
        };
        let episode = Episode {
            mode,
            trouble: Trouble::of(mode),
            secret: row.get::<_, Option<String>>(3)?.map(SecretPath::from),
            services: words(4)?.into_iter().map(ServiceName::from).collect(),
            regions: words(5)?.into_iter().map(Region::from).collect(),
            detected_at: moment(row.get(6)?),
            resolved_at: row.get::<_, Option<i64>>(7)?.map(moment),
        };
        let seen = Seen {
            episode,
            until: moment(row.get(8)?),
        };
        all.push((
            Day::new(row.get(0)?),
            Key::new(row.get::<_, i64>(1)?.cast_unsigned()),
            seen,
        ));
    }
    Ok(all)
}

/// The numbers of a day as bytes.
pub(super) fn put_totals(totals: &Totals) -> Vec<u8> {
    let mut column = Column::default();
    let lengths = [totals.to_revoke, totals.updates, totals.recoveries];
    let numbers = totals.numbers();
    let numbers = numbers.iter().chain(&totals.ended).chain(&totals.findings);
    for number in numbers.chain(lengths.iter().flat_map(|lengths| &lengths.0)) {
        column.put(*number);
    }
    pack(&[column], false)
}

/// The numbers of a day from bytes.
pub(super) fn take_totals(body: &[u8]) -> Result<Totals, Damaged> {
    let mut columns = unpack(body, |_| true)?;
    let column: &mut Reader = columns.first_mut().ok_or(Damaged)?;
    let mut totals = Totals::default();
    for number in totals.numbers_mut() {
        *number = column.take()?;
    }
    for number in totals.ended.iter_mut().chain(&mut totals.findings) {
        *number = column.take()?;
    }
    for lengths in [
        &mut totals.to_revoke,
        &mut totals.updates,
        &mut totals.recoveries,
    ] {
        for number in &mut lengths.0 {
            *number = column.take()?;
        }
    }
    Ok(totals)
}
