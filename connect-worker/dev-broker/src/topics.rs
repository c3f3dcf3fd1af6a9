//! The topics: their names, ids, configurations and partitions.
//!
//! A `Topic` never changes: an alteration puts a new one in its place, sharing the partitions. The catalog file is
//! written before the folders change on deletion and after them on creation, so a crash leaves no topic without data
//! folders; folders without a topic are removed on start.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kafka_protocol::error::ResponseError;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    config::BrokerConfig,
    storage::{
        partition::PartitionLog,
        topic_config::{Overrides, TopicConfig},
    },
    support::{lock, write_atomically},
};

const CATALOG_FILE: &str = "topics.json";
const LOGS_DIR: &str = "topics";
const MAX_NAME_BYTES: usize = 249;
/// More would be a slip of the pen: each partition is a folder and an open file.
const MAX_PARTITIONS: i32 = 10_000;

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: Uuid,
    pub(crate) overrides: Overrides,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

/// One partition: its log, and the connections whose fetch waits for it.
#[derive(Debug)]
pub(crate) struct Partition {
    state: Mutex<PartitionState>,
}

#[derive(Debug)]
pub(crate) struct PartitionState {
    pub(crate) log: PartitionLog,
    /// At most one per connection.
    waiters: Vec<Arc<Notify>>,
}

/// All topics of the broker.
#[derive(Debug)]
pub(crate) struct Topics {
    broker: BrokerConfig,
    pub(crate) cluster_id: String,
    by_name: RwLock<BTreeMap<String, Arc<Topic>>>,
}

#[derive(Serialize, Deserialize)]
struct Catalog {
    cluster_id: String,
    topics: Vec<CatalogTopic>,
}

#[derive(Serialize, Deserialize)]
struct CatalogTopic {
    name: String,
    id: Uuid,
    partitions: usize,
    overrides: Overrides,
}

impl Topic {
    /// Returns the partition with this index.
    pub(crate) fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }
}

impl Partition {
    fn open(dir: &Path) -> io::Result<Arc<Self>> {
        let state = PartitionState { log: PartitionLog::open(dir)?, waiters: Vec::new() };
        Ok(Arc::new(Self { state: Mutex::new(state) }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PartitionState> {
        lock(&self.state)
    }
}

impl PartitionState {
    /// Asks for a wake-up when something is appended. Under the lock that was held for reading, so that none is missed.
    pub(crate) fn wait(&mut self, waiter: &Arc<Notify>) {
        if !self.waiters.iter().any(|known| Arc::ptr_eq(known, waiter)) {
            // Connections that are gone hold no reference any more.
            self.waiters.retain(|known| Arc::strong_count(known) > 1);
            self.waiters.push(Arc::clone(waiter));
        }
    }

    /// Wakes every waiting fetch.
    pub(crate) fn wake(&mut self) {
        for waiter in self.waiters.drain(..) {
            waiter.notify_one();
        }
    }
}

impl Topics {
    /// Opens every topic in the data folder of `config`.
    pub(crate) fn open(config: &BrokerConfig) -> io::Result<Self> {
        let catalog = load_catalog(&config.data_dir.join(CATALOG_FILE))?;
        let topics =
            Self { broker: config.clone(), cluster_id: catalog.cluster_id, by_name: RwLock::default() };
        fs::create_dir_all(topics.logs_dir())?;
        let mut by_name = BTreeMap::new();
        for entry in catalog.topics {
            let partitions = topics.open_partitions(&entry.name, 0..entry.partitions)?;
            let topic = topics.topic(entry.name, entry.id, entry.overrides, partitions);
            by_name.insert(topic.name.clone(), topic);
        }
        topics.remove_orphans(&by_name)?;
        topics.save(&by_name)?;
        *topics.write() = by_name;
        Ok(topics)
    }

    /// Returns the topic called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.read().get(name).cloned()
    }

    /// Returns the topic with this id.
    pub(crate) fn get_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.read().values().find(|topic| topic.id == id).cloned()
    }

    /// Returns every topic in the order of their names.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.read().values().cloned().collect()
    }

    /// Creates a topic; its `overrides` have been validated.
    ///
    /// # Errors
    /// The error code to answer with.
    pub(crate) fn create(
        &self,
        name: &str,
        partitions: i32,
        overrides: Overrides,
    ) -> Result<Arc<Topic>, ResponseError> {
        self.check_new(name, partitions)?;
        let mut by_name = self.write();
        if by_name.contains_key(name) {
            return Err(ResponseError::TopicAlreadyExists);
        }
        let partitions = self.new_partitions(name, 0..partitions as usize).map_err(storage_error)?;
        let topic = self.topic(name.to_owned(), Uuid::new_v4(), overrides, partitions);
        by_name.insert(name.to_owned(), Arc::clone(&topic));
        self.save(&by_name).map_err(storage_error)?;
        tracing::info!(topic = name, partitions = topic.partitions.len(), "topic created");
        Ok(topic)
    }

