//! The topic of a log before it is read: created if missing, checked if it is there.

use std::time::{Duration, Instant};

use crate::kafka::admin::{Admin, AdminError, NewTopic, TopicCreation};
use crate::kafka::port::KafkaError;
use crate::stores::log::settings::{LogSettings, TopicSpec};

/// The Java admin client's `default.api.timeout.ms`: how long creation is tried.
const CREATION_TIMEOUT: Duration = Duration::from_secs(60);
/// The Java client's `retry.backoff.ms`, made longer: too few brokers are not mended in a moment.
const CREATION_RETRY: Duration = Duration::from_millis(500);
/// How long the partitions of a topic may take to become known (`KafkaBasedLog.CREATE_TOPIC_TIMEOUT_NS`).
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);
const METADATA_RETRY: Duration = Duration::from_millis(100);
const POLICY: &str = "cleanup.policy";
const COMPACT: &str = "compact";

/// Creates or checks the topic and returns its number of partitions.
pub(super) async fn prepare(settings: &LogSettings) -> Result<i32, KafkaError> {
    let admin = Admin::new(&settings.admin).map_err(fatal)?;
    let mut absence = settings.spec.is_none().then_some(Absence::Final);
    if let Some(spec) = &settings.spec {
        match create(&admin, &settings.topic, spec).await? {
            Creation::Created => {}
            Creation::Existed => check_policy(&admin, &settings.topic, spec, Existence::Certain).await?,
            Creation::Refused(error) => {
                // It may be there nevertheless, or the broker creates it (`TopicAdmin.createOrFindTopics`).
                check_policy(&admin, &settings.topic, spec, Existence::Unknown).await?;
                absence = Some(Absence::Refused(error));
            }
        }
    }
    let partitions = partitions(&admin, &settings.topic, absence).await?;
    match &settings.spec {
        Some(spec) if spec.is_single_partition && partitions > 1 => {
            Err(KafkaError::Fatal(several_partitions(&settings.topic, spec, partitions)))
        }
        _ => Ok(partitions),
    }
}

/// Why a topic that is missing will stay missing.
enum Absence {
    Refused(AdminError),
    /// It was not to be created.
    Final,
}

enum Creation {
    Created,
    Existed,
    Refused(AdminError),
}

async fn create(admin: &Admin, topic: &str, spec: &TopicSpec) -> Result<Creation, KafkaError> {
    let mut configs = spec.configs.clone();
    configs.insert(POLICY.to_owned(), COMPACT.to_owned());
    let wanted = NewTopic {
        name: topic.to_owned(),
        partitions: spec.partitions,
        replication_factor: spec.replication_factor,
        configs,
    };
    let deadline = Instant::now() + CREATION_TIMEOUT;
    loop {
        let error = match admin.create_topic(&wanted).await {
            Ok(TopicCreation::Created) => {
                tracing::info!(%topic, purpose = %spec.purpose, "created the internal topic");
                return Ok(Creation::Created);
            }
            Ok(TopicCreation::Existed) => return Ok(Creation::Existed),
            Err(error @ (AdminError::Unauthorised { .. } | AdminError::Unsupported { .. })) => {
                return Ok(Creation::Refused(error));
            }
            Err(error) => error,
        };
        let may_pass = error.is_retriable() || matches!(error, AdminError::TooFewBrokers { .. });
        if !may_pass || Instant::now() + CREATION_RETRY >= deadline {
            return Err(fatal(error));
        }
        tracing::warn!(%topic, %error, "creating an internal topic is tried again");
        tokio::time::sleep(CREATION_RETRY).await;
    }
}

/// What is known of a topic before its settings are looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existence {
    /// The controller said so. A broker may learn of it a little later, and until then denies it.
    Certain,
    Unknown,
}

