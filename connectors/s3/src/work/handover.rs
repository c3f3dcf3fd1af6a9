//! The way of bytes from the writers to their uploads.

use std::sync::Arc;

use tokio::sync::mpsc;

use connect_core::error::ConnectError;
use connect_core::record::TopicPartition;
use connector_formats::RecordFormat;

use crate::upload::{Load, Piece, Target};
use crate::writer::{Chunk, Rotated, Span};

use super::assigned::Assigned;
use super::{Done, Outcome, Work, stopping};

impl Work {
    /// Returns the partitions that have open files.
    pub(super) fn open_partitions(&self) -> Vec<TopicPartition> {
        let open = self.partitions.iter().filter(|(_, assigned)| assigned.writer.first_offset().is_some());
        open.map(|(partition, _)| partition.clone()).collect()
    }

    /// Closes the files of a partition and hands them to their uploads; returns whether any were open.
    ///
    /// # Errors
    /// A data error when the records of a file have no common layout; else as [`Work::launch`].
    pub(super) async fn close_partition_files(
        &mut self,
        partition: &TopicPartition,
    ) -> Result<bool, ConnectError> {
        let now_ms = self.context.clock.wall_ms();
        let assigned = self.partitions.get_mut(partition);
        let Some(assigned) = assigned.filter(|assigned| assigned.writer.first_offset().is_some()) else {
            return Ok(false);
        };
        let rotated = assigned.writer.rotate(now_ms)?;
        self.launch(partition, rotated).await?;
        Ok(true)
    }

    /// Hands the files closed together to their uploads.
    pub(super) async fn launch(
        &mut self,
        partition: &TopicPartition,
        rotated: Rotated,
    ) -> Result<(), ConnectError> {
        let Some(assigned) = self.partitions.get_mut(partition) else { return Ok(()) };
        if assigned.is_skipping() {
            return Ok(());
        }
        assigned.launched(&rotated);
        for file in rotated.files {
            let tags = self.tags.as_ref().map(|more| tags_of(file.span, more)).unwrap_or_default();
            for chunk in file.rest {
                self.send(partition, chunk, Some(tags.clone())).await?;
            }
        }
        Ok(())
    }

    /// Hands full buffers to their uploads.
    pub(super) async fn hand_on(
        &mut self,
        partition: &TopicPartition,
        chunks: Vec<Chunk>,
    ) -> Result<(), ConnectError> {
        if self.partitions.get(partition).is_some_and(Assigned::is_skipping) {
            return Ok(());
        }
        for chunk in chunks {
            self.send(partition, chunk, None).await?;
        }
        Ok(())
    }

    /// Sends a chunk on; the last one comes with the tags of its object.
    async fn send(
        &mut self,
        partition: &TopicPartition,
        chunk: Chunk,
        tags: Option<Vec<(String, String)>>,
    ) -> Result<(), ConnectError> {
        let Chunk { body, key, format, payload, lease } = chunk;
        let load = Load::new(lease, payload.size(), &self.uploader.moving);
        let Some(sender) = self.upload_of(partition, body, key, &format) else { return Ok(()) };
        let is_last = tags.is_some();
        let piece = match tags {
            Some(tags) => Piece::Last(payload, load, tags),
            None => Piece::Part(payload, load),
        };
        if is_last && let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.senders.remove(&body);
            if let Some(is_finishing @ false) = self.running.get_mut(&(assigned.generation, body)) {
                *is_finishing = true;
                self.finishing += 1;
            }
        }
        tokio::select! {
            biased;
            () = self.context.stop.cancelled(), if sender.capacity() == 0 => Err(stopping()),
            // Refused only by an upload that has ended; its outcome says why.
            _sent = sender.send(piece) => Ok(()),
        }
    }

    /// Returns the way to the upload of a body, which is started if this is its first piece.
    fn upload_of(
        &mut self,
        partition: &TopicPartition,
        body: u64,
        key: String,
        format: &RecordFormat,
    ) -> Option<mpsc::Sender<Piece>> {
        let assigned = self.partitions.get_mut(partition)?;
        if let Some(sender) = assigned.senders.get(&body) {
            return Some(sender.clone());
        }
        // One piece waits while one is written: the next buffer fills meanwhile.
        let (sender, receiver) = mpsc::channel(1);
        assigned.senders.insert(body, sender.clone());
        let encoder = (!format.is_plain()).then(|| format.encoder(&key));
        let mark = assigned.standing.as_ref().map(|standing| standing.mark_of(body));
        let target = Target { key, fence: assigned.fence.clone(), cancel: assigned.cancel.clone(), mark };
        let (uploader, generation) = (Arc::clone(&self.uploader), assigned.generation);
        self.running.insert((generation, body), false);
        let partition = partition.clone();
        self.uploads.spawn(async move {
            let result = uploader.run(&target, encoder, receiver).await.map(Done::Object);
            Outcome { partition, generation, body, result }
        });
        Some(sender)
    }
}

/// Returns the tags of the objects of a file, under the names that Confluent gives them.
fn tags_of(span: Span, more: &[(String, String)]) -> Vec<(String, String)> {
    let own = [
        ("startOffset", span.first.to_string()),
        ("endOffset", span.last.to_string()),
        ("recordCount", span.records.to_string()),
    ];
    let own = own.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    own.map(|(name, value)| (name.to_owned(), value)).chain(more.iter().cloned()).collect()
}
