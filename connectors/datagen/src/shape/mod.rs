//! What a record holds.

mod app_logs;
mod clock_text;
mod web_access;

use connect_core::ByteString;
use connect_core::data::{Map, Value};
use fastrand::Rng;

use crate::config::DatagenConfig;

pub(crate) use clock_text::ClockText;

/// Key and value of a made-up record.
#[derive(Debug, PartialEq)]
pub(crate) struct Made {
    /// Unique key, if the shape has one.
    pub(crate) key: Option<ByteString>,
    /// Fields in the order in which they are written.
    pub(crate) value: Map,
}

/// Makes records up.
#[derive(Debug)]
pub(crate) struct Maker {
    shape: Shape,
    error_ratio: f64,
    latency: Latency,
    seed: u64,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    AppLogs,
    WebAccess,
}

/// A log-normal distribution, which latencies of real services are close to.
#[derive(Debug, Clone, Copy)]
struct Latency {
    median_ms: f64,
    sigma: f64,
}

impl Maker {
    /// Returns a maker for one generator.
    pub(crate) fn new(config: &DatagenConfig, generator: u32) -> Self {
        /// 99 of 100 normally distributed values are below this many standard deviations.
        const P99: f64 = 2.326;
        let spread = (config.latency_p99_ms / config.latency_median_ms).ln();
        Self {
            shape: if config.shape == "web-access" { Shape::WebAccess } else { Shape::AppLogs },
            error_ratio: config.error_ratio,
            latency: Latency { median_ms: config.latency_median_ms, sigma: (spread / P99).max(0.0) },
            seed: mix(config.seed.cast_unsigned() ^ mix(u64::from(generator))),
        }
    }

    /// Makes the record with the given number.
    pub(crate) fn make(&self, number: u64, time: ByteString) -> Made {
        // A generator of its own for each record: any record can be made without those before it.
        let mut random = Rng::with_seed(mix(self.seed.wrapping_add(number)));
        match self.shape {
            Shape::AppLogs => app_logs::make(&mut random, self.error_ratio, time),
            Shape::WebAccess => web_access::make(&mut random, self.error_ratio, self.latency, number, time),
        }
    }
}

impl Latency {
    fn draw_ms(self, random: &mut Rng) -> i64 {
        // Box and Muller's way from two even numbers to a normal one.
        let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * random.f64()).cos();
        let drawn = self.median_ms * (self.sigma * normal).exp();
        (drawn as i64).clamp(1, 600_000)
    }
}

/// Spreads seeds that are close to each other (SplitMix64's last step).
fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn field(name: &'static str, value: Value) -> (Value, Value) {
    (Value::String(ByteString::from_static(name)), value)
}

fn fixed(text: &'static str) -> Value {
    Value::String(ByteString::from_static(text))
}

fn pick<T: Copy>(random: &mut Rng, items: &[T]) -> T {
    items[random.usize(..items.len())]
}
