//! Files that end with each commit of offsets, as those of Aiven's sink do.

use connect_core::error::ConnectError;

use super::Work;

impl Work {
    /// Closes the files of all partitions and hands them to their uploads, where commits end files.
    ///
    /// # Errors
    /// A data error when the records of a file have no common layout; fatal when an upload was refused for good;
    /// retriable when the task is told to stop while it waits for memory.
    pub(crate) async fn close_groups(&mut self) -> Result<(), ConnectError> {
        let Some(grouping) = &self.rules.grouping else { return Ok(()) };
        if grouping.compacts() {
            // Objects of the same names may be on their way, and the newer ones must come last.
            self.drain().await;
            if self.finishing > 0 {
                return Ok(());
            }
        }
        for partition in self.open_partitions() {
            // A task that stops takes no more records, and what is handed on is in memory already.
            if self.close_partition_files(&partition).await? && !self.context.stop.is_cancelled() {
                self.make_room().await?;
            }
        }
        Ok(())
    }
}
