//! Names of indices and data streams, as the originals make them of topics. Pure.

use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use crate::settings::{Naming, Product};

/// Longest name of an index in bytes.
const MAX_INDEX_NAME: usize = 255;
/// Longest namespace of a data stream.
const MAX_NAMESPACE: usize = 100;

impl Naming {
    /// Returns whether records of one topic all go to one resource.
    pub(crate) fn depends_on_topic_only(&self) -> bool {
        match self {
            Naming::Index(template) => template.depends_on_topic_only(),
            Naming::Stream { .. } | Naming::PrefixedStream(_) | Naming::Mapped(_) => true,
        }
    }

    /// Returns the name of the resource that a record goes to.
    ///
    /// # Errors
    /// A data error when a variable cannot be filled in; a fatal one when the topic has no resource.
    pub(crate) fn resource(&self, product: Product, record: &SinkRecord) -> Result<String, ConnectError> {
        let topic = &*record.topic;
        match self {
            Naming::Index(template) => Ok(index_name(product, &template.fill(record)?)),
            Naming::Stream { prefix, suffix, has_topic } => {
                Ok(stream_name(prefix, if *has_topic { topic } else { "" }, suffix))
            }
            Naming::PrefixedStream(None) => Ok(index_name(product, topic)),
            Naming::PrefixedStream(Some(prefix)) => Ok(format!("{prefix}-{}", index_name(product, topic))),
            Naming::Mapped(mapping) => mapping
                .get(topic)
                .or_else(|| mapping.get(&*record.origin.topic))
                .cloned()
                .ok_or_else(|| {
                    ConnectError::fatal(format!(
                        "finding the resource of topic `{topic}`: the mapping of topics to resources has no entry \
                         for it; add one"
                    ))
                }),
        }
    }
}

/// Makes a legal name of an index: lower case, at most 255 bytes, no sign at the start.
fn index_name(product: Product, text: &str) -> String {
    let mut name = cut(&text.to_lowercase(), MAX_INDEX_NAME).to_owned();
    let signs: &[char] = match product {
        Product::Elasticsearch => &['-', '_'],
        Product::OpenSearch => {
            name = name.replace(':', "_");
            &['-', '_', '+']
        }
    };
    if name.starts_with(signs) {
        name.remove(0);
    }
    match name.as_str() {
        "." => "dot".to_owned(),
        ".." => "dotdot".to_owned(),
        _ => name,
    }
}

fn stream_name(prefix: &str, topic: &str, suffix: &str) -> String {
    // `{type}-{dataset}-` ends with the second dash; the rest is the namespace.
    let start = prefix.match_indices('-').nth(1).map_or(prefix.len(), |(at, _)| at + 1);
    let namespace = format!("{}{topic}{suffix}", &prefix[start..]).to_lowercase();
    format!("{}{}", &prefix[..start], cut(&namespace, MAX_NAMESPACE))
}

/// Returns at most `limit` bytes of a text, cut between characters.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use connect_core::data::Datum;
    use connect_core::testkit::record;

    use super::*;
    use crate::template::Template;

    #[test]
    fn topics_become_names_as_the_originals_make_them() {
        let long = "x".repeat(300);
        for (topic, elasticsearch, opensearch) in [
            ("A.b_C", "a.b_c", "a.b_c"),
            ("-x", "x", "x"),
            ("_x", "x", "x"),
            ("__x", "_x", "_x"),
            ("+x", "+x", "x"),
            (".", "dot", "dot"),
            ("..", "dotdot", "dotdot"),
            ("a:b", "a:b", "a_b"),
            (&long, &long[..255], &long[..255]),
        ] {
            assert_eq!(index_name(Product::Elasticsearch, topic), elasticsearch);
            assert_eq!(index_name(Product::OpenSearch, topic), opensearch);
        }
    }

    #[test]
    fn data_streams_are_named_by_type_data_set_and_namespace() {
        let stream = |prefix: &str, suffix: &str, topic: &str| {
            let naming =
                Naming::Stream { prefix: prefix.to_owned(), suffix: suffix.to_owned(), has_topic: true };
            naming.resource(Product::Elasticsearch, &record(topic, 0, 0, Datum::NULL)).expect("a name")
        };
        assert_eq!(stream("logs-web-", "", "Topic"), "logs-web-topic");
        assert_eq!(stream("logs-web-a_", "_b", "T-1"), "logs-web-a_t-1_b");
        assert_eq!(stream("logs-web-", "", &"y".repeat(120)), format!("logs-web-{}", "y".repeat(100)));
        let prefixed = Naming::PrefixedStream(Some("p".to_owned()));
        let name = prefixed.resource(Product::OpenSearch, &record("A:b", 0, 0, Datum::NULL));
        assert_eq!(name.ok().as_deref(), Some("p-a_b"));
    }

    #[test]
    fn mapped_topics_go_to_their_resources_and_others_fail() {
        let naming = Naming::Mapped(Arc::new(HashMap::from([("t".to_owned(), "R".to_owned())])));
        let name = |topic: &str| naming.resource(Product::Elasticsearch, &record(topic, 0, 0, Datum::NULL));
        assert_eq!(name("t").ok().as_deref(), Some("R"));
        assert!(name("u").is_err_and(|error| error.context().contains("topic `u`")));
        let index = Naming::Index(Template::parse("${topic}-${yyyy}").expect("a template"));
        let name = index.resource(Product::Elasticsearch, &record("T", 0, 0, Datum::NULL));
        assert_eq!(name.ok().as_deref(), Some("t-2026"));
    }
}
