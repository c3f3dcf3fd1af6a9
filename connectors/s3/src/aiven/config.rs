//! The keys of Aiven's S3 sink, with its names, types and defaults; what they mean together is in `settings`.

use connect_core::config::{Class, Parsed, Secret, Validator};

const COMPRESSIONS: &[&str] = &["none", "gzip", "snappy", "zstd"];
const MAX_PART_SIZE: i64 = 2_000_000_000;
const MAX_BACKOFF_MS: i64 = 24 * 3_600_000;
const FIELDS: [&str; 5] = ["key", "value", "offset", "timestamp", "headers"];

connect_core::config! {
    /// The keys of Aiven's S3 sink.
    pub(crate) struct AivenConfig {
        /// Access key id of static credentials; used when the secret is given too.
        access_key_id: Option<Secret> = "aws.access.key.id", Medium, default None, group "AWS";
        /// Secret of static credentials.
        secret_access_key: Option<Secret> = "aws.secret.access.key", Medium, default None, group "AWS";
        /// Source of credentials: the AWS default chain (environment, profile, web identity, container and instance roles), which is the default.
        credentials_provider: Option<Class> = "aws.credentials.provider", Medium, default None, group "AWS";
        /// Bucket that receives the objects. It must exist.
        bucket: Option<String> = "aws.s3.bucket.name", Medium, default None, valid Validator::Custom(check_bucket), group "AWS";
        /// Server side encryption: `AES256`, `aws:kms` or `aws:kms:dsse`; as the bucket says by default.
        sse_algorithm: Option<String> = "aws.s3.sse.algorithm", Medium, default None, valid Validator::NonEmpty, group "AWS";
        /// Endpoint in place of AWS's; `https://` is put in front when no scheme is given. The bucket's name then stands in the path of requests.
        endpoint: Option<String> = "aws.s3.endpoint", Low, default None, valid Validator::NonEmpty, group "AWS";
        /// AWS region of the bucket; `us-east-1` by default.
        region: Option<String> = "aws.s3.region", Medium, default None, valid Validator::NonEmpty, group "AWS";
        /// Text before the names of objects, which then are topic, partition and padded offset. Places as in `file.name.template`, without `key`, and `utc_date` and `local_date`.
        prefix: Option<String> = "aws.s3.prefix", Medium, default None, valid Validator::NonEmpty, group "AWS";
        /// Accepted for compatibility: a key of the source.
        fetch_page_size: i32 = "aws.s3.fetch.page.size", Medium, default "10", valid Validator::AtLeast(1), group "AWS";
        /// Accepted for compatibility: a key of the source.
        fetch_buffer_size: i32 = "aws.s3.fetch.buffer.size", Medium, default "1000", valid Validator::AtLeast(1), group "AWS";
        /// Size of the parts of multipart uploads, in bytes, but at least the 5 MiB that S3 asks for. A file that ends smaller than one part is sent with a single request.
        part_size: i64 = "aws.s3.part.size.bytes", Medium, default "5242880",
            valid Validator::Between(1, MAX_PART_SIZE), group "AWS";

        /// Role that is assumed to write.
        role_arn: Option<String> = "aws.sts.role.arn", Medium, default None, valid Validator::NonEmpty, group "AWS STS";
        /// Name of the session of the assumed role.
        role_session: Option<String> = "aws.sts.role.session.name", Medium, default None, valid Validator::NonEmpty, group "AWS STS";
        /// Length of a session, in seconds.
        role_duration: u64 = "aws.sts.role.session.duration", Medium, default "3600",
            valid Validator::Between(900, 43_200), group "AWS STS";
        /// External id that the role's trust policy asks for.
        role_external_id: Option<String> = "aws.sts.role.external.id", Medium, default None, valid Validator::NonEmpty, group "AWS STS";
        /// Endpoint of AWS's token service. The default stands for that of the region.
        sts_endpoint: String = "aws.sts.config.endpoint", Medium, default "https://sts.amazonaws.com",
            valid Validator::NonEmpty, group "AWS STS";

        /// Old name of `aws.access.key.id`.
        old_access_key_id: Option<Secret> = "aws_access_key_id", Medium, default None;
        /// Old name of `aws.secret.access.key`.
        old_secret_access_key: Option<Secret> = "aws_secret_access_key", Medium, default None;
        /// Old name of `aws.s3.bucket.name`.
        old_bucket: Option<String> = "aws_s3_bucket", Medium, default None, valid Validator::Custom(check_bucket);
        /// Old name of `aws.s3.endpoint`.
        old_endpoint: Option<String> = "aws_s3_endpoint", Medium, default None, valid Validator::NonEmpty;
        /// Old name of `aws.s3.region`.
        old_region: Option<String> = "aws_s3_region", Medium, default None, valid Validator::NonEmpty;
        /// Old name of `aws.s3.prefix`.
        old_prefix: Option<String> = "aws_s3_prefix", Medium, default None, valid Validator::NonEmpty;
        /// Old name of `format.output.fields`.
        old_output_fields: Vec<String> = "output_fields", Medium, default "", valid Validator::Custom(check_fields);
        /// Old name of `file.compression.type`.
        old_compression: Option<String> = "output_compression", Medium, default None, valid Validator::Custom(check_compression);

        /// Base of the exponential wait, with full jitter, between tries of a request, in milliseconds.
        backoff_ms: u64 = "aws.s3.backoff.delay.ms", Medium, default "100", valid Validator::AtLeast(1),
            group "S3 retry backoff policy";
        /// Longest wait between tries of a request, in milliseconds.
        max_backoff_ms: u64 = "aws.s3.backoff.max.delay.ms", Medium, default "20000", valid Validator::AtLeast(1),
            group "S3 retry backoff policy";
        /// How often a request is tried again before its records are read again.
        max_retries: u32 = "aws.s3.backoff.max.retries", Medium, default "3", valid Validator::Between(1, 30),
            group "S3 retry backoff policy";
        /// Wait before records whose upload did not succeed are read again, in milliseconds; 5000 by default.
        retry_backoff_ms: Option<u64> = "kafka.retry.backoff.ms", Medium, default None,
            valid Validator::Custom(check_backoff), group "Retry backoff policy";

        /// Names of objects: text with the places `{{topic}}`, `{{partition}}`, `{{start_offset}}`, `{{timestamp:unit=yyyy}}` (and `MM`, `dd`, `HH`) and `{{key}}`; `:padding=true` pads partitions to 10 and offsets to 20 digits. Which places there are says how records are grouped. `{{topic}}-{{partition}}-{{start_offset}}` and the extension of the compression by default.
        name_template: Option<String> = "file.name.template", Medium, default None, group "File";
        /// Text before the names of objects, with the same places.
        prefix_template: Option<String> = "file.prefix.template", Medium, default None, group "File";
        /// Compression of files: `none`, `gzip`, `snappy` or `zstd`; `gzip` by default.
        compression: Option<String> = "file.compression.type", Medium, default None,
            valid Validator::Custom(check_compression),
            recommended COMPRESSIONS.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), group "File";
        /// Records after which a file is full; 0 is no bound.
        max_records: u64 = "file.max.records", Medium, default "0", valid Validator::Between(0, i32::MAX as i64), group "File";
        /// Bytes of records of a topic partition, before compression, after which its files are written; 0 is no bound. A key of Aiven's other object stores.
        max_bytes: u64 = "file.max.bytes", Medium, default "0", valid Validator::AtLeast(0), group "File";
        /// Time zone of timestamps in names: an id or `±hh:mm`.
        name_timezone: String = "file.name.timestamp.timezone", Low, default "Z", group "File";
        /// Source of timestamps in names: `wallclock`, or `event` for those of the records.
        name_time_source: String = "file.name.timestamp.source", Low, default "WALLCLOCK",
            valid Validator::OneOfIgnoringCase(&["wallclock", "event"]), group "File";
        /// Time zone of timestamps in `aws.s3.prefix`.
        old_timezone: String = "timestamp.timezone", Low, default "Z", group "File";
        /// Source of timestamps in `aws.s3.prefix`.
        old_time_source: String = "timestamp.source", Low, default "WALLCLOCK",
            valid Validator::OneOfIgnoringCase(&["wallclock", "event"]), group "File";

        /// Format of files: `csv`, `jsonl`, `json` (one array), `avro` or `parquet`.
        output_type: String = "format.output.type", Medium, default "csv",
            valid Validator::OneOfIgnoringCase(&["avro", "csv", "json", "jsonl", "parquet"]), group "Format";
        /// Parts of records that are written: `key`, `value`, `offset`, `timestamp` and `headers`; `value` by default.
        output_fields: Vec<String> = "format.output.fields", Medium, default "", valid Validator::Custom(check_fields),
            recommended FIELDS.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), group "Format";
        /// Encoding of values in `csv`: `base64`, or `none` for their bytes as they are.
        value_encoding: String = "format.output.fields.value.encoding", Medium, default "base64",
            valid Validator::OneOf(&["none", "base64"]), group "Format";
        /// Whether a single part is a member of an object or record too; without, it stands for itself.
        envelope: bool = "format.output.envelope", Medium, default "true", group "Format";
        /// Codec inside Avro files: `null`, `deflate`, `snappy` or `zstandard`; `file.compression.type` compresses around it.
        avro_codec: String = "avro.codec", Medium, default "null", group "Format";
        /// Whether Avro and Parquet files keep enums and the packages of names.
        enhanced_avro: bool = "enhanced.avro.schema.support", Low, default "false", group "Format";
        /// Whether Avro and Parquet files keep Connect's own data about schemas as properties.
        connect_meta_data: bool = "connect.meta.data", Low, default "true", group "Format";
        /// Whether maps with optional string keys are written as maps of Avro.
        optional_map_keys: bool = "allow.optional.map.keys", Low, default "false", group "Format";
    }
}

