//! Commands of the audit explorer.

use crate::model::effect::{Effect, Effects};
use crate::model::replay::{ReplayCommand, SeekTo};

use super::{Command, Group, Place};
use crate::ui::desk::{Desk, Screen};
use crate::ui::explorer::{Explorable, Part};
use crate::ui::prompt::{Kind, Prompt};

pub const GROUP: Group = Group {
    title: "Explorer",
    commands: &[
        Command {
            id: "explorer",
            title: "Explorer: the rows of the audit logs",
            label: "explorer",
            help: "Shows the rows of the audit logs, filtered, over time and counted by what they say.",
            place: Place::Everywhere,
            run: |desk| {
                desk.open(Screen::Explorer);
                Effects::none()
            },
        },
        Command {
            id: "rows",
            title: "Audit rows of what is selected",
            label: "rows",
            help: "Opens the explorer on the rows of the selected rotation, secret, finding or row, at this moment.",
            place: Place::Everywhere,
            run: rows,
        },
        Command {
            id: "exclude",
            title: "Explorer: leave the selected value out",
            label: "leave out",
            help: "Adds the opposite of the selected value to the filter of the explorer.",
            place: Place::Everywhere,
            run: |desk| here(desk, |desk| narrow(desk, true)),
        },
        Command {
            id: "filter-before",
            title: "Explorer: the filter before",
            label: "filter back",
            help: "Goes back to the filter that the explorer had before.",
            place: Place::Everywhere,
            run: |desk| {
                here(desk, |desk| {
                    if !desk.explorer.filter_before() {
                        desk.notice = Some("There was no filter before this one".to_owned());
                    }
                })
            },
        },
        Command {
            id: "columns",
            title: "Explorer: choose the columns",
            label: "columns",
            help: "Shows or hides columns of the explorer's rows.",
            place: Place::Everywhere,
            run: |desk| here(desk, |desk| desk.prompt = Some(Prompt::new(Kind::Columns))),
        },
        Command {
            id: "mark-row",
            title: "Explorer: mark the row",
            label: "mark",
            help: "Marks the selected row of the explorer, or takes its mark away.",
            place: Place::Everywhere,
            run: |desk| here(desk, |desk| desk.explorer.mark()),
        },
        Command {
            id: "next-marked",
            title: "Explorer: next marked row",
            label: "next marked",
            help: "Goes to the next marked row of the explorer.",
            place: Place::Everywhere,
            run: |desk| here(desk, |desk| marked(desk, true)),
        },
        Command {
            id: "previous-marked",
            title: "Explorer: previous marked row",
            label: "prev marked",
            help: "Goes to the marked row before.",
            place: Place::Everywhere,
            run: |desk| here(desk, |desk| marked(desk, false)),
        },
        Command {
            id: "secret",
            title: "All about the secret",
            label: "secret",
            help: "Shows the secret of the selected rotation, finding or audit row.",
            place: Place::Everywhere,
            run: secret,
        },
    ],
};

/// Does something in the explorer where it is shown.
fn here(desk: &mut Desk, does: fn(&mut Desk)) -> Effects {
    if desk.screen() == Screen::Explorer {
        does(desk);
    } else {
        desk.notice = Some("This is for the explorer: open it first".to_owned());
    }
    Effects::none()
}

fn narrow(desk: &mut Desk, leave_out: bool) {
    if !desk.explorer.narrow(leave_out) {
        desk.notice = Some("Select a value of a facet first".to_owned());
    }
}

fn marked(desk: &mut Desk, forward: bool) {
    if !desk.explorer.next_marked(forward) {
        let way = if forward { "below" } else { "above" };
        desk.notice = Some(format!("No row is marked {way} this one"));
    }
}

/// Opens what is selected: a value or a bar narrows the filter, a row is shown in full.
pub(super) fn enter(desk: &mut Desk) {
    match desk.explorer.part {
        Part::Rows => {
            desk.explorer.detail = !desk.explorer.shows_detail() && desk.explorer.page().found > 0;
            desk.explorer.detail_screen = 0;
        }
        Part::Facets | Part::Times => {
            desk.explorer.narrow(false);
        }
    }
}

