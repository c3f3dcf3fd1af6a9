//! Small helpers used everywhere: the wall clock, locks, strings, and files replaced in one step.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use kafka_protocol::{messages::TopicName, protocol::StrBytes};

/// Returns the wall clock in milliseconds since 1970, Kafka's timestamp.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64)
}

/// Locks `mutex`. A panic elsewhere is reported by its own task; the state stays usable for the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns `text` as a protocol string.
pub(crate) fn string(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// Returns `name` as a protocol topic name.
pub(crate) fn topic_name(name: impl Into<String>) -> TopicName {
    TopicName(string(name))
}

/// Replaces the file at `path` so that a crash leaves either the old content or the new one.
pub(crate) fn write_atomically(path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, content)?;
    if sync {
        File::open(&temporary)?.sync_all()?;
    }
    fs::rename(&temporary, path)?;
    if sync && let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
