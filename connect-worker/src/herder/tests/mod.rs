//! The herder with connectors and tasks that only pretend: what hangs or fails must not hold up anything else.

pub(crate) mod pretend;
mod reloads;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::herder::ports::ConfigResolver;
use crate::herder::tests::pretend::{Nothing, PretendTasks, config, registry};
use crate::herder::{
    CreateRequest, Herder, HerderError, HerderHandle, HerderSettings, InitialState, MemoryConfigStore,
    MemoryStatusStore, Modified, Ports, RestartRequest, StopReport, door,
};
use crate::obs::metrics::MetricsRegistry;

struct Place {
    handle: HerderHandle,
    tasks: Arc<PretendTasks>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<StopReport>,
}

/// Returns a herder that has begun nothing.
fn herder(tasks: &Arc<PretendTasks>, resolver: Arc<dyn ConfigResolver>) -> (Herder, HerderHandle) {
    let (config, updates) = MemoryConfigStore::new();
    let ports = Ports {
        registry: registry(),
        resolver,
        spawner: Arc::clone(tasks) as _,
        config: Box::new(config),
        updates,
        status: Box::new(MemoryStatusStore::default()),
        sink_offsets: Arc::new(Nothing),
        source_offsets: Arc::new(Nothing),
        metrics: MetricsRegistry::for_tests(),
        fleet: None,
    };
    let settings = HerderSettings {
        worker_id: "w:1".into(),
        task_grace: Duration::from_millis(50),
        tracks_topics: true,
        allows_topic_reset: true,
    };
    let (handle, door) = door(Arc::new(Nothing));
    (Herder::new(settings, ports, door), handle)
}

impl Place {
    fn start() -> Self {
        Self::with(Arc::new(Nothing))
    }

    fn with(resolver: Arc<dyn ConfigResolver>) -> Self {
        let tasks = Arc::new(PretendTasks::default());
        let (herder, handle) = herder(&tasks, resolver);
        let stop = CancellationToken::new();
        let running = tokio::spawn(herder.run(stop.clone()));
        Self { handle, tasks, stop, running }
    }

    async fn create(&self, name: &str, says: &[(&str, &str)]) -> Result<usize, HerderError> {
        let request = CreateRequest { name: name.into(), config: config(says), initial_state: None };
        self.handle.create(request).await.map(|info| info.tasks.len())
    }

    /// Returns the states of a connector and its tasks, once they are as wanted; otherwise as they are after a while.
    async fn states(&self, name: &str, wanted: &[&str]) -> Vec<&'static str> {
        let mut states = Vec::new();
        for _ in 0..500 {
            if let Ok(status) = self.handle.status(name.to_owned()).await {
                states = vec![status.connector.state];
                states.extend(status.tasks.iter().map(|task| task.state.state));
            }
            if states == wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        states
    }

    async fn end(self) -> StopReport {
        self.stop.cancel();
        self.running.await.expect("the herder ends")
    }
}

#[tokio::test]
async fn connector_goes_through_its_life() {
    let place = Place::start();
    assert_eq!(place.create("c", &[("tasks", "2")]).await, Ok(2));
    assert_eq!(place.states("c", &["RUNNING", "RUNNING", "RUNNING"]).await, ["RUNNING"; 3]);
    place.handle.pause("c".to_owned()).await.expect("known");
    assert_eq!(place.states("c", &["PAUSED", "PAUSED", "PAUSED"]).await, ["PAUSED"; 3]);
    place.handle.stop("c".to_owned()).await.expect("known");
    assert_eq!(place.states("c", &["STOPPED"]).await, ["STOPPED"]);
    place.handle.resume("c".to_owned()).await.expect("known");
    assert_eq!(place.states("c", &["RUNNING", "RUNNING", "RUNNING"]).await, ["RUNNING"; 3]);
    place.handle.delete("c".to_owned()).await.expect("known");
    let error = place.handle.status("c".to_owned()).await.expect_err("gone");
    assert_eq!(error, HerderError::not_found("No status found for connector c"));
    assert_eq!(place.end().await.abandoned, 0);
}

