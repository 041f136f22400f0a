//! Responders' acts, by idempotency key, and the rotations that they belong to.

use std::sync::Arc;

use super::store::{Row, Store, Words};
use super::told::insert_step;
use super::view::{Act, EventRef, Step, StepKind};
use crate::model::event::Action;
use crate::model::{RotationId, Timestamp};

/// All acts.
#[derive(Clone, Debug, Default)]
pub(super) struct Acts {
    rows: Store<Told, 1>,
}

#[derive(Clone, Debug)]
struct Told {
    view: Act,
    event: EventRef,
    /// The rotation that the latest event which named one named.
    named: Option<(EventRef, RotationId)>,
    steps: Vec<Arc<Step>>,
    /// The row of the rotation it belongs to.
    of: Option<u32>,
}

impl Row<1> for Told {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.view.action.idempotency_key.raw())]
    }
}

/// What decides which rotation an act belongs to.
pub(super) struct Belongs<'a> {
    /// The rotation's id, where told.
    pub(super) named: Option<&'a RotationId>,
    /// What it was done on: an id or a secret.
    pub(super) target: &'a str,
    /// When it was first told of.
    pub(super) at: Timestamp,
}

impl Acts {
    /// Takes a phase of an act in; gives its row.
    pub(super) fn told(
        &mut self,
        event: EventRef,
        named: Option<&RotationId>,
        action: &Action,
    ) -> u32 {
        let at = self
            .rows
            .place([Some(action.idempotency_key.raw())], || Told {
                view: Act {
                    first_at: event.time,
                    at: event.time,
                    rotation: None,
                    action: action.clone(),
                },
                event: event.clone(),
                named: None,
                steps: Vec::new(),
                of: None,
            });
        let Some(row) = self.rows.at_mut(at) else {
            return at;
        };
        row.view.first_at = row.view.first_at.min(event.time);
        if let Some(named) = named
            && row.named.as_ref().is_none_or(|(held, _)| *held < event)
        {
            row.named = Some((event.clone(), named.clone()));
        }
        if row.event < event {
            row.view.at = event.time;
            row.view.action = action.clone();
            row.event = event.clone();
        }
        let step = Arc::new(Step {
            event,
            what: StepKind::Act {
                action: action.action.clone(),
                phase: action.phase.clone(),
                actor: action.actor.clone(),
                signed: action.signed,
                approved_by: action.approved_by.clone(),
            },
        });
        insert_step(&mut row.steps, &step);
        at
    }

    /// True before the first.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// What decides which rotation an act belongs to.
    pub(super) fn belongs(&self, at: u32) -> Option<Belongs<'_>> {
        let row = self.rows.at(at)?;
        Some(Belongs {
            named: row.named.as_ref().map(|(_, id)| id),
            target: row.view.action.target.raw(),
            at: row.view.first_at,
        })
    }

    /// Sets the rotation that an act belongs to: its row, and the id to show. Gives the row that
    /// stood there before.
    pub(super) fn join(&mut self, at: u32, of: Option<u32>, id: Option<RotationId>) -> Option<u32> {
        let held = self.rows.at(at)?;
        let before = held.of;
        if (before != of || held.view.rotation != id)
            && let Some(row) = self.rows.at_mut(at)
        {
            row.of = of;
            row.view.rotation = id;
        }
        before
    }

    /// The rows of the acts that name this id or one of these secrets.
    pub(super) fn about(&self, id: &str, secrets: [Option<&str>; 2]) -> Vec<u32> {
        let count = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let names = |at: &u32| {
            self.belongs(*at).is_some_and(|b| {
                b.target == id
                    || secrets.contains(&Some(b.target))
                    || b.named.is_some_and(|named| named.raw() == id)
            })
        };
        (0..count).filter(names).collect()
    }

    /// The steps of the acts that belong to a rotation, as `is_of` says of their rows.
    pub(super) fn steps(&self, is_of: impl Fn(u32) -> bool) -> Vec<Arc<Step>> {
        self.rows
            .iter()
            .filter(|row| row.of.is_some_and(&is_of))
            .flat_map(|row| row.steps.iter().cloned())
            .collect()
    }

    /// Every act, by when it was first told of.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Act> {
        let mut acts: Vec<&Act> = self.rows.iter().map(|row| &row.view).collect();
        acts.sort_by_key(|act| act.first_at);
        acts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use crate::incident::testing::{at, event, fold_both_ways, id, of, started};
    use crate::incident::{Incident, StepKind};
    use crate::model::Event;
    use crate::model::event::ActionPhase;
    use serde_json::json;

    fn act(seconds: i64, phase: &str, target: &str) -> Event {
        let data = json!({"action": "extend-grace", "phase": phase, "actor": "mira",
            "target": target, "idempotency_key": target});
        event(
            "/session",
            &format!("{seconds}-{target}"),
            seconds,
            "action",
            &data,
        )
    }

    fn acts_of(incident: &Incident, name: &str) -> usize {
        let rotation = incident.rotation(&id(name)).unwrap();
        let steps = rotation.timeline.iter();
        steps
            .filter(|s| matches!(s.what, StepKind::Act { .. }))
            .count()
    }

    #[test]
    fn the_phases_of_an_act_are_one_act_and_each_a_step_of_its_rotation() {
        let events = [
            started("r1", 0, "db", Some("8")),
            of("r1", act(10, "intended", "db")),
            of("r1", act(12, "executed", "db")),
        ];
        let incident = fold_both_ways(&events);
        let act = incident.acts().next().unwrap();
        assert_eq!((act.first_at, act.at), (at(10), at(12)));
        assert_eq!(act.action.phase, ActionPhase::Executed);
        assert_eq!(act.rotation, Some(id("r1")));
        assert_eq!(incident.acts().count(), 1);
        assert_eq!(acts_of(&incident, "r1"), 2);
    }

    #[test]
    fn an_act_on_a_secret_belongs_to_its_rotation_at_that_time() {
        let events = [
            started("r1", 0, "db", Some("8")),
            started("r2", 100, "db", Some("9")),
            act(50, "executed", "db"),
            act(60, "executed", "r2"),
            act(70, "executed", "nothing"),
        ];
        let incident = fold_both_ways(&events);
        let of: Vec<_> = incident.acts().map(|act| act.rotation.clone()).collect();
        assert_eq!(of, [Some(id("r1")), Some(id("r2")), None]);
        assert_eq!((acts_of(&incident, "r1"), acts_of(&incident, "r2")), (1, 1));
    }
}
