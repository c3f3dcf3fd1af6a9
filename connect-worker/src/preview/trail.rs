//! The way of one record so far, and all ways together with what the connector makes of them.

use bytes::Bytes;
use connect_core::preview::{Preview, PreviewOutput};
use connect_core::record::{ConnectRecord, RawHeaders, SinkRecord};
use connect_core::transform::Outcome as Decision;

use crate::kafka::batch::RawRecord;
use crate::preview::previewer::{Kind, Previewer};
use crate::preview::report::{
    Effect, ErrorReport, Outcome, OutputReport, RecordReport, Report, StageReport, Summary,
};
use crate::preview::shown::{View, produced_view, raw_view, record_view};
use crate::task::{Failure, Stage};

/// Where a record was read from.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) offset: Option<i64>,
}

/// The way of one record.
pub(super) struct Trail {
    stages: Vec<StageReport>,
    outcome: Outcome,
    error: Option<ErrorReport>,
    /// The record that reaches the sink.
    pub(super) record: Option<SinkRecord>,
}

impl Trail {
    /// Begins with a record as consumed.
    pub(super) fn consumed(raw: &RawRecord) -> Self {
        Self::from("consumed", raw_view(raw))
    }

    /// Begins with a record as a source made it.
    pub(super) fn given(record: &ConnectRecord) -> Self {
        Self::from("given", record_view(record, None))
    }

    fn from(stage: &str, view: View) -> Self {
        let first =
            StageReport { stage: stage.to_owned(), class: None, effect: Effect::Origin, record: Some(view) };
        Self { stages: vec![first], outcome: Outcome::Sent, error: None, record: None }
    }

    /// Adds a step that every record takes.
    pub(super) fn note(
        &mut self,
        stage: &str,
        class: Option<&'static str>,
        record: &ConnectRecord,
        offset: Option<i64>,
    ) {
        self.push(stage, class, Effect::Changed, Some(record_view(record, offset)));
    }

    /// Adds what a transform did: `None` when its predicate kept the record away. Returns whether the record goes on.
    pub(super) fn step(
        &mut self,
        stage: &str,
        class: Option<&'static str>,
        decision: Option<Decision>,
        record: &ConnectRecord,
        offset: Option<i64>,
    ) -> bool {
        let view = record_view(record, offset);
        let is_same = self.last() == Some(&view);
        match decision {
            Some(Decision::Drop) => {
                self.outcome = Outcome::Dropped;
                self.push(stage, class, Effect::Dropped, None);
                return false;
            }
            None => self.push(stage, class, Effect::Skipped, None),
            Some(Decision::Keep) if is_same => self.push(stage, class, Effect::Unchanged, None),
            Some(Decision::Keep) => self.push(stage, class, Effect::Changed, Some(view)),
        }
        true
    }

    /// Ends with a record as bytes for Kafka.
    pub(super) fn produced(
        &mut self,
        record: &ConnectRecord,
        key: Option<&Bytes>,
        value: Option<&Bytes>,
        headers: &RawHeaders,
    ) {
        let view = produced_view(record, key, value, headers);
        self.push("converters", None, Effect::Changed, Some(view));
    }

    /// Ends with an error.
    pub(super) fn fail(&mut self, stage: &str, class: Option<&'static str>, error: ErrorReport) {
        self.outcome = Outcome::Failed;
        self.error = Some(error);
        self.push(stage, class, Effect::Failed, None);
    }

    fn push(&mut self, stage: &str, class: Option<&'static str>, effect: Effect, record: Option<View>) {
        self.stages.push(StageReport { stage: stage.to_owned(), class, effect, record });
    }

    fn last(&self) -> Option<&View> {
        self.stages.iter().rev().find_map(|stage| stage.record.as_ref())
    }
}

/// Asks the connector about the records that reach it, and puts everything together.
pub(super) fn assemble(previewer: &Previewer, trails: Vec<Trail>, now_ms: i64) -> Report {
    let kind = if previewer.is_sink() { "sink" } else { "source" };
    let mut positions = Vec::new();
    let mut reaching = Vec::new();
    let mut records = Vec::with_capacity(trails.len());
    for (position, trail) in trails.into_iter().enumerate() {
        if let Some(record) = trail.record {
            positions.push(position);
            reaching.push(record);
        }
        let Trail { stages, outcome, error, .. } = trail;
        records.push(RecordReport { outcome, stages, error, outputs: Vec::new() });
    }
    let mut report = Report {
        connector: previewer.name.clone(),
        class: previewer.class,
        kind,
        records,
        outputs: None,
        error: None,
        summary: Summary::default(),
    };
    if let Kind::Sink(connector) = &previewer.kind {
        let class = connector.task_class();
        match connector.preview(&previewer.props, &reaching, now_ms) {
            Ok(Some(preview)) => add_preview(previewer, class, &mut report, &positions, preview),
            Ok(None) => {}
            Err(error) => {
                let failure = Failure { stage: Stage::TaskPut, class, error };
                report.error = Some(previewer.refusal(None, &failure));
            }
        }
    }
    report.summarise();
    report
}

fn add_preview(
    previewer: &Previewer,
    class: &'static str,
    report: &mut Report,
    positions: &[usize],
    preview: Preview,
) {
    let mut outputs = Vec::with_capacity(preview.outputs.len());
    for (number, output) in preview.outputs.into_iter().enumerate() {
        let PreviewOutput { target, content, records, note } = output;
        let records: Vec<usize> =
            records.into_iter().filter_map(|index| positions.get(index).copied()).collect();
        for position in &records {
            report.records[*position].outputs.push(number);
        }
        outputs.push(OutputReport::new(target, &content, records, note));
    }
    for position in positions {
        let record = &mut report.records[*position];
        if record.outputs.is_empty() {
            record.outcome = Outcome::Ignored;
        }
    }
    for failed in preview.failed {
        let Some(position) = positions.get(failed.index) else { continue };
        let record = &mut report.records[*position];
        let failure = Failure { stage: Stage::TaskPut, class, error: failed.error };
        record.outcome = Outcome::Failed;
        record.error = Some(previewer.refusal(None, &failure));
    }
    report.outputs = Some(outputs);
}
