//! What surrounds a function in a test: its stores, variables, files, and the answers to its fetches.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    pin::Pin,
    rc::Rc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::{
    Result,
    http::{Request, Response},
};

pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response>>>>;

/// One for each thread: the test harness gives every test its own, so tests cannot disturb each other.
pub(super) struct World {
    stores: HashMap<String, BTreeMap<String, Vec<u8>>>,
    pub(super) variables: HashMap<String, String>,
    pub(super) files: Vec<(String, Mounted)>,
    pub(super) fetch: Option<Rc<dyn Fn(Request) -> Answer>>,
    pub(super) now: SystemTime,
}

pub(super) enum Mounted {
    Bytes(Bytes),
    /// A file, or a folder whose files appear below the path.
    Disk(PathBuf),
}

impl Default for World {
    fn default() -> Self {
        Self {
            stores: HashMap::new(),
            variables: HashMap::new(),
            files: Vec::new(),
            fetch: None,
            // A round number: tests are the same every day.
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000),
        }
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

pub(super) fn with_world<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(f)
}

impl World {
    pub(super) fn store(&mut self, name: &str) -> &mut BTreeMap<String, Vec<u8>> {
        self.stores.entry(name.to_owned()).or_default()
    }

    pub(super) fn read_file(&self, path: &str) -> Result<Option<Bytes>> {
        let path = path.trim_start_matches('/');
        let found = self.files.iter().rev().find_map(|(mounted_at, file)| {
            let rest = path.strip_prefix(mounted_at.as_str())?;
            match file {
                Mounted::Bytes(bytes) => rest.is_empty().then(|| Ok(bytes.clone())),
                Mounted::Disk(on_disk) if rest.is_empty() => Some(std::fs::read(on_disk).map(Bytes::from)),
                Mounted::Disk(folder) => {
                    let on_disk = folder.join(rest.strip_prefix('/')?);
                    on_disk.is_file().then(|| std::fs::read(on_disk).map(Bytes::from))
                }
            }
        });
        Ok(found.transpose()?)
    }
}
