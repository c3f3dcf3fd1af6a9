//! The one table from Firehose's answers to what is done about them.

use std::time::Duration;

/// A call that did not succeed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The same call may succeed later, or may have succeeded without an answer.
    Again {
        /// What happened.
        reason: String,
        /// Wait asked for.
        after: Option<Duration>,
        /// Whether the stream asks for less.
        is_throttle: bool,
    },
    /// Something in the request is wrong: a record may be at fault.
    Invalid(String),
    /// An operator must act.
    Refused(String),
}

/// Codes that ask for fewer requests.
const THROTTLES: [&str; 9] = [
    "ServiceUnavailableException",
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
];

/// Codes that pass by themselves, whatever the status.
const PASSING: [&str; 13] = [
    "InternalFailure",
    "InternalError",
    "InternalServerError",
    "ServiceUnavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "ExpiredTokenException",
    "PriorRequestNotComplete",
    "TransientError",
    "BandwidthLimitExceeded",
];

const CREDENTIALS: &str =
    "check `aws.access.key.id`, `aws.secret.access.key` and `roleARN`, or the AWS default credentials chain";

const ADVICE: [(&str, &str); 12] = [
    ("ResourceNotFoundException", "create the stream, or correct `deliveryStream` and `region`"),
    ("InvalidKMSResourceException", "check the key that encrypts the stream"),
    ("InvalidSourceException", "the stream must have direct PUT as its source"),
    ("AccessDeniedException", "the credentials need `firehose:PutRecordBatch` and `firehose:PutRecord`"),
    ("AccessDenied", "the credentials need `firehose:PutRecordBatch` and `firehose:PutRecord`"),
    ("UnrecognizedClientException", CREDENTIALS),
    ("InvalidClientTokenId", CREDENTIALS),
    ("InvalidSignatureException", CREDENTIALS),
    ("IncompleteSignature", CREDENTIALS),
    ("MissingAuthenticationToken", CREDENTIALS),
    ("SignatureDoesNotMatch", CREDENTIALS),
    ("OptInRequired", CREDENTIALS),
];

/// Returns whether a code, of a call or of an entry, asks for fewer requests.
pub(crate) fn is_throttle(code: &str) -> bool {
    THROTTLES.contains(&code)
}

/// Returns what is done about an answer: its code decides, its status where the code says nothing.
pub(crate) fn judge(
    code: Option<&str>,
    status: Option<u16>,
    message: &str,
    after: Option<Duration>,
) -> CallError {
    let mut reason = String::new();
    if let Some(status) = status {
        reason.push_str(&format!("HTTP {status} "));
    }
    if let Some(code) = code {
        reason.push_str(&format!("{code}: "));
    }
    reason.push_str(message);
    let code = code.unwrap_or_default();
    if is_throttle(code) || status == Some(429) {
        return CallError::Again { reason, after, is_throttle: true };
    }
    if PASSING.contains(&code) {
        return CallError::Again { reason, after, is_throttle: false };
    }
    if let Some((_, advice)) = ADVICE.iter().find(|(name, _)| *name == code) {
        return CallError::Refused(format!("{reason}; {advice}"));
    }
    match (code, status) {
        // Firehose says so of the stream, not of a record.
        ("InvalidArgumentException", _) if message.contains("AsSource") => {
            CallError::Refused(format!("{reason}; the stream must have direct PUT as its source"))
        }
        ("InvalidArgumentException" | "ValidationException" | "SerializationException", _) => {
            CallError::Invalid(reason)
        }
        (_, Some(413)) => CallError::Invalid(reason),
        (_, None | Some(200..=299 | 408 | 500..=599)) => {
            CallError::Again { reason, after, is_throttle: false }
        }
        _ => CallError::Refused(format!("{reason}; the request is refused for good")),
    }
}

/// Returns the error of credentials that are nowhere to be found.
pub(crate) fn no_credentials(message: &str) -> CallError {
    CallError::Refused(format!("{message}; {CREDENTIALS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_kind() {
        let kind = |code: &str, status: u16, message: &str| {
            let code = (!code.is_empty()).then_some(code);
            match judge(code, Some(status), message, None) {
                CallError::Again { is_throttle: true, .. } => "throttle",
                CallError::Again { .. } => "again",
                CallError::Invalid(_) => "invalid",
                CallError::Refused(_) => "refused",
            }
        };
        let cases = [
            ("ServiceUnavailableException", 503, "Slow down.", "throttle"),
            ("ThrottlingException", 400, "", "throttle"),
            ("", 429, "", "throttle"),
            ("InternalFailure", 500, "", "again"),
            ("", 500, "", "again"),
            ("", 200, "", "again"),
            ("ExpiredTokenException", 400, "", "again"),
            ("InvalidArgumentException", 400, "1 validation error", "invalid"),
            ("", 413, "", "invalid"),
            ("InvalidArgumentException", 400, "not allowed on KinesisStreamAsSource", "refused"),
            ("ResourceNotFoundException", 400, "", "refused"),
            ("AccessDeniedException", 400, "", "refused"),
            ("InvalidKMSResourceException", 400, "", "refused"),
            ("InvalidSourceException", 400, "", "refused"),
            ("UnrecognizedClientException", 400, "", "refused"),
            ("RequestTimeTooSkewed", 400, "", "again"),
            ("SomethingNew", 400, "", "refused"),
        ];
        for (code, status, message, expected) in cases {
            assert_eq!(kind(code, status, message), expected, "{code} {status}");
        }
        assert!(matches!(judge(None, None, "reset", None), CallError::Again { is_throttle: false, .. }));
    }
}
