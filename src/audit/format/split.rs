//! Cuts a stream of JSON values into the objects that may be records, as its bytes arrive.

use super::blocks::{BLOCK, Open};
use crate::model::Text;
use crate::model::rejected::Place;

/// The largest object that is held, in bytes.
const LARGEST: usize = 16 << 20;

/// What of an object that is too large is kept, to show.
const SHOWN: usize = 1 << 10;

/// Nesting that no record has; deeper is hostile.
const DEEPEST: usize = 128;

/// One thing that was cut out.
#[derive(Debug)]
pub(in crate::audit) enum Piece<'a> {
    /// A whole object: an element of an array at the top or of an envelope's `Records` (or what
    /// else the format calls them), or a top-level object without such a member.
    Object(&'a [u8], Place),
    /// Bytes that are no object, and why.
    Bad(&'a [u8], Place, &'static str),
}

/// Where the splitter is, above the object that is being collected.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    /// Between top-level values.
    Top,
    /// In a top-level object: it may yet turn out to hold `Records`, or be a record itself.
    Envelope,
    /// Between the elements of a top-level array or of `Records`.
    Elements { in_envelope: bool },
}

/// What is being collected.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Taking {
    Nothing,
    /// An element, from its opening brace.
    Element,
    /// A word that should not be there: a number, a string or dirt.
    Word,
    /// A string.
    WordString,
    /// Dirt between top-level values, to the end of its line.
    Dirt,
}

/// Where a byte stands to the strings.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Quote {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

/// The state between two feeds.
#[derive(Debug)]
pub(in crate::audit) struct Splitter {
    file: Text,
    line: u64,
    byte: u64,
    level: Level,
    taking: Taking,
    /// Open braces and brackets inside what is being collected; in an envelope, inside it.
    depth: usize,
    quote: Quote,
    held: Vec<u8>,
    /// How long what is held really is.
    length: usize,
    began: (u64, u64),
    /// In an envelope at depth 1: the last string that ended, and whether a colon follows it.
    key: Vec<u8>,
    key_done: bool,
    found_records: bool,
    /// The members of an envelope whose elements are given out.
    members: &'static [&'static str],
}

impl Splitter {
    /// A splitter of documents whose envelopes have `Records`.
    pub(in crate::audit) fn new(file: Text) -> Self {
        Self::of(file, &["Records"])
    }

