//! Mounted files: there as the manifest says, and never to be changed.

use harness::{Host, Setup, Trial, manifest, tests};

pub fn tests() -> Vec<Trial> {
    tests!(
        "files",
        on setup,
        needs ["capabilities"],
        mounted_files_are_read,
        nothing_else_is_there,
        nothing_can_be_changed,
        a_component_without_files_has_no_folder,
    )
}

fn setup() -> Setup {
    Setup::new(manifest(
        r#"
        [[trigger.http]]
        route = "/..."
        component = "it"
        [component.it]
        source = "guest:capabilities"
        files = ["*.txt", { source = "site", destination = "/www" }, { source = "one.json", destination = "/etc/two.json" }]
        exclude_files = ["site/private/*", "hidden.txt"]

        [[trigger.http]]
        route = "/bare/..."
        component = "bare"
        [component.bare]
        source = "guest:capabilities"
        "#,
    ))
    .file("a.txt", "text of a")
    .file("hidden.txt", "SECRET")
    .file("one.json", "{}")
    .file("other.md", "not mounted")
    .file("site/index.html", "<p>index</p>")
    .file("site/deep/er/style.css", "p {}")
    .file("site/private/key", "SECRET")
}

fn mounted_files_are_read(host: &Host) {
    for (path, text) in [
        ("/a.txt", "text of a"),
        ("a.txt", "text of a"),
        ("/www/index.html", "<p>index</p>"),
        ("/www/deep/er/style.css", "p {}"),
        ("/www/deep/../index.html", "<p>index</p>"),
        ("/etc/two.json", "{}"),
    ] {
        host.get(&format!("/ambient/read?path={path}")).is(200, text);
    }
    host.get("/ambient/list?path=/www").is(200, "deep,index.html,private");
    host.get("/ambient/preopens").is(200, "/");
}

fn nothing_else_is_there(host: &Host) {
    let outside = host.setup().folder().join("other.md").display().to_string();
    for path in [
        "/other.md",
        "/hidden.txt",
        "/www/private/key",
        "/spin.toml",
        "/etc/passwd",
        "/../other.md",
        "../other.md",
        "/www/../../other.md",
        "/www/../../../../../../etc/passwd",
        &outside,
    ] {
        let answer = host.get(&format!("/ambient/read?path={path}"));
        assert_eq!(answer.status, 502, "{path}: {answer:?}");
    }
}

fn nothing_can_be_changed(host: &Host) {
    let changes = [
        "write?path=/a.txt",
        "write?path=/new.txt",
        "write?path=/www/new.html",
        "append?path=/a.txt",
        "remove?path=/a.txt",
        "rename?path=/a.txt",
        "make-folder?path=/new",
        "make-folder?path=/www/new",
    ];
    for change in changes {
        let answer = host.get(&format!("/ambient/{change}"));
        assert_eq!(answer.status, 502, "{change}: {answer:?}");
    }
    host.get("/ambient/read?path=/a.txt").is(200, "text of a");
    let folder = host.setup().folder();
    assert_eq!(std::fs::read_to_string(folder.join("a.txt")).unwrap(), "text of a");
    assert!(!folder.join("new.txt").exists() && !folder.join("site/new.html").exists());
}

fn a_component_without_files_has_no_folder(host: &Host) {
    host.get("/bare/ambient/preopens").is(200, "");
    for path in ["/", ".", "/a.txt", "/etc/passwd"] {
        assert_eq!(host.get(&format!("/bare/ambient/read?path={path}")).status, 502, "{path}");
        assert_eq!(host.get(&format!("/bare/ambient/list?path={path}")).status, 502, "{path}");
    }
}
