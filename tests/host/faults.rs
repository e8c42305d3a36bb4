//! Each fault that a component can commit: it costs its request alone, is counted and logged with its reason, tells
//! the client nothing about the inside, and the host goes on.

use std::sync::Arc;

use harness::client::{self, empty, with_host};
use harness::manifest::component_at;
use harness::trial::{Shared, test};
use harness::{Answer, Host, Raw, Setup, Trial, manifest, run, tests, wait_for};
use http::Request;
use http_body_util::BodyExt;

const IN_FLIGHT: &str = "tidegate_component_requests_in_flight";
const FAULTS: &str = "tidegate_component_faults_total";

/// What the client gets.
#[derive(Clone, Copy)]
enum Outcome {
    /// A problem with this status.
    Problem(u16),
    /// A response that began well and is seen to break off.
    BrokenOff,
    /// A whole response: the fault comes later.
    Answer,
}

use Outcome::{Answer as Whole, BrokenOff, Problem};

/// The guest's path, what the client gets, what the operator gets, and whether it takes the request's time limit.
type Fault = (&'static str, Outcome, &'static str, Limit);

#[derive(Clone, Copy, PartialEq)]
enum Limit {
    Time,
    Other,
}

const OF_0_3: [Fault; 17] = [
    ("panic", Problem(500), "trap", Limit::Other),
    ("trap", Problem(500), "trap", Limit::Other),
    ("exit", Problem(500), "trap", Limit::Other),
    ("recurse", Problem(500), "trap", Limit::Other),
    ("hoard", Problem(500), "trap", Limit::Other),
    ("error", Problem(500), "error-code", Limit::Other),
    ("allocate", Problem(500), "memory", Limit::Other),
    ("loop", Problem(504), "timeout", Limit::Time),
    ("never", Problem(504), "timeout", Limit::Time),
    ("body-endless", BrokenOff, "timeout", Limit::Time),
    ("body-stalls", BrokenOff, "timeout", Limit::Time),
    ("body-loops", BrokenOff, "timeout", Limit::Time),
    ("body-traps", BrokenOff, "trap", Limit::Other),
    ("body-fails", BrokenOff, "error-code", Limit::Other),
    ("loop-later", Whole, "timeout", Limit::Time),
    ("panic-later", Whole, "trap", Limit::Other),
    // The host may see that nothing will wake it, or let its time run out: then it is a timeout.
    ("pending", Problem(500), "trap", Limit::Time),
];

const OF_0_2: [Fault; 11] = [
    ("panic", Problem(500), "trap", Limit::Other),
    ("trap", Problem(500), "trap", Limit::Other),
    ("exit", Problem(500), "trap", Limit::Other),
    ("no-response", Problem(500), "no-response", Limit::Other),
    ("error", Problem(500), "error-code", Limit::Other),
    ("allocate", Problem(500), "memory", Limit::Other),
    ("loop", Problem(504), "timeout", Limit::Time),
    ("never", Problem(504), "timeout", Limit::Time),
    ("body-endless", BrokenOff, "timeout", Limit::Time),
    ("body-traps", BrokenOff, "trap", Limit::Other),
    ("body-unfinished", BrokenOff, "error-code", Limit::Other),
];

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "faults",
        needs ["faults", "faults-p2"],
        a_full_component_says_so_at_once,
        a_full_host_says_so_at_once,
        too_many_connections_are_told,
        more_than_fits_is_refused_and_the_rest_is_served,
        faults_among_many_requests_cost_only_their_own,
        a_memory_limit_is_a_components_own,
    );
    for (guest, faults) in [("faults", &OF_0_3[..]), ("faults-p2", &OF_0_2[..])] {
        let setup = if guest == "faults" { || setup("faults", &OF_0_3) } else { || setup("faults-p2", &OF_0_2) };
        let shared = Arc::new(Shared::new(setup));
        all.extend(faults.iter().map(|fault| {
            let shared = Arc::clone(&shared);
            let name = format!("faults::{}::{}", guest.replace('-', "_"), fault.0.replace('-', "_"));
            test(&name, &[guest], move || costs_its_request_alone(shared.host(), fault))
        }));
    }
    all
}

