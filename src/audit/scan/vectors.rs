//! What stands in the next bytes of a text: where a string may end, 32 at a time; quotes, brackets,
//! and bytes that want a second look, 64 at a time.
//!
//! The one place of the crate that lifts `unsafe_code`: the fast way uses the processor's vectors
//! where it has them, found out at run time, and has a twin without any that must agree with it.
//! How strings are found by arithmetic on whole words of bits is told in "Parsing Gigabytes of JSON
//! per Second" (Langdale and Lemire, 2019), sections 3.1.1 and 3.1.2.
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
pub(super) const BLOCK: usize = 64;

/// The bytes that a vector holds: of a text that is compared, or of a string whose end is looked for.
pub(super) const CHUNK: usize = 32;

/// What the bytes of a block are, a bit a byte from the lowest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Bytes {
    pub(super) quotes: u64,
    pub(super) slashes: u64,
    /// `{`, `}`, `[` and `]`.
    pub(super) brackets: u64,
    /// Controls, line ends among them, and bytes beyond ASCII.
    pub(super) odd: u64,
}

/// Some bytes, and which of them count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    bytes: [u8; CHUNK],
    mask: [u8; CHUNK],
}

impl Chunk {
    /// Of up to [`CHUNK`] bytes, of which the how-manieth may count; what is behind them does not.
    pub(super) fn of(some: &[u8], counts: impl Fn(usize) -> bool) -> Self {
        let (mut bytes, mut mask) = ([0; CHUNK], [0; CHUNK]);
        let held = bytes.iter_mut().zip(&mut mask).zip(some).enumerate();
        for (_, ((held, mask), byte)) in held.filter(|(nth, _)| counts(*nth)) {
            (*held, *mask) = (*byte, u8::MAX);
        }
        Self { bytes, mask }
    }
}

/// A way to look at bytes.
pub(super) trait Vectors: Copy {
    /// Bytes at which a string may end or is not plain: quotes, backslashes, controls and bytes
    /// beyond ASCII. A space and `!` are among them, as that takes one comparison less.
    fn stops(self, chunk: &[u8; CHUNK]) -> u32;

    fn bytes(self, block: &[u8; BLOCK]) -> Bytes;

    /// A word whose every bit is the exclusive or of those up to it.
    fn prefix(self, bits: u64) -> u64;

    /// True where all bytes that count are the same.
    fn is(self, some: &[u8; CHUNK], chunk: &Chunk) -> bool;

    /// The same where all others are plain too: nothing that [`Vectors::stops`] tells.
    fn fits(self, some: &[u8; CHUNK], chunk: &Chunk) -> bool;

    fn same(self, one: &[u8; BLOCK], other: &[u8; BLOCK]) -> bool;

    /// Where in both blocks their bytes are the small letters that are given, or their capitals; of
    /// other bytes, which are given with the bit set that makes the difference, those that differ by
    /// that alone.
    fn letters(self, blocks: [&[u8; BLOCK]; 2], small: [u8; 2]) -> u64;
}

/// What is to be done with vectors.
pub(super) trait Work {
    type Out;

    /// Has to become part of its caller.
    fn with<V: Vectors>(self, vectors: V) -> Self::Out;
}

/// Has work done with the widest vectors that this processor has.
#[inline]
pub(super) fn run<W: Work>(work: W) -> W::Out {
    #[cfg(target_arch = "x86_64")]
    if fast::is_possible() {
        // SAFETY: the processor has what the function was built for.
        return unsafe { fast::run(work) };
    }
    work.with(Plain)
}

/// A byte at a time.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Vectors for Plain {
    fn stops(self, chunk: &[u8; CHUNK]) -> u32 {
        let are = chunk.iter().enumerate();
        are.fold(0, |bits, (at, byte)| bits | u32::from(stops(*byte)) << at)
    }

    fn bytes(self, block: &[u8; BLOCK]) -> Bytes {
        let mut bytes = Bytes::default();
        for (at, byte) in block.iter().enumerate() {
            let bit = 1 << at;
            match byte {
                b'"' => bytes.quotes |= bit,
                b'\\' => bytes.slashes |= bit,
                b'{' | b'}' | b'[' | b']' => bytes.brackets |= bit,
                ..0x20 | 0x80.. => bytes.odd |= bit,
                _ => {}
            }
        }
        bytes
    }

    fn prefix(self, bits: u64) -> u64 {
        let step = |bits: u64, by: u32| bits ^ (bits << by);
        [1, 2, 4, 8, 16, 32].into_iter().fold(bits, step)
    }

    fn is(self, some: &[u8; CHUNK], chunk: &Chunk) -> bool {
        let mut both = some.iter().zip(&chunk.bytes).zip(&chunk.mask);
        both.all(|((some, byte), mask)| (some ^ byte) & mask == 0)
    }

    fn fits(self, some: &[u8; CHUNK], chunk: &Chunk) -> bool {
        let mut others = some.iter().zip(&chunk.mask);
        self.is(some, chunk) && others.all(|(byte, mask)| *mask != 0 || !stops(*byte))
    }

    fn same(self, one: &[u8; BLOCK], other: &[u8; BLOCK]) -> bool {
        one == other
    }

    fn letters(self, [ones, twos]: [&[u8; BLOCK]; 2], [one, two]: [u8; 2]) -> u64 {
        let both = ones.iter().zip(twos).enumerate();
        both.fold(0, |bits, (at, (first, second))| {
            bits | u64::from(first | 0x20 == one && second | 0x20 == two) << at
        })
    }
}

