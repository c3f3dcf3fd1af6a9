//! Workers of a group among themselves: requests sent on, internal requests, and TLS.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use connect_core::config::Props;
use serde_json::{Value as Json, json};

use super::fake::{Fake, peers, props, refuse, relay};
use super::{Answer, Place, call};
use crate::herder::ports::{LeaderClient, Session};
use crate::herder::{Command, HerderError, HerderErrorKind};
use crate::stores::config::SessionKey;

const CONFIG: &str = r#"{"connector.class":"FileStreamSource","topic":"t"}"#;

fn outcome(answer: &Answer) -> (u16, String) {
    let body: Json = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, body["message"].as_str().unwrap_or_default().to_owned())
}

fn with_body(text: &str) -> String {
    format!("Content-Type: application/json\r\nContent-Length: {}\r\n", text.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_through_a_follower_are_those_of_the_jvm() {
    let mut place = Place::start(&[]).await;
    let (leader, url) = (place.handle.clone(), format!("http://127.0.0.1:{}/", place.port));
    let answer = move |command| {
        let (leader, url) = (leader.clone(), url.clone());
        async move { relay(command, &leader, &url).await }
    };
    let follower = Fake::start(&[], Session::default(), answer).await;
    place.front = Some(follower.port);
    let mut wrong = Vec::new();
    for scenario in ["connector", "create"] {
        wrong.extend(place.play(scenario).await.into_iter().map(|line| format!("{scenario}: {line}")));
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    follower.end().await;
    place.end().await;
}

#[tokio::test]
async fn request_takes_two_hops_at_most() {
    let lost = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)";
    let last = Fake::refusing(HerderError::elsewhere("not here", None)).await;
    let second = Fake::refusing(HerderError::elsewhere("not here", Some(last.url.clone()))).await;
    let first = Fake::refusing(HerderError::elsewhere("not here", Some(second.url.clone()))).await;
    let stop = |port: u16, query: &'static str| async move {
        outcome(&call(port, "PUT", &format!("/connectors/c/stop{query}"), "", "").await)
    };
    assert_eq!(stop(first.port, "").await, (409, lost.to_owned()), "the last is asked not to send it on");
    assert_eq!(stop(second.port, "?forward=true").await, (409, lost.to_owned()));
    assert_eq!(stop(second.port, "?forward=false").await, (409, lost.to_owned()));
    let nobody = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was \
                  underway.";
    assert_eq!(stop(last.port, "").await, (409, nobody.to_owned()));
    for worker in [first, second, last] {
        worker.end().await;
    }
}

#[tokio::test]
async fn stale_configuration_is_a_conflict_where_requests_are_sent_on_and_a_failure_elsewhere() {
    let text = "Request cannot be completed because a rebalance is expected";
    let worker = Fake::refusing(HerderError::new(HerderErrorKind::RebalanceNeeded, text)).await;
    let stale = "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent \
                 config change)";
    let cases = [
        ("POST", "/connectors/c/restart", "", (409, stale)),
        ("DELETE", "/connectors/c/offsets", "", (409, stale)),
        ("PUT", "/connectors/c/config", CONFIG, (409, stale)),
        ("GET", "/connectors", "", (500, text)),
        ("PUT", "/connectors/c/pause", "", (500, text)),
    ];
    for (method, path, body, (status, message)) in cases {
        let head = if body.is_empty() { String::new() } else { with_body(body) };
        let answer = call(worker.port, method, path, &head, body).await;
        assert_eq!(outcome(&answer), (status, message.to_owned()), "{method} {path}");
    }
    worker.end().await;
}

#[tokio::test]
async fn level_for_all_workers_goes_to_the_log_and_comes_back_from_there() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let worker = Fake::start(&[], Session::default(), move |command| {
        if let Command::SetLevel { namespace, level, reply } = command {
            notes.lock().expect("unpoisoned").push(format!("{namespace}={level}"));
            drop(reply.send(Ok(())));
        }
        async {}
    })
    .await;
    let body = r#"{"level":"debug"}"#;
    let put = |scope: &'static str| async move {
        call(worker.port, "PUT", &format!("/admin/loggers/rest{scope}"), &with_body(body), body).await
    };
    let cluster = put("?scope=CLUSTER").await;
    assert_eq!((cluster.status, cluster.body.as_str()), (204, ""));
    assert_eq!(put("").await.body, r#"["rest"]"#, "the level is still unchanged here");
    assert_eq!(*seen.lock().expect("unpoisoned"), ["rest=DEBUG"]);
    worker.end().await;
}

/// What a leader was asked by its group.
type Asked = Arc<Mutex<Vec<String>>>;

async fn leader(listener: &[(&str, &str)], key: Option<SessionKey>) -> (Fake, Asked) {
    let asked = Asked::default();
    let notes = Arc::clone(&asked);
    let session = Session { is_sessioned: true, key };
    let answer = move |command| {
        let mut notes = notes.lock().expect("unpoisoned");
        match command {
            Command::WriteTasks { name, configs, reply } => {
                notes.push(format!("tasks of {name}: {}", crate::rest::body::configs_json(&configs)));
                drop(reply.send(Ok(())));
            }
            Command::Fence { name, reply } => {
                notes.push(format!("fence {name}"));
                drop(reply.send(Err(HerderError::bad_request(format!(
                    "Connector {name} is not a source connector"
                )))));
            }
            Command::Departure { member, reply } => {
                notes.push(format!("{member} departs"));
                drop(reply.send(Ok(())));
            }
            other => refuse(other, &HerderError::internal("not asked here")),
        }
        async {}
    };
    (Fake::start(listener, session, answer).await, asked)
}

