//! What became of each record, as it is shown and compared.

use connect_core::error::ConnectError;
use serde::Serialize;

use crate::preview::mask::Masks;
use crate::preview::shown::{View, put_bytes};

/// What became of all records.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Name of the connector.
    pub(crate) connector: String,
    /// Its class.
    pub(crate) class: &'static str,
    /// `sink` or `source`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// One entry a record, in the order given.
    pub(crate) records: Vec<RecordReport>,
    /// What the connector would send; `None` when it cannot tell.
    pub(crate) outputs: Option<Vec<OutputReport>>,
    /// Why it refused all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorReport>,
    /// How many of which outcome.
    pub(crate) summary: Summary,
}

/// One record on its way.
#[derive(Debug, Serialize)]
pub(crate) struct RecordReport {
    pub(crate) outcome: Outcome,
    /// The record at each point, in order.
    pub(crate) stages: Vec<StageReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorReport>,
    /// Positions of the outputs it is in.
    pub(crate) outputs: Vec<usize>,
}

/// How a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// It reaches the connector, or Kafka.
    Sent,
    /// A transform drops it.
    Dropped,
    /// The connector writes nothing for it.
    Ignored,
    /// Something refuses it.
    Failed,
}

/// One step of a record.
#[derive(Debug, Serialize)]
pub(crate) struct StageReport {
    /// `consumed`, `given`, `converters`, or the alias of a transform.
    pub(crate) stage: String,
    /// Class of the transform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<&'static str>,
    pub(crate) effect: Effect,
    /// The record after the step; it is that of the step before where the effect says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<View>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effect {
    /// It is where the record comes from.
    Origin,
    Changed,
    Unchanged,
    /// A predicate kept the record from the transform.
    Skipped,
    Dropped,
    Failed,
}

/// Why a record is refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ErrorReport {
    /// Kafka Connect's name of the stage, as in the headers of a dead letter.
    pub(crate) stage: &'static str,
    /// Alias of the transform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transform: Option<String>,
    /// JVM class of what failed.
    pub(crate) class: &'static str,
    pub(crate) message: String,
    /// What is behind it, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) causes: Vec<String>,
    /// What a task would do.
    pub(crate) consequence: String,
}

/// Something the connector would send.
#[derive(Debug, Serialize)]
pub(crate) struct OutputReport {
    pub(crate) target: String,
    /// `content`, or `content_base64` where it is no text.
    #[serde(flatten)]
    pub(crate) content: View,
    /// Positions of its records.
    pub(crate) records: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// How many records of which outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) records: usize,
    pub(crate) sent: usize,
    pub(crate) dropped: usize,
    pub(crate) ignored: usize,
    pub(crate) failed: usize,
}

impl Report {
    /// Returns whether everything went well.
    pub(crate) fn is_fine(&self) -> bool {
        self.error.is_none() && self.summary.failed == 0
    }

    /// Counts outcomes.
    pub(super) fn summarise(&mut self) {
        let count = |outcome| self.records.iter().filter(|record| record.outcome == outcome).count();
        self.summary = Summary {
            records: self.records.len(),
            sent: count(Outcome::Sent),
            dropped: count(Outcome::Dropped),
            ignored: count(Outcome::Ignored),
            failed: count(Outcome::Failed),
        };
    }

    /// Replaces secrets wherever data or a plug-in's text is shown.
    pub(super) fn mask(&mut self, masks: &Masks) {
        for record in &mut self.records {
            let views = record.stages.iter_mut().filter_map(|stage| stage.record.as_mut());
            views.for_each(|view| masks.object(view));
            record.error.iter_mut().for_each(|error| error.mask(masks));
        }
        for output in self.outputs.iter_mut().flatten() {
            masks.text(&mut output.target);
            masks.object(&mut output.content);
            output.note.iter_mut().for_each(|note| masks.text(note));
        }
        self.error.iter_mut().for_each(|error| error.mask(masks));
    }
}

impl RecordReport {
    /// Returns the record as the last step left it.
    pub(crate) fn last_view(&self) -> Option<&View> {
        self.stages.iter().rev().find_map(|stage| stage.record.as_ref())
    }
}

impl ErrorReport {
    pub(super) fn new(stage: &'static str, class: &'static str, error: &ConnectError) -> Self {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        let message = error.context().to_owned();
        Self { stage, transform: None, class, message, causes, consequence: String::new() }
    }

    fn mask(&mut self, masks: &Masks) {
        masks.text(&mut self.message);
        self.causes.iter_mut().for_each(|cause| masks.text(cause));
    }
}

impl OutputReport {
    pub(super) fn new(target: String, content: &[u8], records: Vec<usize>, note: Option<String>) -> Self {
        let mut view = View::new();
        put_bytes(&mut view, "content", Some(content));
        Self { target, content: view, records, note }
    }
}
