//! `tidegate check`: all that is wrong with the edge's configuration, at once, and whether it does what it should.

use harness::manifest::{host_binary, repository};
use harness::{Ended, Setup, Trial, manifest, tests};
use serde_json::{Value, json};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_check",
        needs [],
        a_good_file_is_well,
        everything_wrong_is_said_at_once,
        a_file_that_is_not_there,
        unmet_expectations_are_told,
        errors_come_before_expectations,
        warnings_are_no_errors,
        functions_are_those_of_the_manifest,
        what_is_wrong_with_the_manifest_is_said_too,
        without_an_edge_the_manifest_is_checked,
        secrets_are_not_shown,
        programs_get_json,
        programs_get_json_of_errors,
        the_example_is_well,
        the_examples_are_well,
    )
}

const GOOD: &str = r#"
include = ["more/upstreams.toml"]

[[route]]
name = "api"
path = "/api/{*rest}"
upstream = "api"
rewrite = { strip_prefix = "/api" }

[[expect]]
request = "GET http://shop.example/api/a?b=c"
route = "api"
target = "/a?b=c"

[[expect]]
request = "GET http://shop.example/"
route = false
status = 404
"#;

const UPSTREAMS: &str = r#"
[[upstream]]
name = "api"
url = "${API_URL:-http://127.0.0.1:9000}"
"#;

/// The command's end, with `edge` and, beside it, the file that it includes.
fn check(edge: &str, included: &str) -> Ended {
    Setup::edge(edge).file("more/upstreams.toml", included).run(["check", "--edge", "edge.toml"])
}

#[track_caller]
fn is(ended: &Ended, code: i32, stdout: &str, stderr: &str) {
    let found = (ended.code, ended.stdout.as_str(), ended.stderr.as_str());
    assert_eq!(found, (Some(code), stdout, stderr), "{}\n---\n{}", ended.stdout, ended.stderr);
}

fn a_good_file_is_well() {
    is(&check(GOOD, UPSTREAMS), 0, "all is well; 2 expectations met\n", "");
}

fn everything_wrong_is_said_at_once() {
    let edge = r#"include = ["more/upstreams.toml"]
[[route]]
name = "api"
pth = "/api"
upstream = "apo"
[[route]]
name = "old"
path = "/old/{id}"
redirect = "/new/{idd}"
max_request_body = "1M"
[[expect]]
request = "GET /api"
route = "api"
"#;
    let included = "[[upstream]]\nname = \"api\"\nurl = \"127.0.0.1:9000\"\nconnect_timeout = \"0s\"\n";
    let ended = check(edge, included);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines, EVERYTHING, "{}", ended.stderr);
}

const EVERYTHING: [&str; 8] = [
    "edge.toml:4:1: route[0].pth: unknown key. Did you mean \"path\"?",
    "edge.toml:5:12: route[0].upstream: there is no upstream \"apo\". Did you mean \"api\"?",
    "edge.toml:9:12: route[1].redirect: there is no \"{idd}\" here. There is \"{id}\", \"{host}\", \"{path}\", \"{query}\", \"{scheme}\"",
    "edge.toml:10:20: route[1].max_request_body: \"1M\" is not a size. Write a whole number and B, kB, MB, GB, KiB, MiB or GiB, as in \"64MiB\"",
    "edge.toml:12:11: expect[0].request: bad URL \"/api\". Write the method and the whole URL, as in \"GET https://shop.example/p/1\"",
    "more/upstreams.toml:3:7: upstream[0].url: no scheme. Write it as in \"http://127.0.0.1:9000\"",
    "more/upstreams.toml:4:19: upstream[0].connect_timeout: 0s is out of range. Write a duration from 1ms to 1d",
    "7 errors",
];

