//! What the cockpit has on the desk: the state, which screen and pane are shown, what is selected.
//! Commands act on it; screens are drawn from it.

use std::sync::Arc;

use ratatui::layout::Rect;

use crate::diagnosis::Finding;
use crate::incident::{EventRef, Rotation};
use crate::measure::alert::Owners;
use crate::model::{RotationId, Span, Text, Timestamp};

use super::digest::Digest;
use super::drag::Drag;
use super::explorer::Explorer;
use super::fit::{Clock, wrap};
use super::landing::Landing;
use super::layout::{self, Amounts, OnCall, Room};
use super::moving::moved;
use super::news::Read;
use super::opened::Opened;
use super::prompt::Prompt;
use super::question::Question;
use super::shelf::Shelf;
use super::state::State;

pub use super::moving::Move;

/// The lengths of time that the charts can show.
pub const RANGES: [Span; 6] = [
    Span::seconds(5 * 60),
    Span::seconds(15 * 60),
    Span::seconds(60 * 60),
    Span::seconds(3 * 3600),
    Span::seconds(12 * 3600),
    Span::seconds(48 * 3600),
];

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// What is going on.
    OnCall,
    /// All about one rotation.
    Detail,
    /// How one finding is known.
    Why,
    /// The event that the player stands on.
    Event,
    /// Who is woken.
    Alerts,
    /// Where the events come from, and what is missing.
    Backends,
    /// Every secret.
    Inventory,
    /// All about one secret.
    Secret,
    /// The rows of audit logs.
    Explorer,
    /// How long consumers took, what failed, what was audited: of one rotation.
    Debug,
    /// What a link leads to, while it is looked for and where it leads to nothing.
    Sought,
    /// What could not be read.
    Rejected,
    /// How it goes with the service levels, day by day.
    Executive,
    /// Every key.
    Help,
}

/// A pane of the on-call screen that can be scrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// What was found.
    Findings,
    /// The rotations.
    Rotations,
    /// Auth failures.
    Auth,
    /// Canaries.
    Canary,
    /// The audit stream.
    Audit,
}

/// The panes in the order of the tab key.
pub const PANES: [Pane; 5] = [
    Pane::Findings,
    Pane::Rotations,
    Pane::Auth,
    Pane::Canary,
    Pane::Audit,
];

/// What the cockpit has on the desk.
#[derive(Debug)]
pub struct Desk {
    /// What is looked at: a file, a folder, a fixture.
    pub title: Text,
    /// True where a recording is played.
    pub replay: bool,
    /// Who answers for what.
    pub owners: Owners,
    /// What is known.
    pub state: State,
    /// What the screens need of it.
    pub digest: Digest,
    /// True shows the user's zone, false UTC.
    pub local: bool,
    /// True shows moments where ages would stand.
    pub absolute: bool,
    /// Which of [`RANGES`] the charts show.
    pub range: usize,
    /// The size of the screen.
    pub area: Rect,
    /// The screens gone through; the last is shown, the first is home: on-call, or the explorer
    /// where there is nothing else.
    pub screens: Vec<Screen>,
    /// The focused pane of the on-call screen.
    pub pane: Pane,
    /// The selected rotation.
    pub selected: Option<RotationId>,
    /// The rotation that a person has selected. Until then, and while the recording stands before
    /// it began, the worst is selected, whichever it is.
    pub chosen: Option<RotationId>,
    /// Its row.
    pub row: usize,
    /// The first row that is seen.
    pub top: usize,
    /// How far the panes are scrolled: auth, canary, audit, findings.
    pub scrolls: [usize; 4],
    /// The selected finding, by its place in the list.
    pub pointed: usize,
    /// The finding whose screen was opened.
    pub why: Opened,
    /// The event that was asked for, until the player stands on it.
    pub going: Option<EventRef>,
    /// How far the list of a whole screen is scrolled.
    pub scroll: usize,
    /// How many lines that list has.
    pub lines: usize,
    /// What is asked for.
    pub prompt: Option<Prompt>,
    /// What a link names.
    pub sought: Option<Landing>,
    /// The same until all is known and what the link means can be opened.
    pub coming: Option<Landing>,
    /// The inventory.
    pub shelf: Shelf,
    /// The explorer.
    pub explorer: Explorer,
    /// The question before an act.
    pub question: Option<Question>,
    /// What of each act has been read.
    pub read: Read,
    /// Where the mouse was pressed last, until a moment has passed: a double click is one click.
    pub clicked: Option<(u16, u16)>,
    /// The replay bar, while it is dragged.
    pub drag: Option<Drag>,
    /// The keys that go back to now from the past of what happens now.
    pub keys_to_now: String,
    /// The last words that were looked for.
    pub found: String,
    /// What is wrong with the settings, the keymap or the theme, until it is mended.
    pub wrong: Vec<String>,
    /// A word to the person, until the next key.
    pub notice: Option<String>,
}

