//! The columns of the rows: which there are, and how wide each is on a screen.

use crate::query::Field;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// What a field says.
    Of(Field),
    /// What went wrong, or else what the record says beside the rest.
    Said,
}

/// From so many columns on no outcome is cut.
const ROOMY: u16 = 96;

impl Column {
    /// Every column, in the order in which they stand.
    pub const ALL: [Self; 15] = [
        Self::Of(Field::Time),
        Self::Of(Field::Format),
        Self::Of(Field::Source),
        Self::Of(Field::Outcome),
        Self::Of(Field::Actor),
        Self::Of(Field::RemoteAddr),
        Self::Of(Field::Operation),
        Self::Of(Field::Path),
        Self::Of(Field::Secret),
        Self::Of(Field::Rotation),
        Self::Of(Field::Id),
        Self::Of(Field::File),
        Self::Of(Field::Error),
        Self::Of(Field::Message),
        Self::Said,
    ];

    /// Those that are shown at first.
    pub const USUAL: [Self; 6] = [
        Self::Of(Field::Time),
        Self::Of(Field::Outcome),
        Self::Of(Field::Actor),
        Self::Of(Field::Operation),
        Self::Of(Field::Path),
        Self::Said,
    ];

    /// What can be done without first on a narrow screen.
    const DISPENSABLE: [Self; 15] = [
        Self::Of(Field::Id),
        Self::Of(Field::Source),
        Self::Of(Field::Format),
        Self::Of(Field::File),
        Self::Of(Field::RemoteAddr),
        Self::Of(Field::Message),
        Self::Of(Field::Rotation),
        Self::Of(Field::Secret),
        Self::Said,
        Self::Of(Field::Error),
        Self::Of(Field::Operation),
        Self::Of(Field::Actor),
        Self::Of(Field::Path),
        Self::Of(Field::Outcome),
        Self::Of(Field::Time),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Of(field) => field.name(),
            Self::Said => "error or message",
        }
    }

    /// The fewest and the most columns of the screen that it takes, where a time takes `time` of
    /// `all`, and how much of what is left over it gets at a time.
    fn wide(self, (time, all): (u16, u16)) -> (u16, u16, u16) {
        match self {
            Self::Of(Field::Time) => (time, time, 0),
            // The longest is `✗ unanswered`.
            Self::Of(Field::Outcome) if all >= ROOMY => (12, 12, 0),
            Self::Of(Field::Outcome) => (8, 12, 0),
            Self::Of(Field::Format) => (8, 10, 1),
            Self::Of(Field::Operation) => (6, 20, 1),
            Self::Of(Field::Actor) => (8, 30, 2),
            Self::Of(Field::RemoteAddr) => (13, 24, 1),
            Self::Of(Field::Path) => (10, 56, 3),
            Self::Of(Field::Secret | Field::Rotation | Field::Source) => (10, 30, 2),
            Self::Of(Field::Id | Field::File) => (12, 40, 2),
            Self::Of(Field::Error | Field::Message) | Self::Said => (14, 400, 2),
        }
    }
}

/// The chosen columns as far as there is room for them, each with how wide it is; a column lies
/// between two.
pub fn fitted(chosen: &[Column], time: u16, width: u16) -> Vec<(Column, u16)> {
    let room = (time, width);
    let mut shown = chosen.to_vec();
    let least = |columns: &[Column]| -> u16 {
        let each = columns.iter().map(|column| column.wide(room).0 + 1);
        each.sum::<u16>().saturating_sub(1)
    };
    for column in Column::DISPENSABLE {
        if least(&shown) <= width || shown.len() <= 1 {
            break;
        }
        shown.retain(|one| *one != column);
    }
    let mut left = width.saturating_sub(least(&shown));
    let mut fitted: Vec<(Column, u16)> = shown
        .iter()
        .map(|column| (*column, column.wide(room).0.min(width)))
        .collect();
    // All get their share of what is left until they have enough; what then is left gets whoever
    // still takes any.
    for least in [0, 1] {
        let mut grown = true;
        while left > 0 && grown {
            grown = false;
            for (column, wide) in &mut fitted {
                let (_, most, weight) = column.wide(room);
                let more = weight.max(least).min(most.saturating_sub(*wide)).min(left);
                (*wide, left, grown) = (*wide + more, left - more, grown || more > 0);
            }
        }
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_fill_every_screen_and_never_more() {
        for width in 36..=240 {
            for (chosen, at_least) in [(&Column::USUAL[..], 3), (&Column::ALL[..], 3)] {
                let fitted = fitted(chosen, 8, width);
                let taken: u16 = fitted.iter().map(|(_, wide)| wide + 1).sum();
                assert!(taken <= width + 1, "{width}: {fitted:?}");
                assert!(taken > width / 2 && fitted.len() >= at_least, "{fitted:?}");
            }
        }
        let narrow: Vec<Column> = fitted(&Column::USUAL, 8, 38).iter().map(|c| c.0).collect();
        let names: Vec<&str> = narrow.iter().map(|column| column.name()).collect();
        assert_eq!(names, ["time", "outcome", "actor", "path"]);
        assert_eq!(fitted(&[Column::Said], 8, 9).len(), 1);
        assert_eq!(fitted(&[], 8, 80), []);
    }
}
