//! What the index keeps of one line of a Vault audit log, and of the two that belong together.

use super::columns::{At, nanos};
use crate::audit::derive::{secret_at, secret_of};
use crate::audit::entry::{correlation_of, is_denied};
use crate::audit::keyed::{hash_of, keyed};
use crate::audit::record::{VaultEntry, VaultKind};
use crate::audit::scan::found::{Found, Part, Slot};
use crate::audit::words::Words;
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

/// The words for how a call ended.
pub(super) const OUTCOMES: [&str; 4] = ["denied", "error", "unanswered", "allowed"];

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
        let at = |half: &Half| At {
            file: 0,
            offset: half.offset,
        };
        Self {
            last,
            back: at(&response).back_to(at(request)),
        }
    }

    /// The how-manieth of [`OUTCOMES`] it ended with.
    pub(super) fn outcome(&self) -> usize {
        match (self.last.end, self.last.kind) {
            (End::Denied, _) => 0,
            (End::Error, _) => 1,
            (End::Fine, VaultKind::Request) => 2,
            (End::Fine, VaultKind::Response) => 3,
        }
    }
}

impl Half {
    /// Takes from the request what the response does not tell.
    pub(super) fn join(&mut self, request: &Self) {
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
        Self(keyed())
    }

    pub(super) fn of(&self, id: &[u8]) -> u64 {
        hash_of(id, &self.0)
    }

    /// The hash of two that belong together.
    fn hash_of_both(&self, one: &[u8], other: &[u8]) -> u64 {
        self.0.hash_one((one, other))
    }
}

/// A line as it was written.
struct Line<'a> {
    text: &'a [u8],
    /// True where an escape stands anywhere in it.
    escapes: bool,
}

impl<'a> Line<'a> {
    /// The bytes of a part; `None` where an escape stands in it.
    fn plain(&self, part: Part) -> Option<&'a [u8]> {
        let bytes = part.of(self.text);
        let plain = !self.escapes || memchr::memchr(b'\\', bytes).is_none();
        plain.then_some(bytes)
    }

    /// True where an escape may hide a name in some bytes.
    fn hides(&self, bytes: &[u8]) -> bool {
        self.escapes && has(bytes, b"\\u")
    }
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    memchr::memmem::find(bytes, words).is_some()
}

/// Who called, in codes.
#[derive(Clone, Copy)]
struct Who {
    actor: u32,
    tells: bool,
}

/// What was asked, in codes.
#[derive(Clone, Copy)]
struct What {
    id: u64,
    operation: u32,
    path: u32,
    secret: u32,
}

/// Reads times; the lines of a log are mostly of the same minute.
#[derive(Default)]
struct Clock {
    /// `2026-11-23T13:46:`, as it was read last, and when that was.
    minute: Option<([u8; MINUTE], i64)>,
}

/// In nanoseconds.
const A_MINUTE: i64 = 60_000_000_000;

/// The bytes of a time up to its seconds.
const MINUTE: usize = 17;

impl Clock {
    /// Nanoseconds since 1970; `None` where the words are no time.
    #[inline]
    fn read(&mut self, words: &[u8]) -> Option<i64> {
        if let Some((minute, rest)) = words.split_first_chunk()
            && let Some((known, begins)) = &self.minute
            && minute == known
            && let Some(past) = past_minute(rest)
        {
            return Some(begins.saturating_add(past));
        }
        self.anew(words)
    }

    /// The same where the minute is not known.
    #[cold]
    fn anew(&mut self, words: &[u8]) -> Option<i64> {
        let time = Timestamp::parse(std::str::from_utf8(words).ok()?).ok()?;
        let time = nanos(time);
        // Only a time that was read here too tells when its minute began, and none at the ends
        // of what can be told.
        if let Some((minute, rest)) = words.split_first_chunk()
            && let Some(past) = past_minute(rest)
            && let Some(begins) = time.checked_sub(past)
            && begins.checked_add(A_MINUTE).is_some()
            && begins.checked_sub(A_MINUTE).is_some()
        {
            self.minute = Some((*minute, begins));
        }
        Some(time)
    }
}

