//! The little of DER that is needed here: the serial number of a certificate.

use super::words::hex;

/// The serial number of an X.509 certificate as hex digits, or nothing where it is none.
pub fn serial(certificate: &[u8]) -> Option<String> {
    let (_, outer, _) = element(certificate)?;
    let (_, to_be_signed, _) = element(outer)?;
    let (mut tag, mut value, rest) = element(to_be_signed)?;
    if tag == 0xa0 {
        // The version stands before it.
        (tag, value, _) = element(rest)?;
    }
    let digits = value.strip_prefix(&[0]).unwrap_or(value);
    (tag == 0x02).then(|| hex(digits))
}

/// Tag, value and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
        (length, rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_serial_number_is_found() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x12, 0xab, 0x03]));
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(serial(certificate.der()).as_deref(), Some("12ab03"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in any::<Vec<u8>>()) {
            let _ = serial(&bytes);
        }
    }
}
