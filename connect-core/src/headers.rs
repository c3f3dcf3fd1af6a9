//! Record headers: an ordered list of named values, duplicates allowed.

use std::sync::Arc;

use crate::data::Datum;

/// One header.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Name; never null, not unique.
    pub key: Arc<str>,
    /// Schema and value.
    pub value: Datum,
}

/// The headers of a record, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Headers {
    items: Vec<Header>,
}

impl Headers {
    /// Returns an empty list; it does not allocate.
    pub const fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// Appends a header.
    pub fn add(&mut self, key: impl Into<Arc<str>>, value: Datum) {
        self.items.push(Header { key: key.into(), value });
    }

    /// Removes every header with the given name.
    pub fn remove(&mut self, key: &str) {
        self.items.retain(|header| &*header.key != key);
    }

    /// Returns the newest header with the given name.
    pub fn last_with_name(&self, key: &str) -> Option<&Header> {
        self.items.iter().rev().find(|header| &*header.key == key)
    }

    /// Returns the headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.items.iter()
    }

    /// Returns the number of headers.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
