//! Connectors: they split their work into task configurations; the tasks do it.

use std::sync::Arc;

use crate::async_trait;
use crate::config::{ConfigDef, ConfigReport, Props};
use crate::data::Map;
use crate::error::ConnectError;
use crate::preview::Preview;
use crate::record::{SinkRecord, TopicPartition};
use crate::task::{SinkTask, SourceTask};

/// What a connector may ask of the worker. Calls return at once.
pub trait ConnectorHandle: Send + Sync {
    /// Asks for the task configurations to be generated again.
    fn request_task_reconfiguration(&self);

    /// Makes the connector FAILED.
    fn raise_error(&self, error: ConnectError);
}

/// What a connector is given when it starts.
#[derive(Clone)]
pub struct ConnectorContext {
    /// Name of the connector.
    pub name: Arc<str>,
    /// Way back to the worker.
    pub handle: Arc<dyn ConnectorHandle>,
}

/// The common part of sink and source connectors. `config_def`, `validate` and `task_class` are called on
/// instances that were never started.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Returns the version shown in `/connector-plugins`.
    fn version(&self) -> &'static str;

    /// Returns the connector's own keys.
    fn config_def(&self) -> ConfigDef;

    /// Checks a configuration. Override it to add checks across keys, see [`ConfigDef::validate_across`].
    fn validate(&self, props: &Props) -> ConfigReport {
        self.config_def().validate(props)
    }

    /// Returns the JVM name of the task class, which is stored in task configurations.
    fn task_class(&self) -> &'static str;

    /// Starts the connector. It may be called again after `stop`.
    ///
    /// # Errors
    /// Any error makes the connector FAILED.
    async fn start(&mut self, context: ConnectorContext, props: &Props) -> Result<(), ConnectError>;

    /// Returns one configuration a task, at most `max_tasks`.
    ///
    /// # Errors
    /// The worker retries with back-off.
    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError>;

    /// Stops the connector.
    ///
    /// # Errors
    /// Logged; while pausing it makes the connector FAILED.
    async fn stop(&mut self) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// New offsets of a sink asked for through REST; `None` deletes.
pub type SinkOffsetChanges = Vec<(TopicPartition, Option<i64>)>;
/// New offsets of a source asked for through REST; `None` deletes.
pub type SourceOffsetChanges = Vec<(Option<Map>, Option<Map>)>;

/// A connector that writes records read from Kafka.
pub trait SinkConnector: Connector {
    /// Returns a new task.
    fn task(&self) -> Box<dyn SinkTask>;

    /// Checks or applies new offsets before the worker stores them. Returns whether the connector handled them
    /// (`alterOffsets` of the JVM API); `false` by default.
    ///
    /// # Errors
    /// The offsets stay as they are and the text is shown to the caller.
    fn alter_offsets(&self, _props: &Props, _offsets: &SinkOffsetChanges) -> Result<bool, ConnectError> {
        Ok(false)
    }

    /// Returns what a task with this configuration would send for these records, without touching the destination:
    /// no connection, no file. `now_ms` is the wall clock. Called on instances that were never started; `None`, the
    /// default, when the connector cannot tell.
    ///
    /// # Errors
    /// Fails when the configuration or all of the records are refused; single refused records belong into
    /// [`Preview::failed`].
    fn preview(
        &self,
        _props: &Props,
        _records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Preview>, ConnectError> {
        Ok(None)
    }
}

/// A connector that produces records to Kafka.
pub trait SourceConnector: Connector {
    /// Returns a new task.
    fn task(&self) -> Box<dyn SourceTask>;

    /// Returns whether exactly-once delivery is possible with this configuration; `None` when the connector does
    /// not say.
    fn supports_exactly_once(&self, _props: &Props) -> Option<bool> {
        None
    }

    /// Returns whether tasks can define transaction boundaries with this configuration.
    fn can_define_transaction_boundaries(&self, _props: &Props) -> bool {
        false
    }

    /// Checks or applies new offsets before the worker stores them. Returns whether the connector handled them.
    ///
    /// # Errors
    /// The offsets stay as they are and the text is shown to the caller.
    fn alter_offsets(&self, _props: &Props, _offsets: &SourceOffsetChanges) -> Result<bool, ConnectError> {
        Ok(false)
    }
}
