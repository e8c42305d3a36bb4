//! What upstreams and functions get: RFC 9110 section 7.6, RFC 7239.

use http::Version;
use tidegate_pipeline::{Fetch, Refusal, Target};
use tidegate_route::{Function, UpstreamId};

use crate::support::{EDGE, Fields, answered, lines, names, pipeline, sent, start, with_version};

const PROXY: [u8; 4] = [10, 0, 0, 7];

#[test]
fn a_plain_request() {
    let Fetch { to, head, is_upgrade, is_shared, .. } =
        sent(&pipeline(EDGE), start("GET", "/a?b=c", &[("accept", "*/*")]));
    assert_eq!(to, Target::Upstream(UpstreamId(0)));
    assert_eq!((head.uri.to_string(), is_upgrade, is_shared), ("/a?b=c".to_owned(), false, false));
    assert_eq!(
        names(&head.headers),
        ["accept", "forwarded", "host", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
    );
    for (name, value) in [
        ("host", "shop.example"),
        ("via", "1.1 tidegate"),
        ("forwarded", "for=192.0.2.1;host=shop.example;proto=http"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example"),
    ] {
        assert_eq!(lines(&head.headers, name), value, "{name}");
    }
}

#[test]
fn what_is_said_of_the_client() {
    // peer, is_https, what the client sent; then the field and its value
    type Row<'a> = ([u8; 4], bool, Fields<'a>, &'a str, &'a str);
    let stranger = [192, 0, 2, 1];
    let table: &[Row] = &[
        (stranger, true, &[], "x-forwarded-proto", "https"),
        (stranger, true, &[], "forwarded", "for=192.0.2.1;host=shop.example;proto=https"),
        // Nobody else is believed.
        (stranger, false, &[("x-forwarded-for", "1.2.3.4")], "x-forwarded-for", "192.0.2.1"),
        (stranger, false, &[("forwarded", "for=1.2.3.4")], "forwarded", "for=192.0.2.1;host=shop.example;proto=http"),
        (stranger, false, &[("x-forwarded-proto", "https")], "x-forwarded-proto", "http"),
        (stranger, false, &[("x-forwarded-host", "evil")], "x-forwarded-host", "shop.example"),
        (stranger, false, &[("x-real-ip", "1.2.3.4")], "x-real-ip", ""),
        (stranger, false, &[("spin-client-addr", "1.2.3.4:5")], "spin-client-addr", ""),
        // A trusted proxy's word stands, and we add ours.
        (PROXY, false, &[("x-forwarded-for", "1.2.3.4, 5.6.7.8")], "x-forwarded-for", "1.2.3.4, 5.6.7.8, 10.0.0.7"),
        (
            PROXY,
            false,
            &[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "5.6.7.8")],
            "x-forwarded-for",
            "1.2.3.4, 5.6.7.8, 10.0.0.7",
        ),
        (
            PROXY,
            false,
            &[("forwarded", "for=1.2.3.4;proto=https")],
            "forwarded",
            "for=1.2.3.4;proto=https, for=10.0.0.7;host=shop.example;proto=http",
        ),
        (PROXY, false, &[("x-forwarded-proto", "https")], "x-forwarded-proto", "https"),
        (PROXY, false, &[("x-forwarded-host", "www.example")], "x-forwarded-host", "www.example"),
        (PROXY, false, &[("spin-client-addr", "1.2.3.4:5")], "spin-client-addr", ""),
        (
            stranger,
            false,
            &[("host", "shop.example:8080")],
            "forwarded",
            "for=192.0.2.1;host=\"shop.example:8080\";proto=http",
        ),
        (stranger, false, &[("host", "shop.example:8080")], "x-forwarded-host", "shop.example:8080"),
    ];
    let pipeline = pipeline(EDGE);
    for (peer, is_https, said, name, value) in table {
        let mut start = start("GET", "/", said);
        (start.peer, start.is_https) = ((*peer).into(), *is_https);
        let fetch = sent(&pipeline, start);
        assert_eq!(lines(&fetch.head.headers, name), *value, "{peer:?} {said:?}");
    }
}

#[test]
fn ipv6_is_quoted_and_mapped_addresses_are_ipv4() {
    let pipeline = pipeline(EDGE);
    for (peer, forwarded, x_forwarded_for) in [
        ("2001:db8::1", "for=\"[2001:db8::1]\";host=shop.example;proto=http", "2001:db8::1"),
        ("::ffff:192.0.2.7", "for=192.0.2.7;host=shop.example;proto=http", "192.0.2.7"),
    ] {
        let mut start = start("GET", "/", &[]);
        start.peer = peer.parse().unwrap();
        let fetch = sent(&pipeline, start);
        assert_eq!(lines(&fetch.head.headers, "forwarded"), forwarded);
        assert_eq!(lines(&fetch.head.headers, "x-forwarded-for"), x_forwarded_for);
    }
}

#[test]
fn via_is_added_to() {
    let pipeline = pipeline(EDGE);
    for (version, before, after) in [
        (Version::HTTP_10, "", "1.0 tidegate"),
        (Version::HTTP_11, "1.1 cdn", "1.1 cdn | 1.1 tidegate"),
        (Version::HTTP_2, "", "2.0 tidegate"),
    ] {
        let said = if before.is_empty() { vec![] } else { vec![("via", before)] };
        let fetch = sent(&pipeline, with_version(start("GET", "/", &said), version));
        assert_eq!(lines(&fetch.head.headers, "via"), after, "{version:?}");
    }
}

