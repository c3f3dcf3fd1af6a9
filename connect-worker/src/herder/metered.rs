//! What the herder tells the metrics about connectors: their states and how their starts went.

use std::sync::Arc;

use crate::herder::info::ConnectorType;
use crate::herder::run::Herder;
use crate::obs::metrics::{ConnectorInfo, PluginInfo, Status};
use crate::stores::status::RunState;

impl Herder {
    /// Gives a connector metrics of its own for a new incarnation; they end with it.
    pub(crate) fn meter_connector(&mut self, name: &Arc<str>) {
        let info = match self.plugin(name) {
            Some(plugin) => ConnectorInfo {
                plugin: PluginInfo { class: plugin.class.to_owned(), version: plugin.version.to_owned() },
                connector_type: ConnectorType::of(plugin.kind()).name().to_owned(),
            },
            None => ConnectorInfo::default(),
        };
        let metrics = self.metrics.connector(name, info);
        if let Some(live) = self.live.get_mut(name) {
            live.metrics = Some(metrics);
        }
    }

    /// Notes the state of a connector.
    pub(crate) fn meter_state(&self, name: &str, state: RunState) {
        if let Some(metrics) = self.live.get(name).and_then(|live| live.metrics.as_ref()) {
            metrics.state(status(state));
        }
    }
}

fn status(state: RunState) -> Status {
    match state {
        RunState::Unassigned => Status::Unassigned,
        RunState::Running => Status::Running,
        RunState::Paused => Status::Paused,
        RunState::Stopped => Status::Stopped,
        RunState::Failed => Status::Failed,
        RunState::Restarting => Status::Restarting,
    }
}
