//! Purges against what the contract says of each: [`What::covers`].

mod durable;
mod races;

use std::cell::Cell;

use proptest::prelude::*;
use tidegate_cache::What;

use super::record::Name;
use super::*;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(1_000_000) };
}

/// A clock that only goes when it is told to.
fn clock() -> u64 {
    NOW_MS.get()
}

fn without_file() -> Generations {
    Generations::open_with(None, clock, tables::PREFIXES_MAX).unwrap()
}

fn hard(what: What) -> Purge {
    Purge { what, is_soft: false }
}

fn soft(what: What) -> Purge {
    Purge { what, is_soft: true }
}

fn url(text: &str) -> What {
    What::Url(text.into())
}

/// Something that is stored.
struct Entry {
    sequence: u64,
    key: Key,
    tags: Vec<Arc<str>>,
    checked: Checked,
}

impl Entry {
    fn new(generations: &Generations, key: &str, tags: &[&str]) -> Self {
        let tags = tags.iter().map(|tag| Arc::from(*tag)).collect();
        Self { sequence: generations.next(), key: Key::of(key), tags, checked: Checked::default() }
    }

    fn standing(&self, generations: &Generations) -> Standing {
        let standing = generations.standing(&self.checked, self.sequence, &self.key, &self.tags);
        let anew = generations.standing(&Checked::default(), self.sequence, &self.key, &self.tags);
        assert_eq!(standing, anew, "what was told before is told again");
        standing
    }
}

#[test]
fn what_purges_reach() {
    let entries: [(&str, &[&str]); 6] = [
        ("https://a.example/", &["t", "u"]),
        ("https://a.example/p?x=1", &["t"]),
        ("https://a.example/p", &[]),
        ("http://a.example/p\nvary accept-encoding=br", &["T"]),
        ("https://a.example:8443/p#canary", &["u"]),
        ("https://aa.example/p", &["a.example"]),
    ];
    let cases: [(What, [u8; 6]); 13] = [
        (url("https://a.example/"), [1, 0, 0, 0, 0, 0]),
        (url("https://a.example/p"), [0, 0, 1, 0, 0, 0]),
        (url("https://a.example/p?x=1"), [0, 1, 1, 0, 0, 0]),
        (url("http://a.example/p"), [0, 0, 0, 1, 0, 0]),
        (url("https://a.example:8443/p"), [0, 0, 0, 0, 1, 0]),
        (What::Prefix("https://a.example/p".into()), [0, 1, 1, 0, 0, 0]),
        (What::Prefix("https://a.example/p?x=12".into()), [0; 6]),
        (What::Prefix("https://a".into()), [1, 1, 1, 0, 1, 1]),
        (What::Host("a.example".into()), [1, 1, 1, 1, 0, 0]),
        (What::Host("a.example:8443".into()), [0, 0, 0, 0, 1, 0]),
        (What::Tag("t".into()), [1, 1, 0, 0, 0, 0]),
        (What::Tag("a.example".into()), [0, 0, 0, 0, 0, 1]),
        (What::Everything, [1; 6]),
    ];
    for (what, expected) in cases {
        for is_soft in [false, true] {
            let generations = without_file();
            let make = || entries.map(|(key, tags)| Entry::new(&generations, key, tags));
            let before = make();
            assert!(before.iter().all(|entry| entry.standing(&generations) == Standing::Valid));
            let epoch = generations.epoch();
            generations.purge(&Purge { what: what.clone(), is_soft }).unwrap();
            assert!(generations.epoch() > epoch);
            let purged = if is_soft { Standing::Soft } else { Standing::Hard };
            for (entry, expected) in before.iter().zip(expected) {
                let expected = if expected == 1 { purged } else { Standing::Valid };
                assert_eq!(entry.standing(&generations), expected, "{what:?} of {}", entry.key);
                assert_eq!(generations.is_outdated(entry.sequence, &Key::of("*")), what == What::Everything);
            }
            assert!(make().iter().all(|entry| entry.standing(&generations) == Standing::Valid), "what came later");
        }
    }
}

#[test]
fn hard_outdoes_soft() {
    let generations = without_file();
    let entry = Entry::new(&generations, "https://a.example/", &["t"]);
    generations.invalidate(&soft(What::Tag("t".into())));
    assert_eq!(entry.standing(&generations), Standing::Soft);
    generations.invalidate(&soft(What::Tag("other".into())));
    assert_eq!(entry.standing(&generations), Standing::Soft);
    generations.invalidate(&hard(url("https://a.example/")));
    assert_eq!(entry.standing(&generations), Standing::Hard);
    generations.invalidate(&soft(What::Everything));
    assert_eq!(entry.standing(&generations), Standing::Hard);
}

