//! The service levels of a session, on threads of their own. The thread of the diagnosis makes
//! summaries of what it has looked at, now and then; another grades them, and keeps them in the
//! history where the session is a live one. Nobody waits for either, and a history that cannot be
//! used costs the session nothing but its past.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use crate::diagnosis::Historian;
use crate::history::{History, HistoryError, Keep};
use crate::measure::level::{Day, Episode, Ledger, LevelName, Objectives, Summary, Totals};
use crate::measure::overview::{Origin, Overview};
use crate::model::{Event, Span, Text, Timestamp};

/// In a recording there is a summary for every so much of its time, where making them leaves time
/// for the diagnosis.
const EVERY: Span = Span::seconds(30);
/// Live there is one this often.
const LIVE_EVERY: Duration = Duration::from_secs(5);
/// Nothing came for so long: what came before is summed up.
pub(super) const QUIET: Duration = Duration::from_millis(300);
/// Making summaries takes at most one of so many parts of the thread's time.
const SHARE: u32 = 10;
/// So many moments of a recording are kept.
const MOMENTS: usize = 256;
/// A day whose levels are asked for over 24 hours.
const A_DAY: Span = Span::seconds(86_400);

/// What is asked of the levels, and where their days are kept.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    /// What is asked.
    pub objectives: Arc<Objectives>,
    /// Where days are kept.
    pub keeping: Keeping,
}

/// Where the days of a live session are kept.
#[derive(Clone, Debug, Default)]
pub enum Keeping {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Nowhere: why, in words for a person.
    Not(String),
    /// In this file.
    In(PathBuf, Keep),
}

/// A summary at a moment.
pub(super) struct Noted {
    summary: Summary,
    at: Timestamp,
    look: u64,
}

/// Makes summaries on the thread of the diagnosis.
pub(super) struct Noter {
    ledger: Ledger,
    objectives: Arc<Objectives>,
    live: bool,
    notes: Sender<Noted>,
    /// The last event.
    at: Option<Timestamp>,
    /// The moment of the last summary, and when it was made.
    made: Option<(Timestamp, Instant)>,
    /// How long summaries took, since when.
    spent: Duration,
    since: Instant,
    /// Counts the looks from the beginning.
    look: u64,
}

impl Noter {
    pub(super) fn new(notes: Sender<Noted>, objectives: Arc<Objectives>, live: bool) -> Self {
        Self {
            ledger: Ledger::default(),
            objectives,
            live,
            notes,
            at: None,
            made: None,
            spent: Duration::ZERO,
            since: Instant::now(),
            look: 0,
        }
    }

    /// Takes in an event that the diagnosis looked at.
    pub(super) fn take(&mut self, event: &Event) {
        self.ledger.take(event);
        self.at = Some(event.time);
    }

    /// The whole is looked at once more.
    pub(super) fn again(&mut self) {
        self.ledger = Ledger::default();
        (self.at, self.made) = (None, None);
        self.look += 1;
    }

    /// True where something is not in the last summary.
    pub(super) fn lacks(&self) -> bool {
        self.at.is_some() && self.at != self.made.map(|(at, _)| at)
    }

    /// Makes a summary, where it is time. `quiet` says that nothing came for a while.
    pub(super) fn note(&mut self, historian: &Historian, quiet: bool) {
        let now = Instant::now();
        let Some(at) = self.at.filter(|_| self.lacks()) else {
            return;
        };
        let due = match self.made {
            None => true,
            Some((_, when)) if self.live => now - when >= LIVE_EVERY,
            Some((before, _)) => at.since(before) >= EVERY,
        };
        let affordable = self.spent * SHARE <= now - self.since;
        // Whoever is to grade the one before has all the time they need.
        if !(quiet || due && affordable) || self.notes.is_full() {
            return;
        }
        if self.live {
            self.ledger.forget(at - self.objectives.longest());
        }
        let found = historian.history().latest();
        let episodes: Vec<Episode> = found.iter().map(|finding| finding.episode()).collect();
        let summary = Summary::of(historian.incident(), &self.ledger, &episodes, at);
        let look = self.look;
        let sent = self.notes.try_send(Noted { summary, at, look });
        if !matches!(sent, Err(TrySendError::Full(_))) {
            self.made = Some((at, now));
        }
        self.spent += now.elapsed();
    }
}

