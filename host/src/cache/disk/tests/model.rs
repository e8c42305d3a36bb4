//! Against a map: what is found is what was stored last, whatever the order of storing, removing and restarts.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Put { n: u64, length: usize },
    Remove { n: u64 },
    Settle,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (0..40_u64, 0..60_000_usize).prop_map(|(n, length)| Step::Put { n, length }),
        6 => (0..40_u64).prop_map(|n| Step::Remove { n }),
        3 => Just(Step::Settle),
        2 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_finds_what_was_stored_last_or_nothing(steps in proptest::collection::vec(step(), 1..250)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(&steps));
    }
}

async fn run(steps: &[Step]) {
    let bench = Bench::new();
    let mut disk = bench.open().await;
    let mut model: HashMap<u64, (u64, Vec<u8>)> = HashMap::new();
    for (version, step) in (1..).zip(steps) {
        match *step {
            Step::Put { n, length } => {
                let body = body(n, version, length);
                disk.put(&key(n), &record("", &body, version));
                model.insert(n, (version, body));
            }
            Step::Remove { n } => {
                disk.remove(&key(n));
                model.remove(&n);
            }
            Step::Settle => {
                disk.settled().await;
                // What was written last is there.
                if let Some((n, (version, _))) = model.iter().max_by_key(|(_, (version, _))| *version) {
                    let found = disk.get(&key(*n)).await.map(|record| record.sequence);
                    assert_eq!(found, Some(*version), "{n}");
                }
                check(&disk, &model).await;
            }
            Step::Restart => {
                disk.close().await;
                disk = bench.open().await;
                check(&disk, &model).await;
            }
        }
        assert!(bench.bytes() <= BYTES_LEAST);
    }
    disk.settled().await;
    assert_eq!((disk.counts().dropped, disk.counts().errors), (0, 0));
    check(&disk, &model).await;
}

/// Nothing is found that is not the last.
async fn check(disk: &Disk, model: &HashMap<u64, (u64, Vec<u8>)>) {
    for n in 0..40 {
        let Some(found) = disk.get(&key(n)).await else { continue };
        let (version, body) = model.get(&n).expect("it was removed");
        assert_eq!(found.sequence, *version, "{n}");
        assert!(found.body == *body, "{n}");
    }
}
