//! Goes over a text by the marks of its bytes.

#![expect(
    clippy::inline_always,
    reason = "these few lines are called for each member of each line; out of line they cost a third more"
)]

use super::marks::{BLOCK, Marks};

/// A text below 4 GiB with its marks.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a [u8],
    marks: &'a [Marks],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8], marks: &'a [Marks]) -> Self {
        Self { text, marks }
    }

    #[inline(always)]
    pub(super) fn byte(self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// The next quote that opens or closes a string.
    #[inline(always)]
    pub(super) fn quote(self, from: usize) -> Option<usize> {
        self.next(from, |marks| marks.quotes)
    }

    /// Behind an object or a list that opens at `at`; none goes on behind its line.
    #[inline]
    pub(super) fn brackets(self, mut at: usize) -> Option<usize> {
        // A bit for each that is open: 1 for an object. The full reader goes deeper.
        let (mut open, mut depth) = (0_u64, 0_u32);
        loop {
            let (opens, object) = match self.byte(at) {
                b'{' => (true, 1),
                b'[' => (true, 0),
                b'}' => (false, 1),
                b']' => (false, 0),
                _ => return None,
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
                _ => at = self.next(at + 1, |marks| marks.stops)?,
            }
        }
    }

    /// Behind a word or a short plain number.
    #[inline]
    pub(super) fn scalar(self, from: usize) -> Option<usize> {
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

    /// True where a line ends at `at`.
    #[inline(always)]
    pub(super) fn is_end(self, at: usize) -> bool {
        at == self.text.len() || self.byte(at) == b'\n'
    }

    /// The next marked byte, `from` itself included. How often it goes round depends on how far
    /// that is, and not on where blocks begin: values of one kind are of one length, so that the
    /// processor guesses right.
    #[inline(always)]
    fn next(self, mut from: usize, of: impl Fn(&Marks) -> u64) -> Option<usize> {
        loop {
            let two: &[Marks; 2] = self.marks.get(from / BLOCK..)?.first_chunk()?;
            let [low, high] = two;
            let shift = from % BLOCK;
            let bits = of(low) >> shift | of(high) << 1 << (BLOCK - 1 - shift);
            if bits != 0 {
                return Some(from + bits.trailing_zeros() as usize);
            }
            from += BLOCK;
        }
    }
}
