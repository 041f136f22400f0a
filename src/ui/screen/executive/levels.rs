//! The ten levels as a table. What is not known says why.

use crate::measure::level::{
    Better, Level, LevelName, Reading, Unit, Urgency, amount, percent, whole,
};
use crate::measure::overview::{Overview, fires};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// Columns of the name.
const NAME: u16 = 4;
/// Columns of the value.
const VALUE: u16 = 9;
/// Columns of the word whether it is met.
const MET: u16 = 8;

/// Which columns there is room for.
#[derive(Clone, Copy, Debug)]
struct Columns {
    title: u16,
    objective: u16,
    window: u16,
    budget: u16,
    burn: u16,
    cases: u16,
}

impl Columns {
    /// Dropped from the narrow side on: cases, window, burn, budget, objective.
    fn of(width: u16) -> Self {
        let wide = |least: u16, columns: u16| if width >= least { columns } else { 0 };
        Self {
            title: match width {
                0..48 => width.saturating_sub(NAME + VALUE + MET + 4).min(24),
                _ => 24,
            },
            objective: wide(58, 11),
            budget: wide(68, 8),
            burn: wide(80, 9),
            window: wide(100, 7),
            cases: wide(110, 12),
        }
    }
}

/// The table.
pub fn lines(overview: &Overview, width: u16) -> Vec<Line> {
    let columns = Columns::of(width);
    let mut lines = vec![head(columns)];
    for level in overview.levels.iter() {
        let name = level.name;
        let (long, short) = title(name);
        let title = |long, short| if columns.title < 20 { short } else { long };
        let words = (name.name(), title(long, short), why(name));
        row(&mut lines, columns, words, &level.reading);
        for (long, short, why, second) in seconds(level) {
            row(&mut lines, columns, ("", title(long, short), why), second);
        }
    }
    lines
}

fn head(columns: Columns) -> Line {
    let mut pieces = vec![
        Piece::new("", Role::Dim).wide(NAME - 1),
        Piece::new("level", Role::Dim).wide(columns.title),
        Piece::new("value", Role::Dim).right(VALUE),
        Piece::new("", Role::Dim).wide(MET),
    ];
    let right = [
        (columns.objective, "asked"),
        (columns.window, "within"),
        (columns.budget, "budget"),
        (columns.burn, "burns"),
        (columns.cases, "cases"),
    ];
    let right = right.into_iter().filter(|(columns, _)| *columns > 0);
    pieces.extend(right.map(|(columns, word)| Piece::new(word, Role::Dim).right(columns)));
    Line::Pieces(pieces)
}

fn row(
    lines: &mut Vec<Line>,
    columns: Columns,
    (name, title, why): (&str, &str, &str),
    reading: &Reading,
) {
    let mut pieces = vec![Piece::new(name, Role::Strong).wide(NAME - 1)];
    let Some(met) = reading.met else {
        // Why it is not known stands where its figures would.
        let known = columns.objective > 0;
        let words = if known { title } else { why };
        let (title, value) = (columns.title, VALUE);
        let wide = if known { title } else { title + value + 1 };
        pieces.push(Piece::new(words, Role::Stale).wide(wide));
        if known {
            pieces.push(Piece::new("–", Role::Stale).right(value));
        }
        pieces.push(Piece::new("unknown", Role::Stale).wide(MET));
        if known {
            pieces.push(Piece::new(format!("  {why}"), Role::Stale));
        }
        lines.push(Line::Pieces(pieces));
        return;
    };
    let unit = |value| amount(value, reading.unit);
    let (word, role) = if met {
        ("✓ met", Role::Ok)
    } else {
        ("✗ MISSED", Role::Bad)
    };
    pieces.push(Piece::new(title, Role::Text).wide(columns.title));
    let value = reading.value.map_or_else(|| "–".to_owned(), unit);
    pieces.push(Piece::new(value, Role::Strong).right(VALUE));
    pieces.push(Piece::new(word, role).wide(MET));
    let bound = match reading.better {
        Better::Higher => '≥',
        Better::Lower => '≤',
    };
    let (burns, burn_role) = burning(reading);
    let spent = reading.budget_left.is_some_and(|left| left <= 0.0);
    let right = [
        (
            columns.objective,
            format!("{bound} {}", unit(reading.objective)),
            Role::Dim,
        ),
        (columns.window, whole(reading.window_seconds), Role::Dim),
        (
            columns.budget,
            budget(reading),
            if spent { Role::Bad } else { Role::Text },
        ),
        (columns.burn, burns, burn_role),
        (columns.cases, cases(reading), Role::Dim),
    ];
    let right = right.into_iter().filter(|(columns, ..)| *columns > 0);
    pieces.extend(right.map(|(columns, words, role)| Piece::new(words, role).right(columns)));
    lines.push(Line::Pieces(pieces));
}

