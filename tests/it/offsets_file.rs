//! The file of standalone offsets, written here and read by the JVM, and the other way round.

use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use connect_tests::kafka::java;
use connect_tests::services::repository;
use connect_worker::stores::offsets::{FileOffsetStore, OffsetStore};

/// Runs the Java program on a file and returns its lines, without those of its log.
fn jvm(action: &str, file: &Path) -> Vec<String> {
    let mut command: Command = java("128m");
    command.arg(repository().join("tests/java/OffsetsFile.java")).arg(action).arg(file);
    let output = command.stderr(Stdio::piped()).output().expect("java runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.lines().filter(|line| line.starts_with('[')).map(ToOwned::to_owned).collect()
}

fn entry(key: &str, value: &str) -> (Bytes, Option<Bytes>) {
    (Bytes::copy_from_slice(key.as_bytes()), Some(Bytes::copy_from_slice(value.as_bytes())))
}

#[tokio::test]
async fn jvm_reads_what_was_written_here_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("offsets");
    let entries: Vec<_> =
        (10..40).map(|index| entry(&format!("[\"c\",{{\"ä\":{index}}}]"), "{\"p\":1}")).collect();
    let store = FileOffsetStore::open(&file).expect("a new file");
    store.set(entries.clone()).await.expect("written");
    let expected: Vec<String> =
        (10..40).map(|index| format!("[\"c\",{{\"ä\":{index}}}]={{\"p\":1}}")).collect();
    assert_eq!(jvm("read", &file), expected);

    // The JVM opens the file of this worker, adds to it and writes it anew.
    jvm("write", &file);
    let store = FileOffsetStore::open(&file).expect("a file of the JVM");
    let read = store.entries().await.expect("read");
    let positions = read.iter().filter(|(_, value)| &value[..] == br#"{"position":6}"#).count();
    assert_eq!((read.len(), positions), (33, 2));

    store.set(read.into_iter().map(|(key, _)| (key, None)).collect()).await.expect("written");
    assert_eq!(jvm("read", &file), Vec::<String>::new());
}
