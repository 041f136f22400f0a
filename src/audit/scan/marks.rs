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

/// What the bytes of a block are, a bit a byte from the lowest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(in crate::audit) struct Marks {
    /// Quotes that open or close a string.
    pub(in crate::audit) quotes: u64,
    /// `{`, `}`, `[` and `]` outside of strings.
    pub(in crate::audit) brackets: u64,
    /// Line ends, wherever they stand: a line of JSON has none in it.
    pub(in crate::audit) ends: u64,
    /// Controls other than line ends, bytes beyond ASCII, backslashes outside of strings, and line
    /// ends inside of strings.
    pub(in crate::audit) odd: u64,
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
    /// What they are together. `prefix` gives a word whose every bit is the exclusive or of the
    /// bits up to it.
    #[inline(always)]
    fn marks(self, carry: &mut Carry, prefix: impl Fn(u64) -> u64) -> Marks {
        let mut quotes = self.quotes;
        if self.slashes | carry.escaped != 0 {
            quotes &= !escaped(self.slashes, carry);
        }
        let mut inside = prefix(quotes) ^ carry.inside;
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
        Marks {
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

/// Puts the marks of a text into `out`, in blocks; the last one is filled up with spaces. True
/// where anything in it is odd.
pub(in crate::audit) fn marks(text: &[u8], out: &mut Vec<Marks>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if fast::is_possible() {
        // SAFETY: the processor has what the function was built for.
        return unsafe { fast::marks(text, out) };
    }
    plain::marks(text, out)
}

/// The marks of a text, given those of a block.
#[inline(always)]
fn all(text: &[u8], out: &mut Vec<Marks>, mut of: impl FnMut(&[u8; BLOCK]) -> Marks) -> bool {
    out.clear();
    let mut odd = 0;
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    out.extend(blocks.iter().map(|block| {
        let marks = of(block);
        odd |= marks.odd;
        marks
    }));
    if !rest.is_empty() {
        let mut last = [b' '; BLOCK];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let marks = of(&last);
        odd |= marks.odd;
        out.push(marks);
    }
    odd != 0
}

/// The twin without vectors.
mod plain {
    use super::{BLOCK, Bytes, Carry, Marks};

    pub(super) fn marks(text: &[u8], out: &mut Vec<Marks>) -> bool {
        let mut carry = Carry::default();
        super::all(text, out, |block| bytes(block).marks(&mut carry, prefix))
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

    use super::{BLOCK, Bytes, Carry, Marks};

    /// Whether this processor has what [`marks`] is built for.
    pub(super) fn is_possible() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2")]
    pub(super) fn marks(text: &[u8], out: &mut Vec<Marks>) -> bool {
        let mut carry = Carry::default();
        super::all(text, out, |block| {
            bytes(block).marks(&mut carry, |bits| prefix(bits))
        })
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
        let bits = |low: __m256i, high: __m256i| {
            let low = _mm256_movemask_epi8(low).cast_unsigned();
            let high = _mm256_movemask_epi8(high).cast_unsigned();
            u64::from(low) | u64::from(high) << 32
        };
        let is = |byte: u8| {
            let byte = _mm256_set1_epi8(byte.cast_signed());
            bits(_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte))
        };
        // One bit makes braces of square brackets, and of nothing else.
        let bit = _mm256_set1_epi8(0x20);
        let open = _mm256_set1_epi8(0x7b);
        let close = _mm256_set1_epi8(0x7d);
        let bracket = |bytes| {
            let bytes = _mm256_or_si256(bytes, bit);
            _mm256_or_si256(
                _mm256_cmpeq_epi8(bytes, open),
                _mm256_cmpeq_epi8(bytes, close),
            )
        };
        // As signed numbers, controls and bytes beyond ASCII are both below 0x20.
        let below = bits(_mm256_cmpgt_epi8(bit, low), _mm256_cmpgt_epi8(bit, high));
        let ends = is(b'\n');
        Bytes {
            quotes: is(b'"'),
            slashes: is(b'\\'),
            brackets: bits(bracket(low), bracket(high)),
            ends,
            odd: below & !ends,
        }
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
    fn told(text: &[u8]) -> Vec<Marks> {
        let mut marks = vec![Marks::default(); text.len().div_ceil(BLOCK)];
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

    fn both(text: &[u8]) -> (Vec<Marks>, Vec<Marks>) {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        let odd = marks(text, &mut fast);
        assert_eq!(plain::marks(text, &mut slow), odd);
        assert_eq!(odd, slow.iter().any(|marks| marks.odd != 0));
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
