//! What cannot be served: each told in one line that says what and where, with an exit code, and nothing lost.

use std::net::TcpListener;

use harness::manifest::{component_at, guest};
use harness::{Ended, Setup, Trial, manifest, tests};

/// A small application in which `what` is wrong.
const ONE: &str = "[[trigger.http]]\nroute = \"/\"\nstatic_response = { body = \"fine\" }\n";

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "manifests",
        needs [],
        a_missing_manifest,
        a_folder_without_a_manifest,
        broken_toml,
        keys_that_are_not_supported_yet,
        keys_that_nobody_knows,
        two_equal_routes,
        routes_without_components,
        all_errors_at_once,
        a_required_variable_without_a_value,
        a_missing_component_file,
        files_that_are_no_components,
        imports_that_nothing_provides,
        a_component_that_handles_nothing,
        missing_mounted_files,
        a_port_in_use,
        an_address_of_another_machine,
        unknown_options,
        unwritable_data_folders,
        a_data_folder_in_use,
        a_key_value_file_from_a_newer_version,
        a_damaged_key_value_file,
        a_build_that_fails,
    );
    all.extend(tests!(
        "manifests",
        needs ["hello-p2", "stamp", "echo"],
        a_middleware_before_a_wasi_0_2_component,
        a_component_as_a_middleware,
        the_folder_of_a_manifest_is_enough,
        a_damaged_component,
    ));
    all
}

/// Asserts the exit code and one line for each list of texts, in this order, each with the texts of its list in it;
/// nothing is printed for programs.
#[track_caller]
fn ends_with(ended: &Ended, code: i32, lines: &[&[&str]]) {
    let said: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(ended.code, Some(code), "{said:#?}");
    assert_eq!(ended.stdout, "");
    assert_eq!(said.len(), lines.len(), "{said:#?}");
    for (line, texts) in said.iter().zip(lines) {
        assert!(line.starts_with("tidegate: "), "{line}");
        for text in *texts {
            assert!(line.contains(text), "no {text:?} in {line}");
        }
    }
}

fn component(source: &str) -> String {
    manifest(&component_at("/", "it", source))
}

fn a_missing_manifest() {
    let setup = Setup::new("");
    std::fs::remove_file(setup.manifest()).unwrap();
    ends_with(&setup.fail(), 2, &[&[&setup.manifest().display().to_string(), "No such file"]]);
}

fn a_folder_without_a_manifest() {
    let setup = Setup::new(manifest(ONE)).file("empty/other", "");
    let folder = setup.folder().join("empty");
    ends_with(&setup.from(&folder).fail(), 2, &[&[&folder.display().to_string(), "spin.toml"]]);
}

fn broken_toml() {
    ends_with(&Setup::new("spin_manifest_version = 2\n[application\nname = \"x\"\n").fail(), 2, &[&["spin.toml:2:"]]);
    let ended = Setup::new("\0\u{1}").fail();
    ends_with(&ended, 2, &[&["spin.toml:1:"]]);
}

fn keys_that_are_not_supported_yet() {
    for (text, key) in [
        ("sqlite_databases = [\"default\"]", "sqlite_databases"),
        ("ai_models = [\"llama\"]", "ai_models"),
        ("[[trigger.redis]]\nchannel = \"c\"\ncomponent = \"it\"", "trigger.redis"),
    ] {
        let ended = Setup::new(component("it.wasm") + text + "\n").fail();
        ends_with(&ended, 2, &[&["spin.toml:", key, "not supported by tidegate yet"]]);
    }
}

fn keys_that_nobody_knows() {
    let ended = Setup::new(component("it.wasm") + "sauce = 1\n").fail();
    ends_with(&ended, 2, &[&["spin.toml:9:1", "component.it.sauce", "unknown key"]]);
}

fn two_equal_routes() {
    let again = ONE.replace("\"/\"", "\"/a/:x\"") + &ONE.replace("\"/\"", "\"/a/:y\"");
    ends_with(&Setup::new(manifest(&again)).fail(), 2, &[&["spin.toml:8:", "/a/:x", "line 5"]]);
}

