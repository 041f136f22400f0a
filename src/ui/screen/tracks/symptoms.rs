//! Symptoms: who is refused, and for contrast who is not.

use super::{Ground, ROWS, point, portion, top};
use crate::diagnosis::Mode;
use crate::incident::{AuthSeries, CountWindow};
use crate::ui::digest::blame::{is_evidence, suffers};
use crate::ui::fit::percent;
use crate::ui::screen::pane::share;
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Point, chart_cells};

/// The most rows for contrast.
const CONTRAST: usize = 2;

/// Who is refused, and who is not; gives the share at the top of the charts.
pub(super) fn add(lines: &mut Vec<Line>, ground: &Ground<'_>) -> Option<f64> {
    let finding = ground.finding;
    if matches!(finding.mode, Mode::F3 | Mode::F5 | Mode::F8) {
        return None;
    }
    let incident = &ground.desk.state.incident;
    let suffers = |series: &AuthSeries| suffers(finding, series);
    let mut series: Vec<&AuthSeries> = incident.auth().filter(|series| suffers(series)).collect();
    let bad = |series: &AuthSeries| -> u64 {
        let seen = series
            .windows
            .iter()
            .rev()
            .take_while(|w| w.end > ground.axis.from);
        seen.fold(0, |sum, window| sum.saturating_add(window.failed()))
    };
    series.sort_by_key(|series| std::cmp::Reverse((is_evidence(finding, series), bad(series))));
    series.truncate(ROWS);
    // The same service elsewhere, else another service beside it.
    let mut others: Vec<&AuthSeries> = incident
        .auth()
        .filter(|other| !suffers(other) && !series.is_empty())
        .filter(|other| {
            finding.services.contains(&other.service)
                || other
                    .region
                    .as_ref()
                    .is_some_and(|r| finding.regions.contains(r))
        })
        .collect();
    others.sort_by_key(|other| !finding.services.contains(&other.service));
    others.truncate(CONTRAST);
    let top = series
        .iter()
        .chain(&others)
        .map(|series| top(points(series), ground.axis))
        .fold(0.01, f64::max);
    for (series, contrast) in series
        .iter()
        .map(|series| (series, false))
        .chain(others.iter().map(|other| (other, true)))
    {
        lines.push(refusals(ground, series, top, contrast));
    }
    signals(lines, ground);
    (!series.is_empty()).then_some(top)
}

/// One series against its usual share.
fn refusals(ground: &Ground<'_>, series: &AuthSeries, top: f64, contrast: bool) -> Line {
    let rows = &ground.desk.digest.auth;
    let row = rows.iter().find(|row| {
        row.series.service == series.service
            && row.series.region == series.region
            && row.series.secret == series.secret
    });
    let usual = row.and_then(|row| row.usual);
    let place = series.region.as_ref().map(|region| format!(" {region}"));
    // Where there is little room, the charts alone say that it is about refusals.
    let what = if ground.is_narrow() { "" } else { "refused " };
    let name = format!("{what}{}{}", series.service, place.unwrap_or_default());
    let now = share(
        series
            .windows
            .last()
            .and_then(crate::incident::AuthWindow::share),
    );
    let note = match usual {
        Some(usual) if !ground.is_narrow() => format!("{now} usual {}", percent(usual)),
        _ => now,
    };
    let cells = chart_cells(ground.axis, points(series), (top, usual));
    let elevated = row.is_some_and(|row| row.elevated);
    let roles = match (contrast, elevated) {
        (true, _) => (Role::Dim, Role::Dim),
        (false, true) => (Role::Text, Role::Bad),
        (false, false) => (Role::Text, Role::Text),
    };
    ground.line(&name, cells, &note, roles)
}

/// Other signals that are evidence.
fn signals(lines: &mut Vec<Line>, ground: &Ground<'_>) {
    let finding = ground.finding;
    let is_evidence = |window: &CountWindow| {
        let mut evidence = finding.evidence.iter();
        window.bad > 0 && evidence.any(|evidence| evidence.event == window.event)
    };
    let signals = ground.desk.state.incident.signals().filter(|signal| {
        let mut seen = signal.windows.iter().rev();
        seen.any(is_evidence)
    });
    for signal in signals.take(ROWS) {
        let points = || signal.windows.iter().rev().map(point);
        let place = signal.region.as_ref().map(|region| format!(" {region}"));
        let place = place.unwrap_or_default();
        let name = format!("{} fails {}{place}", signal.signal, signal.service);
        let cells = chart_cells(ground.axis, points(), (top(points(), ground.axis), None));
        let last = signal.windows.last();
        let note = share(last.and_then(|window| portion(window.bad, window.total)));
        lines.push(ground.line(&name, cells, &note, (Role::Text, Role::Text)));
    }
}

fn points(series: &AuthSeries) -> impl Iterator<Item = Point> + '_ {
    series.windows.iter().rev().map(|window| Point {
        end: window.end,
        length: window.length,
        total: window.total,
        bad: window.failed(),
    })
}
