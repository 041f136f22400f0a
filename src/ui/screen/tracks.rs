//! A finding from cause to symptom: every row on one time axis, causes above symptoms, and below
//! them a place where nothing is wrong, for contrast. All of it comes from the incident as it is
//! known at the moment on the screen: nothing later is drawn.

use crate::diagnosis::{Finding, Mode};
use crate::incident::{AuthSeries, CountWindow, Rotation, StepKind};
use crate::model::event::{Stage, StageStatus};
use crate::model::replay::MarkKind;
use crate::model::{Region, Span, Timestamp};
use crate::ui::desk::Desk;
use crate::ui::digest::blame::concerns;
use crate::ui::fit::{fit_end, percent, span, version};
use crate::ui::theme::Role;
use crate::ui::widget::{Axis, Line, Piece, Point, chart_cells, letter};

use super::pane::share;

/// The most rows of one kind.
const ROWS: usize = 3;

/// The most rows for contrast.
const CONTRAST: usize = 2;

/// The rows' common ground.
struct Ground<'a> {
    desk: &'a Desk,
    finding: &'a Finding,
    rotation: Option<&'a Rotation>,
    axis: Axis,
    name: u16,
    note: u16,
}

type Cells = Vec<(char, Role)>;

impl Ground<'_> {
    fn line(&self, name: &str, cells: Cells, note: &str, roles: (Role, Role)) -> Line {
        let name = fit_end(name, usize::from(self.name));
        Line::Track(
            Piece::new(name, roles.0).wide(self.name),
            cells,
            Piece::new(note, roles.1).wide(self.note),
        )
    }

    fn is_narrow(&self) -> bool {
        self.note < 8
    }

    /// A moment as short as it must be.
    fn time(&self, at: Timestamp) -> String {
        let clock = self.desk.clock();
        if self.is_narrow() {
            clock.minute(at)
        } else {
            clock.time(at)
        }
    }

    fn empty(&self) -> Cells {
        vec![(' ', Role::Dim); usize::from(self.axis.columns)]
    }

    /// Puts a character at a moment of the axis.
    fn put(&self, cells: &mut Cells, at: Timestamp, c: char, role: Role) {
        if let Some(cell) = self
            .axis
            .column(at)
            .and_then(|column| cells.get_mut(usize::from(column)))
        {
            *cell = (c, role);
        }
    }

    /// Fills what lies between two moments.
    fn fill(&self, cells: &mut Cells, from: Timestamp, to: Timestamp, c: char, role: Role) {
        let (from, to) = (from.max(self.axis.from), to.min(self.axis.to));
        if let (Some(first), Some(last)) = (self.axis.column(from), self.axis.column(to)) {
            for cell in cells
                .iter_mut()
                .take(usize::from(last) + 1)
                .skip(usize::from(first))
            {
                *cell = (c, role);
            }
        }
    }
}

/// The rows under their rule, in as many columns as there are.
pub fn lines(desk: &Desk, finding: &Finding, width: u16) -> Vec<Line> {
    let incident = &desk.state.incident;
    let rotation = finding
        .rotation
        .as_ref()
        .and_then(|id| incident.rotation(id));
    let (name, note) = match width {
        0..60 => (13, 6),
        60..110 => (22, 17),
        _ => (26, 20),
    };
    let columns = width.saturating_sub(name + note + 4).min(200);
    let Some(axis) = axis(desk, finding, rotation, columns) else {
        return Vec::new();
    };
    let ground = Ground {
        desk,
        finding,
        rotation,
        axis,
        name,
        note,
    };
    let mut lines = vec![scale(&ground)];
    causes(&mut lines, &ground);
    let top = symptoms(&mut lines, &ground);
    let title = match top {
        Some(top) => format!("Cause and symptom; top {}", percent(top)),
        None => "Cause and symptom".to_owned(),
    };
    lines.insert(0, Line::Rule(title));
    lines
}

/// From a little before the first sign to now, or to a little after it healed.
fn axis(desk: &Desk, finding: &Finding, rotation: Option<&Rotation>, columns: u16) -> Option<Axis> {
    let now = desk.now()?;
    let signs = finding.evidence.iter().map(|evidence| evidence.event.time);
    let moved = rotation.and_then(|rotation| rotation.cutover_at);
    let moved = moved.filter(|at| finding.detected_at.since(*at) < Span::seconds(6 * 3600));
    let first = signs
        .chain(moved)
        .chain([finding.detected_at])
        .min()
        .filter(|first| *first < now);
    let Some(first) = first else {
        // Before the first sign: what led up to now.
        return Some(Axis {
            from: now - desk.span(),
            to: now,
            columns,
        });
    };
    let end = finding.resolved_at.filter(|at| *at < now).unwrap_or(now);
    let margin = Span::micros((end.since(first).as_micros() / 5).max(60_000_000));
    let to = if end < now {
        (end + margin).min(now)
    } else {
        now
    };
    Some(Axis {
        from: first - margin,
        to,
        columns,
    })
}

