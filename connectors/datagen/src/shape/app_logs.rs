//! Application logs: timestamp, level, message, service.

use connect_core::ByteString;
use connect_core::data::{Map, Value};
use fastrand::Rng;

use crate::shape::{Made, field, fixed, pick};

const SERVICES: [&str; 6] =
    ["user-service", "order-service", "payment-service", "catalog-service", "search-service", "mail-service"];
const DEBUG: [&str; 3] =
    ["Cache lookup took 1 ms", "Connection taken from the pool", "Configuration read again"];
const INFO: [&str; 5] =
    ["Request completed", "User logged in", "Order was placed", "Message was sent", "Scheduled job finished"];
const WARN: [&str; 4] =
    ["Slow response from the database", "Retrying a call", "Rate limit is near", "Queue is nearly full"];
const ERROR: [&str; 4] = [
    "An error occurred",
    "Connection to the database was refused",
    "Request timed out after 30 s",
    "Payment was declined by the provider",
];

pub(super) fn make(random: &mut Rng, error_ratio: f64, time: ByteString) -> Made {
    let (level, messages): (_, &[&str]) = if random.f64() < error_ratio {
        ("ERROR", &ERROR)
    } else {
        match random.u8(..100) {
            0..10 => ("WARN", &WARN),
            10..30 => ("DEBUG", &DEBUG),
            _ => ("INFO", &INFO),
        }
    };
    let entries = vec![
        field("timestamp", Value::String(time)),
        field("level", fixed(level)),
        field("message", fixed(pick(random, messages))),
        field("service", fixed(pick(random, &SERVICES))),
    ];
    Made { key: None, value: Map { entries } }
}
