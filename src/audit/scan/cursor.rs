//! Goes over a text by what stands in its next bytes.

#![expect(
    clippy::inline_always,
    reason = "these few lines are called for each value of each line, and have to become part of the loop that is built for vectors"
)]

use std::cell::Cell;

use super::found::Part;
use super::vectors::{BLOCK, Bytes, CHUNK, Plain, Vectors};

/// The bit that a brace has and a square bracket has not.
const BRACE: u8 = 0x20;

/// The bit that an opening one has and a closing one has not.
const OPEN: u8 = 0x02;

/// A text below 4 GiB, less a block.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a, V> {
    pub(super) text: &'a [u8],
    pub(super) vectors: V,
    pub(super) passed: &'a Passed,
}

/// What was passed over in a line.
#[derive(Default)]
pub(super) struct Passed {
    /// Bytes beyond ASCII: whether they are words is to be seen.
    pub(super) beyond: Cell<bool>,
    pub(super) escapes: Cell<bool>,
}

/// What goes on from one block to the next.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// All ones inside a string.
    inside: u64,
    /// 1 where the first byte is escaped.
    escaped: u64,
}

impl<'a, V: Vectors> Cursor<'a, V> {
    /// The next bytes; `None` where there are not so many.
    #[inline(always)]
    pub(super) fn next<const N: usize>(self, at: usize) -> Option<&'a [u8; N]> {
        // Places are below 4 GiB: told so, the compiler need not ask whether the sum is too large.
        let at = at & u32::MAX as usize;
        self.text.get(at..at + N)?.first_chunk()
    }

    /// Looks at the last bytes of the text, filled up with what stops nothing; `None` where there is
    /// none. Without vectors: where they meet those that were not filled up, the compiler takes them
    /// apart, bit by bit.
    #[cold]
    #[inline(never)]
    fn at_end<const N: usize, T>(self, at: usize, look: impl Fn(&[u8; N]) -> T) -> Option<T> {
        let rest = self.text.get(at..)?;
        let mut filled = [b'0'; N];
        for (to, from) in filled.iter_mut().zip(rest) {
            *to = *from;
        }
        (!rest.is_empty()).then(|| look(&filled))
    }

    #[inline(always)]
    pub(super) fn byte(self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// The quote that closes a string, from a place within it on.
    #[inline(always)]
    pub(super) fn quote(self, mut at: usize) -> Option<usize> {
        loop {
            let stops = match self.next(at) {
                Some(chunk) => self.vectors.stops(chunk),
                None => self.at_end(at, |chunk| Plain.stops(chunk))?,
            };
            if stops == 0 {
                at += CHUNK;
                continue;
            }
            let stop = at + stops.trailing_zeros() as usize;
            if self.byte(stop) == b'"' {
                return Some(stop);
            }
            at = self.pass(stop)?;
        }
    }

    /// Behind what stops in a string and does not end it: an escape, bytes beyond ASCII, or what is
    /// plain after all.
    #[cold]
    #[inline(never)]
    fn pass(self, mut at: usize) -> Option<usize> {
        if matches!(self.byte(at), b' ' | b'!') {
            return Some(at + 1);
        }
        if self.byte(at) == b'\\' {
            self.passed.escapes.set(true);
            at += 1;
            if (0x20..0x80).contains(&self.byte(at)) {
                return Some(at + 1);
            }
        }
        let begin = at;
        while self.byte(at) >= 0x80 {
            at += 1;
        }
        self.passed.beyond.set(true);
        // What is left is a control.
        (at > begin).then_some(at)
    }

    /// Where a text that stands before `at` ends where it stands there again; `None` where it does
    /// not.
    #[inline(always)]
    pub(super) fn again(self, before: Part, at: usize) -> Option<usize> {
        let before = before.of(self.text);
        let end = at + before.len();
        let now = self.text.get(at..end)?;
        let mut blocks = before.as_chunks().0.iter().zip(now.as_chunks().0);
        let same = blocks.all(|(before, now)| self.vectors.same(before, now));
        // What is left behind the last whole block is part of the block that ends there.
        let ends_so = match (before.last_chunk(), now.last_chunk()) {
            (Some(before), Some(now)) => self.vectors.same(before, now),
            _ => !before.is_empty() && before == now,
        };
        (same && ends_so).then_some(end)
    }

    /// Behind an object or a list that opens at `at`; none goes on behind its line.
    #[inline(always)]
    pub(super) fn brackets(self, mut at: usize) -> Option<usize> {
        // A bit for each that is open, below one that stays: 1 for an object. The full reader goes
        // deeper.
        let mut open = 1_u64;
        let mut carry = Carry::default();
        loop {
            let bytes = match self.next(at) {
                Some(block) => self.vectors.bytes(block),
                None => self.at_end(at, |block| Plain.bytes(block))?,
            };
            let inside = self.vectors.prefix(bytes.plain_quotes(&mut carry)) ^ carry.inside;
            carry.inside = (inside.cast_signed() >> 63).cast_unsigned();
            let mut left = bytes.brackets & !inside;
            while left != 0 {
                let bracket = at + left.trailing_zeros() as usize;
                let byte = self.byte(bracket);
                let object = u64::from(byte & BRACE != 0);
                if byte & OPEN != 0 {
                    if open.leading_zeros() == 0 {
                        return None;
                    }
                    open = open << 1 | object;
                } else {
                    if open & 1 != object {
                        return None;
                    }
                    open >>= 1;
                    if open <= 1 {
                        let before = (left & left.wrapping_neg()) - 1;
                        let is_plain = self.is_plain(at, bytes, inside, before);
                        return is_plain.then_some(bracket + 1);
                    }
                }
                left &= left - 1;
            }
            if !self.is_plain(at, bytes, inside, u64::MAX) {
                return None;
            }
            at += BLOCK;
        }
    }

    /// Whether those bytes of the block at a place are plain, or beyond ASCII, or escapes in strings;
    /// notes the latter two.
    #[inline(always)]
    fn is_plain(self, at: usize, bytes: Bytes, inside: u64, those: u64) -> bool {
        if bytes.odd | bytes.slashes == 0 {
            return true;
        }
        if bytes.slashes != 0 {
            self.passed.escapes.set(true);
        }
        let wrong = (bytes.odd | bytes.slashes & !inside) & those;
        wrong == 0 || self.are_beyond(at, wrong)
    }

    /// True where some bytes of the block at a place are all beyond ASCII.
    #[cold]
    #[inline(never)]
    fn are_beyond(self, at: usize, mut bits: u64) -> bool {
        while bits != 0 {
            if self.byte(at + bits.trailing_zeros() as usize) < 0x80 {
                return false;
            }
            bits &= bits - 1;
        }
        self.passed.beyond.set(true);
        true
    }

    /// Behind a word or a short plain number.
    #[inline(always)]
    pub(super) fn scalar(self, from: usize) -> Option<usize> {
        let rest = self.text.get(from..)?;
        let length = match rest.first()? {
            b't' if rest.starts_with(b"true") => 4,
            b'f' if rest.starts_with(b"false") => 5,
            b'n' if rest.starts_with(b"null") => 4,
            _ => return self.number(from),
        };
        Some(from + length)
    }

    #[inline(always)]
    fn number(self, from: usize) -> Option<usize> {
        let begin = from + usize::from(self.byte(from) == b'-');
        let count = match self.next(begin).map(|eight| digits(*eight)) {
            Some(few @ ..8) => few,
            _ => self.digits(begin)?,
        };
        let end = begin + count;
        let leads_with_zero = count > 1 && self.byte(begin) == b'0';
        let ends = matches!(self.byte(end), b',' | b'}');
        ((1..=15).contains(&count) && !leads_with_zero && ends).then_some(end)
    }

    /// How many digits stand at a place: many, or the last of a text.
    #[cold]
    #[inline(never)]
    fn digits(self, at: usize) -> Option<usize> {
        let mut rest = self.text.get(at..)?.iter();
        rest.position(|byte| !byte.is_ascii_digit())
    }

    /// True where a line ends at `at`.
    #[inline(always)]
    pub(super) fn is_end(self, at: usize) -> bool {
        at == self.text.len() || self.byte(at) == b'\n'
    }
}

