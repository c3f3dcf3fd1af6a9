//! Every listener, with the right and with wrong settings.

use std::time::{Duration, Instant};

use connect_cluster::connection::{BrokerConnection, ConnectionSettings, Directory};
use connect_tests::secured_kafka::{
    GUEST, Listener, REAUTHENTICATION, SecuredKafka, USER, login, token_login,
};
use kafka_protocol::messages::MetadataRequest;

use super::echo::{Echo, settings};

/// Settings of a client.
type Lines = Vec<(String, String)>;

const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

// One test, because one broker serves it: its start costs more than everything after it.
#[tokio::test(flavor = "multi_thread")]
async fn each_listener_lets_members_in_by_its_own_settings_and_says_what_is_wrong_with_others() {
    let kafka = SecuredKafka::start();
    every_listener_lets_a_member_join(&kafka).await;
    wrong_settings_end_a_membership_with_what_to_do(&kafka).await;
    listener_that_wants_a_login_is_named_as_a_cause(&kafka).await;
    connection_outlives_the_lifetime_of_its_login(&kafka).await;
}

async fn every_listener_lets_a_member_join(kafka: &SecuredKafka) {
    let mut cases = vec![];
    for listener in [Listener::Plaintext, Listener::Ssl, Listener::MutualTls] {
        cases.push((format!("{listener:?}"), kafka.client(listener)));
    }
    for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
        for mechanism in MECHANISMS {
            let client = [kafka.client(listener), login(mechanism, USER)].concat();
            cases.push((format!("{listener:?} {mechanism}"), client));
        }
        cases.push((format!("{listener:?} token"), [kafka.client(listener), token_login(USER.0)].concat()));
    }
    assert_eq!(cases.len(), 11);
    for (name, client) in cases {
        let mut one = Echo::new(settings(&client, "listeners", "one").expect("valid settings"));
        let mut two = Echo::new(settings(&client, "listeners", "two").expect("valid settings"));
        one.settle_with(&mut two).await;
        let members = two.handle.members().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(members.len(), 2, "{name}: {members:?}");
        one.handle.leave().await;
        two.handle.leave().await;
    }
}

async fn wrong_settings_end_a_membership_with_what_to_do(kafka: &SecuredKafka) {
    let wrong = (USER.0, "wrong-secret");
    let mut cases: Vec<(Lines, Vec<&str>)> = Vec::new();
    for mechanism in MECHANISMS {
        for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
            let client = [kafka.client(listener), login(mechanism, wrong)].concat();
            cases.push((client, vec!["logging in to `localhost:", "user `alice`", mechanism]));
        }
    }
    let login_at = |listener, mechanism| [kafka.client(listener), login(mechanism, USER)].concat();
    let with = |listener, changes: &[(&str, String)]| {
        let mut client = login_at(listener, "PLAIN");
        for (key, value) in changes {
            client.retain(|(known, _)| known != key);
            client.push(((*key).to_owned(), value.clone()));
        }
        client
    };
    let other = kafka.file("other-ca.pem").display().to_string();
    let by_number = |listener| kafka.bootstrap(listener).replace("localhost", "127.0.0.1");
    let open = kafka.bootstrap(Listener::Plaintext);
    cases.extend([
        (
            with(Listener::Ssl, &[("ssl.truststore.location", other)]),
            vec!["not trusted", "`ssl.truststore.location`"],
        ),
        (
            with(Listener::Ssl, &[("bootstrap.servers", by_number(Listener::Ssl))]),
            vec!["does not name the host `127.0.0.1`", "`ssl.endpoint.identification.algorithm`"],
        ),
        (
            with(Listener::Ssl, &[("bootstrap.servers", kafka.bootstrap(Listener::MutualTls))]),
            vec!["`ssl.keystore."],
        ),
        (
            with(Listener::Plaintext, &[("bootstrap.servers", kafka.bootstrap(Listener::Ssl))]),
            vec!["speaks TLS"],
        ),
        (with(Listener::SaslPlaintext, &[("bootstrap.servers", open)]), vec!["wants no login", "PLAINTEXT"]),
        (
            with(Listener::SaslPlaintext, &[("sasl.jaas.config", login("PLAIN", GUEST).remove(1).1)]),
            vec!["group `listeners`", "READ and DESCRIBE"],
        ),
    ]);
    for (client, parts) in cases {
        let mut member = Echo::new(settings(&client, "listeners", "wrong").expect("valid settings"));
        let text = member.failed().await;
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} are not all in: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

/// Such a broker closes the connection without a word, which may also be its stop: so it is no final error.
async fn listener_that_wants_a_login_is_named_as_a_cause(kafka: &SecuredKafka) {
    let mut client = kafka.client(Listener::Plaintext);
    client[0].1 = kafka.bootstrap(Listener::SaslPlaintext);
    let settings = ConnectionSettings::from_props(&client.into_iter().collect()).expect("valid settings");
    let error = Directory::new(settings).connect_any().await.expect_err("closed");
    assert!(error.is_retriable() && error.to_string().contains("want a login"), "{error}");
}

async fn connection_outlives_the_lifetime_of_its_login(kafka: &SecuredKafka) {
    for login in [login("PLAIN", USER), login("SCRAM-SHA-512", USER), token_login(USER.0)] {
        let client = [kafka.client(Listener::SaslPlaintext), login].concat();
        let settings = ConnectionSettings::from_props(&client.into_iter().collect()).expect("valid settings");
        let mut connection =
            BrokerConnection::open(&settings.bootstrap[0], &settings).await.expect("a connection");
        let start = Instant::now();
        while start.elapsed() < REAUTHENTICATION * 2 + Duration::from_millis(500) {
            let answer = connection.call(&MetadataRequest::default().with_topics(Some(Vec::new()))).await;
            assert!(answer.is_ok(), "after {:?}: {answer:?}", start.elapsed());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