fn key(bytes: &'static [u8]) -> SessionKey {
    SessionKey { key: Bytes::from_static(bytes), algorithm: "HmacSHA256".to_owned(), created_ms: 0 }
}

#[tokio::test]
async fn leader_takes_requests_signed_with_the_session_key_and_no_others() {
    let (leader, asked) = leader(&[], Some(key(b"secret"))).await;
    let peers = peers(&Props::new());
    let configs = [props(&[("file", "/tmp/ä"), ("topic", "t")])];
    let good = key(b"secret");
    assert_eq!(peers.put_tasks(&leader.url, "a b", &configs, Some(&good)).await, Ok(()));
    assert_eq!(peers.tell_departure(&leader.url, "sluice-h:1-x", Some(&good)).await, Ok(()));
    let refused = |kind, text: &str| Err(HerderError::new(kind, text));
    let sink = peers.fence(&leader.url, "c", Some(&good)).await;
    assert_eq!(sink, refused(HerderErrorKind::BadRequest, "Connector c is not a source connector"));
    let forged = peers.fence(&leader.url, "c", Some(&key(b"guess"))).await;
    assert_eq!(forged, refused(HerderErrorKind::Forbidden, "Internal request contained invalid signature."));
    let unsigned = peers.put_tasks(&leader.url, "c", &configs, None).await;
    assert_eq!(unsigned, refused(HerderErrorKind::BadRequest, "Internal request missing required signature"));
    let expected = [
        r#"tasks of a b: [{"file":"/tmp/ä","topic":"t"}]"#.to_owned(),
        "sluice-h:1-x departs".to_owned(),
        "fence c".to_owned(),
    ];
    assert_eq!(*asked.lock().expect("unpoisoned"), expected);
    leader.end().await;
}

#[tokio::test]
async fn departure_whose_body_names_another_member_is_refused() {
    let (leader, asked) = leader(&[], Some(key(b"secret"))).await;
    let body = json!({"member_id": "one"}).to_string();
    let mut headers = axum::http::HeaderMap::new();
    crate::rest::signature::sign(&mut headers, "HmacSHA256", b"secret", body.as_bytes()).expect("signed");
    let lines = headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().expect("text")));
    let head = with_body(&body) + &lines.collect::<String>();
    let depart = |member: &'static str| {
        let (head, body) = (head.clone(), body.clone());
        async move {
            call(leader.port, "PUT", &format!("/cluster/departures/{member}"), &head, &body).await.status
        }
    };
    assert_eq!((depart("two").await, depart("one").await), (400, 204));
    assert_eq!(*asked.lock().expect("unpoisoned"), ["one departs"]);
    leader.end().await;
}

#[tokio::test]
async fn leader_without_a_key_yet_says_so() {
    let (leader, _asked) = leader(&[], None).await;
    let early = peers(&Props::new()).fence(&leader.url, "c", Some(&key(b"secret"))).await;
    assert_eq!(early.map_err(|error| error.kind), Err(HerderErrorKind::Unavailable));
    leader.end().await;
}

#[tokio::test]
async fn workers_speak_tls_by_the_settings_of_the_listeners() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (pem, chain) = (made.signing_key.serialize_pem(), made.cert.pem());
    let both = [
        ("listeners", "https://127.0.0.1:0"),
        ("rest.advertised.host.name", "localhost"),
        ("listeners.https.ssl.keystore.key", pem.as_str()),
        ("listeners.https.ssl.keystore.certificate.chain", chain.as_str()),
        ("listeners.https.ssl.truststore.certificates", chain.as_str()),
        ("listeners.https.ssl.client.auth", "required"),
    ];
    let (leader, asked) = leader(&both, Some(key(b"secret"))).await;
    assert!(leader.url.starts_with("https://localhost:"), "{}", leader.url);
    let good = key(b"secret");
    assert_eq!(peers(&props(&both)).tell_departure(&leader.url, "m", Some(&good)).await, Ok(()));
    assert_eq!(*asked.lock().expect("unpoisoned"), ["m departs"]);

    let stranger = peers(&props(&[("ssl.truststore.certificates", &chain)]));
    let refused = stranger.tell_departure(&leader.url, "m", Some(&good)).await.expect_err("no certificate");
    let text = "IO Error trying to forward REST request: ";
    assert!(refused.message.starts_with(text), "{refused}");
    let distrustful = peers(&props(&[("ssl.truststore.certificates", "nothing")]));
    let unusable = distrustful.tell_departure(&leader.url, "m", Some(&good)).await.expect_err("no trust");
    assert!(
        unusable.message.starts_with("Failed to start RestClient: `ssl.truststore.certificates`"),
        "{unusable}"
    );
    leader.end().await;
}
