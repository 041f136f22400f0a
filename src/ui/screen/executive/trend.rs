//! Charts over days or weeks, and the distribution of lengths.

use crate::measure::level::{Better, Day, Lengths, LevelName, Totals, Unit, amount, percent};
use crate::measure::overview::Overview;
use crate::ui::fit::{cols, count};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece, Scale, columns, every_row};

use super::every_day;

/// Columns of the scale beside a chart.
const LABEL: u16 = 6;
/// Lines of the success chart.
const HIGH: usize = 5;
/// Lines of the chart of emergencies.
const LOW: usize = 2;
/// The longest bar of a distribution.
const LONGEST: u16 = 60;

/// Days, or weeks where there are more days than columns; the latest that fit.
struct Buckets {
    of: Vec<(Day, Totals)>,
    weekly: bool,
    /// Cells of each.
    wide: usize,
}

fn buckets(overview: &Overview, room: u16) -> Buckets {
    let days = every_day(overview);
    let room = usize::from(room.max(1));
    let weekly = days.len() > room;
    let mut of: Vec<(Day, Totals)> = Vec::new();
    for (day, totals) in days {
        let begins = if weekly { day.week() } else { day };
        match of.last_mut() {
            Some((last, sum)) if *last == begins => sum.join(&totals),
            _ => of.push((begins, totals)),
        }
    }
    let unseen = of.len().saturating_sub(room);
    of.drain(..unseen);
    let wide = (room / of.len().max(1)).clamp(1, 4);
    Buckets { of, weekly, wide }
}

/// The success of rotations and the emergencies among them, over days or weeks.
pub fn success(overview: &Overview, width: u16) -> Vec<Line> {
    let room = width.saturating_sub(LABEL + 3);
    let buckets = buckets(overview, room);
    let each = if buckets.weekly { "week" } else { "day" };
    let asked = overview
        .levels
        .get(LevelName::M1)
        .map(|level| &level.reading);
    let objective = asked.map_or(0.99, |reading| reading.objective);
    let shares: Vec<Option<f64>> = buckets.of.iter().map(|(_, t)| t.success()).collect();
    let least = shares.iter().flatten().copied().fold(objective, f64::min);
    let scale = Scale {
        low: bottom(least),
        high: 1.0,
        objective: Some(objective),
    };
    let mut lines = vec![Line::Rule(format!(
        "Success by {each}, ┈ asked ≥ {}",
        percent(objective)
    ))];
    let missed = |share: f64| share < objective;
    let rows = columns(&shares, scale, HIGH, buckets.wide, missed);
    let bottom_row = rows.len() - 1;
    for (n, cells) in rows.into_iter().enumerate() {
        let label = match n {
            0 => percent(scale.high),
            n if n == bottom_row => percent(scale.low),
            _ => String::new(),
        };
        lines.push(track(label, cells));
    }
    let mark = |share: &Option<f64>| match share {
        Some(share) if missed(*share) => ('✗', Role::Bad),
        Some(_) => ('·', Role::Dim),
        None => (' ', Role::Gap),
    };
    lines.push(track(
        String::new(),
        every_row(shares.iter().map(mark), buckets.wide),
    ));
    lines.push(dates(&buckets));
    lines.extend(emergencies(overview, &buckets, each));
    lines
}

fn emergencies(overview: &Overview, buckets: &Buckets, each: &str) -> Vec<Line> {
    let number = |totals: &Totals| (totals.started > 0).then(|| number(totals.emergencies));
    let counts: Vec<Option<f64>> = buckets.of.iter().map(|(_, t)| number(t)).collect();
    let most = counts.iter().flatten().copied().fold(0.0, f64::max);
    let all: u64 = buckets.of.iter().map(|(_, t)| t.emergencies).sum();
    let asked = overview
        .levels
        .get(LevelName::M5)
        .map(|level| &level.reading);
    let asked = asked.map_or(String::new(), |reading| {
        let bound = match reading.better {
            Better::Higher => '≥',
            Better::Lower => '≤',
        };
        format!(", asked {bound} {}", amount(reading.objective, Unit::Count))
    });
    let mut lines = vec![Line::Rule(format!("Emergency rotations by {each}{asked}"))];
    if all == 0 {
        let known = counts.iter().any(Option::is_some);
        let words = if known {
            "none"
        } else {
            "nobody told what starts rotations"
        };
        lines.push(Line::plain(
            words,
            if known { Role::Ok } else { Role::Stale },
        ));
        return lines;
    }
    let shown: Vec<Option<f64>> = counts.into_iter().map(|n| n.filter(|n| *n > 0.0)).collect();
    let scale = Scale {
        low: 0.0,
        high: most,
        objective: None,
    };
    let rows = columns(&shown, scale, LOW, buckets.wide, |_| true);
    let bottom_row = rows.len() - 1;
    for (n, cells) in rows.into_iter().enumerate() {
        let label = match n {
            0 => amount(most, Unit::Count),
            n if n == bottom_row => "0".to_owned(),
            _ => String::new(),
        };
        lines.push(track(label, cells));
    }
    lines.push(dates(buckets));
    lines
}

