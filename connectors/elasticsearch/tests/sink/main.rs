//! The sinks on a cluster in this process, which refuses, delays and hangs up as a test tells it.

mod contract;
mod delivery;
mod fake;
mod faults;
mod order;
mod resources;
mod rig;
mod way;