/// Starts the thread that grades summaries.
pub(super) fn start(measure: Measure, live: bool) -> (Sender<Noted>, Receiver<Graded>) {
    let (notes, made) = bounded(1);
    let (tell, told) = unbounded();
    thread::spawn(move || {
        let mut shelf = Shelf::new(measure, live);
        for noted in made {
            let overview = Arc::new(shelf.overview(&noted));
            let look = noted.look;
            if tell.send(Graded { overview, look }).is_err() {
                return;
            }
        }
    });
    (notes, told)
}

/// An overview, and of which look at the whole it is.
pub(super) struct Graded {
    overview: Arc<Overview>,
    look: u64,
}

/// The overviews of a session by their moments.
#[derive(Default)]
pub(super) struct Overviews {
    kept: Vec<Arc<Overview>>,
    look: u64,
    /// Those of a look that has not come as far as the one before.
    newer: Vec<Arc<Overview>>,
}

impl Overviews {
    /// Takes one in.
    pub(super) fn take(&mut self, graded: Graded) {
        let Graded { overview, look } = graded;
        if look == self.look {
            self.kept.push(overview);
        } else {
            let reached = self.kept.last().is_none_or(|last| last.at <= overview.at);
            self.newer.push(overview);
            if reached {
                self.kept = std::mem::take(&mut self.newer);
                self.look = look;
            }
        }
        if self.kept.len() > MOMENTS {
            let mut nth = 0;
            let last = self.kept.len() - 1;
            self.kept.retain(|_| {
                nth += 1;
                nth % 2 == 1 || nth > last
            });
        }
    }

    /// How it stood at a moment: the latest overview that is not later.
    pub(super) fn at(&self, at: Timestamp) -> Option<&Arc<Overview>> {
        let many = self.kept.partition_point(|overview| overview.at <= at);
        self.kept.get(many.checked_sub(1)?)
    }
}

/// Where summaries are graded and kept.
struct Shelf {
    measure: Measure,
    live: bool,
    history: Option<History>,
    /// What was said last to be wrong with the history.
    said: Option<String>,
}

impl Shelf {
    fn new(measure: Measure, live: bool) -> Self {
        Self {
            measure,
            live,
            history: None,
            said: None,
        }
    }

    /// True where this was not said last: it comes with every summary.
    fn is_new(&mut self, trouble: &str) -> bool {
        let new = self.said.as_deref() != Some(trouble);
        self.said = Some(trouble.to_owned());
        new
    }

    fn overview(&mut self, noted: &Noted) -> Overview {
        let trouble = match (&self.measure.keeping, self.live) {
            (_, false) => return self.alone(noted, Origin::Recording),
            (Keeping::Nowhere, _) => {
                let why = Text::from("nothing of this session is kept");
                return self.alone(noted, Origin::Session(why));
            }
            (Keeping::Not(why), _) => {
                let why = Text::from(why.as_str());
                return self.alone(noted, Origin::Session(why));
            }
            (Keeping::In(path, keep), _) => {
                let (path, keep) = (path.clone(), *keep);
                match self.kept(noted, &path, keep) {
                    Ok(overview) => {
                        self.said = None;
                        return overview;
                    }
                    Err(error) => error.to_string(),
                }
            }
        };
        if self.is_new(&trouble) {
            tracing::warn!(trouble, "the history is not used");
        }
        // What is broken now may be mended the next time: it is opened anew.
        self.history = None;
        self.alone(noted, Origin::Session(Text::from(trouble)))
    }

    /// From the session alone.
    fn alone(&self, noted: &Noted, origin: Origin) -> Overview {
        let Noted { summary, at, .. } = noted;
        let objectives = &self.measure.objectives;
        let day = summary.levels(*at, Some(*at - A_DAY), objectives);
        Overview {
            at: *at,
            levels: summary.levels(*at, None, objectives),
            days: summary.totals().into(),
            rolled_back: rolled_back(&day),
            origin,
        }
    }

