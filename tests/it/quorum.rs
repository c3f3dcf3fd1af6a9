//! Three workers whose only broker, which is the controller's quorum as well, is frozen and then killed for a while:
//! everything waits, nothing fails, and afterwards every record arrives.
//!
//! `QUORUM_OUTAGE_SECONDS=60` makes the outages of the project's bar.

use std::{collections::BTreeSet, env, fs, path::Path, time::Duration};

use connect_tests::{
    group::{Group, Member, Picture, await_picture},
    kafka::Kafka,
    oracle, wait,
};
use serde_json::json;

use crate::support::{file_sink, with};

/// Longer than the session of a worker.
const OUTAGE_SECONDS: u64 = 9;
const SINKS: usize = 3;
const PARTITIONS: i32 = 4;
const PER_ROUND: usize = 200;
const TOPIC: &str = "quorum";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_frozen_or_gone_for_a_while_costs_no_record_and_no_task() {
    let seconds = env::var("QUORUM_OUTAGE_SECONDS").ok().map(|text| text.parse().expect("a number"));
    let outage = Duration::from_secs(seconds.unwrap_or(OUTAGE_SECONDS));
    let mut broker = Kafka::start();
    broker.client().create_topic(TOPIC, PARTITIONS).await;
    let group = Group::new(&broker.bootstrap(), TOPIC).property("offset.flush.interval.ms", "500");
    let members = tokio::join!(Member::sluice(&group), Member::sluice(&group), Member::sluice(&group));
    let members: [Member; 3] = members.into();
    let ids: Vec<String> = members.iter().map(Member::worker_id).collect();
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    for number in 0..SINKS {
        let file = folder.path().join(format!("out-{number}"));
        let config = with(file_sink(TOPIC, file.to_str().expect("UTF-8")), json!({ "tasks.max": "2" }));
        members[0].api().create(&format!("sink-{number}"), &config).await;
    }
    let is_settled = |picture: &Picture| picture.runs_on(&ids, SINKS, 2 * SINKS);
    await_picture("all tasks running", wait::LIMIT, members[0].api(), is_settled).await;

    let mut wanted = BTreeSet::new();
    produce(&broker, &mut wanted).await;
    await_lines(folder.path(), &wanted).await;
    for is_killed in [false, true] {
        produce(&broker, &mut wanted).await;
        // In mid-flow, and with offsets that are not committed yet.
        match is_killed {
            true => broker.kill(),
            false => broker.freeze(),
        }
        tokio::time::sleep(outage).await;
        for member in &members {
            let (status, _) = member.api().request("GET", "/connectors", None).await;
            assert!(status > 0, "a worker answers, if only that it cannot");
        }
        match is_killed {
            true => broker.restart(),
            false => broker.thaw(),
        }
        await_lines(folder.path(), &wanted).await;
        produce(&broker, &mut wanted).await;
        await_lines(folder.path(), &wanted).await;
        for member in &members {
            await_picture("all tasks running again", wait::LIMIT, member.api(), is_settled).await;
        }
    }
    for number in 0..SINKS {
        let wanted = vec![Some(i64::try_from(wanted.len()).expect("a count") / i64::from(PARTITIONS)); 4];
        wait::until("everything committed", wait::LIMIT, async || {
            match broker.client().committed(&format!("connect-sink-{number}"), TOPIC, PARTITIONS) {
                found if found == wanted => Ok(()),
                found => Err(found),
            }
        })
        .await;
    }
    for member in &members {
        let Member::Sluice(worker) = member else { panic!("ours") };
        let log = worker.log();
        assert!(!log.contains("task failed") && !log.contains("panicked"), "{log}");
    }
}

async fn produce(broker: &Kafka, wanted: &mut BTreeSet<String>) {
    let client = broker.client();
    for partition in 0..PARTITIONS {
        let values = oracle::log_records(wanted.len(), PER_ROUND);
        client.produce(TOPIC, partition, &values).await;
        wanted.extend(values);
    }
}

/// Waits until every sink has every record; a fault may bring one twice.
async fn await_lines(folder: &Path, wanted: &BTreeSet<String>) {
    for number in 0..SINKS {
        let path = folder.join(format!("out-{number}"));
        wait::until(&format!("{} records in {}", wanted.len(), path.display()), wait::LIMIT, async || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let found: BTreeSet<&str> = text.lines().collect();
            let missing = wanted.iter().filter(|line| !found.contains(line.as_str())).count();
            if missing == 0 { Ok(()) } else { Err(missing) }
        })
        .await;
    }
}
