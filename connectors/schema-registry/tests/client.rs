//! The converters' requests, against a stub of a registry that can fail in every way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::{Datum, Schema, Type, Value};
use connect_core::error::ErrorKind;
use connect_core::testkit::{converter_contract, props};
use connector_schema_registry::{AvroConverter, JsonSchemaConverter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A registry of one schema with the id 7, after the answers it was told to give first.
struct Stub {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Stub {
    async fn start(first: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut first: VecDeque<(u16, String)> =
            first.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let mut registered = String::new();
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let request = read_request(&mut client).await;
                let body =
                    request.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
                let is_known = request.starts_with("GET");
                if !is_known && !body.is_empty() {
                    registered = body;
                }
                seen.lock().expect("not poisoned").push(request);
                let (status, answer) = first.pop_front().unwrap_or_else(|| {
                    let mut json: serde_json::Value = serde_json::from_str(&registered).unwrap_or_default();
                    json["id"] = 7.into();
                    json["version"] = 1.into();
                    (200, json.to_string())
                });
                let text = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                client.write_all(text.as_bytes()).await.expect("the client listens");
            }
        });
        Self { url, requests, _task: task }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

async fn read_request(client: &mut tokio::net::TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = client.read(&mut chunk).await.unwrap_or(0);
        text.extend_from_slice(&chunk[..count]);
        let request = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            if count == 0 {
                return request;
            }
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if count == 0 || body.len() >= length.unwrap_or(0) {
            return request;
        }
    }
}

fn avro(pairs: &[(&str, &str)]) -> AvroConverter {
    let mut all = vec![("retries.wait.ms", "1"), ("max.retries", "2")];
    all.extend_from_slice(pairs);
    let mut converter = AvroConverter::default();
    converter.configure(&props(&all), ConverterRole::Value).expect("valid");
    converter
}

fn datum() -> Datum {
    Datum::new(Some(Arc::new(Schema::of(Type::Int32))), Value::Int32(1))
}

