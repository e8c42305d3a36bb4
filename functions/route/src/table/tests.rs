use super::*;
use crate::sample::{Sample, matches};

mod laws;

fn table<'a>(routes: &[&'a str]) -> Table<&'a str> {
    Table::new(routes.iter().map(|route| (matches(route), *route)).collect())
}

/// Each table, with requests and the route that they take (`-`: none).
#[test]
fn which() {
    type Requests<'a> = &'a [(&'a str, &'a str)];
    let tables: &[(&[&str], Requests)] = &[
        (&[], &[("GET http://a/", "-")]),
        (
            // Hosts before paths, and paths before conditions.
            &[
                "*/a/b",
                "*.example/a",
                "*.shop.example",
                "shop.example/{*rest}",
                "* header:a=1",
                "*",
                "shop.example/a method=PUT",
            ],
            &[
                ("GET http://shop.example/a", "shop.example/{*rest}"),
                ("GET http://shop.example./a", "shop.example/{*rest}"),
                ("PUT http://shop.example/a", "shop.example/a method=PUT"),
                ("GET http://shop.example/", "*"),
                ("GET http://a.b.shop.example/a/b", "*.shop.example"),
                ("GET http://b.example/a", "*.example/a"),
                ("GET http://b.example/a/b", "*/a/b"),
                ("GET http://b.example/c header:a=1", "* header:a=1"),
                ("OPTIONS http://b.example*", "*"),
            ],
        ),
        (
            // Segment by segment from the left.
            &["*/{*a}", "*/a/{b}/c", "*/a/b/{*c}", "*/{a}/b/c", "*/a/{*b}", "*/a/{b}", "*/a/"],
            &[
                ("GET http://h/a/b/c", "*/a/b/{*c}"),
                ("GET http://h/a/x/c", "*/a/{b}/c"),
                ("GET http://h/x/b/c", "*/{a}/b/c"),
                ("GET http://h/a/b/d", "*/a/b/{*c}"),
                ("GET http://h/a/b", "*/a/{b}"),
                ("GET http://h/a/b/", "*/a/{*b}"),
                ("GET http://h/a/", "*/a/"),
                ("GET http://h/a", "*/{*a}"),
                ("GET http://h/x/y/z", "*/{*a}"),
                ("GET http://h/", "-"),
            ],
        ),
        (
            // What is fixed around a parameter: more of it, then more of it in front.
            &["*/{a}", "*/{a}.png", "*/img{a}", "*/im{a}ng", "*/{a}g"],
            &[
                ("GET http://h/img.png", "*/im{a}ng"),
                ("GET http://h/i.png", "*/{a}.png"),
                ("GET http://h/img1", "*/img{a}"),
                ("GET http://h/imgg", "*/img{a}"),
                ("GET http://h/ig", "*/{a}g"),
                ("GET http://h/i", "*/{a}"),
            ],
        ),
        (
            // More conditions, then the order. Whose conditions fail leaves the request to others.
            &[
                "*/a",
                "*/a cookie:b=2",
                "*/a cookie:a=1",
                "*/a cookie:a=1 cookie:b=2",
                "h/a method=PUT",
                "h/{x}",
                "h/a/b country=DE",
                "h/{x}/b header:x=1",
                "*.example",
            ],
            &[
                ("GET http://i/a", "*/a"),
                ("GET http://i/a cookie:a=1 cookie:b=2", "*/a cookie:a=1 cookie:b=2"),
                ("GET http://i/a cookie:a=1 cookie:b=1", "*/a cookie:a=1"),
                ("GET http://h/a", "h/{x}"),
                ("PUT http://h/a", "h/a method=PUT"),
                ("GET http://h/a/b", "-"),
                ("GET http://h/a/b country=DE", "h/a/b country=DE"),
                ("GET http://h/a/b header:x=1", "h/{x}/b header:x=1"),
            ],
        ),
        (&["*/a cookie:b=2", "*/a cookie:a=1"], &[("GET http://i/a cookie:a=1 cookie:b=2", "*/a cookie:b=2")]),
    ];
    for (routes, requests) in tables {
        let table = table(routes);
        for (request, expected) in *requests {
            let sample = Sample::new(request);
            let found = table.find(&sample.view()).map_or("-", |found| found.value);
            assert_eq!(found, *expected, "{request} in {routes:?}");
        }
    }
}

#[test]
fn what_is_found() {
    let table = table(&["*", "*/{x}/b", "*/{y}/{*rest}"]);
    let sample = Sample::new("GET http://h/a/b/c");
    let found = table.find(&sample.view()).unwrap();
    assert_eq!((found.index, *found.value), (2, "*/{y}/{*rest}"));
    assert_eq!(found.captures.iter().collect::<Vec<_>>(), [("y", "a"), ("rest", "b/c")]);
    assert_eq!(table.get(1).map(|(_, value)| *value), Some("*/{x}/b"));
    assert_eq!(table.iter().map(|(_, value)| *value).collect::<Vec<_>>(), ["*", "*/{x}/b", "*/{y}/{*rest}"]);
    assert!(format!("{table:?}").contains("/{x}/b"));
}

/// What was tried before the route that is taken, and why it was not it.
#[test]
fn considered() {
    let table =
        table(&["*/a", "*/a method=PUT", "h/{x} cookie:c=1 method=GET", "h/b", "* query:q=1", "h/a country=DE"]);
    let sample = Sample::new("GET http://h/a");
    let considered = table.considered(&sample.view());
    let lines: Vec<_> = considered.iter().map(|(route, miss)| format!("{route}: {miss}")).collect();
    assert_eq!(
        lines,
        ["5: country is unknown, not DE", "2: cookie c is missing, not \"1\"", "1: method is GET, not PUT",]
    );
    let sample = Sample::new("GET http://i/x");
    let considered = table.considered(&sample.view());
    assert_eq!(considered.len(), 1, "{considered:?}");
}

#[test]
fn unreachable() {
    type Pairs<'a> = &'a [(usize, usize)];
    let tables: &[(&[&str], Pairs)] = &[
        (&["*/a", "*/a"], &[(1, 0)]),
        (&["*/{a}", "*/{b}", "*/{a}.png", "h/{a}"], &[(1, 0)]),
        (&["*/x/{a}.png", "*/x/{b}.png method=GET", "*/x/{c}.png"], &[(2, 0)]),
        (&["*/a", "*/a method=PUT", "*/a method=PUT country=DE"], &[]),
        (&["*/a method=GET", "*/a method=HEAD", "*/a method=PUT"], &[(1, 0)]),
        // Two conditions that follow from one are tried before it.
        (&["*/a cookie:a=123", "*/a cookie:a=1* cookie:a=*"], &[(0, 1)]),
        (&["*", "*", "*/{*rest}"], &[(1, 0)]),
        // Only together they take all of the last one.
        (&["*/a client=10.0.0.0/9", "*/a client=10.128.0.0/9", "*/a client=10.0.0.0/8"], &[]),
        (&["h/a", "*.example/a", "*.example/a", "h/a", "H/a"], &[(2, 1), (3, 0), (4, 0)]),
    ];
    for (routes, expected) in tables {
        assert_eq!(table(routes).unreachable(), *expected, "{routes:?}");
    }
}