fn a_file_that_is_not_there() {
    let ended = Setup::edge("").run(["check", "--edge", "nowhere.toml"]);
    let message = "nowhere.toml:1:1: cannot read nowhere.toml: No such file or directory (os error 2)\n1 error\n";
    is(&ended, 2, "", message);
    let ended = Setup::edge("include = [\"nowhere.toml\"]").run(["check", "--edge", "edge.toml"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("edge.toml:1:12: include[0]: cannot read nowhere.toml"), "{}", ended.stderr);
}

fn unmet_expectations_are_told() {
    let edge = GOOD.to_owned()
        + r#"
[[expect]]
request = "GET http://shop.example/api/x"
route = "pages"
target = "/api/x"
sent = { cookie = false, via = "1.1 other" }

[[route]]
name = "pages"
path = "/p"
respond = { headers = { x-a = "1" } }

[[expect]]
request = "POST http://shop.example/p"
status = 201
response = { x-a = "1", x-b = "2" }
"#;
    let stderr = "edge.toml:20: GET http://shop.example/api/x: route: expected \"pages\", got \"api\"\n\
        edge.toml:20: GET http://shop.example/api/x: target: expected \"/api/x\", got \"/x\"\n\
        edge.toml:20: GET http://shop.example/api/x: sent.via: expected \"1.1 other\", got \"1.1 tidegate\"\n\
        edge.toml:31: POST http://shop.example/p: status: expected \"201\", got \"200\"\n\
        edge.toml:31: POST http://shop.example/p: response.x-b: expected \"2\", got none\n\
        2 of 4 expectations not met\n";
    is(&check(&edge, UPSTREAMS), 1, "", stderr);
}

fn errors_come_before_expectations() {
    // What is expected cannot be tried, and nothing says that it was.
    let ended = check(&(GOOD.to_owned() + "oops = 1\n"), UPSTREAMS);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.ends_with("1 error\n") && !ended.stderr.contains("expectation"), "{}", ended.stderr);
}

const WARNED: &str = r#"
[[upstream]]
name = "unused"
url = "http://127.0.0.1:9000"
[[route]]
name = "all"
respond = {}
[[route]]
name = "never"
respond = { status = 201 }
"#;

fn warnings_are_no_errors() {
    let stderr = "edge.toml:3:8: warning: upstream[0].name: no route leads to it\n\
        edge.toml:8:1: warning: route[1]: no request comes here: the route \"all\" in edge.toml:5 takes them all\n";
    is(&check(WARNED, ""), 0, "all is well; 0 expectations met\n", stderr);
}

/// A manifest with the component `shop`, which has a trigger, and `worker`, which has none.
fn shop() -> String {
    manifest(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"shop\"\n[component.shop]\nsource = \"shop.wasm\"\n\
         [component.worker]\nsource = \"worker.wasm\"\n",
    )
}

