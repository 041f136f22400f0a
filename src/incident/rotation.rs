//! Rotations: what was told under each id, which ids are one rotation, and which comes after
//! which.
//!
//! 1. Ids of one secret stand in a line, by their first event, then by alphabet.
//! 2. Ids that bring the same version and stand within [`ALIAS_WITHIN`] of each other are one
//!    rotation, unless one source told both: a source that makes two ids means two rotations.
//! 3. The first of them names it, the others are its aliases.
//! 4. The next rotation in the line supersedes it.
//!
//! All of it is a function of what is known, never of the order in which it came to be known;
//! after an event only the neighbourhood that it can have changed is decided again.

use std::sync::{Arc, OnceLock};

use super::merge;
use super::store::{Row, Store, Words};
use super::told::Told;
use super::view::{ALIAS_WITHIN, EventRef, Rotation, Step, StepKind};
use crate::model::{Data, Event, RotationId, SecretPath, Source, Timestamp, Version};

/// All rotations.
#[derive(Clone, Debug, Default)]
pub(super) struct Rotations {
    told: Store<Told, 1>,
    lines: Store<Line, 1>,
    count: usize,
}

/// The ids of one secret in order.
#[derive(Clone, Debug)]
struct Line {
    secret: SecretPath,
    places: Vec<Place>,
}

/// One id's place in its secret's line, with all that decides which ids are one.
#[derive(Clone, Debug)]
struct Place {
    at: Timestamp,
    id: RotationId,
    row: u32,
    version: Option<Version>,
    source: Source,
    canon: u32,
}

/// Which ids are which rotation may have changed among those of these secrets, and with it what
/// an act belongs to.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved {
    pub(super) from: Option<SecretPath>,
    pub(super) to: Option<SecretPath>,
}

impl Row<1> for Line {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.secret.raw())]
    }
}

impl Place {
    fn order(&self) -> (Timestamp, &RotationId) {
        (self.at, &self.id)
    }

    fn is_canon(&self) -> bool {
        self.row == self.canon
    }
}

impl Rotations {
    /// Takes an event of a rotation in.
    pub(super) fn apply(&mut self, event: &Event, id: &RotationId) -> Option<Moved> {
        let what = step_kind(event)?;
        let row = self.row(id);
        let told = self.told.at_mut(row)?;
        let is_new = told.first.is_none();
        let (is_first, step) = told.step(EventRef::of(event), what);
        match &event.data {
            Data::RotationStarted(data) => told.started(&step, data),
            Data::RotationStage(data) => told.stage(&step, data),
            Data::RotationGrace(data) => told.grace(&step, data),
            Data::RotationFinished(data) => {
                told.finished(&step, &data.outcome, data.reason.as_ref());
            }
            _ => {}
        }
        self.count += usize::from(is_new);
        // Nothing else decides where an id stands.
        let may_move = is_first || matches!(event.data, Data::RotationStarted(_));
        let moved = if may_move { self.settle(row) } else { None };
        self.look_again(row);
        moved.or(is_new.then(Moved::default))
    }

    /// Notes a version that came up under a rotation's id in somebody else's event.
    pub(super) fn candidate(
        &mut self,
        event: &Event,
        id: &RotationId,
        version: &Version,
    ) -> Option<Moved> {
        let row = self.row(id);
        if self.told.at(row).is_none_or(Told::names_its_version) {
            return None;
        }
        let told = self.told.at_mut(row)?;
        if !told.candidate(&EventRef::of(event), version) || told.first.is_none() {
            return None;
        }
        let moved = self.settle(row);
        self.look_again(row);
        moved
    }

    fn row(&mut self, id: &RotationId) -> u32 {
        let next = u32::try_from(self.told.len()).unwrap_or(u32::MAX);
        self.told
            .place([Some(id.raw())], || Told::new(id.clone(), next))
    }

    /// Puts an id where it belongs in its secret's line.
    fn settle(&mut self, row: u32) -> Option<Moved> {
        let told = self.told.at(row)?;
        let first = told.first.as_ref()?;
        let wanted = told.secret().map(|secret| {
            let place = Place {
                at: first.time,
                id: told.id.clone(),
                row,
                version: told.to_version().cloned(),
                source: first.source.clone(),
                canon: row,
            };
            (secret.clone(), place)
        });
        let stands = told.stands.clone();
        if let (Some((secret, at)), Some((want, place))) = (&stands, &wanted)
            && secret == want
            && *at == place.at
            && self
                .held(secret, place)
                .is_some_and(|held| held.version == place.version && held.source == place.source)
        {
            return None;
        }
        let moved = Moved {
            from: stands.as_ref().map(|(secret, _)| secret.clone()),
            to: wanted.as_ref().map(|(secret, _)| secret.clone()),
        };
        let id = told.id.clone();
        if let Some((secret, at)) = stands {
            self.leave(&secret, at, &id);
        }
        let stands = wanted
            .as_ref()
            .map(|(secret, place)| (secret.clone(), place.at));
        if let Some(told) = self.told.at_mut(row) {
            told.stands = stands;
        }
        if let Some((secret, place)) = wanted {
            self.enter(&secret, place);
        }
        Some(moved)
    }

