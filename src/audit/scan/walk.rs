//! Finds in a Vault audit line what the index needs, from the marks of its bytes and without
//! parsing it whole: what stands in objects that the index does not need is passed over by its
//! brackets alone. Members may stand in any order.
//!
//! Whatever is out of the ordinary (white space, a member twice, an unusual shape) it leaves to the
//! full reader. A line that is taken here and that the full reader takes too is read the same; the
//! inside of what is passed over is looked at when its row is.

#![expect(
    clippy::inline_always,
    reason = "these few lines are called for each member of each line; out of line they cost a third more"
)]

use super::marks::{BLOCK, Marks};

/// A text with the marks of its bytes, and with the last line that was read of it.
pub(in crate::audit) struct Walk<'a> {
    text: &'a [u8],
    marks: &'a [Marks],
    odd: bool,
    last: Option<Found>,
}

/// Some bytes of the text, below 4 GiB; empty where nothing was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::audit) struct Part {
    from: u32,
    to: u32,
}

impl Part {
    #[inline(always)]
    fn new(from: usize, to: usize) -> Self {
        let narrow = |at| u32::try_from(at).unwrap_or(0);
        Self {
            from: narrow(from),
            to: narrow(to),
        }
    }

    /// True where something was told, if only an empty word.
    pub(in crate::audit) fn is_told(self) -> bool {
        self.to > 0
    }

    /// Its bytes in the text.
    #[inline(always)]
    pub(in crate::audit) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.from as usize..self.to as usize)
            .unwrap_or_default()
    }

    /// As far behind as one place is behind another.
    #[inline(always)]
    fn moved(self, from: usize, to: usize) -> Self {
        let by = u32::try_from(to - from).unwrap_or(0);
        let by = if self.is_told() { by } else { 0 };
        Self {
            from: self.from + by,
            to: self.to + by,
        }
    }
}

/// What was found in a line: strings as they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::audit) struct Found {
    pub(in crate::audit) time: Part,
    pub(in crate::audit) kind: Part,
    pub(in crate::audit) error: Part,
    pub(in crate::audit) auth: Auth,
    pub(in crate::audit) request: Request,
    /// `response`, as a whole.
    pub(in crate::audit) response: Part,
    seen: u32,
}

/// What was found in `auth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::audit) struct Auth {
    whole: Part,
    pub(in crate::audit) display_name: Part,
    pub(in crate::audit) entity_id: Part,
    pub(in crate::audit) consumer: Part,
    pub(in crate::audit) has_metadata: bool,
    seen: u32,
}

/// What was found in `request`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::audit) struct Request {
    whole: Part,
    pub(in crate::audit) id: Part,
    pub(in crate::audit) operation: Part,
    pub(in crate::audit) path: Part,
    pub(in crate::audit) mount_point: Part,
    pub(in crate::audit) mount_type: Part,
    /// `headers`, as a whole.
    pub(in crate::audit) headers: Part,
    seen: u32,
}

/// A member, as it was met.
struct Member<'a> {
    name: &'a [u8],
    /// Where its value begins.
    at: usize,
    /// The first byte of the value.
    first: u8,
}

impl<'a> Walk<'a> {
    /// `marks` are those of `text`, which is below 4 GiB; `odd` where anything in it is.
    pub(in crate::audit) fn new(text: &'a [u8], marks: &'a [Marks], odd: bool) -> Self {
        Self {
            text,
            marks,
            odd,
            last: None,
        }
    }

    /// The line that begins at `from` and ends before `to`; `None` where the full reader has to be
    /// asked.
    pub(in crate::audit) fn line(&mut self, from: usize, to: usize) -> Option<Found> {
        if self.byte(from) != b'{' || (self.odd && self.is_odd(from, to)) {
            return None;
        }
        let mut found = Found::default();
        let end = self.members(from + 1, |walk, member| walk.root(member, &mut found))?;
        if end != to {
            return None;
        }
        self.last = Some(found);
        Some(found)
    }

