//! A store whose requests wait on their way until the history says what becomes of them, also when nobody waits for
//! their answers any more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use connect_core::{Bytes, async_trait};

use crate::client::fake::FakeStore;
use crate::client::{Condition, ObjectStore, RecordStore, Stored, Unfinished};
use crate::errors::StoreError;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is carried out and answered.
    Done,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It is answered with 503, or never arrives.
    Refused,
    /// Whoever made it gives up waiting; it arrives later.
    Late,
}

/// The requests on their way.
#[derive(Debug, Default)]
pub(super) struct Wire {
    waiting: Mutex<VecDeque<oneshot::Sender<Fate>>>,
    overwritten: Mutex<Vec<String>>,
}

/// The store as one owner sees it.
#[derive(Clone)]
pub(super) struct WiredStore {
    pub(super) store: Arc<FakeStore>,
    pub(super) wire: Arc<Wire>,
}

impl Wire {
    /// Returns how many requests are on their way.
    pub(super) fn len(&self) -> usize {
        locked(&self.waiting).len()
    }

    /// Decides on one request.
    pub(super) fn decide(&self, index: usize, fate: Fate) {
        if let Some(gate) = locked(&self.waiting).remove(index) {
            // A request whose owner's runtime is gone is gone too.
            let _sent = gate.send(fate);
        }
    }

    /// Returns the objects that were written twice.
    pub(super) fn overwritten(&self) -> Vec<String> {
        locked(&self.overwritten).clone()
    }

    async fn fate(&self) -> Fate {
        let (gate, opened) = oneshot::channel();
        locked(&self.waiting).push_back(gate);
        opened.await.unwrap_or(Fate::Refused)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WiredStore {
    async fn send<T, F>(
        &self,
        work: impl FnOnce(Arc<FakeStore>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let (reply, answer) = oneshot::channel();
        let (store, wire) = (Arc::clone(&self.store), Arc::clone(&self.wire));
        let lost = || Err(StoreError::transport("connection reset"));
        // On its own: a request that was sent does not end with its owner.
        tokio::spawn(async move {
            let sent = match wire.fate().await {
                Fate::Done => reply.send(work(store).await),
                Fate::AnswerLost => {
                    drop(work(store).await);
                    reply.send(lost())
                }
                Fate::Refused => {
                    reply.send(Err(StoreError { status: Some(503), ..StoreError::transport("unavailable") }))
                }
                Fate::Late => {
                    let sent = reply.send(lost());
                    if wire.fate().await != Fate::Refused {
                        drop(work(store).await);
                    }
                    sent
                }
            };
            drop(sent);
        });
        answer.await.unwrap_or_else(|_| lost())
    }
}

#[async_trait]
impl RecordStore for WiredStore {
    async fn read(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let key = key.to_owned();
        self.send(|store| async move { store.read(&key).await }).await
    }

    async fn write_if(&self, key: &str, body: Bytes, condition: &Condition) -> Result<String, StoreError> {
        let (key, condition) = (key.to_owned(), condition.clone());
        self.send(|store| async move { store.write_if(&key, body, &condition).await }).await
    }

    async fn mark(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.send(|store| async move { store.mark(&key).await }).await
    }

    async fn unfinished(&self, prefix: &str) -> Result<Vec<Unfinished>, StoreError> {
        let prefix = prefix.to_owned();
        self.send(|store| async move { store.unfinished(&prefix).await }).await
    }
}

#[async_trait]
impl ObjectStore for WiredStore {
    async fn head_bucket(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn put_object(&self, key: &str, _: Bytes) -> Result<(), StoreError> {
        panic!("`{key}` is written without a commit")
    }

    async fn create_multipart(&self, key: &str, mark: Option<&str>) -> Result<String, StoreError> {
        let (key, mark) = (key.to_owned(), mark.map(str::to_owned));
        self.send(|store| async move { store.create_multipart(&key, mark.as_deref()).await }).await
    }

    async fn upload_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        body: Bytes,
    ) -> Result<String, StoreError> {
        let (key, upload) = (key.to_owned(), upload.to_owned());
        self.send(move |store| async move { store.upload_part(&key, &upload, number, body).await }).await
    }

    async fn complete(&self, key: &str, upload: &str, tags: &[String]) -> Result<(), StoreError> {
        let (key, upload, tags) = (key.to_owned(), upload.to_owned(), tags.to_vec());
        let wire = Arc::clone(&self.wire);
        self.send(|store| async move {
            let is_known = store.object(&key).is_some();
            let done = store.complete(&key, &upload, &tags).await;
            if is_known && done.is_ok() {
                locked(&wire.overwritten).push(key);
            }
            done
        })
        .await
    }

    async fn tag(&self, key: &str, tags: &[(String, String)]) -> Result<(), StoreError> {
        let (key, tags) = (key.to_owned(), tags.to_vec());
        self.send(|store| async move { store.tag(&key, &tags).await }).await
    }

    async fn abort(&self, key: &str, upload: &str) -> Result<(), StoreError> {
        let (key, upload) = (key.to_owned(), upload.to_owned());
        self.send(|store| async move { store.abort(&key, &upload).await }).await
    }
}
