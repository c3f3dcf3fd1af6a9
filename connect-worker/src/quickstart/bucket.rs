//! The objects in the bucket: how many there are, and which are too old to keep.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::quickstart::files::BUCKET;

/// Objects kept; older ones are deleted so that a forgotten quickstart does not fill the disk.
pub(crate) const MAX_OBJECTS: usize = 10_000;

/// What is in the bucket.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Objects, oldest first.
    objects: Vec<(SystemTime, PathBuf)>,
    /// Size of all objects.
    pub(crate) size_bytes: u64,
}

impl Survey {
    /// Looks through a folder and all folders in it.
    ///
    /// # Errors
    /// Fails when a folder cannot be read.
    pub(crate) fn of(bucket: &Path) -> io::Result<Self> {
        let mut survey = Self::default();
        let mut folders = vec![bucket.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                // An object may be replaced or deleted between the two calls.
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    folders.push(entry.path());
                } else {
                    survey.size_bytes += metadata.len();
                    survey.objects.push((metadata.modified()?, entry.path()));
                }
            }
        }
        survey.objects.sort();
        Ok(survey)
    }

    /// Returns the number of objects.
    pub(crate) fn count(&self) -> usize {
        self.objects.len()
    }

    /// Returns the file of the newest object.
    pub(crate) fn newest(&self) -> Option<&Path> {
        self.objects.last().map(|(_, path)| path.as_path())
    }

    /// Deletes the oldest objects but the newest `keep`, with what the S3 server notes about them in `root`.
    ///
    /// # Errors
    /// Fails when a file cannot be deleted.
    pub(crate) fn prune(&self, root: &Path, keep: usize) -> io::Result<usize> {
        let old = &self.objects[..self.count().saturating_sub(keep)];
        for (_, path) in old {
            let key = path.strip_prefix(root.join(BUCKET)).unwrap_or(path).to_string_lossy();
            for suffix in ["internal.json", "metadata.json"] {
                remove(&root.join(note_name(&key, suffix)))?;
            }
            remove(path)?;
        }
        Ok(old.len())
    }
}

/// Returns the name of a file in which the S3 server keeps what it knows about an object.
fn note_name(key: &str, suffix: &str) -> String {
    let [bucket, key] = [BUCKET, key].map(|text| URL_SAFE_NO_PAD.encode(text));
    format!(".bucket-{bucket}.object-{key}.{suffix}")
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_objects_go_first_and_their_notes_with_them() {
        let root = tempfile::tempdir().expect("folder");
        let folder = root.path().join(BUCKET).join("topics/t");
        fs::create_dir_all(&folder).expect("created");
        for (age, name) in [(2, "b"), (3, "a"), (1, "c")] {
            fs::write(folder.join(name), "xy").expect("written");
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(100 - age);
            let file = fs::File::options().write(true).open(folder.join(name)).expect("opened");
            file.set_modified(time).expect("dated");
            fs::write(root.path().join(note_name(&format!("topics/t/{name}"), "internal.json")), "")
                .expect("written");
        }
        let survey = Survey::of(&root.path().join(BUCKET)).expect("surveyed");
        assert_eq!((survey.count(), survey.size_bytes), (3, 6));
        assert_eq!(survey.newest(), Some(folder.join("c").as_path()));
        assert_eq!(survey.prune(root.path(), 2).expect("pruned"), 1);
        let left = Survey::of(root.path()).expect("surveyed");
        assert_eq!(left.count(), 4);
        assert!(!folder.join("a").exists());
    }
}
