//! Knows which records were produced, and so which objects and lines must exist.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::s3::Objects;

/// Returns the log record number `number` as the applications of pipeline 1 write it: compact JSON without a schema.
pub fn log_record(number: usize) -> String {
    const LEVELS: [&str; 3] = ["INFO", "WARN", "ERROR"];
    let level = LEVELS[number % LEVELS.len()];
    let second = number % 60;
    format!(
        r#"{{"timestamp":"2025-01-01T12:00:{second:02}Z","level":"{level}","message":"event {number}: \"ok\" é ✓","service":"user-service","number":{number},"ratio":1.50}}"#
    )
}

/// Returns the line that the S3 sink makes of [`log_record`].
///
/// `JsonConverter` reads an object without a schema into a Java `HashMap`, so Kafka Connect writes its members in the
/// order of their hashes, and a fraction as the shortest text of a double.
pub fn log_line(record: &str) -> String {
    const ORDER: [&str; 6] = ["number", "level", "service", "message", "timestamp", "ratio"];
    let members: Value = serde_json::from_str(record).expect("the oracle makes JSON");
    let members = ORDER.map(|key| {
        let value = if key == "ratio" { "1.5".to_owned() } else { members[key].to_string() };
        format!("\"{key}\":{value}")
    });
    format!("{{{}}}", members.join(","))
}

/// Returns `count` log records, numbered from `first`.
pub fn log_records(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(log_record).collect()
}

/// Returns the objects that the S3 sink makes of the log records of one partition: one per `flush_size` records, named by the first
/// offset; what does not fill an object is not written.
pub fn json_objects(topic: &str, partition: i32, values: &[String], flush_size: usize) -> Objects {
    let full = values.chunks_exact(flush_size).enumerate();
    full.map(|(index, chunk)| {
        let first = index * flush_size;
        let key = format!("topics/{topic}/partition={partition}/{topic}+{partition}+{first:010}.json");
        let lines: String = chunk.iter().map(|value| log_line(value) + "\n").collect();
        (key, lines.into_bytes())
    })
    .collect()
}

/// Compares objects, key by key and byte by byte.
///
/// # Errors
/// A line for each object that is missing, unexpected or different, at most ten.
pub fn compare(wanted: &Objects, found: &Objects) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    for (key, bytes) in wanted {
        match found.get(key) {
            None => problems.push(format!("`{key}` is missing")),
            Some(other) if other != bytes => {
                problems.push(format!("`{key}` differs: {}", first_difference(bytes, other)))
            }
            Some(_) => {}
        }
    }
    problems.extend(
        found.keys().filter(|key| !wanted.contains_key(*key)).map(|key| format!("`{key}` is unexpected")),
    );
    problems.truncate(10);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Checks that each of the log records `wanted` is exactly once among the lines of `objects`.
///
/// # Errors
/// A line for each record that is missing, repeated or unknown, at most ten.
pub fn each_exactly_once(wanted: &[String], objects: &Objects) -> Result<(), Vec<String>> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for record in wanted {
        *counts.entry(log_line(record)).or_default() -= 1;
    }
    let texts: Vec<_> = objects.values().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    for line in texts.iter().flat_map(|text| text.lines()) {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    let wrong = counts.iter().filter(|(_, count)| **count != 0);
    let problems: Vec<String> =
        wrong.map(|(record, count)| format!("{count:+}: {record}")).take(10).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Returns the offset after the last record of the unbroken run of objects from the start of the partition.
pub fn durable_offset(topic: &str, partition: i32, objects: &Objects, flush_size: i64) -> i64 {
    let mut next = 0;
    while objects
        .contains_key(&format!("topics/{topic}/partition={partition}/{topic}+{partition}+{next:010}.json"))
    {
        next += flush_size;
    }
    next
}

fn first_difference(wanted: &[u8], found: &[u8]) -> String {
    let wanted = String::from_utf8_lossy(wanted);
    let found = String::from_utf8_lossy(found);
    let different = wanted.lines().zip(found.lines()).enumerate().find(|(_, (left, right))| left != right);
    match different {
        Some((number, (left, right))) => format!("line {number}: wanted {left:?}, got {right:?}"),
        None => format!("{} lines instead of {}", found.lines().count(), wanted.lines().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_a_repeated_and_an_unknown_record_are_each_reported() {
        let wanted = log_records(0, 3);
        let line = |number| log_line(&log_record(number));
        let text = [line(0), line(1), line(1), "x".to_owned()].join("\n");
        let problems = each_exactly_once(&wanted, &Objects::from([("k".to_owned(), text.into_bytes())]));
        let report = |count: &str, line: String| format!("{count}: {line}");
        assert_eq!(
            problems,
            Err(vec![report("+1", "x".to_owned()), report("+1", line(1)), report("-1", line(2))])
        );
    }

    #[test]
    fn a_gap_ends_the_durable_run() {
        let values = log_records(0, 400);
        let mut objects = json_objects("t", 0, &values, 100);
        assert_eq!(durable_offset("t", 0, &objects, 100), 400);
        objects.remove("topics/t/partition=0/t+0+0000000100.json");
        assert_eq!(durable_offset("t", 0, &objects, 100), 100);
    }
}
