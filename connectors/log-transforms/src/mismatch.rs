//! What becomes of a record that a transform cannot make sense of.

use connect_core::error::ConnectError;
use connect_core::transform::Outcome;

/// The choices of `on.mismatch`.
pub(crate) const CHOICES: &[&str] = &["fail", "keep", "drop"];

/// What becomes of a record that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnMismatch {
    /// It is an error of the record, which `errors.tolerance` and a dead letter queue take care of.
    #[default]
    Fail,
    /// It goes on unchanged.
    Keep,
    /// It is dropped.
    Drop,
}

impl OnMismatch {
    /// Returns the choice of a checked setting.
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "keep" => OnMismatch::Keep,
            "drop" => OnMismatch::Drop,
            _ => OnMismatch::Fail,
        }
    }

    /// Returns the outcome of a record that does not fit.
    ///
    /// # Errors
    /// Fails with a data error when that is the choice.
    pub(crate) fn outcome(self, why: impl FnOnce() -> String) -> Result<Outcome, ConnectError> {
        match self {
            OnMismatch::Fail => {
                Err(ConnectError::data(format!("{}; `on.mismatch` may be `keep` or `drop`", why())))
            }
            OnMismatch::Keep => Ok(Outcome::Keep),
            OnMismatch::Drop => Ok(Outcome::Drop),
        }
    }
}