    /// From the session and what was kept of earlier ones.
    fn kept(&mut self, noted: &Noted, path: &Path, keep: Keep) -> Result<Overview, HistoryError> {
        let Noted { summary, at, .. } = noted;
        let objectives = &self.measure.objectives;
        if self.history.is_none() {
            self.history = Some(History::open(path)?);
        }
        let Some(history) = &mut self.history else {
            return Ok(self.alone(noted, Origin::default()));
        };
        let fed = history.feed(summary, Day::of(Timestamp::from(chrono::Utc::now())), keep);
        let trouble = match fed {
            Ok(_) => None,
            Err(error) if error.passes() => Some(Text::from(error.to_string())),
            Err(error) => return Err(error),
        };
        let today = Day::of(*at);
        let mut days = history.totals(today.later(1 - i64::from(keep.days)), today.later(1))?;
        if trouble.is_some() {
            replace(&mut days, summary.totals());
        }
        let day = history.levels(*at, Some(*at - A_DAY), objectives, Some(summary))?;
        Ok(Overview {
            at: *at,
            levels: history.levels(*at, None, objectives, Some(summary))?,
            rolled_back: rolled_back(&day),
            origin: Origin::History {
                first: days.first().map(|(day, _)| *day),
                trouble,
            },
            days: days.into(),
        })
    }
}

fn rolled_back(levels: &crate::measure::level::Levels) -> (u64, u64) {
    let level = levels.get(LevelName::M8);
    level.map_or((0, 0), |level| (level.reading.n, level.reading.bad))
}

/// Puts the session's own days in place of those that were kept.
fn replace(days: &mut Vec<(Day, Totals)>, own: Vec<(Day, Totals)>) {
    for (day, totals) in own {
        match days.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(at) => {
                if let Some(held) = days.get_mut(at) {
                    held.1 = totals;
                }
            }
            Err(at) => days.insert(at, (day, totals)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(seconds: i64, look: u64) -> Graded {
        let at = Timestamp::new(seconds, 0);
        let objectives = Objectives::default();
        let overview = Arc::new(Overview {
            at,
            levels: Summary::default().levels(at, None, &objectives),
            days: Arc::new([]),
            rolled_back: (0, 0),
            origin: Origin::Recording,
        });
        Graded { overview, look }
    }

    fn at(overviews: &Overviews, seconds: i64) -> Option<i64> {
        let overview = overviews.at(Timestamp::new(seconds, 0))?;
        Some(overview.at.seconds())
    }

    #[test]
    fn nothing_later_than_the_moment_is_shown() {
        let mut overviews = Overviews::default();
        for seconds in [10, 20, 30] {
            overviews.take(graded(seconds, 0));
        }
        assert_eq!(at(&overviews, 9), None);
        assert_eq!(at(&overviews, 25), Some(20));
        assert_eq!(at(&overviews, 99), Some(30));
    }

    #[test]
    fn the_same_trouble_is_logged_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        std::fs::write(&path, "no history at all, but long enough").unwrap();
        let keeping = Keeping::In(path.clone(), Keep::default());
        let measure = Measure {
            keeping,
            ..Measure::default()
        };
        let mut shelf = Shelf::new(measure, true);
        let noted = Noted {
            summary: Summary::default(),
            at: Timestamp::new(1, 0),
            look: 0,
        };
        shelf.overview(&noted);
        let said = shelf.said.clone().unwrap();
        assert!(!shelf.is_new(&said));
        assert!(shelf.is_new("something else"));
        std::fs::remove_file(&path).unwrap();
        shelf.overview(&noted);
        assert_eq!(shelf.said, None);
    }

    #[test]
    fn a_second_look_counts_once_it_has_come_as_far() {
        let mut overviews = Overviews::default();
        for seconds in [10, 20, 30] {
            overviews.take(graded(seconds, 0));
        }
        overviews.take(graded(15, 1));
        assert_eq!(at(&overviews, 99), Some(30));
        overviews.take(graded(31, 1));
        assert_eq!(at(&overviews, 99), Some(31));
        assert_eq!(at(&overviews, 29), Some(15));
    }

    #[test]
    fn of_many_moments_every_other_one_is_kept_and_the_last_always() {
        let mut overviews = Overviews::default();
        for seconds in 0..1000 {
            overviews.take(graded(seconds, 0));
            assert_eq!(at(&overviews, 5000), Some(seconds));
        }
        assert!(overviews.kept.len() <= MOMENTS);
        assert!(overviews.kept.is_sorted_by_key(|overview| overview.at));
    }
}
