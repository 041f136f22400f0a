//! Counted windows over time, and what to do where two sources count the same.
//!
//! Samples of two sources are alternatives, never a sum. Of two windows that overlap (by more
//! than a tenth of the shorter) the one of the source that spoke first in this series is shown;
//! the other is kept out of sight and comes out where the first leaves a gap. Whether a window
//! is shown depends on the windows beside it alone, so the order of arrival cannot matter.
//!
//! The latest [`KEPT`] windows of a series are kept, whichever came first.

use imbl::Vector;

use super::view::{AuthWindow, CanaryWindow, CountWindow, EventRef};
use crate::model::{Source, Span, Timestamp};

/// The most windows kept of one series, those out of sight among them.
pub const KEPT: usize = 1500;

/// One counted window.
pub(super) trait Counted: Clone {
    /// When it ended.
    fn end(&self) -> Timestamp;
    /// How long it was.
    fn length(&self) -> Span;
    /// The event it came with.
    fn event(&self) -> &EventRef;
}

macro_rules! counted {
    ($($window:ty),+) => {$(
        impl Counted for $window {
            fn end(&self) -> Timestamp {
                self.end
            }
            fn length(&self) -> Span {
                self.length
            }
            fn event(&self) -> &EventRef {
                &self.event
            }
        }
    )+};
}

counted!(AuthWindow, CanaryWindow, CountWindow);

/// What a series knows besides the windows that it shows.
#[derive(Clone, Debug)]
pub(super) struct Beside<W> {
    hidden: Vector<W>,
    /// Who speaks, by when first.
    speakers: Vec<(Timestamp, Source)>,
    longest: Span,
    /// The latest end of any window; asking the shown ones for it costs a cache miss an event.
    newest: Option<Timestamp>,
}

impl<W> Default for Beside<W> {
    fn default() -> Self {
        Self {
            hidden: Vector::new(),
            speakers: Vec::new(),
            longest: Span::ZERO,
            newest: None,
        }
    }
}

/// Two windows of one slot are the same window told twice; of those the later id counts.
fn slot<W: Counted>(window: &W) -> (Timestamp, Span, &Source) {
    (window.end(), window.length(), &window.event().source)
}

fn start<W: Counted>(window: &W) -> Timestamp {
    window.end() - window.length()
}

impl<W: Counted> Beside<W> {
    /// Takes a window in among those `shown`.
    pub(super) fn push(&mut self, shown: &mut Vector<W>, window: W) {
        self.put(shown, window, KEPT);
    }

    fn put(&mut self, shown: &mut Vector<W>, window: W, kept: usize) {
        let in_order = self.newest < Some(window.end());
        self.newest = self.newest.max(Some(window.end()));
        if let [(first, only)] = self.speakers.as_slice()
            && in_order
            && *first <= window.end()
            && *only == window.event().source
        {
            self.longest = self.longest.max(window.length());
            shown.push_back(window);
        } else {
            self.put_anywhere(shown, window);
        }
        self.trim(shown, kept);
    }

    fn put_anywhere(&mut self, shown: &mut Vector<W>, window: W) {
        let reordered = self.note_speaker(&window);
        self.longest = self.longest.max(window.length());
        if same_slot(shown, &window) || same_slot(&mut self.hidden, &window) {
            return;
        }
        if self.speakers.len() == 1 {
            insert(shown, window);
        } else {
            let until = window.end() + self.longest;
            let beaten = take(shown, start(&window), until, |w| self.hides(&window, w));
            for loser in beaten {
                insert(&mut self.hidden, loser);
            }
            if self.is_hidden(shown, &window) {
                insert(&mut self.hidden, window);
            } else {
                insert(shown, window);
            }
        }
        if reordered {
            self.settle_anew(shown);
        }
    }

    /// Notes who speaks; true where somebody's place in line changed.
    fn note_speaker(&mut self, window: &W) -> bool {
        let source = &window.event().source;
        match self.speakers.iter_mut().find(|(_, name)| name == source) {
            Some((first, _)) if *first <= window.end() => return false,
            Some((first, _)) => *first = window.end(),
            None => self.speakers.push((window.end(), source.clone())),
        }
        self.speakers.sort();
        self.speakers.len() > 1
    }

