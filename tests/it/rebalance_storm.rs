//! A rebalance storm: workers, tasks and strangers in the consumer group come and go every few seconds while records
//! flow to S3. No record may be lost, none be there twice, and no object be overwritten with other content.
//!
//! `STORM_REBALANCES=20` makes the storm of the project's bar, of two minutes.

use std::{
    env,
    time::{Duration, Instant},
};

use connect_tests::{
    fault_s3::{Fault, FaultS3},
    group::{Group, Member},
    kafka,
    s3::S3Server,
    wait,
};
use fastrand::Rng;
use rdkafka::{
    ClientConfig,
    consumer::{Consumer, StreamConsumer},
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    chaos::{Flow, PARTITIONS, STEP},
    s3_offsets::{assert_each_offset_once, assert_no_object_changed},
    support::{committed, s3_sink, with},
};

const BUCKET: &str = "logs";
const REBALANCES: usize = 6;
/// Numbers of tasks that the connector is changed to.
const TASKS: [usize; 4] = [4, 1, 3, 2];

/// A member of the sink's consumer group that is no task: it takes partitions and does nothing with them.
struct Stranger {
    reading: JoinHandle<()>,
}

impl Stranger {
    fn join(bootstrap: &str, group: &str, topic: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap).set("group.id", group).set("enable.auto.commit", "false");
        config.set("session.timeout.ms", "6000").set("partition.assignment.strategy", "range");
        let consumer: StreamConsumer = config.create().expect("a consumer is made");
        consumer.subscribe(&[topic]).expect("subscribed");
        // Dropping the consumer with the task leaves the group.
        Self { reading: tokio::spawn(async move { while consumer.recv().await.is_ok() {} }) }
    }

    async fn leave(self) {
        self.reading.abort();
        timeout(wait::LIMIT, self.reading).await.expect("the stranger leaves").ok();
    }
}

/// The group that the storm goes through.
struct Storm {
    group: Group,
    topic: String,
    config: Value,
    members: Vec<Member>,
    stranger: Option<Stranger>,
    /// Assignments that tasks of workers told of that are gone.
    assignments: usize,
}

impl Storm {
    fn name(&self) -> &str {
        self.group.name()
    }

    /// Makes one of five things happen that change who reads what.
    async fn blow(&mut self, number: usize) -> &'static str {
        match number % 5 {
            0 => {
                self.members.push(Member::sluice(&self.group).await);
                "a worker joins"
            }
            1 => {
                let tasks = TASKS[number / 5 % TASKS.len()].to_string();
                let config = with(self.config.clone(), json!({ "tasks.max": tasks }));
                let path = format!("/connectors/{}/config", self.name());
                self.members[0].api().settled("PUT", &path, Some(&config), 200).await;
                "the number of tasks changes"
            }
            2 => {
                let group = format!("connect-{}", self.name());
                self.stranger = Some(Stranger::join(self.group.bootstrap(), &group, &self.topic));
                "a stranger joins"
            }
            3 => {
                let mut member = self.members.remove(0);
                let stopping = tokio::task::spawn_blocking(move || (member.stop(), member.log()));
                let (status, log) = stopping.await.expect("the worker ends");
                assert!(status.success(), "{log}");
                self.assignments += assignments(&log);
                "a worker leaves"
            }
            _ => {
                if let Some(stranger) = self.stranger.take() {
                    stranger.leave().await;
                }
                "the stranger leaves"
            }
        }
    }

    fn committed(&self) -> Vec<i64> {
        let client = kafka::KafkaClient::new(self.group.bootstrap());
        committed(&client, self.name(), &self.topic, PARTITIONS)
    }
}

fn assignments(log: &str) -> usize {
    log.matches("partitions assigned").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_tasks_and_strangers_that_come_and_go_lose_no_record_and_change_no_object() {
    let asked = env::var("STORM_REBALANCES").ok().and_then(|text| text.parse().ok());
    let rebalances: usize = asked.unwrap_or(REBALANCES);
    let period = Duration::from_secs(if asked.is_some() { 6 } else { 4 });
    let broker = kafka::shared();
    let server = S3Server::start();
    server.create_bucket(BUCKET);
    let proxy = FaultS3::start(server.port());
    let topic = kafka::unique("storm");
    broker.client().create_topic(&topic, PARTITIONS).await;
    let group = Group::new(&broker.bootstrap(), &format!("{topic}-sink"));
    let group = group.property("offset.flush.interval.ms", "500");
    let more = json!({
        "flush.size": STEP.to_string(), "tasks.max": "2", "value.converter.schemas.enable": "false",
        "store.url": proxy.url(), "aws.access.key.id": connect_tests::s3::ACCESS_KEY,
        "aws.secret.access.key": connect_tests::s3::SECRET_KEY,
    });
    let config = with(s3_sink(&topic, BUCKET), more);
    let members = vec![Member::sluice(&group).await, Member::sluice(&group).await];
    members[0].api().create(group.name(), &config).await;
    // Requests that arrive when their task is gone.
    let mut random = Rng::with_seed(19);
    proxy.set(move |_| (random.u8(..100) < 2).then(|| Fault::Late(Duration::from_secs(3))));
    let mut storm = Storm { group, topic, config, members, stranger: None, assignments: 0 };
    let flow = Flow::start(broker.client(), &storm.topic, usize::MAX / 2, |partition, number| {
        json!({ "id": number, "partition": partition }).to_string()
    });

    let start = Instant::now();
    for number in 0..rebalances {
        let due = start + period * u32::try_from(number).expect("a few");
        tokio::time::sleep_until(due.into()).await;
        let what = storm.blow(number).await;
        println!("{:5.1} s: {what}", start.elapsed().as_secs_f64());
    }
    tokio::time::sleep(period).await;
    let elapsed = start.elapsed();
    if let Some(stranger) = storm.stranger.take() {
        stranger.leave().await;
    }
    let count = flow.stop().await;
    let wanted = vec![i64::try_from(count).expect("a count"); usize::try_from(PARTITIONS).expect("a few")];
    wait::until("committed offsets", wait::LIMIT, async || {
        let committed = storm.committed();
        if committed == wanted { Ok(()) } else { Err(committed) }
    })
    .await;

    let told: usize = storm.members.iter().map(|member| assignments(&member.log())).sum();
    let assigned = storm.assignments + told;
    let rewritten = proxy.versions().values().filter(|contents| contents.len() > 1).count();
    println!(
        "{rebalances} changes in {elapsed:?}, {assigned} assignments of tasks; {} records in {} objects, \
         {rewritten} of them written more than once",
        wanted.iter().sum::<i64>(),
        proxy.versions().len(),
    );
    assert!(assigned >= rebalances, "too few rebalances to prove anything: {assigned}");
    assert_each_offset_once(&server.objects(BUCKET), &storm.topic, PARTITIONS, count);
    assert_no_object_changed(&proxy);
}
