//! Memberships of a Connect group on real Kafka: on every kind of listener, through faults of broker and members,
//! and beside JVM workers.

mod echo;
mod faults;
mod listeners;
mod mixed;

pub(crate) use faults::Silent;
