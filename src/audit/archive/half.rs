//! What the index keeps of one line of a Vault audit log, and of the two that belong together.

use std::hash::{BuildHasher, RandomState};

use super::columns::{LONGEST_BACK, nanos};
use super::words::Words;
use crate::audit::derive::{secret_at, secret_of};
use crate::audit::entry::{correlation_of, is_denied};
use crate::audit::record::{VaultEntry, VaultKind};
use crate::audit::scan::walk::Found;
use crate::model::{Text, Timestamp};

/// The fields of a Vault row that are told in words of the log's own.
pub(super) const SAID: usize = 5;

/// Where among them each is.
const OPERATION: usize = 0;
const ACTOR: usize = 1;
const PATH: usize = 2;
const ROTATION: usize = 3;
const SECRET: usize = 4;

/// How a call ended, as far as one line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Fine,
    Denied,
    Error,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Half {
    /// Nanoseconds since 1970.
    pub(super) time: i64,
    /// Where it stands in its file.
    pub(super) offset: u64,
    /// `request.id`, hashed.
    pub(super) id: u64,
    pub(super) kind: VaultKind,
    pub(super) end: End,
    /// True where it tells who called.
    tells_who: bool,
    /// Codes of the words it says.
    pub(super) said: [u32; SAID],
}

/// A call: a response with its request, or one of them alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The last line.
    pub(super) last: Half,
    /// How many bytes before it its request stands; 0 where that is not known.
    pub(super) back: u32,
}

impl Call {
    /// A line alone.
    pub(super) fn alone(last: Half) -> Self {
        Self { last, back: 0 }
    }

    /// A response with its request, in the same file.
    pub(super) fn of(request: &Half, response: Half) -> Self {
        let mut last = response;
        last.join(request);
        let back = response.offset.checked_sub(request.offset);
        let back = back.filter(|back| *back <= LONGEST_BACK);
        Self {
            last,
            back: back.and_then(|back| u32::try_from(back).ok()).unwrap_or(0),
        }
    }

    /// The word for how it ended.
    pub(super) fn outcome(&self) -> &'static str {
        match (self.last.end, self.last.kind) {
            (End::Denied, _) => "denied",
            (End::Error, _) => "error",
            (End::Fine, VaultKind::Request) => "unanswered",
            (End::Fine, VaultKind::Response) => "allowed",
        }
    }
}

impl Half {
    /// Takes from the request what the response does not tell.
    fn join(&mut self, request: &Self) {
        if !self.tells_who {
            self.said[ACTOR] = request.said[ACTOR];
        }
        if self.end == End::Fine {
            self.end = request.end;
        }
        if self.said[ROTATION] == 0 {
            self.said[ROTATION] = request.said[ROTATION];
        }
    }
}

/// Hashes ids with a key that outsiders cannot know, so that nobody can write ids that meet.
#[derive(Clone)]
pub(super) struct Ids(ahash::RandomState);

impl Ids {
    pub(super) fn new() -> Self {
        let seed = |n: u64| RandomState::new().hash_one(n);
        Self(ahash::RandomState::with_seeds(
            seed(1),
            seed(2),
            seed(3),
            seed(4),
        ))
    }

    pub(super) fn of(&self, id: &[u8]) -> u64 {
        self.0.hash_one(id)
    }
}

/// Reads lines into halves; keeps the words that it met.
pub(super) struct Halves {
    ids: Ids,
    pub(super) words: [Words; SAID],
    /// For each path: the mount's place and type with which it was last seen, and its secret.
    secrets: Vec<Option<(Box<[u8]>, u32)>>,
    scratch: Vec<u8>,
}