fn routes_without_components() {
    let text = "[[trigger.http]]\nroute = \"/\"\ncomponent = \"nobody\"\n[component.somebody]\nsource = \"it.wasm\"\n";
    let ended = Setup::new(manifest(text)).fail();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("there is no [component.nobody]"), "{ended:?}");
}

fn all_errors_at_once() {
    let text = "[[trigger.http]]\nroute = \"no-slash-but-fine\"\ncomponent = 3\n[[trigger.http]]\nroute = \"/b\"\nwhat = 1\n\
                static_response = {}\n[variables]\nBad = { default = \"\" }\n";
    let ended = Setup::new(manifest(text)).fail();
    assert_eq!(ended.code, Some(2));
    let errors = ended.stderr.lines().filter(|line| line.starts_with("tidegate: ")).count();
    assert!(errors >= 3, "{ended:?}");
}

fn a_required_variable_without_a_value() {
    let text = format!("[variables]\ntoken = {{ required = true }}\n{ONE}");
    let setup = Setup::new(manifest(&text));
    ends_with(&setup.fail(), 2, &[&["variables.token", "SPIN_VARIABLE_TOKEN"]]);
    setup.environment("SPIN_VARIABLE_TOKEN", "t").start().get("/").is(200, "fine");
}

fn a_missing_component_file() {
    ends_with(
        &Setup::new(component("nowhere/it.wasm")).fail(),
        2,
        &[&["spin.toml:", "component.it", "nowhere/it.wasm"]],
    );
    let buildable = component("nowhere/it.wasm") + "build.command = \"true\"\n";
    ends_with(&Setup::new(buildable).fail(), 2, &[&["component.it", "nowhere/it.wasm", "tidegate up --build"]]);
}

fn files_that_are_no_components() {
    let module = wat::parse_str("(module (func (export \"f\")))").unwrap();
    for content in [&b"hello"[..], b"", b"\0asm", &module] {
        let ended = Setup::new(component("it.wasm")).file("it.wasm", content).fail();
        ends_with(&ended, 2, &[&["spin.toml:", "component.it", "it.wasm", "not a component"]]);
    }
}

fn imports_that_nothing_provides() {
    let wasm = wat::parse_str(include_str!("../guests/unknown-import.wat")).unwrap();
    let ended = Setup::new(component("it.wasm")).file("it.wasm", wasm).fail();
    let names = ["example:missing/interface@1.2.3", "example:absent/other@0.1.0"];
    ends_with(&ended, 2, &[&["spin.toml:", "component.it", "it.wasm", names[0], names[1]]]);
}

fn a_component_that_handles_nothing() {
    let wasm = wat::parse_str("(component)").unwrap();
    let ended = Setup::new(component("it.wasm")).file("it.wasm", wasm).fail();
    ends_with(&ended, 2, &[&["component.it", "it.wasm", "wasi:http/handler", "wasi:http/incoming-handler"]]);
}

fn missing_mounted_files() {
    let text = component("it.wasm") + "files = [\"*.pdf\", { source = \"nowhere\", destination = \"/\" }]\n";
    let ended = Setup::new(text).file("it.wasm", wat::parse_str("(component)").unwrap()).fail();
    assert_eq!(ended.code, Some(2));
    for text in ["component.it", "*.pdf", "nowhere"] {
        assert!(ended.stderr.contains(text), "no {text:?} in {ended:?}");
    }
}

fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let setup = Setup::new(manifest(ONE));
    ends_with(&setup.clone().listen(&address).fail(), 1, &[&["cannot listen on", &address, "in use"]]);
    ends_with(&setup.clone().admin(&address).fail(), 1, &[&["cannot listen on", &address, "in use"]]);
    // Another host shares its port among its own cores, and with nobody else.
    let first = setup.clone().start();
    let second = Setup::new(manifest(ONE)).listen(first.address).fail();
    ends_with(&second, 1, &[&["cannot listen on", &first.address.to_string()]]);
    first.get("/").is(200, "fine");
}

fn an_address_of_another_machine() {
    let ended = Setup::new(manifest(ONE)).listen("192.0.2.1:80").fail();
    ends_with(&ended, 1, &[&["cannot listen on 192.0.2.1:80"]]);
}

