//! What a decision about a rate limit costs, in memory: at most 200 ns.
//!
//! `cargo bench -p bench-limit`. Where two cores decide at the same time, a line says what one decision costs one core.

use std::hint::black_box;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use http::{HeaderMap, Method};
use tidegate_core::{Client, RequestView, Source};
use tidegate_host::limit::memory::{Memory, take_all};
use tidegate_limit::{
    Algorithm, Count, Judged, Key, Limit, LimitId, Missing, Moment, Need, Quota, Recipe, StoreKind, Verdict, WhenDown,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MAX_KEYS: u32 = 200_000;
const KEYS: usize = 100_000;
const PERIOD: Duration = Duration::from_secs(1);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    whole_decisions(&mut criterion);
    one_core(&mut criterion);
    two_cores(&mut criterion);
    criterion.final_summary();
}

/// From the request to the verdict: who it is, in words, the clock and the take.
fn whole_decisions(criterion: &mut Criterion) {
    let headers = HeaderMap::new();
    let client = Client::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x1234, 0x5678, 1, 2, 3, 4)));
    let view = RequestView {
        method: &Method::GET,
        is_https: true,
        host: "shop.example",
        path: "/api/items",
        query: None,
        headers: &headers,
        client: &client,
    };
    let start = Instant::now();
    let mut decide = |name: &str, limits: &[Limit]| {
        let memories: Vec<_> = limits.iter().map(|limit| memory(limit.quota.algorithm())).collect();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let judged =
                    limits.iter().enumerate().map(|(id, limit)| limit.judge(LimitId(id), black_box(&view), "api"));
                let takes = judged.filter_map(|judged| match judged {
                    Judged::Take(take) => Some(take),
                    _ => None,
                });
                let count = Count { takes: takes.collect(), need: Need::All };
                take_all(&count, |id| memories.get(id.0), Moment::default() + start.elapsed())
            });
        });
    };
    decide("whole decision, a limit that lets through", &[limit(gcra(1_000_000))]);
    decide("whole decision, a limit that refuses", &[limit(gcra(1))]);
    decide("whole decision, two limits", &[limit(gcra(1_000_000)), limit(gcra(500_000))]);
}

fn one_core(criterion: &mut Criterion) {
    for algorithm in [Algorithm::Gcra, Algorithm::SlidingWindow, Algorithm::SlidingLog] {
        let (memory, quota, key) = (memory(algorithm), quota(algorithm), &keys(1)[0]);
        let mut clock = Clock::default();
        criterion.bench_function(&format!("take, {}, one key", algorithm.as_str()), |bencher| {
            bencher.iter(|| take(&memory, black_box(key), &quota, clock.tick()));
        });
    }
    let (memory, quota, key) = (memory(Algorithm::Concurrency), quota(Algorithm::Concurrency), &keys(1)[0]);
    criterion.bench_function("take and land, concurrency, one key", |bencher| {
        bencher.iter(|| {
            let verdict = take(&memory, black_box(key), &quota, Moment::default());
            memory.land(key, 1);
            verdict
        });
    });
    for algorithm in [Algorithm::Gcra, Algorithm::SlidingWindow] {
        let (memory, quota, keys) = (self::memory(algorithm), self::quota(algorithm), keys(KEYS));
        let (mut clock, mut random) = (Clock::default(), Random(1));
        criterion.bench_function(&format!("take, {}, {KEYS} keys", algorithm.as_str()), |bencher| {
            bencher.iter(|| take(&memory, &keys[random.below(KEYS)], &quota, clock.tick()));
        });
    }
    let (full, quota, keys) = (Memory::new(Algorithm::Gcra, 10_000, PERIOD), gcra(1), keys(KEYS));
    let mut next = 0;
    criterion.bench_function("take, gcra, newcomers to a full table", |bencher| {
        bencher.iter(|| {
            next += 1;
            take(&full, &keys[next % KEYS], &quota, Moment::default())
        });
    });
}

