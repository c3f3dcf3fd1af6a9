//! The group's bytes and both assignors against the JVM's; the cooperative one also by its properties, and in a simulated
//! group.

mod bytes;
mod coordinator;
mod eager;
mod golden;
mod properties;
mod simulation;
mod worker;
