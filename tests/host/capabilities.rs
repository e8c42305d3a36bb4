//! What a component is given beside requests: what the manifest grants, and nothing of the machine's.

use harness::{Host, Setup, Trial, manifest, tests};

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "capabilities",
        on setup,
        needs ["capabilities"],
        variables_have_the_values_that_the_component_was_given,
        variables_of_others_are_unknown,
        configuration_is_the_same_variables,
        the_environment_is_what_the_manifest_says,
        there_are_no_arguments_and_no_input,
        there_are_no_sockets,
    );
    all.extend(tests!(
        "capabilities",
        needs["capabilities"],
        variables_come_from_the_environment,
        secrets_stay_out_of_logs,
    ));
    all
}

const VARIABLES: &str = r#"
    [variables]
    greeting = { default = "hello" }
    host = { default = "api.example" }
    token = { default = "token-of-SECRET", secret = true }
    unused = { default = "nobody sees this" }

    [[trigger.http]]
    route = "/..."
    component = "it"
    [component.it]
    source = "guest:capabilities"
    environment = { GREETING = "hello from the manifest", EMPTY = "" }
    variables = { greeting = "{{ greeting }}, world", url = "https://{{ host }}/v1", plain = "as written", token = "{{ token }}" }

    [[trigger.http]]
    route = "/bare/..."
    component = "bare"
    [component.bare]
    source = "guest:capabilities"
"#;

fn setup() -> Setup {
    Setup::new(manifest(VARIABLES)).environment("AMBIENT", "the machine's")
}

fn variables_have_the_values_that_the_component_was_given(host: &Host) {
    host.get("/variable?name=greeting").is(200, "hello, world");
    host.get("/variable?name=url").is(200, "https://api.example/v1");
    host.get("/variable?name=plain").is(200, "as written");
    host.get("/variable?name=token").is(200, "token-of-SECRET");
}

fn variables_of_others_are_unknown(host: &Host) {
    for path in ["/variable?name=unused", "/variable?name=host", "/bare/variable?name=greeting"] {
        let answer = host.get(path);
        assert_eq!(answer.status, 502, "{path}: {answer:?}");
        assert!(answer.text().contains("Undefined"), "{answer:?}");
    }
    let answer = host.get("/variable?name=No%20Name");
    assert!(answer.text().contains("InvalidName"), "{answer:?}");
}

fn configuration_is_the_same_variables(host: &Host) {
    host.get("/config?name=greeting").is(200, "hello, world");
    host.get("/config?name=unused").is(502, "none");
    let all = host.get("/config").json();
    let expected = [
        ["greeting", "hello, world"],
        ["plain", "as written"],
        ["token", "token-of-SECRET"],
        ["url", "https://api.example/v1"],
    ];
    assert_eq!(all, serde_json::json!(expected));
    host.get("/bare/config").is(200, "[]");
}

fn the_environment_is_what_the_manifest_says(host: &Host) {
    host.get("/ambient/environment").is(200, "EMPTY=\nGREETING=hello from the manifest");
    host.get("/bare/ambient/environment").is(200, "");
}

fn there_are_no_arguments_and_no_input(host: &Host) {
    host.get("/ambient/arguments").is(200, "");
    host.get("/ambient/stdin").is(200, "");
}

fn there_are_no_sockets(host: &Host) {
    // The host's own port, which surely listens.
    let port = host.address.port();
    for what in ["connect", "connect-p2", "listen", "udp"] {
        let answer = host.get(&format!("/sockets/{what}?port={}", if what.starts_with("connect") { port } else { 0 }));
        assert_eq!(answer.status, 502, "{what}: {answer:?}");
        let text = answer.text();
        assert!(text.contains("AccessDenied") || text.contains("access-denied"), "{what}: {text}");
    }
    let answer = host.get("/sockets/resolve");
    assert_eq!(answer.status, 502, "a name was resolved: {answer:?}");
    // None of it harmed the component.
    host.get("/variable?name=plain").is(200, "as written");
}

fn variables_come_from_the_environment() {
    let host = Setup::new(manifest(&VARIABLES.replace("default = \"api.example\"", "required = true")))
        .environment("SPIN_VARIABLE_GREETING", "ahoy")
        .environment("SPIN_VARIABLE_HOST", "from.example")
        .environment("SPIN_VARIABLE_NOBODYS", "ignored")
        .start();
    host.get("/variable?name=greeting").is(200, "ahoy, world");
    host.get("/variable?name=url").is(200, "https://from.example/v1");
    host.get("/ambient/environment").is(200, "EMPTY=\nGREETING=hello from the manifest");
}

fn secrets_stay_out_of_logs() {
    let host = setup()
        .arguments(["--log", "warn,tidegate_host=trace,tidegate_edge_config=trace,component=trace,access=trace"])
        .start();
    host.get("/variable?name=token").is(200, "token-of-SECRET");
    host.get("/config");
    let ended = host.stop();
    assert!(!ended.stderr.contains("token-of-SECRET"), "{}", ended.stderr);
}
