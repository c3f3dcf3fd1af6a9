//! The transaction coordinator: producer ids, fencing, and the two steps that end a transaction.
//!
//! Each change of a transactional id is one journal line before it is answered. Ending first writes the decision, then
//! the markers and offsets, then that it is done, so a crash in between is finished on the next start. The rules are
//! those of Kafka's `TransactionCoordinator` for transaction version 1 (clients add partitions themselves).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use kafka_protocol::error::ResponseError;
use serde::{Deserialize, Serialize};

use crate::{
    groups::offsets::{GroupOffsets, OffsetChange, TopicPartition},
    storage::journal::Journal,
    support::now_ms,
    topics::Topics,
};

const FILE: &str = "transactions.jsonl";
/// Producer ids are taken from the journal in blocks, so that not each one is a line.
const ID_BLOCK: i64 = 1000;
/// Kafka's `transaction.max.timeout.ms`.
const MAX_TIMEOUT_MS: i32 = 15 * 60 * 1000;

/// A producer's id at one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProducerEpoch {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TransactionState {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

/// What is known of one transactional id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Transaction {
    pub(crate) producer: ProducerEpoch,
    pub(crate) timeout_ms: i32,
    pub(crate) state: TransactionState,
    pub(crate) started_ms: i64,
    pub(crate) partitions: BTreeSet<TopicPartition>,
    /// Offsets that count once the transaction commits.
    pub(crate) offsets: Vec<OffsetChange>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    /// Ids below this one may have been given out.
    NextProducerId(i64),
    Transaction(String, Transaction),
}

/// All transactional ids, and the source of producer ids.
#[derive(Debug)]
pub(crate) struct Transactions {
    journal: Journal<Entry>,
    by_id: BTreeMap<String, Transaction>,
    next_producer_id: i64,
    reserved_ids: i64,
}

impl TransactionState {
    /// Returns Kafka's name for the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }
}

