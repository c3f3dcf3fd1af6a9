//! Histories made up at random, of whole tasks on a store in memory: owners are killed between any two requests,
//! replaced while they go on, and cut off from the store; requests fail, lose their answers, and arrive after their
//! owner is gone. In the end each offset is in exactly one object.

mod store;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::client::fake::FakeStore;

use super::record::CommitRecord;
use store::{Fate, Wire, WiredStore};
use worker::{Kafka, Owner, SimClock, is_filtered};

const RECORD: &str = "_commits/contract/t/0.json";

/// What one history is made of.
struct World {
    store: Arc<FakeStore>,
    wire: Arc<Wire>,
    clock: Arc<SimClock>,
    kafka: Arc<Kafka>,
    random: Rng,
    owners: Vec<Owner>,
    extra: Vec<(&'static str, &'static str)>,
}

impl World {
    fn new(seed: u64, store: FakeStore) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut extra = vec![("sluice.s3.exactly.once", "true"), ("retry.backoff.ms", "300")];
        let flush = ["1", "3", "8", "1000"];
        extra.push(("flush.size", flush[random.usize(..flush.len())]));
        if random.bool() {
            extra.extend([("rotate.schedule.interval.ms", "2000"), ("timezone", "UTC")]);
        } else {
            extra.push(("sluice.rotate.size.bytes", "40"));
        }
        if random.bool() {
            extra.extend([
                ("store.kafka.keys", "true"),
                ("keys.format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
            ]);
        }
        if random.bool() {
            extra.extend([
                ("partitioner.class", "io.sluice.connect.s3.TemplatePartitioner"),
                ("sluice.partition.template", "k=${key}"),
            ]);
        }
        Self {
            store: Arc::new(store),
            wire: Arc::default(),
            clock: Arc::new(SimClock::new(random.u64(..))),
            kafka: Arc::default(),
            random,
            owners: Vec::new(),
            extra,
        }
    }

    /// Starts an owner; those before it do not know yet.
    fn start_owner(&mut self) {
        let store = WiredStore { store: Arc::clone(&self.store), wire: Arc::clone(&self.wire) };
        let (clock, kafka) = (Arc::clone(&self.clock), Arc::clone(&self.kafka));
        self.owners.push(Owner::start(store, clock, kafka, &self.extra, self.random.u64(..)));
    }

    /// Lets time pass and decides on some requests.
    async fn step(&mut self, is_healthy: bool) {
        let pause = Duration::from_millis(self.random.u64(1..40));
        tokio::time::sleep(pause).await;
        self.clock.advance(pause * self.random.u32(1..10));
        if self.random.u8(..4) == 0 {
            self.store.pass_seconds(1);
        }
        for _ in 0..self.random.usize(..=self.wire.len().min(6)) {
            let index = self.random.usize(..self.wire.len().max(1));
            let fate = match self.random.u8(..20) {
                0 if !is_healthy => Fate::AnswerLost,
                1 if !is_healthy => Fate::Refused,
                2 if !is_healthy => Fate::Late,
                _ => Fate::Done,
            };
            self.wire.decide(index, fate);
        }
    }

    async fn trouble(&mut self) {
        match self.random.u8(..16) {
            0 => self.start_owner(),
            1 if !self.owners.is_empty() => {
                let index = self.random.usize(..self.owners.len());
                self.owners.swap_remove(index).kill();
            }
            2 if !self.owners.is_empty() => {
                let index = self.random.usize(..self.owners.len());
                self.owners[index].leave();
            }
            3..=7 => self.kafka.append(self.random.i64(1..6)),
            _ => {}
        }
        self.owners.retain(|owner| !owner.is_gone());
    }

    fn record(&self) -> Option<CommitRecord> {
        let text = self.store.record(RECORD)?;
        Some(CommitRecord::parse(text.as_bytes()).expect("a record"))
    }

    /// Returns what does not hold of what holds at every moment.
    fn check(&self) -> Result<(), String> {
        let overwritten = self.wire.overwritten();
        if !overwritten.is_empty() {
            return Err(format!("objects written twice: {overwritten:?}"));
        }
        let durable = self.record().and_then(|record| record.offset);
        let committed = self.kafka.committed();
        if committed > durable {
            return Err(format!("committed {committed:?}, durable {durable:?}"));
        }
        self.kafka.error().map_or(Ok(()), |error| Err(format!("a task failed: {error}")))
    }

    /// Returns how often each offset is stored, in files of values and of keys.
    fn stored(&self) -> (BTreeMap<i64, u32>, BTreeMap<i64, u32>) {
        let (mut values, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for (name, text) in self.store.objects() {
            let counts = if name.contains(".keys.") { &mut keys } else { &mut values };
            for line in text.lines() {
                let (_, offset) = line.trim_matches('"').split_once('#').expect("a line of ours");
                *counts.entry(offset.parse().expect("an offset")).or_insert(0) += 1;
            }
        }
        (values, keys)
    }
}

/// Runs one history. Returns what went wrong.
async fn history(seed: u64, store: FakeStore) -> Result<(), String> {
    let mut world = World::new(seed, store);
    world.kafka.append(3);
    world.start_owner();
    for _ in 0..world.random.usize(20..160) {
        world.step(false).await;
        world.trouble().await;
        world.check()?;
    }
    for owner in std::mem::take(&mut world.owners) {
        owner.kill();
    }
    // What is still on its way arrives, or does not, before or while the last owner works.
    world.start_owner();
    let end = world.kafka.end();
    for step in 0.. {
        world.step(true).await;
        world.check()?;
        // Files are closed by the clock, or by what comes after them.
        if step % 50 == 49 && world.kafka.committed() != Some(world.kafka.end()) && step < 2_000 {
            world.kafka.append(1);
        }
        if world.kafka.committed().is_some_and(|committed| committed >= end) {
            break;
        }
        if step >= 6_000 {
            return Err(format!("{:?} of {end}, {:?}", world.kafka.committed(), world.record()));
        }
    }
    let committed = world.kafka.committed().unwrap_or(0);
    let wanted: BTreeMap<i64, u32> =
        (0..committed).filter(|offset| !is_filtered(*offset)).map(|offset| (offset, 1)).collect();
    let (mut values, mut keys) = world.stored();
    values.retain(|offset, _| *offset < committed);
    keys.retain(|offset, _| *offset < committed);
    if values != wanted {
        return Err(format!("values of {committed} records: {values:?}"));
    }
    if world.extra.iter().any(|(key, _)| *key == "store.kafka.keys") && keys != wanted {
        return Err(format!("keys of {committed} records: {keys:?}"));
    }
    Ok(())
}

fn play(seed: u64, store: FakeStore) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(history(seed, store))
}

/// `SIMULATION_SEED` repeats one history, `SIMULATION_COUNT` sets how many there are.
#[test]
fn in_every_history_each_offset_is_in_exactly_one_object() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_COUNT").unwrap_or(1_000),
    };
    for seed in seeds {
        assert_eq!(play(seed, FakeStore::default()), Ok(()), "seed {seed}");
    }
}

/// Histories that would pass whatever the store does would prove nothing.
#[test]
fn histories_find_out_a_store_without_conditional_writes() {
    // As many as a claim of a new record makes sure of.
    let wrong = (0..60).filter(|seed| play(*seed, FakeStore::unconditional_after(3)).is_err()).count();
    assert!(wrong >= 5, "{wrong} of 60 histories went wrong");
}
