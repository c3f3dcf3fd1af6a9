//! What the sink would write for some records: the writers themselves, with nobody to upload what they close.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_core::IndexMap;
use connect_core::error::{ConnectError, RecordFailure};
use connect_core::kit::ByteBudget;
use connect_core::preview::{Preview, PreviewOutput};
use connect_core::record::{SinkRecord, TopicPartition};

use connector_formats::{Payload, RecordFormat};

use super::{Chunk, Event, NotWritten, PartitionWriter, Rotated};
use crate::settings::Settings;

const OPEN: &str = "still open: written when `flush.size` or a rotation closes it";
const OPEN_UNTIL_COMMIT: &str = "written with the next commit of offsets";

/// Returns the objects that the records lead to: first those that are complete, then those still open.
pub(crate) fn preview(settings: Settings, records: &[SinkRecord], now_ms: i64) -> Preview {
    let mut rules = settings.rules;
    // Objects are shown whole, not as the parts they travel in.
    rules.outputs.iter_mut().for_each(|output| output.chunk_size = usize::MAX);
    let open = if rules.grouping.is_some() { OPEN_UNTIL_COMMIT } else { OPEN };
    let rules = Arc::new(rules);
    let budget = ByteBudget::new(usize::MAX);
    let bucket = settings.aws.bucket;
    let mut shown = Shown { bucket, records: BTreeMap::new(), preview: Preview::default() };
    let mut writers: IndexMap<TopicPartition, (usize, PartitionWriter)> = IndexMap::new();
    for (index, record) in records.iter().enumerate() {
        let count = writers.len();
        let new = || (count, PartitionWriter::new(Arc::clone(&rules), budget.clone(), now_ms));
        let (number, writer) = writers.entry(record.original_partition()).or_insert_with(new);
        shown.write(*number, writer, index, record, now_ms);
    }
    for (number, mut writer) in writers.into_values() {
        if writer.first_offset().is_some() {
            match writer.rotate(now_ms) {
                Ok(rotated) => shown.add(number, rotated, Some(open)),
                Err(error) => shown.fail(number, error),
            }
        }
    }
    shown.preview
}

/// The preview so far.
struct Shown {
    bucket: String,
    /// Positions of the records of each open body, by the numbers of writer and body.
    records: BTreeMap<(usize, u64), Vec<usize>>,
    preview: Preview,
}

impl Shown {
    fn write(
        &mut self,
        number: usize,
        writer: &mut PartitionWriter,
        index: usize,
        record: &SinkRecord,
        now_ms: i64,
    ) {
        loop {
            let before = writer.body_records();
            let mut not_written = NotWritten::default();
            let outcome = writer.write(std::slice::from_ref(record), now_ms, &mut not_written);
            let progress = match outcome {
                Ok(progress) => progress,
                Err(error) => return self.preview.failed.push(RecordFailure { index, error }),
            };
            let refused = not_written.failed.into_iter();
            self.preview.failed.extend(refused.map(|failure| RecordFailure { index, ..failure }));
            let mut after = writer.body_records();
            let rotated = match progress.event {
                Some(Event::Rotated(rotated)) => Some(rotated),
                _ => None,
            };
            let closed = rotated.iter().flat_map(|rotated| &rotated.files);
            let closed =
                closed.flat_map(|file| file.rest.iter().map(|chunk| (chunk.body, file.span.records)));
            after.extend(closed);
            // A record is in the bodies that it made longer.
            for (body, records) in after {
                if records > before.get(&body).copied().unwrap_or(0) {
                    self.records.entry((number, body)).or_default().push(index);
                }
            }
            if let Some(rotated) = rotated {
                self.add(number, rotated, None);
            }
            if progress.taken > 0 {
                return;
            }
        }
    }

