//! The herder with fake connectors and tasks.
