//! Redis: what one edge fetched, others find; and when it is slow or gone, that costs its hits alone.

use std::time::{Duration, Instant};

use harness::{Host, Redis, Setup, Trial, wait_for};
use rustix::process::Signal;

use super::purge::order;
use super::{Origin, ask, edge, is_hit, is_no_hit, response};

pub fn tests() -> Vec<Trial> {
    let tests: [(&str, fn()); 5] = [
        ("several_edges_share_a_redis", several_edges_share_a_redis),
        ("a_redis_that_is_gone_costs_its_hits_alone", a_redis_that_is_gone_costs_its_hits_alone),
        ("a_redis_that_does_not_answer_costs_little", a_redis_that_does_not_answer_costs_little),
        ("what_is_purged_is_not_found_in_redis", what_is_purged_is_not_found_in_redis),
        ("what_somebody_else_wrote_is_a_miss", what_somebody_else_wrote_is_a_miss),
    ];
    let trial = |(name, run): (&str, fn())| {
        let name = format!("edge_cache::{name}");
        harness::trial::test_with(&name, [harness::redis::server_binary()].into_iter(), run)
    };
    tests.into_iter().map(trial).collect()
}

/// An edge that uses it. Keys are at `redis` for more.
fn edge_with(redis: &Redis, origin: &Origin, more: &str) -> Setup {
    edge(&origin.server, &format!("[cache_store]\nredis = {{ url = \"{}\"{more} }}", redis.url()))
}

fn metric(host: &Host, name: &str) -> f64 {
    host.metrics().sum(&format!("tidegate_cache_redis_{name}_total"), &[])
}

fn numbered() -> Origin {
    Origin::answering(|request, _| {
        response("cache-control: max-age=3600\ncache-tag: t\nvary: x-kind", format!("body of {}", request.target))
    })
}

fn get(host: &Host, path: &str) -> harness::Answer {
    let answer = ask(host, path, &[("x-kind", "k")]);
    answer.is(200, &format!("body of {path}"));
    answer
}

/// An edge with a generous limit of time: the machine may be busy.
const PATIENT: &str = ", timeout = \"1s\"";

fn several_edges_share_a_redis() {
    let (redis, origin) = (Redis::start(), numbered());
    let (one, other) = (edge_with(&redis, &origin, PATIENT).start(), edge_with(&redis, &origin, PATIENT).start());
    for number in 0..20 {
        is_no_hit(&get(&one, &format!("/{number}")));
    }
    // A response and a marker each.
    one.wait_for_metric("tidegate_cache_redis_writes_total", &[], 40.0);
    for number in 0..20 {
        is_hit(&get(&other, &format!("/{number}")));
    }
    assert_eq!(origin.asked(), 20);
    assert_eq!(metric(&other, "hits"), 40.0);
    // From then on they are in its memory.
    is_hit(&get(&other, "/0"));
    assert_eq!(metric(&other, "hits"), 40.0);
    // Others with another prefix have nothing of it.
    let stranger = edge_with(&redis, &origin, ", prefix = \"other:\", timeout = \"1s\"").start();
    is_no_hit(&get(&stranger, "/0"));
}

fn a_redis_that_is_gone_costs_its_hits_alone() {
    let (mut redis, origin) = (Redis::start(), numbered());
    let host = edge_with(&redis, &origin, PATIENT).start();
    get(&host, "/kept");
    host.wait_for_metric("tidegate_cache_redis_writes_total", &[], 2.0);
    redis.kill();
    for number in 0..50 {
        is_no_hit(&get(&host, &format!("/away/{number}")));
        is_hit(&get(&host, "/kept"));
        is_hit(&get(&host, &format!("/away/{number}")));
    }
    assert_eq!(origin.asked(), 51);
    assert!(metric(&host, "errors") > 0.0);
    assert!(metric(&host, "skipped") > 0.0);
    redis.start_again();
    let before = metric(&host, "writes");
    let mut number = 0;
    wait_for("Redis to be used again", || {
        number += 1;
        get(&host, &format!("/back/{number}"));
        (metric(&host, "writes") > before).then_some(())
    });
    // Another edge finds what was written then.
    let path = format!("/back/{}", number + 1);
    get(&host, &path);
    wait_for("its write", || (metric(&host, "writes") >= before + 2.0).then_some(()));
    let other = edge_with(&redis, &origin, PATIENT).start();
    wait_for("it in another edge", || {
        let asked = origin.asked();
        let path = format!("/shared/{asked}");
        get(&host, &path);
        get(&other, &path);
        (metric(&other, "hits") > 0.0).then_some(())
    });
}

