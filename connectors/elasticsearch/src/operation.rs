//! One operation of a bulk request, and its lines in the request's body.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;

use connect_core::data::json::write_str;

use crate::resources::Resource;

/// Why writing a request's text does not fail.
const MEMORY: &str = "memory takes everything";

/// What is done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Writes the whole document.
    Index,
    /// Writes the whole document where there is none; the only operation of data streams.
    Create,
    /// Merges fields into the document, or writes it.
    Update {
        /// Tries within the cluster when another writer was faster.
        retry_on_conflict: usize,
    },
    /// Removes the document.
    Delete,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Action::Index => "index",
            Action::Create => "create",
            Action::Update { .. } => "update",
            Action::Delete => "delete",
        }
    }
}

/// The id of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DocumentId {
    /// Chosen by the cluster.
    Cluster,
    /// Topic, partition and offset, joined by `+`.
    Coordinates { topic: Arc<str>, partition: i32, offset: i64 },
    /// Any other.
    Text(String),
}

/// An operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) action: Action,
    pub(crate) resource: Arc<Resource>,
    pub(crate) id: DocumentId,
    /// External version.
    pub(crate) version: Option<i64>,
    pub(crate) routing: Option<String>,
    /// The document on one line; empty for deletes.
    pub(crate) document: Bytes,
}

impl Operation {
    /// Returns about how many bytes the operation takes in a request.
    pub(crate) fn size_bytes(&self) -> usize {
        // Names of keys, version and punctuation of the action's line.
        const OVERHEAD: usize = 64;
        let id = match &self.id {
            DocumentId::Cluster => 0,
            DocumentId::Coordinates { topic, .. } => topic.len() + 16,
            DocumentId::Text(text) => text.len(),
        };
        let factor = if matches!(self.action, Action::Update { .. }) { 24 } else { 0 };
        OVERHEAD + factor + self.resource.name.len() + id + self.document.len()
    }

    /// Appends the operation's lines.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let push = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        push(out, "{\"");
        push(out, self.action.name());
        push(out, "\":{\"_index\":");
        push(out, &self.resource.quoted);
        match &self.id {
            DocumentId::Cluster => {}
            DocumentId::Coordinates { topic, partition, offset } => {
                // Kafka allows only letters, digits and `._-` in topics: nothing to escape.
                push(out, ",\"_id\":\"");
                push(out, topic);
                write!(out, "+{partition}+{offset}\"").expect(MEMORY);
            }
            DocumentId::Text(text) => {
                push(out, ",\"_id\":");
                write_str(out, text);
            }
        }
        if let Some(routing) = &self.routing {
            push(out, ",\"routing\":");
            write_str(out, routing);
        }
        if let Some(version) = self.version {
            write!(out, ",\"version\":{version},\"version_type\":\"external\"").expect(MEMORY);
        }
        match self.action {
            Action::Index | Action::Create => {
                push(out, "}}\n");
                out.extend_from_slice(&self.document);
                out.push(b'\n');
            }
            Action::Update { retry_on_conflict } => {
                write!(out, ",\"retry_on_conflict\":{retry_on_conflict}}}}}\n{{\"doc\":").expect(MEMORY);
                out.extend_from_slice(&self.document);
                push(out, ",\"doc_as_upsert\":true}\n");
            }
            Action::Delete => push(out, "}}\n"),
        }
    }

    /// Returns the id as text, for error texts.
    pub(crate) fn id_text(&self) -> String {
        match &self.id {
            DocumentId::Cluster => "chosen by the cluster".to_owned(),
            DocumentId::Coordinates { topic, partition, offset } => format!("{topic}+{partition}+{offset}"),
            DocumentId::Text(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(operation: &Operation) -> String {
        let mut out = Vec::new();
        operation.write(&mut out);
        assert!(out.len() <= operation.size_bytes() + 64, "the estimate holds");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_are_those_of_the_bulk_api() {
        let base = Operation {
            action: Action::Index,
            resource: Arc::new(Resource::new("logs".to_owned(), None)),
            id: DocumentId::Coordinates { topic: "Logs".into(), partition: 2, offset: 7 },
            version: None,
            routing: None,
            document: Bytes::from_static(b"{\"a\":1}"),
        };
        assert_eq!(lines(&base), "{\"index\":{\"_index\":\"logs\",\"_id\":\"Logs+2+7\"}}\n{\"a\":1}\n");
        let keyed = Operation {
            id: DocumentId::Text("a\"b".to_owned()),
            version: Some(9),
            routing: Some("r".to_owned()),
            ..base.clone()
        };
        assert_eq!(
            lines(&keyed),
            "{\"index\":{\"_index\":\"logs\",\"_id\":\"a\\\"b\",\"routing\":\"r\",\"version\":9,\"version_type\":\"external\"}}\n{\"a\":1}\n"
        );
        let created = Operation { action: Action::Create, id: DocumentId::Cluster, ..base.clone() };
        assert_eq!(lines(&created), "{\"create\":{\"_index\":\"logs\"}}\n{\"a\":1}\n");
        let update = Operation { action: Action::Update { retry_on_conflict: 5 }, ..base.clone() };
        assert_eq!(
            lines(&update),
            "{\"update\":{\"_index\":\"logs\",\"_id\":\"Logs+2+7\",\"retry_on_conflict\":5}}\n{\"doc\":{\"a\":1},\"doc_as_upsert\":true}\n"
        );
        let delete = Operation { action: Action::Delete, document: Bytes::new(), ..base };
        assert_eq!(lines(&delete), "{\"delete\":{\"_index\":\"logs\",\"_id\":\"Logs+2+7\"}}\n");
    }
}