async fn check_policy(
    admin: &Admin,
    topic: &str,
    spec: &TopicSpec,
    existence: Existence,
) -> Result<(), KafkaError> {
    let deadline = Instant::now() + METADATA_TIMEOUT;
    let found = loop {
        match admin.topic_configs(topic).await {
            Ok(None) if existence == Existence::Certain && Instant::now() < deadline => {
                tokio::time::sleep(METADATA_RETRY).await;
            }
            found => break found,
        }
    };
    let configs = match found {
        Ok(Some(configs)) => configs,
        Ok(None) => return Ok(()),
        Err(error @ AdminError::Authentication { .. }) => return Err(fatal(error)),
        Err(error) => {
            tracing::warn!(
                %topic, property = %spec.property, %error,
                "cannot see whether the internal topic has `cleanup.policy=compact`, which it must have"
            );
            return Ok(());
        }
    };
    let found = configs.get(POLICY).map_or("", String::as_str);
    let mut policies: Vec<&str> = found.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
    policies.sort_unstable();
    if policies.is_empty() || policies == [COMPACT] {
        return Ok(());
    }
    Err(KafkaError::Fatal(wrong_policy(topic, spec, &policies.join(","))))
}

/// Kafka Connect's text (`TopicAdmin.verifyTopicCleanupPolicyOnlyCompact`).
fn wrong_policy(topic: &str, spec: &TopicSpec, found: &str) -> String {
    let TopicSpec { property, purpose, .. } = spec;
    format!(
        "Topic '{topic}' supplied via the '{property}' property is required to have '{POLICY}={COMPACT}' to \
         guarantee consistency and durability of {purpose}, but found the topic currently has \
         '{POLICY}={found}'. Continuing would likely result in eventually losing {purpose} and problems \
         restarting this Connect cluster in the future. Change the '{property}' property in the Connect worker \
         configurations to use a topic with '{POLICY}={COMPACT}'."
    )
}

/// Kafka Connect's text (`KafkaConfigBackingStore.start`).
fn several_partitions(topic: &str, spec: &TopicSpec, partitions: i32) -> String {
    format!(
        "Topic '{topic}' supplied via the '{}' property is required to have a single partition in order to \
         guarantee consistency of {}, but found {partitions} partitions.",
        spec.property, spec.purpose
    )
}

/// Returns the number of partitions, waiting for a topic that was just created.
async fn partitions(admin: &Admin, topic: &str, absence: Option<Absence>) -> Result<i32, KafkaError> {
    let deadline = Instant::now() + METADATA_TIMEOUT;
    loop {
        match admin.describe_topic(topic).await {
            Ok(Some(found)) if found.partitions > 0 => {
                return Ok(i32::try_from(found.partitions).unwrap_or(i32::MAX));
            }
            Ok(_) => {}
            Err(error) if error.is_retriable() => {
                tracing::warn!(%topic, %error, "looking up an internal topic is tried again");
            }
            Err(error) => {
                // Two rights may be missing, and giving one alone does not help.
                return Err(match absence {
                    Some(Absence::Refused(refusal)) => KafkaError::Fatal(format!("{error}; {refusal}")),
                    _ => fatal(error),
                });
            }
        }
        // Nobody will create it any more.
        match absence {
            Some(Absence::Refused(refusal)) => {
                return Err(KafkaError::Fatal(format!("the topic `{topic}` does not exist; {refusal}")));
            }
            Some(Absence::Final) => {
                return Err(KafkaError::Fatal(format!("the topic `{topic}` does not exist")));
            }
            None => {}
        }
        if Instant::now() >= deadline {
            return Err(KafkaError::Fatal(format!(
                "Could not look up partition metadata for topic '{topic}' in the allotted period. This could \
                 indicate a connectivity issue, unavailable topic partitions, or if this is your first use of \
                 the topic it may have taken too long to create."
            )));
        }
        tokio::time::sleep(METADATA_RETRY).await;
    }
}

fn fatal(error: AdminError) -> KafkaError {
    KafkaError::Fatal(error.to_string())
}
