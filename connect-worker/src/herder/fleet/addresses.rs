//! Whether the addresses that the members of the group advertise lead to them. Warns; changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connect_cluster::membership::Round;

use crate::herder::run::Herder;

const ADVICE: &str =
    "check `rest.advertised.host.name`, `rest.advertised.port` and `listeners` in the file of that worker";

impl Herder {
    /// Looks at the leader's address when it is a new one: requests are sent on to it.
    pub(super) fn check_leader_address(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        let Some(url) = fleet.leader_url().filter(|_| !fleet.leads()) else { return };
        if url == fleet.settings.url {
            tracing::warn!(
                url,
                "the leader advertises the address of this worker: requests for it come back here; {ADVICE}"
            );
        } else if fleet.addresses != BTreeSet::from([url.clone()]) {
            fleet.addresses = BTreeSet::from([url.clone()]);
            self.look_for_worker(url);
        }
    }

    /// Looks at the addresses of the members of a round that this worker leads.
    pub(super) fn check_member_addresses(&mut self, round: &Round) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        for (url, members) in shared(round) {
            tracing::warn!(
                url,
                members = members.join(", "),
                "several members advertise the same address, so requests for one reach another; unless one of them was \
                 restarted without leaving the group, {ADVICE}"
            );
        }
        let urls: BTreeSet<String> = round.members.values().map(|member| member.url.clone()).collect();
        let known = std::mem::replace(&mut fleet.addresses, urls.clone());
        let own = fleet.settings.url.clone();
        for url in urls.into_iter().filter(|url| !known.contains(url) && *url != own) {
            self.look_for_worker(url);
        }
    }

    fn look_for_worker(&mut self, url: String) {
        let Some(fleet) = self.fleet.as_ref() else { return };
        let leader = Arc::clone(&fleet.leader);
        self.work.spawn(async move {
            if let Err(reason) = leader.find_worker(&url).await {
                tracing::warn!(
                    url,
                    reason,
                    "a member of the group cannot be reached at the address it advertises, and requests for it fail; \
                     {ADVICE}"
                );
            }
        });
    }
}

/// Returns the addresses that several members advertise.
fn shared(round: &Round) -> BTreeMap<&str, Vec<&str>> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, member) in &round.members {
        members.entry(&member.url).or_default().push(id);
    }
    members.retain(|url, members| !url.is_empty() && members.len() > 1);
    members
}

#[cfg(test)]
mod tests {
    use connect_cluster::protocol::{GroupProtocol, MemberState};

    use super::*;

    #[test]
    fn address_of_two_members_is_named_with_both() {
        let members = [("a", "http://h:1/"), ("b", "http://h:2/"), ("c", "http://h:1/")];
        let state = |url: &str| MemberState { url: url.to_owned(), offset: 0, allocation: None };
        let round = Round {
            generation: 1,
            last_completed_generation: -1,
            protocol: GroupProtocol::Sessioned,
            leader: "a".to_owned(),
            members: members.iter().map(|(id, url)| ((*id).to_owned(), state(url))).collect(),
        };
        assert_eq!(shared(&round), BTreeMap::from([("http://h:1/", vec!["a", "c"])]));
    }
}
