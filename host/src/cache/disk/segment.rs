//! A segment: a file of responses, one behind the other, and when it is full, a list of them.
//!
//! The list is what makes a start quick: of a segment that has one, nothing else is read.
//!
//! ```text
//! record … record | magic 4 | count 4 | entry … entry | checksum 8 | where the list begins 8
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::{Buf, BufMut};
use xxhash_rust::xxh3::xxh3_64;

use super::folder;
use super::index::Place;
use crate::cache::record::{HEADER_BYTES, Header};

const LIST_MAGIC: [u8; 4] = *b"tgl1";
/// More than any list has.
const LIST_ENTRIES_MAX: usize = 1 << 20;
const ENTRY_BYTES: usize = 16;
const LIST_BYTES: usize = 24;

/// A segment.
#[derive(Debug)]
pub struct Segment {
    /// Its number: newer ones have higher ones.
    pub number: u32,
    /// Its file.
    pub file: File,
    path: PathBuf,
}

/// A response in a segment, or a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The hash of its key.
    pub hash: u64,
    /// Where it begins.
    pub offset: u32,
    /// How long it is. Zero: a removal.
    pub length: u32,
}

/// What a segment holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// In the order in which they were written.
    pub entries: Vec<Entry>,
    /// How long the file is.
    pub length: u64,
    /// Where the next record would be.
    pub end: u64,
    /// Whether the list is there, and whole.
    pub is_sealed: bool,
    /// Whether nothing is missing at the end: the list begins there, whole or not.
    pub is_complete: bool,
    /// Whether there is something that cannot be read, beyond what a write that was cut short leaves.
    pub is_damaged: bool,
}

impl Segment {
    /// Makes a new one.
    pub fn create(folder: &Path, number: u32) -> io::Result<Self> {
        let path = folder.join(name(number));
        let file = folder::options().create(true).truncate(true).open(&path)?;
        Ok(Self { number, file, path })
    }

    /// Opens one that is there.
    pub fn open(folder: &Path, number: u32) -> io::Result<Self> {
        let path = folder.join(name(number));
        let file = folder::options().open(&path)?;
        Ok(Self { number, file, path })
    }

    /// Deletes its file. Who still reads it can read on.
    pub fn delete(&self) -> io::Result<()> {
        // Empty, it is as good as deleted.
        folder::delete(&self.path).or_else(|_| self.file.set_len(0))
    }

    /// Its length, in bytes.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Adds the list, behind the last record.
    pub fn seal(&self, end: u64, entries: &[Entry]) -> io::Result<()> {
        self.file.set_len(end)?;
        let mut list = Vec::with_capacity(list_bytes(entries.len()) as usize);
        list.put_slice(&LIST_MAGIC);
        list.put_u32_le(entries.len() as u32);
        for entry in entries {
            list.put_u64_le(entry.hash);
            list.put_u32_le(entry.offset);
            list.put_u32_le(entry.length);
        }
        list.put_u64_le(xxh3_64(&list));
        list.put_u64_le(end);
        self.file.write_all_at(&list, end)
    }

    /// What it holds: by its list, or else by its records.
    pub fn contents(&self) -> io::Result<Contents> {
        let length = self.length()?;
        match self.list(length)? {
            Some(contents) => Ok(contents),
            None => self.walk(length),
        }
    }

    fn list(&self, length: u64) -> io::Result<Option<Contents>> {
        let mut end = [0; 8];
        let Some(end_at) = length.checked_sub(8) else { return Ok(None) };
        self.file.read_exact_at(&mut end, end_at)?;
        let begin = u64::from_le_bytes(end);
        let Some(room) = end_at.checked_sub(begin).filter(|room| *room >= LIST_BYTES as u64 - 8) else {
            return Ok(None);
        };
        let mut list = Vec::new();
        if room > list_bytes(LIST_ENTRIES_MAX) {
            return Ok(None); // The number is wrong.
        }
        list.resize(room as usize, 0);
        self.file.read_exact_at(&mut list, begin)?;
        let (list, mut sum) = list.split_at(list.len() - 8);
        let is_whole = list[..4] == LIST_MAGIC && sum.get_u64_le() == xxh3_64(list);
        let (mut count, list) = list[4..].split_at(4);
        if !is_whole || list.len() != count.get_u32_le() as usize * ENTRY_BYTES {
            return Ok(None);
        }
        let entries = list.chunks_exact(ENTRY_BYTES).map(Entry::read).collect();
        Ok(Some(Contents { entries, length, end: begin, is_sealed: true, is_complete: true, is_damaged: false }))
    }

    /// Reads one header after the other. A record that the file ends in is what `kill -9` leaves; zeros are what a
    /// power cut leaves.
    fn walk(&self, length: u64) -> io::Result<Contents> {
        let mut contents = Contents { length, ..Contents::default() };
        let mut bytes = [0; HEADER_BYTES];
        while length - contents.end >= HEADER_BYTES as u64 {
            self.file.read_exact_at(&mut bytes, contents.end)?;
            let Some(header) = Header::read(&bytes) else {
                contents.is_complete = bytes[..4] == LIST_MAGIC;
                contents.is_damaged = !contents.is_complete && bytes != [0; HEADER_BYTES];
                break;
            };
            let whole = (HEADER_BYTES + header.payload()) as u64;
            let (true, Ok(offset)) = (length - contents.end >= whole, u32::try_from(contents.end)) else { break };
            let is_removal = header.is_removal;
            contents.entries.push(Entry {
                hash: header.hash,
                offset,
                length: if is_removal { 0 } else { whole as u32 },
            });
            contents.end += whole;
        }
        Ok(contents)
    }
}

impl Entry {
    /// Where the response is; none for a removal.
    pub fn place(&self, segment: u32) -> Option<Place> {
        (self.length > 0).then_some(Place { segment, offset: self.offset, length: self.length })
    }

    fn read(mut bytes: &[u8]) -> Self {
        Self { hash: bytes.get_u64_le(), offset: bytes.get_u32_le(), length: bytes.get_u32_le() }
    }
}

/// How long a list of so many entries is, in bytes.
pub fn list_bytes(entries: usize) -> u64 {
    (LIST_BYTES + entries * ENTRY_BYTES) as u64
}

/// The name of a segment's file.
pub fn name(number: u32) -> String {
    format!("{number:08x}.segment")
}

/// The number in such a name.
pub fn number(text: &str) -> Option<u32> {
    let number = u32::from_str_radix(text.strip_suffix(".segment")?, 16).ok()?;
    (name(number) == text).then_some(number)
}

/// The segments that there are, the oldest first.
#[derive(Debug, Default)]
pub struct Segments(RwLock<BTreeMap<u32, Arc<Segment>>>);

impl Segments {
    /// The segment of this number.
    pub fn get(&self, number: u32) -> Option<Arc<Segment>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// Adds one.
    pub fn add(&self, segment: Arc<Segment>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(segment.number, segment);
    }

    /// Takes one out.
    pub fn take(&self, number: u32) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> Vec<Arc<Segment>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
