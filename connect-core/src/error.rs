//! Errors of plug-ins: what happened, how severe it is, and the Kafka Connect class an operator knows it by.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A boxed cause.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// How severe a failed call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The same call may succeed later. `after` is the earliest useful time to try again, if the target said so.
    Retriable {
        /// Delay asked for by the target.
        after: Option<Duration>,
    },
    /// Trying again cannot help; the task fails.
    Fatal,
    /// A `put` that delivered nothing at all, because the target refuses some of the records: without them it may
    /// take the rest. Like [`Severity::Fatal`] unless `errors.tolerance` is `all`.
    Refused,
}

/// The Kafka Connect exception family an error belongs to; it names the class shown in traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// `org.apache.kafka.connect.errors.ConnectException`.
    Connect,
    /// `org.apache.kafka.connect.errors.RetriableException`.
    Retriable,
    /// `org.apache.kafka.connect.errors.DataException`: the record's content is at fault.
    Data,
    /// `org.apache.kafka.common.config.ConfigException`: the configuration is at fault.
    Config,
}

impl ErrorKind {
    /// Returns the fully qualified JVM class name of this kind.
    pub fn class_name(self) -> &'static str {
        match self {
            ErrorKind::Connect => "org.apache.kafka.connect.errors.ConnectException",
            ErrorKind::Retriable => "org.apache.kafka.connect.errors.RetriableException",
            ErrorKind::Data => "org.apache.kafka.connect.errors.DataException",
            ErrorKind::Config => "org.apache.kafka.common.config.ConfigException",
        }
    }
}

/// An error of a plug-in call.
#[derive(Debug)]
pub struct ConnectError {
    kind: ErrorKind,
    severity: Severity,
    context: String,
    source: Option<BoxError>,
}

impl ConnectError {
    /// Returns a fatal error with the given context.
    pub fn fatal(context: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Connect, severity: Severity::Fatal, context: context.into(), source: None }
    }

    /// Returns a retriable error with the given context.
    pub fn retriable(context: impl Into<String>) -> Self {
        let severity = Severity::Retriable { after: None };
        Self { kind: ErrorKind::Retriable, severity, context: context.into(), source: None }
    }

    /// Returns an error about a record's content; never retriable.
    pub fn data(context: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Data, severity: Severity::Fatal, context: context.into(), source: None }
    }

    /// Returns an error about the configuration; never retriable.
    pub fn config(context: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Config, severity: Severity::Fatal, context: context.into(), source: None }
    }

    /// Attaches the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets the earliest useful time of a retry; the error becomes retriable.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.severity = Severity::Retriable { after: Some(after) };
        self
    }

    /// Says that the target refused the batch given to `put` as a whole, and that nothing of it was delivered nor
    /// kept. Where `errors.tolerance` is `all` the worker then halves the batch until the records at fault are alone,
    /// and reports those; otherwise the task fails.
    #[must_use]
    pub fn refusing_batch(mut self) -> Self {
        self.severity = Severity::Refused;
        self
    }

    /// Returns the severity.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether trying the same call again may help.
    pub fn is_retriable(&self) -> bool {
        matches!(self.severity, Severity::Retriable { .. })
    }

    /// Returns whether the batch was refused as a whole with nothing delivered.
    pub fn is_batch_refused(&self) -> bool {
        self.severity == Severity::Refused
    }

    /// Returns the text of this error without its causes.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Returns the error and its causes as Kafka Connect prints a trace: class and message a line, causes below,
    /// newline-terminated.
    pub fn trace(&self) -> String {
        let mut text = format!("{}: {}\n", self.kind.class_name(), self.context);
        let mut cause = self.source.as_ref().map(|boxed| boxed.as_ref() as &(dyn Error + 'static));
        while let Some(error) = cause {
            match error.downcast_ref::<ConnectError>() {
                Some(inner) => {
                    text.push_str(&format!("Caused by: {}: {}\n", inner.kind.class_name(), inner.context));
                }
                None => text.push_str(&format!("Caused by: {error}\n")),
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.context)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|boxed| boxed.as_ref() as &(dyn Error + 'static))
    }
}

/// The failure of one record of a batch: a value, not an error path.
#[derive(Debug)]
pub struct RecordFailure {
    /// Index of the record in the batch given to `put`.
    pub index: usize,
    /// Why the target or the connector refused it.
    pub error: ConnectError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_lists_class_message_and_causes() {
        let inner = ConnectError::data("value is not JSON").because(std::io::Error::other("eof"));
        let error = ConnectError::fatal("Tolerance exceeded in error handler").because(inner);
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\
             Caused by: org.apache.kafka.connect.errors.DataException: value is not JSON\n\
             Caused by: eof\n"
        );
    }
}
