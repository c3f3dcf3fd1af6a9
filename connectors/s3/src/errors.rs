//! The one table from S3's answers to what is done about them.

use std::fmt;
use std::time::Duration;

use connect_core::error::BoxError;

/// An S3 call that did not succeed.
#[derive(Debug)]
pub(crate) struct StoreError {
    /// Error code of S3, such as `SlowDown`; `None` when no answer carried one.
    pub(crate) code: Option<String>,
    /// HTTP status; `None` when there was no answer.
    pub(crate) status: Option<u16>,
    /// Wait asked for by the target.
    pub(crate) retry_after: Option<Duration>,
    /// Whether no credentials could be found or built, before any request was sent.
    pub(crate) is_credentials: bool,
    /// What happened, in the words of S3 or of the transport.
    pub(crate) message: String,
    /// The cause.
    pub(crate) source: Option<BoxError>,
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(status) = self.status {
            write!(formatter, "HTTP {status} ")?;
        }
        if let Some(code) = &self.code {
            write!(formatter, "{code}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|boxed| boxed.as_ref() as &(dyn std::error::Error + 'static))
    }
}

/// What is done about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The same call may succeed later.
    Retry,
    /// The upload is lost; the records must be read again.
    Redo,
    /// A conditional write met an object of that name.
    Exists,
    /// An operator must act.
    Fatal(Advice),
}

/// What an operator can do about a fatal fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// The bucket does not exist.
    Bucket,
    /// The bucket is elsewhere.
    Region,
    /// The credentials are wrong.
    Credentials,
    /// The credentials are right but may not do this.
    Permission,
    /// The encryption key cannot be used.
    Encryption,
    /// Anything else that S3 refuses.
    Refused,
}

impl Advice {
    /// Returns what to check, as the end of an error text.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Advice::Bucket => "create it or correct `s3.bucket.name`",
            Advice::Region => {
                "the bucket is in another region or at another endpoint: correct `s3.region` or `store.url`"
            }
            Advice::Credentials => {
                "check `aws.access.key.id` and `aws.secret.access.key`, or the AWS default credentials chain, and the \
                 role if one is assumed (`s3.credentials.provider.sts.role.arn` or `aws.sts.role.arn`)"
            }
            Advice::Permission => {
                "the credentials need `s3:PutObject`, `s3:AbortMultipartUpload` and `s3:ListBucket` on the bucket"
            }
            Advice::Encryption => "check `s3.ssea.name`, `s3.sse.kms.key.id` and the state of the key",
            Advice::Refused => "the request is refused for good",
        }
    }
}

/// Codes that pass by themselves.
const RETRY: [&str; 22] = [
    "SlowDown",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "ServiceUnavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "RequestTimeTooSkewed",
    "RequestExpired",
    "ExpiredToken",
    "ExpiredTokenException",
    "OperationAborted",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "TooManyRequests",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "BadDigest",
    "TransientError",
];

const ADVICE: [(&str, Advice); 20] = [
    ("NoSuchBucket", Advice::Bucket),
    ("PermanentRedirect", Advice::Region),
    ("TemporaryRedirect", Advice::Region),
    ("AuthorizationHeaderMalformed", Advice::Region),
    ("IllegalLocationConstraintException", Advice::Region),
    ("InvalidAccessKeyId", Advice::Credentials),
    ("SignatureDoesNotMatch", Advice::Credentials),
    ("InvalidClientTokenId", Advice::Credentials),
    ("UnrecognizedClientException", Advice::Credentials),
    ("InvalidSignatureException", Advice::Credentials),
    ("InvalidToken", Advice::Credentials),
    ("OptInRequired", Advice::Credentials),
    ("AccessDenied", Advice::Permission),
    ("AccessDeniedException", Advice::Permission),
    ("AllAccessDisabled", Advice::Permission),
    ("KMS.DisabledException", Advice::Encryption),
    ("KMS.NotFoundException", Advice::Encryption),
    ("KMS.InvalidStateException", Advice::Encryption),
    ("InvalidBucketState", Advice::Refused),
    ("EntityTooLarge", Advice::Refused),
];

