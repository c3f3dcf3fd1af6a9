//! The folder of the quickstart and the property files in it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Bucket that the example's sink writes to.
pub(crate) const BUCKET: &str = "kafka-logs-bucket";

const SINK: &str = include_str!("../../../examples/1-raw-logs-to-s3/s3-sink.properties");
const SOURCE: &str = include_str!("../../../examples/1-raw-logs-to-s3/datagen.properties");

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Folder of everything, absolute.
    pub(crate) dir: PathBuf,
    /// The broker's logs.
    pub(crate) broker: PathBuf,
    /// Root of the S3 server; a bucket is a folder in it.
    pub(crate) s3: PathBuf,
    /// The worker's log.
    pub(crate) log: PathBuf,
    /// Process id of the worker.
    pub(crate) pid: PathBuf,
    /// Worker properties, first, and those of the connectors.
    pub(crate) properties: [PathBuf; 3],
}

impl Layout {
    /// Creates the folders.
    ///
    /// # Errors
    /// Fails when a folder cannot be created.
    pub(crate) fn create(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let layout = Self {
            broker: dir.join("broker"),
            s3: dir.join("s3"),
            log: dir.join("worker.log"),
            pid: dir.join("worker.pid"),
            properties: ["worker", "s3-sink", "datagen"].map(|name| dir.join(format!("{name}.properties"))),
            dir,
        };
        fs::create_dir_all(layout.bucket())?;
        Ok(layout)
    }

    /// Returns the folder of the bucket.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.s3.join(BUCKET)
    }

    /// Writes the property files: the worker's with the addresses of this run, the connectors' as in the example.
    ///
    /// # Errors
    /// Fails when a file cannot be written.
    pub(crate) fn write_properties(&self, broker: SocketAddr, rest: SocketAddr, rate: f64) -> io::Result<()> {
        let [worker, sink, source] = &self.properties;
        fs::write(worker, worker_text(broker, rest, &self.dir.join("connect.offsets")))?;
        fs::write(sink, SINK)?;
        fs::write(source, source_text(rate))
    }
}

fn worker_text(broker: SocketAddr, rest: SocketAddr, offsets: &Path) -> String {
    format!(
        "# Written anew by every `sluice quickstart`.\n\
         bootstrap.servers={broker}\n\
         listeners=http://{rest}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter.schemas.enable=false\n\
         offset.storage.file.filename={}\n\
         offset.flush.interval.ms=5000\n",
        offsets.display()
    )
}

fn source_text(rate: f64) -> String {
    let lines = SOURCE.lines().map(|line| match line.starts_with("rate=") {
        true => format!("rate={rate}\n"),
        false => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sink_file_is_the_example_and_names_the_bucket() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::create(&folder.path().join("a/b")).expect("created");
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        layout.write_properties(address, address, 2.5).expect("written");
        let [worker, sink, source] =
            layout.properties.each_ref().map(|path| fs::read_to_string(path).expect("read"));
        assert_eq!(sink, SINK);
        assert!(
            sink.lines().any(|line| line == format!("s3.bucket.name={BUCKET}")) && layout.bucket().is_dir()
        );
        assert!(source.lines().any(|line| line == "rate=2.5"), "{source}");
        assert!(worker.lines().any(|line| line == "bootstrap.servers=127.0.0.1:1"), "{worker}");
    }
}
