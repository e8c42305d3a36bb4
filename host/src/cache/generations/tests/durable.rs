//! Purges outlive the process, and whatever becomes of the file, none is forgotten without a word.

use std::fs;
use std::path::PathBuf;

use super::super::record::{Fault, Kind, RECORD};
use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("purges")
    }

    fn open(&self) -> Generations {
        Generations::open_with(Some(&self.file()), clock, tables::PREFIXES_MAX).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn purges() -> [Purge; 5] {
    [
        hard(url("https://a.example/1")),
        soft(url("https://a.example/2")),
        hard(What::Prefix("https://b.example/a/prefix/that/is/longer/than/a/record".into())),
        hard(What::Tag("t".into())),
        hard(What::Prefix("https://c.example/".into())),
    ]
}

/// What each of the purges hits, and what none of them does.
fn entries(generations: &Generations) -> [Entry; 6] {
    [
        ("https://a.example/1", ""),
        ("https://a.example/2", ""),
        ("https://b.example/a/prefix/that/is/longer/than/a/record/1", ""),
        ("https://b.example/", "t"),
        ("https://c.example/", ""),
        ("https://d.example/", ""),
    ]
    .map(|(key, tag)| Entry::new(generations, key, &[tag]))
}

const STAND: [Standing; 6] =
    [Standing::Hard, Standing::Soft, Standing::Hard, Standing::Hard, Standing::Hard, Standing::Valid];

/// A file with purges, the entries that they hit, and where the record of each begins.
fn written() -> (Vec<u8>, [Entry; 6], Vec<usize>) {
    let folder = Folder::new();
    let generations = folder.open();
    let entries = entries(&generations);
    let mut starts = Vec::new();
    for purge in purges() {
        starts.push(fs::metadata(folder.file()).unwrap().len() as usize);
        generations.purge(&purge).unwrap();
    }
    // As after `kill -9`: before anything is closed.
    (fs::read(folder.file()).unwrap(), entries, starts)
}

/// How the entries stand when the host starts with this file.
fn stand(bytes: &[u8], entries: &[Entry]) -> (Vec<Standing>, Vec<String>) {
    let folder = Folder::new();
    fs::write(folder.file(), bytes).unwrap();
    NOW_MS.set(NOW_MS.get() + 1);
    let generations = folder.open();
    let anew = |entry: &Entry| generations.standing(&Checked::default(), entry.sequence, &entry.key, &entry.tags);
    let stand: Vec<_> = entries.iter().map(anew).collect();
    let late = Entry::new(&generations, "https://a.example/1", &["t"]);
    assert_eq!(late.standing(&generations), Standing::Valid, "what comes later is not purged");
    drop(generations);
    let again = folder.open();
    let anew = |entry: &Entry| again.standing(&Checked::default(), entry.sequence, &entry.key, &entry.tags);
    assert_eq!(entries.iter().map(anew).collect::<Vec<_>>(), stand, "once more");
    (stand, folder.names())
}

/// How they stand by what the file says; none if it says nothing that could be relied on.
fn stand_by_file(bytes: &[u8], entries: &[Entry]) -> Option<Vec<Standing>> {
    let folder = Folder::new();
    fs::write(folder.file(), bytes).unwrap();
    let replayed = file::replay(&folder.file(), tables::PREFIXES_MAX).unwrap();
    let name = if replayed.is_new { "purges.damaged" } else { "purges" };
    assert_eq!(folder.names(), [name]);
    assert_eq!(fs::read(folder.0.path().join(name)).unwrap(), bytes, "it is left as it is");
    let stand = entries.iter().map(|entry| replayed.tables.standing(entry.sequence, &entry.key, &entry.tags));
    (!replayed.is_new).then(|| stand.collect())
}

#[test]
fn they_outlive_the_process() {
    let (bytes, entries, _) = written();
    assert_eq!(stand(&bytes, &entries), (STAND.to_vec(), vec!["purges".to_owned()]));
}

#[test]
fn a_torn_end_is_cut() {
    let (bytes, entries, mut starts) = written();
    starts.push(bytes.len());
    for length in starts[0]..=bytes.len() {
        let whole = starts[1..].iter().filter(|end| **end <= length).count();
        let mut expected = [Standing::Valid; 6];
        expected[..whole].copy_from_slice(&STAND[..whole]);
        assert_eq!(stand_by_file(&bytes[..length], &entries), Some(expected.to_vec()), "cut at {length}");
        if starts.contains(&length) {
            let zeros = [&bytes[..length], &[0; 100]].concat();
            assert_eq!(stand_by_file(&zeros, &entries), Some(expected.to_vec()), "zeros from {length} on");
            assert_eq!(stand(&zeros, &entries).0, expected, "zeros from {length} on");
        }
    }
    for length in 0..RECORD {
        assert_eq!(stand_by_file(&bytes[..length], &entries), None, "without a seed: {length}");
    }
}

#[test]
fn damage_purges_everything() {
    let (bytes, entries, _) = written();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            // Behind the text of a prefix nothing is read.
            let expected = is_filling(&bytes, at).then(|| STAND.to_vec());
            assert_eq!(stand_by_file(&damaged, &entries), expected, "bit {bit} of {at} is wrong");
        }
    }
    let (front, back) = bytes.split_at(bytes.len() / 2);
    let damaged = [front, &back[1..]].concat();
    let names = ["purges", "purges.damaged"].map(str::to_owned);
    assert_eq!(stand(&damaged, &entries), (vec![Standing::Hard; 6], names.to_vec()), "a byte is missing");
}