    /// Members from `at` on; gives where their object has ended. `member` gives where a value has
    /// ended.
    #[inline(always)]
    fn members(
        &self,
        mut at: usize,
        mut member: impl FnMut(&Self, &Member<'a>) -> Option<usize>,
    ) -> Option<usize> {
        if self.byte(at) == b'}' {
            return Some(at + 1);
        }
        loop {
            if self.byte(at) != b'"' {
                return None;
            }
            let close = self.quote(at + 1)?;
            if self.byte(close + 1) != b':' {
                return None;
            }
            let met = Member {
                name: self.text.get(at + 1..close)?,
                at: close + 2,
                first: self.byte(close + 2),
            };
            let after = member(self, &met)?;
            match self.byte(after) {
                b',' => at = after + 1,
                b'}' => return Some(after + 1),
                _ => return None,
            }
        }
    }

    #[inline(always)]
    fn root(&self, member: &Member<'a>, found: &mut Found) -> Option<usize> {
        let seen = &mut found.seen;
        match member.name {
            b"time" => self.string(member, once(seen, 1)?, &mut found.time),
            b"type" => self.string(member, once(seen, 2)?, &mut found.kind),
            b"error" => self.string(member, once(seen, 4)?, &mut found.error),
            b"auth" => {
                once(seen, 8)?;
                self.auth(member, &mut found.auth)
            }
            b"request" => {
                once(seen, 16)?;
                self.request(member, &mut found.request)
            }
            b"response" => {
                once(seen, 32)?;
                let end = self.object_or_null(member)?;
                found.response = Part::new(member.at, end);
                Some(end)
            }
            _ => self.any(member),
        }
    }

    fn auth(&self, member: &Member<'a>, auth: &mut Auth) -> Option<usize> {
        if member.first != b'{' {
            return self.object_or_null(member);
        }
        if let Some(last) = self.last.map(|last| last.auth)
            && let Some((from, end)) = self.same(last.whole, member.at)
        {
            let moved = |part: Part| part.moved(from, member.at);
            *auth = Auth {
                whole: moved(last.whole),
                display_name: moved(last.display_name),
                entity_id: moved(last.entity_id),
                consumer: moved(last.consumer),
                ..last
            };
            return Some(end);
        }
        let end = self.members(member.at + 1, |walk, inner| {
            let seen = &mut auth.seen;
            match inner.name {
                b"display_name" => walk.string(inner, once(seen, 1)?, &mut auth.display_name),
                b"entity_id" => walk.string(inner, once(seen, 2)?, &mut auth.entity_id),
                b"client_token" => walk.string(inner, once(seen, 4)?, &mut Part::default()),
                b"policies" => {
                    once(seen, 8)?;
                    walk.list_or_null(inner)
                }
                b"metadata" => {
                    once(seen, 16)?;
                    walk.metadata(inner, auth)
                }
                _ => walk.any(inner),
            }
        })?;
        auth.whole = Part::new(member.at, end);
        Some(end)
    }

    fn metadata(&self, member: &Member<'a>, auth: &mut Auth) -> Option<usize> {
        if member.first != b'{' {
            return self.object_or_null(member);
        }
        self.members(member.at + 1, |walk, inner| {
            auth.has_metadata = true;
            if inner.first != b'"' {
                // The full reader has rules for what is no string.
                None
            } else if inner.name == b"consumer" {
                walk.string(inner, once(&mut auth.seen, 32)?, &mut auth.consumer)
            } else {
                walk.any(inner)
            }
        })
    }

    fn request(&self, member: &Member<'a>, request: &mut Request) -> Option<usize> {
        if member.first != b'{' {
            return None;
        }
        if let Some(last) = self.last.map(|last| last.request)
            && let Some((from, end)) = self.same(last.whole, member.at)
        {
            let moved = |part: Part| part.moved(from, member.at);
            *request = Request {
                whole: moved(last.whole),
                id: moved(last.id),
                operation: moved(last.operation),
                path: moved(last.path),
                mount_point: moved(last.mount_point),
                mount_type: moved(last.mount_type),
                headers: moved(last.headers),
                ..last
            };
            return Some(end);
        }
        let end = self.members(member.at + 1, |walk, inner| {
            let seen = &mut request.seen;
            match inner.name {
                b"id" => walk.string(inner, once(seen, 1)?, &mut request.id),
                b"operation" => walk.string(inner, once(seen, 2)?, &mut request.operation),
                b"path" => walk.string(inner, once(seen, 4)?, &mut request.path),
                b"mount_point" => walk.string(inner, once(seen, 8)?, &mut request.mount_point),
                b"mount_type" => walk.string(inner, once(seen, 16)?, &mut request.mount_type),
                b"remote_address" => walk.string(inner, once(seen, 32)?, &mut Part::default()),
                b"client_token" => walk.string(inner, once(seen, 64)?, &mut Part::default()),
                b"namespace" => {
                    once(seen, 128)?;
                    walk.namespace(inner)
                }
                b"headers" => {
                    once(seen, 256)?;
                    let end = walk.object_or_null(inner)?;
                    request.headers = Part::new(inner.at, end);
                    Some(end)
                }
                b"data" => {
                    once(seen, 512)?;
                    walk.any(inner)
                }
                _ => walk.any(inner),
            }
        })?;
        request.whole = Part::new(member.at, end);
        Some(end)
    }

    /// A namespace other than the root, which has no path, is left to the full reader.
    fn namespace(&self, member: &Member<'a>) -> Option<usize> {
        if member.first != b'{' {
            return self.object_or_null(member);
        }
        self.members(member.at + 1, |walk, inner| match inner.name {
            b"path" => None,
            _ => walk.any(inner),
        })
    }

    /// Where the same text as `last` begins in the line before, and ends in this one, where it
    /// stands at `at` again. A response repeats who asked and what.
    #[inline(always)]
    fn same(&self, last: Part, at: usize) -> Option<(usize, usize)> {
        let before = last.of(self.text);
        let end = at + before.len();
        let again = !before.is_empty() && self.text.get(at..end) == Some(before);
        again.then_some((last.from as usize, end))
    }

    /// A string or null, whose place is put down.
    #[inline(always)]
    fn string(&self, member: &Member<'a>, (): (), to: &mut Part) -> Option<usize> {
        if member.first != b'"' {
            return self.null(member);
        }
        let close = self.quote(member.at + 1)?;
        *to = Part::new(member.at + 1, close);
        Some(close + 1)
    }

    #[inline(always)]
    fn any(&self, member: &Member<'a>) -> Option<usize> {
        match member.first {
            b'"' => Some(self.quote(member.at + 1)? + 1),
            b'{' | b'[' => self.brackets(member.at),
            _ => self.scalar(member.at),
        }
    }

    fn object_or_null(&self, member: &Member<'a>) -> Option<usize> {
        match member.first {
            b'{' => self.brackets(member.at),
            _ => self.null(member),
        }
    }

    fn list_or_null(&self, member: &Member<'a>) -> Option<usize> {
        match member.first {
            b'[' => self.brackets(member.at),
            _ => self.null(member),
        }
    }

    fn null(&self, member: &Member<'a>) -> Option<usize> {
        let rest = self.text.get(member.at..)?;
        rest.starts_with(b"null").then_some(member.at + 4)
    }

    /// Behind an object or a list that opens at `at`.
    #[inline]
    fn brackets(&self, mut at: usize) -> Option<usize> {
        // A bit for each that is open: 1 for an object. The full reader goes deeper.
        let (mut open, mut depth) = (0_u64, 0_u32);
        loop {
            let (opens, object) = match self.byte(at) {
                b'{' => (true, 1),
                b'[' => (true, 0),
                b'}' => (false, 1),
                _ => (false, 0),
            };
            if opens {
                open = open << 1 | object;
                depth += 1;
            } else {
                if open & 1 != object {
                    return None;
                }
                open >>= 1;
                depth -= 1;
            }
            match depth {
                0 => return Some(at + 1),
                64.. => return None,
                _ => at = self.bracket(at + 1)?,
            }
        }
    }

    /// Behind a word or a short plain number.
    #[inline]
    fn scalar(&self, from: usize) -> Option<usize> {
        let rest = self.text.get(from..)?;
        let word: &[u8] = match rest.first()? {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            first => {
                let sign = usize::from(*first == b'-');
                let digits = rest.get(sign..)?;
                let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
                let leads_with_zero = end > 1 && digits.first() == Some(&b'0');
                let ends = matches!(digits.get(end), Some(b',' | b'}'));
                let plain = (1..=15).contains(&end) && !leads_with_zero && ends;
                return plain.then_some(from + sign + end);
            }
        };
        rest.starts_with(word).then_some(from + word.len())
    }

    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn quote(&self, from: usize) -> Option<usize> {
        self.next(from, |marks| marks.quotes)
    }

    #[inline(always)]
    fn bracket(&self, from: usize) -> Option<usize> {
        self.next(from, |marks| marks.brackets)
    }

    /// Where the line that begins at `from` ends: its line end, or the end of the text.
    pub(in crate::audit) fn end(&self, from: usize) -> usize {
        self.next(from, |marks| marks.ends)
            .unwrap_or(self.text.len())
    }

    /// The next marked byte, `from` itself included.
    #[inline(always)]
    fn next(&self, from: usize, of: impl Fn(&Marks) -> u64) -> Option<usize> {
        let mut block = from / BLOCK;
        let mut bits = of(self.marks.get(block)?) & (u64::MAX << (from % BLOCK));
        while bits == 0 {
            block += 1;
            bits = of(self.marks.get(block)?);
        }
        Some(block * BLOCK + bits.trailing_zeros() as usize)
    }

    /// True where a line has a byte that the full reader has to look at: everything odd but what is
    /// beyond ASCII and valid.
    fn is_odd(&self, from: usize, to: usize) -> bool {
        let (first, last) = (from / BLOCK, to / BLOCK);
        let blocks = self.marks.get(first..=last).unwrap_or_default();
        if blocks.iter().all(|marks| marks.odd == 0) {
            return false;
        }
        let line = self.text.get(from..to).unwrap_or_default();
        let begin = from % BLOCK;
        let marked = |at: usize| {
            let bits = self.marks.get((from + at) / BLOCK).map_or(0, |m| m.odd);
            bits >> ((begin + at) % BLOCK) & 1 == 1
        };
        let is_wrong = |(at, byte): (usize, &u8)| *byte < 0x80 && marked(at);
        // A string that the line leaves open is told at its end.
        let open = marked(to - from);
        open || line.iter().enumerate().any(is_wrong) || std::str::from_utf8(line).is_err()
    }
}

/// Marks a member as seen; `None` where it was already.
#[inline(always)]
fn once(seen: &mut u32, bit: u32) -> Option<()> {
    let new = *seen & bit == 0;
    *seen |= bit;
    new.then_some(())
}
