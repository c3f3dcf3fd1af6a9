//! What lines are read from: a file from a position on, or the standard input.

use std::io::SeekFrom;

use connect_core::error::ConnectError;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt};

use crate::source::lines::LineBuffer;

/// Bytes asked for at once: large enough that a call costs little, small enough to stay in the cache.
const CHUNK_BYTES: usize = 256 * 1024;

/// An open input.
pub(crate) struct LineReader {
    input: Box<dyn AsyncRead + Send + Sync + Unpin>,
    /// Lines read and not yet given out.
    pub(crate) lines: LineBuffer,
}

impl LineReader {
    /// Returns the standard input.
    pub(crate) fn stdin() -> Self {
        Self { input: Box::new(tokio::io::stdin()), lines: LineBuffer::default() }
    }

    /// Opens a file at a position in bytes; `None` when there is no such file yet.
    ///
    /// # Errors
    /// Fatal when the file cannot be opened for another reason.
    pub(crate) async fn open(file: &str, position: u64) -> Result<Option<Self>, ConnectError> {
        let opening =
            |error: std::io::Error| ConnectError::fatal(format!("opening file `{file}`")).because(error);
        let mut handle = match File::open(file).await {
            Ok(handle) => handle,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(opening(error)),
        };
        let metadata = handle.metadata().await.map_err(opening)?;
        if metadata.is_dir() {
            return Err(ConnectError::fatal(format!("opening file `{file}`: it is a directory")));
        }
        // A pipe cannot be read again: what comes now is what follows the position.
        if metadata.is_file() {
            if metadata.len() < position {
                let length = metadata.len();
                tracing::warn!(
                    file,
                    position,
                    length,
                    "file is shorter than its stored position, waiting for it to grow"
                );
            }
            handle.seek(SeekFrom::Start(position)).await.map_err(opening)?;
        }
        Ok(Some(Self { input: Box::new(handle), lines: LineBuffer::default() }))
    }

    /// Reads more bytes; returns how many, 0 at the end. Cancel safe.
    ///
    /// # Errors
    /// Fails as the system does.
    pub(crate) async fn read(&mut self) -> std::io::Result<usize> {
        let buffer = self.lines.input();
        buffer.reserve(CHUNK_BYTES);
        self.input.read_buf(buffer).await
    }
}