/// The axis itself: its ends, and the marks of cutover, revocation, acts and the finding.
fn scale(ground: &Ground<'_>) -> Line {
    let axis = ground.axis;
    let mut cells = vec![('─', Role::Rule); usize::from(axis.columns)];
    let mut mark = |at: Timestamp, kind: MarkKind| {
        let (c, role) = letter(kind);
        ground.put(&mut cells, at, c, role);
    };
    mark(ground.finding.detected_at, MarkKind::Failure);
    for step in ground.rotation.iter().flat_map(|r| &r.timeline) {
        match &step.what {
            StepKind::Stage { stage, status, .. } if *status == StageStatus::Completed => {
                match stage {
                    Stage::Cutover => mark(step.event.time, MarkKind::Cutover),
                    Stage::Revoke => mark(step.event.time, MarkKind::Revoke),
                    _ => {}
                }
            }
            StepKind::Act { .. } => mark(step.event.time, MarkKind::Act),
            _ => {}
        }
    }
    // The mark of the cutover may have been shed from the timeline, not from the rotation.
    if let Some(at) = ground.rotation.and_then(|rotation| rotation.cutover_at) {
        mark(at, MarkKind::Cutover);
    }
    let (from, to) = (ground.time(axis.from), ground.time(axis.to));
    let from = Piece::new(from, Role::Dim).right(ground.name);
    Line::Track(from, cells, Piece::new(to, Role::Dim).wide(ground.note))
}

fn causes(lines: &mut Vec<Line>, ground: &Ground<'_>) {
    let Some(rotation) = ground.rotation else {
        return;
    };
    match ground.finding.mode {
        Mode::F2 => distributions(lines, ground, rotation),
        Mode::F3 => tries(lines, ground, rotation),
        Mode::F8 | Mode::F5 => trail(lines, ground, rotation),
        _ => {}
    }
    for (name, stage, done) in [
        ("cutover", Stage::Cutover, rotation.cutover_at),
        ("old version revoked", Stage::Revoke, rotation.revoked_at),
    ] {
        let Some(at) = done.filter(|at| *at <= ground.axis.to) else {
            continue;
        };
        let kind = if stage == Stage::Cutover {
            MarkKind::Cutover
        } else {
            MarkKind::Revoke
        };
        let (c, role) = letter(kind);
        let mut cells = ground.empty();
        ground.fill(&mut cells, at, ground.axis.to, '─', Role::Rule);
        ground.put(&mut cells, at.max(ground.axis.from), c, role);
        let note = ground.time(at);
        lines.push(ground.line(name, cells, &note, (Role::Text, Role::Dim)));
    }
    if matches!(
        ground.finding.mode,
        Mode::F1 | Mode::F2 | Mode::F4 | Mode::F6 | Mode::F7
    ) {
        versions(lines, ground, rotation);
    }
    caches(lines, ground);
}

/// Where the new version was brought to, and where that failed.
fn distributions(lines: &mut Vec<Line>, ground: &Ground<'_>, rotation: &Rotation) {
    let place = Stage::Distribute.index();
    let Some(view) = place.and_then(|at| rotation.stages.get(at)) else {
        return;
    };
    let theirs = |region: &Region| ground.finding.regions.contains(region);
    let mut regions: Vec<&Region> = view.regions.iter().map(|(region, _)| region).collect();
    regions.sort_by_key(|region| !theirs(region));
    for region in regions.into_iter().take(ROWS) {
        let mut cells = ground.empty();
        let mut note = "not told of";
        for step in &rotation.timeline {
            let StepKind::Stage {
                stage,
                status,
                region: of,
                ..
            } = &step.what
            else {
                continue;
            };
            if *stage != Stage::Distribute || of.as_ref() != Some(region) {
                continue;
            }
            let at = step.event.time;
            match status {
                StageStatus::Failed => {
                    ground.put(&mut cells, at, '✗', Role::Bad);
                    note = "failed";
                }
                StageStatus::Completed => {
                    ground.fill(&mut cells, at, ground.axis.to, '▰', Role::Ok);
                    note = "done";
                }
                _ => ground.put(&mut cells, at, '›', Role::Text),
            }
        }
        let roles = if theirs(region) {
            (Role::Text, Role::Text)
        } else {
            (Role::Dim, Role::Dim)
        };
        lines.push(ground.line(&format!("{region} distributed"), cells, note, roles));
    }
}

