//! What the S3 sink says to S3 beside the objects: protection, tags, an assumed role, a proxy; and the rotations and
//! directories that Confluent's sink has not. On real Kafka and a real S3 server.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Sender, channel},
    thread,
};

use connect_tests::{
    fault_s3::FaultS3,
    oracle,
    s3::{ACCESS_KEY, Objects, REGION, SECRET_KEY},
    sluice::Setup,
    wait,
};
use serde_json::{Value, json};

use crate::{
    sink_s3::await_objects,
    support::{Place, s3_sink, with},
};

/// Starts a sink that reaches S3 through `url`.
async fn sink(place: &Place, url: &str, more: Value) -> connect_tests::sluice::Sluice {
    let worker = Setup::new(&place.broker.bootstrap()).s3(url).start().await;
    worker.create(&place.name, &with(s3_sink(&place.topic, Place::BUCKET), more)).await;
    worker
}

/// Returns the headers of the requests whose first line begins and ends so.
fn heads(proxy: &FaultS3, method: &str, part: &str) -> Vec<Vec<String>> {
    let all = proxy.heads().into_iter();
    all.filter(|head| head[0].starts_with(method) && head[0].contains(part)).collect()
}

fn has(head: &[String], header: &str) -> bool {
    head.iter().any(|line| line.eq_ignore_ascii_case(header))
}

#[tokio::test]
async fn protection_and_tags_are_sent_with_the_objects() {
    let place = Place::new("s3-protected", 1).await;
    let proxy = FaultS3::start(place.s3.port());
    let more = json!({
        "s3.acl.canned": "bucket-owner-full-control",
        "s3.ssea.name": "aws:kms",
        "s3.sse.kms.key.id": "key-1",
        "s3.send.digest": "true",
        "s3.object.tagging": "true",
        "s3.object.tagging.key.value.pairs": "team:logs",
    });
    let values = oracle::log_records(0, 100);
    place.client.produce(&place.topic, 0, &values).await;
    let _worker = sink(&place, &proxy.url(), more).await;
    wait::until("an object and its tags", wait::LIMIT, async || {
        let tags = heads(&proxy, "PUT", "?tagging");
        if tags.len() == 1 { Ok(()) } else { Err(proxy.seen()) }
    })
    .await;
    let objects: Vec<_> =
        heads(&proxy, "PUT", ".json").into_iter().filter(|head| !head[0].contains("tagging")).collect();
    let [head] = objects.as_slice() else { panic!("{objects:?}") };
    for header in [
        "x-amz-acl: bucket-owner-full-control",
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: key-1",
    ] {
        assert!(has(head, header), "{header} is not in {head:?}");
    }
    assert!(head.iter().any(|line| line.to_ascii_lowercase().starts_with("content-md5:")), "{head:?}");
    await_objects(&place.s3, Place::BUCKET, &oracle::json_objects(&place.topic, 0, &values, 100)).await;
}

