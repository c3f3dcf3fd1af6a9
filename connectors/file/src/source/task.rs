//! The source task: waits for the file, reads it, waits for more.

use std::sync::Arc;
use std::time::Duration;

use connect_core::ByteString;
use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::data::{Datum, Map, Value, logical};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::record::{ConnectRecord, SourceRecord};
use connect_core::task::{SourceTask, SourceTaskContext};

use crate::config::{SourceConfig, named};
use crate::source::lines::Line;
use crate::source::reader::LineReader;

/// Key of the source partition.
pub(crate) const FILENAME: &str = "filename";
/// Key of the source offset.
pub(crate) const POSITION: &str = "position";

/// How long a missing file is waited for before it is looked for again.
const MISSING_WAIT: Duration = Duration::from_secs(1);
/// How long the end of the file is waited at; Apache's task waits a second.
const END_WAIT: Duration = Duration::from_millis(200);

/// Reads one file.
#[derive(Default)]
pub(crate) struct FileStreamSourceTask {
    running: Option<Running>,
}

struct Running {
    context: SourceTaskContext,
    /// File name; `None` is the standard input.
    file: Option<String>,
    topic: Arc<str>,
    batch_size: usize,
    partition: Arc<Map>,
    input: Option<LineReader>,
    /// Position after the last line given out, in bytes; `None` for the standard input.
    position: Option<i64>,
    is_missing: bool,
}

#[async_trait]
impl SourceTask for FileStreamSourceTask {
    async fn start(&mut self, context: SourceTaskContext, props: &Props) -> Result<(), ConnectError> {
        let config = SourceConfig::parse(props)?;
        let filename = config.file.as_deref().map_or(Value::Null, Value::string);
        let file = named(config.file.as_ref()).map(str::to_owned);
        self.running = Some(Running {
            input: file.is_none().then(LineReader::stdin),
            file,
            topic: config.topic.into(),
            // Apache's task stops after the line that reaches the limit, so every limit lets one line through.
            batch_size: usize::try_from(config.batch_size).unwrap_or(0).max(1),
            partition: Arc::new(Map { entries: vec![(Value::string(FILENAME), filename)] }),
            position: None,
            is_missing: false,
            context,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, ConnectError> {
        let running = self
            .running
            .as_mut()
            .ok_or_else(|| ConnectError::fatal("polling a task that was not started"))?;
        running.poll().await
    }

    async fn stop(&mut self) -> Result<(), ConnectError> {
        self.running = None;
        Ok(())
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Vec<SourceRecord>, ConnectError> {
        if self.input.is_none() && !self.open().await? {
            self.wait(MISSING_WAIT).await;
            return Ok(Vec::new());
        }
        let Some(input) = &mut self.input else { return Ok(Vec::new()) };
        loop {
            let lines = input.lines.take_lines(self.batch_size);
            if !lines.is_empty() {
                return Ok(self.records(lines));
            }
            let count = input.read().await.map_err(|error| {
                let file = self.file.as_deref().unwrap_or("standard input");
                ConnectError::retriable(format!("reading `{file}`")).because(error)
            })?;
            if count == 0 {
                self.wait(END_WAIT).await;
                return Ok(Vec::new());
            }
        }
    }

    /// Opens the file at its stored position. Returns whether it is there.
    async fn open(&mut self) -> Result<bool, ConnectError> {
        let Some(file) = self.file.clone() else { return Ok(true) };
        let stored = self.context.offsets.offsets(&[Map::clone(&self.partition)]).await?;
        let position = stored_position(stored.into_iter().next().flatten().as_ref())?;
        self.input = LineReader::open(&file, position.cast_unsigned()).await?;
        self.position = Some(position);
        let is_missing = self.input.is_none();
        if is_missing && !self.is_missing {
            tracing::warn!(file, "couldn't find file, waiting for it to be created");
        }
        self.is_missing = is_missing;
        Ok(!is_missing)
    }

    async fn wait(&self, time: Duration) {
        tokio::select! {
            () = self.context.stop.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    fn records(&mut self, lines: Vec<Line>) -> Vec<SourceRecord> {
        let now_ms = self.context.clock.wall_ms();
        lines.into_iter().map(|line| self.record(line, now_ms)).collect()
    }

    fn record(&mut self, line: Line, now_ms: i64) -> SourceRecord {
        self.position = self.position.map(|position| position + line.size_bytes.cast_signed());
        let position = self.position.map_or(Value::Null, Value::Int64);
        let offset = Map { entries: vec![(Value::String(ByteString::from_static(POSITION)), position)] };
        SourceRecord {
            record: ConnectRecord {
                topic: Arc::clone(&self.topic),
                partition: None,
                key: Datum::NULL,
                value: Datum::new(Some(Arc::clone(&logical::STRING)), Value::String(line.text)),
                timestamp: Some(now_ms),
                headers: Headers::new(),
            },
            source_partition: Some(Arc::clone(&self.partition)),
            source_offset: Some(Arc::new(offset)),
        }
    }
}

fn stored_position(offset: Option<&Map>) -> Result<i64, ConnectError> {
    match offset.and_then(|offset| offset.get(POSITION)) {
        None | Some(Value::Null) => Ok(0),
        Some(Value::Int64(position)) => Ok((*position).max(0)),
        Some(_) => Err(ConnectError::fatal("Offset position is the incorrect type")),
    }
}
