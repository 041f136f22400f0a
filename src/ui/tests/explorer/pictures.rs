//! What the explorer looks like. Read a changed picture before you accept it.

use super::super::{Bench, rich};
use super::Explored;
use crate::query::page::Page;
use crate::ui::{Explorable, Message, update};

fn reading() -> Page {
    Page {
        serial: 1,
        reading: Some((430_000_000, Some(1_000_000_000))),
        rejected: 12,
        trouble: vec!["logs/vault.zst: the archive ends early".into()],
        ..Page::default()
    }
}

macro_rules! pictures {
    ($($name:ident: $columns:literal x $rows:literal, $keys:literal, $words:literal, $more:literal;)+) => {$(
        #[test]
        fn $name() {
            let mut explored = Explored::new($columns, $rows, rich::found());
            explored.press($keys);
            explored.write($words);
            explored.press($more);
            insta::assert_snapshot!(explored.bench.picture());
        }
    )+};
}

pictures! {
    explorer_200x50: 200 x 50, "down down down M", "", "down";
    explorer_80x24: 80 x 24, "down down down M", "", "down";
    explorer_40x15: 40 x 15, "down down down M", "", "down";
    explorer_found_200x50: 200 x 50, "/", "rotation:rot-7f3a", "enter tab";
    explorer_detail_80x24: 80 x 24, "/", "rotation:rot-7f3a", "enter enter";
    explorer_detail_40x15: 40 x 15, "/", "rotation:rot-7f3a", "enter enter";
    explorer_facets_80x24: 80 x 24, "tab", "", "down";
    explorer_times_200x50: 200 x 50, "shift-tab", "", "end";
    explorer_times_40x15: 40 x 15, "shift-tab", "", "end";
    explorer_typing_80x24: 80 x 24, "/", "outcome:denied actor:", "tab";
    explorer_wrong_200x50: 200 x 50, "/", "outcome:denied colour:red", "left";
    explorer_wrong_80x24: 80 x 24, "/", "outcome:denied colour:red", "left";
    explorer_wrong_40x15: 40 x 15, "/", "outcome:denied colour:red", "left";
    explorer_none_80x24: 80 x 24, "/", "actor:nobody", "enter";
    explorer_columns_80x24: 80 x 24, "|", "", "down";
}

#[test]
fn while_files_are_read_it_says_how_far() {
    for (columns, rows) in [(200, 50), (80, 24), (40, 15)] {
        let mut bench = Bench::new(columns, rows, rich::nothing());
        bench.cockpit = bench.cockpit.with_rows(Explorable::Files, "", true);
        let _ = bench.cockpit.take_ask();
        let _ = update(&mut bench.cockpit, Message::Page(Box::new(reading())));
        insta::assert_snapshot!(
            format!("explorer_reading_{columns}x{rows}"),
            bench.picture()
        );
    }
}
