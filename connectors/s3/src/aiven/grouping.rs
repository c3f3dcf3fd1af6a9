//! Which file a record belongs to, as the record groupers of Aiven's `commons` say it. Pure; the wall clock is an
//! argument. Called by the writer of a partition, which holds the files.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use connect_core::data::{Datum, SchemaRef, Value, java_text};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use super::template::{AivenTemplate, Mode, Values};
use crate::naming::partition_of;
use crate::time_zone::zoned;
use crate::timestamps::record_time;

/// Where the times in names come from.
#[derive(Debug, Clone)]
pub(crate) struct TimeSource {
    /// Whether they are those of the records, and not of the wall clock.
    pub(crate) is_event: bool,
    pub(crate) zone: TimeZone,
}

/// Names of objects under `aws.s3.prefix`.
#[derive(Debug, Clone)]
pub(crate) struct OldNames {
    pub(crate) prefix: AivenTemplate,
    pub(crate) time: TimeSource,
    /// Extension of format and compression.
    pub(crate) extension: String,
}

/// What the configuration says about groups and names.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    pub(crate) template: AivenTemplate,
    pub(crate) mode: Mode,
    pub(crate) time: TimeSource,
    /// Records of a full file.
    pub(crate) max_records: Option<u64>,
    /// Whether another schema of keys or values begins another file.
    pub(crate) by_schema: bool,
    /// Names that do not follow from the template.
    pub(crate) old_names: Option<OldNames>,
}

/// The groups of one partition since its files were last written.
#[derive(Debug)]
pub(crate) struct Groups {
    rules: Arc<Grouping>,
    /// By topic, partition and key: offset of the record the current file is named by, and its schemas.
    heads: HashMap<(Arc<str>, i32, String), Head>,
}

#[derive(Debug)]
struct Head {
    offset: i64,
    schemas: Schemas,
}

/// Schemas of key and value, and of the headers, which are written as values of one type.
#[derive(Debug, Clone, PartialEq)]
struct Schemas([Option<SchemaRef>; 3]);

impl Grouping {
    /// Returns whether only the newest record of a file counts.
    pub(crate) fn compacts(&self) -> bool {
        self.mode == Mode::Compact
    }

    /// Returns the name of the object of a group, which begins with `record`.
    ///
    /// # Errors
    /// A data error when the name needs a timestamp that the record has not.
    pub(crate) fn object_name(
        &self,
        group: &str,
        record: &SinkRecord,
        now_ms: i64,
    ) -> Result<String, ConnectError> {
        let Some(old) = &self.old_names else { return Ok(group.to_owned()) };
        let time_ms = old.time.of(record, now_ms)?;
        let time = zoned(time_ms, &old.time.zone);
        let (utc, local) = (zoned(now_ms, &TimeZone::UTC), zoned(now_ms, &TimeZone::system()));
        let partition = partition_of(record);
        let values = Values {
            topic: &record.topic,
            partition,
            start_offset: record.offset,
            key: "",
            time: &time,
            dates: Some((&utc, &local)),
        };
        let mut name = String::new();
        old.prefix.render(&values, &mut name);
        Ok(format!("{name}{}-{partition}-{:020}{}", record.topic, record.offset, old.extension))
    }
}

impl TimeSource {
    fn of(&self, record: &SinkRecord, now_ms: i64) -> Result<i64, ConnectError> {
        if self.is_event { record_time(record) } else { Ok(now_ms) }
    }
}

impl Groups {
    pub(crate) fn new(rules: Arc<Grouping>) -> Self {
        Self { rules, heads: HashMap::new() }
    }

