//! Whose a folder is: a file in it says that it is a cache's, and is locked by the process that uses it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use super::DiskError;

const MARK: &str = "tidegate-cache";
const FORMAT: &str = "tidegate cache 1\n";

/// Makes the folder if need be, and claims it for as long as the file that this returns is open.
pub fn claim(folder: &Path) -> Result<File, DiskError> {
    let folder_error = |source| DiskError::Folder { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(folder_error)?;
    let path = folder.join(MARK);
    let is_marked = path.try_exists().map_err(folder_error)?;
    if !is_marked && fs::read_dir(folder).map_err(folder_error)?.next().is_some() {
        return Err(DiskError::Foreign { path: folder.to_owned() });
    }
    let mut file = options().create(true).open(&path).map_err(folder_error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(DiskError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(folder_error(source)),
    }
    let mut found = Vec::new();
    (&file).take(100).read_to_end(&mut found).map_err(folder_error)?;
    if found.is_empty() {
        // New, or cut short in the making.
        file.write_all(FORMAT.as_bytes()).map_err(folder_error)?;
    } else if found != FORMAT.as_bytes() {
        let found = String::from_utf8_lossy(&found).into_owned();
        return Err(DiskError::Version { path: folder.to_owned(), found });
    }
    Ok(file)
}

/// How the files of the cache are opened: for nobody else.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Deletes a file. That it is not there is no error.
pub fn delete(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
