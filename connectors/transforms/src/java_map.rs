//! A `java.util.HashMap` as far as its iteration order goes: maps without schema come back from transforms as hash
//! maps, and users see their order in files and messages.

use connect_core::data::{Map, Value, java_map};

/// A hash map under change: entries in insertion order, and the size that its table has on the JVM.
#[derive(Debug)]
pub(crate) struct HashMap<V = Value> {
    entries: Vec<(Value, V)>,
    table: usize,
}

/// The table of `new HashMap()`.
const DEFAULT_TABLE: usize = 16;

impl HashMap {
    /// Returns `new HashMap(map)`.
    pub(crate) fn copy_of(map: Map) -> Self {
        Self::copy_of_entries(map.entries)
    }

    /// Returns the map in the order in which the JVM iterates over it.
    pub(crate) fn into_map(self) -> Map {
        Map { entries: self.into_entries() }
    }
}

impl<V> HashMap<V> {
    /// Returns `new HashMap(capacity)`.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity), table: capacity.max(1).next_power_of_two() }
    }

    /// Returns `new HashMap(map)` of a map with the given entries.
    pub(crate) fn copy_of_entries(entries: Vec<(Value, V)>) -> Self {
        // HashMap.putMapEntries up to JDK 19: the size over the load factor, plus one.
        let table = match entries.len() {
            0 => DEFAULT_TABLE,
            len => (len * 4 / 3 + 1).next_power_of_two(),
        };
        Self { entries, table }
    }

    /// Sets the value under a string key; a known key keeps its place.
    pub(crate) fn put(&mut self, key: &str, value: V) {
        match self.entries.iter_mut().find(|(name, _)| name.as_str() == Some(key)) {
            Some((_, old)) => *old = value,
            None => self.push(Value::string(key), value),
        }
    }

    /// Returns the value under a string key, for change.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.iter_mut().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Removes a string key; returns its value.
    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        let position = self.entries.iter().position(|(name, _)| name.as_str() == Some(key))?;
        Some(self.entries.remove(position).1)
    }

    /// Returns the entries in the order in which the JVM iterates over them.
    pub(crate) fn into_entries(self) -> Vec<(Value, V)> {
        let mask = u32::try_from(self.table - 1).unwrap_or(u32::MAX);
        let mut entries = self.entries;
        sort_by_bucket(&mut entries, mask);
        entries
    }

    /// Adds a value under a key that the map does not have.
    pub(crate) fn put_new(&mut self, key: Value, value: V) {
        debug_assert!(self.entries.iter().all(|(other, _)| *other != key), "{key:?} is there");
        self.push(key, value);
    }

    fn push(&mut self, key: Value, value: V) {
        self.entries.push((key, value));
        while self.entries.len() > self.table * 3 / 4 {
            self.table *= 2;
        }
    }
}

/// Entries up to which they are put in order in place, with their buckets on the stack.
const SMALL: usize = 32;

/// Orders entries by bucket, and in a bucket as they were.
fn sort_by_bucket<V>(entries: &mut [(Value, V)], mask: u32) {
    if entries.len() > SMALL {
        entries.sort_by_cached_key(|(key, _)| bucket(key, mask));
        return;
    }
    // Mostly all but the last few are in order already.
    let mut buckets = [0; SMALL];
    for end in 0..entries.len() {
        let own = bucket(&entries[end].0, mask);
        let place = buckets[..end].partition_point(|other| *other <= own);
        buckets.copy_within(place..end, place + 1);
        buckets[place] = own;
        entries[place..=end].rotate_right(1);
    }
}

/// Returns the keys of a `HashSet` or `HashMap` filled one by one in the given order, in its iteration order.
pub(crate) fn in_set_order(keys: Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(keys.len());
    for key in keys {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    }
    let order = java_map::iteration_order(distinct.iter().map(String::as_str));
    order.into_iter().map(|index| std::mem::take(&mut distinct[index])).collect()
}

fn bucket(key: &Value, mask: u32) -> u32 {
    let hash = match key {
        Value::String(text) => java_map::string_hash(text).cast_unsigned(),
        Value::Int8(number) => i32::from(*number).cast_unsigned(),
        Value::Int16(number) => i32::from(*number).cast_unsigned(),
        Value::Int32(number) => number.cast_unsigned(),
        Value::Int64(number) => {
            let bits = number.cast_unsigned();
            u32::try_from((bits ^ (bits >> 32)) & 0xffff_ffff).unwrap_or(0)
        }
        Value::Boolean(flag) => {
            if *flag {
                1231
            } else {
                1237
            }
        }
        _ => 0,
    };
    (hash ^ (hash >> 16)) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(keys: &[&str]) -> Map {
        Map { entries: keys.iter().map(|key| (Value::string(*key), Value::Null)).collect() }
    }

    #[test]
    fn small_tables_order_by_fewer_bits() {
        // `a` is 97, `d` is 100, `h` is 104: buckets 1, 4, 0 of a table of 8; `q` is 113: 1 again.
        let copy = HashMap::copy_of(map(&["a", "d", "h"])).into_map();
        assert_eq!(copy, map(&["h", "a", "d"]));
        let mut single = HashMap::with_capacity(1);
        single.put("a", Value::Null);
        single.put("d", Value::Null);
        assert_eq!(single.into_map(), map(&["d", "a"]));
    }

    #[test]
    fn small_maps_are_ordered_as_large_ones() {
        for len in 0..=SMALL {
            for mask in [0, 7, 63] {
                let keys: Vec<String> = (0..len).map(|index| format!("key-{}", index * 31)).collect();
                let mut entries = map(&keys.iter().map(String::as_str).collect::<Vec<_>>()).entries;
                let mut expected = entries.clone();
                expected.sort_by_key(|(key, _)| bucket(key, mask));
                sort_by_bucket(&mut entries, mask);
                assert_eq!(entries, expected, "{len} entries, mask {mask}");
            }
        }
    }

    #[test]
    fn a_known_key_keeps_its_place() {
        let mut copy = HashMap::copy_of(map(&["a", "q"]));
        copy.put("a", Value::Int8(1));
        assert_eq!(copy.remove("q"), Some(Value::Null));
        assert_eq!(copy.into_map().entries, [(Value::string("a"), Value::Int8(1))]);
    }
}
