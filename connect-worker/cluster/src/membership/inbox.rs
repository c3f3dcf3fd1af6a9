//! What can interrupt a member at any moment: findings of the heartbeats, and wishes of the herder.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use crate::membership::{
    error::GroupError,
    event::LossCause,
    heart::{Place, Pulse, Report},
};

/// Wishes of the herder.
#[derive(Debug)]
pub(crate) enum Command {
    /// Begin a round.
    Rejoin,
    /// Leave the group and end.
    Leave(oneshot::Sender<()>),
    /// Block the member's thread, as a stopped process would.
    #[cfg(test)]
    Freeze(std::time::Duration),
}

/// Why a step ended early.
#[derive(Debug)]
pub(crate) enum Interrupt {
    /// A new round has to begin; the place is kept.
    Rejoin,
    /// The place is gone.
    Lost(LossCause),
    /// The coordinator forgot the member id: it must not be used again.
    Forgotten,
    /// The step did not succeed now.
    Retry(GroupError),
    /// No retry helps.
    Failed(String),
    /// The herder wants to leave, or is gone.
    Leave(Option<oneshot::Sender<()>>),
}

impl From<GroupError> for Interrupt {
    fn from(error: GroupError) -> Self {
        if error.is_retriable() { Self::Retry(error) } else { Self::Failed(error.to_string()) }
    }
}

/// What a step of the member may ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The round is complete: everything matters.
    Stable,
    /// A round is under way in a new generation: it may be overtaken by the next one.
    Round,
    /// Before the join is sent: that the round has begun is known.
    Preparing,
    /// The join is sent: its answer brings the new generation, so the end of the old one is no news.
    Joining,
}

/// Reports and commands, with what was asked meanwhile.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) reports: mpsc::UnboundedReceiver<Report>,
    wants_rejoin: bool,
}

impl Inbox {
    pub(crate) fn new(
        commands: mpsc::UnboundedReceiver<Command>,
        reports: mpsc::UnboundedReceiver<Report>,
    ) -> Self {
        Self { commands, reports, wants_rejoin: false }
    }

    /// Waits for `future` unless something of more weight comes first.
    pub(crate) async fn guard<T>(
        &mut self,
        step: Step,
        place: Option<&Place>,
        future: impl Future<Output = T>,
    ) -> Result<T, Interrupt> {
        let mut future = std::pin::pin!(future);
        loop {
            if step == Step::Stable && self.wants_rejoin {
                return Err(Interrupt::Rejoin);
            }
            tokio::select! {
                // A lost place before all: no answer counts after it.
                biased;
                Some(report) = self.reports.recv() => {
                    if let Some(interrupt) = weigh(step, place, report) {
                        return Err(interrupt);
                    }
                }
                command = self.commands.recv() => self.obey(command)?,
                output = &mut future => return Ok(output),
            }
        }
    }

    /// Forgets wishes for a round that came before the round's own join.
    pub(crate) fn round_begins(&mut self) -> Result<(), Interrupt> {
        while let Ok(command) = self.commands.try_recv() {
            self.obey(Some(command))?;
        }
        self.wants_rejoin = false;
        Ok(())
    }

    fn obey(&mut self, command: Option<Command>) -> Result<(), Interrupt> {
        match command {
            Some(Command::Rejoin) => self.wants_rejoin = true,
            Some(Command::Leave(done)) => return Err(Interrupt::Leave(Some(done))),
            #[cfg(test)]
            Some(Command::Freeze(time)) => std::thread::sleep(time),
            None => return Err(Interrupt::Leave(None)),
        }
        Ok(())
    }
}

fn weigh(step: Step, place: Option<&Place>, report: Report) -> Option<Interrupt> {
    let is_current = place
        .is_some_and(|place| place.member_id == report.member_id && place.generation == report.generation);
    if !is_current {
        return None;
    }
    match report.pulse {
        Pulse::Rebalance => (step == Step::Stable || step == Step::Round).then_some(Interrupt::Rejoin),
        Pulse::Illegal => (step != Step::Joining).then_some(Interrupt::Lost(LossCause::Fenced)),
        Pulse::Unknown => Some(Interrupt::Forgotten),
        Pulse::Expired => Some(Interrupt::Lost(LossCause::Expired)),
        Pulse::Failed(text) => Some(Interrupt::Failed(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    fn place() -> Place {
        Place { member_id: "m".to_owned(), generation: 3, proven: Instant::now(), is_synced: true }
    }

    fn weighed(step: Step, generation: i32, pulse: Pulse) -> Option<String> {
        let report = Report { member_id: "m".to_owned(), generation, pulse };
        weigh(step, Some(&place()), report).map(|interrupt| format!("{interrupt:?}"))
    }

    #[test]
    fn reports_weigh_by_the_step_and_only_for_their_own_generation() {
        use Step::{Joining, Preparing, Round, Stable};
        let at = |pulse: fn() -> Pulse| {
            [Stable, Round, Preparing, Joining].map(|step| weighed(step, 3, pulse()).is_some())
        };
        assert_eq!(at(|| Pulse::Rebalance), [true, true, false, false]);
        assert_eq!(at(|| Pulse::Illegal), [true, true, true, false]);
        assert_eq!(at(|| Pulse::Unknown), [true; 4]);
        assert_eq!(at(|| Pulse::Expired), [true; 4]);
        assert_eq!(weighed(Stable, 2, Pulse::Expired), None);
        assert_eq!(weighed(Stable, 3, Pulse::Expired).as_deref(), Some("Lost(Expired)"));
    }

    #[tokio::test]
    async fn rejoin_wish_waits_for_the_end_of_a_round_and_those_before_its_join_are_dropped() {
        let (commands, receiver) = mpsc::unbounded_channel();
        let (_reports, reports) = mpsc::unbounded_channel();
        let mut inbox = Inbox::new(receiver, reports);
        commands.send(Command::Rejoin).expect("open");
        inbox.round_begins().expect("nobody leaves");
        commands.send(Command::Rejoin).expect("open");
        assert_eq!(inbox.guard(Step::Round, None, async { 7 }).await.expect("not interrupted"), 7);
        let stable = inbox.guard(Step::Stable, None, pending::<()>()).await;
        assert!(matches!(stable, Err(Interrupt::Rejoin)), "{stable:?}");
        drop(commands);
        inbox.round_begins().expect("a closed channel is found by the next wait");
        let gone = inbox.guard(Step::Stable, None, pending::<()>()).await;
        assert!(matches!(gone, Err(Interrupt::Leave(None))), "{gone:?}");
    }
}
