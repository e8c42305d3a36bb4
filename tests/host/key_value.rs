//! Key-value stores: two interfaces to the same pairs, which outlive the host however it ends.

use harness::client::{self, empty};
use harness::{Host, Setup, Trial, manifest, run, tests, wait_for};
use http::Request;

/// Requests answered.
const ANSWERED: &str = "http_server_request_duration_seconds_count";

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "key_value",
        on setup,
        needs ["capabilities"],
        pairs_are_set_read_listed_and_deleted,
        both_interfaces_see_the_same_pairs,
        stores_are_apart_and_shared_by_label,
        increments_lose_nothing,
        swaps_lose_nothing,
        a_late_swap_fails,
        many_pairs_at_once,
        large_values_have_a_limit,
        a_store_that_was_not_granted_is_denied,
    );
    all.extend(tests!(
        "key_value",
        needs["capabilities"],
        pairs_outlive_an_orderly_end,
        what_was_acknowledged_outlives_a_kill,
        pairs_outlive_a_reload,
    ));
    all
}

fn setup() -> Setup {
    Setup::new(manifest(
        r#"
        [[trigger.http]]
        route = "/..."
        component = "first"
        [component.first]
        source = "guest:capabilities"
        key_value_stores = ["default", "other"]

        [[trigger.http]]
        route = "/second/..."
        component = "second"
        [component.second]
        source = "guest:capabilities"
        key_value_stores = ["default"]

        [[trigger.http]]
        route = "/without/..."
        component = "without"
        [component.without]
        source = "guest:capabilities"
        "#,
    ))
}

fn pairs_are_set_read_listed_and_deleted(host: &Host) {
    for (api, set) in [("spin-store", "set"), ("wasi-store", "done")] {
        let at = |operation: &str| format!("/{api}/{operation}?store=other&key={api}-key");
        host.get(&at("get")).is(200, "none");
        host.get(&at("exists")).is(200, "false");
        host.get(&format!("{}&value=one", at("set"))).is(200, set);
        host.get(&at("get")).is(200, "one");
        host.get(&format!("{}&value=", at("set"))).is(200, set);
        host.get(&at("get")).is(200, "");
        host.get(&at("exists")).is(200, "true");
        let keys = host.get(&at("list")).text();
        assert!(keys.split(',').any(|key| key == format!("{api}-key")), "{keys}");
        assert_eq!(host.get(&at("delete")).status, 200);
        assert_eq!(host.get(&at("delete")).status, 200, "deleting what is not there is no error");
        host.get(&at("get")).is(200, "none");
    }
}

fn both_interfaces_see_the_same_pairs(host: &Host) {
    host.get("/spin-store/set?key=both&value=spin").is(200, "set");
    host.get("/wasi-store/get?key=both").is(200, "spin");
    host.get("/wasi-store/set?key=both&value=wasi").is(200, "done");
    host.get("/spin-store/get?key=both").is(200, "wasi");
}

fn stores_are_apart_and_shared_by_label(host: &Host) {
    host.get("/spin-store/set?store=other&key=label&value=other").is(200, "set");
    host.get("/spin-store/set?store=default&key=label&value=default").is(200, "set");
    host.get("/spin-store/get?store=other&key=label").is(200, "other");
    // As under Spin: a label names one store, whichever component opens it.
    host.get("/second/spin-store/get?key=label").is(200, "default");
}

/// Sends requests at the same time; returns the bodies of their answers.
fn at_once(host: &Host, count: usize, path: impl Fn(usize) -> String) -> Vec<String> {
    run(async {
        let mut requests = tokio::task::JoinSet::new();
        for number in 0..count {
            requests.spawn(client::exchange(host.address, Request::get(path(number)).body(empty()).unwrap()));
        }
        let answers = requests.join_all().await;
        answers.into_iter().inspect(|answer| assert_eq!(answer.status, 200, "{answer:?}")).map(|it| it.text()).collect()
    })
}

fn increments_lose_nothing(host: &Host) {
    let sums = at_once(host, 60, |_| "/wasi-store/increment?key=count&delta=2".to_owned());
    let mut sums: Vec<i64> = sums.iter().map(|sum| sum.parse().unwrap()).collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=60).map(|number| number * 2).collect::<Vec<_>>());
    host.get("/wasi-store/increment?key=count&delta=-20").is(200, "100");
}