/// With how many digits eight bytes begin.
#[inline(always)]
fn digits(eight: [u8; 8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let past_zero = u64::from_le_bytes(eight) ^ (EACH * u64::from(b'0'));
    // A digit is below 10 now: nothing else stays below 128 where 118 is added.
    let others = ((past_zero & (EACH * 0x7f)) + EACH * 118) | past_zero;
    (others & (EACH * 0x80)).trailing_zeros() as usize / 8
}

impl Bytes {
    /// The quotes that are not escaped.
    #[inline(always)]
    fn plain_quotes(self, carry: &mut Carry) -> u64 {
        if self.slashes | carry.escaped == 0 {
            self.quotes
        } else {
            self.quotes & !escaped(self.slashes, carry)
        }
    }
}

/// The bytes that stand behind an odd number of backslashes.
#[inline]
fn escaped(slashes: u64, carry: &mut Carry) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let begin = slashes & !carry.escaped;
    let runs = ((begin << 1) | ODD).wrapping_sub(begin) ^ ODD;
    let escaped = runs ^ (slashes | carry.escaped);
    carry.escaped = (runs & slashes) >> 63;
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::vectors::{self, Work};
    use proptest::prelude::*;

    /// Where a string ends, a byte at a time.
    fn string(text: &[u8], mut at: usize) -> Option<usize> {
        loop {
            match text.get(at)? {
                b'"' => return Some(at),
                b'\\' if *text.get(at + 1)? >= 0x20 => at += 2,
                b'\\' | ..0x20 => return None,
                _ => at += 1,
            }
        }
    }

    /// Where brackets end, a byte at a time.
    fn nested(text: &[u8], mut at: usize) -> Option<usize> {
        let mut open = Vec::new();
        loop {
            match text.get(at)? {
                b'"' => at = string(text, at + 1)?,
                b'{' => open.push(b'}'),
                b'[' => open.push(b']'),
                close @ (b'}' | b']') => {
                    if open.pop()? != *close {
                        return None;
                    }
                    if open.is_empty() {
                        return Some(at + 1);
                    }
                }
                b'\\' | ..0x20 => return None,
                _ => {}
            }
            if open.len() >= 64 {
                return None;
            }
            at += 1;
        }
    }

    struct Both<'a>(&'a [u8]);

    impl Work for Both<'_> {
        /// The ends of a string and of brackets, and whether there were bytes beyond ASCII and
        /// escapes in the latter.
        type Out = (Option<usize>, Option<usize>, bool, bool);

        #[inline(always)]
        fn with<V: Vectors>(self, vectors: V) -> Self::Out {
            let (text, passed) = (self.0, Passed::default());
            let cursor = Cursor {
                text,
                vectors,
                passed: &passed,
            };
            let quote = cursor.quote(1);
            passed.beyond.set(false);
            passed.escapes.set(false);
            let brackets = cursor.brackets(0);
            (quote, brackets, passed.beyond.get(), passed.escapes.get())
        }
    }

    #[test]
    fn brackets_are_passed_over_that_are_sixty_three_deep_and_no_deeper() {
        for depth in 60..70 {
            let text = ["[".repeat(depth), "]".repeat(depth)].concat();
            let (_, fast, ..) = vectors::run(Both(text.as_bytes()));
            assert_eq!(fast, (depth < 64).then_some(text.len()), "{depth}");
        }
    }

    /// Where a word or a number ends that the scanner takes, a byte at a time.
    fn scalar(text: &[u8]) -> Option<usize> {
        for word in ["true", "false", "null"] {
            if text.starts_with(word.as_bytes()) {
                return Some(word.len());
            }
        }
        let sign = usize::from(text.starts_with(b"-"));
        let digits: Vec<u8> = text
            .get(sign..)?
            .iter()
            .copied()
            .take_while(u8::is_ascii_digit)
            .collect();
        let plain = matches!(digits.as_slice(), [b'0'] | [b'1'..=b'9', ..]) && digits.len() <= 15;
        let end = sign + digits.len();
        (plain && matches!(text.get(end), Some(b',' | b'}'))).then_some(end)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn words_and_numbers_end_where_the_grammar_has_it(
            begin in prop::sample::select(vec!["", "-", "0", "00", "-0", "true", "fals", "null", "+", "x"]),
            digits in "[0-9]{0,17}",
            end in prop::sample::select(vec![",", "}", "", ".5,", "e1}", "\n", " ,", "/}", ":,", "\u{b1},"]),
            behind in "[0-9,]{0,9}",
        ) {
            let text = [begin, &digits, end, &behind].concat();
            let cursor = Cursor { text: text.as_bytes(), vectors: Plain, passed: &Passed::default() };
            prop_assert_eq!(cursor.scalar(0), scalar(text.as_bytes()), "{}", text);
        }

        #[test]
        fn what_stands_there_again_ends_where_it_did_before(
            said in "[a-z]{0,200}", between in "[0-9]{0,70}", behind in "[a-z]{0,70}", change in 0..200_usize,
        ) {
            let text = [said.as_str(), &between, &said, &behind].concat();
            let (before, at) = (Part::new(0, said.len()), said.len() + between.len());
            let again = |text: &str| {
                let passed = Passed::default();
                let cursor = Cursor { text: text.as_bytes(), vectors: Plain, passed: &passed };
                cursor.again(before, at)
            };
            let wanted = (!said.is_empty()).then_some(at + said.len());
            prop_assert_eq!(again(&text), wanted);
            if change < said.len() {
                let mut other = text.clone();
                other.replace_range(at + change..=at + change, "!");
                prop_assert_eq!(again(&other), None);
                other.truncate(at + change);
                prop_assert_eq!(again(&other), None);
            }
        }

        #[test]
        fn strings_and_brackets_end_where_the_grammar_has_it(middle in prop::collection::vec(prop_oneof![
            4 => Just(b"\"".to_vec()),
            2 => prop::sample::select(b"\\{}[]\n,:".to_vec()).prop_map(|byte| vec![byte]),
            3 => prop::sample::select(vec!["{\"a\":[", "]}", "\"b\\\"c\"", "\u{e9}", "\\\\"])
                .prop_map(|some| some.as_bytes().to_vec()),
            4 => prop::collection::vec(0x20..0x7f_u8, 0..70),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ], 0..20)) {
            let text = [b"{".to_vec(), middle.concat(), b"}".to_vec()].concat();
            let fast = vectors::run(Both(&text));
            prop_assert_eq!(fast, Both(&text).with(Plain));
            let (quote, brackets, beyond, escapes) = fast;
            prop_assert_eq!(quote, string(&text, 1));
            prop_assert_eq!(brackets, nested(&text, 0));
            if let Some(end) = brackets {
                prop_assert_eq!(beyond, !text[..end].is_ascii());
                prop_assert!(escapes || !text[..end].contains(&b'\\'));
            }
        }
    }
}
