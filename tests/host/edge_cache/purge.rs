//! Purges: what each of them forgets, who may order them, and the command for it.

use harness::client::{self, empty, full};
use harness::{Answer, Host, Setup, Trial, tests};
use http::Request;
use serde_json::{Value, json};

use super::{Origin, ask, edge, is_hit, is_no_hit, response};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        each_purge_forgets_what_it_names,
        soft_purges_leave_what_is_better_than_nothing,
        bad_orders_are_told_and_change_nothing,
        a_token_is_asked_for_if_there_is_one,
        pages_of_other_sites_cannot_purge,
        the_command_purges,
        the_command_says_what_is_wrong,
        the_purge_method_is_for_those_who_may,
    )
}

/// What the admin side says to an order.
pub(super) fn order(host: &Host, text: &str) -> Answer {
    send(host, text, &[])
}

fn send(host: &Host, text: &str, fields: &[(&str, &str)]) -> Answer {
    let request = Request::post("/purge").header("content-type", "application/json");
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    client::run(client::exchange(host.admin, request.body(full(text.to_owned())).unwrap()))
}

/// What is stored before each purge: hosts and targets.
const STORED: [(&str, &str); 7] = [
    ("shop.example", "/"),
    ("shop.example", "/img/a?x=1"),
    ("shop.example", "/img/a?x=2"),
    ("shop.example", "/img/b"),
    ("shop.example", "/image"),
    ("other.example", "/img/a?x=1"),
    ("shop.example:8080", "/"),
];

/// An origin whose answers come in two variants; those of pictures have tags.
fn origin() -> Origin {
    Origin::answering(|request, number| {
        let tags = match &*request.target {
            "/img/b" => "surrogate-key: pictures b\n",
            target if target.starts_with("/img/") => "cache-tag: pictures,a\n",
            _ => "",
        };
        response(&format!("{tags}cache-control: max-age=3600\nvary: x-kind"), number.to_string())
    })
}