/// The nanoseconds of `SS.fffffffffZ`, with one to nine digits behind the point.
#[inline]
fn past_minute(words: &[u8]) -> Option<i64> {
    let [tens, ones, b'.', fraction @ .., b'Z'] = words else {
        return None;
    };
    let seconds = digit(*tens)? * 10 + digit(*ones)?;
    let (most, last) = match fraction.split_first_chunk() {
        Some((most, [last])) => (*most, *last),
        Some((most, [])) => (*most, b'0'),
        Some(_) => return None,
        None => (filled(fraction), b'0'),
    };
    let nanos = eight(most)? * 10 + digit(last)?;
    let is_one = seconds < 60 && !fraction.is_empty();
    is_one.then_some(seconds * 1_000_000_000 + nanos)
}

/// Fewer than eight digits, with zeros behind them.
fn filled(digits: &[u8]) -> [u8; 8] {
    let mut eight = [b'0'; 8];
    for (to, from) in eight.iter_mut().zip(digits) {
        *to = *from;
    }
    eight
}

#[inline]
fn digit(byte: u8) -> Option<i64> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(i64::from(digit))
}

/// A number of eight digits, all at once: of neighbours one of twice as many is made, three times.
#[inline]
fn eight(digits: [u8; 8]) -> Option<i64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let digits = u64::from_le_bytes(digits);
    // The upper half of a digit is 3, and still is where 6 is added.
    let are_threes = |digits: u64| digits & (0xf0 * EACH) == 0x30 * EACH;
    if !are_threes(digits) || !are_threes(digits.wrapping_add(6 * EACH)) {
        return None;
    }
    let ones = digits & (0x0f * EACH);
    let twos = (ones.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    i64::try_from(fours.wrapping_mul(10_000 << 32 | 1) >> 32).ok()
}

/// The mount's place and type with which a path was seen, and its secret.
#[derive(Clone, Copy, Default)]
struct OfPath {
    /// The mount, hashed; 0 where it was never seen.
    mount: u64,
    secret: u32,
}

/// Reads lines into halves; keeps the words that it met.
pub(super) struct Halves {
    ids: Ids,
    pub(super) words: [Words; SAID],
    /// For each path what was known of it last.
    secrets: Vec<OfPath>,
    /// What the line before was found to say, as long as that was found here.
    last: Option<Half>,
    clock: Clock,
}