impl Desk {
    /// An empty desk.
    pub fn new(title: Text, replay: bool) -> Self {
        Self {
            title,
            replay,
            owners: Owners::default(),
            state: State::default(),
            digest: Digest::default(),
            local: false,
            absolute: false,
            range: 1,
            area: Rect::new(0, 0, 80, 24),
            screens: vec![Screen::OnCall],
            pane: Pane::Rotations,
            selected: None,
            chosen: None,
            row: 0,
            top: 0,
            scrolls: [0; 4],
            pointed: 0,
            why: Opened::default(),
            going: None,
            scroll: 0,
            lines: 0,
            prompt: None,
            sought: None,
            coming: None,
            shelf: Shelf::default(),
            explorer: Explorer::default(),
            question: None,
            read: Read::default(),
            clicked: None,
            drag: None,
            keys_to_now: String::new(),
            found: String::new(),
            wrong: Vec::new(),
            notice: None,
        }
    }

    /// The screen that is shown.
    pub fn screen(&self) -> Screen {
        self.screens.last().copied().unwrap_or(Screen::OnCall)
    }

    /// How moments are shown.
    pub fn clock(&self) -> Clock {
        Clock {
            offset: self.local.then_some(self.state.local_offset_seconds),
            absolute: self.absolute,
        }
    }

    /// The latest moment known.
    pub fn now(&self) -> Option<Timestamp> {
        self.state.incident.now()
    }

    /// The selected rotation.
    pub fn rotation(&self) -> Option<&Rotation> {
        self.state.incident.rotation(self.selected.as_ref()?)
    }

    /// The rotation that its own screen is about: the chosen one. `None` too while the recording
    /// stands before it began; another must not take its place under the eyes of a person.
    pub fn opened(&self) -> Option<&Rotation> {
        let id = self.chosen.as_ref().or(self.selected.as_ref())?;
        self.state.incident.rotation(id)
    }

    /// The length of time that the charts show.
    pub fn span(&self) -> Span {
        RANGES
            .get(self.range)
            .copied()
            .unwrap_or(Span::seconds(900))
    }

    /// Where everything stands on the on-call screen.
    pub fn on_call(&self) -> OnCall {
        self.on_call_in(self.area)
    }

    /// Where everything stands on an on-call screen of another size.
    pub fn on_call_in(&self, area: Rect) -> OnCall {
        layout::on_call(
            area,
            Amounts {
                headline: self.headline_lines(area),
                findings: self.digest.findings.len(),
                rotations: self.digest.len(),
                auth: self.digest.auth.len(),
                canaries: self.digest.canaries.len(),
                replay: self.replay,
                footer: self.footer(area),
            },
        )
    }

    /// How many lines the headline of a finding fills: its sentence, its facts, the acts.
    fn headline_lines(&self, area: Rect) -> usize {
        let headline = &self.digest.headline;
        let Some(finding) = &headline.finding else {
            return 0;
        };
        let small = layout::room(area) == Some(Room::Small);
        let sentence = match &headline.short {
            Some(short) if small => short,
            _ => &headline.sentence,
        };
        let columns = usize::from(area.width.saturating_sub(2));
        let acts = self.offered(finding).len();
        let acts = if small { acts.min(2) } else { acts.min(1) };
        wrap(sentence, columns, 3).len() + 1 + acts
    }

    /// How many rows a pane has below its rule.
    fn page(&self, pane: Pane) -> usize {
        let layout = self.on_call();
        let area = match pane {
            Pane::Findings => layout.findings,
            Pane::Rotations => layout.rotations,
            Pane::Auth => layout.auth,
            Pane::Canary => layout.canary,
            Pane::Audit => layout.audit,
        };
        usize::from(area.height.saturating_sub(1))
    }

    /// Opens a screen over the one that is shown; an open one comes to the front.
    pub fn open(&mut self, screen: Screen) {
        if self.screen() == screen {
            return;
        }
        let home = self.screens.first().copied();
        self.screens
            .retain(|open| *open != screen || home == Some(screen));
        if home == Some(screen) {
            self.screens.truncate(1);
        } else {
            self.screens.push(screen);
        }
        self.scroll = 0;
    }

    /// Goes back one screen; on the first one nothing happens.
    pub fn back(&mut self) {
        if self.screens.len() > 1 {
            self.screens.pop();
            self.scroll = 0;
        }
    }

