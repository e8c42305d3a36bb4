//! The file that purges are in: [records](super::record), the seed of their hashes first, then what happened.
//!
//! It is only ever appended to, or written anew beside itself and put in its place. A file that ends within a record, or
//! in zeros, was being written when the power went: that end is cut. Anything else that is not as it was written is
//! damage, and then all that was stored before counts as purged.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::log::OpenError;
use super::record::{Fault, Kind, RECORD, Record, new_seed};
use super::tables::Tables;

/// A file may grow by this many bytes, and to twice its size, before it is written anew.
const GROWTH: u64 = 1 << 20;
/// None is as long as this: twice what memory can hold, and more. What is longer is not ours.
const LENGTH_MAX: u64 = 64 << 20;

/// What a file said.
pub struct Replayed {
    /// What was purged.
    pub tables: Tables,
    /// The sequence number of the last purge; 0: there was none.
    pub epoch: u64,
    /// The highest sequence number in it.
    pub last: u64,
    /// Whether there was none, or none that could be relied on: then the tables are empty, and nobody knows what was
    /// purged.
    pub is_new: bool,
}

/// Reads a file, if it is there. One that is damaged is moved aside, and reported.
///
/// # Errors
/// When it cannot be read, or not be moved.
pub fn replay(path: &Path, prefixes_max: usize) -> Result<Replayed, OpenError> {
    let open_error = |source| OpenError { path: path.to_owned(), source };
    let fresh = |last| Replayed { tables: Tables::new(new_seed(), prefixes_max), epoch: 0, last, is_new: true };
    let Some(bytes) = read(path).map_err(open_error)? else { return Ok(fresh(0)) };
    let read = parse(&bytes);
    let last = read.records.iter().map(|record| record.sequence).max().unwrap_or(0);
    let Some(Kind::Seed(seed)) = read.records.first().map(|record| &record.kind).filter(|_| !read.is_damaged) else {
        let aside = beside(path, ".damaged");
        let (file, aside_shown) = (path.display(), aside.display());
        tracing::error!(%file, aside = %aside_shown, "cache: the file of purges is damaged: everything counts as purged");
        fs::rename(path, &aside).map_err(open_error)?;
        return Ok(fresh(last));
    };
    if read.length < bytes.len() {
        let cut = bytes.len() - read.length;
        tracing::warn!(file = %path.display(), cut, "cache: the file of purges ends in what was not written whole");
    }
    let tables = Tables::new(*seed, prefixes_max);
    read.records.iter().for_each(|record| tables.apply(record));
    let purges = read.records.iter().filter(|record| record.is_purge());
    let epoch = purges.map(|record| record.sequence).max().unwrap_or(0);
    Ok(Replayed { tables, epoch, last, is_new: false })
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LENGTH_MAX + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

struct Parsed {
    /// All that can be read; if it is damaged, also what is behind the damage.
    records: Vec<Record>,
    /// How long it is without what was not written whole.
    length: usize,
    is_damaged: bool,
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed { records: Vec::new(), length: 0, is_damaged: bytes.len() as u64 > LENGTH_MAX };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match Record::read(rest) {
            Ok((record, length)) => {
                // Something before it was not one.
                parsed.is_damaged |= parsed.length < at;
                parsed.records.push(record);
                at += length;
                parsed.length = at;
            }
            Err(fault) => {
                let is_first = parsed.length == at;
                let is_torn = || fault == Fault::Short || rest.iter().all(|byte| *byte == 0);
                parsed.is_damaged |= is_first && !is_torn();
                // What follows tells whether this is the end.
                at += RECORD;
            }
        }
    }
    parsed
}

/// A file of purges that is whole.
pub struct LogFile {
    file: File,
    length: u64,
    length_max: u64,
}

impl LogFile {
    /// Makes a file of these records, and puts it in the place of the one that is there. It is on disk then.
    ///
    /// # Errors
    /// When it cannot be made. What was there is there still.
    pub fn create(path: &Path, records: Vec<Record>) -> io::Result<Self> {
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.write(&mut bytes));
        let new = beside(path, ".new");
        let made = write_new(&new, &bytes).and_then(|file| {
            fs::rename(&new, path)?;
            sync_folder(path)?;
            Ok(file)
        });
        // A full disk is not to be kept full by it.
        let file = made.inspect_err(|_| drop(fs::remove_file(&new)))?;
        let length = bytes.len() as u64;
        Ok(Self { file, length, length_max: 2 * length + GROWTH })
    }

    /// Adds records to it. They are on disk when it is synced.
    ///
    /// # Errors
    /// When they cannot be written. It is not whole then.
    pub fn append<'r>(&mut self, records: impl Iterator<Item = &'r Record>) -> io::Result<()> {
        let mut bytes = Vec::new();
        records.for_each(|record| record.write(&mut bytes));
        self.length += bytes.len() as u64;
        self.file.write_all(&bytes)
    }

    /// Puts on disk what was added.
    ///
    /// # Errors
    /// When that fails. It is not to be relied on then.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether it is so long that it should be written anew.
    pub fn is_long(&self) -> bool {
        self.length > self.length_max
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(true);
    #[cfg(unix)]
    how.mode(0o600);
    let mut file = how.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// A file is only safe under its name once the folder that names it is on disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
