//! A histogram of lengths of time in ranges of one, two and five times a power of ten, so that
//! every edge is a number that a person would say.

use crate::model::Span;

/// The most ranges; what lies beyond stands in the first and in the last.
const RANGES: usize = 14;

/// One range of a histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// From this length on.
    pub from: Span,
    /// Up to, and without, this one.
    pub to: Span,
    /// How many of each of the histogram's sets lie in it.
    pub counts: Vec<usize>,
}

/// Counts several sets of lengths in the same ranges, from the one that holds the shortest to the
/// one that holds the longest, those between without any among them. Lengths below zero are none.
#[must_use]
pub fn histogram(sets: &[Vec<Span>]) -> Vec<Range> {
    let lengths = sets.iter().flatten().map(|span| span.as_micros().max(0));
    let (Some(shortest), Some(longest)) = (lengths.clone().min(), lengths.max()) else {
        return Vec::new();
    };
    let edges = edges(shortest, longest);
    let pairs = edges.iter().zip(edges.iter().skip(1));
    let last = edges.len().saturating_sub(2);
    pairs
        .enumerate()
        .map(|(n, (from, to))| Range {
            from: Span::micros(*from),
            to: Span::micros(*to),
            counts: sets
                .iter()
                .map(|set| {
                    let lengths = set.iter().map(|span| span.as_micros().max(0));
                    let within = |us: &i64| (us >= from || n == 0) && (us < to || n == last);
                    lengths.filter(within).count()
                })
                .collect(),
        })
        .collect()
}

/// The edges of the ranges between the least and the most, in microseconds.
fn edges(least: i64, most: i64) -> Vec<i64> {
    let mut edges = vec![0];
    let mut decade = 1_000;
    loop {
        for step in [1, 2, 5] {
            let edge = step * decade;
            if edge <= least {
                edges.clear();
            }
            edges.push(edge);
            if edge > most || edge > i64::MAX / 100 {
                let surplus = edges.len().saturating_sub(RANGES + 1);
                edges.drain(..surplus);
                return edges;
            }
        }
        decade *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(all: &[i64]) -> Vec<Span> {
        all.iter().map(|ms| Span::millis(*ms)).collect()
    }

    #[test]
    fn two_sets_stand_in_the_same_ranges_of_round_numbers() {
        let ranges = histogram(&[millis(&[150, 180, 900]), millis(&[200, 4200])]);
        let edges: Vec<i64> = ranges.iter().map(|r| r.from.as_micros() / 1000).collect();
        assert_eq!(edges, [100, 200, 500, 1000, 2000]);
        let counts: Vec<&[usize]> = ranges.iter().map(|r| r.counts.as_slice()).collect();
        assert_eq!(counts, [[2, 0], [0, 1], [1, 0], [0, 0], [0, 1]]);
        assert_eq!(ranges[4].to, Span::seconds(5));
    }

    #[test]
    fn none_is_lost_whatever_their_lengths() {
        assert!(histogram(&[Vec::new()]).is_empty());
        let odd = vec![
            Span::micros(-5),
            Span::ZERO,
            Span::micros(1),
            Span::millis(1),
            Span::seconds(3_000_000),
            Span::micros(i64::MAX),
        ];
        let ranges = histogram(std::slice::from_ref(&odd));
        assert!(ranges.len() <= RANGES);
        assert_eq!(ranges.iter().map(|r| r.counts[0]).sum::<usize>(), odd.len());
        assert_eq!(histogram(&[millis(&[7])]).len(), 1);
    }
}
