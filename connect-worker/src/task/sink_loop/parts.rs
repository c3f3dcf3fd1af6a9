//! The parts of a batch that a target refused whole: it is halved until the records at fault are alone. Pure: the
//! loop puts the parts in their order and tells what became of each.

use std::ops::Range;

/// How far a batch is delivered, and the sizes of the parts that come next. A batch that nobody refused is one part.
#[derive(Debug, Default)]
pub(super) struct Parts {
    done: usize,
    /// Sizes of the next parts, the nearest last; what is beyond them is one more part. Two a halving, so there are
    /// never more than twice the logarithm of the batch's length.
    ahead: Vec<usize>,
}

impl Parts {
    /// Returns the records that are delivered, from the front of the batch.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Returns whether the batch is being delivered in parts.
    pub(super) fn is_split(&self) -> bool {
        self.done > 0 || !self.ahead.is_empty()
    }

    /// Returns the part to put next of a batch of `length` records.
    pub(super) fn next(&self, length: usize) -> Range<usize> {
        let end = self.ahead.last().map_or(length, |size| self.done + size);
        self.done..end.min(length)
    }

    /// Passes over a part: it was taken, or its only record was refused.
    pub(super) fn pass(&mut self, part: &Range<usize>) {
        self.ahead.pop();
        self.done = part.end;
    }

    /// Halves a part of more than one record; the first half comes next.
    pub(super) fn halve(&mut self, part: &Range<usize>) {
        self.ahead.pop();
        let first = part.len() / 2;
        self.ahead.push(part.len() - first);
        self.ahead.push(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delivers a batch to a target that refuses every part with one of `bad`. Returns the records in the order of
    /// their delivery, those refused alone, and the number of puts.
    fn deliver(length: usize, bad: &[usize]) -> (Vec<usize>, Vec<usize>, usize) {
        let mut parts = Parts::default();
        let (mut taken, mut refused, mut puts) = (Vec::new(), Vec::new(), 0);
        while parts.done() < length {
            let part = parts.next(length);
            puts += 1;
            match bad.iter().any(|index| part.contains(index)) {
                false => taken.extend(part.clone()),
                true if part.len() > 1 => {
                    parts.halve(&part);
                    assert!(parts.ahead.len() <= 2 * length.ilog2() as usize + 2, "{:?}", parts.ahead);
                    continue;
                }
                true => refused.push(part.start),
            }
            parts.pass(&part);
        }
        (taken, refused, puts)
    }

    #[test]
    fn any_records_at_fault_are_found_in_order_and_the_others_are_taken_once() {
        let mut random = fastrand::Rng::with_seed(7);
        for length in 1..200 {
            let mut bad: Vec<usize> = (0..random.usize(0..4)).map(|_| random.usize(0..length)).collect();
            bad.sort_unstable();
            bad.dedup();
            let (taken, refused, _) = deliver(length, &bad);
            let good: Vec<usize> = (0..length).filter(|index| !bad.contains(index)).collect();
            assert_eq!((taken, refused), (good, bad), "{length} records");
        }
    }

    #[test]
    fn puts_grow_with_the_logarithm_for_one_record_and_are_bounded_for_all() {
        for length in [1_usize, 2, 3, 1_000, 2_048] {
            let halvings = length.next_power_of_two().ilog2() as usize;
            let most = (0..length).map(|bad| deliver(length, &[bad]).2).max();
            assert!(most <= Some(2 * halvings + 1), "{most:?} puts for {length} records");
            let all: Vec<usize> = (0..length).collect();
            assert_eq!(deliver(length, &all).2, 2 * length - 1);
        }
    }
}
