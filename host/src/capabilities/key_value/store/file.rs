//! The database file: opening it, what stands in the way, and opening it again after a failure.

use std::fs;
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use redb::{
    Builder, Database, DatabaseError, ReadOnlyTable, ReadTransaction, ReadableDatabase, StorageError, TableError,
};

use super::disk::{Disk, Health};
use super::layout::{ENTRIES, EXPIRY, FORMAT, FORMAT_ROW, META, USAGE};
use super::{Error, OpenError, Options};

/// The file's name in the data folder.
pub const FILE_NAME: &str = "key-value.redb";

/// Files up to this size are verified whenever they are opened (about 1 ms per MiB), not only after
/// a crash: what a bad disk or a half-copied backup did is then an error at the start. Of larger
/// ones redb trusts what was closed properly.
const VERIFY_MAX: u64 = 64 << 20;

/// After a failed commit, writes are answered with the failure for this long before the disk is
/// tried again: opening the file anew walks all of it.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The entries as of the last commit. Held until the next commit replaces it, so that a read is a
/// descent in the tree and not first a transaction of its own.
pub type Snapshot = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The open file, in the hands of the writer.
pub struct File {
    path: PathBuf,
    options: Options,
    health: Arc<Health>,
    database: Option<Database>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    retry_at: Option<Instant>,
    /// An fsync failed: see `disk.rs`.
    given_up: bool,
}

impl File {
    /// Opens the file in `folder`, or makes it. After a crash this verifies the whole file.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        let path = folder.join(FILE_NAME);
        fs::create_dir_all(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        let health = Arc::new(Health::default());
        // redb trusts the structure of a file that was closed properly, and panics where that
        // trust was misplaced; to the operator a damaged file is an error like any other.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let was_closed = prepare(&path)?;
            let database = open_database(&path, options, &health, was_closed)?;
            check_format(&database, &path)?;
            let snapshot = snapshot(&database).map_err(|error| damaged(&path, &error))?;
            Ok((database, snapshot))
        }));
        let (database, snapshot) = opened.unwrap_or_else(|_| {
            Err(OpenError::Damaged { path: path.clone(), detail: "its structure makes no sense".into() })
        })?;
        sync_folder(folder)?;
        Ok(Self {
            path,
            options: options.clone(),
            health,
            database: Some(database),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            retry_at: None,
            given_up: false,
        })
    }

    /// Where readers find the newest [`Snapshot`].
    pub fn snapshots(&self) -> Arc<ArcSwap<Snapshot>> {
        self.snapshot.clone()
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the disk did so far; tests make it fail through this.
    #[cfg(test)]
    pub fn health(&self) -> Arc<Health> {
        self.health.clone()
    }

    /// The database to write to, and how large a store in it may be. An error while it recovers
    /// from a failure.
    pub fn database(&mut self) -> Result<(&Database, u64), Error> {
        if self.given_up {
            return Err(Error::storage("the disk may have lost data"));
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Err(Error::storage("recovering from a failed write"));
        }
        self.retry_at = None;
        if self.database.is_none() {
            self.reopen();
        }
        let database = self.database.as_ref();
        let database = database.ok_or_else(|| Error::storage("the file cannot be opened again"))?;
        Ok((database, self.options.store_bytes_max))
    }

    /// Shows what was committed to the readers.
    pub fn publish(&self) -> Result<(), Error> {
        if let Some(database) = &self.database {
            self.snapshot.store(Arc::new(snapshot(database)?));
        }
        Ok(())
    }

    /// After a failure redb refuses everything, reads too, until the file is opened anew.
    pub fn recover(&mut self, failure: &Error) {
        if self.given_up || self.retry_at.is_some() {
            return; // Said already, and being waited for.
        }
        let file = self.path.display();
        tracing::error!(%failure, %file, "key-value: a commit failed, its writes were refused");
        if self.health.sync_failed() {
            self.given_up = true;
            tracing::error!(%file, "key-value: the disk may have lost data; no writes until a restart");
            return;
        }
        self.reopen();
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
    }

    fn reopen(&mut self) {
        // The old one holds the lock.
        self.close();
        let opened = catch_unwind(AssertUnwindSafe(|| open_database(&self.path, &self.options, &self.health, false)));
        match opened {
            Ok(Ok(database)) => {
                self.database = Some(database);
                if let Err(error) = self.publish() {
                    tracing::error!(%error, "key-value: opened again, but cannot be read");
                }
            }
            Ok(Err(error)) => tracing::error!(%error, "key-value: cannot open the file again"),
            Err(_) => tracing::error!("key-value: cannot open the file again: the engine panicked"),
        }
    }

    /// Closes the file properly, so that the next start need not verify it.
    pub fn close(&mut self) {
        if let Some(database) = self.database.take()
            && let Err(error) = database.close()
        {
            tracing::warn!(%error, "key-value: the file was not closed cleanly");
        }
    }
}

