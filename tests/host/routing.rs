//! Which route a path belongs to, and what the component is told about it.

use harness::client::empty;
use harness::{Host, Raw, Setup, Trial, manifest, tests};
use http::Request;

pub fn tests() -> Vec<Trial> {
    let mut all = tests!("routing", needs [], the_most_specific_route_answers);
    all.extend(tests!(
        "routing",
        on setup,
        needs ["echo", "capabilities"],
        components_are_told_of_the_route,
        the_root_route_is_told_as_well,
        what_clients_send_under_spins_names_is_removed,
        trailers_are_no_way_around_that,
        private_routes_are_reached_from_inside_alone,
        unknown_paths_are_not_found,
        paths_stay_as_they_were_sent,
    ));
    all
}

fn setup() -> Setup {
    Setup::new(manifest(
        r#"
        [[trigger.http]]
        route = "/echo/:first/and/:second_one/..."
        component = "echo"
        [component.echo]
        source = "guest:echo"

        [[trigger.http]]
        route = "/exact/headers"
        component = "echo"

        [[trigger.http]]
        route = "/base/..."
        component = "echo"

        [[trigger.http]]
        route = { private = true }
        component = "hidden"
        [component.hidden]
        source = "guest:echo"

        [[trigger.http]]
        route = "/fetch"
        component = "caller"
        [component.caller]
        source = "guest:capabilities"
        allowed_outbound_hosts = ["http://*.spin.internal"]
        "#,
    ))
}

/// The values of the field that a component was sent.
fn values(head: &serde_json::Value, name: &str) -> Vec<String> {
    let pairs = head["headers"].as_array().unwrap().iter();
    pairs.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

fn the_most_specific_route_answers() {
    let routes = [
        "/...",
        "/exact",
        "/users/...",
        "/users/:id",
        "/users/me",
        "/users/:id/orders",
        "/users/:id/...",
        "/users/me/...",
    ];
    let triggers = routes
        .map(|route| format!("[[trigger.http]]\nroute = \"{route}\"\nstatic_response = {{ body = \"{route}\" }}\n"));
    let host = Setup::new(manifest(&triggers.concat())).start();
    let cases = [
        ("/", "/..."),
        ("/exact", "/exact"),
        ("/exact/", "/exact"),
        ("/exact/more", "/..."),
        ("/exacting", "/..."),
        ("/users", "/users/..."),
        ("/users/me", "/users/me"),
        ("/users/you", "/users/:id"),
        ("/users/you/orders", "/users/:id/orders"),
        ("/users/you/else", "/users/:id/..."),
        ("/users/me/orders", "/users/me/..."),
        ("/users/me?and=query", "/users/me"),
        ("/elsewhere", "/..."),
    ];
    for (path, route) in cases {
        let answer = host.get(path);
        assert_eq!(answer.text(), route, "{path}");
    }
}

fn components_are_told_of_the_route(host: &Host) {
    let request = Request::get("/echo/a%20b/and/c/more/headers?q=1").header("host", "shop.example:8080");
    let head = host.send(request.body(empty()).unwrap()).json();
    let expected = [
        ("spin-path-info", "/more/headers"),
        ("spin-full-url", "http://shop.example:8080/echo/a%20b/and/c/more/headers?q=1"),
        ("spin-matched-route", "/echo/:first/and/:second_one/..."),
        ("spin-raw-component-route", "/echo/:first/and/:second_one/..."),
        ("spin-component-route", "/echo/:first/and/:second_one"),
        ("spin-base-path", "/"),
        ("spin-path-match-first", "a%20b"),
        ("spin-path-match-second-one", "c"),
    ];
    for (name, value) in expected {
        assert_eq!(values(&head, name), [value], "{name} in {head}");
    }
    let [address] = &values(&head, "spin-client-addr")[..] else { panic!("one address in {head}") };
    let address: std::net::SocketAddr = address.parse().unwrap();
    assert!(address.ip().is_loopback() && address.port() != host.address.port());
}

fn the_root_route_is_told_as_well(host: &Host) {
    let head = host.get("/exact/headers").json();
    assert_eq!(values(&head, "spin-path-info"), [""]);
    assert_eq!(values(&head, "spin-component-route"), ["/exact/headers"]);
    let head = host.get("/base/headers").json();
    assert_eq!(values(&head, "spin-path-info"), ["/headers"]);
    assert_eq!(values(&head, "spin-component-route"), ["/base"]);
}

fn what_clients_send_under_spins_names_is_removed(host: &Host) {
    let request = Request::get("/base/headers")
        .header("spin-client-addr", "192.0.2.1:80")
        .header("Spin-Client-Addr", "192.0.2.2:80")
        .header("SPIN-PATH-INFO", "/admin")
        .header("spin-path-match-user", "root")
        .header("spin-full-url", "https://evil.example/")
        .header("spin-anything", "1");
    let head = host.send(request.body(empty()).unwrap()).json();
    assert_eq!(values(&head, "spin-path-info"), ["/headers"]);
    assert_eq!(values(&head, "spin-client-addr").len(), 1, "{head}");
    let text = head.to_string();
    for spoofed in ["192.0.2.", "/admin", "evil.example", "spin-path-match-user", "spin-anything"] {
        assert!(!text.contains(spoofed), "{spoofed} in {text}");
    }
}

fn trailers_are_no_way_around_that(host: &Host) {
    let mut raw = host.raw();
    raw.send(
        "POST /base/count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
         1\r\nx\r\n0\r\nspin-client-addr: 192.0.2.1:80\r\nx-ok: 1\r\n\r\n",
    );
    assert!(!raw.answer().text().contains("192.0.2.1"));
}

fn private_routes_are_reached_from_inside_alone(host: &Host) {
    for path in ["/hidden", "/hidden/headers", "/private"] {
        assert_eq!(host.get(path).status, 404, "{path}");
    }
    let answer = host.get("/fetch?url=http://hidden.spin.internal/headers");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["target"], "/headers");
    // By Host alone nobody gets there.
    let mut raw = Raw::connect(host.address);
    raw.send("GET /headers HTTP/1.1\r\nhost: hidden.spin.internal\r\n\r\n");
    assert_eq!(raw.answer().status, 404);
}

fn unknown_paths_are_not_found(host: &Host) {
    for path in ["/", "/nowhere", "/exact", "/exact/headers/more", "/ech", "/basement"] {
        host.get(path).is_problem(404);
    }
}

fn paths_stay_as_they_were_sent(host: &Host) {
    for target in ["/base/%2e%2e/a%2Fb/headers?x=%20&y", "/base//double/headers", "/base/%C3%A4/headers?"] {
        let mut raw = Raw::connect(host.address);
        raw.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let head: serde_json::Value = serde_json::from_slice(&raw.answer().body).unwrap();
        assert_eq!(head["target"], target);
    }
}
