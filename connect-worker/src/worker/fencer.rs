//! Fences the producers of former source tasks: whoever initialises a transactional id ends the transactions of those
//! who had it before, and keeps them from writing.

use std::sync::Arc;
use std::time::Duration;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::herder::ports::ProducerFencer;
use crate::kafka::client_config::without_foreign_keys;
use crate::kafka::producer::{TransactionError, TransactionalProducers};

/// The Java admin client's `default.api.timeout.ms`.
const LIMIT: Duration = Duration::from_secs(60);
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// Producers that are open at the same time; each has threads and connections of its own.
const WIDTH: usize = 8;

/// Fences by initialising each transactional id for a moment.
pub(super) struct Fencer {
    pub(super) worker: Arc<WorkerConfig>,
    pub(super) producers: TransactionalProducers,
}

#[async_trait]
impl ProducerFencer for Fencer {
    async fn fence(
        &self,
        connector: &str,
        props: &Props,
        transactional_ids: Vec<String>,
    ) -> Result<(), ConnectError> {
        let inherited = client_props(ClientKind::WorkerAdmin, &self.worker, connector, None, props)?;
        let client = without_foreign_keys(&inherited);
        let (mut open, mut waiting) = (JoinSet::new(), transactional_ids.into_iter());
        let deadline = Instant::now() + LIMIT;
        loop {
            for id in waiting.by_ref().take(WIDTH - open.len()) {
                open.spawn(fence_one(Arc::clone(&self.producers), client.clone(), id, deadline));
            }
            match open.join_next().await {
                Some(Ok(outcome)) => outcome?,
                Some(Err(error)) => return Err(ConnectError::fatal("fencing producers").because(error)),
                None => return Ok(()),
            }
        }
    }
}

async fn fence_one(
    producers: TransactionalProducers,
    mut client: Props,
    id: String,
    deadline: Instant,
) -> Result<(), ConnectError> {
    let failed = || ConnectError::fatal(format!("fencing the producers of transactional id `{id}`"));
    client.insert("transactional.id".to_owned(), id.clone());
    let producer = producers(&client).map_err(|error| failed().because(error))?;
    let outcome = loop {
        match producer.init().await {
            Err(TransactionError::Retriable(_)) if Instant::now() + RETRY_WAIT < deadline => {
                tokio::time::sleep(RETRY_WAIT).await;
            }
            outcome => break outcome,
        }
    };
    producer.close().await;
    outcome.map_err(|error| failed().because(error))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::config::WorkerMode;
    use crate::kafka::port::KafkaError;
    use crate::plugins::test_plugins::registry;

    fn fencer(producers: TransactionalProducers) -> Fencer {
        let pairs = [
            ("bootstrap.servers", "b:1"),
            ("key.converter", "String"),
            ("value.converter", "String"),
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("offset.storage.topic", "o"),
            ("status.storage.topic", "s"),
        ];
        let props = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let worker = WorkerConfig::parse(&props, WorkerMode::Distributed, &registry()).expect("valid");
        Fencer { worker: Arc::new(worker), producers }
    }

    #[tokio::test]
    async fn each_transactional_id_gets_a_client_with_the_admin_settings_of_the_connector() {
        let seen: Arc<Mutex<Vec<Props>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let producers: TransactionalProducers = Arc::new(move |props| {
            noted.lock().expect("not poisoned").push(props.clone());
            Err(KafkaError::Fatal("enough".to_owned()))
        });
        let override_key = "admin.override.request.timeout.ms".to_owned();
        let props = Props::from_iter([(override_key, "77".to_owned())]);
        let outcome = fencer(producers).fence("c", &props, vec!["g-c-0".to_owned()]).await;
        let text = outcome.expect_err("the client is refused").to_string();
        assert!(text.starts_with("fencing the producers of transactional id `g-c-0`"), "{text}");
        let seen = seen.lock().expect("not poisoned");
        let read = |key: &str| seen[0].get(key).map(String::as_str);
        assert_eq!(
            (read("transactional.id"), read("request.timeout.ms"), read("bootstrap.servers")),
            (Some("g-c-0"), Some("77"), Some("b:1"))
        );
        assert_eq!(read("config.storage.topic"), None);
    }

    #[tokio::test]
    async fn without_ids_there_is_nothing_to_do() {
        let producers: TransactionalProducers = Arc::new(|_| Err(KafkaError::Fatal("never".to_owned())));
        fencer(producers).fence("c", &Props::new(), Vec::new()).await.expect("done");
    }
}
