//! Herders of one group, with a coordinator, a log and tasks that only pretend.

mod coordinator;
mod log;
mod reloads;
mod simulation;
mod town;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connect_cluster::protocol::GroupProtocol;
use connect_core::config::Props;

use crate::herder::fleet::tests::town::{MAX_DELAY, Town, create, on_leader};
use crate::herder::tests::pretend::config;
use crate::herder::{ConfigRecord, HerderErrorKind, Modified, RestartRequest};

fn workers_of(placed: &BTreeMap<String, String>) -> BTreeSet<String> {
    placed.values().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn one_worker_runs_everything_and_answers_for_it() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let one = town.start();
    assert!(!one.handle.is_ready());
    assert!(one.handle.ready().await);
    create(&[&one], "c", &[("tasks", "2")]).await.expect("created");
    let placed = town.settles(|placed| placed.len() == 2).await;
    assert_eq!(placed, [("c-0", "w1:1"), ("c-1", "w1:1")].map(|(id, on)| (id.into(), on.into())).into());
    let status = one.handle.status("c".to_owned()).await.expect("known");
    assert_eq!((status.connector.state, status.tasks.len()), ("RUNNING", 2));
    assert!(one.handle.session().is_sessioned && one.handle.session().key.is_some());
    assert_eq!(one.stop().await.abandoned, 0);
    assert_eq!(town.placed(), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn a_second_worker_gets_its_share_and_nothing_runs_twice() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let one = town.start();
    create(&[&one], "c", &[("tasks", "2")]).await.expect("created");
    create(&[&one], "d", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 4).await;
    let two = town.start();
    let placed = town.settles(|placed| placed.len() == 4 && workers_of(placed).len() == 2).await;
    assert_eq!(placed.values().filter(|on| *on == "w2:1").count(), 2, "{placed:?}");
    assert_eq!(town.doubles(), Vec::<String>::new());
    // Of the four tasks two moved: each of those started twice.
    assert_eq!(town.starts("c") + town.starts("d"), 6);
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_graceful_leave_hands_over_at_once() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two) = (town.start(), town.start());
    create(&[&one, &two], "c", &[("tasks", "2")]).await.expect("created");
    let placed = town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    assert_eq!(workers_of(&placed).len(), 2, "{placed:?}");
    let began = tokio::time::Instant::now();
    assert_eq!(two.stop().await.abandoned, 0);
    let placed = town.settles(|placed| placed.len() == 2).await;
    assert_eq!(workers_of(&placed), ["w1:1".to_owned()].into());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(one.stop().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn work_of_a_dead_worker_waits_for_the_delay_and_then_moves() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two) = (town.start(), town.start());
    create(&[&one, &two], "c", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    let dead = town.kill(two);
    let began = tokio::time::Instant::now();
    town.coordinator.remove(&dead);
    let placed = town.settles(|placed| placed.len() == 2).await;
    assert_eq!(workers_of(&placed), ["w1:1".to_owned()].into());
    let took = began.elapsed();
    assert!(took >= MAX_DELAY && took < MAX_DELAY + Duration::from_secs(1), "{took:?}");
    assert_eq!(one.stop().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_returns_in_time_gets_the_work_back() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two) = (town.start(), town.start());
    create(&[&one, &two], "c", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    let dead = town.kill(two);
    town.coordinator.remove(&dead);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let three = town.start();
    let placed = town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    assert_eq!(workers_of(&placed), ["w1:1".to_owned(), "w3:1".to_owned()].into());
    assert_eq!((one.stop().await.abandoned, three.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_dies_another_leads_and_all_work_is_placed() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two, three) = (town.start(), town.start(), town.start());
    create(&[&one, &two, &three], "c", &[("tasks", "2")]).await.expect("created");
    create(&[&one, &two, &three], "d", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 4 && workers_of(placed).len() == 3).await;
    let dead = town.kill(one);
    town.coordinator.remove(&dead);
    let placed = town.settles(|placed| placed.len() == 4).await;
    assert_eq!(workers_of(&placed), ["w2:1".to_owned(), "w3:1".to_owned()].into());
    assert_eq!(town.doubles(), Vec::<String>::new());
    assert!(town.log.claims(two.log_index) + town.log.claims(three.log_index) > 0);
    create(&[&two, &three], "e", &[("tasks", "1")]).await.expect("the new leader takes it");
    assert_eq!((two.stop().await.abandoned, three.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_place_stops_everything_at_once() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let one = town.start();
    create(&[&one], "c", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 2).await;
    let id = one.membership.id();
    town.coordinator.cut(&id);
    one.membership.expire();
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!(town.placed(), BTreeMap::new());
    // It says nothing about a connector that may run elsewhere by now.
    let status = one.handle.status("c".to_owned()).await.expect("known");
    assert_eq!(status.connector.state, "RUNNING");
    town.coordinator.remove(&id);
    one.membership.sit();
    assert_eq!(town.settles(|placed| placed.len() == 2).await.len(), 2);
    assert_eq!(one.stop().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn a_config_change_disturbs_only_its_own_tasks() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two) = (town.start(), town.start());
    let both = [&one, &two];
    for name in ["c", "d"] {
        create(&both, name, &[("tasks", "2")]).await.expect("created");
    }
    town.settles(|placed| placed.len() == 4).await;
    let before = town.starts("d");
    let changed = on_leader(&both, |handle| async move {
        handle.put_config("c".into(), config(&[("tasks", "2"), ("note", "new")])).await
    });
    assert!(matches!(changed.await, Ok(Modified::Updated(_))));
    let starts = |town: &Town| town.starts("c");
    let old = starts(&town);
    town.settles(|placed| placed.len() == 4 && starts(&town) == old + 2).await;
    assert_eq!((starts(&town), town.starts("d")), (old + 2, before));
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_hangs_holds_up_neither_rounds_nor_answers() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let one = town.start();
    create(&[&one], "h", &[("tasks", "2"), ("task", "hang")]).await.expect("created");
    town.settles(|placed| placed.len() == 2).await;
    let two = town.start();
    // One of the tasks is revoked and does not end: its grace is all the group waits for.
    let began = tokio::time::Instant::now();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        one.handle.ping().await.expect("the herder answers");
        if workers_of(&town.placed()).iter().any(|on| on.contains("w2")) {
            break;
        }
    }
    assert!(workers_of(&town.placed()).iter().any(|on| on.contains("w2")), "{:?}", town.placed());
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    // What was abandoned before is none of the stop.
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_read_the_log_starts_nothing_until_it_can() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two) = (town.start(), town.start());
    assert!(one.handle.ready().await && two.handle.ready().await);
    town.log.set_slow(two.log_index, true);
    create(&[&one, &two], "c", &[("tasks", "2")]).await.expect("created");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!workers_of(&town.placed()).contains("w2:1"), "{:?}", town.placed());
    town.log.set_slow(two.log_index, false);
    let placed = town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    assert_eq!(workers_of(&placed).len(), 2, "{placed:?}");
    assert_eq!(town.doubles(), Vec::<String>::new());
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn eager_groups_stop_everything_for_a_round_and_start_it_again() {
    let mut town = Town::new(GroupProtocol::Eager);
    let one = town.start();
    create(&[&one], "c", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 2).await;
    let before = town.starts("c");
    let two = town.start();
    let placed = town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    assert_eq!(workers_of(&placed).len(), 2, "{placed:?}");
    assert_eq!(town.starts("c"), before + 2);
    assert_eq!(town.doubles(), Vec::<String>::new());
    assert!(!one.handle.session().is_sessioned);
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_task_is_written_once() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let one = town.start();
    create(&[&one], "c", &[("tasks", "1")]).await.expect("created");
    town.settles(|placed| placed.len() == 1).await;
    assert_eq!(town.status.take_written(), ["c-0 RUNNING"]);
    one.handle.restart_task("c".to_owned(), 0).await.expect("restarted");
    town.settles(|placed| placed.len() == 1 && town.starts("c") == 2).await;
    assert_eq!(town.status.take_written(), ["c-0 UNASSIGNED", "c-0 RUNNING"]);
    one.handle.stop("c".to_owned()).await.expect("stopped");
    town.settles(BTreeMap::is_empty).await;
    let mut written = town.status.take_written();
    // The leader removes the state beside, before or after.
    written.retain(|line| line != "c-0 none");
    assert_eq!(written, ["c-0 UNASSIGNED"]);
    assert_eq!(one.stop().await.abandoned, 0);
    assert_eq!(town.status.take_written(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn requests_say_who_can_do_them() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let one = town.start();
    assert!(one.handle.ready().await);
    let two = town.start();
    create(&[&one, &two], "c", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    let error = two.handle.delete("c".to_owned()).await.expect_err("the first worker leads");
    assert_eq!((error.kind, error.forward_to.as_deref()), (HerderErrorKind::Elsewhere, Some("http://w1:1/")));
    let on_two = town.placed().into_iter().find(|(_, on)| on == "w2:1").map(|(id, _)| id).expect("one task");
    let task: i32 = on_two.trim_start_matches("c-").parse().expect("a number");
    let error = one.handle.restart_task("c".to_owned(), task).await.expect_err("the second worker owns it");
    assert_eq!(error.forward_to.as_deref(), Some("http://w2:1/"));
    two.handle.restart_task("c".to_owned(), task).await.expect("its owner can");
    assert_eq!(town.starts("c"), 3);
    one.handle.pause("c".to_owned()).await.expect("anybody can");
    two.handle.resume("c".to_owned()).await.expect("anybody can");
    let request = RestartRequest { connector: "c".into(), only_failed: false, include_tasks: true };
    let answer = one.handle.restart(request).await.expect("the leader can");
    assert_eq!(answer.connector.state, "RESTARTING");
    town.settles(|placed| placed.len() == 2 && town.starts("c") == 5).await;
    assert_eq!(town.starts("c"), 5);
    one.handle.stop("c".to_owned()).await.expect("the leader can");
    assert_eq!(town.settles(BTreeMap::is_empty).await, BTreeMap::new());
    let error = one.handle.write_task_configs("c".to_owned(), vec![Props::new()]).await.expect_err("stopped");
    assert_eq!(error.message, "Cannot submit non-empty set of task configs for stopped connector c");
    one.handle.delete("c".to_owned()).await.expect("the leader can");
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if one.handle.status("c".to_owned()).await.is_err() {
            break;
        }
    }
    let error = two.handle.status("c".to_owned()).await.expect_err("the leader removed it");
    assert_eq!(error.message, "No status found for connector c");
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_level_is_set_on_every_worker_and_a_failed_membership_ends_the_herder() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two) = (town.start(), town.start());
    assert!(one.handle.ready().await && two.handle.ready().await);
    let record = ConfigRecord::LoggerLevel { namespace: "a.b".to_owned(), level: "DEBUG".to_owned() };
    town.log.append(record);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(town.registry.lock().expect("unpoisoned").levels, ["a.b=DEBUG", "a.b=DEBUG"]);
    two.membership.fail("the group is full");
    assert_eq!(two.ended().await.failure.as_deref(), Some("the group is full"));
    assert_eq!(one.stop().await.failure, None);
}

#[tokio::test(start_paused = true)]
async fn producers_of_former_tasks_are_fenced_once_and_noted() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let one = town.start();
    create(&[&one], "c", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 2).await;
    one.handle.fence("c".to_owned()).await.expect("nothing to fence yet");
    let fenced = |town: &Town| town.registry.lock().expect("unpoisoned").fenced.clone();
    assert_eq!(fenced(&town), Vec::<String>::new());
    let changed = one.handle.put_config("c".into(), config(&[("tasks", "1"), ("note", "x")])).await;
    assert!(changed.is_ok());
    town.settles(|placed| placed.len() == 1).await;
    let (first, second) = tokio::join!(one.handle.fence("c".to_owned()), one.handle.fence("c".to_owned()));
    assert_eq!((first, second), (Ok(()), Ok(())));
    assert_eq!(fenced(&town), ["g-c-0", "g-c-1"]);
    let noted: Vec<u32> = town
        .log
        .records()
        .into_iter()
        .filter_map(|record| match record {
            ConfigRecord::FencedTasks { count, .. } => Some(count),
            _ => None,
        })
        .collect();
    assert_eq!(noted, [2, 1]);
    assert_eq!(one.stop().await.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_stopped_connector_have_ended_before_the_group_forgets_them() {
    let mut town = Town::new(GroupProtocol::Sessioned);
    let (one, two) = (town.start(), town.start());
    create(&[&one, &two], "c", &[("tasks", "2")]).await.expect("created");
    town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    one.handle.stop("c".to_owned()).await.expect("the leader can");
    for _ in 0..10_000 {
        if one.handle.status("c".to_owned()).await.expect("known").tasks.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(one.handle.status("c".to_owned()).await.expect("known").tasks.len(), 0);
    assert_eq!(town.placed(), BTreeMap::new());
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (0, 0));
}
