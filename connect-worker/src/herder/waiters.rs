//! Answers to those who wait until something they asked for is the case.

use std::sync::Arc;

use crate::herder::command::Modified;
use crate::herder::error::HerderError;
use crate::herder::live::{Generation, Phase, Waiter};
use crate::herder::run::Herder;
use crate::task::TargetState;

impl Herder {
    /// Answers those who waited for what is now the case.
    pub(crate) fn answer_waiters(&mut self, name: &Arc<str>) {
        let Some(live) = self.live.get_mut(name) else { return };
        let waiters = std::mem::take(&mut live.waiters);
        let mut left = Vec::new();
        for waiter in waiters {
            left.extend(self.answered(name, waiter));
        }
        if let Some(live) = self.live.get_mut(name) {
            live.waiters.extend(left);
        }
    }

    /// Answers one who waits, or returns it.
    pub(crate) fn answered(&self, name: &Arc<str>, waiter: Waiter) -> Option<Waiter> {
        let live = self.live.get(name)?;
        let has_reached =
            |incarnation: u64| live.reached.as_ref().filter(|_| live.connector.has >= incarnation);
        match waiter {
            Waiter::Stored { incarnation, is_new, reply } => {
                let outcome = match has_reached(incarnation) {
                    None => return Some(Waiter::Stored { incarnation, is_new, reply }),
                    Some(Ok(TargetState::Started))
                        if matches!(live.generation, Generation::Idle | Generation::Asked) =>
                    {
                        return Some(Waiter::Stored { incarnation, is_new, reply });
                    }
                    Some(Err(message)) => Err(HerderError::internal(message.clone())),
                    Some(Ok(_)) if is_new => self.info(name).map(Modified::Created),
                    Some(Ok(_)) => self.info(name).map(Modified::Updated),
                };
                reply.send(outcome).ok();
            }
            Waiter::Restarted { incarnation, reply } => match has_reached(incarnation) {
                None => return Some(Waiter::Restarted { incarnation, reply }),
                Some(Ok(_)) => drop(reply.send(Ok(()))),
                Some(Err(message)) => drop(reply.send(Err(HerderError::internal(message.clone())))),
            },
            Waiter::TaskRestarted { task, incarnation, reply } => {
                let slot = live.tasks.get(&task);
                let is_started = slot.is_none_or(|slot| {
                    slot.has >= incarnation && !matches!(slot.phase, Phase::Preparing | Phase::Stopping)
                });
                if !is_started {
                    return Some(Waiter::TaskRestarted { task, incarnation, reply });
                }
                reply.send(Ok(())).ok();
            }
            Waiter::AllRestarted { after, answer, reply } => {
                if !live.has_restarted(after) {
                    return Some(Waiter::AllRestarted { after, answer, reply });
                }
                reply.send(Ok(answer)).ok();
            }
            Waiter::TasksDown { reply } => {
                if !live.are_tasks_down() {
                    return Some(Waiter::TasksDown { reply });
                }
                reply.send(Ok(())).ok();
            }
            waiter @ Waiter::Gone { .. } => return Some(waiter),
        }
        None
    }
}

/// Answers one who waited for a connector that is gone.
pub(crate) fn dismiss(name: &str, waiter: Waiter) {
    let gone = || HerderError::not_found(format!("Connector {name} not found"));
    // A caller that no longer listens is no error.
    match waiter {
        Waiter::Gone { reply } | Waiter::TasksDown { reply } => drop(reply.send(Ok(()))),
        Waiter::Stored { reply, .. } => drop(reply.send(Err(gone()))),
        Waiter::AllRestarted { reply, .. } => drop(reply.send(Err(gone()))),
        Waiter::Restarted { reply, .. } | Waiter::TaskRestarted { reply, .. } => {
            drop(reply.send(Err(gone())))
        }
    }
}