    /// Takes a new state in. The selected rotation keeps its line on the screen, wherever the
    /// order takes it.
    pub fn take_state(&mut self, state: State) {
        let pointed = self.digest.findings.get(self.pointed).cloned();
        let before = std::mem::replace(&mut self.state, state);
        self.digest.refresh(&self.state, &before);
        self.follow_findings(pointed.as_deref());
        let moved = before.player.position != self.state.player.position;
        if moved {
            self.going = None;
        }
        let line = self.row.saturating_sub(self.top);
        let row = match &self.chosen {
            Some(id) if self.digest.id(self.row) == Some(id) => Some(self.row),
            Some(id) => {
                let current = self.state.incident.rotation(id);
                current.and_then(|rotation| self.digest.row_of(&rotation.id))
            }
            None => None,
        };
        self.row = row.unwrap_or(0);
        self.selected = self.digest.id(self.row).cloned();
        self.top = self.row.saturating_sub(line);
        self.settle();
    }

    /// The selected finding stays selected wherever the order takes it; the opened one is shown
    /// as it is known now, and as it was last known where it is not known at this moment.
    fn follow_findings(&mut self, pointed: Option<&Finding>) {
        let findings = &self.digest.findings;
        let place = pointed.and_then(|finding| findings.place_of(finding));
        self.pointed = place.unwrap_or(0);
        if let Some(opened) = &self.why.finding
            && let Some(known) = findings.place_of(opened).and_then(|n| findings.get(n))
        {
            self.why.finding = Some(Arc::clone(known));
        }
    }

    /// The opened finding, and whether it is known at this moment.
    pub fn opened_finding(&self) -> Option<(&Arc<Finding>, bool)> {
        let opened = self.why.finding.as_ref()?;
        Some((opened, self.digest.findings.place_of(opened).is_some()))
    }

    /// The finding that a person who asks why means: the selected one, where that list is in use;
    /// else that of the rotation that the person selected; else the one of the headline.
    pub fn meant(&self) -> Option<&Arc<Finding>> {
        let findings = &self.digest.findings;
        if self.lists_findings() {
            return findings.get(self.pointed);
        }
        let chosen = self.chosen.as_ref().and_then(|id| findings.of(id));
        chosen
            .map(|(finding, _)| finding)
            .or_else(|| findings.worst())
            .or_else(|| findings.get(0))
    }

    /// The finding that opening what is selected opens.
    pub fn selected_finding(&self) -> Option<&Arc<Finding>> {
        if self.lists_findings() {
            return self.meant();
        }
        let of_row = self.digest.findings.of(self.selected.as_ref()?);
        of_row.map(|(finding, _)| finding)
    }

    /// True where the list of findings is in use.
    fn lists_findings(&self) -> bool {
        self.pane == Pane::Findings && self.on_call().findings.height > 0
    }

    /// Opens the screen that says how a finding is known.
    pub fn ask_why(&mut self, finding: Arc<Finding>) {
        self.pointed = self
            .digest
            .findings
            .place_of(&finding)
            .unwrap_or(self.pointed);
        self.why.open(finding);
        self.scroll = 0;
        self.open(Screen::Why);
    }

    /// Opens the next finding in the list, or the one before; round the end.
    pub fn next_finding(&mut self, by: usize) {
        let all = self.digest.findings.len();
        let at = self.why.finding.as_ref();
        let at = at.and_then(|finding| self.digest.findings.place_of(finding));
        let next = at.map_or(0, |at| (at + by) % all.max(1));
        if let Some(finding) = self.digest.findings.get(next).cloned() {
            self.ask_why(finding);
        }
    }

    /// Moves among the evidence, and where there is none in that direction, scrolls.
    fn go_in_evidence(&mut self, by: Move) {
        let selected = match by {
            Move::Lines(n) => self.why.select(n),
            _ => false,
        };
        if !selected {
            self.scroll = moved(self.scroll, by, self.list_page(), self.lines);
            self.settle();
        }
    }