    fn held(&self, secret: &SecretPath, place: &Place) -> Option<&Place> {
        let line = self.lines.get([Some(secret.raw())])?;
        let at = line
            .places
            .binary_search_by(|p| p.order().cmp(&place.order()));
        line.places.get(at.ok()?)
    }

    fn leave(&mut self, secret: &SecretPath, at: Timestamp, id: &RotationId) {
        let Some(row) = self.lines.find([Some(secret.raw())]) else {
            return;
        };
        let Some(line) = self.lines.at_mut(row) else {
            return;
        };
        let Ok(place) = line.places.binary_search_by(|p| p.order().cmp(&(at, id))) else {
            return;
        };
        let gone = line.places.remove(place);
        self.regroup(row, place, gone.at, gone.version.as_ref());
    }

    fn enter(&mut self, secret: &SecretPath, place: Place) {
        let row = self.lines.place([Some(secret.raw())], || Line {
            secret: secret.clone(),
            places: Vec::new(),
        });
        let Some(line) = self.lines.at_mut(row) else {
            return;
        };
        let (Ok(at) | Err(at)) = line
            .places
            .binary_search_by(|p| p.order().cmp(&place.order()));
        let (time, version, told) = (place.at, place.version.clone(), place.row);
        line.places.insert(at, place);
        self.name(told, told, Vec::new());
        self.regroup(row, at, time, version.as_ref());
    }

    /// Decides again which ids are one among those that a change at `at` can have touched: the
    /// unbroken run of places with this version around it.
    fn regroup(&mut self, line: u32, at: usize, time: Timestamp, version: Option<&Version>) {
        let Some(places) = self.lines.at(line).map(|line| &line.places) else {
            return;
        };
        let run = match version {
            Some(version) => run(places, at, time, version),
            None => Vec::new(),
        };
        let groups = group(places, &run);
        let from = run.first().copied().unwrap_or(at).min(at);
        let until = run.last().copied().unwrap_or(at).max(at);
        for (canon, members) in groups {
            let rows: Vec<u32> = members
                .iter()
                .filter_map(|at| self.place(line, *at).map(|place| place.row))
                .collect();
            let Some(shown) = self.place(line, canon).map(|place| place.row) else {
                continue;
            };
            for (at, row) in members.iter().zip(&rows) {
                self.point(line, *at, shown);
                let own = *row == shown && rows.len() > 1;
                self.name(*row, shown, if own { rows.clone() } else { Vec::new() });
            }
        }
        self.look_again_between(line, from, until);
    }

    fn place(&self, line: u32, at: usize) -> Option<&Place> {
        self.lines.at(line)?.places.get(at)
    }

    /// Notes in a place which row is shown for it.
    fn point(&mut self, line: u32, at: usize, shown: u32) {
        if self
            .place(line, at)
            .is_some_and(|place| place.canon != shown)
            && let Some(line) = self.lines.at_mut(line)
            && let Some(place) = line.places.get_mut(at)
        {
            place.canon = shown;
        }
    }

    /// Sets the id under which a row is shown.
    fn name(&mut self, row: u32, canon: u32, members: Vec<u32>) {
        let Some(told) = self.told.at(row) else {
            return;
        };
        if told.canon == canon && told.members == members {
            return;
        }
        let (was, is) = (told.canon == row, canon == row);
        self.count = self.count + usize::from(is) - usize::from(was);
        if let Some(told) = self.told.at_mut(row) {
            told.canon = canon;
            told.members = members;
            told.view = OnceLock::new();
        }
    }

    /// Forgets what is shown of the rotations between two places, and of the one before them:
    /// what supersedes it may have changed.
    fn look_again_between(&mut self, line: u32, from: usize, until: usize) {
        let Some(places) = self.lines.at(line).map(|line| &line.places) else {
            return;
        };
        let before = places.iter().take(from).rev().find(|p| p.is_canon());
        let between = places.iter().take(until + 1).skip(from);
        let rows: Vec<u32> = before
            .into_iter()
            .chain(between.filter(|p| p.is_canon()))
            .map(|p| p.row)
            .collect();
        for row in rows {
            self.look_again(row);
        }
    }

