//! One batch on its way: its indices are made, its request is sent, and split where the cluster cannot take it whole.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::record::{SinkRecord, TopicPartition};

use crate::bulk::{self, Outcome, Verdict};
use crate::client::{CallError, Client};
use crate::operation::Operation;
use crate::resources::Creator;

/// An operation and where it came from.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) operation: Operation,
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    /// The assignment it belongs to.
    pub(crate) generation: u64,
    /// Operations of one lane keep their order: at most one batch holds them at a time.
    pub(crate) lane: Option<u64>,
    pub(crate) size_bytes: usize,
    /// Attempts that did not succeed.
    pub(crate) attempts: u32,
    /// Earliest time of the next attempt.
    pub(crate) due: Option<Instant>,
    /// The record, if it may have to be reported.
    pub(crate) record: Option<Box<SinkRecord>>,
}

impl Item {
    /// Returns the item's place and id, for error texts.
    pub(crate) fn place(&self) -> String {
        format!(
            "record of topic `{}` partition {} offset {} (document `{}` of `{}`)",
            self.partition.topic,
            self.partition.partition,
            self.offset,
            self.operation.id_text(),
            self.operation.resource.name
        )
    }
}

/// The end of a batch.
#[derive(Debug)]
pub(crate) struct Landed {
    /// The items, each with what became of it; in order.
    pub(crate) items: Vec<(Item, Verdict)>,
    /// Set when the cluster did not take the request, or part of it.
    pub(crate) fault: Option<Fault>,
    /// Set when the cluster refuses such requests for good.
    pub(crate) refusal: Option<String>,
}

/// The cluster did not answer, or asked for patience.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: String,
    pub(crate) after: Option<Duration>,
}

/// Sends batches.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) client: Client,
    pub(crate) creator: Creator,
    /// Path and query of bulk requests.
    pub(crate) path: String,
}

impl Sender {
    pub(crate) fn new(client: Client, creator: Creator, pipeline: Option<&str>) -> Self {
        // Only what is looked at: answers are several times smaller.
        let mut path = "/_bulk?filter_path=errors,items.*.status,items.*.error".to_owned();
        if let Some(pipeline) = pipeline {
            path.push_str("&pipeline=");
            path.push_str(pipeline);
        }
        Self { client, creator, path }
    }

    /// Sends a batch. Every item comes back.
    pub(crate) async fn send(self: Arc<Self>, items: Vec<Item>) -> Landed {
        let mut flight = Flight {
            verdicts: vec![None; items.len()],
            parts: std::iter::once(0..items.len()).collect(),
            items,
            fault: None,
            refusal: None,
        };
        match self.prepare(&flight.items).await {
            Ok(()) => self.send_parts(&mut flight).await,
            Err(CallError::Again { reason, after }) => flight.fault = Some(Fault { reason, after }),
            Err(CallError::Refused(reason)) => flight.refusal = Some(reason),
        }
        let verdicts = flight.verdicts.into_iter().map(|verdict| verdict.unwrap_or(Verdict::Unsent));
        Landed {
            items: flight.items.into_iter().zip(verdicts).collect(),
            fault: flight.fault,
            refusal: flight.refusal,
        }
    }

    async fn prepare(&self, items: &[Item]) -> Result<(), CallError> {
        let mut last = None;
        for item in items {
            let resource = &item.operation.resource;
            if last.is_some_and(|last| Arc::ptr_eq(last, resource)) {
                continue;
            }
            self.creator.ensure(&self.client, resource).await?;
            last = Some(resource);
        }
        Ok(())
    }

    /// Sends the parts one after the other, so that operations of one lane keep their order.
    async fn send_parts(&self, flight: &mut Flight) {
        while let Some(part) = flight.parts.pop_front() {
            let operations = || flight.items[part.clone()].iter().map(|item| &item.operation);
            let answer = self.client.bulk(&self.path, bulk::body(operations())).await;
            match bulk::outcome(answer, operations()) {
                Outcome::Items(verdicts) => {
                    for (index, verdict) in part.zip(verdicts) {
                        flight.verdicts[index] = Some(verdict);
                    }
                }
                Outcome::Split(reason) => flight.split(part, reason),
                Outcome::Again { reason, after } => {
                    flight.fault = Some(Fault { reason, after });
                    return;
                }
                Outcome::Refused(reason) => {
                    flight.refusal = Some(reason);
                    return;
                }
            }
        }
    }
}

struct Flight {
    items: Vec<Item>,
    verdicts: Vec<Option<Verdict>>,
    parts: VecDeque<Range<usize>>,
    fault: Option<Fault>,
    refusal: Option<String>,
}

impl Flight {
    /// Halves a part that was not taken; one item alone is at fault itself.
    fn split(&mut self, part: Range<usize>, reason: String) {
        if part.len() == 1 {
            self.verdicts[part.start] = Some(Verdict::Malformed(reason));
            return;
        }
        let middle = part.start + part.len() / 2;
        tracing::debug!(records = part.len(), reason, "halving a bulk request");
        self.parts.push_front(middle..part.end);
        self.parts.push_front(part.start..middle);
    }
}
