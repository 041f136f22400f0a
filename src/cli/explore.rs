//! `rotascope explore`: the rows of audit logs, in the cockpit's explorer.

use std::path::{Path, PathBuf};

use crate::audit::{self, Options};
use crate::config::Paths;
use crate::model::Text;
use crate::query::{Filter, FilterError};
use crate::shell::terminal::{self, More, Opening, Rows};
use crate::ui::Explorable;

use super::complaint::Complaint;
use super::input::title;
use super::look::{Look, LookArgs};

/// What `explore` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Files, folders, or - for standard input: plain, gzip or zstd, in any known format
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only what fits at first: outcome:denied path:secret/data/* actor:~^ci- (docs/audit.md)
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
    #[command(flatten)]
    look: LookArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where no path is there, the filter or the settings are wrong, or there is no
/// terminal.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let look = Look::of(&args.look, paths)?;
    let filter = args.filter.clone().unwrap_or_default();
    if let Err(FilterError { why, next, at }) = Filter::parse(&filter) {
        return Err(Complaint::new(why).next(next).at("--filter", &filter, at));
    }
    // Said before the screen is taken where there is nothing to look into.
    audit::open(&args.paths, &Options::default())
        .map_err(|error| Complaint::new(error.to_string()))?;
    let files = args.paths.clone();
    let more = More {
        watch: look.watch(),
        rows: Rows {
            filter,
            what: Explorable::Files,
            open: Some(Box::new(move || audit::open(&files, &Options::default()))),
        },
        ..More::default()
    };
    let mut setup = look.setup(Text::from(title(&args.paths)));
    setup.replay = false;
    terminal::run(setup, Opening::Rows, more)
        .map(|()| 0)
        .map_err(|error| Complaint::new("the explorer cannot be shown").because(error))
}

/// The explorer beside a recording of the same paths, which opens them when it is first asked.
pub(super) fn beside(paths: &[PathBuf]) -> Rows {
    if paths.iter().any(|path| path.as_path() == Path::new("-")) {
        return Rows {
            what: Explorable::ReadOnce,
            ..Rows::default()
        };
    }
    let paths = paths.to_vec();
    Rows {
        what: Explorable::Files,
        open: Some(Box::new(move || audit::open(&paths, &Options::default()))),
        filter: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_is_read_once() {
        let what = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            beside(&paths).what
        };
        assert_eq!(what(&["a.log", "b"]), Explorable::Files);
        assert_eq!(what(&["a.log", "-"]), Explorable::ReadOnce);
    }
}