impl Halves {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            words: std::array::from_fn(|_| Words::new()),
            secrets: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// What was found in a line; `None` where the full reader has to be asked.
    pub(super) fn found(&mut self, text: &[u8], found: &Found, offset: u64) -> Option<Half> {
        let of = |part: crate::audit::scan::walk::Part| {
            let bytes = part.of(text);
            // An escape in a word that is needed is for the full reader.
            memchr::memchr(b'\\', bytes).is_none().then_some(bytes)
        };
        let kind = match of(found.kind)? {
            b"request" => VaultKind::Request,
            b"response" => VaultKind::Response,
            _ => return None,
        };
        let time = std::str::from_utf8(of(found.time)?).ok()?;
        let time = nanos(Timestamp::parse(time).ok()?);
        let id = of(found.request.id).filter(|id| !id.is_empty())?;
        let (auth, request) = (&found.auth, &found.request);
        let consumer = of(auth.consumer)?;
        if auth.consumer.is_told() && consumer.is_empty() {
            return None;
        }
        let (display_name, entity_id) = (of(auth.display_name)?, of(auth.entity_id)?);
        let tells_who = auth.has_metadata || !display_name.is_empty() || !entity_id.is_empty();
        let response = found.response.of(text);
        let wants = |text: &[u8], words: &[u8]| memchr::memmem::find(text, words).is_some();
        // Logins say who in the response, and a header may name a rotation. An escape may hide the
        // names of both.
        let hides = |text: &[u8]| wants(text, b"\\u");
        let in_response = !tells_who && (wants(response, b"\"auth\"") || hides(response));
        let headers = request.headers.of(text);
        if in_response || hides(headers) || wants(&headers.to_ascii_lowercase(), b"correlation") {
            return None;
        }
        let actor = [consumer, display_name, entity_id];
        let actor = actor.into_iter().find(|name| !name.is_empty());
        let path = trimmed(of(request.path)?);
        let mount = trimmed(of(request.mount_point)?);
        let mount_type = of(request.mount_type)?;
        if wants(path, b"sys/leases/") {
            return None;
        }
        let operation = self.words[OPERATION].code_of(of(request.operation)?)?;
        let actor = actor.map(|actor| self.words[ACTOR].code_of(actor));
        let path_code = self.words[PATH].code_of(path)?;
        let actor = match actor {
            Some(code) => code?,
            None => 0,
        };
        let secret = self.secret(path_code, path, mount, mount_type)?;
        Some(Half {
            time,
            offset,
            id: self.ids.of(id),
            kind,
            end: end_of(found.error.of(text))?,
            tells_who,
            said: [operation, actor, path_code, 0, secret],
        })
    }

    /// The secret of a path, remembered.
    fn secret(&mut self, code: u32, path: &[u8], mount: &[u8], kind: &[u8]) -> Option<u32> {
        let at = code as usize;
        if self.secrets.len() <= at {
            self.secrets.resize(at + 1, None);
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(mount);
        self.scratch.push(b'\n');
        self.scratch.extend_from_slice(kind);
        if let Some(Some((seen, secret))) = self.secrets.get(at)
            && **seen == *self.scratch
        {
            return Some(*secret);
        }
        let words = |bytes| std::str::from_utf8(bytes).ok();
        let secret = secret_at(words(kind)?, words(mount)?, words(path)?, None);
        let secret = secret.map_or(0, |secret| self.words[SECRET].code(secret.raw()));
        if let Some(kept) = self.secrets.get_mut(at) {
            *kept = Some((self.scratch.as_slice().into(), secret));
        }
        Some(secret)
    }

    /// What the full reader has read.
    pub(super) fn read(&mut self, entry: &VaultEntry, offset: u64) -> Half {
        let auth = entry.auth.as_ref();
        let actor = auth.and_then(|auth| {
            let named = auth.meta("consumer").or(auth.display_name.as_ref());
            named.or(auth.entity_id.as_ref())
        });
        let secret = secret_of(entry);
        let mut code = |nth: usize, words: Option<&str>| match (self.words.get_mut(nth), words) {
            (Some(known), Some(words)) => known.code(words),
            _ => 0,
        };
        let said = [
            code(OPERATION, Some(entry.operation.raw())),
            code(ACTOR, actor.map(Text::raw)),
            code(PATH, Some(entry.path.raw())),
            code(ROTATION, correlation_of(entry).as_ref().map(Text::raw)),
            code(SECRET, secret.as_ref().map(crate::model::SecretPath::raw)),
        ];
        Half {
            time: nanos(entry.time),
            offset,
            id: self.ids.of(entry.request_id.raw().as_bytes()),
            kind: entry.kind,
            end: match &entry.error {
                Some(error) if is_denied(error.raw()) => End::Denied,
                Some(_) => End::Error,
                None => End::Fine,
            },
            tells_who: auth.is_some(),
            said,
        }
    }
}

/// How an error, as it was written, says that a call ended. Vault's words have no escapes that
/// could hide what is looked for, but for those that stand for any character.
fn end_of(error: &[u8]) -> Option<End> {
    if error.is_empty() {
        return Some(End::Fine);
    }
    if memchr::memmem::find(error, b"\\u").is_some() {
        return None;
    }
    let words = std::str::from_utf8(error).ok()?;
    Some(if is_denied(words) {
        End::Denied
    } else {
        End::Error
    })
}

fn trimmed(path: &[u8]) -> &[u8] {
    let begin = path.iter().position(|byte| *byte != b'/');
    path.get(begin.unwrap_or(path.len())..).unwrap_or_default()
}
