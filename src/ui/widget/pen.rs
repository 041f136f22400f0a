//! Writes words into a part of the screen, never outside it and never half a character.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::ui::fit::{cols, fit, width};

/// Writes into one area. Columns and rows count from its upper left corner.
pub struct Pen<'b> {
    buf: &'b mut Buffer,
    area: Rect,
}

impl<'b> Pen<'b> {
    /// A pen for as much of `area` as the screen has.
    pub fn new(buf: &'b mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buf.area);
        Self { buf, area }
    }

    /// A pen for a part of the same screen, given in the screen's own columns and rows.
    pub fn at(&mut self, area: Rect) -> Pen<'_> {
        Pen::new(self.buf, area)
    }

    /// Where it writes, in the screen's own columns and rows.
    pub fn area(&self) -> Rect {
        self.area
    }

    /// The parts of one row before and from a column on, where there are any, in the screen's own
    /// columns and rows.
    pub fn parts(&self, y: u16, column: u16) -> (Option<Rect>, Option<Rect>) {
        if y >= self.area.height {
            return (None, None);
        }
        let row = Rect {
            y: self.area.y + y,
            height: 1,
            ..self.area
        };
        let column = column.min(row.width);
        let first = Rect {
            width: column,
            ..row
        };
        let second = Rect {
            x: row.x + column,
            width: row.width - column,
            ..row
        };
        let some = |area: Rect| (area.width > 0).then_some(area);
        (some(first), some(second))
    }

    /// How many columns there are.
    pub fn width(&self) -> u16 {
        self.area.width
    }

    /// How many rows there are.
    pub fn height(&self) -> u16 {
        self.area.height
    }

    /// Writes one row's cells from `x`, at most `columns`; returns how many were written.
    fn cells(&mut self, x: u16, y: u16, columns: u16) -> &mut [ratatui::buffer::Cell] {
        if y >= self.area.height || x >= self.area.width {
            return &mut [];
        }
        let columns = columns.min(self.area.width - x);
        let row = usize::from(self.area.y - self.buf.area.y + y);
        let column = usize::from(self.area.x - self.buf.area.x + x);
        let start = row * usize::from(self.buf.area.width) + column;
        self.buf
            .content
            .get_mut(start..start + usize::from(columns))
            .unwrap_or_default()
    }

    /// Writes words in at most `columns`, cut with `…`; returns how many columns they took.
    pub fn put(&mut self, x: u16, y: u16, columns: u16, words: &str, style: Style) -> u16 {
        if y >= self.area.height || x >= self.area.width {
            return 0;
        }
        let columns = columns.min(self.area.width - x);
        // Nearly all words are plain ASCII: a byte is a cell.
        if words.len() <= usize::from(columns) && words.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            let cells = self.cells(x, y, columns);
            for (cell, byte) in cells.iter_mut().zip(words.bytes()) {
                cell.set_char(char::from(byte)).set_style(style);
            }
            return cols(words.len());
        }
        let fitted = fit(words, usize::from(columns));
        let (x, y) = (self.area.x + x, self.area.y + y);
        let (end, _) = self
            .buf
            .set_stringn(x, y, &fitted, usize::from(columns), style);
        end.saturating_sub(x)
    }

    /// Writes words so that they end where `columns` end.
    pub fn put_right(&mut self, x: u16, y: u16, columns: u16, words: &str, style: Style) {
        let columns = columns.min(self.area.width.saturating_sub(x));
        let taken = cols(width(words)).min(columns);
        self.put(x + columns - taken, y, taken, words, style);
    }

    /// Writes one narrow character.
    pub fn cell(&mut self, x: u16, y: u16, c: char, style: Style) {
        if let Some(cell) = self.cells(x, y, 1).first_mut() {
            cell.set_char(c).set_style(style);
        }
    }

    /// Fills a row from `x` on with one narrow character.
    pub fn fill(&mut self, x: u16, y: u16, columns: u16, c: char, style: Style) {
        for cell in self.cells(x, y, columns) {
            cell.set_char(c).set_style(style);
        }
    }

    /// Styles a whole row without changing its words.
    pub fn tint(&mut self, y: u16, style: Style) {
        for cell in self.cells(0, y, u16::MAX) {
            cell.set_style(style);
        }
    }

    /// Empties the area.
    pub fn clear(&mut self, style: Style) {
        for y in 0..self.area.height {
            for cell in self.cells(0, y, u16::MAX) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_never_leave_their_columns() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 1));
        let mut pen = Pen::new(&mut buf, Rect::new(2, 0, 8, 1));
        assert_eq!(pen.put(0, 0, 4, "payments", Style::default()), 4);
        assert_eq!(pen.put(5, 0, 9, "北京支付", Style::default()), 3);
        pen.put(0, 7, 4, "below", Style::default());
        let line: String = buf
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(line, "  pay… 北 …  ");
    }
}