fn get(host: &Host, (name, path): (&str, &str), kind: &str) -> Answer {
    let answer = harness::run(async {
        let request = Request::get(path).header("host", name).header("x-kind", kind).body(empty()).unwrap();
        client::exchange(host.address, request).await
    });
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Has everything stored, purges, and says what is found no more.
fn forgotten(host: &Host, purge: impl FnOnce()) -> Vec<(&'static str, &'static str)> {
    let each = || STORED.into_iter().flat_map(|place| ["1", "2"].map(|kind| (place, kind)));
    for (place, kind) in each() {
        get(host, place, kind);
        is_hit(&get(host, place, kind));
    }
    purge();
    let mut gone: Vec<_> =
        each().filter(|(place, kind)| !super::status(&get(host, *place, kind)).starts_with("hit")).collect();
    // Both variants, or none.
    assert!(gone.chunks(2).all(|pair| pair.len() == 2 && pair[0].0 == pair[1].0), "{gone:?}");
    gone.dedup_by_key(|(place, _)| *place);
    gone.into_iter().map(|(place, _)| place).collect()
}

/// Orders, how they are said on the command line, and what is forgotten by them.
fn orders() -> [(Value, Vec<&'static str>, Vec<usize>); 9] {
    [
        (json!({"urls": ["http://shop.example/"]}), vec!["--url", "http://shop.example/"], vec![0]),
        (
            json!({"urls": ["HTTP://SHOP.example:80/img/a?x=1"]}),
            vec!["--url", "HTTP://SHOP.example:80/img/a?x=1"],
            vec![1],
        ),
        (json!({"urls": ["http://nowhere.example/"]}), vec!["--url", "http://nowhere.example/"], vec![]),
        (json!({"prefixes": ["http://shop.example/im"]}), vec!["--prefix", "http://shop.example/im"], vec![1, 2, 3, 4]),
        (
            json!({"prefixes": ["http://shop.example/img/a"], "urls": ["http://shop.example:8080/"]}),
            vec!["--prefix", "http://shop.example/img/a", "--url", "http://shop.example:8080/"],
            vec![1, 2, 6],
        ),
        (json!({"hosts": ["Shop.example"]}), vec!["--host", "Shop.example"], vec![0, 1, 2, 3, 4]),
        (json!({"tags": ["pictures"]}), vec!["--tag", "pictures"], vec![1, 2, 3, 5]),
        (json!({"tags": ["b", "none"], "soft": false}), vec!["--tag", "b", "--tag", "none"], vec![3]),
        (json!({"everything": true}), vec!["--everything"], vec![0, 1, 2, 3, 4, 5, 6]),
    ]
}

fn each_purge_forgets_what_it_names() {
    let origin = origin();
    let host = edge(&origin.server, "").start();
    for (what, _, expected) in orders() {
        let gone = forgotten(&host, || assert_eq!(order(&host, &what.to_string()).status, 200));
        assert_eq!(gone, expected.iter().map(|index| STORED[*index]).collect::<Vec<_>>(), "{what}");
    }
}

fn soft_purges_leave_what_is_better_than_nothing() {
    let origin = Origin::serving(|raw, request, number| {
        match (&*request.target, number) {
            ("/fails", 2..) => return false,
            _ => raw.offer(response("cache-control: max-age=3600\ncache-tag: t\netag: \"e\"", number.to_string())),
        };
        true
    });
    let host = edge(&origin.server, "stale_while_revalidate = \"1h\"\nstale_if_error = \"1h\"").start();
    let soft = r#"{"tags": ["t"], "soft": true}"#;
    // It is used at once, and refreshed.
    ask(&host, "/", &[]).is(200, "1");
    order(&host, soft).is(200, "{\"purged\":1}\n");
    let stale = ask(&host, "/", &[]);
    stale.is(200, "1");
    assert!(super::status(&stale).contains("ttl=-") || super::status(&stale).contains("ttl=0"), "{stale:?}");
    harness::wait_for("the refresh", || (ask(&host, "/", &[]).text() == "2").then_some(()));
    // What is purged for good is never used.
    order(&host, r#"{"tags": ["t"]}"#).is(200, "{\"purged\":1}\n");
    let number = origin.asked();
    ask(&host, "/", &[]).is(200, &(number + 1).to_string());

    let origin = Origin::serving(|raw, _, number| {
        raw.offer(response("cache-control: max-age=3600", number.to_string()));
        // It takes no second request.
        false
    });
    let host = edge(&origin.server, "stale_if_error = \"1h\"").start();
    ask(&host, "/", &[]).is(200, "1");
    order(&host, r#"{"everything": true, "soft": true}"#).is(200, "{\"purged\":1}\n");
    let address = origin.server.address;
    drop(origin);
    harness::wait_for("the origin's end", || std::net::TcpStream::connect(address).is_err().then_some(()));
    ask(&host, "/", &[]).is(200, "1");
    order(&host, r#"{"everything": true}"#).is(200, "{\"purged\":1}\n");
    ask(&host, "/", &[]).is_problem(502);
}

fn bad_orders_are_told_and_change_nothing() {
    let origin = origin();
    let host = edge(&origin.server, "").start();
    get(&host, STORED[0], "1");
    for text in [
        "",
        "purge",
        "[]",
        "{}",
        "null",
        r#"{"everything": false}"#,
        r#"{"everything": 1}"#,
        r#"{"everything": true"#,
        r#"{"url": ["http://shop.example/"]}"#,
        r#"{"urls": "http://shop.example/"}"#,
        r#"{"urls": ["shop.example/"]}"#,
        r#"{"urls": ["http://shop.example/"], "tags": ["a b"]}"#,
        r#"{"hosts": ["http://shop.example/"]}"#,
        r#"{"prefixes": ["/"]}"#,
    ] {
        let answer = order(&host, text);
        assert_eq!(answer.status, 400, "{text}: {answer:?}");
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{text}: {answer:?}");
    }
    let long = format!("{{\"tags\": [{}\"t\"]}}", "\"t\", ".repeat(400_000));
    let answer = order(&host, &long);
    assert!([400, 413].contains(&answer.status), "{}", answer.status);
    assert_eq!(host.admin("/purge").status, 405);
    // Nor is it for the public.
    host.post("/purge", r#"{"everything": true}"#);
    is_hit(&get(&host, STORED[0], "1"));
}

fn a_token_is_asked_for_if_there_is_one() {
    let origin = origin();
    let host = edge(&origin.server, "").environment("TIDEGATE_ADMIN_TOKEN", "s3cret").start();
    get(&host, STORED[0], "1");
    let everything = r#"{"everything": true}"#;
    for value in ["", "Bearer", "Bearer wrong", "Bearer s3cret2", "Bearer s3cre", "Basic s3cret", "s3cret"] {
        let answer = send(&host, everything, &[("authorization", value)]);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{value:?}");
    }
    assert_eq!(order(&host, everything).status, 401);
    is_hit(&get(&host, STORED[0], "1"));
    assert_eq!(send(&host, everything, &[("authorization", "Bearer s3cret")]).status, 200);
    is_no_hit(&get(&host, STORED[0], "1"));
    assert!(!host.stop().stderr.contains("s3cret"));
}

fn pages_of_other_sites_cannot_purge() {
    let origin = origin();
    let host = edge(&origin.server, "").environment("TIDEGATE_ADMIN_TOKEN", "s3cret").start();
    get(&host, STORED[0], "1");
    for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
        let fields = [("origin", origin), ("authorization", "Bearer s3cret")];
        send(&host, r#"{"everything": true}"#, &fields).is_problem(403);
    }
    is_hit(&get(&host, STORED[0], "1"));
}

fn purge<'a>(host: &'a Host, options: impl IntoIterator<Item = &'a str>) -> harness::Ended {
    let admin = host.admin.to_string();
    let arguments = ["purge", "--admin", &admin].map(str::to_owned).into_iter();
    let arguments: Vec<_> = arguments.chain(options.into_iter().map(str::to_owned)).collect();
    host.setup().run(arguments.iter().map(String::as_str))
}

fn the_command_purges() {
    let origin = origin();
    let host = edge(&origin.server, "").start();
    for (_, options, expected) in orders() {
        let gone = forgotten(&host, || {
            let ended = purge(&host, options.clone());
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{options:?}");
            assert!(ended.stdout.starts_with("purged: "), "{ended:?}");
        });
        assert_eq!(gone, expected.iter().map(|index| STORED[*index]).collect::<Vec<_>>(), "{options:?}");
    }
    let ended = purge(&host, ["--tag", "a", "--tag", "b", "--soft", "--json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap(), json!({"purged": 2}));
    assert!(purge(&host, ["--everything", "--soft"]).stdout.starts_with("marked stale: "));
}

fn the_command_says_what_is_wrong() {
    let origin = origin();
    let host = edge(&origin.server, "").environment("TIDEGATE_ADMIN_TOKEN", "s3cret").start();
    // It takes the token from where the host does.
    assert_eq!(purge(&host, ["--everything"]).code, Some(0));
    for (options, code, said) in [
        (vec!["--everything", "--token", "wrong"], 1, "401"),
        (vec!["--everything", "--token", "a\nb"], 1, "the token is not valid"),
        (vec!["--url", "shop.example"], 1, "\"shop.example\" is no http or https URL"),
        (vec!["--prefix", "/img"], 1, "\"/img\" is no http or https URL"),
        (vec!["--host", "a/b"], 1, "\"a/b\" is no host"),
        (vec!["--tag", ""], 1, "\"\" is no tag"),
        (vec![], 2, "--everything"),
        (vec!["--soft"], 2, "--everything"),
    ] {
        let ended = purge(&host, options.clone());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{options:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{options:?}: {ended:?}");
        assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
    }
    let setup: Setup = host.setup().clone();
    let admin = host.admin.to_string();
    host.stop();
    let ended = setup.run(["purge", "--everything", "--admin", &admin]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains(&format!("no host answers on {admin}")), "{ended:?}");
}

fn the_purge_method_is_for_those_who_may() {
    let origin = origin();
    let method = |host: &Host, (name, path): (&str, &str)| {
        let request = Request::builder().method("PURGE").uri(path).header("host", name);
        host.send(request.body(empty()).unwrap())
    };
    let allowed = edge(&origin.server, "purge_from = [\"127.0.0.0/8\", \"::1\"]").start();
    let gone = forgotten(&allowed, || assert_eq!(method(&allowed, STORED[0]).status, 200));
    assert_eq!(gone, [STORED[0]]);
    let denied = edge(&origin.server, "purge_from = [\"192.0.2.1\"]").start();
    let gone = forgotten(&denied, || method(&denied, STORED[0]).is_problem(403));
    assert_eq!(gone, []);
    // Where it is not enabled it is a method as any other: the origin's to answer.
    let disabled = edge(&origin.server, "").start();
    get(&disabled, STORED[3], "1");
    let asked = origin.asked();
    method(&disabled, STORED[4]);
    assert_eq!(origin.asked(), asked + 1);
    is_hit(&get(&disabled, STORED[3], "1"));
}
