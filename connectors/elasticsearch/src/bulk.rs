//! What became of the operations of one bulk request. Pure.

use std::time::Duration;

use serde::Deserialize;

use crate::client::{Answer, CallError};
use crate::operation::{Action, Operation};

/// Errors of items that say that the document itself is at fault, as the original lists them.
const MALFORMED: [&str; 5] = [
    "strict_dynamic_mapping_exception",
    "mapper_parsing_exception",
    "illegal_argument_exception",
    "action_request_validation_exception",
    "document_parsing_exception",
];

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is done.
    Done,
    /// The document is newer, or there already.
    Conflict(String),
    /// It was not sent, or not answered.
    Unsent,
    /// It may be done later.
    Again { reason: String, is_rejection: bool },
    /// Its index does not exist (any more).
    NoIndex(String),
    /// The document is at fault.
    Malformed(String),
    /// It is refused for a reason that trying again does not change.
    Refused(String),
}

/// What became of a request as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// One verdict an operation.
    Items(Vec<Verdict>),
    /// The request is too large, or cannot be read because of one of its documents.
    Split(String),
    /// It may succeed later.
    Again { reason: String, after: Option<Duration> },
    /// The cluster refuses such requests.
    Refused(String),
}

/// What is read of an answer at first: most say that every item is done.
#[derive(Deserialize)]
struct Head {
    errors: bool,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    items: Vec<Item>,
}

/// One member, named by the operation.
#[derive(Deserialize)]
struct Item {
    #[serde(alias = "index", alias = "create", alias = "update", alias = "delete")]
    result: ItemResult,
}

#[derive(Deserialize)]
struct ItemResult {
    #[serde(default)]
    status: u16,
    error: Option<ItemError>,
}

#[derive(Deserialize)]
struct ItemError {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<ItemError>>,
}

impl ItemError {
    fn text(&self) -> String {
        let mut text = format!("{}: {}", self.kind, self.reason.as_deref().unwrap_or("no reason given"));
        if let Some(cause) = &self.caused_by {
            text.push_str(&format!(" (caused by {})", cause.text()));
        }
        text
    }
}

/// Returns the body of a request.
pub(crate) fn body<'o>(operations: impl Iterator<Item = &'o Operation> + Clone) -> Vec<u8> {
    let size = operations.clone().map(Operation::size_bytes).sum();
    let mut out = Vec::with_capacity(size);
    operations.for_each(|operation| operation.write(&mut out));
    out
}

/// Returns what an answer, or the lack of one, means for the operations of a request.
pub(crate) fn outcome<'o>(
    answer: Result<Answer, CallError>,
    operations: impl ExactSizeIterator<Item = &'o Operation>,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(CallError::Again { reason, after }) => {
            return Outcome::Again { reason, after };
        }
        Err(CallError::Refused(reason)) => return Outcome::Refused(reason),
    };
    if answer.is_success() {
        return items(&answer, operations);
    }
    match (answer.status, answer.unexpected("sending a bulk request")) {
        (400 | 413, error) => Outcome::Split(error.reason().to_owned()),
        (_, CallError::Again { reason, after }) => Outcome::Again { reason, after },
        (_, CallError::Refused(reason)) => Outcome::Refused(reason),
    }
}

fn items<'o>(answer: &Answer, operations: impl ExactSizeIterator<Item = &'o Operation>) -> Outcome {
    let unread = |reason: String| Outcome::Again { reason, after: None };
    let misread = |error: serde_json::Error| unread(format!("reading the answer to a bulk request: {error}"));
    let count = operations.len();
    match serde_json::from_slice(&answer.body) {
        Ok(Head { errors: false }) => return Outcome::Items(vec![Verdict::Done; count]),
        Ok(Head { errors: true }) => {}
        Err(error) => return misread(error),
    }
    let body: Body = match serde_json::from_slice(&answer.body) {
        Ok(body) => body,
        Err(error) => return misread(error),
    };
    if body.items.len() != count {
        let found = body.items.len();
        return unread(format!("reading the answer to a bulk request: it has {found} items for {count}"));
    }
    let verdicts = body.items.into_iter().zip(operations);
    Outcome::Items(verdicts.map(|(item, operation)| verdict(&item.result, operation)).collect())
}

