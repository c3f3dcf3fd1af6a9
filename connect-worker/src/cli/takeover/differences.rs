//! What a connector does otherwise here than on the JVM, in a sentence each; `docs/differences.md` has the reasons.

use connect_core::config::Props;

/// Returns the differences that concern a connector of `class` with its resolved configuration.
pub(super) fn of_connector(class: &str, props: &Props) -> Vec<String> {
    let simple = class.rsplit('.').next().unwrap_or(class);
    let mut found: Vec<&str> = Vec::new();
    if simple.starts_with("FileStreamSource") {
        found.push(
            "positions count bytes; the JVM's count UTF-16 units: after text other than ASCII the first position \
             taken over points to another place (`file-source`)",
        );
    }
    if simple.starts_with("FileStreamSink") {
        found.push("write errors are retried or fail the task; the JVM loses the records (`file-sink`)");
    }
    if simple.starts_with("S3Sink") {
        found.push("an object smaller than one part is one PutObject instead of a multipart upload (`s3-small-objects`)");
        found.push("open parts share `sluice.task.memory.bytes`; over it parts go up early (`s3-memory`)");
    }
    if props.contains_key("topics.regex") {
        found.push(
            "`topics.regex` is read by Rust's `regex`: no look-around, no back-references (`topics-regex`)",
        );
    }
    if uses(props, "JsonConverter") && props.contains_key("topics") {
        found.push(
            "without `schemas.enable`, values that are no envelope are read as plain JSON instead of being refused \
             (`json-without-envelope`)",
        );
    }
    found.into_iter().map(str::to_owned).collect()
}

/// Whether the connector's own value converter is of a class, and says nothing of `schemas.enable`.
fn uses(props: &Props, class: &str) -> bool {
    props.get("value.converter").is_some_and(|name| name.ends_with(class))
        && !props.contains_key("value.converter.schemas.enable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_those_of_class_and_keys_and_name_their_entry() {
        let props = |pairs: &[(&str, &str)]| -> Props {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let entries = |class: &str, pairs: &[(&str, &str)]| -> Vec<String> {
            let found = of_connector(class, &props(pairs));
            let entry = |text: &String| text.rsplit_once("(`").map(|(_, rest)| rest.replace("`)", ""));
            found.iter().filter_map(entry).collect()
        };
        assert_eq!(entries("org.apache.kafka.connect.file.FileStreamSourceConnector", &[]), ["file-source"]);
        assert_eq!(entries("FileStreamSink", &[("topics.regex", "a.*")]), ["file-sink", "topics-regex"]);
        let json = ("value.converter", "org.apache.kafka.connect.json.JsonConverter");
        assert_eq!(entries("x.Sink", &[("topics", "t"), json]), ["json-without-envelope"]);
        assert!(
            entries("x.Sink", &[("topics", "t"), json, ("value.converter.schemas.enable", "false")])
                .is_empty()
        );
    }

    #[test]
    fn every_entry_is_documented() {
        let page = include_str!("../../../../docs/differences.md");
        for class in ["FileStreamSource", "FileStreamSink", "S3SinkConnector"] {
            let all = Props::from_iter(
                [("topics.regex", "a"), ("topics", "t"), ("value.converter", "JsonConverter")]
                    .map(|(key, value)| (key.to_owned(), value.to_owned())),
            );
            for text in of_connector(class, &all) {
                let entry = text.rsplit_once('(').map_or("", |(_, entry)| entry.trim_end_matches(')'));
                assert!(page.contains(&format!("| {entry} |")), "{entry}");
            }
        }
    }
}
