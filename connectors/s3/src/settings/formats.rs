//! Formats of the files written side by side, from their keys.

use std::sync::Arc;

use connect_core::config::{Class, Props};
use connector_formats::{
    AvroCodec, AvroConfig, AvroFormat, ByteArrayFormat, Compression, JsonFormat, LineFormat, ParquetCodec,
    ParquetFormat, Part, RecordFormat, schema_of_avro,
};

use crate::config::S3SinkConfig;
use crate::writer::Output;

use super::Issues;

/// Bytes of records encoded at once where that costs time; fixed, so that the object's bytes do not depend on how
/// records arrived.
const ENCODED_CHUNK_BYTES: usize = 1024 * 1024;

/// Returns what is written of each record, or adds what is wrong to `issues`.
pub(super) fn outputs(config: &S3SinkConfig, props: &Props, issues: &mut Issues) -> Option<Vec<Output>> {
    let parts = [
        (Part::Value, "", "format.class", &config.format, true),
        (Part::Key, ".keys", "keys.format.class", &config.keys_format, config.store_keys),
        (Part::Headers, ".headers", "headers.format.class", &config.headers_format, config.store_headers),
    ];
    let mut outputs = Vec::new();
    for (part, infix, key, class, _) in parts.into_iter().filter(|(.., is_stored)| *is_stored) {
        let format = record_format(key, class, config, props, issues)?;
        if part == Part::Headers && class.simple_name() == "ByteArrayFormat" {
            let reason = "headers are no byte array; use io.confluent.connect.s3.format.json.JsonFormat";
            issues.invalid(key, &class.0, reason);
        }
        let is_framed = matches!(format, RecordFormat::Avro(_) | RecordFormat::Parquet(_));
        if is_framed && config.compression != "none" {
            let reason = format!(
                "files of {} are compressed inside, by `avro.codec` and `parquet.codec`; compression is for \
                 JsonFormat and ByteArrayFormat",
                class.simple_name()
            );
            issues.invalid("s3.compression.type", &config.compression, &reason);
        }
        let chunk_size = match &format {
            // One row group is made of what is handed on together.
            RecordFormat::Parquet(_) => config.part_size,
            format if format.is_plain() => config.part_size,
            _ => ENCODED_CHUNK_BYTES,
        };
        let extension = format!("{infix}{}", format.extension());
        outputs.push(Output { part, format, extension, chunk_size });
    }
    Some(outputs)
}

fn record_format(
    key: &str,
    class: &Class,
    config: &S3SinkConfig,
    props: &Props,
    issues: &mut Issues,
) -> Option<RecordFormat> {
    let avro = AvroConfig {
        enhanced: config.enhanced_avro,
        meta_data: config.connect_meta_data,
        optional_map_keys: config.optional_map_keys,
        ..AvroConfig::default()
    };
    match class.simple_name() {
        "JsonFormat" => {
            let json = JsonFormat::new(config.decimal_format.eq_ignore_ascii_case("NUMERIC"));
            Some(RecordFormat::Lines(Arc::new(LineFormat::Json(json)), compression(config)))
        }
        "ByteArrayFormat" => {
            // White space is part of a separator, so the text is taken as given.
            let separator = props.get("format.bytearray.separator").map_or("\n", String::as_str);
            let bytes = ByteArrayFormat::new(separator, config.bytearray_extension.as_str());
            Some(RecordFormat::Lines(Arc::new(LineFormat::ByteArray(bytes)), compression(config)))
        }
        "AvroFormat" => {
            let codec = AvroCodec::parse(&config.avro_codec);
            if codec.is_none() {
                let reason = "this codec is not built in; use null, deflate, snappy or zstandard";
                issues.invalid("avro.codec", &config.avro_codec, reason);
            }
            Some(RecordFormat::Avro(Arc::new(AvroFormat::new(avro, codec?))))
        }
        "ParquetFormat" => {
            let codec = ParquetCodec::parse(&config.parquet_codec);
            if codec.is_none() {
                let reason = "this codec is not built in; use none, snappy, gzip, lz4, lz4_raw or zstd";
                issues.invalid("parquet.codec", &config.parquet_codec, reason);
            }
            let given = config.parquet_schema.as_ref().filter(|text| !text.trim().is_empty());
            let schema = given.map(|text| schema_of_avro(text)).transpose();
            let schema = schema.map_err(|error| {
                let cause =
                    std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
                issues.invalid(
                    "sluice.parquet.schema",
                    given.map_or("", String::as_str),
                    &format!("{error}{cause}"),
                );
            });
            Some(RecordFormat::Parquet(Arc::new(ParquetFormat::new(avro, codec?, schema.ok()?))))
        }
        _ => {
            let reason = "the format is not supported; use JsonFormat, AvroFormat, ParquetFormat or \
                ByteArrayFormat of io.confluent.connect.s3.format";
            issues.invalid(key, &class.0, reason);
            None
        }
    }
}

fn compression(config: &S3SinkConfig) -> Compression {
    match config.compression.as_str() {
        "gzip" => Compression::Gzip(config.compression_level.min(9)),
        "zstd" => Compression::Zstd(config.compression_level),
        "snappy" => Compression::Snappy,
        _ => Compression::None,
    }
}
