//! The message indexes in front of a message: which of the file's types it is.

use bytes::{Buf, Bytes};
use connect_core::error::ConnectError;

/// Types may not nest deeper.
const MAX_INDEXES: i64 = 64;

/// Splits the indexes off a payload.
///
/// # Errors
/// Fails with a data error when the payload does not begin with indexes.
pub(super) fn split(payload: &Bytes) -> Result<(Vec<usize>, Bytes), ConnectError> {
    let mut rest = payload.clone();
    let count = number(&mut rest)?;
    if count == 0 {
        return Ok((vec![0], rest));
    }
    if !(0..=MAX_INDEXES).contains(&count) {
        return Err(invalid());
    }
    let mut indexes = Vec::new();
    for _ in 0..count {
        indexes.push(usize::try_from(number(&mut rest)?).map_err(|_| invalid())?);
    }
    Ok((indexes, rest))
}

/// Appends the indexes of a message type; those of a file's first type are one byte.
pub(super) fn join(indexes: &[usize], out: &mut Vec<u8>) {
    if indexes == [0] {
        return out.push(0);
    }
    for number in std::iter::once(indexes.len()).chain(indexes.iter().copied()) {
        let mut zigzag = number << 1;
        while zigzag >= 0x80 {
            out.push(u8::try_from(zigzag & 0x7f).unwrap_or(0) | 0x80);
            zigzag >>= 7;
        }
        out.push(u8::try_from(zigzag).unwrap_or(0));
    }
}

fn invalid() -> ConnectError {
    ConnectError::data("reading Protobuf data: the message indexes are not valid")
}

fn number(rest: &mut Bytes) -> Result<i64, ConnectError> {
    let mut number = 0u64;
    for shift in (0..35).step_by(7) {
        if !rest.has_remaining() {
            return Err(invalid());
        }
        let byte = rest.get_u8();
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    Err(invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_type_is_one_byte_and_others_are_counted() {
        let joined = |indexes: &[usize]| {
            let mut out = Vec::new();
            join(indexes, &mut out);
            out
        };
        assert_eq!(joined(&[0]), [0]);
        assert_eq!(joined(&[1]), [2, 2]);
        assert_eq!(joined(&[1, 0, 64]), [6, 2, 0, 0x80, 1]);
    }

    proptest::proptest! {
        #[test]
        fn indexes_come_back_with_what_follows_them(
            indexes in proptest::collection::vec(0usize..100_000, 1..10),
            payload in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..20),
        ) {
            let mut bytes = Vec::new();
            join(&indexes, &mut bytes);
            bytes.extend_from_slice(&payload);
            proptest::prop_assert_eq!(split(&Bytes::from(bytes)).unwrap(), (indexes, Bytes::from(payload)));
        }

        #[test]
        fn random_bytes_have_few_indexes_or_none(noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            if let Ok((indexes, rest)) = split(&Bytes::from(noise.clone())) {
                proptest::prop_assert!(indexes.len() <= noise.len() && noise.ends_with(&rest));
            }
        }
    }
}
