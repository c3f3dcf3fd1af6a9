//! A store in memory that does what it is told: faults by call, and calls that never answer.

mod records;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use connect_core::{Bytes, async_trait};

use crate::client::ObjectStore;
use crate::errors::StoreError;

/// The calls, as faults are injected into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Call {
    Head,
    Put,
    Create,
    Part,
    Complete,
    Tag,
    Abort,
    Read,
    Write,
    Mark,
    List,
}

/// What happens to one call.
#[derive(Debug, Clone)]
pub(crate) enum Inject {
    /// It fails with this code and status and changes nothing.
    Fail(&'static str, u16),
    /// It does its work, and the answer is lost.
    LoseAnswer,
    /// It never answers.
    Hang,
}

/// Objects, uploads and pending faults.
#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    tags: BTreeMap<String, Vec<(String, String)>>,
    uploads: BTreeMap<String, Upload>,
    marks: BTreeMap<String, String>,
    records: BTreeMap<String, Record>,
    faults: BTreeMap<Call, VecDeque<Inject>>,
    calls: Vec<Call>,
    is_down: bool,
    is_conditional: bool,
    next_upload: u64,
    next_version: u64,
    /// Conditional writes that are still such; after them every write is carried out.
    conditional_left: Option<u32>,
    next_chance: u32,
    /// The clock of the store.
    now_s: i64,
}

#[derive(Debug, Default)]
struct Upload {
    key: String,
    mark: Option<String>,
    begun_s: i64,
    parts: BTreeMap<i32, Bytes>,
}

/// An object that was written with a condition.
#[derive(Debug, Clone)]
struct Record {
    body: Bytes,
    version: u64,
    modified_s: i64,
}

impl FakeStore {
    /// Returns a store that writes only objects that do not exist.
    pub(crate) fn conditional() -> Self {
        let state = State { is_conditional: true, ..State::default() };
        Self { state: Mutex::new(state) }
    }

    /// Makes the next calls of a kind fail, in order.
    pub(crate) fn inject(&self, call: Call, faults: impl IntoIterator<Item = Inject>) {
        self.lock().faults.entry(call).or_default().extend(faults);
    }

    /// Makes every call fail with 503 until told otherwise.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    /// Returns the objects by name.
    pub(crate) fn objects(&self) -> BTreeMap<String, String> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        self.lock().objects.iter().map(|(key, bytes)| (key.clone(), text(bytes))).collect()
    }

    /// Returns how many objects there are.
    pub(crate) fn objects_count(&self) -> usize {
        self.lock().objects.len()
    }

    /// Returns an object.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.lock().objects.get(key).cloned()
    }

    /// Returns the tags of an object, as `name=value`.
    pub(crate) fn tags(&self, key: &str) -> Vec<String> {
        let text = |(name, value): &(String, String)| format!("{name}={value}");
        self.lock().tags.get(key).into_iter().flatten().map(text).collect()
    }

    /// Takes the calls so far.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    /// Returns how many multipart uploads are neither completed nor aborted.
    pub(crate) fn open_uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    async fn enter(&self, call: Call) -> Result<bool, StoreError> {
        let injected = {
            let mut state = self.lock();
            state.calls.push(call);
            if state.is_down {
                return Err(answer("ServiceUnavailable", 503));
            }
            state.faults.get_mut(&call).and_then(VecDeque::pop_front)
        };
        tokio::task::yield_now().await;
        match injected {
            None => Ok(false),
            Some(Inject::LoseAnswer) => Ok(true),
            Some(Inject::Fail(code, status)) => Err(answer(code, status)),
            Some(Inject::Hang) => std::future::pending().await,
        }
    }

    fn publish(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.is_conditional && state.objects.contains_key(key) {
            return Err(answer("PreconditionFailed", 412));
        }
        state.objects.insert(key.to_owned(), bytes);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(code: &'static str, status: u16) -> StoreError {
    let code = (!code.is_empty()).then(|| code.to_owned());
    StoreError { code, status: Some(status), ..StoreError::transport("injected") }
}

fn lost(is_lost: bool) -> Result<(), StoreError> {
    if is_lost { Err(StoreError::transport("connection reset")) } else { Ok(()) }
}

#[async_trait]
impl ObjectStore for FakeStore {
    async fn head_bucket(&self) -> Result<(), StoreError> {
        lost(self.enter(Call::Head).await?)
    }

    async fn put_object(&self, key: &str, body: Bytes) -> Result<(), StoreError> {
        let is_lost = self.enter(Call::Put).await?;
        self.publish(key, body.to_vec())?;
        lost(is_lost)
    }

    async fn create_multipart(&self, key: &str, mark: Option<&str>) -> Result<String, StoreError> {
        let is_lost = self.enter(Call::Create).await?;
        let id = {
            let mut state = self.lock();
            state.next_upload += 1;
            let id = format!("{key}#{}", state.next_upload);
            let begun_s = state.now_s;
            let (key, mark) = (key.to_owned(), mark.map(str::to_owned));
            state.uploads.insert(id.clone(), Upload { key, mark, begun_s, ..Upload::default() });
            id
        };
        lost(is_lost).map(|()| id)
    }

    async fn upload_part(
        &self,
        _key: &str,
        upload: &str,
        number: i32,
        body: Bytes,
    ) -> Result<String, StoreError> {
        let is_lost = self.enter(Call::Part).await?;
        match self.lock().uploads.get_mut(upload) {
            Some(upload) => upload.parts.insert(number, body),
            None => return Err(answer("NoSuchUpload", 404)),
        };
        lost(is_lost).map(|()| format!("tag-{number}"))
    }

    async fn complete(&self, key: &str, upload: &str, tags: &[String]) -> Result<(), StoreError> {
        let is_lost = self.enter(Call::Complete).await?;
        let upload = self.lock().uploads.remove(upload).ok_or_else(|| answer("NoSuchUpload", 404))?;
        let Upload { parts, mark, .. } = upload;
        let expected: Vec<String> = parts.keys().map(|number| format!("tag-{number}")).collect();
        assert_eq!(tags, expected, "the parts that were written are completed, in order");
        self.publish(key, parts.into_values().flatten().collect())?;
        self.lock().marks.insert(key.to_owned(), mark.unwrap_or_default());
        lost(is_lost)
    }

    async fn tag(&self, key: &str, tags: &[(String, String)]) -> Result<(), StoreError> {
        let is_lost = self.enter(Call::Tag).await?;
        self.lock().tags.insert(key.to_owned(), tags.to_vec());
        lost(is_lost)
    }

    async fn abort(&self, _key: &str, upload: &str) -> Result<(), StoreError> {
        let is_lost = self.enter(Call::Abort).await?;
        self.lock().uploads.remove(upload);
        lost(is_lost)
    }
}
