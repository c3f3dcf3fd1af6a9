//! Avro's container files, as Confluent's `AvroFormat` writes them with `DataFileWriter`: the schema of the first
//! record, then blocks of some 64,000 bytes.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use flate2::write::DeflateEncoder;
use md5::{Digest, Md5};

use connect_core::data::{Datum, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, coerce, java_map};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::record::SinkRecord;
use connector_avro::config::AvroConfig;
use connector_avro::encode::{Encoder, write_bytes, write_long};
use connector_avro::schema::Avro;
use connector_avro::{anything, from_connect, schema, text};

use crate::compress::Compression;
use crate::envelope::{Envelope, Wrapper, strip_own_name};
use crate::format::Part;

/// Bytes of records after which Avro's Java library ends a block.
const BLOCK_BYTES: usize = 64_000;
const MAGIC: &[u8] = b"Obj\x01";
const SYNC_BYTES: usize = 16;

/// The schema of a header, as Confluent's `HeaderRecordView` has it.
static HEADER: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields = SchemaBuilder::structure();
    let fields = fields.field("key", Schema::of(Type::String)).field("value", Schema::of(Type::String));
    fields.build().expect("two fields with different names")
});
static HEADERS: LazyLock<SchemaRef> =
    LazyLock::new(|| SchemaBuilder::array(Arc::clone(&HEADER)).build().expect("an array"));

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvroCodec {
    /// Not at all.
    Null,
    /// Deflate.
    Deflate,
    /// Snappy, each block followed by a checksum.
    Snappy,
    /// Zstandard.
    Zstandard,
}

