//! What operators see and do: metrics, `GET /limits`, `tidegate limits`, `explain --live`; and what they never see.

use harness::client::{self, empty};
use harness::{Ended, Host, Trial, tests};
use http::Request;
use serde_json::{Value, json};

use super::{DECISIONS, ask, edge, fixed, has_left, left, limit, limited, order};

pub fn tests() -> Vec<Trial> {
    tests!(
        "limit",
        needs [],
        limits_are_listed,
        limits_are_reset,
        one_key_is_reset,
        bad_orders_are_told_and_change_nothing,
        a_token_is_asked_for_if_there_is_one,
        the_command_lists_and_resets,
        explain_tells_what_is_left,
        decisions_are_counted,
        those_who_are_refused_most_are_told,
        secrets_are_told_nowhere,
    )
}

fn listed(host: &Host, name: &str) -> Value {
    let answer = host.admin("/limits");
    assert_eq!(answer.status, 200, "{answer:?}");
    let all = answer.json();
    let mut found = all["limits"].as_array().unwrap().iter().filter(|limit| limit["name"] == name);
    found.next().unwrap_or_else(|| panic!("no {name} in {all:#}")).clone()
}

fn limits_are_listed() {
    let text = [
        limited("steady", "rate = \"100/m\"\nburst = 1\nkey = [\"client\", \"header:x-user\"]"),
        limited("window", "algorithm = \"sliding-window\"\nrate = \"5/h\"\nkey = []"),
        limited("places", "algorithm = \"concurrency\"\nin_flight = 3"),
        limited("shadow", "rate = \"1/h\"\nshadow = true"),
    ];
    let host = edge(text.concat()).start();
    for _ in 0..4 {
        ask(&host, "/steady", &[("x-user", "a")]);
        ask(&host, "/shadow", &[]);
    }
    ask(&host, "/steady", &[("x-user", "b")]);
    let all = host.admin("/limits").json();
    let names: Vec<_> = all["limits"].as_array().unwrap().iter().map(|limit| &limit["name"]).collect();
    assert_eq!(names, ["steady", "window", "places", "shadow"]);
    assert_eq!(all["redis"], Value::Null);
    let steady = listed(&host, "steady");
    assert_eq!(steady["algorithm"], "gcra");
    assert_eq!((&steady["quota"], &steady["burst"]), (&json!("100/m"), &json!(1)));
    assert_eq!((&steady["key"], &steady["store"]), (&json!(["client", "header:x-user"]), &json!("memory")));
    assert_eq!(steady["shadow"], false);
    let decisions = &steady["decisions"];
    assert_eq!(decisions["pass"].as_u64().unwrap() + decisions["refuse"].as_u64().unwrap(), 5, "{steady:#}");
    assert_eq!(steady["evicted"], 0);
    let window = listed(&host, "window");
    assert_eq!((&window["algorithm"], &window["key"]), (&json!("sliding-window"), &json!([])));
    assert_eq!(listed(&host, "places")["algorithm"], "concurrency");
    let shadow = listed(&host, "shadow");
    assert_eq!((&shadow["shadow"], &shadow["decisions"]["shadow"]), (&json!(true), &json!(3)), "{shadow:#}");
    // It is the admin side's alone.
    assert_eq!(ask(&host, "/limits", &[]).status, 404);
    let posted = order(&host, "/limits", "", &[]);
    assert_eq!((posted.status, posted.header("allow").is_some()), (405, true), "{posted:?}");
}

