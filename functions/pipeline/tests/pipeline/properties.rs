//! Whatever fields a client sends: what upstreams get holds.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use tidegate_pipeline::{Action, Exchange, Input};

use crate::support::{EDGE, NOW, exchanged, head, pipeline, start};

const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// Fields that mean something to proxies, and some that do not. Those for which requests are refused are not among
/// them.
const NAMES: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
    "content-type",
    "cookie",
    "authorization",
    "cache-control",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-foo",
    "x-real-ip",
    "spin-full-url",
    "max-forwards",
    "x-a",
    "x-b",
    "accept",
];

fn value() -> impl Strategy<Value = String> {
    let token = proptest::sample::select(NAMES).prop_map(str::to_owned);
    let words = proptest::sample::select(
        &[
            "close",
            "upgrade",
            "websocket",
            "h2c",
            "chunked",
            "trailers",
            "host",
            "content-length",
            "1.2.3.4",
            "for=9.9.9.9",
            "5",
            "\"",
            ";",
            "",
            "X-A",
        ][..],
    );
    let piece = prop_oneof![3 => token, 3 => words.prop_map(str::to_owned), 1 => "[ -~&&[^,]]{0,8}"];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.join(", "))
}

fn fields() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    proptest::collection::vec((proptest::sample::select(NAMES), value()), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_forwarded_holds(fields in fields(), is_trusted: bool, method in "GET|POST|OPTIONS") {
        let mut start = start(&method, "/", &[]);
        start.peer = if is_trusted { [10, 0, 0, 1] } else { [192, 0, 2, 1] }.into();
        let peer = start.peer.to_string();
        for (name, value) in &fields {
            start.request.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let tokens: Vec<_> = fields.iter().filter(|(name, _)| *name == "connection")
            .flat_map(|(_, value)| value.split(',')).map(|token| token.trim().to_ascii_lowercase()).collect();
        let (_, action) = Exchange::start(pipeline(EDGE), start, NOW);
        let Action::Fetch(fetch) = action else { return Ok(()) };
        let headers = &fetch.head.headers;

        for name in HOP_BY_HOP {
            let is_tunnel = fetch.is_upgrade && matches!(name, "connection" | "upgrade");
            prop_assert!(is_tunnel || !headers.contains_key(name), "{name}");
        }
        if fetch.is_upgrade {
            prop_assert_eq!(headers.get_all("connection").iter().collect::<Vec<_>>(), ["upgrade"]);
            prop_assert_eq!(headers.get_all("upgrade").iter().count(), 1);
            prop_assert!(!headers["upgrade"].to_str().unwrap().contains(','));
        }
        for token in &tokens {
            let is_ours = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via", "host", "te"];
            let is_protected = token.starts_with("x-forwarded-") || is_ours.contains(&token.as_str())
                || ["content-length", "content-type", "cookie", "authorization", "cache-control", "trailer"].contains(&token.as_str());
            prop_assert!(fetch.is_upgrade && token == "upgrade" || is_protected || !headers.contains_key(token.as_str()), "{token}");
        }
        prop_assert_eq!(headers.get_all("host").iter().collect::<Vec<_>>(), ["shop.example"]);
        prop_assert!(headers.get_all("content-length").iter().count() <= 1);
        prop_assert!(headers.get_all("te").iter().all(|te| te == "trailers"));
        prop_assert!(!headers.keys().any(|name| name.as_str().starts_with("spin-")));

        let chain: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        prop_assert_eq!(chain.len(), 1);
        let chain = chain[0].to_str().unwrap();
        prop_assert_eq!(chain.rsplit(", ").next(), Some(&*peer));
        let forwarded = headers.get_all("forwarded").iter().collect::<Vec<_>>();
        prop_assert_eq!(forwarded.len(), 1);
        let ours = forwarded[0].to_str().unwrap().rsplit(", ").next().unwrap_or_default();
        prop_assert!(ours.starts_with(&format!("for={peer};host=shop.example;proto=http")), "{ours}");
        prop_assert_eq!(headers.get_all("via").iter().next_back().unwrap(), "1.1 tidegate");
        if !is_trusted {
            prop_assert_eq!(chain, peer);
            prop_assert_eq!(forwarded[0], "for=192.0.2.1;host=shop.example;proto=http");
            prop_assert!(!headers.contains_key("x-forwarded-foo") && !headers.contains_key("x-real-ip"));
        }
    }

    #[test]
    fn what_is_answered_holds(fields in fields(), is_trusted: bool) {
        let mut came = head(200, &[]);
        for (name, value) in &fields {
            came.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let said = |name: &str| fields.iter().any(|(said, _)| *said == name);
        let mut start = start("GET", "/", &[]);
        start.peer = if is_trusted { [10, 0, 0, 1] } else { [192, 0, 2, 1] }.into();
        let (_, reply) = exchanged(&pipeline(EDGE), start, Input::Fetched(came));
        for name in HOP_BY_HOP.into_iter().filter(|name| *name != "expect").chain(["te"]) {
            prop_assert!(!reply.head.headers.contains_key(name), "{name}");
        }
        for name in ["content-type", "cache-control", "via"] {
            prop_assert!(!said(name) || reply.head.headers.contains_key(name), "{name}");
        }
        prop_assert_eq!(reply.head.headers.get_all("via").iter().next_back().unwrap(), "1.1 tidegate");
    }
}
