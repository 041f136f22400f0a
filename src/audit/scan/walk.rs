//! Finds in a Vault audit line what the index needs, without parsing it whole: what stands in objects that the index does not need is passed over by its
//! brackets alone. Members may stand in any order.
//!
//! Whatever is out of the ordinary (white space, a member twice, an unusual shape) it leaves to the
//! full reader. A line that is taken here and that the full reader takes too is read the same; the
//! inside of what is passed over is looked at when its row is.

use super::cursor::{Cursor, Passed};
use super::found::{Found, Object, Part, Slot};
use super::shape::{Reading, Shapes, Trace, Value, logs_in};
use super::vectors::{self, Plain};

/// A text, with the last line that was taken of it.
pub(in crate::audit) struct Walk<'a> {
    text: &'a [u8],
    shapes: &'a mut Shapes,
    passed: Passed,
    /// What was found in the line that was taken last, and room for what is found in the next, by
    /// turns: to copy it for every line takes time.
    found: [Found; 2],
    /// Which of the two is of the line that was taken last.
    last: Option<usize>,
}

impl<'a> Walk<'a> {
    /// `text` is below 4 GiB, less a block. `shapes` are learned by the way.
    pub(in crate::audit) fn new(text: &'a [u8], shapes: &'a mut Shapes) -> Self {
        Self {
            text,
            shapes,
            passed: Passed::default(),
            found: [Found::default(); 2],
            last: None,
        }
    }

    /// The line that begins at `from`; `None` where the full reader has to be asked.
    #[inline]
    pub(in crate::audit) fn line(&mut self, from: usize) -> Option<&Found> {
        self.passed = Passed::default();
        let [even, odd] = &mut self.found;
        let (nth, last, found) = match self.last {
            None => (0, None, even),
            Some(0) => (1, Some(&*even), odd),
            Some(_) => (0, Some(&*odd), even),
        };
        let known = vectors::run(Reading {
            shapes: self.shapes,
            text: self.text,
            passed: &self.passed,
            at: from,
            last,
            found,
        });
        let end = found.end;
        match known {
            None => self.walk(from, nth)?,
            Some(()) if self.passed.beyond.get() => self.words(from, end)?,
            Some(()) => {}
        }
        let found = self.found.get_mut(nth)?;
        found.escapes = self.passed.escapes.get();
        // What was taken before is not asked for again.
        self.last = Some(nth);
        Some(found)
    }

    /// Where the line that begins at `from` ends: its line end, or the end of the text.
    pub(in crate::audit) fn end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(self.text.len(), |at| from + at)
    }

    /// Goes over a line member by member, and learns its shape.
    #[cold]
    fn walk(&mut self, from: usize, nth: usize) -> Option<()> {
        self.passed = Passed::default();
        let cursor = Cursor {
            text: self.text,
            vectors: Plain,
            passed: &self.passed,
        };
        let mut line = Line {
            cursor,
            found: Found::default(),
            trace: Trace::default(),
        };
        if cursor.byte(from) != b'{' {
            return None;
        }
        let mut seen = 0;
        let end = line.members(from + 1, &mut |line, member| line.root(member, &mut seen))?;
        if !cursor.is_end(end) {
            return None;
        }
        let (mut found, trace) = (line.found, line.trace);
        if self.passed.beyond.get() {
            self.words(from, end)?;
        }
        found.end = end;
        *self.found.get_mut(nth)? = found;
        self.shapes.learn(self.text, (from, end), trace);
        Some(())
    }

    /// `None` where some bytes are no words.
    #[cold]
    fn words(&self, from: usize, to: usize) -> Option<()> {
        std::str::from_utf8(self.text.get(from..to)?).ok()?;
        Some(())
    }
}

/// A member, as it was met.
struct Member<'a> {
    name: &'a [u8],
    /// Where its value begins.
    at: usize,
    /// The first byte of the value.
    first: u8,
}

/// A line that is gone over.
struct Line<'a> {
    cursor: Cursor<'a, Plain>,
    found: Found,
    trace: Trace,
}

