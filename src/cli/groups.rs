//! Counts rows by what they say.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::audit::AuditRow;
use crate::model::Text;
use crate::query::{By, Group};

/// So many different groups are counted.
const GROUPS: usize = 1_000_000;

/// How many rows there are by what they say, in columns: times in their order, else the most
/// frequent first.
pub(super) fn count(
    rows: &mut dyn Iterator<Item = AuditRow>,
    by: &[By],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut counts: HashMap<Vec<Group>, u64> = HashMap::new();
    let mut others = 0_u64;
    for row in rows {
        let key: Vec<Group> = by.iter().map(|by| by.group(&row)).collect();
        if counts.len() >= GROUPS && !counts.contains_key(&key) {
            others += 1;
        } else {
            *counts.entry(key).or_default() += 1;
        }
    }
    let timed = |key: &[Group]| match key.first() {
        Some(Group::Time(time)) => Some(*time),
        _ => None,
    };
    let mut counts: Vec<(Vec<Group>, u64)> = counts.into_iter().collect();
    counts.sort_by(|(a, n), (b, m)| (timed(a), m, a).cmp(&(timed(b), n, b)));
    let heads = by.iter().map(ToString::to_string);
    let heads: Vec<String> = heads.chain(["count".to_owned()]).collect();
    writeln!(out, "{}", heads.join("\t"))?;
    for (key, count) in counts {
        for group in key {
            match group {
                Group::Time(time) => write!(out, "{time}\t")?,
                Group::Words(Some(words)) => write!(out, "{}\t", Text::from(words))?,
                Group::Words(None) => write!(out, "-\t")?,
            }
        }
        writeln!(out, "{count}")?;
    }
    if others > 0 {
        writeln!(out, "more than {GROUPS} groups; of others: {others}")?;
    }
    Ok(())
}
