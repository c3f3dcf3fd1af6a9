//! Exactly once in every rotation mode: a record per topic partition in the bucket says which objects are written,
//! and only its owner can change it.
//!
//! A commit is decided by one conditional write of the record, made when all bytes of its objects are in the bucket
//! and none of them is visible. Whoever owns the partition next finishes what was decided and reads on from there.

mod ledger;
mod offsets;
mod record;
#[cfg(test)]
mod simulation;
mod standing;
#[cfg(test)]
mod tests;

pub(crate) use ledger::{Claim, Ledger, Start, claim_name};
pub(crate) use offsets::alter;
pub(crate) use record::{Prepared, RecordNaming};
pub(crate) use standing::{Admission, Standing};
