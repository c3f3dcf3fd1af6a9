//! A cluster that rejects, delays, breaks off: nothing is lost, and only what failed is sent again.

use std::time::{Duration, Instant};

use connect_core::testkit::HandleCall;

use crate::fake::Fault;
use crate::rig::{OPENSEARCH, Rig, batch, id, partition};

#[tokio::test]
async fn only_the_rejected_item_is_sent_again() {
    let mut rig = Rig::start(&[]).await;
    rig.cluster.refuse(&id(3), 429, "es_rejected_execution_exception", 2);
    rig.put(&batch(0..6)).await;
    rig.settle(6).await;
    assert_eq!(rig.cluster.ids("logs").len(), 6);
    let requests = rig.cluster.state().requests.clone();
    assert_eq!(requests.len(), 3);
    assert!(requests[1..].iter().all(|request| *request == [id(3)]), "{requests:?}");
}

#[tokio::test]
async fn offsets_stop_before_an_item_that_waits_for_its_next_try() {
    let mut rig = Rig::start(&[("retry.backoff.ms", "60000")]).await;
    // However short the wait is by chance: the next try fails as well.
    rig.cluster.refuse(&id(3), 503, "unavailable_shards_exception", usize::MAX);
    rig.put(&batch(0..6)).await;
    assert_eq!(rig.commit(6).await, Some(3));
}