/// The tries of the stage that is throttled.
fn tries(lines: &mut Vec<Line>, ground: &Ground<'_>, rotation: &Rotation) {
    let mut stages: Vec<&Stage> = Vec::new();
    for step in &rotation.timeline {
        if let StepKind::Stage { stage, status, .. } = &step.what
            && *status == StageStatus::Failed
            && !stages.contains(&stage)
        {
            stages.push(stage);
        }
    }
    for wanted in stages.into_iter().take(ROWS) {
        let mut cells = ground.empty();
        let (mut failed, mut done) = (0_usize, false);
        for step in &rotation.timeline {
            let StepKind::Stage { stage, status, .. } = &step.what else {
                continue;
            };
            if stage != wanted {
                continue;
            }
            let at = step.event.time;
            match status {
                StageStatus::Failed => {
                    failed += 1;
                    ground.put(&mut cells, at, '✗', Role::Bad);
                }
                StageStatus::Completed => {
                    done = true;
                    ground.fill(&mut cells, at, ground.axis.to, '▰', Role::Ok);
                }
                _ => ground.put(&mut cells, at, '›', Role::Text),
            }
        }
        let note = if done {
            "done at last".to_owned()
        } else {
            format!("{failed} failed")
        };
        lines.push(ground.line(
            &format!("tries of {wanted}"),
            cells,
            &note,
            (Role::Text, Role::Text),
        ));
    }
    for quota in ground
        .desk
        .state
        .incident
        .quotas()
        .filter(|quota| {
            quota
                .windows
                .iter()
                .any(|window| window.bad > 0 && window.end > ground.axis.from)
        })
        .take(ROWS)
    {
        let name = format!("{} throttled", quota.api);
        let last = quota.windows.last();
        let points = || quota.windows.iter().rev().map(point);
        let top = top(points(), ground.axis);
        let cells = chart_cells(ground.axis, points(), (top, None));
        let note = share(last.and_then(|window| portion(window.bad, window.total)));
        lines.push(ground.line(&name, cells, &note, (Role::Text, Role::Text)));
    }
}

/// Stages that were completed, and the audit entries that came.
fn trail(lines: &mut Vec<Line>, ground: &Ground<'_>, rotation: &Rotation) {
    let mut cells = ground.empty();
    for step in &rotation.timeline {
        if let StepKind::Stage { status, .. } = &step.what
            && *status == StageStatus::Completed
        {
            ground.put(&mut cells, step.event.time, '▰', Role::Ok);
        }
    }
    lines.push(ground.line("stages completed", cells, "", (Role::Text, Role::Dim)));
    let mut cells = ground.empty();
    for line in ground.desk.state.incident.audit(rotation) {
        ground.put(&mut cells, line.event.time, '╷', Role::Text);
    }
    lines.push(ground.line("audit entries", cells, "", (Role::Text, Role::Dim)));
    for backend in ground.desk.state.incident.backends() {
        let gaps = || {
            backend
                .gaps
                .iter()
                .filter(|(_, end)| end.is_none_or(|end| end > ground.axis.from))
        };
        if gaps().next().is_none() {
            continue;
        }
        let mut cells = ground.empty();
        for (from, end) in gaps() {
            ground.fill(
                &mut cells,
                *from,
                end.unwrap_or(ground.axis.to),
                '░',
                Role::Stale,
            );
        }
        lines.push(ground.line(
            &format!("{} away", backend.name),
            cells,
            "gap",
            (Role::Stale, Role::Stale),
        ));
    }
}

/// How many consumers of each region had reached the new version by when; a region for contrast.
fn versions(lines: &mut Vec<Line>, ground: &Ground<'_>, rotation: &Rotation) {
    let (Some(secret), Some(new)) = (&rotation.secret, &rotation.to_version) else {
        return;
    };
    let theirs = |region: &Option<Region>| {
        let regions = &ground.finding.regions;
        regions.is_empty()
            || region
                .as_ref()
                .is_some_and(|region| regions.contains(region))
    };
    let incident = &ground.desk.state.incident;
    let mut tallies = incident.tally(rotation).regions;
    tallies.sort_by_key(|region| (!theirs(&region.region), region.on_new == region.total));
    let split = tallies
        .iter()
        .filter(|region| theirs(&region.region))
        .count();
    let shown = tallies
        .iter()
        .enumerate()
        .filter(|(n, _)| *n < split.min(ROWS) || (split..=split).contains(n));
    let short = version(&new.to_string()).into_owned();
    for (n, region) in shown {
        // When each of them first worked with it; who went back is in the tally, not here.
        let mut reached: Vec<Timestamp> = incident
            .consumers(secret)
            .filter(|consumer| consumer.region == region.region)
            .filter_map(|consumer| consumer.reached.iter().find(|(version, _)| version == new))
            .map(|(_, at)| *at)
            .collect();
        reached.sort_unstable();
        let columns = ground.axis.columns;
        let cells = (0..columns).map(|column| {
            let end = if column + 1 == columns {
                ground.axis.to
            } else {
                ground.axis.start(column + 1)
            };
            let many = reached.partition_point(|at| *at <= end);
            cell(many, region.total)
        });
        let place = region
            .region
            .as_ref()
            .map_or_else(|| "region ?".to_owned(), ToString::to_string);
        let note = format!("{}/{}", region.on_new, region.total);
        let contrast = n >= split;
        let roles = if contrast {
            (Role::Dim, Role::Dim)
        } else {
            (Role::Text, Role::Strong)
        };
        lines.push(ground.line(
            &format!("{place} on {short}"),
            cells.collect(),
            &note,
            roles,
        ));
    }
}

