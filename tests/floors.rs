//! Keeps the house in order: reads the floors from `src/lib.rs` and every `use` and path in
//! `src/`, and fails where an import goes upward, sideways on floor 3, or to a room named later.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A room's floor and its place among the rooms of that floor.
type Rooms = BTreeMap<String, (u32, usize)>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rooms() -> Rooms {
    let lib = fs::read_to_string(root().join("lib.rs")).unwrap();
    let mut floor = None;
    let mut rooms = Rooms::new();
    for line in lib.lines() {
        if let Some(rest) = line.strip_prefix("// floor ") {
            floor = Some(rest[..1].parse::<u32>().unwrap());
        } else if let Some(room) = line.strip_prefix("pub mod ") {
            let floor = floor.expect("a module stands before the first `// floor` line");
            let place = rooms.values().filter(|(f, _)| *f == floor).count();
            rooms.insert(room.trim_end_matches(';').to_owned(), (floor, place));
        }
    }
    rooms
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&root(), &mut paths);
    paths.sort();
    let name = |p: &PathBuf| {
        p.strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    paths
        .iter()
        .map(|p| (name(p), fs::read_to_string(p).unwrap()))
        .collect()
}

/// The code of a file without its comments; doc examples speak of the crate from outside.
fn code(text: &str) -> String {
    text.lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The rooms that a text names behind `crate::` (or, for the binary, `rotascope::`).
fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["crate::", "rotascope::"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let group = group.split('}').next().unwrap_or_default();
                found.extend(group.split(',').map(first_word));
            } else {
                found.insert(first_word(rest));
            }
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn verdict(rooms: &Rooms, from: &str, to: &str) -> Result<(), String> {
    let (Some(&(from_floor, from_place)), Some(&(to_floor, to_place))) =
        (rooms.get(from), rooms.get(to))
    else {
        return Ok(());
    };
    if from == to || to_floor < from_floor {
        Ok(())
    } else if to_floor > from_floor {
        Err(format!(
            "{from} (floor {from_floor}) imports upward: {to} (floor {to_floor})"
        ))
    } else if from_floor == 3 {
        Err(format!("{from} and {to} are siblings on floor 3"))
    } else if to_place > from_place {
        Err(format!("{from} imports {to}, which is named after it"))
    } else {
        Ok(())
    }
}

#[test]
fn imports_go_downward() {
    let rooms = rooms();
    assert!(rooms.len() >= 8, "lib.rs lists too few rooms: {rooms:?}");
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let Some((room, _)) = name.split_once('/') else {
            continue;
        };
        assert!(
            rooms.contains_key(room),
            "src/{room} stands on no floor of lib.rs"
        );
        for to in named(&code(&text)) {
            if let Err(why) = verdict(&rooms, room, &to) {
                wrong.push(format!("{name}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_find_what_they_forbid() {
    let rooms = rooms();
    assert!(verdict(&rooms, "model", "ui").is_err());
    assert!(verdict(&rooms, "ui", "session").is_err());
    assert!(verdict(&rooms, "config", "backend").is_err());
    assert!(verdict(&rooms, "ui", "incident").is_ok());
    assert_eq!(
        named("use crate::{model::Event, ui};\nlet x = crate::audit::open();"),
        ["audit", "model", "ui"].map(String::from).into()
    );
}

#[test]
fn the_terminal_stays_in_the_shell() {
    for (name, text) in sources() {
        let code = code(&text);
        if !name.starts_with("shell/") {
            assert!(!code.contains("crossterm"), "{name} names crossterm");
        }
        let tests = name.contains("/tests/");
        if (name.starts_with("ui/") && !tests)
            || name.starts_with("model/")
            || name.starts_with("incident/")
        {
            for clock in [
                "Instant::now",
                "SystemTime::now",
                "Utc::now",
                "Local::now",
                "std::fs",
                "std::net",
                "std::env",
            ] {
                assert!(
                    !code.contains(clock),
                    "{name} reads {clock}; floors 0, 1 and ui may not"
                );
            }
        }
    }
}

/// What is drawn is drawn from `Display`; the rest of `ui` may compare and hash raw words.
#[test]
fn raw_words_stay_off_the_screen() {
    for (name, text) in sources() {
        if name.starts_with("ui/screen/") || name.starts_with("ui/widget/") {
            for (n, line) in text.lines().enumerate() {
                let measured = line.contains(".raw().len()");
                assert!(
                    !line.contains(".raw()") || measured,
                    "src/{name}:{} takes raw words: {line}",
                    n + 1
                );
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (name, text) in sources() {
        assert!(
            text.starts_with("//!"),
            "src/{name} does not open with `//!`"
        );
    }
}

/// The module that a source file is: `ui/screen/mod.rs` is `ui::screen`.
fn module(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// The first names in a group in braces, `{a, b::c, d::{e, f}}`: a, b and d.
fn group(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut fresh = false;
    for (at, c) in text.char_indices() {
        match c {
            '{' => (depth, fresh) = (depth + 1, depth == 0),
            '}' => depth -= 1,
            ',' => fresh = depth == 1,
            c if fresh && !c.is_whitespace() => {
                names.push(first_word(&text[at..]));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// The paths that a text names behind `crate::` and `super::`, as modules from the root.
fn paths(text: &str, of: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, word) in text
        .match_indices("crate::")
        .chain(text.match_indices("super::"))
    {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let mut path: Vec<String> = if word == "crate::" {
            Vec::new()
        } else {
            of[..of.len() - 1].to_vec()
        };
        let mut rest = &text[at + word.len()..];
        while let Some(up) = rest.strip_prefix("super::") {
            path.pop();
            rest = up;
        }
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(rest.len());
        path.extend(
            rest[..end]
                .split("::")
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
        );
        for name in group(&rest[end..]) {
            found.push(path.iter().cloned().chain([name]).collect());
        }
        found.push(path);
    }
    found
}

#[test]
fn no_two_modules_import_each_other() {
    let sources = sources();
    let modules: BTreeSet<Vec<String>> = sources.iter().map(|(name, _)| module(name)).collect();
    let mut imports = BTreeSet::new();
    for (name, text) in &sources {
        let from = module(name);
        let code = code(text);
        // What a file's own tests use is no import of the module.
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for path in paths(code, &from) {
            let to = (1..=path.len())
                .rev()
                .map(|n| path[..n].to_vec())
                .find(|p| modules.contains(p));
            // A module and the room around it are one thing told in two files.
            if let Some(to) = to.filter(|to| !from.starts_with(to) && !to.starts_with(&from)) {
                imports.insert((from.clone(), to));
            }
        }
    }
    assert!(
        imports.len() > 100,
        "only {} imports were read",
        imports.len()
    );
    let both =
        |(a, b): &&(Vec<String>, Vec<String>)| a < b && imports.contains(&(b.clone(), a.clone()));
    let circles: Vec<String> = imports
        .iter()
        .filter(both)
        .map(|(a, b)| format!("{} and {}", a.join("::"), b.join("::")))
        .collect();
    assert!(
        circles.is_empty(),
        "import each other: {}",
        circles.join(", ")
    );
}
