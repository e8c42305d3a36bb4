//! What clients are told, over HTTP/1.1 and HTTP/2, and that their connections go on.

use std::io::Write;

use harness::client::{self, empty, full};
use harness::{Answer, Host, Server, Setup, Trial, run, tests};
use http::Request;
use serde_json::json;

use super::{DECISIONS, ask, edge, fixed, left, limit, limited, parameter};

pub fn tests() -> Vec<Trial> {
    let shared = tests!(
        "limit",
        on setup,
        needs [],
        passes_and_refusals_tell_what_is_left,
        http_2_tells_the_same,
        head_is_answered_without_a_body,
        a_connection_goes_on_after_a_refusal,
        a_refused_body_is_no_request,
        a_large_refused_body_is_not_waited_for,
        whoever_expects_100_is_refused_without_it,
        several_limits_are_told_in_their_order,
        lists_and_missing_parts_refuse_otherwise,
        what_is_in_shadow_is_not_told,
        clients_behind_a_proxy_are_told_apart,
    );
    let own = tests!("limit", needs [], what_a_request_has_cost_is_charged_afterwards, every_answer_of_a_route_counts);
    shared.into_iter().chain(own).collect()
}

/// Each test has users of its own, so that all share a host.
const USER: &str = "key = \"header:x-user\"";

fn setup() -> Setup {
    let limits = [
        limited("few", &format!("rate = \"2/h\"\n{USER}")),
        limit("log", &format!("algorithm = \"sliding-log\"\nrate = \"5/m\"\n{USER}")),
        limit("places", &format!("algorithm = \"concurrency\"\nin_flight = 7\n{USER}")),
        limited("shadow", &format!("rate = \"1/h\"\nshadow = true\n{USER}")),
        limited("banned", "rate = \"9/h\"\ndeny = [\"header:x-user=mallory\"]\nallow = [\"header:x-user=root\"]"),
        limited("known", &format!("rate = \"9/h\"\nmissing = \"refuse\"\n{USER}")),
        limited("network", "rate = \"1/h\"\nipv4_prefix = 24"),
        fixed("both", "[\"log\", \"few\", \"shadow\", \"places\"]"),
        fixed("free", "false"),
    ];
    edge("[client]\ntrusted_proxies = [\"127.0.0.0/8\"]\n".to_owned() + &limits.concat())
}

/// A number of seconds that was so much when the test began, and is a little less now.
#[track_caller]
fn is_about(seconds: Option<&str>, most: u64) {
    let seconds: u64 = seconds.unwrap().parse().unwrap();
    assert!((most - 120..=most).contains(&seconds), "{seconds} of {most}");
}

/// The third request of a user who may ask twice an hour.
#[track_caller]
fn is_refused(answer: &Answer) {
    answer.is_problem(429);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"few\";q=2;w=3600"));
    assert_eq!(left(answer, "few"), Some(0));
    // Both say the same: until it would be let through.
    is_about(parameter(answer, "ratelimit", "few", "t").as_deref(), 1800);
    is_about(answer.header("retry-after"), 1800);
    let problem = answer.json();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["few"]));
    // What it was refused for is not stored by anybody.
    assert!(answer.header("cache-control").is_none_or(|value| value.contains("no-store")), "{answer:?}");
}

#[track_caller]
fn is_pass(answer: &Answer, expected: u32) {
    answer.is(200, "fine");
    assert_eq!(answer.header("ratelimit-policy"), Some("\"few\";q=2;w=3600"));
    assert_eq!(left(answer, "few"), Some(expected));
    is_about(parameter(answer, "ratelimit", "few", "t").as_deref(), u64::from(2 - expected) * 1800);
    assert_eq!(answer.header("retry-after"), None);
}

fn passes_and_refusals_tell_what_is_left(host: &Host) {
    let user = [("x-user", "passes and refusals")];
    is_pass(&ask(host, "/few", &user), 1);
    is_pass(&ask(host, "/few", &user), 0);
    for _ in 0..3 {
        is_refused(&ask(host, "/few", &user));
    }
    assert_eq!(ask(host, "/free", &user).header("ratelimit"), None);
}

