use connect_core::config::Props;

use super::*;

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn config(pairs: &[(&str, &str)]) -> ClientConfig {
    let mut given = props(&[
        ("bootstrap.servers", "127.0.0.1:1"),
        ("transactional.id", "g-c-0"),
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("max.in.flight.requests.per.connection", "1"),
        ("delivery.timeout.ms", "2147483647"),
    ]);
    given.extend(props(pairs));
    transactional_config(&given).expect("translated")
}

#[test]
fn delivery_time_out_ends_with_the_transaction() {
    assert_eq!(config(&[]).get("delivery.timeout.ms"), Some("60000"));
    let own = config(&[("delivery.timeout.ms", "500"), ("transaction.timeout.ms", "9000")]);
    assert_eq!(own.get("delivery.timeout.ms"), Some("500"));
    for config in [own, config(&[])] {
        Producer::new(&config).expect("librdkafka takes the settings");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn init_without_a_broker_can_be_made_again() {
    let producer = NativeTransactionalProducer {
        producer: Arc::new(Producer::new(&config(&[])).expect("a client needs no broker to be made")),
        id: "t".to_owned(),
    };
    for _ in 0..2 {
        let outcome = producer.init().await;
        assert!(matches!(outcome, Err(TransactionError::Retriable(_))), "{outcome:?}");
    }
    Box::new(producer).close().await;
}
