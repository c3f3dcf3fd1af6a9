//! What the sink would send: bulk requests, made as the task makes them, and not sent.

use connect_core::error::RecordFailure;
use connect_core::preview::{Preview, PreviewOutput};
use connect_core::record::SinkRecord;

use crate::document::{Documents, Made};
use crate::operation::Operation;
use crate::settings::{Delivery, Settings};

/// Returns the bulk requests that the records lead to when they come at once.
pub(crate) fn preview(settings: Settings, records: &[SinkRecord], now_ms: i64) -> Preview {
    let mut documents = Documents::new(settings.rules);
    let mut preview = Preview::default();
    let mut batch: Vec<(usize, Operation)> = Vec::new();
    let mut bytes = 0;
    for (index, record) in records.iter().enumerate() {
        match documents.make(record, now_ms) {
            Ok(Made::Operation(operation)) => {
                let size = operation.size_bytes();
                let is_full = batch.len() >= settings.delivery.batch_records
                    || bytes + size > settings.delivery.batch_bytes;
                if is_full && !batch.is_empty() {
                    preview.outputs.push(request(&settings.delivery, std::mem::take(&mut batch)));
                    bytes = 0;
                }
                bytes += size;
                batch.push((index, operation));
            }
            Ok(Made::Nothing) => {}
            Err(error) => preview.failed.push(RecordFailure { index, error }),
        }
    }
    if !batch.is_empty() {
        preview.outputs.push(request(&settings.delivery, batch));
    }
    preview
}

fn request(delivery: &Delivery, batch: Vec<(usize, Operation)>) -> PreviewOutput {
    let mut content = Vec::new();
    let mut records = Vec::with_capacity(batch.len());
    for (index, operation) in batch {
        operation.write(&mut content);
        records.push(index);
    }
    let pipeline = delivery.pipeline.as_ref().map(|name| format!("?pipeline={name}"));
    let target = format!("POST /_bulk{}", pipeline.unwrap_or_default());
    PreviewOutput { target, content, records, note: None }
}

#[cfg(test)]
mod tests {
    use connect_core::data::{Datum, Value};
    use connect_core::testkit::{props, record};

    use super::*;
    use crate::settings::Product;

    #[test]
    fn records_become_bulk_requests_and_those_without_a_key_are_told() {
        let props = props(&[
            ("connection.url", "http://127.0.0.1:9"),
            ("schema.ignore", "true"),
            ("batch.size", "1"),
            ("behavior.on.null.values", "delete"),
            ("ingest.pipeline", "geo"),
        ]);
        let settings = Settings::parse(Product::Elasticsearch, &props).expect("valid");
        let keyed = |offset, value| {
            let mut keyed = record("logs", 0, offset, value);
            keyed.key = Datum::schemaless(Value::string("a"));
            keyed
        };
        let document = || Datum::schemaless(Value::Map(Default::default()));
        let records = [keyed(7, document()), record("logs", 0, 8, document()), keyed(9, Datum::NULL)];
        let preview = preview(settings, &records, 0);
        let shown = |content: &str, position| PreviewOutput {
            target: "POST /_bulk?pipeline=geo".to_owned(),
            content: content.as_bytes().to_vec(),
            records: vec![position],
            note: None,
        };
        let place = "\"_index\":\"logs\",\"_id\":\"a\"";
        let index = format!("{{\"index\":{{{place},\"version\":7,\"version_type\":\"external\"}}}}\n{{}}\n");
        let delete = format!("{{\"delete\":{{{place},\"version\":9,\"version_type\":\"external\"}}}}\n");
        assert_eq!(preview.outputs, [shown(&index, 0), shown(&delete, 2)]);
        assert_eq!(preview.failed.iter().map(|failure| failure.index).collect::<Vec<_>>(), [1]);
    }
}