fn functions_are_those_of_the_manifest() {
    let edge = |name: &str| format!("[[route]]\nname = \"a\"\nfunction = \"{name}\"\n");
    let run = |name: &str| Setup::new(shop()).file("edge-config/edge.toml", edge(name)).run(["check"]);
    for (name, code) in [("shop", 0), ("*", 0), ("shopp", 2), ("worker", 2)] {
        let ended = run(name);
        assert_eq!(ended.code, Some(code), "{name}: {}", ended.stderr);
        if code == 2 {
            let line = format!(
                "edge-config/edge.toml:1: function \"{name}\" is no component with a trigger in spin.toml\n1 error\n"
            );
            assert_eq!(ended.stderr, line);
        }
    }
    // Without a manifest there are none at all.
    let ended = Setup::edge(edge("shop")).run(["check", "--edge", "edge.toml"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("edge.toml:1: function \"shop\" is no component"), "{}", ended.stderr);
}

fn what_is_wrong_with_the_manifest_is_said_too() {
    let setup = Setup::new(shop() + "sauce = 1\n").file("edge-config/edge.toml", "rout = 1");
    let ended = setup.run(["check"]);
    assert_eq!(ended.code, Some(2));
    let (manifest, edge) = ended.stderr.split_once('\n').unwrap();
    assert!(manifest.starts_with("spin.toml:11:1: component.worker.sauce: unknown key"), "{manifest}");
    assert_eq!(edge, "edge-config/edge.toml:1:1: rout: unknown key. Did you mean \"route\"?\n2 errors\n");
}

fn without_an_edge_the_manifest_is_checked() {
    is(&Setup::new(shop()).run(["check"]), 0, "all is well; 0 expectations met\n", "");
    let ended = Setup::edge("").run(["check"]);
    let message = "spin.toml: cannot read the manifest: No such file or directory (os error 2)\n1 error\n";
    is(&ended, 2, "", message);
}

fn secrets_are_not_shown() {
    let edge = r#"
[[upstream]]
name = "api"
url = "http://127.0.0.1:9000"
[[route]]
name = "api"
upstream = "api"
request = { set = { authorization = { env = "API_TOKEN", prefix = "Bearer " } } }
[[expect]]
request = "GET http://a/"
sent = { authorization = "Bearer guessed" }
"#;
    let setup = Setup::edge(edge).environment("API_TOKEN", "s3cr3t");
    let ended = setup.run(["check", "--edge", "edge.toml"]);
    let json = setup.run(["check", "--edge", "edge.toml", "--json"]);
    let explained = setup.run(["explain", "GET", "http://a/", "--edge", "edge.toml"]);
    assert_eq!((ended.code, json.code, explained.code), (Some(1), Some(1), Some(0)));
    for said in [ended, json, explained] {
        assert!(!said.stdout.contains("s3cr3t") && !said.stderr.contains("s3cr3t"), "{}{}", said.stdout, said.stderr);
    }
}

fn json_of(ended: &Ended) -> Value {
    assert_eq!(ended.stderr, "");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
}

fn programs_get_json() {
    let edge = GOOD.replace("target = \"/a?b=c\"", "target = \"/b\"");
    let setup = Setup::edge(edge).file("more/upstreams.toml", UPSTREAMS);
    let ended = setup.run(["check", "--edge", "edge.toml", "--json"]);
    assert_eq!(ended.code, Some(1));
    let expected = json!({
        "errors": [],
        "manifest_errors": [],
        "warnings": [],
        "expectations": {
            "total": 2,
            "unmet": [{
                "source": "edge.toml:10",
                "request": "GET http://shop.example/api/a?b=c",
                "what": "target",
                "expected": "/b",
                "found": "/a?b=c",
            }],
        },
    });
    assert_eq!(json_of(&ended), expected);
}

fn programs_get_json_of_errors() {
    let setup = Setup::new(shop()).file("edge.toml", WARNED.to_owned() + "[[route]]\nname = \"x\"\nfunction = \"y\"\n");
    let ended = setup.run(["check", "--edge", "edge.toml", "--json"]);
    assert_eq!(ended.code, Some(2));
    let found = json_of(&ended);
    assert_eq!(found["errors"], json!([]));
    let text = "edge.toml:11: function \"y\" is no component with a trigger in spin.toml";
    assert_eq!(found["manifest_errors"], json!([text]));
    let warning = json!({
        "file": "edge.toml", "line": 3, "column": 8, "path": "upstream[0].name", "message": "no route leads to it",
    });
    assert_eq!(found["warnings"][0], warning);

    let ended = Setup::edge("rout = 1").run(["check", "--edge", "edge.toml", "--json"]);
    assert_eq!(ended.code, Some(2));
    let error = json!({
        "file": "edge.toml", "line": 1, "column": 1, "path": "rout",
        "message": "unknown key. Did you mean \"route\"?",
    });
    assert_eq!(json_of(&ended)["errors"], json!([error]));
}

fn the_example_is_well() {
    let ended = std::process::Command::new(host_binary()).arg("check").current_dir(repository()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!((ended.status.code(), &*stderr), (Some(0), ""));
    assert!(stdout.starts_with("all is well; ") && !stdout.contains("; 0 "), "{stdout}");
}

fn the_examples_are_well() {
    for name in ["behind-a-proxy", "cache", "canary", "hosts", "limits"] {
        let path = repository().join(format!("edge-config/examples/{name}.toml"));
        let text = std::fs::read_to_string(&path).unwrap();
        // The functions that it names belong to an application that is not there.
        let names = text.lines().filter_map(|line| line.strip_prefix("function = \"")?.strip_suffix('"'));
        let triggers = names.map(|name| {
            format!("[[trigger.http]]\nroute = \"/...\"\ncomponent = \"{name}\"\n[component.{name}]\nsource = \"a\"\n")
        });
        let triggers: String = triggers.collect();
        let setup = if triggers.is_empty() { Setup::edge("") } else { Setup::new(manifest(&triggers)) };
        let ended = setup.environment("API_TOKEN", "x").environment("GOLD_KEY", "x").run([
            "check",
            "--edge",
            path.to_str().unwrap(),
        ]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{name}");
    }
}
