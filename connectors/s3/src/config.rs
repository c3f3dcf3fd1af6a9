//! The sink's keys, with Confluent's names, types and defaults. Checks across keys are in `checks`; what the rest
//! of the crate works with is `Settings`.

use connect_core::config::{Class, Parsed, Secret, Validator};

/// Canned access control lists that S3 knows, as in `s3.acl.canned`.
pub(crate) const CANNED_ACLS: [&str; 8] = [
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "log-delivery-write",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "aws-exec-read",
];

const MIN_PART_SIZE: i64 = 5 * 1024 * 1024;
const MAX_PART_SIZE: i64 = i32::MAX as i64;
const AVRO_FORMAT: &str = "io.confluent.connect.s3.format.avro.AvroFormat";

connect_core::config! {
    /// The keys of the S3 sink.
    pub(crate) struct S3SinkConfig {
        /// Bucket that receives the objects. It must exist.
        bucket: String = "s3.bucket.name", High, valid Validator::NonEmpty, group "S3";
        /// AWS region of the bucket.
        region: String = "s3.region", Medium, default "us-west-2", group "S3";
        /// Size of the parts of multipart uploads, in bytes. A file that ends smaller than one part is sent with a single request. Buffers grow up to this size as records arrive.
        part_size: usize = "s3.part.size", High, default "26214400",
            valid Validator::Between(MIN_PART_SIZE, MAX_PART_SIZE), group "S3";
        /// Whether objects are tagged with `startOffset`, `endOffset` and `recordCount`.
        object_tagging: bool = "s3.object.tagging", Low, default "false", group "S3";
        /// Further tags as a list of `key:value`, with `s3.object.tagging`.
        object_tags: Vec<String> = "s3.object.tagging.key.value.pairs", Low, default "", group "S3";
        /// What happens when tagging an object fails.
        tagging_errors: String = "s3.object.behavior.on.tagging.error", Low, default "ignore",
            valid Validator::OneOfIgnoringCase(&["ignore", "fail"]), group "S3";
        /// Source of credentials: the AWS default chain (environment, profile, web identity, container and instance roles), or `io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider`, which assumes the role of `s3.credentials.provider.sts.role.arn` with them.
        credentials_provider: Class = "s3.credentials.provider.class", Low,
            default "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider", group "S3";
        /// Role that is assumed to write, with the credentials of the chain or the static ones.
        role_arn: Option<String> = "s3.credentials.provider.sts.role.arn", Medium, default None, group "S3";
        /// External id that the role's trust policy asks for.
        role_external_id: Option<String> = "s3.credentials.provider.sts.role.external.id", Low, default None, group "S3";
        /// Name of the session of the assumed role.
        role_session: Option<String> = "s3.credentials.provider.sts.role.session.name", Low, default None, group "S3";
        /// Region of AWS's token service; `s3.region` by default.
        role_region: Option<String> = "s3.credentials.provider.sts.region", Low, default None, group "S3";
        /// Access key id of static credentials; used when the secret is given too.
        access_key_id: String = "aws.access.key.id", High, default "", group "S3";
        /// Secret of static credentials.
        secret_access_key: Option<Secret> = "aws.secret.access.key", High, default None, group "S3";
        /// Server side encryption: empty, `AES256` or `aws:kms`.
        sse: String = "s3.ssea.name", Low, default "",
            valid Validator::OneOf(&["", "AES256", "aws:kms", "aws:kms:dsse"]), group "S3";
        /// Customer key of SSE-C, base64 of 32 bytes; used with `AES256`.
        sse_customer_key: Option<Secret> = "s3.sse.customer.key", Low, default None, group "S3";
        /// Id of the KMS key; used with `aws:kms`. Without it the bucket's default encryption applies.
        sse_kms_key_id: String = "s3.sse.kms.key.id", Low, default "", group "S3";
        /// Canned access control list set on every object.
        acl: Option<String> = "s3.acl.canned", Low, default None, valid Validator::Custom(check_acl),
            recommended CANNED_ACLS.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), group "S3";
        /// Whether the transfer acceleration endpoint is used. Needs `s3.path.style.access.enabled=false`.
        wan_mode: bool = "s3.wan.mode", Medium, default "false", group "S3";
        /// Whether the bucket's name stands in the path of requests rather than in the host name.
        path_style: bool = "s3.path.style.access.enabled", Low, default "true", group "S3";
        /// Compression of objects of `JsonFormat` and `ByteArrayFormat`: `none`, `gzip`, and, beyond Confluent's, `zstd` and `snappy` (framed).
        compression: String = "s3.compression.type", Low, default "none",
            valid Validator::OneOf(&["none", "gzip", "zstd", "snappy"]), group "S3";
        /// Level of gzip, 0 to 9, or of zstd; −1 is the default of the library.
        compression_level: i32 = "s3.compression.level", Low, default "-1", valid Validator::Between(-1, 9),
            group "S3";
        /// How decimals are written in JSON: `BASE64` or `NUMERIC`.
        decimal_format: String = "json.decimal.format", Low, default "BASE64",
            valid Validator::OneOfIgnoringCase(&["BASE64", "NUMERIC"]), group "S3";
        /// How often a request that may succeed later is tried again before the partition is read again from its first unfinished record.
        part_retries: u32 = "s3.part.retries", Medium, default "3", valid Validator::AtLeast(0), group "S3";
        /// Base of the exponential wait, with full jitter, between tries of a request, in milliseconds.
        retry_backoff_ms: i64 = "s3.retry.backoff.ms", Low, default "200", valid Validator::AtLeast(0),
            group "S3";
        /// Extension of files written by `ByteArrayFormat`.
        bytearray_extension: String = "format.bytearray.extension", Low, default ".bin", group "S3";
        /// Text written after every record by `ByteArrayFormat`; a line end by default. White space counts.
        bytearray_separator: Option<String> = "format.bytearray.separator", Low, default None, group "S3";
        /// URL of a proxy for requests to S3, http or https; https when it names no scheme.
        proxy_url: String = "s3.proxy.url", Low, default "", group "S3";
        /// User of the proxy, in place of one in its URL.
        proxy_user: Option<String> = "s3.proxy.user", Low, default None, group "S3";
        /// Password of the proxy.
        proxy_password: Option<Secret> = "s3.proxy.password", Low, default None, group "S3";
        /// Accepted for compatibility: bodies are sent without waiting for `100 Continue`, whatever the value.
        expect_continue: bool = "s3.http.send.expect.continue", Low, default "true", group "S3";
        /// What happens to records with a null value: `fail`, `ignore` or `write` (keys to the tombstone partition).
        null_values: String = "behavior.on.null.values", Low, default "fail",
            valid Validator::OneOfIgnoringCase(&["fail", "ignore", "write"]), group "S3";
        /// Whether ignored null values are reported as errant records.
        report_null_values: bool = "report.null.values.to.dlq", Low, default "true", group "S3";
        /// Directory of records with a null value under `behavior.on.null.values=write`.
        tombstone_partition: String = "tombstone.encoded.partition", Low, default "tombstone",
            valid Validator::NonEmpty, group "S3";
        /// Bound on one delivery of records, in milliseconds. Only the default, no bound, is supported.
        max_write_duration_ms: i64 = "max.write.duration.ms", Low, default "9223372036854775807",
            valid Validator::AtLeast(1), group "S3";
        /// Whether `rotate.interval.ms` also closes files when a record goes to another directory than the one before it.
        rotate_on_partition_change: bool = "rotate.file.on.partition.change", Low, default "true", group "S3";
        /// Where the name of the value's schema stands in the path: `NONE`, `PREFIX` before the directory or `SUFFIX` after it.
        schema_affix: String = "s3.schema.partition.affix.type", Low, default "NONE",
            valid Validator::OneOfIgnoringCase(&["NONE", "PREFIX", "SUFFIX"]), group "S3";
        /// Whether `Content-MD5` is sent with every part.
        send_digest: bool = "s3.send.digest", Low, default "false", group "S3";
        /// Whether, with `rotate.schedule.interval.ms` and without keys and headers files, an object is written only if none of its name exists.
        conditional_writes: bool = "enable.conditional.writes", Low, default "true", group "S3";
        /// Existing objects met one after another before conditional writes give up.
        max_files_scan: u32 = "max.files.scan.limit", Low, default "100", valid Validator::AtLeast(1),
            internal true;
        /// Most files of one topic partition open at a time; −1 is no bound.
        max_open_files: i32 = "partitioner.max.open.files", Low, default "-1", internal true;
        /// Whether keys are stored, in a file beside that of the values.
        store_keys: bool = "store.kafka.keys", Low, default "false", group "S3";
        /// Whether headers are stored, in a file beside that of the values.
        store_headers: bool = "store.kafka.headers", Low, default "false", group "S3";
        /// Format of keys files.
        keys_format: Class = "keys.format.class", Low, default AVRO_FORMAT, group "S3";
        /// Format of headers files; not `ByteArrayFormat`.
        headers_format: Class = "headers.format.class", Low, default AVRO_FORMAT, group "S3";
        /// Accepted for compatibility: buffers always grow with the data, as with true.
        elastic_buffer: bool = "s3.elastic.buffer.enable", Low, default "false", group "S3";
        /// First size of a growing buffer, in bytes.
        elastic_buffer_init: usize = "s3.elastic.buffer.init.capacity", Low, default "131072",
            valid Validator::AtLeast(4096), group "S3";

        /// Storage; `io.confluent.connect.s3.storage.S3Storage`.
        storage: Class = "storage.class", High, group "Storage";
        /// Format of the objects: `json.JsonFormat`, `avro.AvroFormat`, `parquet.ParquetFormat` or `bytearray.ByteArrayFormat` of `io.confluent.connect.s3.format`.
        format: Class = "format.class", High, group "Connector";
        /// Records of a topic partition after which its files are closed and written, all directories together.
        flush_size: i32 = "flush.size", High, group "Connector";
        /// Bytes of records of a topic partition, before compression, after which its files are closed and written, beside `flush.size`. 0 is no bound.
        rotate_bytes: i64 = "sluice.rotate.size.bytes", Medium, default "0", valid Validator::AtLeast(0), group "Connector";
        /// Time without a record of a topic partition after which its open files are closed and written, in milliseconds by the wall clock. 0 is never. Delivery is at least once then, unless `sluice.s3.exactly.once` is true.
        rotate_idle_ms: i64 = "sluice.rotate.idle.ms", Medium, default "0", valid Validator::AtLeast(0), group "Connector";
        /// Time by record timestamps after which files are closed, in milliseconds; needs a time-based partitioner. −1 is never.
        rotate_interval_ms: i64 = "rotate.interval.ms", High, default "-1", group "Connector";
        /// Wall-clock interval, aligned to midnight in `timezone`, after which files are closed, in milliseconds; delivery is at least once then, unless `sluice.s3.exactly.once` is true. −1 is never.
        rotate_schedule_interval_ms: i64 = "rotate.schedule.interval.ms", Medium, default "-1", group "Connector";
        /// Whether a commit record for each topic partition in the bucket makes delivery exactly once however files are closed. It needs a store with conditional writes. Objects become visible one request later than without.
        exactly_once: bool = "sluice.s3.exactly.once", Medium, default "false", group "Connector";
        /// Directory of the commit records under `sluice.s3.exactly.once`, followed by connector, topic and partition.
        commits_dir: String = "sluice.s3.commits.dir", Low, default "_commits", valid Validator::NonEmpty, group "Connector";
        /// Wait before a partition whose upload did not succeed is read again, in milliseconds.
        retry_backoff: std::time::Duration = "retry.backoff.ms", Low, default "5000",
            valid Validator::AtLeast(0), group "Connector";
        /// How long closing and committing wait for uploads under way, in milliseconds.
        shutdown_timeout: std::time::Duration = "shutdown.timeout.ms", Medium, default "3000",
            valid Validator::AtLeast(0), group "Connector";
        /// Digits to which offsets in object names are padded with zeros.
        zero_pad_width: usize = "filename.offset.zero.pad.width", Low, default "10",
            valid Validator::Between(0, 1000), group "Connector";
        /// Accepted for compatibility: schemas are kept with their files.
        schemas_cache: i32 = "schemas.cache.config", Low, default "1000", group "Connector";
        /// Whether Avro and Parquet files keep enums and the packages of names.
        enhanced_avro: bool = "enhanced.avro.schema.support", Low, default "true", group "Connector";
        /// Whether Avro and Parquet files keep Connect's own data about schemas as properties.
        connect_meta_data: bool = "connect.meta.data", Low, default "true", group "Connector";
        /// Whether maps with optional string keys are written as maps of Avro.
        optional_map_keys: bool = "allow.optional.map.keys", Low, default "false", group "Connector";
        /// Codec of Avro files: `null`, `deflate`, `snappy`, and, beyond Confluent's, `zstandard`; `bzip2` is not supported.
        avro_codec: String = "avro.codec", Low, default "null",
            valid Validator::OneOf(&["null", "deflate", "snappy", "bzip2", "zstandard", "zstd"]), group "Connector";
        /// Schema of Parquet files of values without one, as the text of an Avro record. Without it the schema is found out from the values of each file.
        parquet_schema: Option<String> = "sluice.parquet.schema", Low, default None, group "Connector";
        /// Codec of Parquet files; `lzo` and `brotli` are not supported.
        parquet_codec: String = "parquet.codec", Low, default "snappy",
            valid Validator::OneOf(&["none", "snappy", "gzip", "lzo", "brotli", "lz4", "lz4_raw", "zstd"]),
            group "Connector";
        /// What happens when the schema changes: `NONE` closes the files; `BACKWARD`, `FORWARD` and `FULL` go by the version and write values under the schema of their file where they can.
        schema_compatibility: String = "schema.compatibility", High, default "NONE", group "Connector";
        /// Top level directory; empty leaves the level out.
        topics_dir: String = "topics.dir", High, default "topics", group "Storage";
        /// Endpoint in place of AWS's; `https://` is put in front when no scheme is given.
        store_url: Option<String> = "store.url", High, default None, group "Storage";
        /// Delimiter of directories.
        directory_delim: String = "directory.delim", Medium, default "/", group "Storage";
        /// Delimiter of topic, partition and offset in object names.
        file_delim: String = "file.delim", Medium, default "+", group "Storage";
        /// Partitioner: `DefaultPartitioner`, `FieldPartitioner`, `TimeBasedPartitioner`, `HourlyPartitioner` or `DailyPartitioner` of `io.confluent.connect.storage.partitioner`, or `io.sluice.connect.s3.TemplatePartitioner`.
        partitioner: Class = "partitioner.class", High,
            default "io.confluent.connect.storage.partitioner.DefaultPartitioner", group "Partitioner";
        /// Directory under `TemplatePartitioner`: text with `${topic}`, `${partition}`, `${key}`, `${key:path}`, `${field:path}`, `${header:name}` and `${time:pattern}`, the pattern in Joda's letters and its time by `timestamp.extractor` in `timezone`.
        partition_template: String = "sluice.partition.template", Medium, default "", group "Partitioner";
        /// Fields whose values make the directory under `FieldPartitioner`.
        partition_fields: Vec<String> = "partition.field.name", Medium, default "", group "Partitioner";
        /// Time of one directory under `TimeBasedPartitioner`, in milliseconds.
        partition_duration_ms: i64 = "partition.duration.ms", Medium, default "-1", group "Partitioner";
        /// Pattern of the directory under `TimeBasedPartitioner`, in Joda's letters.
        path_format: String = "path.format", Medium, default "", group "Partitioner";
        /// Locale of time-based directories, for example `en-US`.
        locale: String = "locale", Medium, default "", group "Partitioner";
        /// Time zone of time-based directories and of the wall-clock rotation: an id or `±hh:mm`.
        timezone: String = "timezone", Medium, default "", group "Partitioner";
        /// Source of a record's time: `Wallclock`, `Record` or `RecordField`.
        timestamp_extractor: String = "timestamp.extractor", Medium, default "Wallclock", group "Partitioner";
        /// Field that holds the time under `RecordField`; a dotted path.
        timestamp_field: String = "timestamp.field", Medium, default "timestamp", group "Partitioner";
    }
}

fn check_acl(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Text(acl) if !CANNED_ACLS.contains(&acl.as_str()) => Err(format!(
            "Invalid value {acl} for configuration {name}: must be one of {}",
            CANNED_ACLS.join(", ")
        )),
        _ => Ok(()),
    }
}
