//! Where bytes come from: files, folders and standard input; plain, gzip or zstd, told apart by
//! their first bytes and never by their names.
//!
//! Files are read, never mapped: a mapped file that is cut while it is open kills the program.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;

use super::trouble::{Trouble, name_of};
use crate::model::Text;

/// The name that means standard input.
pub const STDIN: &str = "-";

/// One input to read: a file that was named or found in a folder, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Where it lies; `-` is standard input.
    pub path: PathBuf,
    /// Its bytes on disk; `None` where that cannot be known (a pipe).
    pub bytes: Option<u64>,
    /// What the program carries itself; nothing is read from disk then.
    pub carried: Option<&'static [u8]>,
    /// Its unpacked content, where somebody has it open already; nothing else is read then, and of
    /// it the first `bytes`.
    pub content: Option<Content>,
    /// Its number in an archive, where it is read into one.
    pub number: Option<u32>,
}

/// A file that is open and may be read at any place by several at once.
#[derive(Clone, Debug)]
pub struct Content(pub Arc<File>);

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Content {}

impl Content {
    /// Fills `room` from `offset` on until it is full or the file ends; gives how much there was.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut held = 0;
        while held < room.len() {
            let rest = room.get_mut(held..).unwrap_or_default();
            match read_at(&self.0, rest, offset + held as u64) {
                Ok(0) => break,
                Ok(n) => held += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(held)
    }

    /// Its length, in bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// Reads an open file from its beginning, whoever else reads it and whatever is written meanwhile.
struct FromStart {
    content: Content,
    at: u64,
    until: u64,
}

impl Read for FromStart {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.until.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = room.len().min(left);
        let n = read_at(
            &self.content.0,
            room.get_mut(..most).unwrap_or_default(),
            self.at,
        )?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, room: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, room, offset)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, room: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, room, offset)
}

impl Input {
    /// What lies at a path.
    #[must_use]
    pub fn at(path: PathBuf, bytes: Option<u64>) -> Self {
        Self {
            path,
            bytes,
            carried: None,
            content: None,
            number: None,
        }
    }

    /// What the program carries itself, under the name to show for it.
    #[must_use]
    pub fn carried(name: &str, content: &'static [u8]) -> Self {
        Self {
            path: PathBuf::from(name),
            bytes: Some(content.len() as u64),
            carried: Some(content),
            content: None,
            number: None,
        }
    }

    /// True for standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == STDIN
    }

    /// True where it can be closed and opened again without losing anything.
    #[must_use]
    pub fn reopens(&self) -> bool {
        self.bytes.is_some()
    }
}

/// Takes `path` apart: a file stands for itself, a folder for the files in it and below, sorted
/// by path; hidden ones, sockets and pipes are left out. What cannot be looked at goes to
/// `trouble`.
pub fn walk(path: &Path, out: &mut Vec<Input>, trouble: &mut dyn FnMut(Trouble)) {
    if path.as_os_str() == STDIN {
        out.push(Input::at(path.to_owned(), None));
        return;
    }
    match fs::metadata(path) {
        Err(error) => trouble(Trouble::opening(path, &error)),
        Ok(meta) if meta.is_dir() => {
            let before = out.len();
            let mut seen_trouble = false;
            walk_folder(path, out, &mut |t| {
                seen_trouble = true;
                trouble(t);
            });
            if out.len() == before && !seen_trouble {
                let path = name_of(path);
                trouble(Trouble::NoLogs { path });
            }
        }
        Ok(meta) => out.push(Input::at(
            path.to_owned(),
            meta.is_file().then_some(meta.len()),
        )),
    }
}

/// A link to a folder inside a folder is not followed, so that no circle can be walked.
fn walk_folder(folder: &Path, out: &mut Vec<Input>, trouble: &mut dyn FnMut(Trouble)) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return trouble(Trouble::opening(folder, &error)),
    };
    let mut paths: Vec<(PathBuf, bool)> = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_name().to_string_lossy().starts_with('.') => {}
            Ok(entry) => {
                let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
                paths.push((entry.path(), is_folder));
            }
            Err(error) => trouble(Trouble::opening(folder, &error)),
        }
    }
    paths.sort();
    for (path, is_folder) in paths {
        if is_folder {
            walk_folder(&path, out, trouble);
            continue;
        }
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => out.push(Input::at(path, Some(meta.len()))),
            Ok(_) => {}
            Err(error) => trouble(Trouble::opening(&path, &error)),
        }
    }
}

/// How the bytes of an input are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
}