    /// Appends the name of the group a record belongs to; `count` returns how many records the file of a name holds,
    /// if there is one.
    ///
    /// # Errors
    /// A data error when the record does not say where it belongs.
    pub(crate) fn place(
        &mut self,
        record: &SinkRecord,
        now_ms: i64,
        count: impl Fn(&str) -> Option<u64>,
        out: &mut String,
    ) -> Result<(), ConnectError> {
        let rules = &self.rules;
        let time_ms = rules.time.of(record, now_ms)?;
        let key = if rules.mode == Mode::Changelog { String::new() } else { text_of_key(&record.key) };
        let time = zoned(time_ms, &rules.time.zone);
        let start = out.len();
        let render = |offset: i64, key: &str, out: &mut String| {
            out.truncate(start);
            let (topic, partition) = (&*record.topic, partition_of(record));
            let values = Values { topic, partition, start_offset: offset, key, time: &time, dates: None };
            rules.template.render(&values, out);
        };
        if rules.compacts() {
            render(record.offset, &key, out);
            return Ok(());
        }
        let schemas = if rules.by_schema { Schemas::of(record) } else { Schemas::NONE };
        let place = (Arc::clone(&record.topic), partition_of(record), key);
        let mut offset = match self.heads.get(&place) {
            Some(head) if head.schemas == schemas => head.offset,
            _ => record.offset,
        };
        render(offset, &place.2, out);
        let is_full = |most: u64| count(out.as_str()).is_none_or(|records| records >= most);
        if offset != record.offset && rules.max_records.is_some_and(is_full) {
            offset = record.offset;
            render(offset, &place.2, out);
        }
        self.heads.insert(place, Head { offset, schemas });
        Ok(())
    }

    /// Forgets all groups: their files are written.
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
    }
}

impl Schemas {
    const NONE: Self = Self([None, None, None]);

    fn of(record: &SinkRecord) -> Self {
        let header = record.headers.iter().next().and_then(|header| header.value.schema());
        Self([record.key.schema().cloned(), record.value.schema().cloned(), header.cloned()])
    }
}

