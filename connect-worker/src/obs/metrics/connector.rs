//! What a connector is: the group `connector-metrics`.

use std::sync::{Mutex, PoisonError};

use connect_core::metrics::MetricId;

use crate::obs::metrics::exposition::{Exposition, Labels};
use crate::obs::metrics::status::{PluginInfo, Status};

/// The texts about a connector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// Class and version.
    pub plugin: PluginInfo,
    /// `source` or `sink`.
    pub connector_type: String,
}

/// Metrics of a connector.
pub struct ConnectorMetrics {
    labels: Labels,
    info: ConnectorInfo,
    status: Mutex<Status>,
}

impl ConnectorMetrics {
    pub(crate) fn new(labels: Labels, info: ConnectorInfo) -> Self {
        Self { labels, info, status: Mutex::default() }
    }

    /// Notes a change of state.
    pub fn state(&self, status: Status) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    pub(crate) fn collect(&self, page: &mut Exposition) {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner).name();
        let ConnectorInfo { plugin: PluginInfo { class, version }, connector_type } = &self.info;
        page.text(MetricId::ConnectorStatus, &self.labels, status);
        page.text(MetricId::ConnectorType, &self.labels, connector_type);
        page.text(MetricId::ConnectorClass, &self.labels, class);
        page.text(MetricId::ConnectorVersion, &self.labels, version);
        let all = self.labels.with(&[
            ("connector_class", class),
            ("connector_type", connector_type),
            ("connector_version", version),
            ("status", status),
        ]);
        page.add(MetricId::ConnectorInfo, &all, 1.0);
    }
}
