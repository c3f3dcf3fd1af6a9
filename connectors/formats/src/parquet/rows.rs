//! Rows of one file: spread over columns at once where the schema is known, kept as they are until it is found out
//! where it is not.

use std::sync::{Arc, LazyLock};

use connect_core::data::{Datum, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, coerce};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::record::SinkRecord;

use super::columns::{Column, ColumnsPayload, Mark};
use super::infer::Shape;
use super::layout::Layout;
use super::{ParquetFormat, given};
use crate::envelope::Wrapper;
use crate::format::Part;

static HEADER: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields = SchemaBuilder::structure().field("key", Schema::of(Type::String));
    fields.field("value", Schema::optional(Type::String)).build().expect("two fields with different names")
});
static HEADERS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let list = SchemaBuilder::array(Arc::clone(&HEADER)).build().expect("an array");
    let wrapped = SchemaBuilder::structure().name("RecordHeaders").field("headers", list);
    wrapped.build().expect("one field")
});

/// Rows of one file, collected.
#[derive(Debug)]
pub(crate) struct ParquetRows {
    format: Arc<ParquetFormat>,
    /// Columns, from when the layout is known.
    table: Option<Table>,
    /// The schema of keys that are wrapped, beside that of their wrapping.
    wrapped: Option<(Option<SchemaRef>, SchemaRef)>,
    /// Values without a schema whose layout is not known yet.
    waiting: Vec<Value>,
    shape: Shape,
    size: usize,
    last: usize,
    wrapper: Option<Wrapper>,
}

#[derive(Debug)]
struct Table {
    layout: Arc<Layout>,
    columns: Vec<Column>,
    marks: Vec<Mark>,
    rows: usize,
    /// Whether the layout was found out from values.
    is_inferred: bool,
}

impl Table {
    fn new(format: &ParquetFormat, schema: &SchemaRef, is_inferred: bool) -> Result<Self, ConnectError> {
        let layout = Layout::new(&format.config, schema)?;
        let columns = layout.columns();
        let marks = vec![Mark::default(); columns.len()];
        Ok(Self { layout: Arc::new(layout), columns, marks, rows: 0, is_inferred })
    }

    fn put(&mut self, value: &Value) -> Result<(), ConnectError> {
        for (mark, column) in self.marks.iter_mut().zip(&self.columns) {
            *mark = column.mark();
        }
        self.rows += 1;
        let written = self.layout.put(value, &mut self.columns);
        written.inspect_err(|_| self.undo())
    }

    fn undo(&mut self) {
        self.rows -= 1;
        for (column, mark) in self.columns.iter_mut().zip(&self.marks) {
            column.go_back(*mark);
        }
    }

    fn size(&self) -> usize {
        self.columns.iter().map(Column::size).sum()
    }
}

impl ParquetRows {
    pub(crate) fn new(format: Arc<ParquetFormat>) -> Self {
        let shape = Shape::default();
        let wrapper = format.envelope.as_ref().map(|envelope| Wrapper::parquet(Arc::clone(envelope)));
        Self { format, table: None, wrapped: None, waiting: Vec::new(), shape, size: 0, last: 0, wrapper }
    }

    pub(crate) fn append(&mut self, part: Part, record: &SinkRecord) -> Result<(), ConnectError> {
        self.last = self.size;
        match part {
            Part::Headers => self.append_struct(&HEADERS, &headers_value(&record.headers)?),
            Part::Key => self.append_key(&record.key),
            Part::Value => {
                let Some(wrapper) = &mut self.wrapper else { return self.append_value(&record.value) };
                let wrapped = wrapper.wrap(record)?;
                self.append_value(&wrapped)
            }
        }
    }

    fn append_value(&mut self, value: &Datum) -> Result<(), ConnectError> {
        match value.schema() {
            Some(schema) => self.append_struct(schema, &value.value()),
            None => self.append_schemaless(value),
        }
    }

