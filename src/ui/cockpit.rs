//! The loop's two halves: `update` takes a message and answers with effects, `view` draws.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::model::Text;
use crate::model::effect::Effects;
use crate::model::replay::SeekTo;
use crate::query::page::Ask;

use super::alarm::{Alarm, Bell};
use super::asking;
use super::command::{Command, seek_context};
use super::desk::{Desk, Screen};
use super::drag::Drag;
use super::explorer::{Explorable, Explorer};
use super::key::Key;
use super::keymap::{Keymap, Meaning, shown};
use super::landing::Landing;
use super::layout;
use super::palette;
use super::pointing;
use super::prompt::{Kind, seek};
use super::question::Question;
use super::screen::{self, Listing, Look};
use super::state::{Changed, Message, Mouse, MouseKind, State};
use super::theme::Theme;

/// What the cockpit is made with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What is looked at: a file, a folder, a fixture.
    pub title: Text,
    /// Which keys mean what.
    pub keymap: Keymap,
    /// How it looks.
    pub theme: Theme,
    /// True where a recording is played.
    pub replay: bool,
    /// True shows local time at first, false UTC.
    pub local: bool,
}

/// All that the cockpit knows and shows.
pub struct Cockpit {
    desk: Desk,
    keymap: Keymap,
    theme: Theme,
    bell: Bell,
    pending: Vec<Key>,
    listing: Option<Listing>,
    dirty: bool,
}

impl Cockpit {
    /// A cockpit over an empty state.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut cockpit = Self {
            desk: Desk::new(setup.title, setup.replay),
            keymap: setup.keymap,
            theme: setup.theme,
            bell: Bell::default(),
            pending: Vec::new(),
            listing: None,
            dirty: true,
        };
        cockpit.desk.local = setup.local;
        cockpit.desk.keys_to_now = cockpit.keymap.keys("end").unwrap_or_default();
        cockpit.desk.take_state(State::default());
        cockpit
    }

    /// The same with what the settings say of alerts; without, nothing rings.
    #[must_use]
    pub fn with_alarm(mut self, alarm: Alarm) -> Self {
        self.desk.owners = alarm.owners;
        self.bell = Bell::new(alarm.ring);
        self
    }

    /// The same with something to explore, at first by a filter that is right. Where there is
    /// nothing else (`alone`), the explorer is the screen that all begins with.
    #[must_use]
    pub fn with_rows(mut self, what: Explorable, filter: &str, alone: bool) -> Self {
        self.desk.explorer = Explorer::new(what, filter);
        if alone {
            self.desk.screens = vec![Screen::Explorer];
        }
        self.refresh();
        self
    }

    /// What the explorer asks of its archive, once, after what is looked at has changed. The shell
    /// brings the answers ([`Message::Page`]).
    #[must_use]
    pub fn take_ask(&mut self) -> Option<Ask> {
        self.desk.explorer.take_ask()
    }

    /// Looks for what a link names, and opens what it means once that is known.
    pub fn land(&mut self, landing: Landing) {
        self.desk.seek_out(landing);
        self.refresh();
    }

    /// True, once, after anything that is shown has changed.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// True while something stands that nobody can have seen yet, a question or that its button
    /// has the focus, or while a click may be the first of two: the shell says when that is over
    /// ([`Message::Seen`]).
    #[must_use]
    pub fn waits_to_be_seen(&self) -> bool {
        let question = self.desk.question.as_ref();
        self.desk.clicked.is_some() || question.is_some_and(Question::waits_to_be_seen)
    }

    /// The question that stands.
    #[cfg(test)]
    pub(super) fn question(&self) -> Option<&Question> {
        self.desk.question.as_ref()
    }

    /// Makes ready what is drawn next, after a change.
    fn refresh(&mut self) {
        self.dirty = true;
        self.desk.shelve();
        self.desk.explore();
        self.list();
        let scroll = self.desk.scroll;
        self.desk.settle();
        if self.desk.scroll != scroll {
            self.list();
        }
    }

    fn list(&mut self) {
        self.listing = screen::listing(&self.desk, &self.theme, &self.keymap);
        if let Some(listing) = &self.listing {
            (self.desk.lines, self.desk.why.line) = (listing.total, listing.selected);
        } else {
            self.desk.lines = 0;
        }
    }
}

