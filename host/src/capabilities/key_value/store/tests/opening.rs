//! What may be wrong with the folder and the file: one line each, nothing lost.

use redb::{Database, TableDefinition};

use super::super::layout::{FORMAT, FORMAT_ROW, META};
use super::super::{FILE_NAME, OpenError};
use super::*;

fn error(folder: impl AsRef<Path>) -> OpenError {
    match Engine::open(folder.as_ref()) {
        Ok(_) => panic!("it opened"),
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            error
        }
    }
}

fn with_an_entry() -> Folder {
    let folder = Folder::new();
    let store = folder.open().store("s").unwrap();
    run(store.set("a".into(), bytes("1"))).unwrap();
    folder
}

#[test]
fn a_missing_folder_is_made() {
    let folder = Folder::new();
    Engine::open(&folder.0.join("a/b")).unwrap();
    assert!(folder.0.join("a/b").join(FILE_NAME).exists());
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = with_an_entry();
    let mode = fs::metadata(folder.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_folder_that_cannot_be() {
    let folder = Folder::new();
    fs::write(folder.0.join("file"), "").unwrap();
    for path in [folder.0.join("file"), folder.0.join("file/below")] {
        let error = error(&path);
        assert!(matches!(error, OpenError::Folder { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::create_dir(folder.file()).unwrap();
    assert!(matches!(error(&folder), OpenError::File { .. }));
}

#[test]
fn in_use() {
    let folder = with_an_entry();
    let engine = folder.open();
    let error = error(&folder);
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(engine);
    folder.open();
}

#[test]
fn a_newer_file_is_refused_and_left_as_it_is() {
    let folder = with_an_entry();
    let database = Database::create(folder.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(FORMAT_ROW, FORMAT + 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let before = fs::read(folder.file()).unwrap();
    let newer = error(&folder);
    assert_eq!(
        newer.to_string(),
        format!(
            "{} was written by a newer version (format 2; this one reads up to 1): run that \
             version, or choose another data folder; the file was left as it is",
            folder.file().display()
        )
    );
    assert!(fs::read(folder.file()).unwrap() == before);
}

/// A copy taken while it is open is what a crash leaves: not closed properly.
#[test]
fn a_newer_file_after_a_crash_is_refused() {
    let folder = with_an_entry();
    let database = Database::create(folder.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(FORMAT_ROW, FORMAT + 1).unwrap();
    transaction.commit().unwrap();
    let copy = Folder::new();
    fs::copy(folder.file(), copy.file()).unwrap();
    assert!(matches!(error(&copy), OpenError::Newer { found: 2, .. }));
    assert!(matches!(error(&copy), OpenError::Newer { found: 2, .. }));
}

#[test]
fn not_a_database() {
    for content in [&b"x"[..], &[b'x'; 10_000], b"redb\x1a\x0a\xa9\x0d\x0a"] {
        let folder = Folder::new();
        fs::write(folder.file(), content).unwrap();
        let error = error(&folder);
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(folder.file()).unwrap(), content);
    }
}

#[test]
fn an_empty_file_and_one_whose_making_was_cut_short_are_new() {
    let whole = with_an_entry();
    let length = fs::metadata(whole.file()).unwrap().len();
    let mut header = fs::read(whole.file()).unwrap();
    header[..9].fill(0);
    for content in [vec![], vec![0; length as usize], {
        header[4096..].fill(0);
        header.clone()
    }] {
        let folder = Folder::new();
        fs::write(folder.file(), content).unwrap();
        let store = folder.open().store("s").unwrap();
        run(store.set("a".into(), bytes("1"))).unwrap();
    }
    // With something behind the missing head it is damaged, and kept.
    let folder = Folder::new();
    header[5000] = 1;
    fs::write(folder.file(), &header).unwrap();
    assert!(matches!(error(&folder), OpenError::Damaged { .. }));
    assert!(fs::read(folder.file()).unwrap() == header);
}

#[test]
fn a_database_without_its_tables() {
    // Made, and killed before the tables were: gets them.
    let folder = Folder::new();
    drop(Database::create(folder.file()).unwrap());
    let store = folder.open().store("s").unwrap();
    run(store.set("a".into(), bytes("1"))).unwrap();

    // Someone else's.
    let folder = Folder::new();
    let database = Database::create(folder.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    let theirs: TableDefinition<u64, u64> = TableDefinition::new("theirs");
    transaction.open_table(theirs).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = error(&folder);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

/// Bits that flip while it is closed.
#[test]
fn damage_is_found_at_the_start_and_kept() {
    let folder = Folder::new();
    let store = folder.open().store("s").unwrap();
    let items: Vec<_> = (0..500).map(|n| (format!("{n}"), until(n + 1, &[7; 100]))).collect();
    run(store.set_many(items.clone())).unwrap();
    drop(store);
    let whole = fs::read(folder.file()).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();

    let mut random = fastrand::Rng::with_seed(7);
    let mut found = 0;
    for _ in 0..100 {
        let mut damaged = whole.clone();
        damaged[random.usize(..=used)] ^= 1 << random.u32(..8);
        fs::write(folder.file(), &damaged).unwrap();
        match Engine::open(&folder.0) {
            Ok(engine) => {
                let store = engine.store("s").unwrap();
                for (key, value) in &items {
                    assert_eq!(store.get(key, 0).unwrap().as_ref(), Some(value));
                }
            }
            Err(OpenError::Damaged { .. }) => {
                found += 1;
                assert!(fs::read(folder.file()).unwrap() == damaged, "it was kept");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(found > 10, "{found} of 100");
}

#[test]
fn a_file_cut_short() {
    let folder = with_an_entry();
    let whole = fs::read(folder.file()).unwrap();
    for length in [9, 100, 4096, 8192, whole.len() / 2, whole.len() - 1] {
        fs::write(folder.file(), &whole[..length]).unwrap();
        let error = error(&folder);
        assert!(matches!(error, OpenError::Damaged { .. }), "{length}: {error}");
    }
}
