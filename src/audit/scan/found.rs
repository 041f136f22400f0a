//! What the index needs of a Vault audit line, as places in the text.

/// Some bytes of a text, below 4 GiB; empty where nothing was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::audit) struct Part {
    from: u32,
    to: u32,
}

impl Part {
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a text is below 4 GiB; to ask that of each place takes time"
    )]
    pub(super) fn new(from: usize, to: usize) -> Self {
        Self {
            from: from as u32,
            to: to as u32,
        }
    }

    /// True where something was told, if only an empty word.
    pub(in crate::audit) fn is_told(self) -> bool {
        self.to > 0
    }

    /// Its bytes in the text.
    #[inline]
    pub(in crate::audit) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.from as usize..self.to as usize)
            .unwrap_or_default()
    }

    #[inline]
    pub(super) fn from(self) -> usize {
        self.from as usize
    }

    /// As far behind as one place is behind another.
    #[inline]
    fn moved(self, by: u32) -> Self {
        let by = if self.is_told() { by } else { 0 };
        Self {
            from: self.from + by,
            to: self.to + by,
        }
    }
}

/// What of a line is put down: strings as they were written, but for the two that are objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Slot {
    Time,
    Kind,
    Error,
    DisplayName,
    EntityId,
    Consumer,
    Id,
    Operation,
    Path,
    MountPoint,
    MountType,
    /// `request.headers`, as a whole.
    Headers,
    /// `response`, as a whole, where it does not begin with who logs in.
    Response,
    LoginName,
    LoginEntity,
    LoginConsumer,
    /// What nobody asks for.
    Nothing,
}

const SLOTS: usize = Slot::Nothing as usize + 1;
const OBJECTS: usize = Object::Login as usize + 1;

/// An object that is looked into. The first two a response repeats of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Auth,
    Request,
    /// `response.auth`
    Login,
}

/// The first slots of the objects, and those behind them.
const AUTH: usize = Slot::DisplayName as usize;
const REQUEST: usize = Slot::Id as usize;
const RESPONSE: usize = Slot::Response as usize;
const LOGIN: usize = Slot::LoginName as usize;
const NOTHING: usize = Slot::Nothing as usize;

/// The object that the how-manieth slot is of.
#[inline]
fn object_of(slot: usize) -> Option<Object> {
    if (AUTH..REQUEST).contains(&slot) {
        Some(Object::Auth)
    } else if (REQUEST..RESPONSE).contains(&slot) {
        Some(Object::Request)
    } else if (LOGIN..NOTHING).contains(&slot) {
        Some(Object::Login)
    } else {
        None
    }
}

/// What was found in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each tells another thing of a line"
)]
pub(in crate::audit) struct Found {
    parts: [Part; SLOTS],
    /// The whole of each [`Object`]; empty where there was none.
    objects: [Part; OBJECTS],
    /// How far the parts of each object have moved since they were put down, as they do where it is
    /// repeated.
    moved: [u32; OBJECTS],
    /// True where `auth.metadata` says anything.
    pub(in crate::audit) has_metadata: bool,
    /// True where `auth` says the same as that of the line that was taken before.
    pub(in crate::audit) auth_again: bool,
    /// True where `request` does.
    pub(in crate::audit) request_again: bool,
    /// True where an escape may stand anywhere in the line.
    pub(in crate::audit) escapes: bool,
    /// Where the line ends.
    pub(in crate::audit) end: usize,
}

impl Found {
    #[inline]
    pub(in crate::audit) fn part(&self, slot: Slot) -> Part {
        self.slot(slot as usize)
    }

    #[inline]
    fn slot(&self, slot: usize) -> Part {
        let part = self.parts.get(slot).copied().unwrap_or_default();
        let moved = object_of(slot).and_then(|object| self.moved.get(object as usize));
        moved.map_or(part, |by| part.moved(*by))
    }

    /// True where the response says who logged in.
    #[inline]
    pub(in crate::audit) fn logs_in(&self) -> bool {
        self.object(Object::Login).is_told()
    }

    /// What it says, without how that was found.
    #[cfg(test)]
    pub(in crate::audit) fn alone(&self) -> Self {
        let mut alone = Self {
            parts: std::array::from_fn(|slot| self.slot(slot)),
            moved: Default::default(),
            auth_again: false,
            request_again: false,
            // Of what is repeated it is only known that one was somewhere in the line before.
            escapes: false,
            ..*self
        };
        alone.set(Slot::Nothing, Part::default());
        alone
    }

    #[inline]
    pub(super) fn set(&mut self, slot: Slot, part: Part) {
        if let Some(to) = self.parts.get_mut(slot as usize) {
            *to = part;
        }
    }

    /// The whole of an object; empty where there was none.
    #[inline]
    pub(super) fn object(&self, object: Object) -> Part {
        self.objects
            .get(object as usize)
            .copied()
            .unwrap_or_default()
    }

    #[inline]
    pub(super) fn set_object(&mut self, object: Object, part: Part) {
        if let Some(to) = self.objects.get_mut(object as usize) {
            *to = part;
        }
    }

    /// Takes over what a line before said in an object, which stands at `at` and until `end` again.
    #[inline]
    pub(super) fn repeat(&mut self, object: Object, before: &Self, at: usize, end: usize) {
        let by = u32::try_from(at - before.object(object).from()).unwrap_or(0);
        let nth = object as usize;
        if let (Some(to), Some(from)) = (self.moved.get_mut(nth), before.moved.get(nth)) {
            *to = from + by;
        }
        self.set_object(object, Part::new(at, end));
        match object {
            Object::Auth => {
                self.copy::<AUTH, { REQUEST - AUTH }>(before);
                self.has_metadata = before.has_metadata;
                self.auth_again = true;
            }
            Object::Request => {
                self.copy::<REQUEST, { RESPONSE - REQUEST }>(before);
                self.request_again = true;
            }
            Object::Login => self.copy::<LOGIN, { NOTHING - LOGIN }>(before),
        }
    }

    /// Some slots, as another has them. How many is known where it is built: a few moves are enough.
    #[inline]
    fn copy<const FROM: usize, const COUNT: usize>(&mut self, other: &Self) {
        let to = self.parts.get_mut(FROM..).and_then(<[_]>::first_chunk_mut);
        let from = other.parts.get(FROM..).and_then(<[_]>::first_chunk);
        if let (Some(to), Some(from)) = (to, from) {
            let from: &[Part; COUNT] = from;
            *to = *from;
        }
    }
}
