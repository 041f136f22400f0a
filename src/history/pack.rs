//! Numbers in few bytes: columns of variable-length numbers, each squeezed by itself.

/// Bytes that are no columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a day in it is damaged")]
pub(super) struct Damaged;

/// No column of a day is larger than this once it is unpacked.
const LARGEST: usize = 64 << 20;

/// No piece has more columns,
const MOST_COLUMNS: usize = 100;
/// so their sizes lie within so many bytes: a number takes ten at most.
const HEAD: usize = 10 + MOST_COLUMNS * 20;

/// Numbers, one behind the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Column(Vec<u8>);

impl Column {
    /// Seven bits a byte, the lowest first.
    pub(super) fn put(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push((number & 0x7f) as u8);
    }

    /// A number that may be negative.
    pub(super) fn put_signed(&mut self, number: i64) {
        self.put(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// The lowest 48 bits as six bytes: what is random gets no shorter.
    pub(super) fn put_key(&mut self, key: u64) {
        self.0.extend(key.to_le_bytes().into_iter().take(6));
    }
}

/// Reads a column from its beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    at: usize,
}

impl Reader {
    fn byte(&mut self) -> Result<u8, Damaged> {
        let byte = self.bytes.get(self.at).copied().ok_or(Damaged)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next number.
    #[inline]
    pub(super) fn take(&mut self) -> Result<u64, Damaged> {
        // Most numbers are small.
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.take_long(),
        }
    }

    fn take_long(&mut self) -> Result<u64, Damaged> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    /// The next number that may be negative.
    pub(super) fn take_signed(&mut self) -> Result<i64, Damaged> {
        let number = self.take()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// The next number, where it is no larger than this.
    pub(super) fn take_small(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.take()?).map_err(|_| Damaged)
    }

    /// How many of something follow: never more than bytes are left in all that is to be read.
    pub(super) fn take_count(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.take()?)
            .ok()
            .filter(|n| *n <= LARGEST)
            .ok_or(Damaged)
    }

    /// The next key.
    pub(super) fn take_key(&mut self) -> Result<u64, Damaged> {
        let mut key = 0;
        for shift in (0..48).step_by(8) {
            key |= u64::from(self.byte()?) << shift;
        }
        Ok(key)
    }
}

/// All columns as one piece; `hard` takes more time over it.
pub(super) fn pack(columns: &[Column], hard: bool) -> Vec<u8> {
    let level = if hard { 12 } else { 3 };
    let mut packed = Column::default();
    packed.put(columns.len() as u64);
    let mut bodies = Vec::new();
    for Column(bytes) in columns {
        let smaller = zstd::bulk::compress(bytes, level).ok();
        let smaller = smaller.filter(|smaller| smaller.len() < bytes.len());
        packed.put(bytes.len() as u64);
        packed.put(smaller.as_ref().map_or(0, |smaller| smaller.len() as u64));
        bodies.push(smaller.unwrap_or_else(|| bytes.clone()));
    }
    let mut packed = packed.0;
    for body in bodies {
        packed.extend(body);
    }
    packed
}

/// The columns of a piece that are wanted by their places; the others stay empty.
pub(super) fn unpack(bytes: &[u8], wanted: impl Fn(usize) -> bool) -> Result<Vec<Reader>, Damaged> {
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    let mut head = Reader {
        bytes: head.to_vec(),
        at: 0,
    };
    let many = head.take_count()?;
    if many > MOST_COLUMNS {
        return Err(Damaged);
    }
    let mut sizes = Vec::with_capacity(many);
    for _ in 0..many {
        sizes.push((head.take_count()?, head.take_count()?));
    }
    let mut rest = bytes.get(head.at..).ok_or(Damaged)?;
    let mut columns = Vec::with_capacity(many);
    for (at, (size, packed)) in sizes.into_iter().enumerate() {
        let taken = if packed == 0 { size } else { packed };
        let body = rest.get(..taken).ok_or(Damaged)?;
        rest = rest.get(taken..).ok_or(Damaged)?;
        let bytes = if !wanted(at) {
            Vec::new()
        } else if packed == 0 {
            body.to_vec()
        } else {
            zstd::bulk::decompress(body, size).map_err(|_| Damaged)?
        };
        columns.push(Reader { bytes, at: 0 });
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<u64>(), 0..99), hard: bool) {
            let mut columns = vec![Column::default(); 3];
            for number in &numbers {
                columns[0].put(*number);
                columns[1].put_signed(number.cast_signed());
                columns[2].put_key(*number);
            }
            let mut columns = unpack(&pack(&columns, hard), |_| true).unwrap();
            for number in numbers {
                prop_assert_eq!(columns[0].take(), Ok(number));
                prop_assert_eq!(columns[1].take_signed(), Ok(number.cast_signed()));
                prop_assert_eq!(columns[2].take_key(), Ok(number & 0xffff_ffff_ffff));
            }
            prop_assert_eq!(columns[0].take(), Err(Damaged));
        }

        #[test]
        fn any_bytes_are_columns_or_damaged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes, |_| true);
        }
    }
}
