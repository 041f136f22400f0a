//! Shapes of lines. The lines of a log are of few shapes: the same members in the same order. A
//! line of a known shape is read by comparing what stands between its values with lines from
//! which that was learned, so that no name is looked at.
//!
//! What was learned is a graph: at each node one of several texts may stand, with a value behind
//! it that leads to the next node. All shapes of one object meet again behind it.
//!
//! Strings that are of one length in most lines, hashes and UUIDs, are part of the text: their bytes
//! may differ. So is what kind of line it is, word for word. The next value's place then does not
//! have to wait until their end was found. What is one of those in some lines and in others not makes
//! two shapes, as null does.

#![expect(
    clippy::inline_always,
    reason = "what reads a line has to become part of the function that is built for vectors"
)]

use std::ops::Range;

use super::between::{Between, Within};
use super::cursor::{Cursor, Passed};
use super::found::{Found, Object, Part, Slot};
use super::vectors::{CHUNK, Chunk, Plain, Vectors, Work};

/// Nodes that are kept, so that they fit the processor's caches.
const MOST_NODES: usize = 512;

/// Texts at one node.
const MOST_STEPS: usize = 12;

/// Lines of no known shape after which everything is learned anew, once no more can be learned.
const PATIENCE: u32 = 4096;

/// What stands at a place of a line.
///
/// It has a tag of its own: else the compiler packs it into the slots' spare values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Value {
    /// A string, without its quotes.
    String(Slot),
    /// An object or a list that is passed over.
    Brackets(Slot),
    /// A number, true, false or null.
    Scalar,
    /// An object whose members are looked at begins.
    Begin(Object),
    /// It has ended; true where metadata was in it.
    End(Object, bool),
    /// The line has ended.
    Line,
    /// Nothing is known of what stands here.
    Unknown,
}

/// The values of a line in their order, each with where it begins and ends.
#[derive(Default)]
pub(super) struct Trace(Vec<(Value, usize, usize)>);

impl Trace {
    pub(super) fn push(&mut self, value: Value, from: usize, to: usize) {
        self.0.push((value, from, to));
    }
}

/// What stands before a value, and the value. Its size is a power of two, so that a shift tells
/// where one lies.
#[repr(align(128))]
struct Step {
    first: Chunk,
    /// Where the other chunks begin in its text.
    begin: u8,
    /// Those chunks, of the chunks of all shapes. The last one ends with the text.
    others: Range<u32>,
    /// Of the strings of all shapes: those in its text that are asked for.
    strings: Range<u32>,
    /// True where there are any of either.
    more: bool,
    length: u32,
    value: Value,
    /// The first step of the next node.
    next: u32,
    /// For an object that begins: the first step of the node behind its end.
    behind: u32,
    /// Another step of the same node, whose text is not longer; 0 for none.
    other: u32,
}

impl Step {
    /// A node of which nothing is known yet: whatever stands there.
    fn unknown() -> Self {
        Self {
            first: Chunk::of(&[], |_| true),
            begin: 0,
            others: 0..0,
            strings: 0..0,
            more: false,
            length: 0,
            value: Value::Unknown,
            next: 0,
            behind: 0,
            other: 0,
        }
    }

    #[inline(always)]
    fn length(&self) -> usize {
        self.length as usize
    }
}

/// The shapes that are known.
pub(in crate::audit) struct Shapes {
    /// The steps of all nodes, a line's first node first. The first step of a node stays where it
    /// is, as others lead there.
    steps: Vec<Step>,
    /// How many nodes there are.
    nodes: usize,
    chunks: Vec<Chunk>,
    strings: Vec<Within>,
    /// Lines that could not be learned.
    strange: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            steps: vec![Step::unknown()],
            nodes: 1,
            chunks: Vec::new(),
            strings: Vec::new(),
            strange: 0,
        }
    }
}

