//! What an archive holds of files in which nothing had told their format when they were opened.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use super::grown::{Growing, complete, vault};
use crate::audit::{Content, Options, Trouble, open};

/// A message of PostgreSQL's stderr log.
const MESSAGE: &str = "2026-01-01 00:00:00.000 UTC [7] LOG:  connection received: host=10.0.0.1\n";

/// Beginnings of a line of this many bytes, the empty one first.
fn tears(line: &str) -> impl Iterator<Item = usize> {
    let last = line.len() - 2;
    (0..last).step_by(7).chain([last, last + 1])
}

#[test]
fn a_file_without_a_whole_line_is_read_once_it_has_one() {
    for (first, second) in [
        (vault("request", "a", 1), vault("response", "a", 2)),
        (complete("a", 1.0), complete("b", 2.0)),
    ] {
        for tear in tears(&first) {
            for blank in ["", " \r\n\n"] {
                let mut growing = Growing::new(&format!("{blank}{}", &first[..tear]));
                growing.append(&first[tear..]);
                growing.is_what_reading_it_whole_gives();
                assert_eq!(growing.archive.len(), 1, "{tear}");
                growing.append(&second);
                growing.is_what_reading_it_whole_gives();
            }
        }
    }
}

#[test]
fn half_a_first_line_is_rejected_until_it_is_whole() {
    let line = vault("response", "a", 1);
    for keep in [10_000, 0] {
        let mut growing = Growing::keeping(&line[..40], keep);
        assert_eq!(growing.archive.progress().rejected(), 1);
        growing.append(&line[40..60]);
        assert_eq!(growing.archive.progress().rejected(), 1);
        growing.append(&line[60..]);
        assert_eq!(growing.archive.progress().rejected(), 0);
        // What comes behind it is no matter of it.
        growing.append("not json\n");
        assert_eq!(growing.archive.progress().rejected(), 1);
    }
}

#[test]
fn blank_lines_tell_nothing_and_are_counted() {
    let mut growing = Growing::new("\n");
    growing.append("\n \n");
    growing.append(&(vault("response", "a", 1) + "not json\n"));
    growing.is_what_reading_it_whole_gives();
    assert_eq!(growing.archive.row(0, true).unwrap().place.line, 4);
}

/// It is rejected as a whole, as it is when it is opened anew, and told as trouble once.
#[test]
fn what_is_of_no_known_format_is_told_once() {
    for begun in ["", "no l"] {
        let mut growing = Growing::new(begun);
        assert!(growing.archive.grows(0));
        growing.append(&"no log\n"[begun.len()..]);
        growing.append("nor this\n");
        growing.append(&vault("response", "a", 1));
        let troubles = growing.archive.progress().troubles();
        let [trouble @ Trouble::Unknown { .. }] = &troubles[..] else {
            panic!("{troubles:?}");
        };
        let words = trouble.to_string();
        assert!(
            words.contains("unknown format: text of another kind"),
            "{words}"
        );
        assert_eq!(growing.archive.progress().rejected(), 1);
        assert_eq!(growing.archive.len(), 0);
        assert!(!growing.archive.grows(0));
    }
}

#[test]
fn what_begins_as_records_that_span_lines_is_not_followed_and_told_once() {
    let document = "{\"Records\":[]}\n";
    for (came, once) in [(MESSAGE, 1), (document, 0)] {
        let mut growing = Growing::new("");
        assert_eq!(growing.archive.once(), 0);
        growing.append(came);
        growing.append(came);
        assert_eq!(growing.archive.once(), once);
        assert!(!growing.archive.grows(0));
        let troubles = growing.archive.progress().troubles();
        assert!(
            matches!(troubles[..], [Trouble::Unfollowed { .. }]),
            "{troubles:?}"
        );
    }
}

/// A line that was torn when its file was cut or rotated says nothing of the next file.
#[test]
fn the_file_that_takes_the_place_of_an_empty_one_begins_as_that_would() {
    let line = vault("response", "a", 1);
    let mut growing = Growing::new("");
    growing.take(0, &line[..40]);
    assert_eq!(growing.archive.progress().rejected(), 1);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(line.as_bytes()).unwrap();
    let next = growing.archive.succeed(0, Content(Arc::new(file)));
    growing.take(next.unwrap(), &line);
    assert_eq!(growing.archive.len(), 1);
    // What was rejected of the one before stays so.
    assert_eq!(growing.archive.progress().rejected(), 1);
    assert!(growing.archive.progress().troubles().is_empty());
}

#[test]
fn only_plain_files_of_records_that_span_lines_count_as_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let packed = zstd::encode_all(MESSAGE.as_bytes(), 1).unwrap();
    std::fs::write(at("postgresql.log"), MESSAGE).unwrap();
    std::fs::write(at("postgresql.log.zst"), packed).unwrap();
    std::fs::write(at("cloudtrail.json"), "{\"Records\":[]}\n").unwrap();
    std::fs::write(at("vault.log"), vault("response", "a", 1)).unwrap();
    File::create(at("empty.log")).unwrap();
    let archive = open(&[folder.path()], &Options::default())
        .unwrap()
        .archive();
    assert_eq!(archive.once(), 1);
    let growing = archive.growing();
    let names = growing.iter().map(|(_, name, _)| name.raw());
    let names: Vec<_> = names
        .filter_map(|name| name.rsplit(['/', '\\']).next())
        .collect();
    // So many are followed, and what is known to grow comes first.
    assert_eq!(names, ["vault.log", "empty.log"]);
}

/// Words are looked for in what has come, though the search was done before there was any of it.
#[test]
fn a_search_finds_words_in_a_file_that_was_empty() {
    let mut growing = Growing::new("");
    let mut search = growing
        .archive
        .search(crate::query::Filter::parse("secret/b").unwrap());
    assert_eq!(search.found(), 0);
    let row = growing.append(&(vault("response", "a", 1) + &vault("response", "b", 2)));
    search.rewind(row.unwrap());
    while !search.step(&growing.archive) {}
    assert_eq!(search.rows(0..2).collect::<Vec<_>>(), [1]);
}