fn http_2_tells_the_same(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        let mut get = async |method: &str, body: client::Body| {
            let request = Request::builder().method(method).uri("http://shop.example/few").header("x-user", "http/2");
            client::read(connection.send_request(request.body(body).unwrap()).await.unwrap()).await
        };
        is_pass(&get("GET", empty()).await, 1);
        is_pass(&get("GET", empty()).await, 0);
        is_refused(&get("GET", empty()).await);
        is_refused(&get("POST", full("a body")).await);
        is_refused(&get("POST", full(vec![b'x'; 300_000])).await);
        let answer = get("HEAD", empty()).await;
        assert_eq!((answer.status, answer.body.len()), (429, 0));
        assert_eq!(left(&answer, "few"), Some(0));
        is_refused(&get("GET", empty()).await);
    });
}

fn head_is_answered_without_a_body(host: &Host) {
    let mut raw = host.raw();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        raw.send("HEAD /few HTTP/1.1\r\nhost: a\r\nx-user: head\r\n\r\n");
        let answer = raw.head();
        statuses.push(answer.status);
        assert!(answer.header("ratelimit").is_some_and(|value| value.starts_with("\"few\";r=")), "{answer:?}");
        assert!(answer.header("content-length").is_none_or(|length| length != "0"), "{answer:?}");
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
    // No body came in between, for this is read as it should be.
    raw.send("GET /free HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((raw.answer().text(), raw.read_ahead()), ("fine".to_owned(), Vec::new()));
}

fn a_connection_goes_on_after_a_refusal(host: &Host) {
    let mut raw = host.raw();
    let few = "GET /few HTTP/1.1\r\nhost: a\r\nx-user: goes on\r\n\r\n";
    let free = "GET /free HTTP/1.1\r\nhost: a\r\n\r\n";
    // One behind the other, and all sent at once.
    raw.send([few, few, few, free, few, free].concat());
    let found: Vec<_> = (0..6).map(|_| raw.answer()).collect();
    assert_eq!(found.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 429, 200, 429, 200]);
    assert!(found.iter().all(|answer| answer.header("connection").is_none()), "{found:?}");
    for _ in 0..50 {
        assert_eq!(raw.send(few).answer().status, 429);
    }
    assert_eq!(raw.send(free).answer().status, 200);
}

/// A user who has nothing left.
fn use_up(host: &Host, user: &str) {
    for _ in 0..2 {
        assert_eq!(ask(host, "/few", &[("x-user", user)]).status, 200);
    }
}

/// The body of a refused request is never read as another request, whether it comes with its head or later.
fn a_refused_body_is_no_request(host: &Host) {
    use_up(host, "body");
    let inner = "GET /free HTTP/1.1\r\nhost: a\r\nx-inner: 1\r\n\r\n";
    let sized = format!("content-length: {}\r\n\r\n", inner.len());
    let chunked = "transfer-encoding: chunked\r\n\r\n".to_owned();
    let chunk = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    for (framing, body) in [(sized, inner.to_owned()), (chunked, chunk)] {
        for is_late in [false, true] {
            let mut raw = host.raw();
            let head = format!("POST /few HTTP/1.1\r\nhost: a\r\nx-user: body\r\n{framing}");
            if is_late {
                raw.send(head);
            } else {
                raw.send(head + &body);
            }
            let answer = raw.answer();
            assert_eq!(answer.status, 429, "{answer:?}");
            if is_late {
                raw.offer(&body);
            }
            let next = "GET /few HTTP/1.1\r\nhost: a\r\nx-user: body\r\n\r\n";
            raw.offer(next);
            if answer.header("connection") == Some("close") {
                assert!(raw.is_over(), "{:?}", raw.read_ahead());
            } else {
                // The answer to what came behind the body: the one in it would pass.
                assert_eq!(raw.answer().status, 429);
                assert_eq!(raw.read_ahead(), b"");
            }
        }
    }
}

