//! Many random histories of a group: joins, deaths, cuts and changes. Whatever happens, nothing runs on two workers
//! that may write, and once it is quiet everything runs.

use std::collections::BTreeMap;
use std::time::Duration;

use connect_cluster::protocol::GroupProtocol;

use crate::herder::fleet::tests::town::{MAX_DELAY, Town, Worker, create, on_leader};
use crate::herder::tests::pretend::config;

const SEEDS: u64 = 400;
const STEPS: usize = 12;
/// `session.timeout.ms` of the simulation.
const SESSION: Duration = Duration::from_secs(10);

struct History {
    town: Town,
    random: fastrand::Rng,
    workers: Vec<Worker>,
    /// Tasks by connector.
    connectors: BTreeMap<String, usize>,
    told: Vec<String>,
}

impl History {
    async fn step(&mut self) {
        let choice = self.random.usize(..10);
        match choice {
            0 | 1 if self.workers.len() < 5 => {
                let worker = self.town.start();
                self.told.push(format!("start {}", worker.name));
                self.workers.push(worker);
            }
            2 if self.workers.len() > 1 => {
                let worker = self.take();
                self.told.push(format!("stop {}", worker.name));
                worker.stop().await;
            }
            3 if self.workers.len() > 1 => {
                let worker = self.take();
                self.told.push(format!("kill {}", worker.name));
                let id = self.town.kill(worker);
                tokio::time::sleep(SESSION).await;
                self.town.coordinator.remove(&id);
            }
            4 | 5 => self.cut().await,
            6 | 7 => self.configure().await,
            8 => {
                self.told.push("round".to_owned());
                self.town.coordinator.rebalance();
            }
            _ => {
                let wait = Duration::from_millis(self.random.u64(..30_000));
                self.told.push(format!("wait {wait:?}"));
                tokio::time::sleep(wait).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(self.random.u64(..3000))).await;
    }

    fn take(&mut self) -> Worker {
        let index = self.random.usize(..self.workers.len());
        self.workers.swap_remove(index)
    }

    /// Cuts a worker off for longer than its session, by whose end it has stopped by itself.
    async fn cut(&mut self) {
        let worker = &self.workers[self.random.usize(..self.workers.len())];
        self.told.push(format!("cut {}", worker.name));
        let id = worker.membership.id();
        self.town.coordinator.cut(&id);
        tokio::time::sleep(SESSION).await;
        worker.membership.expire();
        // The coordinator counts from the arrival of what the worker counts from the sending of.
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.town.coordinator.remove(&id);
        tokio::time::sleep(Duration::from_millis(self.random.u64(..5000))).await;
        worker.membership.sit();
    }

    async fn configure(&mut self) {
        let name = ["a", "b", "c", "d"][self.random.usize(..4)];
        let count = self.random.usize(..3);
        let workers: Vec<&Worker> = self.workers.iter().collect();
        self.told.push(format!("{name} has {count} tasks"));
        let says = count.to_string();
        let outcome = if self.connectors.contains_key(name) {
            on_leader(&workers, |handle| {
                let config = config(&[("tasks", &says)]);
                async move { handle.put_config(name.into(), config).await.map(drop) }
            })
            .await
        } else {
            create(&workers, name, &[("tasks", &says)]).await
        };
        outcome.unwrap_or_else(|error| panic!("{error}: {:?}", self.told));
        self.connectors.insert(name.to_owned(), count);
    }

    async fn run(mut self, seed: u64) {
        self.workers.push(self.town.start());
        for _ in 0..STEPS {
            self.step().await;
            assert_eq!(self.town.doubles(), Vec::<String>::new(), "seed {seed}: {:?}", self.told);
        }
        let expected: Vec<String> = self
            .connectors
            .iter()
            .flat_map(|(name, count)| (0..*count).map(move |task| format!("{name}-{task}")))
            .collect();
        tokio::time::sleep(MAX_DELAY * 5).await;
        let is_placed =
            |placed: &BTreeMap<String, String>| placed.keys().cloned().collect::<Vec<_>>() == expected;
        let placed = self.town.settles(is_placed).await;
        assert!(
            is_placed(&placed),
            "seed {seed}: {placed:?}, not {expected:?}, generation {}: {:?}",
            self.town.coordinator.generation(),
            self.told
        );
        let loads =
            self.workers.iter().map(|worker| placed.values().filter(|on| **on == worker.name).count());
        let loads: Vec<usize> = loads.collect();
        let (most, least) = (loads.iter().max().copied(), loads.iter().min().copied());
        assert!(most <= least.map(|least| least + 1), "seed {seed}: {loads:?}: {:?}", self.told);
        assert_eq!(self.town.doubles(), Vec::<String>::new(), "seed {seed}: {:?}", self.told);
        for worker in self.workers {
            assert_eq!(worker.stop().await.abandoned, 0, "seed {seed}");
        }
    }
}

#[test]
fn no_task_runs_twice_and_all_run_when_it_is_quiet() {
    for seed in 0..SEEDS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let history = async move {
            let history = History {
                town: Town::new(GroupProtocol::Sessioned),
                random: fastrand::Rng::with_seed(seed),
                workers: Vec::new(),
                connectors: BTreeMap::new(),
                told: Vec::new(),
            };
            history.run(seed).await;
        };
        runtime.block_on(history);
    }
}
