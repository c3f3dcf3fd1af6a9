//! connect-tests
