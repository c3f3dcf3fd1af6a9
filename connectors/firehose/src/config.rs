//! The sink's keys: those of the original with their defaults, and its own. Checks across keys are in `settings`.

use std::time::Duration;

use connect_core::config::{Secret, Validator};

/// Most entries of one `PutRecordBatch`, as Firehose allows.
pub(crate) const MAX_ENTRIES: i64 = 500;
/// Most bytes of one `PutRecordBatch`, as Firehose allows, before base64.
pub(crate) const MAX_CALL_BYTES: i64 = 4 * 1024 * 1024;
/// Most bytes of one entry, as Firehose allows, before base64.
pub(crate) const MAX_ENTRY_BYTES: i64 = 1000 * 1024;

connect_core::config! {
    /// The keys of the Firehose sink.
    pub(crate) struct FirehoseSinkConfig {
        /// Firehose stream that receives the records. It must be active, with direct PUT as its source.
        stream: String = "deliveryStream", High, valid Validator::NonEmpty, group "Firehose";
        /// AWS region of the stream; that of the environment or profile when unset.
        region: Option<String> = "region", High, default None, group "Firehose";
        /// Endpoint of Firehose in place of AWS's own; HTTPS where it names no scheme.
        endpoint: Option<String> = "kinesisEndpoint", Low, default None, group "Firehose";
        /// Whether records are sent many at a time, with `PutRecordBatch`; one at a time, with `PutRecord`, otherwise.
        batch: bool = "batch", Medium, default "true", group "Batches";
        /// Most entries of one request.
        batch_size: usize = "batchSize", Medium, default "500", valid Validator::Between(1, MAX_ENTRIES),
            group "Batches";
        /// Most bytes of one request, before base64. One larger record goes in a request of its own.
        batch_bytes: usize = "batchSizeInBytes", Medium, default "3670016",
            valid Validator::Between(1, MAX_CALL_BYTES), group "Batches";
        /// How long a request that is not full waits for more records, in milliseconds. Commits do not wait.
        linger: Duration = "linger.ms", Medium, default "100", valid Validator::Between(0, 3_600_000),
            group "Batches";
        /// Requests on their way at a time, for each task.
        max_in_flight: usize = "max.in.flight.requests", Medium, default "4", valid Validator::Between(1, 100),
            group "Batches";
        /// Records a task holds before it stops fetching.
        max_buffered: usize = "max.buffered.records", Low, default "20000", valid Validator::AtLeast(1),
            group "Batches";
        /// Records joined into one entry, which Firehose bills in steps of 5 KB; 1 sends each by itself.
        aggregation_records: usize = "aggregation.max.records", Medium, default "1",
            valid Validator::Between(1, MAX_ENTRIES), group "Batches";
        /// Most bytes of an entry of several records.
        aggregation_bytes: usize = "aggregation.max.bytes", Low, default "1024000",
            valid Validator::Between(1, MAX_ENTRY_BYTES), group "Batches";
        /// Whether records of one partition go out in order: one request at a time holds them, and nothing later is sent before what failed was accepted.
        keeps_order: bool = "preserve.order", Medium, default "false", group "Batches";
        /// Form of an entry: `raw` (bytes and text as they are, numbers as the original writes them, anything else as JSON), `json` or `envelope` (JSON with topic, partition, offset, timestamp, key, headers and value).
        value_format: String = "value.format", Medium, default "raw",
            valid Validator::OneOfIgnoringCase(&["raw", "json", "envelope"]), group "Records";
        /// Text after every record; `\n`, `\r`, `\t`, `\0` and `\\` stand for what they mean elsewhere. White space counts.
        delimiter: String = "record.delimiter", Medium, default "", group "Records";
        /// What happens to records with a null value: `fail` or `ignore`.
        null_values: String = "behavior.on.null.values", Low, default "fail",
            valid Validator::OneOfIgnoringCase(&["fail", "ignore"]), group "Records";
        /// How long a record is tried before the task fails, in milliseconds; −1 is for ever.
        retry_max_time_ms: i64 = "retry.max.time.ms", Low, default "-1", valid Validator::AtLeast(-1),
            group "Retries";
        /// Base of the exponential wait, with full jitter, before an entry is sent again, in milliseconds.
        retry_backoff: Duration = "retry.backoff.ms", Low, default "100", valid Validator::Between(1, 60_000),
            group "Retries";
        /// Time for one request, in milliseconds.
        request_timeout: Duration = "request.timeout.ms", Low, default "30000",
            valid Validator::Between(1, 600_000), group "Retries";
        /// How long committing and closing wait for what is on its way, in milliseconds.
        flush_timeout: Duration = "flush.timeout.ms", Low, default "10000", valid Validator::AtLeast(0),
            group "Retries";
        /// Access key id of static credentials; the AWS default chain is asked when unset.
        access_key_id: String = "aws.access.key.id", High, default "", group "Credentials";
        /// Secret of static credentials.
        secret_access_key: Option<Secret> = "aws.secret.access.key", High, default None, group "Credentials";
        /// Role that is assumed to write to the stream.
        role_arn: Option<String> = "roleARN", Medium, default None, group "Credentials";
        /// Name of the session of the assumed role.
        role_session_name: String = "roleSessionName", Low, default "sluice-firehose-sink", group "Credentials";
        /// External id that the role's trust policy asks for.
        role_external_id: Option<String> = "roleExternalID", Low, default None, group "Credentials";
        /// Length of a session of the assumed role, in seconds.
        role_duration_seconds: usize = "roleDurationSeconds", Low, default "3600",
            valid Validator::Between(900, 43_200), group "Credentials";
    }
}
