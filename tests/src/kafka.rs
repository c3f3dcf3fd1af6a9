//! One real Kafka broker (KRaft, a single node) and a plain client for it.
//!
//! Starting takes some ten seconds, so tests share one broker per test process with topics of their own; those that
//! stop or kill the broker start one for themselves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Header, Headers, OwnedMessage},
    producer::{FutureProducer, FutureRecord, Producer},
};
use tempfile::TempDir;

use crate::{
    process::{Process, eprintln_tail, free_port},
    services::kafka_home,
    wait,
};

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// A broker with its files. Dropping it kills the broker.
#[derive(Debug)]
pub struct Kafka {
    process: Option<Process>,
    port: u16,
    folder: PathBuf,
    _owned: Option<TempDir>,
}

impl Kafka {
    /// Starts a broker of its own for a test that will disturb it.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("kafka").tempdir().expect("a temporary folder is made");
        Self::start_in(folder.path().to_owned(), Some(folder))
    }

    fn start_in(folder: PathBuf, owned: Option<TempDir>) -> Self {
        let is_shared = owned.is_none();
        let mut kafka = Self { process: None, port: free_port(), folder, _owned: owned };
        // A broker that is killed comes back only once its session is over.
        let session = if is_shared { "broker.session.timeout.ms=120000\n" } else { "" };
        kafka.write_properties(free_port(), session);
        kafka.format();
        kafka.restart();
        kafka
    }

    /// Returns `host:port` of the broker.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the broker again on the same port with the same files, after [`Kafka::kill`] or [`Kafka::stop`].
    pub fn restart(&mut self) {
        let mut command = java("512m");
        command.arg("kafka.Kafka").arg(self.properties());
        let mut process = Process::start("kafka", &mut command, &self.folder.join("log"));
        process.await_port(self.port, wait::LIMIT);
        self.process = Some(process);
    }

    /// Kills the broker at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops the broker in the ordinary way.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    /// Freezes the broker, so that connections stay open and no answer comes.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            process.signal("STOP");
        }
    }

    /// Lets a frozen broker go on.
    pub fn thaw(&self) {
        if let Some(process) = &self.process {
            process.signal("CONT");
        }
    }

    /// Returns a client of this broker.
    pub fn client(&self) -> KafkaClient {
        KafkaClient::new(&self.bootstrap())
    }

    /// Returns the last lines of the broker's log.
    pub fn log_tail(&self) -> String {
        self.process.as_ref().map(Process::log_tail).unwrap_or_default()
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn write_properties(&self, controller_port: u16, session: &str) {
        // Tests produce records of any time, which retention by age would delete.
        let (port, data) = (self.port, self.folder.join("data"));
        let text = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             log.dirs={data}\n\
             offsets.topic.num.partitions=5\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.num.partitions=5\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             share.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             log.retention.ms=-1\n\
             group.min.session.timeout.ms=1000\n{session}",
            data = data.display()
        );
        fs::write(self.properties(), text).expect("a property file is written");
    }

    fn format(&self) {
        let mut command = java("256m");
        command.args(["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "--standalone"]);
        command.args(["-t", CLUSTER_ID, "-c"]).arg(self.properties());
        let output = command.output().expect("java starts");
        assert!(output.status.success(), "formatting Kafka's storage: {output:?}");
    }
}

/// A use of the shared broker. When the test fails, the end of the broker's log is printed.
#[derive(Debug)]
pub struct SharedKafka(());

/// Returns the broker that all tests of this process share, starting it on first use.
pub fn shared() -> SharedKafka {
    shared_broker();
    SharedKafka(())
}

impl SharedKafka {
    /// Returns `host:port` of the broker.
    pub fn bootstrap(&self) -> String {
        shared_broker().bootstrap()
    }

    /// Returns a client of this broker.
    pub fn client(&self) -> KafkaClient {
        KafkaClient::new(&self.bootstrap())
    }
}

impl Drop for SharedKafka {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln_tail("the shared kafka", &shared_broker().log_tail());
        }
    }
}

/// Returns `prefix` with an ending that no other topic or group of this test run has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn shared_broker() -> &'static Kafka {
    static SHARED: OnceLock<Kafka> = OnceLock::new();
    // `OnceLock` alone would let a failed start be tried again by every waiting test.
    static STARTING: Mutex<()> = Mutex::new(());
    SHARED.get_or_init(|| {
        let _one = STARTING.lock().expect("the first start of Kafka did not fail");
        let folder = std::env::temp_dir().join("sluice-tests-kafka");
        remove_left_over(&folder);
        let folder = folder.join(std::process::id().to_string());
        fs::create_dir_all(&folder).expect("a temporary folder is made");
        Kafka::start_in(folder, None)
    })
}

