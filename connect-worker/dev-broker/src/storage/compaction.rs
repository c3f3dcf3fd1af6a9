//! Compaction for `cleanup.policy=compact`: of the closed segments only the newest record of each key stays.
//!
//! It runs in three steps so that the partition is locked only briefly: `plan` under the lock, `Plan::run` without
//! it, `install` under it again. As in Kafka's `Cleaner`, offsets never change, nothing above an open transaction is
//! touched, aborted records go, and small neighbours are merged. Markers stay. Tombstones go once they are older
//! than `delete.retention.ms`, counted from their own timestamp.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    batch::BatchHeader,
    partition::PartitionLog,
    producers::AbortedRange,
    records::{self, RawRecord},
    recovery,
    segment::{SCAN_CHUNK_BYTES, Segment, file_name},
    topic_config::TopicConfig,
};

/// The segments to compact together, and what decides about their records.
pub(crate) struct Plan {
    dir: PathBuf,
    segments: Vec<Arc<Segment>>,
    /// Offset behind the last segment.
    end_offset: i64,
    aborted: Vec<AbortedRange>,
    segment_bytes: u64,
    /// Tombstones with an older timestamp go.
    tombstone_horizon_ms: i64,
}

/// One new segment that stands for a run of old ones.
pub(crate) struct Cleaned {
    sources: Vec<Arc<Segment>>,
    /// Offset behind the last source.
    end_offset: i64,
    file: PathBuf,
}

/// Returns what to compact in `log`, or `None` when too little of it is dirty.
pub(crate) fn plan(log: &PartitionLog, config: &TopicConfig, now_ms: i64) -> io::Result<Option<Plan>> {
    if !config.is_compacted {
        return Ok(None);
    }
    let stable = log.last_stable_offset();
    let mut segments = Vec::new();
    let mut end_offset = log.cleaned_offset;
    let mut dirty_bytes = 0;
    let mut total_bytes = 0;
    for (at, segment) in log.closed.iter().enumerate() {
        let end = log.closed.get(at + 1).map_or(log.active_base(), |next| next.base_offset);
        let is_too_young = segment.max_timestamp()? > now_ms - config.min_compaction_lag_ms;
        if end > stable || is_too_young && config.min_compaction_lag_ms > 0 {
            break;
        }
        total_bytes += segment.size_bytes;
        if segment.base_offset >= log.cleaned_offset {
            dirty_bytes += segment.size_bytes;
        }
        segments.push(Arc::clone(segment));
        end_offset = end;
    }
    let is_due =
        dirty_bytes > 0 && dirty_bytes as f64 >= total_bytes as f64 * config.min_cleanable_dirty_ratio;
    Ok(is_due.then(|| Plan {
        dir: log.dir.clone(),
        aborted: log.producers.aborted_between(log.start_offset(), end_offset),
        segments,
        end_offset,
        segment_bytes: config.segment_bytes,
        tombstone_horizon_ms: now_ms.saturating_sub(config.delete_retention_ms),
    }))
}

impl Plan {
    /// Writes the new segments beside the old ones.
    pub(crate) fn run(&self) -> io::Result<Vec<Cleaned>> {
        let newest = self.newest_offsets()?;
        let mut cleaned = Vec::new();
        let mut rest = self.segments.as_slice();
        while !rest.is_empty() {
            let (group, later) = rest.split_at(self.group_length(rest));
            let end_offset = later.first().map_or(self.end_offset, |next| next.base_offset);
            let file = self.dir.join(file_name(group[0].base_offset)).with_extension("cleaned");
            self.write_group(group, &newest, &file)?;
            cleaned.push(Cleaned { sources: group.to_vec(), end_offset, file });
            rest = later;
        }
        Ok(cleaned)
    }

    /// Returns how many of the first segments fit into one.
    fn group_length(&self, segments: &[Arc<Segment>]) -> usize {
        let mut size_bytes = 0;
        let fitting = segments.iter().take_while(|segment| {
            size_bytes += segment.size_bytes;
            size_bytes <= self.segment_bytes
        });
        fitting.count().max(1)
    }

    fn newest_offsets(&self) -> io::Result<HashMap<Bytes, i64>> {
        let mut newest = HashMap::new();
        for segment in &self.segments {
            let mut reader = segment.batches(0, SCAN_CHUNK_BYTES);
            while let Some((header, batch)) = reader.next_batch()? {
                if header.is_control() || self.is_aborted(&header) {
                    continue;
                }
                for record in records::decode(&header, batch)? {
                    newest.extend(record.key.map(|key| (key, record.offset)));
                }
            }
        }
        Ok(newest)
    }