#[tokio::test]
async fn requests_carry_credentials_and_what_fails_for_a_moment_is_tried_again() {
    let stub = Stub::start(&[(503, "{}"), (429, "slow down")]).await;
    let url = stub.url.replace("http://", "http://user:pass@");
    let converter = avro(&[("schema.registry.url", &url)]);
    converter.prepare_write("t", &datum()).await.expect("the third answer is good");
    let bytes = converter.from_datum("t", &datum()).expect("prepared");
    assert_eq!(bytes.as_deref(), Some(&b"\0\0\0\0\x07\x02"[..]));
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    let last = requests[2].to_ascii_lowercase();
    assert!(last.starts_with("post /subjects/t-value/versions?normalize=false"), "{last}");
    assert!(last.contains("authorization: basic dxnlcjpwyxnz"), "{last}");
    assert!(requests[2].ends_with(r#"{"schema":"\"int\""}"#), "{}", requests[2]);
}

#[tokio::test]
async fn next_instance_is_asked_when_one_does_not_answer() {
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let dead = format!("http://{}", gone.local_addr().expect("bound"));
    drop(gone);
    let stub = Stub::start(&[]).await;
    let converter = avro(&[("schema.registry.url", &format!("{dead},{}", stub.url)), ("max.retries", "0")]);
    converter.prepare_write("t", &datum()).await.expect("the second one answers");
    let alone = avro(&[("schema.registry.url", &dead)]);
    let error = alone.prepare_write("t", &datum()).await.expect_err("nobody answers");
    assert!(error.is_retriable());
    assert_eq!(error.kind(), ErrorKind::Retriable);
    assert!(error.trace().contains(&dead), "{}", error.trace());
}

#[tokio::test]
async fn refusals_are_not_tried_again_and_do_not_show_credentials() {
    let incompatible = r#"{"error_code":409,"message":"Schema being registered is incompatible"}"#;
    let stub =
        Stub::start(&[(409, incompatible), (401, r#"{"error_code":401,"message":"Unauthorized"}"#)]).await;
    let url = stub.url.replace("http://", "http://user:hush-hush@");
    let converter = avro(&[("schema.registry.url", &url)]);
    let error = converter.prepare_write("t", &datum()).await.expect_err("incompatible");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Data, false));
    assert!(
        error.trace().contains("Schema being registered is incompatible; status: 409"),
        "{}",
        error.trace()
    );
    let error = converter.prepare_write("t", &datum()).await.expect_err("unauthorized");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.trace().contains("refuses the credentials"), "{}", error.trace());
    assert!(!format!("{error:?}{}", error.trace()).contains("hush-hush"));
    assert_eq!(stub.requests().len(), 2);
    // What was refused is asked again: the registry may have learned of it.
    converter.prepare_write("t", &datum()).await.expect("accepted now");
}

#[tokio::test]
async fn errors_name_the_registry_the_subject_and_the_id() {
    let unknown = r#"{"error_code":40403,"message":"Schema 9 not found"}"#;
    let stub = Stub::start(&[(404, unknown), (403, "no")]).await;
    let converter = avro(&[("schema.registry.url", &stub.url.replace("http://", "http://user:hush-hush@"))]);
    let error = converter.prepare("t", &[Some(Bytes::from_static(b"\0\0\0\0\x09\x02"))]).await;
    let text = error.expect_err("unknown").trace();
    for part in ["Error retrieving schema for id 9", "Schema 9 not found", "40403", &stub.url] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let text = converter.prepare_write("t", &datum()).await.expect_err("forbidden").trace();
    for part in ["subject t-value", "status: 403", &stub.url] {
        assert!(text.contains(part) && !text.contains("hush"), "`{part}` is not in {text}");
    }
}

#[tokio::test]
async fn slow_registry_is_a_retriable_error_that_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let settings = [
        ("schema.registry.url", url.as_str()),
        ("max.retries", "0"),
        ("http.connect.timeout.ms", "20"),
        ("http.read.timeout.ms", "20"),
    ];
    let error = avro(&settings).prepare_write("t", &datum()).await.expect_err("no answer");
    assert!(error.is_retriable(), "{}", error.trace());
    assert!(error.trace().contains(&format!("{url} does not answer within 40 ms")), "{}", error.trace());
}

#[tokio::test]
async fn registry_without_tls_or_trust_without_certificates_is_an_error_that_says_so() {
    let stub = Stub::start(&[]).await;
    let url = stub.url.replace("http://", "https://");
    let settings = [
        ("schema.registry.url", url.as_str()),
        ("max.retries", "0"),
        ("http.connect.timeout.ms", "100"),
        ("http.read.timeout.ms", "100"),
    ];
    let error = avro(&settings).prepare_write("t", &datum()).await.expect_err("no TLS");
    assert!(error.is_retriable() && error.trace().contains(&url), "{}", error.trace());
    let mut converter = AvroConverter::default();
    let settings = props(&[("schema.registry.url", &url), ("ssl.truststore.certificates", "no PEM")]);
    let error = converter.configure(&settings, ConverterRole::Value).expect_err("no certificate");
    assert!(
        error.kind() == ErrorKind::Config && error.trace().contains("ssl.truststore"),
        "{}",
        error.trace()
    );
}

#[tokio::test]
async fn schemas_that_the_cache_forgot_are_fetched_again() {
    let stub = Stub::start(&[]).await;
    let converter = avro(&[("schema.registry.url", &stub.url), ("schemas.cache.config", "1")]);
    converter.prepare_write("t", &datum()).await.expect("registered");
    let [first, second] = [7, 8].map(|id| Bytes::from(vec![0, 0, 0, 0, id, 0x54]));
    let read = |bytes: &Bytes| converter.to_connect_data("t", None, Some(bytes), &mut bytes::BytesMut::new());
    converter.prepare("t", &[Some(first.clone()), Some(second.clone())]).await.expect("fetched");
    for bytes in [&first, &second, &first] {
        if let Err(error) = read(bytes) {
            assert!(error.is_retriable(), "{}", error.trace());
            converter.prepare("t", &[Some(bytes.clone())]).await.expect("fetched again");
        }
        assert_eq!(*read(bytes).expect("read").value(), Value::Int32(42));
    }
}

#[tokio::test]
async fn schema_of_another_kind_or_a_strange_answer_is_an_error() {
    let stub = Stub::start(&[(200, r#"{"schema":"{}","schemaType":"JSON"}"#), (200, "<html>")]).await;
    let converter = avro(&[("schema.registry.url", &stub.url)]);
    let bytes = [Some(Bytes::from_static(b"\0\0\0\0\x07\x02"))];
    let error = converter.prepare("t", &bytes).await.expect_err("not Avro");
    assert!(error.trace().contains("schema with id 7 is of type JSON, not AVRO"), "{}", error.trace());
    let error = converter.prepare("t", &bytes).await.expect_err("not JSON");
    assert!(error.trace().contains("answer is not understood"), "{}", error.trace());
}

#[tokio::test]
async fn records_are_read_by_the_id_in_front_of_them_and_known_schemas_are_not_asked_for_again() {
    let stub = Stub::start(&[]).await;
    let converter = avro(&[("schema.registry.url", &stub.url)]);
    converter.prepare_write("t", &datum()).await.expect("registered");
    let bytes = Bytes::from_static(b"\0\0\0\0\x07\x54");
    let read = |bytes: &Bytes| converter.to_connect_data("t", None, Some(bytes), &mut bytes::BytesMut::new());
    assert!(read(&bytes).expect_err("not fetched").is_retriable());
    for _ in 0..3 {
        converter.prepare("t", &[Some(bytes.clone()), None]).await.expect("fetched");
    }
    assert_eq!(*read(&bytes).expect("read").value(), Value::Int32(42));
    let paths: Vec<String> =
        stub.requests().iter().filter_map(|text| text.split(' ').nth(1).map(str::to_owned)).collect();
    assert_eq!(
        paths,
        [
            "/subjects/t-value/versions?normalize=false",
            "/schemas/ids/7?fetchMaxId=false&subject=t-value",
            "/subjects/t-value?normalize=false&deleted=true",
        ]
    );
    let error = read(&Bytes::from_static(b"{}")).expect_err("no magic byte");
    assert!(error.trace().contains("Unknown magic byte!"), "{}", error.trace());
    assert_eq!(read(&Bytes::from_static(b"\0\0\0")).expect_err("too short").kind(), ErrorKind::Data);
}

#[tokio::test]
async fn converters_keep_the_contract() {
    let stub = Stub::start(&[]).await;
    let settings = props(&[("schema.registry.url", &stub.url)]);
    let sample = |optional, value| {
        Datum::new(Some(Arc::new(Schema { optional, version: Some(1), ..Schema::of(Type::String) })), value)
    };
    converter_contract(
        || Box::new(AvroConverter::default()),
        &settings,
        &[sample(false, Value::string("a"))],
    )
    .await;
    converter_contract(
        || Box::new(JsonSchemaConverter::default()),
        &settings,
        &[sample(true, Value::string("a"))],
    )
    .await;
}
