//! What the sink would send: the requests it would make of some records, without making them.

use std::time::Instant;

use connect_core::error::RecordFailure;
use connect_core::preview::{Preview, PreviewOutput};
use connect_core::record::SinkRecord;

use crate::queue::{Entry, Item, Queue};
use crate::settings::Settings;
use crate::work::Encoder;

/// Returns the requests for these records, and the records that would be refused.
pub(crate) fn preview(settings: &Settings, records: &[SinkRecord]) -> Preview {
    let encoder = Encoder::new(settings);
    let mut preview = Preview::default();
    let mut queue = Queue::new(settings.limits);
    let now = Instant::now();
    for (index, record) in records.iter().enumerate() {
        match encoder.encode(record) {
            Ok(Some(data)) => queue.push(Item {
                data,
                partition: record.original_partition(),
                offset: record.offset,
                // Here it says which of the records this is.
                generation: u64::try_from(index).unwrap_or(u64::MAX),
                since: now,
                attempts: 0,
                due: None,
                is_alone: false,
                record: None,
            }),
            Ok(None) => {}
            Err(error) => preview.failed.push(RecordFailure { index, error }),
        }
    }
    while let Some(entries) = queue.next_request(now) {
        for entry in &entries {
            queue.release(&entry.items[0].partition);
        }
        preview.outputs.push(output(settings, &entries));
    }
    preview
}

fn output(settings: &Settings, entries: &[Entry]) -> PreviewOutput {
    let call = if settings.aws.is_single { "PutRecord" } else { "PutRecordBatch" };
    let content: Vec<u8> = entries.iter().flat_map(|entry| entry.data().to_vec()).collect();
    let items = entries.iter().flat_map(|entry| &entry.items);
    PreviewOutput {
        target: format!("{call} {}", settings.aws.stream),
        note: Some(format!("{} entries, {} bytes, one after the other", entries.len(), content.len())),
        content,
        records: items.map(|item| usize::try_from(item.generation).unwrap_or(usize::MAX)).collect(),
    }
}
