//! The keys of Aiven's OpenSearch sink.

use std::time::Duration;

use connect_core::config::{Parsed, Secret, Validator};

use super::elasticsearch::check_retries;

connect_core::config! {
    /// The keys of the OpenSearch sink.
    pub(crate) struct OpenSearchConfig {
        /// Comma-separated URLs of the nodes of one cluster, for example `http://host1:9200,http://host2:9200`, or the endpoint of an AWS domain; without a scheme it is HTTPS when requests are signed for AWS.
        urls: Vec<String> = "connection.url", High, valid Validator::NonEmptyList, group "Connector";
        /// Most records in a bulk request.
        batch_size: usize = "batch.size", Medium, default "2000", valid Validator::AtLeast(1), group "Connector";
        /// Most bulk requests on their way at the same time. Fewer are sent while the cluster rejects work.
        max_in_flight: usize = "max.in.flight.requests", Medium, default "5", valid Validator::AtLeast(1), group "Connector";
        /// Records a task holds before its partitions are paused.
        max_buffered: usize = "max.buffered.records", Low, default "20000", valid Validator::AtLeast(1), group "Connector";
        /// How long a record waits for others to share its request, in milliseconds.
        linger: Duration = "linger.ms", Low, default "1", valid Validator::AtLeast(0), group "Connector";
        /// Longest time that a commit waits for records on their way, in milliseconds; at most 3 seconds are used.
        flush_timeout: Duration = "flush.timeout.ms", Low, default "10000", valid Validator::AtLeast(0), group "Connector";
        /// Retries of a record or request before the task fails. When not set, the task goes on until the cluster works again and reports the trouble meanwhile.
        max_retries: Option<u32> = "max.retries", Low, default None, valid Validator::Custom(check_retries), group "Connector";
        /// Longest wait before the first retry, in milliseconds; it doubles with each further one, up to a minute.
        retry_backoff: Duration = "retry.backoff.ms", Low, default "100", valid Validator::AtLeast(0), group "Connector";
        /// How long opening a connection may take, in milliseconds.
        connect_timeout_ms: u32 = "connection.timeout.ms", Low, default "1000", valid Validator::AtLeast(0), group "Connector";
        /// How long an answer may take, in milliseconds.
        read_timeout_ms: u32 = "read.timeout.ms", Low, default "30000", valid Validator::AtLeast(0), group "Connector";

        /// Kind of resource that topics are written to and that exists already: INDEX, DATA_STREAM or INDEX_ALIAS; NONE when they are made on demand.
        existing_type: String = "existing.resource.type", Low, default "none",
            valid Validator::OneOfIgnoringCase(&["index", "data_stream", "index_alias", "none"]), group "Topic to Existing Resource Mappings";
        /// List of `topic:resource`; no two topics share a resource, and there are at most ten.
        existing_mapping: Option<Vec<String>> = "topic.to.existing.resource.mapping", Low, default None, group "Topic to Existing Resource Mappings";

        /// `insert` writes whole documents, `upsert` merges the record's fields into the document.
        write_method: String = "index.write.method", Low, default "insert",
            valid Validator::OneOfIgnoringCase(&["insert", "upsert"]), group "Data Conversion";
        /// Whether document ids come from `key.ignore.id.strategy` rather than from the record's key.
        key_ignore: bool = "key.ignore", High, default "false", group "Data Conversion";
        /// Document id where keys are ignored: `none` (the cluster chooses), `record.key` or `topic.partition.offset`.
        id_strategy: String = "key.ignore.id.strategy", Low, default "topic.partition.offset",
            valid Validator::OneOfIgnoringCase(&["none", "record.key", "topic.partition.offset"]), group "Data Conversion";
        /// Whether no mapping is made from the schema of values, so that the cluster infers the fields' types.
        schema_ignore: bool = "schema.ignore", Low, default "false", group "Data Conversion";
        /// Whether maps with string keys become objects rather than arrays of `key` and `value`.
        compact_maps: bool = "compact.map.entries", Low, default "true", group "Data Conversion";
        /// Topics whose keys are ignored.
        topic_key_ignore: Vec<String> = "topic.key.ignore", Low, default "", group "Data Conversion";
        /// Topics whose schemas are ignored.
        topic_schema_ignore: Vec<String> = "topic.schema.ignore", Low, default "", group "Data Conversion";
        /// Whether records that cannot be made documents are reported, logged and left out, whatever `errors.tolerance` says.
        drop_invalid: bool = "drop.invalid.message", Low, default "false", group "Data Conversion";
        /// What happens to records with a null value: `ignore`, `delete` (of the document with the record's key) or `fail`.
        null_values: String = "behavior.on.null.values", Low, default "ignore",
            valid Validator::OneOfIgnoringCase(&["ignore", "delete", "fail"]), group "Data Conversion";
        /// What happens to records that the cluster refuses as malformed: `ignore`, `warn`, `report` or `fail`.
        malformed: String = "behavior.on.malformed.documents", Low, default "fail",
            valid Validator::OneOfIgnoringCase(&["ignore", "warn", "report", "fail"]), group "Data Conversion";
        /// What happens to records that are older than their document: `ignore`, `warn`, `report` or `fail`. When not set they are ignored, because a record that is delivered again is one of them.
        conflicts: Option<String> = "behavior.on.version.conflict", Low, default None, valid Validator::Custom(check_conflicts), group "Data Conversion";
        /// Where the routing of a document comes from: `none`, `key` or `value`.
        routing: String = "routing.type", Low, default "none",
            valid Validator::OneOfIgnoringCase(&["none", "key", "value"]), group "Data Conversion";
        /// JSON pointer to the routing in the value, for `routing.type=value`.
        routing_path: Option<String> = "routing.type.record.value.path", Low, default None, valid Validator::Custom(check_pointer), group "Data Conversion";

        /// Whether data streams are written to rather than indices.
        stream_enabled: bool = "data.stream.enabled", Medium, default "false", group "Data Stream";
        /// First part of a data stream's name `{prefix}-{topic}`.
        stream_prefix: Option<String> = "data.stream.prefix", Medium, default None, valid Validator::NonEmpty, group "Data Stream";
        /// Field that holds the time of a document; `@timestamp` is added from the record where it is missing.
        stream_timestamp: String = "data.stream.timestamp.field", Medium, default "@timestamp", valid Validator::NonEmpty, group "Data Stream";
        /// Name of the index template of data streams; it is made if it does not exist. When not set, each data stream has one of its own.
        stream_template: Option<String> = "data.streams.existing.index.template.name", Medium, default None, group "Data Stream";

        /// User of basic authentication; set together with `connection.password`.
        username: Option<String> = "connection.username", Medium, default None, group "Basic Authentication";
        /// Password of basic authentication.
        password: Option<Secret> = "connection.password", Medium, default None, group "Basic Authentication";
        /// Access key id of AWS; requests are then signed.
        access_key_id: Option<String> = "aws.access_key_id", Medium, default None, group "AWS Access";
        /// Secret access key of AWS.
        secret_access_key: Option<Secret> = "aws.secret_access_key", Medium, default None, group "AWS Access";
        /// Role to assume. Not supported: must not be set.
        role_arn: Option<String> = "aws.sts.role.arn", Medium, default None, group "AWS STS Access";
        /// External id of the role. Not supported: must not be set.
        role_external_id: Option<String> = "aws.sts.role.external.id", Medium, default None, group "AWS STS Access";
        /// Session name of the role. Not supported: must not be set.
        role_session: Option<String> = "aws.sts.role.session.name", Medium, default None, group "AWS STS Access";
        /// Session duration of the role in seconds; without effect.
        role_duration: u32 = "aws.sts.role.session.duration", Medium, default "3600", valid Validator::Between(900, 43_200), group "AWS STS Access";
        /// AWS region of the domain.
        region: Option<String> = "aws.region", Medium, default None, group "AWS Sig4 Authentication";
        /// Service that requests are signed for: `es` or `aoss`.
        service: Option<String> = "aws.service.signing.name", Medium, default None, group "AWS Sig4 Authentication";

        /// File with trusted certificates in PEM; the system's are trusted without it.
        truststore_location: Option<String> = "connection.ssl.truststore.location", High, default None, group "TLS Configuration for HTTPS";
        /// Password of the trust store. Not supported: PEM needs none.
        truststore_password: Option<Secret> = "connection.ssl.truststore.password", High, default None, group "TLS Configuration for HTTPS";
        /// Type of the trust store; only PEM is supported.
        truststore_type: String = "connection.ssl.truststore.type", Medium, default "PEM", group "TLS Configuration for HTTPS";
        /// File with the client's certificate chain and private key in PEM.
        keystore_location: Option<String> = "connection.ssl.keystore.location", High, default None, group "TLS Configuration for HTTPS";
        /// Password of the key store. Not supported: PEM needs none.
        keystore_password: Option<Secret> = "connection.ssl.keystore.password", High, default None, group "TLS Configuration for HTTPS";
        /// Type of the key store; only PEM is supported.
        keystore_type: String = "connection.ssl.keystore.type", Medium, default "PEM", group "TLS Configuration for HTTPS";
        /// Password of the private key. Not supported: the key must not be encrypted.
        key_password: Option<Secret> = "connection.ssl.key.password", High, default None, group "TLS Configuration for HTTPS";
        /// `https` checks that the server's certificate names its host; empty does not.
        endpoint_identification: String = "connection.ssl.endpoint.identification.algorithm", Low, default "https",
            valid Validator::OneOf(&["https", ""]), group "TLS Configuration for HTTPS";
        /// Versions of TLS. TLS 1.2 and 1.3 are offered whatever the value.
        tls_protocol: String = "connection.ssl.protocol", Medium, default "TLSv1.3", group "TLS Configuration for HTTPS";
        /// Versions of TLS that may be used: TLSv1.2, TLSv1.3.
        tls_enabled: Vec<String> = "connection.ssl.enabled.protocols", Medium, default "TLSv1.2,TLSv1.3", group "TLS Configuration for HTTPS";
        /// Cipher suites. Not supported: must be empty.
        tls_ciphers: Option<Vec<String>> = "connection.ssl.cipher.suites", Low, default None, group "TLS Configuration for HTTPS";
        /// Whether any certificate is trusted, whoever signed it.
        trust_all: bool = "connection.trust.all.certificates", Low, default "false", group "TLS Configuration for HTTPS";
    }
}

fn check_conflicts(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Null => Ok(()),
        given => Validator::OneOfIgnoringCase(&["ignore", "warn", "report", "fail"]).check(name, given),
    }
}

fn check_pointer(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Text(text) if !text.is_empty() && !text.starts_with('/') => Err(format!(
            "Invalid value {text} for configuration {name}: Invalid input: JSON Pointer expression must start with '/': \"{text}\""
        )),
        _ => Ok(()),
    }
}
