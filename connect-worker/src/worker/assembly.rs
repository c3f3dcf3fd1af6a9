//! The herder and what it needs, put together from the stores of a mode.

use std::sync::Arc;

use connect_core::kit::{SharedClock, SystemClock};
use connect_core::plugin::Registry;
use tokio::sync::mpsc;

use crate::herder::fleet::FleetPorts;
use crate::herder::{self, Herder, HerderDoor, HerderHandle, HerderSettings, Ports};
use crate::stores::config::{ConfigStore, ConfigUpdate};
use crate::stores::offsets::{OffsetStore, SourceOffsetStores};
use crate::stores::status::StatusStore;
use crate::task::{
    ConsumerFactory, Spawner, TaskServices, WorkRight, always_ours, native_consumers,
    native_transactional_producers,
};
use crate::worker::adapters::{GroupOffsets, SourceOffsets};
use crate::worker::catalog;
use crate::worker::frame::Frame;
use crate::worker::members::Members;

/// Where a worker keeps what must outlive it.
pub(super) struct Stores {
    pub(super) config: Box<dyn ConfigStore>,
    pub(super) updates: mpsc::UnboundedReceiver<ConfigUpdate>,
    pub(super) status: Box<dyn StatusStore>,
    pub(super) offsets: Arc<dyn OffsetStore>,
    pub(super) source_stores: Option<Arc<dyn SourceOffsetStores>>,
}

/// Returns the way to talk to a worker's herder, and what the herder is made from.
pub(super) fn door(frame: &Frame, registry: &Registry) -> (HerderHandle, HerderDoor) {
    herder::door(catalog(registry.clone(), Arc::clone(&frame.worker)))
}

/// Returns a herder behind a door, not yet running.
/// `fleet` is the group of a distributed worker.
pub(super) fn herder(
    frame: &Frame,
    registry: Registry,
    stores: Stores,
    fleet: Option<FleetPorts>,
    door: HerderDoor,
) -> Herder {
    herder_reading(frame, registry, stores, fleet, door, native_consumers())
}

/// Does the same with other consumers for its sinks.
pub(super) fn herder_reading(
    frame: &Frame,
    registry: Registry,
    stores: Stores,
    fleet: Option<FleetPorts>,
    door: HerderDoor,
    consumers: ConsumerFactory,
) -> Herder {
    let worker = &frame.worker;
    let clock: SharedClock = Arc::new(SystemClock);
    let right: WorkRight = match &fleet {
        Some(fleet) => {
            let group = Arc::clone(&fleet.group);
            Arc::new(move || group.holds_place())
        }
        None => always_ours(),
    };
    let services = TaskServices {
        worker: Arc::clone(worker),
        metrics: Arc::clone(&frame.metrics),
        offsets: Arc::clone(&stores.offsets),
        clock,
        source_stores: stores.source_stores.clone(),
        consumers,
        members: Some(Arc::new(Members)),
        producers: native_transactional_producers(),
        right,
    };
    let settings = HerderSettings {
        worker_id: Arc::clone(&frame.worker_id),
        task_grace: worker.task_shutdown_graceful_timeout,
        tracks_topics: worker.topic_tracking_enable,
        allows_topic_reset: worker.topic_tracking_allow_reset,
    };
    let ports = Ports {
        registry,
        resolver: Arc::new(worker.transformer().clone()),
        spawner: Arc::new(Spawner::new(services)),
        config: stores.config,
        updates: stores.updates,
        status: stores.status,
        sink_offsets: Arc::new(GroupOffsets { worker: Arc::clone(worker) }),
        source_offsets: Arc::new(SourceOffsets { store: stores.offsets, stores: stores.source_stores }),
        metrics: Arc::clone(&frame.metrics),
        fleet,
    };
    Herder::new(settings, ports, door)
}