fn check_backoff(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Int(number) if *number < 0 => {
            Err(format!("Invalid value {number} for configuration {name}: Value must be at least 0"))
        }
        Parsed::Int(number) if *number > MAX_BACKOFF_MS => Err(format!(
            "Invalid value {number} for configuration {name}: Value must be no more than {MAX_BACKOFF_MS} (24 hours)"
        )),
        _ => Ok(()),
    }
}

fn check_compression(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Text(text) if !COMPRESSIONS.iter().any(|known| known.eq_ignore_ascii_case(text)) => {
            Err(format!(
                "Invalid value {text} for configuration {name}: supported values are: 'none', 'gzip', 'snappy', 'zstd'"
            ))
        }
        _ => Ok(()),
    }
}

fn check_fields(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(fields) => {
            let is_known = |field: &String| FIELDS.iter().any(|known| known.eq_ignore_ascii_case(field));
            if fields.iter().all(is_known) {
                return Ok(());
            }
            let known = FIELDS.map(|field| format!("'{field}'")).join(", ");
            Err(format!("Invalid value {value} for configuration {name}: supported values are: {known}"))
        }
        _ => Ok(()),
    }
}

/// Checks what every store asks of names of buckets.
fn check_bucket(_name: &str, value: &Parsed) -> Result<(), String> {
    let Parsed::Text(bucket) = value else { return Ok(()) };
    let reason = if !(3..=63).contains(&bucket.len()) {
        "should be between 3 and 63 characters long".to_owned()
    } else if bucket.chars().any(|letter| letter.is_ascii_uppercase()) {
        "should not contain uppercase characters".to_owned()
    } else if let Some(letter) = bucket
        .chars()
        .find(|letter| !letter.is_ascii_lowercase() && !letter.is_ascii_digit() && !"-.".contains(*letter))
    {
        format!("should not contain '{letter}'")
    } else if bucket.starts_with(['-', '.']) || bucket.ends_with(['-', '.']) || bucket.contains("..") {
        "should begin and end with a letter or digit, and hold no two periods in a row".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("Illegal bucket name: Bucket name {reason}"))
}
