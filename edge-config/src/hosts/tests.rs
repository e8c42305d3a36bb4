use super::*;

fn hosts(texts: &[&str]) -> AllowedHosts {
    AllowedHosts::new(texts.iter().map(|text| AllowedHost::parse(text).unwrap()).collect())
}

/// An entry, and connections with whether it allows them.
#[test]
fn what_is_allowed() {
    type Connection = (&'static str, &'static str, Option<u16>, bool);
    let table: &[(&str, &[Connection])] = &[
        (
            "http://spin.fermyon.dev",
            &[
                ("http", "spin.fermyon.dev", None, true),
                ("http", "spin.fermyon.dev", Some(80), true),
                ("HTTP", "Spin.Fermyon.Dev", Some(80), true),
                ("http", "spin.fermyon.dev", Some(81), false),
                ("https", "spin.fermyon.dev", Some(80), false),
                ("http", "fermyon.dev", Some(80), false),
                ("http", "a.spin.fermyon.dev", Some(80), false),
            ],
        ),
        ("https://my.api.com/", &[("https", "my.api.com", None, true), ("https", "my.api.com", Some(443), true)]),
        ("http://a.dev:4444/", &[("http", "a.dev", Some(4444), true), ("http", "a.dev", None, false)]),
        (
            "http://a.dev:4444..5555",
            &[
                ("http", "a.dev", Some(4443), false),
                ("http", "a.dev", Some(4444), true),
                ("http", "a.dev", Some(5554), true),
                // As a range in Rust, and in Spin.
                ("http", "a.dev", Some(5555), false),
            ],
        ),
        (
            "*://a.dev:443",
            &[("https", "a.dev", None, true), ("tcp", "a.dev", Some(443), true), ("tcp", "a.dev", None, false)],
        ),
        (
            "http://*.example.com",
            &[
                ("http", "a.example.com", None, true),
                ("http", "a.b.EXAMPLE.com", None, true),
                ("http", "example.com", None, false),
                ("http", "myexample.com", None, false),
                ("http", ".example.com", None, true),
                ("http", "é.com", None, false),
            ],
        ),
        ("https://*", &[("https", "anything", None, true), ("https", "anything", Some(8443), false)]),
        (
            "*://*:*",
            &[
                ("mysql", "xyz.com", None, true),
                ("http", "::1", Some(1), true),
                ("http", "s.spin.internal", None, true),
            ],
        ),
        (
            "http://*.spin.internal",
            &[("http", "shop.spin.internal", None, true), ("http", "spin.internal", None, false)],
        ),
        ("http://localhost:3001", &[("http", "localhost", Some(3001), true), ("http", "127.0.0.1", Some(3001), false)]),
        ("http://192.168.1.1", &[("http", "192.168.1.1", None, true), ("http", "192.168.1.2", None, false)]),
        (
            "http://[::1]:8001",
            &[
                ("http", "[::1]", Some(8001), true),
                ("http", "::1", Some(8001), true),
                ("http", "[0:0:0:0:0:0:0:1]", Some(8001), true),
                ("http", "[::2]", Some(8001), false),
                ("http", "0.0.0.1", Some(8001), false),
            ],
        ),
        (
            "*://127.0.0.1/24:63551",
            &[
                ("tcp", "127.0.0.200", Some(63551), true),
                ("tcp", "127.0.1.1", Some(63551), false),
                ("tcp", "localhost", Some(63551), false),
            ],
        ),
        ("http://10.0.0.0/8", &[("http", "10.255.0.1", None, true), ("http", "11.0.0.1", None, false)]),
        ("http://0.0.0.0/0", &[("http", "9.9.9.9", None, true), ("http", "::1", None, false)]),
        ("*://ff00::/8:80", &[("http", "[ff12::1]", Some(80), true), ("http", "[fe12::1]", Some(80), false)]),
        ("http://self", &[("http", "self", None, false), ("http", "example.com", None, false)]),
        ("redis://cache", &[("redis", "cache", Some(6379), true)]),
        ("postgres://db", &[("postgres", "db", Some(5432), true)]),
        ("mysql://db", &[("mysql", "db", Some(3306), true)]),
        ("mqtt://broker", &[("mqtt", "broker", Some(1883), true)]),
    ];
    for (text, connections) in table {
        let allowed = hosts(&[text]);
        for (scheme, host, port, expected) in *connections {
            assert_eq!(allowed.allows(scheme, host, *port), *expected, "{text}: {scheme} {host} {port:?}");
        }
    }
}

