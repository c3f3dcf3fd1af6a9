//! Takes records that a sink task refuses on its own, also after `put` returned.

use std::sync::{Mutex, PoisonError};

use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;
use connect_core::task::ErrantRecordReporter;

use crate::task::errors::{ErrorPolicy, FailedRecord, Failure};

/// Passes refused records to the task's error policy.
pub(crate) struct ErrantReporter {
    errors: ErrorPolicy,
    /// The error that must fail the task even if the plug-in swallows it.
    fatal: Mutex<Option<ConnectError>>,
}

impl ErrantReporter {
    /// Returns a reporter for one task.
    pub(crate) fn new(errors: ErrorPolicy) -> Self {
        Self { errors, fatal: Mutex::new(None) }
    }

    /// Returns the error that must fail the task.
    pub(crate) fn take_error(&self) -> Option<ConnectError> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ErrantRecordReporter for ErrantReporter {
    fn report(&self, record: &SinkRecord, error: ConnectError) -> Result<(), ConnectError> {
        self.errors.handle(&FailedRecord::Sink(record), Failure::of_put(error)).map_err(|error| {
            let text = error.context().to_owned();
            *self.fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            ConnectError::fatal(text)
        })
    }
}
