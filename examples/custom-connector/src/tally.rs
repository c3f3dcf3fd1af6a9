//! The counts of one partition, and their file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

/// Counts, and the offset they go up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Offset of the next record to count.
    pub(crate) next: i64,
    /// Records by value of the field.
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Tally {
    /// Reads a file; `None` when there is none.
    ///
    /// # Errors
    /// Fails when the file cannot be read or was written by somebody else.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let document: Value = serde_json::from_str(&text)?;
        let counts = document["counts"].as_object().into_iter().flatten();
        let counts = counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect();
        match document["next"].as_i64() {
            Some(next) => Ok(Some(Self { next, counts })),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "no offset in the file")),
        }
    }

    /// Replaces a file: after a crash it holds either the old counts or the new ones.
    ///
    /// # Errors
    /// Fails as the system does.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("draft");
        let mut file = File::create(&draft)?;
        serde_json::to_writer(&mut file, &json!({ "next": self.next, "counts": self.counts }))?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(draft, path)
    }
}
