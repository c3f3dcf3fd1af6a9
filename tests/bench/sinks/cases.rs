//! What is measured.

use serde_json::{Value, json};

use super::{ENVELOPE_TOPIC, OBJECT_RECORDS, PLAIN_TOPIC, alone, sink};
use crate::paths::with;

/// One row of the table.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) topic: &'static str,
    pub(super) target: Target,
}

/// Where records go.
pub(super) enum Target {
    /// A real S3 server over a folder, in a form, by plain HTTP.
    S3(Form),
    /// The same by HTTPS.
    SecureS3(Form),
    /// A server that reads bulk requests and says that every document is written.
    Search,
    /// A server that reads batches and says that every record is accepted.
    Firehose,
}

/// The form of objects.
pub(super) enum Form {
    Json,
    Gzip,
    Bytes,
    Avro,
    Parquet,
}

pub(super) const GZIP: &str = "S3 by HTTPS, JSON + gzip";
pub(super) const PARQUET: &str = "S3, Parquet, JSON with schemas";

pub(super) const CASES: [Case; 11] = [
    Case { name: "S3, JSON", topic: PLAIN_TOPIC, target: Target::S3(Form::Json) },
    Case { name: "S3 by HTTPS, JSON", topic: PLAIN_TOPIC, target: Target::SecureS3(Form::Json) },
    Case { name: "S3, JSON + gzip", topic: PLAIN_TOPIC, target: Target::S3(Form::Gzip) },
    Case { name: GZIP, topic: PLAIN_TOPIC, target: Target::SecureS3(Form::Gzip) },
    Case { name: "S3, bytes", topic: PLAIN_TOPIC, target: Target::S3(Form::Bytes) },
    Case { name: "S3 by HTTPS, bytes", topic: PLAIN_TOPIC, target: Target::SecureS3(Form::Bytes) },
    Case { name: "S3, Avro, JSON with schemas", topic: ENVELOPE_TOPIC, target: Target::S3(Form::Avro) },
    Case { name: PARQUET, topic: ENVELOPE_TOPIC, target: Target::S3(Form::Parquet) },
    Case { name: "S3, Parquet, JSON without schemas", topic: PLAIN_TOPIC, target: Target::S3(Form::Parquet) },
    Case { name: "Elasticsearch, stub", topic: PLAIN_TOPIC, target: Target::Search },
    Case { name: "Firehose, stub", topic: PLAIN_TOPIC, target: Target::Firehose },
];

/// Sinks, and what they cannot be faster than.
pub(super) const COMPARED: [(&str, &str); 2] = [(GZIP, alone::GZIP), (PARQUET, alone::COLUMNS)];

impl Case {
    /// Returns whether the case is meant: by its whole name, or by part of one that no case has as a whole.
    pub(super) fn is_wanted(&self, wanted: &str) -> bool {
        self.name == wanted || (self.name.contains(wanted) && CASES.iter().all(|other| other.name != wanted))
    }

    /// Returns the name as names of connectors may be.
    pub(super) fn slug(&self) -> String {
        let letters = self.name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    }

    /// Returns the connector's configuration.
    pub(super) fn config(&self, url: &str, bucket: &str) -> Value {
        let form = match &self.target {
            Target::S3(form) | Target::SecureS3(form) => form,
            Target::Search => {
                let class = "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector";
                let own = json!({ "connection.url": url, "key.ignore": "true", "schema.ignore": "true" });
                return with(sink(self.topic, class), own);
            }
            Target::Firehose => {
                let class = "com.amazon.kinesis.kafka.FirehoseSinkConnector";
                let own = json!({ "region": "eu-west-1", "deliveryStream": "bench", "kinesisEndpoint": url });
                return with(sink(self.topic, class), own);
            }
        };
        let base = json!({
            "s3.bucket.name": bucket, "s3.region": connect_tests::s3::REGION,
            "flush.size": OBJECT_RECORDS.to_string(),
            "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        });
        let formats = "io.confluent.connect.s3.format";
        let own = match form {
            Form::Json => json!({ "format.class": format!("{formats}.json.JsonFormat") }),
            Form::Gzip => json!({
                "format.class": format!("{formats}.json.JsonFormat"), "s3.compression.type": "gzip",
            }),
            Form::Bytes => json!({
                "format.class": format!("{formats}.bytearray.ByteArrayFormat"),
                "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
            }),
            Form::Avro => json!({ "format.class": format!("{formats}.avro.AvroFormat") }),
            Form::Parquet => json!({ "format.class": format!("{formats}.parquet.ParquetFormat") }),
        };
        with(with(sink(self.topic, "io.confluent.connect.s3.S3SinkConnector"), base), own)
    }
}
