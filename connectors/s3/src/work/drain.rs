//! The end of a run: files are closed although they are not full.

use connect_core::error::ConnectError;
use connect_core::record::TopicPartition;

use super::Work;

impl Work {
    /// Closes the open files of all partitions and waits until each object is written, or its records are to be read
    /// again. A file with these boundaries is committed before a next run reads on behind it.
    ///
    /// # Errors
    /// Fatal when an upload was refused for good; retriable when the task is told to stop meanwhile.
    pub(crate) async fn close_files(&mut self) -> Result<(), ConnectError> {
        // Objects of the same names may be on their way, and the newer ones must come last.
        self.await_uploads().await?;
        let is_open = |partition: &TopicPartition| {
            self.partitions.get(partition).is_some_and(|assigned| assigned.writer.first_offset().is_some())
        };
        let open: Vec<TopicPartition> =
            self.partitions.keys().filter(|partition| is_open(partition)).cloned().collect();
        for partition in open {
            let now_ms = self.context.clock.wall_ms();
            let assigned = self.partitions.get_mut(&partition);
            // An upload that ended while the ones before were handed on may have had this one read again.
            let assigned = assigned.filter(|assigned| assigned.writer.first_offset().is_some());
            if let Some(rotated) = assigned.map(|assigned| assigned.writer.rotate(now_ms)).transpose()? {
                self.launch(&partition, rotated).await?;
                self.make_room().await?;
            }
        }
        self.await_uploads().await
    }

    async fn await_uploads(&mut self) -> Result<(), ConnectError> {
        while self.finishing > 0 && self.failure.is_none() {
            self.wait_for_uploads().await?;
        }
        self.reap();
        self.failure.take().map_or(Ok(()), Err)
    }
}
