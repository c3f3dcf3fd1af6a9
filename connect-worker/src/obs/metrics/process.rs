//! Memory and processor time of the process, from Linux' `/proc`; absent elsewhere.

use std::fs;

/// Ticks a second of the times in `/proc/self/stat`: fixed in the kernel's interface to user space.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct ProcessUsage {
    pub(crate) resident_bytes: Option<f64>,
    pub(crate) cpu_seconds: Option<f64>,
}

impl ProcessUsage {
    pub(crate) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self { resident_bytes: resident_bytes(&status), cpu_seconds: cpu_seconds(&stat) }
    }
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024.0)
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    // The program's name stands in parentheses and may hold anything; fields are counted behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_texts_are_read() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t   20480 kB\nThreads: 3\n"), Some(20_971_520.0));
        let stat = "12 (a b) c) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 100 0 0";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!((resident_bytes(""), cpu_seconds("")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn own_process_has_memory_and_time() {
        let usage = ProcessUsage::read();
        assert!(usage.resident_bytes.is_some_and(|bytes| bytes > 100_000.0));
        assert!(usage.cpu_seconds.is_some());
    }
}
