//! CPU time and memory of a process, from `/proc`.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// What one run of one path took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Records delivered.
    pub(crate) records: u64,
    /// User and system time of the process.
    pub(crate) cpu: Duration,
    /// Elapsed time.
    pub(crate) wall: Duration,
    /// Peak resident memory in MiB.
    pub(crate) peak_mib: u64,
}

impl Figures {
    /// Returns what a run of this program with other arguments takes: a process of its own, which prints its CPU
    /// milliseconds and its peak MiB.
    pub(crate) fn of_own_process(arguments: &[&str], records: u64) -> Self {
        let started = Instant::now();
        let program = env::current_exe().expect("a path");
        let output = Command::new(program).args(arguments).output().expect("runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<u64> =
            text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let cpu = Duration::from_millis(numbers[0]);
        Self { records, cpu, wall: started.elapsed(), peak_mib: numbers[1] }
    }

    /// Returns records per second of CPU.
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.records as f64 / self.cpu.as_secs_f64()
    }

    /// Returns records per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.records as f64 / self.wall.as_secs_f64()
    }

    /// Returns the run with the most records per CPU-second.
    pub(crate) fn best(runs: &[Figures]) -> Figures {
        let best = runs.iter().max_by(|a, b| a.per_cpu_second().total_cmp(&b.per_cpu_second()));
        *best.expect("at least one run")
    }
}

/// Measured paths: the name and the runs of each.
pub(crate) type Rows<'a> = [(&'a str, Vec<Figures>)];

/// Prints the figures of each path.
pub(crate) fn print_table(rows: &Rows<'_>) {
    println!(
        "\n{:<34}{:>14}{:>14}{:>14}{:>12}",
        "", "cold rec/CPU-s", "best rec/CPU-s", "best rec/s", "peak MiB"
    );
    for (name, figures) in rows {
        let (cold, best) = (figures[0], Figures::best(figures));
        let peak = figures.iter().map(|figure| figure.peak_mib).max().unwrap_or(0);
        println!(
            "{name:<34}{:>14.0}{:>14.0}{:>14.0}{peak:>12}",
            cold.per_cpu_second(),
            best.per_cpu_second(),
            best.per_second()
        );
    }
}

/// Returns the most records per CPU-second of a path, if it was measured.
pub(crate) fn best_of(rows: &Rows<'_>, name: &str) -> Option<f64> {
    let (_, figures) = rows.iter().find(|(row, _)| *row == name)?;
    Some(Figures::best(figures).per_cpu_second())
}

/// A process under measurement.
pub(crate) struct Meter {
    pid: u32,
    started: Instant,
    cpu: Duration,
}

impl Meter {
    /// Begins to measure a running process.
    pub(crate) fn start(pid: u32) -> Self {
        Self { pid, started: Instant::now(), cpu: cpu_time(pid) }
    }

    /// Returns what the process used since the start.
    pub(crate) fn stop(&self, records: u64) -> Figures {
        Figures {
            records,
            wall: self.started.elapsed(),
            cpu: cpu_time(self.pid) - self.cpu,
            peak_mib: peak_mib(self.pid),
        }
    }
}

/// Returns how long the threads of a process have been waiting for a processor while they had work.
pub(crate) fn starved_time(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives").flatten();
    // Time on a processor and time in a queue for one, in nanoseconds.
    let waits = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(waits.sum())
}

/// Returns the peak resident memory of a process in MiB.
pub(crate) fn peak_mib(pid: u32) -> u64 {
    kib(pid, "VmHWM:") / 1_024
}

/// Returns the resident memory of a process in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    kib(pid, "VmRSS:")
}

fn kib(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    // The command in parentheses may hold blanks; the numbers follow it.
    let numbers: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = numbers[11..=12].iter().map(|number| number.parse::<u64>().expect("a number")).sum();
    // Linux reports to user space in hundredths of a second.
    Duration::from_millis(ticks * 10)
}

/// Returns CPU time and peak memory in MiB of this process since it began.
pub(crate) fn own_usage() -> (Duration, u64) {
    let pid = std::process::id();
    (cpu_time(pid), peak_mib(pid))
}
