//! The explorer among the rest of the desk: what is asked for what is seen, and where its rows
//! lead in the incident.

use std::sync::Arc;

use crate::model::effect::{Effect, Effects};
use crate::model::{RotationId, SecretPath, Text};
use crate::query::page::{Page, PageRow};
use crate::query::{Field, edit};

use super::desk::{Desk, Screen};
use super::explorer::{Explorable, Leads, Name, Part, Places, places};
use super::fit::count;
use super::moving::Move;

impl Desk {
    /// Where everything stands on the explorer's screen.
    pub fn explorer_places(&self) -> Places {
        self.places_with(self.explorer.part)
    }

    fn places_with(&self, part: Part) -> Places {
        let footer = self.footer(self.area);
        places(&self.explorer, part, self.area, self.replay, footer)
    }

    /// How many rows are seen, or would be where another part stands in their place.
    fn explorer_lines(&self) -> usize {
        usize::from(self.places_with(Part::Rows).rows.height.max(1))
    }

    /// True where nothing is played and nothing is lived: the rows of files are all there is.
    pub fn has_rows_alone(&self) -> bool {
        let files = self.explorer.what == Explorable::Files;
        files && !self.replay && self.state.live.is_none()
    }

    /// Asks for what is seen next, where the explorer is shown; finds where its row leads.
    pub fn explore(&mut self) {
        if self.screen() != Screen::Explorer {
            return;
        }
        let lines = self.explorer_lines();
        let bars = usize::from(self.area.width.saturating_sub(2));
        self.explorer.plan(lines, bars);
        if self.explorer.detail {
            self.find_leads();
        }
    }

    /// Takes an answer of the archive in.
    pub fn take_page(&mut self, page: Page) -> Effects {
        let (found, rows) = (page.found, page.rows.len() as u64);
        let lines = self.explorer_lines();
        let Some(mut effect) = self.explorer.take(page, lines) else {
            return Effects::none();
        };
        if let Effect::Export { name, what, .. } = &mut effect {
            if rows < found {
                *what = format!("the first {} of {} rows", count(rows), count(found));
            }
            self.notice = Some(format!("Writing {what} to {name} …"));
        }
        Effects::one(effect)
    }

    /// Moves in the part of the explorer that keys go to.
    pub fn go_in_explorer(&mut self, by: Move) {
        let places = self.explorer_places();
        let lines = match self.explorer.part {
            Part::Rows => places.rows.height,
            Part::Facets => places.facets.height.saturating_sub(1),
            Part::Times => 1,
        };
        self.explorer.go(by, usize::from(lines));
    }

    /// Selects the row in a line of the screen; false where none stands there.
    pub fn select_explored(&mut self, line: u16) -> bool {
        let nth = self.explorer.top() + u64::from(line);
        let there = nth < self.explorer.page().found;
        if there {
            self.explorer.select(nth, self.explorer_lines());
        }
        there
    }

    /// Finds where the selected row leads, where that is not known yet.
    pub fn find_leads(&mut self) {
        let Some(row) = self.explorer.selected() else {
            self.explorer.leads = Leads::default();
            return;
        };
        let of = Some((Name::of(row), self.state.incident.generation()));
        if self.explorer.leads.of != of {
            let leads = self.leads_of(row);
            self.explorer.leads = Leads { of, ..leads };
        }
    }

    fn leads_of(&self, row: &PageRow) -> Leads {
        let incident = &self.state.incident;
        let named = |field| row.cell(field).map(Text::raw);
        let rotation = named(Field::Rotation).map(RotationId::from);
        let rotation = rotation.and_then(|id| incident.canonical(&id).cloned());
        let mut secret = named(Field::Secret).map(SecretPath::from);
        secret = secret.filter(|secret| incident.secrets().contains(&secret));
        let of_rotation = rotation.as_ref().and_then(|id| incident.secret_of(id));
        secret = secret.or_else(|| of_rotation.cloned());
        let actor = named(Field::Actor);
        let held = actor.and_then(|actor| self.held_by(actor, secret.as_ref()));
        let by_consumer = held.is_some();
        secret = secret.or(held);
        let of_secret = |secret: &SecretPath| {
            let last = incident.rotations_of(secret).next_back();
            last.map(|rotation| rotation.id.clone())
        };
        let rotation = rotation.or_else(|| secret.as_ref().and_then(of_secret));
        let of_rotation = rotation.as_ref().and_then(|id| self.digest.findings.of(id));
        let finding = of_rotation.map(|(finding, _)| Arc::clone(finding));
        let about = || {
            secret
                .as_ref()
                .and_then(|secret| self.about(secret))
                .cloned()
        };
        Leads {
            of: None,
            finding: finding.or_else(about),
            rotation,
            secret,
            by_consumer,
        }
    }

    /// The secret that somebody consumes: the given one, else the first by name.
    fn held_by(&self, actor: &str, secret: Option<&SecretPath>) -> Option<SecretPath> {
        let incident = &self.state.incident;
        let consumes = |secret: &&SecretPath| {
            let mut consumers = incident.consumers(secret);
            consumers.any(|consumer| {
                let mut names = consumer.identities.iter();
                consumer.name.raw() == actor || names.any(|name| name.raw() == actor)
            })
        };
        match secret {
            Some(secret) => Some(secret).filter(consumes).cloned(),
            None => incident.secrets().into_iter().find(consumes).cloned(),
        }
    }

    /// The filter for the rows of what is shown or selected; `None` where nothing is.
    pub fn rows_of_this(&self) -> Option<String> {
        if self.screen() == Screen::Explorer {
            let row = self.explorer.selected()?;
            let first = [Field::Rotation, Field::Secret, Field::Path, Field::Actor];
            return first.into_iter().find_map(|field| {
                let value = row.cell(field)?;
                Some(edit::term(field, value.raw()))
            });
        }
        let (rotation, secret) = match self.screen() {
            Screen::Inventory => (None, self.shelf.item().map(|item| item.secret.clone())),
            Screen::Secret => (None, self.shelf.opened().map(|item| item.secret.clone())),
            Screen::Why => {
                let finding = self.why.finding.as_ref()?;
                (finding.rotation.clone(), finding.secret.clone())
            }
            Screen::OnCall => (self.selected.clone(), None),
            _ => (self.opened().map(|rotation| rotation.id.clone()), None),
        };
        let told = |id: &RotationId| self.state.incident.secret_of(id).cloned();
        let secret = secret.or_else(|| rotation.as_ref().and_then(told));
        let rotation = rotation.map(|id| edit::term(Field::Rotation, id.raw()));
        let secret = secret.map(|secret| edit::term(Field::Secret, secret.raw()));
        match (rotation, secret) {
            (Some(rotation), Some(secret)) => Some(format!("{rotation} or {secret}")),
            (rotation, secret) => rotation.or(secret),
        }
    }
}
