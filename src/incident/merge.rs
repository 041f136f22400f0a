//! How a rotation is shown: from all that was told under its ids to one [`Rotation`].

use std::sync::Arc;

use super::told::{Cell, STEPS_KEPT, Told, insert_step};
use super::view::{Ended, Grace, Rotation, StageView, Step, StepKind};
use crate::model::event::{NamedConsumer, Stage, StageStatus};
use crate::model::{RotationId, Timestamp};

/// The rotation as it is shown. `told` is all that was told, joined; `acts` are the steps of the
/// acts that belong to it.
pub(super) fn show(
    told: &Told,
    aliases: Vec<RotationId>,
    superseded_by: Option<RotationId>,
    acts: &[Arc<Step>],
) -> Rotation {
    let start = told.start.clone().unwrap_or_default();
    let no_names: Arc<[NamedConsumer]> = Arc::from([]);
    Rotation {
        id: told.id.clone(),
        aliases,
        secret: start.secret.get().cloned(),
        kind: start.kind.get().cloned(),
        from_version: start.from_version.get().cloned(),
        to_version: told.to_version().cloned(),
        trigger: start.trigger.get().cloned(),
        owner: start.owner.get().cloned(),
        tier: start.tier.get().cloned(),
        regions: start.regions.get().cloned().unwrap_or_default(),
        services: start.services.get().cloned().unwrap_or_default(),
        named: start.named.get().cloned().unwrap_or(no_names),
        grace_period: start.grace_period.get().copied(),
        dual_run: start.dual_run.get().copied(),
        planned: start.planned.get().copied(),
        canary_percent: start.canary_percent.get().copied(),
        audit_expected: start.audit_expected.get().copied().unwrap_or(true),
        by: start.by.get().cloned(),
        correlation: start.correlation.get().cloned(),
        started_at: told.first.as_ref().map(|e| e.time).unwrap_or_default(),
        last_at: told.last_at,
        stages: std::array::from_fn(|stage| stage_view(told, stage)),
        grace: grace(told),
        ended: told.finished.get().map(|(outcome, reason)| Ended {
            at: told.finished.at().unwrap_or_default(),
            outcome: outcome.clone(),
            reason: reason.clone(),
        }),
        superseded_by,
        cutover_at: cells(told, Stage::Cutover)
            .filter_map(|cell| cell.done.as_ref())
            .map(|step| step.event.time)
            .max(),
        revoked_at: cells(told, Stage::Revoke)
            .filter_map(|cell| cell.first_done_at)
            .min(),
        timeline: timeline(told, acts),
    }
}

fn cells(told: &Told, stage: Stage) -> impl Iterator<Item = &Cell> {
    let index = stage.index();
    told.cells
        .iter()
        .filter(move |cell| Some(cell.stage) == index)
}

fn grace(told: &Told) -> Option<Grace> {
    let last = told.grace.last.get()?;
    Some(Grace {
        ends_at: last.ends_at,
        extended: told.grace.extended.get().copied(),
        reason: last.reason.clone(),
        by: last.by.clone(),
    })
}

fn timeline(told: &Told, acts: &[Arc<Step>]) -> Vec<Step> {
    let mut steps = told.steps.clone();
    for act in acts {
        insert_step(&mut steps, act);
    }
    steps.truncate(STEPS_KEPT);
    steps.iter().map(|step| Step::clone(step)).collect()
}

fn stage_view(told: &Told, stage: usize) -> StageView {
    let cells: Vec<&Cell> = told.cells.iter().filter(|c| c.stage == stage).collect();
    let Some(newest) = newest(&cells) else {
        return StageView::default();
    };
    StageView {
        status: status(&cells, newest).cloned(),
        attempt: cells.iter().map(|c| c.attempt).max().unwrap_or(0),
        wave: cells.iter().filter_map(|c| c.wave).max(),
        percent: cells
            .iter()
            .filter(|c| c.percent.get().is_some())
            .max_by_key(|c| c.percent.at())
            .and_then(|c| c.percent.get().copied()),
        began_at: began(&cells),
        last_at: Some(newest.latest.event.time),
        error: error(&cells),
        regions: cells
            .iter()
            .filter_map(|c| Some((c.region.clone()?, c.status()?.clone())))
            .collect(),
    }
}

fn newest<'a>(cells: &[&'a Cell]) -> Option<&'a Cell> {
    cells.iter().copied().max_by_key(|c| &c.latest.event)
}

fn began(cells: &[&Cell]) -> Option<Timestamp> {
    let began = cells.iter().filter_map(|c| c.began_at).min();
    began.or_else(|| cells.iter().map(|c| c.first_at).min())
}

/// The latest error that no later success of the same region took back.
fn error(cells: &[&Cell]) -> Option<crate::model::Text> {
    let standing = cells.iter().filter_map(|cell| {
        let failed = cell.failed.as_ref()?;
        let healed = cell.done.as_ref().is_some_and(|d| d.event > failed.event);
        (!healed).then_some(failed)
    });
    let told = standing.filter_map(|step| match &step.what {
        StepKind::Stage { error, .. } => error.as_ref().map(|error| (&step.event, error)),
        _ => None,
    });
    told.max_by_key(|(event, _)| *event)
        .map(|(_, error)| error.clone())
}

/// How a stage stands as a whole:
/// 1. a word about the whole that came last and says that it begins anew, or is held, stands;
/// 2. else failed in any region is failed;
/// 3. else a word about the whole that came last stands;
/// 4. else what still goes on in a region stands, before what is done in another;
/// 5. else the latest word.
fn status<'a>(cells: &[&'a Cell], newest: &'a Cell) -> Option<&'a StageStatus> {
    let goes_on = |cell: &Cell| {
        matches!(
            cell.status(),
            Some(StageStatus::Started | StageStatus::Resumed | StageStatus::Paused)
        )
    };
    if newest.region.is_none() && goes_on(newest) {
        return newest.status();
    }
    let regions = || cells.iter().copied().filter(|c| c.region.is_some());
    let failed = regions().find(|c| c.status() == Some(&StageStatus::Failed));
    if let Some(failed) = failed {
        return failed.status();
    }
    if newest.region.is_none() {
        return newest.status();
    }
    let going: Vec<&Cell> = regions().filter(|c| goes_on(c)).collect();
    self::newest(&going).unwrap_or(newest).status()
}
