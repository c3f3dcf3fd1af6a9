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

/// Every key of Confluent's sink, with its type and default (`None` is null, `!` is required).
const KEYS: &[(&str, &str, Option<&str>)] = &[
    ("s3.bucket.name", "STRING", Some("!")),
    ("s3.region", "STRING", Some("us-west-2")),
    ("s3.part.size", "INT", Some("26214400")),
    ("s3.object.tagging", "BOOLEAN", Some("false")),
    ("s3.object.tagging.key.value.pairs", "LIST", Some("")),
    ("s3.object.behavior.on.tagging.error", "STRING", Some("ignore")),
    (
        "s3.credentials.provider.class",
        "CLASS",
        Some("software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"),
    ),
    ("s3.credentials.provider.sts.role.arn", "STRING", None),
    ("s3.credentials.provider.sts.role.external.id", "STRING", None),
    ("s3.credentials.provider.sts.role.session.name", "STRING", None),
    ("s3.credentials.provider.sts.region", "STRING", None),
    ("aws.access.key.id", "STRING", Some("")),
    ("aws.secret.access.key", "PASSWORD", None),
    ("s3.ssea.name", "STRING", Some("")),
    ("s3.sse.customer.key", "PASSWORD", None),
    ("s3.sse.kms.key.id", "STRING", Some("")),
    ("s3.acl.canned", "STRING", None),
    ("s3.wan.mode", "BOOLEAN", Some("false")),
    ("s3.path.style.access.enabled", "BOOLEAN", Some("true")),
    ("s3.compression.type", "STRING", Some("none")),
    ("s3.compression.level", "INT", Some("-1")),
    ("json.decimal.format", "STRING", Some("BASE64")),
    ("s3.part.retries", "INT", Some("3")),
    ("s3.retry.backoff.ms", "LONG", Some("200")),
    ("format.bytearray.extension", "STRING", Some(".bin")),
    ("format.bytearray.separator", "STRING", None),
    ("s3.proxy.url", "STRING", Some("")),
    ("s3.proxy.user", "STRING", None),
    ("s3.proxy.password", "PASSWORD", None),
    ("s3.http.send.expect.continue", "BOOLEAN", Some("true")),
    ("behavior.on.null.values", "STRING", Some("fail")),
    ("report.null.values.to.dlq", "BOOLEAN", Some("true")),
    ("tombstone.encoded.partition", "STRING", Some("tombstone")),
    ("max.write.duration.ms", "LONG", Some("9223372036854775807")),
    ("rotate.file.on.partition.change", "BOOLEAN", Some("true")),
    ("s3.schema.partition.affix.type", "STRING", Some("NONE")),
    ("s3.send.digest", "BOOLEAN", Some("false")),
    ("enable.conditional.writes", "BOOLEAN", Some("true")),
    ("max.files.scan.limit", "INT", Some("100")),
    ("partitioner.max.open.files", "INT", Some("-1")),
    ("store.kafka.keys", "BOOLEAN", Some("false")),
    ("store.kafka.headers", "BOOLEAN", Some("false")),
    ("keys.format.class", "CLASS", Some(AVRO)),
    ("headers.format.class", "CLASS", Some(AVRO)),
    ("s3.elastic.buffer.enable", "BOOLEAN", Some("false")),
    ("s3.elastic.buffer.init.capacity", "INT", Some("131072")),
    ("storage.class", "CLASS", Some("!")),
    ("format.class", "CLASS", Some("!")),
    ("flush.size", "INT", Some("!")),
    ("rotate.interval.ms", "LONG", Some("-1")),
    ("rotate.schedule.interval.ms", "LONG", Some("-1")),
    ("retry.backoff.ms", "LONG", Some("5000")),
    ("shutdown.timeout.ms", "LONG", Some("3000")),
    ("filename.offset.zero.pad.width", "INT", Some("10")),
    ("schemas.cache.config", "INT", Some("1000")),
    ("enhanced.avro.schema.support", "BOOLEAN", Some("true")),
    ("connect.meta.data", "BOOLEAN", Some("true")),
    ("allow.optional.map.keys", "BOOLEAN", Some("false")),
    ("avro.codec", "STRING", Some("null")),
    ("parquet.codec", "STRING", Some("snappy")),
    ("schema.compatibility", "STRING", Some("NONE")),
    ("topics.dir", "STRING", Some("topics")),
    ("store.url", "STRING", None),
    ("directory.delim", "STRING", Some("/")),
    ("file.delim", "STRING", Some("+")),
    ("partitioner.class", "CLASS", Some("io.confluent.connect.storage.partitioner.DefaultPartitioner")),
    ("partition.field.name", "LIST", Some("")),
    ("partition.duration.ms", "LONG", Some("-1")),
    ("path.format", "STRING", Some("")),
    ("locale", "STRING", Some("")),
    ("timezone", "STRING", Some("")),
    ("timestamp.extractor", "STRING", Some("Wallclock")),
    ("timestamp.field", "STRING", Some("timestamp")),
];

#[test]
fn every_key_of_confluents_sink_is_known_with_its_type_and_default() {
    let def = S3SinkConfig::config_def();
    let mut wrong = Vec::new();
    for (name, ty, default) in KEYS {
        let found = def.key(name).map(|key| {
            let default = if key.is_required { Some("!") } else { key.default.as_deref() };
            (key.ty.name(), default)
        });
        if found != Some((*ty, *default)) {
            wrong.push((name, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
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
        (&[("sluice.rotate.idle.ms", "-1")], &["sluice.rotate.idle.ms"]),
        (&[("sluice.s3.commits.dir", "")], &["sluice.s3.commits.dir"]),
        (
            &[("sluice.s3.exactly.once", "true"), ("sluice.s3.commits.dir", "topics/commits")],
            &["sluice.s3.commits.dir"],
        ),
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
fn patterns_that_cannot_be_printed_are_refused() {
    let cases: &[Case] = &[
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