#[test]
fn a_record_behind_what_looks_torn_tells_that_it_is_damage() {
    let mut bytes = Vec::new();
    let kinds = [Kind::Seed(7), Kind::Prefix("x".repeat(100).into()), Kind::Name(7)];
    let [seed, prefix, name] = kinds.map(|kind| {
        let mut bytes = Vec::new();
        Record { sequence: 9, is_soft: false, kind }.write(&mut bytes);
        bytes
    });
    bytes.extend([&*seed, &prefix[..RECORD]].concat());
    assert_eq!(stand_by_file(&bytes, &[]), Some(Vec::new()));
    bytes.extend(name);
    assert_eq!(stand_by_file(&bytes, &[]), None);
}

fn is_filling(bytes: &[u8], at: usize) -> bool {
    let mut start = 0;
    loop {
        let (record, length) = Record::read(&bytes[start..]).unwrap();
        if at < start + length {
            return matches!(record.kind, Kind::Prefix(text) if at >= start + RECORD + text.len());
        }
        start += length;
    }
}

#[test]
fn what_is_no_file_of_purges_purges_everything() {
    let (_, entries, _) = written();
    let cases: [&[u8]; 4] = [b"", b"short", &[0; 500], &[b'x'; 5000]];
    for bytes in cases {
        assert_eq!(stand(bytes, &entries).0, [Standing::Hard; 6]);
    }
}

#[test]
fn a_file_that_is_gone_purges_everything() {
    let folder = Folder::new();
    let entry = Entry::new(&folder.open(), "https://a.example/", &[]);
    fs::remove_file(folder.file()).unwrap();
    NOW_MS.set(NOW_MS.get() + 1);
    assert_eq!(entry.standing(&folder.open()), Standing::Hard);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let folder = Folder::new();
    let path = folder.0.path().join("none").join("purges");
    let error = Generations::open(Some(&path)).err().unwrap();
    assert!(error.to_string().starts_with(&format!("cannot keep purges in {}: ", path.display())), "{error}");
}

#[test]
fn numbers_from_before_a_restart_do_not_come_again() {
    let folder = Folder::new();
    let generations = folder.open();
    let mut last = 0;
    // Time passes, and nothing is purged.
    for _ in 0..100 {
        NOW_MS.set(NOW_MS.get() + 10_000);
        last = generations.next();
    }
    drop(generations);
    NOW_MS.set(0);
    let generations = folder.open();
    assert!(generations.next() > last, "the clock was set back");
    let entry = Entry::new(&generations, "https://a.example/", &[]);
    drop(generations);
    let generations = folder.open();
    generations.purge(&hard(What::Everything)).unwrap();
    assert_eq!(entry.standing(&generations), Standing::Hard);
}

fn set_failing(generations: &Generations, fails: bool) {
    *generations.log.as_ref().unwrap().fails() = fails;
}

