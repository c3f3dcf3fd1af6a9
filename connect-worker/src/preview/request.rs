//! A preview as REST asks for it.

use connect_core::plugin::Registry;
use serde_json::Value as Json;

use crate::config::WorkerConfig;
use crate::config::files::RawConfig;
use crate::preview::error::PreviewError;
use crate::preview::given::Given;
use crate::preview::previewer::Previewer;

/// Runs records through a connector's configuration and returns the report.
///
/// # Errors
/// Fails when the configuration is invalid or a record cannot be read.
pub(crate) async fn preview_json(
    registry: &Registry,
    worker: &WorkerConfig,
    config: &RawConfig,
    records: Vec<Json>,
    now_ms: i64,
) -> Result<Json, PreviewError> {
    let previewer = Previewer::new(registry, worker, config)?;
    let read = |(index, json)| {
        Given::from_json(json).map_err(|error| PreviewError::bad(format!("record {index}: {error}")))
    };
    let given = records.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let report = previewer.run(given, now_ms).await;
    // Plain structs of text and numbers always have a JSON form.
    Ok(serde_json::to_value(&report).unwrap_or_default())
}
