//! What a commit record holds, and where it lies.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use connect_core::record::TopicPartition;

use crate::naming::ObjectNaming;

/// The layout of records that this code writes.
const VERSION: u32 = 1;

/// The state of one topic partition in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    pub(crate) version: u32,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// Counts the owners.
    pub(crate) epoch: u64,
    /// Tells this owner from every other.
    pub(crate) claim: String,
    /// The task that owns the partition, for people.
    pub(crate) owner: String,
    /// Counts what this owner wrote, so that no two contents of a record are equal.
    pub(crate) sequence: u64,
    /// Next offset to read: everything before it is written, the objects named here included. Without one, nothing
    /// was committed yet and the offsets of the consumer group count.
    pub(crate) offset: Option<i64>,
    /// The offset before the objects named here.
    pub(crate) from: Option<i64>,
    /// Objects whose bytes are in the bucket and which may not be visible yet.
    pub(crate) objects: Vec<Prepared>,
}

/// An object that needs but one request to become visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) key: String,
    /// Id of the multipart upload.
    pub(crate) upload: String,
    /// Tags of the parts, in order.
    pub(crate) parts: Vec<String>,
    /// What the object is marked with: tells it from an older one of its name.
    pub(crate) mark: String,
    /// Tags it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<(String, String)>,
}

impl CommitRecord {
    /// Returns the record of a partition that nobody has owned.
    pub(crate) fn new(partition: &TopicPartition) -> Self {
        Self {
            version: VERSION,
            topic: partition.topic.to_string(),
            partition: partition.partition,
            epoch: 0,
            claim: String::new(),
            owner: String::new(),
            sequence: 0,
            offset: None,
            from: None,
            objects: Vec::new(),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Fails when the text is none, or of a later version.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match record.version {
            VERSION => Ok(record),
            other => Err(format!("version `{other}` is not known")),
        }
    }

    /// Returns the text of the record.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers become JSON")
    }

    /// Returns the record under a new owner, who becomes the only one to change it.
    pub(crate) fn taken_over(&self, claim: &str, owner: &str) -> Self {
        let (claim, owner) = (claim.to_owned(), owner.to_owned());
        Self { epoch: self.epoch + 1, claim, owner, sequence: 0, ..self.clone() }
    }

    /// Returns the record that decides a commit up to `offset`.
    pub(crate) fn decided(&self, offset: i64, objects: Vec<Prepared>) -> Self {
        let sequence = self.sequence + 1;
        Self { sequence, from: self.offset, offset: Some(offset), objects, ..self.clone() }
    }

    /// Returns the record with all its objects visible, and an offset.
    pub(crate) fn settled(&self, offset: Option<i64>) -> Self {
        Self { sequence: self.sequence + 1, from: None, offset, objects: Vec::new(), ..self.clone() }
    }

    /// Returns whether two texts of a record are the same write.
    pub(crate) fn is_same_write(&self, other: &Self) -> bool {
        (self.epoch, &self.claim, self.sequence) == (other.epoch, &other.claim, other.sequence)
    }
}

/// How records are named; the same for all partitions of a connector.
#[derive(Debug, Clone)]
pub(crate) struct RecordNaming {
    /// Directory of the records of all connectors.
    pub(crate) dir: String,
    /// Names of the data beside them.
    pub(crate) objects: ObjectNaming,
}

/// Where the record and the data of one partition lie.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) partition: TopicPartition,
    /// Name of the record.
    pub(crate) key: String,
    /// What the names of all its objects begin with.
    pub(crate) prefix: String,
    directory_delim: Arc<str>,
    /// What the last step of those names begins with.
    stem: Arc<str>,
}

impl RecordNaming {
    /// Returns the place of a partition. Records of connectors do not meet, as their consumer groups do not.
    pub(crate) fn place(&self, connector: &str, partition: &TopicPartition) -> Place {
        let objects = &self.objects;
        let (topic, number) = (&partition.topic, partition.partition);
        Place {
            partition: partition.clone(),
            key: [&self.dir, connector, topic, &format!("{number}.json")].join(&objects.directory_delim),
            prefix: objects.prefix(topic),
            directory_delim: objects.directory_delim.as_str().into(),
            stem: objects.file_start(topic, number).into(),
        }
    }
}

impl Place {
    /// Returns whether an object of this name holds records of the partition.
    pub(crate) fn is_own(&self, key: &str) -> bool {
        let name = key.rsplit_once(&*self.directory_delim).map_or(key, |(_, name)| name);
        key.starts_with(&self.prefix) && name.starts_with(&*self.stem)
    }
}
