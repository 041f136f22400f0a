//! Follows the files of an archive: what is written to them comes to whoever has the archive.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::audit::archive::Archive;
use crate::audit::follow::{Back, Block, Followed, Follower, Start, Stop};
use crate::audit::trouble::name_of;
use crate::audit::{Content, Trouble};
use crate::model::Text;

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
    Lines(Lines),
    /// Another file has come in the place of the one before; `None` where it cannot be held open,
    /// so that nothing of it can be looked up.
    Next(Option<Content>),
    /// Something is wrong.
    Trouble(Trouble),
}

/// Lines of a file.
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where they begin, and the number of the first.
    offset: u64,
    line: u64,
    /// How many [`What::Next`] ago their file was begun.
    back: Back,
}

impl Lines {
    fn of(block: Block<'_>, back: Back) -> Self {
        Self {
            bytes: block.bytes.to_vec(),
            offset: block.offset,
            line: block.line,
            back,
        }
    }
}

/// The files of an archive that are followed. Dropping it ends that.
pub(super) struct Growth {
    grown: Receiver<Grown>,
    names: Vec<Name>,
}

/// A name that is followed.
struct Name {
    stop: Stop,
    /// The numbers in the archive of the files that had it, the last one last.
    numbers: Vec<Option<u32>>,
}

impl Growth {
    /// Begins to follow what can grow.
    pub(super) fn of(archive: &Archive) -> Self {
        let (tell, grown) = bounded(AHEAD);
        let mut names = Vec::new();
        for (number, name, read_to) in archive.growing().into_iter().take(MOST) {
            let from = Start {
                offset: read_to,
                line: archive.line_at(number, read_to),
            };
            let path = PathBuf::from(name.raw());
            let stop = Stop::default();
            names.push(Name {
                stop: stop.clone(),
                numbers: vec![Some(number)],
            });
            let (nth, tell) = (names.len() - 1, tell.clone());
            thread::spawn(move || follow(&path, from, nth, &tell, &stop));
        }
        Self { grown, names }
    }

    /// True where anything is followed.
    pub(super) fn is_any(&self) -> bool {
        self.names.iter().any(|name| !name.stop.is_stopped())
    }

    pub(super) fn grown(&self) -> &Receiver<Grown> {
        &self.grown
    }

    /// Takes what has come into the archive; gives the first row that is another one now.
    pub(super) fn take(&mut self, archive: &mut Archive, grown: Grown) -> Option<usize> {
        let Name { stop, numbers } = self.names.get_mut(grown.nth)?;
        match grown.what {
            What::Lines(lines) => {
                let at = numbers.len().checked_sub(lines.back + 1)?;
                let file = numbers.get(at).copied().flatten()?;
                let block = Block {
                    bytes: &lines.bytes,
                    offset: lines.offset,
                    line: lines.line,
                };
                let row = archive.grow(file, &block);
                // What has begun as something that cannot be followed is left alone.
                if lines.back == 0 && !archive.grows(file) {
                    stop.stop();
                }
                row
            }
            What::Next(content) => {
                // It is read as those before it were.
                let before = numbers.iter().rev().flatten().next().copied();
                let next = before.zip(content);
                numbers.push(next.and_then(|(before, content)| archive.succeed(before, content)));
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
        for name in &self.names {
            name.stop.stop();
        }
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
        let told = match follower.next(LOOK) {
            Ok(Followed::Lines(block)) => tell(What::Lines(Lines::of(block, 0))),
            Ok(Followed::Late(block, back) | Followed::Torn(block, back)) => {
                tell(What::Lines(Lines::of(block, back)))
            }
            // What was cut is written anew from its beginning: its rows are others.
            Ok(Followed::Rotated | Followed::Cut { .. }) => match follower.content() {
                Ok(content) => tell(What::Next(Some(content))),
                Err(error) => {
                    let trouble = Trouble::Failed {
                        path: name_of(path),
                        byte: 0,
                        cause: Text::from(error.to_string()),
                    };
                    tell(What::Trouble(trouble)) && tell(What::Next(None))
                }
            },
            Ok(Followed::Ended | Followed::Stopped) => return,
            Ok(_) => true,
            Err(trouble) => {
                thread::sleep(LOOK);
                tell(What::Trouble(trouble))
            }
        };
        if !told {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;
    use crate::audit::{Options, open};

    fn line(id: &str, second: u32) -> String {
        format!(
            r#"{{"time":"2026-01-01T00:00:{second:02}Z","type":"response","auth":{{"display_name":"app"}},"request":{{"id":"{id}","operation":"read","path":"secret/{id}"}}}}"#
        )
    }

    fn content(text: &str) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Content(Arc::new(file))
    }

    /// A line that was torn before its file was cut is of that file, and what comes late of the one
    /// before: each row is found again where it stands.
    #[test]
    fn what_comes_late_and_what_is_torn_is_put_to_the_file_that_it_is_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        // The file has grown already by what is told late.
        let first = [line("first", 1), line("late", 2), line("later", 3)].map(|l| l + "\n");
        std::fs::write(&path, &first[0]).unwrap();
        let mut archive = open(&[&path], &Options::default()).unwrap().archive();
        let mut growth = Growth::of(&archive);
        growth.names[0].stop.stop();
        std::fs::write(&path, first.concat()).unwrap();
        let mut take = |what| growth.take(&mut archive, Grown { nth: 0, what });
        let lines = |text: &str, offset: usize, line, back| {
            What::Lines(Lines {
                bytes: text.as_bytes().to_vec(),
                offset: offset as u64,
                line,
                back,
            })
        };
        let (second, torn) = (line("second", 4) + "\n", line("torn", 5));
        take(What::Next(Some(content(&format!("{second}{torn}")))));
        take(lines(&second, 0, 1, 0));
        take(lines(&first[1], first[0].len(), 2, 1));
        take(lines(&torn, second.len(), 2, 0));
        // It was cut.
        let third = line("third", 6) + "\n";
        take(What::Next(Some(content(&third))));
        take(lines(&third, 0, 1, 0));
        take(lines(&first[2], first[0].len() + first[1].len(), 3, 2));
        // One that cannot be held open, and one that was never begun.
        take(What::Next(None));
        take(lines(&third, 0, 1, 0));
        take(lines(&third, 0, 1, 9));
        let rows = (0..archive.len()).map(|row| archive.row(row, true).unwrap());
        let rows: Vec<_> = rows
            .map(|row| (row.id.unwrap().raw().to_owned(), row.place.line))
            .collect();
        let wanted = [
            ("first", 1),
            ("late", 2),
            ("later", 3),
            ("second", 1),
            ("torn", 2),
            ("third", 1),
        ];
        assert_eq!(rows, wanted.map(|(id, line)| (id.to_owned(), line)));
    }
}
