use std::thread;

use super::*;

const CLAIMS_MAX: usize = 100;
const LONG: Duration = Duration::from_secs(600);

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn key(number: usize) -> Key {
    Key::of(&format!("https://shop.example/{number}"))
}

fn hold<F>(claims: &Arc<Claims<F>>, key: &Key, sequence: u64) -> Claim<F> {
    match claims.claim(key, sequence, |_| false) {
        Claimed::Held(claim) => claim,
        Claimed::Taken(_) => panic!("{key} is taken"),
        Claimed::Full => panic!("full"),
    }
}

fn join<F>(claims: &Arc<Claims<F>>, key: &Key) -> Waiting<F> {
    match claims.claim(key, 0, |_| false) {
        Claimed::Taken(waiting) => waiting,
        _ => panic!("{key} is free"),
    }
}

#[test]
fn those_who_wait_are_told() {
    type Ends = fn(Claim<u8>);
    let cases: [(&str, Ends, Result<u8, Released>); 8] = [
        ("offered and ended", |claim| (claim.offer(7), claim.end()).1, Ok(7)),
        ("released", |claim| claim.release(Released::Failed), Err(Released::Failed)),
        ("dropped", drop, Err(Released::Gone)),
        ("ended with nothing", Claim::end, Err(Released::Gone)),
        ("offered, then broken", |claim| claim.offer(7), Err(Released::Gone)),
        (
            "offered, then released",
            |claim| (claim.offer(7), claim.release(Released::Unshared)).1,
            Err(Released::Unshared),
        ),
        ("offered twice", |claim| (claim.offer(7), claim.offer(8), claim.end()).2, Ok(8)),
        ("held", |claim| std::mem::forget(claim), Err(Released::TooLong)),
    ];
    for (name, end, expected) in cases {
        let claims = Claims::new(CLAIMS_MAX);
        let claim = hold(&claims, &key(1), 1);
        assert_eq!(claim.sequence(), 1);
        let (first, second) = (join(&claims, &key(1)), join(&claims, &key(1)));
        let at_most = if name == "held" { Duration::ZERO } else { LONG };
        end(claim);
        assert_eq!(run(first.wait(at_most)), expected, "{name}");
        assert_eq!(run(second.wait(at_most)), expected, "{name}");
        if name != "held" {
            assert_eq!(claims.held(), 0, "{name}");
            hold(&claims, &key(1), 2);
        }
    }
}

#[test]
fn what_is_offered_is_there_at_once() {
    let claims = Claims::new(CLAIMS_MAX);
    let claim = hold(&claims, &key(1), 1);
    claim.offer("head");
    assert_eq!(run(join(&claims, &key(1)).wait(Duration::ZERO)), Ok("head"));
    hold(&claims, &key(2), 2).release(Released::Unshared);
}

#[test]
fn a_waiter_that_is_waiting_already_is_woken() {
    let claims = Claims::new(CLAIMS_MAX);
    let claim = hold(&claims, &key(1), 1);
    run(async {
        let waiting = tokio::spawn(join(&claims, &key(1)).wait(LONG));
        tokio::task::yield_now().await;
        claim.offer(7);
        assert_eq!(waiting.await.unwrap(), Ok(7));
    });
}

#[test]
fn a_claim_that_is_outdated_is_replaced() {
    let claims = Claims::new(CLAIMS_MAX);
    let old = hold(&claims, &key(1), 1);
    let patient = join(&claims, &key(1));
    let Claimed::Held(new) = claims.claim(&key(1), 3, |sequence| sequence <= 2) else { panic!("joined") };
    assert_eq!(claims.held(), 2);
    let joined = join(&claims, &key(1));
    old.offer("old");
    assert_eq!(run(patient.wait(LONG)), Ok("old"));
    old.end();
    assert_eq!(claims.held(), 1);
    let late = join(&claims, &key(1));
    new.offer("new");
    new.end();
    assert_eq!(run(joined.wait(LONG)), Ok("new"));
    assert_eq!(run(late.wait(LONG)), Ok("new"));
    hold(&claims, &key(1), 4);
}

#[test]
fn full_is_an_answer_and_places_come_back() {
    let claims = Claims::<()>::new(2);
    let (first, second) = (hold(&claims, &key(1), 1), hold(&claims, &key(2), 2));
    assert!(matches!(claims.claim(&key(3), 3, |_| false), Claimed::Full));
    assert!(matches!(claims.claim(&key(1), 3, |_| true), Claimed::Full), "replacing takes a place too");
    join(&claims, &key(1));
    drop(first);
    let third = hold(&claims, &key(3), 4);
    drop((second, third));
    assert_eq!(claims.held(), 0);
    assert!(claims.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));
}

/// A store, and an upstream that counts.
struct World {
    claims: Arc<Claims<u64>>,
    stored: Mutex<Option<u64>>,
    fetches: AtomicUsize,
}

