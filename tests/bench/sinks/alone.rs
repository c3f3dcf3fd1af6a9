//! What cannot be had faster: the compressor and the writer of columns alone, on the records that the sinks write,
//! object by object. Each run is a process of its own.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::write::GzEncoder;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use super::OBJECT_RECORDS;
use crate::load::Logs;
use crate::measure::{Figures, own_usage};

pub(super) const GZIP: &str = "gzip alone";
pub(super) const COLUMNS: &str = "Parquet's column writer alone";
pub(super) const NAMES: [&str; 2] = [GZIP, COLUMNS];

/// Objects that are kept in memory, and how often each is written.
const OBJECTS: u64 = 12;
const ROUNDS: u64 = 4;
/// As the sink has it.
const PAGE_BYTES: usize = 64 * 1024;

/// Measures one of the [`NAMES`], each run in a new process.
pub(super) fn figures(name: &str, runs: u64) -> Vec<Figures> {
    let run = |_| Figures::of_own_process(&["alone", name], OBJECTS * ROUNDS * OBJECT_RECORDS);
    (0..runs).map(run).collect()
}

/// Measures one of the [`NAMES`] in this process; prints CPU milliseconds and peak MiB.
pub(crate) fn measure(name: &str) {
    let mut logs = Logs::default();
    let mut object = || (0..OBJECT_RECORDS).map(|_| logs.next_line()).collect::<Vec<String>>();
    let objects: Vec<Vec<String>> = (0..OBJECTS).map(|_| object()).collect();
    let (cpu, bytes) = match name {
        GZIP => {
            let lines: Vec<Vec<u8>> = objects.iter().map(|lines| (lines.join("\n") + "\n").into()).collect();
            timed(&lines, |lines| compress(lines))
        }
        COLUMNS => {
            let tables: Vec<Table> = objects.iter().map(|lines| Table::of(lines)).collect();
            timed(&tables, Table::write)
        }
        other => panic!("`{other}` is none of {NAMES:?}"),
    };
    assert!(bytes > 0, "objects have bytes");
    println!("{} {}", cpu.as_millis(), own_usage().1);
}

/// Returns the CPU time of writing every object several times, and the bytes written.
fn timed<T>(objects: &[T], write: impl Fn(&T) -> usize) -> (Duration, usize) {
    let before = own_usage().0;
    let bytes = (0..ROUNDS).flat_map(|_| objects).map(write).sum();
    (own_usage().0 - before, bytes)
}

/// Compresses as the sink does by default: the same compressor, the same level.
fn compress(lines: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(lines).expect("memory takes everything");
    encoder.finish().expect("memory takes everything").len()
}

/// The columns of an object as Parquet's writer takes them.
struct Table {
    columns: Vec<(String, Column)>,
}

enum Column {
    Text(Vec<ByteArray>),
    Number(Vec<i32>),
}

impl Table {
    fn of(lines: &[String]) -> Self {
        let rows: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let names: Vec<String> = rows[0].as_object().expect("an object").keys().cloned().collect();
        let column = |name: &String| match &rows[0][name] {
            Value::Number(_) => {
                let number = |row: &Value| row[name].as_i64().and_then(|number| i32::try_from(number).ok());
                Column::Number(rows.iter().map(|row| number(row).expect("a small number")).collect())
            }
            _ => Column::Text(rows.iter().map(|row| row[name].as_str().unwrap_or_default().into()).collect()),
        };
        Self { columns: names.iter().map(|name| (name.clone(), column(name))).collect() }
    }

    fn write(&self) -> usize {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_data_page_size_limit(PAGE_BYTES);
        let mut writer = SerializedFileWriter::new(Vec::new(), self.schema(), Arc::new(properties.build()))
            .expect("a file begins");
        let mut group = writer.next_row_group().expect("a row group begins");
        for (_, column) in &self.columns {
            let mut out = group.next_column().expect("a column begins").expect("as many as there are");
            match column {
                Column::Text(values) => out.typed::<ByteArrayType>().write_batch(values, None, None),
                Column::Number(values) => out.typed::<Int32Type>().write_batch(values, None, None),
            }
            .expect("values are written");
            out.close().expect("a column ends");
        }
        group.close().expect("a row group ends");
        writer.into_inner().expect("a file ends").len()
    }

    fn schema(&self) -> TypePtr {
        let field = |(name, column): &(String, Column)| {
            let (physical, logical) = match column {
                Column::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                Column::Number(_) => (Physical::INT32, None),
            };
            let builder = Type::primitive_type_builder(name, physical).with_logical_type(logical);
            Arc::new(builder.with_repetition(Repetition::REQUIRED).build().expect("a column"))
        };
        let fields = self.columns.iter().map(field).collect();
        Arc::new(Type::group_type_builder("log").with_fields(fields).build().expect("a schema"))
    }
}