fn verdict(result: &ItemResult, operation: &Operation) -> Verdict {
    let Some(error) = &result.error else {
        // A document that is not there needs no delete.
        let is_done = (200..300).contains(&result.status)
            || (result.status == 404 && operation.action == Action::Delete);
        return match is_done {
            true => Verdict::Done,
            false => Verdict::Refused(format!("status {} without an error", result.status)),
        };
    };
    let text = error.text();
    match (result.status, error.kind.as_str()) {
        (_, "version_conflict_engine_exception") | (409, _) => Verdict::Conflict(text),
        (_, "index_not_found_exception") => Verdict::NoIndex(text),
        // Read-only while a disk is full, or until someone unblocks it.
        (_, "cluster_block_exception") => Verdict::Again { reason: text, is_rejection: false },
        (429, _) => Verdict::Again { reason: text, is_rejection: true },
        (500..=599, _) => Verdict::Again { reason: text, is_rejection: false },
        // No document is at fault, so the policy for those that are must not pass over all of them.
        (400, "illegal_argument_exception") if text.contains(": pipeline with id [") => {
            Verdict::Refused(format!("status 400 {text}"))
        }
        (status, kind) if status == 400 || MALFORMED.contains(&kind) => Verdict::Malformed(text),
        (status, _) => Verdict::Refused(format!("status {status} {text}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::operation::DocumentId;
    use crate::resources::Resource;

    fn operation(action: Action) -> Operation {
        Operation {
            action,
            resource: Arc::new(Resource::new("i".to_owned(), None)),
            id: DocumentId::Text("k".to_owned()),
            version: None,
            routing: None,
            document: Bytes::from_static(b"{}"),
        }
    }

    fn answered(status: u16, body: &str) -> Outcome {
        let operations = [operation(Action::Index), operation(Action::Delete)];
        let answer =
            Answer { status, retry_after: Some(Duration::from_secs(7)), body: Bytes::from(body.to_owned()) };
        outcome(Ok(answer), operations.iter())
    }

    fn judged(status: u16, kind: &str) -> Verdict {
        let body = format!(
            r#"{{"errors":true,"items":[{{"index":{{"status":{status},"error":{{"type":"{kind}","reason":"r"}}}}}},{{"delete":{{"status":404}}}}]}}"#
        );
        match answered(200, &body) {
            Outcome::Items(verdicts) => {
                assert_eq!(verdicts[1], Verdict::Done, "a missing document is deleted");
                verdicts[0].clone()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn items_fall_into_their_piles() {
        let again = |kind: &str, is_rejection| Verdict::Again { reason: format!("{kind}: r"), is_rejection };
        for (status, kind, expected) in [
            (429, "es_rejected_execution_exception", again("es_rejected_execution_exception", true)),
            (503, "unavailable_shards_exception", again("unavailable_shards_exception", false)),
            (403, "cluster_block_exception", again("cluster_block_exception", false)),
            (429, "cluster_block_exception", again("cluster_block_exception", false)),
        ] {
            assert_eq!(judged(status, kind), expected);
        }
        assert!(matches!(judged(409, "version_conflict_engine_exception"), Verdict::Conflict(_)));
        assert!(matches!(judged(404, "index_not_found_exception"), Verdict::NoIndex(_)));
        for kind in MALFORMED {
            assert!(matches!(judged(400, kind), Verdict::Malformed(_)), "{kind}");
        }
        assert!(matches!(judged(404, "document_missing_exception"), Verdict::Refused(_)));
        assert!(matches!(judged(403, "security_exception"), Verdict::Refused(_)));
    }

    #[test]
    fn an_unknown_pipeline_is_no_fault_of_a_document() {
        let error =
            r#"{"type":"illegal_argument_exception","reason":"pipeline with id [geo] does not exist"}"#;
        let item = format!(r#"{{"index":{{"status":400,"error":{error}}}}}"#);
        let Outcome::Items(verdicts) =
            answered(200, &format!(r#"{{"errors":true,"items":[{item},{item}]}}"#))
        else {
            panic!("the request itself is answered")
        };
        let text = "status 400 illegal_argument_exception: pipeline with id [geo] does not exist".to_owned();
        assert_eq!(verdicts, vec![Verdict::Refused(text); 2]);
    }

    #[test]
    fn whole_answers_are_told_apart() {
        assert_eq!(answered(200, r#"{"errors":false}"#), Outcome::Items(vec![Verdict::Done; 2]));
        assert!(matches!(
            answered(429, "busy"),
            Outcome::Again { after: Some(after), .. } if after.as_secs() == 7
        ));
        assert!(matches!(answered(502, ""), Outcome::Again { .. }));
        assert!(matches!(answered(413, ""), Outcome::Split(_)));
        assert!(matches!(answered(400, ""), Outcome::Split(_)));
        assert!(matches!(answered(401, ""), Outcome::Refused(reason) if reason.contains("API key")));
        assert!(matches!(answered(200, "<html>"), Outcome::Again { .. }));
        assert!(matches!(answered(200, r#"{"errors":true,"items":[]}"#), Outcome::Again { .. }));
    }
}
