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
    Algorithm, Count, Counted, Judged, Key, Limit, LimitId, Missing, Moment, Need, Quota, Recipe, StoreKind, Verdict,
    WhenDown,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MAX_KEYS: u32 = 200_000;
const CLIENTS: u64 = 100_000;
const PERIOD: Duration = Duration::from_secs(1);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    whole_decisions(&mut criterion);
    takes(&mut criterion);
    two_cores(&mut criterion);
    criterion.final_summary();
}

/// From the request to the verdict: who it is, in words, the clock and the take.
fn whole_decisions(criterion: &mut Criterion) {
    let mut decide = |name: &str, quotas: &[Quota], clients: u64| {
        let (edge, mut random) = (Edge::new(quotas), Random(1));
        criterion.bench_function(name, |bencher| bencher.iter(|| edge.decide(random.below(clients))));
    };
    decide("decision, lets through", &[gcra(1_000_000)], 1);
    decide("decision, refuses", &[gcra(1)], 1);
    decide("decision, two limits", &[gcra(1_000_000), gcra(500_000)], 1);
    decide("decision, any of 100000 clients", &[gcra(1_000)], CLIENTS);
}

fn takes(criterion: &mut Criterion) {
    for algorithm in [Algorithm::Gcra, Algorithm::SlidingWindow, Algorithm::SlidingLog] {
        let (memory, quota, key) = (memory(algorithm), quota(algorithm), key(1));
        let mut clock = Clock::default();
        criterion.bench_function(&format!("take, {}", algorithm.as_str()), |bencher| {
            bencher.iter(|| take(&memory, black_box(&key), &quota, clock.tick()));
        });
    }
    let (memory, quota, key) = (memory(Algorithm::Concurrency), quota(Algorithm::Concurrency), key(1));
    criterion.bench_function("take and land, concurrency", |bencher| {
        bencher.iter(|| {
            let verdict = take(&memory, black_box(&key), &quota, Moment::default());
            memory.land(&key, 1);
            verdict
        });
    });
    let (full, quota) = (Memory::new(Algorithm::Gcra, 10_000, PERIOD), gcra(1));
    let mut newcomers = (0..u64::MAX).map(self::key);
    criterion.bench_function("make a key and take, newcomers to a full table", |bencher| {
        bencher.iter(|| newcomers.next().map(|key| take(&full, &key, &quota, Moment::default())));
    });
}

fn two_cores(criterion: &mut Criterion) {
    let mut together = |name: &str, quota: Quota, client: &(dyn Fn(u64, &mut Random) -> u64 + Sync)| {
        let edge = Edge::new(&[quota]);
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                on_two_cores(|thread| {
                    let mut random = Random(rounds + thread);
                    for _ in 0..rounds {
                        black_box(edge.decide(client(thread, &mut random)));
                    }
                })
            });
        });
    };
    together("decision, two cores, a client each", gcra(1_000_000), &|thread, _| thread);
    together("decision, two cores, the same client", gcra(1_000_000), &|_, _| 0);
    together("decision, two cores, the same client refused", gcra(1), &|_, _| 0);
    together("decision, two cores, any of 100000 clients", gcra(1_000), &|_, random| random.below(CLIENTS));
    together("decision, two cores, newcomers to a full table", gcra(1), &|_, random| random.below(u64::MAX));
}

/// What decides: limits by client.
struct Edge {
    limits: Vec<Limit>,
    memories: Vec<Memory>,
    headers: HeaderMap,
    began: Instant,
}

impl Edge {
    fn new(quotas: &[Quota]) -> Self {
        Self {
            limits: quotas.iter().copied().map(limit).collect(),
            memories: quotas.iter().map(|quota| memory(quota.algorithm())).collect(),
            headers: HeaderMap::new(),
            began: Instant::now(),
        }
    }

    fn decide(&self, client: u64) -> Counted {
        let client = Client::new(IpAddr::V6(Ipv6Addr::from(u128::from(client) << 64)));
        let view = RequestView {
            method: &Method::GET,
            is_https: true,
            host: "shop.example",
            path: "/api/items",
            query: None,
            headers: &self.headers,
            client: &client,
        };
        let judged = self.limits.iter().enumerate().map(|(id, limit)| limit.judge(LimitId(id), &view, "api"));
        let takes = judged.filter_map(|judged| match judged {
            Judged::Take(take) => Some(take),
            _ => None,
        });
        let count = Count { takes: takes.collect(), need: Need::All };
        take_all(&count, |id| self.memories.get(id.0), Moment::default() + self.began.elapsed())
    }
}

/// The time until both are done.
fn on_two_cores(work: impl Fn(u64) + Sync) -> Duration {
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

/// A client, as it stands in keys.
fn key(number: u64) -> Key {
    Key::from_text(&format!("client=2001:db8:{:x}:{:x}::/64", number >> 16, number & 0xffff))
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
    fn below(&mut self, max: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % max
    }
}
