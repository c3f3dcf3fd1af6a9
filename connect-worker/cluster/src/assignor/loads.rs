//! What each member will run, while a round is decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_core::data::java_map;
use connect_core::task::TaskId;

use crate::Work;
use crate::membership::Round;

/// One member with what it will run.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) member: String,
    pub(super) work: Work,
}

/// Returns what each member runs by its own word, in the order of the JVM's `HashMap` of member ids: it decides whose
/// surplus is revoked.
pub(super) fn current(round: &Round) -> Vec<Load> {
    let members: Vec<_> = round.members.iter().collect();
    let order = java_map::iteration_order(members.iter().map(|(member, _)| member.as_str()));
    order
        .into_iter()
        .map(|index| {
            let (member, state) = members[index];
            let allocation = state.allocation.as_ref();
            let work = allocation.map(|allocation| allocation.assigned.clone()).unwrap_or_default();
            Load { member: member.clone(), work }
        })
        .collect()
}

/// Returns everything that any member runs.
pub(super) fn total(loads: &[Load]) -> Work {
    let mut total = Work::default();
    for load in loads {
        total.add(&load.work);
    }
    total
}

/// Returns what more than one member runs.
pub(super) fn duplicated(loads: &[Load]) -> Work {
    let mut seen = Work::default();
    let mut duplicated = Work::default();
    for load in loads {
        duplicated.add(&load.work.common(&seen));
        seen.add(&load.work);
    }
    duplicated
}

/// Takes `revoked` from the members.
pub(super) fn take(loads: &mut [Load], revoked: &BTreeMap<String, Work>) {
    for load in loads {
        if let Some(revoked) = revoked.get(&load.member) {
            load.work.remove(revoked);
        }
    }
}

/// Gives out connectors, then tasks, to the members with the fewest of each. `portions` go out one after the other.
pub(super) fn share(loads: &mut [Load], portions: &[&Work]) {
    let connectors = portions.iter().flat_map(|work| work.connectors.iter().cloned());
    share_kind(loads, connectors, |work| work.connectors.len(), give_connector);
    let tasks = portions.iter().flat_map(|work| work.tasks.iter().cloned());
    share_kind(loads, tasks, |work| work.tasks.len(), give_task);
}

fn share_kind<T>(
    loads: &mut [Load],
    items: impl Iterator<Item = T>,
    count: impl Fn(&Work) -> usize,
    give: impl Fn(&mut Work, T),
) {
    loads.sort_by(|left, right| (count(&left.work), &left.member).cmp(&(count(&right.work), &right.member)));
    let mut items = items.peekable();
    while let (Some(_), Some(first)) = (items.peek(), loads.first()) {
        let least = count(&first.work);
        let least_loaded = loads.iter().take_while(|load| count(&load.work) <= least).count();
        for (load, item) in loads[..least_loaded].iter_mut().zip(&mut items) {
            give(&mut load.work, item);
        }
    }
}

/// Gives out connectors, then tasks, in turn to the members named, beginning with the first each time.
pub(super) fn deal(loads: &mut [Load], members: &[String], work: &Work) {
    let positions: Vec<usize> =
        members.iter().filter_map(|member| loads.iter().position(|load| load.member == *member)).collect();
    for (connector, &position) in work.connectors.iter().zip(positions.iter().cycle()) {
        give_connector(&mut loads[position].work, Arc::clone(connector));
    }
    for (task, &position) in work.tasks.iter().zip(positions.iter().cycle()) {
        give_task(&mut loads[position].work, task.clone());
    }
}

fn give_connector(work: &mut Work, connector: Arc<str>) {
    work.connectors.insert(connector);
}

fn give_task(work: &mut Work, task: TaskId) {
    work.tasks.insert(task);
}
