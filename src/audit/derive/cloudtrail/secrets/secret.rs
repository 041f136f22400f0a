//! What is known of one secret.

use std::collections::{HashMap, HashSet, VecDeque};

use super::super::call::Call;
use super::{FIRST_VALUE, PENDING, PREVIOUS};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::holders::{Holders, in_use};
use crate::audit::derive::who::Who;
use crate::model::event::Trigger;
use crate::model::{Actor, RotationId, SecretPath, Span, Text, Timestamp, Version};

/// How many rotations of a secret are remembered (Secrets Manager keeps about 100 versions).
const ROTATIONS: usize = 32;
/// How many readers wait for the current version to be named.
const READERS: usize = 1024;
/// How many actors are remembered as those who operate on a secret.
const OPERATORS: usize = 1024;
/// A role's session lives no longer than this: who read before it is gone.
const SESSION: Span = Span::seconds(12 * 3600);

/// A secret's labels, rotations and readers.
#[derive(Debug, Default)]
pub(super) struct Secret {
    /// When and by whom it was made, where the log shows that.
    pub(super) made: Option<(Timestamp, Text)>,
    /// The version with the label `AWSCURRENT`, and when that last moved.
    pub(super) current: Option<Version>,
    pub(super) moved: Option<Timestamp>,
    /// The versions with `AWSPENDING` and `AWSPREVIOUS`.
    pub(super) pending: Option<Version>,
    pub(super) previous: Option<Version>,
    rotations: HashMap<Version, Rotation>,
    /// Their versions, the latest last.
    order: VecDeque<Version>,
    operators: HashSet<Actor>,
    readers: VecDeque<Reader>,
}

/// A rotation as far as it has come.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one step whether the log has shown it; the steps may come in any order"
)]
pub(super) struct Rotation {
    pub(super) id: RotationId,
    pub(super) trigger: Option<Trigger>,
    /// Its beginning was told, by whoever asked for it or by the service.
    pub(super) triggered: bool,
    /// The new version was put.
    pub(super) generated: bool,
    /// How many times the pending version was read since.
    pub(super) tried: u8,
    pub(super) stored: Option<Timestamp>,
    pub(super) validating: bool,
    /// Its version is or was the current one.
    pub(super) cut: bool,
    pub(super) rolled_back: bool,
    pub(super) replaced: Option<Version>,
    pub(super) revoked: bool,
    pub(super) ended: bool,
}

impl Rotation {
    fn new(id: RotationId) -> Self {
        Self {
            id,
            trigger: None,
            triggered: false,
            generated: false,
            tried: 0,
            stored: None,
            validating: false,
            cut: false,
            rolled_back: false,
            replaced: None,
            revoked: false,
            ended: false,
        }
    }

    /// True while it may still bring its version.
    pub(super) fn is_open(&self) -> bool {
        !self.cut && !self.ended
    }
}

/// Who read the current version while nothing named it.
#[derive(Debug)]
struct Reader {
    who: Who,
    at: Timestamp,
}

impl Secret {
    /// Notes that somebody operates on the secret: its reads of it are no use of it.
    pub(super) fn operates(&mut self, actor: &Actor) {
        if self.operators.len() < OPERATORS && !self.operators.contains(actor) {
            self.operators.insert(actor.clone());
        }
    }

