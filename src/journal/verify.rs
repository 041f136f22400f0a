//! Judges journals against themselves and against every head of them that survives.
//!
//! What is found of a journal, in this order:
//! 1. the first line that is not what was written (changed, forged, moved, repeated, taken out);
//! 2. a head that is signed and does not fit: lines were cut off, or the journal forks;
//! 3. a head that nobody signed, or none at all, without which a cut tail cannot be found;
//! 4. a last line that a crash tore: no lie, and no fault.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::head::{self, Misfit, head_file, is_signed, read_head};
use super::line::Fault;
use super::line::{Kind, Writer};
use super::read::{History, of_bytes};
use crate::model::Actor;
use crate::model::proof::{Head, PublicKey};

/// A journal as it was found.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Its file.
    pub name: String,
    /// What is in it; or why it cannot be read.
    pub bytes: Result<Vec<u8>, String>,
    /// The head beside it; or why that is none.
    pub beside: Option<Result<Head, String>>,
}

/// A head from somewhere else: a second folder, a receipt.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Its file.
    pub name: String,
    /// It; or why it is none.
    pub head: Result<Head, String>,
    /// Its journal has to be among those that are judged.
    pub must: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Of each journal, in the order they were given in.
    pub journals: Vec<Judged>,
    /// The heads that are wrong in themselves.
    pub heads: Vec<LostHead>,
}

/// What was found of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its file.
    pub name: String,
    /// Who wrote it; `None` where it does not say so.
    pub writer: Option<Writer>,
    /// By what name.
    pub by: Option<Actor>,
    /// How many of its lines are what was written, from the first on.
    pub lines: u64,
    /// The highest line that a fitting head holds; 0 where there is none.
    pub held: u64,
    /// How it stands.
    pub verdict: Verdict,
}

/// How a journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what was written.
    Whole,
    /// It is what was written; behind its last whole line stands what a crash left of the next.
    Torn {
        /// So much of it.
        bytes: u64,
    },
    /// It is not what was written.
    Bad {
        /// The first line that is not; `None` where it is no line's fault.
        line: Option<u64>,
        /// Why.
        why: Why,
    },
}

/// What is wrong with a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A line is wrong.
    #[error(transparent)]
    Line(#[from] Fault),
    /// A head does not fit.
    #[error("{misfit} ({head})")]
    Head {
        /// Which.
        head: String,
        /// What does not fit.
        misfit: Misfit,
    },
    /// Another file is the same journal up to this line and another from there.
    #[error("it forks: {0} is the same journal with another line here, and both are signed")]
    Forked(String),
    /// The head beside it is signed by nobody.
    #[error("its head is forged: the key that it names did not sign it")]
    ForgedHead,
    /// The head beside it is none.
    #[error("its head is no head: {0}")]
    NoSuchHead(String),
    /// There is no head.
    #[error("its head is missing: whether lines were cut off its end cannot be told")]
    NoHead,
    /// Nobody who is known signed it.
    #[error("it is signed with {0}, which is not among the keys that were named")]
    UnknownKey(PublicKey),
}

/// A head that is wrong in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostHead {
    /// Its file.
    pub name: String,
    /// What is wrong.
    pub why: String,
}

impl Why {
    /// Its one name, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Line(Fault::NoLine) => "no-line",
            Self::Line(Fault::Changed) => "changed",
            Self::Line(Fault::Forged) => "forged",
            Self::Line(Fault::Misplaced) => "misplaced",
            Self::Line(Fault::OtherScrap) => "other-scrap",
            Self::Line(Fault::NoWriter) => "no-writer",
            Self::Line(Fault::OtherWriter) => "other-writer",
            Self::Head { misfit, .. } => match misfit {
                Misfit::Cut { .. } => "cut",
                Misfit::Forked(_) => "forked",
                Misfit::OtherKey => "other-key",
                Misfit::OtherWriter => "other-journal",
            },
            Self::Forked(_) => "forked",
            Self::ForgedHead => "forged-head",
            Self::NoSuchHead(_) => "no-such-head",
            Self::NoHead => "no-head",
            Self::UnknownKey(_) => "unknown-key",
        }
    }
}