impl Transactions {
    /// Opens the transactions kept in `data_dir`.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let (journal, entries) = Journal::open(&data_dir.join(FILE))?;
        let mut by_id = BTreeMap::new();
        let mut next_producer_id = 0;
        for entry in entries {
            match entry {
                Entry::NextProducerId(next) => next_producer_id = next,
                Entry::Transaction(id, transaction) => drop(by_id.insert(id, transaction)),
            }
        }
        Ok(Self { journal, by_id, next_producer_id, reserved_ids: next_producer_id })
    }

    /// Ends the transactions whose end was decided but not finished when the broker died.
    pub(crate) fn finish_interrupted(
        &mut self,
        topics: &Topics,
        offsets: &mut GroupOffsets,
    ) -> io::Result<()> {
        let is_decided =
            |state| matches!(state, TransactionState::PrepareCommit | TransactionState::PrepareAbort);
        for id in self.ids_where(|transaction| is_decided(transaction.state)) {
            tracing::info!(transactional_id = id, "finishing an interrupted transaction");
            self.finish(&id, topics, offsets)?;
        }
        Ok(())
    }

    /// Returns a fresh producer id, for a producer that is idempotent only.
    pub(crate) fn new_producer(&mut self) -> io::Result<ProducerEpoch> {
        if self.next_producer_id == self.reserved_ids {
            self.journal.append(&[Entry::NextProducerId(self.reserved_ids + ID_BLOCK)])?;
            self.reserved_ids += ID_BLOCK;
        }
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        Ok(ProducerEpoch { id, epoch: 0 })
    }

    /// Gives a transactional producer its id and a new epoch, which fences all earlier ones. `claimed` is what the
    /// producer already holds when it only recovers from an error.
    pub(crate) fn init_producer(
        &mut self,
        transactional_id: &str,
        timeout_ms: i32,
        claimed: Option<ProducerEpoch>,
        topics: &Topics,
        offsets: &mut GroupOffsets,
    ) -> Result<ProducerEpoch, ResponseError> {
        if transactional_id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if !(1..=MAX_TIMEOUT_MS).contains(&timeout_ms) {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        let producer = match self.by_id.get(transactional_id) {
            None => self.new_producer().map_err(storage_error)?,
            Some(known) if claimed.is_some_and(|claimed| claimed != known.producer) => {
                return Err(ResponseError::ProducerFenced);
            }
            Some(known) if known.state == TransactionState::Ongoing => {
                self.fence_and_abort(transactional_id, topics, offsets).map_err(storage_error)?
            }
            Some(known) => known.producer.next(),
        };
        // An epoch at its end is followed by a new id.
        let producer = match producer.epoch {
            i16::MAX => self.new_producer().map_err(storage_error)?,
            _ => producer,
        };
        let transaction = Transaction {
            producer,
            timeout_ms,
            state: TransactionState::Empty,
            started_ms: -1,
            partitions: BTreeSet::new(),
            offsets: Vec::new(),
        };
        self.put(transactional_id, transaction).map_err(storage_error)?;
        Ok(producer)
    }

    /// Adds partitions to the transaction, beginning it when it is the first.
    pub(crate) fn add_partitions(
        &mut self,
        transactional_id: &str,
        producer: ProducerEpoch,
        partitions: Vec<TopicPartition>,
    ) -> Result<(), ResponseError> {
        let mut transaction = self.checked(transactional_id, producer)?.clone();
        transaction.begin();
        let before = transaction.partitions.len();
        transaction.partitions.extend(partitions);
        let is_changed = transaction.partitions.len() > before;
        let is_begun = self.by_id[transactional_id].state != TransactionState::Ongoing;
        if is_changed || is_begun {
            self.put(transactional_id, transaction).map_err(storage_error)?;
        }
        Ok(())
    }

    /// Adds a group's offsets to the transaction: they are committed with it.
    pub(crate) fn add_offsets(
        &mut self,
        transactional_id: &str,
        producer: ProducerEpoch,
        offsets: Vec<OffsetChange>,
    ) -> Result<(), ResponseError> {
        let mut transaction = self.checked(transactional_id, producer)?.clone();
        transaction.begin();
        transaction.offsets.extend(offsets);
        self.put(transactional_id, transaction).map_err(storage_error)
    }

    /// Says whether the producer may write to this partition within its transaction.
    pub(crate) fn check_write(
        &self,
        transactional_id: &str,
        producer: ProducerEpoch,
        partition: &TopicPartition,
    ) -> Result<(), ResponseError> {
        let transaction = match self.checked(transactional_id, producer) {
            // Produce knows this error under its older name.
            Err(ResponseError::ProducerFenced) => return Err(ResponseError::InvalidProducerEpoch),
            checked => checked?,
        };
        let is_open = transaction.state == TransactionState::Ongoing;
        if is_open && transaction.partitions.contains(partition) {
            Ok(())
        } else {
            Err(ResponseError::InvalidTxnState)
        }
    }

    /// Commits or aborts the transaction. Asking again for what was done is fine.
    pub(crate) fn end(
        &mut self,
        transactional_id: &str,
        producer: ProducerEpoch,
        is_commit: bool,
        topics: &Topics,
        offsets: &mut GroupOffsets,
    ) -> Result<(), ResponseError> {
        let transaction = self.checked(transactional_id, producer)?;
        match (transaction.state, is_commit) {
            (TransactionState::Ongoing, _) => {
                self.decide(transactional_id, is_commit, producer).map_err(storage_error)?;
                self.finish(transactional_id, topics, offsets).map_err(storage_error)
            }
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => Ok(()),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// Aborts transactions older than their timeout; their producers are fenced.
    pub(crate) fn abort_expired(
        &mut self,
        topics: &Topics,
        offsets: &mut GroupOffsets,
        now_ms: i64,
    ) -> io::Result<()> {
        let is_expired = |transaction: &Transaction| {
            transaction.state == TransactionState::Ongoing
                && transaction.started_ms + i64::from(transaction.timeout_ms) <= now_ms
        };
        for id in self.ids_where(is_expired) {
            tracing::info!(transactional_id = id, "aborting a transaction that took too long");
            self.fence_and_abort(&id, topics, offsets)?;
        }
        Ok(())
    }

    /// Says whether an open transaction holds an offset for this partition of this group.
    pub(crate) fn has_pending_offset(&self, group: &str, partition: &TopicPartition) -> bool {
        let is_it = |change: &OffsetChange| change.group == group && change.partition == *partition;
        self.by_id
            .values()
            .filter(|transaction| transaction.state == TransactionState::Ongoing)
            .any(|transaction| transaction.offsets.iter().any(is_it))
    }

    /// Returns every transactional id.
    pub(crate) fn all(&self) -> &BTreeMap<String, Transaction> {
        &self.by_id
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.journal.sync()
    }

    /// Aborts an ongoing transaction at the next epoch and returns the epoch after, for the producer to come.
    fn fence_and_abort(
        &mut self,
        transactional_id: &str,
        topics: &Topics,
        offsets: &mut GroupOffsets,
    ) -> io::Result<ProducerEpoch> {
        let fenced = self.by_id[transactional_id].producer.next();
        self.decide(transactional_id, false, fenced)?;
        self.finish(transactional_id, topics, offsets)?;
        Ok(fenced.next())
    }

    fn decide(&mut self, transactional_id: &str, is_commit: bool, producer: ProducerEpoch) -> io::Result<()> {
        let mut transaction = self.by_id[transactional_id].clone();
        transaction.producer = producer;
        transaction.state =
            if is_commit { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
        self.put(transactional_id, transaction)
    }

    /// Carries out the decision: markers, then offsets, then the state that says so.
    fn finish(
        &mut self,
        transactional_id: &str,
        topics: &Topics,
        offsets: &mut GroupOffsets,
    ) -> io::Result<()> {
        let mut transaction = self.by_id[transactional_id].clone();
        let is_commit = transaction.state == TransactionState::PrepareCommit;
        let ProducerEpoch { id, epoch } = transaction.producer;
        for TopicPartition { topic, partition } in std::mem::take(&mut transaction.partitions) {
            // A topic deleted meanwhile has nothing to end.
            let Some(topic) = topics.get(&topic) else { continue };
            let Some(partition) = topic.partition(partition) else { continue };
            let mut state = partition.lock();
            state.log.append_marker(id, epoch, is_commit, &topic.config, now_ms())?;
            state.wake();
        }
        let changes = std::mem::take(&mut transaction.offsets);
        if is_commit {
            offsets.apply(changes)?;
        }
        transaction.state =
            if is_commit { TransactionState::CompleteCommit } else { TransactionState::CompleteAbort };
        self.put(transactional_id, transaction)
    }

    fn checked(
        &self,
        transactional_id: &str,
        producer: ProducerEpoch,
    ) -> Result<&Transaction, ResponseError> {
        let transaction = self.by_id.get(transactional_id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if transaction.producer.id != producer.id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if transaction.producer.epoch != producer.epoch {
            return Err(ResponseError::ProducerFenced);
        }
        Ok(transaction)
    }

    fn put(&mut self, transactional_id: &str, transaction: Transaction) -> io::Result<()> {
        let entry = Entry::Transaction(transactional_id.to_owned(), transaction.clone());
        self.journal.append(&[entry])?;
        self.by_id.insert(transactional_id.to_owned(), transaction);
        if self.journal.is_mostly_history(self.by_id.len()) {
            let live = self.by_id.iter().map(|(id, live)| Entry::Transaction(id.clone(), live.clone()));
            let entries: Vec<Entry> = live.chain([Entry::NextProducerId(self.reserved_ids)]).collect();
            self.journal.rewrite(&entries)?;
        }
        Ok(())
    }

    fn ids_where(&self, matches: impl Fn(&Transaction) -> bool) -> Vec<String> {
        let matching = self.by_id.iter().filter(|(_, transaction)| matches(transaction));
        matching.map(|(id, _)| id.clone()).collect()
    }
}

impl Transaction {
    fn begin(&mut self) {
        if self.state != TransactionState::Ongoing {
            self.state = TransactionState::Ongoing;
            self.started_ms = now_ms();
            self.partitions.clear();
            self.offsets.clear();
        }
    }
}

impl ProducerEpoch {
    fn next(self) -> Self {
        Self { epoch: self.epoch.saturating_add(1), ..self }
    }
}

fn storage_error(error: io::Error) -> ResponseError {
    tracing::error!(error = &error as &dyn std::error::Error, "writing transactions to disk");
    ResponseError::KafkaStorageError
}

#[cfg(test)]
mod tests;