    /// The rotation that brings a version, and whether it is new.
    pub(super) fn rotation(&mut self, version: &Version, id: RotationId) -> (&mut Rotation, bool) {
        let is_new = !self.rotations.contains_key(version);
        if is_new {
            self.order.push_back(version.clone());
            if self.order.len() > ROTATIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.rotations.remove(&oldest);
            }
        }
        let rotation = self.rotations.entry(version.clone());
        (rotation.or_insert_with(|| Rotation::new(id)), is_new)
    }

    /// The rotation that brings a version, where it is known.
    pub(super) fn knows(&self, version: &Version) -> Option<&Rotation> {
        self.rotations.get(version)
    }

    /// The same, while it may still bring it.
    pub(super) fn open(&mut self, version: &Version) -> Option<&mut Rotation> {
        self.rotations.get_mut(version).filter(|r| r.is_open())
    }

    /// The version of the latest rotation that is not over.
    pub(super) fn in_flight(&self) -> Option<&Version> {
        let open = |version: &&Version| self.knows(version).is_some_and(Rotation::is_open);
        self.order.iter().rev().find(open)
    }

    /// The rotation of a version is over.
    pub(super) fn end(&mut self, version: &Version) {
        if let Some(rotation) = self.rotations.get_mut(version) {
            rotation.ended = true;
        }
        if self.pending.as_ref() == Some(version) {
            self.pending = None;
        }
    }

    /// The version with a label, as far as that is known.
    pub(super) fn labelled(&self, label: &str) -> Option<Version> {
        match label {
            PENDING => self.pending.clone(),
            PREVIOUS => self.previous.clone(),
            _ => None,
        }
    }

    /// True where the secret was made just before, by the same caller and without a value.
    pub(super) fn has_no_value(&self, call: &Call) -> bool {
        self.current.is_none()
            && self.order.is_empty()
            && self.made.as_ref().is_some_and(|(at, by)| {
                *by == call.record.actor && call.time().since(*at) <= FIRST_VALUE
            })
    }

    /// `AWSCURRENT` moves to a version, and `AWSPREVIOUS` to the one that had it.
    pub(super) fn moves(&mut self, version: &Version, at: Timestamp) {
        let before = self.current.replace(version.clone());
        self.previous = before.filter(|before| before != version);
        self.moved = Some(at);
        self.readers.clear();
        if self.pending.as_ref() == Some(version) {
            self.pending = None;
        }
    }

    /// True where the version was the current one before.
    pub(super) fn was_current(&self, version: &Version) -> bool {
        let own = self.knows(version);
        if own.is_some_and(|r| r.rolled_back) {
            return false;
        }
        let current = self
            .current
            .as_ref()
            .and_then(|current| self.knows(current));
        self.previous.as_ref() == Some(version)
            || own.is_some_and(|r| r.cut)
            || current.is_some_and(|r| r.replaced.as_ref() == Some(version))
    }

    /// The rotation that brought the current version is undone.
    pub(super) fn undo(&mut self) -> Option<RotationId> {
        let rotation = self.rotations.get_mut(self.current.as_ref()?)?;
        rotation.rolled_back = true;
        rotation.ended = true;
        Some(rotation.id.clone())
    }

    /// The rotation whose old version is withdrawn, once.
    pub(super) fn revokes(&mut self, old: &Version) -> Option<RotationId> {
        let fits = |r: &&mut Rotation| r.cut && !r.revoked && r.replaced.as_ref() == Some(old);
        let rotation = self.rotations.values_mut().find(fits)?;
        rotation.revoked = true;
        Some(rotation.id.clone())
    }

    /// A read of the current version shows its caller on it, once for each version.
    pub(super) fn uses(
        &self,
        call: &Call,
        name: &SecretPath,
        (rotation, stored): (Option<RotationId>, Option<Timestamp>),
        holders: &mut Holders,
        emit: &mut Emit<'_>,
    ) {
        let (Some(version), Some(consumer)) = (&self.current, &call.who.consumer) else {
            return;
        };
        if self.operators.contains(&call.who.actor) || !holders.goes_over(name, consumer, version) {
            return;
        }
        let latency = stored.map(|stored| call.time().since(stored));
        let data = in_use(&call.who, consumer, name, version, latency);
        let id = format!("{}/consumer", call.id());
        emit.maybe_of(rotation.as_ref(), id, call.time(), consumer.0.clone(), data);
    }

    /// Remembers a reader until the current version is named.
    pub(super) fn waits(&mut self, call: &Call) {
        if call.who.consumer.is_none() {
            return;
        }
        self.readers.retain(|r| r.who.actor != call.who.actor);
        if self.readers.len() >= READERS {
            self.readers.pop_front();
        }
        self.readers.push_back(Reader {
            who: call.who.clone(),
            at: call.time(),
        });
    }

    /// The current version has become known: whoever read it lately is told as being on it.
    pub(super) fn names_readers(
        &mut self,
        call: &Call,
        name: &SecretPath,
        holders: &mut Holders,
        emit: &mut Emit<'_>,
    ) {
        let Some(version) = self.current.clone() else {
            return;
        };
        for Reader { who, at } in std::mem::take(&mut self.readers) {
            let Some(consumer) = who.consumer.clone() else {
                continue;
            };
            let gone = at >= call.time()
                || call.time().since(at) > SESSION
                || self.operators.contains(&who.actor);
            if gone || !holders.goes_over(name, &consumer, &version) {
                continue;
            }
            let data = in_use(&who, &consumer, name, &version, None);
            let id = format!("{}/consumer/{}", call.id(), consumer.raw());
            emit.event(id, call.time(), consumer.0, data);
        }
    }
}