    fn write_group(
        &self,
        group: &[Arc<Segment>],
        newest: &HashMap<Bytes, i64>,
        path: &Path,
    ) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for segment in group {
            let mut reader = segment.batches(0, SCAN_CHUNK_BYTES);
            while let Some((header, batch)) = reader.next_batch()? {
                if header.is_control() {
                    file.write_all(batch)?;
                } else if !self.is_aborted(&header) {
                    self.write_batch(&header, batch, newest, &mut file)?;
                }
            }
        }
        // The old segments are removed next: the new one must be on the disk before.
        file.into_inner()?.sync_data()
    }

    fn write_batch(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        newest: &HashMap<Bytes, i64>,
        file: &mut impl Write,
    ) -> io::Result<()> {
        let records = records::decode(header, batch)?;
        let count = records.len();
        let stays = |record: &RawRecord| {
            let is_expired = record.is_tombstone && record.timestamp < self.tombstone_horizon_ms;
            let is_newest = record.key.as_ref().and_then(|key| newest.get(key)) == Some(&record.offset);
            is_newest && !is_expired
        };
        let kept: Vec<RawRecord> = records.into_iter().filter(stays).collect();
        if kept.is_empty() {
            Ok(())
        } else if kept.len() == count {
            file.write_all(batch)
        } else {
            file.write_all(&records::encode(header, &kept)?)
        }
    }

    fn is_aborted(&self, header: &BatchHeader) -> bool {
        header.is_transactional()
            && self.aborted.iter().any(|range| {
                range.producer_id == header.producer_id
                    && (range.first_offset..range.last_offset).contains(&header.base_offset)
            })
    }
}

/// Puts the new segments in the place of their sources. When the log lost one of these meanwhile (`DeleteRecords`),
/// the work is dropped.
pub(crate) fn install(log: &mut PartitionLog, cleaned: Vec<Cleaned>) -> io::Result<()> {
    // From here on the checkpoint must not point into a segment that is replaced.
    log.checkpoint(false)?;
    for new in cleaned {
        let Some(at) = position_of(&log.closed, &new.sources) else {
            fs::remove_file(&new.file)?;
            continue;
        };
        let base_offset = new.sources[0].base_offset;
        // The rename to `.swap` is the decision; after a crash `finish_interrupted` repeats what follows.
        let swap = log.dir.join(swap_name(base_offset, new.end_offset));
        fs::rename(&new.file, &swap)?;
        finish_swap(&log.dir, &swap, base_offset, new.end_offset)?;
        let segment = Arc::new(Segment::open(&log.dir, base_offset)?);
        log.closed.splice(at..at + new.sources.len(), [segment]);
        log.cleaned_offset = log.cleaned_offset.max(new.end_offset);
    }
    log.checkpoint(false)
}

/// Finishes or undoes what a compaction was doing in `dir` when the broker died.
pub(crate) fn finish_interrupted(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".cleaned") || name.ends_with(".tmp") {
            fs::remove_file(&path)?;
        } else if let Some((base_offset, end_offset)) = parse_swap_name(name) {
            finish_swap(dir, &path, base_offset, end_offset)?;
        }
    }
    Ok(())
}

fn finish_swap(dir: &Path, swap: &Path, base_offset: i64, end_offset: i64) -> io::Result<()> {
    let replaced = recovery::segment_bases(dir)?;
    for base in replaced.into_iter().filter(|base| (base_offset..end_offset).contains(base)) {
        fs::remove_file(dir.join(file_name(base)))?;
    }
    fs::rename(swap, dir.join(file_name(base_offset)))
}

fn swap_name(base_offset: i64, end_offset: i64) -> String {
    format!("{base_offset}-{end_offset}.swap")
}

fn parse_swap_name(name: &str) -> Option<(i64, i64)> {
    let (base_offset, end_offset) = name.strip_suffix(".swap")?.split_once('-')?;
    Some((base_offset.parse().ok()?, end_offset.parse().ok()?))
}

fn position_of(closed: &[Arc<Segment>], sources: &[Arc<Segment>]) -> Option<usize> {
    let at = closed.iter().position(|segment| Arc::ptr_eq(segment, &sources[0]))?;
    let window = closed.get(at..at + sources.len())?;
    let is_same = window.iter().zip(sources).all(|(left, right)| Arc::ptr_eq(left, right));
    is_same.then_some(at)
}
