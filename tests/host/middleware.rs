//! Components in front of others: in their order, with what they inherit and no more.

use harness::client::{self, empty, with_host};
use harness::origin::Origin;
use harness::{Answer, Host, Setup, Trial, manifest, run, tests};
use http::Request;

use crate::streaming::pieces_come_back;

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "middleware",
        on setup,
        needs ["middleware", "stamp", "echo"],
        it_sees_requests_and_responses,
        the_outermost_comes_first,
        it_can_refuse,
        what_it_does_not_inherit_is_denied,
        what_it_inherits_works,
        it_inherits_by_name,
        bodies_and_trailers_stream_through,
        its_fault_costs_that_request,
    );
    all.extend(tests!(
        "middleware",
        needs ["middleware", "echo"],
        its_outgoing_requests_need_permission_twice,
        denials_name_a_line_that_would_help,
        output_and_metrics_carry_the_components_name,
    ));
    all
}

/// The component `echo` behind several fronts. Permissions are the component's.
const MANIFEST: &str = r#"
    [variables]
    greeting = { default = "hello" }

    [component.echo]
    source = "guest:echo"
    key_value_stores = ["default"]
    environment = { GREETING = "hello" }
    variables = { greeting = "{{ greeting }}" }
    files = ["data.txt"]

    [component.guard]
    source = "guest:middleware"
    [component.stamp]
    source = "guest:stamp"

    [[trigger.http]]
    route = "/plain/..."
    component = "echo"

    [[trigger.http]]
    route = "/nothing/..."
    component = "echo"
    dependencies.middleware = [{ component = "guard" }]

    [[trigger.http]]
    route = "/refused/..."
    component = "echo"
    dependencies.middleware = [{ component = "guard", inherit_configuration = false }]

    [[trigger.http]]
    route = "/all/..."
    component = "echo"
    dependencies.middleware = [{ component = "guard", inherit_configuration = true }]

    [[trigger.http]]
    route = "/some/..."
    component = "echo"
    dependencies.middleware = [{ component = "guard", inherit_configuration = ["key_value_stores", "files"] }]

    [[trigger.http]]
    route = "/stamp-first/..."
    component = "echo"
    dependencies.middleware = [{ component = "stamp" }, { component = "guard" }]

    [[trigger.http]]
    route = "/guard-first/..."
    component = "echo"
    dependencies.middleware = [{ component = "guard" }, { component = "stamp" }]
"#;

fn setup() -> Setup {
    Setup::new(manifest(MANIFEST)).file("data.txt", "the data")
}

fn ask(host: &Host, route: &str, what: &str) -> Answer {
    host.send(Request::get(format!("/{route}/headers")).header("x-ask", what).body(empty()).unwrap())
}

/// The marks on the request, as the component saw them, and those on the response.
fn marks(answer: &Answer) -> (Vec<String>, Vec<String>) {
    let head = answer.json();
    let pairs = head["headers"].as_array().unwrap().iter();
    let on_request = pairs.filter(|pair| pair[0] == "x-passed").map(|pair| pair[1].as_str().unwrap().to_owned());
    let on_response = answer.headers.get_all("x-passed").iter().map(|value| value.to_str().unwrap().to_owned());
    (on_request.collect(), on_response.collect())
}

