//! The iteration order of `java.util.HashMap`, which Kafka Connect's users see in objects, files and REST answers.
//!
//! A map iterates by bucket, then by insertion within a bucket. Buckets that the JVM turns into trees (eight or
//! more colliding keys in a table of 64 or more) keep insertion order here.

/// Returns Java's `String.hashCode`, over UTF-16 code units.
pub fn string_hash(text: &str) -> i32 {
    if text.is_ascii() {
        return text.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    }
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Returns the table size of a `HashMap` with the default initial capacity after `len` insertions.
pub fn table_size(len: usize) -> usize {
    let mut size = 16;
    while len > size / 4 * 3 {
        size *= 2;
    }
    size
}

/// Returns the positions of `keys` in the order in which a `HashMap` filled in slice order iterates over them.
/// Keys must be distinct.
pub fn iteration_order<'a>(keys: impl ExactSizeIterator<Item = &'a str>) -> Vec<usize> {
    let mask = u32::try_from(table_size(keys.len()) - 1).unwrap_or(u32::MAX);
    let mut order: Vec<(u32, usize)> =
        keys.enumerate().map(|(index, key)| (bucket(key, mask), index)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, index)| index).collect()
}

fn bucket(key: &str, mask: u32) -> u32 {
    let hash = string_hash(key).cast_unsigned();
    (hash ^ (hash >> 16)) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_javas() {
        assert_eq!(string_hash(""), 0);
        assert_eq!(string_hash("timestamp"), 55_126_294);
        assert_eq!(string_hash("日本"), 835_047);
    }

    #[test]
    fn table_grows_past_three_quarters() {
        assert_eq!([0, 12, 13, 24, 25].map(table_size), [16, 16, 32, 32, 64]);
    }

    #[test]
    fn order_is_by_bucket_then_insertion() {
        let order = iteration_order(["b", "a", "q", "c"].into_iter());
        // `a` and `q` share bucket 1 of 16; `a` was inserted first.
        assert_eq!(order, vec![1, 2, 0, 3]);
    }
}
