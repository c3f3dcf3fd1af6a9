//! The offset store of standalone mode: one file with all offsets, in the JVM's format, rewritten on each change.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use connect_core::error::ConnectError;
use indexmap::IndexMap;

use crate::stores::offsets::OffsetStore;
use crate::stores::offsets::java_stream;

/// Keeps offsets in a file that JVM Kafka Connect reads and writes too.
///
/// Unlike the JVM, which rewrites the file in place, the file is replaced as a whole, after its content reached
/// the disk: a crash leaves either the old or the new offsets. Changes that arrive during a write share the next.
pub struct FileOffsetStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    memory: Mutex<Memory>,
    /// Version of the memory that the file holds. Held while writing, so that files are written in order.
    written: Mutex<u64>,
}

/// All offsets; bounded by what connectors store, as the file is.
struct Memory {
    offsets: IndexMap<Bytes, Bytes>,
    version: u64,
}

impl FileOffsetStore {
    /// Opens a file; a missing or empty one means that there are no offsets yet. Blocks on the disk.
    ///
    /// # Errors
    /// Fatal when the file cannot be read, is not a file of offsets, or its folder does not exist.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ConnectError> {
        let path = path.into();
        // A link stays a link: what it points to is replaced.
        let path = path.canonicalize().unwrap_or(path);
        let offsets = match fs::read(&path) {
            Ok(content) if content.is_empty() => IndexMap::new(),
            Ok(content) => java_stream::read_map(&content).map_err(|error| {
                let path = path.display();
                ConnectError::fatal(format!("reading offsets from file `{path}`")).because(error)
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound && folder(&path).is_dir() => IndexMap::new(),
            Err(error) => {
                let path = path.display();
                return Err(ConnectError::fatal(format!("opening offset file `{path}`")).because(error));
            }
        };
        let memory = Mutex::new(Memory { offsets, version: 0 });
        Ok(Self { shared: Arc::new(Shared { path, memory, written: Mutex::new(0) }) })
    }
}

#[async_trait]
impl OffsetStore for FileOffsetStore {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
        let memory = self.shared.memory();
        Ok(keys.iter().map(|key| memory.offsets.get(key).cloned()).collect())
    }

    /// Applies the entries in memory even if the write fails, as the JVM does: the records they belong to are
    /// delivered, and the next write brings them to the disk.
    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<(), ConnectError> {
        let version = self.shared.apply(entries);
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.persist(version))
            .await
            .map_err(|error| ConnectError::retriable("writing offsets").because(error))?
    }

    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
        let memory = self.shared.memory();
        Ok(memory.offsets.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

impl Shared {
    fn apply(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> u64 {
        let mut memory = self.memory();
        for (key, value) in entries {
            match value {
                Some(value) => memory.offsets.insert(key, value),
                None => memory.offsets.shift_remove(&key),
            };
        }
        memory.version += 1;
        memory.version
    }

    /// Brings at least `version` to the disk.
    fn persist(&self, version: u64) -> Result<(), ConnectError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written >= version {
            return Ok(());
        }
        let (content, newest) = {
            let memory = self.memory();
            (java_stream::write_map(&memory.offsets), memory.version)
        };
        replace_file(&self.path, &content).map_err(|error| {
            let path = self.path.display();
            ConnectError::retriable(format!("writing offsets to file `{path}`")).because(error)
        })?;
        *written = newest;
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing can panic half-way through a change, so a poisoned map is still whole.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let mut file = File::create(&fresh)?;
    let outcome = fill(&mut file, path, content).and_then(|()| fs::rename(&fresh, path));
    if outcome.is_err() {
        // The first error is the one to tell; a left-over is overwritten by the next write.
        fs::remove_file(&fresh).ok();
        return outcome;
    }
    // Without this the rename itself may be lost when the machine fails.
    File::open(folder(path))?.sync_all()
}

fn fill(file: &mut File, replaced: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Ok(metadata) = fs::metadata(replaced) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[tokio::test]
    async fn offsets_survive_a_restart_and_none_deletes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offsets");
        let store = FileOffsetStore::open(&path).expect("a missing file is fine");
        store
            .set(vec![(bytes("a"), Some(bytes("1"))), (bytes("b"), Some(bytes("2")))])
            .await
            .expect("stored");
        store.set(vec![(bytes("a"), None), (bytes("c"), Some(bytes("3")))]).await.expect("stored");

        let again = FileOffsetStore::open(&path).expect("reads its own file");
        let values = again.get(&[bytes("c"), bytes("a"), bytes("b")]).await.expect("read");
        assert_eq!(values, vec![Some(bytes("3")), None, Some(bytes("2"))]);
        let entries = again.entries().await.expect("read");
        assert_eq!(entries, vec![(bytes("b"), bytes("2")), (bytes("c"), bytes("3"))]);
        let names: Vec<_> = fs::read_dir(folder.path()).expect("listed").flatten().collect();
        assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");
    }

    #[tokio::test]
    async fn offsets_of_a_failed_write_come_with_the_next_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offsets");
        let store = FileOffsetStore::open(&path).expect("open");
        // A folder in the place of the temporary file makes the write fail, whoever runs the test.
        let obstacle = folder.path().join("offsets.new");
        fs::create_dir(&obstacle).expect("made");
        let error = store.set(vec![(bytes("a"), Some(bytes("1")))]).await.expect_err("not writable");
        assert!(error.is_retriable());
        assert!(error.to_string().starts_with("writing offsets to file `"), "{error}");
        assert_eq!(store.get(&[bytes("a")]).await.expect("read"), vec![Some(bytes("1"))]);

        fs::remove_dir(&obstacle).expect("removed");
        store.set(Vec::new()).await.expect("stored");
        let again = FileOffsetStore::open(&path).expect("open");
        assert_eq!(again.get(&[bytes("a")]).await.expect("read"), vec![Some(bytes("1"))]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn concurrent_writers_all_reach_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offsets");
        let store = Arc::new(FileOffsetStore::open(&path).expect("open"));
        let mut writers = tokio::task::JoinSet::new();
        for index in 0..20 {
            let store = Arc::clone(&store);
            let key = Bytes::from(format!("key {index}"));
            writers.spawn(async move { store.set(vec![(key, Some(bytes("1")))]).await });
        }
        while let Some(outcome) = writers.join_next().await {
            outcome.expect("no panic").expect("stored");
        }
        let again = FileOffsetStore::open(&path).expect("open");
        assert_eq!(again.entries().await.expect("read").len(), 20);
    }

    #[test]
    fn unusable_files_are_named_when_opening() {
        let folder = tempfile::tempdir().expect("a folder");
        let garbled = folder.path().join("garbled");
        fs::write(&garbled, b"{}").expect("written");
        let missing_folder = folder.path().join("missing").join("offsets");
        for path in [garbled, missing_folder, folder.path().to_owned()] {
            let Err(error) = FileOffsetStore::open(&path) else { panic!("`{}` was opened", path.display()) };
            assert!(!error.is_retriable());
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn link_and_permissions_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, b"").expect("written");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("set");
        symlink(&target, &link).expect("linked");
        let store = FileOffsetStore::open(&link).expect("an empty file is fine");
        store.set(vec![(bytes("a"), Some(bytes("1")))]).await.expect("stored");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        let metadata = fs::metadata(&target).expect("there");
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.len() > 0), (0o600, true));
    }
}