    /// The same for envelopes with other members; names of up to 30 bytes.
    pub(in crate::audit) fn of(file: Text, members: &'static [&'static str]) -> Self {
        Self {
            members,
            file,
            line: 1,
            byte: 0,
            level: Level::Top,
            taking: Taking::Nothing,
            depth: 0,
            quote: Quote::Outside,
            held: Vec::new(),
            length: 0,
            began: (1, 0),
            key: Vec::new(),
            key_done: false,
            found_records: false,
        }
    }

    pub(in crate::audit) fn feed(&mut self, bytes: &[u8], out: &mut dyn FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.taking == Taking::Element {
                rest = self.element(rest, out);
                continue;
            }
            // The inside of strings is most of a record: it is taken at one go.
            let run = self.plain_run(rest);
            if run > 0 {
                let (taken, after) = rest.split_at(run);
                self.keep(taken);
                self.byte += run as u64;
                rest = after;
                continue;
            }
            self.step(byte, out);
            self.byte += 1;
            if byte == b'\n' {
                self.line += 1;
            }
            rest = after;
        }
    }

    pub(in crate::audit) fn end(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        if self.taking != Taking::Nothing && self.taking != Taking::Element {
            self.bad("no JSON object", out);
        } else if self.taking == Taking::Element
            || (self.level == Level::Envelope && !self.found_records)
        {
            self.bad("the document ends inside a record", out);
        } else if self.level != Level::Top {
            self.begin();
            self.bad("the document ends before it is complete", out);
        }
        self.level = Level::Top;
    }

    /// True where no document is open.
    pub(in crate::audit) fn is_between_documents(&self) -> bool {
        self.level == Level::Top && self.taking == Taking::Nothing
    }

    /// True inside an array whose elements are given out.
    pub(in crate::audit) fn is_in_records(&self) -> bool {
        matches!(self.level, Level::Elements { .. })
    }

    /// True where the document that was last open had `Records`.
    pub(in crate::audit) fn found_records(&self) -> bool {
        self.found_records
    }

    fn place(&self) -> Place {
        Place {
            file: self.file.clone(),
            line: self.began.0,
            byte: self.began.1,
        }
    }

    fn begin(&mut self) {
        self.held.clear();
        self.length = 0;
        self.began = (self.line, self.byte);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        if self.length <= LARGEST {
            self.held.extend_from_slice(bytes);
        } else if self.held.capacity() > SHOWN {
            self.held.truncate(SHOWN);
            self.held.shrink_to(SHOWN);
        }
        if self.quote != Quote::Outside
            && self.level == Level::Envelope
            && self.depth == 1
            && !self.key_done
        {
            let room = 32_usize.saturating_sub(self.key.len());
            self.key.extend(bytes.iter().take(room));
        }
    }

    /// Bytes at the start of `rest` that cannot change the state.
    fn plain_run(&self, rest: &[u8]) -> usize {
        let end = if self.taking == Taking::Dirt {
            memchr::memchr(b'\n', rest)
        } else if self.quote == Quote::Inside {
            memchr::memchr3(b'"', b'\\', b'\n', rest)
        } else {
            return 0;
        };
        end.unwrap_or(rest.len())
    }

    fn bad(&mut self, reason: &'static str, out: &mut dyn FnMut(Piece<'_>)) {
        out(Piece::Bad(&self.held, self.place(), reason));
        self.reset();
    }

    fn reset(&mut self) {
        self.taking = Taking::Nothing;
        self.held.clear();
        self.length = 0;
        self.quote = Quote::Outside;
    }

    fn whole(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        if self.length > LARGEST {
            return self.bad("the record is larger than 16 MiB", out);
        }
        out(Piece::Object(&self.held, self.place()));
        self.reset();
    }

    fn step(&mut self, byte: u8, out: &mut dyn FnMut(Piece<'_>)) {
        match (self.taking, self.level) {
            // Taken at one go.
            (Taking::Element, _) => {}
            (Taking::WordString, _) => self.in_word_string(byte),
            (Taking::Word, _) => self.in_word(byte, out),
            (Taking::Dirt, _) => self.bad("no JSON object", out),
            (Taking::Nothing, Level::Envelope) => self.in_envelope(byte, out),
            (Taking::Nothing, Level::Elements { in_envelope }) => {
                self.between_elements(byte, in_envelope);
            }
            (Taking::Nothing, Level::Top) => self.at_top(byte),
        }
    }

    fn at_top(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'[' => self.level = Level::Elements { in_envelope: false },
            b'{' => {
                self.begin();
                self.keep(&[byte]);
                self.level = Level::Envelope;
                self.depth = 1;
                self.found_records = false;
                self.key.clear();
                self.key_done = false;
            }
            _ => {
                self.begin();
                self.keep(&[byte]);
                self.taking = Taking::Dirt;
            }
        }
    }

    fn between_elements(&mut self, byte: u8, in_envelope: bool) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {}
            b']' if in_envelope => {
                self.level = Level::Envelope;
                self.depth = 1;
                self.key.clear();
                self.key_done = false;
            }
            b']' => self.level = Level::Top,
            b'{' => {
                self.begin();
                self.keep(&[byte]);
                self.taking = Taking::Element;
                self.depth = 1;
            }
            _ => {
                self.begin();
                self.keep(&[byte]);
                self.depth = usize::from(byte == b'[');
                if byte == b'"' {
                    self.quote = Quote::Inside;
                    self.taking = Taking::WordString;
                } else {
                    self.taking = Taking::Word;
                }
            }
        }
    }

    fn in_word_string(&mut self, byte: u8) {
        self.keep(&[byte]);
        self.string_byte(byte);
        if self.quote == Quote::Outside {
            self.taking = Taking::Word;
        }
    }

    /// To the comma or the bracket that ends it; an array in the array is one word.
    fn in_word(&mut self, byte: u8, out: &mut dyn FnMut(Piece<'_>)) {
        match byte {
            b'"' => {
                self.quote = Quote::Inside;
                self.taking = Taking::WordString;
            }
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' if self.depth > 0 => self.depth -= 1,
            b',' | b']' if self.depth == 0 => {
                let Level::Elements { in_envelope } = self.level else {
                    return self.bad("no JSON object", out);
                };
                self.bad("an element that is no object", out);
                return self.between_elements(byte, in_envelope);
            }
            _ => {}
        }
        self.keep(&[byte]);
    }

    fn string_byte(&mut self, byte: u8) {
        self.quote = match (self.quote, byte) {
            (Quote::Inside, b'\\') => Quote::Escaped,
            (Quote::Inside, b'"') => Quote::Outside,
            _ => Quote::Inside,
        };
    }

    /// Takes what is left of an element, or as much of it as has arrived; gives what stands behind.
    fn element<'a>(&mut self, rest: &'a [u8], out: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let (run, after) = rest.split_at(self.element_run(rest).min(rest.len()));
        self.keep(run);
        self.byte += run.len() as u64;
        let lines = memchr::memchr_iter(b'\n', run).count() as u64;
        if self.depth == 0 {
            self.whole(out);
        }
        self.line += lines;
        after
    }

    /// How many bytes at the start of `rest` are of the element that is open.
    fn element_run(&mut self, rest: &[u8]) -> usize {
        let (mut at, mut blocks) = (0, 0);
        while let Some(byte) = rest.get(at) {
            if at >= blocks && self.quote != Quote::Escaped {
                at += self.pass_blocks(rest.get(at..).unwrap_or_default());
                if self.depth == 0 {
                    return at;
                }
                blocks = at + BLOCK;
                continue;
            }
            match (self.quote, byte) {
                (Quote::Escaped, _) | (Quote::Outside, b'"') => self.quote = Quote::Inside,
                (Quote::Inside, _) => {
                    let inside = rest.get(at..).unwrap_or_default();
                    match memchr::memchr2(b'"', b'\\', inside) {
                        Some(end) => at += end,
                        None => return rest.len(),
                    }
                    self.quote = if rest.get(at) == Some(&b'"') {
                        Quote::Outside
                    } else {
                        Quote::Escaped
                    };
                }
                (Quote::Outside, b'{' | b'[') => self.depth += 1,
                (Quote::Outside, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return at + 1;
                    }
                }
                (Quote::Outside, _) => {}
            }
            at += 1;
        }
        at
    }

    /// Passes what can be passed 64 bytes at a time of the element that is open.
    fn pass_blocks(&mut self, rest: &[u8]) -> usize {
        let mut open = Open {
            depth: self.depth,
            is_in_string: self.quote == Quote::Inside,
        };
        let passed = open.pass(rest);
        self.depth = open.depth;
        self.quote = if open.is_in_string {
            Quote::Inside
        } else {
            Quote::Outside
        };
        passed
    }

    /// A top-level object is collected until `Records` is met; then only its elements matter.
    fn in_envelope(&mut self, byte: u8, out: &mut dyn FnMut(Piece<'_>)) {
        if !self.found_records {
            self.keep(&[byte]);
        }
        if self.quote != Quote::Outside {
            self.string_byte(byte);
            if self.quote == Quote::Outside && self.depth == 1 {
                // The closing quote was kept as part of the key.
                self.key_done = true;
            }
            return;
        }
        match byte {
            b'"' => {
                self.quote = Quote::Inside;
                if self.depth == 1 {
                    self.key.clear();
                    self.key_done = false;
                }
            }
            b'[' if self.depth == 1 && self.is_records_key() => {
                self.found_records = true;
                self.level = Level::Elements { in_envelope: true };
                self.reset();
            }
            b'{' | b'[' if self.depth < DEEPEST => self.depth += 1,
            b'}' | b']' if self.depth > 1 => self.depth -= 1,
            b'}' | b']' => {
                self.level = Level::Top;
                if self.found_records {
                    self.reset();
                } else {
                    self.whole(out);
                }
            }
            _ => {}
        }
    }

    fn is_records_key(&self) -> bool {
        let Some(key) = self.key.strip_suffix(b"\"").filter(|_| self.key_done) else {
            return false;
        };
        self.members.iter().any(|member| member.as_bytes() == key)
    }
}
