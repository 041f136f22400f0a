//! Lines of pieces in columns: what a screen that is one list is made of.

use crate::ui::fit::{cols, width};
use crate::ui::theme::{Role, Theme};

use super::Pen;

/// Some words of one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The words, harmless.
    pub words: String,
    /// What they mean.
    pub role: Role,
    /// The columns they take, whatever their length; 0 as many as they have, all that are left.
    pub columns: u16,
    /// True to end where the columns end.
    pub right: bool,
}

impl Piece {
    /// Words that take as many columns as they have.
    pub fn new(words: impl Into<String>, role: Role) -> Self {
        Self {
            words: words.into(),
            role,
            columns: 0,
            right: false,
        }
    }

    /// The same words in a column.
    pub fn wide(mut self, columns: u16) -> Self {
        self.columns = columns;
        self
    }

    /// The same words at the right of a column.
    pub fn right(mut self, columns: u16) -> Self {
        self.columns = columns;
        self.right = true;
        self
    }
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A rule with its title.
    Rule(String),
    /// Pieces side by side, a column apart.
    Pieces(Vec<Piece>),
    /// Two lines side by side: the second begins at this column.
    Beside(Box<Line>, u16, Box<Line>),
    /// What a row is about, its cells on a time axis, and a word behind it.
    Track(Piece, Vec<(char, Role)>, Piece),
}

impl Line {
    /// A line of one meaning.
    pub fn plain(words: impl Into<String>, role: Role) -> Self {
        Self::Pieces(vec![Piece::new(words, role)])
    }
}

/// Draws lines from the top of the pen's area.
pub fn draw_lines(pen: &mut Pen<'_>, theme: &Theme, lines: &[Line]) {
    for (y, line) in (0..pen.height()).zip(lines) {
        draw_line(pen, y, theme, line);
    }
}

fn draw_line(pen: &mut Pen<'_>, y: u16, theme: &Theme, line: &Line) {
    match line {
        Line::Rule(title) => rule(pen, y, theme, title, "", Role::Dim),
        Line::Pieces(pieces) => {
            let mut x = 1;
            for piece in pieces {
                x = draw_piece(pen, (x, y), theme, piece);
            }
        }
        Line::Beside(left, column, right) => {
            let (first, second) = pen.parts(y, *column);
            if let Some(area) = first {
                draw_line(&mut pen.at(area), 0, theme, left);
            }
            if let Some(area) = second {
                draw_line(&mut pen.at(area), 0, theme, right);
            }
        }
        Line::Track(name, cells, note) => {
            let mut x = draw_piece(pen, (1, y), theme, name);
            for (c, role) in cells {
                pen.cell(x, y, *c, theme.style(*role));
                x = x.saturating_add(1);
            }
            draw_piece(pen, (x.saturating_add(1), y), theme, note);
        }
    }
}

/// Draws a piece; gives the column behind it and its gap.
fn draw_piece(pen: &mut Pen<'_>, (x, y): (u16, u16), theme: &Theme, piece: &Piece) -> u16 {
    let taken = match piece.columns {
        0 => cols(width(&piece.words)),
        columns => columns,
    };
    let style = theme.style(piece.role);
    if piece.right {
        pen.put_right(x, y, taken, &piece.words, style);
    } else {
        pen.put(x, y, taken, &piece.words, style);
    }
    x.saturating_add(taken).saturating_add(1)
}

/// Draws a rule with words at its left and at its right.
pub fn rule(pen: &mut Pen<'_>, y: u16, theme: &Theme, left: &str, right: &str, role: Role) {
    let style = theme.style(Role::Rule);
    let all = pen.width();
    pen.fill(0, y, all, '─', style);
    let room = all.saturating_sub(4);
    let taken = if left.is_empty() {
        0
    } else {
        let taken = pen.put(3, y, room, left, theme.style(role));
        pen.cell(2, y, ' ', style);
        pen.cell(3 + taken, y, ' ', style);
        taken
    };
    let wide = cols(width(right));
    if wide > 0 && taken + wide + 8 <= all {
        let x = all - wide - 2;
        pen.put(x, y, wide, right, theme.style(Role::Dim));
        pen.cell(x - 1, y, ' ', style);
        pen.cell(x + wide, y, ' ', style);
    }
}
