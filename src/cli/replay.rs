//! `rotascope replay`: what the servers wrote, in the cockpit.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backend::Backend;
use crate::config::Paths;
use crate::model::replay::{SeekTo, Speed};
use crate::model::{Text, Timestamp};
use crate::session::Start;
use crate::shell::terminal::{self, More, Opening, Rows};
use crate::ui::Landing;

use super::complaint::Complaint;
use super::explore;
use super::look::{Look, LookArgs};

/// What `replay` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Files or folders of events and native logs, plain, .gz or .zst; `-` is standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    play: PlayArgs,
    #[command(flatten)]
    look: LookArgs,
}

/// How playing starts.
#[derive(clap::Args, Debug)]
pub struct PlayArgs {
    /// Stand still at first
    #[arg(long)]
    paused: bool,
    /// Start at a moment (RFC 3339) or at a share of the recording (40%)
    #[arg(long, value_name = "TIME|PERCENT", value_parser = place)]
    at: Option<SeekTo>,
    /// Recorded seconds a second, 0.1 to 1000, or `max`
    /// [default: 10]
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<Speed>,
}

impl PlayArgs {
    /// True where anything of it was asked for.
    pub(super) fn are_named(&self) -> bool {
        self.paused || self.at.is_some() || self.speed.is_some()
    }

    pub(super) fn start(&self) -> Start {
        Start {
            at: self.at,
            playing: !self.paused,
            speed: self.speed.unwrap_or(Start::default().speed),
            ..Start::default()
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where a path is missing, the settings are wrong, or there is no terminal.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    run_at(&args.paths, &args.look, args.play.start(), None, paths)
}

/// Opens the cockpit on files, at what a link names where there is one.
///
/// # Errors
/// As [`run`].
pub(super) fn run_at(
    files: &[PathBuf],
    look: &LookArgs,
    start: Start,
    landing: Option<Landing>,
    paths: &Paths,
) -> Result<u8, Complaint> {
    let look = Look::of(look, paths)?;
    let backend = super::input::recording(files, look.identity.clone())?;
    open(
        &super::input::title(files),
        look,
        backend,
        start,
        (landing, explore::beside(files)),
    )
}

/// Opens the cockpit on a recording, at what a link names, with rows to explore.
pub(super) fn open(
    title: &str,
    look: Look,
    backend: Box<dyn Backend>,
    mut start: Start,
    (landing, rows): (Option<Landing>, Rows),
) -> Result<u8, Complaint> {
    let more = More {
        landing,
        rows,
        alarm: look.alarm(),
        watch: look.watch(),
    };
    start.objectives = Arc::new(look.objectives);
    let setup = look.setup(Text::from(title));
    terminal::run(setup, Opening::Recording(backend, start), more)
        .map(|()| 0)
        .map_err(|error| Complaint::new("the cockpit cannot be shown").because(error))
}

pub(super) fn place(words: &str) -> Result<SeekTo, String> {
    if let Some(percent) = words.strip_suffix('%') {
        return match percent.parse::<f64>() {
            Ok(share) if (0.0..=100.0).contains(&share) => Ok(SeekTo::Share(share / 100.0)),
            _ => Err("a share of the recording is 0% to 100%".to_owned()),
        };
    }
    Timestamp::parse(words)
        .map(SeekTo::Time)
        .map_err(|e| format!("{e}; write 2026-11-14T03:12:40Z or 40%"))
}

fn speed(words: &str) -> Result<Speed, String> {
    if words == "max" {
        return Ok(Speed::Unbounded);
    }
    let (slowest, fastest) = Speed::RANGE;
    match words.trim_end_matches(['x', 'X', '×']).parse::<f64>() {
        Ok(times) if (slowest..=fastest).contains(&times) => Ok(Speed::Times(times)),
        _ => Err(format!("a speed is {slowest} to {fastest}, or `max`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_a_speed_are_read_or_refused_in_words() {
        assert_eq!(place("40%"), Ok(SeekTo::Share(0.4)));
        assert!(matches!(place("2026-11-14T03:12:40Z"), Ok(SeekTo::Time(_))));
        for words in ["140%", "x%", "%", "03:12", ""] {
            assert!(place(words).is_err(), "{words:?}");
        }
        assert_eq!(speed("max"), Ok(Speed::Unbounded));
        assert_eq!(speed("20x"), Ok(Speed::Times(20.0)));
        for words in ["0", "-1", "1001", "NaN", "inf", "fast", ""] {
            assert!(speed(words).is_err(), "{words:?}");
        }
    }
}