/// Returns the text of a key: its own, or that of Java's `toString`. Bytes, of which Java prints where they lie in
/// memory, are taken as text, or else in hexadecimal digits.
fn text_of_key(key: &Datum) -> String {
    match key.value().as_ref() {
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        },
        value => java_text::to_text(value),
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::{Schema, Type};
    use connect_core::testkit::record;

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn grouping(template: &str, max_records: Option<u64>) -> Grouping {
        let template = AivenTemplate::compile(template).expect("valid");
        let time = TimeSource { is_event: true, zone: TimeZone::UTC };
        let mode = template.mode().expect("a set of places");
        Grouping { template, mode, time, max_records, by_schema: false, old_names: None }
    }

    /// Returns the names of files and the offsets of their records, for records of offset, key and day.
    fn files(rules: Grouping, records: &[(i64, &str, i64)]) -> Vec<(String, Vec<i64>)> {
        let mut groups = Groups::new(Arc::new(rules));
        let mut files: Vec<(String, Vec<i64>)> = Vec::new();
        for (offset, key, day) in records {
            let mut made = record("t", 0, *offset, Datum::NULL);
            made.key = Datum::new(Some(Arc::new(Schema::of(Type::String))), Value::string(*key));
            made.timestamp = Some(day * DAY_MS);
            let count = |name: &str| {
                files.iter().find(|(known, _)| known == name).map(|(_, offsets)| offsets.len() as u64)
            };
            let mut name = String::new();
            groups.place(&made, 0, count, &mut name).expect("a place");
            match files.iter_mut().find(|(known, _)| *known == name) {
                Some((_, offsets)) => offsets.push(*offset),
                None => files.push((name, vec![*offset])),
            }
        }
        files
    }

    #[test]
    fn files_are_cut_by_count_and_by_time() {
        let plain = "{{topic}}-{{partition}}-{{start_offset}}";
        let run = [(5, "a", 0), (6, "b", 0), (7, "a", 0), (9, "a", 0), (10, "b", 0)];
        assert_eq!(files(grouping(plain, None), &run), [("t-0-5".to_owned(), vec![5, 6, 7, 9, 10])]);
        assert_eq!(
            files(grouping(plain, Some(2)), &run),
            [
                ("t-0-5".to_owned(), vec![5, 6]),
                ("t-0-7".to_owned(), vec![7, 9]),
                ("t-0-10".to_owned(), vec![10])
            ]
        );
        let daily = "{{timestamp:unit=dd}}/{{topic}}-{{partition}}-{{start_offset}}";
        let run = [(0, "a", 0), (1, "a", 1), (2, "a", 0), (3, "a", 1)];
        // Without a bound the first offset stays, and only the day differs.
        assert_eq!(
            files(grouping(daily, None), &run),
            [("01/t-0-0".to_owned(), vec![0, 2]), ("02/t-0-0".to_owned(), vec![1, 3])]
        );
        // With one, a name without a file begins a new one.
        assert_eq!(
            files(grouping(daily, Some(9)), &run),
            [
                ("01/t-0-0".to_owned(), vec![0]),
                ("02/t-0-1".to_owned(), vec![1]),
                ("01/t-0-2".to_owned(), vec![2]),
                ("02/t-0-3".to_owned(), vec![3])
            ]
        );
    }

    #[test]
    fn files_are_grouped_by_key() {
        let run = [(0, "a", 0), (1, "b", 0), (2, "a", 0), (3, "a", 0)];
        let keyed = "{{topic}}-{{partition}}-{{key}}-{{start_offset}}";
        assert_eq!(
            files(grouping(keyed, Some(2)), &run),
            [
                ("t-0-a-0".to_owned(), vec![0, 2]),
                ("t-0-b-1".to_owned(), vec![1]),
                ("t-0-a-3".to_owned(), vec![3])
            ]
        );
        let compact = files(grouping("{{topic}}/k{{key}}", None), &run);
        assert_eq!(compact, [("t/ka".to_owned(), vec![0, 2, 3]), ("t/kb".to_owned(), vec![1])]);
    }

    #[test]
    fn another_schema_begins_another_file_where_files_have_schemas() {
        let rules =
            Grouping { by_schema: true, ..grouping("{{topic}}-{{partition}}-{{start_offset}}", None) };
        let mut groups = Groups::new(Arc::new(rules));
        let mut names = Vec::new();
        for (offset, ty) in (0..).zip([Type::Int32, Type::Int32, Type::Int64, Type::Int32]) {
            let mut name = String::new();
            let value = Datum::new(Some(Arc::new(Schema::optional(ty))), Value::Null);
            groups.place(&record("t", 0, offset, value), 0, |_| Some(1), &mut name).expect("a place");
            names.push(name);
        }
        assert_eq!(names, ["t-0-0", "t-0-0", "t-0-2", "t-0-3"]);
    }

    #[test]
    fn keys_are_texts_as_java_prints_them() {
        let cases = [
            (Value::Null, "null"),
            (Value::string("x"), "x"),
            (Value::Int64(5), "5"),
            (Value::Bytes(b"id-1".to_vec().into()), "id-1"),
            (Value::Bytes(vec![0xff, 0x01].into()), "ff01"),
        ];
        for (value, expected) in cases {
            assert_eq!(text_of_key(&Datum::schemaless(value)), expected);
        }
    }

    #[test]
    fn old_names_are_prefix_topic_partition_and_padded_offset() {
        let prefix =
            AivenTemplate::compile_prefix("prefix-{{utc_date}}/{{timestamp:unit=MM}}/").expect("valid");
        let time = TimeSource { is_event: true, zone: TimeZone::UTC };
        let old_names = Some(OldNames { prefix, time, extension: ".gz".to_owned() });
        let rules = Grouping { old_names, ..grouping("{{topic}}-{{partition}}-{{start_offset}}", None) };
        let mut made = record("test-topic", 0, 7, Datum::NULL);
        made.timestamp = Some(40 * DAY_MS);
        let name = rules.object_name("test-topic-0-7", &made, 0).expect("a name");
        assert_eq!(name, "prefix-1970-01-01/02/test-topic-0-00000000000000000007.gz");
    }
}
