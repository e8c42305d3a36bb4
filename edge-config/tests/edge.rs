//! The example's configuration and the samples are good, and so is what applies without one.

mod samples;

use samples::Folder;
use tidegate_edge_config::{Edge, Errors, Warning};

fn parse(folder: &str, file: &str, text: &str) -> Result<(Edge, Vec<Warning>), Errors> {
    Edge::parse(file, text, &mut Folder::of_package(folder))
}

#[test]
fn samples_have_neither_errors_nor_warnings() {
    let of = |folder| Folder::of_package(folder).toml_files().into_iter().map(move |(file, text)| (folder, file, text));
    let own = of("").filter(|(_, file, _)| file == "edge.toml");
    for (folder, file, text) in own.chain(of("examples")) {
        let (edge, warnings) = parse(folder, &file, &text).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(warnings, [], "{file}");
        assert!(!edge.expects.is_empty(), "{file} shows nothing that is expected");
        assert_eq!(edge.files[0], file);
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
    let text = "[[route]]\nname = \"a\"\nfunction = \"shop\"\n\
                [[route]]\nname = \"b\"\npath = \"/b\"\nsplit = [\n\
                { weight = 1, function = \"stock\" },\n{ weight = 1, function = \"shop\" },\n]\n\
                [[route]]\nname = \"c\"\npath = \"/c\"\nfunction = \"*\"\n";
    let (edge, _) = parse("", "f.toml", text).unwrap();
    let found: Vec<_> = edge.functions().map(|(name, source)| format!("{name} {source}")).collect();
    assert_eq!(found, ["shop f.toml:1", "stock f.toml:8", "shop f.toml:9"]);
}

#[test]
fn what_applies_without_a_file() {
    let edge = Edge::default_for_functions();
    let routes: Vec<_> = edge.routes.iter().map(|(matches, route)| (matches, route)).collect();
    let [(matches, route)] = routes.as_slice() else { panic!("{routes:?}") };
    assert_eq!(**matches, tidegate_route::Matches::default());
    assert_eq!((&*route.name, route.max_request_body), ("functions", 1 << 30));
    assert!(edge.files.is_empty() && edge.upstreams.is_empty() && edge.functions().next().is_none());
    assert_eq!(&*edge.proxy.name, "tidegate");
}
