//! The file or standard output, and the lines on their way to it.
//!
//! A write that the system breaks off half-way (a full disk) goes on where it stopped, so that the file never
//! holds half a line followed by the same line again.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::sync::Arc;

use connect_core::error::ConnectError;

/// Room kept for the next batch; a larger buffer is given back.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Lines and where they go.
#[derive(Debug)]
pub(crate) struct Output {
    /// `None` is the standard output.
    file: Option<Arc<File>>,
    /// Lines to write; complete lines only.
    pub(crate) lines: Vec<u8>,
    /// Bytes at the front of `lines` that are written already.
    written: usize,
    is_synced: bool,
}

impl Output {
    /// Opens a file for appending, creating it if needed; without a name, the standard output.
    ///
    /// # Errors
    /// Fatal when the file can neither be opened nor created.
    pub(crate) fn open(file: Option<&str>) -> Result<Self, ConnectError> {
        let open = |name: &str| {
            OpenOptions::new().create(true).append(true).open(name).map_err(|error| {
                let text = format!("Couldn't find or create file '{name}' for FileStreamSinkTask");
                ConnectError::fatal(text).because(error)
            })
        };
        let file = file.map(open).transpose()?.map(Arc::new);
        Ok(Self { file, lines: Vec::new(), written: 0, is_synced: true })
    }

    /// Returns whether lines wait to be written.
    pub(crate) fn is_pending(&self) -> bool {
        self.written < self.lines.len()
    }

    /// Writes the lines that wait.
    ///
    /// # Errors
    /// Fails as the system does; what was not written stays for the next call.
    pub(crate) async fn write(&mut self) -> io::Result<()> {
        if !self.is_pending() {
            return Ok(());
        }
        let file = self.file.clone();
        let (lines, start) = (std::mem::take(&mut self.lines), self.written);
        let job = tokio::task::spawn_blocking(move || {
            let (written, result) = match &file {
                Some(file) => write_from(&mut &**file, &lines, start),
                None => write_from(&mut io::stdout().lock(), &lines, start),
            };
            (lines, written, result)
        });
        let (lines, written, result) = job.await.map_err(io::Error::other)?;
        (self.lines, self.written) = (lines, written);
        self.is_synced = false;
        if result.is_ok() {
            self.clear();
        }
        result
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// Fails as the system does.
    pub(crate) async fn sync(&mut self) -> io::Result<()> {
        let Some(file) = self.file.clone().filter(|_| !self.is_synced) else { return Ok(()) };
        // Pipes and devices have nothing to synchronise.
        let sync = move || if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) };
        tokio::task::spawn_blocking(sync).await.map_err(io::Error::other)??;
        self.is_synced = true;
        Ok(())
    }

    /// Gives up what was not written, and cuts a line that was written half, unless another writer has appended
    /// since.
    ///
    /// # Errors
    /// Fails as the system does.
    pub(crate) fn abandon(&mut self) -> io::Result<()> {
        let written = &self.lines[..self.written];
        let torn = written.len() - memchr::memrchr(b'\n', written).map_or(0, |end| end + 1);
        let is_torn = self.is_pending() && torn > 0;
        self.clear();
        let Some(file) = self.file.as_deref().filter(|_| is_torn) else { return Ok(()) };
        let metadata = file.metadata()?;
        let mut handle = file;
        if metadata.is_file() && handle.stream_position()? == metadata.len() {
            file.set_len(metadata.len() - torn as u64)?;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.written = 0;
        self.lines.clear();
        self.lines.shrink_to(KEPT_BYTES);
    }
}

/// Writes `lines[start..]`; returns how much of `lines` is written, and the error that ended it early.
fn write_from(target: &mut impl Write, lines: &[u8], start: usize) -> (usize, io::Result<()>) {
    let mut written = start;
    while written < lines.len() {
        match target.write(&lines[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, target.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a number of bytes, then is full.
    struct Disk {
        room: usize,
        content: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room).min(3);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= count;
            self.content.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn broken_off_write_goes_on_where_it_stopped() {
        let lines = b"one\ntwo\nthree\n";
        for room in 0..lines.len() {
            let mut disk = Disk { room, content: Vec::new() };
            let (written, result) = write_from(&mut disk, lines, 0);
            assert_eq!(
                (written, result.map_err(|error| error.kind())),
                (room, Err(io::ErrorKind::StorageFull))
            );
            disk.room = usize::MAX;
            let (written, result) = write_from(&mut disk, lines, written);
            assert!(result.is_ok());
            assert_eq!((written, disk.content.as_slice()), (lines.len(), lines.as_slice()));
        }
    }

    #[test]
    fn abandoned_half_line_is_cut_unless_another_writer_appended() {
        let folder = tempfile::tempdir().expect("folder");
        for (is_shared, expected) in [(false, "one\n"), (true, "one\ntwother\n")] {
            let path = folder.path().join(format!("out-{is_shared}"));
            let mut output = Output::open(path.to_str()).expect("open");
            output.lines.extend_from_slice(b"one\ntwo\n");
            let file = output.file.clone().expect("file");
            (&*file).write_all(b"one\ntwo").expect("write");
            output.written = 7;
            if is_shared {
                let mut other = OpenOptions::new().append(true).open(&path).expect("open");
                other.write_all(b"ther\n").expect("write");
            }
            output.abandon().expect("abandon");
            assert_eq!(std::fs::read_to_string(&path).expect("read"), expected);
            assert!(!output.is_pending());
        }
    }
}