#[test]
fn one_of_many() {
    let allowed = hosts(&["*://spin.fermyon.dev:443", "http://example.com:8383"]);
    assert!(allowed.allows("http", "example.com", Some(8383)));
    assert!(allowed.allows("https", "spin.fermyon.dev", None));
    assert!(!allowed.allows("http", "example.com", None));
    assert!(!allowed.allows("http", "google.com", None));
    assert!(!AllowedHosts::default().allows("http", "example.com", None));
}

#[test]
fn the_application_itself() {
    for (text, scheme, expected) in [
        ("http://self", "http", true),
        ("http://self.alt", "http", true),
        ("http://self", "https", false),
        ("*://self:*", "https", true),
        ("*://*:*", "http", true),
        ("http://example.com", "http", false),
    ] {
        assert_eq!(hosts(&[text]).allows_self(scheme), expected, "{text}");
    }
    assert!(AllowedHost::parse("http://shop.spin.internal").unwrap().is_service_chaining());
    assert!(AllowedHost::parse("http://*.spin.internal").unwrap().is_service_chaining());
    assert!(!AllowedHost::parse("http://*").unwrap().is_service_chaining());
}

#[test]
fn the_entry_to_add() {
    let table = [
        ("https", "Example.com", None, "https://example.com"),
        ("https", "example.com", Some(443), "https://example.com"),
        ("HTTP", "example.com", Some(8080), "http://example.com:8080"),
        ("http", "10.0.0.1", Some(80), "http://10.0.0.1"),
        ("http", "::1", None, "http://[::1]:80"),
        ("http", "[::1]", Some(8080), "http://[::1]:8080"),
        ("tcp", "db", Some(9), "tcp://db:9"),
        ("tcp", "db", None, "tcp://db:*"),
    ];
    for (scheme, host, port, entry) in table {
        assert_eq!(AllowedHosts::entry_for(scheme, host, port), entry);
        assert!(hosts(&[entry]).allows(scheme, host, port), "{entry}");
    }
}

#[test]
fn mistakes() {
    use HostError::*;
    let table = [
        ("", NoScheme),
        ("*", NoScheme),
        ("example.com", NoScheme),
        ("localhost:3001", NoScheme),
        ("insecure:allow-all", AllowAll),
        ("://a", Scheme("".into())),
        ("HTTP://a", Scheme("HTTP".into())),
        ("h2c://a", Scheme("h2c".into())),
        ("{http,https}://a", List),
        ("http://{a,b}", List),
        ("http://a:{80,90}", List),
        ("*://a", NoPort("*".into())),
        ("*://127.0.0.0/24", NoPort("*".into())),
        ("ftp://a", NoPort("ftp".into())),
        ("http://a:0", Port("0".into())),
        ("http://a:65536", Port("65536".into())),
        ("http://a:http", Port("http".into())),
        ("http://a:80..", Port("80..".into())),
        ("http://a:90..80", EmptyRange("90..80".into())),
        ("http://a:80..80", EmptyRange("80..80".into())),
        ("http://a/b", Path),
        ("http://a:80/b", Path),
        ("http://*.a.dev/b", Path),
        ("http://10.0.0.0/33", Network("10.0.0.0/33".into())),
        ("http://10.0.0.0/x", Network("10.0.0.0/x".into())),
        ("http://[::1]", Ipv6Port),
        ("http://", Host("".into())),
        ("http://a..b", Host("a..b".into())),
        ("http://a b", Host("a b".into())),
        ("http://user@a", Host("user@a".into())),
        ("http://café.example", NotAscii("café.example".into())),
        ("http://a.*.b", Wildcard("a.*.b".into())),
        ("http://*.*.b", Wildcard("*.*.b".into())),
        ("http://*a", Wildcard("*a".into())),
    ];
    for (text, error) in table {
        assert_eq!(AllowedHost::parse(text), Err(error), "{text}");
    }
}
