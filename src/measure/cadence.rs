//! How often is too often, and how many on one credential are too many: the rules that a plan is
//! checked by before anything runs and that the inventory looks by at what did run.

use crate::model::Span;

/// More services than this on one credential are too many to revoke it calmly.
pub const SERVICES_ON_ONE: usize = 3;

/// True where a secret is rotated again before a consumer that keeps (or takes) this long has the
/// version before: it is always behind.
#[must_use]
pub fn always_behind(cadence: Span, keeps: Span) -> bool {
    cadence <= keeps
}

/// The median of lengths of time, the lower of the two in the middle; `None` of nothing.
#[must_use]
pub fn median(mut lengths: Vec<Span>) -> Option<Span> {
    let middle = lengths.len().checked_sub(1)? / 2;
    let (_, median, _) = lengths.select_nth_unstable(middle);
    Some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_keeps_what_it_read_as_long_as_the_cadence_is_always_behind() {
        let hour = Span::seconds(3600);
        assert!(always_behind(hour, hour));
        assert!(!always_behind(hour + Span::seconds(1), hour));
    }

    #[test]
    fn one_odd_gap_does_not_move_the_median() {
        let hours = |n: &[i64]| {
            n.iter()
                .map(|n| Span::seconds(n * 3600))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            median(hours(&[24, 1, 24, 24, 900])),
            Some(Span::seconds(24 * 3600))
        );
        assert_eq!(median(hours(&[24, 12])), Some(Span::seconds(12 * 3600)));
        assert_eq!(median(Vec::new()), None);
    }
}
