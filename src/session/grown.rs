//! Follows the files of an archive: what is written to them comes to whoever has the archive.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::audit::archive::Archive;
use crate::audit::follow::{Block, Followed, Follower, Start, Stop};
use crate::audit::{Content, Trouble};

/// The most files that are followed: each has a thread.
const MOST: usize = 64;

/// Blocks that may wait to be taken in.
const AHEAD: usize = 64;

/// How long is waited for something new before whoever follows looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(200);

/// What has come.
pub(super) struct Grown {
    /// The how-manieth of the followed files.
    pub(super) nth: usize,
    pub(super) what: What,
}

pub(super) enum What {
    /// Whole lines, where they begin, and the number of the first.
    Lines(Vec<u8>, u64, u64),
    /// The same, of the file before the last [`What::Next`].
    Late(Vec<u8>, u64, u64),
    /// Another file has come in the place of the one before.
    Next(Content),
    /// Something is wrong.
    Trouble(Trouble),
}

/// The files of an archive that are followed. Dropping it ends that.
pub(super) struct Growth {
    grown: Receiver<Grown>,
    stop: Stop,
    /// For each followed file its number in the archive now, and the one before.
    numbers: Vec<(u32, u32)>,
}

impl Growth {
    /// Begins to follow what can grow.
    pub(super) fn of(archive: &Archive) -> Self {
        let (tell, grown) = bounded(AHEAD);
        let stop = Stop::default();
        let mut numbers = Vec::new();
        for (number, name, read_to) in archive.growing().into_iter().take(MOST) {
            let from = Start {
                offset: read_to,
                line: archive.line_at(number, read_to),
            };
            let path = PathBuf::from(name.raw());
            let (nth, tell, stop) = (numbers.len(), tell.clone(), stop.clone());
            thread::spawn(move || follow(&path, from, nth, &tell, &stop));
            numbers.push((number, number));
        }
        Self {
            grown,
            stop,
            numbers,
        }
    }

    /// True where anything is followed.
    pub(super) fn is_any(&self) -> bool {
        !self.numbers.is_empty()
    }

    pub(super) fn grown(&self) -> &Receiver<Grown> {
        &self.grown
    }

    /// Takes what has come into the archive; gives the first row that is another one now.
    pub(super) fn take(&mut self, archive: &mut Archive, grown: Grown) -> Option<usize> {
        let (now, before) = self.numbers.get_mut(grown.nth)?;
        let grow = |archive: &mut Archive, file: u32, bytes: &[u8], offset, line| {
            let block = Block {
                bytes,
                offset,
                line,
            };
            archive.grow(file, &block)
        };
        match grown.what {
            What::Lines(bytes, offset, line) => grow(archive, *now, &bytes, offset, line),
            What::Late(bytes, offset, line) => grow(archive, *before, &bytes, offset, line),
            What::Next(content) => {
                if let Some(next) = archive.succeed(*now, content) {
                    (*before, *now) = (*now, next);
                }
                None
            }
            What::Trouble(trouble) => {
                archive.trouble(trouble);
                None
            }
        }
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

fn follow(path: &Path, from: Start, nth: usize, tell: &Sender<Grown>, stop: &Stop) {
    let tell = |what| tell.send(Grown { nth, what }).is_ok();
    let mut follower = match Follower::open(path, from, stop) {
        Ok(follower) => follower,
        Err(trouble) => {
            tell(What::Trouble(trouble));
            return;
        }
    };
    loop {
        let mut is_other = false;
        let what = match follower.next(LOOK) {
            Ok(Followed::Lines(block)) => {
                Some(What::Lines(block.bytes.to_vec(), block.offset, block.line))
            }
            Ok(Followed::Late(block) | Followed::Torn(block)) => {
                Some(What::Late(block.bytes.to_vec(), block.offset, block.line))
            }
            // What was cut is written anew from its beginning: its rows are others.
            Ok(Followed::Rotated | Followed::Cut { .. }) => {
                is_other = true;
                None
            }
            Ok(Followed::Ended | Followed::Stopped) => return,
            Ok(_) => None,
            Err(trouble) => {
                thread::sleep(LOOK);
                Some(What::Trouble(trouble))
            }
        };
        let what = match (what, is_other) {
            (_, true) => follower.content().ok().map(What::Next),
            (what, false) => what,
        };
        if what.is_some_and(|what| !tell(what)) {
            return;
        }
    }
}
