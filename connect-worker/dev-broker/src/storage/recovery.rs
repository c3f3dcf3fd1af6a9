//! Opening a partition's folder: finishing interrupted compaction, finding the end of the log, cutting torn writes.
//!
//! What the checkpoint covers is taken as good; batches behind it are read and their checksums verified. Without a
//! usable checkpoint every header is read, but only the newest segment's checksums.

use std::{fs, io, path::Path, sync::Arc};

use super::{
    batch::marker_commits,
    checkpoint::Checkpoint,
    compaction,
    producers::Producers,
    segment::{SCAN_CHUNK_BYTES, Segment},
};

/// What was found in a partition's folder.
pub(crate) struct Recovered {
    pub(crate) closed: Vec<Arc<Segment>>,
    pub(crate) active: Segment,
    pub(crate) start_offset: i64,
    pub(crate) next_offset: i64,
    pub(crate) cleaned_offset: i64,
    pub(crate) producers: Producers,
}

/// Opens the partition folder `dir`, creating it when absent.
pub(crate) fn open(dir: &Path) -> io::Result<Recovered> {
    fs::create_dir_all(dir)?;
    compaction::finish_interrupted(dir)?;
    let checkpoint = Checkpoint::load(dir);
    let mut segments = open_segments(dir, checkpoint.as_ref())?;
    let resume = usable(checkpoint.as_ref(), &segments);
    let mut scan = match resume {
        Some((_, checkpoint)) => {
            Scan { next_offset: checkpoint.next_offset, producers: checkpoint.producers.clone() }
        }
        None => Scan { next_offset: segments[0].base_offset, producers: Producers::default() },
    };
    let (first, mut position, is_covered) = match resume {
        Some((at, checkpoint)) => (at, checkpoint.position, true),
        None => (0, 0, false),
    };
    let mut at = first;
    while at < segments.len() {
        let is_newest = at + 1 == segments.len();
        let is_whole = scan.run(&mut segments[at], position, is_newest || is_covered)?;
        position = 0;
        at += 1;
        if !is_whole {
            remove_from(&mut segments, at)?;
        }
    }
    let active = segments.pop().ok_or_else(|| io::Error::other("a log has at least one segment"))?;
    let first_base = segments.first().map_or(active.base_offset, |segment| segment.base_offset);
    let saved = checkpoint.unwrap_or_default();
    Ok(Recovered {
        closed: segments.into_iter().map(Arc::new).collect(),
        active,
        start_offset: saved.start_offset.max(first_base).min(scan.next_offset),
        next_offset: scan.next_offset,
        cleaned_offset: saved.cleaned_offset,
        producers: scan.producers,
    })
}

fn open_segments(dir: &Path, checkpoint: Option<&Checkpoint>) -> io::Result<Vec<Segment>> {
    let mut bases = segment_bases(dir)?;
    if bases.is_empty() {
        bases.push(checkpoint.map_or(0, |checkpoint| checkpoint.next_offset));
    }
    bases.into_iter().map(|base| Segment::open(dir, base)).collect()
}

/// Returns the base offsets of the segment files in `dir`, in order.
pub(crate) fn segment_bases(dir: &Path) -> io::Result<Vec<i64>> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let base: Option<i64> =
            name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|base| base.parse().ok());
        bases.extend(base);
    }
    bases.sort_unstable();
    Ok(bases)
}

/// Returns the checkpoint and the index of its segment, unless the files say less than the checkpoint does.
fn usable<'a>(checkpoint: Option<&'a Checkpoint>, segments: &[Segment]) -> Option<(usize, &'a Checkpoint)> {
    let checkpoint = checkpoint?;
    let at = segments.iter().position(|segment| segment.base_offset == checkpoint.segment)?;
    (segments[at].size_bytes >= checkpoint.position).then_some((at, checkpoint))
}

fn remove_from(segments: &mut Vec<Segment>, at: usize) -> io::Result<()> {
    for segment in segments.drain(at..) {
        tracing::warn!(path = %segment.path.display(), "removing a segment behind a torn write");
        fs::remove_file(&segment.path)?;
    }
    Ok(())
}

struct Scan {
    next_offset: i64,
    producers: Producers,
}

impl Scan {
    /// Reads `segment` from `position` on and cuts it at the first batch that is torn. Says whether it was whole.
    fn run(&mut self, segment: &mut Segment, position: u64, verify: bool) -> io::Result<bool> {
        self.next_offset = self.next_offset.max(segment.base_offset);
        let mut reader = segment.batches(position, SCAN_CHUNK_BYTES);
        let mut good = position;
        // Markers are looked into even when the checksums are not verified, so control batches are read whole.
        while let Some((header, batch)) = reader.next_batch()? {
            let is_torn = verify && !header.is_intact(batch) || header.base_offset < self.next_offset;
            if is_torn {
                break;
            }
            if !header.is_control() {
                self.producers.record(&header);
            } else if let Some(is_commit) = marker_commits(batch) {
                self.producers.record_marker(&header, is_commit);
            }
            self.next_offset = header.last_offset() + 1;
            good = reader.position;
        }
        if good == segment.size_bytes {
            return Ok(true);
        }
        let dropped_bytes = segment.size_bytes - good;
        tracing::warn!(path = %segment.path.display(), dropped_bytes, "cutting a torn write off the log");
        segment.truncate(good)?;
        Ok(false)
    }
}