    fn rank(&self, window: &W) -> usize {
        let source = &window.event().source;
        let place = self.speakers.iter().position(|(_, name)| name == source);
        place.unwrap_or(usize::MAX)
    }

    /// True where `winner` is shown instead of `loser`.
    fn hides(&self, winner: &W, loser: &W) -> bool {
        if self.rank(winner) >= self.rank(loser) {
            return false;
        }
        if winner.end() == loser.end() && winner.length() == loser.length() {
            return true;
        }
        let from = start(winner).max(start(loser));
        let until = winner.end().min(loser.end());
        let shorter = winner.length().min(loser.length());
        until.since(from).as_micros() > shorter.as_micros() / 10
    }

    fn is_hidden(&self, shown: &Vector<W>, window: &W) -> bool {
        let until = window.end() + self.longest;
        [shown, &self.hidden].into_iter().any(|list| {
            let from = after(list, start(window));
            let beside = list.focus().narrow(from..).into_iter();
            let mut beside = beside.take_while(|w| w.end() <= until);
            beside.any(|w| self.hides(w, window))
        })
    }

    /// Decides about every window again; only where a source turns out to have spoken earlier.
    fn settle_anew(&mut self, shown: &mut Vector<W>) {
        let mut all: Vec<W> = shown.iter().chain(&self.hidden).cloned().collect();
        all.sort_by(|a, b| slot(a).cmp(&slot(b)));
        *shown = all.iter().cloned().collect();
        self.hidden = Vector::new();
        let (hidden, kept): (Vec<W>, Vec<W>) =
            all.into_iter().partition(|w| self.is_hidden(shown, w));
        *shown = kept.into_iter().collect();
        self.hidden = hidden.into_iter().collect();
    }

    /// Lets go of the earliest windows above `kept`; what one of them hid may come out.
    fn trim(&mut self, shown: &mut Vector<W>, kept: usize) {
        while shown.len() + self.hidden.len() > kept {
            let hidden_first = match (self.hidden.front(), shown.front()) {
                (Some(hidden), Some(shown)) => slot(hidden) < slot(shown),
                (hidden, _) => hidden.is_some(),
            };
            let gone = if hidden_first {
                self.hidden.pop_front()
            } else {
                shown.pop_front()
            };
            let Some(gone) = gone else { return };
            if self.hidden.is_empty() {
                continue;
            }
            let mut hidden = std::mem::take(&mut self.hidden);
            let freed = take(&mut hidden, start(&gone), gone.end() + self.longest, |w| {
                self.hides(&gone, w)
            });
            self.hidden = hidden;
            let beside = freed.clone();
            for window in freed {
                let beaten = beside.iter().any(|other| self.hides(other, &window));
                if beaten || self.is_hidden(shown, &window) {
                    insert(&mut self.hidden, window);
                } else {
                    insert(shown, window);
                }
            }
        }
    }
}

/// The first place whose window ends after `time`.
fn after<W: Counted>(list: &Vector<W>, time: Timestamp) -> usize {
    if list.last().is_none_or(|newest| newest.end() <= time) {
        return list.len();
    }
    let (Ok(at) | Err(at)) = list.binary_search_by(|w| {
        if w.end() > time {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Less
        }
    });
    at
}

/// Takes out the windows that end in `(from, until]` and that `which` names.
fn take<W: Counted>(
    list: &mut Vector<W>,
    from: Timestamp,
    until: Timestamp,
    which: impl Fn(&W) -> bool,
) -> Vec<W> {
    let mut at = after(list, from);
    let mut taken = Vec::new();
    while let Some(window) = list.get(at) {
        if window.end() > until {
            break;
        }
        if !which(window) {
            at += 1;
        } else if at + 1 == list.len() {
            taken.extend(list.pop_back());
        } else {
            taken.push(list.remove(at));
        }
    }
    taken
}

fn place<W: Counted>(list: &Vector<W>, window: &W) -> Result<usize, usize> {
    list.binary_search_by(|w| slot(w).cmp(&slot(window)))
}

