//! Where the marks of JSON lines stand, 64 bytes at a time: quotes, brackets, line ends, and bytes
//! that want a second look.
//!
//! The one place of the crate that lifts `unsafe_code`: the fast way uses the processor's vectors
//! where it has them, found out at run time, and has a twin without any that must agree with it.
//! How escapes and strings are found by arithmetic on whole words of bits is told in "Parsing
//! Gigabytes of JSON per Second" (Langdale and Lemire, 2019), sections 3.1.1 and 3.1.2.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vectors are loaded, and functions called that are built for them"
    )
)]
#![expect(
    clippy::inline_always,
    reason = "what is called for each block has to become part of the loop that is built for vectors"
)]

/// The bytes of a block.
pub(in crate::audit) const BLOCK: usize = 64;

/// Where to stop in a block, a bit a byte from the lowest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Marks {
    /// Quotes that open or close a string.
    pub(super) quotes: u64,
    /// `{`, `}`, `[` and `]` outside of strings, and line ends.
    pub(super) stops: u64,
}

/// The marks of a text.
#[derive(Default)]
pub(in crate::audit) struct Marked {
    marks: Vec<Marks>,
    odd: Vec<u64>,
}

impl Marked {
    /// Finds the marks of a text, instead of those that were there. The last block is filled up
    /// with spaces.
    pub(in crate::audit) fn mark(&mut self, text: &[u8]) {
        let mut odd = 0;
        read(text, &mut self.marks, |block| {
            odd |= block.odd;
            Marks {
                quotes: block.quotes,
                stops: block.brackets | block.ends,
            }
        });
        // Whoever looks for the next mark looks at two blocks at a time.
        self.marks.push(Marks::default());
        self.odd.clear();
        if odd != 0 {
            read(text, &mut self.odd, |block| block.odd);
        }
    }

    /// A block each, and one without any behind them.
    pub(super) fn marks(&self) -> &[Marks] {
        &self.marks
    }

    /// For each block the bytes that want a second look: controls other than line ends, bytes
    /// beyond ASCII, backslashes outside of strings, and line ends inside of strings. `None` where
    /// there is none in the whole text.
    pub(super) fn odd(&self) -> Option<&[u64]> {
        (!self.odd.is_empty()).then_some(&self.odd)
    }
}

/// What the bytes of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Block {
    quotes: u64,
    brackets: u64,
    ends: u64,
    odd: u64,
}

/// What goes on from one block to the next. Every line begins outside of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Carry {
    /// All ones inside a string.
    inside: u64,
    /// 1 where the first byte is escaped.
    escaped: u64,
}

/// What the bytes of a block are, each for itself.
#[derive(Clone, Copy, Default)]
struct Bytes {
    quotes: u64,
    slashes: u64,
    brackets: u64,
    ends: u64,
    odd: u64,
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

