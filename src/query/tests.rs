//! The filter language by its examples, and that no words break it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

struct Told {
    time: Timestamp,
    fields: BTreeMap<Field, &'static str>,
}

impl Row for Told {
    fn time(&self) -> Timestamp {
        self.time
    }

    fn field(&self, field: Field) -> Option<Cow<'_, str>> {
        self.fields.get(&field).map(|word| Cow::Borrowed(*word))
    }
}

fn row() -> Told {
    Told {
        time: Timestamp::parse("2026-11-24T03:12:40.5Z").unwrap(),
        fields: BTreeMap::from([
            (Field::Format, "vault"),
            (Field::Actor, "CI-deployer"),
            (Field::Operation, "read"),
            (Field::Path, "secret/data/payments/db"),
            (Field::Outcome, "denied"),
            (Field::Error, "1 error occurred: * permission denied"),
        ]),
    }
}

fn holds(words: &str) -> bool {
    let filter = Filter::parse(words).unwrap_or_else(|e| panic!("{words}: {e}"));
    filter.holds(&row())
}

fn wrong(words: &str) -> (String, &str) {
    let error = Filter::parse(words).unwrap_err();
    (error.why, words.get(error.at).unwrap())
}

#[test]
fn fields_words_and_patterns_are_asked_for() {
    for words in [
        "",
        "outcome:denied",
        "out:denied",
        "path:secret/data/payments/*",
        "path:*/db",
        "path:secret/????/payments/db",
        "actor:~^ci-",
        "actor:\"CI-deployer\"",
        "actor:ci-deployer",
        "\"permission denied\"",
        "permission",
        "error:*",
        "remote_addr:",
        "outcome:denied path:*/payments/* \"permission\"",
        "not outcome:allowed",
        "-outcome:allowed",
        "outcome:allowed or operation:read",
        "(outcome:allowed or operation:read) and format:vault",
        "error:\"1 error occurred: * permission denied\"",
    ] {
        assert!(holds(words), "{words}");
    }
    for words in [
        "outcome:allowed",
        "path:secret/data",
        "path:secret/data/ledger/*",
        "actor:~^CI-Deployer$",
        "Permission",
        "actor:Ci-deployer",
        "error:",
        "remote_addr:*",
        "-outcome:denied",
        "outcome:allowed and operation:read",
        "outcome:denied (operation:list or format:postgres)",
        "error:\"*\"",
    ] {
        assert!(!holds(words), "{words}");
    }
}

#[test]
fn or_binds_least_and_not_most() {
    assert!(holds("operation:read or outcome:allowed outcome:allowed"));
    assert!(!holds(
        "(operation:read or outcome:allowed) outcome:allowed"
    ));
    assert!(holds("not outcome:allowed operation:read"));
    assert!(!holds("not (outcome:allowed or operation:read)"));
    assert!(holds("not not operation:read"));
}

#[test]
fn a_time_stands_for_all_that_it_contains() {
    for words in [
        "time:2026-11-24",
        "time:2026-11-24T03",
        "time:2026-11-24T03:12",
        "time:2026-11-24T03:12:40",
        "time:2026-11-24T04:12+01:00",
        "time:2026-11-24T03:12..2026-11-24T03:12",
        "time:..2026-11-24",
        "time:2026-11-24T03:12:40..",
        "time:2026-11-24T03:00..2026-11-24T03:30",
    ] {
        assert!(holds(words), "{words}");
    }
    for words in [
        "time:2026-11-23",
        "time:2026-11-24T03:13..",
        "time:..2026-11-24T03:11",
        "time:2026-11-24T03:12+01:00",
    ] {
        assert!(!holds(words), "{words}");
    }
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let (why, at) = wrong("outcome:denied colour:red");
    assert_eq!(
        (why.as_str(), at),
        ("there is no field \"colour\"", "colour")
    );
    assert_eq!(wrong("\"no end").1, "\"no end");
    assert_eq!(wrong("(a or b").1, "(");
    assert_eq!(wrong("a or b)").1, ")");
    assert_eq!(wrong("or b").1, "or");
    assert_eq!(wrong("a and").1, "");
    assert_eq!(wrong("path:~[a").1, "~[a");
    assert_eq!(wrong("time:yesterday").1, "yesterday");
    let (why, _) = wrong("time:2026-11-24..2026-11-23");
    assert_eq!(why, "this ends before it begins");
    // A beginning that several fields have names none.
    assert_eq!(wrong("o:denied").1, "o");
    let deep = "(".repeat(10_000);
    assert_eq!(wrong(&deep).0, "this is too deep");
    let long = "a".repeat(20_000);
    assert!(wrong(&long).0.contains("16 KiB"));
    let large = format!("path:~{}", "(a{1000}){1000}");
    assert_eq!(wrong(&large).0, "this pattern is too large");
}