/// Takes a message in. The effects are to be run by the shell, in order.
pub fn update(cockpit: &mut Cockpit, message: Message) -> Effects {
    match message {
        Message::State(state) => {
            let mut effects = cockpit.bell.hear(&state);
            let sought = cockpit
                .desk
                .drag
                .as_mut()
                .map_or_else(Effects::none, Drag::answered);
            effects.0.extend(sought.0);
            if !cockpit.desk.state.looks_like(&state) {
                cockpit.desk.take_state(*state);
                cockpit.desk.arrive();
                prompt_follows(cockpit);
                asking::follow(&mut cockpit.desk);
                cockpit.refresh();
            }
            effects
        }
        Message::Seen => {
            cockpit.desk.clicked = None;
            let area = cockpit.desk.area;
            let drawn = area.width >= layout::LEAST.0 && area.height >= layout::LEAST.1;
            if let Some(question) = cockpit.desk.question.as_mut().filter(|_| drawn) {
                question.show();
                cockpit.dirty = true;
            }
            Effects::none()
        }
        Message::Key(key) => {
            let effects = press(cockpit, key);
            cockpit.refresh();
            effects
        }
        Message::Paste(words) => {
            if cockpit.desk.question.is_some() {
                asking::paste(&mut cockpit.desk, &words);
                cockpit.refresh();
            } else if let Some(prompt) = cockpit.desk.prompt.as_mut()
                && prompt.paste(&words)
            {
                typed(cockpit);
                cockpit.refresh();
            }
            Effects::none()
        }
        Message::Mouse(mouse) => {
            let effects = point(cockpit, mouse);
            cockpit.refresh();
            effects
        }
        Message::Resize { columns, rows } => {
            let area = Rect::new(0, 0, columns, rows);
            if area != cockpit.desk.area {
                cockpit.desk.area = area;
                if let Some(question) = cockpit.desk.question.as_mut() {
                    question.hide();
                }
                cockpit.refresh();
            }
            Effects::none()
        }
        Message::Offset(seconds) => {
            cockpit.desk.state.local_offset_seconds = seconds;
            Effects::none()
        }
        Message::Page(page) => {
            let effects = cockpit.desk.take_page(*page);
            prompt_follows(cockpit);
            cockpit.refresh();
            effects
        }
        Message::Changed(changed) => {
            take_look(cockpit, *changed);
            cockpit.refresh();
            Effects::none()
        }
        Message::Told(words) => {
            cockpit.desk.notice = Some(words);
            cockpit.dirty = true;
            Effects::none()
        }
        Message::FocusGained | Message::FocusLost => Effects::none(),
    }
}

/// Looks and listens as it is to from now on.
fn take_look(cockpit: &mut Cockpit, changed: Changed) {
    let mended = !cockpit.desk.wrong.is_empty() && changed.wrong.is_empty();
    if let Some(keymap) = changed.keymap {
        cockpit.keymap = keymap;
        // What was pressed so far was meant in the keys before.
        cockpit.pending.clear();
        cockpit.desk.keys_to_now = cockpit.keymap.keys("end").unwrap_or_default();
    }
    if let Some(theme) = changed.theme {
        cockpit.theme = theme;
    }
    if let Some(local) = changed.local {
        cockpit.desk.local = local;
    }
    if changed.wrong.is_empty() {
        let words = if mended {
            "What was wrong is mended"
        } else {
            "Read anew"
        };
        cockpit.desk.notice = Some(format!(
            "{words}: settings, keymap {}, theme",
            cockpit.keymap.name()
        ));
    }
    cockpit.desk.wrong = changed.wrong;
}

/// Draws what there is. The size last told by [`Message::Resize`] counts for scrolling and for
/// the mouse; a frame of another size is drawn all the same.
pub fn view(cockpit: &Cockpit, frame: &mut Frame<'_>) {
    let area = frame.area();
    let pending = if cockpit.pending.is_empty() {
        String::new()
    } else {
        shown(&cockpit.pending)
    };
    let look = Look {
        desk: &cockpit.desk,
        theme: &cockpit.theme,
        keymap: &cockpit.keymap,
        pending: &pending,
    };
    screen::draw(look, cockpit.listing.as_ref(), frame.buffer_mut(), area);
}

fn press(cockpit: &mut Cockpit, key: Key) -> Effects {
    cockpit.desk.notice = None;
    cockpit.desk.clicked = None;
    if cockpit.desk.question.is_some() {
        return asking::press(&mut cockpit.desk, &cockpit.keymap, key);
    }
    let in_prompt = cockpit.desk.prompt.is_some();
    cockpit.pending.push(key);
    match cockpit.keymap.meaning(&cockpit.pending, in_prompt) {
        Meaning::Command(command) => {
            cockpit.pending.clear();
            run(cockpit, command)
        }
        Meaning::Beginning => Effects::none(),
        Meaning::Nothing if cockpit.pending.len() > 1 => {
            // The sequence led nowhere; its last key may still mean something by itself.
            cockpit.pending.clear();
            press(cockpit, key)
        }
        Meaning::Nothing => {
            cockpit.pending.clear();
            if let Some(prompt) = cockpit.desk.prompt.as_mut()
                && prompt.input(key)
            {
                typed(cockpit);
            }
            Effects::none()
        }
    }
}

