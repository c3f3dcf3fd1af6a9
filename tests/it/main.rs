//! The integration tests: one binary, so one link and one shared broker.

mod house_rules;
mod licence;
mod rest_differential;
