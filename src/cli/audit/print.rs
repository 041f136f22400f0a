//! How rows are written: as a table, JSON lines or CSV, one at a time.

use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Format;
use crate::audit::AuditRow;
use crate::model::json;
use crate::model::text::inert;

const TIME: usize = 19;
const OUTCOME: usize = 10;

/// Writes rows in one form.
pub(super) enum Printer<'o> {
    /// One JSON object a line.
    Json(&'o mut dyn Write),
    /// Comma-separated values.
    Csv(Box<csv::Writer<&'o mut dyn Write>>),
    /// Columns that fit a width.
    Table(Columns, &'o mut dyn Write),
}

/// The widths of the columns whose width depends on the terminal's.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    actor: usize,
    operation: usize,
    what: usize,
}

impl<'o> Printer<'o> {
    /// Writes the heading, where the form has one.
    pub(super) fn new(format: Format, width: usize, out: &'o mut dyn Write) -> io::Result<Self> {
        match format {
            Format::Json | Format::Count => Ok(Self::Json(out)),
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(AuditRow::COLUMNS).map_err(failed)?;
                Ok(Self::Csv(Box::new(csv)))
            }
            Format::Table => {
                let columns = Columns::of(width);
                columns.line(["time (UTC)", "outcome", "actor", "operation", "path"], out)?;
                Ok(Self::Table(columns, out))
            }
        }
    }

    /// Writes one row.
    pub(super) fn row(&mut self, row: &AuditRow) -> io::Result<()> {
        match self {
            Self::Json(out) => writeln!(out, "{}", json::to_line(row).map_err(io::Error::other)?),
            Self::Csv(csv) => csv.write_record(row.cells().map(inert)).map_err(failed),
            Self::Table(columns, out) => columns.row(row, *out),
        }
    }

    /// Hands everything on that was written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Json(out) | Self::Table(_, out) => out.flush(),
            Self::Csv(csv) => csv.flush(),
        }
    }
}

fn failed(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

impl Columns {
    fn of(width: usize) -> Self {
        let rest = width.saturating_sub(TIME + OUTCOME + 4);
        let actor = (rest / 4).min(32);
        let operation = (rest / 5).min(28);
        Self {
            actor,
            operation,
            what: rest.saturating_sub(actor + operation),
        }
    }

    /// Time, outcome, who, what, on what and what went wrong; the last takes what room is left.
    fn row(self, row: &AuditRow, out: &mut dyn Write) -> io::Result<()> {
        let [
            time,
            _,
            _,
            _,
            who,
            does,
            path,
            outcome,
            _,
            error,
            message,
            ..,
        ] = row.cells();
        let time = time.get(..TIME).unwrap_or(&time).replacen('T', " ", 1);
        let more = if error.is_empty() { message } else { error };
        let on = match (path.is_empty(), more.is_empty()) {
            (false, false) => format!("{path} · {more}"),
            _ => path + &more,
        };
        self.line([&time, &outcome, &who, &does, &on], out)
    }

    fn line(self, cells: [&str; 5], out: &mut dyn Write) -> io::Result<()> {
        let [time, outcome, who, does, on] = cells;
        let row = [
            fit(time, TIME),
            fit(outcome, OUTCOME),
            fit(who, self.actor),
            fit(does, self.operation),
            fit(on, self.what),
        ];
        writeln!(out, "{}", row.join(" ").trim_end())
    }
}

/// The words in exactly `width` columns: filled up, or cut with an ellipsis.
fn fit(words: &str, width: usize) -> String {
    let full = words.width();
    if full <= width {
        return format!("{words}{}", " ".repeat(width - full));
    }
    let mut out = String::new();
    let mut used = 0;
    for c in words.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(c);
    }
    if used < width {
        out.push('…');
        used += 1;
    }
    out + &" ".repeat(width - used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_words_are_cut_to_the_column() {
        assert_eq!(fit("北京北京", 5), "北京…");
        assert_eq!(fit("北京北京", 6), "北京… ");
    }
}