fn swaps_lose_nothing(host: &Host) {
    at_once(host, 30, |number| format!("/wasi-store/swap?key=swapped&value={number},"));
    let value = host.get("/wasi-store/get?key=swapped").text();
    let mut numbers: Vec<i32> = value.split_terminator(',').map(|number| number.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30).collect::<Vec<_>>());
}

fn a_late_swap_fails(host: &Host) {
    host.get("/wasi-store/swap-late?key=late&value=mine").is(502, "too late: somebody else");
    host.get("/wasi-store/get?key=late").is(200, "somebody else");
}

fn many_pairs_at_once(host: &Host) {
    host.get("/wasi-store/set-many?key=m1,m2,m3&value=a,b,c").is(200, "done");
    host.get("/wasi-store/get-many?key=m3,nothing,m1").is(200, "c,none,a");
    host.get("/wasi-store/delete-many?key=m1,m2").is(200, "done");
    host.get("/wasi-store/get-many?key=m1,m2,m3").is(200, "none,none,c");
}

fn large_values_have_a_limit(host: &Host) {
    host.get("/spin-store/set-large?key=large&bytes=1000000").is(200, "set");
    assert_eq!(host.get("/spin-store/get?key=large").body.len(), 1_000_000);
    // An error that the component can handle: no trap, and the value before it stays.
    let answer = host.get("/spin-store/set-large?key=large&bytes=60000000");
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(host.get("/spin-store/get?key=large").body.len(), 1_000_000);
}

fn a_store_that_was_not_granted_is_denied(host: &Host) {
    for (component, path, store) in [("without", "/without/", "default"), ("second", "/second/", "other")] {
        for api in ["spin-store", "wasi-store"] {
            let answer = host.get(&format!("{path}{api}/get?store={store}&key=a"));
            assert_eq!(answer.status, 502, "{answer:?}");
            assert!(answer.text().contains("AccessDenied"), "{answer:?}");
        }
        let line =
            host.wait_for_log_with(&["key_value_stores", &format!("\"{store}\""), &format!("[component.{component}]")]);
        assert_eq!(line["component"], component, "{line}");
    }
}

fn pairs_outlive_an_orderly_end() {
    let host = setup().start();
    host.get("/spin-store/set?key=a&value=1").is(200, "set");
    host.get("/wasi-store/increment?key=n&delta=5").is(200, "5");
    let again = host.setup().clone();
    assert_eq!(host.stop().code, Some(0));
    let host = again.start();
    host.get("/spin-store/get?key=a").is(200, "1");
    host.get("/wasi-store/increment?key=n&delta=1").is(200, "6");
}

fn what_was_acknowledged_outlives_a_kill() {
    let mut host = setup().start();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let setup = host.setup().clone();
        let address = host.address;
        // Writers that never stop by themselves: the kill comes among them.
        let writers: Vec<_> = (0..3)
            .map(|writer| std::thread::spawn(move || write_until_killed(address, &format!("r{round}w{writer}n"))))
            .collect();
        wait_for("some writes", || (host.metrics().sum(ANSWERED, &[("http_route", "/...")]) >= 30.0).then_some(()));
        host.kill();
        acknowledged.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
        host = setup.start();
        let keys = host.get("/spin-store/list").text();
        let keys: std::collections::HashSet<_> = keys.split(',').collect();
        for key in &acknowledged {
            assert!(keys.contains(key.as_str()), "{key} was acknowledged and is gone");
        }
    }
    assert!(acknowledged.len() > 10, "only {} writes were acknowledged", acknowledged.len());
}

/// Writes pair after pair; returns the keys of those that were acknowledged before the host died.
fn write_until_killed(address: std::net::SocketAddr, prefix: &str) -> Vec<String> {
    run(async {
        let mut keys = Vec::new();
        let mut connection = client::http1(address).await;
        for number in 0.. {
            let key = format!("{prefix}{number}");
            let request = Request::get(format!("/spin-store/set?key={key}&value=x")).body(empty()).unwrap();
            match connection.send_request(client::with_host(request, address)).await {
                Ok(response) if response.status() == 200 => keys.push(key),
                _ => break,
            }
            if connection.ready().await.is_err() {
                break;
            }
        }
        keys
    })
}

fn pairs_outlive_a_reload() {
    let host = setup().start();
    host.get("/spin-store/set?key=a&value=1").is(200, "set");
    host.signal(rustix::process::Signal::HUP);
    host.wait_for_metric("tidegate_reloads_total", &[("outcome", "success")], 1.0);
    host.get("/spin-store/get?key=a").is(200, "1");
}
