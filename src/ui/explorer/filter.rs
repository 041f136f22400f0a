//! The filter line: what is asked, what it was before, what is being typed and what could come
//! next in it.

use crate::model::Text;
use crate::query::page::Facet;
use crate::query::{Completion, Field, Filter, FilterError, complete, edit};

use super::{Explorer, Part};

/// So many filters one can go back.
const BEFORE: usize = 100;

/// A filter as it is written.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// The last that was right: it is what is asked.
    asked: String,
    before: Vec<String>,
    /// The filter as it stood when typing began.
    begun: Option<String>,
    /// The number of the row that was selected then.
    begun_at: Option<u64>,
    wrong: Option<FilterError>,
    offered: Offered,
}

impl Writing {
    pub(super) fn new(filter: &str) -> Self {
        Self {
            asked: filter.to_owned(),
            ..Self::default()
        }
    }
}

/// What could come next, and which of it was taken.
#[derive(Debug, Default)]
struct Offered {
    /// The words that were typed, and the byte at which the cursor stood.
    typed: (String, usize),
    all: Vec<Completion>,
    taken: Option<usize>,
}

impl Explorer {
    /// The filter that is asked.
    pub fn filter(&self) -> &str {
        &self.writing.asked
    }

    /// Why what is typed is no filter.
    pub fn wrong(&self) -> Option<&FilterError> {
        self.writing.wrong.as_ref()
    }

    /// What could come next where the cursor stands, and which of it was taken.
    pub fn offered(&self) -> (Vec<&str>, Option<usize>) {
        let words = self.writing.offered.all.iter();
        let words = words.map(|one| one.word.as_str()).collect();
        (words, self.writing.offered.taken)
    }

    /// Typing begins.
    pub fn begin_filter(&mut self) {
        self.writing.begun = Some(self.writing.asked.clone());
        self.writing.begun_at = self.number;
        self.writing.wrong = None;
        self.offer(&self.writing.asked.clone(), self.writing.asked.len());
    }

    /// Words were typed, with the cursor at a byte of them. Where they are a filter the rows
    /// follow; where not, what was known stays.
    pub fn type_filter(&mut self, words: &str, cursor: usize) {
        self.follow(words);
        self.offer(words, cursor);
    }

    fn follow(&mut self, words: &str) {
        match Filter::parse(words) {
            Ok(_) => {
                self.writing.wrong = None;
                self.ask_for(words.trim());
            }
            Err(wrong) => self.writing.wrong = Some(wrong),
        }
    }

    fn offer(&mut self, words: &str, cursor: usize) {
        let facets = &self.seen;
        let all = complete(words, cursor, &|field| seen(facets, field));
        self.writing.offered = Offered {
            typed: (words.to_owned(), cursor),
            all,
            taken: None,
        };
    }

    /// Takes the next of what could come, or the one before: the words then, and the byte at which
    /// the cursor stands.
    pub fn take_offered(&mut self, forward: bool) -> Option<(String, usize)> {
        let offered = &self.writing.offered;
        let all = offered.all.len();
        let last = all.checked_sub(1)?;
        let next = match (offered.taken, forward) {
            (None, true) => 0,
            (None, false) => last,
            (Some(at), true) => (at + 1) % all,
            (Some(at), false) => at.checked_sub(1).unwrap_or(last),
        };
        self.take_the_offered(next)
    }

    /// The same with the how-manieth of what could come.
    pub fn take_the_offered(&mut self, nth: usize) -> Option<(String, usize)> {
        let offered = &mut self.writing.offered;
        let one = offered.all.get(nth)?;
        offered.taken = Some(nth);
        let (typed, cursor) = &offered.typed;
        let (before, after) = (typed.get(..one.from)?, typed.get(*cursor..)?);
        let words = format!("{before}{}{after}", one.word);
        let cursor = one.from + one.word.len();
        self.follow(&words);
        Some((words, cursor))
    }

    /// True where what was typed is a filter: it is kept then, and typing is over.
    pub fn keep_filter(&mut self) -> bool {
        if self.writing.wrong.is_some() {
            return false;
        }
        if let Some(begun) = self.writing.begun.take() {
            self.remember(begun);
        }
        true
    }

    /// Typing is over, and the filter is what it was before.
    pub fn unfilter(&mut self) {
        if let Some(begun) = self.writing.begun.clone() {
            self.writing.wrong = None;
            self.ask_for(&begun);
            self.writing.begun = None;
        }
    }

    /// Asks for something else; one can go back.
    pub fn set_filter(&mut self, words: &str) {
        let before = self.writing.asked.clone();
        self.ask_for(words);
        self.remember(before);
    }

    /// Goes back to the filter before; false where there is none.
    pub fn filter_before(&mut self) -> bool {
        let Some(before) = self.writing.before.pop() else {
            return false;
        };
        self.ask_for(&before);
        true
    }

    fn remember(&mut self, before: String) {
        if before == self.writing.asked {
            return;
        }
        self.writing.before.push(before);
        let over = self.writing.before.len().saturating_sub(BEFORE);
        self.writing.before.drain(..over);
    }

    fn ask_for(&mut self, words: &str) {
        if words != self.writing.asked {
            words.clone_into(&mut self.writing.asked);
            // Filters that are half written lead astray.
            let at = match self.writing.begun {
                Some(_) => self.writing.begun_at,
                None => self.number,
            };
            self.stay(at);
        }
    }

    /// Asks for the selected value of a facet, or leaves it out; for the time of the selected bar.
    /// False where nothing is selected.
    pub fn narrow(&mut self, leave_out: bool) -> bool {
        let words = match self.part {
            Part::Rows => return false,
            Part::Facets => {
                let Some((field, value)) = self.facet() else {
                    return false;
                };
                let sign = if leave_out { "-" } else { "" };
                let plain = edit::term(field, value.raw());
                let exact = edit::exactly(field, value.raw());
                // What is asked for already is taken back as it was asked for.
                let has = |term: &str| {
                    let mut words = self.filter().split_whitespace();
                    words.any(|word| word.trim_start_matches('-') == term)
                };
                let is_exact = has(&exact) || !has(&plain) && self.has_twin(field, value);
                let term = if is_exact { exact } else { plain };
                let term = format!("{sign}{term}");
                edit::and(self.filter(), &term)
            }
            Part::Times => {
                let Some(bar) = self.bar().filter(|_| !leave_out) else {
                    return false;
                };
                let ends = self.bar_begins(bar + 1);
                edit::between(self.filter(), self.bar_begins(bar), ends)
            }
        };
        self.set_filter(&words);
        true
    }

    /// True where rows have the same value in other capitals too.
    fn has_twin(&self, field: Field, value: &Text) -> bool {
        let facet = self.page.facets.iter().find(|facet| facet.field == field);
        let mut others = facet.into_iter().flat_map(|facet| &facet.values);
        let lower = value.raw().to_lowercase();
        others.any(|(other, _)| other != value && other.raw().to_lowercase() == lower)
    }
}

/// The words that rows have in a field, most frequent first.
fn seen(facets: &[Facet], field: Field) -> Vec<String> {
    let facet = facets.iter().find(|facet| facet.field == field);
    let values = facet.into_iter().flat_map(|facet| &facet.values);
    values.map(|(word, _)| word.raw().to_owned()).collect()
}
