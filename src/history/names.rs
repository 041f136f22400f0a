//! Words that stand in the file once and are numbers everywhere else.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::pack::Damaged;
use crate::measure::level::About;
use crate::model::{SecretPath, Text};

/// Words and their numbers, from 1 on; 0 is no word.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    words: HashMap<u64, Text>,
    numbers: HashMap<Text, u64>,
    /// The highest number.
    last: u64,
}

impl Names {
    /// Reads those of a table with the columns `id` and `word`, which were added since.
    pub(super) fn refresh(&mut self, db: &Connection, table: &str) -> rusqlite::Result<()> {
        let sql = format!("SELECT id, word FROM {table} WHERE id > ?1 ORDER BY id");
        let mut rows = db.prepare_cached(&sql)?;
        let mut rows = rows.query([self.last.cast_signed()])?;
        while let Some(row) = rows.next()? {
            let number = row.get::<_, i64>(0)?.cast_unsigned();
            self.take(number, Text::from(row.get_ref(1)?.as_str()?));
        }
        Ok(())
    }

    fn take(&mut self, number: u64, word: Text) {
        self.words.insert(number, word.clone());
        self.numbers.insert(word, number);
        self.last = number;
    }

    /// The number of a word, in a transaction that may write; made where there is none.
    pub(super) fn number(
        &mut self,
        db: &Connection,
        table: &str,
        word: &Text,
    ) -> rusqlite::Result<u64> {
        if let Some(number) = self.numbers.get(word) {
            return Ok(*number);
        }
        self.refresh(db, table)?;
        if let Some(number) = self.numbers.get(word) {
            return Ok(*number);
        }
        let number = self.last.saturating_add(1);
        let sql = format!("INSERT INTO {table} (id, word) VALUES (?1, ?2)");
        db.prepare_cached(&sql)?
            .execute(params![number.cast_signed(), word.raw()])?;
        self.take(number, word.clone());
        Ok(number)
    }

    /// The word of a number that is not 0.
    pub(super) fn word(&self, number: u64) -> Result<&Text, Damaged> {
        self.words.get(&number).ok_or(Damaged)
    }

    /// The word of a number; `None` for 0.
    pub(super) fn maybe(&self, number: u64) -> Result<Option<&Text>, Damaged> {
        if number == 0 {
            return Ok(None);
        }
        self.word(number).map(Some)
    }
}

/// Writes down whose a secret is.
pub(super) fn note(db: &Connection, number: u64, about: &About) -> rusqlite::Result<()> {
    let raw = |text: &Option<Text>| text.as_ref().map(|text| text.raw().to_owned());
    let sql = "UPDATE secret SET owner = coalesce(?2, owner), kind = coalesce(?3, kind), \
               tier = coalesce(?4, tier) WHERE id = ?1 AND (owner, kind, tier) IS NOT \
               (coalesce(?2, owner), coalesce(?3, kind), coalesce(?4, tier))";
    let values = params![
        number.cast_signed(),
        raw(&about.owner),
        raw(&about.kind),
        raw(&about.tier)
    ];
    db.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// Whose the secrets are.
pub(super) fn secrets(db: &Connection) -> rusqlite::Result<Vec<(SecretPath, About)>> {
    let mut rows = db.prepare_cached("SELECT word, owner, kind, tier FROM secret ORDER BY id")?;
    let word = |words: Option<String>| words.map(Text::from);
    let rows = rows.query_map([], |row| {
        let about = About {
            owner: word(row.get(1)?),
            kind: word(row.get(2)?),
            tier: word(row.get(3)?),
        };
        Ok((SecretPath::from(row.get::<_, String>(0)?), about))
    })?;
    rows.collect()
}