impl StoreError {
    /// Returns an error without an answer: no connection, a broken one, or a time limit.
    pub(crate) fn transport(message: impl Into<String>) -> Self {
        Self {
            code: None,
            status: None,
            retry_after: None,
            is_credentials: false,
            message: message.into(),
            source: None,
        }
    }

    /// Returns what is done about this error. The code decides; the status where the code says nothing.
    pub(crate) fn fault(&self) -> Fault {
        if self.is_credentials {
            return Fault::Fatal(Advice::Credentials);
        }
        let Some(code) = self.code.as_deref() else {
            return self.fault_of_status();
        };
        match code {
            "PreconditionFailed" => Fault::Exists,
            "NoSuchUpload" | "ConditionalRequestConflict" | "InvalidPart" | "InvalidPartOrder" => Fault::Redo,
            code if RETRY.contains(&code) => Fault::Retry,
            code => match ADVICE.iter().find(|(name, _)| *name == code) {
                Some((_, advice)) => Fault::Fatal(*advice),
                None => self.fault_of_status(),
            },
        }
    }

    fn fault_of_status(&self) -> Fault {
        match self.status {
            None | Some(200..=299 | 408 | 425 | 429 | 500..=599) => Fault::Retry,
            Some(409) => Fault::Redo,
            Some(412) => Fault::Exists,
            Some(301 | 302 | 307 | 308) => Fault::Fatal(Advice::Region),
            Some(401) => Fault::Fatal(Advice::Credentials),
            Some(403) => Fault::Fatal(Advice::Permission),
            Some(_) => Fault::Fatal(Advice::Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: &str, status: u16) -> Fault {
        let code = (!code.is_empty()).then(|| code.to_owned());
        StoreError { code, status: Some(status), ..StoreError::transport("x") }.fault()
    }

    #[test]
    fn every_answer_has_its_fault() {
        use Advice::*;
        let cases = [
            ("SlowDown", 503, Fault::Retry),
            ("InternalError", 200, Fault::Retry),
            ("InternalError", 500, Fault::Retry),
            ("ServiceUnavailable", 503, Fault::Retry),
            ("RequestTimeout", 400, Fault::Retry),
            ("RequestTimeTooSkewed", 403, Fault::Retry),
            ("ExpiredToken", 400, Fault::Retry),
            ("OperationAborted", 409, Fault::Retry),
            ("BadDigest", 400, Fault::Retry),
            ("", 500, Fault::Retry),
            ("", 502, Fault::Retry),
            ("", 504, Fault::Retry),
            ("", 429, Fault::Retry),
            ("", 200, Fault::Retry),
            ("SomethingNew", 503, Fault::Retry),
            ("NoSuchUpload", 404, Fault::Redo),
            ("ConditionalRequestConflict", 409, Fault::Redo),
            ("PreconditionFailed", 412, Fault::Exists),
            ("", 412, Fault::Exists),
            ("NoSuchBucket", 404, Fault::Fatal(Bucket)),
            ("PermanentRedirect", 301, Fault::Fatal(Region)),
            ("AuthorizationHeaderMalformed", 400, Fault::Fatal(Region)),
            ("InvalidAccessKeyId", 403, Fault::Fatal(Credentials)),
            ("SignatureDoesNotMatch", 403, Fault::Fatal(Credentials)),
            ("AccessDenied", 403, Fault::Fatal(Permission)),
            ("", 403, Fault::Fatal(Permission)),
            ("KMS.DisabledException", 400, Fault::Fatal(Encryption)),
            ("EntityTooLarge", 400, Fault::Fatal(Refused)),
            ("EntityTooSmall", 400, Fault::Fatal(Refused)),
            ("SomethingNew", 400, Fault::Fatal(Refused)),
        ];
        for (code, status, expected) in cases {
            assert_eq!(fault(code, status), expected, "{code} {status}");
        }
    }

    #[test]
    fn no_answer_is_retried_and_missing_credentials_are_fatal() {
        assert_eq!(StoreError::transport("reset").fault(), Fault::Retry);
        let error = StoreError { is_credentials: true, ..StoreError::transport("none") };
        assert_eq!(error.fault(), Fault::Fatal(Advice::Credentials));
    }
}
