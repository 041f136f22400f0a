//! Shapes of lines. The lines of a log are of few shapes: the same members in the same order. A
//! line of a known shape is read by comparing what stands between its values with lines from
//! which that was learned, so that no name is looked at.
//!
//! What was learned is a graph: at each node one of several texts may stand, with a value behind
//! it that leads to the next node. All shapes of one object meet again behind it.

#![expect(
    clippy::inline_always,
    reason = "what reads a line has to become part of the function that is built for vectors"
)]

use std::ops::Range;

use super::cursor::{Cursor, Passed};
use super::found::{Found, Object, Part, Slot};
use super::vectors::{CHUNK, Chunk, Plain, Vectors, Work};

/// Nodes that are kept, so that they fit the processor's caches.
const MOST_NODES: usize = 512;

/// Texts at one node.
const MOST_STEPS: usize = 12;

/// Lines of no known shape after which everything is learned anew, once no more can be learned.
const PATIENCE: u32 = 4096;

/// The longest text between two values, in bytes.
const LONGEST: usize = 4 << 10;

/// What stands at a place of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// The values of a line in their order, each with where it begins and ends.
#[derive(Default)]
pub(super) struct Trace(Vec<(Value, usize, usize)>);

impl Trace {
    pub(super) fn push(&mut self, value: Value, from: usize, to: usize) {
        self.0.push((value, from, to));
    }
}

/// What stands before a value, and the value.
struct Step {
    first: Chunk,
    /// Of the chunks of all shapes.
    others: Range<usize>,
    length: usize,
    value: Value,
    next: usize,
    /// For an object that begins: the node behind its end.
    behind: usize,
}

/// The shapes that are known.
pub(in crate::audit) struct Shapes {
    nodes: Vec<Vec<Step>>,
    chunks: Vec<Chunk>,
    /// Lines that could not be learned.
    strange: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            nodes: vec![Vec::new()],
            chunks: Vec::new(),
            strange: 0,
        }
    }
}

/// Whether a chunk of a text stands at a place.
#[inline(always)]
fn stands<V: Vectors>(vectors: V, chunk: &Chunk, text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(some) => vectors.is(some, chunk),
        None => is_filled(chunk, rest),
    }
}

/// The same of the last few bytes of a text.
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
    #[inline(always)]
    fn stands<V: Vectors>(&self, vectors: V, step: &Step, text: &[u8], at: usize) -> bool {
        stands(vectors, &step.first, text, at)
            && (step.length <= CHUNK || self.others_stand(vectors, step, text, at))
    }

    #[inline(always)]
    fn others_stand<V: Vectors>(&self, vectors: V, step: &Step, text: &[u8], at: usize) -> bool {
        let others = self.chunks.get(step.others.clone()).unwrap_or_default();
        let mut places = (at + CHUNK..).step_by(CHUNK);
        others.iter().all(|chunk| {
            places
                .next()
                .is_some_and(|at| stands(vectors, chunk, text, at))
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
        let mut node = 0;
        loop {
            let mut steps = self.nodes.get(node)?.iter();
            let vectors = cursor.vectors;
            let step = match cursor.text.get(at..)?.first_chunk() {
                Some(some) => steps.find(|step| {
                    vectors.is(some, &step.first)
                        && (step.length <= CHUNK
                            || self.others_stand(vectors, step, cursor.text, at))
                })?,
                None => steps.find(|step| self.stands(vectors, step, cursor.text, at))?,
            };
            at += step.length;
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
                        && let Some(end) = same(cursor.text, last.object(object), at)
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
        for (value, begin, end) in trace.0 {
            // What opens a value says of what kind it is.
            let opens = usize::from(matches!(value, Value::Brackets(_)));
            let between = text.get(at..begin + opens).unwrap_or_default();
            let step = (between.len() <= LONGEST)
                .then(|| self.step(node, between, value, behind))
                .flatten();
            let Some(step) = step else {
                self.strange += 1;
                return;
            };
            node = step.next;
            if let Value::Begin(_) = value {
                behind = step.behind;
            }
            at = end;
        }
    }

    /// The step at a node with a text and a value, a new one where there was none; `None` where
    /// no more are kept.
    fn step(&mut self, node: usize, between: &[u8], value: Value, behind: usize) -> Option<&Step> {
        let known = self.nodes.get(node)?.iter().position(|step| {
            step.value == value
                && step.length == between.len()
                && self.stands(Plain, step, between, 0)
        });
        let nth = match known {
            Some(nth) => nth,
            None => self.add(node, between, value, behind)?,
        };
        self.nodes.get(node)?.get(nth)
    }

    fn add(&mut self, node: usize, between: &[u8], value: Value, behind: usize) -> Option<usize> {
        let nodes = self.nodes.len();
        if nodes + 2 > MOST_NODES || self.nodes.get(node)?.len() >= MOST_STEPS {
            return None;
        }
        let next = match value {
            Value::End(..) => behind,
            _ => nodes,
        };
        let behind = match value {
            Value::Begin(_) => nodes + 1,
            _ => 0,
        };
        self.nodes
            .resize_with(next.max(behind).max(nodes - 1) + 1, Vec::new);
        let mut chunks = between.chunks(CHUNK).map(Chunk::of);
        let first = chunks.next().unwrap_or_else(|| Chunk::of(&[]));
        let begin = self.chunks.len();
        self.chunks.extend(chunks);
        let steps = self.nodes.get_mut(node)?;
        // A text that another begins with comes behind that.
        let nth = steps.partition_point(|step| step.length >= between.len());
        let step = Step {
            first,
            others: begin..self.chunks.len(),
            length: between.len(),
            value,
            next,
            behind,
        };
        steps.insert(nth, step);
        Some(nth)
    }
}

/// True for a response, at a place, that begins with who logs in.
#[inline]
pub(super) fn logs_in(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    rest.starts_with(b"{\"auth\":")
}

/// Where a text of the line before ends in this one, where it stands at `at` again.
#[inline]
fn same(text: &[u8], last: Part, at: usize) -> Option<usize> {
    let before = last.of(text);
    let end = at + before.len();
    let again = !before.is_empty() && text.get(at..end) == Some(before);
    again.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::walk::Walk;

    /// Reads a line; gives how many chunks and nodes are known, and how many lines were strange.
    fn read(line: &str, shapes: &mut Shapes) -> (usize, usize, u32) {
        let mut walk = Walk::new(line.as_bytes(), shapes);
        assert_eq!(walk.line(0).unwrap().end, line.len());
        (shapes.chunks.len(), shapes.nodes.len(), shapes.strange)
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