impl Report {
    /// True where every journal is what was written, torn or not, and every head has its journal.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let bad = |judged: &Judged| matches!(judged.verdict, Verdict::Bad { .. });
        self.heads.is_empty() && !self.journals.iter().any(bad)
    }
}

/// Judges journals; `keys` are those that may sign one, any where none is named.
#[must_use]
pub fn verify(sheets: &[Sheet], witnesses: &[Witness], keys: &[PublicKey]) -> Report {
    let histories: Vec<History> = sheets
        .iter()
        .map(|sheet| sheet.bytes.as_deref().map(of_bytes).unwrap_or_default())
        .collect();
    let mut lost = Vec::new();
    let mut signed: Vec<(&str, &Head)> = Vec::new();
    for Witness { name, head, must } in witnesses {
        let known = |head: &Head| {
            let mut writers = histories.iter().filter_map(|h| h.writer.as_ref());
            writers.any(|writer| writer.id == head.writer)
        };
        let why = match head {
            Err(why) => format!("it is no head: {why}"),
            Ok(head) if !is_signed(head) => "it is forged: nobody signed it".to_owned(),
            Ok(head) if known(head) => {
                signed.push((name, head));
                continue;
            }
            Ok(_) if *must => "its journal is not among these".to_owned(),
            Ok(_) => continue,
        };
        let name = name.clone();
        lost.push(LostHead { name, why });
    }
    let forks = forks(sheets, &histories);
    let judged = sheets.iter().zip(&histories).enumerate();
    let journals = judged.map(|(at, (sheet, history))| {
        let mut judged = judge(sheet, history, &signed, keys);
        if let (Verdict::Whole | Verdict::Torn { .. }, Some((line, other))) =
            (&judged.verdict, forks.get(&at))
        {
            judged.verdict = bad(Some(*line), Why::Forked(other.clone()));
        }
        judged
    });
    Report {
        journals: journals.collect(),
        heads: lost,
    }
}

fn bad(line: Option<u64>, why: Why) -> Verdict {
    Verdict::Bad { line, why }
}

fn judge(
    sheet: &Sheet,
    history: &History,
    witnesses: &[(&str, &Head)],
    keys: &[PublicKey],
) -> Judged {
    let mut held = 0;
    let verdict = if let Err(why) = &sheet.bytes {
        bad(None, Why::Unreadable(why.clone()))
    } else if let Some(broken) = &history.broken {
        bad(Some(broken.line), broken.why.into())
    } else {
        let fits = heads(sheet, history, witnesses, &mut held);
        fits.and_then(|()| trusted(history, keys))
            .err()
            .unwrap_or(match &history.torn {
                Some(torn) => Verdict::Torn { bytes: torn.bytes },
                None if history.unended => Verdict::Torn { bytes: 0 },
                None => Verdict::Whole,
            })
    };
    let by = history.entries.iter().find_map(|entry| match &entry.kind {
        Kind::Begun { by, .. } => Some(by.clone()),
        Kind::Intended { .. } | Kind::Ended { .. } => None,
    });
    Judged {
        name: sheet.name.clone(),
        writer: history.writer.clone(),
        by,
        lines: history.lines(),
        held,
        verdict,
    }
}

/// Holds a journal against each head of it.
fn heads(
    sheet: &Sheet,
    history: &History,
    witnesses: &[(&str, &Head)],
    most: &mut u64,
) -> Result<(), Verdict> {
    let mine = |head: &Head| history.writer.as_ref().is_some_and(|w| w.id == head.writer);
    let mut fit = |name: &str, head: &Head| match head::misfit(history, head) {
        None => {
            *most = head.n.max(*most);
            Ok(())
        }
        Some(misfit) => {
            let line = match misfit {
                Misfit::Cut { has, .. } => Some(has + 1),
                Misfit::Forked(n) => Some(n),
                Misfit::OtherWriter | Misfit::OtherKey => None,
            };
            let name = name.to_owned();
            Err(bad(line, Why::Head { head: name, misfit }))
        }
    };
    for (name, head) in witnesses {
        if mine(head) {
            fit(name, head)?;
        }
    }
    match &sheet.beside {
        Some(Ok(head)) if is_signed(head) => fit("the head beside it", head),
        Some(Ok(_)) => Err(bad(None, Why::ForgedHead)),
        Some(Err(why)) => Err(bad(None, Why::NoSuchHead(why.clone()))),
        // A crash may come between the first line and the first head.
        None if history.lines() <= 1 || *most > 0 => Ok(()),
        None => Err(bad(None, Why::NoHead)),
    }
}