    /// Forgets what is shown of the rotation that this row belongs to. The row is parted from
    /// its clones even where nothing was shown yet, since what they show is no longer the same.
    pub(super) fn look_again(&mut self, row: u32) {
        let Some(canon) = self.told.at(row).map(|told| told.canon) else {
            return;
        };
        if let Some(told) = self.told.at_mut(canon) {
            told.view = OnceLock::new();
        }
    }

    /// How many rotations there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The rows that are shown, in order of their ids.
    pub(super) fn canons(&self) -> impl Iterator<Item = &Told> {
        let rows = self.told.rows();
        let shown = rows.filter(|(row, told)| told.canon == *row && told.first.is_some());
        shown.map(|(_, told)| told)
    }

    /// The row under this id, and the row of the rotation that it names.
    pub(super) fn by_id(&self, id: &str) -> Option<u32> {
        let row = self.told.find([Some(id)])?;
        self.told.at(row)?.first.as_ref()?;
        Some(row)
    }

    /// The rotation of a secret that was the latest at a moment, else its first.
    pub(super) fn of_secret(&self, secret: &str, at: Timestamp) -> Option<u32> {
        let places = &self.lines.get([Some(secret)])?.places;
        let mut canons = places.iter().filter(|p| p.is_canon());
        let first = canons.clone().next();
        let latest = canons.rfind(|p| p.at <= at);
        latest.or(first).map(|p| p.row)
    }

    /// The rotations of a secret in its line, each once.
    pub(super) fn in_line(&self, secret: &SecretPath) -> impl DoubleEndedIterator<Item = &Told> {
        let line = self.lines.get([Some(secret.raw())]);
        let places = line.into_iter().flat_map(|line| &line.places);
        let canons = places.filter(|place| place.is_canon());
        canons.filter_map(|place| self.told.at(place.row))
    }

    /// Where what is known of a secret's rotations lies in memory.
    pub(super) fn places(&self, secret: &SecretPath) -> impl Iterator<Item = usize> {
        let line = self.lines.get([Some(secret.raw())]);
        let told = line.into_iter().flat_map(|line| &line.places);
        let told = told.filter_map(|place| self.told.at(place.row));
        let line = line.map(|line| std::ptr::from_ref(line).addr());
        line.into_iter()
            .chain(told.map(|told| std::ptr::from_ref(told).addr()))
    }

    /// Every secret that a rotation is of, by name.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretPath> {
        let lines = self.lines.iter().filter(|line| !line.places.is_empty());
        lines.map(|line| &line.secret)
    }

    /// What was told under a row's id.
    pub(super) fn told(&self, row: u32) -> Option<&Told> {
        self.told.at(row)
    }

    /// What is shown of the rotation whose shown id this is; `acts` gives the steps of its acts.
    pub(super) fn show<'a>(
        &'a self,
        told: &'a Told,
        acts: impl FnOnce(u32) -> Vec<Arc<Step>>,
    ) -> &'a Rotation {
        told.view.get_or_init(|| {
            let acts = acts(told.canon);
            let superseded = self.superseded_by(told);
            let others: Vec<&Told> = told
                .members
                .iter()
                .filter(|row| **row != told.canon)
                .filter_map(|row| self.told.at(*row))
                .collect();
            if others.is_empty() {
                return Arc::new(merge::show(told, Vec::new(), superseded, &acts));
            }
            let mut joined = told.clone();
            for other in &others {
                joined.join(other);
            }
            let aliases = others.iter().map(|other| other.id.clone()).collect();
            Arc::new(merge::show(&joined, aliases, superseded, &acts))
        })
    }

    fn superseded_by(&self, told: &Told) -> Option<RotationId> {
        let (secret, at) = told.stands.as_ref()?;
        let places = &self.lines.get([Some(secret.raw())])?.places;
        let (Ok(place) | Err(place)) = places.binary_search_by(|p| p.order().cmp(&(*at, &told.id)));
        let mut later = places.iter().skip(place + 1);
        later.find(|p| p.is_canon()).map(|p| p.id.clone())
    }
}

/// The places with this version that hang together around `at`, each within [`ALIAS_WITHIN`] of
/// the next.
fn run(places: &[Place], at: usize, time: Timestamp, version: &Version) -> Vec<usize> {
    let is = |place: &Place| place.version.as_ref() == Some(version);
    let mut run = Vec::new();
    let mut edge = time;
    for (index, place) in places.iter().enumerate().take(at).rev() {
        if place.at < edge - ALIAS_WITHIN {
            break;
        }
        if is(place) {
            edge = place.at;
            run.push(index);
        }
    }
    run.reverse();
    edge = time;
    for (index, place) in places.iter().enumerate().skip(at) {
        if place.at > edge + ALIAS_WITHIN {
            break;
        }
        if is(place) {
            edge = place.at;
            run.push(index);
        }
    }
    run
}

