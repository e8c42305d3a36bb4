//! What holds for all tables and requests.

use proptest::prelude::*;

use super::*;
use crate::path::{Affixes, Segment};

/// The specificity of the documentation, written down as a key: the least is tried first.
fn key(route: usize, matches: &Matches) -> (impl Ord + use<>, Vec<(u8, Affixes)>, impl Ord + use<>) {
    let host = match matches.host.to_string().as_str() {
        "*" => (2, Reverse(0)),
        wildcard if wildcard.starts_with('*') => (1, Reverse(wildcard.len())),
        _ => (0, Reverse(0)),
    };
    let segment = |segment: &Segment| match segment {
        Segment::Literal(_) => (0, Affixes::default()),
        Segment::Parameter { affixes, .. } if !affixes.is_empty() => (1, affixes.clone()),
        Segment::Parameter { .. } => (2, Affixes::default()),
        Segment::Rest(_) => (3, Affixes::default()),
    };
    let any = matches.path.is_any().then(|| (4, Affixes::default()));
    let path = matches.path.segments().iter().map(segment).chain(any).collect();
    (host, path, (Reverse(matches.conditions.count()), route))
}

/// All routes that fit, and of those the most specific.
fn naive(table: &Table<()>, request: &RequestView<'_>) -> Option<usize> {
    let fitting = table.iter().enumerate().filter(|(_, (matches, ()))| matches.fit(request));
    fitting.min_by_key(|(route, (matches, ()))| key(*route, matches)).map(|(route, _)| route)
}

/// Few distinct parts, so that routes overlap and requests hit them.
fn route() -> impl Strategy<Value = Matches> {
    let host = prop::sample::select(vec!["*", "*", "h", "a.h", "*.h", "*.a.h", "*.b.a.h"]);
    let segment =
        prop::sample::select(vec!["a", "ab", "b", "", "{}", "{}", "a{}", "{}b", "ab{}", "a{}b", "{}ab", "{*}"]);
    let path = prop::option::weighted(0.9, prop::collection::vec(segment, 1..4));
    let condition = prop::sample::select(vec![
        "method=GET",
        "method=HEAD",
        "method=PUT",
        "header:x=1",
        "header:x=1*",
        "query:q=*",
        "cookie:c=2",
        "cookie:c=*2",
        "client=192.0.2.0/24",
        "client=192.0.2.1/32",
        "country=DE",
    ]);
    (host, path, prop::collection::vec(condition, 0..3)).prop_map(|(host, path, conditions)| {
        matches(&format!("{host}{} {}", path.map_or(String::new(), written), conditions.join(" ")))
    })
}

/// A path pattern of segments, each parameter with a name of its own and nothing behind what takes the rest.
fn written(segments: Vec<&str>) -> String {
    let mut text = String::new();
    for (n, segment) in segments.iter().enumerate() {
        text += &format!("/{}", segment.replace('}', &format!("p{n}}}")));
        if *segment == "{*}" {
            break;
        }
    }
    text
}

fn request() -> impl Strategy<Value = Sample> {
    let method = prop::sample::select(vec!["GET", "HEAD", "PUT"]);
    let host = prop::sample::select(vec!["", "h", "a.h", "x.a.h", "x.b.a.h", ".a.h", "h.", "other"]);
    let segment = prop::sample::select(vec!["a", "ab", "abb", "aab", "abab", "b", "x", ""]);
    let path = prop::collection::vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/")));
    let path = prop_oneof![9 => path, 1 => Just("*".to_owned())];
    let rest = prop::sample::subsequence(
        vec!["header:x=10", "header:x=1", "cookie:c=2", "cookie:c=12", "country=DE", "client=192.0.2.9"],
        0..4,
    );
    let query = prop::sample::select(vec!["", "?q=1"]);
    (method, host, path, query, rest).prop_map(|(method, host, path, query, rest)| {
        Sample::new(
            [format!("{method} http://{host}{path}{query}").as_str()]
                .into_iter()
                .chain(rest)
                .collect::<Vec<_>>()
                .join(" ")
                .as_str(),
        )
    })
}