#[expect(clippy::cast_precision_loss, reason = "a count of rotations")]
fn number(n: u64) -> f64 {
    n as f64
}

/// A round share below all that are shown, so that what differs is seen.
fn bottom(least: f64) -> f64 {
    let steps = [0.99, 0.95, 0.9, 0.8, 0.5];
    steps.into_iter().find(|step| *step < least).unwrap_or(0.0)
}

fn track(label: String, cells: Vec<(char, Role)>) -> Line {
    let label = Piece::new(label, Role::Dim).right(LABEL);
    Line::Track(label, cells, Piece::new("", Role::Dim))
}

/// The first and the last day beneath a chart.
fn dates(buckets: &Buckets) -> Line {
    let all = cols(buckets.of.len() * buckets.wide);
    let (Some((first, _)), Some((last, _))) = (buckets.of.first(), buckets.of.last()) else {
        return Line::Pieces(Vec::new());
    };
    let mut pieces = vec![Piece::new("", Role::Dim).wide(LABEL)];
    let (first, last) = (first.to_string(), last.to_string());
    if first == last {
        pieces.push(Piece::new(first, Role::Dim));
    } else if all >= 23 {
        pieces.push(Piece::new(first, Role::Dim).wide(all - 11));
        pieces.push(Piece::new(last, Role::Dim).right(10));
    } else {
        pieces.push(Piece::new(format!("{first} to {last}"), Role::Dim));
    }
    Line::Pieces(pieces)
}

/// How long old versions lived on after the cutover; a line stands where the objective lies.
pub fn lengths(lengths: &Lengths, objective: Option<f64>, width: u16) -> Vec<Line> {
    let all = lengths.count();
    let asked = objective.map_or(String::new(), |objective| {
        format!(", asked ≤ {}", amount(objective, Unit::Seconds))
    });
    let mut lines = vec![Line::Rule(format!("Time to revoke{asked}"))];
    if all == 0 {
        let words = "no old version was revoked after a cutover";
        lines.push(Line::plain(words, Role::Stale));
        return lines;
    }
    let bars: Vec<_> = Lengths::buckets().iter().zip(lengths.0).collect();
    let first = bars.iter().position(|(_, n)| *n > 0).unwrap_or(0);
    let last = bars.iter().rposition(|(_, n)| *n > 0).unwrap_or(0);
    let most = lengths.0.into_iter().max().unwrap_or(1);
    let room = width.saturating_sub(36).clamp(4, LONGEST);
    // The whole chart reaches to the objective, so that the distance from it is seen.
    let bound = |up_to: Option<u64>| up_to.is_none_or(|s| objective.is_some_and(|o| number(s) > o));
    let crossing = bars.iter().position(|(bucket, _)| bound(bucket.up_to));
    let last = last.max(crossing.map_or(0, |at| at.saturating_sub(1)));
    for (at, (bucket, n)) in bars.iter().enumerate().take(last + 1).skip(first) {
        if crossing == Some(at) && at > first {
            let line = std::iter::repeat_n(('┈', Role::Dim), usize::from(room));
            let label = Piece::new("asked", Role::Dim).right(9);
            lines.push(Line::Track(
                label,
                line.collect(),
                Piece::new("", Role::Dim),
            ));
        }
        let late = crossing.is_some_and(|crossing| at >= crossing);
        lines.push(bar(bucket.label, *n, (most, all), room, late));
    }
    lines
}

fn bar(label: &str, n: u64, (most, all): (u64, u64), room: u16, late: bool) -> Line {
    let label = match label {
        "longer" => label.to_owned(),
        up_to => format!("≤ {up_to}"),
    };
    let wide = u128::from(n) * u128::from(room) / u128::from(most.max(1));
    let wide = usize::try_from(wide).unwrap_or(0).max(usize::from(n > 0));
    let role = if late { Role::Bad } else { Role::Chart };
    let mut cells = vec![('█', role); wide];
    cells.resize(usize::from(room), (' ', Role::Gap));
    let share = number(n) / number(all.max(1));
    let sign = if late && n > 0 { "✗ late" } else { "" };
    let words = match n {
        0 => String::new(),
        n => format!(
            "{:>7} {:>7} {sign}",
            count(n),
            percent((share * 1000.0).round() / 1000.0)
        ),
    };
    let words = words.trim_end().to_owned();
    Line::Track(
        Piece::new(label, Role::Dim).right(9),
        cells,
        Piece::new(words, if late { Role::Bad } else { Role::Text }),
    )
}