#[tokio::test]
async fn unchanged_tasks_are_left_alone_and_changed_ones_restarted() {
    let place = Place::start();
    assert_eq!(place.create("c", &[("tasks", "1")]).await, Ok(1));
    place.states("c", &["RUNNING", "RUNNING"]).await;
    for (says, started) in [("1", 1), ("2", 2)] {
        let outcome = place.handle.put_config("c".into(), config(&[("tasks", "1"), ("note", says)])).await;
        assert!(matches!(outcome, Ok(Modified::Updated(_))), "{outcome:?}");
        place.states("c", &["RUNNING", "RUNNING"]).await;
        // The first change is one of configuration too; the same configuration again is none.
        let again = place.handle.put_config("c".into(), config(&[("tasks", "1"), ("note", says)])).await;
        assert!(matches!(again, Ok(Modified::Updated(_))), "{again:?}");
        place.states("c", &["RUNNING", "RUNNING"]).await;
        assert_eq!(place.tasks.started.load(Ordering::SeqCst), started + 1, "after note {says}");
    }
    assert_eq!(place.end().await.abandoned, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hanging_connector_holds_up_neither_others_nor_the_stop() {
    let place = Place::start();
    let handle = place.handle.clone();
    let request =
        CreateRequest { name: "h".into(), config: config(&[("start", "hang")]), initial_state: None };
    let hanging = tokio::spawn(async move { handle.create(request).await });
    assert_eq!(place.create("c", &[("tasks", "1")]).await, Ok(1));
    place.handle.ping().await.expect("the herder answers");
    assert_eq!(place.states("c", &["RUNNING", "RUNNING"]).await, ["RUNNING"; 2]);
    let began = std::time::Instant::now();
    assert_eq!(place.end().await.abandoned, 1);
    assert!(began.elapsed() < Duration::from_secs(60), "connectors have 5 s");
    hanging.await.expect("no panic").expect_err("never created");
}

#[tokio::test]
async fn failed_start_is_told_and_shown() {
    let place = Place::start();
    let error = place.create("c", &[("start", "fail")]).await;
    assert_eq!(error, Err(HerderError::internal("Failed to transition connector c to state STARTED")));
    let status = place.handle.status("c".to_owned()).await.expect("known");
    assert_eq!(status.connector.state, "FAILED");
    let trace = status.connector.trace.expect("a trace");
    assert_eq!(trace, "org.apache.kafka.connect.errors.ConnectException: no such table\n");
    assert_eq!(place.end().await.abandoned, 0);
}

#[tokio::test]
async fn too_many_tasks_fail_the_connector() {
    let place = Place::start();
    let error = place.create("c", &[("tasks", "3")]).await.expect_err("two are allowed");
    assert!(error.message.starts_with("The connector c has generated 3 tasks"), "{error}");
    assert_eq!(place.states("c", &["FAILED"]).await, ["FAILED"]);
    assert_eq!(place.end().await.abandoned, 0);
}

#[tokio::test]
async fn failed_generation_is_answered_and_tried_again() {
    let place = Place::start();
    assert_eq!(place.create("c", &[("tasks", "fail")]).await, Ok(0));
    let outcome = place.handle.put_config("c".into(), config(&[("tasks", "1")])).await;
    assert!(matches!(outcome, Ok(Modified::Updated(_))), "{outcome:?}");
    assert_eq!(place.states("c", &["RUNNING", "RUNNING"]).await, ["RUNNING"; 2]);
    assert_eq!(place.end().await.abandoned, 0);
}

#[tokio::test]
async fn of_restarts_that_wait_the_one_of_the_highest_impact_is_carried_out() {
    let (mut herder, _handle) = herder(&Arc::default(), Arc::new(Nothing));
    let request = |name: &str, only_failed, include_tasks| RestartRequest {
        connector: name.into(),
        only_failed,
        include_tasks,
    };
    for waiting in [
        request("c", true, true),
        request("c", false, false),
        request("d", true, false),
        request("d", false, true),
    ] {
        herder.note_restart(waiting);
    }
    let left: Vec<RestartRequest> = std::mem::take(&mut herder.restarts).into_values().collect();
    assert_eq!(left, [request("c", true, true), request("d", false, true)]);
}

#[tokio::test(start_paused = true)]
async fn restart_of_failed_ones_starts_only_those() {
    let place = Place::start();
    assert_eq!(place.create("c", &[("tasks", "2"), ("task", "fail")]).await, Ok(2));
    assert_eq!(place.states("c", &["RUNNING", "FAILED", "FAILED"]).await, ["RUNNING", "FAILED", "FAILED"]);
    let request = RestartRequest { connector: "c".into(), only_failed: true, include_tasks: true };
    let answer = place.handle.restart(request).await.expect("known");
    let states: Vec<&str> = answer.tasks.iter().map(|task| task.state.state).collect();
    assert_eq!((answer.connector.state, states), ("RUNNING", vec!["RESTARTING"; 2]));
    assert_eq!(place.tasks.started.load(Ordering::SeqCst), 4);
    assert_eq!(place.end().await.abandoned, 0);
}

#[tokio::test]
async fn task_that_does_not_end_is_abandoned_and_its_connector_deleted() {
    let place = Place::start();
    assert_eq!(place.create("c", &[("tasks", "1"), ("task", "hang")]).await, Ok(1));
    place.states("c", &["RUNNING", "RUNNING"]).await;
    place.handle.delete("c".to_owned()).await.expect("deleted");
    assert_eq!(place.handle.list().await.expect("a list"), Vec::<Arc<str>>::new());
    assert_eq!(place.end().await.abandoned, 0, "the stop has nothing left to wait for");
}

#[tokio::test]
async fn patch_merges_over_the_stored_configuration() {
    let place = Place::start();
    let request = CreateRequest {
        name: "c".into(),
        config: config(&[("a", "1"), ("b", "2")]),
        initial_state: Some(InitialState::Stopped),
    };
    place.handle.create(request).await.expect("created");
    let patch = [("a".to_owned(), None), ("b".to_owned(), Some("3".to_owned()))].into_iter().collect();
    let info = place.handle.patch_config("c".into(), patch).await.expect("patched");
    assert_eq!((info.config.get("a"), info.config.get("b").map(String::as_str)), (None, Some("3")));
    let invalid = [("invalid".to_owned(), Some("bad".to_owned()))].into_iter().collect();
    let error = place.handle.patch_config("c".into(), invalid).await.expect_err("invalid");
    assert!(error.message.contains("1 error(s):\nbad\n"), "{error}");
    assert_eq!(place.end().await.abandoned, 0);
}
