//! Rows as comma-separated values (RFC 4180), with no cell that a spreadsheet would run.

use std::sync::Arc;

use csv::{QuoteStyle, Terminator, WriterBuilder};

use crate::model::Text;
use crate::model::effect::Effect;
use crate::model::text::inert;
use crate::query::Field;
use crate::query::page::{Page, PageRow};
use crate::ui::fit::plural;

/// The rows of a page as a file; `None` where it has none.
pub(super) fn file(page: &Page) -> Option<Effect> {
    let first = page.rows.first()?;
    // A moment in the form that every file system takes.
    let moment: String = first
        .time
        .to_string()
        .chars()
        .take_while(|c| *c != '.')
        .filter(char::is_ascii_alphanumeric)
        .collect();
    Some(Effect::Export {
        name: format!("rotascope-audit-{}.csv", moment.trim_end_matches('Z')),
        what: plural(page.rows.len(), "row"),
        words: csv(&page.rows),
    })
}

fn csv(rows: &[Arc<PageRow>]) -> String {
    let mut table = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::NonNumeric)
        .from_writer(Vec::with_capacity(rows.len() * 300 + 300));
    let names = Field::ALL.iter().map(|field| field.name());
    // Memory takes whatever is written to it.
    let _ = table.write_record(names.chain(["line"]));
    for row in rows {
        let shown = |field: &Field| match field {
            Field::Time => row.time.to_string(),
            field => row.cell(*field).map(Text::to_string).unwrap_or_default(),
        };
        let line = match row.place.line {
            0 => String::new(),
            line => line.to_string(),
        };
        let cells = Field::ALL.iter().map(shown).chain([line]);
        let _ = table.write_record(cells.map(inert));
    }
    let bytes = table.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
