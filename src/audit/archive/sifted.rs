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
use crate::audit::{Content, Opened, Options, open};
use crate::model::rejected::Rejected;
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

/// A log with damage in it, one behind it, and one of another format.
struct Logs {
    folder: tempfile::TempDir,
    lines: Vec<String>,
}

impl Logs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
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
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.1"), lines[..2000].concat()).unwrap();
        fs::write(at("a.2"), lines[2000..].concat()).unwrap();
        let web =
            r#"192.0.2.7 - - [01/Jan/2026:00:00:00 +0000] "GET /needle HTTP/1.1" 403 179 "-" "a""#;
        fs::write(at("web"), web.to_owned() + "\nneedle, and no record\n").unwrap();
        Self { folder, lines }
    }

    /// What counting gives, and what it rejects.
    fn counted(&self, names: &[&str], filter: &str) -> (Fitting, Vec<Rejected>) {
        let (opened, filter) = (self.open(names), Filter::parse(filter).unwrap());
        let progress = opened.progress();
        let fitting = opened.fitting(filter);
        assert_eq!(fitting.wrong, None);
        (fitting, progress.rejections())
    }

    /// How many rows an archive of everything finds, of how many, and what it rejects.
    fn found(&self, names: &[&str], filter: &str) -> (u64, u64, Vec<Rejected>) {
        let (opened, filter) = (self.open(names), Filter::parse(filter).unwrap());
        let progress = opened.progress();
        let (archive, search) = opened.asked(filter);
        let rows = archive.len() as u64;
        (search.found() as u64, rows, progress.rejections())
    }

    fn open(&self, names: &[&str]) -> Opened {
        let paths: Vec<_> = names.iter().map(|n| self.folder.path().join(n)).collect();
        open(&paths, &Options::default()).unwrap()
    }

    /// True where a line of the first log, or one of another format, would be read for some words.
    fn is_read(&self, rejected: &Rejected, words: &[&str]) -> bool {
        let place = &rejected.place;
        let line = &self.lines[usize::try_from(place.line).unwrap() - 1];
        place.file.raw().ends_with("web") || words.iter().any(|word| line.contains(word))
    }
}

/// Alone, and beside a log of another format, of which every line is read.
#[test]
fn rows_with_words_are_counted_as_an_archive_of_everything_counts_them() {
    let logs = Logs::new();
    for names in [&["a.1"][..], &["a.1", "web"]] {
        for (filter, words) in [
            ("needle", &["needle"][..]),
            ("thimble or needle", &["needle", "thimble"]),
            ("NEEDLE", &["NEEDLE"]),
            ("nowhere", &["nowhere"]),
        ] {
            let (found, _, rejected) = logs.found(names, filter);
            let all = rejected.len();
            let of_words = rejected.into_iter().filter(|r| logs.is_read(r, words));
            let of_words: Vec<Rejected> = of_words.collect();
            let (fitting, rejected) = logs.counted(names, filter);
            assert_eq!((fitting.rows, fitting.of), (found, None), "{filter}");
            assert_eq!(rejected, of_words, "{filter} {names:?}");
            let none = ["nowhere", "NEEDLE"].contains(&filter);
            assert_eq!(none, found == 0 || of_words.len() < 50, "{filter}");
            assert!(rejected.len() < all);
        }
    }
}

/// What is asked of a field may be told by any line, and of several logs a line of one may belong
/// to a line of another.
#[test]
fn every_line_is_read_where_one_without_the_words_may_count() {
    let logs = Logs::new();
    let one = ["a.1", "web"];
    for (names, filter) in [
        (&one[..], "needle format:vault"),
        (&one, "needle thimble"),
        (&one, "\"\""),
        (&one, "needle or \"\""),
        (&one, "not needle"),
        (&one, "outcome:allowed"),
        (&one, "needle or path:x*"),
        (&["web"], "needle"),
        (&["a.1", "a.2"], "needle"),
        (&["a.2", "web", "a.1"], "thimble or needle"),
    ] {
        let (found, of, rejected) = logs.found(names, filter);
        let (fitting, also) = logs.counted(names, filter);
        assert_eq!((fitting.rows, fitting.of), (found, Some(of)), "{filter}");
        assert_eq!(rejected, also, "{filter} {names:?}");
    }
}
