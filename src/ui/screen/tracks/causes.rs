//! Causes: what the rotation did, where its version is, what caches still hold.

use super::{Ground, ROWS, point, portion, top};
use crate::diagnosis::Mode;
use crate::incident::{Rotation, StepKind};
use crate::model::event::{Stage, StageStatus};
use crate::model::replay::MarkKind;
use crate::model::{Region, Span, Timestamp};
use crate::ui::digest::blame::concerns;
use crate::ui::fit::{span, version};
use crate::ui::screen::pane::share;
use crate::ui::theme::Role;
use crate::ui::widget::{Line, chart_cells, letter};

/// The rows of what moved: what the rotation did, where its version is, what caches hold.
pub(super) fn add(lines: &mut Vec<Line>, ground: &Ground<'_>) {
    let Some(rotation) = ground.rotation else {
        return;
    };
    match ground.finding.mode {
        Mode::F2 => distributions(lines, ground, rotation),
        Mode::F3 => tries(lines, ground, rotation),
        Mode::F8 | Mode::F5 => trail(lines, ground, rotation),
        _ => {}
    }
    // Where there is little room, the marks on the axis say it.
    let moments = [
        ("cutover", Stage::Cutover, rotation.cutover_at),
        ("old version revoked", Stage::Revoke, rotation.revoked_at),
    ];
    for (name, stage, done) in moments.into_iter().filter(|_| !ground.is_narrow()) {
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
    if ground.finding.mode == Mode::F7 {
        caches(lines, ground);
    }
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
