//! The service levels in few cells, for the rules of the on-call screen: the level that is worst
//! off, and what was rolled back of late. Nothing there gives way to them.

use crate::measure::level::Reading;
use crate::ui::desk::Desk;
use crate::ui::fit::width;

use super::executive::{budget, burning};

/// The longest of several wordings that fits into so many columns; empty where none does.
pub fn words(desk: &Desk, columns: usize) -> String {
    let fits = |words: &String| width(words) <= columns;
    wordings(desk).into_iter().find(fits).unwrap_or_default()
}

/// From the longest to the shortest.
fn wordings(desk: &Desk) -> Vec<String> {
    let Some(overview) = &desk.state.overview else {
        return Vec::new();
    };
    let Some((name, reading)) = overview.worst() else {
        return Vec::new();
    };
    let left = match reading.budget_left {
        // A level without a budget is kept or it is not.
        None => state(reading).to_owned(),
        Some(left) if left <= 0.0 => "budget spent".to_owned(),
        Some(_) => format!("budget {} left", budget(reading)),
    };
    let short = match reading.budget_left {
        None => state(reading).to_owned(),
        Some(_) => budget(reading),
    };
    let burns = match burning(reading) {
        (rate, _) if rate == "–" || rate == "0" => String::new(),
        (rate, _) => format!(", burns {rate}"),
    };
    let (n, back) = overview.rolled_back;
    let rolled = match (n, back) {
        (0, _) => "none ended in 24 h".to_owned(),
        (n, 0) => format!("0 of {n} rolled back in 24 h"),
        (n, back) => format!("{back} of {n} rolled back in 24 h"),
    };
    let count = format!("{back}/{n} back in 24 h");
    vec![
        format!("{name} {}: {left}{burns} · {rolled}", name.title()),
        format!("{name} {left}{burns} · {rolled}"),
        format!("{name} {left}{burns} · {count}"),
        format!("{name} {left} · {count}"),
        format!("{name} {short} · {back} rolled back"),
        format!("{name} {short}"),
    ]
}

fn state(reading: &Reading) -> &'static str {
    if reading.met == Some(false) {
        "missed"
    } else {
        "met"
    }
}
