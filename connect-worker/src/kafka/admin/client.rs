//! The librdkafka client of admin requests, and what it complains of beside them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::error::{AdminError, Resource};
use super::native::{Connection, Failure};

/// The client behind [`Admin`](super::Admin).
pub(super) struct Client {
    // A producer is librdkafka's lightest client; nothing is ever produced.
    pub(super) producer: BaseProducer<Complaints>,
    pub(super) config: ClientConfig,
    pub(super) bootstrap: String,
}

/// Remembers why the client cannot work, as librdkafka tells it beside the requests.
#[derive(Default)]
pub(super) struct Complaints {
    last: Mutex<Option<(Option<Code>, String)>>,
}

impl ClientContext for Complaints {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "admin client");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // That all brokers are down says nothing; the complaint before it says why.
        if code != Some(Code::AllBrokersDown) {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, reason.to_owned()));
        }
    }
}

impl ProducerContext for Complaints {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, _opaque: ()) {}
}

impl Client {
    /// Returns a consumer that names a group but never joins it.
    ///
    /// librdkafka 2.12 hands the news that a group's coordinator has moved to the group of the asking client
    /// (`rd_kafka_handle_OffsetFetch`), which only consumers have: with a producer it follows a null pointer.
    pub(super) fn consumer(&self, group: &str) -> Result<BaseConsumer, AdminError> {
        let mut config = self.config.clone();
        config.set("group.id", group);
        config.create().map_err(|error| AdminError::Config(error.to_string()))
    }

    /// Returns whether waiting longer cannot help: the brokers refused the client itself.
    pub(super) fn is_hopeless(&self) -> bool {
        // Complaints arrive with the events of the producer.
        self.producer.poll(Duration::ZERO);
        matches!(self.complaint(), Some((Some(code), _)) if is_authentication(code))
    }

    fn complaint(&self) -> Option<(Option<Code>, String)> {
        self.producer.context().last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn unreachable(&self) -> AdminError {
        self.producer.poll(Duration::ZERO);
        let bootstrap = self.bootstrap.clone();
        match self.complaint() {
            Some((Some(code), reason)) if is_authentication(code) => {
                AdminError::Authentication { bootstrap, reason }
            }
            Some((_, reason)) => AdminError::Unreachable { bootstrap, reason },
            None => AdminError::Unreachable { bootstrap, reason: "no answer in time".to_owned() },
        }
    }

    pub(super) fn error(
        &self,
        what: &str,
        resource: &Resource<'_>,
        failure: Failure,
        connection: &Connection<'_>,
    ) -> AdminError {
        match failure {
            Failure::Stopped => self.unreachable(),
            Failure::Code(code, _) if is_silence(code) && self.has_complaint() => self.unreachable(),
            Failure::NoAnswer | Failure::Code(Code::OperationTimedOut, _) => {
                AdminError::Timeout { what: what.to_owned(), timeout_ms: connection.timeout.as_millis() }
            }
            Failure::Code(code, reason) => AdminError::from_code(what, resource, code, reason),
        }
    }

    fn has_complaint(&self) -> bool {
        self.producer.poll(Duration::ZERO);
        self.complaint().is_some()
    }
}

fn is_authentication(code: Code) -> bool {
    matches!(code, Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL)
}

/// Returns whether a code only says that nobody answered.
fn is_silence(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve
    )
}