fn tables() -> impl Strategy<Value = Table<()>> {
    prop::collection::vec(route(), 0..12)
        .prop_map(|routes| Table::new(routes.into_iter().map(|route| (route, ())).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn the_most_specific_route_that_fits_is_found(
        table in tables(),
        requests in prop::collection::vec(request(), 1..20),
    ) {
        for sample in &requests {
            let found = table.find(&sample.view());
            let index = found.as_ref().map(|found| found.index);
            prop_assert_eq!(index, naive(&table, &sample.view()), "{:?} in {:?}", sample, table);
            if let Some(found) = found {
                let path = &table.get(found.index).unwrap().0.path;
                let captures: Vec<_> = path.captures(&sample.path).unwrap().iter().collect();
                prop_assert_eq!(found.captures.iter().collect::<Vec<_>>(), captures);
            }
        }
    }

    #[test]
    fn no_request_takes_an_unreachable_route(table in tables(), requests in prop::collection::vec(request(), 1..50)) {
        let unreachable = table.unreachable();
        for sample in &requests {
            let found = table.find(&sample.view()).map(|found| found.index);
            for (route, by) in &unreachable {
                prop_assert_ne!(found, Some(*route));
                let fits = |route: usize| table.get(route).unwrap().0.fit(&sample.view());
                prop_assert!(!fits(*route) || fits(*by), "{} by {} in {:?}", route, by, table);
            }
        }
    }

    #[test]
    fn what_is_considered_fits_but_for_a_condition(table in tables(), sample in request()) {
        let view = sample.view();
        let found = table.find(&view).map(|found| key(found.index, table.get(found.index).unwrap().0));
        let considered = table.considered(&view);
        for (route, miss) in &considered {
            let matches = table.get(*route).unwrap().0;
            prop_assert!(matches.host.matches(&sample.host) && matches.path.matches(&sample.path));
            prop_assert_eq!(matches.conditions.miss(&view), Some(*miss));
            prop_assert!(found.as_ref().is_none_or(|found| key(*route, matches) < *found));
        }
        let order: Vec<_> = considered.iter().map(|(route, _)| key(*route, table.get(*route).unwrap().0)).collect();
        prop_assert!(order.is_sorted());
    }
}

/// Ten thousand routes are no more work than ten: each of these lookups would visit all nodes, were they not chosen.
#[test]
fn many_routes() {
    let shapes = ["*/r{n}", "*/r{n}/{{id}}", "*/r{n}/{{*rest}}", "h{n}.example/a", "*.h{n}.example/{{id}}"];
    let text = |n: usize| shapes[n % shapes.len()].replace("{n}", &n.to_string()).replace("{{", "{").replace("}}", "}");
    let table = Table::new((0..10_000).map(|n| (matches(&text(n)), n)).collect());
    let url = |n: usize| match n % shapes.len() {
        0 => format!("GET http://any/r{n}"),
        1 => format!("GET http://any/r{n}/7"),
        2 => format!("GET http://any/r{n}/7/8"),
        3 => format!("GET http://h{n}.example/a"),
        _ => format!("GET http://www.h{n}.example/7"),
    };
    for n in 0..10_000 {
        assert_eq!(table.find(&Sample::new(&url(n)).view()).map(|found| found.index), Some(n));
    }
    assert_eq!(table.unreachable(), []);
}

/// Where literals and parameters overlap in every segment, and no condition holds, each route is asked once.
#[test]
fn backing_up_is_linear() {
    let path = |bits: usize| -> String {
        (0..10).map(|n| if bits & (1 << n) == 0 { "/a".to_owned() } else { format!("/{{p{n}}}") }).collect()
    };
    let table = Table::new((0..1024).map(|bits| (matches(&format!("*{} method=PUT", path(bits))), ())).collect());
    let sample = Sample::new(&format!("GET http://h{}", "/a".repeat(10)));
    let mut asked: Vec<_> = table.considered(&sample.view()).into_iter().map(|(route, _)| route).collect();
    asked.sort_unstable();
    assert_eq!(asked, (0..1024).collect::<Vec<_>>());
}

/// However long the host and path that a client sends.
#[test]
fn long_requests_are_little_work() {
    let table = table(&["*.a.example", "*/{a}/{b}", "*/{*rest} method=PUT"]);
    for (host, path) in [("a.".repeat(30_000), "/x".to_owned()), ("h".to_owned(), "/a".repeat(30_000))] {
        assert!(table.find(&Sample::new(&format!("GET http://{host}{path}")).view()).is_none());
    }
}
