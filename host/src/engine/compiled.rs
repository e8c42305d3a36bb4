//! Compiled components on disk, so that a restart does not compile again.
//!
//! An entry is used only if this host wrote it as it is now: it must belong to us, be writable by nobody else, and
//! its content must have the SHA-256 that its first bytes state. Its name holds the component's hash and the
//! engine's compatibility hash. Anything else is compiled again and overwritten.

use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

const DIGEST_BYTES: usize = 32;

/// A folder of compiled components.
#[derive(Clone, Debug)]
pub struct CompiledCache {
    folder: PathBuf,
}

impl CompiledCache {
    /// Opens or makes `folder`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// The component whose binary is `wasm`, compiled now or before.
    ///
    /// # Errors
    /// When `wasm` is not a component that this engine can compile.
    pub fn component(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        let path = self.folder.join(entry_name(engine, wasm));
        if let Some(compiled) = read_trusted(&path) {
            // SAFETY: `read_trusted` returned bytes that a host of ours wrote for itself, unchanged since: nobody
            // else could write the file, and its content has the digest that was stored with it.
            match unsafe { Component::deserialize(engine, &compiled) } {
                Ok(component) => return Ok(component),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a compiled component is unusable; compiling again")
                }
            }
        }
        let compiled = engine.precompile_component(wasm)?;
        if let Err(error) = write_entry(&path, &compiled) {
            tracing::warn!(path = %path.display(), %error, "cannot keep a compiled component; the next start compiles again");
        }
        // SAFETY: these bytes come from `precompile_component` of this very engine, a line above.
        unsafe { Component::deserialize(engine, &compiled) }
    }
}

/// `HASH-OF-COMPONENT.HASH-OF-ENGINE.cwasm`
fn entry_name(engine: &Engine, wasm: &[u8]) -> String {
    let mut compatibility = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    format!("{}.{:016x}.cwasm", hex(&Sha256::digest(wasm)), compatibility.finish())
}

/// The entry at `path` if it can be trusted.
fn read_trusted(path: &Path) -> Option<Vec<u8>> {
    let mut file = std::fs::File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    io::Read::read_to_end(&mut file, &mut content).ok()?;
    let is_whole =
        content.len() > DIGEST_BYTES && Sha256::digest(&content[DIGEST_BYTES..]).as_slice() == &content[..DIGEST_BYTES];
    if !(is_ours && is_whole) {
        tracing::warn!(path = %path.display(), is_ours, is_whole, "a compiled component is damaged or foreign; compiling again");
        return None;
    }
    content.drain(..DIGEST_BYTES);
    Some(content)
}

/// Writes beside the entry and renames, so that no reader ever sees half of one.
fn write_entry(path: &Path, compiled: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&Sha256::digest(compiled))?;
    file.write_all(compiled)?;
    std::fs::rename(&draft, path)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn only_entry(folder: &Path) -> PathBuf {
        let mut entries = std::fs::read_dir(folder).unwrap();
        let entry = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none());
        entry
    }

    #[test]
    fn damaged_and_foreign_entries_are_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CompiledCache::open(folder.path().to_owned()).unwrap();
        let engine = Engine::default();
        cache.component(&engine, COMPONENT).unwrap();
        let path = only_entry(folder.path());
        let good = std::fs::read(&path).unwrap();
        assert!(read_trusted(&path).is_some());

        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [flipped.as_slice(), &good[..good.len() / 2], b"", b"not compiled"] {
            std::fs::write(&path, bad).unwrap();
            assert!(read_trusted(&path).is_none());
            cache.component(&engine, COMPONENT).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), good, "written again");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(read_trusted(&path).is_none(), "writable by others");
    }

    #[test]
    fn what_is_no_component_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CompiledCache::open(folder.path().to_owned()).unwrap();
        assert!(cache.component(&Engine::default(), b"\0asm\x01\0\0\0").is_err());
        assert!(cache.component(&Engine::default(), b"hello").is_err());
    }
}
