//! One request on its way: sent, and split where Firehose refuses it whole.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::DeliveryStream;
use crate::errors::{CallError, is_throttle};
use crate::queue::Entry;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Firehose has it.
    Accepted,
    /// It was not sent, or it is not known what became of it.
    Unsent,
    /// Firehose did not take it now.
    Again { reason: String, is_throttle: bool },
    /// Firehose refuses what is in it.
    Invalid(String),
}

/// The end of a request.
#[derive(Debug)]
pub(crate) struct Landed {
    /// The entries, each with what became of it; in order.
    pub(crate) entries: Vec<(Entry, Verdict)>,
    pub(crate) sent: Instant,
    /// Set when a call did not succeed as a whole.
    pub(crate) fault: Option<Fault>,
    /// Set when the stream refuses such requests for good.
    pub(crate) refusal: Option<String>,
}

/// A call that did not succeed now.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: String,
    pub(crate) after: Option<Duration>,
    pub(crate) is_throttle: bool,
}

/// Sends the entries of a request. Every one of them comes back.
pub(crate) async fn send(stream: Arc<dyn DeliveryStream>, entries: Vec<Entry>, sent: Instant) -> Landed {
    let mut verdicts = vec![Verdict::Unsent; entries.len()];
    let mut parts = VecDeque::from_iter([(0, entries.len())]);
    let mut landed = Landed { entries: Vec::new(), sent, fault: None, refusal: None };
    while let Some((start, end)) = parts.pop_front() {
        let data = entries[start..end].iter().map(Entry::data).collect();
        match stream.put(data).await {
            Ok(answers) => {
                for (index, answer) in (start..end).zip(answers) {
                    verdicts[index] = match answer {
                        Ok(()) => Verdict::Accepted,
                        Err((code, message)) => entry_verdict(&code, &message),
                    };
                }
            }
            // One of the entries is at fault: it is found by halves, and the others go through.
            Err(CallError::Invalid(_)) if end - start > 1 => {
                let middle = start.midpoint(end);
                parts.push_front((middle, end));
                parts.push_front((start, middle));
            }
            Err(CallError::Invalid(reason)) => verdicts[start] = Verdict::Invalid(reason),
            Err(CallError::Again { reason, after, is_throttle }) => {
                landed.fault = Some(Fault { reason, after, is_throttle });
                break;
            }
            Err(CallError::Refused(reason)) => {
                landed.refusal = Some(reason);
                break;
            }
        }
    }
    // Where not one of many is accepted, the stream or the credentials are at fault, not the records.
    if let [Verdict::Invalid(reason), _, ..] = verdicts.as_slice()
        && verdicts.iter().all(|verdict| matches!(verdict, Verdict::Invalid(_)))
    {
        landed.refusal = Some(format!("{reason}; every record of a request is refused"));
    }
    landed.entries = entries.into_iter().zip(verdicts).collect();
    landed
}

fn entry_verdict(code: &str, message: &str) -> Verdict {
    let reason = format!("{code}: {message}");
    match code {
        "InvalidArgumentException" | "ValidationException" => Verdict::Invalid(reason),
        _ => Verdict::Again { reason, is_throttle: is_throttle(code) },
    }
}
