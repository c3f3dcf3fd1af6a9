//! The end of a run that ends by itself: what the task holds is made durable, full or not.

use super::delivery::keeping_alive;
use super::*;

impl SinkLoop {
    /// Has the task make everything durable, and asks for a commit, once the consumer has read all there is to read.
    pub(super) async fn drain_if_read(&mut self, now: Instant) -> Result<(), ConnectError> {
        if !self.consumer.wants_commit(now) {
            return Ok(());
        }
        // Records that wait to be put belong with those before them; only what is put is asked for by the commit.
        if self.batch.is_empty() && self.redelivery.is_none() && (self.services.right)() {
            match self.drain().await {
                Ok(()) => {}
                Err(error) if error.is_retriable() => {
                    tracing::warn!(task = %self.spec.id, %error, cause = %error.trace(), "draining; it is tried again");
                }
                Err(error) => {
                    let text = "Exiting WorkerSinkTask due to unrecoverable exception.";
                    return Err(ConnectError::fatal(text).because(error));
                }
            }
        }
        self.commits.request();
        Ok(())
    }

    /// Calls `drain`, keeping the consumer alive however long it takes.
    async fn drain(&mut self) -> Result<(), ConnectError> {
        let drained = keeping_alive(&mut *self.consumer, self.task.drain()).await;
        drained.map_err(|error| self.consuming_failed(error))?
    }
}
