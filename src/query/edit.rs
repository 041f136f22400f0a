//! Filters as they are changed by pointing at things: what a row says is asked for as well, or is
//! left out; a length of time takes the place of another.

use std::fmt::Write as _;

use crate::model::Timestamp;
use crate::model::text::is_hidden;

use super::Field;
use super::lex::{Token, What, tokens};

/// The filter that asks for exactly what a field says.
#[must_use]
pub fn term(field: Field, value: &str) -> String {
    format!("{field}:{}", written(value))
}

/// The filter that asks for what a field says in these capitals and in no others. What nobody can
/// see, and what would end the word, stands as its number.
#[must_use]
pub fn exactly(field: Field, value: &str) -> String {
    let mut pattern = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        if is_hidden(c) || c.is_whitespace() || matches!(c, '(' | ')' | '"') {
            let _ = write!(pattern, "\\x{{{:x}}}", u32::from(c));
        } else {
            pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        }
    }
    format!("{field}:~(?-i)^{pattern}$")
}

/// A word as it has to be written behind a colon: in quotes where it would be read as something
/// else. What nobody can see cannot be typed either: `?` stands for each such character.
#[must_use]
pub fn written(word: &str) -> String {
    if word.chars().any(is_hidden) {
        let odd =
            |c: char| is_hidden(c) || c.is_whitespace() || matches!(c, '"' | '(' | ')' | '\\');
        let mut plain: String = word.chars().map(|c| if odd(c) { '?' } else { c }).collect();
        if plain.starts_with('~') {
            plain.replace_range(..1, "?");
        }
        return plain;
    }
    let plain = !word.is_empty()
        && !word.starts_with(['~', '"'])
        && !word.contains(|c: char| c.is_whitespace() || matches!(c, '*' | '?' | '(' | ')' | '\\'));
    if plain {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// The filter that asks for a term too. One that stands there already is taken out, and so is its
/// opposite before the term comes in.
#[must_use]
pub fn and(words: &str, term: &str) -> String {
    let Some(filter) = Cut::of(words) else {
        return joined(words, term);
    };
    let opposite = match term.strip_prefix('-') {
        Some(plain) => plain.to_owned(),
        None => format!("-{term}"),
    };
    if filter.any {
        return joined(&format!("({})", words.trim()), term);
    }
    if let Some(at) = filter.place(term) {
        return filter.without(&[at]);
    }
    match filter.place(&opposite) {
        Some(at) => joined(&filter.without(&[at]), term),
        None => joined(words, term),
    }
}

/// The filter that asks for this time in place of any other. `from` belongs to it, `to` does not.
#[must_use]
pub fn between(words: &str, from: Timestamp, to: Timestamp) -> String {
    // What is written is a second, and stands for all of it.
    let last = Timestamp::new((to.seconds() - 1).max(from.seconds()), 0);
    let second = |time: Timestamp| Timestamp::new(time.seconds(), 0);
    let term = format!("time:{}..{}", second(from), second(last));
    let Some(filter) = Cut::of(words) else {
        return joined(words, &term);
    };
    if filter.any {
        return joined(&format!("({})", words.trim()), &term);
    }
    let times = (0..filter.terms.len()).filter(|at| filter.is_time(*at));
    joined(&filter.without(&times.collect::<Vec<_>>()), &term)
}

fn joined(words: &str, term: &str) -> String {
    match words.trim() {
        "" => term.to_owned(),
        words => format!("{words} {term}"),
    }
}

/// A filter, cut into what stands side by side in it.
struct Cut<'a> {
    words: &'a str,
    /// Each with its words, and whether it is one word without a `not`.
    terms: Vec<(&'a str, Option<What>)>,
    /// True where an `or` stands outside of parentheses.
    any: bool,
}

impl<'a> Cut<'a> {
    /// `None` where it cannot be cut.
    fn of(words: &'a str) -> Option<Self> {
        let tokens = tokens(words).ok()?;
        let mut cut = Self {
            words,
            terms: Vec::new(),
            any: false,
        };
        let (mut depth, mut begun) = (0_usize, None);
        for Token { what, at } in &tokens {
            match what {
                What::Open => depth += 1,
                What::Close => depth = depth.saturating_sub(1),
                What::Or if depth == 0 => cut.any = true,
                _ => {}
            }
            if depth == 0 && matches!(what, What::And | What::Or) {
                continue;
            }
            let from = *begun.get_or_insert(at.start);
            let ends = depth == 0 && *what != What::Not;
            if ends {
                let alone = from == at.start;
                cut.terms
                    .push((words.get(from..at.end)?, alone.then(|| what.clone())));
                begun = None;
            }
        }
        // What is open at the end was not closed.
        begun.is_none().then_some(cut)
    }

    fn place(&self, term: &str) -> Option<usize> {
        self.terms.iter().position(|(words, _)| *words == term)
    }

    fn is_time(&self, at: usize) -> bool {
        let what = self.terms.get(at).and_then(|(_, what)| what.as_ref());
        matches!(what, Some(What::Word { field: Some((name, _)), .. })
            if Field::named(name) == Some(Field::Time))
    }

    /// The filter without some of its terms; all that binds the rest binds it anyway.
    fn without(&self, places: &[usize]) -> String {
        if places.is_empty() {
            return self.words.trim().to_owned();
        }
        let rest = self.terms.iter().enumerate();
        let rest = rest.filter(|(at, _)| !places.contains(at));
        let rest: Vec<&str> = rest.map(|(_, (words, _))| *words).collect();
        rest.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Filter, Test};
    use proptest::prelude::*;

    #[test]
    fn a_term_comes_in_once_and_goes_when_it_is_asked_for_again() {
        for (words, term, wanted) in [
            ("", "outcome:denied", "outcome:denied"),
            ("permission", "outcome:denied", "permission outcome:denied"),
            ("permission outcome:denied", "outcome:denied", "permission"),
            ("-outcome:denied x", "outcome:denied", "x outcome:denied"),
            ("outcome:denied", "-outcome:denied", "-outcome:denied"),
            ("a or b", "outcome:denied", "(a or b) outcome:denied"),
            ("(a or b) c", "d:e", "(a or b) c d:e"),
            ("not (a or b) and c", "c", "not (a or b)"),
            ("\"open", "c", "\"open c"),
        ] {
            assert_eq!(and(words, term), wanted, "{words} + {term}");
        }
    }

    #[test]
    fn a_time_takes_the_place_of_another() {
        let at = |words| Timestamp::parse(words).unwrap();
        let (from, to) = (at("2026-11-24T03:12:40Z"), at("2026-11-24T03:12:50Z"));
        let time = "time:2026-11-24T03:12:40Z..2026-11-24T03:12:49Z";
        for (words, wanted) in [
            ("", time.to_owned()),
            ("time:2026-11-24 x", format!("x {time}")),
            ("ti:2026-11-24", time.to_owned()),
            ("not time:2026-11-24", format!("not time:2026-11-24 {time}")),
            ("a or b", format!("(a or b) {time}")),
        ] {
            assert_eq!(between(words, from, to), wanted, "{words}");
        }
        let filter = Filter::parse(time).unwrap();
        let [Test::Between(begin, end)] = filter.tests()[..] else {
            panic!("{filter:?}");
        };
        assert_eq!((*begin, *end), (Some(from), Some(to)));
    }

    fn fits(value: &str) -> bool {
        let filter = Filter::parse(&term(Field::Actor, value)).unwrap();
        filter.tests().iter().all(|test| test.fits(Some(value)))
    }

    #[test]
    fn what_nobody_can_see_is_asked_for_all_the_same() {
        let hostile = "ci-\u{1b}[31m (\u{202e}x)";
        assert!(!term(Field::Actor, hostile).chars().any(is_hidden));
        assert!(fits(hostile) && fits("~\u{7}") && fits(""));
    }

    proptest! {
        #[test]
        fn whatever_a_field_says_is_found_by_its_term(value in any::<String>()) {
            // In a long word `?` may stand for so much that the pattern is too large.
            prop_assume!(value.len() < 1000);
            prop_assert!(fits(&value), "{:?}", term(Field::Actor, &value));
        }

        #[test]
        fn what_is_asked_for_exactly_is_found_and_no_other(value in any::<String>()) {
            prop_assume!(value.len() < 200);
            let words = exactly(Field::Actor, &value);
            let filter = Filter::parse(&words).unwrap();
            let fits = |said: &str| filter.tests().iter().all(|test| test.fits(Some(said)));
            prop_assert!(filter.tests().len() == 1 && fits(&value), "{}", words);
            for other in [value.to_uppercase(), value.to_lowercase(), format!("{value}\n")] {
                prop_assert_eq!(fits(&other), other == value, "{} {:?}", words, other);
            }
        }

        #[test]
        fn what_is_right_stays_right(
            words in "[a-c:()\" -]{0,20}|(a|-b|not c|or|and|\\(x\\)|time:2026-01-01| ){1,8}",
        ) {
            let with = and(&words, "outcome:denied");
            prop_assert!(Filter::parse(&words).is_err() || Filter::parse(&with).is_ok(), "{}", with);
        }
    }
}
