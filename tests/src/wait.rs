//! Waiting for a condition with a deadline, instead of sleeping for a fixed time.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for what must come: far longer than the slowest machine needs, as a wait ends with what it
/// waits for.
pub const LIMIT: Duration = Duration::from_secs(240);

/// What a test grants to what happens at once. A slow machine keeps to it, and it tells apart from the time-outs that
/// those wait for who were not told: 45 s for the session of a consumer.
pub const AT_ONCE: Duration = Duration::from_secs(25);

const PAUSE: Duration = Duration::from_millis(50);

/// Asks `look` until it gives `Ok`, and returns that value.
///
/// # Panics
/// When `limit` is over; the text names `what` and the last thing `look` saw.
pub async fn until<T, S: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if start.elapsed() > limit => {
                panic!("waited {limit:?} for {what}; last seen: {seen:?}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Does the same as [`until`] outside of async code.
///
/// # Panics
/// When `limit` is over.
pub fn until_blocking<T, S: Debug>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, S>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if start.elapsed() > limit => {
                panic!("waited {limit:?} for {what}; last seen: {seen:?}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