#[test]
fn a_thousand_misses_cost_one_fetch() {
    for seed in 0..20 {
        let world =
            Arc::new(World { claims: Claims::new(CLAIMS_MAX), stored: Mutex::new(None), fetches: AtomicUsize::new(0) });
        thread::scope(|scope| {
            for core in 0..4 {
                let world = &world;
                scope.spawn(move || {
                    run(async {
                        let mut random = fastrand::Rng::with_seed(seed * 4 + core);
                        let mut tasks = tokio::task::JoinSet::new();
                        for _ in 0..250 {
                            tasks.spawn(ask(Arc::clone(world), random.fork()));
                        }
                        assert!(tasks.join_all().await.iter().all(|answer| *answer == 7));
                    });
                });
            }
        });
        assert_eq!(world.fetches.load(Ordering::Relaxed), 1, "seed {seed}");
    }
}

async fn ask(world: Arc<World>, mut random: fastrand::Rng) -> u64 {
    loop {
        if let Some(stored) = *world.stored.lock().unwrap() {
            return stored;
        }
        match world.claims.claim(&key(1), 1, |_| false) {
            Claimed::Held(claim) => {
                if let Some(stored) = *world.stored.lock().unwrap() {
                    claim.release(Released::Unshared);
                    return stored;
                }
                pause(&mut random).await;
                if random.u8(..4) > 0 {
                    continue; // It goes away before it has asked anybody.
                }
                world.fetches.fetch_add(1, Ordering::Relaxed);
                claim.offer(7);
                pause(&mut random).await;
                *world.stored.lock().unwrap() = Some(7);
                claim.end();
                return 7;
            }
            Claimed::Taken(waiting) => match waiting.wait(LONG).await {
                Ok(offered) => return offered,
                Err(released) => assert_ne!(released, Released::TooLong),
            },
            Claimed::Full => panic!("full"),
        }
    }
}

async fn pause(random: &mut fastrand::Rng) {
    for _ in 0..random.u32(..4) {
        tokio::task::yield_now().await;
    }
}

/// Some keys, and what is known of each.
struct Keys {
    claims: Arc<Claims<u64>>,
    last: AtomicU64,
    keys: Vec<Known>,
}

#[derive(Default)]
struct Known {
    /// The sequence of the last purge.
    purged: AtomicU64,
    /// The sequences of those who hold it.
    holders: Mutex<Vec<u64>>,
}

#[test]
fn nobody_hangs_and_one_holds() {
    for seed in 0..40 {
        let keys = (0..3).map(|_| Known::default()).collect();
        let world = Arc::new(Keys { claims: Claims::new(CLAIMS_MAX), last: AtomicU64::new(0), keys });
        thread::scope(|scope| {
            for core in 0..4 {
                let world = &world;
                scope.spawn(move || {
                    run(async {
                        let mut random = fastrand::Rng::with_seed(seed * 4 + core);
                        let mut tasks = tokio::task::JoinSet::new();
                        for _ in 0..30 {
                            tasks.spawn(live(Arc::clone(world), random.fork()));
                        }
                        tasks.join_all().await;
                    });
                });
            }
        });
        assert_eq!(world.claims.held(), 0, "seed {seed}");
        assert!(world.claims.shards.iter().all(|shard| shard.lock().unwrap().is_empty()), "seed {seed}");
    }
}

async fn live(world: Arc<Keys>, mut random: fastrand::Rng) {
    let next = || world.last.fetch_add(1, Ordering::SeqCst) + 1;
    for _ in 0..20 {
        let number = random.usize(..world.keys.len());
        let known = &world.keys[number];
        if random.u8(..10) == 0 {
            known.purged.fetch_max(next(), Ordering::SeqCst);
        }
        let is_outdated = |sequence| sequence <= known.purged.load(Ordering::SeqCst);
        let purged = known.purged.load(Ordering::SeqCst);
        match world.claims.claim(&key(number), next(), is_outdated) {
            Claimed::Held(claim) => {
                hold_for_a_while(claim, known, &mut random).await;
            }
            Claimed::Taken(waiting) => match waiting.wait(LONG).await {
                Ok(offered) => assert!(offered > purged, "joined what was fetched before a purge"),
                Err(released) => assert_ne!(released, Released::TooLong),
            },
            Claimed::Full => panic!("full"),
        }
    }
}

async fn hold_for_a_while(claim: Claim<u64>, known: &Known, random: &mut fastrand::Rng) {
    let sequence = claim.sequence();
    {
        let mut holders = known.holders.lock().unwrap();
        holders.push(sequence);
        // Those from before the last purge may have been replaced.
        let purged = known.purged.load(Ordering::SeqCst);
        assert!(holders.iter().filter(|holder| **holder > purged).count() <= 1, "{holders:?} since {purged}");
    }
    pause(random).await;
    let offers = random.bool();
    if offers {
        claim.offer(sequence);
        pause(random).await;
    }
    known.holders.lock().unwrap().retain(|holder| *holder != sequence);
    match random.u8(..3) {
        0 => claim.release(Released::Unshared),
        1 if offers => claim.end(),
        _ => drop(claim),
    }
}