    /// What they are together, given the quotes that are not escaped, and a word whose every bit
    /// is the exclusive or of those up to it.
    #[inline(always)]
    fn block(self, quotes: u64, prefix: u64, carry: &mut Carry) -> Block {
        let mut inside = prefix ^ carry.inside;
        let mut odd = self.odd;
        if (self.ends & inside) | (self.slashes & !inside) != 0 {
            // The next line begins outside of strings, whatever this one left open.
            let mut left = self.ends;
            while left != 0 {
                let end = left & left.wrapping_neg();
                if inside & end != 0 {
                    odd |= end;
                    inside ^= !(end - 1);
                }
                left ^= end;
            }
            odd |= self.slashes & !inside;
        }
        carry.inside = (inside.cast_signed() >> 63).cast_unsigned();
        Block {
            quotes,
            brackets: self.brackets & !inside,
            ends: self.ends,
            odd,
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

/// Puts what is kept of each block of a text into `out`.
fn read<T>(text: &[u8], out: &mut Vec<T>, keep: impl FnMut(Block) -> T) {
    #[cfg(target_arch = "x86_64")]
    if fast::is_possible() {
        // SAFETY: the processor has what the function was built for.
        unsafe { fast::read(text, out, keep) };
        return;
    }
    plain::read(text, out, keep);
}

/// The blocks of a text; the last one is filled up with spaces.
#[inline(always)]
fn blocks(text: &[u8]) -> (&[[u8; BLOCK]], Option<[u8; BLOCK]>) {
    let (blocks, rest) = text.as_chunks();
    let last = (!rest.is_empty()).then(|| {
        let mut last = [b' '; BLOCK];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        last
    });
    (blocks, last)
}

/// The twin without vectors.
mod plain {
    use super::{BLOCK, Block, Bytes, Carry};

    pub(super) fn read<T>(text: &[u8], out: &mut Vec<T>, mut keep: impl FnMut(Block) -> T) {
        let mut carry = Carry::default();
        let (blocks, last) = super::blocks(text);
        out.clear();
        out.extend(blocks.iter().chain(last.as_ref()).map(|block| {
            let bytes = bytes(block);
            let quotes = bytes.plain_quotes(&mut carry);
            keep(bytes.block(quotes, prefix(quotes), &mut carry))
        }));
    }

    fn bytes(block: &[u8; BLOCK]) -> Bytes {
        let mut bytes = Bytes::default();
        for (at, byte) in block.iter().enumerate() {
            let bit = 1 << at;
            match byte {
                b'"' => bytes.quotes |= bit,
                b'\\' => bytes.slashes |= bit,
                b'{' | b'}' | b'[' | b']' => bytes.brackets |= bit,
                b'\n' => bytes.ends |= bit,
                ..0x20 | 0x80.. => bytes.odd |= bit,
                _ => {}
            }
        }
        bytes
    }

    fn prefix(bits: u64) -> u64 {
        let step = |bits: u64, by: u32| bits ^ (bits << by);
        [1, 2, 4, 8, 16, 32].into_iter().fold(bits, step)
    }
}

/// Thirty-two bytes an instruction, and all strings of a block by one multiplication.
#[cfg(target_arch = "x86_64")]
mod fast {
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8,
        _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8,
    };

    use super::{BLOCK, Block, Bytes, Carry};

    /// Whether this processor has what [`read`] is built for.
    pub(super) fn is_possible() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2")]
    pub(super) fn read<T>(text: &[u8], out: &mut Vec<T>, mut keep: impl FnMut(Block) -> T) {
        let mut carry = Carry::default();
        let (blocks, last) = super::blocks(text);
        out.clear();
        out.reserve(blocks.len() + 2);
        for block in blocks {
            let bytes = bytes(block);
            let quotes = bytes.plain_quotes(&mut carry);
            out.push(keep(bytes.block(quotes, prefix(quotes), &mut carry)));
        }
        if let Some(block) = last {
            let bytes = bytes(&block);
            let quotes = bytes.plain_quotes(&mut carry);
            out.push(keep(bytes.block(quotes, prefix(quotes), &mut carry)));
        }
    }

    /// A bit for each byte whose highest bit is set.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(low: __m256i, high: __m256i) -> u64 {
        let low = _mm256_movemask_epi8(low).cast_unsigned();
        let high = _mm256_movemask_epi8(high).cast_unsigned();
        u64::from(low) | u64::from(high) << 32
    }

    /// A bit for each byte that is this one.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn is(byte: u8, low: __m256i, high: __m256i) -> u64 {
        let byte = _mm256_set1_epi8(byte.cast_signed());
        bits(_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte))
    }

    /// The bytes that are brackets: one bit makes braces of square ones, and of nothing else.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn brackets(bytes: __m256i) -> __m256i {
        let braces = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        _mm256_or_si256(
            _mm256_cmpeq_epi8(braces, _mm256_set1_epi8(0x7b)),
            _mm256_cmpeq_epi8(braces, _mm256_set1_epi8(0x7d)),
        )
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn bytes(block: &[u8; BLOCK]) -> Bytes {
        // SAFETY: both halves of the block lie within its 64 bytes, and any alignment will do.
        let (low, high) = unsafe {
            let begin = block.as_ptr();
            (
                _mm256_loadu_si256(begin.cast()),
                _mm256_loadu_si256(begin.add(BLOCK / 2).cast()),
            )
        };
        let mut bytes = Bytes {
            quotes: is(b'"', low, high),
            brackets: bits(brackets(low), brackets(high)),
            ..Bytes::default()
        };
        // Most blocks have none of these.
        if bits(rare(low), rare(high)) != 0 {
            bytes.slashes = is(b'\\', low, high);
            bytes.ends = is(b'\n', low, high);
            bytes.odd = bits(below(low), below(high)) & !bytes.ends;
        }
        bytes
    }

    /// The bytes that are controls or beyond ASCII: as signed numbers both are below 0x20.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn below(bytes: __m256i) -> __m256i {
        _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes)
    }

    /// Those, and backslashes.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn rare(bytes: __m256i) -> __m256i {
        let slash = _mm256_set1_epi8(b'\\'.cast_signed());
        _mm256_or_si256(below(bytes), _mm256_cmpeq_epi8(bytes, slash))
    }

    #[target_feature(enable = "pclmulqdq")]
    #[inline]
    fn prefix(bits: u64) -> u64 {
        let bits = _mm_set_epi64x(0, bits.cast_signed());
        let product = _mm_clmulepi64_si128::<0>(bits, _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The marks, told a byte at a time, as JSON's grammar has it.
    fn told(text: &[u8]) -> Vec<Block> {
        let mut marks = vec![Block::default(); text.len().div_ceil(BLOCK)];
        let (mut inside, mut escape) = (false, false);
        let filled = text.iter().copied().chain(std::iter::repeat(b' '));
        for (at, byte) in filled.take(marks.len() * BLOCK).enumerate() {
            let (of, bit) = (&mut marks[at / BLOCK], 1_u64 << (at % BLOCK));
            let escaped = std::mem::take(&mut escape);
            match byte {
                b'"' if !escaped => {
                    of.quotes |= bit;
                    inside = !inside;
                }
                b'\\' => {
                    escape = !escaped;
                    if !inside {
                        of.odd |= bit;
                    }
                }
                b'{' | b'}' | b'[' | b']' if !inside => of.brackets |= bit,
                b'\n' => {
                    of.ends |= bit;
                    if std::mem::take(&mut inside) {
                        of.odd |= bit;
                    }
                }
                ..0x20 | 0x80.. => of.odd |= bit,
                _ => {}
            }
        }
        marks
    }

    fn both(text: &[u8]) -> (Vec<Block>, Vec<Block>) {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        read(text, &mut fast, |block| block);
        plain::read(text, &mut slow, |block| block);
        let mut marked = Marked::default();
        marked.mark(text);
        let odd: Vec<u64> = slow.iter().map(|block: &Block| block.odd).collect();
        let is_odd = odd.iter().any(|odd| *odd != 0);
        assert_eq!(marked.odd(), is_odd.then_some(odd.as_slice()));
        (fast, slow)
    }

    #[test]
    fn a_string_that_is_left_open_ends_with_its_line() {
        let text = b"{\"a\":\"b\n{\"c\":[1]}\n";
        let (fast, _) = both(text);
        assert_eq!(fast, told(text));
        assert_eq!(fast[0].brackets.count_ones(), 5);
        assert_eq!(fast[0].odd & (1 << 7), 1 << 7);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_fast_way_the_plain_way_and_the_grammar_agree(text in prop::collection::vec(prop_oneof![
            6 => prop::sample::select(b"\"\"\\\\{}[]\n,:".to_vec()),
            4 => 0x20..0x7f_u8,
            1 => any::<u8>(),
        ], 0..400)) {
            let (fast, slow) = both(&text);
            prop_assert_eq!(&fast, &slow);
            prop_assert_eq!(&fast, &told(&text));
        }
    }
}