    /// Confluent wraps keys, which are texts or numbers mostly, into a struct.
    fn append_key(&mut self, key: &Datum) -> Result<(), ConnectError> {
        let outer = match &self.wrapped {
            Some((inner, outer)) if inner.as_ref() == key.schema() => Arc::clone(outer),
            _ => {
                let inner = match key.schema() {
                    Some(inner) => Arc::clone(inner),
                    None => Shape::of(&key.value()).schema("key")?,
                };
                let outer = SchemaBuilder::structure().name("RecordKey").field("key", inner).build()?;
                self.wrapped = Some((key.schema().cloned(), Arc::clone(&outer)));
                outer
            }
        };
        let value = match (key.schema(), outer.fields.first()) {
            (None, Some(field)) => given::conform(&field.schema, &key.value())?,
            _ => key.value().into_owned(),
        };
        self.append_struct(
            &outer,
            &Value::Struct(Box::new(Struct::from_parts(Arc::clone(&outer), vec![value]))),
        )
    }

    fn append_struct(&mut self, schema: &SchemaRef, value: &Value) -> Result<(), ConnectError> {
        let table = match &mut self.table {
            Some(table) => {
                let own = &table.layout.connect;
                if !Arc::ptr_eq(own, schema) && own != schema {
                    return Err(ConnectError::data(
                        "writing values of different schemas to one Parquet file",
                    ));
                }
                table
            }
            None => self.table.insert(Table::new(&self.format, schema, false)?),
        };
        table.put(value)?;
        self.size = table.size();
        Ok(())
    }

    fn append_schemaless(&mut self, datum: &Datum) -> Result<(), ConnectError> {
        let value = datum.value();
        if !matches!(*value, Value::Map(_)) {
            return Err(ConnectError::data(format!(
                "writing a value of class `{}` with `ParquetFormat`, which takes structs and JSON objects only",
                value.java_class()
            )));
        }
        if let Some(schema) = self.format.schema.clone() {
            return self.append_struct(&schema, &given::conform(&schema, &value)?);
        }
        if let Some(table) = &mut self.table {
            let schema = Arc::clone(&table.layout.connect);
            if !table.is_inferred || !self.shape.covers(&value) {
                return Err(ConnectError::data("writing an object to a Parquet file without a place for it"));
            }
            table.put(&given::conform(&schema, &value)?)?;
            self.size = table.size();
            return Ok(());
        }
        self.shape.absorb(&value);
        let text_len = datum.json_text().map_or_else(|| given::text_of(&value).len(), |text| text.len());
        // A tree of values takes a multiple of its text.
        self.size += 4 * text_len;
        self.waiting.push(value.into_owned());
        Ok(())
    }

    pub(crate) fn undo(&mut self) {
        self.size = self.last;
        match &mut self.table {
            Some(table) => table.undo(),
            None => drop(self.waiting.pop()),
        }
    }

    pub(crate) fn fits(&self, part: Part, record: &SinkRecord) -> bool {
        match &self.table {
            Some(table) if part == Part::Value && table.is_inferred => {
                self.shape.covers(&record.value.value())
            }
            _ => true,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn take(&mut self) -> Result<ColumnsPayload, ConnectError> {
        if self.table.is_none() {
            let schema = self.shape.row_schema()?;
            let mut table = Table::new(&self.format, &schema, true)?;
            for value in std::mem::take(&mut self.waiting) {
                table.put(&given::conform(&schema, &value)?)?;
            }
            self.table = Some(table);
        }
        self.size = 0;
        let table = self.table.as_mut().ok_or_else(|| ConnectError::data("a Parquet file without rows"))?;
        let columns = table.columns.iter_mut().map(Column::take).collect();
        let rows = std::mem::take(&mut table.rows);
        Ok(ColumnsPayload { layout: Arc::clone(&table.layout), columns, rows })
    }
}

fn headers_value(headers: &Headers) -> Result<Value, ConnectError> {
    let text = |datum: &Datum| coerce::to_string(datum.schema().map(AsRef::as_ref), &datum.value());
    let mut items = Vec::with_capacity(headers.len());
    for header in headers.iter() {
        let values = vec![Value::string(&*header.key), text(&header.value)?];
        items.push(Value::Struct(Box::new(Struct::from_parts(Arc::clone(&HEADER), values))));
    }
    let values = vec![Value::Array(items)];
    Ok(Value::Struct(Box::new(Struct::from_parts(Arc::clone(&HEADERS), values))))
}