impl Packing {
    /// From the first bytes of a file.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            // A frame, or a skippable frame before one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// The unpacked bytes of one input.
pub struct Bytes {
    name: Text,
    is_stdin: bool,
    packing: Packing,
    /// Dropped at the end, so that many small files hold no handles.
    reader: Option<Box<dyn Read + Send>>,
    /// The length of a plain file when it was opened.
    expected: Option<u64>,
    given: u64,
}

impl Bytes {
    /// Opens `input`. Bytes taken from disk are added to `counter`.
    ///
    /// # Errors
    /// [`Trouble`] where it cannot be opened.
    pub fn open(input: &Input, counter: &Arc<AtomicU64>) -> Result<Self, Trouble> {
        if let Some(content) = &input.content {
            let expected = input.bytes.or_else(|| content.length().ok());
            let from_start = FromStart {
                content: content.clone(),
                at: 0,
                until: expected.unwrap_or(u64::MAX),
            };
            return Self::take(
                input,
                Box::new(from_start),
                Packing::Plain,
                expected,
                counter,
            );
        }
        if input.is_stdin() {
            return Self::unpack(input, stdin(&input.path)?, None, counter);
        }
        if let Some(content) = input.carried {
            return Self::unpack(input, Box::new(content), None, counter);
        }
        let file = File::open(&input.path).map_err(|e| Trouble::opening(&input.path, &e))?;
        let meta = file.metadata();
        let expected = meta.ok().filter(fs::Metadata::is_file).map(|m| m.len());
        Self::unpack(input, Box::new(file), expected, counter)
    }

    fn unpack(
        input: &Input,
        raw: Box<dyn Read + Send>,
        expected: Option<u64>,
        counter: &Arc<AtomicU64>,
    ) -> Result<Self, Trouble> {
        let fail = |e: io::Error| Trouble::opening(&input.path, &e);
        let mut raw = raw;
        let mut head = Vec::with_capacity(4);
        raw.by_ref().take(4).read_to_end(&mut head).map_err(fail)?;
        let packing = Packing::of(&head);
        let raw = Box::new(Cursor::new(head).chain(raw));
        Self::take(input, raw, packing, expected, counter)
    }

    fn take(
        input: &Input,
        raw: Box<dyn Read + Send>,
        packing: Packing,
        expected: Option<u64>,
        counter: &Arc<AtomicU64>,
    ) -> Result<Self, Trouble> {
        let fail = |e: io::Error| Trouble::opening(&input.path, &e);
        let raw = Counted {
            inner: raw,
            counter: Arc::clone(counter),
        };
        let reader: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(raw),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, raw))),
            Packing::Zstd => Box::new(zstd::Decoder::new(raw).map_err(fail)?),
        };
        Ok(Self {
            name: name_of(&input.path),
            is_stdin: input.is_stdin(),
            packing,
            reader: Some(reader),
            expected: expected.filter(|_| packing == Packing::Plain),
            given: 0,
        })
    }

    /// The name to show for it.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// How it is packed.
    #[must_use]
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// True where it is plain standard input and brings nothing for so long. Waits for that.
    #[must_use]
    pub fn is_quiet(&self, within: Duration) -> bool {
        // A packed one may hold more than it has handed out.
        self.is_stdin && self.packing == Packing::Plain && brings_nothing(within)
    }

    /// Reads on into `room`; 0 is the end. `line` is the line that the caller has reached, for
    /// the words of an error.
    ///
    /// # Errors
    /// [`Trouble`] where the rest cannot be read; after it there is only the end.
    pub fn read(&mut self, room: &mut [u8], line: u64) -> Result<usize, Trouble> {
        let Some(reader) = &mut self.reader else {
            return Ok(0);
        };
        loop {
            match reader.read(room) {
                Ok(0) if !room.is_empty() => {
                    self.reader = None;
                    return match self.expected {
                        Some(expected) if self.given < expected => Err(Trouble::Cut {
                            path: self.name.clone(),
                            read: self.given,
                            expected,
                        }),
                        _ => Ok(0),
                    };
                }
                Ok(n) => {
                    self.given += n as u64;
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.reader = None;
                    return Err(self.trouble(&error, line));
                }
            }
        }
    }

    fn trouble(&self, error: &io::Error, line: u64) -> Trouble {
        let kind = match self.packing {
            Packing::Plain => {
                return Trouble::Failed {
                    path: self.name.clone(),
                    byte: self.given,
                    cause: Text::from(error.to_string()),
                };
            }
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        };
        let what = if error.kind() == io::ErrorKind::UnexpectedEof {
            "ends early"
        } else {
            "is damaged"
        };
        Trouble::Archive {
            path: self.name.clone(),
            kind,
            what,
            line,
            byte: self.given,
            cause: Text::from(error.to_string()),
        }
    }
}

