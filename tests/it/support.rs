//! What several tests set up in the same way.

use connect_tests::{kafka, s3::S3Server};
use serde_json::{Map, Value, json};

/// Returns the configuration of the S3 sink of pipeline 1 for another topic and bucket.
pub(crate) fn s3_sink(topic: &str, bucket: &str) -> Value {
    json!({
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "tasks.max": "1",
        "topics": topic,
        "s3.region": "ap-southeast-2",
        "s3.bucket.name": bucket,
        "s3.part.size": "5242880",
        "flush.size": "100",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
    })
}

/// Returns a configuration of the file sink.
pub(crate) fn file_sink(topic: &str, file: &str) -> Value {
    json!({ "connector.class": "FileStreamSink", "tasks.max": "1", "topics": topic, "file": file })
}

/// Returns `config` with the members of `more` put in; a null takes the key away.
pub(crate) fn with(config: Value, more: Value) -> Value {
    let (Value::Object(mut config), Value::Object(more)) = (config, more) else {
        panic!("two objects are wanted")
    };
    for (key, value) in more {
        if value.is_null() {
            config.remove(&key);
        } else {
            config.insert(key, value);
        }
    }
    Value::Object(config)
}

/// Returns the text of a property file with the members of `config`.
pub(crate) fn properties(name: &str, config: &Value) -> String {
    let members: &Map<String, Value> = config.as_object().expect("a configuration is an object");
    let lines =
        members.iter().map(|(key, value)| format!("{key}={}\n", value.as_str().expect("values are text")));
    format!("name={name}\n{}", lines.collect::<String>())
}

/// Returns the offsets that the group of a connector committed, 0 where there is none.
pub(crate) fn committed(
    client: &kafka::KafkaClient,
    connector: &str,
    topic: &str,
    partitions: i32,
) -> Vec<i64> {
    let committed = client.committed(&format!("connect-{connector}"), topic, partitions);
    committed.into_iter().map(Option::unwrap_or_default).collect()
}

/// A topic of the shared broker and a bucket of a fresh S3 server.
pub(crate) struct Place {
    pub(crate) broker: kafka::SharedKafka,
    pub(crate) client: kafka::KafkaClient,
    pub(crate) s3: S3Server,
    pub(crate) topic: String,
    pub(crate) name: String,
}

impl Place {
    pub(crate) const BUCKET: &str = "logs";

    /// Makes a topic with `partitions` partitions and an empty bucket.
    pub(crate) async fn new(prefix: &str, partitions: i32) -> Self {
        let broker = kafka::shared();
        let client = broker.client();
        let topic = kafka::unique(prefix);
        client.create_topic(&topic, partitions).await;
        let s3 = S3Server::start();
        s3.create_bucket(Self::BUCKET);
        let name = format!("{topic}-sink");
        Self { broker, client, s3, topic, name }
    }

    /// Returns the offsets that the connector's group committed, 0 where there is none.
    pub(crate) fn committed(&self, partitions: i32) -> Vec<i64> {
        committed(&self.client, &self.name, &self.topic, partitions)
    }
}