    fn add(&mut self, number: usize, rotated: Rotated, state: Option<&str>) {
        for Chunk { body, key, format, payload, .. } in rotated.files.into_iter().flat_map(|file| file.rest) {
            let records = self.records.remove(&(number, body)).unwrap_or_default();
            let compression = match &format {
                RecordFormat::Lines(_, compression) if !format.is_plain() => {
                    Some(format!("compressed with {}", compression.name()))
                }
                _ => None,
            };
            let notes: Vec<String> = compression.into_iter().chain(state.map(str::to_owned)).collect();
            let content = match content(&format, &key, payload) {
                Ok(content) => content,
                Err(error) => {
                    let error = ConnectError::data("encoding an object").because(error);
                    self.preview
                        .failed
                        .push(RecordFailure { index: records.first().copied().unwrap_or(0), error });
                    continue;
                }
            };
            self.preview.outputs.push(PreviewOutput {
                target: format!("s3://{}/{key}", self.bucket),
                content,
                records,
                note: (!notes.is_empty()).then(|| notes.join("; ")),
            });
        }
    }

    /// Notes that the open files of a writer cannot be written.
    fn fail(&mut self, number: usize, error: ConnectError) {
        let records = self.records.iter().filter(|((writer, _), _)| *writer == number);
        let index = records.filter_map(|(_, indexes)| indexes.first()).min().copied().unwrap_or(0);
        self.preview.failed.push(RecordFailure { index, error });
    }
}

/// Returns what an object would hold; texts are shown before they are compressed.
fn content(format: &RecordFormat, key: &str, payload: Payload) -> std::io::Result<Vec<u8>> {
    if let (Payload::Bytes(bytes), RecordFormat::Lines(lines, _)) = (&payload, format) {
        return Ok([bytes, lines.end()].concat());
    }
    let mut encoder = format.encoder(key);
    encoder.write(payload)?;
    encoder.finish()
}

impl PartitionWriter {
    /// Returns the number of records in each open body.
    fn body_records(&self) -> BTreeMap<u64, u64> {
        let each =
            |file: &super::file::OpenFile| file.bodies.iter().map(|body| body.id()).collect::<Vec<_>>();
        let pairs = self.files.iter().flat_map(|file| each(file).into_iter().map(|id| (id, file.records)));
        pairs.collect()
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::{Datum, Value};
    use connect_core::testkit::{props, record};

    use super::*;

    fn settings(extra: &[(&str, &str)]) -> Settings {
        let mut all = vec![
            ("s3.bucket.name", "b"),
            ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
            ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ];
        all.extend_from_slice(extra);
        Settings::parse(&props(&all)).expect("valid")
    }

    fn shown(preview: &Preview) -> Vec<(String, String, Vec<usize>, Option<String>)> {
        let show = |output: &PreviewOutput| {
            let content = String::from_utf8_lossy(&output.content).into_owned();
            (output.target.clone(), content, output.records.clone(), output.note.clone())
        };
        preview.outputs.iter().map(show).collect()
    }

    fn text(value: &str) -> Datum {
        Datum::schemaless(Value::string(value))
    }

    #[test]
    fn objects_have_the_names_and_bytes_that_would_be_uploaded() {
        let records = [
            record("t", 0, 5, text("a")),
            record("t", 1, 9, text("b")),
            record("t", 0, 6, text("c")),
            record("t", 0, 7, text("d")),
        ];
        let preview = preview(settings(&[("flush.size", "2")]), &records, 0);
        let object = |name: &str, content: &str, records: &[usize], note: Option<&str>| {
            let name = format!("s3://b/topics/t/{name}");
            (name, content.to_owned(), records.to_vec(), note.map(str::to_owned))
        };
        assert_eq!(
            shown(&preview),
            [
                object("partition=0/t+0+0000000005.json", "\"a\"\n\"c\"\n", &[0, 2], None),
                object("partition=0/t+0+0000000007.json", "\"d\"\n", &[3], Some(OPEN)),
                object("partition=1/t+1+0000000009.json", "\"b\"\n", &[1], Some(OPEN)),
            ]
        );
    }

    #[test]
    fn refused_and_ignored_records_are_in_no_object() {
        let records = [record("t", 0, 0, Datum::NULL), record("t", 0, 1, text("a"))];
        for (policy, failed) in [("fail", vec![0]), ("ignore", vec![])] {
            let rules = settings(&[("flush.size", "9"), ("behavior.on.null.values", policy)]);
            let preview = preview(rules, &records, 0);
            assert_eq!(preview.failed.iter().map(|failure| failure.index).collect::<Vec<_>>(), failed);
            assert_eq!(preview.outputs.iter().map(|output| &*output.records).collect::<Vec<_>>(), [&[1]]);
        }
    }
}
