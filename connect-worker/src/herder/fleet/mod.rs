//! The herder as a member of a group: what runs here is what the group's leader assigned.
//!
//! Everything comes in as messages, so that neither the group, nor the config log, nor other workers can hold up
//! the loop. Standalone mode has no such part.

mod parts;

pub use parts::{FleetPorts, FleetSettings, KeySettings};
