//! Finds where an object ends, 64 bytes at a time: brackets are told from those in strings by
//! arithmetic on a bit a byte.

use wide::u8x16;

/// The bytes of a block.
pub(super) const BLOCK: usize = 64;

/// What the bytes of a block are, a bit a byte from the lowest on.
#[derive(Clone, Copy, Default)]
struct Bytes {
    quotes: u64,
    slashes: u64,
    opens: u64,
    closes: u64,
}

/// Where a text stands to an object that is open in it, at a byte that is not escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    /// Braces and brackets that are open; 0 behind the end of the object.
    pub(super) depth: usize,
    pub(super) is_in_string: bool,
}

impl Open {
    /// Passes over blocks at the beginning of a text, up to the end of the object at most; gives
    /// how many bytes these are. What is left is to be looked at byte by byte, [`BLOCK`] of them:
    /// there are no more of them, or what stands there is odd.
    pub(super) fn pass(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk()) {
            let bytes = Bytes::of(block);
            let Some(inside) = bytes.inside(self.is_in_string) else {
                return at;
            };
            let (opens, closes) = (bytes.opens & !inside, bytes.closes & !inside);
            if let Some(end) = self.end(opens, closes) {
                self.is_in_string = false;
                return at + end;
            }
            self.is_in_string = inside >> 63 == 1;
            at += BLOCK;
        }
        at
    }

    /// Takes brackets in; gives what is passed where the object ends among them.
    #[inline]
    fn end(&mut self, opens: u64, closes: u64) -> Option<usize> {
        if (closes.count_ones() as usize) < self.depth {
            self.depth += opens.count_ones() as usize;
            self.depth -= closes.count_ones() as usize;
            return None;
        }
        let mut left = opens | closes;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            left ^= bit;
            if opens & bit != 0 {
                self.depth += 1;
                continue;
            }
            self.depth -= 1;
            if self.depth == 0 {
                return Some(bit.trailing_zeros() as usize + 1);
            }
        }
        None
    }
}

impl Bytes {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut all = Self::default();
        for (nth, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let bits = |is: u8x16| u64::from(is.move_mask().cast_unsigned()) << (16 * nth);
            // One bit makes braces of square ones, and of nothing else.
            let braces = bytes | u8x16::splat(0x20);
            all.quotes |= bits(bytes.cmp_eq(u8x16::splat(b'"')));
            all.slashes |= bits(bytes.cmp_eq(u8x16::splat(b'\\')));
            all.opens |= bits(braces.cmp_eq(u8x16::splat(b'{')));
            all.closes |= bits(braces.cmp_eq(u8x16::splat(b'}')));
        }
        all
    }

    /// The bytes that are in strings, with the quotes that open them. `None` where a backslash is
    /// in none, which escapes nothing, or escapes what stands behind the block.
    #[inline]
    fn inside(self, begins_inside: bool) -> Option<u64> {
        let mut escaped = 0;
        let mut left = self.slashes;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            escaped |= bit << 1;
            left &= !(bit | bit << 1);
            if bit >> 63 == 1 {
                return None;
            }
        }
        let mut inside = self.quotes & !escaped;
        for by in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << by;
        }
        if begins_inside {
            inside = !inside;
        }
        (self.slashes & !inside == 0).then_some(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, a byte at a time; `None` behind the end where a byte would be escaped.
    fn bytewise(mut open: Open, text: &[u8]) -> (Option<Open>, usize) {
        let mut is_escaped = false;
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = open.is_in_string,
                b'"' => open.is_in_string = !open.is_in_string,
                b'{' | b'[' if !open.is_in_string => open.depth += 1,
                b'}' | b']' if !open.is_in_string => {
                    open.depth -= 1;
                    if open.depth == 0 {
                        return (Some(open), at + 1);
                    }
                }
                _ => {}
            }
        }
        ((!is_escaped).then_some(open), text.len())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn blocks_are_passed_as_their_bytes_are(
            text in prop::collection::vec(prop_oneof![
                3 => Just(b"\"".to_vec()),
                3 => prop::sample::select(b"\\{}[]\n,:".to_vec()).prop_map(|byte| vec![byte]),
                2 => prop::sample::select(vec!["{\"a\":[", "]}", "\"b\\\"c\"", "\u{e9}", "\\\\", "\\\\\""])
                    .prop_map(|some| some.as_bytes().to_vec()),
                4 => prop::collection::vec(0x20..0x7f_u8, 0..50),
                1 => any::<u8>().prop_map(|byte| vec![byte]),
            ], 0..40),
            depth in 1..4_usize,
            is_in_string: bool,
        ) {
            let text = text.concat();
            let before = Open { depth, is_in_string };
            let mut open = before;
            let passed = open.pass(&text);
            prop_assert!(open.depth == 0 || passed.is_multiple_of(BLOCK));
            prop_assert_eq!(bytewise(before, &text[..passed]), (Some(open), passed));
        }
    }

    #[test]
    fn only_what_is_odd_stops_before_the_end() {
        let open = || Open {
            depth: 1,
            is_in_string: false,
        };
        let plain = r#""a\"{":[1,{"b":"\\"}],"#.repeat(40);
        let (mut here, whole) = (open(), plain.len() / BLOCK * BLOCK);
        // An escape goes over the end of a block somewhere.
        let mut passed = here.pass(plain.as_bytes());
        assert!(passed >= BLOCK && passed <= whole, "{passed}");
        let ended = format!("{}}},{{{}", "\"x\":[],".repeat(40), " ".repeat(BLOCK));
        here = open();
        passed = here.pass(ended.as_bytes());
        assert_eq!((here.depth, passed), (0, 7 * 40 + 1));
        here = open();
        assert_eq!(here.pass(format!("\\{plain}").as_bytes()), 0);
    }
}
