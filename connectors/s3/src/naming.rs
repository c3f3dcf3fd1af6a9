//! Object names, as Confluent's `FileUtils` and `TopicPartitionWriter` build them:
//! `topics.dir/topic/encodedPartition/topic+partition+offset.extension`.
//!
//! The topic and partition are those a transform left (what users see); state and offsets elsewhere are kept by the
//! original coordinates, so a renaming transform moves the objects and nothing else.

use connect_core::record::SinkRecord;

/// The parts of object names that are the same for all objects of a sink.
#[derive(Debug, Clone)]
pub(crate) struct ObjectNaming {
    pub(crate) topics_dir: String,
    pub(crate) directory_delim: String,
    pub(crate) file_delim: String,
    pub(crate) zero_pad_width: usize,
}

impl ObjectNaming {
    /// Returns an object's name without its extension.
    pub(crate) fn stem(&self, topic: &str, encoded: &str, partition: i32, offset: i64) -> String {
        let Self { directory_delim, zero_pad_width, .. } = self;
        let (prefix, start) = (self.prefix(topic), self.file_start(topic, partition));
        format!("{prefix}{encoded}{directory_delim}{start}{offset:0zero_pad_width$}")
    }

    /// Returns what the names of all objects of a topic begin with.
    pub(crate) fn prefix(&self, topic: &str) -> String {
        let Self { topics_dir, directory_delim, .. } = self;
        match topics_dir.trim() {
            "" => format!("{topic}{directory_delim}"),
            _ => format!("{topics_dir}{directory_delim}{topic}{directory_delim}"),
        }
    }

    /// Returns what the last steps of the names of all objects of a partition begin with.
    pub(crate) fn file_start(&self, topic: &str, partition: i32) -> String {
        let file_delim = &self.file_delim;
        format!("{topic}{file_delim}{partition}{file_delim}")
    }
}

/// Returns the partition that names are built from.
pub(crate) fn partition_of(record: &SinkRecord) -> i32 {
    record.partition.unwrap_or(record.origin.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_confluents() {
        let naming = |topics_dir: &str, zero_pad_width| ObjectNaming {
            topics_dir: topics_dir.to_owned(),
            directory_delim: "/".to_owned(),
            file_delim: "+".to_owned(),
            zero_pad_width,
        };
        let cases = [
            (naming("topics", 10), 12_345, "topics/orders/partition=3/orders+3+0000012345"),
            (naming("", 10), 12_345_678_901, "orders/partition=3/orders+3+12345678901"),
            (naming(" ", 0), 7, "orders/partition=3/orders+3+7"),
        ];
        for (naming, offset, expected) in cases {
            assert_eq!(naming.stem("orders", "partition=3", 3, offset), expected);
        }
    }
}