fn a_redis_that_does_not_answer_costs_little() {
    const TIMEOUT: Duration = Duration::from_millis(500);
    const REQUESTS: u32 = 100;
    let (redis, origin) = (Redis::start(), numbered());
    let host = edge_with(&redis, &origin, ", timeout = \"500ms\"").start();
    get(&host, "/kept");
    host.wait_for_metric("tidegate_cache_redis_writes_total", &[], 2.0);
    redis.signal(Signal::STOP);
    let started = Instant::now();
    for number in 0..REQUESTS {
        is_no_hit(&get(&host, &format!("/{number}")));
        is_hit(&get(&host, "/kept"));
    }
    let took = started.elapsed();
    eprintln!("edge_cache: {REQUESTS} misses and hits beside a Redis that does not answer: {took:?}");
    // Without the breaker each miss would take as long.
    assert!(took < TIMEOUT * REQUESTS / 3, "{took:?}");
    assert!(metric(&host, "skipped") > f64::from(REQUESTS) / 2.0);
    assert_eq!(origin.asked(), 1 + REQUESTS as usize);
    // Nor is it in the way of an orderly end, or of a start.
    assert_eq!(host.stop().code, Some(0));
    is_no_hit(&get(&edge_with(&redis, &origin, "").start(), "/kept"));
    redis.signal(Signal::CONT);
}

fn what_is_purged_is_not_found_in_redis() {
    let (redis, origin) = (Redis::start(), numbered());
    let setup = edge_with(&redis, &origin, PATIENT);
    let host = setup.start();
    for (number, text) in [r#"{"everything": true}"#, r#"{"tags": ["t"]}"#, r#"{"urls": ["http://shop.example/"]}"#]
        .into_iter()
        .enumerate()
    {
        is_no_hit(&get(&host, "/"));
        host.wait_for_metric("tidegate_cache_redis_writes_total", &[], 2.0 * (number + 1) as f64);
        order(&host, text).is(200, "{\"purged\":1}\n");
    }
    is_no_hit(&get(&host, "/"));
    assert_eq!(origin.asked(), 4);
}

fn what_somebody_else_wrote_is_a_miss() {
    let (redis, origin) = (Redis::start(), numbered());
    let one = edge_with(&redis, &origin, PATIENT).start();
    get(&one, "/");
    get(&one, "/other");
    one.wait_for_metric("tidegate_cache_redis_writes_total", &[], 4.0);
    let names = redis.command(&[b"KEYS", b"*"]);
    let names: Vec<_> = names.lines().filter(|line| line.starts_with("tidegate:")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let asks_again = |asked: usize| {
        let other = edge_with(&redis, &origin, PATIENT).start();
        ["/", "/other"].into_iter().for_each(|path| is_no_hit(&get(&other, path)));
        assert_eq!(origin.asked(), asked);
        other.wait_for_metric("tidegate_cache_redis_writes_total", &[], 4.0);
        metric(&other, "errors")
    };
    // Each has another one's content.
    for index in 0..names.len() {
        let (from, to) = (names[index].as_bytes(), names[(index + 1) % names.len()].as_bytes());
        redis.command(&[b"COPY", from, to, b"REPLACE"]);
    }
    asks_again(4);
    for name in &names {
        redis.command(&[b"SET", name.as_bytes(), b"rubbish"]);
    }
    assert!(asks_again(6) > 0.0);
}
