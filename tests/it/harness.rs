//! The harness itself: a test double that does not do what it says would make other tests pass for nothing.

use std::{path::Path, process::Command, time::Duration};

use connect_tests::{
    fault_s3::{Fault, FaultS3, Seen},
    process::Process,
    s3::S3Server,
};
use reqwest::Client;

#[tokio::test]
async fn the_fault_proxy_passes_on_answers_waits_and_hangs_up_as_told() {
    let s3 = S3Server::start();
    s3.create_bucket("bucket");
    let proxy = FaultS3::start(s3.port());
    let client = Client::new();
    let url = format!("{}/bucket/key", proxy.url());
    let put = || client.put(&url).body("body").send();

    // The server refuses an unsigned request: its own words show that it was reached.
    let answer = put().await.expect("the proxy answers");
    assert_eq!(answer.status().as_u16(), 403);
    assert!(answer.text().await.expect("a text").contains("<Code>AccessDenied</Code>"));

    proxy.set(|_| Some(Fault::Answer(503, "SlowDown")));
    let answer = put().await.expect("the proxy answers");
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.text().await.expect("a text").contains("<Code>SlowDown</Code>"));

    for fault in [Fault::Drop, Fault::DropAnswer] {
        proxy.set(move |_| Some(fault.clone()));
        assert!(put().await.is_err());
    }

    proxy.set(|_| Some(Fault::Delay(Duration::from_millis(300))));
    let start = std::time::Instant::now();
    assert_eq!(put().await.expect("the proxy answers").status().as_u16(), 403);
    assert!(start.elapsed() >= Duration::from_millis(300));

    proxy.clear();
    assert_eq!(put().await.expect("the proxy answers").status().as_u16(), 403);
    let wanted = Seen { method: "PUT".to_owned(), target: "/bucket/key".to_owned() };
    assert!(proxy.seen().len() >= 6 && proxy.seen().iter().all(|seen| *seen == wanted), "{:?}", proxy.seen());
}

#[test]
fn a_dropped_process_is_gone_and_a_killed_one_is_not_reported_as_running() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let start = || Process::start("sleep", Command::new("sleep").arg("60"), &folder.path().join("log"));
    let is_there = |pid: u32| Path::new("/proc").join(pid.to_string()).exists();
    let mut killed = start();
    assert!(killed.ended().is_none());
    killed.kill();
    assert!(killed.ended().is_some_and(|status| !status.success()));
    let dropped = start();
    let pid = dropped.pid();
    assert!(is_there(pid));
    drop(dropped);
    assert!(!is_there(pid));
}
