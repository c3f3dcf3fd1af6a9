//! Rates, averages and maxima over recent time, as `SampledStat` and `Rate` of Kafka's clients compute them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The sample windows: `metrics.sample.window.ms` and `metrics.num.samples`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Time that one sample covers.
    pub length: Duration,
    /// Samples that are kept.
    pub count: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Self { length: Duration::from_secs(30), count: 2 }
    }
}

/// Values of recent time. Holds at most as many samples as there are windows.
#[derive(Debug, Default)]
pub(crate) struct Sampled {
    samples: VecDeque<Sample>,
}

#[derive(Debug)]
struct Sample {
    start: Instant,
    last: Instant,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Sampled {
    pub(crate) fn record(&mut self, value: f64, now: Instant, windows: Windows) {
        let is_open = |sample: &Sample| now.saturating_duration_since(sample.start) < windows.length;
        if !self.samples.back().is_some_and(is_open) {
            if self.samples.len() >= windows.count.max(1) {
                self.samples.pop_front();
            }
            self.samples.push_back(Sample {
                start: now,
                last: now,
                count: 0,
                sum: 0.0,
                min: f64::MAX,
                max: f64::MIN,
            });
        }
        if let Some(sample) = self.samples.back_mut() {
            sample.last = now;
            sample.count += 1;
            sample.sum += value;
            sample.min = sample.min.min(value);
            sample.max = sample.max.max(value);
        }
    }

    /// Returns the sum a second; 0 when nothing was recorded lately.
    pub(crate) fn rate(&self, now: Instant, windows: Windows) -> f64 {
        let Some(oldest) = self.recent(now, windows).next() else { return 0.0 };
        let length = windows.length.as_secs_f64();
        let mut elapsed = now.saturating_duration_since(oldest.start).as_secs_f64();
        // Short times would show bursts as rates: all windows but the current one count in full.
        let missing = windows.count.max(1) as f64 - 1.0 - (elapsed / length).floor();
        if missing > 0.0 {
            elapsed += missing * length;
        }
        if elapsed > 0.0 { self.sum(now, windows) / elapsed } else { 0.0 }
    }

    /// Returns the mean; NaN when nothing was recorded lately.
    pub(crate) fn average(&self, now: Instant, windows: Windows) -> f64 {
        let count: u64 = self.recent(now, windows).map(|sample| sample.count).sum();
        if count == 0 { f64::NAN } else { self.sum(now, windows) / count as f64 }
    }

    /// Returns the maximum; NaN when nothing was recorded lately.
    pub(crate) fn max(&self, now: Instant, windows: Windows) -> f64 {
        self.recent(now, windows).map(|sample| sample.max).fold(f64::NAN, f64::max)
    }

    /// Returns the minimum; NaN when nothing was recorded lately.
    pub(crate) fn min(&self, now: Instant, windows: Windows) -> f64 {
        self.recent(now, windows).map(|sample| sample.min).fold(f64::NAN, f64::min)
    }

    /// Returns the mean of values of 0 and 1; 0 when nothing was recorded lately.
    pub(crate) fn share(&self, now: Instant, windows: Windows) -> f64 {
        let mean = self.average(now, windows);
        if mean.is_nan() { 0.0 } else { mean }
    }

    fn sum(&self, now: Instant, windows: Windows) -> f64 {
        self.recent(now, windows).map(|sample| sample.sum).sum()
    }

    fn recent(&self, now: Instant, windows: Windows) -> impl Iterator<Item = &Sample> {
        let age = windows.length.saturating_mul(u32::try_from(windows.count).unwrap_or(u32::MAX));
        self.samples.iter().filter(move |sample| now.saturating_duration_since(sample.last) < age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { length: Duration::from_secs(30), count: 2 };

    #[test]
    fn empty_statistics_are_kafkas() {
        let (sampled, now) = (Sampled::default(), Instant::now());
        assert!(sampled.average(now, WINDOWS).is_nan());
        assert!(sampled.max(now, WINDOWS).is_nan());
        assert_eq!((sampled.rate(now, WINDOWS), sampled.share(now, WINDOWS)), (0.0, 0.0));
    }

    #[test]
    fn rate_counts_at_least_one_full_window_and_old_samples_expire() {
        let (mut sampled, start) = (Sampled::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        sampled.record(60.0, at(0), WINDOWS);
        assert_eq!(sampled.rate(at(0), WINDOWS), 2.0);
        assert_eq!(sampled.rate(at(10), WINDOWS), 1.5);
        sampled.record(30.0, at(40), WINDOWS);
        assert_eq!(sampled.rate(at(45), WINDOWS), 2.0);
        assert_eq!((sampled.average(at(45), WINDOWS), sampled.max(at(45), WINDOWS)), (45.0, 60.0));
        assert_eq!(sampled.min(at(45), WINDOWS), 30.0);
        // The first sample was last touched 60 s ago.
        assert_eq!((sampled.average(at(60), WINDOWS), sampled.max(at(60), WINDOWS)), (30.0, 30.0));
        assert!(sampled.max(at(100), WINDOWS).is_nan());
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_windows() {
        let (mut sampled, start) = (Sampled::default(), Instant::now());
        for minute in 0..100 {
            sampled.record(1.0, start + Duration::from_secs(60 * minute), WINDOWS);
        }
        assert_eq!(sampled.samples.len(), 2);
        let none = Windows { length: Duration::ZERO, count: 1 };
        sampled.record(1.0, start, none);
        assert_eq!(sampled.rate(start, none), 0.0);
    }
}
