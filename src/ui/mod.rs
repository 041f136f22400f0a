//! The cockpit: an Elm loop. [`update`] takes a message and answers with effects; [`view`] draws.
//! It does no I/O and knows no terminal: messages come from a shell, effects go to it.
//!
//! Rooms, each seeing only those before it: keys, themes and words; the state and its digest;
//! prompts and the desk they lie on; the command table; keymaps; widgets; screens; the loop.

mod alarm;
mod arriving;
mod asking;
mod below;
mod cockpit;
mod command;
mod deeds;
mod desk;
mod digest;
mod drag;
mod error;
mod explorer;
mod exploring;
mod fit;
mod form;
mod key;
mod keymap;
mod landing;
mod layout;
mod moving;
mod news;
mod opened;
mod palette;
mod pointing;
mod prompt;
mod question;
mod saying;
mod screen;
mod shelf;
mod shelving;
mod state;
mod status;
mod theme;
mod widget;

pub use alarm::Alarm;
pub use cockpit::{Cockpit, Setup, update, view};
pub use error::ConfigError;
pub use explorer::Explorable;
pub use key::{Key, KeyCode};
pub use keymap::Keymap;
pub use landing::Landing;
pub use state::{Changed, Message, Mouse, MouseKind, State};
pub use theme::{Depth, Role, Theme};

#[cfg(test)]
mod tests;
