//! The cache of what a transform makes of the keys of maps that are still text.

use std::sync::{Arc, Mutex, PoisonError};

use connect_core::data::json::TextLayout;
use connect_core::error::ConnectError;

/// Layouts that are known at once. Records of a topic have a handful; each thread that converts them has its own.
const CACHE_SIZE: usize = 64;

/// Changed layouts by the layout and the kind of change they came from.
#[derive(Debug, Default)]
pub(crate) struct LayoutCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    // A layout of the list lives, so that its address belongs to no other.
    entries: Vec<Entry>,
    /// The entry that is replaced next.
    oldest: usize,
}

#[derive(Debug)]
struct Entry {
    from: Arc<TextLayout>,
    change: u32,
    to: Arc<TextLayout>,
}

impl LayoutCache {
    /// Returns what becomes of a layout by a change; `make` works it out the first time.
    ///
    /// # Errors
    /// Returns the error of `make`; nothing is kept then.
    pub(crate) fn get(
        &self,
        layout: &Arc<TextLayout>,
        change: u32,
        make: impl FnOnce(&TextLayout) -> Result<TextLayout, ConnectError>,
    ) -> Result<Arc<TextLayout>, ConnectError> {
        // An entry is complete when it is inserted, so a poisoned lock holds nothing half made.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |entry: &&Entry| Arc::ptr_eq(&entry.from, layout) && entry.change == change;
        if let Some(entry) = state.entries.iter().find(same) {
            return Ok(Arc::clone(&entry.to));
        }
        let to = Arc::new(make(layout)?);
        let entry = Entry { from: Arc::clone(layout), change, to: Arc::clone(&to) };
        if state.entries.len() < CACHE_SIZE {
            state.entries.push(entry);
        } else {
            let oldest = state.oldest;
            state.entries[oldest] = entry;
            state.oldest = (oldest + 1) % CACHE_SIZE;
        }
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use connect_core::data::Value;
    use connect_core::data::json::Source;

    use super::*;

    #[test]
    fn layout_is_worked_out_once_and_the_oldest_is_forgotten() {
        let cache = LayoutCache::default();
        let made = Cell::new(0);
        let layouts: Vec<Arc<TextLayout>> = (0..=CACHE_SIZE)
            .map(|index| Arc::new(TextLayout::new(vec![(Value::string("a"), Source::Text(index))], 0)))
            .collect();
        let get = |index: usize, change| {
            let make = |layout: &TextLayout| {
                made.set(made.get() + 1);
                assert_eq!(layout.entries(), [(Value::string("a"), Source::Text(index))]);
                Ok(TextLayout::new(vec![(Value::string("b"), Source::Text(index))], change as usize))
            };
            cache.get(&layouts[index], change, make).expect("made")
        };
        let first = get(0, 1);
        assert_eq!(*first, TextLayout::new(vec![(Value::string("b"), Source::Text(0))], 1));
        assert!(Arc::ptr_eq(&first, &get(0, 1)));
        assert_eq!(get(0, 2).own_count(), 2);
        assert_eq!(made.get(), 2);
        (1..CACHE_SIZE).for_each(|index| assert_eq!(get(index, 1).own_count(), 1));
        assert!(!Arc::ptr_eq(&first, &get(0, 1)), "64 others were asked for since");
    }
}
