//! Values of config providers that run out: their connector is restarted, in time and no more often.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::herder::tests::Place;
use crate::herder::tests::pretend::{Rotating, TTL, config};
use crate::herder::{HerderError, Modified};

const SECOND: Duration = Duration::from_secs(1);

/// A herder that asks a resolver.
struct Rotated {
    place: Place,
    resolver: Arc<Rotating>,
}

impl Rotated {
    fn start(value: &str) -> Self {
        let resolver = Arc::new(Rotating::default());
        resolver.set(value);
        Self { place: Place::with(Arc::clone(&resolver) as _), resolver }
    }

    /// Returns how often the resolver was asked: once for the start of a connector, twice for that of a task.
    fn asked(&self) -> usize {
        self.resolver.asked.load(Ordering::SeqCst)
    }

    fn started_tasks(&self) -> usize {
        self.place.tasks.started.load(Ordering::SeqCst)
    }

    async fn create(&self, says: &[(&str, &str)]) {
        assert_eq!(self.place.create("c", says).await, Ok(1));
        assert_eq!(self.place.states("c", &["RUNNING"; 2]).await, ["RUNNING"; 2]);
        assert_eq!(self.started_tasks(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn connector_and_tasks_get_the_new_value_when_the_old_one_runs_out() {
    let rotated = Rotated::start("fail");
    assert_eq!(rotated.place.create("c", &[("tasks", "1"), ("task", "${v:p:k}")]).await, Ok(1));
    assert_eq!(rotated.place.states("c", &["RUNNING", "FAILED"]).await, ["RUNNING", "FAILED"]);
    rotated.resolver.set("ok");
    tokio::time::sleep(TTL - SECOND).await;
    assert_eq!((rotated.asked(), rotated.started_tasks()), (3, 1));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(rotated.place.states("c", &["RUNNING"; 2]).await, ["RUNNING"; 2]);
    assert_eq!((rotated.asked(), rotated.started_tasks()), (6, 2));
    assert_eq!(rotated.place.end().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_did_not_change_restarts_the_connector_again_and_again_and_no_task() {
    let rotated = Rotated::start("same");
    rotated.create(&[("tasks", "1"), ("note", "${v:p:k}"), ("word", "${v:q:k}")]).await;
    for restarts in 1..4 {
        tokio::time::sleep(TTL + SECOND).await;
        assert_eq!((rotated.asked(), rotated.started_tasks()), (3 + restarts, 1));
    }
    assert_eq!(rotated.place.states("c", &["RUNNING"; 2]).await, ["RUNNING"; 2]);
    assert_eq!(rotated.place.end().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_failed_with_the_old_value_starts_with_the_new_one() {
    let rotated = Rotated::start("fail");
    let error = rotated.place.create("c", &[("tasks", "1"), ("start", "${v:p:k}")]).await;
    assert_eq!(error, Err(HerderError::internal("Failed to transition connector c to state STARTED")));
    rotated.resolver.set("ok");
    tokio::time::sleep(TTL - SECOND).await;
    assert_eq!(rotated.place.states("c", &["FAILED"]).await, ["FAILED"]);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(rotated.place.states("c", &["RUNNING"; 2]).await, ["RUNNING"; 2]);
    assert_eq!(rotated.place.end().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_reads_a_path_again_puts_the_restart_off() {
    let rotated = Rotated::start("same");
    rotated.create(&[("tasks", "1"), ("note", "${v:p:k}")]).await;
    tokio::time::sleep(TTL / 2).await;
    rotated.place.handle.restart_task("c".to_owned(), 0).await.expect("known");
    tokio::time::sleep(TTL - SECOND).await;
    assert_eq!(rotated.asked(), 5, "three at first and two for the task");
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(rotated.asked(), 6);
    assert_eq!(rotated.place.end().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_restarted_where_the_action_is_none() {
    let rotated = Rotated::start("same");
    rotated.create(&[("tasks", "1"), ("note", "${v:p:k}"), ("config.action.reload", "none")]).await;
    tokio::time::sleep(10 * TTL).await;
    assert_eq!((rotated.asked(), rotated.started_tasks()), (3, 1));
    assert_eq!(rotated.place.end().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn another_configuration_drops_the_restarts_of_the_old_one() {
    let rotated = Rotated::start("same");
    rotated.create(&[("tasks", "1"), ("note", "${v:p:k}")]).await;
    let outcome = rotated.place.handle.put_config("c".into(), config(&[("tasks", "1")])).await;
    assert!(matches!(outcome, Ok(Modified::Updated(_))), "{outcome:?}");
    assert_eq!(rotated.place.states("c", &["RUNNING"; 2]).await, ["RUNNING"; 2]);
    tokio::time::sleep(10 * TTL).await;
    assert_eq!((rotated.asked(), rotated.started_tasks()), (6, 2));
    assert_eq!(rotated.place.end().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_drops_the_restarts_also_for_a_later_connector_of_the_name() {
    let rotated = Rotated::start("same");
    rotated.create(&[("tasks", "1"), ("note", "${v:p:k}")]).await;
    rotated.place.handle.delete("c".to_owned()).await.expect("known");
    assert_eq!(rotated.place.create("c", &[("tasks", "1")]).await, Ok(1));
    assert_eq!(rotated.place.states("c", &["RUNNING"; 2]).await, ["RUNNING"; 2]);
    tokio::time::sleep(10 * TTL).await;
    assert_eq!((rotated.asked(), rotated.started_tasks()), (6, 2));
    assert_eq!(rotated.place.end().await.abandoned, 0);
}