impl Halves {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            words: std::array::from_fn(|_| Words::new()),
            secrets: Vec::new(),
            last: None,
            clock: Clock::default(),
        }
    }

    /// What was found in a line; `None` where the full reader has to be asked. Every line that was
    /// found is told here, in the order of the text.
    pub(super) fn found(&mut self, text: &[u8], found: &Found, offset: u64) -> Option<Half> {
        let last = self.last.take();
        // An escape in a word that is needed is for the full reader.
        let escapes = found.escapes;
        let line = Line { text, escapes };
        let kind = match line.plain(found.part(Slot::Kind))? {
            b"request" => VaultKind::Request,
            b"response" => VaultKind::Response,
            _ => return None,
        };
        let time = self.clock.read(line.plain(found.part(Slot::Time))?)?;
        let who = if let Some(last) = last.filter(|_| found.auth_again) {
            Who {
                actor: last.said[ACTOR],
                tells: last.tells_who,
            }
        } else {
            let parts = [
                found.part(Slot::Consumer),
                found.part(Slot::DisplayName),
                found.part(Slot::EntityId),
            ];
            self.who(&line, parts, found.has_metadata)?
        };
        // Logins say who in the response.
        let login = !who.tells && found.logs_in();
        let who = if login {
            let parts = [
                found.part(Slot::LoginConsumer),
                found.part(Slot::LoginName),
                found.part(Slot::LoginEntity),
            ];
            self.who(&line, parts, true)?
        } else {
            who
        };
        let response = found.part(Slot::Response).of(text);
        if !who.tells && (has(response, b"\"auth\"") || line.hides(response)) {
            return None;
        }
        let what = match last.filter(|_| found.request_again) {
            Some(last) => What {
                id: last.id,
                operation: last.said[OPERATION],
                path: last.said[PATH],
                secret: last.said[SECRET],
            },
            None => self.what(&line, found)?,
        };
        let half = Half {
            time,
            offset,
            id: what.id,
            kind,
            end: end_of(found.part(Slot::Error).of(text), escapes)?,
            tells_who: who.tells,
            said: [what.operation, who.actor, what.path, 0, what.secret],
        };
        // What is repeated of a login's own `auth` is not what was found here.
        self.last = (!login).then_some(half);
        Some(half)
    }

    /// Who calls, by a consumer, a display name and an entity.
    fn who(&mut self, line: &Line, parts: [Part; 3], has_metadata: bool) -> Option<Who> {
        let [consumer, display_name, entity_id] = parts;
        if consumer.is_told() && consumer.of(line.text).is_empty() {
            return None;
        }
        let names = [
            line.plain(consumer)?,
            line.plain(display_name)?,
            line.plain(entity_id)?,
        ];
        let actor = names.into_iter().find(|name| !name.is_empty());
        Some(Who {
            actor: match actor {
                Some(actor) => self.words[ACTOR].code_of(actor)?,
                None => 0,
            },
            tells: has_metadata || actor.is_some(),
        })
    }

    fn what(&mut self, line: &Line, found: &Found) -> Option<What> {
        // A header may name a rotation.
        let headers = found.part(Slot::Headers).of(line.text);
        if !headers.is_empty()
            && (line.hides(headers) || has(&headers.to_ascii_lowercase(), b"correlation"))
        {
            return None;
        }
        let id = line
            .plain(found.part(Slot::Id))
            .filter(|id| !id.is_empty())?;
        let path = trimmed(line.plain(found.part(Slot::Path))?);
        let mount = trimmed(line.plain(found.part(Slot::MountPoint))?);
        let mount_type = line.plain(found.part(Slot::MountType))?;
        let operation = self.words[OPERATION].code_of(line.plain(found.part(Slot::Operation))?)?;
        let code = self.words[PATH].code_of(path)?;
        Some(What {
            id: self.ids.of(id),
            operation,
            path: code,
            secret: self.secret(code, path, mount, mount_type)?,
        })
    }

    /// The secret of a path, remembered.
    fn secret(&mut self, code: u32, path: &[u8], mount: &[u8], kind: &[u8]) -> Option<u32> {
        // 0 is for what was never seen.
        let hash = self.ids.hash_of_both(mount, kind) | 1;
        let at = code as usize;
        if self.secrets.len() <= at {
            self.secrets.resize(at + 1, OfPath::default());
        }
        if let Some(known) = self.secrets.get(at)
            && known.mount == hash
        {
            return Some(known.secret);
        }
        // A lease's secret is told by what the request carries.
        if has(path, b"sys/leases/") {
            return None;
        }
        let words = |bytes| std::str::from_utf8(bytes).ok();
        let secret = secret_at(words(kind)?, words(mount)?, words(path)?, None);
        let secret = secret.map_or(0, |secret| self.words[SECRET].code(secret.raw()));
        if let Some(kept) = self.secrets.get_mut(at) {
            *kept = OfPath {
                mount: hash,
                secret,
            };
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
fn end_of(error: &[u8], escapes: bool) -> Option<End> {
    if error.is_empty() {
        return Some(End::Fine);
    }
    if escapes && memchr::memmem::find(error, b"\\u").is_some() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        /// In the minute of the time before, and however many digits there are.
        #[test]
        fn a_time_is_read_as_the_full_reader_reads_it(
            minutes in prop::collection::vec(0..3_u8, 1..4),
            second in prop_oneof![9 => "[0-6][0-9]", 1 => "[0-9:/]{2}"],
            fraction in prop_oneof![9 => "(\\.[0-9]{0,11})?", 1 => "\\.[0-9:/.]{1,10}"],
            zone in prop_oneof![9 => Just("Z"), 1 => Just("+01:00"), 1 => Just("z")],
        ) {
            let mut clock = Clock::default();
            for minute in minutes {
                let words = format!("2026-01-10T00:0{minute}:{second}{fraction}{zone}");
                let full = Timestamp::parse(&words).ok().map(nanos);
                prop_assert_eq!(clock.read(words.as_bytes()), full, "{}", words);
                // From now on a minute is known.
                let known = format!("2026-01-10T00:0{minute}:07.5Z");
                prop_assert_eq!(clock.read(known.as_bytes()), Timestamp::parse(&known).ok().map(nanos));
                prop_assert_eq!(clock.read(words.as_bytes()), full, "{}", words);
            }
        }
    }
}
