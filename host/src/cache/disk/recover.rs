//! What an earlier process left.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::index::Index;
use super::segment::{self, Contents, Segment, Segments};
use super::writer::Active;
use super::{Options, folder};

/// What is there.
pub struct Recovered {
    /// All segments.
    pub segments: Segments,
    /// The newest one, to be written on.
    pub active: Option<Active>,
}

/// Finds what is there, the newest first, and deletes what cannot be trusted: all that is older than something that
/// cannot be read, for that may have been its removal. The same for what there is no room for any more, or no time.
pub fn recover(folder: &Path, options: &Options, index: &Index, deadline: Instant) -> io::Result<Recovered> {
    let mut recovered = Recovered { segments: Segments::default(), active: None };
    let mut room = options.bytes_max;
    let mut newer: Option<u32> = None;
    let mut is_over = false;
    for number in numbers(folder)? {
        let is_newest = newer.is_none();
        // One that is missing may have been the removal of what is older, too.
        is_over |= newer.replace(number).is_some_and(|newer| newer - 1 != number) || Instant::now() > deadline;
        let found = if is_over { None } else { read(folder, number, is_newest) };
        let Some((segment, contents)) = found.filter(|(_, contents)| contents.length <= room) else {
            is_over = true;
            folder::delete(&folder.join(segment::name(number)))?;
            continue;
        };
        for entry in contents.entries.iter().rev() {
            index.recover(entry.hash, entry.place(number));
        }
        room -= contents.length;
        let segment = Arc::new(segment);
        recovered.segments.add(segment.clone());
        if is_newest {
            // Its list, or what was cut short, makes room for what comes next.
            segment.file.set_len(contents.end)?;
            recovered.active = Some(Active { segment, end: contents.end, entries: contents.entries });
        }
    }
    index.recovered();
    if is_over {
        tracing::warn!(folder = %folder.display(), "cache: older responses on disk were damaged or too many, and forgotten");
    }
    Ok(recovered)
}

/// The numbers of segments, the newest first.
fn numbers(folder: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(segment::number));
    }
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    Ok(numbers)
}

/// A segment and what it holds. None: it cannot be trusted. Only of the newest one the end may be missing.
fn read(folder: &Path, number: u32, is_newest: bool) -> Option<(Segment, Contents)> {
    let segment = Segment::open(folder, number).ok()?;
    let contents = segment.contents().ok()?;
    let is_trusted = !contents.is_damaged && (contents.is_complete || is_newest);
    is_trusted.then_some((segment, contents))
}
