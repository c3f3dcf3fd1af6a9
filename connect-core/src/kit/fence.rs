//! The generation fence: after partitions are lost, nothing of the old generation can be written any more.

use std::sync::{Arc, Mutex, PoisonError};

/// Guards the writes of one assignment generation.
///
/// A writer takes a pass for each write that makes data visible. `kill` ends the generation: passes given out
/// before stay valid until dropped, and no new one is given.
#[derive(Debug, Clone, Default)]
pub struct Fence {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_killed: bool,
    passes: usize,
}

/// Permission for one write; dropping it ends the write.
#[derive(Debug)]
pub struct FencePass {
    state: Arc<Mutex<State>>,
}

/// The generation has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the assignment generation has ended")]
pub struct FenceKilled;

impl Fence {
    /// Returns a pass for one write.
    ///
    /// # Errors
    /// Fails when the generation has ended.
    pub fn pass(&self) -> Result<FencePass, FenceKilled> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_killed {
            return Err(FenceKilled);
        }
        state.passes += 1;
        Ok(FencePass { state: Arc::clone(&self.state) })
    }

    /// Ends the generation. Returns how many writes are still under way.
    pub fn kill(&self) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_killed = true;
        state.passes
    }

    /// Returns whether the generation has ended.
    pub fn is_killed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_killed
    }
}

impl Drop for FencePass {
    fn drop(&mut self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).passes -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn killed_fence_gives_no_pass_and_counts_those_under_way() {
        let fence = Fence::default();
        let pass = fence.pass().expect("alive");
        assert_eq!(fence.clone().kill(), 1);
        assert_eq!(fence.pass().map(|_| ()), Err(FenceKilled));
        drop(pass);
        assert_eq!(fence.kill(), 0);
    }
}