fn unknown_options() {
    let setup = Setup::new(manifest(ONE));
    for wrong in [["--what", "x"], ["--cores", "0"], ["--drain-timeout", "soon"]] {
        let ended = setup.clone().arguments(wrong).fail();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains(wrong[0]), "{ended:?}");
    }
}

fn unwritable_data_folders() {
    let setup = Setup::new(manifest(ONE)).file("a-file", "kept");
    // Even root cannot make a folder in either.
    for data in [setup.folder().join("a-file"), setup.folder().join("a-file/data"), "/proc/tidegate-data".into()] {
        let ended = setup.clone().data(data.clone()).fail();
        ends_with(&ended, 1, &[&["data folder", &data.display().to_string()]]);
    }
    assert_eq!(std::fs::read_to_string(setup.folder().join("a-file")).unwrap(), "kept");
}

fn a_data_folder_in_use() {
    let first = Setup::new(manifest(ONE)).start();
    let data = first.setup().data_folder().to_owned();
    let ended = Setup::new(manifest(ONE)).data(data.clone()).fail();
    ends_with(&ended, 1, &[&[&data.display().to_string(), "in use by another process"]]);
    first.get("/").is(200, "fine");
}

fn a_key_value_file_from_a_newer_version() {
    let setup = Setup::new(manifest(ONE));
    setup.start().stop();
    let file = setup.data_folder().join("key-value.redb");
    let database = redb::Database::open(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    assert!(transaction.open_table(meta).unwrap().insert("format", 1_000_000).unwrap().is_some(), "the format's row");
    transaction.commit().unwrap();
    drop(database);
    let before = std::fs::read(&file).unwrap();
    let ended = setup.fail();
    ends_with(&ended, 1, &[&[&file.display().to_string(), "newer version", "1000000"]]);
    assert!(std::fs::read(&file).unwrap() == before, "the file was changed");
}

fn a_damaged_key_value_file() {
    let setup = Setup::new(manifest(ONE)).file("data/key-value.redb", "this is no database".repeat(1000));
    let file = setup.data_folder().join("key-value.redb");
    ends_with(&setup.fail(), 1, &[&[&file.display().to_string(), "damaged"]]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "this is no database".repeat(1000));
}

fn a_build_that_fails() {
    let text = component("it.wasm") + "build.command = \"echo told >&2; exit 7\"\n";
    let ended = Setup::new(text).arguments(["--build"]).fail();
    assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap();
    for text in ["component.it.build", "exit 7"] {
        assert!(last.contains(text), "no {text:?} in {last}");
    }
    assert!(ended.stderr.contains("told"), "what the command says is for the operator: {ended:?}");
}

fn behind_stamp(name: &str) -> String {
    manifest(&format!(
        "[[trigger.http]]\nroute = \"/\"\ncomponent = \"it\"\ndependencies.middleware = [{{ component = \"front\" }}]\n\
         [component.it]\nsource = \"guest:{name}\"\n[component.front]\nsource = \"guest:stamp\"\n"
    ))
}

fn a_middleware_before_a_wasi_0_2_component() {
    let ended = Setup::new(behind_stamp("hello-p2")).fail();
    ends_with(&ended, 2, &[&["spin.toml:", "component.it", "wasi:http/handler@0.3", "middleware"]]);
}

fn a_component_as_a_middleware() {
    let ended = Setup::new(behind_stamp("echo").replace("guest_stamp", "guest_echo")).fail();
    ends_with(&ended, 2, &[&["spin.toml:", "front", "wasi:http/handler"]]);
}

fn the_folder_of_a_manifest_is_enough() {
    let setup = Setup::new(manifest(ONE));
    let folder = setup.folder().to_owned();
    setup.from(folder).start().get("/").is(200, "fine");
}

fn a_damaged_component() {
    let whole = std::fs::read(guest("echo")).unwrap();
    let ended = Setup::new(component("it.wasm")).file("it.wasm", &whole[..whole.len() / 2]).fail();
    ends_with(&ended, 2, &[&["component.it", "it.wasm"]]);
}
