//! A purge as it is written down: 32 bytes, and the text of a prefix behind them.
//!
//! ```text
//! 0   sequence        u64, little-endian as all of it
//! 8   value           u64: the hash of a name or of the text, the number of a slot, or nothing
//! 16  kind            u8
//! 17  is_soft         u8
//! 18  length of text  u16
//! 20  nothing         u32
//! 24  checksum        u64: XXH3 of the 24 bytes before
//! 32  text, filled up with zeros to whole 32 bytes
//! ```

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tidegate_cache::{Key, What};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Length of a record without its text, in bytes. Every record begins at a multiple of it.
pub const RECORD: usize = 32;
/// The longest prefix that is written down whole, in bytes. Of longer ones the beginning is: that purges more.
pub const TEXT_MAX: usize = 1 << 10;

/// A purge, or part of one, or what else is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub sequence: u64,
    /// Whether it is soft.
    pub is_soft: bool,
    /// What.
    pub kind: Kind,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All of a name with this hash was purged.
    Name(u64),
    /// This slot was written for some name.
    Slot(u16),
    /// All was purged.
    Everything,
    /// All under a prefix was purged.
    Prefix(Arc<str>),
    /// No purge: sequence numbers up to this one may have been given out.
    Reserved,
    /// No purge: the first record of a file, with the seed of its hashes.
    Seed(u64),
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They end before it does: it was not written whole.
    Short,
    /// They are not what was written.
    Damaged,
}

impl Record {
    /// A purge of everything.
    pub const fn everything(is_soft: bool, sequence: u64) -> Self {
        Self { sequence, is_soft, kind: Kind::Everything }
    }

    /// Whether it is a purge.
    pub const fn is_purge(&self) -> bool {
        !matches!(self.kind, Kind::Reserved | Kind::Seed(_))
    }

    /// Adds it to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, value, text) = match &self.kind {
            Kind::Name(hash) => (1, *hash, ""),
            Kind::Slot(slot) => (2, u64::from(*slot), ""),
            Kind::Everything => (3, 0, ""),
            Kind::Prefix(text) => (4, xxh3_64(text.as_bytes()), &**text),
            Kind::Reserved => (5, 0, ""),
            Kind::Seed(seed) => (6, *seed, ""),
        };
        let start = out.len();
        out.extend(self.sequence.to_le_bytes());
        out.extend(value.to_le_bytes());
        out.extend([kind, u8::from(self.is_soft)]);
        out.extend((text.len() as u16).to_le_bytes());
        out.extend([0; 4]);
        let checksum = xxh3_64(&out[start..]);
        out.extend(checksum.to_le_bytes());
        out.extend(text.as_bytes());
        out.resize(start + RECORD + padded(text.len()), 0);
    }

    /// The record at the beginning of `bytes`, and its length.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), Fault> {
        let (head, behind) = bytes.split_at_checked(RECORD).ok_or(Fault::Short)?;
        if xxh3_64(&head[..24]) != number(&head[24..]) {
            return Err(Fault::Damaged);
        }
        let (sequence, value) = (number(&head[..8]), number(&head[8..16]));
        let length = usize::from(u16::from_le_bytes([head[18], head[19]]));
        let kind = match head[16] {
            1 => Kind::Name(value),
            2 => Kind::Slot(u16::try_from(value).map_err(|_| Fault::Damaged)?),
            3 => Kind::Everything,
            4 => Kind::Prefix(text(behind, length, value)?),
            5 => Kind::Reserved,
            6 => Kind::Seed(value),
            _ => return Err(Fault::Damaged),
        };
        let length = RECORD + padded(length);
        Ok((Self { sequence, is_soft: head[17] != 0, kind }, length))
    }
}

fn text(behind: &[u8], length: usize, checksum: u64) -> Result<Arc<str>, Fault> {
    let text = behind.get(..padded(length)).ok_or(Fault::Short)?;
    let text = &text[..length];
    let is_whole = length <= TEXT_MAX && xxh3_64(text) == checksum;
    let text = str::from_utf8(text).ok().filter(|_| is_whole);
    text.map(Arc::from).ok_or(Fault::Damaged)
}

fn padded(length: usize) -> usize {
    length.next_multiple_of(RECORD)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What things can be purged by, beside prefixes.
#[derive(Clone, Copy)]
pub enum Name<'a> {
    /// A URL.
    Url(&'a str),
    /// A host.
    Host(&'a str),
    /// A tag.
    Tag(&'a str),
}

impl Name<'_> {
    /// Its hash: XXH3, with a seed of the file's own, so that nobody can choose names that share slots with others'.
    pub fn hash(self, seed: u64) -> u64 {
        let (kind, text) = match self {
            Self::Url(text) => (1, text),
            Self::Host(text) => (2, text),
            Self::Tag(text) => (3, text),
        };
        xxh3_64_with_seed(text.as_bytes(), seed.wrapping_add(kind))
    }
}

/// A seed that nobody can guess.
pub fn new_seed() -> u64 {
    RandomState::new().hash_one(())
}

impl Kind {
    /// What is written down for a purge.
    pub fn of(what: &What, seed: u64) -> Vec<Self> {
        let name = |name: Name<'_>| Self::Name(name.hash(seed));
        match what {
            What::Url(url) => {
                // And without its query: see `What::covers`.
                let before_query = url.split_once('?').map(|(before, _)| name(Name::Url(before)));
                [name(Name::Url(url))].into_iter().chain(before_query).collect()
            }
            What::Host(host) => vec![name(Name::Host(host))],
            What::Tag(tag) => vec![name(Name::Tag(tag))],
            What::Prefix(prefix) => vec![Self::Prefix(prefix[..prefix.floor_char_boundary(TEXT_MAX)].into())],
            What::Everything => vec![Self::Everything],
        }
    }
}

/// The host in a URL as keys have it, with its port.
fn host(url: &str) -> &str {
    whole_host(url).or_else(|| url.split_once("://").map(|(_, host)| host)).unwrap_or("")
}

/// The host at the beginning of a URL, if it does not end there: then it may be the beginning of a host.
pub fn whole_host(url: &str) -> Option<&str> {
    let (_, behind) = url.split_once("://")?;
    behind.find(['/', '?']).map(|end| &behind[..end])
}

/// The names of what is stored under a key with these tags.
pub fn names<'a>(key: &'a Key, tags: &'a [Arc<str>]) -> impl Iterator<Item = Name<'a>> {
    let url = key.url();
    [Name::Url(url), Name::Host(host(url))].into_iter().chain(tags.iter().map(|tag| Name::Tag(tag)))
}
