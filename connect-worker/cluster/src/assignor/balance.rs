//! Which work must leave its member so that all members run equally much
//! (`IncrementalCooperativeAssignor.performLoadBalancingRevocations`).

use std::collections::{BTreeMap, BTreeSet};

use crate::Work;

use super::loads::Load;

/// Returns the surplus of each member that has any. Connectors and tasks are balanced separately, against what is
/// configured: what nobody runs yet fills up the members that are left with less. A member gives up what it runs before
/// what it has just been dealt of `lost` work.
pub(super) fn surplus(configured: &Work, loads: &[Load], lost: &Work) -> BTreeMap<String, Work> {
    let mut surplus: BTreeMap<String, Work> = BTreeMap::new();
    if configured.is_empty() || loads.iter().all(|load| load.work.is_empty()) {
        return surplus;
    }
    let counts: Vec<usize> = loads.iter().map(|load| load.work.connectors.len()).collect();
    for (load, excess) in loads.iter().zip(excess(configured.connectors.len(), &counts)) {
        if excess > 0 {
            let connectors = first(&load.work.connectors, &lost.connectors, excess);
            surplus.entry(load.member.clone()).or_default().connectors = connectors;
        }
    }
    let counts: Vec<usize> = loads.iter().map(|load| load.work.tasks.len()).collect();
    for (load, excess) in loads.iter().zip(excess(configured.tasks.len(), &counts)) {
        if excess > 0 {
            let tasks = first(&load.work.tasks, &lost.tasks, excess);
            surplus.entry(load.member.clone()).or_default().tasks = tasks;
        }
    }
    surplus
}

/// Returns the first `count` items, those of `last` after all others.
fn first<T: Ord + Clone>(items: &BTreeSet<T>, last: &BTreeSet<T>, count: usize) -> BTreeSet<T> {
    items.difference(last).chain(items.intersection(last)).take(count).cloned().collect()
}

/// Returns how many items each member has too many, when `total` items are to be run by all members together.
fn excess(total: usize, counts: &[usize]) -> Vec<usize> {
    let (least, extra) = (total / counts.len(), total % counts.len());
    let with = |wanted: usize| counts.iter().filter(|&&count| count == wanted).count();
    if with(least + 1) == extra && with(least) + extra == counts.len() {
        return vec![0; counts.len()];
    }
    let mut extra_left = extra;
    let over = |&count: &usize| {
        if count <= least {
            return 0;
        }
        let keeps_extra = extra_left > 0;
        extra_left -= usize::from(keeps_extra);
        count - least - usize::from(keeps_extra)
    };
    counts.iter().map(over).collect()
}