fn run(cockpit: &mut Cockpit, command: &'static Command) -> Effects {
    if cockpit.desk.prompt.is_none() && !command.applies(&cockpit.desk) {
        cockpit.desk.notice = Some(format!("{}: no recording is played", command.title));
        return Effects::none();
    }
    let effects = (command.run)(&mut cockpit.desk);
    if cockpit.desk.prompt.is_some() {
        prompt_follows(cockpit);
    }
    effects
}

/// The words of the prompt changed: what depends on them follows.
fn typed(cockpit: &mut Cockpit) {
    let desk = &mut cockpit.desk;
    if let Some(prompt) = desk.prompt.as_mut() {
        prompt.chosen = 0;
        if prompt.kind == Kind::Query {
            desk.explorer
                .type_filter(prompt.words(), prompt.cursor_byte());
        } else if prompt.kind == Kind::Filter {
            desk.shelf.filter(prompt.words().trim());
        } else if prompt.kind == Kind::Find {
            let words = prompt.words().trim().to_owned();
            if !words.is_empty() {
                desk.find(&words, desk.row, true);
            }
        }
    }
    prompt_follows(cockpit);
}

/// Brings what an open prompt says up to the words and the state.
fn prompt_follows(cockpit: &mut Cockpit) {
    let desk = &mut cockpit.desk;
    let Some(mut prompt) = desk.prompt.take() else {
        return;
    };
    match prompt.kind {
        Kind::Palette => {
            prompt.hits = palette::hits(prompt.words(), desk, &cockpit.keymap);
            prompt.chosen = prompt.chosen.min(prompt.hits.len().saturating_sub(1));
        }
        Kind::Columns => {
            prompt.hits = palette::columns(prompt.words(), desk);
            prompt.chosen = prompt.chosen.min(prompt.hits.len().saturating_sub(1));
        }
        Kind::Answer | Kind::Query => {}
        Kind::Filter => prompt.note = desk.shelf.counted(),
        Kind::Seek => prompt.note = seek_note(prompt.words(), desk),
        Kind::Find => {
            let words = prompt.words().trim().to_lowercase();
            let selected = desk.rotation().filter(|_| !words.is_empty()).map(|r| {
                let secret = r.secret.as_ref().map(ToString::to_string);
                (secret.unwrap_or_default(), r.id.to_string())
            });
            prompt.note = match selected {
                None => "letters of a secret or of a rotation's id".to_owned(),
                Some((secret, id))
                    if secret.to_lowercase().contains(&words)
                        || id.to_lowercase().contains(&words) =>
                {
                    format!("{secret} ({id})")
                }
                Some(_) => "no rotation holds these letters".to_owned(),
            };
        }
    }
    desk.prompt = Some(prompt);
}

fn seek_note(words: &str, desk: &Desk) -> String {
    if words.trim().is_empty() {
        return seek::FORMS.to_owned();
    }
    let clock = desk.clock();
    match seek::parse(words, seek_context(desk)) {
        Ok(SeekTo::Time(at)) => {
            let player = &desk.state.player;
            let outside =
                player.from.is_some_and(|from| at < from) || player.to.is_some_and(|to| at > to);
            let end = if outside {
                ", outside the recording: goes to its nearest end"
            } else {
                ""
            };
            format!("{} {} {}{end}", clock.day(at), clock.time(at), clock.zone())
        }
        Ok(SeekTo::Share(share)) => format!("{:.0} % of the recording", share * 100.0),
        Ok(_) => "an end of the recording".to_owned(),
        Err(why) => why,
    }
}

fn point(cockpit: &mut Cockpit, mouse: Mouse) -> Effects {
    if mouse.what == MouseKind::Click {
        // That the button was let go of the bar can have been lost.
        cockpit.desk.drag = None;
    }
    let look = Look {
        desk: &cockpit.desk,
        theme: &cockpit.theme,
        keymap: &cockpit.keymap,
        pending: "",
    };
    let Some(command) = pointing::command(look, mouse) else {
        let evidence = pointing::evidence(look, mouse);
        let effects = pointing::point(&mut cockpit.desk, mouse);
        if let Some(evidence) = evidence {
            cockpit.desk.why.point(evidence);
        }
        if cockpit.desk.prompt.is_some() {
            prompt_follows(cockpit);
        }
        return effects;
    };
    cockpit.desk.clicked = Some((mouse.column, mouse.row));
    cockpit.desk.notice = None;
    cockpit.pending.clear();
    run(cockpit, command)
}