/// A share of consumers as a bar.
fn cell(many: usize, of: usize) -> (char, Role) {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let level = (many.min(of) * 7).checked_div(of).unwrap_or(0);
    let role = if many >= of { Role::Ok } else { Role::Chart };
    (LEVELS.get(level).copied().unwrap_or('█'), role)
}

/// How far back the entries reach that the services' caches still answer with.
fn caches(lines: &mut Vec<Line>, ground: &Ground<'_>) {
    let mut caches: Vec<_> = ground
        .desk
        .state
        .incident
        .caches()
        .filter(|cache| {
            concerns(
                ground.finding,
                &cache.sample.service,
                cache.sample.region.as_ref(),
            )
        })
        .filter_map(|cache| Some((cache, cache.sample.oldest_entry_seconds?)))
        .collect();
    caches.sort_by_key(|(_, oldest)| std::cmp::Reverse(*oldest));
    for (cache, oldest) in caches.into_iter().take(ROWS) {
        let age = Span::seconds(i64::try_from(oldest.0).unwrap_or(i64::MAX));
        let mut cells = ground.empty();
        ground.fill(&mut cells, cache.at - age, cache.at, '▒', Role::Warn);
        let place = cache
            .sample
            .region
            .as_ref()
            .map_or_else(|| cache.sample.service.to_string(), ToString::to_string);
        let note = format!("oldest {}", span(age));
        lines.push(ground.line(
            &format!("{place} cache holds"),
            cells,
            &note,
            (Role::Text, Role::Warn),
        ));
    }
}

/// Who is refused, and who is not; gives the share at the top of the charts.
fn symptoms(lines: &mut Vec<Line>, ground: &Ground<'_>) -> Option<f64> {
    let finding = ground.finding;
    let incident = &ground.desk.state.incident;
    let suffers = |series: &AuthSeries| concerns(finding, &series.service, series.region.as_ref());
    let mut series: Vec<&AuthSeries> = incident.auth().filter(|series| suffers(series)).collect();
    let bad = |series: &AuthSeries| -> u64 {
        let seen = series
            .windows
            .iter()
            .rev()
            .take_while(|w| w.end > ground.axis.from);
        seen.fold(0, |sum, window| sum.saturating_add(window.failed()))
    };
    series.sort_by_key(|series| std::cmp::Reverse(bad(series)));
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

/// Other signals of the services, where anything went wrong in them.
fn signals(lines: &mut Vec<Line>, ground: &Ground<'_>) {
    let signals = ground.desk.state.incident.signals().filter(|signal| {
        concerns(ground.finding, &signal.service, signal.region.as_ref())
            && signal
                .windows
                .iter()
                .rev()
                .take_while(|w| w.end > ground.axis.from)
                .any(|w| w.bad > 0)
    });
    for signal in signals.take(ROWS) {
        let points = || signal.windows.iter().rev().map(point);
        let place = signal
            .region
            .as_ref()
            .unwrap_or(&Region::from(""))
            .to_string();
        let name = format!("{} fails {} {place}", signal.signal, signal.service);
        let cells = chart_cells(ground.axis, points(), (top(points(), ground.axis), None));
        let last = signal.windows.last();
        let note = share(last.and_then(|window| portion(window.bad, window.total)));
        lines.push(ground.line(name.trim_end(), cells, &note, (Role::Text, Role::Text)));
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

fn point(window: &CountWindow) -> Point {
    Point {
        end: window.end,
        length: window.length,
        total: window.total,
        bad: window.bad,
    }
}

/// The highest share within the axis, at least 1 %.
fn top(points: impl Iterator<Item = Point>, axis: Axis) -> f64 {
    points
        .take_while(|point| point.end > axis.from)
        .filter_map(|point| portion(point.bad, point.total))
        .fold(0.01, f64::max)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
fn portion(bad: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| bad as f64 / total as f64)
}