/// Removes the files of shared services whose test process has ended: a static is never dropped.
pub(crate) fn remove_left_over(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let owner = PathBuf::from("/proc").join(entry.file_name());
        if !owner.exists() {
            // Another test process may remove the same folder at the same time.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// Returns a command that runs a class of Kafka's jars: memory limit and logging are set, the class is not.
pub fn java(heap: &str) -> Command {
    let home = kafka_home();
    let mut command = Command::new("java");
    command.arg("-XX:+UseSerialGC").arg(format!("-Xmx{heap}"));
    command.arg(format!("-Dlog4j2.configurationFile={}/log4j2.properties", home.display()));
    command.arg("-cp").arg(format!("{}/lib/*", home.display()));
    command
}

/// A client with the few calls that tests need.
pub struct KafkaClient {
    bootstrap: String,
    producer: FutureProducer,
    admin: AdminClient<DefaultClientContext>,
}

impl KafkaClient {
    /// Returns a client for the broker at `bootstrap`.
    pub fn new(bootstrap: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap).set("linger.ms", "5");
        Self {
            bootstrap: bootstrap.to_owned(),
            producer: config.create().expect("a producer is made"),
            admin: config.create().expect("an admin client is made"),
        }
    }

    /// Creates a topic with as many replicas as the broker gives by itself.
    pub async fn create_topic(&self, topic: &str, partitions: i32) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
        let options = AdminOptions::new().request_timeout(Some(wait::LIMIT));
        let made = self.admin.create_topics(&[new], &options).await.expect("the broker answers");
        assert!(made.iter().all(Result::is_ok), "creating topic {topic}: {made:?}");
    }

    /// Produces values without keys to one partition, in order, and waits until the broker has them all.
    pub async fn produce<V: AsRef<[u8]>>(
        &self,
        topic: &str,
        partition: i32,
        values: impl IntoIterator<Item = V>,
    ) {
        let mut sent = Vec::new();
        for value in values {
            let record = FutureRecord::<(), _>::to(topic).partition(partition).payload(value.as_ref());
            let queued = self.producer.send_result(record);
            sent.push(queued.unwrap_or_else(|(error, _)| panic!("producing to {topic}: {error}")));
        }
        for delivery in sent {
            let delivered = delivery.await.expect("the producer lives");
            if let Err((error, _)) = delivered {
                panic!("producing to {topic}-{partition}: {error}");
            }
        }
        self.producer.flush(wait::LIMIT).expect("the producer is flushed");
    }

    /// Produces records with keys to one partition, in order; a null value is a tombstone.
    pub async fn produce_keyed(&self, topic: &str, partition: i32, records: &[(&str, Option<&str>)]) {
        for (key, value) in records {
            let record = FutureRecord::<str, str> { payload: *value, ..FutureRecord::to(topic) };
            let sent = self.producer.send(record.key(key).partition(partition), wait::LIMIT).await;
            if let Err((error, _)) = sent {
                panic!("producing to {topic}-{partition}: {error}");
            }
        }
    }

    /// Returns the committed offsets of `group`, one per partition; `None` where there is none.
    pub fn committed(&self, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
        let consumer = self.consumer(group);
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, partitions - 1);
        // The first question makes the broker create the topic of offsets, and is refused until that is done.
        let offsets = wait::until_blocking("committed offsets", wait::LIMIT, || {
            consumer.committed_offsets(list.clone(), wait::LIMIT)
        });
        offsets
            .elements()
            .iter()
            .map(|element| element.offset().to_raw().filter(|offset| *offset >= 0))
            .collect()
    }

    /// Returns the offset after the last record of each partition.
    pub fn end_offsets(&self, topic: &str, partitions: i32) -> Vec<i64> {
        let consumer = self.consumer("end-offsets");
        // A partition that was just made may not have its leader yet.
        let end = |partition| {
            wait::until_blocking("the end of a partition", wait::LIMIT, || {
                consumer.fetch_watermarks(topic, partition, wait::LIMIT)
            })
            .1
        };
        (0..partitions).map(end).collect()
    }

    /// Returns the values of one partition from its start to its present end.
    pub fn values(&self, topic: &str, partition: i32) -> Vec<Vec<u8>> {
        let value = |message: OwnedMessage| message.payload().unwrap_or_default().to_vec();
        self.messages(topic, partition).into_iter().map(value).collect()
    }

    /// Returns the headers of one partition's records, as text.
    pub fn headers(&self, topic: &str, partition: i32) -> Vec<Vec<(String, String)>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown =
            |header: Header<'_, &[u8]>| (header.key.to_owned(), text(header.value.unwrap_or_default()));
        let headers = |message: OwnedMessage| {
            message.headers().into_iter().flat_map(Headers::iter).map(shown).collect()
        };
        self.messages(topic, partition).into_iter().map(headers).collect()
    }

    fn messages(&self, topic: &str, partition: i32) -> Vec<OwnedMessage> {
        let consumer = self.consumer("values");
        let (low, high) =
            consumer.fetch_watermarks(topic, partition, wait::LIMIT).expect("the broker answers");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(low)).expect("a low offset is valid");
        consumer.assign(&list).expect("a partition is assigned");
        let mut messages = Vec::new();
        let mut next = low;
        while next < high {
            let message = consumer.poll(wait::LIMIT).expect("a record comes").expect("a record is read");
            next = message.offset() + 1;
            messages.push(message.detach());
        }
        messages
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        config.create().expect("a consumer is made")
    }
}