/// Whether a chunk is all that is left of a text, or the beginning of it.
#[cold]
#[inline(never)]
fn is_filled(chunk: &Chunk, rest: &[u8]) -> bool {
    let mut held = [0; CHUNK];
    for (to, from) in held.iter_mut().zip(rest) {
        *to = *from;
    }
    Plain.is(&held, chunk)
}

/// Reads a line.
pub(super) struct Reading<'a> {
    pub(super) shapes: &'a Shapes,
    pub(super) text: &'a [u8],
    pub(super) passed: &'a Passed,
    /// Where the line begins.
    pub(super) at: usize,
    /// What was found in the line before.
    pub(super) last: Option<&'a Found>,
    pub(super) found: &'a mut Found,
}

impl Work for Reading<'_> {
    /// `None` where the line's shape is not known.
    type Out = Option<()>;

    #[inline(always)]
    fn with<V: Vectors>(self, vectors: V) -> Option<()> {
        let cursor = Cursor {
            text: self.text,
            vectors,
            passed: self.passed,
        };
        self.shapes.read(cursor, self.at, self.last, self.found)
    }
}

impl Shapes {
    /// Whether a step's text stands at a place, where that of its first chunk does.
    #[inline(always)]
    fn others_stand<V: Vectors>(&self, vectors: V, step: &Step, text: &[u8], at: usize) -> bool {
        let Some((last, whole)) = self.others(step).split_last() else {
            return true;
        };
        let (begin, end) = (at + usize::from(step.begin), at + step.length());
        let Some(rest) = text.get(begin..end) else {
            return false;
        };
        let mut whole = whole.iter().zip(rest.as_chunks().0);
        let ends_so = |some| vectors.fits(some, last);
        whole.all(|(chunk, some)| vectors.fits(some, chunk))
            && rest.last_chunk().is_some_and(ends_so)
    }

    #[inline(always)]
    fn others(&self, step: &Step) -> &[Chunk] {
        if !step.more {
            return &[];
        }
        let others = step.others.start as usize..step.others.end as usize;
        self.chunks.get(others).unwrap_or_default()
    }

    #[inline(always)]
    fn strings(&self, step: &Step) -> &[Within] {
        let strings = step.strings.start as usize..step.strings.end as usize;
        self.strings.get(strings).unwrap_or_default()
    }

