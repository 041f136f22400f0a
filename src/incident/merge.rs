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
        cadence: start.cadence.get().copied(),
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
        cutover_at: cells(told, &Stage::Cutover)
            .filter_map(|cell| cell.done.as_ref())
            .map(|step| step.event.time)
            .max(),
        // A revocation that was taken back (the old version is accepted again) is told as skipped.
        revoked_at: cells(told, &Stage::Revoke)
            .filter(|cell| cell.status() != Some(&StageStatus::Skipped))
            .filter_map(|cell| cell.first_done_at)
            .min(),
        timeline: timeline(told, acts),
    }
}

fn cells<'a>(told: &'a Told, stage: &Stage) -> impl Iterator<Item = &'a Cell> + use<'a> {
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

#[cfg(test)]
mod tests {
    use crate::incident::Rotation;
    use crate::incident::testing::{at, engine, fold_both_ways, id, stage, stage_in, started};
    use crate::model::Event;
    use crate::model::event::{Outcome, Stage, StageStatus};
    use serde_json::json;

    fn rotation(events: &[Event]) -> Rotation {
        let incident = fold_both_ways(events);
        incident.rotations().next().unwrap().clone()
    }

    fn distribute(events: &[Event]) -> Option<StageStatus> {
        rotation(events).stages[3].status.clone()
    }

    #[test]
    fn failed_in_one_region_beats_completed_in_another() {
        let mut events = vec![
            stage("r1", 0, "distribute", "started"),
            stage_in("eu", 1, "distribute", "failed"),
            stage_in("us", 2, "distribute", "completed"),
        ];
        assert_eq!(distribute(&events), Some(StageStatus::Failed));
        events.push(stage("r1", 3, "distribute", "completed"));
        assert_eq!(distribute(&events), Some(StageStatus::Failed));
        events.push(stage_in("eu", 4, "distribute", "completed"));
        assert_eq!(distribute(&events), Some(StageStatus::Completed));
    }

    #[test]
    fn a_retry_of_the_whole_stage_puts_it_back_to_started() {
        let events = [
            stage_in("eu", 1, "distribute", "failed"),
            stage("r1", 3, "distribute", "started"),
        ];
        assert_eq!(distribute(&events), Some(StageStatus::Started));
    }

    #[test]
    fn what_still_goes_on_in_a_region_beats_what_is_done_in_another() {
        let events = [
            stage_in("eu", 1, "distribute", "started"),
            stage_in("us", 1, "distribute", "started"),
            stage_in("us", 2, "distribute", "completed"),
        ];
        assert_eq!(distribute(&events), Some(StageStatus::Started));
    }

    #[test]
    fn an_error_stands_until_its_region_succeeds() {
        let mut events = vec![
            stage_in("eu", 1, "distribute", "failed"),
            stage_in("us", 2, "distribute", "completed"),
        ];
        let error = |events: &[Event]| rotation(events).stages[3].error.clone();
        assert_eq!(error(&events).unwrap().raw(), "no route");
        events.push(stage_in("eu", 3, "distribute", "completed"));
        assert_eq!(error(&events), None);
    }

    #[test]
    fn a_stage_tells_its_highest_attempt_and_wave_and_when_it_first_began() {
        let told = |seconds, attempt, wave, status: &str| {
            let data = json!({"stage": "cutover", "status": status, "attempt": attempt,
                "wave": wave, "percent": seconds});
            engine("r1", seconds, "rotation.stage", &data)
        };
        let rotation = rotation(&[
            told(10, 1, 1, "started"),
            told(20, 3, 1, "started"),
            told(30, 2, 2, "completed"),
        ]);
        let view = &rotation.stages[5];
        assert_eq!(
            (view.attempt, view.wave, view.percent),
            (3, Some(2), Some(30.0))
        );
        assert_eq!((view.began_at, view.last_at), (Some(at(10)), Some(at(30))));
        assert_eq!(rotation.cutover_at, Some(at(30)));
    }

    #[test]
    fn a_rotation_may_be_known_first_by_a_stage() {
        let first = rotation(&[stage("r1", 5, "store", "completed")]);
        assert_eq!((first.secret, first.started_at), (None, at(5)));
        let then = rotation(&[
            stage("r1", 5, "store", "completed"),
            started("r1", 1, "db", Some("8")),
        ]);
        assert_eq!(then.secret.unwrap().raw(), "db");
        assert_eq!((then.started_at, then.last_at), (at(1), at(5)));
        assert!(then.audit_expected);
    }

    #[test]
    fn the_grace_clock_is_as_last_told() {
        let grace = |seconds, ends: i64, by: Option<i64>| {
            let data = json!({"ends_at": at(ends).to_string(), "extended_seconds": by,
                "reason": format!("{seconds}")});
            engine("r1", seconds, "rotation.grace", &data)
        };
        let rotation = rotation(&[
            started("r1", 0, "db", Some("8")),
            grace(1, 100, None),
            grace(2, 400, Some(300)),
            grace(3, 500, None),
        ]);
        let clock = rotation.grace.clone().unwrap();
        assert_eq!(clock.ends_at, at(500));
        assert_eq!(clock.extended.unwrap().as_seconds(), 300);
        assert_eq!(clock.reason.unwrap().raw(), "3");
        assert_eq!(rotation.point_of_no_return(), Some(at(500)));
    }

    #[test]
    fn it_is_superseded_by_the_next_rotation_of_its_secret() {
        let events = [
            started("r1", 0, "db", Some("8")),
            started("r2", 10, "db", Some("9")),
            started("r3", 20, "db", Some("10")),
            started("x", 5, "api", Some("9")),
        ];
        let incident = fold_both_ways(&events);
        let after = |name: &str| incident.rotation(&id(name)).unwrap().superseded_by.clone();
        assert_eq!(after("r1"), Some(id("r2")));
        assert_eq!(after("r2"), Some(id("r3")));
        assert_eq!((after("r3"), after("x")), (None, None));
    }

    #[test]
    fn it_ends_as_last_told_and_lists_what_was_told_in_order() {
        let end = json!({"outcome": "rolled_back", "reason": "health"});
        let mut events = vec![started("r1", 0, "db", Some("8"))];
        events.extend((1..150).map(|n| stage("r1", n, "store", "started")));
        events.push(engine("r1", 200, "rotation.finished", &end));
        let rotation = rotation(&events);
        let ended = rotation.ended.clone().unwrap();
        assert_eq!((ended.at, ended.outcome), (at(200), Outcome::RolledBack));
        assert_eq!(rotation.timeline.len(), 100);
        let times: Vec<_> = rotation.timeline.iter().map(|s| s.event.time).collect();
        assert!(times.is_sorted() && times.last() == Some(&at(200)));
        assert_eq!(rotation.stage().unwrap().0, Stage::Store);
        assert_eq!(rotation.started_at, at(0));
    }
}
