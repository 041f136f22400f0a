//! Pieces that screens are drawn from.

mod bar;
mod chart;
mod column;
mod doc;
mod pen;

pub use bar::{letter, replay_bar, share_bar, stage_bar, time_marks};
pub use chart::{Axis, Point, chart, chart_cells};
pub use column::{Scale, columns, every_row};
pub use doc::{Line, Piece, draw_lines, rule};
pub use pen::Pen;