impl<'a> Line<'a> {
    /// Members from `at` on; gives where their object has ended. `member` gives where a value has
    /// ended.
    fn members(
        &mut self,
        mut at: usize,
        member: &mut dyn FnMut(&mut Self, &Member<'a>) -> Option<usize>,
    ) -> Option<usize> {
        let cursor = self.cursor;
        if cursor.byte(at) == b'}' {
            return Some(at + 1);
        }
        loop {
            if cursor.byte(at) != b'"' {
                return None;
            }
            let close = cursor.quote(at + 1)?;
            if cursor.byte(close + 1) != b':' {
                return None;
            }
            let name = cursor.text.get(at + 1..close)?;
            // An escape may hide any name.
            if name.contains(&b'\\') {
                return None;
            }
            let met = Member {
                name,
                at: close + 2,
                first: cursor.byte(close + 2),
            };
            let after = member(self, &met)?;
            match cursor.byte(after) {
                b',' => at = after + 1,
                b'}' => return Some(after + 1),
                _ => return None,
            }
        }
    }

    fn root(&mut self, member: &Member<'a>, seen: &mut u32) -> Option<usize> {
        match member.name {
            b"time" => self.string(member, once(seen, 1)?, Slot::Time),
            b"type" => self.string(member, once(seen, 2)?, Slot::Kind),
            b"error" => self.string(member, once(seen, 4)?, Slot::Error),
            b"auth" => {
                once(seen, 8)?;
                self.auth(member, Object::Auth)
            }
            b"request" => {
                once(seen, 16)?;
                self.request(member)
            }
            b"response" => {
                once(seen, 32)?;
                self.response(member)
            }
            _ => self.any(member),
        }
    }

    /// Only a response that begins with who logs in is looked into.
    fn response(&mut self, member: &Member<'a>) -> Option<usize> {
        if !logs_in(self.cursor.text, member.at) {
            return self.object_or_null(member, (), Slot::Response);
        }
        let mut seen = 0;
        self.members(member.at + 1, &mut |line, inner| match inner.name {
            b"auth" => {
                once(&mut seen, 1)?;
                line.auth(inner, Object::Login)
            }
            _ => line.any(inner),
        })
    }

    fn auth(&mut self, member: &Member<'a>, object: Object) -> Option<usize> {
        if member.first != b'{' {
            return self.null(member);
        }
        let (name, entity) = match object {
            Object::Login => (Slot::LoginName, Slot::LoginEntity),
            _ => (Slot::DisplayName, Slot::EntityId),
        };
        let mut seen = 0;
        self.object(member, object, &mut |line, inner| {
            let seen = &mut seen;
            match inner.name {
                b"display_name" => line.string(inner, once(seen, 1)?, name),
                b"entity_id" => line.string(inner, once(seen, 2)?, entity),
                b"client_token" => line.string(inner, once(seen, 4)?, Slot::Nothing),
                b"policies" => {
                    once(seen, 8)?;
                    line.list_or_null(inner)
                }
                b"metadata" => {
                    once(seen, 16)?;
                    line.metadata(inner, object)
                }
                _ => line.any(inner),
            }
        })
    }

    fn metadata(&mut self, member: &Member<'a>, object: Object) -> Option<usize> {
        if member.first != b'{' {
            return self.null(member);
        }
        let consumer = match object {
            Object::Login => Slot::LoginConsumer,
            _ => Slot::Consumer,
        };
        let mut seen = 0;
        self.members(member.at + 1, &mut |line, inner| {
            line.found.has_metadata |= object == Object::Auth;
            if inner.first != b'"' {
                // The full reader has rules for what is no string.
                None
            } else if inner.name == b"consumer" {
                line.string(inner, once(&mut seen, 1)?, consumer)
            } else {
                line.any(inner)
            }
        })
    }

    fn request(&mut self, member: &Member<'a>) -> Option<usize> {
        if member.first != b'{' {
            return None;
        }
        let mut seen = 0;
        self.object(member, Object::Request, &mut |line, inner| {
            let seen = &mut seen;
            match inner.name {
                b"id" => line.string(inner, once(seen, 1)?, Slot::Id),
                b"operation" => line.string(inner, once(seen, 2)?, Slot::Operation),
                b"path" => line.string(inner, once(seen, 4)?, Slot::Path),
                b"mount_point" => line.string(inner, once(seen, 8)?, Slot::MountPoint),
                b"mount_type" => line.string(inner, once(seen, 16)?, Slot::MountType),
                b"remote_address" => line.string(inner, once(seen, 32)?, Slot::Nothing),
                b"client_token" => line.string(inner, once(seen, 64)?, Slot::Nothing),
                b"namespace" => {
                    once(seen, 128)?;
                    line.namespace(inner)
                }
                b"headers" => line.object_or_null(inner, once(seen, 256)?, Slot::Headers),
                b"data" => {
                    once(seen, 512)?;
                    line.any(inner)
                }
                _ => line.any(inner),
            }
        })
    }

    /// A namespace other than the root, which has no path, is left to the full reader.
    fn namespace(&mut self, member: &Member<'a>) -> Option<usize> {
        if member.first != b'{' {
            return self.null(member);
        }
        self.members(member.at + 1, &mut |line, inner| match inner.name {
            b"path" => None,
            _ => line.any(inner),
        })
    }

    /// An object that is looked into.
    fn object(
        &mut self,
        member: &Member<'a>,
        object: Object,
        each: &mut dyn FnMut(&mut Self, &Member<'a>) -> Option<usize>,
    ) -> Option<usize> {
        self.trace.push(Value::Begin(object), member.at, member.at);
        let end = self.members(member.at + 1, each)?;
        let has_metadata = object == Object::Auth && self.found.has_metadata;
        self.trace.push(Value::End(object, has_metadata), end, end);
        self.found.set_object(object, Part::new(member.at, end));
        Some(end)
    }

    /// A string or null, whose place is put down.
    fn string(&mut self, member: &Member<'a>, (): (), slot: Slot) -> Option<usize> {
        if member.first != b'"' {
            return self.null(member);
        }
        let begin = member.at + 1;
        let close = self.cursor.quote(begin)?;
        self.trace.push(Value::String(slot), begin, close);
        self.found.set(slot, Part::new(begin, close));
        Some(close + 1)
    }

    fn any(&mut self, member: &Member<'a>) -> Option<usize> {
        match member.first {
            b'"' => self.string(member, (), Slot::Nothing),
            b'{' | b'[' => self.brackets(member, Slot::Nothing),
            _ => {
                let end = self.cursor.scalar(member.at)?;
                self.trace.push(Value::Scalar, member.at, end);
                Some(end)
            }
        }
    }

    fn object_or_null(&mut self, member: &Member<'a>, (): (), slot: Slot) -> Option<usize> {
        match member.first {
            b'{' => self.brackets(member, slot),
            _ => self.null(member),
        }
    }

    fn list_or_null(&mut self, member: &Member<'a>) -> Option<usize> {
        match member.first {
            b'[' => self.brackets(member, Slot::Nothing),
            _ => self.null(member),
        }
    }

    fn brackets(&mut self, member: &Member<'a>, slot: Slot) -> Option<usize> {
        let end = self.cursor.brackets(member.at)?;
        self.trace.push(Value::Brackets(slot), member.at, end);
        self.found.set(slot, Part::new(member.at, end));
        Some(end)
    }

    /// Null is no value of its own: it belongs to the shape.
    fn null(&self, member: &Member<'a>) -> Option<usize> {
        let rest = self.cursor.text.get(member.at..)?;
        rest.starts_with(b"null").then_some(member.at + 4)
    }
}

/// Marks a member as seen; `None` where it was already.
fn once(seen: &mut u32, bit: u32) -> Option<()> {
    let new = *seen & bit == 0;
    *seen |= bit;
    new.then_some(())
}
