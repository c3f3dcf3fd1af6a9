//! Entries of maps whose keys may come twice.

use std::collections::{HashMap, HashSet};

use connect_core::data::Value;

/// Drops entries whose key comes again: of equal keys, which print alike, the last counts.
pub fn by_last(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut last = HashMap::with_capacity(entries.len());
    for (index, (key, _)) in entries.iter().enumerate() {
        last.insert(format!("{key:?}"), index);
    }
    if last.len() == entries.len() {
        return entries;
    }
    let kept: HashSet<usize> = last.into_values().collect();
    entries
        .into_iter()
        .enumerate()
        .filter(|(index, _)| kept.contains(index))
        .map(|(_, entry)| entry)
        .collect()
}
