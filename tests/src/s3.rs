//! A real S3 server, the Versity gateway, over a temporary folder: an object is a file, so tests read it as one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    process::{Process, free_port},
    services::versitygw,
    wait,
};

/// The access key that the server accepts.
pub const ACCESS_KEY: &str = "test";
/// The secret key that belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "testtest";
/// The region that the server says it is in; it refuses requests signed for another one.
pub const REGION: &str = "ap-southeast-2";

/// Objects by their keys.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// A running S3 server. Dropping it ends the server and removes its objects.
#[derive(Debug)]
pub struct S3Server {
    process: Process,
    port: u16,
    folder: TempDir,
    certificate: Option<PathBuf>,
}

impl S3Server {
    /// Starts a server without buckets.
    pub fn start() -> Self {
        Self::start_as(false)
    }

    /// Starts a server that speaks HTTPS only; [`S3Server::certificate`] is to be trusted by its clients.
    pub fn start_with_tls() -> Self {
        Self::start_as(true)
    }

    fn start_as(has_tls: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("s3").tempdir().expect("a temporary folder is made");
        let (data, side) = (folder.path().join("data"), folder.path().join("side"));
        for path in [&data, &side] {
            fs::create_dir(path).expect("a folder is made");
        }
        let port = free_port();
        let mut command = Command::new(versitygw());
        command.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY);
        command.args(["--port", &format!("127.0.0.1:{port}"), "--region", REGION]);
        let certificate = folder.path().join("certificate.pem");
        if has_tls {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
            let key = folder.path().join("key.pem");
            fs::write(&certificate, made.cert.pem()).expect("a file is written");
            fs::write(&key, made.signing_key.serialize_pem()).expect("a file is written");
            command.arg("--cert").arg(&certificate).arg("--key").arg(key);
        }
        command.args(["posix", "--sidecar"]);
        command.arg(side).arg(data);
        let mut process = Process::start("s3", &mut command, &folder.path().join("log"));
        process.await_port(port, wait::LIMIT);
        Self { process, port, folder, certificate: has_tls.then_some(certificate) }
    }

    /// Returns the file of the server's certificate, if it speaks HTTPS.
    pub fn certificate(&self) -> Option<&Path> {
        self.certificate.as_deref()
    }

    /// Returns the server's address with its scheme.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Returns the port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates a bucket.
    pub fn create_bucket(&self, bucket: &str) {
        fs::create_dir(self.bucket_folder(bucket)).expect("the bucket is new");
    }

    /// Removes a bucket with its objects.
    pub fn remove_bucket(&self, bucket: &str) {
        fs::remove_dir_all(self.bucket_folder(bucket)).expect("the bucket is there");
    }

    /// Returns all objects of a bucket. Uploads that have not been completed are no objects.
    pub fn objects(&self, bucket: &str) -> Objects {
        let root = self.bucket_folder(bucket);
        let mut objects = Objects::new();
        collect(&root, &root, &mut objects);
        objects
    }

    /// Freezes the server, so that connections stay open and no answer comes.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.folder.path().join("data").join(bucket)
    }
}

fn collect(root: &Path, folder: &Path, objects: &mut Objects) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == ".sgwtmp" {
            // The gateway's own folder for unfinished uploads.
        } else if path.is_dir() {
            collect(root, &path, objects);
        } else if let (Ok(key), Ok(bytes)) = (path.strip_prefix(root), fs::read(&path)) {
            objects.insert(key.to_string_lossy().into_owned(), bytes);
        }
    }
}
