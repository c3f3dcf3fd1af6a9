//! Records of a source on their way to Kafka, and how far each source partition may be committed.
//!
//! As `SubmittedRecords`: one queue a source partition; an offset is committable when its record and all before it
//! are acknowledged. Slow partitions do not hold others back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use connect_core::data::Map;

/// A source partition, known by its stored key so that equal maps share a queue.
pub(crate) type PartitionKey = Arc<[u8]>;

/// Records sent and not yet acknowledged.
#[derive(Default)]
pub(crate) struct Submitted {
    queues: HashMap<PartitionKey, Queue>,
    /// Queue of each record on its way, by token.
    tokens: HashMap<usize, PartitionKey>,
    next_token: usize,
}

#[derive(Default)]
struct Queue {
    partition: Option<Arc<Map>>,
    records: VecDeque<Entry>,
}

struct Entry {
    token: usize,
    offset: Option<Arc<Map>>,
    is_acknowledged: bool,
}

/// The newest committable offset of a source partition; `None` erases what is stored.
pub(crate) type Committable = (Option<Arc<Map>>, Option<Arc<Map>>);

impl Submitted {
    /// Notes a record that is about to be sent. Returns the token of its acknowledgement.
    pub(crate) fn submit(
        &mut self,
        key: &PartitionKey,
        partition: Option<&Arc<Map>>,
        offset: Option<&Arc<Map>>,
    ) -> usize {
        let token = self.next_token;
        self.next_token += 1;
        let queue = self.queues.entry(Arc::clone(key)).or_default();
        queue.partition = partition.cloned();
        queue.records.push_back(Entry { token, offset: offset.cloned(), is_acknowledged: false });
        self.tokens.insert(token, Arc::clone(key));
        token
    }

    /// Forgets a record that was not sent after all.
    pub(crate) fn withdraw(&mut self, token: usize) {
        if let Some(key) = self.tokens.remove(&token)
            && let Some(queue) = self.queues.get_mut(&key)
        {
            queue.records.retain(|entry| entry.token != token);
        }
    }

    /// Notes an acknowledgement.
    pub(crate) fn acknowledge(&mut self, token: usize) {
        let Some(key) = self.tokens.remove(&token) else { return };
        let Some(queue) = self.queues.get_mut(&key) else { return };
        // Tokens ascend within a queue.
        if let Ok(index) = queue.records.binary_search_by_key(&token, |entry| entry.token) {
            queue.records[index].is_acknowledged = true;
        }
    }

    /// Removes the acknowledged prefix of every queue and returns the newest offset of each.
    pub(crate) fn take_committable(&mut self) -> Vec<Committable> {
        let mut committable = Vec::new();
        self.queues.retain(|_, queue| {
            let mut newest = None;
            while queue.records.front().is_some_and(|entry| entry.is_acknowledged) {
                newest = queue.records.pop_front();
            }
            committable.extend(newest.map(|entry| (queue.partition.clone(), entry.offset)));
            !queue.records.is_empty()
        });
        committable
    }

    /// Returns the number of records not yet acknowledged.
    pub(crate) fn active(&self) -> usize {
        self.tokens.len()
    }
}

/// Keys of source partitions. Sources share one map among the records of a partition, so the last one is
/// remembered by its address.
#[derive(Default)]
pub(crate) struct PartitionKeys {
    last: Option<(Arc<Map>, PartitionKey)>,
}

impl PartitionKeys {
    /// Returns the key of a partition.
    pub(crate) fn of(&mut self, partition: Option<&Arc<Map>>) -> PartitionKey {
        let Some(partition) = partition else { return Arc::from(&b""[..]) };
        if let Some((last, key)) = &self.last
            && Arc::ptr_eq(last, partition)
        {
            return Arc::clone(key);
        }
        let key: PartitionKey = Arc::from(format!("{:?}", partition.entries).into_bytes());
        self.last = Some((Arc::clone(partition), Arc::clone(&key)));
        key
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::Value;

    use super::*;

    fn map(number: i64) -> Arc<Map> {
        Arc::new(Map { entries: vec![(Value::string("n"), Value::Int64(number))] })
    }

    fn key(name: &str) -> PartitionKey {
        Arc::from(name.as_bytes())
    }

    #[test]
    fn only_the_acknowledged_prefix_of_each_partition_is_committable() {
        let mut submitted = Submitted::default();
        let (a, b) = (map(1), map(2));
        let tokens: Vec<usize> =
            (0..3).map(|number| submitted.submit(&key("a"), Some(&a), Some(&map(number)))).collect();
        let other = submitted.submit(&key("b"), Some(&b), Some(&map(9)));
        submitted.acknowledge(tokens[1]);
        submitted.acknowledge(other);
        assert_eq!(submitted.take_committable(), vec![(Some(b), Some(map(9)))]);
        submitted.acknowledge(tokens[0]);
        assert_eq!(submitted.take_committable(), vec![(Some(Arc::clone(&a)), Some(map(1)))]);
        assert_eq!(submitted.active(), 1);
        submitted.withdraw(tokens[2]);
        assert_eq!((submitted.active(), submitted.take_committable()), (0, Vec::new()));
    }
}
