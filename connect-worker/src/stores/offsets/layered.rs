//! Two stores as one: a connector's own topic in front of the worker's store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connect_core::error::ConnectError;
use tokio::sync::Mutex;

use crate::stores::offsets::{OffsetStore, Secondary};

/// Reads both stores, the connector's first. Writes go to the connector's; the worker's is kept up to date, so that a
/// connector that gives up its topic goes on where it was (`ConnectorOffsetBackingStore`).
pub(super) struct LayeredOffsetStore {
    primary: Arc<dyn OffsetStore>,
    secondary: Arc<dyn OffsetStore>,
    /// Held across waits on purpose: what one write deletes must not be stored again by another before it.
    writes: Mutex<Secondary>,
}

impl LayeredOffsetStore {
    /// Returns a store. Deleting in `secondary` may take `timeout`.
    pub(super) fn new(
        primary: Arc<dyn OffsetStore>,
        secondary: Arc<dyn OffsetStore>,
        timeout: Duration,
    ) -> Self {
        let writes = Mutex::new(Secondary::new(Arc::clone(&secondary), timeout));
        Self { primary, secondary, writes }
    }
}

#[async_trait]
impl OffsetStore for LayeredOffsetStore {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
        let (primary, secondary) = tokio::join!(self.primary.get(keys), self.secondary.get(keys));
        Ok(primary?.into_iter().zip(secondary?).map(|(first, second)| first.or(second)).collect())
    }

    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<(), ConnectError> {
        let mut secondary = self.writes.lock().await;
        secondary.delete_first(&entries).await?;
        self.primary.set(entries.clone()).await?;
        secondary.store_after(entries);
        Ok(())
    }

    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
        let (primary, secondary) = tokio::join!(self.primary.entries(), self.secondary.entries());
        let mut entries: BTreeMap<Bytes, Bytes> = secondary?.into_iter().collect();
        entries.extend(primary?);
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    type Entries = Vec<(Bytes, Option<Bytes>)>;

    /// What was written where, in order.
    type Journal = Arc<Mutex<Vec<String>>>;

    struct Store {
        name: &'static str,
        journal: Journal,
        offsets: Mutex<BTreeMap<Bytes, Bytes>>,
        outcome: Outcome,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Outcome {
        Stores,
        Fails,
        Hangs,
    }

    #[async_trait]
    impl OffsetStore for Store {
        async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
            let offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(keys.iter().map(|key| offsets.get(key).cloned()).collect())
        }

        async fn set(&self, entries: Entries) -> Result<(), ConnectError> {
            for (key, value) in &entries {
                let (key, value) = (String::from_utf8_lossy(key), value.as_deref().unwrap_or(b"-"));
                let line = format!("{} {key}={}", self.name, String::from_utf8_lossy(value));
                self.journal.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
            match self.outcome {
                Outcome::Stores => Ok(()),
                Outcome::Fails => Err(ConnectError::retriable("not now")),
                Outcome::Hangs => std::future::pending().await,
            }
        }

        async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
            let offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(offsets.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
        }
    }

    fn entry(key: &'static str, value: &'static str) -> (Bytes, Bytes) {
        (Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()))
    }

    fn world(primary: Outcome, secondary: Outcome) -> (LayeredOffsetStore, Journal) {
        let journal = Journal::default();
        let store = |name, outcome, offsets: &[(Bytes, Bytes)]| {
            let offsets = Mutex::new(offsets.iter().cloned().collect());
            Arc::new(Store { name, journal: Arc::clone(&journal), offsets, outcome })
        };
        let first = store("primary", primary, &[entry("a", "1"), entry("b", "1")]);
        let second = store("secondary", secondary, &[entry("b", "2"), entry("c", "2")]);
        (LayeredOffsetStore::new(first, second, Duration::from_millis(20)), journal)
    }

    fn changes() -> Entries {
        let set = |(key, value)| (key, Some(value));
        vec![set(entry("a", "3")), (entry("b", "").0, None), set(entry("c", "3"))]
    }

    async fn told(journal: &Journal, lines: usize) -> Vec<String> {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        let journal = journal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert_eq!(journal.len(), lines, "{journal:?}");
        journal
    }

    #[tokio::test]
    async fn reads_prefer_the_topic_of_the_connector() {
        let (store, _) = world(Outcome::Stores, Outcome::Stores);
        let keys: Vec<Bytes> = ["a", "b", "c", "d"].into_iter().map(Bytes::from).collect();
        let values = store.get(&keys).await.expect("read");
        let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
        assert_eq!(values, [Some(&b"1"[..]), Some(&b"1"[..]), Some(&b"2"[..]), None]);
        let entries = store.entries().await.expect("read");
        assert_eq!(entries, [entry("a", "1"), entry("b", "1"), entry("c", "2")]);
    }

    #[tokio::test]
    async fn deletions_reach_the_secondary_before_anything_else_and_values_after() {
        let (store, journal) = world(Outcome::Stores, Outcome::Stores);
        store.set(changes()).await.expect("stored");
        let expected =
            ["secondary b=-", "primary a=3", "primary b=-", "primary c=3", "secondary a=3", "secondary c=3"];
        assert_eq!(told(&journal, 6).await, expected);
    }

    #[tokio::test]
    async fn deletions_that_the_secondary_does_not_store_keep_the_primary_as_it_is() {
        for secondary in [Outcome::Fails, Outcome::Hangs] {
            let (store, journal) = world(Outcome::Stores, secondary);
            store.set(changes()).await.expect_err("not stored");
            assert_eq!(told(&journal, 1).await, ["secondary b=-"]);
        }
    }

    #[tokio::test]
    async fn values_that_the_secondary_does_not_store_are_stored_nevertheless() {
        for secondary in [Outcome::Fails, Outcome::Hangs] {
            let (store, journal) = world(Outcome::Stores, secondary);
            store.set(vec![(entry("a", "").0, Some(entry("", "3").1))]).await.expect("stored");
            assert_eq!(told(&journal, 2).await, ["primary a=3", "secondary a=3"]);
        }
    }

    #[tokio::test]
    async fn values_that_the_primary_does_not_store_do_not_reach_the_secondary() {
        let (store, journal) = world(Outcome::Fails, Outcome::Stores);
        store.set(changes()).await.expect_err("not stored");
        assert_eq!(told(&journal, 4).await[0], "secondary b=-");
    }
}