fn trusted(history: &History, keys: &[PublicKey]) -> Result<(), Verdict> {
    match &history.writer {
        Some(writer) if !keys.is_empty() && !keys.contains(&writer.key) => {
            Err(bad(Some(1), Why::UnknownKey(writer.key)))
        }
        _ => Ok(()),
    }
}

/// The files that are one journal up to a line and differ from there: each with that line and
/// another of them.
fn forks(sheets: &[Sheet], histories: &[History]) -> BTreeMap<usize, (u64, String)> {
    let mut of_writer: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, history) in histories.iter().enumerate() {
        if let Some(writer) = &history.writer {
            of_writer.entry(&writer.id).or_default().push(at);
        }
    }
    let mut forks = BTreeMap::new();
    let name = |at: usize| sheets.get(at).map(|sheet| sheet.name.clone());
    for same in of_writer.values() {
        let lines = |at: &usize| histories.get(*at).map(|history| &history.hashes);
        let Some(longest) = same.iter().max_by_key(|at| lines(at).map_or(0, Vec::len)) else {
            continue;
        };
        for at in same {
            let (Some(ours), Some(theirs)) = (lines(at), lines(longest)) else {
                continue;
            };
            let Some(line) = ours.iter().zip(theirs).position(|(a, b)| a != b) else {
                continue;
            };
            let line = line as u64 + 1;
            forks.extend(name(*longest).map(|name| (*at, (line, name))));
            forks.extend(name(*at).map(|name| (*longest, (line, name))));
        }
    }
    forks
}

/// Reads the journals and heads that are named: files, or all of a folder.
///
/// # Errors
/// Where a folder cannot be read or a file is not there. A file that cannot be read is found out
/// by [`verify`].
pub fn gather(
    journals: &[PathBuf],
    heads: &[PathBuf],
) -> Result<(Vec<Sheet>, Vec<Witness>), (PathBuf, io::Error)> {
    let (mut sheets, mut witnesses) = (Vec::new(), Vec::new());
    let all = journals.iter().any(|path| path.is_dir());
    for path in journals {
        let failed = |why| (path.clone(), why);
        if !path.is_dir() {
            path.metadata().map_err(failed)?;
            sheets.push(sheet(path));
            continue;
        }
        let files = files(path).map_err(failed)?;
        sheets.extend(files.iter().filter(|p| is(p, "jsonl")).map(|p| sheet(p)));
        // A head whose journal is gone.
        let alone = files
            .iter()
            .filter(|p| is(p, "head") && !p.with_extension("").exists());
        witnesses.extend(alone.map(|path| witness(path, true)));
    }
    for path in heads {
        let failed = |why| (path.clone(), why);
        if path.is_dir() {
            let files = files(path).map_err(failed)?;
            let heads = files.iter().filter(|path| is(path, "head"));
            witnesses.extend(heads.map(|path| witness(path, all)));
        } else {
            path.metadata().map_err(failed)?;
            witnesses.push(witness(path, true));
        }
    }
    Ok((sheets, witnesses))
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn sheet(path: &Path) -> Sheet {
    // The head first: a journal that is being written is then at least as long as it.
    let beside = read_head(&head_file(path, None));
    let bytes = match path.metadata() {
        Ok(found) if !found.is_file() => Err("it is no file".to_owned()),
        Ok(_) => fs::read(path).map_err(|why| why.to_string()),
        Err(why) => Err(why.to_string()),
    };
    Sheet {
        name: path.display().to_string(),
        bytes,
        beside: beside.map_err(|why| why.to_string()).transpose(),
    }
}

fn witness(path: &Path, must: bool) -> Witness {
    let none = || io::Error::new(io::ErrorKind::NotFound, "it is gone");
    let head = read_head(path).and_then(|head| head.ok_or_else(none));
    Witness {
        name: path.display().to_string(),
        head: head.map_err(|why| why.to_string()),
        must,
    }
}