impl AvroCodec {
    /// Returns the codec of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "deflate" => Self::Deflate,
            "snappy" => Self::Snappy,
            "zstandard" | "zstd" => Self::Zstandard,
            _ => return None,
        })
    }

    /// Returns the name that files hold.
    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate => "deflate",
            Self::Snappy => "snappy",
            Self::Zstandard => "zstandard",
        }
    }

    fn compress(self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Null => Ok(block.to_vec()),
            Self::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(block)?;
                encoder.finish()
            }
            Self::Snappy => {
                let mut out = snap::raw::Encoder::new().compress_vec(block).map_err(io::Error::other)?;
                out.extend_from_slice(&crc32fast::hash(block).to_be_bytes());
                Ok(out)
            }
            Self::Zstandard => zstd::bulk::compress(block, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

/// Writes Avro's container files.
#[derive(Debug)]
pub struct AvroFormat {
    config: AvroConfig,
    codec: AvroCodec,
    envelope: Option<Arc<Envelope>>,
    compression: Compression,
}

impl AvroFormat {
    /// Returns the format; `config` says how schemas of Connect become those of Avro.
    pub fn new(config: AvroConfig, codec: AvroCodec) -> Self {
        Self { config, codec, envelope: None, compression: Compression::None }
    }

    /// Returns the format with several parts of a record in each of the file's records.
    #[must_use]
    pub fn with_envelope(self, envelope: Envelope) -> Self {
        Self { envelope: Some(Arc::new(envelope)), ..self }
    }

    /// Returns the format with files compressed as a whole, around what the codec compresses.
    #[must_use]
    pub fn compressed(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    pub(crate) fn codec(&self) -> AvroCodec {
        self.codec
    }
}

/// Records of one file in Avro's encoding, with the places where they end.
#[derive(Debug)]
pub(crate) struct AvroRows {
    format: Arc<AvroFormat>,
    schema: Option<FileSchema>,
    payload: AvroPayload,
    last: usize,
    wrapper: Option<Wrapper>,
}

#[derive(Debug)]
struct FileSchema {
    connect: Option<SchemaRef>,
    avro: Arc<Avro>,
}

/// Records taken from a file.
#[derive(Debug, Default)]
pub struct AvroPayload {
    /// Text of the schema, with the first payload.
    schema: Option<String>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl AvroPayload {
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<u32>()
    }
}

impl AvroRows {
    pub(crate) fn new(format: Arc<AvroFormat>) -> Self {
        let wrapper = format.envelope.as_ref().map(|envelope| Wrapper::avro(Arc::clone(envelope)));
        Self { format, schema: None, payload: AvroPayload::default(), last: 0, wrapper }
    }

    pub(crate) fn append(&mut self, part: Part, record: &SinkRecord) -> Result<(), ConnectError> {
        if let Some(wrapper) = &mut self.wrapper {
            let wrapped = wrapper.wrap(record)?;
            return self.append_datum(&wrapped);
        }
        match part {
            Part::Value => self.append_datum(&record.value),
            Part::Key => self.append_datum(&record.key),
            Part::Headers => self.append_datum(&headers_datum(&record.headers)?),
        }
    }

    fn append_datum(&mut self, datum: &Datum) -> Result<(), ConnectError> {
        let is_first = self.schema.is_none();
        let known = match self.schema.take() {
            Some(known) => known,
            None => self.begin(datum)?,
        };
        let length = self.payload.bytes.len();
        let encoder = Encoder { config: &self.format.config };
        let schema = known.connect.as_deref();
        let written = if schema.is_some() == datum.schema().is_some() {
            encoder.datum(schema, &known.avro, &datum.value(), &mut self.payload.bytes)
        } else {
            Err(ConnectError::data("writing values with and without a schema to one Avro file"))
        };
        if let Err(error) = written {
            self.payload.bytes.truncate(length);
            if is_first {
                self.payload.schema = None;
            } else {
                self.schema = Some(known);
            }
            return Err(error);
        }
        self.schema = Some(known);
        self.last = length;
        self.payload.ends.push(u32::try_from(self.payload.bytes.len()).unwrap_or(u32::MAX));
        Ok(())
    }

    fn begin(&mut self, datum: &Datum) -> Result<FileSchema, ConnectError> {
        let connect = datum.schema().cloned();
        let (avro, text) = match &connect {
            Some(schema) => {
                let avro = strip_own_name(from_connect::convert(&self.format.config, schema)?);
                let text = text::of(&avro)?;
                (avro, text)
            }
            None => (schema::parse(&anything::SCHEMA, &[])?, anything::SCHEMA.clone()),
        };
        self.payload.schema = Some(text);
        Ok(FileSchema { connect, avro })
    }

    pub(crate) fn undo(&mut self) {
        self.payload.bytes.truncate(self.last);
        self.payload.ends.pop();
        if self.payload.ends.is_empty() && self.payload.schema.is_some() {
            self.payload.schema = None;
            self.schema = None;
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.payload.size()
    }

    pub(crate) fn take(&mut self) -> AvroPayload {
        self.last = 0;
        std::mem::take(&mut self.payload)
    }
}

/// Returns the headers of a record as a list of structs of two texts.
fn headers_datum(headers: &Headers) -> Result<Datum, ConnectError> {
    let text = |datum: &Datum| coerce::to_string(datum.schema().map(AsRef::as_ref), &datum.value());
    let mut items = Vec::with_capacity(headers.len());
    for header in headers.iter() {
        let values = vec![Value::string(&*header.key), text(&header.value)?];
        items.push(Value::Struct(Box::new(Struct::from_parts(Arc::clone(&HEADER), values))));
    }
    Ok(Datum::new(Some(Arc::clone(&HEADERS)), Value::Array(items)))
}

/// Makes blocks of records.
#[derive(Debug)]
pub(crate) struct AvroEncoder {
    codec: AvroCodec,
    sync: [u8; SYNC_BYTES],
    block: Vec<u8>,
    count: i64,
    out: Vec<u8>,
}

impl AvroEncoder {
    /// Java's sync marker is a random number; here it follows from the name of the file, so that the file has the
    /// same bytes when it is written again.
    pub(crate) fn new(codec: AvroCodec, seed: &str) -> Self {
        Self { codec, sync: Md5::digest(seed).into(), block: Vec::new(), count: 0, out: Vec::new() }
    }

    pub(crate) fn write(&mut self, payload: AvroPayload) -> io::Result<()> {
        if let Some(schema) = &payload.schema {
            self.header(schema);
        }
        let mut start = 0;
        for end in payload.ends {
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            self.block.extend_from_slice(payload.bytes.get(start..end).unwrap_or_default());
            self.count += 1;
            start = end;
            if self.block.len() >= BLOCK_BYTES {
                self.end_block()?;
            }
        }
        Ok(())
    }

    fn header(&mut self, schema: &str) {
        self.out.extend_from_slice(MAGIC);
        let entries = [("avro.codec", self.codec.name()), ("avro.schema", schema)];
        write_long(&mut self.out, 2);
        for index in java_map::iteration_order(entries.iter().map(|(key, _)| *key)) {
            let (key, value) = entries[index];
            write_bytes(&mut self.out, key.as_bytes());
            write_bytes(&mut self.out, value.as_bytes());
        }
        write_long(&mut self.out, 0);
        self.out.extend_from_slice(&self.sync);
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.count > 0 {
            let compressed = self.codec.compress(&self.block)?;
            write_long(&mut self.out, self.count);
            write_bytes(&mut self.out, &compressed);
            self.out.extend_from_slice(&self.sync);
            self.block.clear();
            self.count = 0;
        }
        Ok(())
    }

    pub(crate) fn ready(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub(crate) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.end_block()?;
        Ok(self.out)
    }
}
