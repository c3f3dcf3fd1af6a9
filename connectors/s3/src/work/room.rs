//! Memory and the number of uploads under way, kept within their bounds: `put` waits here, never the records.

use connect_core::error::ConnectError;
use connect_core::record::TopicPartition;

use crate::upload::MIN_PART_BYTES;

use super::{MAX_FINISHING, Work, stopping};

impl Work {
    /// Waits until memory and uploads are within their bounds. When memory is short and nothing is on its way, the
    /// fullest buffer is written early as a part; where none is large enough for that, the fullest partition's
    /// files are closed.
    ///
    /// # Errors
    /// Fatal when an upload was refused for good; retriable when the task is told to stop meanwhile.
    pub(super) async fn make_room(&mut self) -> Result<(), ConnectError> {
        loop {
            self.reap();
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            let is_short = !self.context.budget.has_room(0);
            if self.finishing <= MAX_FINISHING && !is_short {
                return Ok(());
            }
            let is_moving = self.uploader.moving.bytes() > 0 || self.finishing > MAX_FINISHING;
            if is_moving {
                self.wait_for_uploads().await?;
            } else if !self.shed().await? {
                return Ok(());
            }
        }
    }

    /// Returns the bytes in buffers and on their way.
    #[cfg(test)]
    pub(crate) fn used_bytes(&self) -> usize {
        self.context.budget.used()
    }

    pub(super) async fn wait_for_uploads(&mut self) -> Result<(), ConnectError> {
        tokio::select! {
            biased;
            () = self.context.stop.cancelled() => Err(stopping()),
            outcome = self.uploads.join_next() => {
                if let Some(outcome) = outcome {
                    self.settle(outcome);
                }
                Ok(())
            }
            () = self.uploader.moving.moved() => Ok(()),
        }
    }

    /// Sends off the largest piece of memory; returns whether there was one.
    async fn shed(&mut self) -> Result<bool, ConnectError> {
        let fullest = self.partitions.iter_mut().max_by_key(|(_, assigned)| assigned.writer.largest_body());
        if let Some((partition, assigned)) = fullest {
            let (partition, chunks) = (partition.clone(), assigned.writer.spill(MIN_PART_BYTES)?);
            if !chunks.is_empty() {
                self.hand_on(&partition, chunks).await?;
                return Ok(true);
            }
        }
        let Some(partition) = self.heaviest() else { return Ok(false) };
        if !self.warned_about_memory {
            self.warned_about_memory = true;
            tracing::warn!(
                task = %self.context.id, limit_bytes = self.context.budget.limit(),
                "memory is used up by small open files: files are closed early, so a restart may write some \
                 records twice; use fewer directories or give the task more memory"
            );
        }
        if self.rules.grouping.as_ref().is_some_and(|grouping| grouping.compacts()) {
            // Objects of the same names may be on their way, and the newer ones must come last.
            while self.finishing > 0 {
                self.wait_for_uploads().await?;
            }
        }
        self.close_partition_files(&partition).await?;
        Ok(true)
    }

    fn heaviest(&self) -> Option<TopicPartition> {
        self.partitions
            .iter()
            .filter(|(_, assigned)| assigned.writer.first_offset().is_some())
            .max_by_key(|(_, assigned)| assigned.writer.held_bytes())
            .map(|(partition, _)| partition.clone())
    }
}
