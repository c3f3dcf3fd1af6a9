//! The herder as a member of a group: what runs here is what the group's leader assigned.
//!
//! Everything comes in as messages, so that neither the group, nor the config log, nor other workers can hold up
//! the loop. Standalone mode has no such part.

mod addresses;
mod assigned;
mod decide;
mod events;
mod farewell;
mod fencing;
mod forward;
mod keys;
mod leader;
mod member;
mod message;
mod parts;
mod place;
mod publish;
mod requests;
mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod updates;

pub(crate) use fencing::FencingDoor;
pub(crate) use member::Fleet;
pub(crate) use message::FleetMessage;
pub use parts::{FleetPorts, FleetSettings, KeySettings};
