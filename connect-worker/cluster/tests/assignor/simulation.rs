//! A group under seeded faults: joins, leaves, crashes, partitions, pauses, late messages, config changes.
//!
//! At every step no work runs on two workers; when the faults end, all configured work runs, balanced, and the group is
//! at rest. A failure names its seed: `SIMULATION_SEED` replays one, `SIMULATION_RUNS` sets how many are tried.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_cluster::Configured;
use connect_cluster::protocol::GroupProtocol;

use crate::coordinator::{Address, Coordinator, Reply, Request};
use crate::worker::{REBALANCE_MS, SESSION_MS, Worker};

const TICK_MS: i64 = 100;
const FAULTS_MS: i64 = 25_000;
const REST_MS: i64 = 3_000;

#[derive(Debug)]
enum Event {
    Tick(usize),
    CoordinatorTick,
    Fault,
    ToCoordinator(Address, Request),
    ToWorker(Address, Reply),
    Config(usize, Configured),
    Resume(usize),
    Start(usize),
}

struct World {
    seed: u64,
    chance: fastrand::Rng,
    now: i64,
    /// What happens when, in the order it was planned.
    events: BTreeMap<(i64, u64), Event>,
    numbers: u64,
    coordinator: Coordinator,
    workers: Vec<Worker>,
    /// Until when a worker's messages are lost.
    cut: Vec<i64>,
    /// Until when a worker is stopped as by SIGSTOP.
    paused: Vec<i64>,
    /// When the last request of a worker's line arrives: a line keeps its order.
    arrival: Vec<i64>,
    configured: Configured,
    max_delay_ms: i32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let max_delay_ms = [0, 500, 3_000, 8_000][chance.usize(0..4)];
        let count = chance.usize(2..=5);
        let protocols = [GroupProtocol::Eager, GroupProtocol::Compatible, GroupProtocol::Sessioned];
        let protocol = protocols[chance.usize(0..3)];
        let mut world = Self {
            seed,
            now: 0,
            events: BTreeMap::new(),
            numbers: 0,
            coordinator: Coordinator::new(SESSION_MS, REBALANCE_MS),
            workers: (0..count).map(|_| Worker::new(protocol, max_delay_ms)).collect(),
            cut: vec![0; count],
            paused: vec![0; count],
            arrival: vec![0; count],
            configured: Configured { offset: 1, ..Configured::default() },
            max_delay_ms,
            chance,
        };
        for _ in 0..world.chance.usize(0..5) {
            world.configure();
        }
        for worker in 0..count {
            let at = world.chance.i64(0..2_000);
            world.after(at, Event::Start(worker));
            world.after(at, Event::Tick(worker));
        }
        world.after(TICK_MS, Event::CoordinatorTick);
        world.after(1_000, Event::Fault);
        world
    }

    fn after(&mut self, wait_ms: i64, event: Event) {
        self.numbers += 1;
        self.events.insert((self.now + wait_ms, self.numbers), event);
    }

    fn run(&mut self) {
        // Long enough for an expired session, a round, a delay and the spacing of revocations after it.
        let quiet = FAULTS_MS + 2 * SESSION_MS + 2 * REBALANCE_MS + 4 * i64::from(self.max_delay_ms) + 8_000;
        let mut at_rest = None;
        while let Some(((at, _), event)) = self.events.pop_first() {
            if at > quiet + REST_MS {
                break;
            }
            if at > quiet && at_rest.is_none() {
                at_rest = Some(self.coordinator.generation);
            }
            self.now = at;
            self.step(event);
        }
        self.check_all_is_placed();
        assert_eq!(at_rest, Some(self.coordinator.generation), "seed {}: no rest", self.seed);
    }

    fn step(&mut self, event: Event) {
        // Nothing begins to run by the coordinator's doing alone, nor with time.
        let mut may_start = !matches!(event, Event::CoordinatorTick | Event::ToCoordinator(..));
        match event {
            Event::Tick(index) => {
                may_start = self.workers[index].is_stopping();
                if self.is_running(index) {
                    self.tick(index);
                }
                self.after(TICK_MS, Event::Tick(index));
            }
            Event::CoordinatorTick => {
                let replies = self.coordinator.tick(self.now);
                self.answer(replies);
                self.after(TICK_MS, Event::CoordinatorTick);
            }
            Event::Fault => self.fault(),
            Event::ToCoordinator(from, request) => {
                let replies = self.coordinator.handle(from, request, self.now);
                self.answer(replies);
            }
            Event::ToWorker(to, reply) => self.deliver(to, reply),
            Event::Config(index, view) => {
                if self.is_running(index) {
                    self.workers[index].see_config(&view);
                } else if self.workers[index].is_up {
                    self.after(TICK_MS, Event::Config(index, view));
                }
            }
            Event::Resume(index) => {
                if self.is_running(index) {
                    self.tick(index);
                }
            }
            Event::Start(index) => {
                if !self.workers[index].is_up {
                    self.workers[index].start(self.configured.clone());
                }
            }
        }
        if may_start {
            self.check_nothing_runs_twice();
        }
    }

    fn tick(&mut self, index: usize) {
        for (number, request) in self.workers[index].tick(self.now, &mut self.chance) {
            self.send(index, number, request);
        }
    }

    fn is_running(&self, index: usize) -> bool {
        self.workers[index].is_up && self.now >= self.paused[index]
    }

    fn send(&mut self, index: usize, number: u64, request: Request) {
        if self.now < self.cut[index] {
            return;
        }
        let latency = self.latency();
        let mut at = self.now + latency;
        // Heartbeats have a line of their own.
        if !matches!(request, Request::Heartbeat { .. }) {
            at = at.max(self.arrival[index]);
            self.arrival[index] = at;
        }
        self.after(at - self.now, Event::ToCoordinator(Address { worker: index, request: number }, request));
    }

    fn answer(&mut self, replies: Vec<(Address, Reply)>) {
        for (to, reply) in replies {
            let latency = self.latency();
            self.after(latency, Event::ToWorker(to, reply));
        }
    }

    fn latency(&mut self) -> i64 {
        let is_late = self.now < FAULTS_MS && self.chance.u8(0..50) == 0;
        if is_late { self.chance.i64(0..4_000) } else { self.chance.i64(1..20) }
    }

    fn deliver(&mut self, to: Address, reply: Reply) {
        let index = to.worker;
        if self.now < self.cut[index] || !self.workers[index].is_up {
            return;
        }
        if self.now < self.paused[index] {
            let wait = self.paused[index] - self.now + 1;
            return self.after(wait, Event::ToWorker(to, reply));
        }
        if let Some((number, request)) =
            self.workers[index].take(to.request, reply, self.now, &mut self.chance)
        {
            self.send(index, number, request);
        }
    }

    fn fault(&mut self) {
        if self.now >= FAULTS_MS {
            for index in 0..self.workers.len() {
                self.after(0, Event::Start(index));
            }
            return;
        }
        let index = self.chance.usize(0..self.workers.len());
        let span = self.chance.i64(100..2 * SESSION_MS);
        match self.chance.u8(0..8) {
            0 => {
                self.workers[index].crash();
                self.after(span, Event::Start(index));
            }
            1 => self.leave(index, span),
            2 => self.cut[index] = self.now + span,
            3 => {
                self.paused[index] = self.now + span;
                self.after(span, Event::Resume(index));
            }
            4 | 5 => self.configure(),
            _ => {}
        }
        let wait = self.chance.i64(50..2_500);
        self.after(wait, Event::Fault);
    }

    fn leave(&mut self, index: usize, span: i64) {
        if !self.is_running(index) {
            return;
        }
        let member = self.workers[index].member.clone();
        if self.chance.u8(0..5) > 0 {
            for worker in self.workers.iter_mut().filter(|worker| worker.leads()) {
                worker.departed.extend(member.clone());
            }
        }
        if let Some((number, request)) = self.workers[index].leave() {
            self.send(index, number, request);
        }
        self.after(span, Event::Start(index));
    }

    fn configure(&mut self) {
        let name: Arc<str> = format!("c{}", self.chance.u8(0..6)).into();
        if self.chance.u8(0..3) == 0 {
            self.configured.connectors.remove(&name);
        } else {
            let tasks = self.chance.u32(0..7);
            self.configured.connectors.insert(name, tasks);
        }
        self.configured.offset += 1;
        for index in 0..self.workers.len() {
            let lag = self.latency();
            self.after(lag, Event::Config(index, self.configured.clone()));
        }
    }

    fn check_nothing_runs_twice(&self) {
        let running: Vec<_> = (0..self.workers.len())
            .filter(|&index| self.is_running(index))
            .filter_map(|index| self.workers[index].running(self.now))
            .collect();
        for (position, work) in running.iter().enumerate() {
            for other in &running[..position] {
                assert!(
                    work.is_disjoint(other),
                    "seed {}, {} ms: two workers run {:?}",
                    self.seed,
                    self.now,
                    work.common(other)
                );
            }
        }
    }

    fn check_all_is_placed(&self) {
        let seed = self.seed;
        assert!(self.coordinator.is_stable(), "seed {seed}: the group is in a round");
        let mut placed = connect_cluster::Work::default();
        let mut counts = Vec::new();
        for worker in &self.workers {
            assert!(worker.is_stable(), "seed {seed}: a worker is out");
            assert_eq!(worker.generation, self.coordinator.generation, "seed {seed}");
            let work = worker.running(self.now).expect("a lease");
            placed.add(work);
            counts.push((work.connectors.len(), work.tasks.len()));
        }
        assert_eq!(placed, self.configured.work(), "seed {seed}: not everything is placed");
        for count in [|count: &(usize, usize)| count.0, |count: &(usize, usize)| count.1] {
            let least = counts.iter().map(count).min().expect("a worker");
            let most = counts.iter().map(count).max().expect("a worker");
            assert!(most - least <= 1, "seed {seed}: unbalanced {counts:?}");
        }
    }
}

#[test]
fn under_faults_nothing_runs_twice_and_afterwards_everything_runs() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("SIMULATION_SEED") {
        return World::new(seed).run();
    }
    for seed in 0..number("SIMULATION_RUNS").unwrap_or(2_000) {
        World::new(seed).run();
    }
}