#[test]
fn sequence_numbers_only_grow() {
    let generations = without_file();
    let first = generations.next();
    assert_eq!(first, 1_000_000 << 16);
    assert_eq!(generations.next(), first + 1);
    for now in [5, 0, 1_000_000, 999_999] {
        let before = generations.next();
        NOW_MS.set(now);
        assert_eq!(generations.next(), before + 1, "the clock was set to {now}");
    }
    NOW_MS.set(2_000_000);
    assert_eq!(generations.next(), 2_000_000 << 16);
    NOW_MS.set(u64::MAX);
    let far = generations.next();
    generations.invalidate(&hard(What::Everything));
    assert!(generations.next() > generations.epoch() && generations.epoch() > far);
    let entry = Entry::new(&generations, "https://a.example/", &[]);
    assert_eq!(entry.standing(&generations), Standing::Valid);
    generations.invalidate(&hard(What::Everything));
    assert_eq!(entry.standing(&generations), Standing::Hard);
}

#[test]
fn a_list_that_is_full_purges_the_host_of_the_oldest() {
    let generations = Generations::open_with(None, clock, 2).unwrap();
    let stands = |entries: &[Entry]| entries.iter().map(|entry| entry.standing(&generations)).collect::<Vec<_>>();
    let keys = ["https://a.example/1/", "https://a.example/2", "https://b.example/1/", "https://c.example/"];
    let entries = keys.map(|key| Entry::new(&generations, key, &[]));
    let prefix = |text: &str| What::Prefix(text.into());
    use Standing::{Hard, Soft, Valid};

    generations.purge(&soft(prefix("https://a.example/1"))).unwrap();
    generations.purge(&hard(prefix("https://b.example/1"))).unwrap();
    assert_eq!(stands(&entries), [Soft, Valid, Hard, Valid]);
    generations.purge(&hard(prefix("https://b.example/"))).unwrap();
    assert_eq!(stands(&entries), [Soft, Valid, Hard, Valid], "what it makes superfluous takes no place");
    let between = Entry::new(&generations, keys[1], &[]);
    generations.purge(&hard(prefix("https://d.example/x"))).unwrap();
    assert_eq!(stands(&entries), [Soft, Soft, Hard, Valid]);
    assert_eq!(between.standing(&generations), Valid, "it is younger than what was turned into a purge of its host");

    generations.purge(&soft(prefix("https://"))).unwrap();
    generations.purge(&hard(prefix("https://e.example/"))).unwrap();
    generations.purge(&hard(prefix("https://f.example/"))).unwrap();
    assert_eq!(stands(&entries), [Soft, Soft, Hard, Soft]);
}

#[test]
fn a_long_prefix_is_cut() {
    let generations = without_file();
    let long = format!("https://a.example/{}", "ä".repeat(1000));
    let entries = [&*long, &long[..1022], "https://a.example/"].map(|key| Entry::new(&generations, key, &[]));
    generations.purge(&hard(What::Prefix(long.as_str().into()))).unwrap();
    let stand = entries.map(|entry| entry.standing(&generations));
    assert_eq!(stand, [Standing::Hard, Standing::Valid, Standing::Valid]);
}

#[test]
fn what_is_as_old_as_a_purge_is_purged() {
    let key = Key::of("https://a.example/p");
    for what in [url(key.url()), What::Prefix("https://a.example/".into()), What::Everything] {
        for (purge, purged) in [(hard(what.clone()), Standing::Hard), (soft(what.clone()), Standing::Soft)] {
            let tables = Tables::new(7, 1);
            tables.records(&purge, 5).iter().for_each(|record| tables.apply(record));
            let stand = [4, 5, 6].map(|sequence| tables.standing(sequence, &key, &[]));
            assert_eq!(stand, [purged, purged, Standing::Valid], "{what:?}");
        }
    }
}

/// Files outlive versions: this must not change.
#[test]
fn hashes_are_stable() {
    let names = [Name::Url("https://a.example/"), Name::Host("a.example"), Name::Tag("a.example"), Name::Tag("")];
    let hashes = names.map(|name| name.hash(7));
    assert_eq!(hashes, HASHES);
}

const HASHES: [u64; 4] =
    [12_597_244_279_285_445_536, 8_104_770_049_973_995_088, 3_988_551_690_165_533_348, 10_841_145_016_722_949_654];