/// A component of its own for each fault, so that each has counters of its own.
fn setup(guest: &str, faults: &[Fault]) -> Setup {
    let components = faults.iter().map(|(name, _, _, limit)| {
        let timeout = if *limit == Limit::Time { "3s" } else { "5m" };
        component_at(&format!("/c-{name}/..."), &format!("c-{name}"), &format!("guest:{guest}"))
            + &format!("[component.c-{name}.tool.tidegate]\ntimeout = \"{timeout}\"\n")
    });
    Setup::new(manifest(&components.collect::<String>())).arguments(["--cores", "1"])
}

fn costs_its_request_alone(host: &Host, (name, outcome, reason, limit): &Fault) {
    let component = format!("c-{name}");
    let (fault, ok) = (format!("/{component}/{name}"), format!("/{component}/ok"));
    let answer = if *limit == Limit::Time {
        // Another request of the same component, on the same core, while this one takes all the time it may.
        std::thread::scope(|scope| {
            let fault = scope.spawn(|| commit(host, &fault));
            wait_for("the fault to begin", || {
                let in_flight = host.metrics().sum(IN_FLIGHT, &[("component", &component)]);
                (in_flight == 1.0 || fault.is_finished()).then_some(())
            });
            host.get(&ok).is(200, "ok");
            fault.join().unwrap()
        })
    } else {
        let mut held = Held::start(host, &format!("/{component}/hold"));
        let answer = commit(host, &fault);
        held.go_on();
        held.finish();
        answer
    };
    match (outcome, &answer) {
        // Whichever way "pending" ends, it ends.
        (Problem(_), Ok(answer)) if *name == "pending" && answer.status == 504 => answer.is_problem(504),
        (Problem(status), Ok(answer)) => answer.is_problem(*status),
        (Whole, Ok(answer)) => assert_eq!(answer.status, 200, "{answer:?}"),
        (BrokenOff, Err(())) => {}
        // It came before the head had left.
        (BrokenOff, Ok(answer)) if answer.status == 500 => answer.is_problem(500),
        (_, answer) => panic!("{answer:?}"),
    }
    is_counted_and_logged(host, &component, name, reason);
    host.get(&ok).is(200, "ok");
    host.wait_for_metric(IN_FLIGHT, &[("component", &component)], 0.0);
}

fn is_counted_and_logged(host: &Host, component: &str, name: &str, reason: &str) {
    let line = host.wait_for_log(&format!("component {component} and a reason"), |line| {
        line["component"] == component && line["reason"].is_string()
    });
    let logged = line["reason"].as_str().unwrap();
    if name != "pending" {
        assert_eq!(logged, reason, "{line}");
    }
    host.wait_for_metric(FAULTS, &[("component", component), ("reason", logged)], 1.0);
    assert_eq!(host.metrics().sum(FAULTS, &[("component", component)]), 1.0, "counted under another reason too");
}

/// The answer, or `Err` when it is seen to break off after its head.
fn commit(host: &Host, path: &str) -> Result<Answer, ()> {
    run(async {
        let mut connection = client::http1(host.address).await;
        let request = with_host(Request::get(path).body(empty()).unwrap(), host.address);
        let (head, body) = connection.send_request(request).await.expect("a response").into_parts();
        let mut whole = Vec::new();
        let mut body = body;
        while let Some(frame) = body.frame().await {
            whole.extend(frame.map_err(drop)?.into_data().unwrap_or_default());
            // An endless body: what counts is how it ends.
            whole.truncate(1 << 20);
        }
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Answer { status, headers, body: whole.into(), trailers: http::HeaderMap::new() })
    })
}

/// A request that goes on until its body ends.
struct Held(Raw);

impl Held {
    fn start(host: &Host, path: &str) -> Self {
        Self(host.held(path))
    }

    fn go_on(&mut self) {
        self.0.send("6\r\nsecond\r\n");
        assert_eq!(self.0.take(11), b"6\r\nsecond\r\n");
    }

    fn finish(mut self) {
        self.0.send("0\r\n\r\n");
        assert_eq!(self.0.take(5), b"0\r\n\r\n");
    }
}

/// An application of one component, which has all routes.
fn alone(guest: &str, limits: &str) -> Setup {
    let component = component_at("/...", "it", &format!("guest:{guest}"));
    Setup::new(manifest(&format!("{component}[component.it.tool.tidegate]\n{limits}\n")))
}

fn is_full(answer: &Answer) {
    answer.is_problem(503);
    let seconds: u32 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!(seconds >= 1);
}