#[test]
fn rows_are_counted_by_time_and_by_what_they_say() {
    let by = |word: &str| word.parse::<By>().unwrap().group(&row());
    let at = |words| Group::Time(Timestamp::parse(words).unwrap());
    assert_eq!(by("minute"), at("2026-11-24T03:12:00Z"));
    assert_eq!(by("day"), at("2026-11-24T00:00:00Z"));
    let words = |words: &str| Group::Words(Some(words.to_owned()));
    assert_eq!(by("outcome"), words("denied"));
    assert_eq!(by("path/2"), words("secret/data"));
    assert_eq!(by("path/9"), words("secret/data/payments/db"));
    assert_eq!(by("remote_addr"), Group::Words(None));
    for word in ["path/0", "path/x", "time", "colour"] {
        assert!(word.parse::<By>().is_err(), "{word}");
    }
}

#[test]
fn what_could_be_written_next_is_offered() {
    let seen = |field: Field| match field {
        Field::Actor => vec!["ci-deployer".to_owned(), "ci bot".to_owned()],
        _ => Vec::new(),
    };
    let offered = |words: &str| -> Vec<String> {
        let all = complete(words, words.len(), &seen);
        let whole = |c: Completion| format!("{}{}", words.get(..c.from).unwrap(), c.word);
        all.into_iter().map(whole).collect()
    };
    assert_eq!(offered("out"), ["outcome:"]);
    assert_eq!(offered("a (-outcome:d"), ["a (-outcome:denied"]);
    assert_eq!(offered("actor:ci"), ["actor:ci-deployer"]);
    assert_eq!(offered("actor:"), ["actor:ci-deployer", "actor:\"ci bot\""]);
    assert_eq!(offered("an"), ["and"]);
    assert!(offered("colour:").is_empty());
    assert!(offered("\"a").is_empty());
    // What is offered is a filter.
    for words in offered("actor:") {
        Filter::parse(&words).unwrap();
    }
}

proptest! {
    #[test]
    fn no_words_break_it(words in "\\PC{0,60}", cursor in 0_usize..80) {
        let _ = complete(&words, cursor, &|_| Vec::new());
        if let Err(error) = Filter::parse(&words) {
            prop_assert!(words.get(error.at).is_some());
        }
    }

    #[test]
    fn what_is_made_of_its_own_pieces_never_breaks_it(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["(", ")", "-", "not ", "or ", "and ", "\"", "a", ":", "path:", "~", "*", "\\", " ", "time:", "..", "2026-11-24"]),
            0..24,
        ),
    ) {
        let words = pieces.concat();
        match Filter::parse(&words) {
            Ok(filter) => { let _ = filter.holds(&row()); }
            Err(error) => prop_assert!(words.get(error.at).is_some()),
        }
    }

    #[test]
    fn not_turns_every_answer_round(word in "[a-z]{1,6}") {
        prop_assert_eq!(holds(&format!("\"{word}\"")), !holds(&format!("-\"{word}\"")));
    }
}
