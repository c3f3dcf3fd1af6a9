//! A file of JSON lines that only grows until it is rewritten: group offsets, transactions.
//!
//! A line counts once its newline is there, so a write torn by a crash is cut off on the next start. The owner
//! keeps the live state in memory and calls `rewrite` when the file holds mostly history.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::support::write_atomically;

/// A file is not worth rewriting below this many lines.
const MIN_LINES: usize = 10_000;

/// An append-only file of entries `T`.
#[derive(Debug)]
pub(crate) struct Journal<T> {
    path: PathBuf,
    file: File,
    lines: usize,
    entry: PhantomData<fn(T)>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens the journal at `path` and returns its entries, oldest first.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<T>)> {
        let content = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            content => content?,
        };
        let mut entries = Vec::new();
        let mut good_bytes = 0;
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let Ok(entry) = serde_json::from_slice(line) else { break };
            if !line.ends_with(b"\n") {
                break;
            }
            entries.push(entry);
            good_bytes += line.len();
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        if good_bytes < content.len() {
            let dropped_bytes = content.len() - good_bytes;
            tracing::warn!(path = %path.display(), dropped_bytes, "journal ended in a torn write");
            file.set_len(good_bytes as u64)?;
        }
        let lines = entries.len();
        Ok((Self { path: path.to_owned(), file, lines, entry: PhantomData }, entries))
    }

    /// Appends `entries` in one write.
    pub(crate) fn append<'a>(&mut self, entries: impl IntoIterator<Item = &'a T>) -> io::Result<()>
    where
        T: 'a,
    {
        let (text, lines) = to_lines(entries)?;
        let good_bytes = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(&text) {
            // Half a line in the middle would hide all that follow it from the next start.
            self.file.set_len(good_bytes)?;
            return Err(error);
        }
        self.lines += lines;
        Ok(())
    }

    /// Says whether most lines are history when `live` entries would do.
    pub(crate) fn is_mostly_history(&self, live: usize) -> bool {
        self.lines > MIN_LINES.max(4 * live)
    }

    /// Replaces the whole file by `entries`.
    pub(crate) fn rewrite<'a>(&mut self, entries: impl IntoIterator<Item = &'a T>) -> io::Result<()>
    where
        T: 'a,
    {
        let (text, lines) = to_lines(entries)?;
        write_atomically(&self.path, &text, false)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.lines = lines;
        Ok(())
    }

    /// Writes everything down to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn to_lines<'a, T: Serialize + 'a>(entries: impl IntoIterator<Item = &'a T>) -> io::Result<(Vec<u8>, usize)> {
    let mut text = Vec::new();
    let mut lines = 0;
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
        lines += 1;
    }
    Ok((text, lines))
}