fn stops(byte: u8) -> bool {
    matches!(byte, 0..=b'"' | b'\\' | 0x80..)
}

/// Thirty-two bytes an instruction, and all strings of a block by one multiplication.
#[cfg(target_arch = "x86_64")]
mod fast {
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8,
        _mm256_and_si256, _mm256_andnot_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
        _mm256_testz_si256, _mm256_xor_si256,
    };
    use std::sync::LazyLock;

    use super::{BLOCK, Bytes, CHUNK, Chunk, Vectors, Work};

    /// Whether this processor has what [`run`] is built for; to ask for each of it again would be a
    /// part of the work on a line.
    static POSSIBLE: LazyLock<bool> = LazyLock::new(|| {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
    });

    #[inline]
    pub(super) fn is_possible() -> bool {
        *POSSIBLE
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2")]
    pub(super) fn run<W: Work>(work: W) -> W::Out {
        work.with(Fast(()))
    }

    /// Nobody has one but who runs on a processor that has what it is for.
    #[derive(Clone, Copy)]
    pub(super) struct Fast(());

    #[cfg(test)]
    pub(super) fn if_possible() -> Option<Fast> {
        is_possible().then_some(Fast(()))
    }

    impl Vectors for Fast {
        #[inline(always)]
        fn stops(self, chunk: &[u8; CHUNK]) -> u32 {
            // SAFETY: the processor has what the function was built for, as there is a `Fast`.
            unsafe { stops(chunk) }
        }

        #[inline(always)]
        fn bytes(self, block: &[u8; BLOCK]) -> Bytes {
            // SAFETY: as above.
            unsafe { bytes(block) }
        }

        #[inline(always)]
        fn prefix(self, bits: u64) -> u64 {
            // SAFETY: as above.
            unsafe { prefix(bits) }
        }

        #[inline(always)]
        fn is(self, some: &[u8; CHUNK], chunk: &Chunk) -> bool {
            // SAFETY: as above.
            unsafe { is_chunk(some, chunk) }
        }

        #[inline(always)]
        fn fits(self, some: &[u8; CHUNK], chunk: &Chunk) -> bool {
            // SAFETY: as above.
            unsafe { fits(some, chunk) }
        }

        #[inline(always)]
        fn same(self, one: &[u8; BLOCK], other: &[u8; BLOCK]) -> bool {
            // SAFETY: as above.
            unsafe { same(one, other) }
        }

        #[inline(always)]
        fn letters(self, blocks: [&[u8; BLOCK]; 2], small: [u8; 2]) -> u64 {
            // SAFETY: as above.
            unsafe { letters(blocks, small) }
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(bytes: &[u8; CHUNK]) -> __m256i {
        // SAFETY: exactly as many bytes are read as there are, and any alignment will do.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    /// Both halves of a block.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves(block: &[u8; BLOCK]) -> (__m256i, __m256i) {
        match block.as_chunks().0 {
            [low, high] => (load(low), load(high)),
            // A block has two halves.
            _ => (_mm256_set1_epi8(0), _mm256_set1_epi8(0)),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn is_chunk(some: &[u8; CHUNK], chunk: &Chunk) -> bool {
        let other = _mm256_xor_si256(load(some), load(&chunk.bytes));
        _mm256_testz_si256(other, load(&chunk.mask)) == 1
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn fits(some: &[u8; CHUNK], chunk: &Chunk) -> bool {
        let (bytes, counts) = (load(some), load(&chunk.mask));
        let differ = _mm256_xor_si256(bytes, load(&chunk.bytes));
        let wrong = _mm256_or_si256(
            _mm256_and_si256(differ, counts),
            _mm256_andnot_si256(counts, stop(bytes)),
        );
        _mm256_testz_si256(wrong, wrong) == 1
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn same(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> bool {
        let ((low, high), (other_low, other_high)) = (halves(one), halves(other));
        let differ = _mm256_or_si256(
            _mm256_xor_si256(low, other_low),
            _mm256_xor_si256(high, other_high),
        );
        _mm256_testz_si256(differ, differ) == 1
    }

    /// A bit for each byte whose highest bit is set.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(low: __m256i, high: __m256i) -> u64 {
        let low = _mm256_movemask_epi8(low).cast_unsigned();
        let high = _mm256_movemask_epi8(high).cast_unsigned();
        u64::from(low) | u64::from(high) << 32
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn is(bytes: __m256i, byte: u8) -> __m256i {
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn letters([ones, twos]: [&[u8; BLOCK]; 2], [one, two]: [u8; 2]) -> u64 {
        let bit = _mm256_set1_epi8(0x20);
        let both = |first: __m256i, second: __m256i| {
            let first = is(_mm256_or_si256(first, bit), one);
            _mm256_and_si256(first, is(_mm256_or_si256(second, bit), two))
        };
        let (first, second) = (halves(ones), halves(twos));
        let (low, high) = (both(first.0, second.0), both(first.1, second.1));
        let any = _mm256_or_si256(low, high);
        // Most have none, which is quicker to see.
        if _mm256_testz_si256(any, any) == 1 {
            return 0;
        }
        bits(low, high)
    }

    /// The bytes below another one that is ASCII, or beyond ASCII: as signed numbers both are below.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn below(bytes: __m256i, byte: u8) -> __m256i {
        _mm256_cmpgt_epi8(_mm256_set1_epi8(byte.cast_signed()), bytes)
    }

    /// Controls, bytes beyond ASCII, and backslashes.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn rare(bytes: __m256i) -> __m256i {
        _mm256_or_si256(below(bytes, b' '), is(bytes, b'\\'))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn stop(bytes: __m256i) -> __m256i {
        _mm256_or_si256(below(bytes, b'"' + 1), is(bytes, b'\\'))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn stops(chunk: &[u8; CHUNK]) -> u32 {
        _mm256_movemask_epi8(stop(load(chunk))).cast_unsigned()
    }

    /// The bytes that are brackets: one bit makes braces of square ones, and of nothing else.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn brackets(bytes: __m256i) -> __m256i {
        let braces = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        _mm256_or_si256(is(braces, b'{'), is(braces, b'}'))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn bytes(block: &[u8; BLOCK]) -> Bytes {
        let (low, high) = halves(block);
        let mut bytes = Bytes {
            quotes: bits(is(low, b'"'), is(high, b'"')),
            brackets: bits(brackets(low), brackets(high)),
            ..Bytes::default()
        };
        // Most blocks have none of these.
        let rare = _mm256_or_si256(rare(low), rare(high));
        if _mm256_testz_si256(rare, rare) == 0 {
            bytes.slashes = bits(is(low, b'\\'), is(high, b'\\'));
            bytes.odd = bits(below(low, b' '), below(high, b' '));
        }
        bytes
    }

    #[target_feature(enable = "pclmulqdq")]
    #[inline]
    fn prefix(bits: u64) -> u64 {
        let bits = _mm_set_epi64x(0, bits.cast_signed());
        let product = _mm_clmulepi64_si128::<0>(bits, _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn the_fast_way_and_the_plain_way_agree(block in prop::collection::vec(prop_oneof![
            6 => prop::sample::select(b"\"\"\\\\{}[]\n,:".to_vec()),
            4 => 0x20..0x7f_u8,
            1 => any::<u8>(),
        ], BLOCK), bits: u64, mask: u32, change in 0..CHUNK, length in 0..=CHUNK, letter in prop::sample::select(b"{a\"z".to_vec())) {
            let Some(fast) = fast::if_possible() else {
                return Ok(());
            };
            let block: [u8; BLOCK] = block.try_into().unwrap();
            prop_assert_eq!(fast.bytes(&block), Plain.bytes(&block));
            prop_assert_eq!(fast.prefix(bits), Plain.prefix(bits));
            let mut other = block;
            prop_assert!(fast.same(&block, &other) && Plain.same(&block, &other));
            other[change * 2] ^= 1;
            let (blocks, letters) = ([&block, &other], [letter, b'"' | 0x20]);
            prop_assert_eq!(fast.letters(blocks, letters), Plain.letters(blocks, letters));
            prop_assert!(!fast.same(&block, &other) && !Plain.same(&block, &other));
            let mut some: [u8; CHUNK] = *block.first_chunk().unwrap();
            let chunk = Chunk::of(&some[..length], |_| true);
            prop_assert_eq!(fast.stops(&some), Plain.stops(&some));
            let some_count = Chunk::of(&some, |nth| mask >> nth & 1 == 1);
            let plain = Plain.stops(&some) & !mask == 0;
            prop_assert_eq!((fast.fits(&some, &some_count), Plain.fits(&some, &some_count)), (plain, plain));
            some[change] ^= 1;
            let fits = Plain.stops(&some) & !mask == 0 && mask >> change & 1 == 0;
            prop_assert_eq!((fast.fits(&some, &some_count), Plain.fits(&some, &some_count)), (fits, fits));
            prop_assert_eq!(fast.is(&some, &chunk), length <= change);
            prop_assert_eq!(Plain.is(&some, &chunk), length <= change);
        }
    }
}
