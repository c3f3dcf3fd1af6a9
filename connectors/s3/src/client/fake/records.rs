//! Commit records in memory.

use connect_core::{Bytes, async_trait};

use crate::client::{Condition, RecordStore, Stored, Unfinished};
use crate::errors::StoreError;

use super::{Call, FakeStore, Record, answer, lost};

impl FakeStore {
    /// Returns the text of a commit record.
    pub(crate) fn record(&self, key: &str) -> Option<String> {
        let state = self.lock();
        state.records.get(key).map(|record| String::from_utf8_lossy(&record.body).into_owned())
    }

    /// Replaces a commit record, as another owner would.
    pub(crate) fn set_record(&self, key: &str, text: &str) {
        let mut state = self.lock();
        state.next_version += 1;
        let (version, modified_s) = (state.next_version, state.now_s);
        state.records.insert(key.to_owned(), Record { body: text.to_owned().into(), version, modified_s });
    }

    /// Returns a store that knows conditions of so many writes, and carries out all after them.
    pub(crate) fn unconditional_after(writes: u32) -> Self {
        let store = Self::default();
        store.lock().conditional_left = Some(writes);
        store
    }

    /// Returns another number in 0..1 with each call.
    pub(crate) fn chance(&self) -> f64 {
        let mut state = self.lock();
        state.next_chance += 1;
        1.0 / (1.0 + f64::from(state.next_chance))
    }

    /// Moves the clock of the store on.
    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.lock().now_s += seconds;
    }
}

#[async_trait]
impl RecordStore for FakeStore {
    async fn read(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let is_lost = self.enter(Call::Read).await?;
        let found = self.lock().records.get(key).cloned();
        lost(is_lost).map(|()| {
            found.map(|Record { body, version, modified_s }| Stored {
                body,
                tag: format!("v{version}"),
                modified_s,
            })
        })
    }

    async fn write_if(&self, key: &str, body: Bytes, condition: &Condition) -> Result<String, StoreError> {
        let is_lost = self.enter(Call::Write).await?;
        let tag = {
            let mut state = self.lock();
            let known = state.records.get(key).map(|record| format!("v{}", record.version));
            let holds = match condition {
                Condition::Absent => known.is_none(),
                Condition::Is(tag) => known.as_ref() == Some(tag),
            };
            let is_conditional = match &mut state.conditional_left {
                None => true,
                Some(left) => {
                    let is_conditional = *left > 0;
                    *left = left.saturating_sub(1);
                    is_conditional
                }
            };
            if !holds && is_conditional {
                return Err(answer("PreconditionFailed", 412));
            }
            state.next_version += 1;
            let (version, modified_s) = (state.next_version, state.now_s);
            state.records.insert(key.to_owned(), Record { body, version, modified_s });
            format!("v{version}")
        };
        lost(is_lost).map(|()| tag)
    }

    async fn mark(&self, key: &str) -> Result<Option<String>, StoreError> {
        let is_lost = self.enter(Call::Mark).await?;
        let state = self.lock();
        let found =
            state.objects.contains_key(key).then(|| state.marks.get(key).cloned().unwrap_or_default());
        lost(is_lost).map(|()| found)
    }

    async fn unfinished(&self, prefix: &str) -> Result<Vec<Unfinished>, StoreError> {
        let is_lost = self.enter(Call::List).await?;
        let state = self.lock();
        let found = state.uploads.iter().filter(|(_, upload)| upload.key.starts_with(prefix));
        let found = found.map(|(id, upload)| Unfinished {
            key: upload.key.clone(),
            id: id.clone(),
            begun_s: upload.begun_s,
        });
        lost(is_lost).map(|()| found.collect())
    }
}