#[test]
fn names_share_slots_as_seldom_as_is_said() {
    for (count, at_least, at_most) in [(1_000, 0.0, 0.0001), (10_000, 0.035, 0.052), (30_000, 0.45, 0.53)] {
        let tables = Tables::new(7, 1);
        for number in 0..count {
            let purge = hard(What::Tag(format!("purged-{number}").into()));
            tables.records(&purge, 2).iter().for_each(|record| tables.apply(record));
        }
        // Of one whose URL and host were not hit, so that only its tag counts.
        let mut keys = (0..).map(|number| Key::of(&format!("https://{number}.example/")));
        let key = keys.find(|key| tables.standing(1, key, &[]) == Standing::Valid).unwrap();
        let is_hit = |tag: String| tables.standing(1, &key, &[tag.into()]) == Standing::Hard;
        let hits = (0..100_000).filter(|number| is_hit(format!("kept-{number}"))).count();
        let share = hits as f64 / 100_000.0;
        assert!((at_least..=at_most).contains(&share), "{share} of {count}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Store(usize, Vec<usize>),
    Purge(usize, bool),
    Invalidate(usize, bool),
    Clock(u64),
    Restart,
}

const KEYS: [&str; 8] = [
    "https://a.example/",
    "https://a.example/p",
    "https://a.example/p?x=1",
    "https://a.example/p/1\nvary accept=*",
    "http://a.example/p",
    "https://b.example/p/1#canary",
    "https://b.example:8443/p",
    "https://*/p",
];

const TAGS: [&str; 3] = ["t", "u", "a.example"];

fn whats() -> Vec<What> {
    let urls = KEYS.iter().map(|key| url(Key::of(key).url()));
    let hosts = ["a.example", "b.example", "b.example:8443", "c.example"].map(|host| What::Host(host.into()));
    let prefixes =
        ["https://a.example/", "https://a.example/p/", "https://b.example/p", "http://a", "https://c.example/"];
    let prefixes = prefixes.map(|prefix| What::Prefix(prefix.into()));
    let tags = TAGS.map(|tag| What::Tag(tag.into()));
    urls.chain(hosts).chain(prefixes).chain(tags).chain([What::Everything]).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let whats = whats().len();
    let step = prop_oneof![
        6 => (0..KEYS.len(), proptest::collection::vec(0..TAGS.len(), 0..3)).prop_map(|(key, tags)| Step::Store(key, tags)),
        2 => (0..whats, any::<bool>()).prop_map(|(what, is_soft)| Step::Purge(what, is_soft)),
        2 => (0..whats, any::<bool>()).prop_map(|(what, is_soft)| Step::Invalidate(what, is_soft)),
        1 => (0..3_000_000_u64).prop_map(Step::Clock),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..50)
}

/// How an entry has to stand after these purges.
fn due(purges: &[(Purge, usize)], entry: &Entry, stored_at: usize) -> Standing {
    let since = purges.iter().filter(|(_, at)| *at > stored_at);
    let covering = since.filter(|(purge, _)| purge.what.covers(&entry.key, &entry.tags));
    covering
        .map(|(purge, _)| if purge.is_soft { Standing::Soft } else { Standing::Hard })
        .max()
        .unwrap_or(Standing::Valid)
}

/// Whether an entry may be hit by more, because a prefix became a purge of its host.
fn may_be_hit(purges: &[(Purge, usize)], entry: &Entry) -> bool {
    purges.iter().any(|(purge, _)| match &purge.what {
        What::Prefix(prefix) => match prefix.splitn(4, '/').nth(3) {
            Some(_) => What::Host(prefix.split('/').nth(2).unwrap().into()).covers(&entry.key, &[]),
            None => true,
        },
        _ => false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Never too little is purged, and too much only when there is no room for prefixes; also over restarts, whatever
    /// the clock does.
    #[test]
    fn agrees_with_the_contract(steps in steps(), has_file in any::<bool>(), is_small in any::<bool>()) {
        NOW_MS.set(1_000_000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("purges");
        let file = has_file.then_some(&*path);
        let prefixes_max = if is_small { 2 } else { tables::PREFIXES_MAX };
        let open = || Generations::open_with(file, clock, prefixes_max).unwrap();
        let mut generations = Some(open());
        let (mut entries, mut purges) = (Vec::new(), Vec::new());
        for (at, step) in steps.into_iter().enumerate() {
            let now = generations.as_ref().unwrap();
            match step {
                Step::Store(key, tags) => {
                    let tags: Vec<_> = tags.iter().map(|tag| TAGS[*tag]).collect();
                    entries.push((Entry::new(now, KEYS[key], &tags), at));
                }
                Step::Purge(what, is_soft) => {
                    let purge = Purge { what: whats()[what].clone(), is_soft };
                    now.purge(&purge).unwrap();
                    purges.push((purge, at));
                }
                Step::Invalidate(what, is_soft) => {
                    let purge = Purge { what: whats()[what].clone(), is_soft };
                    now.invalidate(&purge);
                    purges.push((purge, at));
                }
                Step::Clock(now) => NOW_MS.set(now),
                Step::Restart if has_file => {
                    drop(generations.take());
                    generations = Some(open());
                    entries.iter_mut().for_each(|(entry, _): &mut (Entry, usize)| entry.checked = Checked::default());
                }
                Step::Restart => {}
            }
            for (entry, stored_at) in &entries {
                let (stands, due) = (entry.standing(generations.as_ref().unwrap()), due(&purges, entry, *stored_at));
                let is_explained = stands > due && is_small && may_be_hit(&purges, entry);
                prop_assert!(stands == due || is_explained, "{}: {stands:?} and not {due:?}", entry.key);
            }
        }
    }
}
