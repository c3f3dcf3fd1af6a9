//! Counts memory, so that tests can say that input of a stranger's making never takes much more than it is long.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes held now and at most, of what this thread took.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, which counts for each thread. A test binary makes it its `#[global_allocator]`.
#[derive(Debug)]
pub struct CountingAllocator;

fn count(bytes: isize) {
    // A thread that is about to end has no counters any more.
    HELD.try_with(|held| {
        let now = held.get() + bytes;
        held.set(now);
        PEAK.try_with(|peak| peak.set(peak.get().max(now))).ok();
    })
    .ok();
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its nature; all work is the system's")]
// SAFETY: every call is passed on as it came, and counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Returns what `work` returns, and the most bytes that it held at a time on this thread, beyond those held before.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let outcome = work();
    (outcome, usize::try_from(PEAK.get() - before).unwrap_or(0))
}

/// How much memory an input may take. When it is dropped, it says how near the dearest input came.
#[derive(Debug)]
pub struct MemoryBound {
    what: String,
    per_byte: usize,
    for_any: usize,
    dearest: f64,
}

impl MemoryBound {
    /// Returns a bound of `for_any` bytes, and `per_byte` more for each byte of the input.
    pub fn new(what: impl Into<String>, per_byte: usize, for_any: usize) -> Self {
        Self { what: what.into(), per_byte, for_any, dearest: 0.0 }
    }

    /// Does what is to be done with an input, on this thread, and checks what it takes.
    ///
    /// # Panics
    /// Panics when that is more than the bound, and when nothing is counted: [`CountingAllocator`] is missing then.
    pub fn check<T>(&mut self, input: &[u8], work: impl FnOnce() -> T) -> T {
        let (outcome, peak) = peak_of(|| {
            drop(std::hint::black_box(vec![0_u8; 1]));
            work()
        });
        assert!(peak > 0, "memory is not counted");
        let bound = self.per_byte * input.len() + self.for_any;
        let shown = String::from_utf8_lossy(&input[..input.len().min(300)]);
        assert!(peak <= bound, "{}: {peak} bytes for {} of input: {shown}", self.what, input.len());
        self.dearest = self.dearest.max(peak as f64 / bound as f64);
        outcome
    }
}

impl Drop for MemoryBound {
    #[expect(clippy::print_stderr, reason = "whoever changes the bound wants to know")]
    fn drop(&mut self) {
        eprintln!("{}: at most {:.0} % of the memory allowed", self.what, self.dearest * 100.0);
    }
}
