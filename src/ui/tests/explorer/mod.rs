//! The audit explorer from outside: asked and answered over a real archive of files.

mod keys;
mod pictures;

use std::fmt::Write as _;

use serde_json::json;
use tempfile::TempDir;

use super::{Bench, Effect, rich};
use crate::audit::archive::Archive;
use crate::audit::{Options, open};
use crate::query::Filter;
use crate::query::page::{Ask, Page};
use crate::ui::{Explorable, Message, Mouse, MouseKind, State, update};

/// How many calls there are.
const CALLS: i64 = 1500;

/// A cockpit with an archive of files.
struct Explored {
    bench: Bench,
    archive: Archive,
    /// Every question that was asked.
    asked: Vec<Ask>,
    folder: TempDir,
}

/// Calls of a night: a Vault log, and events of one rotation.
fn files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut vault = String::new();
    for n in 0..CALLS {
        let time = rich::at(n).to_string();
        let actor = ["approle-checkout", "approle-billing", "ci-\u{1b}[31mrunner"]
            [usize::try_from(n).unwrap() % 3];
        let path = format!(
            "secret/data/{}/{}",
            ["payments", "ledger"][usize::try_from(n).unwrap() % 2],
            n % 7
        );
        let mut line = json!({"time": time, "type": "response",
            "auth": {"display_name": actor}, "response": {},
            "request": {"id": format!("r{n}"), "operation": if n % 5 == 0 {"update"} else {"read"},
            "path": path, "remote_address": format!("10.1.0.{}", n % 9)}});
        if n % 10 == 9 || (700..760).contains(&n) {
            line["error"] = json!("1 error occurred: * permission denied");
        }
        writeln!(vault, "{line}").unwrap();
    }
    std::fs::write(folder.path().join("vault.log"), vault).unwrap();
    let mut events = String::new();
    for n in 0..40 {
        let line = json!({"specversion": "1.0", "id": format!("e{n}"), "source": "/vault/prod-eu",
            "type": "rotascope.audit.entry", "time": rich::at(300 + n * 10).to_string(),
            "rotationid": "rot-7f3a", "data": {"actor": format!("billing-eu-1-{}", n * 3),
            "operation": "read", "path": "database/static-creds/payments", "secret": "payments/db",
            "outcome": if n % 4 == 0 {"denied"} else {"allowed"}}});
        writeln!(events, "{line}").unwrap();
    }
    std::fs::write(folder.path().join("events.jsonl"), events + "no event\n").unwrap();
    folder
}

impl Explored {
    fn new(columns: u16, rows: u16, state: State) -> Self {
        Self::of(columns, rows, state, files())
    }

    fn of(columns: u16, rows: u16, state: State, folder: TempDir) -> Self {
        let mut bench = Bench::new(columns, rows, state);
        bench.cockpit = bench.cockpit.with_rows(Explorable::Files, "", false);
        let archive = open(&[folder.path()], &Options::default())
            .unwrap()
            .archive();
        let mut explored = Self {
            bench,
            archive,
            asked: Vec::new(),
            folder,
        };
        explored.press("5");
        explored
    }

    /// Answers what is asked, until nothing is.
    fn answer(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(ask) = self.bench.cockpit.take_ask() {
            effects.extend(self.page(&ask));
            self.asked.push(ask);
            assert!(self.asked.len() < 10_000, "it asks for ever");
        }
        effects
    }

    fn page(&mut self, ask: &Ask) -> Vec<Effect> {
        let search = self.archive.search(Filter::parse(&ask.filter).unwrap());
        let page = self.archive.page(ask, &search, true);
        self.tell(page)
    }

    fn tell(&mut self, page: Page) -> Vec<Effect> {
        update(&mut self.bench.cockpit, Message::Page(Box::new(page))).0
    }

    /// More is in the files than when they were opened, and the last question is answered anew.
    fn grow(&mut self, name: &str, words: &str) {
        std::fs::write(self.folder.path().join(name), words).unwrap();
        self.archive = open(&[self.folder.path()], &Options::default())
            .unwrap()
            .archive();
        let ask = self.asked.last().unwrap().clone();
        self.page(&ask);
        self.answer();
    }

    /// The last question is answered once more, of a search that has found so many rows so far.
    fn part(&mut self, rows: u64) -> Vec<Effect> {
        let ask = self.asked.last().unwrap().clone();
        let search = self.archive.search(Filter::parse(&ask.filter).unwrap());
        let mut page = self.archive.page(&ask, &search, false);
        page.found = rows;
        page.rows = page
            .rows
            .into_iter()
            .take(usize::try_from(rows.saturating_sub(page.first)).unwrap())
            .collect();
        self.tell(page)
    }

    fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for key in keys.split(' ') {
            effects.extend(self.bench.press(key));
            effects.extend(self.answer());
        }
        effects
    }

    /// Types words, spaces too, into a prompt.
    fn write(&mut self, words: &str) {
        for c in words.chars() {
            let _ = self.bench.press(&if c == ' ' {
                "space".to_owned()
            } else {
                c.to_string()
            });
            self.answer();
        }
    }

    fn text(&mut self) -> String {
        self.bench.text()
    }

    fn found(&self, filter: &str) -> usize {
        self.archive.search(Filter::parse(filter).unwrap()).found()
    }

    /// The title says how many rows fit.
    fn has_found(&mut self, n: usize) {
        let wanted = format!("▸ {} of 1,540 rows", crate::ui::fit::count(n as u64));
        let text = self.text();
        assert!(text.contains(&wanted), "no {wanted} in\n{text}");
    }

    fn selected(&mut self) -> String {
        let text = self.text();
        let mut lines = text.lines();
        lines
            .rfind(|line| line.starts_with('▌'))
            .unwrap_or_else(|| panic!("{text}"))
            .to_owned()
    }

    fn point(&mut self, what: MouseKind, (column, row): (u16, u16)) {
        let mouse = Mouse { what, column, row };
        let _ = update(&mut self.bench.cockpit, Message::Mouse(mouse));
        let _ = update(&mut self.bench.cockpit, Message::Seen);
        self.answer();
    }

    fn place(&mut self, words: &str) -> (u16, u16) {
        let text = self.text();
        let found = text.lines().zip(0..).find_map(|(line, row)| {
            let before = line.split_once(words)?.0.chars().count();
            Some((u16::try_from(before).unwrap(), row))
        });
        found.unwrap_or_else(|| panic!("no {words:?} in\n{text}"))
    }
}
