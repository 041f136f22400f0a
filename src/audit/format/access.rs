//! What the access logs of nginx and Envoy share, and their JSON lines. Both write what their
//! configuration says; what is read are the formats that they come with, and JSON under the names
//! that they use themselves.

pub mod envoy;
mod memory;
pub mod nginx;

use std::borrow::Cow;

use super::text::{beginning, halves, rejected};
use super::{Format, Read, Told, excerpt};
#[cfg(test)]
use crate::audit::record::AccessRecord;
use crate::audit::record::Record;
use crate::audit::record::{AccessWords, CallEnding, Proxy};
use crate::model::Timestamp;
use crate::model::mask::{cut, target};
use crate::model::rejected::Place;

pub use memory::Memory;

/// Reads one line and tells of it; the reason why it is none of the format holds none of its words.
pub type ReadLine = fn(&str, &mut Memory, &mut dyn FnMut(&super::Access<'_>)) -> Result<(), String>;

/// Reads an access log.
#[derive(Debug)]
pub struct Access {
    read: ReadLine,
    memory: Memory,
}

impl Access {
    /// A reader of lines; what it keeps between them makes no difference to what they say.
    #[must_use]
    pub fn new(read: ReadLine) -> Self {
        Self {
            read,
            memory: Memory::default(),
        }
    }
}

impl Format for Access {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        self.tell(line, place, &mut |told| {
            out(match told {
                Told::Read(read) => read,
                Told::Access(super::Access(said)) => {
                    Read::Record(Record::Access(Box::new(said.record())), place.clone())
                }
                // No proxy tells it.
                Told::Journal(_) => return,
            });
        });
    }

    fn tell(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Told<'_>)) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        let read = std::str::from_utf8(line)
            .map_err(|e| format!("not UTF-8 at byte {} of the line", e.valid_up_to()))
            .and_then(|words| {
                (self.read)(words, &mut self.memory, &mut |said| out(Told::Access(said)))
            });
        if let Err(reason) = read {
            let excerpt = excerpt(line);
            out(Told::Read(rejected(
                place,
                reason,
                beginning(excerpt.raw()),
            )));
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

/// True where at least half of the first lines of a sample are read. Text can look like anything,
/// so that one line is not enough.
fn sniff(sample: &[u8], read: ReadLine) -> bool {
    const LOOKED_AT: usize = 50;
    let (mut lines, mut known) = (0_usize, 0_usize);
    let mut memory = Memory::default();
    // The last line may be cut.
    let end = memchr::memrchr(b'\n', sample).unwrap_or(sample.len());
    let whole = sample.get(..end).unwrap_or(sample);
    let filled = whole.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    for line in filled.filter(|line| !line.is_empty()).take(LOOKED_AT) {
        lines += 1;
        known += usize::from(
            std::str::from_utf8(line)
                .is_ok_and(|line| read(line, &mut memory, &mut |_| {}).is_ok()),
        );
    }
    known > 0 && known * 2 >= lines
}

/// What a line says, before it is judged.
#[derive(Debug, PartialEq)]
struct Draft<'a> {
    proxy: Proxy,
    time: Timestamp,
    remote_address: &'a str,
    user: &'a str,
    method: &'a str,
    path: &'a str,
    service: &'a str,
    status: u16,
    note: &'a str,
    user_agent: &'a str,
    request_id: &'a str,
}

impl<'a> Draft<'a> {
    fn said(self, memory: &mut Memory) -> super::Access<'a> {
        let given = |words: &str| !words.is_empty() && words != "-";
        let some = |words: &'a str| given(words).then(|| cut(words));
        // A request that is none may be anything, also a secret sent to the wrong port.
        let is_http = self
            .method
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b == b'-');
        let (method, path) = if is_http && given(self.path) {
            (cut(self.method), target(self.path))
        } else {
            ("-", Cow::Borrowed("-"))
        };
        super::Access(AccessWords {
            proxy: self.proxy,
            time: self.time,
            remote_address: some(self.remote_address),
            user: some(self.user),
            method,
            path,
            service: some(self.service),
            status: self.status,
            ending: ending(self.status),
            note: some(self.note),
            user_agent: given(self.user_agent).then(|| memory.prose(self.user_agent)),
            request_id: some(self.request_id),
        })
    }
}

/// What a status means for the caller. 499 is nginx's for a client that went away, and Envoy has 0
/// there: nothing was answered. Other statuses of the 400s are answers.
fn ending(status: u16) -> CallEnding {
    match status {
        0 | 499 => CallEnding::Open,
        401 => CallEnding::Unauthenticated,
        403 => CallEnding::Forbidden,
        429 => CallEnding::Throttled,
        500.. => CallEnding::Failed,
        _ => CallEnding::Granted,
    }
}

fn status(words: &str) -> Result<u16, String> {
    let status: u16 = words.parse().map_err(|_| "no status")?;
    if status == 0 || (100..1000).contains(&status) {
        Ok(status)
    } else {
        Err("no status of HTTP".to_owned())
    }
}

/// `METHOD TARGET PROTOCOL`; what is none of that gives nothing.
fn request(words: &str) -> (&str, &str) {
    let Some((method, rest)) = halves(words, b' ') else {
        return ("-", "-");
    };
    if let Some(path) = before_protocol(rest) {
        return (method, path);
    }
    // A target may hold spaces where a client sent it wrongly.
    let last = memchr::memrchr(b' ', rest.as_bytes());
    let path = match last.and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?))) {
        Some((path, protocol)) if protocol.contains('/') || protocol == "-" => path,
        _ => rest,
    };
    (method, path)
}

/// What stands before ` HTTP/1.1` and the like at the end.
fn before_protocol(rest: &str) -> Option<&str> {
    const PROTOCOL: &[u8] = b" HTTP/";
    const VERSION: usize = 3;
    let at = rest.len().checked_sub(PROTOCOL.len() + VERSION)?;
    let (protocol, version) = rest.as_bytes().get(at..)?.split_at(PROTOCOL.len());
    let is_it = protocol == PROTOCOL && !version.contains(&b' ');
    rest.get(..at).filter(|_| is_it)
}

/// The next quoted string at the beginning of `rest`, and what stands behind it. A backslash keeps
/// the quote behind it.
fn quoted(rest: &str) -> Option<(&str, &str)> {
    let inner = rest.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some((inner.get(..at)?, inner.get(at + 1..)?));
        }
        at += 2;
    }
}

/// An address without its port: `10.0.0.1:443`, `[::1]:443`.
fn host(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
        _ => address,
    }
}

/// The record that a line is.
#[cfg(test)]
pub(in crate::audit) fn record(read: ReadLine, line: &str) -> Result<AccessRecord, String> {
    let mut records = Vec::new();
    let mut out = |super::Access(said): &super::Access<'_>| records.push(said.record());
    read(line, &mut Memory::default(), &mut out)?;
    records.pop().ok_or_else(|| "no record".to_owned())
}

#[cfg(test)]
mod tests;
