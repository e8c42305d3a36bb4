//! Hit ratios on a mix of popular and less popular objects, beside those of a cache that knows how often each will be
//! asked for. The table: `cargo test -p tidegate-host --release memory::tests::replay -- --ignored --nocapture`.

use super::*;

const OBJECTS: usize = 10_000;
/// Asked for once each, all after another.
const SCAN: usize = 100_000;

/// Requests for objects of known sizes.
struct Mix {
    requests: Vec<usize>,
    sizes: Vec<usize>,
}

impl Mix {
    /// The n-th object is asked for with a probability of n to the power of `-alpha`.
    fn zipf(requests: usize, alpha: f64, size: impl Fn(&mut fastrand::Rng) -> usize) -> Self {
        let mut random = fastrand::Rng::with_seed(42);
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=OBJECTS)
            .map(|rank| {
                sum += (rank as f64).powf(-alpha);
                sum
            })
            .collect();
        let mut draw = || {
            let at = random.f64() * sum;
            sums.partition_point(|sum| *sum < at).min(OBJECTS - 1)
        };
        Self {
            requests: (0..requests).map(|_| draw()).collect(),
            sizes: (0..OBJECTS).map(|_| size(&mut random)).collect(),
        }
    }

    fn bytes(&self, percent: usize) -> usize {
        self.sizes.iter().sum::<usize>() * percent / 100
    }

    /// The hit ratio, in percent, of a cache that keeps what is worth most, from first to last.
    fn optimum(&self, bytes_max: usize, worth: impl Fn(f64, f64) -> f64) -> f64 {
        let mut counts = vec![0usize; OBJECTS];
        self.requests.iter().for_each(|object| counts[*object] += 1);
        let worth = |object: usize| worth(counts[object] as f64, self.sizes[object] as f64);
        let mut objects: Vec<usize> = (0..OBJECTS).collect();
        objects.sort_by(|one, other| worth(*other).total_cmp(&worth(*one)));
        let (mut bytes, mut hits) = (0, 0);
        for object in objects {
            if bytes + self.sizes[object] <= bytes_max {
                bytes += self.sizes[object];
                hits += counts[object];
            }
        }
        hits as f64 * 100.0 / self.requests.len() as f64
    }

    /// The hit ratio of the tier, in percent, over some requests whose objects are numbered from `first`, cyclically.
    fn play(&self, memory: &Memory<usize, ()>, requests: &[usize], first: usize) -> f64 {
        let hits = requests.iter().filter(|object| {
            let object = (**object + first) % OBJECTS;
            ask(memory, object, self.sizes[object])
        });
        hits.count() as f64 * 100.0 / requests.len() as f64
    }
}

/// A request: whether it was a hit. What is missed is stored.
fn ask(memory: &Memory<usize, ()>, object: usize, bytes: usize) -> bool {
    let is_hit = memory.get(&object).is_some();
    if !is_hit {
        memory.insert(object, Arc::new(()), bytes);
    }
    is_hit
}

/// 0.2 to 64 KiB, the middle one 5 KiB.
fn log_normal(random: &mut fastrand::Rng) -> usize {
    let (one, other) = (1.0 - random.f64(), random.f64());
    let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
    (8.5 + 1.2 * normal).exp().clamp(200.0, 65_536.0) as usize
}

fn kilobyte(_: &mut fastrand::Rng) -> usize {
    1024
}

fn most_hits(count: f64, _: f64) -> f64 {
    count
}

fn most_hits_per_byte(count: f64, bytes: f64) -> f64 {
    count / bytes
}

#[test]
fn hits_are_nearly_those_of_perfect_knowledge_a_scan_costs_little_and_a_change_is_followed() {
    fastrand::seed(1);
    for (size, slack) in [(kilobyte as fn(&mut _) -> _, 1.0), (log_normal, 2.0)] {
        let mix = Mix::zipf(150_000, 1.0, size);
        let memory = Memory::new(mix.bytes(10));
        let best = mix.optimum(mix.bytes(10), most_hits_per_byte);
        mix.play(&memory, &mix.requests, 0);
        let hits = mix.play(&memory, &mix.requests, 0);
        assert!(hits > best - slack, "{hits:.2} % hits of {best:.2} %");

        for object in 0..SCAN {
            ask(&memory, OBJECTS + object, 1024);
        }
        let scanned = mix.play(&memory, &mix.requests[..100_000], 0);
        assert!(scanned > hits - 1.0, "{scanned:.2} % hits after a scan, {hits:.2} % before");

        mix.play(&memory, &mix.requests, OBJECTS / 2);
        let changed = mix.play(&memory, &mix.requests, OBJECTS / 2);
        assert!(changed > hits - 5.0, "{changed:.2} % hits after a change, {hits:.2} % before");
    }
}

#[test]
#[ignore = "prints a table, in a minute"]
fn replay() {
    const REQUESTS: usize = 2_000_000;
    println!("| sizes | alpha | cache | LFU | LFU per byte | tier | after a scan | after a change, each 200k |");
    println!("|---|---|---|---|---|---|---|---|");
    for (name, size) in [("1 KiB", kilobyte as fn(&mut _) -> _), ("0.2 to 64 KiB", log_normal)] {
        for alpha in [0.9, 1.0] {
            let mix = Mix::zipf(REQUESTS, alpha, size);
            for percent in [5, 10, 25] {
                fastrand::seed(1);
                let bytes_max = mix.bytes(percent);
                let memory = Memory::new(bytes_max);
                mix.play(&memory, &mix.requests, 0);
                let hits = mix.play(&memory, &mix.requests, 0);
                (0..SCAN).for_each(|object| assert!(!ask(&memory, OBJECTS + object, 1024)));
                let scanned = mix.play(&memory, &mix.requests[..200_000], 0);
                let changed = mix.requests[..1_000_000]
                    .chunks(200_000)
                    .map(|requests| format!("{:.1}", mix.play(&memory, requests, OBJECTS / 2)))
                    .collect::<Vec<_>>();
                let (most, densest) = (mix.optimum(bytes_max, most_hits), mix.optimum(bytes_max, most_hits_per_byte));
                println!(
                    "| {name} | {alpha} | {percent} % | {most:.2} | {densest:.2} | {hits:.2} | {scanned:.2} | {} |",
                    changed.join(" ")
                );
            }
        }
    }
}
