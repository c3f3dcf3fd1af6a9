//! The stop-the-world assignor of the protocol `default` (`EagerAssignor`).

use std::collections::BTreeMap;

use crate::membership::Round;
use crate::protocol::Assignment;
use crate::work::{Configured, Work};

use super::{Decision, Owners, assigned_offset, blank};

/// Deals all connectors, then all tasks, in turn to the members sorted by id.
///
/// `configured` must not be behind any member, see [`super::offset_check`].
pub fn assign(round: &Round, configured: &Configured) -> Decision {
    let mut work: BTreeMap<&String, Work> =
        round.members.keys().map(|member| (member, Work::default())).collect();
    let all = configured.work();
    let mut turn = round.members.keys().cycle();
    for (connector, member) in all.connectors.into_iter().zip(&mut turn) {
        work.entry(member).or_default().connectors.insert(connector);
    }
    for (task, member) in all.tasks.into_iter().zip(&mut turn) {
        work.entry(member).or_default().tasks.insert(task);
    }
    let mut owners = Owners::default();
    for (member, work) in &work {
        owners.insert(round, member, work);
    }
    let blank = blank(round, assigned_offset(round, configured));
    let assignments = work
        .into_iter()
        .map(|(member, assigned)| (member.clone(), Assignment { assigned, ..blank.clone() }))
        .collect();
    Decision { assignments, owners, stray: Work::default() }
}
