//! `rotascope check`: are the settings, keymaps, themes and plans right, and where do they lie?

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::config::Paths;
use crate::model::text::shown;
use crate::rotation::plan::Plan;
use crate::rotation::target;
use crate::ui::{ConfigError, Keymap, Theme};

use super::BAD_INPUT;
use super::complaint::Complaint;
use super::look;

/// What `check` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Another configuration folder than the user's
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// Check this plan of rotations too, rotation.toml; may be given more than once
    #[arg(long, value_name = "FILE")]
    plan: Vec<PathBuf>,
}

/// Checks everything, also behind the first mistake.
///
/// # Errors
/// Where `out` or `err` cannot be written.
pub fn run(args: &Args, paths: &Paths, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let paths = match &args.config {
        Some(folder) => Paths {
            config: Some(folder.clone()),
            ..paths.clone()
        },
        None => paths.clone(),
    };
    let mut report = Report { out, err, wrong: 0 };
    if let Some(folder) = &args.config
        && !folder.is_dir()
    {
        report.wrong(
            &Complaint::new(format!("{} is no folder", folder.display()))
                .next("name the folder that holds config.toml"),
        )?;
    }
    if let Some(path) = paths.settings() {
        let there = path.exists();
        match look::settings(&paths) {
            Ok((settings, _)) if there => {
                report.right(&path, "settings")?;
                if let Some(name) = &settings.keymap {
                    report.named(look::keymap(name, &paths).err())?;
                }
                if let Some(name) = &settings.theme {
                    report.named(look::theme(name, &paths).err())?;
                }
            }
            Ok(_) => writeln!(
                report.out,
                "none   {}: all settings are default",
                shown(&path.to_string_lossy())
            )?,
            Err(complaint) => report.wrong(&complaint)?,
        }
    } else {
        writeln!(
            report.out,
            "none   the system names no configuration folder; set ROTASCOPE_CONFIG_DIR"
        )?;
    }
    report.folder(paths.keymap("x").as_deref(), "keymap", &|name, text| {
        Keymap::parse(name, text).err()
    })?;
    report.folder(paths.theme("x").as_deref(), "theme", &|name, text| {
        Theme::parse(name, text).err()
    })?;
    let built_in = Keymap::built_in_names().all(|n| Keymap::built_in(n).is_some())
        && Theme::built_in_names().all(|n| Theme::built_in(n).is_some());
    if built_in {
        writeln!(
            report.out,
            "ok     the keymaps and themes that come with the program"
        )?;
    } else {
        report.wrong(&Complaint::new(
            "a keymap or theme that comes with the program is broken",
        ))?;
    }
    if let Some(path) = paths.owners().filter(|path| path.exists()) {
        match look::owners(Some(&path), &paths) {
            Ok(_) => report.right(&path, "owners")?,
            Err(complaint) => report.wrong(&complaint)?,
        }
    }
    for path in &args.plan {
        report.plan(path)?;
    }
    if let Some(log) = paths.log() {
        writeln!(report.out, "log    {}", shown(&log.to_string_lossy()))?;
    }
    Ok(if report.wrong == 0 { 0 } else { BAD_INPUT })
}

struct Report<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    wrong: usize,
}

impl Report<'_> {
    fn right(&mut self, path: &Path, what: &str) -> io::Result<()> {
        writeln!(
            self.out,
            "ok     {}: {what}",
            shown(&path.to_string_lossy())
        )
    }

    fn wrong(&mut self, complaint: &Complaint) -> io::Result<()> {
        self.wrong += 1;
        writeln!(self.err, "{complaint}")
    }

    /// A warning tells what is allowed and unwise; it does not change the exit status.
    fn unwise(&mut self, complaint: &Complaint) -> io::Result<()> {
        write!(self.err, "warning: {complaint}")
    }

    /// Checks a plan of rotations, and the settings of each of its targets.
    fn plan(&mut self, path: &Path) -> io::Result<()> {
        let file = path.to_string_lossy();
        let text = match look::read(path) {
            Ok(Some(text)) => text,
            Ok(None) => {
                let missing = format!("there is no file {}", path.display());
                return self.wrong(&Complaint::new(missing).next("name a rotation.toml"));
            }
            Err(complaint) => return self.wrong(&complaint),
        };
        let (plan, warnings) = match Plan::check(&text) {
            Ok(checked) => checked,
            Err(error) => {
                let what = format!("the plan is wrong: {}", error.message);
                return self.wrong(&Complaint::new(what).at(&*file, &text, error.span));
            }
        };
        let before = self.wrong;
        for (n, secret) in plan.secrets.iter().enumerate() {
            if let Err(error) = target::open(&secret.target.kind, &secret.target.settings) {
                let what = format!("the target of {} is wrong: {error}", secret.path);
                let place = Plan::place_of_setting(&text, n, &error.key);
                self.wrong(&Complaint::new(what).at(&*file, &text, place))?;
            }
        }
        for warning in warnings {
            let complaint = Complaint::new(warning.message).next(warning.next);
            self.unwise(&complaint.at(&*file, &text, warning.span))?;
        }
        if self.wrong == before {
            let count = plan.secrets.len();
            let what = format!(
                "plan of {count} secret{}",
                if count == 1 { "" } else { "s" }
            );
            self.right(path, &what)?;
        }
        Ok(())
    }

    fn named(&mut self, complaint: Option<Complaint>) -> io::Result<()> {
        complaint.map_or(Ok(()), |complaint| self.wrong(&complaint))
    }

    /// Checks every file of the folder that `example` would lie in.
    fn folder(
        &mut self,
        example: Option<&Path>,
        what: &str,
        mistake: &dyn Fn(&str, &str) -> Option<ConfigError>,
    ) -> io::Result<()> {
        let Some(folder) = example.and_then(Path::parent) else {
            return Ok(());
        };
        let Ok(entries) = fs::read_dir(folder) else {
            return Ok(());
        };
        let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "toml"));
        files.sort();
        for path in files {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            match look::read(&path) {
                Ok(text) => {
                    let text = text.unwrap_or_default();
                    match mistake(&name, &text) {
                        Some(error) => {
                            let file = path.to_string_lossy();
                            self.wrong(&look::wrong(what, &file, &text, &error))?;
                        }
                        None => self.right(&path, what)?,
                    }
                }
                Err(complaint) => self.wrong(&complaint)?,
            }
        }
        Ok(())
    }
}
