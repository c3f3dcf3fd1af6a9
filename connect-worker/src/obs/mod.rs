//! What operators see of a worker from outside: metrics and logs. May be used by any room and uses none.

pub mod logging;
pub mod metrics;