fn two_cores(criterion: &mut Criterion) {
    let (quota, keys) = (quota(Algorithm::Gcra), keys(KEYS));
    let shared = memory(Algorithm::Gcra);
    let mut together =
        |name: &str, memory: &Memory, quota: Quota, key: &(dyn Fn(usize, &mut Random) -> usize + Sync)| {
            criterion.bench_function(name, |bencher| {
                bencher.iter_custom(|rounds| {
                    on_two_cores(|thread| {
                        let (mut clock, mut random) = (Clock::default(), Random(thread as u64 + 1));
                        for _ in 0..rounds {
                            black_box(take(memory, &keys[key(thread, &mut random)], &quota, clock.tick()));
                        }
                    })
                });
            });
        };
    together("two cores, the same key", &shared, quota, &|_, _| 0);
    together("two cores, the same key, refused", &memory(Algorithm::Gcra), gcra(1), &|_, _| 0);
    together("two cores, a key each", &shared, quota, &|thread, _| thread);
    together("two cores, any of 100000 keys", &shared, quota, &|_, random| random.below(KEYS));
    let full = Memory::new(Algorithm::Gcra, 10_000, PERIOD);
    together("two cores, newcomers to a full table", &full, gcra(1), &|_, random| random.below(KEYS));
}

/// The time until both are done.
fn on_two_cores(work: impl Fn(usize) + Sync) -> Duration {
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let (barrier, work) = (&barrier, &work);
        let run = |thread| {
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                work(thread);
                start.elapsed()
            })
        };
        let threads = [run(0), run(1)];
        threads.map(|thread| thread.join().expect("it does not panic")).into_iter().max().unwrap_or_default()
    })
}

fn take(memory: &Memory, key: &Key, quota: &Quota, now: Moment) -> Verdict {
    memory.take(key, quota, now, 1, Duration::ZERO)
}

fn memory(algorithm: Algorithm) -> Memory {
    Memory::new(algorithm, MAX_KEYS, PERIOD)
}

/// Clients, as they stand in keys.
fn keys(len: usize) -> Vec<Key> {
    (0..len)
        .map(|number| Key::from_text(&format!("client=2001:db8:{:x}:{:x}::/64", number >> 16, number & 0xffff)))
        .collect()
}

/// One that lets everything through.
fn quota(algorithm: Algorithm) -> Quota {
    match algorithm {
        Algorithm::Gcra => gcra(1_000_000),
        Algorithm::SlidingWindow => Quota::sliding_window(Quota::WINDOW_MAX, PERIOD).expect("a good quota"),
        Algorithm::SlidingLog => Quota::sliding_log(Quota::LOG_MAX, PERIOD).expect("a good quota"),
        Algorithm::Concurrency => Quota::concurrency(100, PERIOD).expect("a good quota"),
    }
}

/// So many a second, and as many at once.
fn gcra(count: u32) -> Quota {
    Quota::gcra(count, PERIOD, count - 1).expect("a good quota")
}

fn limit(quota: Quota) -> Limit {
    Limit {
        name: Arc::from("per-client"),
        quota,
        tiers: Vec::new(),
        plan_from: None,
        recipe: Recipe::default(),
        missing: Missing::Share,
        cost: 1,
        cost_from: None,
        allow: Default::default(),
        deny: Default::default(),
        is_shadow: false,
        max_delay: Duration::ZERO,
        store: StoreKind::Memory,
        when_down: WhenDown::Open,
        max_keys: MAX_KEYS,
        source: Source { file: "edge.toml".into(), line: 1 },
    }
}

/// A clock that goes on by a microsecond whenever it is read, which costs nothing.
#[derive(Default)]
struct Clock(u64);

impl Clock {
    fn tick(&mut self) -> Moment {
        self.0 += 1_000;
        Moment::from_nanos(self.0)
    }
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, len: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % len
    }
}
