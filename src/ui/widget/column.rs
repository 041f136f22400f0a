//! Charts of columns, several lines high, with a line where the objective lies.

use crate::ui::theme::Role;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What the height of a chart means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The value at its bottom.
    pub low: f64,
    /// The value at its top; above `low`.
    pub high: f64,
    /// The value that is asked for.
    pub objective: Option<f64>,
}

impl Scale {
    /// How high a value stands, in eighths of a line.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of the lines of a screen, not negative"
    )]
    fn height(self, value: f64, lines: usize) -> usize {
        let share = (value - self.low) / (self.high - self.low);
        let eighths = (lines * 8) as f64;
        // What is there at all is seen.
        (share.clamp(0.0, 1.0) * eighths).round().max(1.0) as usize
    }

    /// The line, from the top, in which the objective lies.
    #[must_use]
    pub fn objective_line(self, lines: usize) -> Option<usize> {
        let objective = self.objective?;
        let height = self.height(objective, lines);
        Some(lines.saturating_sub(height.div_ceil(8)))
    }
}

/// The lines of a chart from the top, a column `wide` cells wide for each value with a gap where
/// it is wider than one; a column without a value is empty. `bad` says which values miss what is
/// asked for.
pub fn columns(
    values: &[Option<f64>],
    scale: Scale,
    lines: usize,
    wide: usize,
    bad: impl Fn(f64) -> bool,
) -> Vec<Vec<(char, Role)>> {
    let objective = scale.objective_line(lines);
    let row = |line: usize| {
        let ground = if objective == Some(line) {
            ('┈', Role::Dim)
        } else {
            (' ', Role::Gap)
        };
        let mut cells = Vec::with_capacity(values.len() * wide);
        for value in values {
            let filled = value.and_then(|value| {
                let below = (lines - 1 - line) * 8;
                let over = scale.height(value, lines).checked_sub(below + 1)?;
                let role = if bad(value) { Role::Bad } else { Role::Chart };
                Some((LEVELS.get(over).copied().unwrap_or('█'), role))
            });
            let gap = usize::from(wide > 1);
            cells.extend(std::iter::repeat_n(filled.unwrap_or(ground), wide - gap));
            cells.extend(std::iter::repeat_n(ground, gap));
        }
        cells
    };
    (0..lines).map(row).collect()
}

/// One row of marks beneath a chart's columns.
pub fn every_row(marks: impl Iterator<Item = (char, Role)>, wide: usize) -> Vec<(char, Role)> {
    let of_one = |mark| {
        let rest = std::iter::repeat_n((' ', Role::Gap), wide.saturating_sub(1));
        std::iter::once(mark).chain(rest)
    };
    marks.flat_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f64>], scale: Scale, lines: usize) -> Vec<String> {
        let rows = columns(values, scale, lines, 1, |_| false);
        let words = |row: &Vec<(char, Role)>| row.iter().map(|(c, _)| *c).collect();
        rows.iter().map(words).collect()
    }

    #[test]
    fn a_column_is_as_high_as_its_value_and_a_gap_is_no_zero() {
        let scale = Scale {
            low: 0.0,
            high: 1.0,
            objective: None,
        };
        let values = [Some(1.0), Some(0.5), Some(0.25), Some(0.0), None];
        assert_eq!(drawn(&values, scale, 2), ["█    ", "██▄▁ "]);
    }

    #[test]
    fn the_objective_is_a_line_behind_the_columns() {
        let scale = Scale {
            low: 0.0,
            high: 1.0,
            objective: Some(0.75),
        };
        assert_eq!(
            drawn(&[Some(1.0), Some(0.2), None], scale, 2),
            ["█┈┈", "█▃ "]
        );
    }
}
