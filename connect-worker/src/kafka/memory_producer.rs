//! An in-process Kafka behind the port of transactional producers: transactional ids with epochs, records that count
//! when they are committed, and faults. Tests only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connect_core::async_trait;
use connect_core::config::Props;

use crate::kafka::producer::{
    Delivery, OutgoingRecord, SendError, TransactionError, TransactionalProducer, TransactionalProducers,
};

/// A record as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
}

/// What the next commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitFault {
    /// A record could not be written.
    Abortable,
    /// The commit took place, but the answer was lost with the producer.
    DoneButLost,
    /// It takes longer than one call.
    Slow,
}

/// The cluster: what producers of any epoch share.
#[derive(Clone, Default)]
pub(crate) struct MemoryTransactions {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    epochs: HashMap<String, u64>,
    open: HashMap<String, Vec<Written>>,
    /// Each committed transaction.
    committed: Vec<Vec<Written>>,
    aborted: usize,
    faults: Vec<CommitFault>,
    steps: Vec<String>,
}

impl MemoryTransactions {
    /// Returns a factory of producers.
    pub(crate) fn producers(&self) -> TransactionalProducers {
        let kafka = self.clone();
        Arc::new(move |props: &Props| {
            let producer = MemoryProducer {
                kafka: kafka.clone(),
                id: props["transactional.id"].clone(),
                epoch: Mutex::default(),
                deliveries: Mutex::default(),
            };
            Ok(Box::new(producer))
        })
    }

    /// Returns the committed transactions.
    pub(crate) fn committed(&self) -> Vec<Vec<Written>> {
        self.lock().committed.clone()
    }

    /// Returns how many transactions that held something were aborted.
    pub(crate) fn aborted(&self) -> usize {
        self.lock().aborted
    }

    /// Returns whether a transaction is open that holds something.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().open.values().any(|records| !records.is_empty())
    }

    /// Makes one of the next commits misbehave.
    pub(crate) fn fail_commit(&self, fault: CommitFault) {
        self.lock().faults.push(fault);
    }

    /// Takes over a transactional id, as a newer producer does.
    pub(crate) fn fence(&self, id: &str) {
        let mut state = self.lock();
        *state.epochs.entry(id.to_owned()).or_default() += 1;
        if state.open.remove(id).is_some_and(|records| !records.is_empty()) {
            state.aborted += 1;
        }
    }

    /// Writes down a step that a test wants to see in order.
    pub(crate) fn step(&self, step: &str) {
        self.lock().steps.push(step.to_owned());
    }

    /// Returns the steps so far.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.lock().steps.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryProducer {
    kafka: MemoryTransactions,
    id: String,
    epoch: Mutex<u64>,
    deliveries: Mutex<Vec<Delivery>>,
}

impl MemoryProducer {
    fn state(&self) -> Result<MutexGuard<'_, State>, TransactionError> {
        let state = self.kafka.lock();
        let own = *self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        if state.epochs.get(&self.id) == Some(&own) {
            Ok(state)
        } else {
            Err(TransactionError::Fenced("fenced by a newer producer".to_owned()))
        }
    }
}

impl MemoryProducer {
    fn commit_now(&self) -> Result<(), TransactionError> {
        let mut state = self.state()?;
        let fault = state.faults.pop();
        match fault {
            Some(CommitFault::Slow) => return Err(TransactionError::Retriable("slow".to_owned())),
            Some(CommitFault::Abortable) => {
                return Err(TransactionError::Abortable("a record was not written".to_owned()));
            }
            Some(CommitFault::DoneButLost) | None => {}
        }
        let records = state.open.remove(&self.id).expect("a transaction is open");
        state.committed.push(records);
        if fault.is_some() { Err(TransactionError::Fatal("connection lost".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl TransactionalProducer for MemoryProducer {
    async fn init(&self) -> Result<(), TransactionError> {
        self.kafka.step("init");
        self.kafka.fence(&self.id);
        let epoch = self.kafka.lock().epochs.get(&self.id).copied().unwrap_or_default();
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
        Ok(())
    }

    fn begin(&self) -> Result<(), TransactionError> {
        let before = self.state()?.open.insert(self.id.clone(), Vec::new());
        assert_eq!(before, None, "a transaction is begun when none is open");
        Ok(())
    }

    fn send(&self, record: &OutgoingRecord<'_>, token: usize) -> Result<(), SendError> {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let written =
            Written { topic: record.topic.to_owned(), key: text(record.key), value: text(record.value) };
        let mut state = self.state().map_err(|error| SendError::Refused(error.to_string()))?;
        state.open.get_mut(&self.id).expect("records are sent in a transaction").push(written);
        drop(state);
        let delivery = Delivery { token, error: None };
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
        Ok(())
    }

    fn take_deliveries(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn delivered(&self) {
        std::future::pending::<()>().await;
    }

    async fn commit(&self) -> Result<(), TransactionError> {
        // Whoever is cancelled here was cancelled before or after, never within.
        tokio::task::yield_now().await;
        let outcome = self.commit_now();
        tokio::task::yield_now().await;
        outcome
    }

    async fn abort(&self) -> Result<(), TransactionError> {
        let mut state = self.state()?;
        if state.open.remove(&self.id).is_some_and(|records| !records.is_empty()) {
            state.aborted += 1;
        }
        Ok(())
    }

    async fn close(self: Box<Self>) {
        self.kafka.step("close");
    }
}
