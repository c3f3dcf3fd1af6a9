//! Values of columns with their levels, as Parquet's format has them: how much of a path is there, and where a list
//! goes on.

use std::sync::Arc;

use super::layout::Layout;

/// One column of the rows collected.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) values: Values,
    /// Levels of definition; empty where nothing can be absent.
    pub(super) definitions: Vec<i16>,
    /// Levels of repetition; empty where nothing repeats.
    pub(super) repetitions: Vec<i16>,
    has_definitions: bool,
    has_repetitions: bool,
}

/// The values of a column that are there.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// Bytes of all values, and where each ends; true for values of one fixed length.
    Bytes(Vec<u8>, Vec<usize>, bool),
}

/// Lengths of a column, to go back to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    values: usize,
    bytes: usize,
    definitions: usize,
    repetitions: usize,
}

/// Rows taken to be encoded as one row group.
#[derive(Debug)]
pub struct ColumnsPayload {
    pub(super) layout: Arc<Layout>,
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
}

impl ColumnsPayload {
    pub(crate) fn size(&self) -> usize {
        self.columns.iter().map(Column::size).sum()
    }
}

impl Column {
    pub(super) fn new(values: Values, max_definition: i16, max_repetition: i16) -> Self {
        Self {
            values,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            has_definitions: max_definition > 0,
            has_repetitions: max_repetition > 0,
        }
    }

    /// Notes the levels of a value, or of one that is not there.
    pub(super) fn levels(&mut self, definition: i16, repetition: i16) {
        if self.has_definitions {
            self.definitions.push(definition);
        }
        if self.has_repetitions {
            self.repetitions.push(repetition);
        }
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> bool {
        let Values::Bytes(all, ends, _) = &mut self.values else { return false };
        all.extend_from_slice(bytes);
        ends.push(all.len());
        true
    }

    pub(super) fn mark(&self) -> Mark {
        let (values, bytes) = match &self.values {
            Values::Boolean(values) => (values.len(), 0),
            Values::Int32(values) => (values.len(), 0),
            Values::Int64(values) => (values.len(), 0),
            Values::Float(values) => (values.len(), 0),
            Values::Double(values) => (values.len(), 0),
            Values::Bytes(bytes, ends, _) => (ends.len(), bytes.len()),
        };
        Mark { values, bytes, definitions: self.definitions.len(), repetitions: self.repetitions.len() }
    }

    pub(super) fn go_back(&mut self, mark: Mark) {
        match &mut self.values {
            Values::Boolean(values) => values.truncate(mark.values),
            Values::Int32(values) => values.truncate(mark.values),
            Values::Int64(values) => values.truncate(mark.values),
            Values::Float(values) => values.truncate(mark.values),
            Values::Double(values) => values.truncate(mark.values),
            Values::Bytes(bytes, ends, _) => {
                bytes.truncate(mark.bytes);
                ends.truncate(mark.values);
            }
        }
        self.definitions.truncate(mark.definitions);
        self.repetitions.truncate(mark.repetitions);
    }

    /// Returns the bytes held.
    pub(super) fn size(&self) -> usize {
        let values = match &self.values {
            Values::Boolean(values) => values.len(),
            Values::Int32(values) => values.len() * 4,
            Values::Float(values) => values.len() * 4,
            Values::Int64(values) => values.len() * 8,
            Values::Double(values) => values.len() * 8,
            Values::Bytes(bytes, ends, _) => bytes.len() + ends.len() * 8,
        };
        values + (self.definitions.len() + self.repetitions.len()) * 2
    }

    /// Takes what is there and leaves an empty column of the same kind.
    pub(super) fn take(&mut self) -> Self {
        let values = match &self.values {
            Values::Boolean(_) => Values::Boolean(Vec::new()),
            Values::Int32(_) => Values::Int32(Vec::new()),
            Values::Int64(_) => Values::Int64(Vec::new()),
            Values::Float(_) => Values::Float(Vec::new()),
            Values::Double(_) => Values::Double(Vec::new()),
            Values::Bytes(_, _, is_fixed) => Values::Bytes(Vec::new(), Vec::new(), *is_fixed),
        };
        let (has_definitions, has_repetitions) = (self.has_definitions, self.has_repetitions);
        let empty = Self {
            values,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            has_definitions,
            has_repetitions,
        };
        std::mem::replace(self, empty)
    }
}
