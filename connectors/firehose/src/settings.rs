//! The configuration as the sink works with it: cross-key rules checked, names turned into what they stand for.

use std::time::Duration;

use connect_core::config::{ConfigIssue, Props, Secret};
use connector_aws::{Role, StaticCredentials, with_scheme};

use crate::client::AwsOptions;
use crate::config::{FirehoseSinkConfig, MAX_ENTRY_BYTES};
use crate::encoding::{Encoding, Form};
use crate::queue::Limits;

/// Everything a task is made from.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) aws: AwsOptions,
    pub(crate) encoding: Encoding,
    pub(crate) ignores_nulls: bool,
    pub(crate) limits: Limits,
    pub(crate) delivery: Delivery,
}

/// When requests are made, and how long.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) max_in_flight: usize,
    pub(crate) max_buffered: usize,
    pub(crate) retry_backoff: Duration,
    /// Time after which a record that is not accepted fails the task; `None` is never.
    pub(crate) retry_limit: Option<Duration>,
    pub(crate) drain_limit: Duration,
}

impl Settings {
    /// Parses and checks a configuration.
    ///
    /// # Errors
    /// Returns every issue, not only the first.
    pub(crate) fn parse(props: &Props) -> Result<Self, Vec<ConfigIssue>> {
        let config = FirehoseSinkConfig::parse(props)?;
        let mut issues = Vec::new();
        let mut invalid = |name: &str, value: &str, reason: &str| {
            let message = format!("Invalid value {value} for configuration {name}: {reason}");
            issues.push(ConfigIssue { name: name.to_owned(), message });
        };
        if let Some(url) = filled(config.endpoint.as_ref())
            && !is_endpoint(url)
        {
            invalid("kinesisEndpoint", url, "a host, with `http://` or `https://` before it or without");
        }
        // The table's value is trimmed, and white space is what most delimiters are made of.
        let given = props.get("record.delimiter").map(String::as_str).unwrap_or_default();
        let delimiter = unescaped(given).unwrap_or_else(|letter| {
            invalid(
                "record.delimiter",
                given,
                &format!("`\\{letter}` means nothing; known are `\\n`, `\\r`, `\\t`, `\\0` and `\\\\`"),
            );
            Vec::new()
        });
        let secret = config.secret_access_key.as_ref().filter(|secret| !secret.is_blank());
        match (config.access_key_id.is_empty(), secret) {
            (true, Some(_)) => invalid("aws.access.key.id", "", "the secret is given without it"),
            (false, None) => {
                invalid("aws.secret.access.key", Secret::HIDDEN, "the access key id is given without it");
            }
            _ => {}
        }
        if !config.batch && config.aggregation_records > 1 {
            let reason = "records are joined in batches only; set `batch=true`";
            invalid("aggregation.max.records", &config.aggregation_records.to_string(), reason);
        }
        if filled(config.role_arn.as_ref()).is_some() && config.role_session_name.is_empty() {
            invalid("roleSessionName", "", "the session of a role has a name");
        }
        if issues.is_empty() { Ok(Self::new(&config, delimiter)) } else { Err(issues) }
    }

    fn new(config: &FirehoseSinkConfig, delimiter: Vec<u8>) -> Self {
        let form = match config.value_format.to_ascii_lowercase().as_str() {
            "json" => Form::Json,
            "envelope" => Form::Envelope,
            _ => Form::Raw,
        };
        Self {
            aws: aws_options(config),
            encoding: Encoding::new(form, delimiter),
            ignores_nulls: config.null_values.eq_ignore_ascii_case("ignore"),
            limits: Limits {
                max_entries: if config.batch { config.batch_size } else { 1 },
                max_bytes: config.batch_bytes,
                max_entry_bytes: usize::try_from(MAX_ENTRY_BYTES).unwrap_or(usize::MAX),
                joined_records: config.aggregation_records,
                joined_bytes: config.aggregation_bytes,
                linger: config.linger,
                keeps_order: config.keeps_order,
            },
            delivery: Delivery {
                max_in_flight: config.max_in_flight,
                max_buffered: config.max_buffered,
                retry_backoff: config.retry_backoff,
                retry_limit: u64::try_from(config.retry_max_time_ms).ok().map(Duration::from_millis),
                drain_limit: config.flush_timeout,
            },
        }
    }
}

fn aws_options(config: &FirehoseSinkConfig) -> AwsOptions {
    let secret = config.secret_access_key.clone().filter(|_| !config.access_key_id.is_empty());
    AwsOptions {
        stream: config.stream.clone(),
        region: filled(config.region.as_ref()).cloned(),
        endpoint: filled(config.endpoint.as_ref()).map(|url| with_scheme(url)),
        credentials: secret.map(|secret_access_key| StaticCredentials {
            access_key_id: config.access_key_id.clone(),
            secret_access_key,
        }),
        role: filled(config.role_arn.as_ref()).map(|arn| Role {
            arn: arn.clone(),
            session: config.role_session_name.clone(),
            external_id: filled(config.role_external_id.as_ref()).cloned(),
            region: None,
            duration: u64::try_from(config.role_duration_seconds).ok().map(Duration::from_secs),
            endpoint: None,
        }),
        is_single: !config.batch,
        request_timeout: config.request_timeout,
    }
}

fn filled(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.is_empty())
}

