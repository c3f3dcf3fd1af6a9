//! The assignor: against the JVM's, by its properties, and in a simulated group.

mod coordinator;
mod golden;
mod properties;
mod simulation;
mod worker;