#[test]
fn a_disk_that_fails_is_told_and_nothing_is_lost_when_it_works_again() {
    let folder = Folder::new();
    let generations = folder.open();
    let entries = entries(&generations);
    let [first, second, rest @ ..] = purges();
    generations.purge(&first).unwrap();
    set_failing(&generations, true);
    let error = generations.purge(&second).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the purge is in effect, but a restart may forget it: it could not be written: a fault that the test asked for"
    );
    assert_eq!(entries[1].standing(&generations), Standing::Soft);
    rest.iter().take(2).for_each(|purge| generations.invalidate(purge));
    set_failing(&generations, false);
    generations.purge(&rest[2]).unwrap();
    assert_eq!(stand(&fs::read(folder.file()).unwrap(), &entries).0, STAND);
}

#[test]
fn a_disk_that_works_again_only_at_the_end() {
    let folder = Folder::new();
    let generations = folder.open();
    let entries = entries(&generations);
    set_failing(&generations, true);
    purges().iter().for_each(|purge| generations.purge(purge).unwrap_err().to_string().clear());
    set_failing(&generations, false);
    drop(generations);
    assert_eq!(stand(&fs::read(folder.file()).unwrap(), &entries).0, STAND);
}

#[test]
fn what_finds_no_room_in_the_queue_is_written_all_the_same() {
    let folder = Folder::new();
    let generations = folder.open();
    let entry = |number| Entry::new(&generations, &format!("https://a.example/{number}"), &[]);
    let entries: Vec<_> = (0..2 * (log::JOBS_MAX + log::BATCH_MAX)).map(entry).collect();
    let standing_still = generations.log.as_ref().unwrap().fails();
    entries.iter().for_each(|entry| generations.invalidate(&hard(url(entry.key.url()))));
    drop(standing_still);
    generations.purge(&hard(What::Tag("t".into()))).unwrap();
    let (stand, _) = stand(&fs::read(folder.file()).unwrap(), &entries);
    assert!(stand.iter().all(|stand| *stand == Standing::Hard));
}

#[test]
fn the_file_does_not_grow_without_end() {
    let folder = Folder::new();
    let generations = folder.open();
    let entries: Vec<_> =
        (0..200).map(|number| Entry::new(&generations, &format!("https://a.example/{}", number * 1000), &[])).collect();
    for number in 0..200_000 {
        generations.invalidate(&hard(url(&format!("https://a.example/{number}"))));
        if number % 3000 == 0 {
            // So that the queue is never full.
            generations.purge(&hard(What::Tag("t".into()))).unwrap();
        }
    }
    generations.purge(&hard(What::Tag("t".into()))).unwrap();
    let length = fs::metadata(folder.file()).unwrap().len();
    assert!(length < 5_500_000, "{length} bytes: a record for each purge would be 6,400,000");
    drop(generations);
    let generations = folder.open();
    assert!(entries.iter().all(|entry| entry.standing(&generations) == Standing::Hard));
}

#[test]
fn records_are_read_as_they_were_written() {
    let kinds = [
        Kind::Name(u64::MAX),
        Kind::Slot(65_535),
        Kind::Everything,
        Kind::Prefix("".into()),
        Kind::Prefix("https://a.example/ä".into()),
        Kind::Prefix("x".repeat(record::TEXT_MAX).into()),
        Kind::Reserved,
        Kind::Seed(7),
    ];
    for kind in kinds {
        for is_soft in [false, true] {
            let record = Record { sequence: 1 << 57 | 3, is_soft, kind: kind.clone() };
            let mut bytes = Vec::new();
            record.write(&mut bytes);
            assert_eq!(bytes.len() % RECORD, 0);
            for length in 0..bytes.len() {
                assert_eq!(Record::read(&bytes[..length]), Err(Fault::Short), "{length} bytes of {record:?}");
            }
            let length = bytes.len();
            bytes.push(7);
            assert_eq!(Record::read(&bytes), Ok((record, length)));
        }
    }
}

proptest! {
    /// Whatever is in the file, reading it says something.
    #[test]
    fn anything_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0..1000_usize) {
        let mut file = Vec::new();
        let purges = purges().map(|purge| Kind::of(&purge.what, 7)).concat();
        let kinds = [Kind::Seed(7)].into_iter().chain(purges);
        kinds.for_each(|kind| Record { sequence: 9, is_soft: false, kind }.write(&mut file));
        file.truncate(at);
        file.extend(bytes);
        stand_by_file(&file, &[]);
    }
}
