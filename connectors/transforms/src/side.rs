//! The part of a record that a transform works on: the `$Key` and `$Value` classes of one transform.

use connect_core::data::json::TextMap;
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::record::ConnectRecord;

/// The key or the value of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The record's key.
    Key,
    /// The record's value.
    Value,
}

impl Side {
    /// Returns the part for reading.
    pub(crate) fn of(self, record: &ConnectRecord) -> &Datum {
        match self {
            Side::Key => &record.key,
            Side::Value => &record.value,
        }
    }

    /// Takes schema and value out; the null datum stays in their place.
    pub(crate) fn take(self, record: &mut ConnectRecord) -> (Option<SchemaRef>, Value) {
        std::mem::replace(self.slot(record), Datum::NULL).into_parts()
    }

    /// Puts schema and value in place of the old ones.
    pub(crate) fn put(self, record: &mut ConnectRecord, schema: Option<SchemaRef>, value: Value) {
        *self.slot(record) = Datum::new(schema, value);
    }

    /// Returns the part for change if it is a map without schema that is still text.
    pub(crate) fn text_map(self, record: &mut ConnectRecord) -> Option<&mut TextMap> {
        self.slot(record).text_map_mut()
    }

    fn slot(self, record: &mut ConnectRecord) -> &mut Datum {
        match self {
            Side::Key => &mut record.key,
            Side::Value => &mut record.value,
        }
    }
}