    /// The step of a node whose text stands at a place.
    #[inline(always)]
    fn step_at<'a, V: Vectors>(
        &'a self,
        steps: &'a [Step],
        cursor: Cursor<V>,
        node: u32,
        at: usize,
    ) -> Option<&'a Step> {
        let Some(some) = cursor.next(at) else {
            return self.step_at_end(cursor.text, node, at);
        };
        let vectors = cursor.vectors;
        let mut step = steps.get(node as usize)?;
        loop {
            if vectors.is(some, &step.first) && self.others_stand(vectors, step, cursor.text, at) {
                return Some(step);
            }
            step = match step.other {
                0 => return None,
                other => steps.get(other as usize)?,
            };
        }
    }

    /// The same where only few bytes are left.
    #[cold]
    #[inline(never)]
    fn step_at_end(&self, text: &[u8], node: u32, at: usize) -> Option<&Step> {
        let rest = text.get(at..)?;
        let of_node = self.of_node(node).map(|(_, step)| step);
        let mut stand = of_node.filter(|step| {
            is_filled(&step.first, rest) && self.others_stand(Plain, step, text, at)
        });
        stand.next()
    }

    /// The steps of a node, from its first on.
    fn of_node(&self, first: u32) -> impl Iterator<Item = (u32, &Step)> {
        let step = |nth: u32| Some((nth, self.steps.get(nth as usize)?));
        std::iter::successors(step(first), move |(_, before)| match before.other {
            0 => None,
            other => step(other),
        })
    }

    /// Reads the line that begins at a place; `None` where its shape is not known.
    #[inline(always)]
    fn read<V: Vectors>(
        &self,
        cursor: Cursor<V>,
        mut at: usize,
        last: Option<&Found>,
        found: &mut Found,
    ) -> Option<()> {
        *found = Found::default();
        // Told once, where it lies need not be looked at for each step.
        let steps = self.steps.as_slice();
        let mut node = 0;
        loop {
            let step = self.step_at(steps, cursor, node, at)?;
            if step.more {
                for string in self.strings(step) {
                    found.set(string.slot, string.part(at));
                }
            }
            at += step.length();
            node = step.next;
            match step.value {
                Value::String(slot) => {
                    let close = cursor.quote(at)?;
                    found.set(slot, Part::new(at, close));
                    at = close;
                }
                Value::Brackets(slot) => {
                    let begin = at - 1;
                    if slot == Slot::Response && logs_in(cursor.text, begin) {
                        // It is to be looked into, which is to be learned.
                        return None;
                    }
                    at = cursor.brackets(begin)?;
                    found.set(slot, Part::new(begin, at));
                }
                Value::Scalar => at = cursor.scalar(at)?,
                Value::Begin(object) => {
                    if let Some(last) = last
                        && let Some(end) = cursor.again(last.object(object), at)
                    {
                        found.repeat(object, last, at, end);
                        if last.escapes {
                            cursor.passed.escapes.set(true);
                        }
                        at = end;
                        node = step.behind;
                    } else {
                        found.set_object(object, Part::new(at, at));
                    }
                }
                Value::End(object, has_metadata) => {
                    let from = found.object(object).from();
                    found.set_object(object, Part::new(from, at));
                    found.has_metadata |= has_metadata;
                }
                Value::Line => {
                    found.end = at;
                    return cursor.is_end(at).then_some(());
                }
                Value::Unknown => return None,
            }
        }
    }

    /// Takes in the shape of the line at `from..to`, which is not known.
    pub(super) fn learn(&mut self, text: &[u8], (from, to): (usize, usize), mut trace: Trace) {
        if self.strange >= PATIENCE {
            *self = Self::default();
        }
        trace.push(Value::Line, to, to);
        let (mut node, mut at) = (0, from);
        // The node behind the object that is open.
        let mut behind = 0;
        let mut strings = Vec::new();
        for (value, begin, end) in trace.0 {
            let string = text.get(begin..end).unwrap_or_default();
            if let Value::String(slot) = value
                && let Some(within) = Within::of(string, slot, (at, begin, end))
            {
                strings.push(within);
                continue;
            }
            // What opens a value says of what kind it is.
            let opens = usize::from(matches!(value, Value::Brackets(_)));
            let between = text.get(at..begin + opens).unwrap_or_default();
            let between = Between::of(between, &strings);
            let step = between.and_then(|between| self.step(node, &between, value, behind));
            let Some(step) = step else {
                self.strange += 1;
                return;
            };
            node = step.next;
            if let Value::Begin(_) = value {
                behind = step.behind;
            }
            at = end;
            strings.clear();
        }
    }

    /// The step at a node with a text and a value, a new one where there was none; `None` where
    /// no more are kept.
    fn step(&mut self, node: u32, between: &Between, value: Value, behind: u32) -> Option<&Step> {
        let known = self.of_node(node).find(|(_, step)| {
            step.value == value
                && step.length == between.length
                && step.first == between.first
                && self.others(step) == between.others
                && self.strings(step) == between.strings
        });
        let nth = match known {
            Some((nth, _)) => nth,
            None => self.add(node, between, value, behind)?,
        };
        self.steps.get(nth as usize)
    }

    fn add(&mut self, node: u32, between: &Between, value: Value, behind: u32) -> Option<u32> {
        let is_full = self.of_node(node).count() >= MOST_STEPS;
        if is_full || self.nodes + 2 > MOST_NODES {
            return None;
        }
        let next = match value {
            Value::End(..) => behind,
            _ => self.node()?,
        };
        let behind = match value {
            Value::Begin(_) => self.node()?,
            _ => 0,
        };
        let step = Step {
            first: between.first,
            begin: between.begin,
            others: appended(&mut self.chunks, &between.others)?,
            strings: appended(&mut self.strings, &between.strings)?,
            more: !between.others.is_empty() || !between.strings.is_empty(),
            length: between.length,
            value,
            next,
            behind,
            other: 0,
        };
        self.put(node, step)
    }

    /// A new node.
    fn node(&mut self) -> Option<u32> {
        let node = u32::try_from(self.steps.len()).ok()?;
        self.steps.push(Step::unknown());
        self.nodes += 1;
        Some(node)
    }

    /// Puts a step to the others of a node. A text that another begins with comes behind that.
    fn put(&mut self, node: u32, mut step: Step) -> Option<u32> {
        let new = u32::try_from(self.steps.len()).ok()?;
        let of_node = self.of_node(node);
        let before = of_node
            .filter(|(_, other)| other.value != Value::Unknown && other.length >= step.length)
            .last();
        if let Some((before, _)) = before {
            let before = self.steps.get_mut(before as usize)?;
            step.other = std::mem::replace(&mut before.other, new);
            self.steps.push(step);
            return Some(new);
        }
        let first = self.steps.get_mut(node as usize)?;
        let known = first.value != Value::Unknown;
        step.other = if known { new } else { 0 };
        let first = std::mem::replace(first, step);
        if known {
            self.steps.push(first);
        }
        Some(node)
    }
}