fn a_large_refused_body_is_not_waited_for(host: &Host) {
    use_up(host, "large");
    let mut raw = host.raw();
    raw.send("POST /few HTTP/1.1\r\nhost: a\r\nx-user: large\r\ncontent-length: 100000000000\r\n\r\nthe beginning");
    assert_eq!(raw.answer().status, 429);
    // Nobody reads so much only to refuse the next one: the connection ends.
    let piece = vec![b'x'; 64 << 10];
    let taken = (0..1000).take_while(|_| raw.socket().write_all(&piece).is_ok()).count();
    assert!(taken < 500, "{taken} pieces");
}

fn whoever_expects_100_is_refused_without_it(host: &Host) {
    use_up(host, "expects");
    let mut raw = host.raw();
    raw.send("POST /few HTTP/1.1\r\nhost: a\r\nx-user: expects\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.header("retry-after").map(str::len), Some(4), "{answer:?}");
}

fn several_limits_are_told_in_their_order(host: &Host) {
    let user = [("x-user", "several")];
    let answer = ask(host, "/both", &user);
    answer.is(200, "fine");
    // In the order of the route; what is in shadow is not told.
    let policy = "\"log\";q=5;w=60, \"few\";q=2;w=3600, \"places\";q=7;qu=\"concurrent-requests\"";
    assert_eq!(answer.header("ratelimit-policy"), Some(policy));
    let names = |answer: &Answer| {
        let items = answer.header("ratelimit").unwrap().split(", ");
        items.map(|item| item.split(';').take(2).collect::<Vec<_>>().join(";")).collect::<Vec<_>>()
    };
    assert_eq!(names(&answer), ["\"log\";r=4", "\"few\";r=1", "\"places\";r=6"]);
    assert_eq!(parameter(&answer, "ratelimit", "places", "t"), None);
    ask(host, "/both", &user);
    // Nothing is taken of the others by what one refuses.
    for _ in 0..3 {
        let refusal = ask(host, "/both", &user);
        refusal.is_problem(429);
        assert_eq!(refusal.json()["violated-policies"], json!(["few"]));
        assert_eq!(names(&refusal)[..2], ["\"log\";r=3", "\"few\";r=0"]);
        is_about(refusal.header("retry-after"), 1800);
    }
}

fn lists_and_missing_parts_refuse_otherwise(host: &Host) {
    for _ in 0..3 {
        let denied = ask(host, "/banned", &[("x-user", "mallory")]);
        denied.is_problem(403);
        assert_eq!(denied.header("ratelimit"), None);
        let missing = ask(host, "/known", &[]);
        missing.is_problem(403);
    }
    // Who is on the list of the allowed is not counted.
    for _ in 0..20 {
        ask(host, "/banned", &[("x-user", "root")]).is(200, "fine");
    }
    assert_eq!(left(&ask(host, "/banned", &[]), "banned"), Some(8));
    assert_eq!(left(&ask(host, "/known", &[("x-user", "lists")]), "known"), Some(8));
    let count =
        |limit: &str, decision: &str| host.metrics().sum(DECISIONS, &[("limit", limit), ("decision", decision)]);
    assert_eq!((count("banned", "deny"), count("banned", "allow"), count("known", "incomplete")), (3.0, 20.0, 3.0));
}

fn what_is_in_shadow_is_not_told(host: &Host) {
    for _ in 0..5 {
        let answer = ask(host, "/shadow", &[("x-user", "shadow")]);
        answer.is(200, "fine");
        assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), (None, None));
    }
    // Others on this host are in shadow too, and pass.
    let refused = host.metrics().sum(DECISIONS, &[("limit", "shadow"), ("decision", "shadow")]);
    assert!(refused >= 4.0, "{refused}");
    assert_eq!(host.metrics().sum(DECISIONS, &[("limit", "shadow"), ("decision", "refuse")]), 0.0);
}

