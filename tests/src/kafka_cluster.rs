//! A real Kafka cluster of three nodes, each broker and controller at once, for tests that take one of them away.
//!
//! Every topic, also those of the groups and the transactions, lives on all three and is served while two are up.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{FindCoordinatorRequest, FindCoordinatorResponse, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use tempfile::TempDir;

use crate::{
    kafka::{KafkaClient, java},
    process::{Process, free_port},
    wait,
};

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qw";
/// The last version of `FindCoordinator` that asks for one key.
const FIND_ONE: i16 = 3;

/// What a coordinator is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinated<'a> {
    /// A group, by its id.
    Group(&'a str),
    /// The transactions of a producer, by its transactional id.
    Transactions(&'a str),
}

/// Three nodes with their files. Dropping them kills all.
#[derive(Debug)]
pub struct KafkaCluster {
    nodes: [Node; 3],
    _folder: TempDir,
}

#[derive(Debug)]
struct Node {
    process: Option<Process>,
    port: u16,
    folder: PathBuf,
}

impl KafkaCluster {
    /// Starts the nodes and waits until all of them listen.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("cluster").tempdir().expect("a temporary folder is made");
        let (ports, controllers) = ([(); 3].map(|()| free_port()), [(); 3].map(|()| free_port()));
        let nodes = [0, 1, 2].map(|index| Node::prepare(folder.path(), index, ports[index], controllers));
        let mut cluster = Self { nodes, _folder: folder };
        // All at once: none of them listens before there is a quorum.
        cluster.nodes.iter_mut().for_each(Node::launch);
        cluster.nodes.iter_mut().for_each(Node::await_listening);
        cluster
    }

    /// Returns `host:port` of each node, with commas between.
    pub fn bootstrap(&self) -> String {
        let addresses = self.nodes.each_ref().map(|node| format!("127.0.0.1:{}", node.port));
        addresses.join(",")
    }

    /// Returns a client of the cluster.
    pub fn client(&self) -> KafkaClient {
        KafkaClient::new(&self.bootstrap())
    }

    /// Returns the index of the node that hosts a coordinator, as soon as a node tells one.
    pub fn coordinator(&self, of: Coordinated<'_>) -> usize {
        wait::until_blocking(&format!("the coordinator of {of:?}"), wait::LIMIT, || {
            let mut running = self.nodes.iter().filter(|node| node.process.is_some());
            let port = running.find_map(|node| node.find(of)).ok_or("no node tells it")?;
            self.nodes.iter().position(|node| node.port == port).ok_or("a foreign node")
        })
    }

    /// Kills a node at once.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut process) = self.nodes[index].process.take() {
            process.kill();
        }
    }

    /// Stops a node in the ordinary way: it hands over what it leads first.
    pub fn stop(&mut self, index: usize) {
        if let Some(mut process) = self.nodes[index].process.take() {
            process.terminate();
        }
    }

    /// Starts a node again on the same ports with the same files, after [`KafkaCluster::kill`] or
    /// [`KafkaCluster::stop`].
    pub fn restart(&mut self, index: usize) {
        self.nodes[index].launch();
        self.nodes[index].await_listening();
    }
}

impl Node {
    fn prepare(parent: &Path, index: usize, port: u16, controllers: [u16; 3]) -> Self {
        let (folder, id) = (parent.join(format!("node-{index}")), index + 1);
        let data = folder.join("data");
        fs::create_dir_all(&data).expect("a folder is made");
        let voters = [0, 1, 2].map(|voter| format!("{}@127.0.0.1:{}", voter + 1, controllers[voter]));
        let text = properties(id, &data, port, controllers[index], &voters.join(","));
        fs::write(folder.join("server.properties"), text).expect("a property file is written");
        // What Kafka's tool for formatting would write, without three more Java programs.
        let meta = format!("version=1\ncluster.id={CLUSTER_ID}\nnode.id={id}\n");
        fs::write(data.join("meta.properties"), meta).expect("a property file is written");
        Self { process: None, port, folder }
    }

    fn launch(&mut self) {
        let mut command = java("256m");
        command.args(["-XX:TieredStopAtLevel=1", "kafka.Kafka"]).arg(self.folder.join("server.properties"));
        self.process = Some(Process::start("a kafka node", &mut command, &self.folder.join("log")));
    }

    fn await_listening(&mut self) {
        if let Some(process) = &mut self.process {
            process.await_port(self.port, wait::LIMIT);
        }
    }

    /// Returns the port of the node that hosts a coordinator, or `None` when this one cannot tell now.
    fn find(&self, of: Coordinated<'_>) -> Option<u16> {
        let (kind, key) = match of {
            Coordinated::Group(id) => (0, id),
            Coordinated::Transactions(id) => (1, id),
        };
        let request = FindCoordinatorRequest::default()
            .with_key(StrBytes::from_string(key.to_owned()))
            .with_key_type(kind);
        let response: FindCoordinatorResponse = call(self.port, FIND_ONE, &request).ok()?;
        (response.error_code == 0).then(|| u16::try_from(response.port).expect("a port"))
    }
}

fn properties(id: usize, data: &Path, port: u16, controller: u16, voters: &str) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         log.dirs={data}\n\
         log.cleaner.dedupe.buffer.size=8388608\n\
         num.network.threads=2\n\
         num.io.threads=4\n\
         default.replication.factor=3\n\
         min.insync.replicas=2\n\
         offsets.topic.num.partitions=5\n\
         offsets.topic.replication.factor=3\n\
         transaction.state.log.num.partitions=5\n\
         transaction.state.log.replication.factor=3\n\
         transaction.state.log.min.isr=2\n\
         share.coordinator.state.topic.replication.factor=3\n\
         share.coordinator.state.topic.min.isr=2\n\
         group.initial.rebalance.delay.ms=0\n\
         log.retention.ms=-1\n\
         group.min.session.timeout.ms=1000\n",
        data = data.display()
    )
}

/// Sends one request to a node and reads the answer.
fn call<R: Request>(port: u16, version: i16, request: &R) -> std::io::Result<R::Response> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_static_str("harness")));
    let mut bytes = BytesMut::new();
    bytes.put_i32(0);
    header.encode(&mut bytes, R::header_version(version)).expect("a header is encoded");
    request.encode(&mut bytes, version).expect("a request is encoded");
    let length = i32::try_from(bytes.len() - 4).expect("a request is small");
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(wait::LIMIT))?;
    stream.write_all(&bytes)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer)?;
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, R::Response::header_version(version)).expect("a header is decoded");
    Ok(R::Response::decode(&mut answer, version).expect("an answer is decoded"))
}