    /// Says whether a topic called `name` could be created.
    pub(crate) fn check_new(&self, name: &str, partitions: i32) -> Result<(), ResponseError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_valid = !name.is_empty()
            && name.len() <= MAX_NAME_BYTES
            && name.bytes().all(is_plain)
            && !matches!(name, "." | "..");
        if !is_valid {
            return Err(ResponseError::InvalidTopicException);
        }
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(ResponseError::InvalidPartitions);
        }
        if self.get(name).is_some() {
            return Err(ResponseError::TopicAlreadyExists);
        }
        Ok(())
    }

    /// Deletes a topic with its data and returns it.
    pub(crate) fn delete(&self, name: &str) -> Result<Arc<Topic>, ResponseError> {
        let mut by_name = self.write();
        let topic = by_name.remove(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        self.save(&by_name).map_err(storage_error)?;
        for (index, partition) in topic.partitions.iter().enumerate() {
            partition.lock().wake();
            fs::remove_dir_all(self.partition_dir(name, index)).map_err(storage_error)?;
        }
        tracing::info!(topic = name, "topic deleted");
        Ok(topic)
    }

    /// Adds partitions until there are `count`.
    pub(crate) fn grow(&self, name: &str, count: i32, validate_only: bool) -> Result<(), ResponseError> {
        let mut by_name = self.write();
        let topic = by_name.get(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let present = topic.partitions.len();
        if count <= present as i32 || count > MAX_PARTITIONS {
            return Err(ResponseError::InvalidPartitions);
        }
        if validate_only {
            return Ok(());
        }
        let mut partitions = topic.partitions.clone();
        partitions.extend(self.new_partitions(name, present..count as usize).map_err(storage_error)?);
        let topic = self.topic(name.to_owned(), topic.id, topic.overrides.clone(), partitions);
        by_name.insert(name.to_owned(), topic);
        self.save(&by_name).map_err(storage_error)
    }

    /// Replaces the configuration of a topic; the values have been validated.
    pub(crate) fn configure(&self, name: &str, overrides: Overrides) -> Result<(), ResponseError> {
        let mut by_name = self.write();
        let topic = by_name.get(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let topic = self.topic(name.to_owned(), topic.id, overrides, topic.partitions.clone());
        by_name.insert(name.to_owned(), topic);
        self.save(&by_name).map_err(storage_error)
    }

    fn topic(
        &self,
        name: String,
        id: Uuid,
        overrides: Overrides,
        partitions: Vec<Arc<Partition>>,
    ) -> Arc<Topic> {
        let config = TopicConfig::new(&overrides, &self.broker);
        Arc::new(Topic { name, id, overrides, config, partitions })
    }

    fn new_partitions(&self, name: &str, range: std::ops::Range<usize>) -> io::Result<Vec<Arc<Partition>>> {
        for index in range.clone() {
            let dir = self.partition_dir(name, index);
            if dir.exists() {
                // Left by a deletion that could not finish: it belongs to a topic of the past.
                fs::remove_dir_all(dir)?;
            }
        }
        self.open_partitions(name, range)
    }

    fn open_partitions(&self, name: &str, range: std::ops::Range<usize>) -> io::Result<Vec<Arc<Partition>>> {
        range.map(|index| Partition::open(&self.partition_dir(name, index))).collect()
    }

    fn remove_orphans(&self, by_name: &BTreeMap<String, Arc<Topic>>) -> io::Result<()> {
        let wanted: HashSet<PathBuf> = by_name
            .values()
            .flat_map(|topic| (0..topic.partitions.len()).map(|index| self.partition_dir(&topic.name, index)))
            .collect();
        for entry in fs::read_dir(self.logs_dir())? {
            let path = entry?.path();
            if !wanted.contains(&path) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    fn save(&self, by_name: &BTreeMap<String, Arc<Topic>>) -> io::Result<()> {
        let describe = |topic: &Arc<Topic>| CatalogTopic {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions.len(),
            overrides: topic.overrides.clone(),
        };
        let catalog =
            Catalog { cluster_id: self.cluster_id.clone(), topics: by_name.values().map(describe).collect() };
        let path = self.broker.data_dir.join(CATALOG_FILE);
        write_atomically(&path, &serde_json::to_vec_pretty(&catalog)?, true)
    }

    fn logs_dir(&self) -> PathBuf {
        self.broker.data_dir.join(LOGS_DIR)
    }

    fn partition_dir(&self, name: &str, index: usize) -> PathBuf {
        self.logs_dir().join(format!("{name}-{index}"))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Topic>>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Topic>>> {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load_catalog(path: &Path) -> io::Result<Catalog> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Catalog { cluster_id: Uuid::new_v4().simple().to_string(), topics: Vec::new() })
        }
        Err(error) => Err(error),
    }
}

fn storage_error(error: io::Error) -> ResponseError {
    tracing::error!(error = &error as &dyn std::error::Error, "changing topics on disk");
    ResponseError::KafkaStorageError
}