/// The next part of the screen, or the one before.
pub(super) fn part(desk: &mut Desk, forward: bool) {
    let order = [Part::Rows, Part::Facets, Part::Times];
    let at = order.iter().position(|part| *part == desk.explorer.part);
    let by = if forward { 1 } else { order.len() - 1 };
    let next = (at.unwrap_or(0) + by) % order.len();
    desk.explorer.part = order.get(next).copied().unwrap_or_default();
}

/// Opens the line in which the filter is written.
pub(super) fn ask(desk: &mut Desk) {
    if desk.explorer.what != Explorable::Files {
        desk.notice = Some("There are no audit files to filter".to_owned());
        return;
    }
    desk.explorer.begin_filter();
    let mut prompt = Prompt::new(Kind::Query);
    let filter = desk.explorer.filter();
    prompt.set(filter, filter.len());
    desk.prompt = Some(prompt);
}

/// Asks for the rows to be written to a file.
pub(super) fn export(desk: &mut Desk) {
    if !desk.explorer.export() {
        let knows = !desk.explorer.is_behind();
        let words = if knows && desk.explorer.page().found == 0 {
            "There is no row to export"
        } else {
            "The search goes on: export when it is done"
        };
        desk.notice = Some(words.to_owned());
    }
}

fn rows(desk: &mut Desk) -> Effects {
    let Some(filter) = desk.rows_of_this() else {
        desk.open(Screen::Explorer);
        return Effects::none();
    };
    let at = desk
        .state
        .player
        .at
        .filter(|_| desk.screen() != Screen::Explorer);
    desk.explorer.set_filter(&filter);
    desk.explorer.part = Part::Rows;
    if let Some(at) = at {
        desk.explorer.go_to_time(at);
    }
    desk.open(Screen::Explorer);
    Effects::none()
}

/// The rotation that the selected row leads to.
pub(super) fn detail(desk: &mut Desk) -> Effects {
    desk.find_leads();
    match desk.explorer.leads.rotation.clone() {
        Some(id) => {
            desk.select(&id);
            desk.open(Screen::Detail);
        }
        None => unknown(desk, "No rotation is known that this row is about"),
    }
    Effects::none()
}

/// The finding that the selected row leads to.
pub(super) fn why(desk: &mut Desk) -> Effects {
    desk.find_leads();
    match desk.explorer.leads.finding.clone() {
        Some(finding) => desk.ask_why(finding),
        None => unknown(desk, "Nothing was found that this row is about"),
    }
    Effects::none()
}

/// The row's moment in the recording.
pub(super) fn event(desk: &mut Desk) -> Effects {
    let Some(at) = desk.explorer.selected().map(|row| row.time) else {
        unknown(desk, "No row is selected");
        return Effects::none();
    };
    desk.open(Screen::Event);
    Effects::one(Effect::Replay(ReplayCommand::Seek(SeekTo::Time(at))))
}

/// All about the secret of what is selected.
fn secret(desk: &mut Desk) -> Effects {
    let of_rotation = |desk: &Desk, id| desk.state.incident.secret_of(id).cloned();
    let secret = match desk.screen() {
        Screen::Secret => return Effects::none(),
        Screen::Inventory => desk.shelf.item().map(|item| item.secret.clone()),
        Screen::Explorer => {
            desk.find_leads();
            desk.explorer.leads.secret.clone()
        }
        Screen::Why => desk.why.finding.as_ref().and_then(|finding| {
            let told = finding.rotation.as_ref();
            let told = || told.and_then(|id| of_rotation(desk, id));
            finding.secret.clone().or_else(told)
        }),
        _ => desk.opened().and_then(|rotation| rotation.secret.clone()),
    };
    match secret {
        Some(secret) => {
            desk.shelf.refresh(&desk.state.incident);
            desk.shelf.select(&secret);
            desk.open(Screen::Secret);
        }
        None => unknown(desk, "No secret is known here"),
    }
    Effects::none()
}

fn unknown(desk: &mut Desk, words: &str) {
    desk.notice = Some(if desk.has_rows_alone() {
        format!("{words}: rotascope replay plays these files as an incident")
    } else {
        words.to_owned()
    });
}
