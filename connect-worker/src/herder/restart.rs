//! Restarts of a connector and its tasks: what is restarted, and which of several requests survives. Pure.

use std::cmp::Ordering;

use crate::stores::config::RestartRequest;
use crate::stores::status::{RunState, Status};

impl RestartRequest {
    /// Compares the impact of two requests as `RestartRequest.compareImpact` does: with tasks beats without, any
    /// state beats failed ones only.
    pub fn compare_impact(&self, other: &Self) -> Ordering {
        (self.include_tasks, !self.only_failed).cmp(&(other.include_tasks, !other.only_failed))
    }
}

/// What a request restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RestartPlan {
    /// Whether the connector instance is restarted.
    pub(crate) connector: bool,
    /// Tasks that are restarted.
    pub(crate) tasks: Vec<u32>,
    /// The states to answer with: everything to be restarted shows RESTARTING.
    pub(crate) connector_status: Status,
    /// As above, of the tasks.
    pub(crate) task_statuses: Vec<(u32, Status)>,
}

impl RestartPlan {
    /// Plans a restart from the current states.
    pub(crate) fn new(request: &RestartRequest, connector: Status, tasks: Vec<(u32, Status)>) -> Self {
        let is_due = |status: &Status| !request.only_failed || status.state == RunState::Failed;
        let restarting = |status: Status| Status { state: RunState::Restarting, ..status };
        let restarts_connector = is_due(&connector);
        let mut plan = Self {
            connector: restarts_connector,
            tasks: Vec::new(),
            connector_status: if restarts_connector { restarting(connector) } else { connector },
            task_statuses: Vec::new(),
        };
        for (task, status) in tasks {
            let is_restarted = request.include_tasks && is_due(&status);
            if is_restarted {
                plan.tasks.push(task);
            }
            plan.task_statuses.push((task, if is_restarted { restarting(status) } else { status }));
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(only_failed: bool, include_tasks: bool) -> RestartRequest {
        RestartRequest { connector: "c".into(), only_failed, include_tasks }
    }

    fn status(state: RunState) -> Status {
        Status { state, worker_id: "w:1".into(), version: Some("1".into()), generation: 0, trace: None }
    }

    #[test]
    fn plan_follows_flags_and_states() {
        let cases = [
            // only_failed, include_tasks, connector state, restarts connector, tasks restarted
            (false, false, RunState::Running, true, vec![]),
            (false, true, RunState::Running, true, vec![0, 1]),
            (true, false, RunState::Running, false, vec![]),
            (true, true, RunState::Running, false, vec![1]),
            (true, true, RunState::Failed, true, vec![1]),
        ];
        for (only_failed, include_tasks, state, connector, tasks) in cases {
            let states = vec![(0, status(RunState::Running)), (1, status(RunState::Failed))];
            let plan = RestartPlan::new(&request(only_failed, include_tasks), status(state), states);
            assert_eq!(
                (plan.connector, plan.tasks),
                (connector, tasks),
                "{only_failed} {include_tasks} {state:?}"
            );
        }
    }

    #[test]
    fn impact_orders_tasks_before_state() {
        let ordered =
            [request(true, false), request(false, false), request(true, true), request(false, true)];
        for pair in ordered.windows(2) {
            assert_eq!(pair[0].compare_impact(&pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(ordered[0].compare_impact(&ordered[0]), Ordering::Equal);
    }
}
