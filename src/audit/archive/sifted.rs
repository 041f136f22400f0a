//! Counting rows by words alone, against reading every line.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::gather::Fitting;
use super::grep::Grep;
use super::half::Ids;
use super::segment::{Reader, Segment};
use crate::audit::{Content, Options, open};
use crate::query::{Filter, Test};

/// A line of a log that has a word where it is wanted, and is no record where that is wanted.
#[derive(Clone, Debug)]
struct Made {
    kind: &'static str,
    word: &'static str,
    pad: usize,
}

fn made() -> impl Strategy<Value = Made> {
    let kinds = prop::sample::select(vec!["record", "record", "record", "damaged", "blank"]);
    let words = prop::sample::select(vec!["", "", "", "needle", "NEEDLE", "thimble"]);
    (kinds, words, prop_oneof![0..40_usize, 0..9000_usize]).prop_map(|(kind, word, pad)| Made {
        kind,
        word,
        pad,
    })
}

/// A call is of two lines that follow each other, or of one where the other is none.
fn line(n: usize, made: &Made) -> String {
    let (id, pad) = (n / 2, "x".repeat(made.pad));
    let Made { kind, word, .. } = made;
    match *kind {
        "blank" => String::new(),
        "damaged" => format!(r#"{{"time":"2026-01-01T00:00:00Z","type":{pad}{word}"#),
        _ => format!(
            r#"{{"time":"2026-01-01T00:00:{:02}Z","type":"{}","request":{{"id":"{id}","operation":"read","path":"{pad}{word}/{n}"}}}}"#,
            n % 60,
            if n.is_multiple_of(2) {
                "request"
            } else {
                "response"
            },
        ),
    }
}

/// Where the lines stand that a segment tells of.
fn places(segment: &Segment) -> BTreeSet<u64> {
    let calls = segment.calls.iter().flat_map(|call| {
        let before = call.last.offset - u64::from(call.back);
        [call.last.offset, before]
    });
    calls
        .chain(segment.requests.iter().map(|half| half.offset))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the words, and wherever a reader's share of the file begins and ends.
    #[test]
    fn lines_with_the_words_are_read_as_among_all(
        lines in prop::collection::vec(made(), 1..80),
        words in prop::sample::select(vec!["needle", "Needle", "NEEDLE", "needle or thimble", "time", "x/"]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        ends in any::<bool>(),
    ) {
        let lines: Vec<String> = lines.iter().enumerate().map(|(n, made)| line(n, made)).collect();
        let mut text = lines.join("\n");
        if ends {
            text.push('\n');
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let content = Content(Arc::new(file));
        let length = text.len() as u64;
        let filter = Filter::parse(words).unwrap();
        let needles: Vec<_> = filter.tests().into_iter().filter_map(|test| match test {
            Test::Anywhere(words) => Some(Grep::new(words).needle()),
            _ => None,
        }).collect();
        let reader = |sifts| {
            let of = (&"log".into(), &content, length);
            Reader::new(0, of, Ids::new(), &Arc::default()).looking_for(&needles, sifts)
        };
        let (mut all, mut some) = (reader(false), reader(true));
        let mut cuts: Vec<u64> = cuts.iter().map(|cut| cut.index(text.len() + 1) as u64).collect();
        cuts.extend([0, length]);
        cuts.sort_unstable();
        for share in cuts.windows(2) {
            let (all, some) = (all.lines(0, share[0]..share[1]), some.lines(0, share[0]..share[1]));
            prop_assert_eq!(&all.hits, &some.hits);
            let hits: BTreeSet<u64> = all.hits.iter().flatten().copied().collect();
            prop_assert_eq!(&places(&all) & &hits, places(&some));
            // Lines that were left out are not counted.
            let rejected = |segment: Segment| -> Vec<_> {
                let all = segment.rejected.into_iter();
                let of_words = all.filter(|rejected| hits.contains(&rejected.place.byte));
                of_words.map(|rejected| (rejected.place.byte, rejected.reason, rejected.excerpt)).collect()
            };
            prop_assert_eq!(some.rejected.iter().all(|rejected| hits.contains(&rejected.place.byte)), true);
            prop_assert_eq!(rejected(all), rejected(some));
        }
    }
}

/// Files that were rotated, with damage in them; and one that is of another format.
#[test]
fn rows_with_words_are_counted_as_an_archive_of_everything_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let words = ["", "", "needle", "", "thimble needle"];
    let lines: Vec<String> = (0..4000)
        .map(|n| {
            let made = Made {
                kind: if n % 7 == 3 { "damaged" } else { "record" },
                word: words[n % 5],
                pad: n % 50,
            };
            line(n, &made) + "\n"
        })
        .collect();
    fs::write(at("a.1"), lines[..2000].concat()).unwrap();
    fs::write(at("a.2"), lines[2000..].concat()).unwrap();
    let web =
        r#"192.0.2.7 - - [01/Jan/2026:00:00:00 +0000] "GET /needle HTTP/1.1" 403 179 "-" "a""#;
    fs::write(at("web"), web.to_owned() + "\nneedle, and no record\n").unwrap();
    for names in [&["a.1", "a.2"][..], &["a.1", "a.2", "web"]] {
        let paths: Vec<_> = names.iter().map(|name| at(name)).collect();
        let either: [(&str, &[&str]); 4] = [
            ("needle", &["needle"]),
            ("thimble or needle", &["needle", "thimble"]),
            ("NEEDLE", &["NEEDLE"]),
            ("nowhere", &["nowhere"]),
        ];
        for (words, any) in either {
            let opened = || open(&paths, &Options::default()).unwrap();
            let filter = Filter::parse(words).unwrap();
            let whole = opened();
            let told = whole.progress();
            let (_, search) = whole.asked(filter.clone());
            let few = opened();
            let progress = few.progress();
            let fitting = few.fitting(filter);
            let found = search.found() as u64;
            let counted = Fitting {
                rows: found,
                of: None,
                wrong: None,
            };
            assert_eq!(fitting, counted, "{words} {names:?}");
            let rejections = told.rejections();
            let of_words = rejections.iter().filter(|rejected| {
                let line = usize::try_from(rejected.place.line).unwrap() - 1;
                let file = rejected.place.file.raw();
                let line = if file.ends_with("a.2") {
                    line + 2000
                } else {
                    line
                };
                // Of web logs every line is read.
                file.ends_with("web") || any.iter().any(|word| lines[line].contains(word))
            });
            let of_words: Vec<_> = of_words.cloned().collect();
            let none = ["nowhere", "NEEDLE"].contains(&words);
            assert!(none || of_words.len() > 50);
            assert_eq!(progress.rejections(), of_words, "{words} {names:?}");
        }
        // What is asked of a field may be told by any line.
        for words in [
            "needle format:vault",
            "needle thimble",
            "\"\"",
            "needle or \"\"",
            "not needle",
            "outcome:allowed",
            "needle or path:x*",
        ] {
            let filter = Filter::parse(words).unwrap();
            let (archive, search) = open(&paths, &Options::default())
                .unwrap()
                .asked(filter.clone());
            let fitting = open(&paths, &Options::default()).unwrap().fitting(filter);
            assert_eq!(
                (fitting.rows, fitting.of),
                (search.found() as u64, Some(archive.len() as u64)),
                "{words}"
            );
        }
    }
}
