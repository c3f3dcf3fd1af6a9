//! Leaving the group for good, so that others take over at once.

use std::sync::Arc;
use std::time::Duration;

use crate::herder::run::Herder;

/// Longest wait for the last states to be stored.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait for the leader to hear the good-bye, and for the group to be left.
const FAREWELL_LIMIT: Duration = Duration::from_secs(3);

impl Herder {
    /// Tells the leader that this worker will not come back, so that its work need not wait for it.
    pub(crate) fn departure(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let fleet = self.fleet.as_ref()?;
        // A new leader begins without a memory, and waits for nobody.
        let place = fleet.place.as_ref().filter(|place| !place.leads())?;
        let (url, key) = (fleet.leader_url()?, self.session_key());
        let (member, leader) = (place.member_id.clone(), Arc::clone(&fleet.leader));
        Some(async move {
            let told = leader.tell_departure(&url, &member, key.as_ref());
            match tokio::time::timeout(FAREWELL_LIMIT, told).await {
                Ok(Ok(())) => {}
                // A leader of another make does not know the request; others then wait as they do for any worker.
                Ok(Err(error)) => tracing::debug!(%error, "saying good-bye to the leader"),
                Err(_) => tracing::debug!("saying good-bye to the leader took too long"),
            }
        })
    }

    /// Leaves the group, once nothing runs and the states say so.
    pub(crate) async fn leave_group(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.joining = None;
        fleet.leading = None;
        fleet.waiting.clear();
        let group = Arc::clone(&fleet.group);
        if tokio::time::timeout(FLUSH_LIMIT, self.status.flush()).await.is_err() {
            tracing::warn!("the last states could not be stored in time");
        }
        if tokio::time::timeout(FAREWELL_LIMIT, group.leave()).await.is_err() {
            tracing::warn!("leaving the group takes too long; its session will run out instead");
        }
    }
}
