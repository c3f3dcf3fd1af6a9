//! The offsets of one source connector: maps instead of bytes, on top of any store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::task::OffsetReader;
use tracing::warn;

use crate::stores::offsets::{OffsetStore, json};

/// Reads and writes the offsets of one connector. Clones share what they know.
#[derive(Clone)]
pub struct ConnectorOffsets {
    store: Arc<dyn OffsetStore>,
    connector: Arc<str>,
    /// Bytes of stored keys with more than one entry, by canonical text; read when first needed. Holds at most the
    /// connector's partitions, which the store holds too.
    stored_keys: Arc<Mutex<Option<HashMap<String, Bytes>>>>,
}

impl ConnectorOffsets {
    /// Returns the offsets of `connector` in `store`.
    pub fn new(store: Arc<dyn OffsetStore>, connector: impl Into<Arc<str>>) -> Self {
        Self { store, connector: connector.into(), stored_keys: Arc::default() }
    }

    /// Returns every partition with its offset, in the store's order.
    ///
    /// # Errors
    /// Retriable when the store cannot be read now; fatal when a stored offset is not a map.
    pub async fn list(&self) -> Result<Vec<(Map, Map)>, ConnectError> {
        let mut offsets = Vec::new();
        for (key, value) in self.store.entries().await? {
            match json::decode_key(&key) {
                Some((connector, partition)) if *connector == *self.connector => {
                    offsets.extend(json::decode_value(&value)?.map(|offset| (partition, offset)));
                }
                Some(_) => {}
                None => {
                    let key = String::from_utf8_lossy(&key);
                    warn!(%key, "ignoring a stored offset whose key is not a connector and a partition");
                }
            }
        }
        Ok(offsets)
    }

    /// Stores offsets by partition; `None` erases. Later changes win.
    ///
    /// # Errors
    /// Fatal, with nothing stored, when a map holds anything but primitive values; otherwise as
    /// [`OffsetStore::set`].
    pub async fn set(&self, changes: &[(Map, Option<Map>)]) -> Result<(), ConnectError> {
        self.store.set(self.encode(changes).await?).await
    }

    /// Returns the entries that [`ConnectorOffsets::set`] would store, for a writer of its own.
    ///
    /// # Errors
    /// Fatal when a map holds anything but primitive values; retriable when the store cannot be read now.
    pub async fn encode(
        &self,
        changes: &[(Map, Option<Map>)],
    ) -> Result<Vec<(Bytes, Option<Bytes>)>, ConnectError> {
        let keys = self.keys(changes.iter().map(|(partition, _)| partition)).await?;
        let mut entries = Vec::with_capacity(changes.len());
        for (key, (_, offset)) in keys.into_iter().zip(changes) {
            entries.push((key, offset.as_ref().map(json::encode_value).transpose()?));
        }
        Ok(entries)
    }

    /// Returns the key bytes of partitions: those stored already, else what the JVM would write.
    async fn keys(&self, partitions: impl Iterator<Item = &Map> + Send) -> Result<Vec<Bytes>, ConnectError> {
        let partitions: Vec<&Map> = partitions.collect();
        let is_order_free = |partition: &&Map| partition.entries.len() < 2;
        if !partitions.iter().all(is_order_free) {
            self.read_stored_keys().await?;
        }
        let mut stored_keys = self.stored_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let key = json::encode_key(&self.connector, partition)?;
            keys.push(match stored_keys.as_mut() {
                Some(stored) if !is_order_free(&partition) => {
                    stored.entry(json::canonical(partition)?).or_insert(key).clone()
                }
                _ => key,
            });
        }
        Ok(keys)
    }

    async fn read_stored_keys(&self) -> Result<(), ConnectError> {
        let is_read = || self.stored_keys.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if is_read() {
            return Ok(());
        }
        let entries = self.store.entries().await?;
        let of_connector = |(key, _): (Bytes, Bytes)| match json::decode_key(&key) {
            Some((connector, partition)) if *connector == *self.connector && partition.entries.len() > 1 => {
                Some((json::canonical(&partition).ok()?, key))
            }
            _ => None,
        };
        let found: HashMap<String, Bytes> = entries.into_iter().filter_map(of_connector).collect();
        self.stored_keys.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(found);
        Ok(())
    }
}