fn a_full_component_says_so_at_once() {
    for guest in ["faults", "faults-p2"] {
        // A request that waited for its place would wait for five minutes.
        let host = alone(guest, "max_concurrent_requests = 1\ntimeout = \"5m\"").start();
        let held = Held::start(&host, "/hold");
        is_full(&host.get("/ok"));
        is_full(&host.get("/ok"));
        host.wait_for_metric(FAULTS, &[("component", "it"), ("reason", "component-full")], 2.0);
        held.finish();
        host.wait_for_metric(IN_FLIGHT, &[("component", "it")], 0.0);
        host.get("/ok").is(200, "ok");
    }
}

fn a_full_host_says_so_at_once() {
    let host = alone("faults", "timeout = \"5m\"").arguments(["--max-instances", "1", "--cores", "2"]).start();
    let held = Held::start(&host, "/hold");
    is_full(&host.get("/ok"));
    host.wait_for_metric(FAULTS, &[("component", "it"), ("reason", "host-full")], 1.0);
    let made = host.metrics().sum("tidegate_component_instances_total", &[("component", "it")]);
    assert_eq!(made, 1.0, "what is refused makes no instance");
    held.finish();
    host.wait_for_metric(IN_FLIGHT, &[("component", "it")], 0.0);
    // Whichever core each of them meets: an instance that idles on another one makes nobody wait.
    for _ in 0..10 {
        host.get("/ok").is(200, "ok");
        host.wait_for_metric(IN_FLIGHT, &[("component", "it")], 0.0);
    }
}

fn too_many_connections_are_told() {
    let host = alone("faults", "timeout = \"5m\"").arguments(["--max-connections", "2"]).start();
    let (first, second) = (Held::start(&host, "/hold"), Held::start(&host, "/hold"));
    let mut third = host.raw();
    let answer = third.answer();
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    assert!(answer.header("retry-after").is_some());
    first.finish();
    second.finish();
    host.wait_for_metric("tidegate_connections", &[], 0.0);
    host.get("/ok").is(200, "ok");
}

fn more_than_fits_is_refused_and_the_rest_is_served() {
    for guest in ["faults", "faults-p2"] {
        let host = alone(guest, "timeout = \"5m\"").arguments(["--max-instances", "8"]).start();
        let held: Vec<_> = (0..8).map(|_| Held::start(&host, "/hold")).collect();
        for _ in 0..20 {
            is_full(&host.get("/ok"));
        }
        for mut held in held {
            held.go_on();
            held.finish();
        }
        host.wait_for_metric(IN_FLIGHT, &[("component", "it")], 0.0);
        host.get("/ok").is(200, "ok");
    }
}

fn faults_among_many_requests_cost_only_their_own() {
    for guest in ["faults", "faults-p2"] {
        let host = alone(guest, "").start();
        let address = host.address;
        run(async {
            let mut requests = tokio::task::JoinSet::new();
            for number in 0..200 {
                let (path, status) = [("/ok", 200), ("/panic", 500), ("/sleep?ms=20", 200), ("/trap", 500)][number % 4];
                requests.spawn(async move {
                    let request = Request::get(path).body(empty()).unwrap();
                    assert_eq!(client::exchange(address, request).await.status, status, "{path}");
                });
            }
            while let Some(done) = requests.join_next().await {
                done.unwrap();
            }
        });
        host.wait_for_metric(FAULTS, &[("component", "it"), ("reason", "trap")], 100.0);
        host.wait_for_metric(FAULTS, &[("component", "it")], 100.0);
    }
}

fn a_memory_limit_is_a_components_own() {
    let host = Setup::new(manifest(
        r#"
        [[trigger.http]]
        route = "/small/..."
        component = "small"
        [component.small]
        source = "guest:faults"
        [component.small.tool.tidegate]
        memory = "16MiB"

        [[trigger.http]]
        route = "/large/..."
        component = "large"
        [component.large]
        source = "guest:faults"
        [component.large.tool.tidegate]
        memory = "1GiB"
        "#,
    ))
    .start();
    let (before, _) = host.memory();
    host.get("/small/allocate").is_problem(500);
    host.wait_for_metric(FAULTS, &[("component", "small"), ("reason", "memory")], 1.0);
    let (_, most) = host.memory();
    assert!(most < before + (64 << 20), "a component of 16 MiB took the host from {before} to {most}");
    host.get("/large/ok").is(200, "ok");
}