/// Looks at the file before redb may write to it. Says whether it was closed properly, or is new.
fn prepare(path: &Path) -> Result<bool, OpenError> {
    let file_error = |source| OpenError::File { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() == 0 => return Ok(true),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(file_error(error)),
    }
    if discard_unfinished(path).map_err(file_error)? {
        return Ok(true);
    }
    // Read-only, so that a file from a newer version keeps every bit.
    match Builder::new().open_read_only(path) {
        Ok(database) => {
            let transaction = database.begin_read().map_err(|e| damaged(path, &e))?;
            refuse_newer(&transaction, path)?;
            Ok(true)
        }
        // `check_format` looks for the version again when redb has repaired it.
        Err(DatabaseError::RepairAborted) => Ok(false),
        Err(error) => Err(open_error(path, error)),
    }
}

/// Empties a file whose making was cut short: redb gives it its length first and its first bytes
/// last, and takes a file in between for damaged. Nothing was ever stored in it.
fn discard_unfinished(path: &Path) -> io::Result<bool> {
    const HEADER: usize = 4096;
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path)?;
    if file.try_lock().is_err() {
        return Ok(false); // In use, so it has been made.
    }
    let mut head = [0; HEADER];
    let length = file.metadata()?.len();
    if length < HEADER as u64 {
        return Ok(false);
    }
    file.read_exact(&mut head)?;
    if head[..8] != [0; 8] {
        return Ok(false);
    }
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let unfinished = rest.iter().all(|byte| *byte == 0);
    if unfinished {
        file.set_len(0)?;
    }
    Ok(unfinished)
}

fn open_database(
    path: &Path,
    options: &Options,
    health: &Arc<Health>,
    was_closed: bool,
) -> Result<Database, OpenError> {
    let file_error = |source| OpenError::File { path: path.to_owned(), source };
    let mut how = fs::OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false);
    // Sessions and carts are nobody else's business.
    #[cfg(unix)]
    how.mode(0o600);
    let file = how.open(path).map_err(file_error)?;
    let length = file.metadata().map_err(file_error)?.len();
    let shown = path.to_owned();
    let disk = Disk::new(file, health.clone()).map_err(|e| open_error(path, e))?;
    Builder::new()
        .set_cache_size(options.cache_bytes)
        .set_check_integrity_on_open(length <= VERIFY_MAX)
        .set_repair_callback(move |session| {
            // Called several times, and for a file that is verified all the same.
            if !was_closed && session.progress() == 0.0 {
                tracing::warn!(file = %shown.display(), length, "key-value: was not closed properly, verifying it");
            }
        })
        .create_with_backend(disk)
        .map_err(|error| open_error(path, error))
}

/// Refuses a newer file; gives a new one its tables.
fn check_format(database: &Database, path: &Path) -> Result<(), OpenError> {
    let transaction = database.begin_read().map_err(|e| damaged(path, &e))?;
    refuse_newer(&transaction, path)?;
    drop(transaction);
    create_tables(database).map_err(|error| damaged(path, &error))
}

fn refuse_newer(transaction: &ReadTransaction, path: &Path) -> Result<(), OpenError> {
    let row = match transaction.open_table(META) {
        Ok(table) => table.get(FORMAT_ROW).map_err(|e| damaged(path, &e))?,
        // Made, but not yet given its tables.
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(damaged(path, &error)),
    };
    match row.map(|row| row.value()) {
        Some(found) if found > FORMAT => Err(OpenError::Newer { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    if transaction.list_tables()?.next().is_some() {
        transaction.abort()?;
        return Ok(());
    }
    transaction.open_table(META)?.insert(FORMAT_ROW, FORMAT)?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(EXPIRY)?;
    transaction.open_table(USAGE)?;
    transaction.commit()?;
    Ok(())
}

fn snapshot(database: &Database) -> Result<Snapshot, Error> {
    Ok(database.begin_read()?.open_table(ENTRIES)?)
}

/// A new file is only safe once the folder that names it is on disk.
fn sync_folder(folder: &Path) -> Result<(), OpenError> {
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| OpenError::Folder { path: folder.to_owned(), source })
}

fn open_error(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => OpenError::Locked { path },
        DatabaseError::Storage(StorageError::Io(source))
            if source.kind() != io::ErrorKind::InvalidData && source.kind() != io::ErrorKind::UnexpectedEof =>
        {
            OpenError::File { path, source }
        }
        other => damaged(&path, &other),
    }
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), detail: error.to_string() }
}
