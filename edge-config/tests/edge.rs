//! The example's configuration and the samples are good, and so is what applies without one.

mod samples;

use samples::Folder;
use tidegate_core::{Client, RequestView};
use tidegate_edge_config::edge::Outside;
use tidegate_edge_config::{Edge, Errors, Text, Warning};

fn parse(folder: &str, file: &str, text: &str) -> Result<(Edge, Vec<Warning>), Errors> {
    Edge::parse(file, text, &mut Folder::of_package(folder))
}

/// The example's configuration and the samples: folder, name and text.
fn samples() -> impl Iterator<Item = (&'static str, String, String)> {
    let of = |folder| Folder::of_package(folder).toml_files().into_iter().map(move |(file, text)| (folder, file, text));
    of("").filter(|(_, file, _)| file == "edge.toml").chain(of("examples"))
}

#[test]
fn samples_have_neither_errors_nor_warnings() {
    for (folder, file, text) in samples() {
        let (edge, warnings) = parse(folder, &file, &text).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(warnings, [], "{file}");
        assert!(!edge.expects.is_empty(), "{file} shows nothing that is expected");
        assert_eq!(edge.files[0], file);
    }
}

/// `tidegate check` tries all of an expectation; here it is what the table of routes decides.
#[test]
fn expectations_of_samples_are_true() {
    for (folder, file, text) in samples() {
        let (edge, _) = parse(folder, &file, &text).unwrap();
        for expect in &edge.expects {
            let client = Client { country: expect.country, ..Client::new(expect.client) };
            let request = RequestView {
                method: &expect.method,
                is_https: expect.url.scheme_str() == Some("https"),
                host: expect.url.host().unwrap_or_default(),
                path: expect.url.path(),
                query: expect.url.query(),
                headers: &expect.headers,
                client: &client,
            };
            let found = edge.routes.find(&request);
            let name = found.as_ref().map(|found| found.value.name.to_string());
            assert!(expect.outcome.route.as_ref().is_none_or(|route| *route == name), "{}: {name:?}", expect.source);
            let target = found.map(|found| found.value.rewrite.target(&request, &found.captures).unwrap());
            if let Some(expected) = &expect.outcome.target {
                let own = expect.url.path_and_query().map(ToString::to_string);
                let target = target.flatten().map(|target| target.to_string()).or(own);
                assert_eq!(target.as_ref(), Some(expected), "{}", expect.source);
            }
        }
    }
}

#[test]
fn routes_of_the_example() {
    let text = include_str!("../edge.toml");
    let (edge, _) = parse("", "edge.toml", text).unwrap();
    let names: Vec<_> = edge.routes.iter().map(|(_, route)| &*route.name).collect();
    assert_eq!(names, ["shop", "reviews", "old-product", "healthz"]);
    assert_eq!(edge.upstreams[0].authority, "127.0.0.1:8082");
    assert!(edge.proxy.server_timing);
    for (_, route) in edge.routes.iter() {
        let line = text.lines().nth(route.source.line as usize - 1);
        assert_eq!(line, Some("[[route]]"), "{}", route.source);
    }
}

#[test]
fn functions_are_listed_with_every_place() {
    let text = "[[route]]\nname = \"a\"\nhost = [\"a\", \"b\"]\nfunction = \"shop\"\n\
                [[route]]\nname = \"b\"\npath = \"/b\"\nsplit = [\n\
                { weight = 1, function = \"stock\" },\n{ weight = 1, function = \"shop\" },\n]\n\
                [[route]]\nname = \"c\"\npath = \"/c\"\nfunction = \"*\"\n";
    let (edge, _) = parse("", "f.toml", text).unwrap();
    let found: Vec<_> = edge.functions().map(|(name, source)| format!("{name} {source}")).collect();
    assert_eq!(found, ["shop f.toml:1", "stock f.toml:9", "shop f.toml:10"]);
}

#[test]
fn what_applies_without_a_file() {
    let edge = Edge::default_for_functions();
    let routes: Vec<_> = edge.routes.iter().collect();
    let [(matches, route)] = routes.as_slice() else { panic!("{routes:?}") };
    assert_eq!(**matches, tidegate_route::Matches::default());
    assert_eq!((&*route.name, route.max_request_body), ("functions", 1 << 30));
    assert!(edge.files.is_empty() && edge.upstreams.is_empty() && edge.functions().next().is_none());
    assert_eq!(&*edge.proxy.name, "tidegate");
}

#[test]
fn nothing_is_without_a_bound() {
    let list = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(", ");
    let hosts = list(40, &|n| format!("\"h{n}.example\""));
    let paths = list(26, &|n| format!("\"/p{n}\""));
    let arms = list(101, &|_| "{ weight = 1, function = \"*\" }".to_owned());
    let files = list(256, &|n| format!("\"f{n}.toml\""));
    let fields = list(40_000, &|n| format!("x-{n} = \"1\""));
    let limits: String = (0..1001).map(|n| format!("[[limit]]\nname = \"l{n}\"\nrate = \"1/s\"\n")).collect();
    let entries = list(10_001, &|n| format!("\"header:x={n}\""));
    let tiers = list(65, &|n| format!("{{ plan = \"p{n}\", rate = \"1/s\" }}"));
    let values = list(101, &|_| "\"1\"".to_owned());
    let table = [
        (
            format!("[[route]]\nname = \"r\"\nfunction = \"*\"\nhost = [{hosts}]\npath = [{paths}]"),
            "f.toml:1:1: route[0]: 40 hosts times 26 paths are too many for one route. Make several of it",
        ),
        (
            format!("[[route]]\nname = \"r\"\nsplit = [{arms}]"),
            "f.toml:3:9: route[0].split: 101 destinations. Write from 1 to 100",
        ),
        (
            format!("[[route]]\nname = \"r\"\nrespond = {{ headers = {{ {fields} }} }}"),
            "f.toml:3:23: route[0].respond.headers: 40000 are too many. At most 100 are allowed",
        ),
        (
            format!("[[expect]]\nrequest = \"GET http://a/\"\nstatus = 200\nheaders = {{ a = [{values}] }}"),
            "f.toml:4:17: expect[0].headers.a: 101 are too many. At most 100 are allowed",
        ),
        (format!("include = [{files}]"), "f.toml:1:3217: include[255]: more than 256 files"),
        (limits, "f.toml:3001:1: limit[1000]: more than 1000 limits"),
        (
            format!("limit = [{{ name = \"a\", rate = \"1/s\", deny = [{entries}] }}]"),
            "f.toml:1:45: limit[0].deny: 10001 entries. At most 10000 are allowed",
        ),
        (
            format!("limit = [{{ name = \"a\", rate = \"1/s\", plan_from = \"host\", tier = [{tiers}] }}]"),
            "f.toml:1:10: limit[0]: 65 tiers. At most 64 are allowed",
        ),
        (
            format!("[client]\nclaims = [{values}]"),
            "f.toml:2:10: client.claims: 101 are too many. At most 100 are allowed",
        ),
    ];
    for (text, message) in table {
        let errors = Edge::parse("f.toml", &text, &mut EmptyFiles).unwrap_err();
        assert_eq!(errors.to_string(), message);
    }
}

/// Every file is there, with nothing in it.
struct EmptyFiles;

impl Outside for EmptyFiles {
    fn include(&mut self, name: &str, _: &str) -> Result<(String, String), String> {
        Ok((name.to_owned(), String::new()))
    }

    fn variable(&mut self, _: &str) -> Option<String> {
        None
    }

    fn secret_file(&mut self, _: &str) -> Result<Text, String> {
        Ok(Text::secret(""))
    }
}
