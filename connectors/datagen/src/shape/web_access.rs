//! Access logs of a web server, each with a unique key.

use connect_core::ByteString;
use connect_core::data::{Map, Value};
use fastrand::Rng;

use crate::shape::{Latency, Made, field, fixed, pick};

const REQUESTS: [(&str, &str); 9] = [
    ("GET", "/"),
    ("GET", "/products"),
    ("GET", "/products/42"),
    ("GET", "/search"),
    ("GET", "/cart"),
    ("POST", "/cart"),
    ("POST", "/login"),
    ("POST", "/orders"),
    ("DELETE", "/cart/items"),
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1",
    "curl/8.14.1",
    "python-requests/2.32.4",
];
const CLIENT_ERRORS: [i32; 4] = [400, 401, 403, 404];
const SERVER_ERRORS: [i32; 4] = [500, 502, 503, 504];
/// Addresses set aside for documentation.
const NETWORKS: [&str; 3] = ["192.0.2", "198.51.100", "203.0.113"];

pub(super) fn make(
    random: &mut Rng,
    error_ratio: f64,
    latency: Latency,
    number: u64,
    time: ByteString,
) -> Made {
    let key = ByteString::from(format!("{:016x}-{number:x}", random.u64(..)));
    let (method, path) = pick(random, &REQUESTS);
    let status = if random.f64() < error_ratio {
        pick(random, &SERVER_ERRORS)
    } else if random.u8(..100) < 5 {
        pick(random, &CLIENT_ERRORS)
    } else if method == "POST" {
        201
    } else {
        200
    };
    let client = format!("{}.{}", pick(random, &NETWORKS), random.u8(1..255));
    let size_bytes = if status >= 400 { random.i64(100..900) } else { random.i64(400..60_000) };
    let entries = vec![
        field("request_id", Value::String(key.clone())),
        field("timestamp", Value::String(time)),
        field("client_ip", Value::String(ByteString::from(client))),
        field("method", fixed(method)),
        field("path", fixed(path)),
        field("status", Value::Int32(status)),
        field("bytes", Value::Int64(size_bytes)),
        field("latency_ms", Value::Int64(latency.draw_ms(random))),
        field("user_agent", fixed(pick(random, &AGENTS))),
    ];
    Made { key: Some(key), value: Map { entries } }
}