fn is_endpoint(url: &str) -> bool {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or(url);
    !host.is_empty() && !host.contains("://") && !host.contains(char::is_whitespace)
}

/// Returns the bytes that a text with escapes stands for, or the letter of an unknown escape.
fn unescaped(text: &str) -> Result<Vec<u8>, char> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let meant = match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('0') => '\0',
                Some('\\') | None => '\\',
                Some(other) => return Err(other),
            },
            other => other,
        };
        bytes.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use connect_core::testkit::props;

    use super::*;

    /// The keys of the original, which has no table of them: its task parses them itself. `!` is a required key.
    const KEYS: [(&str, &str, Option<&str>); 10] = [
        ("deliveryStream", "STRING", Some("!")),
        ("region", "STRING", None),
        ("batch", "BOOLEAN", Some("true")),
        ("batchSize", "INT", Some("500")),
        ("batchSizeInBytes", "INT", Some("3670016")),
        ("kinesisEndpoint", "STRING", None),
        ("roleARN", "STRING", None),
        ("roleSessionName", "STRING", Some("sluice-firehose-sink")),
        ("roleExternalID", "STRING", None),
        ("roleDurationSeconds", "INT", Some("3600")),
    ];

    #[test]
    fn every_key_of_the_original_is_known_with_its_type_and_default() {
        let def = FirehoseSinkConfig::config_def();
        let known = KEYS.map(|(name, _, _)| {
            let key = def.key(name).unwrap_or_else(|| panic!("`{name}` is not known"));
            let default = if key.is_required { Some("!") } else { key.default.as_deref() };
            (name, key.ty.name(), default)
        });
        assert_eq!(known, KEYS);
    }

    #[test]
    fn limits_of_firehose_are_allowed_and_one_more_is_refused() {
        let cases = [
            ("batchSize", "500", "501"),
            ("batchSizeInBytes", "4194304", "4194305"),
            ("aggregation.max.records", "500", "501"),
            ("aggregation.max.bytes", "1024000", "1024001"),
            ("roleDurationSeconds", "43200", "43201"),
        ];
        let parse = |name, value| Settings::parse(&props(&[("deliveryStream", "logs"), (name, value)]));
        for (name, most, more) in cases {
            assert!(parse(name, most).is_ok(), "{name}={most}");
            let issues = parse(name, more).expect_err("one too many");
            assert!(issues[0].name == name && issues[0].message.contains(more), "{issues:?}");
        }
    }

    #[test]
    fn an_endpoint_without_a_scheme_is_https() {
        let cases = [
            ("firehose.eu-west-1.amazonaws.com", Some("https://firehose.eu-west-1.amazonaws.com")),
            ("localhost:4573", Some("https://localhost:4573")),
            ("http://localhost:4573", Some("http://localhost:4573")),
            ("", None),
        ];
        for (given, expected) in cases {
            let settings = Settings::parse(&props(&[("deliveryStream", "logs"), ("kinesisEndpoint", given)]))
                .expect("valid");
            assert_eq!(settings.aws.endpoint.as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn keys_of_the_original_are_taken_with_its_defaults() {
        let settings = Settings::parse(&props(&[("deliveryStream", "logs")])).expect("valid");
        assert_eq!((settings.limits.max_entries, settings.limits.max_bytes), (500, 3_670_016));
        assert!(settings.aws.role.is_none() && settings.aws.region.is_none());
        let settings = Settings::parse(&props(&[
            ("deliveryStream", "logs"),
            ("region", "eu-west-1"),
            ("batch", "false"),
            ("roleARN", "arn:aws:iam::1:role/writer"),
            ("roleExternalID", "x"),
            ("roleSessionName", "s"),
            ("kinesisEndpoint", "http://localhost:1"),
        ]))
        .expect("valid");
        assert_eq!((settings.limits.max_entries, settings.aws.is_single), (1, true));
        let role = settings.aws.role.expect("a role");
        assert_eq!(
            (role.session.as_str(), role.external_id.as_deref(), role.duration),
            ("s", Some("x"), Some(Duration::from_secs(3600)))
        );
    }

    #[test]
    fn delimiters_are_read_as_written_and_with_escapes() {
        let cases: [(&str, Result<&[u8], char>); 6] = [
            ("", Ok(b"")),
            ("\n", Ok(b"\n")),
            ("\\n", Ok(b"\n")),
            (" \\r\\n\\\\", Ok(b" \r\n\\")),
            ("é\\0", Ok("é\0".as_bytes())),
            ("\\q", Err('q')),
        ];
        for (text, expected) in cases {
            assert_eq!(unescaped(text), expected.map(<[u8]>::to_vec), "{text:?}");
        }
    }

    #[test]
    fn every_issue_across_keys_is_named() {
        let issues = Settings::parse(&props(&[
            ("deliveryStream", "logs"),
            ("kinesisEndpoint", "ftp://localhost"),
            ("record.delimiter", "\\q"),
            ("aws.access.key.id", "id"),
            ("batch", "false"),
            ("aggregation.max.records", "5"),
            ("roleARN", "arn:aws:iam::1:role/writer"),
            ("roleSessionName", ""),
        ]))
        .expect_err("five issues");
        let names: Vec<&str> = issues.iter().map(|issue| issue.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "kinesisEndpoint",
                "record.delimiter",
                "aws.secret.access.key",
                "aggregation.max.records",
                "roleSessionName"
            ]
        );
    }
}
