//! Following what grows: the whole lines of a file as they are written, whatever becomes of the
//! file, or of standard input.
//!
//! A file is known by its device and number and never by its name. Rotated (renamed and made anew),
//! it is read to its end before the new one begins, and so is every generation that came and went in
//! the meantime. Cut (`copytruncate`), it is read from its beginning. Gone, it is waited for. A
//! line is handed out once its end is there.

mod generations;
mod tail;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::tail::{FileId, Filled, Held, Piece, Tail};
use self::watch::{Watch, readable};
use super::source::{Content, STDIN};
use super::trouble::{Trouble, name_of};
use crate::model::Text;

/// How long a file that was rotated is read on: several processes do not go over to the new one at
/// the same moment.
const LINGER: Duration = Duration::from_secs(2);

/// How many files that were rotated are read on at once.
const LINGERING: usize = 8;

/// How often the snapshot of a folder in motion is tried before it is left for the next look.
const TRIES: usize = 16;

/// Where to begin: a byte and the number, from 1, of the line that begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The offset of the first byte that was not read yet.
    pub offset: u64,
    /// The number of the line that begins there.
    pub line: u64,
}

impl Start {
    /// The beginning of a file.
    pub const BEGINNING: Self = Self { offset: 0, line: 1 };
}

/// Bytes and where they stand in their file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Whole lines with their ends.
    pub bytes: &'a [u8],
    /// The offset of the first byte.
    pub offset: u64,
    /// The number of the first line, from 1.
    pub line: u64,
}