fn clients_behind_a_proxy_are_told_apart(host: &Host) {
    let status = |client: &str| ask(host, "/network", &[("x-forwarded-for", client)]).status;
    // By /24 here, and by /64 of IPv6.
    for (client, expected) in [
        ("192.0.2.1", 200),
        ("192.0.2.77", 429),
        ("192.0.3.1", 200),
        ("2001:db8::1", 200),
        ("2001:db8::2:1", 429),
        ("2001:db8:0:1::1", 200),
        ("6.6.6.6, 192.0.2.5", 429),
        ("::ffff:192.0.2.9", 429),
    ] {
        assert_eq!(status(client), expected, "{client}");
    }
}

fn what_a_request_has_cost_is_charged_afterwards() {
    let server = Server::answering(|request| {
        let cost = request.target.trim_start_matches('/');
        format!("HTTP/1.1 200 OK\r\nx-cost: {cost}\r\nx-other: 1\r\ncontent-length: 0\r\n\r\n").into_bytes()
    });
    let text = limit("costly", "rate = \"10/h\"\ncost_from = \"x-cost\"\nkey = \"header:x-user\"")
        + &format!(
            "[[upstream]]\nname = \"origin\"\nurl = \"{}\"\n[[route]]\nname = \"all\"\nupstream = \"origin\"\nlimit = \"costly\"\n",
            server.url("")
        );
    let host = edge(text).start();
    let get = |user: &str, cost: &str| {
        let answer = ask(&host, &format!("/{cost}"), &[("x-user", user)]);
        assert_eq!(answer.header("x-cost"), None, "{answer:?}");
        (answer.status, left(&answer, "costly"))
    };
    assert_eq!(get("a", "4"), (200, Some(9)));
    assert_eq!(get("a", "1"), (200, Some(5)));
    // Nothing, and what is no cost.
    assert_eq!(get("a", "0"), (200, Some(4)));
    assert_eq!(get("a", "none"), (200, Some(4)));
    assert_eq!(get("a", "-5"), (200, Some(3)));
    // More than there is: that is owed, but not forever.
    assert_eq!(get("a", "4000000000"), (200, Some(2)));
    assert_eq!(get("a", "1"), (429, Some(0)));
    let refusal = ask(&host, "/1", &[("x-user", "a")]);
    let retry_after: u64 = refusal.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=2 * 3600).contains(&retry_after), "{retry_after}");
    assert_eq!(get("b", "1"), (200, Some(9)));
}

/// Redirects, fixed answers, what is stored and what fails: each is a request.
fn every_answer_of_a_route_counts() {
    let server = Server::answering(|_| {
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=600\r\ncontent-length: 4\r\n\r\nbody".to_vec()
    });
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = limit("few", "rate = \"3/h\"\nkey = [\"client\", \"route\"]")
        + &format!(
            "[cache]\n[defaults]\nlimit = \"few\"\n\
             [[upstream]]\nname = \"origin\"\nurl = \"{}\"\n[[upstream]]\nname = \"nowhere\"\nurl = \"http://{nowhere}\"\n\
             [[route]]\nname = \"old\"\npath = \"/old\"\nredirect = {{ to = \"/new\", status = 308 }}\n\
             [[route]]\nname = \"stored\"\npath = \"/stored\"\nupstream = \"origin\"\n\
             [[route]]\nname = \"fails\"\npath = \"/fails\"\nupstream = \"nowhere\"\n\
             [[route]]\nname = \"free\"\npath = \"/free\"\nlimit = false\nrespond = {{ body = \"fine\" }}\n",
            server.url("")
        );
    let host = edge(text).start();
    for (path, status) in [("/old", 308), ("/stored", 200), ("/fails", 502)] {
        for expected in (0..3).rev() {
            let answer = ask(&host, path, &[]);
            assert_eq!((answer.status, left(&answer, "few")), (status, Some(expected)), "{path}");
        }
        ask(&host, path, &[]).is_problem(429);
    }
    assert_eq!(server.connections(), 1);
    // What is stored is not told of others' limits, and 404s are nobody's.
    for path in ["/free", "/nowhere"] {
        assert_eq!(ask(&host, path, &[]).header("ratelimit"), None, "{path}");
    }
}