fn it_sees_requests_and_responses(host: &Host) {
    assert_eq!(marks(&host.get("/plain/headers")), (vec![], vec![]));
    let answer = host.get("/nothing/headers?a=b");
    assert_eq!(marks(&answer), (vec!["middleware".to_owned()], vec!["middleware".to_owned()]));
    let head = answer.json();
    assert_eq!(head["target"], "/nothing/headers?a=b");
    assert_eq!(head["authority"], host.address.to_string());
    assert!(head.to_string().contains(r#"["spin-path-info","/headers"]"#), "{head}");
}

fn the_outermost_comes_first(host: &Host) {
    for (route, outer, inner) in [("stamp-first", "stamp", "middleware"), ("guard-first", "middleware", "stamp")] {
        let (on_request, on_response) = marks(&host.get(&format!("/{route}/headers")));
        assert_eq!((on_request, on_response), (vec![outer.into(), inner.into()], vec![inner.into(), outer.into()]));
    }
}

fn it_can_refuse(host: &Host) {
    let answer = ask(host, "nothing", "refuse");
    answer.is(403, "");
    assert_eq!(answer.header("x-why"), Some("the middleware refuses"));
    assert_eq!(answer.header("x-passed"), None);
    let answer = ask(host, "stamp-first", "refuse");
    assert_eq!((answer.status, answer.header("x-passed")), (403, Some("stamp")));
}

fn what_it_does_not_inherit_is_denied(host: &Host) {
    for route in ["nothing", "refused", "stamp-first"] {
        for what in ["key-value", "variable", "environment", "file"] {
            is_denied(&ask(host, route, what));
        }
    }
}

/// An error that it can handle, or the end of this request.
fn is_denied(answer: &Answer) {
    match answer.header("x-found") {
        Some(found) => assert!(found.starts_with("denied"), "{answer:?}"),
        None => answer.is_problem(500),
    }
}

fn what_it_inherits_works(host: &Host) {
    assert_eq!(ask(host, "all", "variable").header("x-found"), Some("hello"));
    assert_eq!(ask(host, "all", "environment").header("x-found"), Some("hello"));
    assert_eq!(ask(host, "all", "file").header("x-found"), Some("the data"));
    let counted = |number| format!("counted {number}");
    let first = ask(host, "all", "key-value").header("x-found").unwrap().to_owned();
    let number: u32 = first.strip_prefix("counted ").unwrap_or_else(|| panic!("{first}")).parse().unwrap();
    let second = ask(host, "all", "key-value").header("x-found").unwrap().to_owned();
    // Tests that share this host count along.
    assert!((number + 1..number + 10).any(|next| second == counted(next)), "{first}, then {second}");
}

fn it_inherits_by_name(host: &Host) {
    assert!(ask(host, "some", "key-value").header("x-found").unwrap().starts_with("counted"));
    assert_eq!(ask(host, "some", "file").header("x-found"), Some("the data"));
    for what in ["variable", "environment"] {
        is_denied(&ask(host, "some", what));
    }
}

fn bodies_and_trailers_stream_through(host: &Host) {
    run(async {
        let path = "/stamp-first/copy";
        let mut connection = client::http1(host.address).await;
        let request = |body| with_host(Request::post(path).body(body).unwrap(), host.address);
        pieces_come_back(path, 2, |body| connection.send_request(request(body))).await;
    });
    let mut raw = host.raw();
    raw.send(
        "POST /nothing/copy HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n\
         4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n",
    );
    let answer = raw.answer();
    assert_eq!((answer.text().as_str(), answer.trailers), ("body", vec![("x-sum".into(), "42".into())]));
    let large = vec![b'x'; 3_000_000];
    assert_eq!(host.post("/guard-first/copy", large.clone()).body, large);
}

fn its_fault_costs_that_request(host: &Host) {
    ask(host, "nothing", "panic").is_problem(500);
    host.wait_for_log("a trap", |line| line["reason"] == "trap");
    assert_eq!(host.get("/nothing/headers").status, 200);
}

fn its_outgoing_requests_need_permission_twice() {
    let origin = Origin::start();
    let url = origin.url("/");
    // The component may call the server; only the middleware that inherits that may do so too.
    let allowed = MANIFEST.replacen(
        "source = \"guest:echo\"",
        &format!("source = \"guest:echo\"\nallowed_outbound_hosts = [\"http://{}\"]", origin.address),
        1,
    );
    let host = Setup::new(manifest(&allowed)).file("data.txt", "the data").start();
    is_denied(&ask(&host, "nothing", &url));
    assert_eq!(origin.connections(), 0);
    assert_eq!(ask(&host, "all", &url).header("x-found"), Some("fetched 200 OK"));
    // Without the component's permission, nothing is there to inherit.
    let host = setup().start();
    is_denied(&ask(&host, "all", &url));
    assert_eq!(origin.requests(), 1);
}

fn denials_name_a_line_that_would_help() {
    // The component has no permissions: the line to add is its own, whoever stands in front.
    let bare: String = MANIFEST
        .lines()
        .filter(|line| !line.contains("key_value_stores = [\"default\"]"))
        .map(|line| format!("{line}\n"))
        .collect();
    let host = Setup::new(manifest(&bare)).file("data.txt", "the data").start();
    ask(&host, "all", "key-value");
    host.wait_for_log_with(&["key_value_stores", "[component.echo]"]);
    ask(&host, "all", "http://127.0.0.1:9/");
    host.wait_for_log_with(&["allowed_outbound_hosts", "[component.echo]"]);
    // What the component has and the middleware does not inherit is granted elsewhere.
    ask(&host, "nothing", "http://127.0.0.1:9/");
    host.wait_for_log_with(&["inherit_configuration"]);
}

fn output_and_metrics_carry_the_components_name() {
    let host = setup().start();
    host.get("/stamp-first/print?stdout=behind-two").is(200, "printed");
    let line = host.wait_for_log_with(&["behind-two"]);
    assert!(line["component"].as_str().unwrap().split('>').any(|name| name == "echo"), "{line}");
    let metrics = host.metrics();
    let mut labels = metrics.find("tidegate_component_instances_total", &[]).map(|sample| &sample.labels["component"]);
    assert!(labels.any(|name| name.split('>').any(|name| name == "echo")), "{metrics:?}");
}
