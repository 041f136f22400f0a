//! The one command table: it feeds keys, palette, help and footer. A command's keys are typed in
//! `keymaps/` and nowhere else.

mod act;
mod explorer;
mod go;
mod inventory;
mod prompts;
mod replay;
mod select;
mod show;

use crate::model::effect::Effects;

use super::desk::Desk;

pub use prompts::seek_context;

/// Where a command applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On every screen.
    Everywhere,
    /// On every screen, where a recording is played.
    Recording,
    /// While a prompt is open.
    Prompt,
}

/// One thing that a person can ask for.
pub struct Command {
    /// Its name in a keymap.
    pub id: &'static str,
    /// Its name in the palette.
    pub title: &'static str,
    /// One word of it, for the footer.
    pub label: &'static str,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// Where it applies.
    pub place: Place,
    /// Does it.
    pub run: fn(&mut Desk) -> Effects,
}

/// Commands that belong together, in the order of the help.
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The commands.
    pub commands: &'static [Command],
}

/// Every command there is.
pub const GROUPS: [Group; 10] = [
    go::GROUP,
    select::GROUP,
    inventory::GROUP,
    explorer::GROUP,
    act::rollout::GROUP,
    act::repair::GROUP,
    act::rotate::GROUP,
    replay::GROUP,
    show::GROUP,
    prompts::GROUP,
];

/// Every command there is, in order.
pub fn all() -> impl Iterator<Item = &'static Command> + Clone {
    static TABLE: [Group; 10] = GROUPS;
    TABLE.iter().flat_map(|group| group.commands)
}

/// The command of this name.
pub fn find(id: &str) -> Option<&'static Command> {
    all().find(|command| command.id == id)
}

impl Command {
    /// True where it can be asked for on this desk.
    pub fn applies(&self, desk: &Desk) -> bool {
        match self.place {
            Place::Everywhere => true,
            Place::Recording => desk.replay,
            Place::Prompt => false,
        }
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_command_has_its_own_name_and_says_what_it_does() {
        let mut ids = HashSet::new();
        for command in all() {
            assert!(ids.insert(command.id), "{} twice", command.id);
            let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(command.id.chars().all(kebab), "{}", command.id);
            assert!(command.help.ends_with('.'), "{}", command.id);
            assert!(command.label.len() <= 12, "{}", command.id);
        }
    }
}