#[tokio::test]
async fn a_key_of_the_customer_goes_with_every_part() {
    let place = Place::new("s3-customer-key", 1).await;
    let proxy = FaultS3::start(place.s3.port());
    let more = json!({
        "s3.ssea.name": "AES256",
        "s3.sse.customer.key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    });
    place.client.produce(&place.topic, 0, &oracle::log_records(0, 100)).await;
    let _worker = sink(&place, &proxy.url(), more).await;
    wait::until("a request with the key", wait::LIMIT, async || {
        let seen = heads(&proxy, "PUT", ".json");
        let with_key = |head: &Vec<String>| {
            has(head, "x-amz-server-side-encryption-customer-algorithm: AES256")
                && has(
                    head,
                    "x-amz-server-side-encryption-customer-key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
                )
        };
        if seen.iter().any(with_key) { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test]
async fn requests_go_through_the_proxy() {
    let place = Place::new("s3-proxy", 1).await;
    let proxy = FaultS3::start(place.s3.port());
    let more = json!({ "s3.proxy.url": proxy.url(), "s3.proxy.user": "me", "s3.proxy.password": "secret" });
    let values = oracle::log_records(0, 100);
    place.client.produce(&place.topic, 0, &values).await;
    let _worker = sink(&place, &place.s3.url(), more).await;
    await_objects(&place.s3, Place::BUCKET, &oracle::json_objects(&place.topic, 0, &values, 100)).await;
    let objects = heads(&proxy, "PUT http://", ".json");
    assert_eq!(objects.len(), 1, "{:?}", proxy.seen());
    assert!(has(&objects[0], "proxy-authorization: Basic bWU6c2VjcmV0"), "{:?}", objects[0]);
}

/// A token service that gives the credentials of the S3 server away; returns its URL. It ends with the test process.
pub(crate) fn token_service(requests: Sender<String>) -> String {
    let credentials = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>{ACCESS_KEY}</AccessKeyId>\
         <SecretAccessKey>{SECRET_KEY}</SecretAccessKey><SessionToken>token-1</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    token_service_that_answers("200 OK", credentials, requests)
}

/// A token service that gives no role to anyone.
pub(crate) fn token_service_that_refuses(requests: Sender<String>) -> String {
    let refusal = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                   <Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error>\
                   <RequestId>1</RequestId></ErrorResponse>";
    token_service_that_answers("403 Forbidden", refusal.to_owned(), requests)
}

/// A token service with one answer to everything.
fn token_service_that_answers(status: &'static str, answer: String, requests: Sender<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut reader = BufReader::new(client.try_clone().expect("a second handle"));
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            drop(requests.send(String::from_utf8_lossy(&body).into_owned()));
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}", answer.len());
            drop(write!(client, "{head}\r\nConnection: close\r\n\r\n{answer}"));
        }
    });
    format!("http://127.0.0.1:{port}")
}

#[tokio::test]
async fn a_role_is_assumed_and_its_credentials_write_the_objects() {
    let place = Place::new("s3-role", 1).await;
    let proxy = FaultS3::start(place.s3.port());
    let (sender, requests) = channel();
    let more = json!({
        "s3.region": REGION,
        "store.url": proxy.url(),
        "s3.credentials.provider.class": "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider",
        "s3.credentials.provider.sts.role.arn": "arn:aws:iam::123456789012:role/writer",
        "s3.credentials.provider.sts.role.external.id": "outside",
        "s3.credentials.provider.sts.role.session.name": "session-1",
        "aws.access.key.id": "somebody",
        "aws.secret.access.key": "else",
    });
    let values = oracle::log_records(0, 100);
    place.client.produce(&place.topic, 0, &values).await;
    let worker = Setup::new(&place.broker.bootstrap()).s3(&token_service(sender)).start().await;
    worker.create(&place.name, &with(s3_sink(&place.topic, Place::BUCKET), more)).await;
    wait::until("a request with the role's credentials", wait::LIMIT, async || {
        let seen = heads(&proxy, "PUT", ".json");
        if seen.iter().any(|head| has(head, "x-amz-security-token: token-1")) { Ok(()) } else { Err(seen) }
    })
    .await;
    let request = requests.recv_timeout(wait::LIMIT).expect("a request for credentials");
    for part in ["Action=AssumeRole", "role%2Fwriter", "ExternalId=outside", "RoleSessionName=session-1"] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_fails_the_task_and_names_the_keys() {
    let place = Place::new("s3-no-role", 1).await;
    let arn = "s3.credentials.provider.sts.role.arn";
    let more = json!({
        "s3.region": REGION,
        "store.url": place.s3.url(),
        "s3.credentials.provider.class": "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider",
        arn: "arn:aws:iam::123456789012:role/writer",
        "aws.access.key.id": "somebody",
        "aws.secret.access.key": "else",
    });
    let (sender, _requests) = channel();
    let url = token_service_that_refuses(sender);
    let worker = Setup::new(&place.broker.bootstrap()).s3(&url).start().await;
    worker.create(&place.name, &with(s3_sink(&place.topic, Place::BUCKET), more)).await;
    let status = worker.await_task(&place.name, "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
    assert!(trace.contains("AccessDenied") && trace.contains(arn), "{trace}");
}

#[tokio::test]
async fn files_are_closed_by_bytes_and_named_by_a_template_and_compressed_with_zstd() {
    let place = Place::new("s3-template", 1).await;
    let more = json!({
        "flush.size": "1000",
        "sluice.rotate.size.bytes": "100",
        "s3.compression.type": "zstd",
        "partitioner.class": "io.sluice.connect.s3.TemplatePartitioner",
        "sluice.partition.template": "level=${field:level}",
    });
    let values: Vec<String> = (0..20).map(|id| json!({ "level": "INFO", "id": id }).to_string()).collect();
    place.client.produce(&place.topic, 0, &values).await;
    let _worker = sink(&place, &place.s3.url(), more).await;
    let name = |offset: i64| format!("topics/{0}/level=INFO/{0}+0+{offset:010}.json.zst", place.topic);
    // 24 or 25 bytes a line: five lines pass 100 bytes.
    wait::until("four objects of at least 100 bytes of lines", wait::LIMIT, async || {
        let found: Objects = place.s3.objects(Place::BUCKET);
        let names: Vec<String> = found.keys().cloned().collect();
        let wanted: Vec<String> = [0, 5, 10, 14].into_iter().map(name).collect();
        if names.len() >= 3 && names[..2] == wanted[..2] { Ok(()) } else { Err(names) }
    })
    .await;
    let first = &place.s3.objects(Place::BUCKET)[&name(0)];
    assert_eq!(first[..4], [0x28, 0xb5, 0x2f, 0xfd], "the magic number of zstandard");
}
