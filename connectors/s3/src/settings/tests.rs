use connect_core::testkit::props;

use crate::client::Encryption;

use super::*;

fn parse(extra: &[(&str, &str)]) -> Result<Settings, Vec<ConfigIssue>> {
    let mut all = props(&[
        ("s3.bucket.name", "b"),
        ("flush.size", "10"),
        ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
    ]);
    all.extend(props(extra));
    Settings::parse(&all)
}

/// Returns the keys with issues.
fn issues(extra: &[(&str, &str)]) -> Vec<String> {
    parse(extra).err().unwrap_or_default().into_iter().map(|issue| issue.name).collect()
}

#[test]
fn defaults_are_confluents() {
    let settings = parse(&[]).expect("valid");
    assert_eq!((settings.part_size, settings.retry.max_retries), (26_214_400, 3));
    assert!(settings.rules.outputs[0].format.is_plain());
    assert!(settings.aws.is_path_style && !settings.aws.is_conditional);
    assert_eq!(settings.rules.outputs[0].extension, ".json");
}

const AVRO: &str = "io.confluent.connect.s3.format.avro.AvroFormat";
const PARQUET: &str = "io.confluent.connect.s3.format.parquet.ParquetFormat";
const TIME: (&str, &str) =
    ("partitioner.class", "io.confluent.connect.storage.partitioner.TimeBasedPartitioner");

/// Settings, and the keys they have issues with.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn settings_that_need_others_are_refused_without_them() {
    let cases: &[Case] = &[
        (&[("behavior.on.null.values", "write")], &["behavior.on.null.values"]),
        (&[("s3.wan.mode", "true")], &["s3.wan.mode"]),
        (&[("aws.access.key.id", "a")], &["aws.access.key.id"]),
        (&[("rotate.schedule.interval.ms", "1000")], &["timezone"]),
        (&[("rotate.schedule.interval.ms", "1000"), ("timezone", "Mars")], &["timezone"]),
        (&[TIME], &["partition.duration.ms", "path.format", "locale", "timezone"]),
    ];
    for (extra, expected) in cases {
        assert_eq!(issues(extra), *expected, "{extra:?}");
    }
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let cases: &[Case] = &[
        (&[("format.class", "com.example.Mine")], &["format.class"]),
        (&[("format.class", AVRO), ("avro.codec", "bzip2")], &["avro.codec"]),
        (&[("format.class", AVRO), ("s3.compression.type", "gzip")], &["s3.compression.type"]),
        (&[("store.kafka.keys", "true"), ("s3.compression.type", "gzip")], &["s3.compression.type"]),
        (&[("format.class", PARQUET), ("parquet.codec", "lzo")], &["parquet.codec"]),
        (&[("format.class", PARQUET), ("sluice.parquet.schema", "\"int\"")], &["sluice.parquet.schema"]),
        (
            &[
                ("store.kafka.headers", "true"),
                ("headers.format.class", "io.confluent.connect.s3.format.bytearray.ByteArrayFormat"),
            ],
            &["headers.format.class"],
        ),
        (&[("max.write.duration.ms", "1000")], &["max.write.duration.ms"]),
        (&[("s3.object.tagging.key.value.pairs", "a")], &["s3.object.tagging.key.value.pairs"]),
        (&[("s3.proxy.url", "socks5://p:1")], &["s3.proxy.url"]),
        (&[("sluice.rotate.size.bytes", "-1")], &["sluice.rotate.size.bytes"]),
        (
            &[("partitioner.class", "io.sluice.connect.s3.TemplatePartitioner")],
            &["sluice.partition.template"],
        ),
        (
            &[(
                "s3.credentials.provider.class",
                "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider",
            )],
            &["s3.credentials.provider.sts.role.arn"],
        ),
        (&[("schema.compatibility", "whatever")], &[]),
        (&[("s3.credentials.provider.class", "com.example.Mine")], &["s3.credentials.provider.class"]),
        (&[("storage.class", "com.example.Mine")], &["storage.class"]),
        (&[("partitioner.class", "com.example.Mine")], &["partitioner.class"]),
        (
            &[
                TIME,
                ("partition.duration.ms", "1"),
                ("path.format", "qq"),
                ("locale", "en"),
                ("timezone", "UTC"),
            ],
            &["path.format"],
        ),
        (
            &[
                TIME,
                ("partition.duration.ms", "1"),
                ("path.format", "MMM"),
                ("locale", "fr"),
                ("timezone", "UTC"),
            ],
            &["locale"],
        ),
        (
            &[("partitioner.class", "io.confluent.connect.storage.partitioner.FieldPartitioner")],
            &["partition.field.name"],
        ),
        (&[("s3.ssea.name", "AES256"), ("s3.sse.customer.key", "short")], &["s3.sse.customer.key"]),
        (&[("s3.part.size", "1000")], &["s3.part.size"]),
        (&[("s3.acl.canned", "everyone")], &["s3.acl.canned"]),
        (&[("s3.compression.type", "zip")], &["s3.compression.type"]),
    ];
    for (extra, expected) in cases {
        assert_eq!(issues(extra), *expected, "{extra:?}");
    }
}

#[test]
fn secrets_stay_out_of_issues() {
    let issues = parse(&[
        ("s3.sse.customer.key", "hush"),
        ("s3.ssea.name", "AES256"),
        ("s3.proxy.url", "socks5://me:hush@p:1"),
        ("s3.proxy.password", "hush"),
    ]);
    let texts: Vec<String> = issues.expect_err("refused").into_iter().map(|issue| issue.message).collect();
    assert!(texts.len() == 2 && texts.iter().all(|text| !text.contains("hush")), "{texts:?}");
}

#[test]
fn names_and_switches_are_turned_into_what_they_mean() {
    let settings = parse(&[
        ("store.url", "storage.example:9000"),
        ("aws.access.key.id", "id"),
        ("aws.secret.access.key", "secret"),
        ("s3.compression.type", "gzip"),
        ("format.class", "io.confluent.connect.s3.format.bytearray.ByteArrayFormat"),
        ("format.bytearray.extension", ".log"),
        ("rotate.schedule.interval.ms", "60000"),
        ("timezone", "UTC"),
        ("s3.ssea.name", "aws:kms"),
    ]);
    let settings = settings.expect("valid");
    assert_eq!(settings.aws.endpoint.as_deref(), Some("https://storage.example:9000"));
    assert!(settings.aws.credentials.is_some() && settings.aws.is_conditional);
    assert!(
        matches!(settings.aws.encryption, Encryption::Bucket),
        "kms without a key leaves it to the bucket"
    );
    assert_eq!(settings.rules.outputs[0].extension.as_str(), ".log.gz");
}