#[async_trait]
impl OffsetReader for ConnectorOffsets {
    async fn offsets(&self, partitions: &[Map]) -> Result<Vec<Option<Map>>, ConnectError> {
        let keys = self.keys(partitions.iter()).await?;
        let values = self.store.get(&keys).await?;
        values.into_iter().map(|value| value.map_or(Ok(None), |value| json::decode_value(&value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::Value;

    use super::*;
    use crate::stores::offsets::FileOffsetStore;

    fn map(entries: &[(&str, i64)]) -> Map {
        let entry = |(name, number): &(&str, i64)| (Value::String((*name).into()), Value::Int64(*number));
        Map { entries: entries.iter().map(entry).collect() }
    }

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn store() -> (tempfile::TempDir, Arc<dyn OffsetStore>) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileOffsetStore::open(folder.path().join("offsets")).expect("opened");
        (folder, Arc::new(store))
    }

    #[tokio::test]
    async fn connectors_see_their_own_offsets_only() {
        let (_folder, store) = store();
        let (one, two) =
            (ConnectorOffsets::new(store.clone(), "one"), ConnectorOffsets::new(store.clone(), "two"));
        store.set(vec![(bytes("foreign"), Some(bytes("{}")))]).await.expect("stored");
        one.set(&[(map(&[("p", 1)]), Some(map(&[("o", 1)]))), (map(&[("p", 2)]), Some(map(&[("o", 2)])))])
            .await
            .expect("stored");
        two.set(&[(map(&[("p", 1)]), Some(map(&[("o", 3)])))]).await.expect("stored");
        one.set(&[(map(&[("p", 1)]), None)]).await.expect("stored");

        assert_eq!(one.list().await.expect("listed"), vec![(map(&[("p", 2)]), map(&[("o", 2)]))]);
        let read = two.offsets(&[map(&[("p", 2)]), map(&[("p", 1)])]).await.expect("read");
        assert_eq!(read, vec![None, Some(map(&[("o", 3)]))]);
    }

    #[tokio::test]
    async fn key_bytes_found_in_the_store_are_used_again() {
        let (_folder, store) = store();
        let found = bytes(r#"["c",{"db":2,"table":1}]"#);
        store.set(vec![(found.clone(), Some(bytes(r#"{"o":1}"#)))]).await.expect("stored");
        let offsets = ConnectorOffsets::new(store.clone(), "c");
        let partition = map(&[("db", 2), ("table", 1)]);
        assert_eq!(
            offsets.offsets(std::slice::from_ref(&partition)).await.expect("read"),
            vec![Some(map(&[("o", 1)]))]
        );

        let fresh = map(&[("table", 1), ("db", 3)]);
        let changes = [(partition, Some(map(&[("o", 2)]))), (fresh, Some(map(&[("o", 3)])))];
        offsets.set(&changes).await.expect("stored");
        let expected =
            vec![(found, bytes(r#"{"o":2}"#)), (bytes(r#"["c",{"table":1,"db":3}]"#), bytes(r#"{"o":3}"#))];
        assert_eq!(store.entries().await.expect("read"), expected);
    }

    #[tokio::test]
    async fn nothing_is_stored_when_one_change_cannot_be_encoded() {
        let (_folder, store) = store();
        let offsets = ConnectorOffsets::new(store.clone(), "c");
        let nested = Map { entries: vec![(Value::String("x".into()), Value::Map(Map::default()))] };
        let error = offsets
            .set(&[(map(&[("p", 1)]), Some(map(&[("o", 1)]))), (map(&[("p", 2)]), Some(nested))])
            .await
            .expect_err("a map");
        assert!(!error.is_retriable());
        assert_eq!(store.entries().await.expect("read"), vec![]);
    }
}
