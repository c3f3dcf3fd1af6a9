//! Row groups of columns, and the file around them.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};

use super::ParquetFormat;
use super::columns::{Column, ColumnsPayload, Values};
use super::layout::Layout;

/// As in Confluent's `ParquetRecordWriterProvider`.
const PAGE_BYTES: usize = 64 * 1024;

/// Encodes one file.
pub(crate) struct ParquetEncoder {
    format: Arc<ParquetFormat>,
    writer: Option<SerializedFileWriter<Vec<u8>>>,
}

impl ParquetEncoder {
    pub(crate) fn new(format: Arc<ParquetFormat>) -> Self {
        Self { format, writer: None }
    }

    pub(crate) fn write(&mut self, payload: ColumnsPayload) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(begin(&self.format, &payload.layout).map_err(io::Error::other)?),
        };
        if payload.rows == 0 {
            return Ok(());
        }
        write_group(writer, payload.columns).map_err(io::Error::other)?;
        writer.flush()
    }

    pub(crate) fn ready(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.inner().len())
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.writer.as_mut().map_or_else(Vec::new, |writer| std::mem::take(writer.inner_mut()))
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        self.writer.map_or_else(|| Ok(Vec::new()), |writer| writer.into_inner().map_err(io::Error::other))
    }
}

impl fmt::Debug for ParquetEncoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ParquetEncoder").field("ready", &self.ready()).finish_non_exhaustive()
    }
}

fn begin(format: &ParquetFormat, layout: &Layout) -> Result<SerializedFileWriter<Vec<u8>>, ParquetError> {
    let entry = |key: &str, value: &str| KeyValue { key: key.to_owned(), value: Some(value.to_owned()) };
    let metadata = layout
        .avro_text
        .as_deref()
        .map(|text| vec![entry("parquet.avro.schema", text), entry("writer.model.name", "avro")]);
    let properties = WriterProperties::builder()
        .set_compression(format.codec.compression)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_key_value_metadata(metadata)
        .build();
    SerializedFileWriter::new(Vec::new(), Arc::clone(&layout.root), Arc::new(properties))
}

fn write_group(writer: &mut SerializedFileWriter<Vec<u8>>, columns: Vec<Column>) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for column in columns {
        let Some(mut out) = group.next_column()? else { break };
        write_column(&mut out, column)?;
        out.close()?;
    }
    group.close().map(drop)
}

fn write_column(out: &mut SerializedColumnWriter<'_>, column: Column) -> Result<(), ParquetError> {
    let Column { values, definitions, repetitions, .. } = column;
    let definitions = Some(definitions.as_slice()).filter(|levels| !levels.is_empty());
    let repetitions = Some(repetitions.as_slice()).filter(|levels| !levels.is_empty());
    let written = match values {
        Values::Boolean(values) => out.typed::<BoolType>().write_batch(&values, definitions, repetitions),
        Values::Int32(values) => out.typed::<Int32Type>().write_batch(&values, definitions, repetitions),
        Values::Int64(values) => out.typed::<Int64Type>().write_batch(&values, definitions, repetitions),
        Values::Float(values) => out.typed::<FloatType>().write_batch(&values, definitions, repetitions),
        Values::Double(values) => out.typed::<DoubleType>().write_batch(&values, definitions, repetitions),
        Values::Bytes(bytes, ends, false) => {
            let values: Vec<ByteArray> = slices(bytes, &ends).map(ByteArray::from).collect();
            out.typed::<ByteArrayType>().write_batch(&values, definitions, repetitions)
        }
        Values::Bytes(bytes, ends, true) => {
            let values = slices(bytes, &ends).map(|value| FixedLenByteArray::from(ByteArray::from(value)));
            let values: Vec<FixedLenByteArray> = values.collect();
            out.typed::<FixedLenByteArrayType>().write_batch(&values, definitions, repetitions)
        }
    };
    written.map(drop)
}

fn slices(bytes: Vec<u8>, ends: &[usize]) -> impl Iterator<Item = Bytes> {
    let bytes = Bytes::from(bytes);
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let pairs: Vec<(usize, usize)> = starts.zip(ends.iter().copied()).collect();
    pairs.into_iter().map(move |(start, end)| bytes.slice(start..end))
}