/// Splits a run into rotations: each place joins the earliest rotation near it that its source
/// has not told of yet. Gives the place that names each, and all of its places.
fn group(places: &[Place], run: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in run {
        let Some(place) = places.get(*index) else {
            continue;
        };
        let fits = groups.iter_mut().find(|(_, members)| {
            let near = members.last().and_then(|m| places.get(*m));
            near.is_some_and(|near| place.at.since(near.at) <= ALIAS_WITHIN)
                && members
                    .iter()
                    .filter_map(|m| places.get(*m))
                    .all(|m| m.source != place.source)
        });
        match fits {
            Some((_, members)) => members.push(*index),
            None => groups.push((*index, vec![*index])),
        }
    }
    groups
}

fn step_kind(event: &Event) -> Option<StepKind> {
    Some(match &event.data {
        Data::RotationStarted(_) => StepKind::Started,
        Data::RotationStage(data) => StepKind::Stage {
            stage: data.stage.clone(),
            status: data.status.clone(),
            attempt: data.attempt.unwrap_or(1),
            region: data.region.clone(),
            wave: data.wave,
            error: data.error.clone(),
        },
        Data::RotationGrace(data) => StepKind::Grace {
            ends_at: data.ends_at,
            by: data.by.clone(),
        },
        Data::RotationFinished(data) => StepKind::Finished {
            outcome: data.outcome.clone(),
            reason: data.reason.clone(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::incident::testing::{event, fold, id, of, stage, started};
    use serde_json::json;

    #[test]
    fn a_clone_shows_what_it_knew_whoever_looks_first() {
        let mut incident = fold(&[started("r1", 0, "db", Some("8"))]);
        let before = incident.clone();
        incident.apply(&started("r2", 900, "db", Some("9")));
        let after = |of: &super::super::Incident| {
            let rotation = of.rotation(&id("r1")).unwrap();
            rotation.superseded_by.clone()
        };
        assert_eq!(after(&incident), Some(id("r2")));
        assert_eq!(after(&before), None);
    }

    #[test]
    fn what_was_looked_at_is_looked_at_anew_after_each_word() {
        let mut incident = fold(&[started("r1", 0, "db", Some("8"))]);
        assert_eq!(incident.rotations().next().unwrap().timeline.len(), 1);
        incident.apply(&stage("r1", 5, "store", "completed"));
        assert_eq!(incident.rotations().next().unwrap().timeline.len(), 2);
    }

    #[test]
    fn a_word_under_an_alias_is_a_word_about_the_rotation() {
        let told = |seconds, kind: &str, data| {
            let name = format!("{seconds}");
            of("st-1", event("/vault", &name, seconds, kind, &data))
        };
        let mut incident = fold(&[
            started("rot-9", 0, "db", Some("8")),
            told(
                60,
                "rotation.started",
                json!({"secret": "db", "to_version": "8", "by": "m"}),
            ),
        ]);
        assert_eq!(incident.rotations().count(), 1);
        let revoked = json!({"stage": "revoke", "status": "completed"});
        incident.apply(&told(70, "rotation.stage", revoked));
        let rotation = incident.rotation(&id("rot-9")).unwrap();
        assert!(rotation.revoked_at.is_some());
        assert_eq!(rotation.by.as_ref().unwrap().raw(), "m");
        assert_eq!(rotation.timeline.len(), 3);
    }

    #[test]
    fn a_revocation_that_was_taken_back_is_none() {
        let mut incident = fold(&[
            started("r1", 0, "db", Some("8")),
            stage("r1", 5, "revoke", "completed"),
        ]);
        assert!(incident.rotation(&id("r1")).unwrap().revoked_at.is_some());
        incident.apply(&stage("r1", 9, "revoke", "skipped"));
        assert_eq!(incident.rotation(&id("r1")).unwrap().revoked_at, None);
    }

    #[test]
    fn aliases_reach_from_one_to_the_next() {
        let told = |source: &str, name: &str, seconds| {
            let data = json!({"secret": "db", "to_version": "8"});
            of(
                name,
                event(source, name, seconds, "rotation.started", &data),
            )
        };
        let mut events = vec![told("/a", "a", 0), told("/c", "c", 1100)];
        let incident = fold(&events);
        assert_eq!(incident.rotation_count(), 2);
        events.push(told("/b", "b", 550));
        let incident = fold(&events);
        assert_eq!(incident.rotation_count(), 1);
        let rotation = incident.rotation(&id("c")).unwrap();
        assert_eq!(rotation.id, id("a"));
        assert_eq!(rotation.aliases, [id("b"), id("c")]);
    }
}