/// Standard input without a buffer: what was read of it is seen, what was not is still in it.
#[cfg(unix)]
fn stdin(path: &Path) -> Result<Box<dyn Read + Send>, Trouble> {
    use std::os::fd::AsFd as _;
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let stdin = stdin.map_err(|error| Trouble::opening(path, &error))?;
    Ok(Box::new(File::from(stdin)))
}

#[cfg(unix)]
fn brings_nothing(within: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = io::stdin();
    let mut all = [PollFd::new(&stdin, PollFlags::IN)];
    let within = Timespec::try_from(within).ok();
    // Where that cannot be told, whoever reads waits as ever.
    matches!(poll(&mut all, within.as_ref()), Ok(0))
}

#[cfg(not(unix))]
fn stdin(_: &Path) -> Result<Box<dyn Read + Send>, Trouble> {
    Ok(Box::new(io::stdin()))
}

#[cfg(not(unix))]
fn brings_nothing(_: Duration) -> bool {
    false
}

/// Counts what comes from disk, for the progress bar.
struct Counted<R> {
    inner: R,
    counter: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(room)?;
        self.counter.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(input: &Path) -> (Vec<u8>, Option<Trouble>) {
        let mut inputs = Vec::new();
        walk(input, &mut inputs, &mut |t| panic!("{t}"));
        let mut bytes = Bytes::open(&inputs[0], &Arc::default()).unwrap();
        let (mut out, mut room) = (Vec::new(), vec![0; 1000]);
        loop {
            match bytes.read(&mut room, 1) {
                Ok(0) => return (out, None),
                Ok(n) => out.extend_from_slice(&room[..n]),
                Err(trouble) => return (out, Some(trouble)),
            }
        }
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut z = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        z.write_all(data).unwrap();
        z.finish().unwrap()
    }

    #[test]
    fn packing_is_told_by_the_first_bytes_whatever_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"one\ntwo\n".repeat(500);
        let mut members = gzip(&text[..100]);
        members.extend(gzip(&text[100..]));
        let zst = zstd::encode_all(&text[..], 1).unwrap();
        for (name, content) in [("a.zst", text.clone()), ("b.log", members), ("c.gz", zst)] {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            assert_eq!(all(&path), (text.clone(), None), "{name}");
        }
    }

    #[test]
    fn a_cut_archive_gives_what_came_before_and_one_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..20_000)
            .flat_map(|n| format!("line {n}\n").into_bytes())
            .collect();
        for (packed, kind) in [
            (gzip(&text), "gzip"),
            (zstd::encode_all(&text[..], 1).unwrap(), "zstd"),
        ] {
            let path = folder.path().join("cut");
            fs::write(&path, &packed[..packed.len() - packed.len() / 8]).unwrap();
            let (out, trouble) = all(&path);
            assert!(out.len() <= text.len() && text.starts_with(&out));
            let words = trouble.unwrap().to_string();
            assert!(
                words.contains(&format!("the {kind} archive ends early")),
                "{words}"
            );
        }
    }

    #[test]
    fn a_file_that_is_cut_while_it_is_read_is_a_trouble() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[b'x'; 5000]).unwrap();
        let input = Input::at(file.path().to_owned(), Some(5000));
        let mut bytes = Bytes::open(&input, &Arc::default()).unwrap();
        let mut room = [0; 1000];
        assert!(bytes.read(&mut room, 1).unwrap() > 0);
        file.as_file().set_len(0).unwrap();
        let trouble = loop {
            match bytes.read(&mut room, 1) {
                Ok(0) => panic!("the cut was not seen"),
                Ok(_) => {}
                Err(trouble) => break trouble,
            }
        };
        assert!(
            matches!(trouble, Trouble::Cut { expected: 5000, .. }),
            "{trouble}"
        );
    }

    #[test]
    fn a_folder_is_read_in_order_without_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        for name in ["c", "b/z", "b/y", ".hidden", ".git/x", "a"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut inputs = Vec::new();
        walk(folder.path(), &mut inputs, &mut |t| panic!("{t}"));
        let names: Vec<_> = inputs
            .iter()
            .map(|i| i.path.strip_prefix(folder.path()).unwrap())
            .collect();
        assert_eq!(names, ["a", "b/y", "b/z", "c"].map(Path::new));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (mut inputs, mut troubles) = (Vec::new(), Vec::new());
        walk(folder.path(), &mut inputs, &mut |t| troubles.push(t));
        walk(&folder.path().join("gone"), &mut inputs, &mut |t| {
            troubles.push(t);
        });
        assert!(inputs.is_empty());
        assert!(matches!(
            troubles[..],
            [Trouble::NoLogs { .. }, Trouble::Missing { .. }]
        ));
    }
}
