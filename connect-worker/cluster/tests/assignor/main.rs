//! The group's bytes against the JVM's; the assignor against the JVM's, by its properties, and in a simulated group.

mod bytes;
mod coordinator;
mod golden;
mod properties;
mod simulation;
mod worker;
