//! Values of config providers that run out, in a group: the worker that runs the connector restarts it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_cluster::protocol::GroupProtocol;

use crate::herder::fleet::tests::town::{Town, create};
use crate::herder::fleet::tests::workers_of;
use crate::herder::tests::pretend::{Rotating, TTL};

/// Time in which everything settles; little next to the TTL.
const MINUTE: Duration = Duration::from_secs(60);

/// Returns a group whose workers know a value.
fn town(value: &str) -> (Town, Arc<Rotating>) {
    let resolver = Arc::new(Rotating::default());
    resolver.set(value);
    let mut town = Town::new(GroupProtocol::Sessioned);
    town.resolver = Arc::clone(&resolver) as _;
    (town, resolver)
}

#[tokio::test(start_paused = true)]
async fn tasks_on_all_workers_follow_a_value_that_changed_since_it_was_applied() {
    let (mut town, resolver) = town("one");
    let (one, two) = (town.start(), town.start());
    create(&[&one, &two], "c", &[("tasks", "2"), ("note", "${v:p:k}")]).await.expect("created");
    let placed = town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    assert_eq!((workers_of(&placed).len(), town.starts("c")), (2, 2), "{placed:?}");
    let asked = || resolver.asked.load(Ordering::SeqCst);
    let before = asked();
    // What tasks were committed with is read again when it is first compared, as by the JVM: only the connector
    // learns of this value, once.
    resolver.set("two");
    tokio::time::sleep(TTL + MINUTE).await;
    assert_eq!((asked() - before, town.starts("c")), (1, 2));
    resolver.set("three");
    tokio::time::sleep(TTL).await;
    let placed = town.settles(|placed| placed.len() == 2).await;
    assert_eq!((workers_of(&placed).len(), town.starts("c")), (2, 4), "{placed:?}");
    assert_eq!(town.doubles(), Vec::<String>::new());
    assert_eq!((one.stop().await.abandoned, two.stop().await.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connector_is_restarted_by_the_worker_that_took_it_over() {
    let (mut town, resolver) = town("one");
    let (one, two) = (town.start(), town.start());
    create(&[&one, &two], "c", &[("tasks", "2"), ("note", "${v:p:k}")]).await.expect("created");
    town.settles(|placed| placed.len() == 2 && workers_of(placed).len() == 2).await;
    let owner = &one.handle.status("c".to_owned()).await.expect("known").connector.worker_id;
    let (left, gone) = if **owner == *one.name { (two, one) } else { (one, two) };
    assert_eq!(gone.stop().await.abandoned, 0);
    let placed = town.settles(|placed| placed.len() == 2).await;
    assert_eq!((workers_of(&placed).len(), town.starts("c")), (1, 3), "{placed:?}");
    resolver.set("two");
    tokio::time::sleep(TTL - MINUTE).await;
    assert_eq!(town.starts("c"), 3);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!((town.placed().len(), town.starts("c")), (2, 5));
    assert_eq!(left.stop().await.abandoned, 0);
}
