//! The end of a herder: everything is stopped together, in bounded time.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::herder::instances::CONNECTOR_GRACE;
use crate::herder::live::Phase;
use crate::herder::run::{Herder, StopReport};
use crate::stores::status::RunState;

/// What was stopped: a connector, or one of its tasks.
type Stopped = (Arc<str>, Instance, bool);

#[derive(Debug, Clone, Copy)]
enum Instance {
    Connector,
    Task { number: u32, has_failed: bool },
}

impl Herder {
    /// Stops everything: tasks together within their grace, connectors within theirs. What does not end in time is
    /// abandoned.
    pub(crate) async fn shut_down(mut self) -> StopReport {
        self.stages.begin("stopping connectors and tasks");
        self.inbox.commands.close();
        // Nothing that waits is answered any more.
        while self.inbox.commands.try_recv().is_ok() {}
        let mut farewell = JoinSet::new();
        if let Some(departure) = self.departure() {
            farewell.spawn(departure);
        }
        let mut stops = self.stop_all();
        let mut abandoned = 0;
        while let Some(stopped) = stops.join_next().await {
            let has_ended = stopped.is_ok_and(|(name, instance, has_ended)| {
                self.on_last_stop(&name, instance, has_ended);
                has_ended
            });
            abandoned += usize::from(!has_ended);
        }
        while farewell.join_next().await.is_some() {}
        self.leave_group().await;
        self.work.shutdown().await;
        self.stages.complete();
        StopReport { abandoned, failure: self.failure }
    }

    fn stop_all(&mut self) -> JoinSet<Stopped> {
        let deadline = Instant::now().into_std() + self.settings.task_grace;
        let mut stops = JoinSet::new();
        let live: Vec<_> = self.live.drain().collect();
        for (name, live) in live {
            for (number, slot) in live.tasks {
                if let Phase::Up(task) = slot.phase {
                    task.stop_for(self.stop_reason(&name, number, false));
                    let name = Arc::clone(&name);
                    let instance = Instance::Task { number, has_failed: slot.has_failed };
                    stops.spawn(async move { (name, instance, task.join(deadline).await) });
                }
            }
            if let Phase::Up(actor) = live.connector.phase {
                stops.spawn(async move { (name, Instance::Connector, actor.end(CONNECTOR_GRACE).await) });
            }
        }
        stops
    }

    /// Notes the end of a connector or task. In a group the others can see it.
    fn on_last_stop(&mut self, name: &Arc<str>, instance: Instance, has_ended: bool) {
        if self.fleet.is_none() {
            return;
        }
        let status = self.status_of(name, RunState::Unassigned, None);
        match instance {
            Instance::Connector => self.status.put_connector(name, Some(status)),
            // A task that did not end falls silent; its next owner speaks for it. One that failed has said so.
            Instance::Task { number, has_failed: false } if has_ended => {
                self.status.put_task(name, number, Some(status));
            }
            Instance::Task { .. } => {}
        }
    }
}