/// Puts some behind what is there; gives where they lie.
fn appended<T: Clone>(all: &mut Vec<T>, some: &[T]) -> Option<Range<u32>> {
    let begin = u32::try_from(all.len()).ok()?;
    all.extend_from_slice(some);
    Some(begin..u32::try_from(all.len()).ok()?)
}

/// True for a response, at a place, that begins with who logs in.
#[inline]
pub(super) fn logs_in(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    rest.starts_with(b"{\"auth\":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::between::{HASH, LONGEST, UUID};
    use crate::audit::scan::vectors;
    use crate::audit::scan::walk::Walk;

    /// Reads a line; gives how many chunks and nodes are known, and how many lines were strange.
    fn read(line: &str, shapes: &mut Shapes) -> (usize, usize, u32) {
        let mut walk = Walk::new(line.as_bytes(), shapes);
        assert_eq!(walk.line(0).unwrap().end, line.len());
        (shapes.chunks.len(), shapes.nodes, shapes.strange)
    }

    /// What is found in the first line of a text, if its shape is known.
    fn known(text: &str, shapes: &Shapes) -> Option<Found> {
        let mut found = Found::default();
        let known = vectors::run(Reading {
            shapes,
            text: text.as_bytes(),
            passed: &Passed::default(),
            at: 0,
            last: None,
            found: &mut found,
        });
        known.map(|()| found)
    }

    /// Of some of these the text before the value is the beginning of that of another.
    #[test]
    fn shapes_are_known_in_whatever_order_they_were_met() {
        let lines = [
            r#"{"x":1}"#,
            r#"{"x":"1"}"#,
            r#"{"x":[1]}"#,
            r#"{"error":"e"}"#,
            r#"{"error":null}"#,
            r#"{"error":null,"y":2}"#,
            r#"{"error":"e","y":2}"#,
        ];
        for first in 0..lines.len() {
            for backwards in [false, true] {
                let mut met = lines;
                met.rotate_left(first);
                if backwards {
                    met.reverse();
                }
                let mut shapes = Shapes::default();
                for (nth, line) in met.iter().enumerate() {
                    assert_eq!(known(line, &shapes), None, "{line}");
                    assert_eq!(read(line, &mut shapes).2, 0);
                    for line in &met[..=nth] {
                        assert_eq!(known(line, &shapes).unwrap().end, line.len(), "{line}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_is_read_the_same_whatever_is_behind_it() {
        let plain = r#"{"time":"2026-01-10T00:00:00Z","type":"request","request":{"id":"an id of a few words","path":"secret/data/a"},"data":{"a":["b"]},"n":17}"#;
        for line in [plain, CALL] {
            let mut shapes = Shapes::default();
            read(line, &mut shapes);
            let alone = known(line, &shapes).unwrap();
            for behind in 0..130 {
                let text = format!("{line}\n{}", "{".repeat(behind));
                assert_eq!(known(&text, &shapes), Some(alone), "{behind}");
            }
        }
    }

    const CALL: &str = r#"{"type":"request","auth":{"client_token":"hmac-sha256:0c22776f2ee485b791198b9cc98b4903698823df8ad2a6e739f55527cca58a3f","metadata":{"empty":""},"entity_id":"53765e5e-758a-b1f3-b4fd-76feb5bfaeed"},"request":{"id":"d8606f79-a7c9-32b4-d274-e22259682027","mount_type":""}}"#;

    #[test]
    fn hashes_and_ids_may_have_other_bytes_but_no_other_length() {
        let mut shapes = Shapes::default();
        read(CALL, &mut shapes);
        let with = |from: &str, to: &str| CALL.replace(from, to);
        for (from, to, slot, told) in [
            ("0c22", "zz:-", Slot::Kind, "request"),
            (
                "5376",
                "ABCD",
                Slot::EntityId,
                "ABCD5e5e-758a-b1f3-b4fd-76feb5bfaeed",
            ),
            (
                "d860",
                "/~#z",
                Slot::Id,
                "/~#z6f79-a7c9-32b4-d274-e22259682027",
            ),
        ] {
            let line = with(from, to);
            let part = known(&line, &shapes).unwrap().part(slot);
            assert_eq!(part.of(line.as_bytes()), told.as_bytes());
        }
        for (from, to) in [
            ("0c22", "0c2"),
            ("0c22", "0c222"),
            ("5376", "537"),
            ("5376", "53766"),
        ] {
            assert_eq!(known(&with(from, to), &shapes), None, "{to}");
        }
    }

    /// A byte that ends a string, or is not plain, does so in those too.
    #[test]
    fn a_string_that_belongs_to_the_text_is_plain_or_not_known() {
        let mut shapes = Shapes::default();
        read(CALL, &mut shapes);
        let string = |words: &str, length: usize| {
            let at = CALL.find(words).unwrap();
            at..at + length
        };
        let strings = [
            string("hmac", HASH),
            string("5376", UUID),
            string("d860", UUID),
        ];
        for at in strings.into_iter().flatten() {
            for byte in *b"\"\\\n\x80 !\x7f}" {
                let mut line = CALL.as_bytes().to_vec();
                line[at] = byte;
                let mut found = Found::default();
                let known = vectors::run(Reading {
                    shapes: &shapes,
                    text: &line,
                    passed: &Passed::default(),
                    at: 0,
                    last: None,
                    found: &mut found,
                });
                let plain = matches!(byte, 0x7f | b'}');
                assert_eq!(known.is_some(), plain, "{byte:#x} at {at}");
            }
        }
    }

    /// Nobody can fill the memory, or the processor's caches, with what stands between values.
    #[test]
    fn a_text_that_is_too_long_is_not_learned() {
        let line = |name: usize| format!(r#"{{"time":"t","{}":1}}"#, "n".repeat(name));
        let mut shapes = Shapes::default();
        // Three quotes, a comma and a colon stand beside the name.
        let (chunks, nodes, strange) = read(&line(LONGEST - 5), &mut shapes);
        assert!(chunks >= LONGEST / CHUNK - 1);
        assert_eq!(strange, 0);
        for more in 1..5 {
            let (now, _, strange) = read(&line(LONGEST - 5 + 1), &mut shapes);
            assert_eq!((now, strange), (chunks, more));
        }
        // What was learned before is known still.
        assert_eq!(read(&line(LONGEST - 5), &mut shapes), (chunks, nodes, 4));
    }
}