/// True where the window's slot is in the list; the later id of the two stays.
fn same_slot<W: Counted>(list: &mut Vector<W>, window: &W) -> bool {
    let Ok(at) = place(list, window) else {
        return false;
    };
    if list
        .get(at)
        .is_some_and(|w| w.event().id < window.event().id)
    {
        list.set(at, window.clone());
    }
    true
}

fn insert<W: Counted>(list: &mut Vector<W>, window: W) {
    let (Ok(at) | Err(at)) = place(list, &window);
    if at == list.len() {
        list.push_back(window);
    } else {
        list.insert(at, window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::testing::at;
    use crate::model::EventId;
    use proptest::prelude::*;

    fn window(source: &str, end: i64, length: i64, id: &str) -> CountWindow {
        CountWindow {
            end: at(end),
            length: Span::seconds(length),
            total: 1,
            bad: 0,
            event: EventRef {
                time: at(end),
                source: Source::from(source),
                id: EventId::from(id),
            },
        }
    }

    fn shown(windows: &[CountWindow], kept: usize) -> Vec<CountWindow> {
        let (mut beside, mut shown) = (Beside::default(), Vector::new());
        for window in windows {
            beside.put(&mut shown, window.clone(), kept);
        }
        shown.into_iter().collect()
    }

    fn ends(windows: &[CountWindow]) -> Vec<(i64, String)> {
        let since = |w: &CountWindow| w.end.since(at(0)).as_seconds();
        let names = windows.iter();
        names
            .map(|w| (since(w), w.event.source.raw().to_owned()))
            .collect()
    }

    #[test]
    fn the_source_that_spoke_first_speaks_and_the_other_fills_its_gaps() {
        let windows = [
            window("b", 30, 30, "1"),
            window("a", 32, 30, "1"),
            window("a", 62, 30, "2"),
            window("b", 90, 30, "3"),
            window("a", 92, 30, "3"),
        ];
        let names = ["b", "a", "b"].map(str::to_owned);
        let told: Vec<String> = ends(&shown(&windows, 99))
            .into_iter()
            .map(|e| e.1)
            .collect();
        assert_eq!(told, names);
    }

    #[test]
    fn a_source_that_turns_out_to_have_spoken_earlier_takes_over() {
        let mut windows = vec![window("a", 60, 30, "2"), window("b", 61, 30, "2")];
        assert_eq!(ends(&shown(&windows, 99)), [(60, "a".to_owned())]);
        windows.push(window("b", 20, 10, "0"));
        let told = ends(&shown(&windows, 99));
        assert_eq!(told, [(20, "b".to_owned()), (61, "b".to_owned())]);
    }

    #[test]
    fn a_clock_that_jitters_loses_no_window() {
        let windows = [window("a", 30, 30, "1"), window("a", 58, 30, "2")];
        assert_eq!(shown(&windows, 99).len(), 2);
    }

    #[test]
    fn the_same_window_told_twice_counts_once() {
        let windows = [window("a", 30, 30, "1"), window("a", 30, 30, "2")];
        let told = shown(&windows, 99);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].event.id.raw(), "2");
    }

    #[test]
    fn the_latest_windows_are_kept() {
        let windows: Vec<_> = (0..9).map(|n| window("a", n * 30, 30, "1")).collect();
        let told = ends(&shown(&windows, 3));
        assert_eq!(
            told.iter().map(|e| e.0).collect::<Vec<_>>(),
            [180, 210, 240]
        );
    }

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing_even_where_windows_are_let_go(
            (told, mixed) in prop::collection::vec(
                ("[abc]", 0..80_i64, 0..30_i64, "[12]"), 1..30
            ).prop_flat_map(|windows| {
                let windows: Vec<_> = windows
                    .iter()
                    .map(|(source, end, length, id)| window(source, *end, *length, id))
                    .collect();
                let twice = [windows.clone(), windows.clone()].concat();
                (Just(windows), Just(twice).prop_shuffle())
            }),
            kept in 1..12_usize,
        ) {
            let (a, b) = (shown(&told, kept), shown(&mixed, kept));
            prop_assert_eq!(a, b);
        }
    }
}