#[tokio::test]
async fn requests_that_fail_whole_are_sent_again_and_trouble_is_told_and_ended() {
    let mut rig = Rig::start(&[]).await;
    rig.cluster.state().faults = vec![
        Fault::Answer(503, None),
        Fault::Drop,
        Fault::Answer(429, None),
        Fault::Answer(502, None),
        Fault::Drop,
    ];
    rig.put(&batch(0..50)).await;
    rig.settle(50).await;
    assert_eq!(rig.cluster.ids("logs").len(), 50);
    let told: Vec<bool> = rig
        .handle
        .take()
        .into_iter()
        .filter_map(|call| match call {
            HandleCall::Trouble(trouble) => Some(trouble.is_some()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [true, false]);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let mut rig = Rig::start(&[]).await;
    rig.cluster.state().faults = vec![Fault::Answer(429, Some(1))];
    let start = Instant::now();
    rig.put(&batch(0..1)).await;
    rig.settle(1).await;
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_no_loss_and_no_repeat() {
    let mut rig = Rig::start(&[("read.timeout.ms", "200"), ("connection.timeout.ms", "200")]).await;
    rig.cluster.state().faults = vec![Fault::Silence(Duration::from_secs(5))];
    rig.put(&batch(0..10)).await;
    rig.settle(10).await;
    assert_eq!(rig.cluster.ids("logs").len(), 10);
    assert_eq!(rig.cluster.state().requests.len(), 2, "written, and written again under the same ids");
}

#[tokio::test]
async fn retries_that_are_bounded_fail_the_task_and_commit_nothing() {
    let mut rig = Rig::start(&[("max.retries", "2")]).await;
    rig.cluster.refuse(&id(0), 429, "es_rejected_execution_exception", 100);
    rig.put(&batch(0..2)).await;
    let text = rig.fail().await.to_string();
    assert!(text.starts_with("writing the record of topic `logs` partition 0 offset 0 (document `logs+0+0` of `logs`): given up after 3 attempts (`max.retries`)"), "{text}");
    assert_eq!(rig.commit(2).await, None);
    let mut rig = Rig::start(&[("max.retries", "1")]).await;
    rig.cluster.state().faults = vec![Fault::Answer(500, None); 10];
    rig.put(&batch(0..2)).await;
    let text = rig.fail().await.to_string();
    assert!(
        text.contains("given up after 2 attempts (`max.retries`)") && text.contains("status 500"),
        "{text}"
    );
}

#[tokio::test]
async fn malformed_documents_follow_the_policy() {
    let place = "writing the record of topic `logs` partition 0 offset 1 (document `logs+0+1` of `logs`): Elasticsearch refuses it: document_parsing_exception: injected";
    let mut rig = Rig::start(&[]).await;
    rig.cluster.refuse(&id(1), 400, "document_parsing_exception", 1);
    rig.put(&batch(0..3)).await;
    let text = rig.fail().await.to_string();
    assert!(text.starts_with(place) && text.contains("`behavior.on.malformed.documents`"), "{text}");
    assert_eq!(rig.commit(3).await, Some(1), "a task that is started again must not pass over it");
    let mut rig = Rig::start(&[("behavior.on.malformed.documents", "ignore")]).await;
    rig.cluster.refuse(&id(1), 400, "document_parsing_exception", 1);
    rig.put(&batch(0..3)).await;
    rig.settle(3).await;
    let reports = rig.reporter.take();
    assert!(
        matches!(&reports[..], [(from, 1, text)] if *from == partition() && text.starts_with(place)),
        "{reports:?}"
    );
    assert_eq!(rig.cluster.ids("logs"), [id(0), id(2)]);
    for (policy, count) in [("report", 1), ("ignore", 0), ("warn", 0)] {
        let mut rig = Rig::start_as(OPENSEARCH, &[("behavior.on.malformed.documents", policy)]).await;
        rig.cluster.refuse(&id(1), 400, "mapper_parsing_exception", 1);
        rig.put(&batch(0..3)).await;
        rig.settle(3).await;
        assert_eq!(rig.reporter.take().len(), count, "{policy}");
    }
}

#[tokio::test]
async fn other_refusals_are_reported_and_fail_the_task() {
    let mut rig = Rig::start(&[("behavior.on.malformed.documents", "ignore")]).await;
    rig.cluster.refuse(&id(1), 403, "security_exception", 1);
    rig.put(&batch(0..3)).await;
    let text = rig.fail().await.to_string();
    assert!(text.contains("offset 1") && text.contains("security_exception"), "{text}");
    assert_eq!(rig.commit(3).await, Some(1));
    assert_eq!(rig.reporter.take().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_until_it_fits() {
    let mut rig = Rig::start(&[]).await;
    rig.cluster.state().most_items = Some(3);
    rig.put(&batch(0..20)).await;
    rig.settle(20).await;
    assert_eq!(rig.cluster.ids("logs").len(), 20);
    let sizes: Vec<usize> = rig.cluster.state().requests.iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 3), "{sizes:?}");
}

#[tokio::test]
async fn wrong_credentials_fail_the_task_with_what_to_check() {
    let mut rig = Rig::start(&[]).await;
    rig.cluster.state().faults = vec![Fault::Answer(401, None)];
    rig.put(&batch(0..1)).await;
    let text = rig.fail().await.to_string();
    assert!(text.contains("status 401") && text.contains("check user, password or API key"), "{text}");
}

#[tokio::test]
async fn rejections_lower_the_number_of_requests_at_a_time() {
    let extra = [("batch.size", "10"), ("max.in.flight.requests", "8"), ("max.buffered.records", "4000")];
    let mut rig = Rig::start(&extra).await;
    rig.cluster.state().faults = vec![Fault::Answer(429, Some(0)); 40];
    rig.put(&batch(0..10)).await;
    while rig.cluster.state().faults.len() > 20 {
        rig.put(&[]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.cluster.state().most_in_flight = 0;
    rig.put(&batch(10..1000)).await;
    while !rig.cluster.state().faults.is_empty() {
        rig.put(&[]).await;
        assert!(rig.cluster.state().most_in_flight <= 1, "one at a time while the cluster rejects work");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rig.settle(1000).await;
    assert_eq!(rig.cluster.ids("logs").len(), 1000);
}

#[tokio::test]
async fn random_faults_lose_nothing_and_repeat_nothing() {
    let extra = [("batch.size", "20"), ("max.buffered.records", "500")];
    let mut rig = Rig::start(&extra).await;
    let mut random = fastrand::Rng::with_seed(11);
    for offset in 0..3000 {
        if random.u8(..) < 12 {
            let (status, kind) = *random
                .choice(
                    [(429, "es_rejected_execution_exception"), (503, "unavailable_shards_exception")].iter(),
                )
                .expect("two");
            rig.cluster.refuse(&id(offset), status, kind, random.usize(1..3));
        }
    }
    for start in (0..3000).step_by(100) {
        let fault = match random.u8(..6) {
            0 if start % 500 == 0 => Some(Fault::Drop),
            0 | 1 => Some(Fault::Answer(503, Some(0))),
            2 => Some(Fault::Answer(429, Some(0))),
            _ => None,
        };
        rig.cluster.state().faults.extend(fault);
        rig.put(&batch(start..start + 100)).await;
    }
    rig.settle(3000).await;
    assert_eq!(rig.cluster.ids("logs").len(), 3000);
}
