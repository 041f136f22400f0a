//! Shows how many rows there are by what they say.

use std::io::{self, Write};

use crate::audit::archive::Counted;
use crate::model::Text;
use crate::query::{By, Group};

/// In columns, with a heading.
pub(super) fn show(counted: &Counted, by: &[By], out: &mut dyn Write) -> io::Result<()> {
    let heads = by.iter().map(ToString::to_string);
    let heads: Vec<String> = heads.chain(["count".to_owned()]).collect();
    writeln!(out, "{}", heads.join("\t"))?;
    for (key, count) in &counted.groups {
        for group in key {
            match group {
                Group::Time(time) => write!(out, "{time}\t")?,
                Group::Words(Some(words)) => write!(out, "{}\t", Text::from(words.as_str()))?,
                Group::Words(None) => write!(out, "-\t")?,
            }
        }
        writeln!(out, "{count}")?;
    }
    if counted.others > 0 {
        writeln!(out, "too many groups; rows of others: {}", counted.others)?;
    }
    Ok(())
}