    /// Brings every scroll back into its list.
    pub fn settle(&mut self) {
        let page = self.page(Pane::Rotations).max(1);
        let len = self.digest.len();
        self.row = self.row.min(len.saturating_sub(1));
        self.top = self
            .top
            .clamp((self.row + 1).saturating_sub(page), self.row)
            .min(len.saturating_sub(page));
        self.pointed = self
            .pointed
            .min(self.digest.findings.len().saturating_sub(1));
        let page = self.page(Pane::Findings).max(1);
        let [.., found_top] = &mut self.scrolls;
        *found_top = (*found_top).clamp((self.pointed + 1).saturating_sub(page), self.pointed);
        for (pane, slot) in [
            (Pane::Auth, 0),
            (Pane::Canary, 1),
            (Pane::Audit, 2),
            (Pane::Findings, 3),
        ] {
            let most = self.pane_len(pane).saturating_sub(self.page(pane));
            if let Some(scroll) = self.scrolls.get_mut(slot) {
                *scroll = (*scroll).min(most);
            }
        }
        if self.screen() == Screen::Inventory {
            self.scroll = self.shelf.settle(self.shelf_page());
        }
        if self.screen() == Screen::Why {
            self.scroll = self.why.followed(self.scroll, self.list_page());
        }
        self.scroll = self.scroll.min(self.lines.saturating_sub(self.list_page()));
    }

    /// How many lines a screen that is one list shows.
    pub fn list_page(&self) -> usize {
        let footer = self.footer(self.area);
        usize::from(layout::document(self.area, self.replay, footer).height)
    }

    fn pane_len(&self, pane: Pane) -> usize {
        match pane {
            Pane::Findings => self.digest.findings.len(),
            Pane::Rotations => self.digest.len(),
            Pane::Auth => self.digest.auth.len(),
            Pane::Canary => self.digest.canaries.len(),
            Pane::Audit => self
                .rotation()
                .map_or(0, |rotation| self.state.incident.audit(rotation).count()),
        }
    }

    /// How far a pane is scrolled.
    pub fn scrolled(&self, pane: Pane) -> usize {
        match pane {
            Pane::Findings => self.scrolls[3],
            Pane::Rotations => self.top,
            Pane::Auth => self.scrolls[0],
            Pane::Canary => self.scrolls[1],
            Pane::Audit => self.scrolls[2],
        }
    }

    /// Moves in what is shown: the selection among the rotations, else what is scrolled.
    pub fn go(&mut self, by: Move) {
        if self.screen() == Screen::OnCall {
            self.go_in(self.pane, by);
        } else if self.screen() == Screen::Why {
            self.go_in_evidence(by);
        } else if self.screen() == Screen::Inventory {
            let page = self.shelf_page();
            self.shelf
                .select_row(moved(self.shelf.row, by, page, self.shelf.len()));
            self.settle();
        } else if self.screen() == Screen::Explorer {
            self.go_in_explorer(by);
        } else {
            self.scroll = moved(self.scroll, by, self.list_page(), self.lines);
            self.settle();
        }
    }

    /// Moves in a pane of the on-call screen.
    pub fn go_in(&mut self, pane: Pane, by: Move) {
        let len = self.pane_len(pane);
        let rows = self.page(pane);
        match pane {
            Pane::Findings => self.pointed = moved(self.pointed, by, rows, len),
            Pane::Rotations => {
                let row = moved(self.row, by, rows, len);
                self.select_row(row);
            }
            Pane::Auth => self.scrolls[0] = moved(self.scrolls[0], by, rows, len),
            Pane::Canary => self.scrolls[1] = moved(self.scrolls[1], by, rows, len),
            Pane::Audit => self.scrolls[2] = moved(self.scrolls[2], by, rows, len),
        }
        self.settle();
    }

    /// Selects the rotation in a row.
    pub fn select_row(&mut self, row: usize) {
        let row = row.min(self.digest.len().saturating_sub(1));
        if row != self.row {
            self.scrolls[2] = 0;
        }
        self.row = row;
        self.selected = self.digest.id(row).cloned();
        self.chosen.clone_from(&self.selected);
        self.settle();
    }

    /// Selects a rotation by its id.
    pub fn select(&mut self, id: &RotationId) {
        if let Some(row) = self.digest.row_of(id) {
            self.select_row(row);
        }
    }

    /// Selects the next rotation below (or above) the selected one whose secret or id holds the
    /// words; round the end. False where none does.
    pub fn find(&mut self, words: &str, from: usize, forward: bool) -> bool {
        let words = words.to_lowercase();
        let len = self.digest.len();
        let holds = |row: &usize| {
            let Some(id) = self.digest.id(*row) else {
                return false;
            };
            let rotation = self.state.incident.rotation(id);
            let secret = rotation.and_then(|rotation| rotation.secret.as_ref());
            let in_secret = secret.is_some_and(|s| s.raw().to_lowercase().contains(&words));
            in_secret || id.raw().to_lowercase().contains(&words)
        };
        let steps = 0..len;
        let hit = if forward {
            steps.map(|step| (from + step) % len).find(holds)
        } else {
            steps.map(|step| (from + len - step) % len).find(holds)
        };
        if let Some(row) = hit {
            self.select_row(row);
        }
        hit.is_some()
    }
}
