//! Settings of topics.

use connect_core::config::Props;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::error::Resource;
use super::native::Failure;
use super::{Admin, AdminError, text};

impl Admin {
    /// Returns the settings of a topic with their effective values; `None` when there is no such topic.
    ///
    /// # Errors
    /// Any [`AdminError`].
    pub async fn topic_configs(&self, topic: &str) -> Result<Option<Props>, AdminError> {
        let what = format!("describing the settings of topic `{topic}`");
        let topic = topic.to_owned();
        self.blocking(move |client, connection| {
            match connection.describe_topic_configs(&text(&what, &topic)?) {
                Ok(configs) => Ok(Some(configs.into_iter().collect())),
                Err(Failure::Code(Code::UnknownTopicOrPartition | Code::UnknownTopic, _)) => Ok(None),
                Err(failure) => {
                    let resource = Resource::Topic { topic: &topic, operation: "DESCRIBE_CONFIGS" };
                    Err(client.error(&what, &resource, failure, connection))
                }
            }
        })
        .await
    }
}