#[test]
fn a_request_that_goes_in_a_circle_is_stopped() {
    let pipeline = pipeline(EDGE);
    let seven = ["1.1 tidegate"; 7].join(", ");
    sent(&pipeline, start("GET", "/", &[("via", &seven), ("via", "1.1 other, 1.1 tidegate2 (tidegate)")]));
    let (exchange, reply) =
        answered(&pipeline, start("GET", "/", &[("via", &seven), ("via", "2.0 a,2.0 tidegate (x)")]));
    assert_eq!(exchange.reason(), Some(Refusal::Loop.reason()));
    assert_eq!(reply.head.status, 508);
}

#[test]
fn what_belongs_to_the_connection_stays_here() {
    let said = [
        ("connection", "keep-alive, x-secret, te"),
        ("keep-alive", "timeout=5"),
        ("te", "gzip, trailers"),
        ("transfer-encoding", "chunked"),
        ("trailer", "x-sum"),
        ("upgrade", "websocket"),
        ("x-secret", "1"),
        ("expect", "100-continue"),
    ];
    let fetch = sent(&pipeline(EDGE), start("POST", "/", &said));
    for (name, value) in [("te", "trailers"), ("trailer", "x-sum"), ("expect", "100-continue")] {
        assert_eq!(lines(&fetch.head.headers, name), value);
    }
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade", "x-secret"] {
        assert!(!fetch.head.headers.contains_key(name), "{name}");
    }
}

#[test]
fn upgrades_pass_where_they_can() {
    let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "x")];
    let http2 = EDGE.replace("9000\"", "9000\"\nprotocol = \"http2\"");
    let table = [
        (EDGE, "GET", Version::HTTP_11, true),
        (EDGE, "POST", Version::HTTP_11, false),
        (EDGE, "GET", Version::HTTP_10, false),
        (&http2, "GET", Version::HTTP_11, false),
    ];
    for (edge, method, version, passes) in table {
        let fetch = sent(&pipeline(edge), with_version(start(method, "/", &upgrade), version));
        assert_eq!(fetch.is_upgrade, passes, "{method} {version:?}");
        let expected = if passes { ("upgrade", "websocket") } else { ("", "") };
        let headers = &fetch.head.headers;
        assert_eq!((&*lines(headers, "connection"), &*lines(headers, "upgrade")), expected);
    }
}

#[test]
fn the_host_is_who_the_route_says() {
    for (rewrite, host) in [
        ("", "shop.example"),
        ("rewrite = { host = \"upstream\" }", "app.internal:9000"),
        ("rewrite = { host = \"other.example\" }", "other.example"),
    ] {
        let fetch = sent(&pipeline(&format!("{EDGE}\n{rewrite}")), start("GET", "/", &[]));
        assert_eq!(lines(&fetch.head.headers, "host"), host);
        assert_eq!(lines(&fetch.head.headers, "x-forwarded-host"), "shop.example");
    }
    // HTTP/1.0 may come without one, HTTP/1.1 may not go without.
    let mut nameless = with_version(start("GET", "/", &[]), Version::HTTP_10);
    nameless.request.headers.remove("host");
    let fetch = sent(&pipeline(EDGE), nameless);
    assert_eq!(lines(&fetch.head.headers, "host"), "app.internal:9000");
    assert_eq!(lines(&fetch.head.headers, "forwarded"), "for=192.0.2.1;proto=http");
}

#[test]
fn targets_and_fields_are_rewritten() {
    let edge = format!(
        "{EDGE}\npath = \"/api/{{*rest}}\"\nrewrite = {{ path = \"/v2/{{rest}}\" }}\n\
         request = {{ set = {{ x-edge = \"yes\" }}, remove = [\"cookie\"] }}"
    );
    let fetch = sent(&pipeline(&edge), start("GET", "/api/p/1?x=1", &[("cookie", "a=1"), ("x-edge", "no")]));
    assert_eq!(fetch.head.uri, "/v2/p/1?x=1");
    assert_eq!((&*lines(&fetch.head.headers, "x-edge"), &*lines(&fetch.head.headers, "cookie")), ("yes", ""));
}

#[test]
fn absolute_form_becomes_origin_form() {
    let fetch = sent(&pipeline(EDGE), start("GET", "http://www.example/a?b", &[]));
    assert_eq!(fetch.head.uri, "/a?b");
    assert_eq!(lines(&fetch.head.headers, "host"), "www.example");
}

#[test]
fn functions_get_the_request_almost_as_it_came() {
    let edge = "[[route]]\nname = \"f\"\nfunction = \"*\"\nrequest = { set = { x-edge = \"yes\" } }";
    let said = [("connection", "keep-alive"), ("spin-path-info", "/"), ("x-forwarded-for", "1.2.3.4")];
    let fetch = sent(&pipeline(edge), start("GET", "/a", &said));
    assert_eq!(fetch.to, Target::Function(Function::Any));
    assert_eq!(names(&fetch.head.headers), ["connection", "host", "x-edge"]);
}