/// What is left of the budget: `72 %`, `spent`; a dash where the objective leaves none.
pub fn budget(reading: &Reading) -> String {
    match reading.budget_left {
        None => "–".to_owned(),
        Some(left) if left <= 0.0 => "spent".to_owned(),
        Some(left) => percent(if left >= 0.01 {
            (left * 100.0).round() / 100.0
        } else {
            left
        }),
    }
}

/// How fast it is spent: the pair of look-backs that fires, else the longest one.
pub fn burning(reading: &Reading) -> (String, Role) {
    let fires = fires(reading);
    let burn = match fires {
        Some(urgency) => reading
            .burn
            .iter()
            .find(|b| b.fires && b.urgency == urgency),
        None => reading.burn.last(),
    };
    let Some(rate) = burn.and_then(|burn| burn.long) else {
        return ("–".to_owned(), Role::Dim);
    };
    let times = match rate {
        0.0 => "0".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}×"),
        rate => format!("{rate:.0}×"),
    };
    match fires {
        None => (times, Role::Dim),
        Some(Urgency::Ticket) => (format!("!{times}"), Role::Warn),
        Some(Urgency::Page | Urgency::Escalate) => (format!("!!{times}"), Role::Bad),
    }
}

fn cases(reading: &Reading) -> String {
    match reading.unit {
        Unit::Count => reading.n.to_string(),
        _ => format!("{} bad/{}", reading.bad, reading.n),
    }
}

type Second<'a> = (&'static str, &'static str, &'static str, &'a Reading);

fn seconds(level: &Level) -> impl Iterator<Item = Second<'_>> {
    let within = level.within_window.as_ref();
    let within = within.map(|r| ("  within the window", "  in window", "no window closed", r));
    let emergency = level.emergency.as_ref();
    let emergency = emergency.map(|r| ("  of emergencies", "  emergency", "no emergency", r));
    within.into_iter().chain(emergency)
}

/// What it says, in few words and in fewer.
fn title(name: LevelName) -> (&'static str, &'static str) {
    match name {
        LevelName::M1 => ("rotations succeed", "success"),
        LevelName::M2 => ("consumers update", "updates"),
        LevelName::M3 => ("auth-failure spikes", "spikes"),
        LevelName::M4 => ("time to revoke", "to revoke"),
        LevelName::M5 => ("emergency rotations", "emergencies"),
        LevelName::M6 => ("secrets found in code", "code secrets"),
        LevelName::M7 => ("calls rate-limited", "rate limits"),
        LevelName::M8 => ("rotations rolled back", "rolled back"),
        LevelName::M9 => ("time to recover", "recovery"),
        LevelName::M10 => ("audit complete", "audit"),
    }
}

/// Why it is not known.
fn why(name: LevelName) -> &'static str {
    match name {
        LevelName::M1 | LevelName::M8 => "no rotation ended",
        LevelName::M2 => "no consumer updated",
        LevelName::M3 => "no auth counted",
        LevelName::M4 => "no revocation is due",
        LevelName::M5 => "no start is known",
        LevelName::M6 => "nothing was scanned",
        LevelName::M7 => "no call counted",
        LevelName::M9 => "nothing to recover",
        LevelName::M10 => "no entry is wanted",
    }
}