/// What following a file gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed<'a> {
    /// New lines.
    Lines(Block<'a>),
    /// Lines that were written to a file before this one after the new one had begun.
    Late(Block<'a>, Back),
    /// A last line without an end that no longer can come: its file was rotated or cut, the pipe
    /// has ended, or reading was stopped.
    Torn(Block<'a>, Back),
    /// A line longer than 16 MiB was left out.
    TooLong {
        /// The offset of its first byte.
        offset: u64,
        /// Its number.
        line: u64,
    },
    /// What follows is from the next file of this name, from its beginning.
    Rotated,
    /// The file was cut: what follows is from its beginning.
    Cut {
        /// How far it had been read.
        read: u64,
    },
    /// Nothing has this name any more.
    Gone,
    /// Something has this name again.
    Back,
    /// Nothing new came in time.
    Quiet,
    /// The pipe has ended.
    Ended,
    /// Reading was stopped.
    Stopped,
}

/// How many files before the one that is read now: 0 is that one. Each [`Followed::Rotated`] and
/// each [`Followed::Cut`] begins another.
pub type Back = usize;

/// Stops a [`Follower`] from another thread.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends reading: the follower gives what is left and then [`Followed::Stopped`], after a tenth
    /// of a second at most.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// True once it was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Reads a file or standard input as it grows.
pub struct Follower {
    name: Text,
    /// `None` of a pipe.
    path: Option<PathBuf>,
    tail: Tail,
    /// Generations that follow it and are known already.
    next: VecDeque<Tail>,
    lingering: Vec<Lingering>,
    /// How many files were begun before the one that is read.
    begun: usize,
    watch: Watch,
    stop: Stop,
    news: VecDeque<News>,
    is_gone: bool,
    is_ended: bool,
    /// The trouble that was told last, so that it is not told again and again.
    told: Option<Trouble>,
}

struct Lingering {
    tail: Tail,
    until: Instant,
    /// How many files were begun before it.
    begun: usize,
}

/// What is to be told before anything else.
enum News {
    Event(Followed<'static>),
    Trouble(Trouble),
    /// The unfinished line of the file that is read.
    Torn,
}

/// What the next answer is made of; the bytes stay where they are until it is made.
enum Step {
    Event(Followed<'static>),
    Lines(Piece),
    Late(usize, Piece),
    Torn(Piece),
    LateTorn(usize, Piece),
}

impl Follower {
    /// Follows the file at a path, or standard input where it is `-`, from a place on. A file that
    /// is shorter than that was cut.
    ///
    /// # Errors
    /// [`Trouble`] where it cannot be opened.
    pub fn open(path: &Path, from: Start, stop: &Stop) -> Result<Self, Trouble> {
        if path.as_os_str() == STDIN {
            return stdin()
                .map(|pipe| Self::pipe(pipe, name_of(path), stop))
                .map_err(|e| Trouble::opening(path, &e));
        }
        // Watched before it is opened, so that no move goes unseen.
        let mut watch = Watch::new(Some(path));
        let fail = |e: io::Error| Trouble::opening(path, &e);
        let file = File::open(path).map_err(fail)?;
        let meta = file.metadata().map_err(fail)?;
        if !meta.is_file() {
            return Ok(Self::pipe(file, name_of(path), stop));
        }
        watch.file(&file);
        let mut tail = Tail::new(file, Some(FileId::of(&meta)), from.offset, from.line);
        let mut news = VecDeque::new();
        if tail.is_cut(meta.len()) {
            news.push_back(News::Event(Followed::Cut { read: from.offset }));
            tail.again();
        }
        Ok(Self {
            path: Some(path.to_owned()),
            watch,
            news,
            ..Self::over(tail, name_of(path), stop)
        })
    }

    /// Follows a pipe, under the name to show for it.
    #[must_use]
    pub fn pipe(pipe: File, name: Text, stop: &Stop) -> Self {
        Self::over(Tail::new(pipe, None, 0, 1), name, stop)
    }

    fn over(tail: Tail, name: Text, stop: &Stop) -> Self {
        Self {
            name,
            path: None,
            tail,
            next: VecDeque::new(),
            lingering: Vec::new(),
            begun: 0,
            watch: Watch::new(None),
            stop: stop.clone(),
            news: VecDeque::new(),
            is_gone: false,
            is_ended: false,
            told: None,
        }
    }

    /// The name to show for it.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// The file that is read now, to be read at any place.
    ///
    /// # Errors
    /// What the system says.
    pub fn content(&self) -> io::Result<Content> {
        let file = self.tail.file().try_clone()?;
        Ok(Content(Arc::new(file)))
    }

    /// Waits for what comes next, for `timeout` at most. After [`Followed::Ended`] and
    /// [`Followed::Stopped`] nothing else comes.
    ///
    /// # Errors
    /// [`Trouble`] where a file cannot be opened or read. It may be asked again: what can be read
    /// later is.
    pub fn next(&mut self, timeout: Duration) -> Result<Followed<'_>, Trouble> {
        let deadline = Instant::now() + timeout;
        let step = loop {
            if let Some(step) = self.step()? {
                break step;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Step::Event(Followed::Quiet);
            }
            self.rest(left);
        };
        Ok(match step {
            Step::Event(event) => event,
            Step::Lines(piece) => Followed::Lines(block(&self.tail, piece)),
            Step::Torn(piece) => Followed::Torn(block(&self.tail, piece), 0),
            Step::Late(at, piece) => match self.lingering.get(at) {
                Some(old) => Followed::Late(block(&old.tail, piece), self.begun - old.begun),
                None => Followed::Quiet,
            },
            Step::LateTorn(at, piece) => match self.lingering.get(at) {
                Some(old) => Followed::Torn(block(&old.tail, piece), self.begun - old.begun),
                None => Followed::Quiet,
            },
        })
    }

    fn rest(&mut self, most: Duration) {
        if self.path.is_none() {
            readable(self.tail.file(), most.min(Duration::from_millis(100)));
        } else {
            self.watch.wait(most);
        }
    }

    /// The next thing to tell, without waiting for it.
    fn step(&mut self) -> Result<Option<Step>, Trouble> {
        loop {
            match self.news.pop_front() {
                Some(News::Event(event)) => return Ok(Some(Step::Event(event))),
                Some(News::Trouble(trouble)) => return Err(trouble),
                Some(News::Torn) => {
                    if let Some(step) = torn(&mut self.tail, Step::Torn) {
                        return Ok(Some(step));
                    }
                    continue;
                }
                None => {}
            }
            if self.is_ended {
                return Ok(Some(Step::Event(Followed::Ended)));
            }
            match self.tail.take() {
                Held::Lines(piece) => return Ok(Some(Step::Lines(piece))),
                Held::TooLong(piece) => return Ok(Some(too_long(&piece))),
                Held::Nothing => {}
            }
            if self.stop.is_stopped() {
                return Ok(Some(self.stopped()));
            }
            if self.path.is_none() && !readable(self.tail.file(), Duration::ZERO) {
                return Ok(None);
            }
            match self.fill()? {
                Filled::More => {}
                Filled::Cut => self.cut(),
                Filled::Idle => return Ok(None),
                Filled::End if self.path.is_none() => {
                    self.is_ended = true;
                    self.news.push_back(News::Torn);
                }
                Filled::End => {
                    if let Some(step) = self.linger() {
                        return Ok(Some(step));
                    }
                    if !self.look()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn fill(&mut self) -> Result<Filled, Trouble> {
        let read = self.tail.fill();
        read.map_err(|error| Trouble::Failed {
            path: self.name.clone(),
            byte: self.tail.read_to(),
            cause: Text::from(error.to_string()),
        })
    }

    /// Begins the file that was cut again, after its unfinished line.
    fn cut(&mut self) {
        let read = self.tail.read_to();
        if self.tail.holds_rest() {
            // Told first; the next look finds the file as short as now.
            self.news.push_back(News::Torn);
            return;
        }
        self.tail.again();
        self.begun += 1;
        self.news.push_back(News::Event(Followed::Cut { read }));
    }

    /// What is left is given once everything that can be read was.
    fn stopped(&mut self) -> Step {
        if let Some(step) = torn(&mut self.tail, Step::Torn) {
            return step;
        }
        while let Some(at) = self.lingering.len().checked_sub(1) {
            let rest = self.lingering.get_mut(at);
            let late = |piece| Step::LateTorn(at, piece);
            if let Some(step) = rest.and_then(|old| torn(&mut old.tail, late)) {
                return step;
            }
            self.lingering.pop();
        }
        Step::Event(Followed::Stopped)
    }

    /// Reads on the files that were rotated a moment ago.
    fn linger(&mut self) -> Option<Step> {
        let now = Instant::now();
        let mut at = 0;
        while let Some(old) = self.lingering.get_mut(at) {
            loop {
                match old.tail.take() {
                    Held::Lines(piece) => return Some(Step::Late(at, piece)),
                    Held::TooLong(piece) => return Some(too_long(&piece)),
                    Held::Nothing => {}
                }
                // One that cannot be read any more has nothing to give.
                if !matches!(old.tail.fill(), Ok(Filled::More)) {
                    break;
                }
            }
            if old.until > now {
                at += 1;
                continue;
            }
            if let Some(step) = torn(&mut old.tail, |piece| Step::LateTorn(at, piece)) {
                return Some(step);
            }
            let old = self.lingering.remove(at);
            self.watch.no_file(old.tail.file());
        }
        None
    }

    /// Looks what has the name, since the file that is read is at its end; true where that has
    /// changed something.
    fn look(&mut self) -> Result<bool, Trouble> {
        let Some(path) = self.path.clone() else {
            return Ok(false);
        };
        let meta = match fs::metadata(&path) {
            Ok(meta) => Some(meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // What is known to follow can be read without it.
            Err(_) if !self.next.is_empty() => return self.switch(),
            Err(error) => {
                self.trouble(Trouble::opening(&path, &error));
                return Ok(!self.news.is_empty());
            }
        };
        if meta.is_none() != self.is_gone {
            self.is_gone = meta.is_none();
            let event = if self.is_gone {
                Followed::Gone
            } else {
                Followed::Back
            };
            self.news.push_back(News::Event(event));
        }
        if !self.next.is_empty() {
            return self.switch();
        }
        let own = |meta: &Metadata| Some(FileId::of(meta)) == self.tail.id;
        match &meta {
            Some(meta) if own(meta) => {
                self.told = None;
                if self.tail.is_cut(meta.len()) {
                    self.cut();
                }
            }
            _ => {
                self.find(&path);
                if !self.next.is_empty() {
                    // The name may have come back meanwhile, which is told before what it holds.
                    return Ok(true);
                }
            }
        }
        Ok(!self.news.is_empty())
    }

    /// Goes over to the next generation once the one that is read is at its end, after that began.
    fn switch(&mut self) -> Result<bool, Trouble> {
        match self.fill()? {
            Filled::End => {}
            Filled::Cut => {
                self.cut();
                return Ok(true);
            }
            Filled::More => return Ok(true),
            Filled::Idle => return Ok(false),
        }
        let Some(next) = self.next.pop_front() else {
            return Ok(false);
        };
        let old = std::mem::replace(&mut self.tail, next);
        self.lingering.push(Lingering {
            tail: old,
            until: Instant::now() + LINGER,
            begun: self.begun,
        });
        self.begun += 1;
        if self.lingering.len() > LINGERING
            && let Some(oldest) = self.lingering.first_mut()
        {
            oldest.until = Instant::now();
        }
        self.watch.file(self.tail.file());
        self.news.push_back(News::Event(Followed::Rotated));
        Ok(true)
    }

    /// Finds the generations that follow the file that is read: those that were begun and moved
    /// away in the meantime, and the one that has the name now and has begun.
    fn find(&mut self, path: &Path) {
        for tried in 1..=TRIES {
            let (names, version): (Vec<_>, _) = match self.watch.generations() {
                Some(known) => (
                    known.names().map(|n| path.with_file_name(n)).collect(),
                    Some(known.version()).filter(|_| known.is_settled()),
                ),
                None => (Vec::new(), Some(0)),
            };
            let found = match self.snapshot(&names, path) {
                Ok(found) => found,
                Err(trouble) => return self.trouble(trouble),
            };
            let after = self.watch.generations().map_or(0, |known| known.version());
            let is_whole = found.len() == names.len() + 1;
            if tried < TRIES && (version != Some(after) || !is_whole) {
                continue;
            }
            let news: Vec<Tail> = found.into_iter().flatten().collect();
            if !news.is_empty() {
                self.watch.looked_at(&names);
                self.told = None;
                self.next.extend(news);
            }
            return;
        }
    }

    /// Opens the files of these names and the one at the path: an answer for each that is there,
    /// which is `None` for one that is read already. The one at the path counts once something is
    /// in it: until then the file before it may be written.
    fn snapshot(&self, names: &[PathBuf], path: &Path) -> Result<Vec<Option<Tail>>, Trouble> {
        let mut found: Vec<Option<Tail>> = Vec::new();
        let path = path.to_owned();
        let last = names.len();
        for (at, name) in names.iter().chain([&path]).enumerate() {
            let opened = File::open(name).and_then(|file| Ok((file.metadata()?, file)));
            let (meta, file) = match opened {
                Ok(opened) => opened,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // There may be none at the path, but where a move has brought one there is one.
                    found.extend((at == last).then_some(None));
                    continue;
                }
                Err(error) => return Err(Trouble::opening(name, &error)),
            };
            let id = Some(FileId::of(&meta));
            let lingers = self.lingering.iter().any(|old| old.tail.id == id);
            let again = found.iter().flatten().any(|f| f.id == id);
            let waits = !meta.is_file() || (at == last && meta.len() == 0);
            let is_new = !(id == self.tail.id || lingers || again || waits);
            found.push(is_new.then(|| Tail::new(file, id, 0, 1)));
        }
        Ok(found)
    }

    /// Tells a trouble once.
    fn trouble(&mut self, trouble: Trouble) {
        if self.told.as_ref() != Some(&trouble) {
            self.told = Some(trouble.clone());
            self.news.push_back(News::Trouble(trouble));
        }
    }
}

fn block(tail: &Tail, piece: Piece) -> Block<'_> {
    Block {
        bytes: tail.bytes(piece.range),
        offset: piece.offset,
        line: piece.line,
    }
}

fn torn(tail: &mut Tail, step: impl FnOnce(Piece) -> Step) -> Option<Step> {
    match tail.torn() {
        Held::Lines(piece) => Some(step(piece)),
        Held::TooLong(piece) => Some(too_long(&piece)),
        Held::Nothing => None,
    }
}

fn too_long(piece: &Piece) -> Step {
    Step::Event(Followed::TooLong {
        offset: piece.offset,
        line: piece.line,
    })
}

#[cfg(unix)]
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn stdin() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    io::stdin().as_handle().try_clone_to_owned().map(File::from)
}
