//! The end of a run: files are closed although they are not full.

use connect_core::error::ConnectError;

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
        for partition in self.open_partitions() {
            // An upload that ended while the ones before were handed on may have had this one read again.
            if self.close_partition_files(&partition).await? {
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