fn reset(host: &Host, text: Value) -> Value {
    let answer = order(host, "/limits/reset", &text.to_string(), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn limits_are_reset() {
    let names = ["gcra", "sliding-window", "sliding-log"];
    let text: String = names
        .map(|name| limited(name, &format!("algorithm = \"{name}\"\nrate = \"3/h\"\nkey = \"header:x-user\"")))
        .concat();
    let host = edge(text).start();
    let status = |name: &str, user: &str| ask(&host, &format!("/{name}"), &[("x-user", user)]).status;
    for name in names {
        for user in ["a", "b"] {
            assert_eq!([(); 4].map(|()| status(name, user)), [200, 200, 200, 429]);
        }
    }
    for name in names {
        assert_eq!(reset(&host, json!({"limit": name})), json!({"reset": true}));
        for user in ["a", "b"] {
            assert_eq!([(); 4].map(|()| status(name, user)), [200, 200, 200, 429], "{name}");
        }
    }
}

fn one_key_is_reset() {
    let text =
        limited("client", "rate = \"2/h\"") + &limited("user", "rate = \"2/h\"\nkey = [\"header:x-user\", \"route\"]");
    let host = edge(text).start();
    has_left(&host, "/client", 2);
    let status = |user: &str| ask(&host, "/user", &[("x-user", user)]).status;
    for user in ["a", "b", "c=|d"] {
        assert_eq!([(); 3].map(|()| status(user)), [200, 200, 429]);
    }
    reset(&host, json!({"limit": "client", "key": "client=127.0.0.1"}));
    has_left(&host, "/client", 2);
    reset(&host, json!({"limit": "user", "key": "header:x-user=a|route=user"}));
    assert_eq!([status("a"), status("b"), status("c=|d")], [200, 429, 429]);
    reset(&host, json!({"limit": "user", "key": "header:x-user=c%3D%7Cd|route=user"}));
    assert_eq!([status("a"), status("a"), status("b"), status("c=|d")], [200, 429, 429, 200]);
}

fn bad_orders_are_told_and_change_nothing() {
    let host = edge(limited("few", "rate = \"2/h\"")).start();
    has_left(&host, "/few", 2);
    for (path, text, status) in [
        ("/limits/reset", "", 400),
        ("/limits/reset", "few", 400),
        ("/limits/reset", "[]", 400),
        ("/limits/reset", "{}", 400),
        ("/limits/reset", r#"{"limit": 1}"#, 400),
        ("/limits/reset", r#"{"limit": "few", "keys": "a"}"#, 400),
        ("/limits/reset", r#"{"limit": "few", "key": 1}"#, 400),
        ("/limits/reset", r#"{"limit": "few""#, 400),
        ("/limits/reset", r#"{"limit": "many"}"#, 404),
        ("/limits/peek", "{}", 400),
        ("/limits/peek", r#"{"takes": 1}"#, 400),
    ] {
        let answer = order(&host, path, text, &[]);
        assert_eq!(answer.status, status, "{path} {text}: {answer:?}");
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{text}: {answer:?}");
    }
    let long = format!("{{\"limit\": \"few\", \"key\": \"{}\"}}", "k".repeat(4_000_000));
    let status = order(&host, "/limits/reset", &long, &[]).status;
    assert!([400, 413].contains(&status), "{status}");
    assert_eq!(host.admin("/limits/reset").status, 405);
    // Nor is it for the public.
    assert_eq!(host.post("/limits/reset", r#"{"limit": "few"}"#).status, 404);
    has_left(&host, "/few", 0);
}

fn a_token_is_asked_for_if_there_is_one() {
    let setup = edge(limited("few", "rate = \"2/h\"")).environment("TIDEGATE_ADMIN_TOKEN", "s3cret");
    let host = setup.start();
    has_left(&host, "/few", 2);
    let with = |method: &str, path: &str, text: &str, value: Option<&str>| {
        let request = Request::builder().method(method).uri(path);
        let request = value.into_iter().fold(request, |request, value| request.header("authorization", value));
        let body = if text.is_empty() { empty() } else { client::full(text.to_owned()) };
        client::run(client::exchange(host.admin, request.body(body).unwrap()))
    };
    let orders = [
        ("GET", "/limits", ""),
        ("POST", "/limits/reset", r#"{"limit": "few"}"#),
        ("POST", "/limits/peek", r#"{"takes": [{"limit": "few", "key": "client=127.0.0.1"}]}"#),
    ];
    for (method, path, text) in orders {
        for value in [None, Some("Bearer wrong"), Some("Bearer s3cre"), Some("Basic s3cret")] {
            let answer = with(method, path, text, value);
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{path} {value:?}");
        }
    }
    has_left(&host, "/few", 0);
    // Pages of other sites cannot, whatever they know.
    let answer = order(&host, "/limits/reset", orders[1].2, &[("origin", "null"), ("authorization", "Bearer s3cret")]);
    answer.is_problem(403);
    has_left(&host, "/few", 0);
    for (method, path, text) in orders {
        assert_eq!(with(method, path, text, Some("Bearer s3cret")).status, 200, "{path}");
    }
    has_left(&host, "/few", 2);
    assert!(!host.stop().stderr.contains("s3cret"));
}

/// `tidegate WORDS --admin ADDR`
fn command(host: &Host, words: &[&str]) -> Ended {
    let admin = host.admin.to_string();
    host.setup().run(words.iter().copied().chain(["--admin", &admin]))
}

#[track_caller]
fn said(ended: &Ended) -> &str {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    &ended.stdout
}

fn the_command_lists_and_resets() {
    let text = limited("few", "rate = \"2/h\"\nkey = \"header:x-user\"") + &limited("other", "rate = \"5/m\"");
    let host = edge(text).start();
    let status = |user: &str| ask(&host, "/few", &[("x-user", user)]).status;
    for user in ["a", "b"] {
        assert_eq!([(); 3].map(|()| status(user)), [200, 200, 429]);
    }
    let listed = command(&host, &["limits"]);
    for word in ["few", "other", "2/h", "5/m", "header:x-user=a"] {
        assert!(said(&listed).contains(word), "no {word} in\n{}", listed.stdout);
    }
    let json: Value = serde_json::from_str(said(&command(&host, &["limits", "--json"]))).unwrap();
    assert_eq!(json["limits"][0]["decisions"]["refuse"], 2, "{json:#}");

    assert!(!said(&command(&host, &["limits", "reset", "few", "header:x-user=a"])).is_empty());
    assert_eq!([status("a"), status("b")], [200, 429]);
    said(&command(&host, &["limits", "reset", "few"]));
    assert_eq!([(); 3].map(|()| status("b")), [200, 200, 429]);

    for (words, code, told) in [
        (&["limits", "reset", "many"][..], 1, "many"),
        (&["limits", "reset"], 2, "<LIMIT>"),
        (&["limits", "--nonsense"], 2, "nonsense"),
    ] {
        let ended = command(&host, words);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{words:?}: {ended:?}");
        assert!(ended.stderr.contains(told), "{words:?}: {ended:?}");
    }
    let (setup, admin) = (host.setup().clone(), host.admin.to_string());
    host.stop();
    let ended = setup.run(["limits", "--admin", &admin]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&format!("no host answers on {admin}")), "{ended:?}");
}

fn explain_tells_what_is_left() {
    let text = limit("few", "rate = \"3/h\"\nkey = \"header:x-user\"")
        + &limit("more", "rate = \"9/h\"")
        + &fixed("few", "[\"few\", \"more\"]");
    let host = edge(text).start();
    for _ in 0..2 {
        assert_eq!(ask(&host, "/few", &[("x-user", "a")]).status, 200);
    }
    let explain = |user: &str, live: bool| {
        let (field, admin) = (format!("x-user: {user}"), host.admin.to_string());
        let words = [
            "explain",
            "GET",
            "http://shop.example/few",
            "-H",
            &field,
            "--client",
            "127.0.0.1",
            "--edge",
            "edge.toml",
            "--json",
        ];
        let live = if live { &["--live", "--admin", &admin][..] } else { &[] };
        let ended = host.setup().run(words.into_iter().chain(live.iter().copied()));
        let told: Value = serde_json::from_str(said(&ended)).unwrap();
        let fields = told["response"]["headers"].as_array().unwrap().clone();
        let left =
            fields.into_iter().find(|field| field[0] == "ratelimit").map(|field| field[1].as_str().unwrap().to_owned());
        (told["response"]["status"].as_u64().unwrap(), left.unwrap_or_default())
    };
    let starts = |(status, left): (u64, String), few: u32, more: u32| {
        assert_eq!(status, 200);
        assert!(left.contains(&format!("\"few\";r={few}")) && left.contains(&format!("\"more\";r={more}")), "{left}");
    };
    // As if nothing had been taken yet, and as it is.
    starts(explain("a", false), 2, 8);
    starts(explain("a", true), 0, 6);
    starts(explain("b", true), 2, 6);
    // To look takes nothing.
    starts(explain("a", true), 0, 6);
    assert_eq!(left(&ask(&host, "/few", &[("x-user", "a")]), "few"), Some(0));
    assert_eq!(explain("a", true).0, 429);
    let admin = host.admin.to_string();
    let words = [
        "explain",
        "GET",
        "http://shop.example/few",
        "-H",
        "x-user: a",
        "--edge",
        "edge.toml",
        "--live",
        "--admin",
        &admin,
    ];
    let ended = host.setup().run(words);
    assert!(said(&ended).contains("limit/over-quota"), "{}", ended.stdout);
    let setup = host.setup().clone();
    host.stop();
    let ended = setup.run(words);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&format!("no host answers on {admin}")), "{ended:?}");
}

fn decisions_are_counted() {
    let keys =
        "rate = \"2/h\"\nkey = \"header:x-user\"\nallow = [\"header:x-user=root\"]\ndeny = [\"header:x-user=mallory\"]";
    let text = limited("few", &format!("{keys}\nmissing = \"skip\""))
        + &limited("known", &format!("{keys}\nmissing = \"refuse\""));
    let host = edge(text).start();
    for decision in ["pass", "delay", "refuse", "shadow", "allow", "deny", "skip", "incomplete", "down"] {
        assert!(host.metrics().sum(DECISIONS, &[("decision", decision)]) == 0.0, "{decision}");
    }
    for user in ["a", "a", "a", "b", "root", "mallory"] {
        ask(&host, "/few", &[("x-user", user)]);
    }
    ask(&host, "/few", &[]);
    ask(&host, "/known", &[]);
    let metrics = host.metrics();
    for (limit, decision, count) in [
        ("few", "pass", 3.0),
        ("few", "refuse", 1.0),
        ("few", "allow", 1.0),
        ("few", "deny", 1.0),
        ("few", "skip", 1.0),
        ("known", "incomplete", 1.0),
    ] {
        assert_eq!(metrics.sum(DECISIONS, &[("limit", limit), ("decision", decision)]), count, "{limit} {decision}");
    }
    assert_eq!(metrics.sum(DECISIONS, &[]), 8.0);
    assert_eq!(metrics.sum("tidegate_limit_keys", &[("limit", "few")]), 2.0);
    assert_eq!(metrics.sum("tidegate_limit_evicted_total", &[("limit", "few")]), 0.0);
    assert_eq!(metrics.type_of(DECISIONS), Some("counter"));
    assert_eq!(metrics.type_of("tidegate_limit_keys"), Some("gauge"));
    assert_eq!(metrics.type_of("tidegate_limit_evicted_total"), Some("counter"));
}

fn those_who_are_refused_most_are_told() {
    let host = edge(limited("few", "rate = \"1/h\"\nkey = \"header:x-user\"")).start();
    for (user, refusals) in [("mild", 3), ("worst", 40), ("bad", 15)] {
        for _ in 0..=refusals {
            ask(&host, "/few", &[("x-user", user)]);
        }
    }
    // Others who are refused once or never are not in the way.
    for user in 0..300 {
        for _ in 0..=user % 2 {
            ask(&host, "/few", &[("x-user", &format!("user {user}"))]);
        }
    }
    let few = listed(&host, "few");
    let refused = few["refused"].as_array().unwrap();
    let top: Vec<_> = refused.iter().take(2).map(|one| one["key"].as_str().unwrap()).collect();
    assert_eq!(top, ["header:x-user=worst", "header:x-user=bad"], "{few:#}");
    let count = refused[0]["count"].as_u64().unwrap();
    assert!((40..80).contains(&count), "{few:#}");
    // A sketch, of bounded size.
    assert!(refused.len() <= 100, "{}", refused.len());
}

/// What identifies a client as the one who may is told to nobody, not even to those who run the edge.
fn secrets_are_told_nowhere() {
    const SECRET: &str = "hunter2";
    let parts = ["api-key", "cookie:session", "header:authorization", "header:cookie"];
    let mut text = parts
        .iter()
        .enumerate()
        .map(|(number, part)| limited(&format!("limit-{number}"), &format!("rate = \"1/h\"\nkey = \"{part}\"")))
        .collect::<String>();
    text += &limited("members", "rate = \"1/h\"\nkey = []\nallow = [\"api-key=hunter2-gold\"]");
    let host = edge(text).start();
    let bearer = format!("Bearer {SECRET}");
    let cookie = format!("session={SECRET}");
    let fields = [("x-api-key", SECRET), ("authorization", bearer.as_str()), ("cookie", cookie.as_str())];
    for (number, part) in parts.iter().enumerate() {
        let path = format!("/limit-{number}");
        for _ in 0..3 {
            ask(&host, &path, &fields);
        }
        assert_eq!(ask(&host, &path, &fields).status, 429);
        let refused = listed(&host, &path[1..])["refused"][0]["key"].as_str().unwrap().to_owned();
        assert!(refused.starts_with(&format!("{part}=#")), "{refused}");
        // By what is told they can be named.
        reset(&host, json!({"limit": path[1..], "key": refused}));
        assert_eq!(ask(&host, &path, &fields).status, 200);
    }
    for _ in 0..3 {
        assert_eq!(ask(&host, "/members", &[("x-api-key", "hunter2-gold")]).status, 200);
    }
    let admin = host.admin.to_string();
    let explained =
        ["explain", "GET", "http://a/limit-0", "-H", "x-other: 1", "--edge", "edge.toml", "--live", "--admin", &admin];
    let places = [
        host.admin("/limits").text(),
        host.admin("/metrics").text(),
        command(&host, &["limits"]).stdout,
        host.setup().run(explained).stdout,
        ask(&host, "/limit-0", &fields).text(),
    ];
    for place in places {
        assert!(!place.is_empty() && !place.to_lowercase().contains(SECRET), "{place}");
    }
    // A reload tells it neither, nor do warnings.
    super::write(host.setup(), &limited("members", "rate = \"0/h\"\nkey = []\nallow = [\"api-key=hunter2-gold\"]"));
    let told = order(&host, "/reload", "", &[]);
    assert_eq!(told.status, 422);
    let ended = host.stop();
    assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
}
