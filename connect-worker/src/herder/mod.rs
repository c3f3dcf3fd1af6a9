//! The herder: owns all connectors of this worker, alone, in one task.
//!
//! It never waits for a plug-in or a broker: work goes out to other tasks and answers come back as messages.
//! `rest` talks to it through [`HerderHandle`]; it never names `rest`.

mod command;
mod connector;
mod door;
mod effects;
mod error;
pub mod fleet;
mod generation;
mod handle;
mod info;
mod instances;
mod live;
mod metered;
mod offset_values;
mod offsets;
pub mod ports;
mod queries;
mod raw;
mod reconfigure;
mod reloads;
mod requests;
mod restart;
mod run;
mod shutdown;
mod stage;
mod state;
#[cfg(test)]
mod tests;
mod waiters;
mod work;

pub use crate::stores::config::{ConfigRecord, MemoryConfigStore, RestartRequest, SessionKey};
pub use crate::stores::status::{MemoryStatusStore, RunState, Status};
pub use command::{CreateRequest, Modified};
pub use door::{HerderDoor, door};
pub use error::{HerderError, HerderErrorKind};
pub use handle::HerderHandle;
pub use info::{
    ConnectorInfo, ConnectorOffset, ConnectorStateInfo, ConnectorType, OffsetRequest, StateInfo, TaskIdInfo,
    TaskInfo, TaskStateInfo,
};
pub use run::{Herder, HerderSettings, Ports, StopReport};
pub(crate) use stage::date;
pub use stage::{Stage, StageClock};
pub use state::{InitialState, java_ordered};
#[cfg(test)]
pub(crate) use {command::Command, handle::Told};
