//! Which rotations of a partition are being uploaded, and what may be committed: the contiguous prefix of those
//! whose objects are all written. Pure.

use std::collections::VecDeque;

/// The rotations under way, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    rotations: VecDeque<Rotation>,
    committable: Option<i64>,
    next_id: u64,
}

#[derive(Debug)]
struct Rotation {
    id: u64,
    first: i64,
    next: i64,
    /// Objects not yet settled.
    left: usize,
    /// Where to go on when some of the objects existed already: only the first record of each is known to be in it.
    resumes_at: Option<i64>,
}

impl Flight {
    /// Notes a rotation of `objects` objects; returns its number.
    pub(crate) fn launch(&mut self, first: i64, next: i64, objects: usize) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.rotations.push_back(Rotation { id, first, next, left: objects, resumes_at: None });
        self.settle();
        id
    }

    /// Notes that one object of a rotation is written.
    pub(crate) fn object_written(&mut self, id: u64) {
        if let Some(rotation) = self.rotations.iter_mut().find(|rotation| rotation.id == id) {
            rotation.left = rotation.left.saturating_sub(1);
        }
        self.settle();
    }

    /// Notes that one object of a rotation existed already and that `second` is the offset of its second record.
    pub(crate) fn object_exists(&mut self, id: u64, second: i64) {
        if let Some(rotation) = self.rotations.iter_mut().find(|rotation| rotation.id == id) {
            rotation.left = rotation.left.saturating_sub(1);
            rotation.resumes_at = Some(rotation.resumes_at.map_or(second, |known| known.min(second)));
        }
        self.settle();
    }

    /// Returns the offset from which records must be read again, when everything up to and with the rotation in
    /// question is settled. Each record before it is written, or is the first of an object that existed.
    pub(crate) fn resumes_at(&self) -> Option<i64> {
        self.rotations.front().filter(|rotation| rotation.left == 0).and_then(|rotation| rotation.resumes_at)
    }

    /// Returns the next offset to read with everything before it written; `None` before the first rotation ended.
    pub(crate) fn committable(&self) -> Option<i64> {
        self.committable
    }

    /// Returns the offset of the first record not yet written; `None` when nothing is under way.
    pub(crate) fn first_unwritten(&self) -> Option<i64> {
        self.rotations.front().map(|rotation| rotation.first)
    }

    /// Forgets what is under way: the records are read again.
    pub(crate) fn drop_all(&mut self) {
        self.rotations.clear();
    }

    fn settle(&mut self) {
        while let Some(rotation) = self.rotations.front().filter(|rotation| rotation.left == 0) {
            if rotation.resumes_at.is_some() {
                return;
            }
            self.committable = Some(rotation.next);
            self.rotations.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_prefix_of_written_rotations_is_committable() {
        let mut flight = Flight::default();
        let first = flight.launch(0, 3, 2);
        let second = flight.launch(3, 6, 1);
        flight.object_written(second);
        assert_eq!((flight.committable(), flight.first_unwritten()), (None, Some(0)));
        flight.object_written(first);
        assert_eq!((flight.committable(), flight.first_unwritten()), (None, Some(0)));
        flight.object_written(first);
        assert_eq!((flight.committable(), flight.first_unwritten()), (Some(6), None));
    }

    #[test]
    fn existing_objects_are_passed_when_all_beside_them_are_settled() {
        let mut flight = Flight::default();
        let before = flight.launch(0, 4, 1);
        let rotation = flight.launch(4, 8, 2);
        flight.object_exists(rotation, 6);
        assert_eq!(flight.resumes_at(), None);
        flight.object_exists(rotation, 5);
        assert_eq!(flight.resumes_at(), None);
        flight.object_written(before);
        assert_eq!(
            (flight.resumes_at(), flight.committable(), flight.first_unwritten()),
            (Some(5), Some(4), Some(4))
        );
    }

    #[test]
    fn what_was_dropped_is_not_committed() {
        let mut flight = Flight::default();
        let old = flight.launch(0, 3, 1);
        flight.drop_all();
        flight.object_written(old);
        assert_eq!((flight.committable(), flight.first_unwritten()), (None, None));
    }
}
