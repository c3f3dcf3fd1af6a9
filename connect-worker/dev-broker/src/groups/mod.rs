//! Consumer groups and every other kind of group: the classic coordinator, and committed offsets.

pub(crate) mod coordinator;
pub(crate) mod group;
pub(crate) mod join;
pub(crate) mod member;
pub(crate) mod offsets;
pub(crate) mod rebalance;

#[cfg(test)]
mod tests;
