//! A stream in memory that answers as a test says, and keeps what it accepted.

use std::sync::{Mutex, PoisonError};

use connect_core::{Bytes, async_trait};

use crate::client::{DeliveryStream, EntryAnswer};
use crate::errors::CallError;

type Answer = Result<Vec<EntryAnswer>, CallError>;
type Answerer = Box<dyn Fn(usize, &[Bytes]) -> Answer + Send + Sync>;

/// Accepts entries, or not.
pub(crate) struct FakeStream {
    answerer: Answerer,
    description: Result<(String, String), CallError>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<Vec<String>>,
    accepted: Vec<String>,
}

impl FakeStream {
    /// Returns a stream that accepts everything.
    pub(crate) fn accepting() -> Self {
        Self::answering(|_, entries| Ok(vec![Ok(()); entries.len()]))
    }

    /// Returns a stream that answers the call with the given number, from 0.
    pub(crate) fn answering(answerer: impl Fn(usize, &[Bytes]) -> Answer + Send + Sync + 'static) -> Self {
        let description = Ok(("ACTIVE".to_owned(), "DirectPut".to_owned()));
        Self { answerer: Box::new(answerer), description, seen: Mutex::default() }
    }

    /// Returns a stream that says this of itself.
    pub(crate) fn described(description: Result<(&str, &str), CallError>) -> Self {
        let description = description.map(|(status, source)| (status.to_owned(), source.to_owned()));
        Self { description, ..Self::accepting() }
    }

    /// Returns the entries of every call so far.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }

    /// Returns what was accepted, in order.
    pub(crate) fn accepted(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).accepted.clone()
    }
}

/// Returns the answer of an entry that fails for now.
pub(crate) fn failed(code: &str) -> EntryAnswer {
    Err((code.to_owned(), "try again".to_owned()))
}

#[async_trait]
impl DeliveryStream for FakeStream {
    async fn describe(&self) -> Result<(String, String), CallError> {
        self.description.clone()
    }

    async fn put(&self, entries: Vec<Bytes>) -> Answer {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let texts: Vec<String> =
            entries.iter().map(|entry| String::from_utf8_lossy(entry).into_owned()).collect();
        let answer = (self.answerer)(seen.calls.len(), &entries);
        seen.calls.push(texts.clone());
        if let Ok(answers) = &answer {
            let accepted = texts.into_iter().zip(answers).filter(|(_, answer)| answer.is_ok());
            seen.accepted.extend(accepted.map(|(text, _)| text));
        }
        answer
    }
}
