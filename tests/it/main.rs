//! The integration tests: one binary, so one link and one shared broker.

mod rest_differential;
